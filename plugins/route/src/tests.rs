//! Where `route` sends records, and what it refuses at start.

use super::*;
use snowgate_plugin::testing::Bench;

const TABLES: [&str; 3] = ["KLINE_1M", "TRADES", "REST"];

fn refusal(config: &str) -> String {
    Bench::<Route>::with_tables(config, &TABLES).err().expect("it is refused")
}

#[test]
fn a_template_that_makes_no_sense_is_refused() {
    assert_eq!(refusal(r#"{"template": "A_{i"}"#), "`template` is wrong: a brace stands alone");
}

#[test]
fn a_record_may_not_choose_a_table_freely() {
    for template in ["{table}", "{header.kind}{key}"] {
        let text = refusal(&format!(r#"{{"template": "{template}"}}"#));
        assert!(text.starts_with("`template` takes all of a table's name from the record"), "{text}");
        let mapped = format!(r#"{{"template": "{template}", "map": {{"trade": "TRADES"}}}}"#);
        Bench::<Route>::with_tables(&mapped, &TABLES).map(drop).unwrap();
    }
    for template in ["{topic}", "T_{table}"] {
        Bench::<Route>::with_tables(&format!(r#"{{"template": "{template}"}}"#), &TABLES).map(drop).unwrap();
    }
}

#[test]
fn a_table_that_is_not_allowed_is_found_at_start_where_it_is_named() {
    let text = refusal(r#"{"template": "{e}", "map": {"trade": "TRADES", "depth": "DEPHT"}}"#);
    assert_eq!(text, "`map.depth` is `DEPHT`, which is not among the pipeline's `more_tables`: KLINE_1M, TRADES, REST");
    let text = refusal(r#"{"template": "{e}", "map": {"trade": "TRADES"}, "default": "rest"}"#);
    assert!(text.starts_with("`default` is `rest`, which is not among"), "{text}");
    let text = refusal(r#"{"template": "A_{e}", "default": "REST"}"#);
    assert!(text.starts_with("`default` is for texts that are not in `map`"), "{text}");
}

#[test]
fn the_schema_is_what_the_options_say() {
    snowgate_plugin::testing::assert_schema::<Route>("config.schema.json");
}

#[test]
fn the_cases_come_out_as_they_are_written() {
    snowgate_plugin::testing::cases::<Route>("tests");
}
