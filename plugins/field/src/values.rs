//! What becomes of a single value: all take it as JSON has it, and give it back so.
//!
//! Errors are the rest of a sentence that begins with the field, and never show the value: it may be what is to be hidden.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use snowgate_plugin::json::{is_number, unquote, write_string};

use super::config::Type;

/// The value hidden but for its last characters.
pub(crate) fn mask(value: &[u8], keep_last: usize) -> Result<Vec<u8>, &'static str> {
    let text = plain(value)?;
    let text = String::from_utf8_lossy(&text);
    let count = text.chars().count();
    let hidden = if count > keep_last { count - keep_last } else { count };
    let masked: String = text.chars().enumerate().map(|(index, letter)| if index < hidden { '*' } else { letter }).collect();
    Ok(quoted(masked.as_bytes()))
}

/// The SHA-256 of the salt and the value.
pub(crate) fn hash(value: &[u8], salt: &str) -> Result<Vec<u8>, &'static str> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::new().chain_update(salt).chain_update(plain(value)?).finalize();
    let hex: Vec<u8> = digest.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect();
    Ok(quoted(&hex))
}

/// The value as another type; numbers keep their digits.
pub(crate) fn cast(value: &[u8], to: Type) -> Result<Vec<u8>, &'static str> {
    if let (Type::String, false) = (to, value.starts_with(b"\"")) {
        return Ok(quoted(value));
    }
    let text = plain(value)?;
    let text = text.trim_ascii();
    let as_number = match text {
        b"true" => b"1",
        b"false" => b"0",
        number => number,
    };
    match to {
        Type::String => Ok(value.to_vec()),
        Type::Integer => whole(as_number).map(<[u8]>::to_vec).ok_or("is not a whole number"),
        Type::Decimal if is_number(as_number) => Ok(as_number.to_vec()),
        Type::Decimal => Err("is not a number"),
        Type::Boolean if text.eq_ignore_ascii_case(b"true") || text == b"1" => Ok(b"true".to_vec()),
        Type::Boolean if text.eq_ignore_ascii_case(b"false") || text == b"0" => Ok(b"false".to_vec()),
        Type::Boolean => Err("is neither true nor false"),
    }
}

/// The number without a fraction of zeros. Nothing is rounded, and an exponent is not worked out.
fn whole(number: &[u8]) -> Option<&[u8]> {
    if !is_number(number) {
        return None;
    }
    let end = number.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'-').unwrap_or(number.len());
    let (whole, rest) = number.split_at(end);
    rest.iter().all(|byte| matches!(byte, b'.' | b'0')).then_some(whole)
}

/// The text of a string, or another single value as it is written.
fn plain(value: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    match value.first() {
        Some(b'{') => Err("is an object, and should be a single value"),
        Some(b'[') => Err("is an array, and should be a single value"),
        Some(b'"') => unquote(value).ok_or("has an escape that means nothing"),
        _ => Ok(Cow::Borrowed(value)),
    }
}

pub(crate) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len() + 2);
    write_string(&mut value, text);
    value
}
