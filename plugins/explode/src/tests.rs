//! What `explode` makes of arrays, and of records without one.

use super::*;
use snowgate_plugin::testing::{Bench, Outcome};

const ORDER: &str = r#"{"id":7,"items":[{"sku":"a","price":1.50},{"sku":"b","price":0.10}],"at":1}"#;

fn bench(config: &str) -> Bench<Explode> {
    Bench::new(config).unwrap()
}

/// The outputs of `value`, as texts.
fn rows(config: &str, value: &str) -> Vec<String> {
    match bench(config).value(value) {
        Outcome::Replaced(values) => values.into_iter().map(|value| String::from_utf8(value.unwrap()).unwrap()).collect(),
        other => panic!("not replaced: {other:?}"),
    }
}

#[test]
fn each_element_takes_the_arrays_place() {
    let expected = [r#"{"id":7,"items":{"sku":"a","price":1.50},"at":1}"#, r#"{"id":7,"items":{"sku":"b","price":0.10},"at":1}"#];
    assert_eq!(rows(r#"{"field": "items"}"#, ORDER), expected);
    let nested = rows(r#"{"field": "a.b"}"#, r#"{"a":{"b":[1,"]",[2,3],null],"c":0}}"#);
    assert_eq!(
        nested,
        [r#"{"a":{"b":1,"c":0}}"#, r#"{"a":{"b":"]","c":0}}"#, r#"{"a":{"b":[2,3],"c":0}}"#, r#"{"a":{"b":null,"c":0}}"#]
    );
}

#[test]
fn a_merged_element_has_its_fields_beside_the_others() {
    let expected = [r#"{"id":7,"at":1,"sku":"a","price":1.50}"#, r#"{"id":7,"at":1,"sku":"b","price":0.10}"#];
    assert_eq!(rows(r#"{"field": "items", "element": "merged"}"#, ORDER), expected);
}

#[test]
fn an_element_alone_is_the_text_it_was() {
    let alone = rows(r#"{"field": "items", "element": "alone"}"#, r#"{"items":[ { "a" : 1.0 } ,2]}"#);
    assert_eq!(alone, [r#"{ "a" : 1.0 }"#, "2"]);
}

#[test]
fn the_index_goes_where_it_is_told() {
    let index = |more: &str, value: &str| rows(&format!(r#"{{"field": "l", {more}}}"#), value);
    assert_eq!(index(r#""index": "n""#, r#"{"l":["a","b"]}"#), [r#"{"l":"a","n":0}"#, r#"{"l":"b","n":1}"#]);
    assert_eq!(index(r#""index": "l.n""#, r#"{"l":[{}]}"#), [r#"{"l":{"n":0}}"#]);
    assert_eq!(index(r#""index": "n", "element": "merged""#, r#"{"l":[{"a":1}],"b":2}"#), [r#"{"b":2,"a":1,"n":0}"#]);
    assert_eq!(index(r#""index": "n", "element": "alone""#, r#"{"l":[{"a":1}],"b":2}"#), [r#"{"a":1,"n":0}"#]);
}

#[test]
fn a_name_that_is_taken_rejects_the_record_unless_the_last_shall_stand() {
    let value = r#"{"id":1,"l":[{"a":1},{"id":2}]}"#;
    let merged = r#"{"field": "l", "element": "merged", "index": "a"}"#;
    assert_eq!(bench(merged).value(value).why(), "element 0: there is a field `a` already, where its number should go");
    let last = merged.replace('}', r#", "collisions": "last"}"#);
    assert_eq!(rows(&last, value), [r#"{"id":1,"a":0}"#, r#"{"id":2,"a":1}"#]);
    let why = bench(r#"{"field": "l", "element": "merged"}"#).value(value).why().to_owned();
    assert_eq!(why, "element 1: its field `id` has the name of another field of the record");
}

#[test]
fn a_record_without_elements_goes_where_the_operator_says() {
    let outcome = |more: &str, value: &str| bench(&format!(r#"{{"field": "l"{more}}}"#)).value(value);
    for empty in [r#"{"l":[]}"#, r#"{"l":[ ]}"#] {
        assert_eq!(outcome("", empty), Outcome::Dropped);
        assert_eq!(outcome(r#", "on_empty": "keep""#, empty), Outcome::Kept);
        assert_eq!(outcome(r#", "on_empty": "reject""#, empty).why(), "the array at `l` is empty");
    }
    for missing in ["{}", r#"{"l":null}"#, r#"{"m":[1]}"#] {
        assert_eq!(outcome("", missing).why(), "the record has no array at `l`");
        assert_eq!(outcome(r#", "on_missing": "keep""#, missing), Outcome::Kept);
        assert_eq!(outcome(r#", "on_missing": "drop""#, missing), Outcome::Dropped);
    }
    assert_eq!(bench(r#"{"field": "l"}"#).records(&[(None, None)]), [Outcome::Kept]);
}

#[test]
fn what_cannot_be_taken_apart_is_rejected_whole() {
    let why = |config: &str, value: &str| bench(config).value(value).why().to_owned();
    let plain = r#"{"field": "l", "on_missing": "keep"}"#;
    assert_eq!(why(plain, "[1]"), "the value is not a JSON object");
    assert_eq!(why(plain, r#"{"l":{"a":1}}"#), "`l` is not an array");
    assert_eq!(why(plain, r#"{"l":"[1]"}"#), "`l` is not an array");
    assert_eq!(why(plain, r#"{"l":[1,]}"#), "the JSON makes no sense at byte 3");
    let merged = r#"{"field": "l", "element": "merged"}"#;
    assert_eq!(why(merged, r#"{"l":[{"a":1},2]}"#), "element 1: it is not an object, so it has no fields");
    let index = r#"{"field": "l", "index": "b.n"}"#;
    assert_eq!(
        why(index, r#"{"l":[1],"b":2}"#),
        "element 0: its number cannot go to `b.n`, for something on the way is not an object"
    );
}

#[test]
fn a_wrong_configuration_says_what_would_be_right() {
    let why = |config: &str| Bench::<Explode>::new(config).err().unwrap();
    assert_eq!(why("{}"), "missing field `field`");
    assert_eq!(why(r#"{"field": "a..b"}"#), "`a..b` is no way to a field: write names joined by dots, such as `data.symbol`");
    assert_eq!(why(r#"{"field": "a", "index": "a"}"#), "`index` and `field` are both `a`, where the element goes");
    assert_eq!(
        why(r#"{"field": "a", "element": "both"}"#),
        "unknown variant `both`, expected one of `in_place`, `merged`, `alone`"
    );
}

#[test]
fn the_schema_is_what_the_options_say() {
    snowgate_plugin::testing::assert_schema::<Explode>("config.schema.json");
}

#[test]
fn the_cases_come_out_as_they_are_written() {
    snowgate_plugin::testing::cases::<Explode>("tests");
}
