//! Every transform against what the original class does, vector by vector, and the surprising ones by name.

mod surprises;
pub(crate) mod vectors;

use vectors::{File, Outcome};

use super::{CLASSES, Transform, definition};

/// Vectors whose error we word differently, and why.
const OTHER_WORDS: [(&str, &str); 2] = [
    // The original prints the whole record, key and value included; we say which record it is.
    ("TimestampRouter", "no-timestamp"),
    // The original prints a Java object's identity; we print the field's name.
    ("InsertField", "static-without-value"),
];

/// Vectors in which we do otherwise, so that no part of the data is lost without a word, and why.
const KEPT: [(&str, &str); 4] = [
    // 30 digits become a float of 7; we keep them all, as a decimal.
    ("InsertHeader", "literal-1.23456789012345678901234567890"),
    // JSON without a schema has decimals here where a double would lose digits, so they are numbers like any other.
    ("Cast", "decimal-schemaless-to-string"),
    ("Cast", "decimal-schemaless-to-int32"),
    ("Flatten", "bytes-decimal-date-schemaless"),
];

fn run(name: &str, count: usize) {
    let file = File::read(name);
    let mut different = Vec::new();
    for vector in &file.vectors {
        let outcome = match Transform::configure(&vector.class, &vector.config) {
            Err(error) => Outcome::configure_error(error),
            Ok(transform) => Outcome::of_apply(transform.apply(vector.input.clone())),
        };
        let id = (name, vector.id.as_str());
        let same = match OTHER_WORDS.contains(&id) {
            true => outcome.is_same_kind(&vector.expected),
            // An accepted difference that is none any more is one to strike from the list.
            false => (outcome == vector.expected) != KEPT.contains(&id),
        };
        if !same {
            different.push(format!("{}\n    expected {:?}\n    got      {:?}", vector.id, vector.expected, outcome));
        }
    }
    assert!(different.is_empty(), "{} of {} differ:\n{}", different.len(), file.vectors.len(), different.join("\n"));
    assert_eq!(file.vectors.len(), count);
}

macro_rules! as_the_original {
    ($($test:ident: $name:literal, $count:literal;)*) => {
        $(#[test] fn $test() { run($name, $count); })*

        #[test]
        fn the_vectors_are_1025_of_16_transforms() {
            let counts = [$($count),*];
            assert_eq!((counts.len(), counts.iter().sum::<usize>()), (16, 1025));
        }

        #[test]
        fn the_keys_of_every_transform_are_those_of_the_original() {
            for name in [$($name),*] {
                let file = File::read(name);
                assert_eq!(file.shown_keys(definition(&file.class).expect(name)), file.keys, "{name}");
            }
        }
    };
}

as_the_original! {
    cast_does_as_the_original: "Cast", 437;
    drop_headers_does_as_the_original: "DropHeaders", 7;
    extract_field_does_as_the_original: "ExtractField", 44;
    filter_does_as_the_original: "Filter", 3;
    flatten_does_as_the_original: "Flatten", 29;
    header_from_does_as_the_original: "HeaderFrom", 37;
    hoist_field_does_as_the_original: "HoistField", 18;
    insert_field_does_as_the_original: "InsertField", 50;
    insert_header_does_as_the_original: "InsertHeader", 40;
    mask_field_does_as_the_original: "MaskField", 68;
    regex_router_does_as_the_original: "RegexRouter", 20;
    replace_field_does_as_the_original: "ReplaceField", 37;
    set_schema_metadata_does_as_the_original: "SetSchemaMetadata", 14;
    timestamp_converter_does_as_the_original: "TimestampConverter", 188;
    timestamp_router_does_as_the_original: "TimestampRouter", 16;
    value_to_key_does_as_the_original: "ValueToKey", 17;
}

#[test]
fn every_class_has_a_definition_and_others_have_none() {
    assert!(CLASSES.iter().all(|class| definition(class).is_some()));
    for class in ["org.apache.kafka.connect.transforms.Cast", "org.apache.kafka.connect.transforms.Filter$Value", "Cast$Value"] {
        assert!(definition(class).is_none(), "{class}");
        assert!(Transform::configure(class, &vectors::config(&[])).is_err(), "{class}");
    }
}

#[test]
fn a_regex_router_changes_the_topic_alone_and_a_timestamp_router_by_the_record() {
    let configured = |class: &str, config| Transform::configure(class, &vectors::config(config)).expect(class);
    let regex = configured("org.apache.kafka.connect.transforms.RegexRouter", &[("regex", ".*"), ("replacement", "x")]);
    let timestamp = configured("org.apache.kafka.connect.transforms.TimestampRouter", &[]);
    let filter = configured("org.apache.kafka.connect.transforms.Filter", &[]);
    assert_eq!([&regex, &timestamp, &filter].map(Transform::topic_only), [true, false, false]);
    assert_eq!([&regex, &timestamp, &filter].map(Transform::topic_depends_on_record), [false, true, false]);
}
