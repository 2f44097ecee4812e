//! `ReplaceField`: fields are taken away or given other names. `blacklist` and `whitelist` of older versions are no keys any more.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config_def::{ConfigError, Importance, Key, Kind, Parsed};
use crate::data::{DataError, Schema, SchemaAndValue, Type, Value};
use crate::smt::keys::{Given, POSSIBLY_EMPTY, optional, replace_null, split_colons};
use crate::smt::outline::{Chain, Content, Outline};
use crate::smt::part::{is_key, or_default, require_fields, require_map, require_struct};
use crate::smt::schema_cache::SchemaCache;

const PURPOSE: &str = "field replacement";

pub(super) fn keys() -> Vec<Key> {
    let list = |name, documentation| optional(name, Kind::List, "", Importance::Medium, documentation);
    vec![
        list("exclude", "The fields to take away, even where include names them.").validated(POSSIBLY_EMPTY),
        list("include", "The only fields to keep; all, where none is named.").validated(POSSIBLY_EMPTY),
        list("renames", "New names for fields, as old:new with commas between.").validated(|key, value| match value {
            Parsed::List(items) => match items.iter().find(|item| split_colons(item).len() != 2) {
                Some(item) => Err(format!("Invalid rename mapping: {item}")),
                None => Ok(()),
            },
            _ => POSSIBLY_EMPTY(key, value),
        }),
        replace_null(),
    ]
}

#[derive(Debug, Clone)]
pub(super) struct ReplaceField {
    rules: Arc<Rules>,
    replace_null: bool,
    cache: SchemaCache<Arc<Plan>>,
}

#[derive(Debug)]
struct Rules {
    exclude: HashSet<String>,
    include: HashSet<String>,
    renames: HashMap<String, String>,
}

/// A struct's new schema, and where each of its fields was.
#[derive(Debug)]
struct Plan {
    schema: Arc<Schema>,
    sources: Vec<usize>,
}

impl ReplaceField {
    pub(super) fn new(given: &Given) -> Result<ReplaceField, ConfigError> {
        let set = |name| given.list(name).iter().cloned().collect();
        let mut renames = HashMap::new();
        for item in given.list("renames") {
            if let [old, new] = split_colons(item)[..] {
                renames.insert(old.to_owned(), new.to_owned());
            }
        }
        Ok(ReplaceField {
            rules: Arc::new(Rules { exclude: set("exclude"), include: set("include"), renames }),
            replace_null: given.replace_null(),
            cache: SchemaCache::default(),
        })
    }

    pub(super) fn apply(&self, data: SchemaAndValue) -> Result<SchemaAndValue, DataError> {
        if data.value.is_null() {
            return Ok(data);
        }
        let Some(schema) = data.schema else {
            let mut entries = require_map(data.value, PURPOSE)?;
            entries.retain(|(key, _)| key.as_str().is_none_or(|name| self.rules.keeps(name)));
            if !self.rules.renames.is_empty() {
                entries = self.rules.rename(entries);
            }
            return Ok(SchemaAndValue { schema: None, value: Value::Map(entries) });
        };
        let (struct_schema, mut values) = require_struct(data.value, PURPOSE)?;
        let plan = self.cache.get(&schema, |schema| self.rules.plan(schema))?;
        let kept = plan.sources.iter().map(|index| {
            let value = values.get_mut(*index).map_or(Value::Null, |value| std::mem::replace(value, Value::Null));
            or_default(value, &struct_schema.fields[*index].schema, self.replace_null)
        });
        let kept = kept.collect();
        Ok(SchemaAndValue { schema: Some(plan.schema.clone()), value: Value::Struct(plan.schema.clone(), kept) })
    }

    pub(super) fn reshape(&self, outline: &mut Outline) -> Option<()> {
        let Some(fields) = outline.root_fields()? else { return Some(()) };
        let mut kept = Chain::default();
        let mut next = fields.first();
        while let Some(at) = next {
            let field = outline.field(at);
            next = field.next;
            let name = outline.text(field.name);
            if self.rules.keeps(name) {
                let name = match self.rules.renames.get(name) {
                    Some(new) => outline.name_of(new)?,
                    None => field.name,
                };
                outline.put(&mut kept, name, field.content)?;
            }
        }
        outline.root = Content::Object(kept);
        Some(())
    }
}

impl Rules {
    fn keeps(&self, name: &str) -> bool {
        !self.exclude.contains(name) && (self.include.is_empty() || self.include.contains(name))
    }

    /// Of two fields that get one name the later stays.
    fn rename(&self, entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
        let mut renamed: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let new = key.as_str().and_then(|name| self.renames.get(name));
            let key = new.map_or(key, |name| Value::String(name.clone()));
            // Only a new name can be another field's as well.
            let target = key.as_str().filter(|name| self.renames.values().any(|new| new == name));
            match target.and_then(|name| renamed.iter_mut().find(|(known, _)| is_key(known, name))) {
                Some((_, earlier)) => *earlier = value,
                None => renamed.push((key, value)),
            }
        }
        renamed
    }

    fn plan(&self, schema: &Schema) -> Result<Arc<Plan>, DataError> {
        require_fields(schema)?;
        let mut new = schema.basics(Type::Struct);
        for field in schema.fields.iter().filter(|field| self.keeps(&field.name)) {
            new.push_field(self.renames.get(&field.name).unwrap_or(&field.name), field.schema.clone())?;
        }
        // The original looks for the old name of a new field by the new one alone.
        let old = |new: &str| self.renames.iter().find(|(_, name)| *name == new).map_or(new.to_owned(), |(old, _)| old.clone());
        let sources = new.fields.iter().map(|field| {
            let old = old(&field.name);
            schema.field_index(&old).ok_or_else(|| DataError::data(format!("{old} is not a valid field name")))
        });
        let sources = sources.collect::<Result<_, _>>()?;
        Ok(Arc::new(Plan { schema: Arc::new(new), sources }))
    }
}
