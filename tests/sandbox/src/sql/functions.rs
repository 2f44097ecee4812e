//! The functions that the engine lacks: paths into VARIANT, Snowflake's casts, division, JSON and dates. The translation calls them
//! by the names given here.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::json;

use super::datetime::{self, Moment};
use super::error::SqlError;
use super::types::SqlType;
use super::variant;

/// Adds all of them to a connection.
pub(crate) fn register(db: &Connection) -> Result<()> {
    type Function = fn(&Context<'_>) -> Result<Value>;
    let functions: [(&str, i32, Function); 22] = [
        ("sf_path", 2, path),
        ("sf_get", 2, get),
        ("sf_val", 1, |ctx| Ok(value(ctx.get_raw(0)))),
        ("sf_num", 1, number),
        ("sf_cast", 3, cast),
        ("sf_not_null", 2, not_null),
        ("sf_div", 2, divide),
        ("sf_parse_json", 2, parse_json),
        ("sf_typeof", 1, type_of),
        ("sf_array_size", 1, array_size),
        ("sf_keys", 1, keys),
        ("sf_object", -1, object),
        ("sf_array", -1, array),
        ("sf_is_null_value", 1, is_null_value),
        ("sf_each", 2, each),
        ("sf_json_text", 1, json_text),
        ("sf_to_timestamp", 2, to_timestamp),
        ("sf_date_trunc", 2, date_trunc),
        ("sf_date_part", 2, date_part),
        ("sf_date_add", 3, date_add),
        ("sf_date_diff", 3, date_diff),
        ("sf_now", 0, |_| Ok(Value::Text(now().to_string()))),
    ];
    for (name, arguments, function) in functions {
        db.create_scalar_function(name, arguments, FunctionFlags::SQLITE_UTF8, move |ctx| function(ctx))?;
    }
    Ok(())
}

pub(crate) fn now() -> Moment {
    Moment::from_nanos(i128::from(crate::world::now_ms()) * 1_000_000)
}

/// A VARIANT as what it holds; other values as they are.
fn value(raw: ValueRef<'_>) -> Value {
    match raw {
        ValueRef::Blob(json_text) => variant::scalar(json_text),
        other => variant::owned(other),
    }
}

fn text(ctx: &Context<'_>, index: usize) -> Option<String> {
    variant::text(ctx.get_raw(index))
}

fn path(ctx: &Context<'_>) -> Result<Value> {
    let steps = ctx.get_or_create_aux(1, |raw| Ok::<_, rusqlite::Error>(variant::steps(raw.as_str()?)))?;
    Ok(match ctx.get_raw(0) {
        ValueRef::Blob(json_text) => variant::follow(json_text, &steps).map_or(Value::Null, |found| Value::Blob(found.to_vec())),
        _ => Value::Null,
    })
}

/// One step whose key or index is computed.
fn get(ctx: &Context<'_>) -> Result<Value> {
    let step = match value(ctx.get_raw(1)) {
        Value::Integer(index) => variant::Step::Index(index),
        Value::Text(key) => variant::Step::Key(key),
        _ => return Ok(Value::Null),
    };
    Ok(match ctx.get_raw(0) {
        ValueRef::Blob(json_text) => variant::follow(json_text, &[step]).map_or(Value::Null, |found| Value::Blob(found.to_vec())),
        _ => Value::Null,
    })
}

fn number(ctx: &Context<'_>) -> Result<Value> {
    match value(ctx.get_raw(0)) {
        Value::Text(text) => variant::number(&text, None).ok_or_else(|| SqlError::not_numeric(&text).raise()),
        other => Ok(other),
    }
}

/// `sf_cast(value, type, lenient)`.
fn cast(ctx: &Context<'_>) -> Result<Value> {
    let to = ctx.get_or_create_aux(1, |raw| Ok::<_, rusqlite::Error>(SqlType::of(raw.as_str()?).unwrap_or(SqlType::Variant)))?;
    variant::cast(ctx.get_raw(0), *to, ctx.get::<bool>(2)?).map_err(SqlError::raise)
}

fn not_null(ctx: &Context<'_>) -> Result<Value> {
    match ctx.get_raw(0) {
        ValueRef::Null => Err(SqlError::new(
            "100072",
            "22000",
            format!("NULL result in a non-nullable column '{}'", text(ctx, 1).unwrap_or_default()),
        )
        .raise()),
        other => Ok(variant::owned(other)),
    }
}

fn divide(ctx: &Context<'_>) -> Result<Value> {
    let float = |index| match value(ctx.get_raw(index)) {
        Value::Integer(integer) => Some(integer as f64),
        Value::Real(real) => Some(real),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    };
    match (float(0), float(1)) {
        (Some(_), Some(0.0)) => Err(SqlError::division_by_zero().raise()),
        (Some(left), Some(right)) => Ok(Value::Real(left / right)),
        _ => Ok(Value::Null),
    }
}

/// `sf_parse_json(text, lenient)`.
fn parse_json(ctx: &Context<'_>) -> Result<Value> {
    let Some(text) = text(ctx, 0) else { return Ok(Value::Null) };
    let wrapped = format!("{{\"v\":{text}}}");
    match json::members(wrapped.as_bytes(), usize::from(u16::MAX), true, |_, _| {}) {
        Ok(()) => Ok(Value::Blob(variant::compact(text.trim().as_bytes()))),
        Err(_) if ctx.get::<bool>(1)? || text.trim().is_empty() => Ok(Value::Null),
        Err(fault) => Err(SqlError::new("100069", "22P02", format!("Error parsing JSON: {fault}")).raise()),
    }
}

fn type_of(ctx: &Context<'_>) -> Result<Value> {
    Ok(match ctx.get_raw(0) {
        ValueRef::Blob(json_text) => Value::Text(variant::type_of(json_text).to_owned()),
        _ => Value::Null,
    })
}

fn array_size(ctx: &Context<'_>) -> Result<Value> {
    let mut size = 0;
    Ok(match ctx.get_raw(0) {
        ValueRef::Blob(json_text) if json::elements(json_text, |_| size += 1).is_ok() => Value::Integer(size),
        _ => Value::Null,
    })
}

fn keys(ctx: &Context<'_>) -> Result<Value> {
    let mut keys: Vec<serde_json::Value> = Vec::new();
    Ok(match ctx.get_raw(0) {
        ValueRef::Blob(json_text)
            if json::members(json_text, usize::MAX, true, |key, _| keys.push(String::from_utf8_lossy(&key.name()).into()))
                .is_ok() =>
        {
            Value::Blob(serde_json::Value::from(keys).to_string().into_bytes())
        }
        _ => Value::Null,
    })
}

/// A value as JSON text.
fn as_json(raw: ValueRef<'_>) -> String {
    match raw {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Text(text) => serde_json::Value::from(String::from_utf8_lossy(text)).to_string(),
        ValueRef::Blob(json_text) => String::from_utf8_lossy(json_text).into_owned(),
        number => variant::text(number).unwrap_or_default(),
    }
}

/// Key, value, key, value; a NULL value leaves its key out.
fn object(ctx: &Context<'_>) -> Result<Value> {
    let mut members = Vec::new();
    for index in (1..ctx.len()).step_by(2) {
        if !matches!(ctx.get_raw(index), ValueRef::Null) {
            let key = serde_json::Value::from(text(ctx, index - 1).unwrap_or_default());
            members.push(format!("{key}:{}", as_json(ctx.get_raw(index))));
        }
    }
    Ok(Value::Blob(format!("{{{}}}", members.join(",")).into_bytes()))
}

fn array(ctx: &Context<'_>) -> Result<Value> {
    let elements: Vec<_> = (0..ctx.len()).map(|index| as_json(ctx.get_raw(index))).collect();
    Ok(Value::Blob(format!("[{}]", elements.join(",")).into_bytes()))
}

fn is_null_value(ctx: &Context<'_>) -> Result<Value> {
    Ok(match ctx.get_raw(0) {
        ValueRef::Null => Value::Null,
        ValueRef::Blob(json_text) => Value::Integer(i64::from(json_text == b"null")),
        _ => Value::Integer(0),
    })
}

/// A value that `json_each` gave, with its type, back as VARIANT.
fn each(ctx: &Context<'_>) -> Result<Value> {
    let kind = text(ctx, 1).unwrap_or_default();
    let json_text = match (kind.as_str(), ctx.get_raw(0)) {
        ("true" | "false" | "null", _) => kind,
        ("object" | "array", raw) => variant::text(raw).unwrap_or_default(),
        (_, raw) => as_json(raw),
    };
    Ok(Value::Blob(json_text.into_bytes()))
}

/// A VARIANT as the text that `json_each` reads.
fn json_text(ctx: &Context<'_>) -> Result<Value> {
    Ok(match ctx.get_raw(0) {
        ValueRef::Blob(json_text) => Value::Text(String::from_utf8_lossy(json_text).into_owned()),
        _ => Value::Null,
    })
}

/// `sf_to_timestamp(value, scale)`; without a scale a number tells its unit by its size.
fn to_timestamp(ctx: &Context<'_>) -> Result<Value> {
    let Some(plain) = text(ctx, 0) else { return Ok(Value::Null) };
    let moment = match ctx.get::<Option<u32>>(1)? {
        Some(scale) => plain.parse::<i64>().ok().and_then(|count| Moment::from_scaled(count, scale)),
        None => datetime::parse(&plain),
    };
    let unreadable = || SqlError::new("100035", "22007", format!("Timestamp '{plain}' is not recognized")).raise();
    moment.map(|moment| Value::Text(moment.to_string())).ok_or_else(unreadable)
}

fn moment(ctx: &Context<'_>, index: usize) -> Result<Option<Moment>> {
    let Some(plain) = text(ctx, index) else { return Ok(None) };
    let unreadable = || SqlError::new("100035", "22007", format!("Timestamp '{plain}' is not recognized")).raise();
    datetime::parse(&plain).map(Some).ok_or_else(unreadable)
}

fn bad_unit(ctx: &Context<'_>) -> rusqlite::Error {
    SqlError::new("001044", "42P13", format!("'{}' is not a valid date/time component", text(ctx, 0).unwrap_or_default())).raise()
}

fn date_trunc(ctx: &Context<'_>) -> Result<Value> {
    let Some(moment) = moment(ctx, 1)? else { return Ok(Value::Null) };
    let unit = datetime::unit(&text(ctx, 0).unwrap_or_default());
    moment.truncate(&unit).map(|moment| Value::Text(moment.to_string())).ok_or_else(|| bad_unit(ctx))
}

fn date_part(ctx: &Context<'_>) -> Result<Value> {
    let Some(moment) = moment(ctx, 1)? else { return Ok(Value::Null) };
    let unit = datetime::unit(&text(ctx, 0).unwrap_or_default());
    moment.part(&unit).map(Value::Integer).ok_or_else(|| bad_unit(ctx))
}

fn date_add(ctx: &Context<'_>) -> Result<Value> {
    let (Some(moment), Value::Integer(count)) = (moment(ctx, 2)?, value(ctx.get_raw(1))) else { return Ok(Value::Null) };
    let unit = datetime::unit(&text(ctx, 0).unwrap_or_default());
    moment.add(&unit, count).map(|moment| Value::Text(moment.to_string())).ok_or_else(|| bad_unit(ctx))
}

/// Boundaries of the unit between two moments, as DATEDIFF counts.
fn date_diff(ctx: &Context<'_>) -> Result<Value> {
    let (Some(from), Some(to)) = (moment(ctx, 1)?, moment(ctx, 2)?) else { return Ok(Value::Null) };
    let unit = datetime::unit(&text(ctx, 0).unwrap_or_default());
    let seconds = match unit.as_str() {
        "MILLISECOND" => {
            return Ok(Value::Integer((to.seconds - from.seconds) * 1000 + (to.nanos - from.nanos) / 1_000_000));
        }
        "SECOND" => 1,
        "MINUTE" => 60,
        "HOUR" => 3600,
        "DAY" => 86_400,
        _ => return Err(bad_unit(ctx)),
    };
    Ok(Value::Integer(to.seconds.div_euclid(seconds) - from.seconds.div_euclid(seconds)))
}
