//! Every predicate against what the original class does.

use super::{CLASSES, Predicate, definition};
use crate::smt::tests::vectors::{File, Outcome, config};

fn run(name: &str, count: usize) {
    let file = File::read(&format!("predicate-{name}"));
    let mut different = Vec::new();
    for vector in &file.vectors {
        let outcome = match Predicate::configure(&vector.class, &vector.config) {
            Err(error) => Outcome::configure_error(error),
            Ok(predicate) => Outcome::Tested(predicate.test(&vector.input)),
        };
        if outcome != vector.expected {
            different.push(format!("{}: expected {:?}, got {outcome:?}", vector.id, vector.expected));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(file.vectors.len(), count);
    assert_eq!(file.shown_keys(definition(&file.class).expect("a definition")), file.keys);
}

#[test]
fn has_header_key_does_as_the_original() {
    run("HasHeaderKey", 7);
}

#[test]
fn record_is_tombstone_does_as_the_original() {
    run("RecordIsTombstone", 6);
}

#[test]
fn topic_name_matches_does_as_the_original() {
    run("TopicNameMatches", 10);
}

#[test]
fn a_missing_pattern_is_checked_as_null_when_everything_is_checked() {
    let key = definition(CLASSES[2]).expect("a definition").remove(0);
    assert_eq!(
        key.check(&config(&[])).errors,
        [
            "Missing required configuration \"pattern\" which has no default value.",
            "Invalid value null for configuration pattern: Invalid regex: Cannot invoke \"String.isEmpty()\" because \"this.pattern\" is null",
        ]
    );
}
