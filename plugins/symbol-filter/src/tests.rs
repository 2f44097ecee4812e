//! What `symbol-filter` lets pass.

use super::*;
use snowgate_plugin::testing::{Bench, Outcome};

fn bench(config: &str) -> Bench<SymbolFilter> {
    Bench::new(config).unwrap()
}

fn envelope(symbol: &str) -> String {
    format!(r#"{{"stream": "x@kline_1m", "data": {{"e": "kline", "E": 1, "s": "{symbol}", "k": {{"s": "OTHER"}}}}}}"#)
}

#[test]
fn a_symbol_is_found_at_each_usual_place() {
    let mut bench = bench(r#"{"allow": ["BTCUSDT"]}"#);
    for value in [
        envelope("BTCUSDT"),
        r#"{"e":"kline","E":1,"s":"BTCUSDT","k":{"s":"OTHER"}}"#.to_owned(),
        r#"{"event_time":1,"symbol":"BTCUSDT","open_price":1.0}"#.to_owned(),
        r#"{"data":{"x":1},"\u0073":"\u0042TCUSDT"}"#.to_owned(),
        r#"{"s":7,"symbol":"btcusdt"}"#.to_owned(),
    ] {
        assert_eq!(bench.value(&value), Outcome::Kept, "{value}");
        assert_eq!(bench.value(&value.replace("TCUSDT", "NBUSDT").replace("tcusdt", "nbusdt")), Outcome::Dropped, "{value}");
    }
}

#[test]
fn a_symbol_in_another_text_is_not_mistaken_for_one() {
    let mut bench = bench(r#"{"allow": ["BTCUSDT"]}"#);
    let value = r#"{"note": "\"s\":\"BTCUSDT\"", "k": {"s": "BTCUSDT"}, "s": "ETHUSDT"}"#;
    assert_eq!(bench.value(value), Outcome::Dropped);
}

#[test]
fn deny_wins_over_allow_and_an_empty_allow_lets_all_others_pass() {
    let mut both = bench(r#"{"allow": ["*USDT"], "deny": ["DOGE*"]}"#);
    assert_eq!(both.value(&envelope("BTCUSDT")), Outcome::Kept);
    assert_eq!(both.value(&envelope("BTCEUR")), Outcome::Dropped);
    assert_eq!(both.value(&envelope("DOGEUSDT")), Outcome::Dropped);
    let mut deny = bench(r#"{"deny": ["DOGEUSDT"]}"#);
    assert_eq!(deny.value(&envelope("BTCEUR")), Outcome::Kept);
    assert_eq!(deny.value(&envelope("dogeusdt")), Outcome::Dropped);
}

#[test]
fn a_star_stands_for_any_characters_or_none_and_a_question_mark_for_one() {
    let matches = |pattern: &str, symbol: &str| Patterns::new("allow", vec![pattern.into()]).unwrap().matches(symbol.as_bytes());
    for (pattern, symbol) in [
        ("*", ""),
        ("*", "BTC"),
        ("BTC*", "BTC"),
        ("*USDT", "BTCUSDT"),
        ("B*T*T", "BTCUSDT"),
        ("*T*", "ETH"),
        ("A**B", "AB"),
        ("btc*", "BTCEUR"),
        ("BTC?", "BTCX"),
    ] {
        assert!(matches(pattern, symbol), "{pattern} {symbol}");
    }
    for (pattern, symbol) in
        [("BTC*", "XBTC"), ("*USDT", "USDTX"), ("AB*BC", "ABC"), ("*X*X*", "AXB"), ("A*B*C", "ACB"), ("A?", "A")]
    {
        assert!(!matches(pattern, symbol), "{pattern} {symbol}");
    }
}

#[test]
fn a_record_without_a_symbol_goes_where_the_operator_says() {
    let missing = [r#"{"a": 1}"#, r#"{"s": null}"#, "[1]", "{", ""];
    for value in missing {
        assert_eq!(bench(r#"{"deny": ["X"], "on_missing": "keep"}"#).value(value), Outcome::Kept);
        assert_eq!(bench(r#"{"deny": ["X"], "on_missing": "drop"}"#).value(value), Outcome::Dropped);
    }
    let mut reject = bench(r#"{"deny": ["X"]}"#);
    assert_eq!(reject.value(r#"{"a": 1}"#).why(), "the record has no symbol at `data.s`, `s` or `symbol`");
    assert_eq!(reject.value("[1]").why(), "the JSON makes no sense at byte 0");
    assert_eq!(reject.records(&[(None, None)])[0].why(), "the record has no symbol at `data.s`, `s` or `symbol`");
}

#[test]
fn another_field_can_be_named() {
    let mut bench = bench(r#"{"allow": ["A"], "field": "x.y.z"}"#);
    assert_eq!(bench.value(r#"{"s": "B", "x": {"z": "B", "y": {"q": [1], "z": "A"}}}"#), Outcome::Kept);
    assert_eq!(bench.value(r#"{"s": "A", "x": {"y": {"z": "B"}}}"#), Outcome::Dropped);
    assert_eq!(bench.value(r#"{"x": {"y": {}}, "z": "A"}"#).why(), "the record has no symbol at `x.y.z`");
    assert_eq!(bench.value(r#"{"s": "A", "x": {"y": "z"}, "z": "A"}"#).why(), "the record has no symbol at `x.y.z`");
}

#[test]
fn a_wrong_configuration_says_what_would_be_right() {
    let why = |config: &str| Bench::<SymbolFilter>::new(config).err().unwrap();
    assert_eq!(why("{}"), "give `allow` or `deny` at least one symbol, such as `allow = [\"BTC*\"]`");
    assert_eq!(why(r#"{"alow": []}"#), "unknown field `alow`, expected one of `allow`, `deny`, `field`, `on_missing`");
    assert_eq!(why(r#"{"allow": [" "]}"#), "`allow` holds an empty symbol");
    assert_eq!(
        why(r#"{"deny": ["A"], "field": "a..b"}"#),
        "`a..b` is no way to a field: write names joined by dots, such as `data.symbol`"
    );
    assert_eq!(
        why(r#"{"deny": ["A"], "on_missing": "ignore"}"#),
        "unknown variant `ignore`, expected one of `keep`, `drop`, `reject`"
    );
}

#[test]
fn a_symbol_that_comes_again_is_judged_as_it_was_the_first_time() {
    let mut bench = bench(r#"{"allow": ["A*"], "deny": ["AB*", "AAAAAAAAAAAAAAAB*"]}"#);
    let mut names = std::collections::HashMap::new();
    for _ in 0..2 {
        for length in 0..20 {
            for at in 0..=length {
                for letter in ['B', '0', 'é'] {
                    let mut symbol = "A".repeat(length);
                    symbol.insert(at, letter);
                    let passes = symbol.starts_with('A') && !symbol.starts_with("AB") && !symbol.starts_with("AAAAAAAAAAAAAAAB");
                    let expected = if passes { Outcome::Kept } else { Outcome::Dropped };
                    assert_eq!(bench.value(&envelope(&symbol)), expected, "{symbol}");
                    if let Some(name) = Known::name(symbol.as_bytes()) {
                        assert_eq!(*names.entry(name).or_insert(symbol.clone()), symbol);
                    }
                }
            }
        }
    }
    assert_eq!(Known::name(b""), None);
    assert_ne!(Known::name(b"A\0"), Known::name(b"A"));
}

#[test]
fn the_cases_hold() {
    snowgate_plugin::testing::cases::<SymbolFilter>("tests");
}

#[test]
fn the_schema_is_what_the_options_say() {
    snowgate_plugin::testing::assert_schema::<SymbolFilter>("config.schema.json");
}
