//! Config providers: `${file:/path:key}`, `${dir:/folder:name}` and `${env:VAR}` in a connector's config.
//!
//! The text comes over the network, so nothing is read that the worker's configuration does not list: a provider without its list
//! refuses everything. An error names the reference, never a value. What a provider answers is not looked through again.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use fancy_regex::Regex;

use crate::config_def::{ConfigError, ConfigMap};
use crate::worker::{WorkerSettings, read_properties};

/// A provider from `config.providers`.
#[derive(Debug, Clone)]
pub struct Provider {
    pub name: String,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    /// `FileConfigProvider`: a key of a properties file. `allowed.paths` says which files, or folders of them.
    File { allowed: Vec<PathBuf> },
    /// `DirectoryConfigProvider`: the content of a file in a folder.
    Directory { allowed: Vec<PathBuf> },
    /// `EnvVarConfigProvider`; the pattern matches a whole name.
    Env { allowed: Option<Regex> },
}

/// A properties file or a secret beyond this size is a mistake.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Puts what the references in `config` stand for in their place. A reference to a provider that is not configured stays.
pub fn resolve(config: &ConfigMap, worker: &WorkerSettings) -> Result<ConfigMap, ConfigError> {
    let resolved = |(key, value): (&String, &Option<String>)| {
        let value = value.as_deref().map(|text| replace(key, text, &worker.providers)).transpose()?;
        Ok((key.clone(), value))
    };
    config.iter().map(resolved).collect()
}

fn replace(key: &str, text: &str, providers: &[Provider]) -> Result<String, ConfigError> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from_reference) = rest.split_at(start);
        replaced.push_str(before);
        let Some(end) = from_reference.find('}') else {
            rest = from_reference;
            break;
        };
        let (reference, after) = from_reference.split_at(end + 1);
        let parts: Vec<&str> = reference[2..end].splitn(3, ':').collect();
        let provider = parts.first().and_then(|name| providers.iter().find(|provider| provider.name == *name));
        match (provider, parts.as_slice()) {
            (Some(provider), [_, path, name]) => replaced.push_str(&provider.get(key, reference, path, name)?),
            (Some(provider), [_, name]) => replaced.push_str(&provider.get(key, reference, "", name)?),
            _ => replaced.push_str(reference),
        }
        rest = after;
    }
    replaced.push_str(rest);
    Ok(replaced)
}

impl Provider {
    fn get(&self, key: &str, reference: &str, path: &str, name: &str) -> Result<String, ConfigError> {
        let read = match &self.kind {
            Kind::File { allowed } => self.file_key(allowed, path, name),
            Kind::Directory { allowed } => self.folder_file(allowed, path, name),
            Kind::Env { allowed } => self.variable(allowed.as_ref(), path, name),
        };
        read.map_err(|why| ConfigError(format!("Could not resolve {reference} in configuration {key}: {why}")))
    }

    fn file_key(&self, allowed: &[PathBuf], path: &str, name: &str) -> Result<String, String> {
        let text = self.read(allowed, Path::new(path))?;
        let missing = || format!("the file has no key {name}");
        read_properties(&text).shift_remove(name).flatten().ok_or_else(missing)
    }

    fn folder_file(&self, allowed: &[PathBuf], folder: &str, name: &str) -> Result<String, String> {
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Err("the name is not that of a file in the folder".to_owned());
        }
        self.read(allowed, &Path::new(folder).join(name))
    }

    fn variable(&self, allowed: Option<&Regex>, path: &str, name: &str) -> Result<String, String> {
        let Some(allowed) = allowed else {
            return Err(format!(
                "set config.providers.{}.param.allowlist.pattern on the worker to a pattern of the variables that connectors may read",
                self.name
            ));
        };
        if !path.is_empty() {
            return Err("variables have no path: write it as ${provider:VARIABLE}".to_owned());
        }
        if !allowed.is_match(name).unwrap_or(false) {
            return Err(format!(
                "config.providers.{}.param.allowlist.pattern on the worker does not allow this variable",
                self.name
            ));
        }
        std::env::var(name).map_err(|_| "the worker has no such variable".to_owned())
    }

    /// Reads a file that lies, links followed, within what is allowed. Nothing about a file elsewhere can be learned, not even
    /// whether it is there.
    fn read(&self, allowed: &[PathBuf], path: &Path) -> Result<String, String> {
        let setting = format!("config.providers.{}.param.allowed.paths", self.name);
        if allowed.is_empty() {
            return Err(format!("set {setting} on the worker to the folders that connectors may read"));
        }
        let outside = || format!("{setting} on the worker does not allow this path");
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return Err("the path must be absolute and without ..".to_owned());
        }
        let real_allowed: Vec<PathBuf> = allowed.iter().filter_map(|folder| fs::canonicalize(folder).ok()).collect();
        if !allowed.iter().chain(&real_allowed).any(|folder| path.starts_with(folder)) {
            return Err(outside());
        }
        let real = fs::canonicalize(path).map_err(|error| format!("the file cannot be read ({})", error.kind()))?;
        if !real_allowed.iter().any(|folder| real.starts_with(folder)) {
            return Err(outside());
        }
        let unreadable = |error: std::io::Error| format!("the file cannot be read ({})", error.kind());
        // Opening a pipe would wait for its writer.
        if !fs::metadata(&real).map_err(unreadable)?.is_file() {
            return Err("the path is not that of a file".to_owned());
        }
        let mut bytes = Vec::new();
        fs::File::open(&real).map_err(unreadable)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err("the file is larger than 1 MiB".to_owned());
        }
        String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())
    }
}

#[cfg(test)]
mod tests;
