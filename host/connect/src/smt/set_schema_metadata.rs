//! `SetSchemaMetadata`: another name or version for a struct's schema.

use std::sync::Arc;

use crate::config_def::{ConfigError, Importance, Key, Kind};
use crate::data::{DataError, Schema, SchemaAndValue, Value};
use crate::smt::keys::{Given, nullable, replace_null};
use crate::smt::part::{or_defaults, require_fields};
use crate::smt::schema_cache::SchemaCache;

pub(super) fn keys() -> Vec<Key> {
    vec![
        nullable("schema.name", Kind::String, Importance::High, "The schema's new name."),
        nullable("schema.version", Kind::Int, Importance::High, "The schema's new version."),
        replace_null(),
    ]
}

#[derive(Debug, Clone)]
pub(super) struct SetSchemaMetadata {
    name: Option<Arc<str>>,
    version: Option<i32>,
    replace_null: bool,
    cache: SchemaCache<Arc<Schema>>,
}

impl SetSchemaMetadata {
    pub(super) fn new(given: &Given) -> Result<SetSchemaMetadata, ConfigError> {
        let (name, version) = (given.text("schema.name").map(Arc::from), given.int("schema.version"));
        if name.is_none() && version.is_none() {
            return Err(ConfigError("Neither schema name nor version configured".to_owned()));
        }
        Ok(SetSchemaMetadata { name, version, replace_null: given.replace_null(), cache: SchemaCache::default() })
    }

    pub(super) fn apply(&self, data: SchemaAndValue) -> Result<SchemaAndValue, DataError> {
        let schema = match data.schema {
            Some(schema) => schema,
            None if data.value.is_null() => return Ok(data),
            None => return Err(DataError::data("Schema required for [updating schema metadata]")),
        };
        let new = self.cache.get(&schema, |schema| {
            require_fields(schema)?;
            let mut new = schema.clone();
            new.name = self.name.as_deref().map(str::to_owned).or(new.name);
            new.version = self.version.or(new.version);
            Ok::<_, DataError>(Arc::new(new))
        })?;
        let value = match data.value {
            Value::Struct(schema, values) => Value::Struct(new.clone(), or_defaults(values, &schema, self.replace_null)),
            other => other,
        };
        Ok(SchemaAndValue { schema: Some(new), value })
    }
}
