use std::collections::BTreeSet;

use serde_json::Value;

use super::OPENAPI;

const OPERATIONS: &str = "
    get /
    get /health
    get /connectors
    post /connectors
    get /connectors/{connector}
    delete /connectors/{connector}
    get /connectors/{connector}/config
    put /connectors/{connector}/config
    patch /connectors/{connector}/config
    get /connectors/{connector}/status
    post /connectors/{connector}/restart
    put /connectors/{connector}/pause
    put /connectors/{connector}/resume
    put /connectors/{connector}/stop
    get /connectors/{connector}/tasks
    get /connectors/{connector}/tasks/{task}/status
    post /connectors/{connector}/tasks/{task}/restart
    get /connectors/{connector}/topics
    put /connectors/{connector}/topics/reset
    get /connectors/{connector}/offsets
    patch /connectors/{connector}/offsets
    delete /connectors/{connector}/offsets
    get /connector-plugins
    get /connector-plugins/{plugin}/config
    put /connector-plugins/{plugin}/config/validate
    get /admin/loggers
    get /admin/loggers/{logger}
    put /admin/loggers/{logger}
    get /livez
    get /readyz
    get /metrics
    get /ui
    get /ui/data
    get /openapi.json
";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

#[test]
fn every_operation_of_the_interface_is_described_and_no_other() {
    let document = document();
    let expected: BTreeSet<String> =
        OPERATIONS.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| METHODS.contains(&key.as_str())) {
            described.insert(format!("{method} {path}"));
        }
    }
    assert_eq!(described, expected);
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    let document = document();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("references stay in the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[test]
fn each_operation_has_its_own_id_and_every_parameter_of_its_path() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let declared: Vec<&str> = item["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| document.pointer(&parameter["$ref"].as_str().unwrap()[1..]).unwrap()["name"].as_str().unwrap())
            .collect();
        let in_path: Vec<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, in_path, "{path}");
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| METHODS.contains(&key.as_str())) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path} has no success");
        }
    }
}
