//! The original's answers, replayed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::{ConfigInfos, Definition, declared, validate};
use crate::config_def::{ConfigMap, Default, Importance, Key, Kind};
use crate::worker::{OverridePolicy, WorkerSettings, from_properties};
use crate::{converter, plugins};

pub(crate) mod differences;
mod original;
mod transforms;

pub(crate) fn worker() -> WorkerSettings {
    let properties = [
        ("bootstrap.servers", "localhost:9092"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ];
    from_properties(config(&properties)).unwrap()
}

pub(crate) fn config(pairs: &[(&str, &str)]) -> ConfigMap {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
}

pub(crate) fn key(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../../tests/fixtures/connect/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A configuration of version 3 that streams, with nothing wrong.
pub(crate) fn streaming() -> ConfigMap {
    let mut config = config(&[
        ("name", "sink"),
        ("connector.class", plugins::SINK_V3),
        ("topics", "orders"),
        ("snowflake.url.name", "acct.region.snowflakecomputing.com"),
        ("snowflake.user.name", "LOADER"),
        ("snowflake.database.name", "DB"),
        ("snowflake.schema.name", "PUBLIC"),
        ("snowflake.role.name", "LOADER"),
        ("snowflake.ingestion.method", "SNOWPIPE_STREAMING"),
    ]);
    config.insert("snowflake.private.key".to_owned(), Some(key("pkcs8")));
    config
}

/// `config` with some keys set, or taken out where the text is `-`.
pub(crate) fn with(mut config: ConfigMap, pairs: &[(&str, &str)]) -> ConfigMap {
    for (key, value) in pairs {
        match *value {
            "-" => config.shift_remove(*key),
            value => config.insert((*key).to_owned(), Some(value.to_owned())),
        };
    }
    config
}

/// The errors, each with its key.
pub(crate) fn errors(infos: &ConfigInfos) -> Vec<(String, String)> {
    let of_one = |config: &super::ConfigInfo| {
        config.value.errors.iter().map(|error| (config.value.name.clone(), error.clone())).collect::<Vec<_>>()
    };
    infos.configs.iter().flat_map(of_one).collect()
}

fn only_error(config: &ConfigMap) -> (String, String) {
    let infos = validate(config, &worker()).unwrap();
    let errors = errors(&infos);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(infos.error_count(), 1);
    errors.into_iter().next().unwrap()
}

#[test]
fn a_configuration_without_a_known_class_cannot_be_validated_and_shows_no_secret() {
    let mut config = streaming();
    config.shift_remove("connector.class");
    let error = validate(&config, &worker()).unwrap_err();
    let (status, message) = error.when_creating();
    assert_eq!(status, 400);
    assert!(message.starts_with("Connector config {") && message.ends_with("} contains no connector type"), "{message}");
    assert!(message.contains("snowflake.private.key=[hidden]") && !message.contains("MII"), "{message}");
    assert_eq!(error.when_validating().0, 500);

    let small =
        [("name", "c"), ("tasks.max", "1"), ("topics", "cap_t"), ("file", "cap.out"), ("value.converter", "x.StringConverter")];
    let message = validate(&self::config(&small), &worker()).unwrap_err().to_string();
    assert_eq!(
        message,
        "Connector config {name=c, file=cap.out, value.converter=x.StringConverter, tasks.max=1, topics=cap_t} contains no connector type"
    );

    let unknown = with(streaming(), &[("connector.class", "com.example.Nope")]);
    let message = validate(&unknown, &worker()).unwrap_err().to_string();
    let first = "Failed to find any class that implements Connector and which name matches com.example.Nope, available connectors are: PluginDesc{klass=class com.snowflake";
    assert!(message.starts_with(first), "{message}");
}

#[test]
fn a_connector_answers_to_three_names() {
    for (name, class) in [
        (plugins::SINK_V3, plugins::SINK_V3),
        ("SnowflakeSinkConnector", plugins::SINK_V3),
        ("SnowflakeSink", plugins::SINK_V3),
        ("SnowflakeStreamingSink", plugins::SINK_V4),
    ] {
        assert_eq!(plugins::connector(name).unwrap().class, class);
    }
    assert_eq!(plugins::connector("Snowflake"), None);
    assert_eq!(plugins::connector("org.apache.kafka.connect.transforms.Filter"), None);
}

#[test]
fn what_snowflake_complains_of_is_added_to_its_key() {
    let mut infos = validate(&streaming(), &worker()).unwrap();
    assert_eq!((infos.error_count(), infos.errors()), (0, Vec::new()));
    infos.add("snowflake.database.name", "snowflake.database.name database does not exist");
    assert_eq!(
        errors(&infos),
        [("snowflake.database.name".to_owned(), "snowflake.database.name database does not exist".to_owned())]
    );
    let json = serde_json::to_value(&infos).unwrap();
    assert_eq!(json["error_count"], 1);
}

#[test]
fn a_null_value_is_an_error_where_kafka_says_so() {
    let mut config = streaming();
    config.insert("topics.regex".to_owned(), None);
    config.insert("some.key".to_owned(), None);
    let message = "Null value can not be supplied as the configuration value.".to_owned();
    let infos = validate(&config, &worker()).unwrap();
    assert_eq!(errors(&infos), [("some.key".to_owned(), message.clone()), ("topics.regex".to_owned(), message)]);
    assert!(serde_json::to_value(&infos).unwrap()["configs"][0]["definition"].is_null());
}

#[test]
fn file_mode_needs_no_role_and_takes_snowflakes_own_json_converter() {
    let file = with(
        streaming(),
        &[("snowflake.ingestion.method", "-"), ("snowflake.role.name", "-"), ("value.converter", converter::SNOWFLAKE_JSON)],
    );
    assert_eq!(validate(&file, &worker()).unwrap().errors(), Vec::<String>::new());
}

#[test]
fn a_key_that_stands_elsewhere_is_not_looked_at() {
    for reference in ["${file:/run/secrets/sf:key}", "x${env:KEY}"] {
        let config = with(streaming(), &[("snowflake.private.key", reference)]);
        assert_eq!(validate(&config, &worker()).unwrap().error_count(), 0);
    }
    let (key, _) = only_error(&with(streaming(), &[("snowflake.private.key", "${1:x}")]));
    assert_eq!(key, "snowflake.private.key");
}

#[test]
fn a_configuration_made_for_version_4_runs_as_it_says() {
    let version_4 = [("connector.class", plugins::SINK_V4), ("snowflake.ingestion.method", "-")];
    assert_eq!(validate(&with(streaming(), &version_4), &worker()).unwrap().errors(), Vec::<String>::new());
    let strict = with(with(streaming(), &version_4), &[("snowflake.streaming.classic.offset.migration", "strict")]);
    let (key, error) = only_error(&strict);
    assert_eq!(key, "snowflake.streaming.classic.offset.migration");
    assert!(error.contains("must be skip or best_effort"), "{error}");
}

#[test]
fn a_wrong_override_is_an_exception_and_a_forbidden_one_an_error() {
    let wrong = with(streaming(), &[("consumer.override.max.poll.records", "many")]);
    let error = validate(&wrong, &worker()).unwrap_err();
    let message = "Invalid value many for configuration max.poll.records: Not a number of type INT";
    assert_eq!(error.when_creating(), (500, message.to_owned()));
    assert_eq!(error.when_validating(), (500, format!("org.apache.kafka.common.config.ConfigException: {message}")));

    let mut strict = worker();
    strict.override_policy = OverridePolicy::None;
    let infos = validate(&with(streaming(), &[("consumer.override.max.poll.records", "10")]), &strict).unwrap();
    let message = "The 'None' policy does not allow 'max.poll.records' to be overridden in the connector configuration.";
    assert_eq!(errors(&infos), [("consumer.override.max.poll.records".to_owned(), message.to_owned())]);
}

#[test]
fn a_converter_that_cannot_be_configured_is_found_at_once() {
    let content =
        [("value.converter", converter::JSON), ("value.converter.schemas.enable", "true"), ("value.converter.schema.content", "{")];
    let (key, _) = only_error(&with(streaming(), &content));
    assert_eq!(key, "value.converter");
}
