//! What Snowflake may answer, and that nothing is lost or doubled by it.

use serde_json::{Value, json};
use snowgate_e2e::{Config, Gateway, World, eventually};

/// Loads 2,000 records in many bodies while the scripts do their worst.
#[track_caller]
fn survives(scripts: &[Value]) -> (World, String) {
    let world = World::new(2);
    for script in scripts {
        world.sandbox.fault(script.clone());
    }
    let config = Config::new(&world).pipeline("body = \"8KiB\"");
    for partition in 0..2 {
        world.produce_numbers(partition, 0..1_000);
    }
    let gateway = Gateway::start(&world, &config);
    world.assert_exactly_once();
    let log = gateway.stop_cleanly();
    (world, log)
}

fn answers(kind: &str, nth: u64, times: u64, status: u16, code: &str, apply: bool) -> Value {
    json!({"kind": kind, "nth": nth, "times": times, "action": {"respond": {"status": status, "body": {"code": code, "message": "scripted"}, "apply": apply}}})
}

#[test]
fn a_lost_answer_to_an_applied_append_doubles_nothing() {
    survives(&[json!({"kind": "append", "nth": 3, "times": 2, "action": {"drop_connection": {"apply": true}}})]);
}

#[test]
fn a_lost_append_loses_nothing() {
    survives(&[json!({"kind": "append", "nth": 2, "times": 3, "action": {"drop_connection": {"apply": false}}})]);
}

#[test]
fn an_answer_that_makes_no_sense_is_no_answer() {
    survives(&[json!({"kind": "append", "nth": 2, "times": 1, "action": {"garbage": {"apply": true}}})]);
}

#[test]
fn server_errors_before_and_after_the_rows_were_taken_are_survived() {
    let scripts: Vec<Value> = [(500, true), (503, false), (502, true), (504, true), (408, false)]
        .iter()
        .enumerate()
        .map(|(i, (status, apply))| answers("append", 2 + 2 * i as u64, 1, *status, "X", *apply))
        .collect();
    survives(&scripts);
}

#[test]
fn throttling_waits_and_opens_no_channel_again() {
    let (world, _) = survives(&[answers("append", 2, 6, 429, "RECEIVER_SATURATED", false)]);
    assert_eq!(world.sandbox.count_requests("open"), 2, "one opening for each partition");
}

#[test]
fn an_expired_token_is_replaced_without_opening_the_channel_again() {
    let (world, _) = survives(&[answers("append", 3, 1, 401, "390303", false)]);
    assert_eq!(world.sandbox.count_requests("open"), 2);
}

#[test]
fn a_stale_continuation_token_leads_to_one_opening_and_nothing_twice() {
    let (world, _) = survives(&[answers("append", 3, 1, 400, "STALE_CONTINUATION_TOKEN_SEQUENCER", false)]);
    assert_eq!(world.sandbox.count_requests("open"), 3);
}

#[test]
fn an_invalidated_channel_is_opened_again() {
    survives(&[json!({"kind": "append", "nth": 4, "times": 1, "action": "invalidate_channel"})]);
}

#[test]
fn a_failing_status_only_delays() {
    survives(&[answers("status", 1, 3, 503, "X", false)]);
}

#[test]
fn a_failing_open_is_tried_again() {
    survives(&[answers("open", 1, 3, 503, "X", false)]);
}

#[test]
fn rows_still_on_their_way_from_before_are_waited_for() {
    survives(&[answers("open", 1, 3, 409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", false)]);
}

#[test]
fn a_right_taken_away_blocks_and_goes_on_when_it_is_given_back() {
    let world = World::new(1);
    let gateway = Gateway::start(&world, &Config::new(&world));
    gateway.wait_for_log("partition assigned");
    world.sandbox.fault(answers("append", 1, 0, 403, "ERR_NOT_AUTHORIZED", false));
    world.produce_numbers(0, 0..100);
    gateway.wait_for_log("permission_denied");
    world.sandbox.clear_faults();
    world.assert_exactly_once();
    assert!(gateway.stop_cleanly().contains("partition goes on"));
}

#[test]
fn a_channel_that_forgot_its_offset_stops_the_partition() {
    let world = World::new(1);
    world.produce_numbers(0, 0..100);
    let config = Config::new(&world);
    let gateway = Gateway::start(&world, &config);
    world.assert_exactly_once();
    gateway.stop_cleanly();
    // The table is replaced: its channels and their offset tokens are gone with it.
    world.sandbox.query(&format!(
        "CREATE OR REPLACE TABLE CRYPTO_DB.PUBLIC.{} (RECORD_METADATA VARIANT, RECORD_CONTENT VARIANT)",
        world.table()
    ));
    world.produce_numbers(0, 100..200);
    let again = Gateway::start(&world, &config);
    again.wait_for_log("channel_regressed");
    assert_eq!(world.account().rows, 0);
    again.stop_cleanly();
    let accepting = Gateway::start(&world, &config.pipeline("on_regression = \"accept\""));
    eventually("the rows after the replacement", || (world.account().rows == 100).then_some(()));
    accepting.stop_cleanly();
}
