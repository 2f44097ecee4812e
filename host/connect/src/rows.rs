//! Connect's data as JSON, by the rules of the Snowflake connector's lines.
//!
//! | | v3, files | v3, streaming | v4 |
//! |---|---|---|---|
//! | `Date` | `2021-12-05T00:00:00.000Z` | the same | the same |
//! | `Time` | `23:41:00.123+0000` | `23:41:00.123Z` | `23:41:00.123Z` |
//! | `Timestamp` | `"1638747660123"` | the same | `2021-12-05T23:41:00.123Z` |
//! | `Decimal` of more than 38 digits | text | text | text |
//! | bytes | base64 | base64 | base64 |
//! | infinity | `"Infinity"` | `"Infinity"` | `"Inf"` |
//! | map with keys that are no text | list of pairs | list of pairs | object when it lies in objects only, else list of pairs |
//! | a header's value | typed | typed | text, unless headers are structured |
//!
//! A text is a JSON string, whatever it says: what `StringConverter` reads is never taken for JSON. A number without a schema keeps its
//! digits, however many.
//!
//! Invariant: what is written is one strict JSON document on one line, or the buffer is as it was.

mod text;

pub(crate) use crate::rows::text::IS_ESCAPED;

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::data::{DATE, DataError, Schema, SchemaAndValue, TIME, Type, Value};
use crate::java_number::{decimal_text, float_text, write_double};
use crate::settings::Line;

/// What Snowflake's fixed-point numbers hold.
const MAX_DIGITS: u64 = 38;

const INVALID: &str = "[SF_KAFKA_CONNECTOR] Exception: Invalid SinkRecord received\nError Code: 5015\n\
                       Detail: Error parsing SinkRecord value or SinkRecord header\nMessage: ";

/// Appends a key or a value.
pub fn write(line: Line, data: &SchemaAndValue, out: &mut Vec<u8>) -> Result<(), DataError> {
    let start = out.len();
    let written = Writer { line, out }.value(data.schema.as_deref(), &data.value, line == Line::V4);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Appends a header's value. With `structured` it is typed; without, v4 makes it text.
pub fn write_header(line: Line, structured: bool, data: &SchemaAndValue, out: &mut Vec<u8>) -> Result<(), DataError> {
    let start = out.len();
    Writer { line, out }.value(data.schema.as_deref(), &data.value, false).inspect_err(|_| out.truncate(start))?;
    if line == Line::V4 && !structured && out[start] != b'"' && out[start..] != *b"null" {
        let typed = String::from_utf8_lossy(&out[start..]).into_owned();
        out.truncate(start);
        text::string(&typed, out);
    }
    Ok(())
}

/// Appends text as a JSON string.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    text::string(text, out);
}

/// Appends what one letter of a text is in a JSON string.
pub(crate) fn write_letter(letter: char, out: &mut Vec<u8>) {
    text::letters(letter.encode_utf8(&mut [0; 4]), out);
}

struct Writer<'a> {
    line: Line,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// `objects`: a map here is an object, whatever its keys are.
    fn value(&mut self, schema: Option<&Schema>, value: &Value, objects: bool) -> Result<(), DataError> {
        match value {
            Value::Null => return self.null(schema, objects),
            Value::Int8(number) => text::integer(i64::from(*number), self.out),
            Value::Int16(number) => text::integer(i64::from(*number), self.out),
            Value::Int32(number) => text::integer(i64::from(*number), self.out),
            Value::Int64(number) => text::integer(*number, self.out),
            Value::Float32(number) if number.is_finite() => self.out.extend_from_slice(float_text(*number).as_bytes()),
            Value::Float64(number) if number.is_finite() => write_double(*number, self.out),
            Value::Float32(number) => self.no_number(f64::from(*number)),
            Value::Float64(number) => self.no_number(*number),
            Value::Boolean(flag) => self.out.extend_from_slice(if *flag { b"true" } else { b"false" }),
            Value::String(text) => text::string(text, self.out),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::Decimal(number) => {
                let long = schema.is_some() && number.digits() > MAX_DIGITS;
                let written = decimal_text(number);
                if long { text::string(&written, self.out) } else { self.out.extend_from_slice(written.as_bytes()) }
            }
            Value::BigInt(number) => self.out.extend_from_slice(number.to_string().as_bytes()),
            Value::Date(ms) => self.date(schema, *ms),
            Value::List(items) => {
                let values = schema.and_then(|schema| schema.values.as_deref());
                self.list(items, |writer, item| writer.value(values, item, false))?;
            }
            Value::Map(entries) => self.map(schema, entries, objects)?,
            Value::Struct(schema, values) => {
                self.out.push(b'{');
                for (field, value) in schema.fields.iter().zip(values) {
                    text::string(&field.name, self.out);
                    self.out.push(b':');
                    self.value(Some(&field.schema), value, false)?;
                    self.out.push(b',');
                }
                self.close(b'{', b'}');
            }
        }
        Ok(())
    }

    fn null(&mut self, schema: Option<&Schema>, objects: bool) -> Result<(), DataError> {
        match schema {
            Some(Schema { default: Some(default), .. }) => self.value(schema, default, objects),
            Some(Schema { optional: false, .. }) => Err(DataError {
                exception: "com.snowflake.kafka.connector.internal.SnowflakeKafkaConnectorException",
                message: format!("{INVALID}Conversion error: null value for field that is required and has no default value"),
            }),
            _ => {
                self.out.extend_from_slice(b"null");
                Ok(())
            }
        }
    }

    fn no_number(&mut self, number: f64) {
        let infinity = if self.line == Line::V4 { "Inf" } else { "Infinity" };
        self.out.push(b'"');
        if number.is_nan() {
            self.out.extend_from_slice(b"NaN");
        } else {
            self.out.extend_from_slice(if number < 0.0 { b"-" } else { b"" });
            self.out.extend_from_slice(infinity.as_bytes());
        }
        self.out.push(b'"');
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let start = self.out.len();
        let len = bytes.len().div_ceil(3) * 4;
        self.out.resize(start + len + 2, b'"');
        BASE64.encode_slice(bytes, &mut self.out[start + 1..start + 1 + len]).expect("base64 makes four letters of three bytes");
    }

    fn date(&mut self, schema: Option<&Schema>, ms: i64) {
        let name = schema.and_then(|schema| schema.name.as_deref());
        self.out.push(b'"');
        match (name, self.line) {
            (Some(DATE), _) => text::instant(ms, self.out),
            (Some(TIME), Line::V3File) => text::time(ms, "+0000", self.out),
            (Some(TIME), _) => text::time(ms, "Z", self.out),
            (_, Line::V4) => text::instant(ms, self.out),
            (_, Line::V3File | Line::V3Streaming) => text::integer(ms, self.out),
        }
        self.out.push(b'"');
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T) -> Result<(), DataError>) -> Result<(), DataError> {
        self.out.push(b'[');
        for each in items {
            item(self, each)?;
            self.out.push(b',');
        }
        self.close(b'[', b']');
        Ok(())
    }

    fn map(&mut self, schema: Option<&Schema>, entries: &[(Value, Value)], objects: bool) -> Result<(), DataError> {
        let keys = schema.and_then(|schema| schema.keys.as_deref());
        let values = schema.and_then(|schema| schema.values.as_deref());
        let all_text = entries.iter().all(|(key, _)| matches!(key, Value::String(_)));
        let text_keys = match schema {
            Some(_) => keys.is_some_and(|keys| keys.kind == Type::String) || (keys.is_none() && all_text),
            None => all_text,
        };
        if all_text && text_keys {
            self.out.push(b'{');
            for (key, value) in entries {
                if let Value::String(key) = key {
                    text::string(key, self.out);
                }
                self.out.push(b':');
                self.value(values, value, objects)?;
                self.out.push(b',');
            }
            self.close(b'{', b'}');
            return Ok(());
        }
        if objects || text_keys {
            return self.object_of_any(keys, values, entries, objects);
        }
        self.list(entries, |writer, (key, value)| {
            writer.out.push(b'[');
            writer.value(keys, key, false)?;
            writer.out.push(b',');
            writer.value(values, value, false)?;
            writer.out.push(b']');
            Ok(())
        })
    }

    /// An object of entries whose keys become text, among which the last of equal ones counts.
    fn object_of_any(
        &mut self,
        keys: Option<&Schema>,
        values: Option<&Schema>,
        entries: &[(Value, Value)],
        objects: bool,
    ) -> Result<(), DataError> {
        let mut texts = Vec::with_capacity(entries.len());
        for (key, _) in entries {
            let mut text = Vec::new();
            Writer { line: self.line, out: &mut text }.value(keys, key, false)?;
            if text.first() != Some(&b'"') {
                let typed = String::from_utf8_lossy(&text).into_owned();
                text.clear();
                text::string(&typed, &mut text);
            }
            texts.push(text);
        }
        let last: HashMap<&[u8], usize> = texts.iter().enumerate().map(|(index, text)| (text.as_slice(), index)).collect();
        self.out.push(b'{');
        for (index, (text, (_, value))) in texts.iter().zip(entries).enumerate() {
            if last.get(text.as_slice()) == Some(&index) {
                self.out.extend_from_slice(text);
                self.out.push(b':');
                self.value(values, value, objects)?;
                self.out.push(b',');
            }
        }
        self.close(b'{', b'}');
        Ok(())
    }

    /// The last member's comma gives way to the end.
    fn close(&mut self, opened: u8, end: u8) {
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = end,
            last => {
                debug_assert!(last.is_some_and(|last| *last == opened), "every member ends in a comma");
                self.out.push(end);
            }
        }
    }
}

#[cfg(test)]
mod tests;
