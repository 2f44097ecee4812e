//! A connector's configuration, from the flat text that a user posts to what the gateway runs it by.
//!
//! A configuration that [`crate::validate`] finds nothing wrong with always becomes settings. Values that stand in another place
//! (`${file:…}`) must have been fetched before.

use std::collections::HashMap;

use secrecy::SecretString;

use crate::config_def::{ConfigError, ConfigMap, Parsed, below, framework};
use crate::converter::{Converter, HeaderConverter};
use crate::java_client;
use crate::plugins::{self, Class, Plugin, PluginKind};
use crate::road::RoadSettings;
use crate::settings::{
    ChannelNames, ConnectorSettings, Errors, Line, Rows, SnowflakeLogin, Start, TableNames, Tolerance, Tombstones, Topics,
};
use crate::topic_map::TopicMap;
use crate::validate::{connector_of, validate};
use crate::worker::WorkerSettings;

pub(crate) mod private_key;
pub(crate) mod proxy;
pub(crate) mod steps;

/// Rows wait this long for a fuller body. Longer would gain nothing: a body is full long before on a busy topic, and a quiet one
/// should not keep its readers waiting.
const LINGER_MS: u64 = 500;

/// What to do where a crash left tables unequally far and records might go to other tables than before: `block` or `accept`. It is
/// Snowgate's own.
pub(crate) const ROUTING_CHANGE: &str = "snowgate.on.routing.change";

/// The texts of a configuration.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a>(pub(crate) &'a ConfigMap);

impl<'a> Texts<'a> {
    /// The text as it was written, also an empty one.
    pub(crate) fn raw(self, key: &str) -> Option<&'a str> {
        self.0.get(key)?.as_deref()
    }

    /// The text less blanks around it, unless nothing is left.
    pub(crate) fn given(self, key: &str) -> Option<&'a str> {
        self.raw(key).map(str::trim).filter(|text| !text.is_empty())
    }

    /// As [`Texts::given`], unless it refers to a value that stands elsewhere.
    pub(crate) fn resolved(self, key: &str) -> Option<&'a str> {
        self.given(key).filter(|_| !self.is_reference(key))
    }

    /// Whether the text holds `${provider:…`.
    pub(crate) fn is_reference(self, key: &str) -> bool {
        self.raw(key).unwrap_or_default().split("${").skip(1).any(|rest| {
            let name = rest.split(':').next().unwrap_or_default();
            rest.len() > name.len() && !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphabetic())
        })
    }

    pub(crate) fn is_true(self, key: &str) -> bool {
        self.given(key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    pub(crate) fn is_false(self, key: &str) -> bool {
        self.given(key).is_some_and(|text| text.eq_ignore_ascii_case("false"))
    }
}

/// Which line of the Snowflake connector a configuration is for, and how it loads.
pub fn line(connector: &Plugin, config: &ConfigMap) -> Line {
    match Texts(config).given("snowflake.ingestion.method") {
        _ if connector.class == plugins::SINK_V4 => Line::V4,
        Some(method) if method.eq_ignore_ascii_case("snowpipe_streaming") => Line::V3Streaming,
        _ => Line::V3File,
    }
}

/// The account's address as a URL without a path; `None` where the text is no address that Snowflake has.
pub(crate) fn url(text: &str) -> Option<String> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        Some(_) => return None,
        None => ("https", text),
    };
    let address = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match address.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
    };
    let is_host = host.split('.').count() >= 3 && host.split('.').all(is_label);
    let is_port = port.is_none_or(|port| proxy::port(port).is_some());
    (is_host && is_port).then(|| format!("{scheme}://{address}"))
}

/// The keys below `consumer.override.` or `producer.override.` as librdkafka's properties. Wrong ones are as wrong as Java finds them.
pub fn overrides(config: &ConfigMap, client: Client) -> Result<Vec<(String, SecretString)>, Vec<ConfigError>> {
    let own = below(config, client.prefix());
    match client {
        Client::Consumer => java_client::consumer(&own),
        Client::Producer => java_client::producer(&own),
    }
}

/// Whose properties a configuration may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    Consumer,
    Producer,
}

impl Client {
    pub const ALL: [Client; 2] = [Client::Consumer, Client::Producer];

    pub const fn prefix(self) -> &'static str {
        match self {
            Client::Consumer => "consumer.override.",
            Client::Producer => "producer.override.",
        }
    }
}

/// Everything the gateway needs to run the connector.
pub fn connector(name: &str, config: &ConfigMap, worker: &WorkerSettings) -> Result<ConnectorSettings, Vec<ConfigError>> {
    settings(name, config, worker, private_key)
}

/// As [`connector`], with the private key that `private_key` finds in the configuration.
pub(crate) fn settings(
    name: &str,
    config: &ConfigMap,
    worker: &WorkerSettings,
    private_key: fn(Texts) -> Result<SecretString, String>,
) -> Result<ConnectorSettings, Vec<ConfigError>> {
    let single = |message: String| vec![ConfigError(message)];
    let mut config = config.clone();
    config.entry("name".to_owned()).or_insert_with(|| Some(name.to_owned()));
    let config = &config;
    let infos = validate(config, worker).map_err(|error| single(error.to_string()))?;
    if infos.error_count() > 0 {
        return Err(infos.errors().into_iter().map(ConfigError).collect());
    }
    let plugin = connector_of(config).map_err(|error| single(error.to_string()))?;
    let line = line(plugin, config);
    let values = Values::of(plugin, config);
    let texts = Texts(config);
    let steps = steps::read(config, worker)
        .map_err(|errors| errors.into_iter().map(|(_, message)| ConfigError(message)).collect::<Vec<_>>())?;
    let (key, value, headers) = road_converters(plugin, config, worker).map_err(|(_, error)| vec![error])?;
    let of_consumer = below(config, Client::Consumer.prefix());
    let mut consumer = worker.client.clone();
    consumer.extend(worker.consumer.iter().cloned());
    consumer.extend(overrides(config, Client::Consumer)?);
    let mut producer = worker.client.clone();
    producer.extend(worker.producer.iter().cloned());
    producer.extend(overrides(config, Client::Producer)?);
    // Where to start is decided outside the consumer.
    consumer.retain(|(name, _)| name != "auto.offset.reset");

    let columns = match line {
        Line::V3File => false,
        Line::V3Streaming => texts.is_true("snowflake.enable.schematization"),
        Line::V4 => values.is_true("snowflake.enable.schematization"),
    };
    Ok(ConnectorSettings {
        name: name.into(),
        line,
        group: java_client::group(&of_consumer).unwrap_or_else(|| format!("connect-{name}")),
        tasks_max: values.number("tasks.max").and_then(|number| u32::try_from(number).ok()).unwrap_or(1),
        topics: match values.text("topics.regex") {
            Some(pattern) if texts.given("topics.regex").is_some() => Topics::Regex(pattern.to_owned()),
            _ => Topics::List(values.list("topics").to_vec()),
        },
        topic_map: topic_map(plugin, config).map_err(single)?,
        table_names: match line {
            Line::V4 if !values.is_true("snowflake.compatibility.enable.autogenerated.table.name.sanitization") => {
                TableNames::Exact
            }
            _ => TableNames::Sanitized,
        },
        channel_names: match line {
            Line::V4 => ChannelNames::ConnectorAndTopic,
            Line::V3Streaming if values.is_true("snowflake.streaming.channel.name.include.connector.name") => {
                ChannelNames::ConnectorAndTopic
            }
            _ => ChannelNames::Topic,
        },
        create_tables: values.text("snowflake.autocreate.table.type") != Some("none"),
        snowflake: private_key(texts).and_then(|key| login(texts, key)).map_err(single)?,
        rows: Rows {
            columns,
            metadata: values.is_true("snowflake.metadata.all"),
            topic: values.is_true("snowflake.metadata.topic"),
            offset_and_partition: values.is_true("snowflake.metadata.offset.and.partition"),
            create_time: values.is_true("snowflake.metadata.createtime"),
            push_time: line != Line::V3File && values.is_true("snowflake.streaming.metadata.connectorPushTime"),
        },
        tombstones: match values.text("behavior.on.null.values") {
            Some("ignore") => Tombstones::Ignore,
            _ => Tombstones::Row,
        },
        errors: Errors {
            tolerance: match values.text("errors.tolerance") {
                Some("all") => Tolerance::All,
                _ => Tolerance::None,
            },
            log: values.is_true("errors.log.enable"),
            log_messages: values.is_true("errors.log.include.messages"),
            dead_letter_topic: values
                .text("errors.deadletterqueue.topic.name")
                .filter(|topic| !topic.is_empty())
                .map(str::to_owned),
            dead_letter_replication: values
                .number("errors.deadletterqueue.topic.replication.factor")
                .and_then(|number| i16::try_from(number).ok())
                .unwrap_or(3),
            context_headers: values.is_true("errors.deadletterqueue.context.headers.enable"),
        },
        consumer,
        producer,
        start: java_client::start(&of_consumer).or(worker.start).unwrap_or(Start::Earliest),
        linger_ms: values
            .number("snowflake.streaming.max.client.lag")
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(LINGER_MS, |seconds| LINGER_MS.min(seconds.saturating_mul(1000))),
        body_bytes: texts
            .given("buffer.size.bytes")
            .and(values.number("buffer.size.bytes"))
            .and_then(|bytes| u64::try_from(bytes).ok()),
        road: RoadSettings {
            key,
            value,
            headers,
            steps: steps.native,
            structured_headers: line != Line::V4 || values.is_true("snowflake.feature.structured.headers"),
            line,
            naming: naming(plugin, config, worker).into(),
        },
        accept_routing_change: texts.given(ROUTING_CHANGE) == Some("accept"),
        plugins_before: steps.before,
        plugins_after: steps.after,
    })
}

/// Which table a topic goes to, where the configuration says so.
pub(crate) fn topic_map(plugin: &Plugin, config: &ConfigMap) -> Result<TopicMap, String> {
    let values = Values::of(plugin, config);
    let map = values.text("snowflake.topic2table.map").unwrap_or_default();
    match line(plugin, config) {
        Line::V4 => TopicMap::parse_v4(map, values.is_true("snowflake.topic2table.map.regex.replacement")),
        Line::V3File | Line::V3Streaming => TopicMap::parse_v3(map),
    }
}

/// All that a record's topic and its table follow from, as it is written: converters, transforms, predicates, and how tables are named.
fn naming(plugin: &Plugin, config: &ConfigMap, worker: &WorkerSettings) -> String {
    let decides = |key: &str| {
        ["transforms", "predicates", "snowflake.topic2table.map"].iter().any(|first| key.starts_with(first))
            || key == "snowflake.compatibility.enable.autogenerated.table.name.sanitization"
    };
    let mut lines: Vec<_> = config.iter().filter(|(key, _)| decides(key)).map(|line| format!("{line:?}")).collect();
    for (name, ..) in framework::converters(worker) {
        let (class, own) = named_converter(name, config, worker);
        lines.extend(own.iter().map(|line| format!("{name} {class} {line:?}")));
        lines.push(format!("{name} {class}"));
    }
    lines.sort_unstable();
    lines.insert(0, plugin.class.to_owned());
    lines.join("\n")
}

/// Every declared key's value.
struct Values(HashMap<String, Parsed>);

impl Values {
    fn of(plugin: &Plugin, config: &ConfigMap) -> Values {
        let keys = framework::keys(plugin.version.unwrap_or_default()).into_iter().chain(plugins::connector_keys(plugin));
        Values(keys.map(|key| (key.name.to_string(), key.check(config).value)).collect())
    }

    fn is_true(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(Parsed::is_true)
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.text()
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.0.get(key)?.number()
    }

    fn list(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Parsed::list)
    }
}

/// A key that validation passed over, since it was a reference that nothing stood for, is found out here.
fn private_key(texts: Texts) -> Result<SecretString, String> {
    let text = needed(texts, "snowflake.private.key")?;
    private_key::read(&text, texts.given("snowflake.private.key.passphrase"))
        .map_err(|_| "snowflake.private.key must be a valid PEM RSA private key".to_owned())
}

fn needed(texts: Texts, key: &str) -> Result<String, String> {
    texts.given(key).map(str::to_owned).ok_or_else(|| format!("{key} must be provided"))
}

fn login(texts: Texts, private_key: SecretString) -> Result<SnowflakeLogin, String> {
    let needed = |key: &str| needed(texts, key);
    let url = url(&needed("snowflake.url.name")?).ok_or("snowflake.url.name is not a valid snowflake url")?;
    Ok(SnowflakeLogin {
        proxy: proxy::read(texts, &url),
        url,
        user: needed("snowflake.user.name")?,
        private_key,
        passphrase: texts.given("snowflake.private.key.passphrase").map(SecretString::from),
        database: needed("snowflake.database.name")?,
        schema: needed("snowflake.schema.name")?,
        role: texts.given("snowflake.role.name").map(str::to_owned),
    })
}

/// A converter that the configuration names, with its own settings; or the worker's, with the worker's settings.
fn named_converter<'a>(name: &str, config: &'a ConfigMap, worker: &'a WorkerSettings) -> (&'a str, ConfigMap) {
    let prefix = format!("{name}.");
    let of_worker = framework::converters(worker).into_iter().find(|(key, ..)| *key == name).map_or("", |(_, _, class)| class);
    match Texts(config).given(name) {
        Some(class) => (class, below(config, &prefix)),
        None => (of_worker, below(&worker.properties, &prefix)),
    }
}

/// The converters of a road: key, value, headers. An error with the key it belongs to.
pub(crate) fn road_converters(
    plugin: &Plugin,
    config: &ConfigMap,
    worker: &WorkerSettings,
) -> Result<(Converter, Converter, HeaderConverter), (&'static str, ConfigError)> {
    let found = |name: &'static str, kind: PluginKind| {
        let (class, own) = named_converter(name, config, worker);
        match framework::converter_class(plugin, class, kind) {
            Some(Class::Plugin(plugin)) => Ok((plugin.class, own)),
            _ => Err((name, ConfigError::unknown_class(name, class))),
        }
    };
    let of_record = |name: &'static str| {
        let (class, own) = found(name, PluginKind::Converter)?;
        Converter::configure(class, name == "key.converter", &own).map_err(|error| (name, error))
    };
    let (class, own) = found("header.converter", PluginKind::HeaderConverter)?;
    let headers = HeaderConverter::configure(class, &own).map_err(|error| ("header.converter", error))?;
    Ok((of_record("key.converter")?, of_record("value.converter")?, headers))
}

#[cfg(test)]
mod tests;
