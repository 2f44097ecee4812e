//! The section `[connect]` as a person writes it, and its way to [`WorkerSettings`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::{WorkerSettings, build, read_properties};
use crate::config_def::ConfigMap;

/// Kafka Connect's REST interface: where it listens, who may use it, and what its connectors share.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectConfig {
    /// Where to listen, as `host:port` or a list of them.
    ///
    /// An address that other machines can reach needs `tls` or `auth`. Default: `127.0.0.1:8083`.
    #[serde(default)]
    pub listen: Option<Listen>,
    /// By which `host:port` others reach us: in `worker_id`, in `Location`, and as an allowed `Host`. Default: the first of `listen`.
    #[serde(default)]
    pub advertise: Option<String>,
    /// The folder in which connectors are kept. Default: `connect-state` beside this file.
    #[serde(default)]
    pub state: Option<PathBuf>,
    /// The certificate to serve HTTPS with.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// What a request must show. Without it everyone who can connect may do everything.
    #[serde(default)]
    pub auth: AuthConfig,
    /// Names, besides those of loopback and `advertise`, by which a request's `Host` may call us.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// Web pages that may use the interface from a browser, as `https://host:port`. Default: only our own.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Whether the interface shows secrets in a connector's config, as the original does. Default: `false`.
    #[serde(default)]
    pub show_secrets: Option<bool>,
    /// Whether `/connectors/NAME/topics` tells the topics that records came from. Default: `true`.
    #[serde(default)]
    pub topic_tracking: Option<bool>,
    /// Whether that list may be emptied by request. Default: `true`.
    #[serde(default)]
    pub topic_tracking_reset: Option<bool>,
    /// Whether `/admin/loggers` is served. Default: `true`.
    #[serde(default)]
    pub admin: Option<bool>,
    /// Which Kafka client properties a connector may set: `All`, `None`, `Principal`. Default: `All`.
    #[serde(default)]
    pub override_policy: Option<String>,
    /// What `${file:…}`, `${dir:…}` and `${env:…}` in a connector's config may read. Default: nothing.
    #[serde(default)]
    pub providers: ProviderConfig,
    /// The class of the converter for keys where a connector names none. Default: `StringConverter`.
    #[serde(default)]
    pub key_converter: Option<String>,
    /// The class of the converter for values where a connector names none. Default: `JsonConverter` without schemas.
    #[serde(default)]
    pub value_converter: Option<String>,
    /// A PEM file of certificate authorities to trust for Snowflake beside the system's, for a proxy or a stand-in.
    #[serde(default)]
    pub tls_ca: Option<PathBuf>,
    /// A Connect worker's properties file, such as `connect-distributed.properties`, to begin with.
    #[serde(default)]
    pub worker_file: Option<PathBuf>,
    /// More of a Connect worker's properties, by their names there: `consumer.*`, `producer.*`, `key.converter.*`, `sasl.*`, `ssl.*`.
    #[serde(default)]
    pub properties: BTreeMap<String, PropertyText>,
}

/// A property's text, which `Debug` does not show: it may be a password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PropertyText(pub String);

impl fmt::Debug for PropertyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// One address or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen(pub Vec<String>);

/// PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, then those that signed it.
    pub certificate: PathBuf,
    /// Its private key, not encrypted.
    pub key: PathBuf,
}

/// A token, passwords, or both: one of them opens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// For `Authorization: Bearer …`.
    #[serde(default)]
    pub token: Option<TokenConfig>,
    /// For `Authorization: Basic …`.
    #[serde(default)]
    pub basic: Option<BasicConfig>,
}

/// Where the token is; one of the two.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// A file that only its owner may read.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// An environment variable.
    #[serde(default)]
    pub env: Option<String>,
}

/// Where the passwords are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicConfig {
    /// A file of lines `user: password`, as Connect's basic authentication extension reads it.
    pub file: PathBuf,
}

/// What connectors' configs may refer to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// `${file:/path:key}`: a key of a properties file.
    #[serde(default)]
    pub file: Option<PathsConfig>,
    /// `${dir:/folder:name}`: a file's content.
    #[serde(default)]
    pub dir: Option<PathsConfig>,
    /// `${env:VARIABLE}`.
    #[serde(default)]
    pub env: Option<VariablesConfig>,
}

/// What a provider may read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathsConfig {
    /// Folders, or single files.
    pub allowed_paths: Vec<PathBuf>,
}

/// What a provider may read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariablesConfig {
    /// A regular expression that matches the whole name of a variable.
    pub allowed: String,
}

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field inside the section, such as `listen` or `properties."consumer.fetch.max.bytes"`.
    pub field: String,
    pub message: String,
    pub hint: Option<String>,
}

impl ConnectConfig {
    /// Checks the section. Paths are meant from `base_dir`; `brokers` are those of the Kafka section, where the properties name none.
    pub fn resolve(&self, base_dir: &Path, brokers: &[String]) -> Result<WorkerSettings, Vec<Problem>> {
        let mut properties = ConfigMap::new();
        if let Some(file) = &self.worker_file {
            let path = base_dir.join(file);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                vec![Problem {
                    field: "worker_file".to_owned(),
                    message: format!("`{}` cannot be read: {error}", path.display()),
                    hint: Some("name a Connect worker's properties file, or leave `worker_file` out".to_owned()),
                }]
            })?;
            properties.extend(read_properties(&text));
        }
        properties.extend(self.properties.iter().map(|(key, value)| (key.clone(), Some(value.0.clone()))));
        if !brokers.is_empty() {
            properties.entry("bootstrap.servers".to_owned()).or_insert_with(|| Some(brokers.join(",")));
        }
        let fields: Vec<(&str, &str, String)> = self.fields();
        let mut problems = Vec::new();
        if self.auth.token.as_ref().is_some_and(|token| token.file.is_some() == token.env.is_some()) {
            problems.push(Problem {
                field: "auth.token".to_owned(),
                message: "the token comes from a file or from an environment variable".to_owned(),
                hint: Some("set one of `file` and `env`".to_owned()),
            });
        }
        for (_, key, value) in &fields {
            properties.insert((*key).to_owned(), Some(value.clone()));
        }
        let field_of = |key: &str| match fields.iter().find(|(_, ours, _)| *ours == key) {
            Some((field, _, _)) => (*field).to_owned(),
            None if self.properties.contains_key(key) => format!("properties.\"{key}\""),
            None => match DEFAULTED.iter().find(|(ours, _)| *ours == key) {
                Some((_, field)) => (*field).to_owned(),
                None if self.worker_file.is_some() => format!("worker_file: {key}"),
                None => format!("properties.\"{key}\""),
            },
        };
        let built = build::build(properties, base_dir);
        if let Err(faults) = &built {
            problems.extend(faults.iter().map(|fault| Problem {
                field: field_of(&fault.key),
                message: fault.message.clone(),
                hint: fault.hint.clone(),
            }));
        }
        match built {
            Ok(settings) if problems.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }

    /// What is written in the section: field, the property that means the same, its value.
    fn fields(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut fields = Vec::new();
        let mut set = |field, key, value: Option<String>| fields.extend(value.map(|value| (field, key, value)));
        let path = |path: &PathBuf| path.display().to_string();
        let paths = |config: &PathsConfig| config.allowed_paths.iter().map(path).collect::<Vec<_>>().join(",");
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let with_scheme =
            |address: &String| if address.contains("://") { address.clone() } else { format!("{scheme}://{address}") };
        set(
            "listen",
            "listeners",
            self.listen.as_ref().map(|listen| listen.0.iter().map(with_scheme).collect::<Vec<_>>().join(",")),
        );
        set("advertise", "snowgate.advertise", self.advertise.clone());
        set("state", "snowgate.state", self.state.as_ref().map(path));
        set("tls_ca", "snowgate.snowflake.tls.ca", self.tls_ca.as_ref().map(path));
        set("tls.certificate", "snowgate.tls.certificate", self.tls.as_ref().map(|tls| path(&tls.certificate)));
        set("tls.key", "snowgate.tls.key", self.tls.as_ref().map(|tls| path(&tls.key)));
        if let Some(token) = &self.auth.token {
            set("auth.token.file", "snowgate.token.file", token.file.as_ref().map(path));
            set("auth.token.env", "snowgate.token.env", token.env.clone());
        }
        set("auth.basic.file", "snowgate.basic.file", self.auth.basic.as_ref().map(|basic| path(&basic.file)));
        set("allowed_hosts", "snowgate.allowed.hosts", list(&self.allowed_hosts));
        set("allowed_origins", "access.control.allow.origin", list(&self.allowed_origins));
        set("show_secrets", "snowgate.show.secrets", self.show_secrets.map(|flag| flag.to_string()));
        set("topic_tracking", "topic.tracking.enable", self.topic_tracking.map(|flag| flag.to_string()));
        set("topic_tracking_reset", "topic.tracking.allow.reset", self.topic_tracking_reset.map(|flag| flag.to_string()));
        set("admin", "snowgate.admin", self.admin.map(|flag| flag.to_string()));
        set("override_policy", "connector.client.config.override.policy", self.override_policy.clone());
        set("key_converter", "key.converter", self.key_converter.clone());
        set("value_converter", "value.converter", self.value_converter.clone());
        let providers = &self.providers;
        let mut names = Vec::new();
        if let Some(file) = &providers.file {
            names.push("file");
            set("providers.file", "config.providers.file.class", Some("FileConfigProvider".to_owned()));
            set("providers.file.allowed_paths", "config.providers.file.param.allowed.paths", Some(paths(file)));
        }
        if let Some(dir) = &providers.dir {
            names.push("dir");
            set("providers.dir", "config.providers.dir.class", Some("DirectoryConfigProvider".to_owned()));
            set("providers.dir.allowed_paths", "config.providers.dir.param.allowed.paths", Some(paths(dir)));
        }
        if let Some(env) = &providers.env {
            names.push("env");
            set("providers.env", "config.providers.env.class", Some("EnvVarConfigProvider".to_owned()));
            set("providers.env.allowed", "config.providers.env.param.allowlist.pattern", Some(env.allowed.clone()));
        }
        if !names.is_empty() {
            set("providers", "config.providers", Some(names.join(",")));
        }
        fields
    }
}

/// Where a problem with a default value is to be mended.
const DEFAULTED: [(&str, &str); 2] = [("listeners", "listen"), ("snowgate.advertise", "advertise")];

fn list(items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| items.join(","))
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Listen, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Listen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`host:port`, or a list of them")
            }

            fn visit_str<E>(self, text: &str) -> Result<Listen, E> {
                Ok(Listen(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Listen, A::Error> {
                let mut addresses = Vec::new();
                while let Some(address) = items.next_element()? {
                    addresses.push(address);
                }
                Ok(Listen(addresses))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}
