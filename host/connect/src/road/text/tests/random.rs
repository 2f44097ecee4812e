//! Random records, one after another, through random steps.

use bigdecimal::BigDecimal;
use proptest::prelude::*;

use super::series::series;
use super::*;
use crate::java_number::double_text;

static NAMES: [&str; 16] = ["a", "b", "c", "a_b", "a.b", "", "_", "é", "\"", "\\n", "\n", "a--b", "b_", "😀", "schema", "payload"];
static TYPES: [&str; 8] = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"];

pub(super) fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        64 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        8 => any::<String>(),
        1 => prop::sample::select(vec![255, 256, 300, 40_000]).prop_map(|length| "n".repeat(length)),
    ]
}

/// A name that can stand in a list: no comma, no colon, no blanks at its ends.
fn listed() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "a_b", "a.b", "é", "\"", "new", "all"]).prop_map(str::to_owned)
}

fn names() -> impl Strategy<Value = String> {
    prop::collection::vec(listed(), 1..4).prop_map(|names| names.join(","))
}

/// A text as JSON, its letters escaped in one of the ways there are.
pub(super) fn quoted(text: &str, escapes: u8) -> String {
    let letter = |(index, letter): (usize, char)| match letter {
        '"' | '\\' => format!("\\{letter}"),
        '/' if escapes & 1 == 1 => "\\/".to_owned(),
        '\u{8}' if escapes & 1 == 1 => "\\b".to_owned(),
        '\n' if escapes & 1 == 1 => "\\n".to_owned(),
        _ if letter < ' ' || (escapes & 2 == 2 && index % 3 == 0) => {
            letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        _ => letter.to_string(),
    };
    format!("\"{}\"", text.chars().enumerate().map(letter).collect::<String>())
}

/// Numbers as the full road writes them.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i8>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        "[1-9][0-9]{20,30}",
        (any::<i32>(), 1..5i32).prop_map(|(number, places)| double_text(f64::from(number) / 10f64.powi(places) + 0.0)),
        prop::num::f64::NORMAL.prop_map(double_text),
    ]
}

pub(super) fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => number(),
        2 => (any::<String>(), any::<u8>()).prop_map(|(text, escapes)| quoted(&text, escapes)),
        2 => (number(), any::<u8>()).prop_map(|(text, escapes)| quoted(&text, escapes)),
        1 => prop::sample::select(vec!["true", "false", "null", "\"true\"", "\"TRUE\"", "\" 7 \"", "\"NaN\"", "\"x\""]).prop_map(str::to_owned),
    ]
}

fn transform() -> impl Strategy<Value = Step> {
    let cast = (listed(), prop::sample::select(&TYPES[..])).prop_map(|(name, target)| format!("{name}:{target}"));
    let casts = prop_oneof![
        4 => prop::collection::vec(cast, 1..4).prop_map(|casts| casts.join(",")),
        1 => prop::sample::select(&TYPES[..]).prop_map(str::to_owned),
    ];
    let renames = prop::collection::vec((listed(), listed()), 1..3)
        .prop_map(|pairs| pairs.iter().map(|(old, new)| format!("{old}:{new}")).collect::<Vec<_>>().join(","));
    let insert = (listed(), prop::sample::select(vec!["topic.field", "partition.field", "offset.field", "timestamp.field"]));
    prop_oneof![
        prop::sample::select(vec!["_", ".", "", "--", "é", "\""])
            .prop_map(|delimiter| step("Flatten$Value", &[("delimiter", delimiter)])),
        names().prop_map(|names| replace(&[("include", &names)])),
        names().prop_map(|names| replace(&[("exclude", &names)])),
        renames.prop_map(|renames| replace(&[("renames", &renames)])),
        casts.prop_map(|casts| cast_of(&casts)),
        insert.prop_map(|(name, what)| step("InsertField$Value", &[(what, &name)])),
        (listed(), any::<String>())
            .prop_map(|(name, text)| step("InsertField$Value", &[("static.field", &name), ("static.value", &text)])),
        names().prop_map(|names| step("MaskField$Value", &[("fields", &names)])),
        (names(), prop::sample::select(vec!["17", "-0", "1.50", "1e400", "x", "9223372036854775808"]))
            .prop_map(|(names, with)| step("MaskField$Value", &[("fields", &names), ("replacement", with)])),
        listed().prop_map(|name| step("ExtractField$Value", &[("field", &name)])),
        listed().prop_map(|name| step("ExtractField$Value", &[("field", &name), ("field.syntax.version", "V2")])),
        listed().prop_map(|name| step("HoistField$Value", &[("field", &name)])),
        (header(), prop::sample::select(vec!["7", "[1.50]", "", "null"]))
            .prop_map(|(name, value)| step("InsertHeader", &[("header", name), ("value.literal", value)])),
        header().prop_map(|name| step("DropHeaders", &[("headers", &format!("h,{name}"))])),
        prop::sample::select(vec![("t", "orders"), ("(.).*", "$1"), ("x", "y")])
            .prop_map(|(regex, to)| step("RegexRouter", &[("regex", regex), ("replacement", to)])),
        Just(step("Filter", &[])),
    ]
}

fn cast_of(spec: &str) -> Step {
    step("Cast$Value", &[("spec", spec)])
}

fn header() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["h", "i", "j"])
}

fn any_step() -> impl Strategy<Value = Step> {
    (transform(), any::<bool>(), 0..10, header()).prop_map(|(step, negate, predicate, header)| {
        let filters = &*step.class == "org.apache.kafka.connect.transforms.Filter";
        match predicate {
            0 => when("RecordIsTombstone", &[], negate, step),
            1 => when("TopicNameMatches", &[("pattern", "orders")], negate, step),
            2 => when("HasHeaderKey", &[("name", header)], negate, step),
            _ if filters => when("HasHeaderKey", &[("name", header)], negate, step),
            _ => step,
        }
    })
}

fn chain() -> impl Strategy<Value = RoadSettings> {
    let line = prop::sample::select(vec![Line::V3File, Line::V3Streaming, Line::V4]);
    let key = prop_oneof![6 => Just(text()), 1 => Just(json()), 1 => Just(Converter::Long), 1 => Just(Converter::ByteArray)];
    let value = prop_oneof![6 => Just(json()), 1 => Just(Converter::SnowflakeJson)];
    let headers = prop_oneof![4 => Just(HeaderConverter::Simple), 1 => Just(HeaderConverter::Of(json()))];
    (prop::collection::vec(any_step(), 1..7), line, key, value, headers, any::<bool>()).prop_map(
        |(steps, line, key, value, headers, structured_headers)| RoadSettings {
            line,
            key,
            value,
            headers,
            structured_headers,
            ..settings(steps)
        },
    )
}

/// A record around `value`, alone in its batch.
fn around(value: Option<Vec<u8>>) -> impl Strategy<Value = RecordBatch> {
    let topic = prop::sample::select(vec!["t", "t", "t", "orders"]);
    let key = prop::sample::select(vec![
        None,
        Some(&b"k"[..]),
        Some(b"7"),
        Some(b"{\"a\": 1.50}"),
        Some(b"null"),
        Some(&[0; 8]),
        Some(b"\xff"),
    ]);
    let names = prop::sample::select(vec![&b"h"[..], b"h", b"i", b"j", b"", b"\xff"]);
    let values = prop::sample::select(vec![None, Some(&b"7"[..]), Some(b"[1, \"x\"]"), Some(b"null"), Some(b"{"), Some(b"\xff")]);
    let headers = prop::collection::vec((names, values), 0..3);
    let kind = prop::sample::select(vec![TimestampType::NotAvailable, TimestampType::CreateTime, TimestampType::LogAppendTime]);
    (topic, key, headers, kind, prop::sample::select(vec![-1, 0, 1_700_000_000_000, i64::MAX]), 0..9i64).prop_map(
        move |(topic, key, headers, kind, timestamp, offset)| {
            let mut batch = RecordBatch::new(snowgate_record::TopicPartition::new(topic, 2));
            headers.iter().for_each(|(name, value)| batch.push_header(name, *value));
            batch.push(snowgate_record::Offset::new(offset).unwrap(), timestamp, kind, key, value.as_deref());
            batch
        },
    )
}

fn records() -> impl Strategy<Value = Vec<RecordBatch>> {
    series().prop_flat_map(|values| values.into_iter().map(around).collect::<Vec<_>>())
}

/// A value in which equal numbers have equal texts. Nothing else is changed.
fn normal(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = value;
    while let Some(&first) = rest.first() {
        let length = match first {
            b'"' => {
                let escaped = |at: usize| rest[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
                (1..rest.len()).find(|at| rest[*at] == b'"' && !escaped(*at)).expect("a text ends") + 1
            }
            b'-' | b'0'..=b'9' => {
                let goes_on = |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let length = rest.iter().take_while(goes_on).count();
                // The reader would not take each of them: a large number may be written with a larger exponent than it was read with.
                let number = std::str::from_utf8(&rest[..length]).unwrap().parse::<BigDecimal>().unwrap();
                out.extend_from_slice(number.normalized().to_string().as_bytes());
                rest = &rest[length..];
                continue;
            }
            _ => 1,
        };
        out.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// What came of records, number by number the same on either road.
fn told(converted: &Converted) -> String {
    let mut told = format!("{} dropped, {:?}", converted.dropped, converted.rejected);
    for record in converted.records.iter() {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers: Vec<_> = record.headers().map(|(name, value)| (lossy(name), value.map(lossy))).collect();
        let (key, value) = (record.key().map(lossy), record.value().map(|value| lossy(&normal(value))));
        let (offset, timestamp, kind) = (record.offset(), record.timestamp(), record.timestamp_type());
        told.push_str(&format!("\n{offset} at {timestamp} {kind:?}: {key:?} {headers:?} {value:?}"));
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1_000)))]

    #[test]
    fn the_text_road_ends_where_the_full_road_does(settings in chain(), records in records()) {
        let settings = Arc::new(settings);
        let (mut near, mut far) = (Road::new(settings.clone()), Road::new(settings));
        // Without steps for records there is no text road, but values may be copied.
        prop_assume!(near.text.is_some());
        let (mut nearly, mut fully) = (Converted::new(), Converted::new());
        for batch in &records {
            near.process(batch, &mut nearly);
            far.convert_again(batch.record(0), &mut fully);
            prop_assert_eq!(told(&nearly), told(&fully), "{:?}", batch.record(0).value().map(String::from_utf8_lossy));
        }
    }

    #[test]
    fn no_bytes_break_the_text_road(bytes in prop::collection::vec(prop::sample::select(b"{}[]:,\"\\u0a1e.- \xc3\xa9n".to_vec()), 0..40)) {
        let mut road = Road::new(Arc::new(settings(vec![flatten()])));
        let value = [b"{\"a\":", &bytes[..], b"}"].concat();
        let records = batch(&[(None, Some(&value)), (None, Some(&bytes))]);
        for record in records.iter().chain(records.iter()) {
            let (full, text) = by_both(&mut road, record);
            if let Some(text) = text {
                prop_assert_eq!(text.records.len(), full.records.len());
            }
        }
    }
}
