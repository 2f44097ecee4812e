//! A stalled Snowflake slows Kafka, not memory.

use std::time::{Duration, Instant};

use serde_json::json;
use snowgate_e2e::{Config, Gateway, World, eventually_within};

#[test]
fn memory_stays_flat_while_snowflake_refuses_and_everything_arrives_afterwards() {
    let world = World::new(4);
    let config = Config::new(&world).top("[memory]\nmax = \"16MiB\"");
    world.sandbox.fault(json!({"kind": "append", "times": 0, "action": {"respond": {"status": 429, "body": {"code": "RATE_LIMITED", "message": "slow down"}}}}));
    // About 4 MB a partition that compress hardly at all would fill the budget twice; the broker keeps 5 MB of each.
    for partition in 0..4 {
        let value = |n: u64| format!(r#"{{"n": {n}, "text": "{}"}}"#, noise(n * 4 + partition as u64, 1_400));
        world.kafka.produce(&world.topic, partition, (0..2_500).map(value));
    }
    let gateway = Gateway::start(&world, &config);
    gateway.wait_for_log("append failed");
    // The highest resident size of some seconds of refusals, once everything that may be held is held.
    let until = Instant::now() + Duration::from_secs(8);
    let mut highest = 0;
    while Instant::now() < until {
        highest = highest.max(gateway.process.resident());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(highest < 160 * 1024 * 1024, "{} MiB resident with a budget of 16 MiB", highest >> 20);
    world.sandbox.clear_faults();
    eventually_within(Duration::from_secs(120), "all rows", || (world.account().rows >= 10_000).then_some(()));
    world.assert_exactly_once();
    gateway.stop_cleanly();
}

/// Text of sixteen letters, so that it compresses to half at best.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (state >> 60) as u8)
    };
    (0..bytes).map(|_| next()).collect()
}
