//! The `[snowflake]` section: as written by its user, and resolved into what the client needs.
//!
//! Resolving reads the key, decrypts it and checks every field, and it reports all that is wrong at once. The client may read the
//! key again later: a rotated key takes effect without a restart.
//!
//! What must stay true: settings that resolved hold a key that signs, a URL that is `https` (or stays on this machine), and no
//! secret that `Debug` would print.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::{Certificate, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::account::{Account, parse_url};
use crate::auth::KeyPair;
use crate::names::{NameError, parse_identifier};
pub use crate::secret::SecretSource;
use crate::secret::read_key;

/// How Snowgate reaches Snowflake and which schema it loads into.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnowflakeConfig {
    /// The account identifier, organisation and account name joined by a hyphen: `"MYORG-MYACCT"`.
    ///
    /// Snowflake shows it for `SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME()`. A locator of the older form,
    /// `"xy12345.us-east-1"`, works too.
    pub account: String,

    /// The login name of the service user that holds the public key.
    pub user: String,

    /// Where the user's private key is: `{ file = "rsa_key.p8" }` or `{ env = "SNOWFLAKE_KEY" }`.
    ///
    /// An RSA key of at least 2048 bits in PKCS#8 form, encrypted or not. A file must not be readable by others (`chmod 600`).
    pub private_key: SecretSource,

    /// Where the passphrase of an encrypted key is, in the same form as `private_key`.
    pub private_key_passphrase: Option<SecretSource>,

    /// The role that creates and describes tables. Default: the user's default role.
    ///
    /// Rows are always loaded with the user's default role, so make it this one.
    pub role: Option<String>,

    /// The account's URL, for a private link, a proxy or a stand-in. Default: `"https://<account>.snowflakecomputing.com"`.
    pub url: Option<String>,

    /// The database that holds the tables. Folded to upper case, as in SQL, unless written in double quotes.
    pub database: String,

    /// The schema that holds the tables, written like `database`. Default: `"PUBLIC"`.
    #[serde(default = "default_schema")]
    pub schema: String,

    /// A PEM file of certificate authorities to trust beside the system's, for a proxy or a stand-in.
    pub tls_ca: Option<PathBuf>,
}

fn default_schema() -> String {
    "PUBLIC".to_owned()
}

/// One thing that is wrong with the section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field that must change.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(field: &'static str, message: impl Into<String>, hint: impl Into<Option<String>>) -> Problem {
        Problem { field, message: message.into(), hint: hint.into() }
    }
}

/// The section, checked, with its key read.
#[derive(Debug, Clone)]
pub struct SnowflakeSettings {
    /// The account as login tokens name it: upper case, without region.
    pub account: String,
    /// The user as login tokens name it: upper case.
    pub user: String,
    pub role: Option<String>,
    pub database: String,
    pub schema: String,
    /// The account's URL without a path.
    pub(crate) url: Url,
    pub(crate) tls_ca: Vec<Certificate>,
    pub(crate) key: Arc<KeyPair>,
    key_source: KeySource,
    pub(crate) proxy: Option<Proxy>,
}

/// Where a key came from, and may be read again.
#[derive(Debug, Clone)]
enum KeySource {
    At {
        key: SecretSource,
        passphrase: Option<SecretSource>,
    },
    /// It was given as it is, as in a connector's configuration.
    Given,
}

/// A login whose key is at hand, as a connector's configuration has it.
#[derive(Debug)]
pub struct Login<'a> {
    /// The account's URL. Its first label is the account.
    pub url: &'a str,
    pub user: &'a str,
    /// PKCS#8, as PEM or bare base64.
    pub private_key: &'a SecretString,
    pub passphrase: Option<&'a SecretString>,
    pub role: Option<&'a str>,
    pub database: &'a str,
    pub schema: &'a str,
    /// A PEM file of certificate authorities to trust beside the system's.
    pub tls_ca: Option<&'a Path>,
    pub proxy: Option<Proxy>,
}

/// An HTTP proxy between us and Snowflake, beside those of the environment.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// `host:port`
    pub address: String,
    pub login: Option<(String, SecretString)>,
}

impl SnowflakeConfig {
    /// Checks every field and reads the key. Relative paths start at `base_dir`.
    pub fn resolve(&self, base_dir: &Path) -> Result<SnowflakeSettings, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut keep = |problem| problems.push(problem);

        let account = Account::parse(&self.account).map_err(&mut keep).ok();
        if self.user.trim().is_empty() {
            keep(Problem::new("user", "is empty", None));
        }
        let role = self.role.as_ref().and_then(|role| identifier("role", role).map_err(&mut keep).ok());
        let url = match (&self.url, &account) {
            (Some(url), _) => parse_url(url).map_err(&mut keep).ok(),
            (None, Some(account)) => account.default_url().map_err(&mut keep).ok(),
            (None, None) => None,
        };
        let database = identifier("database", &self.database).map_err(&mut keep).ok();
        let schema = identifier("schema", &self.schema).map_err(&mut keep).ok();
        let tls_ca = match &self.tls_ca {
            Some(path) => read_certificates(&base_dir.join(path)).map_err(&mut keep).ok(),
            None => Some(Vec::new()),
        };
        let key_source = self.private_key.within(base_dir);
        let passphrase_source = self.private_key_passphrase.as_ref().map(|source| source.within(base_dir));
        let key = match read_key(&key_source, passphrase_source.as_ref()) {
            Ok(key) => Some(Arc::new(key)),
            Err(found) => {
                found.into_iter().for_each(keep);
                None
            }
        };
        let (Some(account), Some(url), Some(database), Some(schema), Some(tls_ca), Some(key), []) =
            (account, url, database, schema, tls_ca, key, problems.as_slice())
        else {
            return Err(problems);
        };
        Ok(SnowflakeSettings {
            account: account.in_tokens,
            user: self.user.trim().to_uppercase(),
            role,
            database,
            schema,
            url,
            tls_ca,
            key,
            key_source: KeySource::At { key: key_source, passphrase: passphrase_source },
            proxy: None,
        })
    }
}

impl SnowflakeSettings {
    /// Checks a login whose key is at hand. Fields are named as in [`SnowflakeConfig`].
    pub fn of_login(login: &Login<'_>) -> Result<SnowflakeSettings, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut keep = |problem| problems.push(problem);
        let url = parse_url(login.url).map_err(&mut keep).ok();
        let label = url.as_ref().and_then(|url| url.host_str()?.split('.').next().map(str::to_ascii_uppercase));
        let role = login.role.and_then(|role| identifier("role", role).map_err(&mut keep).ok());
        let database = identifier("database", login.database).map_err(&mut keep).ok();
        let schema = identifier("schema", login.schema).map_err(&mut keep).ok();
        let tls_ca = login.tls_ca.map_or(Ok(Vec::new()), read_certificates).map_err(&mut keep).ok();
        let key = KeyPair::from_text(login.private_key.expose_secret(), login.passphrase)
            .map_err(|error| keep(Problem::new("private_key", error.to_string(), error.hint().to_owned())))
            .ok();
        let (Some(url), Some(account), Some(database), Some(schema), Some(tls_ca), Some(key), []) =
            (url, label, database, schema, tls_ca, key, problems.as_slice())
        else {
            return Err(problems);
        };
        Ok(SnowflakeSettings {
            account,
            user: login.user.trim().to_uppercase(),
            role,
            database,
            schema,
            url,
            tls_ca,
            key: Arc::new(key),
            key_source: KeySource::Given,
            proxy: login.proxy.clone(),
        })
    }

    /// The fingerprint of the key that was read, to compare with `DESC USER`.
    pub fn fingerprint(&self) -> &str {
        self.key.fingerprint()
    }

    /// Whether the same client would do for both.
    pub fn is_same_login(&self, other: &SnowflakeSettings) -> bool {
        let of = |settings: &SnowflakeSettings| {
            let SnowflakeSettings { account, user, role, database, schema, url, .. } = settings.clone();
            (account, user, role, database, schema, url)
        };
        self.key.fingerprint() == other.key.fingerprint()
            && of(self) == of(other)
            && self.proxy.as_ref().map(|proxy| &proxy.address) == other.proxy.as_ref().map(|proxy| &proxy.address)
    }

    /// The account's URL, for people.
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Reads the key anew, for it may have been replaced since.
    pub(crate) fn read_key_again(&self) -> Result<Arc<KeyPair>, Vec<Problem>> {
        match &self.key_source {
            KeySource::At { key, passphrase } => read_key(key, passphrase.as_ref()).map(Arc::new),
            KeySource::Given => Ok(self.key.clone()),
        }
    }
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate>, Problem> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Problem::new("tls_ca", format!("`{shown}` does not exist"), None),
        _ => Problem::new("tls_ca", format!("`{shown}` could not be read: {error}"), None),
    })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(Problem::new("tls_ca", format!("`{shown}` holds no certificate in PEM form"), None)),
    }
}

/// An identifier as SQL reads it, fit for a request's path too.
fn identifier(field: &'static str, written: &str) -> Result<String, Problem> {
    match parse_identifier(written) {
        // These two cannot be told from steps in a path, even escaped.
        Ok(name) if name == "." || name == ".." => {
            Err(Problem::new(field, format!("`{name}` is no name that a request can carry"), None))
        }
        Ok(name) => Ok(name),
        Err(error @ NameError::NeedsQuotes(_)) => {
            let hint = "write letters, digits, `_` and `$`, or put the name in double quotes of its own: `'\"my name\"'`";
            Err(Problem::new(field, error.to_string(), hint.to_owned()))
        }
        Err(error) => Err(Problem::new(field, error.to_string(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fixture, private_file};

    fn config(toml_like: serde_json::Value) -> SnowflakeConfig {
        serde_json::from_value(toml_like).unwrap()
    }

    #[test]
    fn a_whole_section_resolves() {
        let dir = tempfile::tempdir().unwrap();
        private_file(&dir, "rsa_key.p8", fixture("key_pkcs8.pem").as_bytes());
        let settings = config(serde_json::json!({
            "account": "myorg-my_acct", "user": "streamer", "private_key": {"file": "rsa_key.p8"}, "role": "loader", "database": "crypto_db",
        }))
        .resolve(dir.path())
        .unwrap();
        assert_eq!((settings.account.as_str(), settings.user.as_str()), ("MYORG-MY_ACCT", "STREAMER"));
        assert_eq!((settings.database.as_str(), settings.schema.as_str()), ("CRYPTO_DB", "PUBLIC"));
        assert_eq!(settings.role.as_deref(), Some("LOADER"));
        assert_eq!(settings.url(), "https://myorg-my-acct.snowflakecomputing.com");
        assert_eq!(settings.fingerprint(), fixture("key.fingerprint").trim());
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let problems = config(serde_json::json!({
            "account": "myorg.myacct", "user": " ", "private_key": {"file": "absent.p8"}, "role": "a b", "url": "http://example.com",
            "database": "my-db", "schema": "\"\"", "tls_ca": "absent.pem",
        }))
        .resolve(dir.path())
        .unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["account", "user", "role", "url", "database", "schema", "tls_ca", "private_key"]);
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let error = serde_json::from_value::<SnowflakeConfig>(serde_json::json!({"acount": "a-b"})).unwrap_err().to_string();
        assert!(error.starts_with("unknown field `acount`, expected one of `account`, `user`, `private_key`"), "{error}");
    }

    #[test]
    fn names_are_read_as_sql_reads_them() {
        let read = |written: &str| identifier("database", written).map_err(|problem| problem.message);
        assert_eq!(read("crypto_db"), Ok("CRYPTO_DB".to_owned()));
        assert_eq!(read("\"Crypto db\""), Ok("Crypto db".to_owned()));
        for refused in ["", "a-b", "a.b", "\"..\""] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_file_that_is_no_certificate_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = private_file(&dir, "ca.pem", b"-----BEGIN NOTHING-----\n");
        assert_eq!(read_certificates(&path).unwrap_err().message, format!("`{}` holds no certificate in PEM form", path.display()));
    }

    #[test]
    fn a_connectors_login_names_its_account_by_the_first_label_of_its_url() {
        let key = SecretString::from(fixture("key_pkcs8.pem"));
        let login = |url, database| Login {
            url,
            user: "streamer",
            private_key: &key,
            passphrase: None,
            role: None,
            database,
            schema: "public",
            tls_ca: None,
            proxy: None,
        };
        let settings = SnowflakeSettings::of_login(&login("https://myorg-myacct.snowflakecomputing.com:443", "crypto_db")).unwrap();
        assert_eq!((settings.account.as_str(), settings.database.as_str()), ("MYORG-MYACCT", "CRYPTO_DB"));
        let local = SnowflakeSettings::of_login(&login("http://myorg-myacct.snowflake.localhost:8080", "crypto_db")).unwrap();
        assert_eq!(local.account, "MYORG-MYACCT");
        let wrong = SnowflakeSettings::of_login(&login("http://myorg-myacct.example.com", "a-b")).unwrap_err();
        assert_eq!(wrong.iter().map(|problem| problem.field).collect::<Vec<_>>(), ["url", "database"]);
    }

    #[test]
    fn debug_shows_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        private_file(&dir, "rsa_key.p8", fixture("key_aes256.pem").as_bytes());
        private_file(&dir, "passphrase", b"correct horse");
        let settings = config(serde_json::json!({
            "account": "a-b", "user": "u", "private_key": {"file": "rsa_key.p8"}, "private_key_passphrase": {"file": "passphrase"}, "database": "d",
        }))
        .resolve(dir.path())
        .unwrap();
        let shown = format!("{settings:?}");
        assert!(shown.contains("rsa_key.p8") && shown.contains("SHA256:"));
        assert!(!shown.contains("correct horse") && !shown.contains(fixture("key_pkcs8.pem").lines().nth(3).unwrap()));
    }
}
