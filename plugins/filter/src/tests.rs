//! What `filter` lets pass. More of it stands in `tests/`.

use super::*;
use snowgate_plugin::testing::{self, Bench, Outcome};

fn answer(keep: &str, value: &str) -> Outcome {
    let keep = keep.replace('\\', "\\\\").replace('"', "\\\"");
    Bench::<Filter>::new(&format!(r#"{{"keep": "{keep}"}}"#)).unwrap().value(value)
}

#[test]
fn a_record_is_kept_where_the_predicate_is_true() {
    let value = r#"{"s": "BTC\u0055SDT", "p": "0.0010", "n": 9007199254740993, "k": {"x": true, "t": "é"}, "z": null}"#;
    for keep in [
        "s == 'BTCUSDT'",
        "s != 'BTC' && s > 'BTC' && s < 'C'",
        "s in ['ETHUSDT', 'BTCUSDT']",
        "p == 0.001 && p < 1e-2 && p >= 0.00100",
        "p == '0.0010' && p != '0.001'",
        "n > 9007199254740992 && n in [1, 9007199254740993.0]",
        "k.x",
        "k.x == true && k.x != false",
        "(n > 1) == k.x",
        "number(p) < n && text(k.t) > s",
        "starts_with(s, 'BTC') && ends_with(s, 'USDT') && contains(s, 'CU') && contains(s, '')",
        "matches(s, 'B?C*T') && matches(k.t, '?')",
        "exists(s) && exists(k) && !exists(z) && !exists(k.y) && !exists(s.x)",
        "topic == 'bench' && partition == 0 && offset == 0 && timestamp == 0",
        "!tombstone && !exists(key)",
        "false || true && !false",
    ] {
        assert_eq!(answer(keep, value), Outcome::Kept, "{keep}");
        assert_eq!(answer(&format!("!({keep})"), value), Outcome::Dropped, "{keep}");
    }
}

#[test]
fn what_is_open_matters_only_where_it_decides() {
    let value = r#"{"a": 1, "s": "x", "z": null}"#;
    for (keep, kept) in [
        ("a == 1 || b == 2", true),
        ("b == 2 || a == 1", true),
        ("b == 2 && a == 2", false),
        ("a == 2 && b == 2", false),
        ("!(b && a == 2)", true),
    ] {
        assert_eq!(answer(keep, value), if kept { Outcome::Kept } else { Outcome::Dropped }, "{keep}");
    }
    for (keep, why) in [
        ("a == 1 && b == 2", "`b` is missing or null"),
        ("c.d == 2 || b == 2", "`c.d` is missing or null"),
        ("!(z == 1)", "`z` is missing or null"),
        ("z != 1", "`z` is missing or null"),
        ("s == 1", "`s` is neither a number nor text that is one"),
        ("a == 'x'", "`a` is not text"),
        ("s && a == 1", "`s` is neither true nor false"),
        ("b == true", "`b` is missing or null"),
        ("header('h') == 'x'", "`header('h')` is missing or null"),
        ("key == 'x'", "`key` is missing or null"),
    ] {
        assert_eq!(answer(keep, value).why(), why, "{keep}");
    }
}

#[test]
fn a_value_that_is_no_object_has_no_fields() {
    assert_eq!(answer("a == 1", "[1]").why(), "`a` was not found: the JSON makes no sense at byte 0");
    assert_eq!(answer("!exists(a)", r#"{"b": 1"#).why(), "`a` was not found: the JSON makes no sense at byte 7");
    assert_eq!(answer("topic == 'bench'", "anything"), Outcome::Kept);
    let mut bench = Bench::<Filter>::new(r#"{"keep": "a == 1"}"#).unwrap();
    assert_eq!(bench.records(&[(None, None)])[0].why(), "`a` is missing, for the record has no value");
    let mut bench = Bench::<Filter>::new(r#"{"keep": "tombstone || a == 1"}"#).unwrap();
    assert_eq!(bench.records(&[(None, None)]), [Outcome::Kept]);
}

#[test]
fn the_operator_says_what_becomes_of_the_others() {
    let outcome = |rest: &str, value: &str| Bench::<Filter>::new(&format!(r#"{{"keep": "a == 1", {rest}}}"#)).unwrap().value(value);
    assert_eq!(outcome(r#""otherwise": "reject""#, r#"{"a": 2}"#).why(), "the record does not meet `a == 1`");
    assert_eq!(outcome(r#""otherwise": "drop""#, r#"{"a": 2}"#), Outcome::Dropped);
    assert_eq!(outcome(r#""on_missing": "keep""#, "{}"), Outcome::Kept);
    assert_eq!(outcome(r#""on_missing": "drop""#, "{}"), Outcome::Dropped);
}

#[test]
fn a_wrong_configuration_says_what_would_be_right() {
    let why = |config: &str| Bench::<Filter>::new(config).err().unwrap();
    assert_eq!(why("{}"), "missing field `keep`");
    assert_eq!(why(r#"{"keep": "a = 1"}"#), "`keep` is wrong at character 3, `= 1`: write `==`");
    assert_eq!(why(r#"{"keep": "a", "drop": "b"}"#), "unknown field `drop`, expected one of `keep`, `otherwise`, `on_missing`");
}

#[test]
fn the_cases_hold() {
    testing::cases::<Filter>("tests");
}

#[test]
fn the_schema_is_what_the_options_say() {
    testing::assert_schema::<Filter>("config.schema.json");
}
