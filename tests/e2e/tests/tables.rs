//! One topic, several tables: a plugin says which of them a record goes to, and each record is in its table once, whatever happens.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use snowgate_e2e::{Config, Gateway, World, eventually};

/// Of the records of a world: where they go by their `kind`. `None` is the topic's own table.
const TABLES: [Option<&str>; 3] = [None, Some("T_A"), Some("T_B")];
const PARTITIONS: i32 = 2;

/// Record `n` goes to its own table, `T_A` or `T_B` by turns; by its `other` the tables are the other way round.
fn record(n: u64) -> String {
    match n % 3 {
        0 => format!(r#"{{"n": {n}}}"#),
        1 => format!(r#"{{"n": {n}, "kind": "A", "other": "B"}}"#),
        _ => format!(r#"{{"n": {n}, "kind": "B", "other": "A"}}"#),
    }
}

fn produce(world: &World, numbers: std::ops::Range<u64>) {
    for partition in 0..PARTITIONS {
        world.kafka.produce(&world.topic, partition, numbers.clone().map(record));
    }
}

/// Sends records to the table that is called after this field of theirs.
fn by(world: &World, field: &str) -> Config {
    Config::new(world)
        .pipeline(&format!("body = \"16KiB\"\nmore_tables = [\"T_A\", \"T_B\"]\ndead_letter_topic = {:?}", world.dead_letter_topic))
        .plugin("route.wasm", &format!("{{ template = \"T_{{{field}}}\", on_missing = \"keep\" }}"))
}

/// Each of the first `count` records of each partition is in the table of its kind once, in order, and in no other.
#[track_caller]
fn assert_each_in_its_table(world: &World, count: u64) {
    let own = world.table();
    let table = |index: usize| TABLES[index].unwrap_or(&own);
    let rows = |index: usize| world.sandbox.account(table(index), &world.topic).rows;
    let all = count * u64::try_from(PARTITIONS).expect("not negative");
    eventually("all rows", || ((0..3).map(rows).sum::<u64>() >= all).then_some(()));
    for index in 0..3 {
        let account = world.sandbox.account(table(index), &world.topic);
        assert_eq!((account.duplicates, account.out_of_order), (0, 0), "{}: {account:?}", table(index));
        let number = |row: &Value, name: &str| row["RECORD_METADATA"][name].as_i64().expect("a number");
        let found: BTreeSet<(i64, i64)> =
            world.sandbox.rows(table(index)).iter().map(|row| (number(row, "partition"), number(row, "offset"))).collect();
        let offsets = (0..count).filter(|n| n % 3 == index as u64).map(|n| i64::try_from(n).expect("it fits"));
        let expected: BTreeSet<_> = offsets.flat_map(|offset| (0..PARTITIONS).map(move |of| (i64::from(of), offset))).collect();
        assert!(found == expected, "{}: {:?}", table(index), found.symmetric_difference(&expected).take(20).collect::<Vec<_>>());
        assert_eq!(account.rows, expected.len() as u64);
    }
}

#[test]
fn each_record_is_in_the_table_that_a_plugin_names() {
    let world = World::new(PARTITIONS);
    let config = by(&world, "kind");
    for round in 0..3 {
        produce(&world, round * 300..(round + 1) * 300);
        let gateway = Gateway::start(&world, &config);
        assert_each_in_its_table(&world, (round + 1) * 300);
        gateway.stop_cleanly();
    }
    assert_each_in_its_table(&world, 900);
}

#[test]
fn a_record_for_a_table_that_is_not_allowed_is_a_dead_letter_and_harms_no_other() {
    let world = World::new(PARTITIONS);
    produce(&world, 0..30);
    world.kafka.produce(&world.topic, 0, [r#"{"n": 30, "kind": "SECRETS"}"#]);
    let gateway = Gateway::start(&world, &by(&world, "kind"));
    eventually("the dead letter", || (world.kafka.end(&world.dead_letter_topic, 0) >= 1).then_some(()));
    assert_each_in_its_table(&world, 30);
    gateway.stop_cleanly();
    let letters = world.kafka.read(&world.dead_letter_topic, 1);
    assert_eq!(letters[0].headers["snowgate.reason"], "table_not_allowed");
}

/// Dies at the point, is started again, and everything is in its table once.
#[track_caller]
fn dies_at(point: &str, count: u32) {
    let world = World::new(PARTITIONS);
    world.sandbox.settings(json!({"commit_delay_ms": 300}));
    produce(&world, 0..1_500);
    let config = by(&world, "kind");
    let mut first = Gateway::start_to_die(&world, &config, point, count);
    if point == "drained" {
        world.wait_for_rows(1);
        first.process.signal(libc::SIGTERM);
    }
    first.assert_killed();
    let second = Gateway::start(&world, &config);
    assert_each_in_its_table(&world, 1_500);
    second.stop_cleanly();
    assert_each_in_its_table(&world, 1_500);
}

#[test]
fn killed_when_the_second_channel_of_a_partition_was_opened() {
    dies_at("open_answered", 2);
}

#[test]
fn killed_when_the_group_had_the_routing() {
    dies_at("marked", 1);
}

#[test]
fn killed_when_a_body_of_one_table_is_sealed() {
    dies_at("sealed", 4);
}

#[test]
fn killed_when_some_tables_have_rows_and_others_have_not() {
    dies_at("append_answered", 5);
}

#[test]
fn killed_when_one_table_was_committed() {
    dies_at("status_answered", 1);
}

#[test]
fn killed_when_the_group_offset_follows_the_last_table() {
    dies_at("settled", 4);
}

#[test]
fn killed_when_every_table_was_drained() {
    dies_at("drained", 1);
}

/// Rows of `T_A` are committed, those of `T_B` are not, and the process dies.
fn leaves_a_table_behind(world: &World) {
    produce(world, 0..300);
    world.sandbox.fault(json!({"kind": "append", "contains": "T_B", "times": 0, "action": {"respond": {"status": 503}}}));
    let mut first = Gateway::start(world, &by(world, "kind"));
    eventually("one table's rows", || (world.sandbox.account("T_A", &world.topic).rows == 200).then_some(()));
    first.process.kill();
    world.sandbox.clear_faults();
}

#[test]
fn another_routing_waits_for_a_person_while_a_table_is_behind() {
    let world = World::new(PARTITIONS);
    leaves_a_table_behind(&world);
    let changed = Gateway::start(&world, &by(&world, "other"));
    eventually("both partitions to stop", || {
        (changed.process.log().matches("reason=\"routing_changed\"").count() == 2).then_some(())
    });
    produce(&world, 300..303);
    changed.stop_cleanly();
    assert_eq!(world.sandbox.account("T_A", &world.topic).rows, 200);
    assert_eq!(world.sandbox.account("T_B", &world.topic).rows, 0);
    // As it was, all of it is loaded; stopped in order, it may change.
    let earlier = Gateway::start(&world, &by(&world, "kind"));
    assert_each_in_its_table(&world, 303);
    earlier.stop_cleanly();
    let changed = Gateway::start(&world, &by(&world, "other"));
    world.kafka.produce(&world.topic, 0, [r#"{"n": 303, "kind": "A", "other": "B"}"#]);
    eventually("the record", || (world.sandbox.account("T_B", &world.topic).rows == 203).then_some(()));
    changed.stop_cleanly();
}

#[test]
fn another_routing_goes_on_where_a_person_accepts_it() {
    let world = World::new(PARTITIONS);
    leaves_a_table_behind(&world);
    let mut accepted = by(&world, "kind").pipeline("on_routing_change = \"accept\"");
    accepted.pipeline = accepted.pipeline.replace("[\"T_A\"", "[\"T_C\", \"T_A\"");
    let gateway = Gateway::start(&world, &accepted);
    // Nothing goes to the table that is new, so nothing is doubled or missing.
    assert_each_in_its_table(&world, 300);
    gateway.stop_cleanly();
}

#[test]
fn plugins_that_route_are_swapped_with_every_record_in_one_table() {
    let world = World::new(PARTITIONS);
    world.sandbox.settings(json!({"commit_delay_ms": 200}));
    produce(&world, 0..300);
    let gateway = Gateway::start(&world, &by(&world, "kind"));
    world.wait_for_rows(1);
    for round in 1..=4u64 {
        gateway.reload(&by(&world, if round % 2 == 1 { "other" } else { "kind" }));
        produce(&world, round * 300..(round + 1) * 300);
        let expected = usize::try_from(round).expect("it fits") * 2;
        eventually("both partitions to swap", || {
            (gateway.process.log().matches("plugins swapped").count() == expected).then_some(())
        });
    }
    let rows = || TABLES.iter().map(|table| world.sandbox.account(table.unwrap_or(&world.table()), &world.topic).rows).sum::<u64>();
    eventually("all rows", || (rows() >= 3_000).then_some(()));
    gateway.stop_cleanly();
    assert_eq!(rows(), 3_000);
    let mut seen = BTreeSet::new();
    for table in TABLES {
        for row in world.sandbox.rows(table.unwrap_or(&world.table())) {
            let metadata = &row["RECORD_METADATA"];
            assert!(seen.insert((metadata["partition"].as_i64(), metadata["offset"].as_i64())), "{row} is there twice");
        }
    }
    assert_eq!(seen.len(), 3_000);
}

#[test]
fn two_gateways_share_the_partitions_of_several_tables() {
    let world = World::new(PARTITIONS);
    world.sandbox.settings(json!({"commit_delay_ms": 100}));
    let config = by(&world, "kind");
    produce(&world, 0..600);
    let mut first = Gateway::start(&world, &config);
    world.wait_for_rows(1);
    let second = Gateway::start(&world, &config);
    second.wait_for_log("partition assigned");
    produce(&world, 600..1_200);
    first.process.kill();
    assert_each_in_its_table(&world, 1_200);
    second.stop_cleanly();
    assert_each_in_its_table(&world, 1_200);
}
