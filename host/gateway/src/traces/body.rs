//! The spans of one body.
//!
//! A partition has one [`BodyTrace`] for its open body and one for each sealed body. A span whose beginning and end are both known is
//! made at its end, with the times that were noted; only the root and a request under way are live. Where the sampler said no to the
//! root, nothing else happens.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceId, Tracer as _,
};
use opentelemetry::{Context, KeyValue, StringValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, Span};
use snowgate_record::{Offset, OffsetRange, Record, RecordBatch, TopicPartition};

use crate::partition::BlockReason;

/// Producers a body is linked to: enough to find one's way from a request to its rows, few enough for a body of ten thousand records.
const MAX_LINKS: usize = 32;
/// Batches that get spans of their own. A body that lingers at a slow topic takes in more, a few records each.
const MAX_BATCHES: u32 = 16;
/// The header of W3C trace context.
const TRACEPARENT: &str = "traceparent";

// The conventions have an offset for a single record only, and that is what a link's is.
const FIRST_OFFSET: &str = "snowgate.first_offset";
const LAST_OFFSET: &str = "snowgate.last_offset";
const OFFSET: &str = "messaging.kafka.offset";
/// Records of a span, whether they became rows or not.
const RECORDS: &str = "messaging.batch.message_count";
/// One word for what went wrong.
const ERROR_TYPE: &str = "error.type";

/// When a batch was read and transformed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    asked: SystemTime,
    read: SystemTime,
    staged: Option<SystemTime>,
}

impl Times {
    /// A batch that was asked for at `asked` is here.
    pub(crate) fn read(asked: SystemTime) -> Times {
        Times { asked, read: SystemTime::now(), staged: None }
    }

    pub(crate) fn asked(self) -> SystemTime {
        self.asked
    }

    pub(crate) fn staged(&mut self) {
        self.staged = Some(SystemTime::now());
    }
}

/// What the traces of one partition have in common.
#[derive(Debug)]
pub(crate) struct Origin {
    tracer: SdkTracer,
    process: String,
    receive: String,
    commit: String,
    append: String,
    kafka: Vec<KeyValue>,
    snowflake: Vec<KeyValue>,
    pipeline: KeyValue,
}

impl Origin {
    /// `schema` and `table` are where the rows go, through `channel`.
    pub(crate) fn new(
        tracer: SdkTracer,
        pipeline: &Arc<str>,
        group: &str,
        topic_partition: &TopicPartition,
        schema: (&str, &str),
        table: &str,
        channel: &str,
    ) -> Arc<Origin> {
        let topic = &topic_partition.topic;
        Arc::new(Origin {
            tracer,
            process: format!("process {topic}"),
            receive: format!("receive {topic}"),
            commit: format!("commit {topic}"),
            append: format!("append {table}"),
            kafka: vec![
                KeyValue::new("messaging.system", "kafka"),
                KeyValue::new("messaging.destination.name", topic.clone()),
                KeyValue::new("messaging.destination.partition.id", shared(&topic_partition.partition.to_string())),
                KeyValue::new("messaging.consumer.group.name", shared(group)),
            ],
            snowflake: vec![
                KeyValue::new("db.system.name", "snowflake"),
                KeyValue::new("db.namespace", shared(&format!("{}|{}", schema.0, schema.1))),
                KeyValue::new("db.collection.name", shared(table)),
                KeyValue::new("snowgate.channel", shared(channel)),
            ],
            pipeline: KeyValue::new("snowgate.pipeline", pipeline.clone()),
        })
    }

    fn kafka(&self, operation: &'static str, kind: &'static str) -> Vec<KeyValue> {
        let mut attributes = self.kafka.clone();
        attributes.push(KeyValue::new("messaging.operation.name", operation));
        attributes.push(KeyValue::new("messaging.operation.type", kind));
        attributes
    }
}

/// A text that every span shares.
fn shared(text: &str) -> StringValue {
    StringValue::from(Arc::<str>::from(text))
}

/// The trace of one body.
#[derive(Debug)]
pub(crate) struct BodyTrace {
    origin: Arc<Origin>,
    root: Span,
    inside: Context,
    batches: u32,
    records: usize,
    dead_letters: usize,
    last: Option<Offset>,
    links: Vec<(TraceId, SpanId)>,
    /// When the body was last sent, or when Snowflake said that it took it.
    sent: Option<SystemTime>,
}

impl BodyTrace {
    pub(crate) fn begin(origin: &Arc<Origin>, first: Offset, at: SystemTime) -> BodyTrace {
        let mut attributes = origin.kafka("process", "process");
        attributes.push(origin.pipeline.clone());
        attributes.push(KeyValue::new(FIRST_OFFSET, first.get()));
        let builder = SpanBuilder::from_name(origin.process.clone())
            .with_kind(SpanKind::Consumer)
            .with_start_time(at)
            .with_attributes(attributes);
        let root = origin.tracer.build_with_context(builder, &Context::new());
        let inside = Context::new().with_remote_span_context(root.span_context().clone());
        BodyTrace {
            origin: origin.clone(),
            root,
            inside,
            batches: 0,
            records: 0,
            dead_letters: 0,
            last: None,
            links: Vec::new(),
            sent: None,
        }
    }

    /// Records of `batch`, those in `range`, went into the body: `times` of the batch if they are its first.
    pub(crate) fn take_in(
        &mut self,
        batch: &RecordBatch,
        range: OffsetRange,
        dead_letters: usize,
        times: Option<Times>,
        encode: SystemTime,
    ) {
        if !self.root.is_recording() {
            return;
        }
        let offsets = batch.offsets();
        let from = offsets.partition_point(|offset| *offset < range.first().get());
        let until = offsets.partition_point(|offset| *offset <= range.last().get());
        self.records += until - from;
        self.dead_letters += dead_letters;
        self.last = Some(range.last());
        if !batch.headers().names().is_empty() {
            (from..until).for_each(|index| self.link(batch.record(index)));
        }
        self.batches += 1;
        if self.batches > MAX_BATCHES {
            return;
        }
        if let Some(times) = times {
            self.read_and_staged(batch, times);
        }
        let counted = vec![KeyValue::new(RECORDS, count(until - from))];
        self.child("encode".to_owned(), SpanKind::Internal, counted, encode).end();
    }

    fn read_and_staged(&self, batch: &RecordBatch, times: Times) {
        let mut attributes = self.origin.kafka("receive", "receive");
        attributes.extend(batch.offsets().first().map(|first| KeyValue::new(FIRST_OFFSET, *first)));
        attributes.extend(batch.offsets().last().map(|last| KeyValue::new(LAST_OFFSET, *last)));
        attributes.push(KeyValue::new(RECORDS, count(batch.len())));
        self.child(self.origin.receive.clone(), SpanKind::Client, attributes, times.asked).end_with_timestamp(times.read);
        if let Some(staged) = times.staged {
            let counted = vec![KeyValue::new(RECORDS, count(batch.len()))];
            self.child("transform".to_owned(), SpanKind::Internal, counted, times.read).end_with_timestamp(staged);
        }
    }

    /// The plugins could not run, so nothing of `batch` goes into a body.
    pub(crate) fn transform_failed(mut self, batch: &RecordBatch, times: Times, error: &str) {
        if !self.root.is_recording() {
            return;
        }
        self.records = batch.len();
        self.last = batch.range().map(|range| range.last());
        self.read_and_staged(batch, Times { staged: None, ..times });
        let mut transform = self.child("transform".to_owned(), SpanKind::Internal, Vec::new(), times.read);
        transform.set_status(Status::error(error.to_owned()));
        transform.end();
        self.abandon("plugins_unavailable", "plugins cannot run");
    }

    /// The body is closed and compressed.
    pub(crate) fn sealed(&mut self, rows: u64, raw_bytes: u64, bytes: usize) {
        if self.root.is_recording() {
            self.root.add_event(
                "sealed",
                vec![
                    KeyValue::new("snowgate.body.rows", wide(rows)),
                    KeyValue::new("snowgate.body.raw_bytes", wide(raw_bytes)),
                    KeyValue::new("snowgate.body.bytes", count(bytes)),
                ],
            );
        }
    }

    /// A request with this body goes out.
    pub(crate) fn append(&mut self, attempt: u32, rows: u64, bytes: usize) -> Option<AppendSpan> {
        if !self.root.is_recording() {
            return None;
        }
        let now = SystemTime::now();
        self.sent = Some(now);
        let mut attributes = self.origin.snowflake.clone();
        attributes.extend([
            KeyValue::new("db.operation.name", "append"),
            KeyValue::new("snowgate.body.rows", wide(rows)),
            KeyValue::new("http.request.body.size", count(bytes)),
        ]);
        if attempt > 0 {
            attributes.push(KeyValue::new("http.request.resend_count", i64::from(attempt)));
        }
        Some(AppendSpan(self.child(self.origin.append.clone(), SpanKind::Client, attributes, now)))
    }

    /// Snowflake took the rows; from here on the body waits for its commit.
    pub(crate) fn appended(&mut self) {
        self.sent = Some(SystemTime::now());
    }

    pub(crate) fn blocked(&mut self, reason: BlockReason) {
        if self.root.is_recording() {
            self.root.add_event("blocked", vec![KeyValue::new("snowgate.reason", reason.as_str())]);
        }
    }

    /// The last offset that went into the body.
    pub(crate) fn last(&self) -> Option<Offset> {
        self.last
    }

    /// The body is let go: all of it is settled, or its records are read again, here or by another process.
    pub(crate) fn end(self, settled: bool) {
        if settled { self.settled() } else { self.abandon("not_committed", "not committed: the records are read again") }
    }

    fn settled(mut self) {
        if !self.root.is_recording() {
            return;
        }
        if let (Some(sent), Some(last)) = (self.sent, self.last) {
            let mut attributes = self.origin.kafka("commit", "settle");
            attributes.extend(self.origin.snowflake.iter().cloned());
            attributes.push(KeyValue::new(RECORDS, count(self.records)));
            attributes.push(KeyValue::new(LAST_OFFSET, last.get()));
            self.child(self.origin.commit.clone(), SpanKind::Client, attributes, sent).end();
        }
        self.finish();
    }

    fn abandon(mut self, kind: &'static str, why: &'static str) {
        if self.root.is_recording() {
            self.root.set_attribute(KeyValue::new(ERROR_TYPE, kind));
            self.root.set_status(Status::error(why));
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.root.set_attribute(KeyValue::new(RECORDS, count(self.records)));
        if let Some(last) = self.last {
            self.root.set_attribute(KeyValue::new(LAST_OFFSET, last.get()));
        }
        if self.dead_letters > 0 {
            self.root.set_attribute(KeyValue::new("snowgate.dead_letters", count(self.dead_letters)));
        }
        self.root.end();
    }

    fn child(&self, name: String, kind: SpanKind, attributes: Vec<KeyValue>, start: SystemTime) -> Span {
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_start_time(start).with_attributes(attributes);
        self.origin.tracer.build_with_context(builder, &self.inside)
    }

    /// Links the body to the span that produced the record, if the record names one.
    fn link(&mut self, record: Record<'_>) {
        if self.links.len() >= MAX_LINKS {
            return;
        }
        let Some(producer) = producer_of(record) else { return };
        let found = (producer.trace_id(), producer.span_id());
        if !self.links.contains(&found) {
            self.links.push(found);
            self.root.add_link(producer, vec![KeyValue::new(OFFSET, record.offset().get())]);
        }
    }
}

/// A request with a body, under way.
#[derive(Debug)]
pub(crate) struct AppendSpan(Span);

impl AppendSpan {
    /// Snowflake answered, or did not: `failure` is the kind of error, and what it says.
    pub(crate) fn end(mut self, failure: Option<(&'static str, String)>) {
        if let Some((kind, text)) = failure {
            self.0.set_attribute(KeyValue::new(ERROR_TYPE, kind));
            self.0.set_status(Status::error(text));
        }
        self.0.end();
    }
}

/// The span that a record's `traceparent` names.
fn producer_of(record: Record<'_>) -> Option<SpanContext> {
    record.headers().find(|(name, _)| *name == TRACEPARENT.as_bytes())?;
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Carrier(record));
    Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
}

/// A record's headers, for the propagator.
struct Carrier<'a>(Record<'a>);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.headers().find(|(name, _)| *name == key.as_bytes())?;
        std::str::from_utf8(value?).ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.headers().filter_map(|(name, _)| std::str::from_utf8(name).ok()).collect()
    }
}

fn count(items: usize) -> Value {
    wide(items as u64)
}

fn wide(number: u64) -> Value {
    Value::I64(i64::try_from(number).unwrap_or(i64::MAX))
}
