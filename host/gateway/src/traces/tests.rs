//! What is made of a body's life, seen as a collector gets it.

use std::sync::Mutex;
use std::time::SystemTime;

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SpanData, SpanExporter};
use snowgate_record::{Offset, OffsetRange, RecordBatch, TimestampType, TopicPartition};

use super::*;
use crate::partition::BlockReason;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Keeps what it gets.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

impl Kept {
    fn spans(&self) -> Vec<SpanData> {
        self.0.lock().unwrap().clone()
    }

    fn named(&self, name: &str) -> SpanData {
        self.spans().into_iter().find(|span| span.name == name).unwrap_or_else(|| panic!("a span `{name}`"))
    }

    fn names(&self) -> Vec<String> {
        self.spans().iter().map(|span| span.name.to_string()).collect()
    }
}

/// A partition whose spans are kept.
fn origin(sampler: Sampler) -> (Arc<Origin>, Kept) {
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).with_sampler(sampler).build();
    let topic_partition = TopicPartition::new("klines", 3);
    let schema = ("CRYPTO_DB", "PUBLIC");
    (Origin::new(provider.tracer("test"), &"p".into(), "group-1", &topic_partition, schema, "KLINES", "klines_3"), kept)
}

fn at(offset: i64) -> Offset {
    Offset::new(offset).unwrap()
}

fn range(first: i64, last: i64) -> OffsetRange {
    OffsetRange::new(at(first), at(last))
}

/// Records from `first` on, each with the `traceparent` that `producer` names for it.
fn batch(first: i64, records: usize, producer: impl Fn(usize) -> Option<String>) -> RecordBatch {
    let mut batch = RecordBatch::new(TopicPartition::new("klines", 3));
    for index in 0..records {
        if let Some(parent) = producer(index) {
            batch.push_header(b"traceparent", Some(parent.as_bytes()));
        }
        let offset = at(first + index as i64);
        batch.push(offset, 0, TimestampType::CreateTime, Some(b"key-CANARY"), Some(b"value-CANARY"));
    }
    batch
}

fn parent(span: usize) -> String {
    format!("00-{TRACE}-{span:016x}-01")
}

fn take_in(trace: &mut BodyTrace, batch: &RecordBatch) {
    let now = SystemTime::now();
    let mut times = Times::read(now);
    times.staged();
    trace.take_in(batch, batch.range().unwrap(), 0, Some(times), now);
}

/// `NAME=VALUE`, without those that every span of a kind has.
fn attributes(span: &SpanData) -> Vec<String> {
    let mut lines: Vec<_> = span.attributes.iter().map(|pair| format!("{}={}", pair.key, pair.value)).collect();
    lines.sort();
    lines
}

const KAFKA: [&str; 4] = [
    "messaging.consumer.group.name=group-1",
    "messaging.destination.name=klines",
    "messaging.destination.partition.id=3",
    "messaging.system=kafka",
];
const SNOWFLAKE: [&str; 4] =
    ["db.collection.name=KLINES", "db.namespace=CRYPTO_DB|PUBLIC", "db.system.name=snowflake", "snowgate.channel=klines_3"];

#[track_caller]
fn assert_attributes(span: &SpanData, groups: &[&[&str]]) {
    let mut expected = groups.concat();
    expected.sort_unstable();
    assert_eq!(attributes(span), expected, "{}", span.name);
}

#[test]
fn a_committed_body_is_one_trace_from_its_first_record_to_its_commit() {
    let (origin, kept) = origin(Sampler::AlwaysOn);
    let mut trace = BodyTrace::begin(&origin, at(5), SystemTime::now());
    take_in(&mut trace, &batch(5, 3, |index| (index == 1).then(|| parent(7))));
    trace.sealed(3, 300, 100);
    trace.append(0, 3, 100).unwrap().end(Some(("throttled", "answered 429".to_owned())));
    trace.append(1, 3, 100).unwrap().end(None);
    trace.appended();
    trace.end(true);

    assert_eq!(
        kept.names(),
        ["receive klines", "transform", "encode", "append KLINES", "append KLINES", "commit klines", "process klines"]
    );
    let root = kept.named("process klines");
    assert_eq!((root.span_kind.clone(), root.status.clone()), (SpanKind::Consumer, Status::Unset));
    for span in kept.spans().iter().filter(|span| span.name != root.name) {
        assert_eq!(span.parent_span_id, root.span_context.span_id(), "{}", span.name);
        assert_eq!(span.span_context.trace_id(), root.span_context.trace_id(), "{}", span.name);
        assert!(span.start_time <= span.end_time && span.end_time <= root.end_time, "{}", span.name);
    }
    let operation = ["messaging.operation.name=process", "messaging.operation.type=process"];
    let counted = ["messaging.batch.message_count=3", "snowgate.first_offset=5", "snowgate.last_offset=7"];
    assert_attributes(&root, &[&KAFKA, &operation, &counted, &["snowgate.pipeline=p"]]);
    let operation = ["messaging.operation.name=receive", "messaging.operation.type=receive"];
    assert_attributes(&kept.named("receive klines"), &[&KAFKA, &operation, &counted]);
    assert_attributes(&kept.named("transform"), &[&counted[..1]]);
    assert_attributes(&kept.named("encode"), &[&counted[..1]]);
    let commit = kept.named("commit klines");
    assert_eq!(commit.span_kind, SpanKind::Client);
    let operation = ["messaging.operation.name=commit", "messaging.operation.type=settle"];
    assert_attributes(&commit, &[&KAFKA, &SNOWFLAKE, &operation, &counted[..1], &counted[2..]]);

    let sent = ["db.operation.name=append", "http.request.body.size=100", "snowgate.body.rows=3"];
    let appends: Vec<SpanData> = kept.spans().into_iter().filter(|span| span.name == "append KLINES").collect();
    assert_attributes(&appends[0], &[&SNOWFLAKE, &sent, &["error.type=throttled"]]);
    assert_eq!((appends[0].span_kind.clone(), appends[0].status.clone()), (SpanKind::Client, Status::error("answered 429")));
    assert_attributes(&appends[1], &[&SNOWFLAKE, &sent, &["http.request.resend_count=1"]]);
    assert_eq!(appends[1].status, Status::Unset);

    let [link] = &root.links.links[..] else { panic!("one link, not {:?}", root.links) };
    assert_eq!(
        (link.span_context.trace_id().to_string(), link.span_context.span_id().to_string()),
        (TRACE.to_owned(), "0000000000000007".to_owned())
    );
    assert_eq!(link.attributes, [KeyValue::new("messaging.kafka.offset", 6)]);
    assert!(link.span_context.is_remote());
    assert_eq!(root.events.iter().map(|event| event.name.as_ref()).collect::<Vec<_>>(), ["sealed"]);
    assert!(!format!("{:?}", kept.spans()).contains("CANARY"));
}

#[test]
fn a_body_that_is_let_go_before_it_is_committed_says_so() {
    let (origin, kept) = origin(Sampler::AlwaysOn);
    let mut trace = BodyTrace::begin(&origin, at(5), SystemTime::now());
    take_in(&mut trace, &batch(5, 3, |_| None));
    trace.blocked(BlockReason::PermissionDenied);
    trace.end(false);
    let root = kept.named("process klines");
    assert_eq!(root.status, Status::error("not committed: the records are read again"));
    assert!(attributes(&root).contains(&"error.type=not_committed".to_owned()));
    assert_eq!(root.events[0].attributes, [KeyValue::new("snowgate.reason", "permission_denied")]);
    assert!(!kept.names().contains(&"commit klines".to_owned()));
}

#[test]
fn a_batch_that_its_plugins_could_not_take_is_a_trace_of_its_own() {
    let (origin, kept) = origin(Sampler::AlwaysOn);
    let batch = batch(5, 3, |_| None);
    let times = Times::read(SystemTime::now());
    BodyTrace::begin(&origin, at(5), times.asked()).transform_failed(&batch, times, "no instance");
    assert_eq!(kept.names(), ["receive klines", "transform", "process klines"]);
    assert_eq!(kept.named("transform").status, Status::error("no instance"));
    assert!(attributes(&kept.named("process klines")).contains(&"error.type=plugins_unavailable".to_owned()));
}

#[test]
fn producers_are_linked_once_each_up_to_a_number_and_what_is_no_traceparent_is_passed_over() {
    let (origin, kept) = origin(Sampler::AlwaysOn);
    let mut trace = BodyTrace::begin(&origin, at(0), SystemTime::now());
    // Two records of each producer, and some that name none that could be.
    take_in(&mut trace, &batch(0, 20, |index| Some(parent(1 + index / 2))));
    let odd = ["", "00-", "no", &format!("00-{}-{}-01", "0".repeat(32), "0".repeat(16))].map(str::to_owned);
    take_in(&mut trace, &batch(20, 4, |index| Some(odd[index].clone())));
    take_in(&mut trace, &batch(24, 100, |index| Some(parent(11 + index))));
    trace.end(true);
    let root = kept.named("process klines");
    let producers: Vec<u64> =
        root.links.iter().map(|link| u64::from_str_radix(&link.span_context.span_id().to_string(), 16).unwrap()).collect();
    assert_eq!(producers, (1..=32).collect::<Vec<_>>());
}

#[test]
fn a_body_of_very_many_batches_counts_all_and_has_spans_for_the_first() {
    let (origin, kept) = origin(Sampler::AlwaysOn);
    let mut trace = BodyTrace::begin(&origin, at(0), SystemTime::now());
    for first in 0..50 {
        take_in(&mut trace, &batch(first, 1, |_| None));
    }
    trace.end(true);
    assert_eq!(kept.names().iter().filter(|name| *name == "encode").count(), 16);
    let lines = attributes(&kept.named("process klines"));
    assert!(lines.contains(&"messaging.batch.message_count=50".to_owned()), "{lines:?}");
    assert!(lines.contains(&"snowgate.last_offset=49".to_owned()), "{lines:?}");
}

#[test]
fn the_part_of_a_batch_that_went_into_the_body_is_counted_and_linked() {
    let (origin, kept) = origin(Sampler::AlwaysOn);
    let mut trace = BodyTrace::begin(&origin, at(2), SystemTime::now());
    trace.take_in(&batch(0, 10, |index| Some(parent(1 + index))), range(2, 4), 1, None, SystemTime::now());
    trace.end(true);
    let root = kept.named("process klines");
    let linked: Vec<String> = root.links.iter().map(|link| link.span_context.span_id().to_string()).collect();
    assert_eq!(linked, ["0000000000000003", "0000000000000004", "0000000000000005"]);
    let lines = attributes(&root);
    assert!(lines.contains(&"messaging.batch.message_count=3".to_owned()), "{lines:?}");
    assert!(lines.contains(&"snowgate.dead_letters=1".to_owned()), "{lines:?}");
}

#[test]
fn a_body_that_is_not_sampled_leaves_nothing() {
    let (origin, kept) = origin(Sampler::AlwaysOff);
    let mut trace = BodyTrace::begin(&origin, at(0), SystemTime::now());
    take_in(&mut trace, &batch(0, 1, |_| Some(parent(1))));
    trace.sealed(1, 1, 1);
    assert!(trace.append(0, 1, 1).is_none());
    trace.end(true);
    assert_eq!(kept.names(), Vec::<String>::new());
}

#[test]
fn the_service_is_called_snowgate_where_nobody_names_it() {
    let name = |variables: &[(&str, &str)]| {
        let said = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        resource(said).get(&"service.name".into()).map(|name| name.to_string())
    };
    assert_eq!(name(&[]).as_deref(), Some("snowgate"));
    assert_eq!(name(&[("OTEL_RESOURCE_ATTRIBUTES", "my.service.name=x")]).as_deref(), Some("snowgate"));
    // OpenTelemetry reads the variable itself; this process has none.
    assert_ne!(name(&[("OTEL_SERVICE_NAME", "loader")]).as_deref(), Some("snowgate"));
    assert_ne!(name(&[("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name=loader")]).as_deref(), Some("snowgate"));
}
