//! A worker's configuration: the section `[connect]`, a worker's properties file, and the `CONNECT_*` variables of the usual image.
//!
//! All three become one map of Java's worker properties and are read by [`from_properties`]; what Java has no word for is called
//! `snowgate.…` there. Every problem is reported at once, and none shows a secret.

mod build;
mod config;
mod properties;
mod verdicts;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

pub use config::{
    AuthConfig, BasicConfig, ConnectConfig, Listen, PathsConfig, Problem, PropertyText, ProviderConfig, TlsConfig, TokenConfig,
    VariablesConfig,
};
pub use properties::{from_environment, read_properties};
pub use verdicts::{Handling, Verdict, worker_verdicts};

use crate::config_def::{ConfigError, ConfigMap};
use crate::guard::Listeners;
use crate::providers::Provider;
use crate::settings::Start;

/// What the gateway needs to be a Connect worker.
#[derive(Clone)]
pub struct WorkerSettings {
    pub bootstrap_servers: Vec<String>,
    /// `group.id`; shown only, for connectors are not shared out among workers.
    pub group_id: String,
    /// librdkafka properties for every client, translated from Java's names.
    pub client: Vec<(String, SecretString)>,
    /// For consumers and for producers besides.
    pub consumer: Vec<(String, SecretString)>,
    pub producer: Vec<(String, SecretString)>,
    /// `consumer.auto.offset.reset`, where it is given.
    pub start: Option<Start>,
    /// Where connectors are kept.
    pub state: PathBuf,
    /// `host:port`, as status shows it.
    pub worker_id: String,
    /// `http://host:port`, the beginning of `Location`.
    pub advertised_url: String,
    /// Converters of a connector that names none: class and configuration.
    pub key_converter: String,
    pub value_converter: String,
    pub header_converter: String,
    pub listeners: Listeners,
    /// Whether `/admin` is served; not when `admin.listeners` is empty.
    pub admin: bool,
    /// Which of a connector's `consumer.override.*` and `producer.override.*` are taken.
    pub override_policy: OverridePolicy,
    pub topic_tracking: bool,
    pub topic_tracking_reset: bool,
    /// Whether `GET …/config` shows secrets, as the original does.
    pub show_secrets: bool,
    /// What `${name:…}` in a connector's config may read.
    pub providers: Vec<Provider>,
    /// Certificate authorities to trust for Snowflake beside the system's.
    pub snowflake_tls_ca: Option<PathBuf>,
    /// Folders with plugins, from `plugin.path`.
    pub plugin_path: Vec<PathBuf>,
    /// How often plugins' files are looked at for a change; `None` for never.
    pub plugin_watch: Option<Duration>,
    /// `ERROR WARN INFO DEBUG TRACE`, where the image's variable says.
    pub log_level: Option<&'static str>,
    /// Levels of single loggers, by the names that Connect's users know.
    pub log_levels: Vec<(String, &'static str)>,
    /// What a person should know of the configuration: keys that are not known or do nothing here, each with the reason.
    pub notes: Vec<String>,
    /// All else, as it was written: `key.converter.schemas.enable` and the like.
    pub properties: ConfigMap,
}

/// Without `properties`, which may hold passwords.
impl fmt::Debug for WorkerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_id", &self.group_id)
            .field("client", &self.client)
            .field("consumer", &self.consumer)
            .field("producer", &self.producer)
            .field("state", &self.state)
            .field("worker_id", &self.worker_id)
            .field("listeners", &self.listeners)
            .field("override_policy", &self.override_policy)
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}

/// `connector.client.config.override.policy`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverridePolicy {
    All,
    None,
    /// Only what logs in: `security.protocol`, `sasl.jaas.config`, `sasl.mechanism`.
    Principal,
    /// Only the keys of `connector.client.config.override.allowlist`.
    AllowList(Vec<String>),
}

impl OverridePolicy {
    /// Whether a connector may set the client property `key` (its prefix taken off). The error is the original's.
    pub fn allows(&self, key: &str) -> Result<(), ConfigError> {
        let (name, allowed) = match self {
            OverridePolicy::All => return Ok(()),
            OverridePolicy::None => ("None", false),
            OverridePolicy::Principal => ("Principal", PRINCIPAL_KEYS.contains(&key)),
            OverridePolicy::AllowList(keys) => ("Allowlist", keys.iter().any(|allowed| allowed == key)),
        };
        let refused =
            || ConfigError(format!("The '{name}' policy does not allow '{key}' to be overridden in the connector configuration."));
        allowed.then_some(()).ok_or_else(refused)
    }
}

const PRINCIPAL_KEYS: [&str; 3] = ["sasl.jaas.config", "sasl.mechanism", "security.protocol"];

/// Reads a worker's properties, by Java's names and ours (`snowgate.…`).
pub fn from_properties(properties: ConfigMap) -> Result<WorkerSettings, Vec<ConfigError>> {
    build::build(properties, Path::new("")).map_err(|faults| faults.into_iter().map(build::Fault::into_error).collect())
}

#[cfg(test)]
mod tests;
