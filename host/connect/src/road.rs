//! A batch through a connector's converters and transforms, to values, keys and headers that are JSON.
//!
//! There are four roads, from nearly free to dear:
//!
//! | | when | what happens |
//! |---|---|---|
//! | straight | [`Road::straight`] | nothing: the batch's records are rows as they are, a key is text |
//! | copied | values are plain JSON, no steps but `RegexRouter` by names alone | keys and headers are converted, a value that begins as an object is copied |
//! | text | values are plain JSON, the steps are of those below | a record's values are copied into what the steps make of its shape |
//! | full | the rest | every record is taken apart, changed, and written anew |
//!
//! The first two hand over documents that nobody has looked into. The row writer's strict validator does, and where it refuses one that
//! Jackson would take (`{"a":007}`, text after the document, a key twice), [`Road::convert_again`] takes that record by the full road; what is
//! refused then is no JSON to anyone. Where a number is not touched by a step it keeps its text, `1.50` say, on all roads but the full one,
//! on which it keeps its value, 1.5.
//!
//! The text road (`road/text.rs`) takes `Cast`, `ExtractField`, `Flatten`, `HoistField`, `InsertField`, `MaskField` and `ReplaceField` of
//! values, `DropHeaders`, `Filter`, `InsertHeader` and `RegexRouter`, behind any predicate. With another step among them every record takes
//! the full road. So does a record that the text road cannot tell the end of: one that is no object or no strict JSON, one that a step
//! rejects, one whose shape hangs on a value (`ExtractField` out of a field that is no object).
//!
//! Invariant: every record ends as one converted record, as dropped, or as rejected, and what is left of a rejected one is nothing.

mod routing;
mod text;

use std::sync::Arc;

use snowgate_record::{PatternId, Record, RecordBatch, TimestampType, TopicPartition};

use crate::converter::{Converter, HeaderConverter};
use crate::data::{ConnectRecord, DataError, SchemaAndValue, Stage, Value};
use crate::predicate::Predicate;
use crate::road::text::TextRoad;
use crate::rows;
use crate::settings::Line;
use crate::smt::Transform;

pub(crate) use routing::refusal;
pub use routing::{MOST_TABLES, Reach};

/// Whose fault it is when data makes no row: what Connect names for a sink task.
pub const SINK_TASK: &str = "org.apache.kafka.connect.sink.SinkTask";

#[derive(Debug, Clone)]
pub struct RoadSettings {
    pub key: Converter,
    pub value: Converter,
    pub headers: HeaderConverter,
    pub steps: Vec<Step>,
    /// Whose rules write a value as JSON.
    pub line: Line,
    /// Version 4 writes a header's value as text unless this is set; version 3 always has it typed.
    pub structured_headers: bool,
    /// All that a record's table follows from, as it is written: to tell this configuration from another.
    pub naming: Arc<str>,
}

/// One transform of the chain, perhaps behind a predicate.
#[derive(Debug, Clone)]
pub struct Step {
    /// The alias in `transforms`.
    pub name: Arc<str>,
    /// The transform's Java class, with `$Key` or `$Value`.
    pub class: Arc<str>,
    pub transform: Transform,
    pub predicate: Option<Predicate>,
    pub negate: bool,
}

/// What the road made of a batch. Use one again and again: its buffers stay.
#[derive(Debug)]
pub struct Converted {
    /// In offset order. Value: one JSON document, or null for a tombstone. Key: JSON, or null. Each header's value: JSON.
    pub records: RecordBatch,
    /// In order of their index.
    pub rejected: Vec<Rejected>,
    /// Records that a transform dropped.
    pub dropped: u64,
    /// Where records of one topic may be left with different ones: what these are. A record's route is the place of its own among them.
    pub topics: Vec<Arc<str>>,
    written: Written,
}

/// How the values of a batch were written.
#[derive(Debug, Default)]
enum Written {
    #[default]
    NotYet,
    By(PatternId),
    /// By several patterns, or by none.
    Otherwise,
}

/// A record that a converter or a transform did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// In the batch that came in.
    pub index: usize,
    pub stage: Stage,
    /// The class of the converter or transform.
    pub class: Arc<str>,
    /// The Java exception that the original throws.
    pub exception: &'static str,
    pub message: String,
}

/// Converters and transforms, for one worker thread.
#[derive(Debug)]
pub struct Road {
    settings: Arc<RoadSettings>,
    /// Its own, for they remember schemas.
    key: Converter,
    value: Converter,
    /// Whether there are steps that a record has to go through: a topic's new name was asked for once.
    has_steps: bool,
    /// Whether a record's topic has to be told of each one.
    routes: bool,
    /// Where the steps can be taken in the text.
    text: Option<Box<TextRoad>>,
    /// Of the records seen last.
    topic: Arc<str>,
    pieces: Pieces,
}

/// What one record becomes, before it is pushed as a whole.
#[derive(Debug, Default)]
struct Pieces {
    key: Vec<u8>,
    value: Vec<u8>,
    /// Header values, one after another.
    headers: Vec<u8>,
    header_ends: Vec<usize>,
}

/// Why a record goes no further.
enum End {
    Dropped,
    Failed { stage: Stage, class: Arc<str>, error: DataError },
}

impl Step {
    fn wants(&self, record: &ConnectRecord) -> bool {
        self.predicate.as_ref().is_none_or(|predicate| predicate.test(record) != self.negate)
    }
}

impl Converted {
    pub fn new() -> Converted {
        Converted {
            records: RecordBatch::new(TopicPartition::new("", 0)),
            rejected: Vec::new(),
            dropped: 0,
            topics: Vec::new(),
            written: Written::NotYet,
        }
    }

    fn reset(&mut self, topic_partition: &TopicPartition) {
        self.records.reset(topic_partition);
        self.rejected.clear();
        self.dropped = 0;
        self.topics.clear();
        self.written = Written::NotYet;
    }
}

impl Written {
    /// One more value.
    #[inline]
    fn add(&mut self, pattern: Option<PatternId>) {
        *self = match (&*self, pattern) {
            (Written::NotYet, Some(pattern)) => Written::By(pattern),
            (Written::By(known), Some(pattern)) if *known == pattern => return,
            _ => Written::Otherwise,
        };
    }
}

impl Default for Converted {
    fn default() -> Self {
        Converted::new()
    }
}

impl Road {
    pub fn new(settings: Arc<RoadSettings>) -> Road {
        let routes = settings.routes_each_record();
        let has_steps = routes || settings.steps.iter().any(|step| !step.transform.topic_only());
        let (key, value) = (settings.key.clone(), settings.value.clone());
        let text = if has_steps { TextRoad::new(&settings).map(Box::new) } else { None };
        Road { settings, key, value, has_steps, routes, text, topic: Arc::from(""), pieces: Pieces::default() }
    }

    /// Whether the records of `batch` are rows as they are, with keys that are text. One that the strict validator refuses is then
    /// offered to [`Road::convert_again`].
    pub fn straight(&self, batch: &RecordBatch) -> bool {
        self.copies_values()
            && batch.headers().names().is_empty()
            && self.keys_are_text(batch)
            && batch.iter().all(|record| record.value().is_none_or(begins_as_object))
    }

    /// Takes `batch` along. Every record ends as one converted record, as dropped, or as rejected.
    ///
    /// A batch that is straight is offered for one reason only, that its records make no rows as they are; so it takes the full road.
    pub fn process(&mut self, batch: &RecordBatch, out: &mut Converted) {
        let shortcuts = !self.straight(batch);
        out.reset(batch.topic_partition());
        for record in batch.iter() {
            self.convert(record, shortcuts, out);
        }
        if let Written::By(pattern) = out.written {
            out.records.set_pattern(pattern);
        }
    }

    /// Takes one record by the full road: one whose value makes no row as it is. `out` holds nothing else then, and a rejection
    /// has the record's own index.
    pub fn convert_again(&mut self, record: Record<'_>, out: &mut Converted) {
        let topic_partition = TopicPartition::new(record.topic(), record.partition());
        out.reset(&topic_partition);
        self.convert(record, false, out);
    }

    /// An object that nothing changes stands for itself.
    fn copies_values(&self) -> bool {
        !self.has_steps && self.value.is_plain_json()
    }

    fn keys_are_text(&self, batch: &RecordBatch) -> bool {
        let keys = batch.keys();
        if self.key.is_text() {
            return keys.data().is_ascii()
                || batch.iter().all(|record| record.key().is_none_or(|key| std::str::from_utf8(key).is_ok()));
        }
        (0..keys.len()).all(|index| keys.is_null(index))
    }

    /// `shortcuts`: by the nearest road there is, else by the full one.
    fn convert(&mut self, record: Record<'_>, shortcuts: bool, out: &mut Converted) {
        self.pieces.clear();
        if shortcuts && self.text.is_some() {
            if self.by_text(record, out) {
                return;
            }
            self.pieces.clear();
        }
        out.written.add(None);
        let copied = record.value().filter(|value| shortcuts && self.copies_values() && begins_as_object(value));
        let made = match copied {
            Some(_) => self.around_the_value(record).map(|has_key| (has_key, true)),
            None if !self.has_steps => self.unchanged(record),
            None => return self.changed(record, out),
        };
        match made {
            Ok((has_key, has_value)) => {
                let names = record.headers().map(|(name, _)| name);
                self.pieces.push_headers(names, &mut out.records);
                let key = has_key.then_some(self.pieces.key.as_slice());
                let value = has_value.then_some(copied.unwrap_or(&self.pieces.value));
                let offset = record.offset();
                out.records.push(offset, record.timestamp(), record.timestamp_type(), key, value);
            }
            Err(end) => out.end(record.index(), end),
        }
    }

    /// Key and headers of a record whose value is copied; says whether there is a key.
    fn around_the_value(&mut self, record: Record<'_>) -> Result<bool, End> {
        let has_key = self.write_key(record)?;
        self.write_headers(record)?;
        Ok(has_key)
    }

    /// A record that no transform sees; says whether there is a key, and a value.
    fn unchanged(&mut self, record: Record<'_>) -> Result<(bool, bool), End> {
        let has_key = self.write_key(record)?;
        if let (true, Some(value)) = (self.value.is_text(), record.value()) {
            rows::write_text(&String::from_utf8_lossy(value), &mut self.pieces.value);
            self.write_headers(record)?;
            return Ok((has_key, true));
        }
        let value = self.read_value(record)?;
        self.write_headers(record)?;
        let has_value = self.write_value(&value)?;
        Ok((has_key, has_value))
    }

    fn write_key(&mut self, record: Record<'_>) -> Result<bool, End> {
        let Some(key) = record.key() else { return Ok(false) };
        if self.key.is_text() {
            rows::write_text(&String::from_utf8_lossy(key), &mut self.pieces.key);
            return Ok(true);
        }
        let key = self.read_key(record)?;
        write_piece(self.settings.line, &key, &mut self.pieces.key)
    }

    fn read_key(&self, record: Record<'_>) -> Result<SchemaAndValue, End> {
        let converted = self.key.to_connect(record.topic(), record.key());
        converted.map_err(|error| End::of(Stage::KeyConverter, self.key.class(), error))
    }

    fn read_value(&self, record: Record<'_>) -> Result<SchemaAndValue, End> {
        let converted = self.value.to_connect(record.topic(), record.value());
        converted.map_err(|error| End::of(Stage::ValueConverter, self.value.class(), error))
    }

    fn read_header(&self, topic: &str, value: Option<&[u8]>) -> Result<SchemaAndValue, End> {
        let converter = &self.settings.headers;
        converter.to_connect(topic, value).map_err(|error| End::of(Stage::HeaderConverter, converter.class(), error))
    }

    fn write_value(&mut self, value: &SchemaAndValue) -> Result<bool, End> {
        write_piece(self.settings.line, value, &mut self.pieces.value)
    }

    fn write_headers(&mut self, record: Record<'_>) -> Result<(), End> {
        for (_, value) in record.headers() {
            let value = self.read_header(record.topic(), value)?;
            self.write_header(&value)?;
        }
        Ok(())
    }

    fn write_header(&mut self, value: &SchemaAndValue) -> Result<(), End> {
        let RoadSettings { line, structured_headers, .. } = *self.settings;
        let written = rows::write_header(line, structured_headers, value, &mut self.pieces.headers);
        self.pieces.header_ends.push(self.pieces.headers.len());
        written.map_err(|error| End::of(Stage::TaskPut, SINK_TASK, error))
    }

    /// A record through the transforms.
    fn changed(&mut self, record: Record<'_>, out: &mut Converted) {
        match self.transformed(record) {
            Ok((made, has_key, has_value)) => {
                let names = made.headers.iter().map(|(name, _)| name.as_bytes());
                self.pieces.push_headers(names, &mut out.records);
                let key = has_key.then_some(self.pieces.key.as_slice());
                let value = has_value.then_some(self.pieces.value.as_slice());
                out.records.push(record.offset(), made.timestamp.unwrap_or(-1), made.timestamp_type, key, value);
                if self.routes {
                    out.name_topic(&made.topic);
                }
            }
            Err(end) => out.end(record.index(), end),
        }
    }

    fn transformed(&mut self, record: Record<'_>) -> Result<(ConnectRecord, bool, bool), End> {
        if *self.topic != *record.topic() {
            self.topic = record.topic().into();
        }
        let key = self.read_key(record)?;
        let value = self.read_value(record)?;
        let headers = record.headers().map(|(name, value)| {
            let value = self.read_header(record.topic(), value)?;
            Ok((String::from_utf8_lossy(name).into_owned(), value))
        });
        let headers = headers.collect::<Result<_, End>>()?;
        let timestamp_type = record.timestamp_type();
        let mut made = ConnectRecord {
            topic: self.topic.clone(),
            partition: record.partition(),
            offset: record.offset().get(),
            timestamp: (timestamp_type != TimestampType::NotAvailable).then(|| record.timestamp()),
            timestamp_type,
            key,
            value,
            headers,
        };
        for step in &self.settings.steps {
            if step.wants(&made) {
                let transformed = step.transform.apply(made);
                let failed = |error| End::Failed { stage: Stage::Transformation, class: step.class.clone(), error };
                made = transformed.map_err(failed)?.ok_or(End::Dropped)?;
            }
        }
        let has_key = write_piece(self.settings.line, &made.key, &mut self.pieces.key)?;
        let has_value = self.write_value(&made.value)?;
        for (_, value) in &made.headers {
            self.write_header(value)?;
        }
        Ok((made, has_key, has_value))
    }
}

/// Says whether there is anything to write: a key that is null is none, and a value that is null makes a tombstone.
fn write_piece(line: Line, data: &SchemaAndValue, out: &mut Vec<u8>) -> Result<bool, End> {
    if data.value == Value::Null {
        return Ok(false);
    }
    rows::write(line, data, out).map_err(|error| End::of(Stage::TaskPut, SINK_TASK, error))?;
    Ok(true)
}

fn begins_as_object(value: &[u8]) -> bool {
    value.first() == Some(&b'{')
}

impl Pieces {
    fn clear(&mut self) {
        self.key.clear();
        self.value.clear();
        self.headers.clear();
        self.header_ends.clear();
    }

    /// Pushes the headers of the record that is pushed next.
    fn push_headers<'a>(&self, names: impl Iterator<Item = &'a [u8]>, records: &mut RecordBatch) {
        let mut start = 0;
        for (name, end) in names.zip(&self.header_ends) {
            records.push_header(name, Some(&self.headers[start..*end]));
            start = *end;
        }
    }
}

impl End {
    fn of(stage: Stage, class: &str, error: DataError) -> End {
        End::Failed { stage, class: class.into(), error }
    }
}

impl Converted {
    /// Says what the transforms called the topic of the last record: mostly what they called that of the one before.
    fn name_topic(&mut self, topic: &Arc<str>) {
        let last = self.records.len() - 1;
        let before = last.checked_sub(1).map_or(0, |before| self.records.route(before));
        let is_same = |known: &Arc<str>| Arc::ptr_eq(known, topic) || known == topic;
        if self.topics.get(usize::from(before)).is_some_and(is_same) {
            self.records.set_route(last, before);
            return;
        }
        let place = self.topics.iter().position(is_same).unwrap_or(self.topics.len());
        if place == self.topics.len() {
            self.topics.push(topic.clone());
        }
        let route = u16::try_from(place).expect("a batch has a thousand timestamps, and fewer topics than there are routes");
        self.records.set_route(last, route);
    }

    fn end(&mut self, index: usize, end: End) {
        match end {
            End::Dropped => self.dropped += 1,
            End::Failed { stage, class, error } => {
                let DataError { exception, message } = error;
                self.rejected.push(Rejected { index, stage, class, exception, message });
            }
        }
    }
}

#[cfg(test)]
mod tests;
