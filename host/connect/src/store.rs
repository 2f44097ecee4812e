//! Connectors on disk: one file for each, in a folder that is ours alone.
//!
//! A file is replaced whole or not at all: it is written beside its place, brought to disk, and renamed. Only we may read it, for
//! configurations hold secrets. A file that cannot be understood is set aside, so that it harms no other connector and can still
//! be looked at.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::config_def::ConfigMap;

const ENDING: &str = "json";
const LOCK: &str = ".lock";
const UNFINISHED: &str = ".tmp";

/// File systems allow 255 bytes; this leaves room for a digest and endings.
const LONGEST_FILE_NAME: usize = 160;

/// What a connector should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Target {
    Running,
    Paused,
    Stopped,
}

/// Everything about a connector that outlives the process.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) target: Target,
    /// As it was given, with its secrets.
    pub(crate) config: ConfigMap,
    /// The configuration that its tasks have, where it has tasks. A paused connector keeps those it had when it was paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tasks: Option<ConfigMap>,
    /// The topics that records came from.
    #[serde(default)]
    pub(crate) topics: BTreeSet<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the state folder `{}` cannot be used", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("the state folder `{}` is in use by another gateway", folder.display())]
    InUse { folder: PathBuf },
    #[error("connector `{name}` cannot be stored in `{}`: {source}", folder.display())]
    Write { name: String, folder: PathBuf, source: io::Error },
    #[error("connector `{name}` cannot be removed from `{}`: {source}", folder.display())]
    Remove { name: String, folder: PathBuf, source: io::Error },
}

/// The folder. It is locked as long as this lives, where it can be written at all.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
    _lock: Option<std::sync::Arc<File>>,
}

impl Store {
    /// Opens the folder, makes it where there is none, and reads what is in it.
    pub(crate) fn open(folder: &Path) -> Result<(Store, Vec<Record>), StoreError> {
        let failed = |source| StoreError::Folder { folder: folder.to_owned(), source };
        make_folder(folder).map_err(failed)?;
        let lock = match File::create(folder.join(LOCK)) {
            Ok(file) => match file.try_lock() {
                Ok(()) => Some(file.into()),
                Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { folder: folder.to_owned() }),
                Err(TryLockError::Error(error)) => {
                    warn!(folder = %folder.display(), error = %error, "the state folder cannot be locked; make sure that no other gateway uses it");
                    None
                }
            },
            Err(error) => {
                warn!(folder = %folder.display(), error = %error, "the state folder cannot be written; connectors cannot be changed");
                None
            }
        };
        let mut records = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if ending == Some(ENDING) {
                records.extend(read(&path).map_err(failed)?);
            } else if ending == Some(&UNFINISHED[1..]) {
                // Left by a process that died while it wrote; the file in its place is whole.
                let _ = fs::remove_file(&path);
            }
        }
        Ok((Store { folder: folder.to_owned(), _lock: lock }, records))
    }

    /// Keeps a connector, in the place of what was kept under its name. On an error nothing has changed.
    pub(crate) fn write(&self, record: &Record) -> Result<(), StoreError> {
        let write = || -> io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(".").suffix(UNFINISHED).tempfile_in(&self.folder)?;
            serde_json::to_writer_pretty(&mut file, record)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(self.path(&record.name)).map_err(|error| error.error)?;
            Ok(())
        };
        write().map(|()| self.sync()).map_err(|source| StoreError::Write {
            name: record.name.clone(),
            folder: self.folder.clone(),
            source,
        })
    }

    /// Forgets a connector.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.path(name)).map(|()| self.sync()) {
            Err(source) if source.kind() != io::ErrorKind::NotFound || !self.folder.is_dir() => {
                Err(StoreError::Remove { name: name.to_owned(), folder: self.folder.clone(), source })
            }
            _ => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(file_name(name))
    }

    /// Brings the folder's own list of names to disk. Without it a change is made nevertheless, and lost only if the machine dies soon.
    fn sync(&self) {
        if cfg!(unix)
            && let Err(error) = File::open(&self.folder).and_then(|folder| folder.sync_all())
        {
            warn!(folder = %self.folder.display(), error = %error, "the state folder could not be brought to disk");
        }
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The connector in a file, or nothing where the file was set aside.
fn read(path: &Path) -> io::Result<Option<Record>> {
    let text = fs::read(path)?;
    let problem = match serde_json::from_slice::<Record>(&text) {
        Ok(record) if path.file_name().is_some_and(|name| name == file_name(&record.name).as_str()) => return Ok(Some(record)),
        Ok(_) => "it holds a connector of another name".to_owned(),
        // The position alone: a parser's words may quote what it read.
        Err(error) => format!("it is damaged at line {}, column {}", error.line(), error.column()),
    };
    let aside = path.with_extension(format!("{ENDING}.corrupt"));
    match fs::rename(path, &aside) {
        Ok(()) => {
            warn!(file = %path.display(), aside = %aside.display(), problem, "a connector's file cannot be read; it was set aside")
        }
        Err(error) => warn!(file = %path.display(), error = %error, problem, "a connector's file cannot be read, nor set aside"),
    }
    Ok(None)
}

/// A file name for any connector name: distinct for distinct names, also where upper and lower case are one.
fn file_name(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => encoded.push(char::from(byte)),
            b'.' if !encoded.is_empty() => encoded.push('.'),
            _ => push_hex(&mut encoded, byte),
        }
    }
    if encoded.len() > LONGEST_FILE_NAME {
        encoded.truncate(LONGEST_FILE_NAME - 64);
        // No name is encoded with this sign.
        encoded.push('~');
        for byte in &Sha256::digest(name.as_bytes())[..16] {
            // Writing to text cannot fail.
            let _ = write!(encoded, "{byte:02x}");
        }
    }
    format!("{encoded}.{ENDING}")
}

fn push_hex(text: &mut String, byte: u8) {
    let _ = write!(text, "%{byte:02x}");
}

#[cfg(test)]
mod tests;
