//! Random records through random steps.

use proptest::prelude::*;

use super::*;
use crate::java_number::double_text;

static NAMES: [&str; 12] = ["a", "b", "c", "a_b", "a.b", "", "_", "é", "\"", "\\n", "\n", "long name"];
static TYPES: [&str; 8] = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

/// A name that can stand in a list: no comma, no colon, no blanks at its ends.
fn listed() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "a_b", "a.b", "é", "\"", "new", "all"]).prop_map(str::to_owned)
}

fn names() -> impl Strategy<Value = String> {
    prop::collection::vec(listed(), 1..4).prop_map(|names| names.join(","))
}

/// A text as JSON, its letters escaped in one of the ways there are.
fn quoted(text: &str, escapes: u8) -> String {
    let letter = |(index, letter): (usize, char)| match letter {
        '"' | '\\' => format!("\\{letter}"),
        '/' if escapes & 1 == 1 => "\\/".to_owned(),
        '\u{8}' if escapes & 1 == 1 => "\\b".to_owned(),
        '\n' if escapes & 1 == 1 => "\\n".to_owned(),
        _ if letter < ' ' || (escapes & 2 == 2 && index % 3 == 0) => {
            letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        _ => letter.to_string(),
    };
    format!("\"{}\"", text.chars().enumerate().map(letter).collect::<String>())
}

/// Numbers as the full road writes them.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i8>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        "[1-9][0-9]{20,30}",
        (any::<i32>(), 1..5i32).prop_map(|(number, places)| double_text(f64::from(number) / 10f64.powi(places) + 0.0)),
        prop::num::f64::NORMAL.prop_map(double_text),
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => number(),
        2 => (any::<String>(), any::<u8>()).prop_map(|(text, escapes)| quoted(&text, escapes)),
        2 => (number(), any::<u8>()).prop_map(|(text, escapes)| quoted(&text, escapes)),
        1 => prop::sample::select(vec!["true", "false", "null", "\"true\"", "\"TRUE\"", "\" 7 \"", "\"NaN\"", "\"x\""]).prop_map(str::to_owned),
    ]
}

fn joined(parts: Vec<String>, ends: [&str; 2], blanks: &str) -> String {
    let [open, close] = ends;
    format!("{open}{blanks}{}{blanks}{close}", parts.join(&format!("{blanks},{blanks}")))
}

/// Any value. Names come twice now and then, on purpose.
fn document() -> impl Strategy<Value = String> {
    let blanks = prop::sample::select(vec!["", "", " ", " \n\t"]);
    let object = |inner: BoxedStrategy<String>| {
        let member = (name(), any::<u8>(), inner);
        (prop::collection::vec(member, 0..6), prop::sample::select(vec!["", "", " ", "\r\n"])).prop_map(|(members, blanks)| {
            let member =
                |(name, escapes, value): (String, u8, String)| format!("{}{blanks}:{blanks}{value}", quoted(&name, escapes));
            joined(members.into_iter().map(member).collect(), ["{", "}"], blanks)
        })
    };
    let value = scalar().prop_recursive(3, 32, 5, move |inner| {
        let blanks = blanks.clone();
        prop_oneof![
            1 => (prop::collection::vec(inner.clone(), 0..4), blanks).prop_map(|(items, blanks)| joined(items, ["[", "]"], blanks)),
            2 => object(inner.boxed()),
        ]
    });
    object(value.boxed())
}

fn transform() -> impl Strategy<Value = Step> {
    let cast = (listed(), prop::sample::select(&TYPES[..])).prop_map(|(name, target)| format!("{name}:{target}"));
    let casts = prop_oneof![
        4 => prop::collection::vec(cast, 1..4).prop_map(|casts| casts.join(",")),
        1 => prop::sample::select(&TYPES[..]).prop_map(str::to_owned),
    ];
    let renames = prop::collection::vec((listed(), listed()), 1..3)
        .prop_map(|pairs| pairs.iter().map(|(old, new)| format!("{old}:{new}")).collect::<Vec<_>>().join(","));
    let insert = (listed(), prop::sample::select(vec!["topic.field", "partition.field", "offset.field", "timestamp.field"]));
    prop_oneof![
        prop::sample::select(vec!["_", ".", "", "--", "é", "\""])
            .prop_map(|delimiter| step("Flatten$Value", &[("delimiter", delimiter)])),
        names().prop_map(|names| replace(&[("include", &names)])),
        names().prop_map(|names| replace(&[("exclude", &names)])),
        renames.prop_map(|renames| replace(&[("renames", &renames)])),
        casts.prop_map(|casts| cast_of(&casts)),
        insert.prop_map(|(name, what)| step("InsertField$Value", &[(what, &name)])),
        (listed(), any::<String>())
            .prop_map(|(name, text)| step("InsertField$Value", &[("static.field", &name), ("static.value", &text)])),
        names().prop_map(|names| step("MaskField$Value", &[("fields", &names)])),
        names().prop_map(|names| step("MaskField$Value", &[("fields", &names), ("replacement", "17")])),
        listed().prop_map(|name| step("ExtractField$Value", &[("field", &name)])),
        listed().prop_map(|name| step("ExtractField$Value", &[("field", &name), ("field.syntax.version", "V2")])),
        listed().prop_map(|name| step("HoistField$Value", &[("field", &name)])),
        Just(step("InsertHeader", &[("header", "h"), ("value.literal", "7")])),
        Just(step("DropHeaders", &[("headers", "h,i")])),
        Just(step("RegexRouter", &[("regex", "t"), ("replacement", "orders")])),
        Just(step("Filter", &[])),
    ]
}

fn cast_of(spec: &str) -> Step {
    step("Cast$Value", &[("spec", spec)])
}

fn any_step() -> impl Strategy<Value = Step> {
    (transform(), any::<bool>(), 0..10).prop_map(|(step, negate, predicate)| {
        let filters = &*step.class == "org.apache.kafka.connect.transforms.Filter";
        match predicate {
            0 => when("RecordIsTombstone", &[], negate, step),
            1 => when("TopicNameMatches", &[("pattern", "orders")], negate, step),
            2 => when("HasHeaderKey", &[("name", "h")], negate, step),
            _ if filters => when("HasHeaderKey", &[("name", "h")], negate, step),
            _ => step,
        }
    })
}

fn chain() -> impl Strategy<Value = RoadSettings> {
    let line = prop::sample::select(vec![Line::V3File, Line::V3Streaming, Line::V4]);
    (prop::collection::vec(any_step(), 1..5), line).prop_map(|(steps, line)| RoadSettings { line, ..settings(steps) })
}

/// What the writer makes of what was written: numbers have the text of their value.
fn normal(value: &[u8]) -> Vec<u8> {
    let value = read_json(value, Reading::PLAIN).unwrap().unwrap();
    let mut out = Vec::new();
    rows::write(Line::V4, &SchemaAndValue { schema: None, value }, &mut out).unwrap();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1_000)))]

    #[test]
    fn the_text_road_ends_where_the_full_road_does(settings in chain(), texts in prop::collection::vec(document(), 1..3), header in any::<bool>()) {
        let mut records = RecordBatch::new(snowgate_record::TopicPartition::new("t", 2));
        for (index, text) in texts.iter().chain(&texts).enumerate() {
            if header && index % 2 == 0 {
                records.push_header(b"h", Some(b"[1, \"x\"]"));
            }
            let kind = if index % 3 == 0 { TimestampType::NotAvailable } else { TimestampType::CreateTime };
            let offset = snowgate_record::Offset::new(index as i64).unwrap();
            records.push(offset, 1_700_000_000_000, kind, Some(b"k"), Some(text.as_bytes()));
        }
        let mut road = Road::new(Arc::new(settings));
        for record in records.iter() {
            let (full, text) = by_both(&mut road, record);
            if let Some(text) = text {
                prop_assert_eq!(shown(&text), shown(&full));
            }
        }
    }

    #[test]
    fn a_number_that_keeps_its_text_has_the_same_value(
        whole in "-?(0|[1-9][0-9]{0,20})", fraction in "(\\.[0-9]{1,20})?", exponent in "([eE][+-]?[0-9]{1,3})?", settings in chain()
    ) {
        let number = format!("{whole}{fraction}{exponent}");
        let document = format!("{{\"a\": {number}, \"b\": [{number} , \"{number}\"], \"c\": {{\"b\": {number}}}}}");
        let mut road = Road::new(Arc::new(settings));
        let records = documents(&[&document]);
        let (full, text) = by_both(&mut road, records.record(0));
        if let Some(text) = text {
            prop_assert_eq!((text.dropped, text.records.len()), (full.dropped, full.records.len()));
            for (text, full) in text.records.iter().zip(full.records.iter()) {
                prop_assert_eq!(text.value().map(normal), full.value().map(normal), "{}", document);
            }
        }
    }

    #[test]
    fn no_bytes_break_the_text_road(bytes in prop::collection::vec(prop::sample::select(b"{}[]:,\"\\u0a1e.- \xc3\xa9n".to_vec()), 0..40)) {
        let mut road = Road::new(Arc::new(settings(vec![flatten()])));
        let value = [b"{\"a\":", &bytes[..], b"}"].concat();
        let records = batch(&[(None, Some(&value)), (None, Some(&bytes))]);
        for record in records.iter().chain(records.iter()) {
            let (full, text) = by_both(&mut road, record);
            if let Some(text) = text {
                prop_assert_eq!(text.records.len(), full.records.len());
            }
        }
    }
}
