//! The Kafka section of the configuration, as written and as checked.
//!
//! [`KafkaConfig`] is what a person writes. [`KafkaConfig::resolve`] reports every problem at once and gives [`KafkaSettings`],
//! from which each client's librdkafka properties are made: ours first, then the user's, then those that only we may set.
//!
//! Invariant: a property in [`OWNED_PROPERTIES`] never comes from the user, for the delivery promise rests on its value.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::error::Error;
use crate::native;

/// Where Kafka is and how to read it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// The brokers to ask first, each as `host:port`.
    pub brokers: Vec<String>,
    /// The consumer group. Default: `snowgate-` and the name of the pipeline.
    #[serde(default)]
    pub group: Option<String>,
    /// Where a partition starts when neither Snowflake nor the group knows an offset: `earliest` or `latest`.
    ///
    /// Default: `earliest`.
    #[serde(default)]
    pub start: Start,
    /// More librdkafka properties, passed on as they are: TLS, SASL, timeouts, sizes.
    ///
    /// They win over Snowgate's own choices, except over those that the delivery promise rests on.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// Where a partition starts that has no group offset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// At the oldest record that Kafka still holds.
    #[default]
    Earliest,
    /// At records that arrive from now on.
    Latest,
}

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field inside the section, such as `brokers` or `properties."fetch.max.bytes"`.
    pub field: String,
    pub message: String,
    pub hint: Option<String>,
}

/// The checked form of [`KafkaConfig`].
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// `host:port,host:port`.
    pub brokers: String,
    pub group: String,
    pub start: Start,
    /// The user's properties, in the order written. Values may be secrets.
    pub properties: Vec<(String, SecretString)>,
    /// What brokers' logs and quotas call us.
    pub client_id: String,
}

/// Properties that cannot be set, each with the reason.
pub const OWNED_PROPERTIES: &[(&str, &str)] = &[
    ("bootstrap.servers", "use `brokers`"),
    ("metadata.broker.list", "use `brokers`"),
    ("group.id", "use `group`"),
    ("auto.offset.reset", "use `start`; an offset that Kafka no longer holds is reported and never skipped silently"),
    ("enable.auto.commit", "the group offset follows what is in Snowflake"),
    ("auto.commit.enable", "the group offset follows what is in Snowflake"),
    ("auto.commit.interval.ms", "the group offset follows what is in Snowflake"),
    ("enable.auto.offset.store", "the group offset follows what is in Snowflake"),
    ("offset.store.method", "the group offset is kept by the brokers"),
    ("enable.partition.eof", "the end of a partition is not a record"),
    ("enable.idempotence", "dead letters are delivered once and in order"),
    ("acks", "a dead letter counts when every in-sync replica holds it"),
    ("request.required.acks", "a dead letter counts when every in-sync replica holds it"),
    ("transactional.id", "dead letters are delivered without a transaction"),
    ("plugin.library.paths", "foreign code is not loaded into the gateway"),
];

/// What we choose for a consumer where the user does not. Each split queue has its own limit, so memory is bounded by partitions
/// times (`queued.max.messages.kbytes` + one fetch).
const CONSUMER_DEFAULTS: &[(&str, &str)] = &[
    ("isolation.level", "read_committed"),
    ("check.crcs", "true"),
    // Two fetches. More of them only fill memory: records are read no faster.
    ("queued.max.messages.kbytes", "2048"),
    ("queued.min.messages", "20000"),
    // The default of a second would stall a partition that long each time its queue is full.
    ("fetch.queue.backoff.ms", "2"),
    ("fetch.max.bytes", "8388608"),
    ("max.partition.fetch.bytes", "1048576"),
    // A restart waits for an outstanding fetch, so this is also its latency.
    ("fetch.wait.max.ms", "100"),
    // How soon new partitions are found.
    ("topic.metadata.refresh.interval.ms", "60000"),
];

/// What we choose for the dead letter producer where the user does not.
const PRODUCER_DEFAULTS: &[(&str, &str)] = &[
    ("compression.type", "zstd"),
    ("linger.ms", "20"),
    ("queue.buffering.max.messages", "10000"),
    // 32 MiB of dead letters wait at most; one of them must fit, with room for its headers.
    ("queue.buffering.max.kbytes", "32768"),
    ("message.max.bytes", "32505856"),
];

/// Other names by which the user may set one of our defaults.
const ALIASES: &[(&str, &str)] = &[
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
    ("compression.codec", "compression.type"),
    ("queue.buffering.max.ms", "linger.ms"),
];

impl KafkaConfig {
    /// Checks everything and reports all that is wrong.
    pub fn resolve(&self, default_group: &str) -> Result<KafkaSettings, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.brokers.is_empty() {
            problems.push(Problem::new("brokers", "no broker is named", Some("write `brokers = [\"host:9092\"]`".to_string())));
        }
        for broker in self.brokers.iter().filter(|broker| !is_host_and_port(broker)) {
            problems.push(Problem::new("brokers", format!("`{broker}` is not `host:port`"), None));
        }
        let group = self.group.as_deref().unwrap_or(default_group);
        if group.trim().is_empty() {
            problems.push(Problem::new("group", "the group has no name", None));
        }
        for (property, value) in &self.properties {
            problems.extend(check_property(property, value));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(KafkaSettings {
            brokers: self.brokers.join(","),
            group: group.to_string(),
            start: self.start,
            properties: self.properties.iter().map(|(name, value)| (name.clone(), SecretString::from(value.clone()))).collect(),
            client_id: "snowgate".to_string(),
        })
    }
}

impl Problem {
    fn new(field: impl Into<String>, message: impl Into<String>, hint: Option<String>) -> Problem {
        Problem { field: field.into(), message: message.into(), hint }
    }
}

fn is_host_and_port(broker: &str) -> bool {
    broker.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && !host.contains(|c: char| c.is_whitespace() || c == ',' || c == '/')
            && port.parse::<u16>().is_ok_and(|port| port != 0)
    })
}

fn check_property(property: &str, value: &str) -> Option<Problem> {
    let field = format!("properties.\"{property}\"");
    if let Some((_, reason)) = OWNED_PROPERTIES.iter().find(|(owned, _)| *owned == property) {
        return Some(Problem::new(field, format!("`{property}` cannot be set: {reason}"), None));
    }
    let error = ClientConfig::new().set(property, value).create_native_config().err()?;
    match Error::of_creation(error, |_| String::new()) {
        Error::PropertyUnknown { .. } => {
            let known = native::property_names();
            let near = known
                .iter()
                .map(|name| (strsim::damerau_levenshtein(name, property), name))
                .min()
                .filter(|(distance, _)| *distance <= property.len() / 3)
                .map(|(_, name)| format!("did you mean `{name}`?"));
            Some(Problem::new(field, format!("librdkafka has no property `{property}`"), near))
        }
        error => Some(Problem::new(field, error.to_string(), None)),
    }
}

impl KafkaSettings {
    /// For a member of the group.
    pub(crate) fn consumer(&self) -> ClientConfig {
        let mut config = self.with_defaults(CONSUMER_DEFAULTS);
        // librdkafka refuses a client-side strategy beside the group protocol in which the broker assigns.
        let chosen = |name: &str| self.properties.iter().any(|(property, _)| property == name);
        if !chosen("partition.assignment.strategy") && !chosen("group.protocol") {
            config.set("partition.assignment.strategy", "cooperative-sticky");
        }
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "false");
        config
    }

    /// For a client that only looks: no group, no records.
    pub(crate) fn observer(&self) -> ClientConfig {
        let mut config = self.with_defaults(&[]);
        for member_only in ["group.instance.id", "group.protocol", "group.remote.assignor", "partition.assignment.strategy"] {
            config.remove(member_only);
        }
        config
    }

    /// For dead letters.
    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.with_defaults(PRODUCER_DEFAULTS);
        config.set("enable.idempotence", "true").set("acks", "all");
        config
    }

    fn with_defaults(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", &self.client_id);
        for (property, value) in defaults {
            config.set(*property, *value);
        }
        for (property, value) in &self.properties {
            // Properties reach librdkafka in no order, so an alias of ours must go, or either may win.
            if let Some((_, ours)) = ALIASES.iter().find(|(alias, _)| alias == property) {
                config.remove(ours);
            }
            config.set(property, value.expose_secret());
        }
        config.set("bootstrap.servers", &self.brokers);
        config.set_log_level(log_level());
        config
    }

    /// `text` without any secret property's value.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut clean = text.to_string();
        for (property, value) in &self.properties {
            let secret = ["password", "secret", "key", "token", "oauthbearer"].iter().any(|mark| property.contains(mark));
            if secret && !value.expose_secret().is_empty() {
                clean = clean.replace(value.expose_secret(), "…");
            }
        }
        clean
    }
}

/// The level at which librdkafka need not even make a line.
fn log_level() -> RDKafkaLogLevel {
    if tracing::enabled!(target: "librdkafka", tracing::Level::DEBUG) { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<KafkaConfig, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    fn settings(properties: &[(&str, &str)]) -> KafkaSettings {
        let mut config = parse(r#"{"brokers": ["a:1", "[::1]:9092"]}"#).unwrap();
        config.properties = properties.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        config.resolve("crypto").unwrap()
    }

    #[test]
    fn a_bare_section_gets_the_pipelines_group_and_starts_at_the_earliest_record() {
        let settings = settings(&[]);
        assert_eq!(
            (settings.brokers.as_str(), settings.group.as_str(), settings.start),
            ("a:1,[::1]:9092", "crypto", Start::Earliest)
        );
    }

    #[test]
    fn every_problem_is_reported_at_once_and_names_its_field() {
        let config = parse(
            r#"{"brokers": ["kafka", "a:0", "http://a:1"], "group": " ", "start": "latest", "properties":
                {"enable.auto.commit": "true", "fetch.max.byte": "1", "sasl.mechanism": "PLAIN", "check.crcs": "perhaps"}}"#,
        );
        let problems = config.unwrap().resolve("g").unwrap_err();
        let told: Vec<String> = problems.iter().map(|p| format!("{}: {} {:?}", p.field, p.message, p.hint)).collect();
        assert_eq!(
            told,
            [
                "brokers: `kafka` is not `host:port` None",
                "brokers: `a:0` is not `host:port` None",
                "brokers: `http://a:1` is not `host:port` None",
                "group: the group has no name None",
                "properties.\"check.crcs\": librdkafka does not take the value of property `check.crcs` None",
                "properties.\"enable.auto.commit\": `enable.auto.commit` cannot be set: the group offset follows what is in Snowflake None",
                "properties.\"fetch.max.byte\": librdkafka has no property `fetch.max.byte` Some(\"did you mean `fetch.max.bytes`?\")",
            ]
        );
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(parse(r#"{"brokers": ["a:1"], "grp": "x"}"#).unwrap_err().contains("unknown field `grp`"));
    }

    #[test]
    fn the_users_property_wins_over_ours_also_by_its_other_name() {
        let config = settings(&[("check.crcs", "false"), ("fetch.message.max.bytes", "70000")]).consumer();
        assert_eq!(config.get("check.crcs"), Some("false"));
        let native = config.create_native_config().unwrap();
        assert_eq!(native.get("max.partition.fetch.bytes").unwrap(), "70000");
        assert_eq!(native.get("isolation.level").unwrap(), "read_committed");
    }

    #[test]
    fn offsets_are_never_committed_or_reset_by_librdkafka_itself() {
        let native = settings(&[]).consumer().create_native_config().unwrap();
        for (property, value) in
            [("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"), ("enable.partition.eof", "false")]
        {
            assert_eq!(native.get(property).unwrap(), value, "{property}");
        }
        assert_eq!(settings(&[]).consumer().get("auto.offset.reset"), Some("error"));
    }

    #[test]
    fn partitions_move_one_by_one_unless_the_user_chose_another_way() {
        assert_eq!(settings(&[]).consumer().get("partition.assignment.strategy"), Some("cooperative-sticky"));
        assert_eq!(settings(&[("group.protocol", "consumer")]).consumer().get("partition.assignment.strategy"), None);
        let range = settings(&[("partition.assignment.strategy", "range")]);
        assert_eq!(range.consumer().get("partition.assignment.strategy"), Some("range"));
    }

    #[test]
    fn every_owned_property_is_one_that_librdkafka_knows() {
        for (property, _) in OWNED_PROPERTIES {
            let error = ClientConfig::new().set(*property, "-").create_native_config().err();
            let unknown = error.is_some_and(|e| matches!(Error::of_creation(e, str::to_string), Error::PropertyUnknown { .. }));
            assert!(!unknown, "{property}");
        }
    }

    #[test]
    fn secrets_stay_out_of_debug_output_and_of_scrubbed_text() {
        let settings = settings(&[("sasl.password", "canary-1"), ("ssl.key.pem", "canary-2")]);
        assert!(!format!("{settings:?}").contains("canary"));
        assert_eq!(settings.scrub("key canary-2 and canary-1"), "key … and …");
    }
}
