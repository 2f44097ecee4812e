//! `MaskField`: fields hold nothing, or a replacement, in their own type.

use std::sync::Arc;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;

use crate::config_def::{Importance, Key, Kind};
use crate::data::{DataError, SchemaAndValue, Value};
use crate::java_number::{decimal_as_long, parse_decimal, parse_double, parse_integer};
use crate::smt::keys::{ANY_NON_EMPTY, Given, non_empty_string, nullable, replace_null, required};
use crate::smt::outline::{Chain, Content, Outline};
use crate::smt::part::{is_key, or_default, put, require_map, require_struct};

const PURPOSE: &str = "mask fields";

pub(super) fn keys() -> Vec<Key> {
    vec![
        required("fields", Kind::List, Importance::High, "The fields to mask.").validated(ANY_NON_EMPTY),
        nullable(
            "replacement",
            Kind::String,
            Importance::Low,
            "What the fields hold instead, where they hold numbers or text; without it zero, false or nothing.",
        )
        .validated(non_empty_string),
        replace_null(),
    ]
}

#[derive(Debug, Clone)]
pub(super) struct MaskField {
    fields: Arc<[String]>,
    replacement: Option<Arc<str>>,
    replace_null: bool,
}

impl MaskField {
    pub(super) fn new(given: &Given) -> MaskField {
        MaskField {
            fields: given.list("fields").into(),
            replacement: given.text("replacement").map(Arc::from),
            replace_null: given.replace_null(),
        }
    }

    pub(super) fn apply(&self, data: SchemaAndValue) -> Result<SchemaAndValue, DataError> {
        let Some(schema) = data.schema else {
            let mut entries = require_map(data.value, PURPOSE)?;
            for name in &*self.fields {
                match entries.iter_mut().find(|(key, _)| is_key(key, name)) {
                    Some((_, value)) => *value = self.masked(value)?,
                    None => put(&mut entries, name, Value::Null),
                }
            }
            return Ok(SchemaAndValue { schema: None, value: Value::Map(entries) });
        };
        let (struct_schema, mut values) = require_struct(data.value, PURPOSE)?;
        for (value, field) in values.iter_mut().zip(&struct_schema.fields) {
            if value.is_null() {
                *value = or_default(Value::Null, &field.schema, self.replace_null);
            }
            if self.fields.contains(&field.name) {
                *value = self.masked(value)?;
            }
        }
        Ok(SchemaAndValue { schema: Some(schema), value: Value::Struct(struct_schema, values) })
    }

    pub(super) fn reshape(&self, outline: &mut Outline) -> Option<()> {
        let mut fields = outline.root_fields()??;
        for name in &*self.fields {
            match outline.find(fields, name) {
                Some(at) => {
                    let content = match outline.field(at).content {
                        Content::Object(_) if self.replacement.is_none() => Content::Object(Chain::default()),
                        content => outline.changed(content, None, |value| self.masked(&value))?,
                    };
                    outline.set(at, content);
                }
                None => outline.put_constant(&mut fields, name, Value::Null)?,
            }
        }
        outline.root = Content::Object(fields);
        Some(())
    }

    pub(super) fn masked(&self, value: &Value) -> Result<Value, DataError> {
        match &self.replacement {
            _ if value.is_null() => Ok(Value::Null),
            None => nothing(value),
            Some(text) => replaced(value, text),
        }
    }
}

fn nothing(value: &Value) -> Result<Value, DataError> {
    Ok(match value {
        Value::Int8(_) => Value::Int8(0),
        Value::Int16(_) => Value::Int16(0),
        Value::Int32(_) => Value::Int32(0),
        Value::Int64(_) => Value::Int64(0),
        Value::Float32(_) => Value::Float32(0.0),
        Value::Float64(_) => Value::Float64(0.0),
        Value::Boolean(_) => Value::Boolean(false),
        Value::String(_) => Value::String(String::new()),
        Value::Decimal(_) => Value::Decimal(BigDecimal::from(0)),
        Value::BigInt(_) => Value::BigInt(BigInt::from(0)),
        Value::Date(_) => Value::Date(0),
        Value::List(_) => Value::List(Vec::new()),
        Value::Map(_) => Value::Map(Vec::new()),
        other => return Err(DataError::data(format!("Cannot mask value of type: class {}", other.java_class()))),
    })
}

/// The replacement as a number of the value's type, narrowed as Java does.
fn replaced(value: &Value, text: &str) -> Result<Value, DataError> {
    let no_number = |what: &str| DataError::data(format!("Unable to convert {text} (class java.lang.String) to {what}"));
    let long = || parse_decimal(text).map(|number| decimal_as_long(&number)).ok_or_else(|| no_number("a number"));
    // What is no decimal is no number here, NaN and Infinity included.
    let double = || parse_decimal(text).and_then(|_| parse_double(text)).ok_or_else(|| no_number("a number"));
    Ok(match value {
        Value::Int8(_) => Value::Int8(long()? as i8),
        Value::Int16(_) => Value::Int16(long()? as i16),
        Value::Int32(_) => Value::Int32(long()? as i32),
        Value::Int64(_) => Value::Int64(long()?),
        Value::Float32(_) => Value::Float32(double()? as f32),
        Value::Float64(_) => Value::Float64(double()?),
        Value::String(_) => Value::String(text.to_owned()),
        Value::Decimal(_) => Value::Decimal(parse_decimal(text).ok_or_else(|| no_number("number"))?),
        Value::BigInt(_) => Value::BigInt(parse_integer(text).ok_or_else(|| no_number("number"))?),
        other => {
            return Err(DataError::data(format!(
                "Cannot mask value of type class {} with custom replacement.",
                other.java_class()
            )));
        }
    })
}
