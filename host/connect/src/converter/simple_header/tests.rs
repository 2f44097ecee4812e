use super::*;
use crate::rows;
use crate::settings::Line;

/// As a row of version 3 would show it.
fn shown(text: &str) -> String {
    let mut out = Vec::new();
    rows::write(Line::V3File, &infer(text), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn is_text(text: &str) -> bool {
    infer(text).value == Value::String(text.to_owned())
}

#[test]
fn a_part_of_a_text_is_never_taken_for_the_whole() {
    for text in
        ["12,foo", "1:2", "true,false", "[1] x", "{\"a\":1}}", "2021-12-05,x", "12:30", "null,1", "2021-12-05T23:41:00.123Z!"]
    {
        assert!(is_text(text), "{text}: {:?}", infer(text));
    }
}

#[test]
fn what_is_no_date_is_text() {
    for text in [
        "2021-13-05",
        "2021-02-30",
        "24:00:00.000Z",
        "2021-12-05T25:41:00.123Z",
        "123456789x",
        "é-12-05é",
        "20211205T2341001230000000",
    ] {
        assert!(is_text(text), "{text}: {:?}", infer(text));
    }
    assert_eq!(infer("1969-12-31").value, Value::Date(-86_400_000));
    assert_eq!(shown("2021-12-05T23\\:41\\:00.123Z"), "\"1638747660123\"");
}

#[test]
fn dates_are_found_in_lists_and_maps_too() {
    assert_eq!(shown("[\"2021-12-05\", 2021-12-06]"), r#"["2021-12-05T00:00:00.000Z","2021-12-06T00:00:00.000Z"]"#);
    assert_eq!(shown("{\"t\": 23:41:00.123Z, \"n\": 1}"), r#"{"t":"23:41:00.123+0000","n":1}"#);
}

#[test]
fn members_are_widened_to_what_holds_them_all() {
    assert_eq!(infer("[1, 300, -70000]").value, Value::List(vec![Value::Int32(1), Value::Int32(300), Value::Int32(-70000)]));
    assert_eq!(shown("[1, 0.1, 123456789.123]"), "[1.0,0.1,1.23456789123E8]");
    assert_eq!(shown("[1, null, \"a\"]"), r#"[1,null,"a"]"#);
    assert_eq!(shown("[16777217, 0.5]"), "[16777217,0.5]");
}

#[test]
fn of_a_key_twice_the_last_value_counts() {
    assert_eq!(shown("{a:1}"), "\"{a:1}\"");
    assert_eq!(shown("{\"a\":1,\"a\":2}"), r#"{"a":2}"#);
}

#[test]
fn lists_within_lists_end_somewhere() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(!is_text(&deep(100)));
    assert!(is_text(&deep(101)));
    assert!(is_text(&"[".repeat(1_000_000)));
}

#[test]
fn broken_lists_and_maps_are_text() {
    for text in ["[", "[1", "[1,", "[1 2]", "[,1]", "{", "{1", "{1:", "{1:2", "{null:1}", "[x]", "[\"a]", "]", "}", ","] {
        assert!(is_text(text), "{text}: {:?}", infer(text));
    }
}
