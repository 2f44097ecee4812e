//! Converters: Kafka's bytes to Connect's data.
//!
//! They are told by their Java class and configured with the keys below their prefix, `value.converter.` say. What each makes of
//! bytes is held to what the original makes of them (`converter/tests.rs` lists the differences, each with its reason).
//!
//! Invariant: a converter keeps every digit and letter of what it takes, or says that it does not take it.

mod definition;
mod document;
mod envelope;
mod json;
mod primitive;
mod simple_header;

pub use crate::converter::definition::{CLASSES, HEADER_CLASSES, definition, refusal};
pub(crate) use crate::converter::definition::{JSON, SNOWFLAKE_JSON};
pub(crate) use crate::converter::document::{
    Keys as WalkedKeys, Reader as JsonReader, Reading, Span, read as read_json, write as write_walked,
};
pub use crate::converter::json::JsonConverter;
pub use crate::converter::primitive::Encoding;

use crate::config_def::{ConfigError, ConfigMap};
use crate::data::{DataError, SchemaAndValue};

/// A converter of keys or values.
#[derive(Debug, Clone)]
pub enum Converter {
    ByteArray,
    String(Encoding),
    Boolean,
    Short,
    Integer,
    Long,
    Float,
    Double,
    Json(JsonConverter),
    /// Snowflake's own: strict about numbers, never with a schema.
    SnowflakeJson,
}

/// A converter of header values.
#[derive(Debug, Clone)]
pub enum HeaderConverter {
    /// Reads a value's type out of its text.
    Simple,
    Of(Converter),
}

impl Converter {
    /// `class` configured with the keys below its prefix (`value.converter.`, taken off).
    pub fn configure(class: &str, is_key: bool, config: &ConfigMap) -> Result<Converter, ConfigError> {
        Converter::named_by(if is_key { "key.converter" } else { "value.converter" }, class, config)
    }

    /// `key` is where the class is named.
    fn named_by(key: &str, class: &str, config: &ConfigMap) -> Result<Converter, ConfigError> {
        if let Some(refusal) = refusal(class) {
            return Err(ConfigError(refusal));
        }
        Ok(match class {
            "org.apache.kafka.connect.converters.ByteArrayConverter" => Converter::ByteArray,
            "org.apache.kafka.connect.storage.StringConverter" => {
                let encoding = definition::string(&definition::encoding(), config)?;
                Converter::String(
                    Encoding::named(&encoding).ok_or_else(|| ConfigError(format!("Unsupported encoding {encoding}")))?,
                )
            }
            "org.apache.kafka.connect.converters.BooleanConverter" => Converter::Boolean,
            "org.apache.kafka.connect.converters.ShortConverter" => Converter::Short,
            "org.apache.kafka.connect.converters.IntegerConverter" => Converter::Integer,
            "org.apache.kafka.connect.converters.LongConverter" => Converter::Long,
            "org.apache.kafka.connect.converters.FloatConverter" => Converter::Float,
            "org.apache.kafka.connect.converters.DoubleConverter" => Converter::Double,
            JSON => Converter::Json(JsonConverter::configure(config)?),
            SNOWFLAKE_JSON => Converter::SnowflakeJson,
            _ => return Err(ConfigError::unknown_class(key, class)),
        })
    }

    /// The Java class.
    pub const fn class(&self) -> &'static str {
        match self {
            Converter::ByteArray => "org.apache.kafka.connect.converters.ByteArrayConverter",
            Converter::String(_) => "org.apache.kafka.connect.storage.StringConverter",
            Converter::Boolean => "org.apache.kafka.connect.converters.BooleanConverter",
            Converter::Short => "org.apache.kafka.connect.converters.ShortConverter",
            Converter::Integer => "org.apache.kafka.connect.converters.IntegerConverter",
            Converter::Long => "org.apache.kafka.connect.converters.LongConverter",
            Converter::Float => "org.apache.kafka.connect.converters.FloatConverter",
            Converter::Double => "org.apache.kafka.connect.converters.DoubleConverter",
            Converter::Json(_) => JSON,
            Converter::SnowflakeJson => SNOWFLAKE_JSON,
        }
    }

    pub fn to_connect(&self, topic: &str, bytes: Option<&[u8]>) -> Result<SchemaAndValue, DataError> {
        // No converter looks at the topic; those with a schema registry would.
        let _ = topic;
        match self {
            Converter::Json(converter) => converter.to_connect(bytes),
            Converter::SnowflakeJson => json::snowflake(bytes),
            _ => primitive::to_connect(self, bytes),
        }
    }

    /// A JSON document stands for itself.
    pub(crate) fn is_plain_json(&self) -> bool {
        match self {
            Converter::Json(converter) => !converter.has_schemas(),
            Converter::SnowflakeJson => true,
            _ => false,
        }
    }

    /// Bytes that are UTF-8 are the text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Converter::String(encoding) if encoding.is_utf8())
    }
}

impl HeaderConverter {
    /// `class` configured with the keys below `header.converter.`.
    pub fn configure(class: &str, config: &ConfigMap) -> Result<HeaderConverter, ConfigError> {
        if class == definition::SIMPLE_HEADER {
            return Ok(HeaderConverter::Simple);
        }
        if class == SNOWFLAKE_JSON {
            return Err(ConfigError(format!("Class class {class} does not implement the HeaderConverter interface")));
        }
        Converter::named_by("header.converter", class, config).map(HeaderConverter::Of)
    }

    pub const fn class(&self) -> &'static str {
        match self {
            HeaderConverter::Simple => definition::SIMPLE_HEADER,
            HeaderConverter::Of(converter) => converter.class(),
        }
    }

    pub fn to_connect(&self, topic: &str, bytes: Option<&[u8]>) -> Result<SchemaAndValue, DataError> {
        match (self, bytes) {
            (HeaderConverter::Simple, Some(bytes)) => Ok(simple_header::infer(&String::from_utf8_lossy(bytes))),
            (HeaderConverter::Simple, None) => Ok(SchemaAndValue::NULL),
            (HeaderConverter::Of(converter), _) => converter.to_connect(topic, bytes),
        }
    }
}

#[cfg(test)]
mod tests;
