//! Partitions move between gateways, and nothing is lost or doubled on the way.

use std::time::Duration;

use serde_json::json;
use snowgate_e2e::{Config, Gateway, World, eventually_within};

#[test]
fn a_second_gateway_takes_partitions_over_under_load_and_gives_them_back() {
    let world = World::new(4);
    world.sandbox.settings(json!({"commit_delay_ms": 200}));
    let config = Config::new(&world).pipeline("body = \"16KiB\"");
    let first = Gateway::start(&world, &config);
    first.wait_for_log("partition assigned");
    let mut produced = 0;
    let mut produce = |world: &World| {
        for partition in 0..4 {
            world.produce_numbers(partition, produced..produced + 200);
        }
        produced += 200;
    };
    produce(&world);
    let second = Gateway::start(&world, &config);
    eventually_within(Duration::from_secs(90), "the second gateway to get partitions", || {
        produce(&world);
        second.process.log().contains("partition assigned").then_some(())
    });
    produce(&world);
    second.stop_cleanly();
    produce(&world);
    world.assert_exactly_once();
    first.stop_cleanly();
    world.assert_exactly_once();
}

#[test]
fn a_killed_gateways_partitions_are_taken_over_by_the_other() {
    let world = World::new(4);
    world.sandbox.settings(json!({"commit_delay_ms": 200}));
    let config = Config::new(&world).pipeline("body = \"16KiB\"");
    let mut first = Gateway::start(&world, &config);
    first.wait_for_log("partition assigned");
    let second = Gateway::start(&world, &config);
    let mut produced = 0;
    eventually_within(Duration::from_secs(90), "the second gateway to get partitions", || {
        for partition in 0..4 {
            world.produce_numbers(partition, produced..produced + 100);
        }
        produced += 100;
        second.process.log().contains("partition assigned").then_some(())
    });
    first.process.kill();
    for partition in 0..4 {
        world.produce_numbers(partition, produced..produced + 100);
    }
    world.assert_exactly_once();
    second.stop_cleanly();
}

#[test]
fn a_frozen_gateway_that_wakes_up_writes_nothing_twice() {
    let world = World::new(2);
    let config = Config::new(&world).pipeline("body = \"16KiB\"");
    let first = Gateway::start(&world, &config);
    first.wait_for_log("partition assigned");
    for partition in 0..2 {
        world.produce_numbers(partition, 0..500);
    }
    world.wait_for_rows(1);
    first.process.signal(libc::SIGSTOP);
    let second = Gateway::start(&world, &config);
    for partition in 0..2 {
        world.produce_numbers(partition, 500..1_000);
    }
    // The group gives the frozen one up after its session timeout of 6 s.
    world.assert_exactly_once();
    first.process.signal(libc::SIGCONT);
    for partition in 0..2 {
        world.produce_numbers(partition, 1_000..1_500);
    }
    world.assert_exactly_once();
    first.stop();
    second.stop_cleanly();
    world.assert_exactly_once();
}
