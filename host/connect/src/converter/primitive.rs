//! The converters whose bytes are one number, flag, text, or just bytes.

use std::sync::{Arc, LazyLock};

use crate::converter::Converter;
use crate::data::{DataError, Schema, SchemaAndValue, Type, Value};

/// A character set that `StringConverter` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Latin1,
    Ascii,
    Utf16Big,
    Utf16Little,
    /// As its byte order mark says; big end first without one.
    Utf16,
}

impl Encoding {
    /// By a name or an alias of Java's.
    pub fn named(name: &str) -> Option<Encoding> {
        Some(match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Encoding::Utf8,
            "iso-8859-1" | "iso8859_1" | "iso8859-1" | "latin1" | "l1" => Encoding::Latin1,
            "us-ascii" | "ascii" => Encoding::Ascii,
            "utf-16be" | "utf_16be" => Encoding::Utf16Big,
            "utf-16le" | "utf_16le" => Encoding::Utf16Little,
            "utf-16" | "utf_16" | "utf16" => Encoding::Utf16,
            _ => return None,
        })
    }

    pub(crate) fn is_utf8(self) -> bool {
        self == Encoding::Utf8
    }

    /// As Java decodes: what is malformed becomes U+FFFD.
    fn decode(self, bytes: &[u8]) -> String {
        match self {
            Encoding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Encoding::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Encoding::Ascii => {
                bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER }).collect()
            }
            Encoding::Utf16Big => utf16(bytes, u16::from_be_bytes),
            Encoding::Utf16Little => utf16(bytes, u16::from_le_bytes),
            Encoding::Utf16 => match bytes {
                [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
                [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
                _ => utf16(bytes, u16::from_be_bytes),
            },
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    if !bytes.len().is_multiple_of(2) {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

const KINDS: [Type; 9] =
    [Type::Int8, Type::Int16, Type::Int32, Type::Int64, Type::Float32, Type::Float64, Type::Boolean, Type::String, Type::Bytes];

/// A schema of one scalar type, made once.
pub(crate) fn scalar(kind: Type, optional: bool) -> Arc<Schema> {
    static REQUIRED: LazyLock<[Arc<Schema>; 9]> = LazyLock::new(|| KINDS.map(|kind| Arc::new(Schema::of(kind))));
    static OPTIONAL: LazyLock<[Arc<Schema>; 9]> =
        LazyLock::new(|| KINDS.map(|kind| Arc::new(Schema::of(kind).with_optional(true))));
    let made = if optional { &OPTIONAL } else { &REQUIRED };
    match KINDS.iter().position(|each| *each == kind) {
        Some(index) => made[index].clone(),
        None => Arc::new(Schema::of(kind).with_optional(optional)),
    }
}

pub(super) fn to_connect(converter: &Converter, bytes: Option<&[u8]>) -> Result<SchemaAndValue, DataError> {
    let (schema, name) = match converter {
        Converter::ByteArray => (scalar(Type::Bytes, true), ""),
        Converter::String(_) => (scalar(Type::String, true), ""),
        Converter::Boolean => (scalar(Type::Boolean, true), "boolean"),
        Converter::Short => (scalar(Type::Int16, true), "short"),
        Converter::Integer => (scalar(Type::Int32, true), "integer"),
        Converter::Long => (scalar(Type::Int64, true), "long"),
        Converter::Float => (scalar(Type::Float32, true), "float"),
        Converter::Double => (scalar(Type::Float64, true), "double"),
        // Their bytes are documents, and `Converter::to_connect` does not send them here.
        Converter::Json(_) | Converter::SnowflakeJson => return Ok(SchemaAndValue::NULL),
    };
    let Some(bytes) = bytes else { return Ok(SchemaAndValue { schema: Some(schema), value: Value::Null }) };
    let size = |deserializer: &str, size: usize| format!("Size of data received by {deserializer}Deserializer is not {size}");
    let value = match converter {
        Converter::String(encoding) => Ok(Value::String(encoding.decode(bytes))),
        Converter::Boolean => match bytes {
            [0] => Ok(Value::Boolean(false)),
            [1] => Ok(Value::Boolean(true)),
            [other] => Err(format!("Unexpected byte received by BooleanDeserializer: {}", *other as i8)),
            _ => Err(size("Boolean", 1)),
        },
        Converter::Short => bytes.try_into().map(|bytes| Value::Int16(i16::from_be_bytes(bytes))).map_err(|_| size("Short", 2)),
        Converter::Integer => bytes.try_into().map(|bytes| Value::Int32(i32::from_be_bytes(bytes))).map_err(|_| size("Integer", 4)),
        Converter::Long => bytes.try_into().map(|bytes| Value::Int64(i64::from_be_bytes(bytes))).map_err(|_| size("Long", 8)),
        Converter::Float => bytes.try_into().map(|bytes| Value::Float32(f32::from_be_bytes(bytes))).map_err(|_| size("", 4)),
        Converter::Double => bytes.try_into().map(|bytes| Value::Float64(f64::from_be_bytes(bytes))).map_err(|_| size("", 8)),
        _ => Ok(Value::Bytes(bytes.to_vec())),
    };
    match value {
        Ok(value) => Ok(SchemaAndValue { schema: Some(schema), value }),
        Err(why) => Err(DataError::data(format!("Failed to deserialize {name}: {why}"))),
    }
}
