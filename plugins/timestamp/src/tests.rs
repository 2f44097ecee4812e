//! What `timestamp` makes of records. More of it stands in `tests/`.

use super::*;
use snowgate_plugin::testing::{self, Bench, Outcome};

fn bench(config: &str) -> Bench<Timestamp> {
    Bench::new(config).unwrap()
}

const IN_PLACE: &str = r#""fields": [{"field": "d.E", "from": "unix_ms", "to": "iso8601"}]"#;

#[test]
fn only_the_named_fields_change() {
    let mut plugin = bench(&format!("{{{IN_PLACE}}}"));
    let value = r#"{"p":1.50,"d":{"E":1638747660123,"x":[1, 2]},"s":"\u00e9"}"#;
    assert_eq!(plugin.value(value).text(), r#"{"p":1.50,"d":{"E":"2021-12-05T23:41:00.123Z","x":[1, 2]},"s":"\u00e9"}"#);
    let mut beside = bench(r#"{"fields": [{"field": "d.E", "from": "unix_ms", "to": "unix_s", "into": "at.second"}]}"#);
    assert_eq!(beside.value(r#"{"d":{"E":1638747660123}}"#).text(), r#"{"d":{"E":1638747660123},"at":{"second":1638747660}}"#);
}

#[test]
fn conversions_come_one_after_another() {
    let mut plugin = bench(
        r#"{"offset": "-05:00", "fields": [
            {"field": "t", "from": "%d.%m.%Y %H:%M", "to": "iso8601"},
            {"field": "t", "from": "iso8601", "to": "unix_us", "into": "u"}]}"#,
    );
    assert_eq!(plugin.value(r#"{"t":"05.12.2021 18:41"}"#).text(), r#"{"t":"2021-12-05T18:41:00-05:00","u":1638747660000000}"#);
}

#[test]
fn the_operator_says_what_becomes_of_what_is_no_time() {
    let wrong = r#"{"d":{"E":"soon"}}"#;
    assert_eq!(bench(&format!("{{{IN_PLACE}}}")).value(wrong).why(), "`d.E` is neither a number nor text that is one");
    assert_eq!(bench(&format!(r#"{{{IN_PLACE}, "on_error": "keep"}}"#)).value(wrong), Outcome::Kept);
    assert_eq!(bench(&format!(r#"{{{IN_PLACE}, "on_error": "null"}}"#)).value(wrong).text(), r#"{"d":{"E":null}}"#);
    let mut blocked = bench(r#"{"fields": [{"field": "E", "from": "unix_s", "to": "iso8601", "into": "E.iso"}]}"#);
    assert_eq!(blocked.value(r#"{"E":1}"#).why(), "nothing can be put at `E.iso`, for something on the way is not an object");
}

#[test]
fn the_operator_says_what_becomes_of_a_missing_time() {
    for missing in ["{}", r#"{"d":{"E":null}}"#, r#"{"d":7}"#] {
        assert_eq!(bench(&format!("{{{IN_PLACE}}}")).value(missing).why(), "`d.E` is missing or null", "{missing}");
        assert_eq!(bench(&format!(r#"{{{IN_PLACE}, "on_missing": "skip"}}"#)).value(missing), Outcome::Kept, "{missing}");
    }
}

#[test]
fn a_tombstone_is_kept_and_what_is_no_object_rejected() {
    let mut plugin = bench(&format!("{{{IN_PLACE}}}"));
    assert_eq!(plugin.records(&[(None, None)]), [Outcome::Kept]);
    assert_eq!(plugin.value("[1]").why(), "the value is not a JSON object");
}

#[test]
fn a_wrong_configuration_says_what_would_be_right() {
    let why = |config: &str| Bench::<Timestamp>::new(config).err().unwrap();
    let field = |from: &str, to: &str| format!(r#"{{"fields": [{{"field": "t", "from": "{from}", "to": "{to}"}}]}}"#);
    assert!(why("{\"fields\": []}").starts_with("give `fields` at least one conversion"));
    assert_eq!(
        why(&format!(r#"{{{IN_PLACE}, "offset": "Europe/Berlin"}}"#)),
        "`offset` is `Europe/Berlin`, and should be an offset from UTC such as `+02:00`"
    );
    assert!(why(&field("millis", "unix_s")).starts_with("`millis` is no format: there are `unix_s`"));
    assert!(why(&field("%H:%M", "unix_s")).starts_with("`from` of `t`: `%H:%M` does not say a time"));
    assert!(why(&field("unix_s", "%J")).starts_with("`to` of `t`: `%J` has a `%` that stands for nothing"));
    assert!(why(r#"{"fields": [], "zone": "x"}"#).starts_with("unknown field `zone`, expected one of `fields`, `offset`"));
}

#[test]
fn the_cases_hold() {
    testing::cases::<Timestamp>("tests");
}

#[test]
fn the_schema_is_what_the_options_say() {
    testing::assert_schema::<Timestamp>("config.schema.json");
}
