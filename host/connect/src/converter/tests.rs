//! Every vector of what the real converters do, and where ours do otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::data::{Schema, Type, Value};
use crate::java_number::decimal_text;

/// What differs on purpose: vector, what we make of it, why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("plain-int-beyond", r#"{"schema":null,"value":{"bigint":"9223372036854775808"}}"#, "the original wraps to another number"),
    ("plain-int-20-digits", r#"{"schema":null,"value":{"bigint":"12345678901234567890"}}"#, "the original wraps to another number"),
    (
        "plain-int-30-digits",
        r#"{"schema":null,"value":{"bigint":"123456789012345678901234567890"}}"#,
        "the original wraps to another number",
    ),
    (
        "plain-float-many-digits",
        r#"{"schema":null,"value":{"decimal":"0.1234567890123456789"}}"#,
        "a double loses digits, so the number stays a decimal",
    ),
    ("plain-float-exp-big", r#"{"schema":null,"value":{"decimal":"1E+400"}}"#, "the original makes it infinite"),
    (
        "plain-decimal-numeric",
        r#"{"schema":null,"value":{"map":{"a":{"f64":"1.5"},"b":{"decimal":"123456789012345678901234567890.5"}}}}"#,
        "a double loses digits, so the number stays a decimal",
    ),
    (
        "plain-text-lone-surrogate",
        "org.apache.kafka.connect.errors.DataException: Converting byte[] to Kafka Connect data failed due to serialization error: \
         half of a surrogate pair stands alone at byte 7",
        "it is no text in UTF-8, and Snowflake would get a question mark in its place",
    ),
    (
        "header-1.23456789012345678901234567890",
        r#"{"schema":{"name":"org.apache.kafka.connect.data.Decimal","optional":false,"parameters":{"scale":"29"},"type":"bytes","version":1},"value":{"decimal":"1.23456789012345678901234567890"}}"#,
        "a float loses digits, so the number stays a decimal",
    ),
    (
        "header-null",
        r#"{"schema":null,"value":null}"#,
        "the original returns no object at all, which a worker takes for null and the harness of the vectors does not",
    ),
];

type RawObject = indexmap::IndexMap<String, Box<RawValue>>;

fn fixture(file: &str) -> RawObject {
    let path = format!("{}/../../tests/fixtures/connect/smt-vectors/converter-{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    // One vector is about half of a surrogate pair, which Rust's texts cannot hold.
    serde_json::from_str(&text.replace("\\uD800", "\\uFFFD")).expect("the fixture is JSON")
}

fn vectors(file: &str) -> Vec<Json> {
    let vectors: Vec<RawObject> = serde_json::from_str(fixture(file)["vectors"].get()).expect("vectors are objects");
    let whole = |raw: &RawValue| match serde_json::from_str(raw.get()) {
        Ok(read) => read,
        // Nested too deep for the reader: the text, which has no blanks that count.
        Err(_) => Json::String(raw.get().split_whitespace().collect()),
    };
    vectors.iter().map(|vector| vector.iter().map(|(key, raw)| (key.clone(), whole(raw))).collect::<Map<_, _>>().into()).collect()
}

/// Runs `convert` over all vectors and returns where it differs from them.
fn run(vectors: &[Json], convert: impl Fn(&Json, &ConfigMap, Option<&[u8]>) -> Result<SchemaAndValue, DataError>) -> Vec<String> {
    let mut wrong = Vec::new();
    for vector in vectors {
        let id = vector["id"].as_str().unwrap();
        let config: ConfigMap = vector["config"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().map(str::to_owned)))
            .collect();
        let bytes = match (vector["input_base64"].as_str(), vector["input"].as_str()) {
            (Some(encoded), _) => Some(BASE64.decode(encoded).unwrap()),
            (None, text) => text.map(|text| text.as_bytes().to_vec()),
        };
        let ours = convert(vector, &config, bytes.as_deref());
        let shown = match &ours {
            Ok(made) => sorted(&shown_data(made)).to_string(),
            Err(error) => format!("{}: {}", error.exception, error.message),
        };
        let error = vector.get("error").filter(|error| error["stage"] != "encode");
        let same = match (&ours, error) {
            (Err(ours), Some(error)) => {
                let message = error["message"].as_str().unwrap();
                let told = if message.ends_with(": ") { ours.message.starts_with(message) } else { ours.message == message };
                told && (error["stage"] == "configure" || error["class"] == ours.exception)
            }
            (Ok(_), None) => match &vector["output"] {
                Json::String(text) => shown == *text,
                output => serde_json::from_str::<Json>(&shown).unwrap() == sorted(output),
            },
            _ => false,
        };
        match DIFFERENCES.iter().find(|(differing, _, _)| *differing == id) {
            Some((_, expected, why)) if shown != *expected || same => {
                wrong.push(format!("{id}: {shown}, which is not the difference: {why}"))
            }
            None if !same => wrong.push(format!("{id}: {shown}, expected {} {}", vector["output"], vector["error"])),
            _ => {}
        }
    }
    wrong
}

/// As the vectors show it.
fn shown_data(data: &SchemaAndValue) -> Json {
    json!({"schema": data.schema.as_deref().map(shown_schema), "value": shown(&data.value)})
}

fn shown_schema(schema: &Schema) -> Json {
    let kind = format!("{:?}", schema.kind).to_lowercase();
    let mut shown_as = Map::from_iter([("type".to_owned(), json!(kind)), ("optional".to_owned(), json!(schema.optional))]);
    let mut put = |name: &str, value: Json| shown_as.insert(name.to_owned(), value);
    if let Some(name) = &schema.name {
        put("name", json!(name));
    }
    if let Some(version) = schema.version {
        put("version", json!(version));
    }
    if let Some(doc) = &schema.doc {
        put("doc", json!(doc));
    }
    if let Some(default) = &schema.default {
        put("default", shown(default));
    }
    if !schema.parameters.is_empty() {
        put("parameters", schema.parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into());
    }
    match schema.kind {
        Type::Struct => {
            let fields = schema.fields.iter().map(|field| json!({"field": field.name, "schema": shown_schema(&field.schema)}));
            put("fields", fields.collect());
        }
        Type::Array => {
            put("values", json!(schema.values.as_deref().map(shown_schema)));
        }
        Type::Map => {
            put("keys", json!(schema.keys.as_deref().map(shown_schema)));
            put("values", json!(schema.values.as_deref().map(shown_schema)));
        }
        _ => {}
    }
    shown_as.into()
}

fn shown(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int8(number) => json!({"i8": number.to_string()}),
        Value::Int16(number) => json!({"i16": number.to_string()}),
        Value::Int32(number) => json!({"i32": number.to_string()}),
        Value::Int64(number) => json!({"i64": number.to_string()}),
        Value::Float32(number) => json!({"f32": number.to_string()}),
        Value::Float64(number) => json!({"f64": number.to_string()}),
        Value::Boolean(flag) => json!({"bool": flag}),
        Value::String(text) => json!({"str": text}),
        Value::Bytes(bytes) => json!({"bytes": BASE64.encode(bytes)}),
        Value::Decimal(number) => json!({"decimal": decimal_text(number)}),
        Value::BigInt(number) => json!({"bigint": number.to_string()}),
        Value::Date(ms) => json!({"date_ms": ms.to_string()}),
        Value::List(items) => json!({"list": items.iter().map(shown).collect::<Vec<_>>()}),
        Value::Map(entries) if entries.iter().all(|(key, _)| matches!(key, Value::String(_))) => {
            let entries = entries.iter().map(|(key, value)| match key {
                Value::String(key) => (key.clone(), shown(value)),
                _ => unreachable!("keys are text"),
            });
            json!({"map": entries.collect::<Map<_, _>>()})
        }
        Value::Map(entries) => {
            json!({"pairs": entries.iter().map(|(key, value)| json!([shown(key), shown(value)])).collect::<Vec<_>>()})
        }
        Value::Struct(schema, values) => {
            let fields = schema.fields.iter().zip(values).map(|(field, value)| (field.name.clone(), shown(value)));
            json!({"struct": fields.collect::<Map<_, _>>()})
        }
    }
}

/// Keys sorted where their order says nothing, and floats as Rust writes them.
fn sorted(shown: &Json) -> Json {
    match shown {
        Json::Array(items) => items.iter().map(sorted).collect(),
        Json::Object(members) => {
            let mut members: Vec<(String, Json)> = members
                .iter()
                .map(|(key, value)| match (key.as_str(), value) {
                    ("f32", Json::String(text)) => (key.clone(), json!(text.parse::<f32>().unwrap().to_string())),
                    ("f64", Json::String(text)) => (key.clone(), json!(text.parse::<f64>().unwrap().to_string())),
                    ("struct", Json::Object(fields)) => {
                        let fields = fields.iter().map(|(name, value)| json!([name, sorted(value)]));
                        (key.clone(), fields.collect())
                    }
                    _ => (key.clone(), sorted(value)),
                })
                .collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            members.into_iter().collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} vectors differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn configured(class: &str, config: &ConfigMap) -> Result<Converter, DataError> {
    Converter::configure(class, false, config).map_err(|error| DataError { exception: "configure", message: error.0 })
}

#[test]
fn json_converter_does_what_the_original_does() {
    let vectors = vectors("JsonConverter");
    assert_eq!(vectors.len(), 115);
    assert_none(&run(&vectors, |_, config, bytes| {
        configured("org.apache.kafka.connect.json.JsonConverter", config)?.to_connect("t", bytes)
    }));
}

#[test]
fn converters_of_one_thing_do_what_the_originals_do() {
    let vectors = vectors("primitives");
    assert_eq!(vectors.len(), 90);
    assert_none(&run(&vectors, |vector, config, bytes| {
        let name = vector["id"].as_str().unwrap().split('-').next().unwrap();
        let class = CLASSES.iter().find(|class| class.ends_with(&format!(".{name}Converter"))).unwrap();
        configured(class, config)?.to_connect("t", bytes)
    }));
}

#[test]
fn simple_header_converter_does_what_the_original_does() {
    let vectors = vectors("SimpleHeaderConverter");
    assert_eq!(vectors.len(), 47);
    assert_none(&run(&vectors, |_, config, bytes| {
        let converter = HeaderConverter::configure("org.apache.kafka.connect.storage.SimpleHeaderConverter", config);
        converter.unwrap().to_connect("t", bytes)
    }));
}

#[test]
fn every_difference_names_a_vector() {
    let all: Vec<Json> = ["JsonConverter", "primitives", "SimpleHeaderConverter"].iter().flat_map(|file| vectors(file)).collect();
    for (id, _, _) in DIFFERENCES {
        assert!(all.iter().any(|vector| vector["id"] == *id), "{id}");
    }
}

#[test]
fn keys_are_those_of_the_original() {
    let file: Json = serde_json::from_str(fixture("JsonConverter")["config_def"].get()).unwrap();
    let expected: Vec<_> =
        file.as_array().unwrap().iter().map(|key| (key["name"].as_str().unwrap(), key["type"].as_str().unwrap())).collect();
    let keys = definition("org.apache.kafka.connect.json.JsonConverter").unwrap();
    assert_eq!(keys.iter().map(|key| (&*key.name, key.kind.as_str())).collect::<Vec<_>>(), expected);
    for class in CLASSES.iter().chain(HEADER_CLASSES) {
        assert!(definition(class).is_some(), "{class}");
        assert_eq!(refusal(class), None);
    }
}

#[test]
fn every_class_can_be_configured_and_names_itself() {
    for class in CLASSES {
        assert_eq!(Converter::configure(class, true, &ConfigMap::new()).unwrap().class(), *class);
    }
    for class in HEADER_CLASSES {
        assert_eq!(HeaderConverter::configure(class, &ConfigMap::new()).unwrap().class(), *class);
    }
}

#[test]
fn a_converter_with_a_registry_is_refused_with_what_to_do() {
    for class in [
        "io.confluent.connect.avro.AvroConverter",
        "com.snowflake.kafka.connector.records.SnowflakeAvroConverterWithoutSchemaRegistry",
    ] {
        let error = Converter::configure(class, false, &ConfigMap::new()).unwrap_err();
        assert!(error.0.starts_with(class) && error.0.contains("ByteArrayConverter"), "{error}");
    }
    let error = HeaderConverter::configure("x.Y", &ConfigMap::new()).unwrap_err();
    assert_eq!(error.0, "Invalid value x.Y for configuration header.converter: Class x.Y could not be found.");
}

#[test]
fn a_topics_schema_is_read_once_and_a_changed_one_anew() {
    let converter = Converter::configure("org.apache.kafka.connect.json.JsonConverter", false, &ConfigMap::new()).unwrap();
    let read = |text: &str| converter.to_connect("t", Some(text.as_bytes())).unwrap();
    let first = read(r#"{"schema":{"type":"int32"},"payload":1}"#);
    let again = read(r#"{"payload":2,"schema":{"type":"int32"}}"#);
    assert!(std::sync::Arc::ptr_eq(first.schema.as_ref().unwrap(), again.schema.as_ref().unwrap()));
    assert_eq!(again.value, Value::Int32(2));
    assert_eq!(read(r#"{"schema":{"type":"string"},"payload":"x"}"#).value, Value::String("x".to_owned()));
    assert_eq!(read(r#"{"schema":{"type":"int32"},"payload":3}"#).value, Value::Int32(3));
}

#[test]
fn snowflakes_json_converter_is_strict_about_numbers_and_never_takes_a_schema() {
    let read = |text: &str| Converter::SnowflakeJson.to_connect("t", Some(text.as_bytes()));
    let made = read(r#"{"schema":{"type":"int32"},"payload":5}"#).unwrap();
    assert!(made.schema.is_none() && matches!(made.value, Value::Map(members) if members.len() == 2));
    assert!(read(r#"{"a":007}"#).unwrap_err().message.starts_with("Failed to parse JSON record: "));
    assert_eq!(Converter::SnowflakeJson.to_connect("t", None).unwrap(), SchemaAndValue::NULL);
}
