//! JSON as Jackson reads it for `JsonConverter`: more than strict JSON, and exact.
//!
//! What it takes beyond the standard: leading zeros, text after the first document, a byte order mark, UTF-16 and UTF-32, keys that an
//! object has twice (the last one counts). Numbers keep every digit: a whole number is an `Int64` or a `BigInt`, another one is a
//! `Float64` where that says the same number, and a `Decimal` where it would not.
//!
//! Invariants: no object holds a key twice; a fault never shows what the document holds; how large a number may be is a matter of the
//! number and not of how it is written, so that every number that is read is read again from what the row writer makes of it.

use std::str::FromStr;
use std::sync::Arc;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use snowgate_record::scan;

use crate::converter::document::members::Members;
use crate::data::{Schema, Value};

mod encoding;
mod members;
mod number;
mod string;
mod walk;

pub(crate) use number::{NormalForm, nearest};
pub(crate) use walk::{Keys, Span, write};

/// Objects and arrays inside each other.
const MAX_DEPTH: u32 = 1000;
/// Digits of one number, from the first that is not zero.
const MAX_DIGITS: usize = 1000;
/// Characters of one number: as many digits written as Java does need at most a sign, `0.00000`, or a point and `E-6144` besides.
const MAX_NUMBER: usize = MAX_DIGITS + 8;
/// The power of ten of a number's first digit, up or down: that of the widest decimal type, and small enough for arithmetic.
const MAX_EXPONENT: i64 = 6144;

/// Why bytes are no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub(crate) struct Fault {
    pub(crate) what: &'static str,
    pub(crate) at: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// `007` is 7.
    pub(crate) leading_zeros: bool,
    /// Every number with a point or an exponent is a `Decimal`.
    pub(crate) exact: bool,
}

impl Reading {
    /// Of JSON that stands for itself, as the standard has it.
    pub(crate) const PLAIN: Reading = Reading { leading_zeros: false, exact: false };
}

/// An object with the keys `schema` and `payload`, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) schema: Option<EnvelopeSchema>,
    pub(crate) payload: Option<Value>,
    /// Keys besides the two.
    pub(crate) others: bool,
}

#[derive(Debug)]
pub(crate) enum EnvelopeSchema {
    /// The text of the schema that was given as known.
    Known(Arc<Schema>),
    New {
        text: Vec<u8>,
        node: Value,
    },
}

/// The first document in `bytes`; `None` when there are only blanks.
pub(crate) fn read(bytes: &[u8], reading: Reading) -> Result<Option<Value>, Fault> {
    let bytes = encoding::to_utf8(bytes)?;
    let mut reader = Reader { bytes: &bytes, at: 0, depth: 0, reading };
    reader.blanks();
    if reader.at == bytes.len() {
        return Ok(None);
    }
    reader.root().map(Some)
}

/// The first document in `bytes` where it is an object. `known` is the text of a schema and what it says, and spares reading it again.
pub(crate) fn read_envelope(
    bytes: &[u8],
    reading: Reading,
    known: Option<(&[u8], &Arc<Schema>)>,
) -> Result<Option<Envelope>, Fault> {
    let bytes = encoding::to_utf8(bytes)?;
    let mut reader = Reader { bytes: &bytes, at: 0, depth: 0, reading };
    reader.blanks();
    match reader.peek() {
        Some(b'{') => reader.envelope(known).map(Some),
        None => Ok(None),
        Some(_) => reader.root().map(|_| None),
    }
}

/// A place in a document, and what may stand there. It makes values; `walk.rs` goes on without making any.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    reading: Reading,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        let what = if self.at >= self.bytes.len() { "the document ends too early" } else { what };
        Err(Fault { what, at: self.at })
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn root(&mut self) -> Result<Value, Fault> {
        let number = matches!(self.peek(), Some(b'-' | b'0'..=b'9'));
        let value = self.value()?;
        match self.peek() {
            None | Some(b' ' | b'\t' | b'\n' | b'\r') => Ok(value),
            Some(_) if number => self.fault("a number has an unexpected end"),
            Some(_) => Ok(value),
        }
    }

    fn value(&mut self) -> Result<Value, Fault> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true", Value::Boolean(true)),
            Some(b'f') => self.literal(b"false", Value::Boolean(false)),
            Some(b'n') => self.literal(b"null", Value::Null),
            _ => self.fault("no value begins"),
        }
    }

    fn literal(&mut self, word: &[u8], value: Value) -> Result<Value, Fault> {
        self.past_word(word).map(|()| value)
    }

    fn past_word(&mut self, word: &[u8]) -> Result<(), Fault> {
        let end = self.at + word.len();
        let goes_on = self.bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..));
        if !self.bytes[self.at..].starts_with(word) || goes_on {
            return self.fault("an unknown word stands");
        }
        self.at = end;
        Ok(())
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        if self.depth == MAX_DEPTH {
            return self.fault("objects and arrays are nested more than 1000 deep");
        }
        self.depth += 1;
        self.at += 1;
        self.blanks();
        Ok(())
    }

    fn array(&mut self) -> Result<Value, Fault> {
        self.deeper()?;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                items.push(self.value()?);
                if !self.goes_on(b']')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(Value::List(items))
    }

    fn object(&mut self) -> Result<Value, Fault> {
        self.deeper()?;
        let mut members = Members::default();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                let key = self.key()?;
                let value = self.value()?;
                members.push(key, value);
                if !self.goes_on(b'}')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(Value::Map(members.close()))
    }

    /// Reads the comma (and what blanks follow it) or the end.
    fn goes_on(&mut self, end: u8) -> Result<bool, Fault> {
        self.blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.blanks();
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            _ => self.fault("a comma or an end is missing"),
        }
    }

    /// A key and the colon after it.
    fn key(&mut self) -> Result<String, Fault> {
        self.key_begins()?;
        let key = self.string()?;
        self.colon()?;
        Ok(key)
    }

    fn key_begins(&self) -> Result<(), Fault> {
        if self.peek() == Some(b'"') { Ok(()) } else { self.fault("no key begins") }
    }

    /// The colon after a key.
    fn colon(&mut self) -> Result<(), Fault> {
        self.blanks();
        if self.peek() != Some(b':') {
            return self.fault("a colon is missing");
        }
        self.at += 1;
        self.blanks();
        Ok(())
    }

    fn envelope(&mut self, known: Option<(&[u8], &Arc<Schema>)>) -> Result<Envelope, Fault> {
        self.deeper()?;
        let mut envelope = Envelope::default();
        if self.peek() == Some(b'}') {
            return Ok(envelope);
        }
        loop {
            match self.key()?.as_str() {
                "schema" => {
                    let from = self.at;
                    envelope.schema = Some(match known {
                        Some((text, schema)) if self.bytes[from..].starts_with(text) => {
                            self.at += text.len();
                            EnvelopeSchema::Known(schema.clone())
                        }
                        _ => {
                            let node = self.value()?;
                            EnvelopeSchema::New { text: self.bytes[from..self.at].to_vec(), node }
                        }
                    });
                }
                "payload" => envelope.payload = Some(self.value()?),
                _ => {
                    self.value()?;
                    envelope.others = true;
                }
            }
            if !self.goes_on(b'}')? {
                return Ok(envelope);
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        self.at = scan::digits_end(self.bytes, start);
        self.at - start
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        let integral = self.past_number()?;
        let text = self.text(&self.bytes[start..self.at], start)?;
        let broken = Fault { what: "a number cannot be read", at: start };
        if !integral {
            return match self.reading.exact {
                true => BigDecimal::from_str(text).map(Value::Decimal).map_err(|_| broken),
                false => nearest(text).ok_or(broken),
            };
        }
        match text.parse() {
            Ok(number) => Ok(Value::Int64(number)),
            Err(_) => BigInt::from_str(text).map(Value::BigInt).map_err(|_| broken),
        }
    }

    /// Goes past a number; says whether it is written as a whole one.
    fn past_number(&mut self) -> Result<bool, Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.at;
        let whole = self.digits();
        if whole == 0 {
            return self.fault("a number lacks digits");
        }
        if whole > 1 && self.bytes[first] == b'0' && !self.reading.leading_zeros {
            return Err(Fault { what: "a number begins with a zero", at: first });
        }
        let mut integral = true;
        let mut fraction = 0;
        if self.peek() == Some(b'.') {
            integral = false;
            self.at += 1;
            fraction = self.digits();
            if fraction == 0 {
                return self.fault("a number lacks digits");
            }
        }
        let mantissa = first..self.at;
        if let Some(b'e' | b'E') = self.peek() {
            integral = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            let exponent = self.at;
            if self.digits() == 0 {
                return self.fault("a number lacks digits");
            }
            let written = std::str::from_utf8(&self.bytes[mantissa.end + 1..self.at]).unwrap_or_default();
            let lowest = written.parse::<i32>().ok().map(|exponent| i64::from(exponent) - fraction as i64);
            // Of the first digit, as Java writes it; a zero is a digit where there is no other.
            let highest = lowest.map(|lowest| lowest + self.significant(mantissa.clone()).max(1) as i64 - 1);
            if highest.is_none_or(|highest| highest.abs() > MAX_EXPONENT) {
                return Err(Fault { what: "a number's exponent is beyond 6144", at: exponent });
            }
        }
        if mantissa.len() > MAX_DIGITS && self.significant(mantissa) > MAX_DIGITS || self.at - start > MAX_NUMBER {
            return Err(Fault { what: "a number has more than 1000 digits", at: start });
        }
        Ok(integral)
    }

    /// How many digits a number has from the first on that is not zero.
    fn significant(&self, mantissa: std::ops::Range<usize>) -> usize {
        let digits = self.bytes[mantissa].iter().filter(|byte| byte.is_ascii_digit());
        digits.skip_while(|digit| **digit == b'0').count()
    }
}

#[cfg(test)]
mod tests;
