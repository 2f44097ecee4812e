//! The vectors: what the original makes of a record, as JSON in which every scalar carries its type.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use snowgate_record::TimestampType;

use crate::config_def::{ConfigError, ConfigMap, Default, Key};
use crate::data::{ConnectRecord, DataError, Field, Schema, SchemaAndValue, Type, Value};

pub(crate) struct File {
    pub(crate) class: String,
    /// Name, type and default of each.
    pub(crate) keys: Vec<(String, String, Option<String>)>,
    pub(crate) vectors: Vec<Vector>,
}

pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) class: String,
    pub(crate) config: ConfigMap,
    pub(crate) input: ConnectRecord,
    pub(crate) expected: Outcome,
}

/// Compared as text, for NaN is itself here, and maps are put in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Record(String),
    Dropped,
    Tested(bool),
    Error { stage: String, class: String, message: String },
}

impl Outcome {
    pub(crate) fn of_apply(applied: Result<Option<ConnectRecord>, DataError>) -> Outcome {
        match applied {
            Ok(Some(record)) => Outcome::Record(shown(record)),
            Ok(None) => Outcome::Dropped,
            Err(error) => Outcome::error("apply", error.exception, &error.message),
        }
    }

    pub(crate) fn configure_error(error: ConfigError) -> Outcome {
        Outcome::error("configure", "org.apache.kafka.common.config.ConfigException", &error.0)
    }

    /// What the virtual machine says of a null is its own, and so are the classes of lists and maps.
    fn error(stage: &str, class: &str, message: &str) -> Outcome {
        let message = message
            .replace("java.util.ImmutableCollections$List12", "java.util.ArrayList")
            .replace("java.util.ImmutableCollections$Map1", "java.util.HashMap")
            .replace("java.util.LinkedHashMap", "java.util.HashMap");
        let message = if class == "java.lang.NullPointerException" { String::new() } else { message };
        Outcome::Error { stage: stage.to_owned(), class: class.to_owned(), message }
    }

    pub(crate) fn is_same_kind(&self, other: &Outcome) -> bool {
        match (self, other) {
            (Outcome::Error { stage, class, .. }, Outcome::Error { stage: other_stage, class: other_class, .. }) => {
                stage == other_stage && class == other_class
            }
            _ => self == other,
        }
    }
}

impl File {
    pub(crate) fn read(name: &str) -> File {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/fixtures/connect/smt-vectors/{name}.json"));
        let json: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let class = text(&json["class"]);
        let keys = json["config_def"].as_array().unwrap().iter().map(|key| {
            let default = key["default"].as_str().map(|default| if default == "[]" { String::new() } else { default.to_owned() });
            (
                text(&key["name"]),
                text(&key["type"]),
                if key.get("required").is_some() { Some("required".to_owned()) } else { default },
            )
        });
        let keys = keys.collect();
        let vectors = json["vectors"].as_array().unwrap().iter().map(|vector| Vector::read(vector, &class)).collect();
        File { class, keys, vectors }
    }

    pub(crate) fn shown_keys(&self, keys: Vec<Key>) -> Vec<(String, String, Option<String>)> {
        let shown = |key: Key| {
            let default = match key.default {
                Default::Required => Some("required".to_owned()),
                Default::Null => None,
                Default::Text(text) => Some(text.into_owned()),
            };
            (key.name.into_owned(), key.kind.as_str().to_owned(), default)
        };
        keys.into_iter().map(shown).collect()
    }
}

impl Vector {
    fn read(json: &Json, class: &str) -> Vector {
        let error = &json["error"];
        let expected = match (json.get("output"), json.get("result")) {
            (Some(Json::Null), _) => Outcome::Dropped,
            (Some(record_json), _) => Outcome::Record(shown(record(record_json))),
            (_, Some(result)) => Outcome::Tested(result.as_bool().unwrap()),
            _ => Outcome::error(&text(&error["stage"]), &text(&error["class"]), &text(&error["message"])),
        };
        let config =
            json["config"].as_object().unwrap().iter().map(|(key, value)| (key.clone(), value.as_str().map(str::to_owned)));
        Vector {
            id: text(&json["id"]),
            class: json["class"].as_str().unwrap_or(class).to_owned(),
            config: config.collect(),
            input: record(&json["input"]),
            expected,
        }
    }
}

pub(crate) fn config(pairs: &[(&str, &str)]) -> ConfigMap {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
}

fn text(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}

fn record(json: &Json) -> ConnectRecord {
    ConnectRecord {
        topic: text(&json["topic"]).into(),
        partition: json["partition"].as_i64().unwrap() as i32,
        offset: json["offset"].as_i64().unwrap(),
        timestamp: json["timestamp"].as_i64(),
        timestamp_type: match json["timestamp_type"].as_str().unwrap() {
            "CREATE_TIME" => TimestampType::CreateTime,
            "LOG_APPEND_TIME" => TimestampType::LogAppendTime,
            _ => TimestampType::NotAvailable,
        },
        key: with_schema(&json["key"]),
        value: with_schema(&json["value"]),
        headers: json["headers"].as_array().unwrap().iter().map(|header| (text(&header["name"]), with_schema(header))).collect(),
    }
}

fn with_schema(json: &Json) -> SchemaAndValue {
    let schema = (!json["schema"].is_null()).then(|| Arc::new(schema(&json["schema"])));
    SchemaAndValue { value: value(&json["value"], schema.as_ref()), schema }
}

fn schema(json: &Json) -> Schema {
    let kind = match json["type"].as_str().unwrap() {
        "int8" => Type::Int8,
        "int16" => Type::Int16,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "float32" => Type::Float32,
        "float64" => Type::Float64,
        "boolean" => Type::Boolean,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "array" => Type::Array,
        "map" => Type::Map,
        "struct" => Type::Struct,
        other => panic!("{other} is no type"),
    };
    let nested = |json: &Json| (!json.is_null()).then(|| Arc::new(schema(json)));
    let fields = json["fields"].as_array().into_iter().flatten();
    let mut read = Schema {
        optional: json["optional"].as_bool().unwrap(),
        name: json["name"].as_str().map(str::to_owned),
        version: json["version"].as_i64().map(|version| version as i32),
        doc: json["doc"].as_str().map(str::to_owned),
        parameters: json["parameters"].as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect(),
        fields: fields.map(|field| Field { name: text(&field["field"]), schema: Arc::new(schema(&field["schema"])) }).collect(),
        keys: nested(&json["keys"]),
        values: nested(&json["values"]),
        ..Schema::of(kind)
    };
    let bare = Arc::new(read.clone());
    read.default = json.get("default").filter(|default| !default.is_null()).map(|default| value(default, Some(&bare)));
    read
}

fn value(json: &Json, schema: Option<&Arc<Schema>>) -> Value {
    let Json::Object(tagged) = json else { return Value::Null };
    let (tag, content) = tagged.iter().next().unwrap();
    let parsed = || content.as_str().unwrap();
    let items = schema.and_then(|schema| schema.values.as_ref());
    match tag.as_str() {
        "i8" => Value::Int8(parsed().parse().unwrap()),
        "i16" => Value::Int16(parsed().parse().unwrap()),
        "i32" => Value::Int32(parsed().parse().unwrap()),
        "i64" => Value::Int64(parsed().parse().unwrap()),
        "f32" => Value::Float32(parsed().parse().unwrap()),
        "f64" => Value::Float64(parsed().parse().unwrap()),
        "bool" => Value::Boolean(content.as_bool().unwrap()),
        "str" => Value::String(text(content)),
        "bytes" => Value::Bytes(STANDARD.decode(parsed()).unwrap()),
        "decimal" => Value::Decimal(parsed().parse().unwrap()),
        "bigint" => Value::BigInt(parsed().parse().unwrap()),
        "date_ms" => Value::Date(parsed().parse().unwrap()),
        "list" => Value::List(content.as_array().unwrap().iter().map(|item| value(item, items)).collect()),
        "map" => Value::Map(
            content.as_object().unwrap().iter().map(|(key, item)| (Value::String(key.clone()), value(item, items))).collect(),
        ),
        "struct" => {
            let schema = schema.expect("a struct has a schema");
            let fields = content.as_object().unwrap();
            let names: Vec<&String> = fields.keys().collect();
            assert_eq!(names, schema.fields.iter().map(|field| &field.name).collect::<Vec<_>>());
            let values = schema.fields.iter().map(|field| value(&fields[&field.name], Some(&field.schema)));
            Value::Struct(schema.clone(), values.collect())
        }
        other => panic!("{other} is no kind of value"),
    }
}

fn shown(mut record: ConnectRecord) -> String {
    sort(&mut record.key.value);
    sort(&mut record.value.value);
    record.headers.iter_mut().for_each(|(_, header)| sort(&mut header.value));
    format!("{record:?}")
}

fn sort(value: &mut Value) {
    match value {
        Value::List(items) | Value::Struct(_, items) => items.iter_mut().for_each(sort),
        Value::Map(entries) => {
            entries.iter_mut().for_each(|(_, value)| sort(value));
            entries.sort_by_key(|(key, _)| format!("{key:?}"));
        }
        _ => {}
    }
}
