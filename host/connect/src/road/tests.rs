pub(super) mod steps;

use proptest::prelude::*;
use snowgate_record::Offset;

use super::*;
use crate::config_def::ConfigMap;
use crate::converter::{Encoding, JsonConverter};

pub(super) fn settings(key: Converter, value: Converter, line: Line) -> RoadSettings {
    RoadSettings {
        key,
        value,
        headers: HeaderConverter::Simple,
        steps: Vec::new(),
        line,
        structured_headers: false,
        naming: Arc::default(),
    }
}

pub(super) fn text() -> Converter {
    Converter::String(Encoding::Utf8)
}

pub(super) fn json() -> Converter {
    Converter::Json(JsonConverter::plain())
}

fn enveloped() -> Converter {
    Converter::Json(JsonConverter::configure(&ConfigMap::new()).unwrap())
}

/// A key and a value.
pub(super) type Pair<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);
type Shown = (Option<String>, Option<String>);
pub(super) type Header<'a> = (&'a [u8], Option<&'a [u8]>);

pub(super) fn batch(records: &[Pair<'_>]) -> RecordBatch {
    let mut batch = RecordBatch::new(TopicPartition::new("t", 2));
    for (index, (key, value)) in records.iter().enumerate() {
        batch.push(Offset::new(10 + index as i64).unwrap(), 1000, TimestampType::CreateTime, *key, *value);
    }
    batch
}

pub(super) fn with_headers(value: &[u8], headers: &[Header<'_>]) -> RecordBatch {
    let mut batch = RecordBatch::new(TopicPartition::new("t", 2));
    for (name, value) in headers {
        batch.push_header(name, *value);
    }
    batch.push(Offset::new(10).unwrap(), 1000, TimestampType::CreateTime, None, Some(value));
    batch
}

/// Key and value of every record that came through.
fn through(settings: RoadSettings, batch: &RecordBatch) -> (Vec<Shown>, Converted) {
    let mut out = Converted::new();
    Road::new(Arc::new(settings)).process(batch, &mut out);
    let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let shown = out.records.iter().map(|record| (record.key().map(string), record.value().map(string))).collect();
    (shown, out)
}

fn one(key: Converter, value: Converter, record: Pair<'_>) -> Shown {
    let (mut shown, out) = through(settings(key, value, Line::V3Streaming), &batch(&[record]));
    assert_eq!(out.rejected, []);
    shown.pop().unwrap()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_text_value_is_a_json_string_even_when_it_is_json() {
    assert_eq!(one(text(), text(), (Some(b"k"), Some(b"{\"a\":1}"))), (some("\"k\""), some(r#""{\"a\":1}""#)));
}

#[test]
fn bytes_are_base64_as_key_and_as_value() {
    assert_eq!(
        one(Converter::ByteArray, Converter::ByteArray, (Some(b"k"), Some(&[0xff, 0]))),
        (some("\"aw==\""), some("\"/wA=\""))
    );
}

#[test]
fn a_json_key_is_the_object_that_it_is() {
    assert_eq!(one(json(), json(), (Some(b" {\"id\": 7}"), Some(b"[1, 2]"))), (some(r#"{"id":7}"#), some("[1,2]")));
}

#[test]
fn a_numeric_key_is_a_number() {
    assert_eq!(one(Converter::Long, json(), (Some(&7i64.to_be_bytes()), Some(b"{}"))), (some("7"), some("{}")));
}

#[test]
fn an_envelope_is_opened() {
    let value = br#"{"schema":{"type":"struct","fields":[{"field":"t","type":"int64","name":"org.apache.kafka.connect.data.Timestamp"}]},"payload":{"t":5}}"#;
    assert_eq!(one(text(), enveloped(), (None, Some(value))), (None, some(r#"{"t":"5"}"#)));
}

#[test]
fn a_tombstone_stays_without_a_value_and_so_does_json_null_and_nothing() {
    for value in [None, Some(&b"null"[..]), Some(b""), Some(b" \n")] {
        assert_eq!(one(text(), json(), (Some(b"k"), value)), (some("\"k\""), None), "{value:?}");
    }
    assert_eq!(one(text(), text(), (None, Some(b""))), (None, some("\"\"")));
}

#[test]
fn a_key_that_is_no_text_is_mended_as_java_mends_it() {
    assert_eq!(one(text(), json(), (Some(&[b'a', 0xff]), Some(b"{}"))).0, some("\"a\u{fffd}\""));
}

#[test]
fn headers_are_typed_or_text_as_the_line_has_them() {
    let headers: [Header<'_>; 4] = [(b"n", Some(b"7")), (b"s", Some(b"a,b")), (b"z", None), (b"n", Some(b"[1]"))];
    let batch = with_headers(b"{\"a\": 1.50}", &headers);
    for (line, expected) in [(Line::V3File, ["7", "\"a,b\"", "null", "[1]"]), (Line::V4, ["\"7\"", "\"a,b\"", "null", "\"[1]\""])] {
        let (shown, out) = through(settings(text(), json(), line), &batch);
        // The value was copied, blank and zero and all.
        assert_eq!(shown, [(None, some("{\"a\": 1.50}"))]);
        let record = out.records.record(0);
        assert_eq!((record.offset().get(), record.timestamp(), record.timestamp_type()), (10, 1000, TimestampType::CreateTime));
        let found: Vec<_> = record.headers().map(|(name, value)| (name, std::str::from_utf8(value.unwrap()).unwrap())).collect();
        let names: [&[u8]; 4] = [b"n", b"s", b"z", b"n"];
        assert_eq!(found, names.into_iter().zip(expected).collect::<Vec<_>>());
    }
}

#[test]
fn a_rejected_record_leaves_nothing_and_says_where_it_failed() {
    let records: [Pair<'_>; 4] =
        [(Some(b"x"), Some(b"1")), (Some(&[0; 8]), Some(b"hello")), (Some(&[0; 8]), Some(b"2")), (None, Some(b"}"))];
    let (shown, out) = through(settings(Converter::Long, json(), Line::V4), &batch(&records));
    assert_eq!(shown, [(some("0"), some("2"))]);
    assert_eq!(out.records.offsets(), [12]);
    let rejected: Vec<_> = out.rejected.iter().map(|rejected| (rejected.index, rejected.stage, &*rejected.class)).collect();
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let long = "org.apache.kafka.connect.converters.LongConverter";
    assert_eq!(rejected, [(0, Stage::KeyConverter, long), (1, Stage::ValueConverter, json), (3, Stage::ValueConverter, json)]);
    assert_eq!(out.rejected[1].exception, "org.apache.kafka.connect.errors.DataException");
    assert!(out.rejected[1].message.starts_with("Converting byte[] to Kafka Connect data failed due to serialization error: "));
}

#[test]
fn a_header_that_fails_takes_its_record_along_and_no_other_header_stays() {
    let headers: [Header<'_>; 2] = [(b"ok", Some(b"1")), (b"bad", Some(b"{"))];
    let mut records = with_headers(b"{}", &headers);
    records.push(Offset::new(11).unwrap(), 0, TimestampType::CreateTime, None, Some(b"{}"));
    let settings = RoadSettings { headers: HeaderConverter::Of(json()), ..settings(text(), json(), Line::V3File) };
    let (shown, out) = through(settings, &records);
    assert_eq!(shown, [(None, some("{}"))]);
    assert!(!out.records.record(0).has_headers());
    assert_eq!((out.rejected[0].index, out.rejected[0].stage), (0, Stage::HeaderConverter));
}

#[test]
fn a_null_that_a_schema_forbids_fails_in_the_sink_task() {
    let (_, out) = through(
        settings(text(), enveloped(), Line::V3File),
        &batch(&[(None, Some(br#"{"schema":{"type":"array","items":{"type":"string"}},"payload":[5]}"#))]),
    );
    assert_eq!((out.rejected[0].stage, &*out.rejected[0].class), (Stage::TaskPut, SINK_TASK));
    assert!(out.rejected[0].message.contains("5015"));
}

#[test]
fn only_objects_and_tombstones_with_text_for_keys_go_straight() {
    let road = |key, value| Road::new(Arc::new(settings(key, value, Line::V4)));
    let objects = batch(&[(Some(b"k"), Some(b"{\"a\":1}")), (None, None)]);
    assert!(road(text(), json()).straight(&objects));
    assert!(road(text(), Converter::SnowflakeJson).straight(&objects));
    assert!(!road(text(), enveloped()).straight(&objects));
    assert!(!road(text(), text()).straight(&objects));
    assert!(!road(json(), json()).straight(&objects));
    assert!(road(json(), json()).straight(&batch(&[(None, Some(b"{}"))])));
    for value in ["null", "", " {}", "[1]", "5"] {
        assert!(!road(text(), json()).straight(&batch(&[(None, Some(value.as_bytes()))])), "{value}");
    }
    assert!(road(text(), json()).straight(&batch(&[(Some("é".as_bytes()), Some(b"{}"))])));
    // Half a letter in each key: whole only together.
    assert!(!road(text(), json()).straight(&batch(&[(Some(&[0xc3]), Some(b"{}")), (Some(&[0xa9]), Some(b"{}"))])));
    assert!(!road(text(), json()).straight(&with_headers(b"{}", &[(b"h", None)])));
    let latin = Converter::String(Encoding::Latin1);
    assert!(!road(latin, json()).straight(&objects));
}

#[test]
fn what_makes_no_row_as_it_is_is_taken_again_and_mended() {
    let lenient = b"{\"a\":007,\"a\":8} trailing";
    let mut road = Road::new(Arc::new(settings(text(), json(), Line::V4)));
    let mut out = Converted::new();
    let records = batch(&[(Some(b"k"), Some(lenient)), (None, Some(b"{oops"))]);
    assert!(road.straight(&records));
    road.convert_again(records.record(0), &mut out);
    assert_eq!((out.records.len(), out.records.record(0).value()), (1, Some(&b"{\"a\":8}"[..])));
    assert_eq!(out.records.record(0).key(), Some(&b"\"k\""[..]));
    road.convert_again(records.record(1), &mut out);
    assert_eq!((out.records.len(), out.rejected[0].index), (0, 1));
    // The whole batch comes only when someone means it, so it goes the same way.
    road.process(&records, &mut out);
    assert_eq!((out.records.len(), out.records.record(0).value(), out.rejected.len()), (1, Some(&b"{\"a\":8}"[..]), 1));
}

#[test]
fn a_copied_value_is_the_one_that_came_until_it_is_taken_again() {
    let records = with_headers(b"{\"a\":007}", &[(b"h", Some(b"1"))]);
    let mut road = Road::new(Arc::new(settings(text(), json(), Line::V3File)));
    let mut out = Converted::new();
    road.process(&records, &mut out);
    assert_eq!(out.records.record(0).value(), Some(&b"{\"a\":007}"[..]));
    road.convert_again(records.record(0), &mut out);
    assert_eq!(out.records.record(0).value(), Some(&b"{\"a\":7}"[..]));
    assert_eq!(out.records.record(0).headers().collect::<Vec<_>>(), [(&b"h"[..], Some(&b"1"[..]))]);
}

#[test]
fn a_new_name_for_the_topic_keeps_no_record_from_going_straight() {
    let router = steps::step("RegexRouter", &[("regex", "(.*)"), ("replacement", "$1")]);
    let objects = batch(&[(Some(b"k"), Some(b"{\"a\":1}"))]);
    let straight = |steps| Road::new(Arc::new(RoadSettings { steps, ..settings(text(), json(), Line::V4) })).straight(&objects);
    assert!(straight(vec![router.clone()]));
    assert!(!straight(vec![router, idle_step()]));
}

#[test]
fn without_routers_a_topic_keeps_its_name() {
    let reach = settings(text(), json(), Line::V4).reach("orders");
    assert_eq!(reach, Reach { topics: vec!["orders".into()], is_endless: false });
}

/// A step that runs and finds nothing to do.
fn idle_step() -> Step {
    steps::step("DropHeaders", &[("headers", "nothing")])
}

#[test]
fn a_step_that_changes_nothing_leaves_key_value_headers_and_time_as_they_are() {
    let mut records = with_headers(b"{\"a\":[1,{\"b\":null}]}", &[(b"h", Some(b"1")), (b"z", None)]);
    records.push(Offset::new(11).unwrap(), -1, TimestampType::NotAvailable, Some(b"k"), None);
    let (_, without) = through(settings(text(), Converter::SnowflakeJson, Line::V4), &records);
    let (shown, with) = through(RoadSettings { steps: vec![idle_step()], ..settings(text(), json(), Line::V4) }, &records);
    assert_eq!(shown, [(None, some("{\"a\":[1,{\"b\":null}]}")), (some("\"k\""), None)]);
    assert_eq!(with.records, without.records);
    assert_eq!((with.dropped, with.rejected.len()), (0, 0));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        // The test's reader is not exact beyond few digits.
        any::<i32>().prop_map(|number| (f64::from(number) / 8.0).into()),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_full_road_writes_what_it_read(document in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let mut road = Road::new(Arc::new(settings(json(), json(), Line::V4)));
        let mut out = Converted::new();
        let records = batch(&[(Some(text.as_bytes()), Some(text.as_bytes()))]);
        road.convert_again(records.record(0), &mut out);
        let record = out.records.record(0);
        for written in [record.key(), record.value()] {
            let read = written.map_or(serde_json::Value::Null, |written| serde_json::from_slice(written).unwrap());
            prop_assert_eq!(&read, &document);
            prop_assert!(written.unwrap_or_default().iter().all(|byte| *byte >= b' '));
        }
    }

    #[test]
    fn no_bytes_break_a_converter_or_a_row(bytes in prop::collection::vec(any::<u8>(), 0..40), header in "[\\[\\]{}:,\"a1. T-]{0,16}") {
        let headers = with_headers(&bytes, &[(b"h", Some(header.as_bytes()))]);
        for value in [json(), enveloped(), text(), Converter::SnowflakeJson, Converter::ByteArray] {
            let mut road = Road::new(Arc::new(settings(json(), value, Line::V3File)));
            let mut out = Converted::new();
            road.convert_again(headers.record(0), &mut out);
            prop_assert_eq!(out.records.len() + out.rejected.len(), 1);
            for record in out.records.iter() {
                if let Some(value) = record.value() {
                    serde_json::from_slice::<serde_json::Value>(value).unwrap();
                }
                for (_, header) in record.headers() {
                    serde_json::from_slice::<serde_json::Value>(header.unwrap()).unwrap();
                }
            }
        }
    }
}
