use super::*;
use base64::Engine as _;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;

/// A value of the corpus that the loader and the stand-in Snowflake are both held to.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    text: Option<String>,
    base64: Option<String>,
    pub(crate) expected: String,
    columns: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    pub(crate) line_breaks: bool,
}

impl Case {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match (&self.text, &self.base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(base64)) => base64::engine::general_purpose::STANDARD.decode(base64).unwrap(),
            _ => panic!("{}: one of text and base64", self.name),
        }
    }

    pub(crate) fn expected_in_columns(&self) -> &str {
        self.columns.as_ref().unwrap_or(&self.expected)
    }
}

pub(crate) fn corpus() -> Vec<Case> {
    #[derive(serde::Deserialize)]
    struct Corpus {
        cases: Vec<Case>,
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/json_corpus.json");
    let corpus: Corpus = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(corpus.cases.len() > 100, "the corpus is there");
    corpus.cases
}

fn verdict(bytes: &[u8]) -> Result<Document, JsonError> {
    Validator::new(KeyRule::Exact).validate(bytes)
}

fn reason(bytes: &[u8]) -> &'static str {
    verdict(bytes).map_or_else(|error| error.reason.code(), |_| "ok")
}

#[test]
fn the_corpus_is_judged_as_it_says() {
    let mut validator = Validator::new(KeyRule::Exact);
    for case in corpus() {
        let bytes = case.bytes();
        match validator.validate(&bytes) {
            Ok(document) => {
                assert_eq!(case.expected, "ok", "{}", case.name);
                assert_eq!(Some(format!("{:?}", document.kind).to_lowercase()), case.kind, "{}", case.name);
                assert_eq!(document.line_breaks, case.line_breaks, "{}", case.name);
                assert_eq!(&bytes[document.start..document.end], bytes.trim_ascii(), "{}", case.name);
            }
            Err(error) => {
                assert_eq!(case.expected, error.reason.code(), "{}", case.name);
                assert!(error.position <= bytes.len(), "{}", case.name);
            }
        }
    }
}

#[test]
fn a_verdict_does_not_depend_on_where_the_document_lies_in_its_blocks() {
    for case in corpus().into_iter().filter(|case| case.expected != "byte_order_mark") {
        let bytes = case.bytes();
        for shift in 0..70 {
            let mut shifted = vec![b' '; shift];
            shifted.extend_from_slice(&bytes);
            assert_eq!(reason(&shifted), case.expected, "{} after {shift} blanks", case.name);
            let expected = verdict(&bytes).map_or_else(|error| error.position, |document| document.start);
            let found = verdict(&shifted).map_or_else(|error| error.position, |document| document.start);
            assert_eq!(found, expected + shift, "{} after {shift} blanks", case.name);
        }
    }
}

#[test]
fn no_document_cut_short_passes() {
    for case in corpus().into_iter().filter(|case| case.expected == "ok" && case.kind.as_deref() != Some("number")) {
        let bytes = case.bytes();
        let document = verdict(&bytes).unwrap();
        for end in document.start..document.end {
            assert!(verdict(&bytes[..end]).is_err(), "{} up to {end}", case.name);
        }
    }
}

#[test]
fn errors_say_what_and_where_but_not_what_stands_there() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "the value is empty (byte 0)"),
        (b"{\"card\": 4111,}", "the value is not JSON (byte 14)"),
        (b"{\"card\": \"4111\n\"}", "a raw control byte stands in a string (byte 14)"),
        (b"{\"card\": 1, \"card\": 2}", "an object has a key twice (byte 13)"),
        (b"{\"card\": \"\xff\"}", "the value is not valid UTF-8 (byte 10)"),
    ];
    for (bytes, text) in cases {
        assert_eq!(verdict(bytes).unwrap_err().to_string(), text);
    }
}

#[test]
fn a_validator_forgets_one_document_before_the_next() {
    let mut validator = Validator::new(KeyRule::Columns);
    for _ in 0..3 {
        assert!(validator.validate(br#"{"a": {"bc": 1, "d": "#).is_err());
        assert!(validator.validate(br#"{"a": 1, "bc": 2, "d": {"a": 1}}"#).is_ok());
        assert!(validator.validate(br#"{"a": 1, "A": 2}"#).is_err());
    }
}

#[test]
fn very_many_keys_are_compared_in_bearable_time() {
    // A square of these would be 2 × 10^11 comparisons: minutes, not a moment.
    let mut object = String::from("{");
    for i in 0..400_000 {
        object.push_str(&format!("\"key{i}\":0,"));
    }
    assert_eq!(reason(format!("{object}\"last\":0}}").as_bytes()), "ok");
    assert_eq!(reason(format!("{object}\"key399999\":0}}").as_bytes()), "duplicate_key");
    assert_eq!(reason(format!("{object}\"key0\":0}}").as_bytes()), "duplicate_key");
}

#[test]
fn keys_made_to_share_a_fingerprint_are_still_told_apart() {
    // Equal first and last eight bytes and equal length; only the middle differs.
    let keys: Vec<String> = (0..3_000).map(|i| format!("\"aaaaaaaa{i:06}zzzzzzzz\":0")).collect();
    assert_eq!(reason(format!("{{{}}}", keys.join(",")).as_bytes()), "ok");
    assert_eq!(reason(format!("{{{},{}}}", keys.join(","), keys[1234]).as_bytes()), "duplicate_key");
    assert_eq!(reason(format!("{{{}}}", keys[..20].join(",")).as_bytes()), "ok");
}

/// A second opinion: serde_json's reading of a document, with keys that occur twice refused.
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Strict;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_unit<E>(self) -> Result<Strict, E> {
                Ok(Strict)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
                while items.next_element::<Strict>()?.is_some() {}
                Ok(Strict)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
                let mut seen = HashSet::new();
                while let Some((key, Strict)) = members.next_entry::<String, Strict>()? {
                    if !seen.insert(key) {
                        return Err(A::Error::custom("twice"));
                    }
                }
                Ok(Strict)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn any_json() -> impl Strategy<Value = String> {
    let escaped = Just("\\u0061".to_owned());
    let key = prop_oneof![3 => "[a-cA-C]", 2 => "[a-b]{2,3}", 1 => "key_[a-b]{5,7}", 1 => escaped, 1 => "[é\\\\/]{0,2}"];
    let key = key.prop_map(|key| if key.starts_with("\\u") { key } else { key.replace('\\', "\\\\") });
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?",
        "\"[a-zé😀 \u{2028}]{0,12}\"",
        "\"([a-z]|\\\\[nrt\"/bf]|\\\\u00e9|\\\\ud83d\\\\ude00){0,40}\"",
    ];
    let (comma, colon) = (select(vec![",", ", ", " ,\n"]), select(vec![":", ": ", " :\t "]));
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let member = (key.clone(), colon.clone(), inner.clone()).prop_map(|(key, colon, value)| format!("\"{key}\"{colon}{value}"));
        prop_oneof![
            2 => (proptest::collection::vec(member, 0..7), comma.clone()).prop_map(|(m, comma)| format!("{{{}}}", m.join(comma))),
            1 => (proptest::collection::vec(inner, 0..5), comma.clone()).prop_map(|(i, comma)| format!("[{}]", i.join(comma))),
        ]
    })
}

fn any_damage() -> impl Strategy<Value = (Index, usize, Vec<u8>)> {
    let pieces: Vec<&[u8]> = vec![
        b"",
        b"\"",
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\\udc00",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b" ",
        b"\n",
        b"\x00",
        b"\x1f",
        b"0",
        b"1e",
        b"-",
        b".",
        b"\xff",
        "é".as_bytes(),
        b", \"a\": ",
        b", \"a\": 1",
        b"\"a\":1,",
        b"null",
        b"nul",
        b"t",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"1",
    ];
    (any::<Index>(), 0..3usize, select(pieces).prop_map(<[u8]>::to_vec))
}

/// Another key, or another one's place; and damage to the bytes.
type Edit = ((u8, Index, Index), Option<(Index, usize, Vec<u8>)>);

/// Rows of a topic: mostly the same keys, written the same way, and now and then something else.
fn alike() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let keys = prop_oneof![
        2 => "[a-d]{1,2}",
        4 => select(vec!["open_time", "close_time", "symbol", "x", "X", "", "RECORD_METADATA", "é", "a_very_long_name_for_a_column"])
            .prop_map(str::to_owned),
        2 => "[a-z]{3}_[a-z]{0,24}",
        1 => select(vec!["\\u0061", "b\\n", "\\\"q"]).prop_map(str::to_owned),
    ];
    let scalar = || select(vec!["1", "-2.50", "17", "0", "true", "false", "null", "\"text\"", "\"\"", "\"é\"", "\"\\n\""]);
    let nested = select(vec![
        ("{\"a\": ", ", \"b\":", "}"),
        ("{\"a\": ", ", \"a\":", "}"),
        ("{\"k\": {\"t\": ", ",\"RECORD_METADATA\":", "}}"),
        ("{\n \"k\": {\"t\": ", "}, \"u\":{}, \"v\":", "\n}"),
        ("[", ",{\"x\":\"}\"},", "]"),
        ("[[],\n", ",\"]\",[", "]]"),
    ]);
    let nested = (nested, scalar(), scalar()).prop_map(|((open, between, close), a, b)| format!("{open}{a}{between}{b}{close}"));
    let value = move || prop_oneof![2 => scalar().prop_map(str::to_owned), 1 => nested.clone()];
    let (comma, colon) = (select(vec![",", ", ", " ,", ",\n"]), select(vec![":", ": ", " :", ":\t"]));
    let edit = || {
        prop_oneof![
            6 => Just(None),
            4 => (0..5u8, any::<Index>(), any::<Index>()).prop_map(|edit| Some((edit, None))),
            2 => any_damage().prop_map(|damage| Some((5, damage.0, damage.0)).zip(Some(Some(damage)))),
        ]
    };
    let rows = proptest::collection::vec((edit(), proptest::collection::vec(value(), 1..12)), 2..9);
    (proptest::collection::vec(keys, 1..80), any::<bool>(), comma, colon, rows).prop_map(|(mut keys, once, comma, colon, rows)| {
        if once {
            let mut seen = HashSet::new();
            keys.retain(|key| seen.insert(key.to_ascii_lowercase()));
            keys.truncate(70);
        }
        let row = |(edit, values): (Option<Edit>, Vec<String>)| {
            let (mut keys, mut comma) = (keys.clone(), comma);
            if let Some(((kind, one, other), _)) = &edit {
                let (one, other) = (one.index(keys.len()), other.index(keys.len()));
                match kind {
                    0 => drop(keys.remove(one)),
                    1 => keys[one] = keys[other].clone(),
                    2 => keys[one] = keys[other].to_ascii_uppercase(),
                    3 => keys.insert(one, "one_more".to_owned()),
                    4 => comma = ",  ",
                    _ => {}
                }
            }
            let members = keys.iter().zip(values.iter().cycle()).map(|(key, value)| format!("\"{key}\"{colon}{value}"));
            let mut bytes = format!("{{{}}}", members.collect::<Vec<_>>().join(comma)).into_bytes();
            if let Some((_, Some((at, removed, inserted)))) = edit {
                let at = at.index(bytes.len() + 1);
                let end = (at + removed).min(bytes.len());
                bytes.splice(at..end, inserted);
            }
            bytes
        };
        rows.into_iter().map(row).collect()
    })
}

#[test]
fn rows_with_the_keys_of_the_row_before_are_followed() {
    let mut validator = Validator::new(KeyRule::Columns);
    let row = |n: u32| {
        let many = vec![n.to_string(); n as usize].join(",");
        format!("{{\"open_time\":{n},\"close_price\":\"{n}\",\"is_closed\":true,\"nested\":{{\"a\":[{many}],\"b\":{{}}}}}} ")
    };
    for n in 0..3 {
        validator.validate(row(n).as_bytes()).unwrap();
        assert_eq!(validator.follow(row(n + 1).as_bytes()).map(|document| document.end), Some(row(n + 1).len() - 1), "{n}");
    }
    // The same key twice, where the second stands in for another.
    let twice = row(3).replace("is_closed", "open_time");
    assert_eq!(validator.validate(twice.as_bytes()).unwrap_err().reason, Reason::DuplicateKey);
    let by_case = row(3).replace("is_closed", "OPEN_TIME");
    assert_eq!(validator.validate(by_case.as_bytes()).unwrap_err().reason, Reason::AmbiguousKey);
    let renamed = row(4).replace("is_closed", "is_open");
    assert!(validator.follow(renamed.as_bytes()).is_none());
    validator.validate(renamed.as_bytes()).unwrap();
    assert!(validator.follow(renamed.as_bytes()).is_some(), "the new shape is learnt at once");
    assert!(validator.follow(row(5).as_bytes()).is_none());
    let reserved = row(6).replace("nested", "record_metadata");
    assert!(validator.validate(reserved.as_bytes()).unwrap().reserved_key.is_some());
}

#[test]
fn what_is_remembered_of_a_document_is_bounded() {
    let mut validator = Validator::new(KeyRule::Exact);
    let empty: String = (0..200).map(|n| format!(",\"k{n}\":{{}}")).collect();
    let long = "k".repeat(2_000);
    let values: String = (0..600).map(|n| format!(",\"k{n}\":0")).collect();
    for document in [format!("{{\"a\":1{empty}}}"), format!("{{\"{long}\":1}}"), format!("{{\"a\":1{values}}}")] {
        for _ in 0..3 {
            assert_eq!(validator.validate(document.as_bytes()).unwrap().kind, Kind::Object);
            assert!(validator.follow(document.as_bytes()).is_none());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_documents_are_judged_as_serde_json_judges_them(
        text in any_json(),
        shift in 0..70usize,
        damage in proptest::collection::vec(any_damage(), 0..3),
    ) {
        let mut bytes = vec![b' '; shift];
        bytes.extend_from_slice(text.as_bytes());
        for (at, removed, inserted) in damage {
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, inserted);
        }
        let found = verdict(&bytes);
        match serde_json::from_slice::<Strict>(&bytes) {
            // Where numbers end, serde_json gives up and says nothing about the rest.
            Err(error) if error.to_string().starts_with("number out of range") => {}
            expected => prop_assert_eq!(found.is_ok(), expected.is_ok(), "{:?} {}", found, bytes.escape_ascii()),
        }
    }

    #[test]
    fn what_was_seen_before_changes_no_verdict(rows in alike(), order in proptest::collection::vec(any::<Index>(), 4..24), columns: bool) {
        let rule = if columns { KeyRule::Columns } else { KeyRule::Exact };
        let mut validator = Validator::new(rule);
        for row in order.iter().map(|index| index.get(&rows)) {
            prop_assert_eq!(validator.validate(row), Validator::new(rule).validate(row), "{}", row.escape_ascii());
        }
    }

    #[test]
    fn what_passes_stays_the_same_document_without_its_blanks(text in any_json()) {
        if let Ok(document) = verdict(text.as_bytes()) {
            let mut stripped = Vec::new();
            copy_without_blanks(&text.as_bytes()[document.start..document.end], &mut stripped);
            prop_assert!(!stripped.iter().any(|byte| *byte < 0x20));
            let after = verdict(&stripped).unwrap();
            prop_assert_eq!((after.kind, after.line_breaks), (document.kind, false));
            let (before, after): (serde_json::Value, serde_json::Value) =
                (serde_json::from_str(&text).unwrap(), serde_json::from_slice(&stripped).unwrap());
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), rule in any::<bool>()) {
        let rule = if rule { KeyRule::Columns } else { KeyRule::Exact };
        if Validator::new(rule).validate(&bytes).is_ok() {
            prop_assert!(serde_json::from_slice::<IgnoredAny>(&bytes).is_ok());
        }
    }

    #[test]
    fn a_reserved_key_is_found_in_any_spelling(
        upper in proptest::collection::vec(any::<bool>(), 15),
        escaped in proptest::collection::vec(any::<bool>(), 15),
        before in "[a-z]{0,70}",
    ) {
        let mut key = String::new();
        for (index, letter) in METADATA_COLUMN.chars().enumerate() {
            let letter = if upper[index] { letter } else { letter.to_ascii_lowercase() };
            if escaped[index] { key.push_str(&format!("\\u{:04x}", letter as u32)) } else { key.push(letter) }
        }
        let text = format!("{{\"x{before}\": 1, \"{key}\": 2, \"data\": {{}}}}");
        prop_assert_eq!(verdict(text.as_bytes()).unwrap().reserved_key, Some(before.len() + 10));
        let nested = format!("{{\"data\": {{\"{key}\": 2}}}}");
        prop_assert_eq!(verdict(nested.as_bytes()).unwrap().reserved_key, None);
    }
}
