//! Where secrets come from: a file or the environment, never the configuration file itself.
//!
//! What must stay true: a file that other users may open is refused, and no message holds what was read.

use std::env::VarError;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::auth::KeyPair;
use crate::config::Problem;

/// Larger than any key; keeps a wrong path (a log, a device) from filling memory.
const SECRET_FILE_BYTES: u64 = 64 * 1024;

/// Where a secret is kept. The configuration file itself is no place for one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// A file, relative to the configuration file's folder.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

impl SecretSource {
    pub fn within(&self, base_dir: &Path) -> SecretSource {
        match self {
            SecretSource::File(path) => SecretSource::File(base_dir.join(path)),
            SecretSource::Env(name) => SecretSource::Env(name.clone()),
        }
    }

    pub fn read(&self, field: &'static str) -> Result<SecretString, Problem> {
        match self {
            SecretSource::File(path) => read_secret_file(field, path),
            SecretSource::Env(name) => match std::env::var(name) {
                Ok(text) if !text.trim().is_empty() => Ok(SecretString::from(text)),
                Ok(_) => Err(Problem::new(field, format!("environment variable `{name}` is empty"), None)),
                Err(VarError::NotPresent) => {
                    let hint = "set it where Snowgate is started, or name a file: `{ file = \"rsa_key.p8\" }`";
                    Err(Problem::new(field, format!("environment variable `{name}` is not set"), hint.to_owned()))
                }
                Err(VarError::NotUnicode(_)) => {
                    Err(Problem::new(field, format!("environment variable `{name}` is not text"), None))
                }
            },
        }
    }
}

fn read_secret_file(field: &'static str, path: &Path) -> Result<SecretString, Problem> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Problem::new(field, format!("`{shown}` does not exist"), None),
        ErrorKind::PermissionDenied => Problem::new(
            field,
            format!("`{shown}` may not be read by this user"),
            format!("make this user its owner: `chown`, then `chmod 600 {shown}`"),
        ),
        _ => Problem::new(field, format!("`{shown}` could not be read: {error}"), None),
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Problem::new(field, format!("`{shown}` is not a file"), None));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Problem::new(
            field,
            format!("`{shown}` is open to other users (mode {mode:04o})"),
            format!("run `chmod 600 {shown}`"),
        ));
    }
    let mut bytes = Vec::new();
    file.take(SECRET_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > SECRET_FILE_BYTES {
        return Err(Problem::new(field, format!("`{shown}` is larger than 64 KiB"), None));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        let hint = format!("convert it to PEM: `openssl pkcs8 -topk8 -nocrypt -inform DER -in {shown} -out rsa_key.p8`");
        Problem::new(field, format!("`{shown}` is not text"), hint)
    })?;
    Ok(SecretString::from(text))
}

/// The key pair from its source, opened with the passphrase from its own.
pub(crate) fn read_key(key: &SecretSource, passphrase: Option<&SecretSource>) -> Result<KeyPair, Vec<Problem>> {
    let text = key.read("private_key");
    let passphrase = passphrase.map(|source| source.read("private_key_passphrase")).transpose();
    let (text, passphrase) = match (text, passphrase) {
        (Ok(text), Ok(passphrase)) => (text, passphrase),
        (text, passphrase) => return Err(text.err().into_iter().chain(passphrase.err()).collect()),
    };
    // Files written by editors and `echo` end in a line break that is no part of the passphrase.
    let passphrase = passphrase.map(|text| SecretString::from(text.expose_secret().trim_end_matches(['\r', '\n'])));
    KeyPair::from_text(text.expose_secret(), passphrase.as_ref()).map_err(|error| {
        let place = match key {
            SecretSource::File(path) => format!("`{}`", path.display()),
            SecretSource::Env(name) => format!("environment variable `{name}`"),
        };
        vec![Problem::new("private_key", format!("{place}: {error}"), error.hint().to_owned())]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fixture, private_file};

    fn problems(key: &SecretSource, passphrase: Option<&SecretSource>) -> Vec<(&'static str, String, Option<String>)> {
        let found = read_key(key, passphrase).expect_err("this key must be refused");
        found.into_iter().map(|problem| (problem.field, problem.message, problem.hint)).collect()
    }

    #[test]
    fn a_passphrase_file_may_end_in_a_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let key = private_file(&dir, "rsa_key.p8", fixture("key_aes256.pem").as_bytes());
        let passphrase = private_file(&dir, "passphrase", b"correct horse\r\n");
        let read = read_key(&SecretSource::File(key), Some(&SecretSource::File(passphrase))).unwrap();
        assert_eq!(read.fingerprint(), fixture("key.fingerprint").trim());
    }

    #[test]
    fn a_key_file_readable_by_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = private_file(&dir, "rsa_key.p8", fixture("key_pkcs8.pem").as_bytes());
        for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let shown = path.display();
            let expected = (
                "private_key",
                format!("`{shown}` is open to other users (mode {mode:04o})"),
                Some(format!("run `chmod 600 {shown}`")),
            );
            assert_eq!(problems(&SecretSource::File(path.clone()), None), [expected]);
        }
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(read_key(&SecretSource::File(path.clone()), None).is_ok());
        }
    }

    #[test]
    fn what_is_no_key_is_said_with_its_place_and_not_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let canary = private_file(&dir, "canary", b"CANARY-5f2b");
        let [(_, message, hint)] = problems(&SecretSource::File(canary.clone()), None).try_into().unwrap();
        assert_eq!(message, format!("`{}`: this is not a private key in PKCS#8 form", canary.display()));
        assert_eq!(hint.unwrap(), "make one: `openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt -out rsa_key.p8`");

        let absent = dir.path().join("absent");
        let expected = ("private_key", format!("`{}` does not exist", absent.display()), None);
        assert_eq!(problems(&SecretSource::File(absent), None), [expected]);

        let folder = ("private_key", format!("`{}` is not a file", dir.path().display()), None);
        assert_eq!(problems(&SecretSource::File(dir.path().to_owned()), None), [folder]);

        let large = private_file(&dir, "large", &vec![b'A'; 70_000]);
        let expected = ("private_key", format!("`{}` is larger than 64 KiB", large.display()), None);
        assert_eq!(problems(&SecretSource::File(large), None), [expected]);
    }

    #[test]
    fn an_absent_key_and_an_absent_passphrase_are_both_reported() {
        let key = SecretSource::Env("SNOWGATE_TEST_NO_KEY".to_owned());
        let passphrase = SecretSource::Env("SNOWGATE_TEST_NO_PASSPHRASE".to_owned());
        let found = problems(&key, Some(&passphrase));
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0, found[0].1.as_str()), ("private_key", "environment variable `SNOWGATE_TEST_NO_KEY` is not set"));
        assert_eq!(found[1].0, "private_key_passphrase");
    }
}
