//! A gateway that dies, however it dies, leaves nothing out and nothing twice.

use serde_json::json;
use snowgate_e2e::{Config, Gateway, World};

#[test]
fn a_restarted_gateway_goes_on_where_it_stopped() {
    let world = World::new(2);
    let config = Config::new(&world);
    for round in 0..3 {
        for partition in 0..2 {
            world.produce_numbers(partition, round * 500..(round + 1) * 500);
        }
        let gateway = Gateway::start(&world, &config);
        world.assert_exactly_once();
        gateway.stop_cleanly();
    }
}

/// Dies at the point, is started again, and everything is there once.
#[track_caller]
fn dies_at(point: &str, count: u32) {
    let world = World::new(2);
    // Commits lag behind appends, as they do in Snowflake.
    world.sandbox.settings(json!({"commit_delay_ms": 300}));
    let config = Config::new(&world).pipeline(&format!("dead_letter_topic = {:?}\nbody = \"16KiB\"", world.dead_letter_topic));
    for partition in 0..2 {
        world.produce_numbers(partition, 0..2_000);
    }
    let mut first = Gateway::start_to_die(&world, &config, point, count);
    if point == "revoked" || point == "drained" {
        world.wait_for_rows(1);
        first.process.signal(libc::SIGTERM);
    }
    first.assert_killed();
    let second = Gateway::start(&world, &config);
    world.assert_exactly_once();
    second.stop_cleanly();
    world.assert_exactly_once();
}

#[test]
fn killed_when_a_partition_is_assigned() {
    dies_at("assigned", 2);
}

#[test]
fn killed_before_a_channel_is_opened() {
    dies_at("open_sent", 1);
}

#[test]
fn killed_when_a_channel_was_opened() {
    dies_at("open_answered", 2);
}

#[test]
fn killed_with_rows_in_the_open_body() {
    dies_at("encoded", 3);
}

#[test]
fn killed_when_a_body_is_sealed() {
    dies_at("sealed", 3);
}

#[test]
fn killed_before_an_append_is_sent() {
    dies_at("append_sent", 4);
}

#[test]
fn killed_after_an_append_was_answered() {
    dies_at("append_answered", 4);
}

#[test]
fn killed_between_snowflakes_commit_and_our_knowing_it() {
    dies_at("status_answered", 1);
}

#[test]
fn killed_between_knowing_the_commit_and_the_group_commit() {
    dies_at("settled", 2);
}

#[test]
fn killed_while_a_partition_is_revoked() {
    dies_at("revoked", 1);
}

#[test]
fn killed_when_a_partition_was_drained() {
    dies_at("drained", 1);
}

#[test]
fn killed_between_a_dead_letter_and_its_delivery() {
    let world = World::new(1);
    let config = Config::new(&world).pipeline(&format!("dead_letter_topic = {:?}", world.dead_letter_topic));
    world.kafka.produce(&world.topic, 0, ["{\"n\": 1}", "not json", "{\"n\": 2}"]);
    let mut first = Gateway::start_to_die(&world, &config, "dead_letter_sent", 1);
    first.process.wait();
    let second = Gateway::start(&world, &config);
    world.wait_for_rows(2);
    second.stop_cleanly();
    let dead = world.kafka.read(&world.dead_letter_topic, 1);
    assert!(!dead.is_empty() && dead.iter().all(|letter| letter.value.as_deref() == Some(b"not json")), "{dead:?}");
    assert_eq!(world.account().rows, 2);
}

#[test]
fn killed_ten_times_at_any_moment() {
    let world = World::new(4);
    world.sandbox.settings(json!({"commit_delay_ms": 100}));
    let config = Config::new(&world).pipeline("body = \"16KiB\"");
    for round in 0..10u64 {
        for partition in 0..4 {
            world.produce_numbers(partition, round * 300..(round + 1) * 300);
        }
        let mut gateway = Gateway::start(&world, &config);
        // Some rounds die before anything was loaded, some in the middle, some after the last row.
        world.wait_for_rows(round * 600);
        gateway.process.kill();
    }
    let last = Gateway::start(&world, &config);
    world.assert_exactly_once();
    last.stop_cleanly();
}
