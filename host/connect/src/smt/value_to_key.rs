//! `ValueToKey`: fields of the value become the key.

use std::sync::Arc;

use crate::config_def::{Importance, Key, Kind};
use crate::data::{ConnectRecord, DataError, Schema, SchemaAndValue, Type, Value};
use crate::smt::keys::{ANY_NON_EMPTY, Given, replace_null, required};
use crate::smt::part::{get, or_default, put};
use crate::smt::schema_cache::SchemaCache;

const PURPOSE: &str = "copying fields from value to key";

pub(super) fn keys() -> Vec<Key> {
    vec![
        required("fields", Kind::List, Importance::High, "The fields of the value that the new key is made of.")
            .validated(ANY_NON_EMPTY),
        replace_null(),
    ]
}

#[derive(Debug, Clone)]
pub(super) struct ValueToKey {
    fields: Arc<[String]>,
    replace_null: bool,
    cache: SchemaCache<Arc<Plan>>,
}

/// The key's schema, and where its fields are in the value.
#[derive(Debug)]
struct Plan {
    schema: Arc<Schema>,
    sources: Vec<usize>,
}

impl ValueToKey {
    /// A field named twice counts once.
    pub(super) fn new(given: &Given) -> ValueToKey {
        let mut fields: Vec<String> = Vec::new();
        for field in given.list("fields") {
            if !fields.contains(field) {
                fields.push(field.clone());
            }
        }
        ValueToKey { fields: fields.into(), replace_null: given.replace_null(), cache: SchemaCache::default() }
    }

    pub(super) fn apply(&self, record: &mut ConnectRecord) -> Result<(), DataError> {
        record.key = match (&record.value.schema, &record.value.value) {
            (None, Value::Map(entries)) => {
                let mut key = Vec::with_capacity(self.fields.len());
                for name in &*self.fields {
                    put(&mut key, name, get(entries, name).cloned().unwrap_or(Value::Null));
                }
                SchemaAndValue { schema: None, value: Value::Map(key) }
            }
            (None, other) => {
                let found = other.java_class();
                return Err(DataError::data(format!(
                    "Only Map objects supported in absence of schema for [{PURPOSE}], found: {found}"
                )));
            }
            (Some(_), Value::Struct(schema, values)) => {
                let plan = self.cache.get(schema, |schema| self.plan(schema))?;
                let value = |index: &usize| {
                    or_default(values.get(*index).cloned().unwrap_or(Value::Null), &schema.fields[*index].schema, self.replace_null)
                };
                let key = plan.sources.iter().map(value).collect();
                SchemaAndValue { schema: Some(plan.schema.clone()), value: Value::Struct(plan.schema.clone(), key) }
            }
            (Some(_), other) => {
                return Err(DataError::data(format!(
                    "Only Struct objects supported for [{PURPOSE}], found: {}",
                    other.java_class()
                )));
            }
        };
        Ok(())
    }

    fn plan(&self, schema: &Schema) -> Result<Arc<Plan>, DataError> {
        let mut new = Schema::of(Type::Struct);
        let mut sources = Vec::with_capacity(self.fields.len());
        for name in &*self.fields {
            let index = schema.field_index(name).ok_or_else(|| DataError::data(format!("Field does not exist: {name}")))?;
            new.push_field(name, schema.fields[index].schema.clone())?;
            sources.push(index);
        }
        Ok(Arc::new(Plan { schema: Arc::new(new), sources }))
    }
}
