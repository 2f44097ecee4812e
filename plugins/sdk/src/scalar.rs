//! Single values, each taken as JSON writes it and given back so: cast, masked, in quotes and out of them.
//!
//! Nothing is computed with: a number keeps its digits, however many there are. Null stays null. What a value is not is said as the rest
//! of a sentence that begins with its field, and never with the value, which may be what is to be hidden.
//!
//! ```
//! use snowgate_plugin::scalar::{self, Type};
//!
//! assert_eq!(&*scalar::cast(br#""0.00100000""#, Type::Decimal)?, b"0.00100000");
//! assert_eq!(scalar::cast(b"4.5", Type::Integer).unwrap_err().to_string(), "is not a whole number");
//! assert_eq!(scalar::mask(br#""4111111111111111""#, 4)?, br#""************1111""#);
//! # Ok::<(), scalar::Mismatch>(())
//! ```

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::json::{is_number, unquote, write_string};

/// What a value can be cast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    String,
    Integer,
    Decimal,
    Boolean,
}

/// What a value is not, to go on after its field's name: `is not a number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch(&'static str);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Mismatch {}

/// The value as another type. Text is looked at without the blanks around it, true and false are 1 and 0 as numbers, and anything may
/// become text, objects and arrays as they are written.
///
/// An integer is a number without a fraction, or with one of zeros, which go. Nothing is rounded, and no exponent worked out.
pub fn cast(value: &[u8], to: Type) -> Result<Cow<'_, [u8]>, Mismatch> {
    let is_text = value.first() == Some(&b'"');
    let literal: fn(&[u8]) -> Result<&[u8], Mismatch> = match to {
        _ if value == b"null" => return Ok(Cow::Borrowed(value)),
        Type::String if is_text => return Ok(Cow::Borrowed(value)),
        Type::String => return Ok(Cow::Owned(quoted(value))),
        Type::Integer => |text| whole(as_number(text)).ok_or(Mismatch("is not a whole number")),
        Type::Decimal => |text| Some(as_number(text)).filter(|text| is_number(text)).ok_or(Mismatch("is not a number")),
        Type::Boolean => boolean,
    };
    match text(value)? {
        Cow::Borrowed(text) => literal(text.trim_ascii()).map(Cow::Borrowed),
        Cow::Owned(text) => literal(text.trim_ascii()).map(|literal| Cow::Owned(literal.to_vec())),
    }
}

fn as_number(text: &[u8]) -> &[u8] {
    match text {
        b"true" => b"1",
        b"false" => b"0",
        number => number,
    }
}

fn whole(number: &[u8]) -> Option<&[u8]> {
    if !is_number(number) {
        return None;
    }
    let end = number.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'-').unwrap_or(number.len());
    let (whole, rest) = number.split_at(end);
    rest.iter().all(|byte| matches!(byte, b'.' | b'0')).then_some(whole)
}

fn boolean(text: &[u8]) -> Result<&[u8], Mismatch> {
    if text.eq_ignore_ascii_case(b"true") || text == b"1" {
        Ok(b"true")
    } else if text.eq_ignore_ascii_case(b"false") || text == b"0" {
        Ok(b"false")
    } else {
        Err(Mismatch("is neither true nor false"))
    }
}

/// The value with a `*` for each character but the last ones; without any, if it has no more than those.
pub fn mask(value: &[u8], keep_last: usize) -> Result<Vec<u8>, Mismatch> {
    if value == b"null" {
        return Ok(value.to_vec());
    }
    let text = text(value)?;
    let text = String::from_utf8_lossy(&text);
    let count = text.chars().count();
    let hidden = if count > keep_last { count - keep_last } else { count };
    let masked: String = text.chars().enumerate().map(|(index, letter)| if index < hidden { '*' } else { letter }).collect();
    Ok(quoted(masked.as_bytes()))
}

/// The text of a string, its escapes resolved, or another single value as it is written.
pub fn text(value: &[u8]) -> Result<Cow<'_, [u8]>, Mismatch> {
    match value.first() {
        Some(b'{') => Err(Mismatch("is an object, and should be a single value")),
        Some(b'[') => Err(Mismatch("is an array, and should be a single value")),
        Some(b'"') => unquote(value).ok_or(Mismatch("has an escape that means nothing")),
        _ => Ok(Cow::Borrowed(value)),
    }
}

/// The text as a JSON string. What is not UTF-8 in it becomes U+FFFD.
pub fn quoted(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len() + 2);
    write_string(&mut value, text);
    value
}

#[cfg(test)]
mod tests;
