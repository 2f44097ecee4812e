//! `TimestampConverter`: a point in time from one form into another.

use std::sync::Arc;

use crate::config_def::{ConfigError, Importance, Key, Kind};
use crate::data::{DATE, DataError, Field, Schema, SchemaAndValue, TIME, TIMESTAMP, Type, Value};
use crate::smt::date_format::DateFormat;
use crate::smt::keys::{Given, one_of, optional, replace_null, required};
use crate::smt::part::{is_key, or_default, put, require_fields, require_map, require_struct};
use crate::smt::schema_cache::SchemaCache;

const PURPOSE: &str = "converting timestamp formats";
const DAY_MS: i64 = 86_400_000;

pub(super) fn keys() -> Vec<Key> {
    vec![
        optional("field", Kind::String, "", Importance::High, "The field that holds the point in time; empty when the whole key or value is one."),
        required("target.type", Kind::String, Importance::High, "The form it gets: string, unix, Date, Time or Timestamp.")
            .validated(|_, value| one_of(value, &["string", "unix", "Date", "Time", "Timestamp"])),
        optional(
            "format",
            Kind::String,
            "",
            Importance::Medium,
            "How a text is written or read, as java.text.SimpleDateFormat reads it. Needed wherever the point in time is or becomes text.",
        ),
        optional(
            "unix.precision",
            Kind::String,
            "milliseconds",
            Importance::Low,
            "What a whole number counts: seconds, milliseconds, microseconds or nanoseconds. What is finer than a millisecond is lost.",
        )
        .validated(|_, value| one_of(value, &["nanoseconds", "microseconds", "milliseconds", "seconds"])),
        replace_null(),
    ]
}

/// The forms of a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Unix,
    Date,
    Time,
    Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct TimestampConverter {
    field: Arc<str>,
    target: Form,
    format: Option<Arc<DateFormat>>,
    precision: Precision,
    replace_null: bool,
    cache: SchemaCache<Arc<Schema>>,
}

#[derive(Debug, Clone, Copy)]
enum Precision {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl TimestampConverter {
    pub(super) fn new(given: &Given) -> Result<TimestampConverter, ConfigError> {
        let target = match given.text("target.type") {
            Some("string") => Form::Text,
            Some("unix") => Form::Unix,
            Some("Date") => Form::Date,
            Some("Time") => Form::Time,
            _ => Form::Timestamp,
        };
        let pattern = given.string("format");
        if target == Form::Text && pattern.is_empty() {
            return Err(ConfigError(
                "TimestampConverter requires format option to be specified when using string timestamps".to_owned(),
            ));
        }
        let format = (!pattern.is_empty()).then(|| DateFormat::new(&pattern)).transpose().map_err(|error| {
            ConfigError(format!(
                "Invalid value java.lang.IllegalArgumentException: {error} for configuration TimestampConverter requires a \
                 SimpleDateFormat-compatible pattern for string timestamps: {pattern}"
            ))
        })?;
        let precision = match given.text("unix.precision") {
            Some("seconds") => Precision::Seconds,
            Some("microseconds") => Precision::Microseconds,
            Some("nanoseconds") => Precision::Nanoseconds,
            _ => Precision::Milliseconds,
        };
        Ok(TimestampConverter {
            field: given.string("field").into(),
            target,
            format: format.map(Arc::new),
            precision,
            replace_null: given.replace_null(),
            cache: SchemaCache::default(),
        })
    }

    pub(super) fn apply(&self, data: SchemaAndValue) -> Result<SchemaAndValue, DataError> {
        match data.schema {
            None if data.value.is_null() || self.field.is_empty() => {
                Ok(SchemaAndValue { schema: None, value: self.convert(data.value, None)? })
            }
            None => {
                let mut entries = require_map(data.value, PURPOSE)?;
                match entries.iter_mut().find(|(key, _)| is_key(key, &self.field)) {
                    Some((_, value)) => *value = self.convert(std::mem::replace(value, Value::Null), None)?,
                    None => put(&mut entries, &self.field, Value::Null),
                }
                Ok(SchemaAndValue { schema: None, value: Value::Map(entries) })
            }
            Some(schema) if self.field.is_empty() => {
                let form = form_of(&schema)?;
                let new = self.cache.get::<DataError>(&schema, |schema| Ok(Arc::new(self.target_schema(schema.optional))))?;
                Ok(SchemaAndValue { schema: Some(new), value: self.convert(data.value, Some(form))? })
            }
            Some(schema) => self.apply_to_struct(&schema, data.value),
        }
    }

    fn apply_to_struct(&self, schema: &Arc<Schema>, value: Value) -> Result<SchemaAndValue, DataError> {
        let held = match value {
            Value::Null => None,
            other => Some(require_struct(other, PURPOSE)?),
        };
        let new = self.cache.get(schema, |schema| self.new_schema(schema))?;
        let Some((old, mut values)) = held else { return Ok(SchemaAndValue { schema: Some(new), value: Value::Null }) };
        for (value, field) in values.iter_mut().zip(&old.fields) {
            if value.is_null() {
                *value = or_default(Value::Null, &field.schema, self.replace_null);
            }
            if *field.name == *self.field {
                *value = self.convert(std::mem::replace(value, Value::Null), Some(form_of(&field.schema)?))?;
            }
        }
        Ok(SchemaAndValue { schema: Some(new.clone()), value: Value::Struct(new, values) })
    }

    fn new_schema(&self, schema: &Schema) -> Result<Arc<Schema>, DataError> {
        require_fields(schema)?;
        let mut new = schema.basics(Type::Struct).with_optional(schema.optional);
        new.fields.extend(schema.fields.iter().map(|field| match *field.name == *self.field {
            true => Field { name: field.name.clone(), schema: Arc::new(self.target_schema(field.schema.optional)) },
            false => field.clone(),
        }));
        Ok(Arc::new(new))
    }

    fn target_schema(&self, optional: bool) -> Schema {
        let schema = match self.target {
            Form::Text => Schema::of(Type::String),
            Form::Unix => Schema::of(Type::Int64),
            Form::Date => Schema::logical(Type::Int32, DATE),
            Form::Time => Schema::logical(Type::Int32, TIME),
            Form::Timestamp => Schema::logical(Type::Int64, TIMESTAMP),
        };
        schema.with_optional(optional)
    }

    /// Without a form the value tells its own.
    fn convert(&self, value: Value, form: Option<Form>) -> Result<Value, DataError> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        let ms = match (form, &value) {
            (None | Some(Form::Text), Value::String(text)) => self.parse(text)?,
            (None | Some(Form::Unix), Value::Int64(number)) => self.precision.to_ms(*number),
            (None | Some(Form::Date | Form::Time | Form::Timestamp), Value::Date(ms)) => *ms,
            (None, other) => {
                return Err(DataError::data(format!(
                    "TimestampConverter does not support class {} objects as timestamps",
                    other.java_class()
                )));
            }
            (Some(form), other) => {
                let expected = match form {
                    Form::Text => "string timestamp to be a String",
                    Form::Unix => "Unix timestamp to be a Long",
                    Form::Date => "Date to be a java.util.Date",
                    Form::Time => "Time to be a java.util.Date",
                    Form::Timestamp => "Timestamp to be a java.util.Date",
                };
                return Err(DataError::data(format!("Expected {expected}, but found class {}", other.java_class())));
            }
        };
        Ok(match (self.target, &self.format) {
            (Form::Text, Some(format)) => Value::String(format.format(ms)),
            (Form::Text, None) => Value::Null,
            (Form::Unix, _) => Value::Int64(self.precision.of_ms(ms)),
            (Form::Date, _) => Value::Date(ms.saturating_sub(ms.rem_euclid(DAY_MS))),
            (Form::Time, _) => Value::Date(ms.rem_euclid(DAY_MS)),
            (Form::Timestamp, _) => Value::Date(ms),
        })
    }

    fn parse(&self, text: &str) -> Result<i64, DataError> {
        let format = self.format.as_ref().ok_or_else(|| DataError {
            exception: "java.lang.NullPointerException",
            message: "A text is no point in time unless the option format says how to read it".to_owned(),
        })?;
        format.parse(text).ok_or_else(|| {
            DataError::data(format!("Could not parse timestamp: value ({text}) does not match pattern ({})", format.pattern()))
        })
    }
}

fn form_of(schema: &Schema) -> Result<Form, DataError> {
    match (schema.name.as_deref(), schema.kind) {
        (Some(TIMESTAMP), _) => Ok(Form::Timestamp),
        (Some(DATE), _) => Ok(Form::Date),
        (Some(TIME), _) => Ok(Form::Time),
        (_, Type::String) => Ok(Form::Text),
        (_, Type::Int64) => Ok(Form::Unix),
        _ => Err(DataError {
            exception: "org.apache.kafka.connect.errors.ConnectException",
            message: format!("Schema {} does not correspond to a known timestamp type format", schema.shown()),
        }),
    }
}

impl Precision {
    /// Cut towards zero, and held at the ends of 64 bits, as Java's `TimeUnit` does.
    fn to_ms(self, number: i64) -> i64 {
        match self {
            Precision::Seconds => number.saturating_mul(1000),
            Precision::Milliseconds => number,
            Precision::Microseconds => number / 1000,
            Precision::Nanoseconds => number / 1_000_000,
        }
    }

    fn of_ms(self, ms: i64) -> i64 {
        match self {
            Precision::Seconds => ms / 1000,
            Precision::Milliseconds => ms,
            Precision::Microseconds => ms.saturating_mul(1000),
            Precision::Nanoseconds => ms.saturating_mul(1_000_000),
        }
    }
}
