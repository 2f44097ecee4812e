//! `InsertField`: where a record comes from, or a fixed text, in a field of its own.

use std::sync::Arc;

use crate::config_def::{ConfigError, Importance, Key, Kind};
use crate::data::{ConnectRecord, DataError, Schema, SchemaAndValue, TIMESTAMP, Type, Value};
use crate::smt::keys::{Given, nullable, replace_null};
use crate::smt::outline::{Content, Outline, Source};
use crate::smt::part::{Part, or_defaults, put, require_fields, require_map, require_struct};
use crate::smt::schema_cache::SchemaCache;

const PURPOSE: &str = "field insertion";

pub(super) fn keys() -> Vec<Key> {
    let text = |name, documentation| nullable(name, Kind::String, Importance::Medium, documentation);
    vec![
        text(
            "topic.field",
            "The field for the topic. A ! behind the name makes the field required, a ? optional, as it is without either.",
        ),
        text("partition.field", "The field for the partition; ! and ? as for topic.field."),
        text("offset.field", "The field for the offset; ! and ? as for topic.field."),
        text("timestamp.field", "The field for the record's timestamp; ! and ? as for topic.field."),
        text("static.field", "The field for static.value; ! and ? as for topic.field."),
        text("static.value", "The text that static.field holds."),
        replace_null(),
    ]
}

/// A field to add.
#[derive(Debug)]
struct Insertion {
    what: What,
    name: String,
    schema: Arc<Schema>,
}

#[derive(Debug)]
enum What {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Static(String),
}

/// In the order in which fields are added.
#[derive(Debug)]
pub(super) struct Insertions(Vec<Insertion>);

impl Insertions {
    pub(super) fn new(given: &Given) -> Result<Insertions, ConfigError> {
        let mut insertions = Vec::new();
        let mut add = |key: &str, what: What, schema: Schema| {
            if let Some(text) = given.text(key) {
                let name = text.strip_suffix(['!', '?']).unwrap_or(text).to_owned();
                insertions.push(Insertion { what, name, schema: Arc::new(schema.with_optional(!text.ends_with('!'))) });
            }
        };
        add("topic.field", What::Topic, Schema::of(Type::String));
        add("partition.field", What::Partition, Schema::of(Type::Int32));
        add("offset.field", What::Offset, Schema::of(Type::Int64));
        add("timestamp.field", What::Timestamp, Schema::logical(Type::Int64, TIMESTAMP));
        add("static.field", What::Static(given.string("static.value")), Schema::of(Type::String));
        if insertions.is_empty() {
            return Err(ConfigError("No field insertion configured".to_owned()));
        }
        if let (Some(field), None) = (given.text("static.field"), given.text("static.value")) {
            return Err(ConfigError::invalid("static.value", "null", &format!("No value specified for static field: {field}")));
        }
        Ok(Insertions(insertions))
    }
}

#[derive(Debug, Clone)]
pub(super) struct InsertField {
    replace_null: bool,
    cache: SchemaCache<Arc<Schema>>,
}

impl InsertField {
    pub(super) fn new(given: &Given) -> InsertField {
        InsertField { replace_null: given.replace_null(), cache: SchemaCache::default() }
    }

    pub(super) fn apply(&self, part: Part, insertions: &Insertions, record: &mut ConnectRecord) -> Result<(), DataError> {
        if part.of(record).value.is_null() {
            return Ok(());
        }
        let data = part.take(record);
        let changed = match data.schema {
            None => {
                let mut entries = require_map(data.value, PURPOSE)?;
                for insertion in &insertions.0 {
                    let value = match (&insertion.what, record.timestamp) {
                        (What::Timestamp, None) => continue,
                        (What::Timestamp, Some(ms)) => Value::Int64(ms),
                        (what, _) => what.value(record),
                    };
                    put(&mut entries, &insertion.name, value);
                }
                SchemaAndValue { schema: None, value: Value::Map(entries) }
            }
            Some(schema) => {
                let (struct_schema, values) = require_struct(data.value, PURPOSE)?;
                let new = self.cache.get(&schema, |schema| with_fields(schema, insertions))?;
                let mut values = or_defaults(values, &struct_schema, self.replace_null);
                values.extend(insertions.0.iter().map(|insertion| insertion.what.value(record)));
                SchemaAndValue { schema: Some(new.clone()), value: Value::Struct(new, values) }
            }
        };
        *part.of(record) = changed;
        Ok(())
    }
}

impl Insertions {
    pub(super) fn reshape(&self, outline: &mut Outline) -> Option<()> {
        let Some(mut fields) = outline.root_fields()? else { return Some(()) };
        for insertion in &self.0 {
            let content = match &insertion.what {
                What::Topic => outline.constant_of(Value::String(outline.topic.to_string())),
                What::Partition => Content::Slot(Source::Partition, None),
                What::Offset => Content::Slot(Source::Offset, None),
                What::Timestamp if outline.has_timestamp => Content::Slot(Source::Timestamp, None),
                What::Timestamp => continue,
                What::Static(text) => outline.constant_of(Value::String(text.clone())),
            };
            let name = outline.name_of(&insertion.name)?;
            outline.put(&mut fields, name, content)?;
        }
        outline.root = Content::Object(fields);
        Some(())
    }
}

impl What {
    fn value(&self, record: &ConnectRecord) -> Value {
        match self {
            What::Topic => Value::String(record.topic.to_string()),
            What::Partition => Value::Int32(record.partition),
            What::Offset => Value::Int64(record.offset),
            What::Timestamp => record.timestamp.map_or(Value::Null, Value::Date),
            What::Static(text) => Value::String(text.clone()),
        }
    }
}

fn with_fields(schema: &Schema, insertions: &Insertions) -> Result<Arc<Schema>, DataError> {
    require_fields(schema)?;
    let mut new = schema.basics(Type::Struct);
    new.fields.extend(schema.fields.iter().cloned());
    for insertion in &insertions.0 {
        new.push_field(&insertion.name, insertion.schema.clone())?;
    }
    Ok(Arc::new(new))
}
