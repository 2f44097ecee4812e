//! SIGTERM finishes what is on its way, within its grace.

use std::time::{Duration, Instant};

use serde_json::json;
use snowgate_e2e::{Config, Gateway, World};

#[test]
fn a_stopped_gateway_has_committed_what_it_read_and_the_group_knows() {
    let world = World::new(1);
    world.produce_numbers(0, 0..1_000);
    // Nothing would be sealed by itself for a minute.
    let mut config = Config::new(&world);
    config.pipeline = config.pipeline.replace("100ms", "60s");
    let gateway = Gateway::start(&world, &config);
    gateway.wait_for_log("partition assigned");
    let log = gateway.stop_cleanly();
    let rows = world.account().rows;
    // What was read is in the table, and no record that is in the table will be read again.
    assert!(log.contains(&format!("{rows} rows committed")), "{rows} rows, but the log says\n{log}");
    if world.kafka.is_apache() && rows > 0 {
        assert_eq!(world.kafka.group_offset(&config.group, &world.topic, 0), Some(i64::try_from(rows).unwrap()));
    }
    let again = Gateway::start(&world, &Config::new(&world));
    world.assert_exactly_once();
    again.stop_cleanly();
}

#[test]
fn a_gateway_stops_within_its_grace_when_snowflake_does_not_answer() {
    let world = World::new(1);
    let config = Config::new(&world).top("[shutdown]\ngrace = \"2s\"");
    let gateway = Gateway::start(&world, &config);
    gateway.wait_for_log("partition assigned");
    world.sandbox.fault(json!({"kind": "append", "times": 0, "action": {"hang": {}}}));
    world.produce_numbers(0, 0..100);
    snowgate_e2e::eventually("an append under way", || (world.sandbox.count_requests("append") > 0).then_some(()));
    let began = Instant::now();
    gateway.stop_cleanly();
    assert!(began.elapsed() < Duration::from_secs(20), "the grace is 2 s, it took {:?}", began.elapsed());
    world.sandbox.clear_faults();
    let again = Gateway::start(&world, &Config::new(&world));
    world.assert_exactly_once();
    again.stop_cleanly();
}
