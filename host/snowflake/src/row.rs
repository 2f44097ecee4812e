//! Writes a record as one row: its metadata, then its value copied as it came.
//!
//! ```text
//! content   {"RECORD_METADATA":{"topic":"t","offset":5,"partition":0,"CreateTime":1638747660000},"RECORD_CONTENT":<value>}
//! columns   {"RECORD_METADATA":{"topic":"t","offset":5,"partition":0,"CreateTime":1638747660000},<fields of the value>}
//! ```
//! `RECORD_METADATA` has the fields and the order of the Kafka connector (version 3): `topic`, `offset`, `partition`, `CreateTime`
//! or `LogAppendTime`, `key`, `headers`; each can be switched off. A record that a plugin split adds `emit_index` after `partition`,
//! so that (topic, partition, offset, emit index) names a row for ever. `SnowflakeConnectorPushTime` follows the timestamp where it
//! is asked for. A key, and each header's value, is text ([`Form::Text`]; where the bytes are not UTF-8, it is their base64), or what
//! a converter made of it ([`Form::Json`]). Of headers with the same name the last one counts.
//!
//! In `content` mode any JSON value is taken, as the connector does; in `columns` mode only an object has columns.
//!
//! Invariants: `write` appends exactly one line, or leaves `out` as it was; the value is copied byte for byte, but for white space
//! between tokens when some of that is a line break; nothing that a producer wrote can be taken for our metadata.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use snowgate_record::{ErrorClass, PatternId, Record, TimestampType};
use std::collections::HashMap;
use std::sync::Arc;

use crate::json::{self, Document, JsonError, KeyRule, Kind, METADATA_COLUMN, Validator};

/// What Snowflake takes as one VARIANT value, and so, near enough, as one row.
pub const MAX_ROW_BYTES: usize = 16 * 1024 * 1024;

/// More headers than this are sought through a map, so that their number costs no square.
const SCANNED_HEADERS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowMode {
    /// Two columns, `RECORD_METADATA` and `RECORD_CONTENT`.
    Content,
    /// One column for each field of the value, and `RECORD_METADATA`.
    Columns,
}

/// How the bytes of a key or a header's value are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As text.
    Text,
    /// As the JSON that they are; as text where they are none.
    Json,
}

/// Which parts of the metadata are written. The connector's `snowflake.metadata.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetadataSettings {
    /// Whether there is a `RECORD_METADATA` at all.
    pub enabled: bool,
    pub topic: bool,
    pub offset_and_partition: bool,
    pub create_time: bool,
    /// When the row was written, as `SnowflakeConnectorPushTime`.
    pub push_time: bool,
    pub key: bool,
    pub headers: bool,
}

impl Default for MetadataSettings {
    fn default() -> Self {
        MetadataSettings {
            enabled: true,
            topic: true,
            offset_and_partition: true,
            create_time: true,
            push_time: false,
            key: true,
            headers: true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSettings {
    pub mode: RowMode,
    pub metadata: MetadataSettings,
    /// How keys and headers are written.
    pub form: Form,
    /// A longer row is refused. At most [`MAX_ROW_BYTES`] makes sense.
    pub max_row_bytes: usize,
}

impl RowSettings {
    pub fn new(mode: RowMode) -> RowSettings {
        RowSettings { mode, metadata: MetadataSettings::default(), form: Form::Text, max_row_bytes: MAX_ROW_BYTES }
    }
}

/// Why a record makes no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("the record has no value (a tombstone)")]
    Tombstone,
    #[error("the value is not an object, so it has no columns")]
    NotAnObject,
    #[error("the value has a field named `{METADATA_COLUMN}`, which is reserved (byte {position})")]
    ReservedKey { position: usize },
    #[error("the row is {bytes} bytes long, more than the {limit} that fit")]
    Oversize { bytes: usize, limit: usize },
    #[error("the record's rows are {bytes} bytes compressed, more than the {limit} that one request carries")]
    OversizeOnWire { bytes: usize, limit: usize },
}

impl RowError {
    /// The word for headers, logs and metrics; it never changes.
    pub const fn reason(&self) -> &'static str {
        match self {
            RowError::Json(error) => error.reason.code(),
            RowError::Tombstone => "tombstone",
            RowError::NotAnObject => "not_an_object",
            RowError::ReservedKey { .. } => "reserved_key",
            RowError::Oversize { .. } | RowError::OversizeOnWire { .. } => "oversize",
        }
    }

    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Record
    }
}

/// Writes the records of one table as rows.
#[derive(Debug)]
pub struct RowWriter {
    settings: RowSettings,
    validator: Validator,
    /// Of keys and headers.
    pieces: Validator,
    cache: Cache,
    /// Milliseconds since 1970.
    push_time: i64,
    /// The pattern by which a valid row was written, the last one that was.
    proven: Option<PatternId>,
    /// Whose topic the metadata name, where it is not the one that Kafka has.
    topic: Option<Arc<str>>,
}

/// The parts of a row that only change from partition to partition.
#[derive(Debug)]
struct Cache {
    topic: Arc<str>,
    partition: i32,
    /// Up to the offset; or, when no offset is written, up to where the timestamp begins.
    before_offset: Vec<u8>,
    /// Between the offset and the timestamp or what follows it.
    after_offset: Vec<u8>,
}

impl RowWriter {
    pub fn new(settings: RowSettings) -> RowWriter {
        let rule = match settings.mode {
            RowMode::Content => KeyRule::Exact,
            RowMode::Columns => KeyRule::Columns,
        };
        let cache = Cache::new(&settings.metadata, "", 0);
        let pieces = Validator::new(KeyRule::Exact);
        RowWriter { settings, validator: Validator::new(rule), pieces, cache, push_time: 0, proven: None, topic: None }
    }

    /// Names `topic` in the metadata instead of the one that records came from.
    pub fn name_topic(&mut self, topic: &Arc<str>) {
        if !self.topic.as_ref().is_some_and(|known| Arc::ptr_eq(known, topic)) {
            self.topic = Some(topic.clone());
        }
    }

    /// How keys and headers are written from now on.
    pub fn set_form(&mut self, form: Form) {
        self.settings.form = form;
    }

    /// The time that rows are written from now on, in milliseconds since 1970.
    pub fn set_push_time(&mut self, now: i64) {
        self.push_time = now;
    }

    pub fn settings(&self) -> &RowSettings {
        &self.settings
    }

    /// Appends `record` to `out` as one line. `emit_index` is its place among the records that a plugin made of one; `None` when
    /// it was not split. On an error `out` is as it was.
    #[inline]
    pub fn write(&mut self, record: Record<'_>, emit_index: Option<u32>, out: &mut Vec<u8>) -> Result<(), RowError> {
        let value = record.value().ok_or(RowError::Tombstone)?;
        self.write_value(record, value, emit_index, out)
    }

    /// Appends a row for a record without a value: its metadata, and no content.
    pub fn write_tombstone(&mut self, record: Record<'_>, out: &mut Vec<u8>) -> Result<(), RowError> {
        self.write_value(record, b"{}", None, out)
    }

    #[inline]
    fn write_value(
        &mut self,
        record: Record<'_>,
        value: &[u8],
        emit_index: Option<u32>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let document = match record.pattern() {
            Some(pattern) if Some(pattern) == self.proven => {
                debug_assert_eq!(self.validator.validate(value), Ok(Document::object(value)), "a pattern writes objects alike");
                Document::object(value)
            }
            _ => self.looked_into(record, value)?,
        };
        let start = out.len();
        out.reserve(value.len() + 256);
        match (self.settings.mode, self.settings.metadata.enabled) {
            (RowMode::Content, true) => {
                self.metadata(record, emit_index, out);
                out.extend_from_slice(br#","RECORD_CONTENT":"#);
                copy(value, document, document.start, out);
                out.extend_from_slice(b"}\n");
            }
            (RowMode::Content, false) => {
                out.extend_from_slice(br#"{"RECORD_CONTENT":"#);
                copy(value, document, document.start, out);
                out.extend_from_slice(b"}\n");
            }
            (RowMode::Columns, true) => {
                self.metadata(record, emit_index, out);
                if !document.is_empty {
                    out.push(b',');
                }
                // The object's own closing brace closes the row.
                copy(value, document, document.start + 1, out);
                out.push(b'\n');
            }
            (RowMode::Columns, false) => {
                copy(value, document, document.start, out);
                out.push(b'\n');
            }
        }
        let bytes = out.len() - start - 1;
        if bytes > self.settings.max_row_bytes {
            out.truncate(start);
            return Err(RowError::Oversize { bytes, limit: self.settings.max_row_bytes });
        }
        Ok(())
    }

    /// What `value` is, if it makes a row.
    #[inline(always)]
    fn looked_into(&mut self, record: Record<'_>, value: &[u8]) -> Result<Document, RowError> {
        let document = self.validator.validate(value)?;
        if self.settings.mode == RowMode::Columns {
            if document.kind != Kind::Object {
                return Err(RowError::NotAnObject);
            }
            if let Some(position) = document.reserved_key {
                return Err(RowError::ReservedKey { position });
            }
        }
        if document == Document::object(value) {
            self.proven = record.pattern();
        }
        Ok(document)
    }

    /// `{"RECORD_METADATA":{…}`: the row's own brace stays open.
    #[inline(always)]
    fn metadata(&mut self, record: Record<'_>, emit_index: Option<u32>, out: &mut Vec<u8>) {
        let settings = self.settings.metadata;
        let topic = self.topic.as_deref().unwrap_or(record.topic());
        if *topic != *self.cache.topic || record.partition() != self.cache.partition {
            self.cache = Cache::new(&settings, topic, record.partition());
        }
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(&self.cache.before_offset);
        if settings.offset_and_partition {
            out.extend_from_slice(digits.format(record.offset().get()).as_bytes());
            out.extend_from_slice(&self.cache.after_offset);
        }
        if let Some(index) = emit_index {
            out.extend_from_slice(br#""emit_index":"#);
            out.extend_from_slice(digits.format(index).as_bytes());
            out.push(b',');
        }
        if settings.create_time {
            let name: &[u8] = match record.timestamp_type() {
                TimestampType::CreateTime => br#""CreateTime":"#,
                TimestampType::LogAppendTime => br#""LogAppendTime":"#,
                TimestampType::NotAvailable => b"",
            };
            if !name.is_empty() {
                out.extend_from_slice(name);
                out.extend_from_slice(digits.format(record.timestamp()).as_bytes());
                out.push(b',');
            }
        }
        if settings.push_time {
            out.extend_from_slice(br#""SnowflakeConnectorPushTime":"#);
            out.extend_from_slice(digits.format(self.push_time).as_bytes());
            out.push(b',');
        }
        if settings.key
            && let Some(key) = record.key()
        {
            out.extend_from_slice(br#""key":"#);
            piece(self.settings.form, key, &mut self.pieces, out);
            out.push(b',');
        }
        if settings.headers && record.has_headers() {
            headers(record, self.settings.form, &mut self.pieces, out);
            out.push(b',');
        }
        // Every part ends in a comma; the last one gives way to the brace. With no part at all the brace stays as it was opened.
        match out.last_mut() {
            Some(last) if *last == b',' => *last = b'}',
            _ => out.push(b'}'),
        }
    }
}

impl Cache {
    fn new(settings: &MetadataSettings, topic: &str, partition: i32) -> Cache {
        let mut before_offset = format!("{{\"{METADATA_COLUMN}\":{{").into_bytes();
        if settings.topic {
            before_offset.extend_from_slice(br#""topic":"#);
            quoted(topic, &mut before_offset);
            before_offset.push(b',');
        }
        let mut after_offset = Vec::new();
        if settings.offset_and_partition {
            before_offset.extend_from_slice(br#""offset":"#);
            after_offset = format!(",\"partition\":{partition},").into_bytes();
        }
        Cache { topic: topic.into(), partition, before_offset, after_offset }
    }
}

/// Appends what `document` holds from `from` on.
#[inline(always)]
fn copy(value: &[u8], document: Document, from: usize, out: &mut Vec<u8>) {
    let text = &value[from..document.end];
    if document.line_breaks {
        json::copy_without_blanks(text, out);
    } else {
        out.extend_from_slice(text);
    }
}

#[inline(never)]
fn headers(record: Record<'_>, form: Form, validator: &mut Validator, out: &mut Vec<u8>) {
    let last_by_name: Option<HashMap<_, _>> = (record.headers().len() > SCANNED_HEADERS)
        .then(|| record.headers().enumerate().map(|(index, (name, _))| (String::from_utf8_lossy(name), index)).collect());
    let is_last = |index: usize, name: &[u8]| match &last_by_name {
        Some(last) => last.get(&*String::from_utf8_lossy(name)) == Some(&index),
        None => record.headers().skip(index + 1).all(|(later, _)| !same_text(later, name)),
    };
    out.extend_from_slice(br#""headers":{"#);
    for (index, (name, value)) in record.headers().enumerate() {
        if !is_last(index, name) {
            continue;
        }
        // A header's name is UTF-8 in Kafka; what is not gets the replacement character, as in Java.
        quoted(&String::from_utf8_lossy(name), out);
        out.push(b':');
        match value {
            Some(value) => piece(form, value, validator, out),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b',');
    }
    *out.last_mut().expect("a record with headers has a last one") = b'}';
}

/// Whether two names are the same once they are text.
fn same_text(a: &[u8], b: &[u8]) -> bool {
    a == b || String::from_utf8_lossy(a) == String::from_utf8_lossy(b)
}

/// A key or a header's value. A plugin may have put anything in its place, so JSON is only copied when it is one whole document.
fn piece(form: Form, bytes: &[u8], validator: &mut Validator, out: &mut Vec<u8>) {
    match form {
        Form::Json => match validator.validate(bytes) {
            Ok(document) => copy(bytes, document, document.start, out),
            Err(_) => text_or_base64(bytes, out),
        },
        Form::Text => text_or_base64(bytes, out),
    }
}

#[inline(never)]
fn text_or_base64(bytes: &[u8], out: &mut Vec<u8>) {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => quoted(text, out),
        Err(_) => {
            let start = out.len();
            let len = bytes.len().div_ceil(3) * 4;
            out.resize(start + len + 2, b'"');
            BASE64.encode_slice(bytes, &mut out[start + 1..start + 1 + len]).expect("base64 makes four letters of three bytes");
        }
    }
}

/// Appends `text` as a JSON string.
fn quoted(text: &str, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            special @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', special]),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b'\t' => out.extend_from_slice(br"\t"),
            control => {
                out.extend_from_slice(br"\u00");
                out.extend_from_slice(&[HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests;
