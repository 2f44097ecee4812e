//! What `dedupe` drops. More of it stands in `tests/`.

use super::*;
use snowgate_plugin::testing::{self, Bench, Outcome};

const KEPT: Outcome = Outcome::Kept;
const DROPPED: Outcome = Outcome::Dropped;

fn bench(config: &str) -> Bench<Dedupe> {
    Bench::new(config).unwrap()
}

fn keys(bench: &mut Bench<Dedupe>, keys: &[&str]) -> Vec<Outcome> {
    bench.records(&keys.iter().map(|key| (Some(key.as_bytes()), Some(&b"{}"[..]))).collect::<Vec<_>>())
}

#[test]
fn a_key_that_came_within_the_window_is_dropped_in_a_batch_and_across_batches() {
    let mut plugin = bench(r#"{"window": 3}"#);
    assert_eq!(keys(&mut plugin, &["a", "b", "a", "a"]), [KEPT, KEPT, DROPPED, DROPPED]);
    assert_eq!(keys(&mut plugin, &["c", "d", "a", "b"]), [KEPT, KEPT, DROPPED, KEPT]);
}

#[test]
fn partitions_and_topics_know_nothing_of_each_other() {
    let mut plugin = bench("{}");
    assert_eq!(keys(plugin.at("t", 0, 0), &["a"]), [KEPT]);
    assert_eq!(keys(plugin.at("t", 1, 0), &["a", "a"]), [KEPT, DROPPED]);
    assert_eq!(keys(plugin.at("u", 0, 0), &["a"]), [KEPT]);
    assert_eq!(keys(plugin.at("t", 0, 1), &["a"]), [DROPPED]);
}

#[test]
fn records_that_come_again_are_answered_as_before() {
    let mut plugin = bench("{}");
    let first = keys(plugin.at("t", 0, 10), &["a", "b", "a", "c"]);
    assert_eq!(first, [KEPT, KEPT, DROPPED, KEPT]);
    assert_eq!(keys(plugin.at("t", 0, 10), &["a", "b", "a", "c"]), first);
    // From the middle, and in halves, as after a fault.
    assert_eq!(keys(plugin.at("t", 0, 12), &["a", "c"]), [DROPPED, KEPT]);
    assert_eq!(keys(plugin.at("t", 0, 10), &["a", "b"]), [KEPT, KEPT]);
    assert_eq!(keys(&mut plugin, &["a", "c"]), [DROPPED, KEPT]);
}

#[test]
fn a_tombstone_is_no_duplicate_of_the_record_that_it_undoes() {
    let mut plugin = bench("{}");
    let (value, tombstone) = ((Some(&b"k"[..]), Some(&b"{}"[..])), (Some(&b"k"[..]), None));
    assert_eq!(plugin.records(&[value, tombstone, tombstone, value]), [KEPT, KEPT, DROPPED, DROPPED]);
}

#[test]
fn fields_are_compared_as_they_are_written() {
    let mut plugin = bench(r#"{"fields": ["id", "d.t"]}"#);
    for (value, outcome) in [
        (r#"{"id": 1, "d": {"t": "x"}, "n": 1}"#, KEPT),
        (r#"{"d": {"n": 2, "t": "x"}, "id":1}"#, DROPPED),
        (r#"{"id": 1.0, "d": {"t": "x"}}"#, KEPT),
        (r#"{"id": "1", "d": {"t": "x"}}"#, KEPT),
        (r#"{"id": 1, "d": {"t": {"a": 1}}}"#, KEPT),
        (r#"{"id": 1, "d": {"t": {"a": 1}}}"#, DROPPED),
    ] {
        assert_eq!(plugin.value(value), outcome, "{value}");
    }
}

#[test]
fn what_cannot_be_compared_goes_where_the_operator_says() {
    let mut plugin = bench("{}");
    assert_eq!(plugin.value("{}").why(), "the record has no key to compare");
    let mut plugin = bench(r#"{"fields": ["a.b"]}"#);
    assert_eq!(plugin.value(r#"{"a": {"b": null}}"#).why(), "`a.b` is missing or null");
    assert_eq!(plugin.value(r#"{"a": 7}"#).why(), "`a.b` is missing or null");
    assert_eq!(plugin.value("x").why(), "the JSON makes no sense at byte 0");
    assert_eq!(plugin.records(&[(None, None)])[0].why(), "the record has no value, and so no fields to compare");
    let mut keep = bench(r#"{"on_missing": "keep"}"#);
    assert_eq!(keep.value("{}"), KEPT);
    assert_eq!(keep.value("{}"), KEPT);
    assert_eq!(bench(r#"{"on_missing": "drop"}"#).value("{}"), DROPPED);
}

#[test]
fn a_wrong_configuration_says_what_would_be_right() {
    let why = |config: &str| Bench::<Dedupe>::new(config).err().unwrap();
    assert_eq!(why(r#"{"window": 0}"#), "`window` is 0, and should be 1 to 1000000 records");
    assert_eq!(why(r#"{"window": 2000000}"#), "`window` is 2000000, and should be 1 to 1000000 records");
    assert_eq!(why(r#"{"fields": ["a", "a"]}"#), "`fields` names `a` twice");
    assert!(why(r#"{"fields": ["a..b"]}"#).starts_with("`a..b` is no way to a field"));
    assert_eq!(why(r#"{"key": "a"}"#), "unknown field `key`, expected one of `fields`, `window`, `on_missing`");
}

#[test]
fn the_cases_hold() {
    testing::cases::<Dedupe>("tests");
}

#[test]
fn the_schema_is_what_the_options_say() {
    testing::assert_schema::<Dedupe>("config.schema.json");
}
