//! `SimpleHeaderConverter`: reads the type of a header's value out of its text, as Connect's `Values` does.
//!
//! A text is cut into tokens at `: , { } [ ] "`, unless a backslash stands before them. What is no number, flag, date, list or map is the
//! text itself, whole. Where the original would keep a part of the text and lose the rest, it stays text here.

use std::str::FromStr;
use std::sync::Arc;

use bigdecimal::BigDecimal;
use jiff::Timestamp;
use jiff::civil::{Date, Time};

use crate::converter::document::{NormalForm, nearest};
use crate::converter::primitive::scalar;
use crate::data::{DATE, DECIMAL, Schema, SchemaAndValue, TIME, TIMESTAMP, Type, Value};

/// Lists and maps inside each other; deeper ones are text.
const MAX_DEPTH: u32 = 100;

/// What `text` seems to be.
pub(crate) fn infer(text: &str) -> SchemaAndValue {
    let mut reader = Reader { text, at: 0, waiting: None, depth: 0 };
    match reader.whole() {
        Some(found) => found,
        None => of(scalar(Type::String, false), Value::String(text.to_owned())),
    }
}

fn of(schema: Arc<Schema>, value: Value) -> SchemaAndValue {
    SchemaAndValue { schema: Some(schema), value }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Read, but not taken.
    waiting: Option<&'a str>,
    depth: u32,
}

/// A list or map that is none.
struct Broken;

impl<'a> Reader<'a> {
    /// The whole text as one thing; `None` when it is just text.
    fn whole(&mut self) -> Option<SchemaAndValue> {
        let text = self.text.trim();
        if let Some(word) = word(text) {
            return Some(word);
        }
        if text.starts_with(['[', '{'])
            && let Some(Ok(found)) = self.nested()
        {
            self.skip_blanks();
            return (!self.has_more()).then_some(found);
        }
        if text.starts_with(|first: char| first.is_ascii_digit())
            && let Some(found) = temporal(&text.replace("\\:", ":"))
        {
            return Some(found);
        }
        number(text)
    }

    fn has_more(&self) -> bool {
        self.waiting.is_some() || self.at < self.text.len()
    }

    fn read(&mut self) -> &'a str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\\' => escaped = !escaped,
                b':' | b',' | b'{' | b'}' | b'[' | b']' | b'"' if !escaped => {
                    if start == self.at {
                        self.at += 1;
                    }
                    return &self.text[start..self.at];
                }
                _ => escaped = false,
            }
            self.at += 1;
        }
        &self.text[start..]
    }

    fn next(&mut self) -> &'a str {
        match self.waiting.take() {
            Some(token) => token,
            None => self.read(),
        }
    }

    fn skip_blanks(&mut self) {
        while self.has_more() {
            let token = self.next();
            if !token.trim().is_empty() {
                self.waiting = Some(token);
                return;
            }
        }
    }

    /// Takes the next token where, blanks aside, it is `expected`.
    fn takes(&mut self, expected: &str) -> bool {
        self.skip_blanks();
        match self.waiting {
            Some(token) if token.trim() == expected => {
                self.waiting = None;
                true
            }
            _ => false,
        }
    }

    /// A list or a map where one begins.
    fn nested(&mut self) -> Option<Result<SchemaAndValue, Broken>> {
        let list = self.takes("[");
        if !list && !self.takes("{") {
            return None;
        }
        if self.depth == MAX_DEPTH {
            return Some(Err(Broken));
        }
        self.depth += 1;
        let found = if list { self.list() } else { self.map() };
        self.depth -= 1;
        Some(found)
    }

    fn list(&mut self) -> Result<SchemaAndValue, Broken> {
        let mut items = Vec::new();
        let mut common = Common::default();
        while !self.takes("]") {
            let item = self.element()?;
            common.add(&item);
            items.push(item.value);
            self.skip_blanks();
            if self.waiting.map(str::trim) != Some("]") && !self.takes(",") {
                return Err(Broken);
            }
        }
        let mut schema = Schema::of(Type::Array);
        schema.values = common.schema();
        let items = items.into_iter().map(|item| widened(item, schema.values.as_deref())).collect();
        Ok(of(Arc::new(schema), Value::List(items)))
    }

    fn map(&mut self) -> Result<SchemaAndValue, Broken> {
        let mut entries: Vec<(Value, Value)> = Vec::new();
        let (mut keys, mut values) = (Common::default(), Common::default());
        while !self.takes("}") {
            let key = self.element()?;
            if key.value == Value::Null || !self.takes(":") {
                return Err(Broken);
            }
            let value = self.element()?;
            keys.add(&key);
            values.add(&value);
            match entries.iter_mut().find(|(earlier, _)| *earlier == key.value) {
                Some((_, earlier)) => *earlier = value.value,
                None => entries.push((key.value, value.value)),
            }
            self.takes(",");
        }
        let mut schema = Schema::of(Type::Map);
        schema.keys = keys.schema();
        schema.values = values.schema();
        let widen = |(key, value)| (widened(key, schema.keys.as_deref()), widened(value, schema.values.as_deref()));
        let entries = entries.into_iter().map(widen).collect();
        Ok(of(Arc::new(schema), Value::Map(entries)))
    }

    /// What stands in a list or a map.
    fn element(&mut self) -> Result<SchemaAndValue, Broken> {
        if !self.has_more() {
            return Err(Broken);
        }
        if self.takes("\"") {
            let mut text = String::new();
            while self.has_more() {
                let token = self.next();
                if token == "\"" {
                    return Ok(temporal(&text).unwrap_or_else(|| of(scalar(Type::String, false), Value::String(text))));
                }
                text.push_str(token);
            }
            return Err(Broken);
        }
        if let Some(found) = self.nested() {
            return found;
        }
        let token = self.next().trim();
        word(token).or_else(|| self.time(token)).or_else(|| number(token)).ok_or(Broken)
    }

    /// A date, a time or both, for which up to four tokens more are taken.
    fn time(&mut self, token: &str) -> Option<SchemaAndValue> {
        if !token.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let mark = (self.at, self.waiting);
        let mut text = token.to_owned();
        for _ in 0..4 {
            text.push_str(if self.has_more() { self.next() } else { "" });
        }
        let found = temporal(text.trim());
        if found.is_none() {
            (self.at, self.waiting) = mark;
        }
        found.or_else(|| temporal(&token.replace("\\:", ":")))
    }
}

/// The words that are no text.
fn word(token: &str) -> Option<SchemaAndValue> {
    match token {
        "null" => Some(SchemaAndValue::NULL),
        "true" => Some(of(scalar(Type::Boolean, false), Value::Boolean(true))),
        "false" => Some(of(scalar(Type::Boolean, false), Value::Boolean(false))),
        _ => None,
    }
}

/// `yyyy-MM-dd`, `HH:mm:ss.SSSZ`, or both with a `T` between, in UTC.
fn temporal(text: &str) -> Option<SchemaAndValue> {
    let named = |kind, name, ms| Some(of(Arc::new(Schema::logical(kind, name)), Value::Date(ms)));
    match text.len() {
        10 => {
            let date: Date = text.parse().ok()?;
            named(Type::Int32, DATE, midnight(date)?)
        }
        13 if text.ends_with('Z') && text.as_bytes()[8] == b'.' => {
            let time: Time = text[..12].parse().ok()?;
            named(Type::Int32, TIME, time.duration_since(Time::midnight()).as_millis() as i64)
        }
        24 if text.ends_with('Z') && text.as_bytes()[10] == b'T' && text.as_bytes()[19] == b'.' => {
            named(Type::Int64, TIMESTAMP, text.parse::<Timestamp>().ok()?.as_millisecond())
        }
        _ => None,
    }
}

/// Milliseconds since 1970.
fn midnight(date: Date) -> Option<i64> {
    let since = date.duration_since(Date::new(1970, 1, 1).ok()?);
    i64::try_from(since.as_millis()).ok()
}

/// The smallest type that holds the number as it is written.
fn number(text: &str) -> Option<SchemaAndValue> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '+' || first == '-') {
        return None;
    }
    let form = NormalForm::of(text)?;
    if let Some(number) = form.to_i64() {
        let (kind, value) = if let Ok(number) = i8::try_from(number) {
            (Type::Int8, Value::Int8(number))
        } else if let Ok(number) = i16::try_from(number) {
            (Type::Int16, Value::Int16(number))
        } else if let Ok(number) = i32::try_from(number) {
            (Type::Int32, Value::Int32(number))
        } else {
            (Type::Int64, Value::Int64(number))
        };
        return Some(of(scalar(kind, false), value));
    }
    let float: f32 = text.parse().ok()?;
    if form.scale() != 0 && NormalForm::of(&format!("{float:e}")).is_some_and(|float| float == form) {
        return Some(of(scalar(Type::Float32, false), Value::Float32(float)));
    }
    if form.scale() != 0
        && let Some(double @ Value::Float64(_)) = nearest(text)
    {
        return Some(of(scalar(Type::Float64, false), double));
    }
    let mut schema = Schema::logical(Type::Bytes, DECIMAL);
    schema.parameters.push(("scale".to_owned(), form.scale().to_string()));
    Some(of(Arc::new(schema), Value::Decimal(BigDecimal::from_str(text.trim_start_matches('+')).ok()?)))
}

/// The schema that fits all members, if there is one.
#[derive(Default)]
struct Common {
    schema: Option<Arc<Schema>>,
    mixed: bool,
}

impl Common {
    fn add(&mut self, member: &SchemaAndValue) {
        let Some(schema) = &member.schema else { return };
        let Some(common) = &self.schema else {
            self.schema = Some(schema.clone());
            return;
        };
        if common.kind == schema.kind {
            self.mixed |= common != schema;
            return;
        }
        match (width(common.kind), width(schema.kind)) {
            (Some(common), Some(new)) if new > common => self.schema = Some(schema.clone()),
            (Some(_), Some(_)) => {}
            _ => self.mixed = true,
        }
    }

    fn schema(self) -> Option<Arc<Schema>> {
        self.schema.filter(|_| !self.mixed)
    }
}

fn width(kind: Type) -> Option<u8> {
    match kind {
        Type::Int8 => Some(1),
        Type::Int16 => Some(2),
        Type::Int32 => Some(3),
        Type::Int64 => Some(4),
        Type::Float32 => Some(5),
        Type::Float64 => Some(6),
        _ => None,
    }
}

/// A number in the type of its schema, where that holds it.
fn widened(value: Value, schema: Option<&Schema>) -> Value {
    let Some(schema) = schema else { return value };
    let whole = match &value {
        Value::Int8(number) => i64::from(*number),
        Value::Int16(number) => i64::from(*number),
        Value::Int32(number) => i64::from(*number),
        Value::Int64(number) => *number,
        Value::Float32(number) if schema.kind == Type::Float64 => return Value::Float64(shortest(*number)),
        _ => return value,
    };
    match schema.kind {
        Type::Int16 => Value::Int16(whole as i16),
        Type::Int32 => Value::Int32(whole as i32),
        Type::Int64 => Value::Int64(whole),
        Type::Float32 if (whole as f32) as i64 == whole => Value::Float32(whole as f32),
        Type::Float64 if (whole as f64) as i64 == whole => Value::Float64(whole as f64),
        _ => value,
    }
}

/// The double that is written as `number` is: 0.1 stays 0.1.
fn shortest(number: f32) -> f64 {
    format!("{number:e}").parse().unwrap_or(f64::from(number))
}

#[cfg(test)]
mod tests;
