//! Records through real transforms, from bytes to what makes the row.

use super::*;

const PREFIX: &str = "org.apache.kafka.connect.transforms";

pub(in crate::road) fn step(class: &str, options: &[(&str, &str)]) -> Step {
    let class = format!("{PREFIX}.{class}");
    let transform = Transform::configure(&class, &config(options)).unwrap();
    Step { name: "step".into(), class: class.into(), transform, predicate: None, negate: false }
}

pub(in crate::road) fn config(options: &[(&str, &str)]) -> ConfigMap {
    options.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
}

pub(in crate::road) fn when(predicate: &str, options: &[(&str, &str)], negate: bool, step: Step) -> Step {
    let predicate = Predicate::configure(&format!("{PREFIX}.predicates.{predicate}"), &config(options)).unwrap();
    Step { predicate: Some(predicate), negate, ..step }
}

fn chain(line: Line, value: Converter, steps: Vec<Step>) -> RoadSettings {
    RoadSettings { steps, ..settings(text(), value, line) }
}

/// The value that one record with this one gets.
fn value(steps: Vec<Step>, value: &str) -> String {
    let (mut shown, out) = through(chain(Line::V4, json(), steps), &batch(&[(None, Some(value.as_bytes()))]));
    assert_eq!(out.rejected, []);
    shown.pop().unwrap().1.unwrap()
}

fn headers(record: Record<'_>) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    record.headers().map(|(name, value)| (text(name), text(value.unwrap()))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_filter_drops_the_records_that_its_predicate_chooses_and_negated_the_others() {
    let records = batch(&[(Some(b"k"), None), (None, Some(b"{\"a\":1}")), (None, Some(b"null"))]);
    let dropping = |negate| {
        let filter = when("RecordIsTombstone", &[], negate, step("Filter", &[]));
        let (_, out) = through(chain(Line::V4, json(), vec![filter]), &records);
        assert_eq!(out.rejected, []);
        (out.records.offsets().to_vec(), out.dropped)
    };
    assert_eq!(dropping(false), (vec![11], 2));
    assert_eq!(dropping(true), (vec![10, 12], 1));
}

#[test]
fn a_step_behind_a_predicate_changes_the_records_that_it_chooses_alone() {
    let mark = || step("InsertField$Value", &[("static.field", "seen"), ("static.value", "yes")]);
    let by_header = |negate| {
        let steps = vec![when("HasHeaderKey", &[("name", "h")], negate, mark())];
        through(chain(Line::V4, json(), steps), &with_headers(b"{\"a\":1}", &[(b"h", None)])).0
    };
    assert_eq!(by_header(false), [(None, some(r#"{"a":1,"seen":"yes"}"#))]);
    assert_eq!(by_header(true), [(None, some(r#"{"a":1}"#))]);
    // The predicate sees what the steps before made of the record.
    let routed = step("RegexRouter", &[("regex", "t"), ("replacement", "orders")]);
    let by_topic = when("TopicNameMatches", &[("pattern", "orders")], false, mark());
    assert_eq!(value(vec![routed, by_topic.clone()], "{}"), r#"{"seen":"yes"}"#);
    assert_eq!(value(vec![by_topic], "{}"), "{}");
}

#[test]
fn a_step_that_fails_rejects_its_record_with_stage_class_and_exception_and_the_next_goes_on() {
    let steps = vec![step("InsertHeader", &[("header", "h"), ("value.literal", "1")]), step("Cast$Value", &[("spec", "n:int8")])];
    let records = batch(&[(None, Some(b"{\"n\":\"300\"}")), (None, Some(b"[1]")), (None, Some(b"{\"n\":\"30\"}"))]);
    let (shown, out) = through(chain(Line::V3Streaming, json(), steps), &records);
    assert_eq!(shown, [(None, some("{\"n\":30}"))]);
    assert_eq!(headers(out.records.record(0)), pairs(&[("h", "1")]));
    let rejected = |index, message: &str| Rejected {
        index,
        stage: Stage::Transformation,
        class: "org.apache.kafka.connect.transforms.Cast$Value".into(),
        exception: "org.apache.kafka.connect.errors.DataException",
        message: message.to_owned(),
    };
    assert_eq!(
        out.rejected,
        [
            rejected(0, "Value (300) was out of range for requested data type"),
            rejected(1, "Only Map objects supported in absence of schema for [cast types], found: java.util.ArrayList"),
        ]
    );
}

#[test]
fn a_topic_is_called_what_its_routers_make_of_it_and_no_other_step_is_asked() {
    let router = |regex, replacement| step("RegexRouter", &[("regex", regex), ("replacement", replacement)]);
    let only_prod = when("TopicNameMatches", &[("pattern", "prod_.*")], false, router("prod_(.*)", "$1"));
    let settings = chain(Line::V4, json(), vec![only_prod, step("Filter", &[]), router("(.*)-v\\d", "$1_all")]);
    let only = |topic: &str| Reach { topics: vec![topic.into()], is_endless: false };
    assert_eq!(settings.reach("prod_orders-v2"), only("orders_all"));
    assert_eq!(settings.reach("test_orders"), only("test_orders"));
    assert!(!settings.routes_each_record());
}

#[test]
fn a_flattened_renamed_and_enriched_record_is_the_same_row_on_both_lines() {
    let steps = || {
        vec![
            step("Flatten$Value", &[("delimiter", "_")]),
            step("ReplaceField$Value", &[("exclude", "stream"), ("renames", "data_s:symbol,data_k_o:open")]),
            step("InsertField$Value", &[("topic.field", "topic"), ("partition.field", "part"), ("offset.field", "at")]),
        ]
    };
    let kline = br#"{"stream":"x","data":{"s":"BTCUSDT","k":{"t":1638747600000,"o":"0.0010","x":true,"n":null}}}"#;
    for line in [Line::V3File, Line::V3Streaming, Line::V4] {
        let (shown, out) = through(chain(line, json(), steps()), &batch(&[(Some(b"k"), Some(kline))]));
        assert_eq!(out.rejected, []);
        let row = r#"{"symbol":"BTCUSDT","data_k_t":1638747600000,"open":"0.0010","data_k_x":true,"data_k_n":null,"topic":"t","part":2,"at":10}"#;
        assert_eq!(shown, [(some("\"k\""), some(row))]);
    }
}

#[test]
fn a_chain_over_a_schema_writes_dates_as_each_line_does() {
    let steps = || {
        vec![
            step("Flatten$Value", &[]),
            step("ReplaceField$Value", &[("renames", "k.t:opened")]),
            step("InsertField$Value", &[("timestamp.field", "at")]),
        ]
    };
    let envelope = br#"{"schema":{"type":"struct","fields":[{"field":"s","type":"string"},{"field":"k","type":"struct","fields":[
        {"field":"t","type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1},{"field":"n","type":"int32","optional":true}]}]},
        "payload":{"s":"BTCUSDT","k":{"t":1638747600000,"n":null}}}"#;
    let row = |line| through(chain(line, enveloped(), steps()), &batch(&[(None, Some(envelope))])).0.pop().unwrap().1.unwrap();
    let v3 = r#"{"s":"BTCUSDT","opened":"1638747600000","k.n":null,"at":"1000"}"#;
    assert_eq!((row(Line::V3File).as_str(), row(Line::V3Streaming).as_str()), (v3, v3));
    assert_eq!(row(Line::V4), r#"{"s":"BTCUSDT","opened":"2021-12-05T23:40:00.000Z","k.n":null,"at":"1970-01-01T00:00:01.000Z"}"#);
}

#[test]
fn a_key_made_of_the_value_is_json_and_may_be_a_single_field() {
    let records = batch(&[(Some(b"old"), Some(br#"{"id":7,"name":"x","more":[1]}"#))]);
    let to_key = || step("ValueToKey", &[("fields", "id,more")]);
    let (shown, _) = through(chain(Line::V4, json(), vec![to_key()]), &records);
    assert_eq!(shown, [(some(r#"{"id":7,"more":[1]}"#), some(r#"{"id":7,"name":"x","more":[1]}"#))]);
    let (shown, _) = through(chain(Line::V4, json(), vec![to_key(), step("ExtractField$Key", &[("field", "id")])]), &records);
    assert_eq!(shown[0].0, some("7"));
    let (shown, _) = through(chain(Line::V4, json(), vec![to_key(), step("ExtractField$Key", &[("field", "none")])]), &records);
    assert_eq!(shown[0].0, None);
}

#[test]
fn headers_that_steps_make_move_and_drop_are_those_of_the_row() {
    let records = with_headers(br#"{"id":7,"trace":{"a":[true]},"b":2}"#, &[(b"old", Some(b"1")), (b"gone", Some(b"x"))]);
    let steps = || {
        vec![
            step("InsertHeader", &[("header", "source"), ("value.literal", "gateway")]),
            step("HeaderFrom$Value", &[("fields", "trace,id"), ("headers", "trace,key"), ("operation", "move")]),
            step("DropHeaders", &[("headers", "gone")]),
        ]
    };
    let (shown, out) = through(chain(Line::V3File, json(), steps()), &records);
    assert_eq!(shown, [(None, some("{\"b\":2}"))]);
    let expected = [("old", "1"), ("source", "\"gateway\""), ("trace", r#"{"a":[true]}"#), ("key", "7")];
    assert_eq!(headers(out.records.record(0)), pairs(&expected));
    let (_, out) = through(chain(Line::V4, json(), steps()), &records);
    let expected = [("old", "\"1\""), ("source", "\"gateway\""), ("trace", r#""{\"a\":[true]}""#), ("key", "\"7\"")];
    assert_eq!(headers(out.records.record(0)), pairs(&expected));
    let (_, out) = through(RoadSettings { structured_headers: true, ..chain(Line::V4, json(), steps()) }, &records);
    assert_eq!(headers(out.records.record(0))[2].1, r#"{"a":[true]}"#);
}

const BEYOND_LONG: &str = "123456789012345678901234567890";
const BEYOND_DOUBLE: &str = "123456789012345678901234567890.5";

#[test]
fn a_number_beyond_long_or_double_survives_every_step_that_does_not_ask_for_less() {
    for number in [BEYOND_LONG, BEYOND_DOUBLE, "0.1234567890123456789"] {
        let document = format!("{{\"a\":{{\"n\":{number}}},\"b\":1}}");
        let cast = |spec| step("Cast$Value", &[("spec", spec)]);
        let flatten = || step("Flatten$Value", &[("delimiter", "_")]);
        assert_eq!(value(vec![flatten()], &document), format!("{{\"a_n\":{number},\"b\":1}}"));
        assert_eq!(value(vec![flatten(), cast("a_n:string")], &document), format!("{{\"a_n\":\"{number}\",\"b\":1}}"));
        assert_eq!(value(vec![cast("b:string")], &document), format!("{{\"a\":{{\"n\":{number}}},\"b\":\"1\"}}"));
    }
}

#[test]
fn a_number_is_cast_to_a_type_that_holds_it_or_its_record_is_rejected() {
    let cast = |number: &str, to: &str| {
        let steps = vec![step("Cast$Value", &[("spec", &format!("n:{to}"))])];
        let document = format!("{{\"n\":{number}}}");
        let (shown, out) = through(chain(Line::V4, json(), steps), &batch(&[(None, Some(document.as_bytes()))]));
        match out.rejected.first() {
            Some(rejected) => rejected.message.clone(),
            None => shown[0].1.clone().unwrap(),
        }
    };
    for number in [BEYOND_LONG, BEYOND_DOUBLE, "9223372036854775808", "-9223372036854775809", "1E+400"] {
        for to in ["int8", "int32", "int64", "boolean"] {
            assert_eq!(cast(number, to), format!("Value ({number}) was out of range for requested data type"), "{number} to {to}");
        }
    }
    for (number, to, expected) in [
        ("9223372036854775807", "int64", "9223372036854775807"),
        ("0.1234567890123456789", "int64", "0"),
        ("9223372036854775807.25", "int64", "9223372036854775807"),
        ("-12345678.12345678901234", "int32", "-12345678"),
        ("0.1234567890123456789", "float64", "0.12345678901234568"),
        (BEYOND_LONG, "float64", "1.2345678901234568E29"),
        (BEYOND_LONG, "float32", "1.2345679E29"),
        ("12345678901234567890", "string", "\"12345678901234567890\""),
    ] {
        assert_eq!(cast(number, to), format!("{{\"n\":{expected}}}"), "{number} to {to}");
    }
    for to in ["float32", "float64"] {
        assert_eq!(cast("1E+400", to), "Value (1E+400) was out of range for requested data type");
    }
}
