//! What `field` makes of records, one operation after another.

use super::*;
use snowgate_plugin::testing::{Bench, Outcome, assert_schema, cases};

fn bench(operations: &str) -> Bench<Field> {
    Bench::new(&format!(r#"{{"operations": [{operations}]}}"#)).unwrap()
}

fn row(operations: &str, value: &str) -> String {
    bench(operations).value(value).text().to_owned()
}

fn why(operations: &str, value: &str) -> String {
    bench(operations).value(value).why().to_owned()
}

#[test]
fn operations_follow_one_another() {
    let operations = r#"{"rename": {"from": "data.s", "to": "symbol"}}, {"keep": ["symbol", "data.p"]},
        {"cast": {"fields": ["data.p"], "to": "decimal"}}, {"rename": {"from": "data.p", "to": "price"}}, {"drop": ["data"]}"#;
    let value = r#"{"stream": "x", "data": {"e": "trade", "s": "BTCUSDT", "p": "0.00100000"}}"#;
    assert_eq!(row(operations, value), r#"{"symbol":"BTCUSDT","price":0.00100000}"#);
}

#[test]
fn a_record_that_nothing_changes_is_kept() {
    let operations = r#"{"drop": ["x"]}, {"cast": {"fields": ["a"], "to": "string"}}, {"mask": {"fields": ["b"]}}"#;
    assert_eq!(bench(operations).value(r#"{ "a" : "1", "b": null }"#), Outcome::Kept);
    assert_eq!(bench(operations).records(&[(None, None)]), [Outcome::Kept]);
}

#[test]
fn a_field_is_renamed_but_never_over_another() {
    let to_b = r#"{"rename": {"from": "a", "to": "b"}}"#;
    assert_eq!(row(to_b, r#"{"a":1.0,"c":2}"#), r#"{"c":2,"b":1.0}"#);
    assert_eq!(why(to_b, r#"{"a":1,"b":null}"#), "`a` cannot become `b`, for there is one already");
    assert_eq!(row(r#"{"rename": {"from": "a", "to": "a.b"}}"#, r#"{"a":1}"#), r#"{"a":{"b":1}}"#);
    let blocked = why(r#"{"rename": {"from": "a", "to": "c.d"}}"#, r#"{"a":1,"c":2}"#);
    assert_eq!(blocked, "nothing can be put at `c.d`, for something on the way is not an object");
}

#[test]
fn a_dropped_field_goes_however_often_it_is_there() {
    assert_eq!(row(r#"{"drop": ["a", "b.c"]}"#, r#"{"a":1,"b":{"c":2},"a":3}"#), r#"{"b":{}}"#);
}

#[test]
fn a_masked_value_shows_its_last_characters_at_most() {
    let mask = |more: &str, value: &str| row(&format!(r#"{{"mask": {{"fields": ["v"]{more}}}}}"#), &format!(r#"{{"v":{value}}}"#));
    for value in [r#""secret""#, "12", "true", r#"{"a":1}"#, "[1]"] {
        assert_eq!(mask("", value), r#"{"v":"***"}"#);
        assert_eq!(mask(r#", "with": """#, value), r#"{"v":""}"#);
    }
    for (value, masked) in [
        (r#""4111111111111111""#, "************1111"),
        ("41111", "*1111"),
        (r#""Zo\u00eb É""#, "*oë É"),
        (r#""1234""#, "****"),
        (r#""12""#, "**"),
    ] {
        assert_eq!(mask(r#", "keep_last": 4"#, value), format!(r#"{{"v":"{masked}"}}"#));
    }
    let last = r#"{"mask": {"fields": ["v"], "keep_last": 1}}"#;
    assert_eq!(why(last, r#"{"v":{"a":1}}"#), "`v` is an object, and should be a single value");
    assert_eq!(why(last, r#"{"v":"\x"}"#), "`v` has an escape that means nothing");
}

#[test]
fn a_hash_is_the_one_that_other_tools_compute() {
    // printf abc | sha256sum
    let abc = r#"{"v":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#;
    let hash = |salt: &str| format!(r#"{{"hash": {{"fields": ["v"]{salt}}}}}"#);
    assert_eq!(row(&hash(""), r#"{"v":"abc"}"#), abc);
    assert_eq!(row(&hash(""), r#"{"v":"\u0061bc"}"#), abc);
    assert_eq!(row(&hash(r#", "salt": "ab""#), r#"{"v":"c"}"#), abc);
    let number = r#"{"v":"73475cb40a568e8da8a045ced110137e159f890ac4da883b6b17dc651b3a8049"}"#;
    assert_eq!(row(&hash(""), r#"{"v":42}"#), number);
    assert_eq!(why(&hash(""), r#"{"v":[1]}"#), "`v` is an array, and should be a single value");
}

#[test]
fn what_cannot_be_cast_goes_where_the_operator_says() {
    let cast = |on_error: &str| format!(r#"{{"cast": {{"fields": ["v"], "to": "integer", "on_error": "{on_error}"}}}}"#);
    assert_eq!(row(&cast("null"), r#"{"v":"x"}"#), r#"{"v":null}"#);
    assert_eq!(bench(&cast("keep")).value(r#"{"v":"x"}"#), Outcome::Kept);
    assert_eq!(why(&cast("reject"), r#"{"v":"x"}"#), "`v` is not a whole number");
}

#[test]
fn constants_and_what_kafka_knows_are_inserted() {
    let constant = r#"{"insert": {"field": "a", "value": {"x": 1.50}}}, {"insert": {"field": "b.c", "value": false}}"#;
    assert_eq!(row(constant, r#"{"a":1}"#), r#"{"a":{"x": 1.50},"b":{"c":false}}"#);
    let from = ["topic", "partition", "offset", "timestamp", "key"];
    let operations = from.map(|name| format!(r#"{{"insert": {{"field": "k.{name}", "from": "{name}"}}}}"#)).join(",");
    let mut bench = bench(&operations);
    let outcomes =
        bench.at("trades", 3, 70).records(&[(Some(b"a\"b"), Some(b"{}")), (None, Some(b"{}")), (Some(b"\xff"), Some(b"{}"))]);
    assert_eq!(outcomes[0].text(), r#"{"k":{"topic":"trades","partition":3,"offset":70,"timestamp":0,"key":"a\"b"}}"#);
    assert_eq!(outcomes[1].text(), r#"{"k":{"topic":"trades","partition":3,"offset":71,"timestamp":0,"key":null}}"#);
    assert_eq!(outcomes[2].why(), "the record's key is not text, so it cannot go to `k.key`");
    let blocked = bench.value(r#"{"k":"x"}"#).why().to_owned();
    assert_eq!(blocked, "nothing can be put at `k.topic`, for something on the way is not an object");
}

#[test]
fn a_field_that_is_missing_is_counted_or_rejects_the_record() {
    let operations = [
        r#"{"rename": {"from": "x.y", "to": "z"}}"#,
        r#"{"mask": {"fields": ["x.y"]}}"#,
        r#"{"hash": {"fields": ["x.y"]}}"#,
        r#"{"cast": {"fields": ["x.y"], "to": "string"}}"#,
    ];
    for operation in operations {
        let config = |on_missing: &str| format!(r#"{{"operations": [{operation}], "on_missing": "{on_missing}"}}"#);
        for value in [r#"{"a":1}"#, r#"{"x":1}"#, r#"{"x":[{"y":1}]}"#] {
            assert_eq!(Bench::<Field>::new(&config("skip")).unwrap().value(value), Outcome::Kept);
            assert_eq!(Bench::<Field>::new(&config("reject")).unwrap().value(value).why(), "the record has no `x.y`");
        }
    }
    let mut work = Work::new(OnMissing::Skip);
    work.missing(&"x".parse().unwrap()).unwrap();
    assert_eq!(work.fields_missing.count(), 1);
}

#[test]
fn a_wrong_configuration_says_what_would_be_right() {
    let why = |operations: &str| Bench::<Field>::new(&format!(r#"{{"operations": [{operations}]}}"#)).err().unwrap();
    assert_eq!(why(""), "`operations` is empty, and should say what to do, such as `{ drop = [\"a\"] }`");
    assert_eq!(
        why(r#"{"renam": {}}"#),
        "unknown variant `renam`, expected one of `rename`, `drop`, `keep`, `mask`, `hash`, `cast`, `insert`"
    );
    assert_eq!(why(r#"{"rename": {"from": "a"}}"#), "missing field `to`");
    assert_eq!(why(r#"{"rename": {"from": "a", "to": "a"}}"#), "operation 1: `rename` is from `a` to the same");
    assert_eq!(why(r#"{"drop": ["a"]}, {"keep": []}"#), "operation 2: `keep` names no field");
    let mask = r#"{"mask": {"fields": ["a"], "with": "x", "keep_last": 2}}"#;
    assert_eq!(why(mask), "operation 1: `mask` has both `with` and `keep_last`, and should have one");
    for insert in [r#"{"insert": {"field": "a"}}"#, r#"{"insert": {"field": "a", "value": 1, "from": "key"}}"#] {
        assert_eq!(why(insert), "operation 1: `insert` wants either `value` or `from`");
    }
    let cast = r#"{"cast": {"fields": ["a"], "to": "float"}}"#;
    assert_eq!(why(cast), "unknown variant `float`, expected one of `string`, `integer`, `decimal`, `boolean`");
}

#[test]
fn the_schema_is_what_the_options_say() {
    assert_schema::<Field>("config.schema.json");
}

#[test]
fn the_cases_come_out_as_they_are_written() {
    cases::<Field>("tests");
}
