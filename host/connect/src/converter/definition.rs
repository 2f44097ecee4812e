//! Which converters there are, what keys each has, and which known ones are not here.

use std::borrow::Cow;

use crate::config_def::{ConfigError, ConfigMap, Default, Importance, Key, Kind, Parsed, Width};

pub(crate) const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
pub(crate) const SIMPLE_HEADER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
/// The converter of version 3 that files may have; it is the usual JSON converter without schemas.
pub(crate) const SNOWFLAKE_JSON: &str = "com.snowflake.kafka.connector.records.SnowflakeJsonConverter";

/// The converters of keys and values, in the order in which Connect lists them.
pub const CLASSES: &[&str] = &[
    SNOWFLAKE_JSON,
    "org.apache.kafka.connect.converters.BooleanConverter",
    "org.apache.kafka.connect.converters.ByteArrayConverter",
    "org.apache.kafka.connect.converters.DoubleConverter",
    "org.apache.kafka.connect.converters.FloatConverter",
    "org.apache.kafka.connect.converters.IntegerConverter",
    "org.apache.kafka.connect.converters.LongConverter",
    "org.apache.kafka.connect.converters.ShortConverter",
    JSON,
    "org.apache.kafka.connect.storage.StringConverter",
];

/// The converters of headers.
pub const HEADER_CLASSES: &[&str] = &[
    "org.apache.kafka.connect.converters.BooleanConverter",
    "org.apache.kafka.connect.converters.ByteArrayConverter",
    "org.apache.kafka.connect.converters.DoubleConverter",
    "org.apache.kafka.connect.converters.FloatConverter",
    "org.apache.kafka.connect.converters.IntegerConverter",
    "org.apache.kafka.connect.converters.LongConverter",
    "org.apache.kafka.connect.converters.ShortConverter",
    JSON,
    SIMPLE_HEADER,
    "org.apache.kafka.connect.storage.StringConverter",
];

/// Why a known converter is not to be had here.
pub fn refusal(class: &str) -> Option<String> {
    let what = match class {
        "io.confluent.connect.avro.AvroConverter" | "com.snowflake.kafka.connector.records.SnowflakeAvroConverter" => "Avro",
        "io.confluent.connect.protobuf.ProtobufConverter" => "Protobuf",
        "io.confluent.connect.json.JsonSchemaConverter" => "JSON Schema",
        "com.snowflake.kafka.connector.records.SnowflakeAvroConverterWithoutSchemaRegistry" => {
            return Some(format!(
                "{class} is not supported: Avro is not read. Use org.apache.kafka.connect.converters.ByteArrayConverter and decode the values in a plugin."
            ));
        }
        _ if class.starts_with("io.apicurio.registry.") => "Apicurio",
        _ if class.starts_with("com.amazonaws.services.schemaregistry.") => "AWS Glue",
        _ => return None,
    };
    Some(format!(
        "{class} is not supported: schema registries ({what}) are not read. Write JSON to the topic and use \
         org.apache.kafka.connect.json.JsonConverter, or use org.apache.kafka.connect.converters.ByteArrayConverter and decode the values in a plugin."
    ))
}

/// The keys of a converter, without their prefix; `None` when there is no such class here.
pub fn definition(class: &str) -> Option<Vec<Key>> {
    match class {
        SIMPLE_HEADER | SNOWFLAKE_JSON => Some(Vec::new()),
        "org.apache.kafka.connect.json.JsonConverter" => Some(vec![
            converter_type(),
            schemas_enable(),
            schemas_cache_size(),
            schema_content(),
            decimal_format(),
            replace_null_with_default(),
        ]),
        "org.apache.kafka.connect.storage.StringConverter" => Some(vec![converter_type(), encoding()]),
        _ if CLASSES.contains(&class) => Some(vec![converter_type()]),
        _ => None,
    }
}

/// The value of `key`, which is a flag.
pub(super) fn flag(key: &Key, config: &ConfigMap) -> Result<bool, ConfigError> {
    Ok(matches!(key.value_in(config)?, Parsed::Boolean(true)))
}

/// The value of `key`, which is text; none is empty.
pub(super) fn string(key: &Key, config: &ConfigMap) -> Result<String, ConfigError> {
    Ok(match key.value_in(config)? {
        Parsed::String(text) => text,
        _ => String::new(),
    })
}

fn text(default: &'static str) -> Default {
    Default::Text(Cow::Borrowed(default))
}

fn converter_type() -> Key {
    Key::new("converter.type", Kind::String, Default::Required, Importance::Low, "What the converter is for: key, value or header.")
        .validated(|_, value| match value {
            Parsed::String(text) if ["key", "value", "header"].contains(&text.as_str()) => Ok(()),
            _ => Err("String must be one of: key, value, header".to_owned()),
        })
}

pub(super) fn schemas_enable() -> Key {
    let documentation = "Whether every key and value is an envelope that brings its schema along.";
    Key::new("schemas.enable", Kind::Boolean, text("true"), Importance::High, documentation).grouped(
        "Schemas",
        0,
        Width::Medium,
        "Enable Schemas",
    )
}

pub(super) fn schemas_cache_size() -> Key {
    let documentation = "Taken for compatibility. The last schema seen is always remembered.";
    Key::new("schemas.cache.size", Kind::Int, text("1000"), Importance::High, documentation).grouped(
        "Schemas",
        1,
        Width::Medium,
        "Schema Cache Size",
    )
}

pub(super) fn schema_content() -> Key {
    let documentation =
        "One schema, as JSON, for all keys or values; they are then plain JSON. It counts only with schemas.enable.";
    Key::new("schema.content", Kind::String, Default::Null, Importance::High, documentation).grouped(
        "Schemas",
        2,
        Width::Medium,
        "Schema Content",
    )
}

pub(super) fn decimal_format() -> Key {
    let documentation = "How decimals are written as JSON, BASE64 or NUMERIC. Both are always read.";
    Key::new("decimal.format", Kind::String, text("BASE64"), Importance::Low, documentation)
        .validated(|_, value| match value {
            Parsed::String(text) if ["NUMERIC", "BASE64"].iter().any(|format| format.eq_ignore_ascii_case(text)) => Ok(()),
            _ => Err("String must be one of (case insensitive): NUMERIC, BASE64".to_owned()),
        })
        .grouped("Serialization", 0, Width::Medium, "Decimal Format")
}

pub(super) fn replace_null_with_default() -> Key {
    let documentation = "Whether null becomes the default of its schema, where that has one.";
    Key::new("replace.null.with.default", Kind::Boolean, text("true"), Importance::Low, documentation).grouped(
        "Serialization",
        1,
        Width::Medium,
        "Replace null with default",
    )
}

pub(super) fn encoding() -> Key {
    let mut key = Key::new(
        "converter.encoding",
        Kind::String,
        text("UTF-8"),
        Importance::High,
        "The character set of the text, by its Java name.",
    );
    key.width = Width::Medium;
    key.display_name = Cow::Borrowed("Encoding");
    key
}
