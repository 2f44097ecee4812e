//! `snowgate import`: what becomes of connectors that another worker runs.
//!
//! [`source`] reads their configurations, from a JSON file or from a worker's REST interface; [`report`] says what becomes of each
//! key; [`native`] writes a pipeline of the configuration file, where that says the same; [`register`] posts a connector to a
//! running Snowgate. Nothing is changed at the source.
//!
//! Invariant: no value of a secret key leaves this module but to the Snowgate that a connector is registered with.

mod http;
mod native;
pub mod report;
mod source;

use std::fmt;
use std::path::PathBuf;

use serde_json::json;
use snowgate_record::ErrorClass;

pub use http::Access;
pub use native::to_toml;
pub use report::Report;

use crate::config_def::{ConfigError, ConfigMap};
use crate::plugins;
use crate::secrets::is_masked;
use crate::worker::{WorkerSettings, from_properties};

/// A connector for Snowflake, and what becomes of it here.
#[derive(Clone)]
pub struct Imported {
    pub name: String,
    pub config: ConfigMap,
    pub report: Report,
}

/// Without the configuration, which may hold secrets.
impl fmt::Debug for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imported").field("name", &self.name).field("report", &self.report).finish_non_exhaustive()
    }
}

/// A connector of another kind, which stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub name: String,
    pub class: String,
}

/// Everything that a source holds.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub sinks: Vec<Imported>,
    pub left: Vec<Left>,
}

/// Why a source gave no connectors, or a worker did not take one. The text names no user and no password.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("`{}` could not be read", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("this is not JSON")]
    Json(#[source] serde_json::Error),
    #[error("{0}")]
    Shape(String),
    #[error("a login is `USER:PASSWORD`, or a token behind `Bearer`")]
    Login,
    #[error("`{}` holds no certificate in PEM", path.display())]
    Authorities { path: PathBuf },
    #[error("`{url}` cannot be asked: {why}")]
    Url { url: String, why: &'static str },
    #[error("`{url}` did not answer")]
    Unreachable { url: String, source: Box<ureq::Error> },
    #[error("`{url}` answered {status}: {message}")]
    Refused { url: String, status: u16, message: String },
    #[error("`{}` {} masked: put the real text in their place first", keys.join("`, `"), if keys.len() == 1 { "is" } else { "are" })]
    Masked { keys: Vec<String> },
}

/// Where a login may stand: nobody else sees a file or a variable.
const LOGINS: &str = "put `USER:PASSWORD` or `Bearer TOKEN` into a file and name it: `--login FILE` for the worker that is read, \
                      `--register-login FILE` for the one that takes the connectors; or into the variable SNOWGATE_IMPORT_LOGIN or \
                      SNOWGATE_REGISTER_LOGIN";

impl ImportError {
    pub fn class(&self) -> ErrorClass {
        match self {
            ImportError::Unreachable { .. } => ErrorClass::Transient,
            ImportError::Refused { status: 500.., .. } => ErrorClass::Fatal,
            _ => ErrorClass::Config,
        }
    }

    pub fn hint(&self) -> Option<&'static str> {
        match self {
            ImportError::Url { why: http::HOLDS_LOGIN, .. } | ImportError::Refused { status: 401, .. } => Some(LOGINS),
            ImportError::Json(_) | ImportError::Shape(_) => Some(
                "wanted is `{\"name\": …, \"config\": {…}}`, a configuration alone, what `GET /connectors?expand=info` answers, or a list of these",
            ),
            ImportError::Unreachable { source, .. } if http::is_about_trust(source) => {
                Some("where its certificate is of an authority of your own, name that one's certificate with `--ca FILE`")
            }
            _ => None,
        }
    }
}

/// A worker, as far as the meaning of a connector's configuration hangs on it; `properties` are those of the worker it ran on.
pub fn worker(mut properties: ConfigMap) -> Result<WorkerSettings, Vec<ConfigError>> {
    // Where it listens and to whom is no matter here, and may name files of another machine.
    let serves = ["listeners", "rest.", "admin.", "access.control.", "response.http.", "config.providers", "snowgate."];
    properties.retain(|key, _| !serves.iter().any(|start| key.starts_with(start)));
    from_properties(properties)
}

/// Reads `source`: a URL of a worker or of one of its connectors, or a JSON file.
pub fn read(source: &str, access: &Access, worker: &WorkerSettings) -> Result<Found, ImportError> {
    if source.contains("://") {
        return from_text(&http::get(&source::address(source)?, access)?, None, worker);
    }
    let path = PathBuf::from(source);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let text = std::fs::read_to_string(&path).map_err(|source| ImportError::File { path, source })?;
    from_text(&text, stem.as_deref(), worker)
}

/// Reads JSON; `default_name` is for a configuration that names no connector.
pub fn from_text(text: &str, default_name: Option<&str>, worker: &WorkerSettings) -> Result<Found, ImportError> {
    let mut found = Found::default();
    for (name, config) in source::connectors(text, default_name)? {
        let class = config.get("connector.class").and_then(|class| class.as_deref()).map(str::trim);
        match class {
            Some(class) if plugins::connector(class).is_none() => found.left.push(Left { name, class: class.to_owned() }),
            _ => {
                let report = report::of(&name, &config, worker);
                found.sinks.push(Imported { name, config, report });
            }
        }
    }
    Ok(found)
}

/// Registers the connector with the Snowgate at `url`. That one validates it anew, with its own worker's settings and with Snowflake.
pub fn register(url: &str, access: &Access, imported: &Imported) -> Result<(), ImportError> {
    let keys: Vec<String> =
        imported.config.iter().filter(|(key, value)| is_masked(key, value.as_deref())).map(|(key, _)| key.clone()).collect();
    if !keys.is_empty() {
        return Err(ImportError::Masked { keys });
    }
    let body = json!({"name": imported.name, "config": imported.config});
    http::post(&source::base(url)?.with("/connectors"), access, &body.to_string())
}

#[cfg(test)]
mod tests;
