//! `Cast`: fields, or the whole key or value, into another type.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::BigDecimal;

use crate::config_def::{ConfigError, Importance, Key, Kind, Parsed, alone};
use crate::data::{DATE, DataError, Field, Schema, SchemaAndValue, TIME, TIMESTAMP, Type, Value};
use crate::java_number::{decimal_as_long, decimal_text, double_text, float_text, integer_as_long, parse_double, parse_float};
use crate::smt::date_format::DateFormat;
use crate::smt::keys::{Given, replace_null, required, split_colons};
use crate::smt::outline::{Content, Outline};
use crate::smt::part::{or_default, put, require_fields, require_map, require_struct};
use crate::smt::schema_cache::SchemaCache;

const PURPOSE: &str = "cast types";
const DAY_MS: i64 = 86_400_000;
const TARGETS: [Type; 8] =
    [Type::Int8, Type::Int16, Type::Int32, Type::Int64, Type::Float32, Type::Float64, Type::Boolean, Type::String];
const TYPES: [Type; 12] = [
    Type::Int8,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Float32,
    Type::Float64,
    Type::Boolean,
    Type::String,
    Type::Bytes,
    Type::Array,
    Type::Map,
    Type::Struct,
];

pub(super) fn keys() -> Vec<Key> {
    vec![
        required(
            "spec",
            Kind::List,
            Importance::High,
            "Which fields become which type, as field:type with commas between; or one type alone, which the whole key or value becomes. \
             The types are int8, int16, int32, int64, float32, float64, boolean and string. Bytes can become a string only.",
        )
        .validated(|_, value| match value {
            Parsed::List(items) if !items.is_empty() => Spec::read(items).map(drop).map_err(|error| alone(&error.0)),
            _ => Err(alone("Must specify at least one field to cast.")),
        }),
        replace_null(),
    ]
}

#[derive(Debug, Clone)]
enum Spec {
    Whole(Type),
    Fields(Vec<(String, Type)>),
}

impl Spec {
    fn read(items: &[String]) -> Result<Spec, ConfigError> {
        let mut fields: Vec<(String, Type)> = Vec::new();
        let mut whole = None;
        for item in items {
            let (field, name) = match split_colons(item)[..] {
                [name] => (None, name.trim()),
                [field, name] => (Some(field.trim()), name.trim()),
                _ => {
                    return Err(ConfigError::invalid(
                        "renames",
                        &format!("[{}]", items.join(", ")),
                        &format!("Invalid rename mapping: {item}"),
                    ));
                }
            };
            let target = target(name)?;
            match field {
                None => whole = Some(target),
                Some(field) => match fields.iter_mut().find(|(known, _)| known == field) {
                    Some((_, earlier)) => *earlier = target,
                    None => fields.push((field.to_owned(), target)),
                },
            }
        }
        match whole {
            Some(target) if items.len() == 1 => Ok(Spec::Whole(target)),
            Some(_) => Err(ConfigError(
                "Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec"
                    .to_owned(),
            )),
            None => Ok(Spec::Fields(fields)),
        }
    }
}

fn target(name: &str) -> Result<Type, ConfigError> {
    let upper = name.to_uppercase();
    let known = TYPES.into_iter().find(|known| known.as_str() == upper).ok_or_else(|| {
        let error =
            format!("java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type.{upper}");
        ConfigError(format!("Invalid value {error} for configuration Invalid type found in casting spec: {name}"))
    })?;
    match TARGETS.contains(&known) {
        true => Ok(known),
        false => Err(ConfigError(format!(
            "Cast transformation does not support casting to {upper}; supported types are [{}]",
            TARGETS.map(Type::as_str).join(", ")
        ))),
    }
}

#[derive(Debug, Clone)]
pub(super) struct Cast {
    spec: Arc<Spec>,
    replace_null: bool,
    texts: Arc<Texts>,
    cache: SchemaCache<Arc<Plan>>,
}

/// How dates become text.
#[derive(Debug)]
struct Texts {
    time: DateFormat,
    date: DateFormat,
    timestamp: DateFormat,
}

/// A struct's new schema, and what each field becomes.
#[derive(Debug)]
struct Plan {
    schema: Arc<Schema>,
    targets: Vec<Option<Type>>,
}

impl Cast {
    pub(super) fn new(given: &Given) -> Result<Cast, ConfigError> {
        let format = |pattern| DateFormat::new(pattern).map_err(ConfigError);
        let texts = Texts {
            time: format("HH:mm:ss.SSS'Z'")?,
            date: format("yyyy-MM-dd")?,
            timestamp: format("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")?,
        };
        Ok(Cast {
            spec: Arc::new(Spec::read(given.list("spec"))?),
            replace_null: given.replace_null(),
            texts: Arc::new(texts),
            cache: SchemaCache::default(),
        })
    }

    pub(super) fn apply(&self, data: SchemaAndValue) -> Result<SchemaAndValue, DataError> {
        if data.value.is_null() {
            return Ok(data);
        }
        match (&*self.spec, data.schema) {
            (Spec::Whole(target), None) => Ok(SchemaAndValue { schema: None, value: self.cast(None, data.value, *target)? }),
            (Spec::Fields(fields), None) => {
                let mut entries = require_map(data.value, PURPOSE)?;
                for (name, target) in fields {
                    let entry = entries.iter_mut().find(|(key, _)| key.as_str() == Some(name));
                    match entry {
                        Some((_, value)) => *value = self.cast(None, std::mem::replace(value, Value::Null), *target)?,
                        None => put(&mut entries, name, Value::Null),
                    }
                }
                Ok(SchemaAndValue { schema: None, value: Value::Map(entries) })
            }
            (Spec::Whole(target), Some(schema)) => {
                let plan = self.cache.get(&schema, |schema| self.plan_whole(schema, *target))?;
                let value = self.cast(Some(&schema), data.value, *target)?;
                Ok(SchemaAndValue { schema: Some(plan.schema.clone()), value })
            }
            (Spec::Fields(fields), Some(schema)) => {
                let plan = self.cache.get(&schema, |schema| self.plan(schema, fields))?;
                let (schema, mut values) = require_struct(data.value, PURPOSE)?;
                for ((value, field), target) in values.iter_mut().zip(&schema.fields).zip(&plan.targets) {
                    let old = or_default(std::mem::replace(value, Value::Null), &field.schema, self.replace_null);
                    *value = match target {
                        Some(target) => self.cast(Some(&field.schema), old, *target)?,
                        None => old,
                    };
                }
                Ok(SchemaAndValue { schema: Some(plan.schema.clone()), value: Value::Struct(plan.schema.clone(), values) })
            }
        }
    }

    pub(super) fn reshape(&self, outline: &mut Outline) -> Option<()> {
        match &*self.spec {
            Spec::Whole(target) => {
                let root = outline.root;
                outline.root = self.reshaped(outline, root, *target)?;
            }
            Spec::Fields(casts) => {
                let Some(mut fields) = outline.root_fields()? else { return Some(()) };
                for (name, target) in casts {
                    match outline.find(fields, name) {
                        Some(at) => {
                            let content = outline.field(at).content;
                            let content = self.reshaped(outline, content, *target)?;
                            outline.set(at, content);
                        }
                        None => outline.put_constant(&mut fields, name, Value::Null)?,
                    }
                }
                outline.root = Content::Object(fields);
            }
        }
        Some(())
    }

    fn reshaped(&self, outline: &mut Outline, content: Content, target: Type) -> Option<Content> {
        outline.changed(content, Some(target), |value| self.cast_plain(value, target))
    }

    /// A value without a schema.
    pub(super) fn cast_plain(&self, value: Value, target: Type) -> Result<Value, DataError> {
        self.cast(None, value, target)
    }

    fn plan_whole(&self, schema: &Schema, target: Type) -> Result<Arc<Plan>, DataError> {
        let default = self.cast_default(schema, target)?;
        let new = Schema { default, optional: schema.optional, ..schema.basics(target) };
        Ok(Arc::new(Plan { schema: Arc::new(new), targets: Vec::new() }))
    }

    fn plan(&self, schema: &Schema, fields: &[(String, Type)]) -> Result<Arc<Plan>, DataError> {
        require_fields(schema)?;
        let mut new = schema.basics(Type::Struct).with_optional(schema.optional);
        let mut targets = Vec::with_capacity(schema.fields.len());
        for field in &schema.fields {
            let target = fields.iter().find(|(name, _)| *name == field.name).map(|(_, target)| *target);
            let schema = match target {
                Some(target) => {
                    let default = self.cast_default(&field.schema, target)?;
                    Arc::new(Schema { default, optional: field.schema.optional, ..Schema::of(target) })
                }
                None => field.schema.clone(),
            };
            new.fields.push(Field { name: field.name.clone(), schema });
            targets.push(target);
        }
        Ok(Arc::new(Plan { schema: Arc::new(new), targets }))
    }

    fn cast_default(&self, schema: &Schema, target: Type) -> Result<Option<Value>, DataError> {
        schema.default.clone().map(|default| self.cast(Some(schema), default, target)).transpose()
    }

    fn cast(&self, schema: Option<&Schema>, value: Value, target: Type) -> Result<Value, DataError> {
        if value.is_null() {
            return Ok(value);
        }
        let from = schema.map(|schema| schema.kind).or_else(|| value.inferred_type()).ok_or_else(|| {
            DataError::data(format!(
                "Cast transformation was passed a value of type class {} which is not supported by Connect's data API",
                value.java_class()
            ))
        })?;
        if from != Type::Bytes && !TARGETS.contains(&from) {
            return Err(DataError::data(format!(
                "Cast transformation does not support casting from {}; supported types are [{}, BYTES]",
                from.as_str(),
                TARGETS.map(Type::as_str).join(", ")
            )));
        }
        match target {
            Type::String => self.text(schema, value).map(Value::String),
            _ if schema.is_none() && !within(&value, target) => Err(out_of_range(&self.text(None, value)?)),
            _ => convert(encoded(schema, value)?, target),
        }
    }

    fn text(&self, schema: Option<&Schema>, value: Value) -> Result<String, DataError> {
        Ok(match value {
            Value::String(text) => text,
            Value::Int8(number) => number.to_string(),
            Value::Int16(number) => number.to_string(),
            Value::Int32(number) => number.to_string(),
            Value::Int64(number) => number.to_string(),
            Value::Float32(number) => float_text(number),
            Value::Float64(number) => double_text(number),
            Value::Boolean(flag) => flag.to_string(),
            Value::Bytes(bytes) => STANDARD.encode(bytes),
            Value::Decimal(number) => decimal_text(&number),
            Value::BigInt(number) => number.to_string(),
            Value::Date(ms) => self.texts.of(schema, ms),
            other => return Err(unexpected(&other)),
        })
    }
}

impl Texts {
    /// By what the value looks like, as in the original; up to the first day of 1970, where that would lose the day, by the schema.
    fn of(&self, schema: Option<&Schema>, ms: i64) -> String {
        let named = |name| schema.is_some_and(|schema| schema.is_named(name));
        let format = match ms {
            DAY_MS.. if ms % DAY_MS == 0 => &self.date,
            DAY_MS.. => &self.timestamp,
            _ if named(DATE) => &self.date,
            _ if named(TIMESTAMP) => &self.timestamp,
            _ => &self.time,
        };
        format.format(ms)
    }
}

/// Whether a number without a schema, which the original would have had as a long or a double, is not lost in `target`: the original
/// would have wrapped it, or made it infinite, before it came to be cast.
fn within(value: &Value, target: Type) -> bool {
    let size = match value {
        Value::BigInt(number) => BigDecimal::from(number.clone()),
        Value::Decimal(number) => number.clone(),
        _ => return true,
    };
    match target {
        Type::Float32 => parse_float(&decimal_text(&size)).is_some_and(f32::is_finite),
        Type::Float64 => parse_double(&decimal_text(&size)).is_some_and(f64::is_finite),
        // A flag is told by the long, too.
        _ => size > BigDecimal::from(i64::MIN) - 1 && size < BigDecimal::from(i64::MAX) + 1,
    }
}

fn out_of_range(text: &str) -> DataError {
    DataError::data(format!("Value ({text}) was out of range for requested data type"))
}

fn unexpected(value: &Value) -> DataError {
    DataError::data(format!("Unexpected type in Cast transformation: class {}", value.java_class()))
}

/// Dates as the numbers that stand for them.
fn encoded(schema: Option<&Schema>, value: Value) -> Result<Value, DataError> {
    let (Some(schema), Value::Date(ms)) = (schema, &value) else { return Ok(value) };
    let ms = *ms;
    match schema.name.as_deref() {
        Some(DATE) if ms % DAY_MS != 0 => {
            Err(DataError::data("Kafka Connect Date type should not have any time fields set to non-zero values."))
        }
        Some(DATE) => Ok(Value::Int32((ms / DAY_MS) as i32)),
        Some(TIME) if !(0..=DAY_MS).contains(&ms) => {
            Err(DataError::data("Kafka Connect Time type should not have any date fields set to non-zero values."))
        }
        Some(TIME) => Ok(Value::Int32(ms as i32)),
        Some(TIMESTAMP) => Ok(Value::Int64(ms)),
        _ => Ok(value),
    }
}

/// Into anything but text, with Java's narrowing: whole numbers lose their high bits, floats stop at the ends of int and long.
fn convert(value: Value, target: Type) -> Result<Value, DataError> {
    if let Value::String(text) = value {
        return read(&text, target).ok_or_else(|| out_of_range(&text));
    }
    let (long, int, double, float) = match &value {
        Value::Float64(number) => (*number as i64, *number as i32, *number, *number as f32),
        Value::Float32(number) => (*number as i64, *number as i32, f64::from(*number), *number),
        Value::Decimal(number) => {
            let text = decimal_text(number);
            let long = decimal_as_long(number);
            (long, long as i32, parse_double(&text).unwrap_or(f64::NAN), parse_float(&text).unwrap_or(f32::NAN))
        }
        Value::BigInt(number) => {
            let text = number.to_string();
            let long = integer_as_long(number);
            (long, long as i32, parse_double(&text).unwrap_or(f64::NAN), parse_float(&text).unwrap_or(f32::NAN))
        }
        other => {
            let long = match other {
                Value::Int8(number) => i64::from(*number),
                Value::Int16(number) => i64::from(*number),
                Value::Int32(number) => i64::from(*number),
                Value::Int64(number) => *number,
                Value::Boolean(flag) => i64::from(*flag),
                _ => return Err(unexpected(other)),
            };
            (long, long as i32, long as f64, long as f32)
        }
    };
    Ok(match target {
        Type::Int8 => Value::Int8(int as i8),
        Type::Int16 => Value::Int16(int as i16),
        Type::Int32 => Value::Int32(int),
        Type::Int64 => Value::Int64(long),
        Type::Float32 => Value::Float32(float),
        Type::Float64 => Value::Float64(double),
        _ => Value::Boolean(long != 0),
    })
}

/// A text as another type; `None` where it is out of its range.
pub(super) fn read(text: &str, target: Type) -> Option<Value> {
    match target {
        Type::Int8 => text.parse().ok().map(Value::Int8),
        Type::Int16 => text.parse().ok().map(Value::Int16),
        Type::Int32 => text.parse().ok().map(Value::Int32),
        Type::Int64 => text.parse().ok().map(Value::Int64),
        Type::Float32 => parse_float(text).map(Value::Float32),
        Type::Float64 => parse_double(text).map(Value::Float64),
        _ => Some(Value::Boolean(text.eq_ignore_ascii_case("true"))),
    }
}
