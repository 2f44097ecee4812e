//! Connectors whose transforms give each record its topic: each record is in that topic's table once, whatever happens.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use snowgate_e2e::connector::seed;
use snowgate_e2e::{Worker, World, eventually};

const TRANSFORMS: &str = "org.apache.kafka.connect.transforms";

/// The group gives a killed member up after this, and not after Kafka's 45 s.
const SOON: [(&str, &str); 2] =
    [("consumer.override.session.timeout.ms", "6000"), ("consumer.override.heartbeat.interval.ms", "500")];

/// The offsets of the rows of a table, and what they call the topic.
fn rows(world: &World, table: &str) -> (Vec<i64>, BTreeSet<String>) {
    let rows = world.sandbox.rows(table);
    let of = |row: &Value, name: &str| row["RECORD_METADATA"][name].clone();
    let mut offsets: Vec<_> = rows.iter().map(|row| of(row, "offset").as_i64().expect("a number")).collect();
    offsets.sort_unstable();
    (offsets, rows.iter().map(|row| of(row, "topic").as_str().expect("a text").to_owned()).collect())
}

#[test]
fn tombstones_are_in_a_table_of_their_own_once_each_after_a_kill() {
    let world = World::new(1);
    let (sink, gone) = (world.unique("sink"), format!("{}_gone", world.topic));
    world.sandbox.settings(json!({"commit_delay_ms": 300}));
    produce(&world, 0..100);
    let worker = Worker::start(&world, "");
    worker.create(&by_tombstone(&world, &sink, "$1_gone", &[]));
    eventually("the first rows", || (world.account().rows > 0).then_some(()));
    produce(&world, 100..200);
    let written = worker.kill();
    let worker = Worker::start_written(&world, written);
    worker.wait_for_state(&sink, "RUNNING");
    let all = |table: &str, odd: i64| {
        eventually(&format!("the rows of {table}"), || (world.sandbox.rows(table).len() >= 100).then_some(()));
        every_second(odd, 200) == rows(&world, table).0
    };
    assert!(all(&world.table(), 0), "{:?}", rows(&world, &world.table()));
    assert!(all(&gone.to_uppercase(), 1), "{:?}", rows(&world, &gone.to_uppercase()));
    worker.stop_cleanly();
    assert_eq!(rows(&world, &gone.to_uppercase()).1, BTreeSet::from([gone]));
    assert_eq!(rows(&world, &world.table()).1, BTreeSet::from([world.topic.clone()]));
}

#[test]
fn topics_named_by_time_are_loaded_into_the_one_table_of_the_map_after_a_kill() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.produce_numbers(0, 0..500);
    let worker = Worker::start(&world, "");
    let map = format!("{}-[0-9]+:ALL_DAYS", world.topic);
    worker.create(&by_day(&world, &sink, &map));
    eventually("the first rows", || (!world.sandbox.rows("ALL_DAYS").is_empty()).then_some(()));
    world.produce_numbers(0, 500..900);
    let worker = Worker::start_written(&world, worker.kill());
    eventually("all rows", || (world.sandbox.rows("ALL_DAYS").len() >= 900).then_some(()));
    worker.stop_cleanly();
    let (offsets, topics) = rows(&world, "ALL_DAYS");
    assert_eq!(offsets, (0..900).collect::<Vec<_>>());
    let dated = |topic: &String| {
        let date = topic.strip_prefix(&format!("{}-", world.topic)).unwrap_or_default();
        date.len() == 8 && date.bytes().all(|digit| digit.is_ascii_digit())
    };
    assert!(topics.iter().all(dated), "{topics:?}");
}

#[test]
fn a_topic_that_the_map_does_not_lead_to_a_known_table_is_rejected_by_name() {
    let world = World::new(1);
    let sink = world.unique("sink");
    world.produce_numbers(0, 0..3);
    let worker = Worker::start(&world, "");
    worker.create(&by_day(&world, &sink, "other-[0-9]+:ALL_DAYS"));
    let task = worker.wait_for_trace(&sink, "which is none that was known");
    assert_eq!(task["state"], "FAILED");
    assert!(world.sandbox.rows("ALL_DAYS").is_empty());
    worker.stop_cleanly();
}

/// A connector that names topics by the day, and has this map.
fn by_day(world: &World, sink: &str, map: &str) -> Value {
    let router = format!("{TRANSFORMS}.TimestampRouter");
    let mut config = vec![("transforms", "day"), ("transforms.day.type", &router), ("snowflake.topic2table.map", map)];
    config.extend(SOON);
    seed(world, sink, &config)
}

/// A connector that sends tombstones to a table of their own.
fn by_tombstone(world: &World, sink: &str, replacement: &str, more: &[(&str, &str)]) -> Value {
    let (router, predicate) = (format!("{TRANSFORMS}.RegexRouter"), format!("{TRANSFORMS}.predicates.RecordIsTombstone"));
    let mut config = vec![
        ("transforms", "gone"),
        ("transforms.gone.type", &router),
        ("transforms.gone.regex", "(.*)"),
        ("transforms.gone.replacement", replacement),
        ("transforms.gone.predicate", "tombstone"),
        ("predicates", "tombstone"),
        ("predicates.tombstone.type", &predicate),
    ];
    config.extend(SOON);
    config.extend(more);
    seed(world, sink, &config)
}

/// Records and tombstones in turn.
fn produce(world: &World, numbers: std::ops::Range<u64>) {
    for n in numbers {
        match n % 2 {
            0 => world.produce_numbers(0, n..n + 1),
            _ => world.kafka.produce_tombstone(&world.topic, 0, "k"),
        }
    }
}

fn every_second(from: i64, to: i64) -> Vec<i64> {
    (from..to).step_by(2).collect()
}

#[test]
fn other_routers_wait_for_a_person_while_a_table_is_behind() {
    let world = World::new(1);
    let sink = world.unique("sink");
    let table = |suffix: &str| format!("{}{suffix}", world.table());
    produce(&world, 0..100);
    world.sandbox.fault(json!({"kind": "append", "contains": "_GONE", "times": 0, "action": {"respond": {"status": 503}}}));
    let worker = Worker::start(&world, "");
    worker.create(&by_tombstone(&world, &sink, "$1_gone", &[]));
    eventually("the rows of one table", || (world.sandbox.rows(&table("")).len() == 50).then_some(()));
    let put = |more: &[(&str, &str)]| {
        let config = &by_tombstone(&world, &sink, "$1_other", more)["config"];
        assert_eq!(worker.send("PUT", &format!("/connectors/{sink}/config"), Some(config)).0, 200);
    };
    put(&[]);
    let task = worker.wait_for_trace(&sink, "routing");
    assert_eq!(task["state"], "FAILED", "{task:#}");
    assert!(world.sandbox.rows(&table("_OTHER")).is_empty());
    put(&[("snowgate.on.routing.change", "accept")]);
    eventually("the rows of the other table", || (world.sandbox.rows(&table("_OTHER")).len() >= 50).then_some(()));
    worker.stop_cleanly();
    assert_eq!(rows(&world, &table("_OTHER")).0, every_second(1, 100));
    assert_eq!(rows(&world, &table("")).0, every_second(0, 100));
    assert!(world.sandbox.rows(&table("_GONE")).is_empty());
}

#[test]
fn altered_and_reset_offsets_move_the_channels_of_all_tables() {
    let world = World::new(1);
    if !world.kafka.is_apache() {
        // The embedded broker takes no group offset from outside a group that it knows.
        return;
    }
    let sink = world.unique("sink");
    let gone = format!("{}_GONE", world.table());
    produce(&world, 0..20);
    let worker = Worker::start(&world, "");
    worker.create(&by_tombstone(&world, &sink, "$1_gone", &[]));
    let wait = |values: usize, tombstones: usize| {
        let arrived = || world.sandbox.rows(&world.table()).len() == values && world.sandbox.rows(&gone).len() == tombstones;
        eventually(&format!("{values} and {tombstones} rows"), || arrived().then_some(()));
    };
    wait(10, 10);
    let path = format!("/connectors/{sink}");
    let stop = || assert_eq!(worker.send("PUT", &format!("{path}/stop"), None).0, 204);
    let resume = || assert_eq!(worker.send("PUT", &format!("{path}/resume"), None).0, 202);
    stop();
    let at = json!({"partition": {"kafka_topic": world.topic, "kafka_partition": 0}, "offset": {"kafka_offset": 15}});
    let change = json!({"offsets": [at]});
    eventually("the offset to be altered", || {
        (worker.send("PATCH", &format!("{path}/offsets"), Some(&change)).0 == 200).then_some(())
    });
    resume();
    // 15 to 19: two values and three tombstones once more.
    wait(12, 13);
    stop();
    eventually("the offsets to be forgotten", || (worker.send("DELETE", &format!("{path}/offsets"), None).0 == 200).then_some(()));
    resume();
    wait(22, 23);
    worker.stop_cleanly();
}
