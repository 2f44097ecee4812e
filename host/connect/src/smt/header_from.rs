//! `HeaderFrom`: fields become headers, and stay fields or do not.

use std::sync::Arc;

use crate::config_def::{ConfigError, Importance, Key, Kind};
use crate::data::{ConnectRecord, DataError, Schema, SchemaAndValue, Type, Value};
use crate::smt::keys::{Given, non_empty_list, one_of, replace_null, required};
use crate::smt::part::{Part, get, is_key, or_default, require_map, require_struct};
use crate::smt::schema_cache::SchemaCache;

pub(super) fn keys() -> Vec<Key> {
    vec![
        required("fields", Kind::List, Importance::High, "The fields that become headers.").validated(non_empty_list),
        required("headers", Kind::List, Importance::High, "The names of those headers, in the order of fields.")
            .validated(non_empty_list),
        required(
            "operation",
            Kind::String,
            Importance::High,
            "move takes the fields out of the key or value, copy leaves them there.",
        )
        .validated(|_, value| one_of(value, &["move", "copy"])),
        replace_null(),
    ]
}

#[derive(Debug, Clone)]
pub(super) struct HeaderFrom {
    /// Each field and its header.
    pairs: Arc<Vec<(String, String)>>,
    moves: bool,
    replace_null: bool,
    cache: SchemaCache<Arc<Schema>>,
}

impl HeaderFrom {
    pub(super) fn new(given: &Given) -> Result<HeaderFrom, ConfigError> {
        let (fields, headers) = (given.list("fields"), given.list("headers"));
        if fields.len() != headers.len() {
            return Err(ConfigError("'fields' config must have the same number of elements as 'headers' config.".to_owned()));
        }
        Ok(HeaderFrom {
            pairs: Arc::new(fields.iter().cloned().zip(headers.iter().cloned()).collect()),
            moves: given.text("operation") == Some("move"),
            replace_null: given.replace_null(),
            cache: SchemaCache::default(),
        })
    }

    pub(super) fn apply(&self, part: Part, record: &mut ConnectRecord) -> Result<(), DataError> {
        let purpose = if self.moves { "header move" } else { "header copy" };
        let data = part.take(record);
        let left = match data.schema {
            None => {
                let mut entries = require_map(data.value, purpose)?;
                for (field, header) in &*self.pairs {
                    let value = get(&entries, field).cloned().unwrap_or(Value::Null);
                    record.headers.push((header.clone(), SchemaAndValue { schema: None, value }));
                }
                if self.moves {
                    entries.retain(|(key, _)| !self.pairs.iter().any(|(field, _)| is_key(key, field)));
                }
                SchemaAndValue { schema: None, value: Value::Map(entries) }
            }
            Some(schema) => self.apply_with_schema(schema, data.value, purpose, record)?,
        };
        *part.of(record) = left;
        Ok(())
    }

    fn apply_with_schema(
        &self,
        schema: Arc<Schema>,
        value: Value,
        purpose: &str,
        record: &mut ConnectRecord,
    ) -> Result<SchemaAndValue, DataError> {
        let (struct_schema, values) = require_struct(value, purpose)?;
        for (field, header) in &*self.pairs {
            let index = struct_schema.field_index(field).ok_or_else(|| DataError {
                exception: "java.lang.NullPointerException",
                message: format!("Field does not exist: {field}"),
            })?;
            let field = &struct_schema.fields[index].schema;
            let value = or_default(values.get(index).cloned().unwrap_or(Value::Null), field, self.replace_null);
            record.headers.push((header.clone(), SchemaAndValue { schema: Some(field.clone()), value }));
        }
        if !self.moves {
            return Ok(SchemaAndValue { schema: Some(schema), value: Value::Struct(struct_schema, values) });
        }
        let stays = |name: &str| !self.pairs.iter().any(|(field, _)| field == name);
        let new = self.cache.get::<DataError>(&schema, |schema| {
            let mut new = schema.basics(Type::Struct);
            new.fields.extend(schema.fields.iter().filter(|field| stays(&field.name)).cloned());
            Ok(Arc::new(new))
        })?;
        let left = values.into_iter().zip(&struct_schema.fields).filter(|(_, field)| stays(&field.name));
        let left = left.map(|(value, field)| or_default(value, &field.schema, self.replace_null)).collect();
        Ok(SchemaAndValue { schema: Some(new.clone()), value: Value::Struct(new, left) })
    }
}
