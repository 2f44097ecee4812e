//! `HoistField`: the whole becomes the one field of a new map or struct.

use std::sync::Arc;

use crate::config_def::{Importance, Key, Kind};
use crate::data::{DataError, Schema, SchemaAndValue, Type, Value};
use crate::smt::keys::{Given, required};
use crate::smt::outline::{Chain, Content, Outline};
use crate::smt::schema_cache::SchemaCache;

pub(super) fn keys() -> Vec<Key> {
    vec![required("field", Kind::String, Importance::Medium, "The name of the one field that holds the key or value from then on.")]
}

#[derive(Debug, Clone)]
pub(super) struct HoistField {
    field: Arc<str>,
    cache: SchemaCache<Arc<Schema>>,
}

impl HoistField {
    pub(super) fn new(given: &Given) -> HoistField {
        HoistField { field: given.string("field").into(), cache: SchemaCache::default() }
    }

    pub(super) fn apply(&self, data: SchemaAndValue) -> Result<SchemaAndValue, DataError> {
        let Some(schema) = data.schema else {
            return Ok(SchemaAndValue {
                schema: None,
                value: Value::Map(vec![(Value::String(self.field.to_string()), data.value)]),
            });
        };
        if data.value.is_null() && !schema.optional && schema.default.is_none() {
            return Err(DataError::data(format!(
                "Invalid value: null used for required field: \"{}\", schema type: {}",
                self.field,
                schema.kind.as_str()
            )));
        }
        let new = self.cache.get(&schema, |_| {
            let mut new = Schema::of(Type::Struct);
            new.push_field(&self.field, schema.clone()).map(|()| Arc::new(new))
        })?;
        Ok(SchemaAndValue { schema: Some(new.clone()), value: Value::Struct(new, vec![data.value]) })
    }

    pub(super) fn reshape(&self, outline: &mut Outline) -> Option<()> {
        let mut fields = Chain::default();
        let name = outline.name_of(&self.field)?;
        outline.push(&mut fields, name, outline.root)?;
        outline.root = Content::Object(fields);
        Some(())
    }
}
