//! What the text road does against what the full road does with the same record.

mod random;
mod series;
mod vectors;

use super::*;
use crate::converter::{Converter, HeaderConverter};
use crate::predicate::Predicate;
use crate::road::Step;
use crate::road::tests::steps::{config, step, when};
use crate::road::tests::{Header, batch, json, settings as settings_of, text, with_headers};
use crate::settings::Line;
use snowgate_record::RecordBatch;

fn settings(steps: Vec<Step>) -> RoadSettings {
    RoadSettings { steps, ..settings_of(text(), json(), Line::V4) }
}

/// A record by the full road, and by the text road where that takes it.
fn by_both(road: &mut Road, record: Record<'_>) -> (Converted, Option<Converted>) {
    let mut full = Converted::new();
    road.convert_again(record, &mut full);
    let mut text = Converted::new();
    text.reset(full.records.topic_partition());
    road.pieces.clear();
    let taken = road.by_text(record, &mut text);
    (full, taken.then_some(text))
}

fn shown(converted: &Converted) -> String {
    format!("{:?} {} {:?}", converted.records, converted.dropped, converted.rejected)
}

/// How many of `records` the text road takes; each becomes what it becomes on the full road. They come twice, so that each
/// meets shapes that others left.
fn taken(steps: Vec<Step>, records: &RecordBatch) -> usize {
    taken_by(settings(steps), records)
}

fn taken_by(settings: RoadSettings, records: &RecordBatch) -> usize {
    let mut road = Road::new(Arc::new(settings));
    assert!(road.text.is_some(), "the steps can be taken in the text");
    let mut count = 0;
    for record in records.iter().chain(records.iter()) {
        let (full, text) = by_both(&mut road, record);
        if let Some(text) = text {
            assert_eq!(shown(&text), shown(&full), "{:?}", record.value().map(String::from_utf8_lossy));
            count += 1;
        }
    }
    assert_eq!(count % 2, 0, "a record takes the same road each time");
    count / 2
}

fn documents(values: &[&str]) -> RecordBatch {
    let records: Vec<_> = values.iter().map(|value| (Some(&b"k"[..]), Some(value.as_bytes()))).collect();
    batch(&records)
}

/// The value that the text road makes of this one, as the full road does.
fn value(steps: Vec<Step>, value: &str) -> Option<String> {
    let records = documents(&[value]);
    assert_eq!(taken(steps.clone(), &records), 1, "{value}");
    let mut road = Road::new(Arc::new(settings(steps)));
    let (_, converted) = by_both(&mut road, records.record(0));
    let converted = converted.unwrap();
    converted.records.iter().next()?.value().map(|value| String::from_utf8(value.to_vec()).unwrap())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn flatten() -> Step {
    step("Flatten$Value", &[("delimiter", "_")])
}

fn replace(options: &[(&str, &str)]) -> Step {
    step("ReplaceField$Value", options)
}

fn cast(spec: &str) -> Step {
    step("Cast$Value", &[("spec", spec)])
}

const KLINE: &str = r#"{"stream": "btcusdt@kline_1m", "data": {"e": "kline", "k": {"t": 1638747600000, "o": "0.0010", "x": true, "n": null}, "a": [1, {"b": [ ]}]}}"#;

#[test]
fn nested_fields_are_flattened_and_arrays_lose_their_blanks_alone() {
    let flat = r#"{"stream":"btcusdt@kline_1m","data_e":"kline","data_k_t":1638747600000,"data_k_o":"0.0010","data_k_x":true,"data_k_n":null,"data_a":[1,{"b":[]}]}"#;
    assert_eq!(value(vec![flatten()], KLINE), some(flat));
    assert_eq!(value(vec![flatten()], " {} "), some("{}"));
    assert_eq!(value(vec![flatten()], r#"{"a":{},"b":{"c":{}}}"#), some("{}"));
    assert_eq!(value(vec![flatten()], r#"{"":{"":1,"a":{"":2}}}"#), some(r#"{"":1,"a_":2}"#));
}

#[test]
fn of_two_fields_that_come_to_one_name_the_later_stays_in_the_place_of_the_earlier() {
    assert_eq!(value(vec![flatten()], r#"{"a_b":1,"c":2,"a":{"b":3}}"#), some(r#"{"a_b":3,"c":2}"#));
    assert_eq!(value(vec![replace(&[("renames", "b:a")])], r#"{"a":1,"c":2,"b":3}"#), some(r#"{"a":3,"c":2}"#));
    let insert = step("InsertField$Value", &[("static.field", "a"), ("static.value", "x"), ("offset.field", "o")]);
    assert_eq!(value(vec![insert], r#"{"a":{"b":1},"c":2}"#), some(r#"{"a":"x","c":2,"o":10}"#));
}

#[test]
fn fields_are_kept_dropped_and_renamed_in_their_order() {
    let document = r#"{"b": 1, "a": {"x": [ ]}, "c": null}"#;
    assert_eq!(value(vec![replace(&[("include", "a,c")])], document), some(r#"{"a":{"x":[]},"c":null}"#));
    assert_eq!(value(vec![replace(&[("exclude", "a"), ("renames", "c:\"é")])], document), some(r#"{"b":1,"\"é":null}"#));
    assert_eq!(value(vec![replace(&[("exclude", "a,b,c")])], document), some("{}"));
}

#[test]
fn a_number_that_no_step_touches_keeps_its_text_and_a_cast_one_has_its_value() {
    let mut road = Road::new(Arc::new(settings(vec![cast("b:string,c:int8,d:float32")])));
    let records = documents(&[r#"{"a": 1.50, "b": 1.50, "c": 1e2, "d": "0.10", "e": [-0, 1E+2]}"#]);
    let mut out = Converted::new();
    road.process(&records, &mut out);
    let written = String::from_utf8_lossy(out.records.record(0).value().unwrap()).into_owned();
    assert_eq!(written, r#"{"a":1.50,"b":"1.5","c":100,"d":0.1,"e":[-0,1E+2]}"#);
}

#[test]
fn values_are_cast_or_left_to_the_full_road_which_rejects_them() {
    let targets = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"];
    let accepted = [r#""12""#, r#""\u0031""#, "12", "-1", "12.75", "true", "false", "null", "0", "-0", "1e2"];
    let refused = ["[1]", "{}", r#"{"x":1}"#];
    let others = [
        r#""""#,
        r#"" 7""#,
        r#""+7""#,
        r#""7.5""#,
        r#""1e3""#,
        r#""NaN""#,
        r#""-Infinity""#,
        r#""TRUE""#,
        r#""tru\u0065""#,
        r#""x""#,
        r#""é""#,
        r#""a\"b\/""#,
        "300",
        "-300",
        "70000",
        "5000000000",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "1e-400",
        "0.1234567890123456789",
        "123456789012345678901234567890.5",
        "1.0E7",
        "-0.0",
        "16777217",
        "0.1",
        r#""340282350000000000000000000000000000000""#,
        r#""1e39""#,
        r#""0.1f""#,
        r#""128""#,
        r#""-129""#,
        r#""00012""#,
        r#""-0""#,
        r#""9223372036854775808""#,
    ];
    for target in targets {
        for spec in [format!("n:{target}"), format!("m:{target},n:{target}")] {
            let cast = |value: &str| taken(vec![cast(&spec)], &documents(&[&format!("{{\"n\": {value}, \"o\": 1}}")]));
            for value in accepted {
                assert_eq!(cast(value), 1, "{value} to {target}");
            }
            for value in refused {
                assert_eq!(cast(value), 0, "{value} to {target}");
            }
            for value in others {
                cast(value);
            }
        }
    }
}

#[test]
fn casts_after_each_other_go_through_the_types_between() {
    for (first, second) in
        [("float32", "float64"), ("float32", "string"), ("int8", "string"), ("boolean", "int32"), ("string", "boolean")]
    {
        let steps = || vec![cast(&format!("n:{first}")), cast(&format!("n:{second}"))];
        for value in ["0.1", "\"0.1\"", "300", "\"true\"", "null", "16777217"] {
            taken(steps(), &documents(&[&format!("{{\"n\":{value}}}")]));
        }
    }
    let inserted =
        step("InsertField$Value", &[("offset.field", "o"), ("partition.field", "p"), ("static.field", "s"), ("static.value", "7")]);
    let steps = || vec![inserted.clone(), cast("o:string,p:float64,s:int32,none:int8")];
    assert_eq!(value(steps(), r#"{"a":1}"#), some(r#"{"a":1,"p":2.0,"o":"10","s":7,"none":null}"#));
}

#[test]
fn fields_are_masked_by_what_they_hold() {
    let document = r#"{"s":"x","i":5,"d":1.50,"b":true,"n":null,"l":[1, 2],"o":{"a":1},"k":1}"#;
    let mask = |options: &[(&str, &str)]| step("MaskField$Value", options);
    let all: &[(&str, &str)] = &[("fields", "s,i,d,b,n,l,o,none")];
    assert_eq!(
        value(vec![mask(all)], document),
        some(r#"{"s":"","i":0,"d":0.0,"b":false,"n":null,"l":[],"o":{},"k":1,"none":null}"#)
    );
    let with: &[(&str, &str)] = &[("fields", "s,i,d"), ("replacement", "42")];
    assert_eq!(
        value(vec![mask(with)], document),
        some(r#"{"s":"42","i":42,"d":42.0,"b":true,"n":null,"l":[1,2],"o":{"a":1},"k":1}"#)
    );
    for field in ["b", "l", "o"] {
        assert_eq!(taken(vec![mask(&[("fields", field), ("replacement", "42")])], &documents(&[document])), 0);
    }
}

#[test]
fn a_value_may_become_one_of_its_fields_and_a_field_of_another() {
    let extract = |field| step("ExtractField$Value", &[("field", field), ("field.syntax.version", "V2")]);
    let hoist = || step("HoistField$Value", &[("field", "all")]);
    let document = r#"{"a": {"b": "é\u00e9", "c": null, "d": {"x": 1}}, "l": [ 1 ]}"#;
    assert_eq!(value(vec![extract("a.b")], document), some("\"éé\""));
    assert_eq!(value(vec![extract("l")], document), some("[1]"));
    assert_eq!(value(vec![extract("a.c")], document), None);
    assert_eq!(value(vec![extract("a.z")], document), None);
    assert_eq!(value(vec![extract("z.z")], document), None);
    assert_eq!(value(vec![extract("a.d"), hoist(), flatten()], document), some(r#"{"all_x":1}"#));
    assert_eq!(value(vec![extract("a.c"), hoist()], document), some(r#"{"all":null}"#));
    assert_eq!(value(vec![extract("a.z"), flatten(), cast("a:int8"), hoist()], document), some(r#"{"all":null}"#));
    assert_eq!(value(vec![extract("a.b"), cast("string")], document), some("\"éé\""));
    assert_eq!(value(vec![extract("a.c"), cast("int32")], document), None);
    // What it is hangs on the value.
    assert_eq!(taken(vec![extract("l.z")], &documents(&[document])), 0);
    assert_eq!(taken(vec![extract("a.b"), flatten()], &documents(&[document])), 0);
}

#[test]
fn predicates_are_asked_of_what_the_steps_before_left() {
    let mark = |name| step("InsertField$Value", &[("static.field", name), ("static.value", "yes"), ("topic.field", "topic")]);
    let has = |header: &str, negate, step| when("HasHeaderKey", &[("name", header)], negate, step);
    let steps = vec![
        has("h", false, mark("h")),
        step("InsertHeader", &[("header", "new"), ("value.literal", "[1]")]),
        step("DropHeaders", &[("headers", "h,gone")]),
        has("h", false, mark("never")),
        has("new", false, mark("new")),
        step("RegexRouter", &[("regex", "t"), ("replacement", "orders")]),
        when("TopicNameMatches", &[("pattern", "orders")], false, mark("orders")),
        when("TopicNameMatches", &[("pattern", "t")], false, mark("t")),
        when("RecordIsTombstone", &[], false, step("Filter", &[])),
        has("stop", false, step("Filter", &[])),
    ];
    let headers: [&[Header<'_>]; 5] = [
        &[],
        &[(b"h", None)],
        &[(b"x", Some(b"{\"a\": 1}")), (b"h", Some(b"1"))],
        &[(b"stop", None)],
        &[(b"gone", Some(b"1")), (b"stop", None)],
    ];
    for line in [Line::V3File, Line::V4] {
        for headers in headers {
            let settings = RoadSettings { line, ..settings(steps.clone()) };
            assert_eq!(taken_by(settings, &with_headers(b"{\"a\": 1}", headers)), 1);
        }
    }
    // A broken name could be mended to the one that is asked for.
    assert_eq!(taken(steps, &with_headers(b"{}", &[(b"\xff", None)])), 0);
    let dropped = vec![step("InsertHeader", &[("header", "h"), ("value.literal", "1")]), step("DropHeaders", &[("headers", "h")])];
    assert_eq!(taken(dropped, &with_headers(b"{}", &[])), 1);
    // What is nothing but dropped must be whole all the same.
    let all = vec![step("Filter", &[])];
    assert_eq!(taken(all.clone(), &documents(&["{}", "{\"a\":1}", "{\"a\":x}"])), 2);
    let strict = RoadSettings { headers: HeaderConverter::Of(json()), ..settings(all) };
    assert_eq!(taken_by(strict, &with_headers(b"{}", &[(b"h", Some(b"{"))])), 0);
}

#[test]
fn keys_and_headers_are_those_of_the_full_road() {
    let headers: [Header<'_>; 2] = [(b"h", Some(b"{\"a\": [1.50]}")), (b"i", None)];
    let keys: [Option<&[u8]>; 6] =
        [None, Some(b""), Some(b"k\xff"), Some(b" {\"id\": 1.50}"), Some(b"null"), Some(&[0, 0, 0, 0, 0, 0, 1, 0])];
    let mut records = RecordBatch::new(snowgate_record::TopicPartition::new("t", 2));
    for (index, key) in keys.into_iter().enumerate() {
        headers.iter().for_each(|(name, value)| records.push_header(name, *value));
        let offset = snowgate_record::Offset::new(index as i64).unwrap();
        records.push(offset, 7, TimestampType::CreateTime, key, Some(b"{\"a\": 1}"));
    }
    // A converter that takes a key is all it needs.
    for (key, count) in [(text(), 6), (json(), 4), (Converter::Long, 2), (Converter::ByteArray, 6)] {
        for line in [Line::V3File, Line::V3Streaming, Line::V4] {
            for structured_headers in [false, true] {
                for converter in [HeaderConverter::Simple, HeaderConverter::Of(json()), HeaderConverter::Of(text())] {
                    let settings = RoadSettings {
                        key: key.clone(),
                        headers: converter,
                        line,
                        structured_headers,
                        ..settings(vec![flatten()])
                    };
                    assert_eq!(taken_by(settings, &records), count);
                }
            }
        }
    }
}

#[test]
fn a_record_without_a_timestamp_gets_no_field_for_one() {
    let insert = vec![step("InsertField$Value", &[("timestamp.field", "at")])];
    let mut records = RecordBatch::new(snowgate_record::TopicPartition::new("t", 0));
    for (offset, kind) in [(1, TimestampType::CreateTime), (2, TimestampType::NotAvailable), (3, TimestampType::LogAppendTime)] {
        records.push(snowgate_record::Offset::new(offset).unwrap(), 77, kind, None, Some(b"{\"a\":1}"));
    }
    assert_eq!(taken(insert, &records), 3);
}

#[test]
fn what_has_no_shape_takes_the_full_road() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let wide = format!("{{\"a\":[{{{}}}]}}", (0..70).map(|index| format!("\"{index}\":1")).collect::<Vec<_>>().join(","));
    let many = format!("{{{}}}", (0..2000).map(|index| format!("\"{index}\":1")).collect::<Vec<_>>().join(","));
    let others = [
        "",
        " ",
        "null",
        "[1]",
        "\"a\"",
        "{",
        "{\"a\":1",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":007}",
        "{\"a\":1.}",
        "{\"a\":-}",
        "{\"a\":1e9999}",
        "{\"a\":tru}",
        "{\"a\":nullx}",
        "{\"a\":\"\u{1}\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"b\":[{\"a\":1,\"a\":2}]}",
        "{\"b\":[{\"\\u0061\":1}]}",
        &deep,
        &wide,
        &many,
        "\u{feff}{}",
    ];
    for document in others {
        assert_eq!(taken(vec![flatten()], &documents(&[document])), 0, "{document:.40}");
    }
    assert_eq!(taken(vec![flatten()], &batch(&[(None, None), (None, Some(b"{\"a\":\"\xff\"}")), (None, Some(b"{\0}\0"))])), 0);
    let digits = |count| format!("{{\"a\":{}}}", "7".repeat(count));
    assert_eq!(taken(vec![flatten()], &documents(&[&digits(1000), &digits(1001)])), 1);
}

#[test]
fn keys_and_texts_are_written_with_the_shortest_escapes() {
    let document = r#"{"\u0061\/\n": "\/\b\f\n\u00e9\ud83d\ude00\"\\\u001f", "é": {"\"": [ "\u0041" , "a b" ]}}"#;
    assert_eq!(
        value(vec![flatten()], document),
        some("{\"a/\\n\":\"/\\u0008\\u000c\\né😀\\\"\\\\\\u001f\",\"é_\\\"\":[\"A\",\"a b\"]}")
    );
}

#[test]
fn text_after_the_document_does_not_count() {
    let documents = documents(&["{\"a\":1} x", "{\"a\":2}{", "{\"a\":3}", "{\"a\":4},", "{\"b\":4}"]);
    assert_eq!(taken(vec![flatten()], &documents), 5);
}

#[test]
fn more_shapes_than_are_remembered_are_learnt_again() {
    let of = |names: &str| names.chars().map(|name| format!("\"{name}\": {{\"x\": 1}}")).collect::<Vec<_>>().join(", ");
    let texts: Vec<String> = ["a", "ab", "ba", "abc", "abcd", "e", "ab", "ac", "acd", "abd", "dabc", "abc", "a", ""]
        .iter()
        .map(|names| format!("{{{}}}", of(names)))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(taken(vec![flatten()], &documents(&texts)), texts.len());
}

#[test]
fn a_shape_is_that_of_its_topic() {
    let steps = vec![step("InsertField$Value", &[("topic.field", "topic"), ("partition.field", "partition")])];
    let mut road = Road::new(Arc::new(settings(steps)));
    for (topic, partition) in [("t", 1), ("u", 1), ("t", 2), ("u", 3)] {
        let mut records = RecordBatch::new(snowgate_record::TopicPartition::new(topic, partition));
        records.push(snowgate_record::Offset::new(5).unwrap(), 7, TimestampType::CreateTime, None, Some(b"{}"));
        let (full, text) = by_both(&mut road, records.record(0));
        assert_eq!(shown(&text.unwrap()), shown(&full));
    }
}

#[test]
fn steps_that_ask_for_more_take_the_full_road() {
    let road = |value, steps| Road::new(Arc::new(RoadSettings { steps, ..settings_of(text(), value, Line::V4) }));
    assert!(road(json(), vec![flatten()]).text.is_some());
    assert!(road(Converter::SnowflakeJson, vec![flatten()]).text.is_some());
    assert!(road(text(), vec![flatten()]).text.is_none());
    for other in [
        step("Flatten$Key", &[]),
        step("ValueToKey", &[("fields", "a")]),
        step("HeaderFrom$Value", &[("fields", "a"), ("headers", "a"), ("operation", "copy")]),
        step("TimestampRouter", &[]),
    ] {
        assert!(road(json(), vec![flatten(), other]).text.is_none());
    }
    let predicate = |index: usize| {
        Predicate::configure(
            "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
            &config(&[("name", &index.to_string())]),
        )
    };
    let asking = |count| (0..count).map(|index| Step { predicate: predicate(index).ok(), ..flatten() }).collect();
    assert!(road(json(), asking(MAX_HEADERS)).text.is_some());
    assert!(road(json(), asking(MAX_HEADERS + 1)).text.is_none());
}

#[test]
fn a_batch_whose_values_were_all_written_by_one_pattern_says_so() {
    let same = r#"{"a":1,"b":{"c":"x"}}"#;
    let cases: [(&[&str], bool); 6] = [
        (&[same, r#"{"a":-1.5,"b":{"c":null}}"#], true),
        // A tombstone is no value.
        (&[same, "null"], false),
        (&[same, r#"{"b":1}"#], false),
        // An array may hold objects, and those may be anything.
        (&[same, r#"{"a":[{"x":1}],"b":{"c":"x"}}"#], false),
        (&[same, "7"], false),
        (&[], false),
    ];
    let mut road = Road::new(Arc::new(settings(vec![flatten()])));
    let mut out = Converted::new();
    let mut seen = Vec::new();
    for (values, expected) in cases {
        road.process(&documents(values), &mut out);
        assert_eq!(out.records.pattern().is_some(), expected, "{values:?}");
        seen.extend(out.records.pattern());
    }
    road.process(&documents(&[same]), &mut out);
    assert_eq!(out.records.pattern(), seen.first().copied(), "the pattern is remembered with its shape");
    road.process(&documents(&[r#"{"z":1}"#]), &mut out);
    assert_ne!(out.records.pattern(), seen.first().copied());
}
