//! The part of a record that a transform works on, and what it asks of it.

use std::sync::Arc;

use crate::data::{ConnectRecord, DataError, Schema, SchemaAndValue, Value};

/// The form of a transform: `$Key` or `$Value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Key,
    Value,
}

impl Part {
    pub(super) fn of(self, record: &mut ConnectRecord) -> &mut SchemaAndValue {
        match self {
            Part::Key => &mut record.key,
            Part::Value => &mut record.value,
        }
    }

    pub(super) fn take(self, record: &mut ConnectRecord) -> SchemaAndValue {
        std::mem::replace(self.of(record), SchemaAndValue::NULL)
    }

    pub(super) fn update(
        self,
        record: &mut ConnectRecord,
        change: impl FnOnce(SchemaAndValue) -> Result<SchemaAndValue, DataError>,
    ) -> Result<(), DataError> {
        let changed = change(self.take(record))?;
        *self.of(record) = changed;
        Ok(())
    }
}

pub(super) type Entries = Vec<(Value, Value)>;

/// The entries of a map; `purpose` is the original's word for what they are needed for.
pub(super) fn require_map(value: Value, purpose: &str) -> Result<Entries, DataError> {
    match value {
        Value::Map(entries) => Ok(entries),
        other => Err(DataError::data(format!(
            "Only Map objects supported in absence of schema for [{purpose}], found: {}",
            other.java_class()
        ))),
    }
}

pub(super) fn require_struct(value: Value, purpose: &str) -> Result<(Arc<Schema>, Vec<Value>), DataError> {
    match value {
        Value::Struct(schema, values) => Ok((schema, values)),
        other => Err(DataError::data(format!("Only Struct objects supported for [{purpose}], found: {}", other.java_class()))),
    }
}

pub(super) fn is_key(key: &Value, name: &str) -> bool {
    key.as_str() == Some(name)
}

pub(super) fn get<'a>(entries: &'a Entries, name: &str) -> Option<&'a Value> {
    entries.iter().find(|(key, _)| is_key(key, name)).map(|(_, value)| value)
}

/// In the place of the entry with that name, or at the end.
pub(super) fn put(entries: &mut Entries, name: &str, value: Value) {
    match entries.iter_mut().find(|(key, _)| is_key(key, name)) {
        Some((_, earlier)) => *earlier = value,
        None => entries.push((Value::String(name.to_owned()), value)),
    }
}

/// What a field holds: its default where it holds null and nulls are replaced.
pub(super) fn or_default(value: Value, schema: &Schema, replace_null: bool) -> Value {
    match &schema.default {
        Some(default) if replace_null && value.is_null() => default.clone(),
        _ => value,
    }
}

/// All values of a struct, as [`or_default`] has them.
pub(super) fn or_defaults(values: Vec<Value>, schema: &Schema, replace_null: bool) -> Vec<Value> {
    if !replace_null || !values.iter().any(Value::is_null) {
        return values;
    }
    values.into_iter().zip(&schema.fields).map(|(value, field)| or_default(value, &field.schema, true)).collect()
}

/// The fields of a schema, which must be a struct's.
pub(super) fn require_fields(schema: &Schema) -> Result<(), DataError> {
    match schema.kind {
        crate::data::Type::Struct => Ok(()),
        _ => Err(DataError::data("Cannot list fields on non-struct type")),
    }
}
