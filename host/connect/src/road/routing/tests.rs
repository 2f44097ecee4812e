use super::*;
use crate::road::tests::steps::{step, when};
use crate::road::tests::{json, settings, text};
use crate::road::{Converted, Road};
use crate::settings::Line;

fn chain(steps: Vec<Step>) -> RoadSettings {
    RoadSettings { steps, ..settings(text(), json(), Line::V4) }
}

fn router(regex: &str, replacement: &str) -> Step {
    step("RegexRouter", &[("regex", regex), ("replacement", replacement)])
}

fn reached(settings: &RoadSettings, topic: &str) -> (Vec<String>, bool) {
    let Reach { topics, is_endless } = settings.reach(topic);
    (topics.iter().map(ToString::to_string).collect(), is_endless)
}

fn map() -> TopicMap {
    TopicMap::parse_v3("t-.*:T,u-.*:T,v:V").unwrap()
}

#[test]
fn every_predicate_that_looks_at_the_record_leaves_two_possible_topics() {
    let deleted = |router| when("RecordIsTombstone", &[], false, router);
    let by_topic = |router| when("TopicNameMatches", &[("pattern", "orders")], true, router);
    let settings = chain(vec![deleted(router("(.*)", "$1_gone")), by_topic(router("(.*)_.*", "$1")), deleted(router("x", "y"))]);
    // The second router takes back what the first did, and the third one's pattern fits none.
    assert_eq!(reached(&settings, "orders"), (vec!["orders".to_owned()], false));
    assert_eq!(reached(&settings, "x"), (vec!["x".to_owned(), "y".to_owned()], false));
    assert!(settings.routes_each_record());
    assert_eq!(settings.most_tables(&map()), 4);
}

#[test]
fn a_router_by_time_reaches_topics_without_end_and_leaves_the_old_one_only_behind_a_predicate() {
    let by_time = step("TimestampRouter", &[]);
    assert_eq!(reached(&chain(vec![by_time.clone()]), "t"), (Vec::new(), true));
    let conditional = chain(vec![when("HasHeaderKey", &[("name", "h")], false, by_time)]);
    assert_eq!(reached(&conditional, "t"), (vec!["t".to_owned()], true));
    assert_eq!(conditional.most_tables(&map()), 3);
}

#[test]
fn a_table_that_hangs_on_the_topic_cannot_be_named_beforehand() {
    let by_time = [step("TimestampRouter", &[])];
    assert_eq!(refusal(&by_time, &map()), None);
    let template = TopicMap::parse_v4("(t)-.*:X_$1", true).unwrap();
    let (name, message) = refusal(&by_time, &template).unwrap();
    assert_eq!(&*name, &*by_time[0].name);
    assert!(message.contains("a table of the map hangs on the topic, too"), "{message}");
    assert_eq!(refusal(&by_time, &TopicMap::parse_v4("(t)-.*:X", true).unwrap()), None);
}

/// The topics that the road finds, and each record's.
fn named(steps: Vec<Step>, records: &snowgate_record::RecordBatch) -> Vec<String> {
    let mut out = Converted::new();
    Road::new(Arc::new(chain(steps))).process(records, &mut out);
    assert_eq!(out.rejected, []);
    out.records.iter().map(|record| out.topics[usize::from(record.route())].to_string()).collect()
}

#[test]
fn both_roads_tell_each_records_topic() {
    let value = Some(&b"{\"a\":1}"[..]);
    let records = crate::road::tests::batch(&[(None, value), (None, None), (None, value), (None, None)]);
    let gone = when("RecordIsTombstone", &[], false, router("t", "gone"));
    let expected = ["t", "gone", "t", "gone"];
    assert_eq!(named(vec![gone.clone()], &records), expected);
    let full = step("HoistField$Key", &[("field", "k")]);
    assert_eq!(named(vec![full, gone], &records), expected);
    assert_eq!(named(vec![step("TimestampRouter", &[])], &records), ["t-19700101"; 4]);
    let header = when("HasHeaderKey", &[("name", "h")], false, router("t", "u"));
    assert_eq!(named(vec![header.clone()], &crate::road::tests::with_headers(b"{}", &[(b"h", Some(b"1"))])), ["u"]);
    assert_eq!(named(vec![header], &crate::road::tests::with_headers(b"{}", &[])), ["t"]);
}
