//! `Flatten`: the fields of nested maps and structs become fields of the outermost, under joined names. Lists are kept whole.

use std::sync::Arc;

use crate::config_def::{Importance, Key, Kind};
use crate::data::{DataError, Schema, SchemaAndValue, Type, Value};
use crate::smt::keys::{Given, optional};
use crate::smt::outline::{Chain, Content, Name, Outline};
use crate::smt::part::{Entries, is_key, or_default, require_fields, require_map, require_struct};
use crate::smt::schema_cache::SchemaCache;

const PURPOSE: &str = "flattening";

pub(super) fn keys() -> Vec<Key> {
    vec![optional(
        "delimiter",
        Kind::String,
        ".",
        Importance::Medium,
        "What stands between the names of a field and the one around it when they are joined.",
    )]
}

#[derive(Debug, Clone)]
pub(super) struct Flatten {
    delimiter: Arc<str>,
    cache: SchemaCache<Arc<Schema>>,
}

struct FlatMap {
    entries: Entries,
    /// No name can come twice: joined by a single character, which was in none of the names so far, and none was empty.
    unique: bool,
}

impl FlatMap {
    /// Of two values with one name the later stays.
    fn put(&mut self, name: String, value: Value) {
        let earlier = if self.unique { None } else { self.entries.iter_mut().find(|(known, _)| is_key(known, &name)) };
        match earlier {
            Some((_, earlier)) => *earlier = value,
            None => self.entries.push((Value::String(name), value)),
        }
    }
}

impl Flatten {
    pub(super) fn new(given: &Given) -> Flatten {
        Flatten { delimiter: given.string("delimiter").into(), cache: SchemaCache::default() }
    }

    pub(super) fn apply(&self, data: SchemaAndValue) -> Result<SchemaAndValue, DataError> {
        if data.value.is_null() {
            return Ok(data);
        }
        let Some(schema) = data.schema else {
            let entries = require_map(data.value, PURPOSE)?;
            let unique = self.delimiter.chars().count() == 1;
            let mut flat = FlatMap { entries: Vec::with_capacity(leaves(&entries)), unique };
            self.flatten_map(entries, "", &mut flat)?;
            return Ok(SchemaAndValue { schema: None, value: Value::Map(flat.entries) });
        };
        let (struct_schema, values) = require_struct(data.value, PURPOSE)?;
        let new = self.cache.get(&schema, |schema| self.flat_schema(schema).map(Arc::new))?;
        let mut flat = Vec::with_capacity(new.fields.len());
        flatten_struct(&struct_schema, Some(values), &mut flat);
        Ok(SchemaAndValue { schema: Some(new.clone()), value: Value::Struct(new, flat) })
    }

    pub(super) fn reshape(&self, outline: &mut Outline) -> Option<()> {
        if let Some(fields) = outline.root_fields()? {
            let mut flat = Chain::default();
            self.flatten_fields(outline, fields, Name::default(), &mut flat)?;
            outline.root = Content::Object(flat);
        }
        Some(())
    }

    fn flatten_fields(&self, outline: &mut Outline, fields: Chain, prefix: Name, flat: &mut Chain) -> Option<()> {
        let mut next = fields.first();
        while let Some(at) = next {
            let field = outline.field(at);
            next = field.next;
            let name = if prefix.is_empty() { field.name } else { outline.joined(prefix, &self.delimiter, field.name)? };
            match field.content {
                Content::Object(nested) => self.flatten_fields(outline, nested, name, flat)?,
                content => outline.put(flat, name, content)?,
            }
        }
        Some(())
    }

    fn joined(&self, prefix: &str, name: &str) -> String {
        if prefix.is_empty() { name.to_owned() } else { [prefix, &self.delimiter, name].concat() }
    }

    fn flatten_map(&self, entries: Entries, prefix: &str, flat: &mut FlatMap) -> Result<(), DataError> {
        for (key, value) in entries {
            let Value::String(name) = key else { return Err(class_cast(&key)) };
            flat.unique &= !name.is_empty() && !name.contains(&*self.delimiter);
            let name = if prefix.is_empty() { name } else { self.joined(prefix, &name) };
            match value {
                Value::Map(nested) => self.flatten_map(nested, &name, flat)?,
                Value::Null => flat.put(name, Value::Null),
                Value::Struct(..) => {
                    return Err(DataError::data(format!(
                        "Flatten transformation does not support class {} for record without schemas (for field {name}).",
                        value.java_class()
                    )));
                }
                value if value.inferred_type().is_none() => {
                    return Err(DataError::data(format!(
                        "Flatten transformation was passed a value of type class {} which is not supported by Connect's data API",
                        value.java_class()
                    )));
                }
                value => flat.put(name, value),
            }
        }
        Ok(())
    }

    fn flat_schema(&self, schema: &Schema) -> Result<Schema, DataError> {
        require_fields(schema)?;
        let mut flat = schema.basics(Type::Struct);
        self.flatten_schema(schema, "", &mut flat, schema.optional, schema.default.as_ref())?;
        Ok(flat)
    }

    fn flatten_schema(
        &self,
        schema: &Schema,
        prefix: &str,
        flat: &mut Schema,
        optional: bool,
        parent: Option<&Value>,
    ) -> Result<(), DataError> {
        for (index, field) in schema.fields.iter().enumerate() {
            let name = self.joined(prefix, &field.name);
            let optional = optional || field.schema.optional;
            let of_parent = match parent {
                Some(Value::Struct(_, values)) => values.get(index).filter(|value| !value.is_null()),
                _ => None,
            };
            let default = field.schema.default.as_ref().or(of_parent);
            match field.schema.kind {
                Type::Struct => self.flatten_schema(&field.schema, &name, flat, optional, default)?,
                Type::Map => {
                    return Err(DataError::data(format!(
                        "Flatten transformation does not support MAP for record with schemas (for field {name})."
                    )));
                }
                _ => {
                    let new = Schema { default: default.cloned(), ..Schema::clone(&field.schema).with_optional(optional) };
                    flat.push_field(&name, Arc::new(new))?;
                }
            }
        }
        Ok(())
    }
}

/// How many entries are left of these.
fn leaves(entries: &Entries) -> usize {
    let of = |value: &Value| if let Value::Map(nested) = value { leaves(nested) } else { 1 };
    entries.iter().map(|(_, value)| of(value)).sum()
}

fn class_cast(key: &Value) -> DataError {
    DataError {
        exception: "java.lang.ClassCastException",
        message: format!("class {} cannot be cast to class java.lang.String", key.java_class()),
    }
}

/// Of a struct that is null, every field is.
fn flatten_struct(schema: &Schema, values: Option<Vec<Value>>, flat: &mut Vec<Value>) {
    let mut values = values.map(Vec::into_iter);
    for field in &schema.fields {
        let value = values.as_mut().map(|values| values.next().unwrap_or(Value::Null));
        match (field.schema.kind, value) {
            (Type::Struct, Some(Value::Struct(nested, values))) => flatten_struct(&nested, Some(values), flat),
            (Type::Struct, _) => flatten_struct(&field.schema, None, flat),
            (_, Some(value)) => flat.push(or_default(value, &field.schema, true)),
            (_, None) => flat.push(Value::Null),
        }
    }
}
