//! Plugins change while records flow: each record meets one set of them, whatever happens on the way.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use snowgate_e2e::{Config, Gateway, World, eventually, gateway};

use crate::plugins::kline;

const SWAPPED: &str = "plugins swapped";

/// Which plugins made a row of a kline, by its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// None at all: the record is its own content.
    Plain,
    /// `kline-flatten`.
    Flat,
}

impl Set {
    fn config(self, world: &World) -> Config {
        let config = Config::new(world).pipeline("body = \"16KiB\"");
        match self {
            Set::Plain => config,
            Set::Flat => config.plugin("kline_flatten.wasm", "{}"),
        }
    }

    fn other(self) -> Set {
        match self {
            Set::Plain => Set::Flat,
            Set::Flat => Set::Plain,
        }
    }

    fn of(row: &Value) -> Set {
        let content = &row["RECORD_CONTENT"];
        match (content["data"].is_object(), content["symbol"].is_string()) {
            (true, false) => Set::Plain,
            (false, true) => Set::Flat,
            _ => panic!("no set of plugins makes this: {row}"),
        }
    }
}

fn produce(world: &World, count: usize) {
    for partition in 0..world.partitions {
        world.kafka.produce(&world.topic, partition, (0..count).map(|n| kline("BTCUSDT", &n.to_string(), true)));
    }
}

/// By partition and offset, the set that made the row.
fn sets(world: &World) -> BTreeMap<(i64, i64), Set> {
    let rows = world.sandbox.rows(&world.table());
    let number = |row: &Value, name: &str| row["RECORD_METADATA"][name].as_i64().expect("a number");
    rows.iter().map(|row| ((number(row, "partition"), number(row, "offset")), Set::of(row))).collect()
}

/// By partition, the offsets from which on other plugins were at work, as the log tells them.
fn swaps(log: &str) -> BTreeMap<i64, Vec<i64>> {
    let mut swaps: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains(SWAPPED)) {
        let field = |name: &str| {
            let value = line.split(&format!(" {name}=")).nth(1).and_then(|rest| rest.split(' ').next());
            value.unwrap_or_else(|| panic!("`{name}` in: {line}")).parse::<i64>().unwrap_or_else(|_| panic!("`{name}` in: {line}"))
        };
        swaps.entry(field("partition")).or_default().push(field("offset"));
    }
    swaps
}

#[test]
fn each_record_meets_the_plugins_of_its_side_of_a_swap() {
    const ROUNDS: usize = 6;
    let world = World::new(4);
    // Commits lag behind appends, as they do in Snowflake, so that rows are under way at every swap.
    world.sandbox.settings(json!({"commit_delay_ms": 200}));
    let mut set = Set::Flat;
    produce(&world, 300);
    let gateway = Gateway::start(&world, &set.config(&world));
    world.wait_for_rows(1);
    for round in 1..=ROUNDS {
        produce(&world, 100);
        set = set.other();
        gateway.reload(&set.config(&world));
        produce(&world, 100);
        let done = || (gateway.process.log().matches(SWAPPED).count() == round * 4).then_some(());
        eventually("every partition to have swapped", done);
    }
    world.assert_exactly_once();
    let log = gateway.stop_cleanly();
    world.assert_exactly_once();
    let swaps = swaps(&log);
    assert!(swaps.len() == 4 && swaps.values().all(|offsets| offsets.len() == ROUNDS && offsets.is_sorted()), "{swaps:?}");
    for ((partition, offset), found) in sets(&world) {
        let before = swaps[&partition].iter().filter(|swap| **swap <= offset).count();
        let expected = if before % 2 == 0 { Set::Flat } else { Set::Plain };
        assert_eq!(found, expected, "offset {offset} of partition {partition}; swaps at {:?}", swaps[&partition]);
    }
}

/// Dies at the point in the middle of a reload, is started again with what was to be reloaded, and everything is there once.
#[track_caller]
fn dies_at(point: &str, count: u32) {
    let world = World::new(2);
    world.sandbox.settings(json!({"commit_delay_ms": 300}));
    produce(&world, 1_000);
    let mut first = Gateway::start_to_die(&world, &Set::Flat.config(&world), point, count);
    world.wait_for_rows(1);
    first.reload(&Set::Plain.config(&world));
    produce(&world, 500);
    first.assert_killed();
    let second = Gateway::start(&world, &Set::Plain.config(&world));
    world.assert_exactly_once();
    second.stop_cleanly();
    let sets = sets(&world);
    for partition in 0..2 {
        // The new plugins follow the earlier ones, and nothing of these comes after.
        let of_partition: Vec<Set> = sets.iter().filter(|((of, _), _)| *of == partition).map(|(_, set)| *set).collect();
        let first_plain = of_partition.iter().position(|set| *set == Set::Plain).expect("the last records are plain");
        assert!(of_partition[first_plain..].iter().all(|set| *set == Set::Plain), "partition {partition}");
    }
}

#[test]
fn killed_when_a_swap_is_asked_for() {
    dies_at("swap_asked", 1);
}

#[test]
fn killed_when_the_first_partition_has_swapped() {
    dies_at("swapped", 1);
}

#[test]
fn killed_when_the_second_partition_has_swapped() {
    dies_at("swapped", 2);
}

#[test]
fn killed_at_any_moment_while_plugins_come_and_go() {
    let world = World::new(4);
    world.sandbox.settings(json!({"commit_delay_ms": 100}));
    let mut set = Set::Plain;
    for round in 0..6u64 {
        let mut gateway = Gateway::start(&world, &set.config(&world));
        produce(&world, 200);
        gateway.wait_for_log("partition assigned");
        for _ in 0..round % 3 {
            set = set.other();
            gateway.reload(&set.config(&world));
            produce(&world, 50);
        }
        // Some rounds die before anything of theirs was loaded, some in the middle of a swap.
        world.wait_for_rows(round * 500);
        gateway.process.kill();
    }
    let last = Gateway::start(&world, &set.config(&world));
    world.assert_exactly_once();
    last.stop_cleanly();
    assert_eq!(sets(&world).len() as u64, world.account().rows);
}

/// What one set of plugins made a dead letter is not loaded by the next one, not even after a crash.
#[test]
fn a_dead_letter_of_the_earlier_plugins_does_not_come_back_as_a_row() {
    let world = World::new(1);
    let with = |deed: &str| {
        Config::new(&world)
            .pipeline(&format!("dead_letter_topic = {:?}", world.dead_letter_topic))
            .plugin("fixtures/hostile.wasm", &format!("{{ do = {deed:?}, on = \"bad\" }}"))
    };
    let records =
        |range: std::ops::Range<u64>| range.map(|n| format!(r#"{{"n": {n}, "bad": {}}}"#, n % 2 == 0)).collect::<Vec<_>>();
    // `bad` stands in every one of them.
    world.kafka.produce(&world.topic, 0, records(0..100));
    let mut first = Gateway::start_to_die(&world, &with("reject"), "swapped", 1);
    eventually("the dead letters", || (world.kafka.end(&world.dead_letter_topic, 0) >= 100).then_some(()));
    first.reload(&with("keep"));
    first.process.wait();
    world.kafka.produce(&world.topic, 0, records(100..200));
    let second = Gateway::start(&world, &with("keep"));
    world.wait_for_rows(100);
    second.stop_cleanly();
    assert_eq!(world.kafka.end(&world.dead_letter_topic, 0), 100);
    let offsets: Vec<i64> = world.offsets_in_table().into_iter().map(|(_, offset)| offset).collect();
    assert_eq!(offsets, (100..200).collect::<Vec<_>>());
}

#[test]
fn a_reload_that_cannot_be_leaves_all_as_it_was() {
    let world = World::new(1);
    produce(&world, 10);
    let config = Set::Flat.config(&world);
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(10);
    let failures = |count: usize, pieces: &[&str]| {
        let failed = " goes on as before: ";
        eventually("the reload to fail", || (gateway.process.log().matches(failed).count() == count).then_some(()));
        let log = gateway.process.log();
        let last = log.rsplit(failed).next().expect("it is there");
        for piece in pieces {
            assert!(last.contains(piece), "`{piece}` is missing in: {last}");
        }
    };
    gateway.reload(&config.clone().pipeline("lingr = \"1s\""));
    failures(1, &["unknown key `pipeline.test.lingr`", "hint: did you mean `linger`?"]);
    let mut wrong = config.clone();
    wrong.transforms[0] = wrong.transforms[0].replace("with = {}", "with = { closed_onyl = true }");
    gateway.reload(&wrong);
    failures(2, &["pipeline `test` cannot run its plugins", "`closed_onyl` is no option; did you mean `closed_only`?"]);
    let broken = world.file("broken", "wasm");
    std::fs::write(&broken, b"\0asm\x01\0\0\0").unwrap();
    gateway.reload(&Config::new(&world).transform(&format!("path = {broken:?}")));
    failures(3, &["is a core module, not a component"]);
    let mut letters = config.clone();
    letters.transforms[0].push_str("on_reject = \"dead_letter\"\n");
    gateway.reload(&letters.pipeline(&format!("dead_letter_topic = {:?}", world.dead_letter_topic)));
    gateway.wait_for_log("these changes need a restart: `pipeline.test.dead_letter_topic`");
    failures(4, &["was started without a dead letter topic"]);
    gateway.reload(&config);
    gateway.wait_for_log("plugins are as they were");
    produce(&world, 10);
    world.assert_exactly_once();
    let log = gateway.stop_cleanly();
    assert!(!log.contains(SWAPPED), "{log}");
    assert!(sets(&world).values().all(|set| *set == Set::Flat));
}

#[test]
fn a_partition_that_a_record_stopped_goes_on_with_mended_plugins() {
    let world = World::new(1);
    let rejecting = |rule: &str| {
        let mut config = Config::new(&world).plugin("fixtures/hostile.wasm", r#"{ do = "reject", on = "bad" }"#);
        config.transforms[0].push_str(rule);
        config
    };
    world.kafka.produce(&world.topic, 0, [r#"{"n": 0}"#, r#"{"n": 1, "bad": true}"#, r#"{"n": 2}"#]);
    let gateway = Gateway::start(&world, &rejecting(""));
    gateway.wait_for_log("record_refused");
    world.wait_for_rows(1);
    gateway.reload(&rejecting("on_reject = \"drop\"\n"));
    world.wait_for_rows(2);
    gateway.stop_cleanly();
    let offsets: Vec<i64> = world.offsets_in_table().into_iter().map(|(_, offset)| offset).collect();
    assert_eq!(offsets, [0, 2]);
}

#[test]
fn a_plugins_changed_file_is_taken_up_where_it_is_watched() {
    let world = World::new(1);
    produce(&world, 10);
    let file = world.file("plugin", "wasm");
    let build = |more: &[u8]| {
        // An empty custom section: another file, and the same plugin.
        let mut bytes = std::fs::read(gateway::plugin("kline_flatten.wasm")).unwrap();
        bytes.extend_from_slice(more);
        let beside = file.with_extension("next");
        std::fs::write(&beside, bytes).unwrap();
        std::fs::rename(&beside, &file).unwrap();
    };
    build(&[]);
    let config = Config::new(&world).top("[plugins]\nwatch = \"200ms\"").transform(&format!("path = {file:?}"));
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(10);
    build(&[0, 2, 1, b'x']);
    gateway.wait_for_log("plugin's file changed");
    gateway.wait_for_log(SWAPPED);
    // A pinned or broken one would be told and left alone; so is this.
    build(b"trash");
    gateway.wait_for_log("reload failed, its pipeline goes on as before");
    produce(&world, 10);
    world.assert_exactly_once();
    gateway.stop_cleanly();
    assert!(sets(&world).values().all(|set| *set == Set::Flat));
}
