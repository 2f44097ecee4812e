//! What `flatten` makes of nested records.

use super::*;
use snowgate_plugin::testing::{Bench, Outcome};

fn bench(config: &str) -> Bench<Flatten> {
    Bench::new(config).unwrap()
}

fn flat(config: &str, value: &str) -> String {
    bench(config).value(value).text().to_owned()
}

#[test]
fn nested_fields_come_up_in_their_order_with_every_digit() {
    let value = r#"{"id": 7, "a": {"b": {"c": 1.50, "d": "x\u00e9"}, "e": null}, "f": true}"#;
    assert_eq!(flat("{}", value), r#"{"id":7,"a_b_c":1.50,"a_b_d":"x\u00e9","a_e":null,"f":true}"#);
    assert_eq!(flat(r#"{"delimiter": "."}"#, r#"{"a":{"b":{"c":1}}}"#), r#"{"a.b.c":1}"#);
    assert_eq!(flat(r#"{"delimiter": ""}"#, r#"{"a":{"b\"é":1}}"#), r#"{"ab\"é":1}"#);
}

#[test]
fn a_flat_record_and_a_tombstone_are_kept() {
    for value in [r#"{"a": 1, "b": "{}"}"#, "{}", r#"{"a": [1, {"b": 2}]}"#] {
        assert_eq!(bench("{}").value(value), Outcome::Kept, "{value}");
    }
    assert_eq!(bench("{}").records(&[(None, None)]), [Outcome::Kept]);
    assert_eq!(bench(r#"{"arrays": "text"}"#).value(r#"{"a":"[1]"}"#), Outcome::Kept);
}

#[test]
fn an_object_without_fields_leaves_none() {
    assert_eq!(flat("{}", r#"{"a":{},"b":{"c":{}},"d":1}"#), r#"{"d":1}"#);
    assert_eq!(flat("{}", r#"{"a":{ }}"#), "{}");
}

#[test]
fn deeper_objects_stay_as_they_are_written() {
    let value = r#"{"a":{"b":{"c":{ "d" : 1 }}}}"#;
    assert_eq!(flat(r#"{"max_depth": 1}"#, value), r#"{"a_b":{"c":{ "d" : 1 }}}"#);
    assert_eq!(flat(r#"{"max_depth": 2}"#, value), r#"{"a_b_c":{ "d" : 1 }}"#);
    assert_eq!(flat(r#"{"max_depth": 3}"#, value), r#"{"a_b_c_d":1}"#);
}

#[test]
fn arrays_become_what_the_operator_says() {
    let value = r#"{"a":{"l":[1.0, {"x":"y"}, []]},"b":2}"#;
    assert_eq!(flat("{}", value), r#"{"a_l":[1.0, {"x":"y"}, []],"b":2}"#);
    assert_eq!(flat(r#"{"arrays": "text"}"#, value), r#"{"a_l":"[1.0, {\"x\":\"y\"}, []]","b":2}"#);
    assert_eq!(flat(r#"{"arrays": "index"}"#, value), r#"{"a_l_0":1.0,"a_l_1_x":"y","b":2}"#);
    assert_eq!(flat(r#"{"arrays": "drop"}"#, value), r#"{"b":2}"#);
    assert_eq!(flat(r#"{"arrays": "index", "max_depth": 2}"#, value), r#"{"a_l_0":1.0,"a_l_1":{"x":"y"},"a_l_2":[],"b":2}"#);
    assert_eq!(flat(r#"{"arrays": "index"}"#, "{\"a\":[[1],[[2]]]}"), r#"{"a_0_0":1,"a_1_0_0":2}"#);
}

#[test]
fn two_fields_of_one_name_reject_the_record_unless_the_last_shall_stand() {
    let value = r#"{"a_b":1,"c":2,"a":{"b":3}}"#;
    assert_eq!(bench("{}").value(value).why(), "two fields come to the name \"a_b\"");
    assert_eq!(flat(r#"{"collisions": "last"}"#, value), r#"{"c":2,"a_b":3}"#);
    assert_eq!(bench("{}").value(r#"{"a":1,"\u0061":2}"#).why(), "two fields come to the name \"a\"");
    assert_eq!(flat(r#"{"collisions": "last"}"#, r#"{"a":1,"a":2,"a":3}"#), r#"{"a":3}"#);
}

#[test]
fn what_is_no_object_or_too_deep_is_rejected() {
    let mut bench = bench(r#"{"arrays": "index"}"#);
    for value in ["", "[1]", "null", "text"] {
        assert_eq!(bench.value(value).why(), "the value is not a JSON object", "{value}");
    }
    assert_eq!(bench.value(r#"{"a":{"b" 1}}"#).why(), "the JSON makes no sense at byte 10");
    assert_eq!(bench.value(r#"{"a":1} x"#).why(), "the JSON makes no sense at byte 8");
    let lists = format!(r#"{{"a":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    assert_eq!(bench.value(&lists).why(), "the record is nested deeper than 128 levels");
    assert_eq!(bench.value(r#"{"a":{"b":1}}"#).text(), r#"{"a_b":1}"#);
}

#[test]
fn a_wrong_configuration_says_what_would_be_right() {
    let why = |config: &str| Bench::<Flatten>::new(config).err().unwrap();
    assert_eq!(why(r#"{"max_depth": 0}"#), "`max_depth` is 0, and should be at least 1, or left out for all levels");
    assert_eq!(why(r#"{"arrays": "json"}"#), "unknown variant `json`, expected one of `keep`, `text`, `index`, `drop`");
    assert_eq!(
        why(r#"{"delimeter": "."}"#),
        "unknown field `delimeter`, expected one of `delimiter`, `max_depth`, `arrays`, `collisions`"
    );
}

#[test]
fn the_schema_is_what_the_options_say() {
    snowgate_plugin::testing::assert_schema::<Flatten>("config.schema.json");
}

#[test]
fn the_cases_come_out_as_they_are_written() {
    snowgate_plugin::testing::cases::<Flatten>("tests");
}
