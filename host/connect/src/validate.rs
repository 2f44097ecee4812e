//! What is wrong with a connector's configuration, as `PUT /connector-plugins/{plugin}/config/validate` answers it.
//!
//! Kafka checks each key alone, then the keys that belong together; the Snowflake connector checks the rest in part when it
//! validates, in part only when it starts. Here everything is checked at once, in the original's words, so that a connector that
//! was accepted starts. What only Snowflake can tell is added by [`ConfigInfos::add`].

use std::collections::HashMap;

use serde::Serialize;

use crate::config_def::{
    Checked, ConfigError, ConfigMap, Filled, Importance, Key, Kind, Parsed, Width, below, framework, hash_order,
};
use crate::connector::{Client, overrides, road_converters};
use crate::converter;
use crate::java_regex::JavaRegex;
use crate::plugins::{self, Class, Plugin, PluginKind};
use crate::secrets::is_secret;
use crate::worker::WorkerSettings;

mod rules;
mod steps;
mod suggestions;

/// The answer of a validation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigInfos {
    name: String,
    error_count: usize,
    groups: Vec<String>,
    configs: Vec<ConfigInfo>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigInfo {
    /// Null for a key that nobody declares.
    definition: Option<Definition>,
    value: ValueInfo,
}

/// A key as `GET /connector-plugins/{plugin}/config` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Definition {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    required: bool,
    default_value: Option<String>,
    importance: &'static str,
    documentation: String,
    group: Option<String>,
    order_in_group: i32,
    width: &'static str,
    display_name: String,
    dependents: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ValueInfo {
    name: String,
    value: Option<String>,
    recommended_values: Vec<String>,
    errors: Vec<String>,
    visible: bool,
}

/// Why a configuration could not be validated at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidateError {
    /// No class is named.
    #[error("{0}")]
    NoClass(String),
    /// There is no such class.
    #[error("{0}")]
    UnknownClass(String),
    #[error("{0}")]
    Override(ConfigError),
}

const BAD_REQUEST: &str = "org.apache.kafka.connect.runtime.rest.errors.BadRequestException";

impl ValidateError {
    /// Status and message of the answer to `POST /connectors`.
    pub fn when_creating(&self) -> (u16, String) {
        match self {
            ValidateError::NoClass(message) | ValidateError::UnknownClass(message) => (400, message.clone()),
            ValidateError::Override(error) => (500, error.to_string()),
        }
    }

    /// Status and message of the answer to `PUT /connector-plugins/{plugin}/config/validate`.
    pub fn when_validating(&self) -> (u16, String) {
        match self {
            ValidateError::NoClass(message) => (500, format!("{BAD_REQUEST}: {message}")),
            ValidateError::UnknownClass(message) => {
                (500, format!("{BAD_REQUEST}: org.apache.kafka.connect.errors.ConnectException: {message}"))
            }
            ValidateError::Override(error) => (500, format!("org.apache.kafka.common.config.ConfigException: {error}")),
        }
    }
}

impl From<&Key> for Definition {
    fn from(key: &Key) -> Definition {
        let default_value = match (&key.default, key.kind) {
            (crate::config_def::Default::Text(_), Kind::Password) => Some("[hidden]".to_owned()),
            (crate::config_def::Default::Text(text), _) => Some(text.to_string()),
            _ => None,
        };
        Definition {
            name: key.name.to_string(),
            kind: key.kind.as_str(),
            required: key.is_required(),
            default_value,
            importance: match key.importance {
                Importance::High => "HIGH",
                Importance::Medium => "MEDIUM",
                Importance::Low => "LOW",
            },
            documentation: key.documentation.to_string(),
            group: key.group.as_ref().map(ToString::to_string),
            order_in_group: key.order_in_group,
            width: match key.width {
                Width::None => "NONE",
                Width::Short => "SHORT",
                Width::Medium => "MEDIUM",
                Width::Long => "LONG",
            },
            display_name: key.display_name.to_string(),
            dependents: key.dependents.iter().map(ToString::to_string).collect(),
        }
    }
}

impl ConfigInfos {
    /// The errors in the order in which the refusal of a connector lists them.
    pub fn errors(&self) -> Vec<String> {
        self.configs.iter().flat_map(|config| &config.value.errors).cloned().collect()
    }

    /// The errors, each with its key.
    pub fn errors_by_key(&self) -> impl Iterator<Item = (&str, &str)> {
        self.configs.iter().flat_map(|config| config.value.errors.iter().map(|error| (&*config.value.name, &**error)))
    }

    pub fn error_count(&self) -> usize {
        self.error_count
    }

    /// Adds an error to a key; the message is the whole text.
    pub fn add(&mut self, key: &str, message: &str) {
        self.error_count += 1;
        if let Some(config) = self.configs.iter_mut().find(|config| config.value.name == key) {
            config.value.errors.push(message.to_owned());
            return;
        }
        // A key that nobody declares, as Kafka shows those: first, and without a definition.
        let value = ValueInfo {
            name: key.to_owned(),
            value: None,
            recommended_values: Vec::new(),
            errors: vec![message.to_owned()],
            visible: true,
        };
        let first = self.configs.iter().take_while(|config| config.definition.is_none()).count();
        self.configs.insert(first, ConfigInfo { definition: None, value });
    }

    fn has_errors(&self, key: &str) -> bool {
        self.configs.iter().any(|config| config.value.name == key && !config.value.errors.is_empty())
    }

    /// Whether `key`, or a key that begins with it and a dot, has errors.
    fn has_errors_at_or_below(&self, key: &str) -> bool {
        let is_meant = |name: &str| name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.configs.iter().any(|config| is_meant(&config.value.name) && !config.value.errors.is_empty())
    }

    fn push(&mut self, key: &Key, checked: &Checked) {
        self.error_count += checked.errors.len();
        let value = ValueInfo {
            name: key.name.to_string(),
            value: checked.value.as_text(),
            recommended_values: key.recommended.clone(),
            errors: checked.errors.clone(),
            visible: key.visible,
        };
        self.configs.push(ConfigInfo { definition: Some(Definition::from(key)), value });
    }

    fn push_groups<'a>(&mut self, keys: impl IntoIterator<Item = &'a Key>) {
        for group in keys.into_iter().filter_map(|key| key.group.as_deref()) {
            if !self.groups.iter().any(|known| known == group) {
                self.groups.push(group.to_owned());
            }
        }
    }
}

/// Validates a configuration, but for what only Snowflake can tell. Nothing is connected to.
pub fn validate(config: &ConfigMap, worker: &WorkerSettings) -> Result<ConfigInfos, ValidateError> {
    let connector = connector_of(config)?;
    for client in Client::ALL {
        overrides(config, client).map_err(|errors| ValidateError::Override(first(errors)))?;
    }
    let mut infos = declared(connector, &plugins::connector_keys(connector), config, worker);
    rules::check(connector, config, &mut infos);
    steps::check(connector, config, worker, &mut infos);
    if let Err((key, error)) = road_converters(connector, config, worker)
        && !infos.has_errors_at_or_below(key)
    {
        infos.add(key, &error.0);
    }
    for client in Client::ALL {
        for key in below(config, client.prefix()).keys() {
            if let Err(error) = worker.override_policy.allows(key) {
                infos.add(&format!("{}{key}", client.prefix()), &error.0);
            }
        }
    }
    Ok(infos)
}

/// The connector that a configuration names.
pub fn connector_of(config: &ConfigMap) -> Result<&'static Plugin, ValidateError> {
    let Some(Some(class)) = config.get("connector.class") else {
        return Err(ValidateError::NoClass(format!("Connector config {} contains no connector type", shown(config))));
    };
    plugins::connector(class.trim()).ok_or_else(|| {
        let known = plugins::all().iter().filter(|plugin| plugin.kind == PluginKind::Sink).map(|plugin| {
            let (class, version) = (plugin.class, plugin.version.unwrap_or("undefined"));
            format!(
                "PluginDesc{{klass=class {class}, name='{class}', version='{version}', encodedVersion={version}, type=sink, typeName='sink', location='classpath'}}"
            )
        });
        ValidateError::UnknownClass(format!(
            "Failed to find any class that implements Connector and which name matches {class}, available connectors are: {}",
            known.collect::<Vec<_>>().join(", ")
        ))
    })
}

/// A configuration as Java shows a map, but without its secrets.
fn shown(config: &ConfigMap) -> String {
    let pairs = hash_order(config.keys().map(String::as_str), Filled::AtOnce).into_iter().map(|name| match config.get(name) {
        Some(Some(_)) if is_secret(name) => format!("{name}=[hidden]"),
        Some(Some(text)) => format!("{name}={text}"),
        _ => format!("{name}=null"),
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

fn first(errors: Vec<ConfigError>) -> ConfigError {
    errors.into_iter().next().unwrap_or_else(|| ConfigError("the consumer's settings are wrong".to_owned()))
}

/// What Kafka itself says of a configuration: each key alone, and the keys of every sink together.
fn declared(connector: &Plugin, own: &[Key], config: &ConfigMap, worker: &WorkerSettings) -> ConfigInfos {
    let keys = framework::enriched(connector, config, worker);
    let mut values: HashMap<&str, Checked> = keys.iter().map(|key| (&*key.name, key.check(config))).collect();
    classes(connector, &keys, config, &mut values);
    sink(config, &mut values);
    let null = "Null value can not be supplied as the configuration value.";
    for (name, checked) in &mut values {
        if config.get(*name) == Some(&None) {
            checked.errors.push(null.to_owned());
        }
    }
    values.extend(own.iter().map(|key| (&*key.name, key.check(config))));

    // The original shows the class as it was written.
    let name = config.get("connector.class").and_then(|class| class.as_deref()).unwrap_or(connector.class);
    let mut infos = ConfigInfos { name: name.to_owned(), error_count: 0, groups: Vec::new(), configs: Vec::new() };
    infos.groups.extend(framework::GROUPS.iter().map(|group| (*group).to_owned()));
    infos.push_groups(&keys);
    infos.push_groups(own);
    // A key that both declare stands in the framework's place, with the connector's words.
    for key in &keys {
        infos.push(own.iter().find(|own| own.name == key.name).unwrap_or(key), &values[&*key.name]);
    }
    for key in own.iter().filter(|own| keys.iter().all(|key| key.name != own.name)) {
        infos.push(key, &values[&*key.name]);
    }
    converters(connector, config, worker, &mut infos);
    for name in hash_order(config.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str()), Filled::OneByOne) {
        if infos.configs.iter().all(|config| config.value.name != name) {
            infos.add(name, null);
        }
    }
    infos
}

/// Finds the classes that are named.
fn classes<'a>(connector: &Plugin, keys: &'a [Key], config: &ConfigMap, values: &mut HashMap<&'a str, Checked>) {
    for key in keys.iter().filter(|key| key.kind == Kind::Class) {
        let Some(checked) = values.get_mut(&*key.name) else { continue };
        let Some(class) = checked.value.text().map(str::to_owned) else { continue };
        let (found, kind) = match &*key.name {
            "key.converter" | "value.converter" => {
                (framework::converter_class(connector, &class, PluginKind::Converter), PluginKind::Converter)
            }
            "header.converter" => {
                (framework::converter_class(connector, &class, PluginKind::HeaderConverter), PluginKind::HeaderConverter)
            }
            name if name.starts_with("transforms.") => {
                (plugins::find(&class, PluginKind::Transformation), PluginKind::Transformation)
            }
            _ => (plugins::find(&class, PluginKind::Predicate), PluginKind::Predicate),
        };
        match found {
            None => {
                let hint = suggestions::instead_of(&class, kind).map(|hint| format!(" {hint}")).unwrap_or_default();
                checked.errors.push(format!("{}{hint}", ConfigError::unknown_class(&key.name, &class)));
                checked.value = Parsed::Null;
            }
            Some(Class::Plugin(plugin)) => checked.value = Parsed::Class(plugin.class.to_owned()),
            Some(other) if matches!(kind, PluginKind::Converter | PluginKind::HeaderConverter) => {
                checked.errors.extend(framework::class_error(&other, kind));
            }
            Some(Class::Abstract(_) | Class::Other(_)) => {}
        }
    }
    for (list, kind) in [("transforms", PluginKind::Transformation), ("predicates", PluginKind::Predicate)] {
        for alias in framework::aliases(config, list) {
            let error = framework::step_error(config, list, &alias, kind);
            if let Some(checked) = values.get_mut(format!("{list}.{alias}.type").as_str()) {
                checked.errors.extend(error);
            }
        }
    }
}

/// What holds for the topics of every sink.
fn sink(config: &ConfigMap, values: &mut HashMap<&str, Checked>) {
    let given = |key: &str| config.get(key).and_then(|text| text.as_deref()).map(str::trim).filter(|text| !text.is_empty());
    let mut add = |key: &str, message: String| {
        if let Some(checked) = values.get_mut(key) {
            checked.errors.push(message);
        }
    };
    let (topics, pattern) = (given("topics"), given("topics.regex"));
    let both = match (topics, pattern) {
        (Some(_), Some(_)) => Some("topics and topics.regex are mutually exclusive options, but both are set."),
        (None, None) => Some("Must configure one of topics or topics.regex"),
        _ => None,
    };
    if let Some(message) = both {
        add("topics", message.to_owned());
        add("topics.regex", message.to_owned());
    }
    let Some(dead_letters) = given("errors.deadletterqueue.topic.name") else { return };
    let listed: Vec<&str> = topics.unwrap_or_default().split(',').map(str::trim).collect();
    if topics.is_some() && listed.contains(&dead_letters) {
        let list = listed.join(", ");
        add(
            "topics",
            format!(
                "The DLQ topic '{dead_letters}' may not be included in the list of topics ('topics=[{list}]') consumed by the connector"
            ),
        );
    }
    if let Some(pattern) = pattern
        && JavaRegex::new(pattern).is_ok_and(|regex| regex.matches(dead_letters).unwrap_or(false))
    {
        let message = format!(
            "The DLQ topic '{dead_letters}' may not be matched by the regex for the topics ('topics.regex={pattern}') consumed by the connector"
        );
        add("topics.regex", message);
    }
}

/// The keys of the converters that the configuration names itself.
fn converters(connector: &Plugin, config: &ConfigMap, worker: &WorkerSettings, infos: &mut ConfigInfos) {
    // The header converter first, as the original has it.
    for (name, kind, _) in [2, 0, 1].map(|index| framework::converters(worker)[index]) {
        let Some(Some(class)) = config.get(name) else { continue };
        let Some(Class::Plugin(plugin)) = framework::converter_class(connector, class.trim(), kind) else { continue };
        let prefix = format!("{name}.");
        let mut own = below(config, &prefix);
        own.shift_remove("plugin.version");
        own.entry("converter.type".to_owned()).or_insert_with(|| Some(name.trim_end_matches(".converter").to_owned()));
        let keys = converter::definition(plugin.class).unwrap_or_default();
        let ordered = hash_order(keys.iter().map(|key| &*key.name), Filled::OneByOne)
            .into_iter()
            .filter_map(|name| keys.iter().find(|key| key.name == name));
        for key in ordered {
            infos.push_groups([key]);
            // Errors name the key as the converter knows it.
            let checked = key.check(&own);
            infos.push(&key.clone().prefixed(&prefix), &checked);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
