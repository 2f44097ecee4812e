//! Values of VARIANT, which the engine holds as blobs of JSON text, so that they are told from VARCHAR at a glance and numbers keep
//! their digits. Paths walk the text; casts turn a value into what the engine calculates with.

use rusqlite::types::{Value, ValueRef};

use crate::json;

use super::datetime;
use super::error::SqlError;
use super::types::SqlType;

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Key(String),
    Index(i64),
}

/// Reads the steps of a path as [`steps_text`] wrote them.
pub(crate) fn steps(text: &str) -> Vec<Step> {
    let parsed: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    parsed
        .into_iter()
        .map(|step| match step {
            serde_json::Value::Number(number) => Step::Index(number.as_i64().unwrap_or(i64::MIN)),
            other => Step::Key(other.as_str().unwrap_or_default().to_owned()),
        })
        .collect()
}

pub(crate) fn steps_text(steps: &[Step]) -> String {
    let list: Vec<serde_json::Value> = steps
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.as_str().into(),
            Step::Index(index) => (*index).into(),
        })
        .collect();
    serde_json::Value::from(list).to_string()
}

/// Follows a path into JSON text; keys are case-sensitive.
pub(crate) fn follow<'a>(mut json_text: &'a [u8], path: &[Step]) -> Option<&'a [u8]> {
    for step in path {
        let mut found = None;
        match step {
            Step::Key(name) if json_text.first() == Some(&b'{') => {
                json::members(json_text, usize::MAX, true, |key, value| {
                    if *key.name() == *name.as_bytes() {
                        found = Some(value);
                    }
                })
                .ok()?;
            }
            Step::Index(index) if json_text.first() == Some(&b'[') => {
                let mut at = 0;
                json::elements(json_text, |element| {
                    if at == *index {
                        found = Some(element);
                    }
                    at += 1;
                })
                .ok()?;
            }
            _ => {}
        }
        json_text = found?;
    }
    Some(json_text)
}

/// Takes the white space between tokens away.
pub(crate) fn compact(json_text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json_text.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in json_text {
        if in_string {
            out.push(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if !byte.is_ascii_whitespace() {
            in_string = byte == b'"';
            out.push(byte);
        }
    }
    out
}

/// A value of its own.
pub(crate) fn owned(raw: ValueRef<'_>) -> Value {
    match raw {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

/// What a VARIANT is worth to a comparison: a scalar as itself, an object or array as its text.
pub(crate) fn scalar(json_text: &[u8]) -> Value {
    match json_text.first() {
        Some(b'"') => Value::Text(json::string(json_text).unwrap_or_default().into_owned()),
        Some(b't') => Value::Integer(1),
        Some(b'f') => Value::Integer(0),
        Some(b'n') | None => Value::Null,
        Some(b'{' | b'[') => Value::Text(String::from_utf8_lossy(json_text).into_owned()),
        Some(_) => {
            let text = String::from_utf8_lossy(json_text);
            number(&text, None).unwrap_or(Value::Null)
        }
    }
}

/// The type of a value as TYPEOF names it.
pub(crate) fn type_of(json_text: &[u8]) -> &'static str {
    match json_text.first() {
        Some(b'"') => "VARCHAR",
        Some(b't' | b'f') => "BOOLEAN",
        Some(b'{') => "OBJECT",
        Some(b'[') => "ARRAY",
        Some(b'n') | None => "NULL_VALUE",
        Some(_) if json_text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => "DECIMAL",
        Some(_) => "INTEGER",
    }
}

/// Reads a number; with a scale, rounds to it. A whole number too long for the engine stays text.
pub(crate) fn number(text: &str, scale: Option<u8>) -> Option<Value> {
    let text = text.trim();
    if let Ok(integer) = text.parse::<i64>() {
        return Some(Value::Integer(integer));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Value::Text(text.to_owned()));
    }
    let float: f64 = text.parse().ok().filter(|float: &f64| float.is_finite())?;
    Some(match scale {
        None => Value::Real(float),
        Some(scale) => round(float, scale),
    })
}

fn round(float: f64, scale: u8) -> Value {
    let power = 10f64.powi(i32::from(scale));
    let rounded = (float * power).round() / power;
    if scale == 0 && rounded.abs() < 9e15 { Value::Integer(rounded as i64) } else { Value::Real(rounded) }
}

/// The text of a value as a cast to VARCHAR gives it.
pub(crate) fn text(value: ValueRef<'_>) -> Option<String> {
    Some(match value {
        ValueRef::Null => return None,
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(json_text) => match json_text.first() {
            Some(b'"') => json::string(json_text)?.into_owned(),
            Some(b'n') => return None,
            _ => String::from_utf8_lossy(json_text).into_owned(),
        },
    })
}

/// Casts a value; `lenient` makes what does not fit NULL.
pub(crate) fn cast(value: ValueRef<'_>, to: SqlType, lenient: bool) -> Result<Value, SqlError> {
    match cast_strictly(value, to) {
        Err(_) if lenient => Ok(Value::Null),
        outcome => outcome,
    }
}

fn cast_strictly(value: ValueRef<'_>, to: SqlType) -> Result<Value, SqlError> {
    if to.is_semi_structured() {
        return Ok(match value {
            ValueRef::Null => Value::Null,
            ValueRef::Blob(json_text) => Value::Blob(json_text.to_vec()),
            ValueRef::Text(text) => Value::Blob(serde_json::Value::from(String::from_utf8_lossy(text)).to_string().into_bytes()),
            number => Value::Blob(text(number).unwrap_or_default().into_bytes()),
        });
    }
    let Some(plain) = text(value) else { return Ok(Value::Null) };
    let kind = |name: &str| SqlError::new("100035", "22007", format!("{name} '{plain}' is not recognized"));
    match to {
        SqlType::Text { length } => Ok(Value::Text(plain.chars().take(length as usize).collect())),
        SqlType::Binary => Ok(Value::Text(plain)),
        SqlType::Number { scale, .. } => match (value, plain.as_str()) {
            (ValueRef::Real(real), _) => Ok(round(real, scale)),
            (_, "true") => Ok(Value::Integer(1)),
            (_, "false") => Ok(Value::Integer(0)),
            _ => number(&plain, Some(scale)).ok_or_else(|| SqlError::not_numeric(&plain)),
        },
        SqlType::Float => plain.trim().parse().map(Value::Real).map_err(|_| SqlError::not_numeric(&plain)),
        SqlType::Boolean => match plain.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" => Ok(Value::Integer(1)),
            "false" | "f" | "no" | "n" | "off" => Ok(Value::Integer(0)),
            other => match other.parse::<f64>() {
                Ok(number) => Ok(Value::Integer(i64::from(number != 0.0))),
                Err(_) => Err(SqlError::new("100037", "22018", format!("Boolean value '{plain}' is not recognized"))),
            },
        },
        SqlType::Date => datetime::parse(&plain).map(|at| Value::Text(at.date())).ok_or_else(|| kind("Date")),
        SqlType::Time => datetime::parse_time(&plain).map(Value::Text).ok_or_else(|| kind("Time")),
        _ => datetime::parse(&plain).map(|at| Value::Text(at.to_string())).ok_or_else(|| kind("Timestamp")),
    }
}

/// What a column of this type stores for a JSON value of a loaded row.
pub(crate) fn load(value: &[u8], to: SqlType) -> Value {
    if to.is_semi_structured() {
        let whole = compact(value);
        return Value::Blob(if to == SqlType::Array && whole.first() != Some(&b'[') {
            [b"[", &whole[..], b"]"].concat()
        } else {
            whole
        });
    }
    cast(ValueRef::Blob(value), to, true).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::super::types::{NUMBER, TEXT};
    use super::*;

    #[test]
    fn a_path_leads_into_objects_and_arrays_and_tells_case_apart() {
        let json_text = br#"{"k":{"n":5,"a":[1,[2]]},"K":"x"}"#;
        let path = [Step::Key("k".to_owned()), Step::Key("a".to_owned()), Step::Index(1), Step::Index(0)];
        assert_eq!(follow(json_text, &path), Some(&b"2"[..]));
        assert_eq!(follow(json_text, &[Step::Key("K".to_owned())]), Some(&b"\"x\""[..]));
        assert_eq!(follow(json_text, &[Step::Key("z".to_owned())]), None);
        assert_eq!(steps(&steps_text(&path)), path);
    }

    #[test]
    fn casts_do_what_snowflake_does() {
        let blob = |text: &'static str| ValueRef::Blob(text.as_bytes());
        assert_eq!(cast(blob(r#""0.0010""#), TEXT, false), Ok(Value::Text("0.0010".to_owned())));
        assert_eq!(cast(blob("1.50"), TEXT, false), Ok(Value::Text("1.50".to_owned())));
        assert_eq!(cast(blob("2.5"), NUMBER, false), Ok(Value::Integer(3)));
        assert_eq!(cast(blob("null"), NUMBER, false), Ok(Value::Null));
        assert_eq!(cast(blob("true"), SqlType::Boolean, false), Ok(Value::Integer(1)));
        assert_eq!(cast(ValueRef::Text(b"abc"), NUMBER, true), Ok(Value::Null));
        assert_eq!(cast(ValueRef::Text(b"abc"), NUMBER, false), Err(SqlError::not_numeric("abc")));
        let long = "12345678901234567890123";
        assert_eq!(cast(ValueRef::Text(long.as_bytes()), NUMBER, false), Ok(Value::Text(long.to_owned())));
    }

    #[test]
    fn white_space_between_tokens_goes_and_that_in_strings_stays() {
        assert_eq!(compact(br#" { "a b" : [ 1 , "\" x" ] } "#), br#"{"a b":[1,"\" x"]}"#);
    }
}
