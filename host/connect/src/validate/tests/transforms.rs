//! Kafka's own answers for a connector with one key, against those of the framework's part; and steps that only we know.

use super::*;
use crate::plugins::{Plugin, PluginKind};

const FILE_SINK: Plugin =
    Plugin { class: "org.apache.kafka.connect.file.FileStreamSinkConnector", kind: PluginKind::Sink, version: Some("4.3.1") };

fn answered(config: &ConfigMap) -> ConfigInfos {
    let own = [Key::new("file", Kind::String, Default::Null, Importance::High, "")];
    declared(&FILE_SINK, &own, config, &worker())
}

/// The recorded scenarios that begin so: name, request, response.
fn recorded(prefix: &str) -> Vec<(String, Value, Value)> {
    let folder = format!("{}/../../tests/fixtures/connect/captures", env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        if name.starts_with(prefix) {
            let scenario: Value = serde_json::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
            let step = scenario["steps"][0].clone();
            all.push((name.trim_end_matches(".json").to_owned(), step["request"].clone(), step["response"].clone()));
        }
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// The configuration in a request, as long as it is one for the connector with one key.
fn posted(request: &Value) -> Option<ConfigMap> {
    let body: Value = serde_json::from_str(request["body"].as_str()?).ok()?;
    let mut config = body.get("config").unwrap_or(&body).as_object()?.clone();
    if let Some(name) = body.get("config").and(body.get("name")) {
        config.insert("name".to_owned(), name.clone());
    }
    let text = |value: Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    let config: ConfigMap = config.into_iter().map(|(key, value)| (key, text(value))).collect();
    [FILE_SINK.class, "FileStreamSink"].contains(&config.get("connector.class")?.as_deref()?).then_some(config)
}

fn comparable(infos: &Value) -> Value {
    let mut infos = infos.clone();
    for config in infos["configs"].as_array_mut().unwrap() {
        config["definition"].as_object_mut().map(|definition| definition.shift_remove("documentation"));
        let recommended = config["value"]["recommended_values"].as_array_mut().unwrap();
        recommended.retain(|class| class != plugins::WASM_PLUGIN);
    }
    infos
}

#[test]
fn a_sink_is_validated_as_kafka_validates_it() {
    let mut compared = 0;
    for (name, request, response) in recorded("validate-") {
        let Some(config) = posted(&request).filter(|_| response["status"] == 200) else { continue };
        assert_eq!(comparable(&serde_json::to_value(answered(&config)).unwrap()), comparable(&response["json"]), "{name}");
        compared += 1;
    }
    assert_eq!(compared, 14);
}

#[test]
fn a_wrong_sink_is_refused_in_kafkas_words() {
    let mut compared = 0;
    for (name, request, response) in recorded("invalid-") {
        // It names a connector that we do not have; the same is asked of ours below.
        let Some(config) = posted(&request).filter(|_| name != "invalid-value-converter-not-converter") else { continue };
        let message = response["json"]["message"].as_str().unwrap_or_default();
        let first = "Connector configuration is invalid and contains the following ";
        let Some(message) = message.strip_prefix(first) else { continue };
        let errors = message.split_once("error(s):\n").unwrap().1.split("\nYou can also find").next().unwrap();
        assert_eq!(answered(&config).errors().join("\n"), errors, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 35);
}

#[test]
fn a_class_of_another_kind_is_refused_for_what_it_is_not() {
    let (key, error) = only_error(&with(streaming(), &[("value.converter", plugins::SINK_V3)]));
    assert_eq!(key, "value.converter");
    assert_eq!(error, format!("Class class {} does not implement the Converter interface", plugins::SINK_V3));
}

#[test]
fn a_wasm_plugin_may_stand_before_or_after_all_transforms_but_not_between() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let filter = "org.apache.kafka.connect.transforms.Filter";
    let wasm = [
        ("transforms.w.type", plugins::WASM_PLUGIN),
        ("transforms.w.path", path),
        ("transforms.a.type", filter),
        ("transforms.b.type", filter),
    ];
    for order in ["w", "w,a", "a,w", "w,a,b", "a,b,w"] {
        let config = with(with(streaming(), &wasm), &[("transforms", order)]);
        assert_eq!(validate(&config, &worker()).unwrap().errors(), Vec::<String>::new(), "{order}");
    }
    let (key, error) = only_error(&with(with(streaming(), &wasm), &[("transforms", "a,w,b")]));
    assert_eq!(key, "transforms.b.type");
    assert!(error.contains("WASM plugins must come before all other transforms or after all of them"), "{error}");
}

#[test]
fn a_wasm_plugin_needs_a_file_that_is_there_and_a_configuration_that_is_json() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let wasm = with(streaming(), &[("transforms", "w"), ("transforms.w.type", plugins::WASM_PLUGIN)]);
    for (pairs, key, part) in [
        (&[][..], "transforms.w.path", "Missing required configuration \"transforms.w.path\""),
        (&[("transforms.w.path", "/no/such.wasm")], "transforms.w.path", "there is no such file"),
        (&[("transforms.w.path", path), ("transforms.w.config", "{")], "transforms.w.config", "is not JSON"),
        (
            &[("transforms.w.path", path), ("transforms.w.config", "{}"), ("transforms.w.config.a", "1")],
            "transforms.w.config",
            "one of them is enough",
        ),
        (&[("transforms.w.path", path), ("transforms.w.predicate", "p")], "transforms.w.predicate", "chooses its records itself"),
        (&[("transforms.w.path", path), ("transforms.w.sha256", "5f1c")], "transforms.w.sha256", "is no SHA-256"),
        (
            &[("transforms.w.path", path), ("transforms.w.allow", "log,net")],
            "transforms.w.allow",
            "there are log and metrics to allow",
        ),
    ] {
        let (found, error) = only_error(&with(wasm.clone(), pairs));
        assert_eq!(found, key);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_wasm_plugin_may_be_named_from_a_folder_of_the_plugin_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("round.wasm"), "").unwrap();
    let config =
        with(streaming(), &[("transforms", "w"), ("transforms.w.type", plugins::WASM_PLUGIN), ("transforms.w.path", "round.wasm")]);
    assert!(only_error(&config).1.contains("there is no such file"));
    let mut worker = worker();
    worker.plugin_path.push(folder.path().to_owned());
    assert_eq!(validate(&config, &worker).unwrap().errors(), Vec::<String>::new());
}

/// Connectors with `count` routers, all behind a predicate of this class.
fn routers_behind(predicate: &str, count: usize) -> ConfigMap {
    let names: Vec<String> = (0..count).map(|n| format!("r{n}")).collect();
    let class = format!("org.apache.kafka.connect.transforms.predicates.{predicate}");
    let pairs =
        [("predicates", "p"), ("predicates.p.type", &class), ("predicates.p.pattern", "a.*"), ("transforms", &names.join(","))];
    let mut config = with(streaming(), &pairs);
    for name in names {
        let mut set = |key: &str, value: &str| config.insert(format!("transforms.{name}.{key}"), Some(value.to_owned()));
        set("type", "org.apache.kafka.connect.transforms.RegexRouter");
        set("regex", "a(.*)");
        set("replacement", "b$1");
        set("predicate", "p");
    }
    config
}

#[test]
fn routers_behind_predicates_may_lead_to_as_many_tables_as_there_are_channels_for() {
    for config in [routers_behind("RecordIsTombstone", 5), routers_behind("TopicNameMatches", 40)] {
        assert_eq!(validate(&config, &worker()).unwrap().errors(), Vec::<String>::new());
    }
    let (key, error) = only_error(&routers_behind("RecordIsTombstone", 6));
    assert_eq!(key, "transforms.r5.type");
    assert!(error.contains("to 64 tables, and 33 are the most"), "{error}");
}

#[test]
fn topics_without_end_need_a_map_that_names_their_tables() {
    let router = "org.apache.kafka.connect.transforms.TimestampRouter";
    let base = with(streaming(), &[("transforms", "r"), ("transforms.r.type", router)]);
    let (key, error) = only_error(&base);
    assert_eq!(key, "transforms.r.type");
    assert!(error.contains("no map that names their tables: name the tables in snowflake.topic2table.map"), "{error}");
    let map = "snowflake.topic2table.map";
    let mapped = with(base.clone(), &[(map, "orders-.*:ORDERS")]);
    assert_eq!(validate(&mapped, &worker()).unwrap().errors(), Vec::<String>::new());
    let many: Vec<String> = (0..33).map(|n| format!("t{n}-.*:T{n}")).collect();
    let (key, error) = only_error(&with(base, &[(map, &many.join(","))]));
    assert_eq!(key, "transforms.r.type");
    assert!(error.contains("to 34 tables, and 33 are the most"), "{error}");
}

#[test]
fn what_a_changed_routing_does_is_one_of_two_words() {
    for choice in ["block", "accept"] {
        let config = with(streaming(), &[("snowgate.on.routing.change", choice)]);
        assert_eq!(validate(&config, &worker()).unwrap().error_count(), 0);
    }
    let (key, error) = only_error(&with(streaming(), &[("snowgate.on.routing.change", "ignore")]));
    assert_eq!(
        (&*key, &*error),
        ("snowgate.on.routing.change", "snowgate.on.routing.change is ignore, and can be block or accept")
    );
}

#[test]
fn a_class_that_is_not_here_is_refused_with_what_to_use_instead() {
    for (class, hint) in [
        ("io.confluent.connect.transforms.TopicRegexRouter", "Use org.apache.kafka.connect.transforms.RegexRouter"),
        ("io.confluent.connect.transforms.TombstoneHandler", "RecordIsTombstone"),
        ("io.confluent.connect.transforms.ExtractTopic$Value", "the topic must not follow from a value"),
        ("io.debezium.transforms.ExtractNewRecordState", "transforms.NAME.type=snowgate.plugin"),
        ("org.apache.kafka.connect.transforms.RegexpRouter", "Did you mean org.apache.kafka.connect.transforms.RegexRouter?"),
    ] {
        let (key, error) = only_error(&with(streaming(), &[("transforms", "a"), ("transforms.a.type", class)]));
        assert_eq!(key, "transforms.a.type");
        let first = format!("Invalid value {class} for configuration transforms.a.type: Class {class} could not be found.");
        assert!(error.starts_with(&first) && error.contains(hint), "{error}");
    }
    let (key, error) = only_error(&with(streaming(), &[("value.converter", "io.confluent.connect.avro.AvroConverter")]));
    assert_eq!(key, "value.converter");
    assert!(error.contains("could not be found. io.confluent.connect.avro.AvroConverter is not supported"), "{error}");
}

#[test]
fn a_transform_with_a_predicate_that_is_not_listed_is_refused() {
    let filter =
        [("transforms", "a"), ("transforms.a.type", "org.apache.kafka.connect.transforms.Filter"), ("transforms.a.predicate", "p")];
    let (key, error) = only_error(&with(streaming(), &filter));
    assert_eq!(key, "transforms.a.predicate");
    assert!(error.contains("which is not among the predicates"), "{error}");
}
