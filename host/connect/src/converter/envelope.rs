//! An envelope's schema, and a payload read by it: as leniently as the original, which takes a text for a number as 0.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bigdecimal::BigDecimal;
use num_bigint::{BigInt, Sign};

use crate::converter::document::nearest;
use crate::data::{DATE, DECIMAL, DataError, Field, Schema, TIME, TIMESTAMP, Type, Value};
use crate::java_number::decimal_text;

const DAY_MS: i64 = 86_400_000;

/// The schema that `node` describes.
pub(super) fn schema(node: &Value, replace_null_with_default: bool) -> Result<Schema, DataError> {
    let Some(Value::String(name)) = member(node, "type") else {
        return Err(DataError::data("Schema must contain 'type' field"));
    };
    let nested = |key: &str, what: &str| match member(node, key) {
        None | Some(Value::Null) => Err(DataError::data(format!("{what} schema did not specify the {} type", inner(key)))),
        Some(node) => schema(node, replace_null_with_default).map(Arc::new),
    };
    let kind = match name.as_str() {
        "boolean" => Type::Boolean,
        "int8" => Type::Int8,
        "int16" => Type::Int16,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "float" => Type::Float32,
        "double" => Type::Float64,
        "bytes" => Type::Bytes,
        "string" => Type::String,
        "array" => Type::Array,
        "map" => Type::Map,
        "struct" => Type::Struct,
        _ => return Err(DataError::data(format!("Unknown schema type: {name}"))),
    };
    let optional = matches!(member(node, "optional"), Some(Value::Boolean(true)));
    let mut made = Schema::of(kind).with_optional(optional);
    match made.kind {
        Type::Array => made.values = Some(nested("items", "Array")?),
        Type::Map => {
            made.keys = Some(nested("keys", "Map")?);
            made.values = Some(nested("values", "Map")?);
        }
        Type::Struct => made.fields = fields(member(node, "fields"), replace_null_with_default)?,
        _ => {}
    }
    made.name = text(member(node, "name"));
    made.doc = text(member(node, "doc"));
    if let Some(version @ (Value::Int64(_) | Value::BigInt(_))) = member(node, "version") {
        made.version = Some(whole(version) as i32);
    }
    if let Some(Value::Map(parameters)) = member(node, "parameters") {
        for (name, value) in parameters {
            let (Value::String(name), Value::String(value)) = (name, value) else {
                return Err(DataError::data("Schema parameters must have string values."));
            };
            made.parameters.push((name.clone(), value.clone()));
        }
    }
    if let Some(default) = member(node, "default") {
        let default = payload(&Arc::new(made.clone()), Some(default.clone()), replace_null_with_default)?;
        made.default = (default != Value::Null).then_some(default);
    }
    Ok(made)
}

fn inner(key: &str) -> &'static str {
    match key {
        "items" => "element",
        "keys" => "key",
        _ => "value",
    }
}

fn fields(node: Option<&Value>, replace_null_with_default: bool) -> Result<Vec<Field>, DataError> {
    let Some(Value::List(nodes)) = node else {
        return Err(DataError::data("Struct schema's \"fields\" argument is not an array."));
    };
    let mut fields: Vec<Field> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(Value::String(name)) = member(node, "field") else {
            return Err(DataError::data("Struct schema's field name not specified properly"));
        };
        if fields.iter().any(|field| field.name == *name) {
            return Err(DataError {
                exception: "org.apache.kafka.connect.errors.SchemaBuilderException",
                message: format!("Cannot create field because of field name duplication {name}"),
            });
        }
        fields.push(Field { name: name.clone(), schema: Arc::new(schema(node, replace_null_with_default)?) });
    }
    Ok(fields)
}

fn member<'a>(node: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(members) = node else { return None };
    members.iter().find(|(key, _)| matches!(key, Value::String(key) if key == name)).map(|(_, value)| value)
}

fn text(node: Option<&Value>) -> Option<String> {
    match node {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// `node` as `schema` wants it. `None` is a document that is not there, or a field that an object lacks.
pub(super) fn payload(schema: &Arc<Schema>, node: Option<Value>, replace_null_with_default: bool) -> Result<Value, DataError> {
    let node = match node {
        Some(node) if node != Value::Null => node,
        _ => {
            return match &schema.default {
                Some(default) if replace_null_with_default => Ok(default.clone()),
                _ if schema.optional => Ok(Value::Null),
                _ => Err(DataError::data(format!("Invalid null value for required {} field", schema.kind.as_str()))),
            };
        }
    };
    if let Some(name) = &schema.name
        && let Some(value) = logical(name, schema, &node)
    {
        return value;
    }
    Ok(match schema.kind {
        Type::Boolean => Value::Boolean(matches!(node, Value::Boolean(true))),
        Type::Int8 => Value::Int8(whole(&node) as i8),
        Type::Int16 => Value::Int16(whole(&node) as i16),
        Type::Int32 => Value::Int32(whole(&node) as i32),
        Type::Int64 => Value::Int64(whole(&node)),
        Type::Float32 => Value::Float32(number_text(&node).parse().unwrap_or(0.0)),
        Type::Float64 => Value::Float64(number_text(&node).parse().unwrap_or(0.0)),
        Type::String => match node {
            text @ Value::String(_) => text,
            _ => Value::Null,
        },
        Type::Bytes => match node {
            Value::String(text) => Value::Bytes(bytes(&text).ok_or_else(|| DataError::data("Invalid bytes field"))?),
            _ => Value::Null,
        },
        Type::Array => {
            let items: Vec<Value> = match node {
                Value::List(items) => items,
                Value::Map(members) => members.into_iter().map(|(_, value)| value).collect(),
                _ => Vec::new(),
            };
            let values = schema.values.as_ref();
            let items = items.into_iter().map(|item| within(values, item, replace_null_with_default));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Type::Map => Value::Map(map(schema, node, replace_null_with_default)?),
        Type::Struct => structure(schema, node, replace_null_with_default)?,
    })
}

fn within(schema: Option<&Arc<Schema>>, node: Value, replace_null_with_default: bool) -> Result<Value, DataError> {
    match schema {
        Some(schema) => payload(schema, Some(node), replace_null_with_default),
        None => Ok(without_schema(node)),
    }
}

fn map(schema: &Schema, node: Value, replace_null_with_default: bool) -> Result<Vec<(Value, Value)>, DataError> {
    let keys = schema.keys.as_ref();
    let values = schema.values.as_ref();
    if keys.is_some_and(|keys| keys.kind == Type::String) {
        let Value::Map(members) = node else {
            return Err(DataError::data(format!(
                "Maps with string fields should be encoded as JSON objects, but found {}",
                node_type(&node)
            )));
        };
        return members.into_iter().map(|(key, value)| Ok((key, within(values, value, replace_null_with_default)?))).collect();
    }
    let Value::List(entries) = node else {
        let found = node_type(&node);
        return Err(DataError::data(format!(
            "Maps with non-string fields should be encoded as JSON array of tuples, but found {found}"
        )));
    };
    let mut made: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let Value::List(pair) = entry else {
            return Err(DataError::data(format!("Found invalid map entry instead of array tuple: {}", node_type(&entry))));
        };
        let count = pair.len();
        let Ok([key, value]) = <[Value; 2]>::try_from(pair) else {
            return Err(DataError::data(format!("Found invalid map entry, expected length 2 but found :{count}")));
        };
        made.push((within(keys, key, replace_null_with_default)?, within(values, value, replace_null_with_default)?));
    }
    Ok(made)
}

fn structure(schema: &Arc<Schema>, node: Value, replace_null_with_default: bool) -> Result<Value, DataError> {
    let Value::Map(mut members) = node else {
        return Err(DataError::data(format!("Structs should be encoded as JSON objects, but found {}", node_type(&node))));
    };
    let mut values = Vec::with_capacity(schema.fields.len());
    // Members tend to come in the order of the fields, so each is sought from where the last one was found.
    let mut next = 0;
    for field in &schema.fields {
        let is_field = |(key, _): &(Value, Value)| matches!(key, Value::String(key) if *key == field.name);
        let found = (next..members.len()).chain(0..next).find(|index| is_field(&members[*index]));
        let node = found.map(|index| {
            next = index + 1;
            std::mem::replace(&mut members[index].1, Value::Null)
        });
        let value = payload(&field.schema, node, replace_null_with_default)?;
        if value == Value::Null && !field.schema.optional && field.schema.default.is_none() {
            let kind = field.schema.kind.as_str();
            let name = &field.name;
            return Err(DataError::data(format!("Invalid value: null used for required field: \"{name}\", schema type: {kind}")));
        }
        values.push(value);
    }
    Ok(Value::Struct(schema.clone(), values))
}

/// `node` by a logical type, where `name` is one.
fn logical(name: &str, schema: &Schema, node: &Value) -> Option<Result<Value, DataError>> {
    let representation = |what: &str, kind: &str| {
        let found = node_type(node);
        Err(DataError::data(format!("Invalid type for {what}, underlying representation should be {kind} but was {found}")))
    };
    let int = |node: &Value| match node {
        Value::Int64(number) => i32::try_from(*number).ok(),
        _ => None,
    };
    Some(match name {
        DECIMAL => match node {
            Value::Decimal(decimal) => Ok(Value::Decimal(decimal.clone())),
            Value::Int64(number) => Ok(Value::Decimal(BigDecimal::from(*number))),
            Value::BigInt(number) => Ok(Value::Decimal(BigDecimal::from(number.clone()))),
            Value::String(text) => decimal(schema, text).ok_or_else(|| DataError::data("Invalid bytes for Decimal field")),
            _ => representation("Decimal", "numeric or bytes"),
        },
        DATE => match int(node) {
            Some(days) => Ok(Value::Date(i64::from(days) * DAY_MS)),
            None => representation("Date", "integer"),
        },
        TIME => match int(node).map(i64::from) {
            Some(time) if (0..=DAY_MS).contains(&time) => Ok(Value::Date(time)),
            Some(_) => Err(DataError::data("Time values must use number of milliseconds greater than 0 and less than 86400000")),
            None => representation("Time", "integer"),
        },
        TIMESTAMP => match node {
            Value::Int64(_) | Value::BigInt(_) => Ok(Value::Date(whole(node))),
            _ => representation("Timestamp", "integral"),
        },
        _ => return None,
    })
}

fn decimal(schema: &Schema, text: &str) -> Option<Value> {
    let (_, scale) = schema.parameters.iter().find(|(name, _)| name == "scale")?;
    let scale: i32 = scale.parse().ok()?;
    let bytes = bytes(text).filter(|bytes| !bytes.is_empty())?;
    Some(Value::Decimal(BigDecimal::new(BigInt::from_signed_bytes_be(&bytes), i64::from(scale))))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte <= b' ') {
        return BASE64.decode(text.bytes().filter(|byte| *byte > b' ').collect::<Vec<u8>>()).ok();
    }
    BASE64.decode(text).ok()
}

/// The number that `node` is, cut to a whole one, and then to its lowest 64 bits; 0 when it is no number.
fn whole(node: &Value) -> i64 {
    match node {
        Value::Int64(number) => *number,
        Value::BigInt(number) => low_bits(number),
        Value::Decimal(number) => {
            let (digits, scale) = number.as_bigint_and_exponent();
            match u32::try_from(scale.unsigned_abs()).unwrap_or(u32::MAX) {
                0 => low_bits(&digits),
                // Ten to so much has more than 64 zero bits at its end.
                zeros if scale < 0 => {
                    if zeros >= 64 {
                        0
                    } else {
                        low_bits(&(digits * BigInt::from(10).pow(zeros)))
                    }
                }
                places if u64::from(places) > digits.bits() => 0,
                places => low_bits(&(digits / BigInt::from(10).pow(places))),
            }
        }
        _ => 0,
    }
}

fn low_bits(number: &BigInt) -> i64 {
    let low = number.magnitude().iter_u64_digits().next().unwrap_or(0) as i64;
    if number.sign() == Sign::Minus { low.wrapping_neg() } else { low }
}

fn number_text(node: &Value) -> String {
    match node {
        Value::Int64(number) => number.to_string(),
        Value::BigInt(number) => number.to_string(),
        Value::Decimal(number) => decimal_text(number),
        _ => String::new(),
    }
}

/// What was read exactly, as plain JSON is read.
pub(super) fn without_schema(node: Value) -> Value {
    match node {
        Value::Decimal(number) => nearest(&decimal_text(&number)).unwrap_or(Value::Decimal(number)),
        Value::List(items) => Value::List(items.into_iter().map(without_schema).collect()),
        Value::Map(members) => Value::Map(members.into_iter().map(|(key, value)| (key, without_schema(value))).collect()),
        other => other,
    }
}

fn node_type(node: &Value) -> &'static str {
    match node {
        Value::Null => "NULL",
        Value::Boolean(_) => "BOOLEAN",
        Value::String(_) => "STRING",
        Value::List(_) => "ARRAY",
        Value::Map(_) => "OBJECT",
        _ => "NUMBER",
    }
}
