//! Plugins change, split, drop and reject records; one that misbehaves costs its own records and nothing else.

use std::time::{Duration, Instant};

use serde_json::Value;
use snowgate_e2e::{Config, Gateway, World, eventually};

fn kline(symbol: &str, price: &str, closed: bool) -> String {
    format!(
        r#"{{"stream": "{lower}@kline_1m", "data": {{"e": "kline", "E": 1638747660000, "s": "{symbol}", "k": {{"t": 1638747600000, "T": 1638747659999, "s": "{symbol}", "i": "1m", "f": 100, "L": 200, "o": "{price}", "c": "0.0020", "h": "0.0025", "l": "0.0015", "v": "1000", "n": 100, "x": {closed}, "q": "1.0000", "V": "500", "Q": "0.500", "B": "123456"}}}}}}"#,
        lower = symbol.to_lowercase()
    )
}

#[test]
fn both_plugins_make_flat_rows_of_the_klines_that_are_wanted() {
    let world = World::new(1);
    let config = Config::new(&world)
        .rows("columns")
        .plugin("symbol_filter.wasm", r#"{ allow = ["BTC*", "ETHUSDT"] }"#)
        .plugin("kline_flatten.wasm", "{ closed_only = true }");
    world.kafka.produce(
        &world.topic,
        0,
        [
            kline("BTCUSDT", "91250.10000000", true),
            kline("BTCUSDT", "91251.00", false),
            kline("DOGEUSDT", "0.15", true),
            kline("ETHUSDT", "3120.50", true),
        ],
    );
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(2);
    eventually("the group to be past the dropped records", || {
        let log = gateway.process.log();
        (log.contains("plugin loaded") && world.account().rows == 2).then_some(())
    });
    gateway.stop_cleanly();
    let page = world.sandbox.get(&format!("rows?table=CRYPTO_DB.PUBLIC.{}", world.table()));
    let lines: Vec<&str> = page["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(lines[0].contains("91250.10000000") && lines[0].contains(r#""symbol":"BTCUSDT""#), "{}", lines[0]);
    let rows = world.sandbox.rows(&world.table());
    let symbols: Vec<&Value> = rows.iter().map(|row| &row["symbol"]).collect();
    assert_eq!(symbols, ["BTCUSDT", "ETHUSDT"]);
    assert!(rows.iter().all(|row| row["RECORD_METADATA"]["offset"].is_i64() && row["is_closed"] == true));
}

#[test]
fn what_a_plugin_drops_is_settled_and_not_read_again() {
    let world = World::new(1);
    let config = Config::new(&world).plugin("symbol_filter.wasm", r#"{ deny = ["*"] }"#);
    world.kafka.produce(&world.topic, 0, (0..100).map(|_| kline("BTCUSDT", "1.0", true)));
    let gateway = Gateway::start(&world, &config);
    eventually("all to be consumed", || gateway.process.log().contains("partition assigned").then_some(()));
    if world.kafka.is_apache() {
        eventually("the group offset", || (world.kafka.group_offset(&config.group, &world.topic, 0) == Some(100)).then_some(()));
    }
    gateway.stop_cleanly();
    assert_eq!(world.account().rows, 0);
}

/// A thousand records of which every hundredth makes the plugin do its worst.
#[track_caller]
fn costs_only_its_own_records(misbehaviour: &str, reason: &str) {
    let world = World::new(1);
    let config = Config::new(&world)
        .pipeline(&format!("dead_letter_topic = {:?}", world.dead_letter_topic))
        .plugin("fixtures/hostile.wasm", &format!("{{ do = {misbehaviour:?}, on = \"bad\" }}"));
    let mut config = config;
    config.transforms[0].push_str("limits = { time = \"200ms\", memory = \"16MiB\" }\n");
    let value = |n: u64| if n % 100 == 50 { format!(r#"{{"n": {n}, "bad": true}}"#) } else { format!(r#"{{"n": {n}}}"#) };
    world.kafka.produce(&world.topic, 0, (0..300).map(value));
    let began = Instant::now();
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(297);
    eventually("the dead letters", || (world.kafka.end(&world.dead_letter_topic, 0) >= 3).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(60));
    gateway.stop_cleanly();
    let letters = world.kafka.read(&world.dead_letter_topic, 1);
    let offsets: Vec<&str> = letters.iter().map(|letter| letter.headers["snowgate.offset"].as_str()).collect();
    assert_eq!(offsets, ["50", "150", "250"]);
    for letter in &letters {
        assert_eq!(letter.headers["snowgate.reason"], reason, "{:?}", letter.headers);
        assert_eq!(letter.headers["snowgate.plugin"], "hostile");
        assert_eq!(letter.headers["snowgate.plugin.version"], "0.0.1");
        assert_eq!(letter.headers["snowgate.plugin.sha256"].len(), 64);
    }
    assert_eq!((world.account().rows, world.account().duplicates), (297, 0));
}

#[test]
fn a_trapping_plugin_costs_only_its_own_records() {
    costs_only_its_own_records("trap", "plugin_trapped");
}

#[test]
fn an_endless_plugin_stops_at_its_deadline_and_the_other_records_pass() {
    costs_only_its_own_records("loop", "plugin_timeout");
}

#[test]
fn a_growing_plugin_meets_its_limit_and_the_other_records_pass() {
    costs_only_its_own_records("grow", "plugin_out_of_memory");
}

#[test]
fn a_plugin_that_breaks_the_contract_costs_only_its_own_records() {
    costs_only_its_own_records("lie-verdict-count", "plugin_contract");
}

#[test]
fn a_rejected_record_without_a_dead_letter_topic_stops_its_partition() {
    let world = World::new(1);
    let config = Config::new(&world).rows("columns").plugin("kline_flatten.wasm", "{}");
    world.kafka.produce(&world.topic, 0, [kline("BTCUSDT", "1.5", true), r#"{"something": "else"}"#.to_owned()]);
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(1);
    gateway.wait_for_log("record_refused");
    gateway.stop_cleanly();
    assert_eq!(world.account().rows, 1);
}

#[test]
fn a_plugin_that_fails_at_every_record_rests_and_goes_on_where_it_was() {
    let world = World::new(1);
    let mut config = Config::new(&world)
        .pipeline(&format!("dead_letter_topic = {:?}", world.dead_letter_topic))
        .plugin("fixtures/hostile.wasm", r#"{ do = "trap", on = "bad" }"#);
    config.transforms[0].push_str("limits = { faults_per_minute = 3 }\n");
    world.kafka.produce(&world.topic, 0, (0..4).map(|n| format!(r#"{{"n": {n}, "bad": true}}"#)));
    let gateway = Gateway::start(&world, &config);
    gateway.wait_for_log("plugin failed at too many records in a minute, resting it for a minute");
    world.kafka.produce(&world.topic, 0, (4..104).map(|n| format!(r#"{{"n": {n}}}"#)));
    // It rests for a minute, and then takes up what waited.
    world.wait_for_rows_within(Duration::from_secs(150), 100);
    gateway.stop_cleanly();
    assert_eq!(world.kafka.end(&world.dead_letter_topic, 0), 4);
    assert_eq!((world.account().rows, world.account().duplicates), (100, 0));
}
