//! Worker properties → [`WorkerSettings`]; every fault is found, not only the first.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fancy_regex::Regex;

use super::verdicts::{Handling, verdict};
use super::{OverridePolicy, WorkerSettings};
use crate::config_def::{ConfigError, ConfigMap, Default, Importance, Key, Kind, Parsed};
use crate::converter::JSON;
use crate::java_client;
use crate::providers::{Kind as ProviderKind, Provider};

mod rest;

/// What is wrong with one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) key: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(key: &str, message: impl Into<String>, hint: impl Into<String>) -> Fault {
        Fault { key: key.to_owned(), message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn into_error(self) -> ConfigError {
        let about = if self.message.contains(&self.key) { String::new() } else { format!("{}: ", self.key) };
        let hint = self.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        ConfigError(format!("{about}{}{hint}", self.message))
    }
}

/// The properties, what was wrong with them so far, and what is worth a word.
struct Reader<'a> {
    properties: &'a ConfigMap,
    base_dir: &'a Path,
    faults: Vec<Fault>,
    notes: Vec<String>,
}

const STRING_CONVERTER: &str = "org.apache.kafka.connect.storage.StringConverter";
const SIMPLE_HEADERS: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// As `[plugins] watch` has it, in milliseconds.
const WATCH_MS: RangeInclusive<u64> = 100..=3_600_000;

pub(super) fn build(mut properties: ConfigMap, base_dir: &Path) -> Result<WorkerSettings, Vec<Fault>> {
    if !properties.contains_key("value.converter") {
        properties.insert("value.converter".to_owned(), Some(JSON.to_owned()));
        properties.entry("value.converter.schemas.enable".to_owned()).or_insert_with(|| Some("false".to_owned()));
    }
    let mut reader = Reader { properties: &properties, base_dir, faults: Vec::new(), notes: Vec::new() };
    reader.note_keys();
    let rest = reader.rest();
    let client = reader.client("", java_client::common);
    let consumer = reader.client("consumer.", java_client::consumer);
    let producer = reader.client("producer.", java_client::producer);
    let start = java_client::start(&reader.below("consumer."));
    let override_policy = reader.override_policy();
    let providers = reader.providers();
    let topic_tracking = reader.flag("topic.tracking.enable", true);
    let topic_tracking_reset = reader.flag("topic.tracking.allow.reset", true);
    let show_secrets = reader.flag("snowgate.show.secrets", false);
    let admin = reader.admin();
    let plugin_watch = reader.plugin_watch();
    let log_level = reader.log_level();
    let log_levels = reader.log_levels();
    let text = |key: &str, default: &str| reader.text(key).unwrap_or(default).to_owned();
    let (bootstrap_servers, group_id) = (reader.list("bootstrap.servers", "localhost:9092"), text("group.id", "connect-cluster"));
    let (key_converter, header_converter) = (text("key.converter", STRING_CONVERTER), text("header.converter", SIMPLE_HEADERS));
    let value_converter = text("value.converter", JSON);
    let state = reader.path("snowgate.state").unwrap_or_else(|| base_dir.join("connect-state"));
    let snowflake_tls_ca = reader.path("snowgate.snowflake.tls.ca");
    let plugin_path = reader.list("plugin.path", "").into_iter().map(|folder| base_dir.join(folder)).collect();
    let Reader { faults, notes, .. } = reader;
    let Some(rest) = rest.filter(|_| faults.is_empty()) else { return Err(faults) };
    Ok(WorkerSettings {
        bootstrap_servers,
        group_id,
        client,
        consumer,
        producer,
        start,
        state,
        worker_id: rest.worker_id,
        advertised_url: rest.advertised_url,
        key_converter,
        value_converter,
        header_converter,
        listeners: rest.listeners,
        admin,
        override_policy,
        topic_tracking,
        topic_tracking_reset,
        show_secrets,
        providers,
        snowflake_tls_ca,
        plugin_path,
        plugin_watch,
        log_level,
        log_levels,
        notes,
        properties,
    })
}

type Translate = fn(&ConfigMap) -> Result<Vec<(String, secrecy::SecretString)>, Vec<ConfigError>>;

impl Reader<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.properties.get(key)?.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    fn list(&self, key: &str, default: &str) -> Vec<String> {
        let items = self.text(key).unwrap_or(default).split(',').map(str::trim);
        items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(|path| self.base_dir.join(path))
    }

    fn fault(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Fault::new(key, message, hint));
    }

    fn flag(&mut self, key: &str, default: bool) -> bool {
        let Some(text) = self.text(key) else { return default };
        match Key::new(key.to_owned(), Kind::Boolean, Default::Null, Importance::Low, "").read(text) {
            Ok(Parsed::Boolean(flag)) => flag,
            Ok(_) => default,
            Err(error) => {
                self.fault(key, error.0, "write true or false");
                default
            }
        }
    }

    /// The keys below a prefix, the prefix taken off.
    fn below(&self, prefix: &str) -> ConfigMap {
        let stripped = |(key, value): (&String, &Option<String>)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone()));
        self.properties.iter().filter_map(stripped).collect()
    }

    fn note_keys(&mut self) {
        for key in self.properties.keys() {
            match verdict(key).map(|verdict| verdict.handling) {
                Some(Handling::NotNeeded(why)) => self.notes.push(format!("`{key}` does nothing: {why}")),
                Some(Handling::Mapped(_) | Handling::Honoured) => {}
                None if java_client::is_common(key) => {}
                None => {
                    self.notes.push(format!("`{key}` is not a worker property we know; it is kept, and does nothing by itself"))
                }
            }
        }
    }

    /// What every client has, and on top what is below `prefix`; the worker's own brokers are kept apart.
    fn client(&mut self, prefix: &str, translate: Translate) -> Vec<(String, secrecy::SecretString)> {
        let common = |(key, _): &(&String, &Option<String>)| java_client::is_common(key);
        let mut config: ConfigMap =
            self.properties.iter().filter(common).map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut own = ConfigMap::new();
        if !prefix.is_empty() {
            own = self.below(prefix);
            for java_client::Note { key, reason } in java_client::notes(&own) {
                self.notes.push(format!("`{prefix}{key}` does nothing: {reason}"));
            }
        }
        let own_brokers = own.contains_key("bootstrap.servers");
        config.extend(own);
        if !own_brokers {
            config.shift_remove("bootstrap.servers");
        }
        let protocol = config.get("security.protocol").and_then(Option::as_deref).unwrap_or_default();
        if protocol.trim().to_ascii_uppercase().starts_with("SASL") && !config.contains_key("sasl.mechanism") {
            self.fault(
                &format!("{prefix}sasl.mechanism"),
                "with a SASL security.protocol Java takes GSSAPI where no mechanism is named, and GSSAPI is not built in",
                "set it to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
            );
        }
        match translate(&config) {
            Ok(properties) => properties,
            Err(errors) => {
                for ConfigError(message) in errors {
                    let named =
                        config.keys().filter(|key| message.contains(&format!("configuration {key}:"))).max_by_key(|key| key.len());
                    let key = named.map_or(prefix.trim_end_matches('.').to_owned(), |key| {
                        let prefixed = format!("{prefix}{key}");
                        if self.properties.contains_key(&prefixed) { prefixed } else { key.clone() }
                    });
                    let fault = Fault { key, message, hint: None };
                    // What all clients share is wrong once, not three times.
                    if !self.faults.contains(&fault) {
                        self.faults.push(fault);
                    }
                }
                Vec::new()
            }
        }
    }

    fn override_policy(&mut self) -> OverridePolicy {
        const KEY: &str = "connector.client.config.override.policy";
        let written = self.text(KEY).unwrap_or("All").to_owned();
        let simple = written.rsplit('.').next().unwrap_or_default().trim_end_matches("ConnectorClientConfigOverridePolicy");
        match simple {
            "All" => OverridePolicy::All,
            "None" => OverridePolicy::None,
            "Principal" => OverridePolicy::Principal,
            "Allowlist" => OverridePolicy::AllowList(self.list("connector.client.config.override.allowlist", "")),
            _ => {
                self.fault(KEY, format!("there is no override policy `{written}`"), "write All, None, Principal or Allowlist");
                OverridePolicy::None
            }
        }
    }

    fn plugin_watch(&mut self) -> Option<Duration> {
        const KEY: &str = "snowgate.plugins.watch.ms";
        let text = self.text(KEY)?.to_owned();
        let interval = text.parse().ok().filter(|interval| WATCH_MS.contains(interval)).map(Duration::from_millis);
        if interval.is_none() {
            let message = format!("`{text}` is no number of milliseconds from {} to {}", WATCH_MS.start(), WATCH_MS.end());
            self.fault(KEY, message, "write such as 5000, or leave it out so that only SIGHUP takes changed files up");
        }
        interval
    }

    /// `admin.listeners` not given: with the rest. Empty or elsewhere: not at all.
    fn admin(&mut self) -> bool {
        let wanted = self.flag("snowgate.admin", true);
        match self.properties.get("admin.listeners") {
            None => wanted,
            Some(other) => {
                let same =
                    other.as_deref().is_some_and(|text| !text.trim().is_empty() && Some(text.trim()) == self.text("listeners"));
                if !same && other.as_deref().is_some_and(|text| !text.trim().is_empty()) {
                    self.notes.push("`admin.listeners` names another listener than `listeners`: /admin is not served".to_owned());
                }
                wanted && same
            }
        }
    }

    fn log_level(&mut self) -> Option<&'static str> {
        const KEY: &str = "log4j.root.loglevel";
        let level = self.text(KEY)?.to_owned();
        self.level(KEY, &level)
    }

    /// `LOGGER=LEVEL,…`, as the image writes it into Connect's own configuration of the log.
    fn log_levels(&mut self) -> Vec<(String, &'static str)> {
        const KEY: &str = "log4j.loggers";
        let mut levels = Vec::new();
        for item in self.list(KEY, "") {
            match item.split_once('=') {
                Some((logger, level)) => {
                    levels.extend(self.level(KEY, level.trim()).map(|level| (logger.trim().to_owned(), level)));
                }
                None => self.fault(KEY, format!("`{item}` names no level"), "write LOGGER=LEVEL, separated by commas"),
            }
        }
        levels
    }

    fn level(&mut self, key: &str, level: &str) -> Option<&'static str> {
        let level = level.to_ascii_uppercase();
        match level.as_str() {
            "ERROR" | "FATAL" | "OFF" => Some("ERROR"),
            "WARN" => Some("WARN"),
            "INFO" => Some("INFO"),
            "DEBUG" => Some("DEBUG"),
            "TRACE" | "ALL" => Some("TRACE"),
            _ => {
                self.fault(key, format!("there is no log level `{level}`"), "write ERROR, WARN, INFO, DEBUG or TRACE");
                None
            }
        }
    }

    fn providers(&mut self) -> Vec<Provider> {
        let mut providers = Vec::new();
        for name in self.list("config.providers", "") {
            let class_key = format!("config.providers.{name}.class");
            let Some(class) = self.text(&class_key).map(str::to_owned) else {
                self.fault(&class_key, format!("provider `{name}` has no class"), "write org.apache.kafka.common.config.provider.FileConfigProvider, …DirectoryConfigProvider or …EnvVarConfigProvider");
                continue;
            };
            let paths_key = format!("config.providers.{name}.param.allowed.paths");
            let allowed: Vec<PathBuf> = self.list(&paths_key, "").into_iter().map(PathBuf::from).collect();
            if let Some(relative) = allowed.iter().find(|path| !path.is_absolute()) {
                self.fault(&paths_key, format!("`{}` is not an absolute path", relative.display()), "write paths from the root on");
            }
            let kind = match class.rsplit('.').next().unwrap_or_default() {
                "FileConfigProvider" => ProviderKind::File { allowed },
                "DirectoryConfigProvider" => ProviderKind::Directory { allowed },
                "EnvVarConfigProvider" => {
                    ProviderKind::Env { allowed: self.pattern(&format!("config.providers.{name}.param.allowlist.pattern")) }
                }
                _ => {
                    self.fault(&class_key, format!("there is no provider class `{class}`"), "the classes are FileConfigProvider, DirectoryConfigProvider and EnvVarConfigProvider of org.apache.kafka.common.config.provider");
                    continue;
                }
            };
            providers.push(Provider { name, kind });
        }
        providers
    }

    fn pattern(&mut self, key: &str) -> Option<Regex> {
        let pattern = self.text(key)?.to_owned();
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        whole
            .map_err(|error| {
                self.fault(key, format!("`{pattern}` is not a regular expression: {error}"), "write one such as SNOWFLAKE_.*")
            })
            .ok()
    }
}
