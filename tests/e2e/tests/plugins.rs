//! Plugins change, split, drop and reject records; one that misbehaves costs its own records and nothing else.

use std::time::{Duration, Instant};

use serde_json::Value;
use snowgate_e2e::{Config, Gateway, World, eventually};

pub(crate) fn kline(symbol: &str, price: &str, closed: bool) -> String {
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
fn plugins_of_the_library_filter_and_dedupe_and_convert_one_after_another() {
    let world = World::new(1);
    let config = Config::new(&world)
        .rows("columns")
        .plugin("filter.wasm", r#"{ keep = 'data.k.x == true && data.k.o > 1' }"#)
        .plugin("dedupe.wasm", r#"{ fields = ["data.s", "data.k.t"] }"#)
        .plugin("timestamp.wasm", r#"{ fields = [{ field = "data.E", from = "unix_ms", to = "iso8601", into = "event_time" }] }"#);
    world.kafka.produce(
        &world.topic,
        0,
        [
            kline("BTCUSDT", "91250.10", true),
            kline("BTCUSDT", "91251.00", false),
            kline("BTCUSDT", "91250.10", true),
            kline("DOGEUSDT", "0.15", true),
            kline("ETHUSDT", "3120.50", true),
        ],
    );
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(2);
    gateway.stop_cleanly();
    let rows = world.sandbox.rows(&world.table());
    let seen: Vec<_> = rows.iter().map(|row| (&row["stream"], &row["event_time"])).collect();
    let time = Value::from("2021-12-05T23:41:00Z");
    let (bitcoin, ether) = (Value::from("btcusdt@kline_1m"), Value::from("ethusdt@kline_1m"));
    assert_eq!(seen, [(&bitcoin, &time), (&ether, &time)]);
}

#[test]
fn plugins_of_the_library_split_and_hide_and_flatten_one_after_another() {
    let world = World::new(1);
    let operations = concat!(
        r#"{ mask = { fields = ["user.card"], keep_last = 4 } }, { cast = { fields = ["price"], to = "decimal" } }, "#,
        r#"{ insert = { field = "kafka.offset", from = "offset" } }"#,
    );
    let config = Config::new(&world)
        .rows("columns")
        .plugin("explode.wasm", r#"{ field = "items", element = "merged", index = "line" }"#)
        .plugin("field.wasm", &format!("{{ operations = [{operations}] }}"))
        .plugin("flatten.wasm", "{}");
    let order = concat!(
        r#"{"order":7,"user":{"name":"x","card":"4111111111111111"},"#,
        r#""items":[{"sku":"A-1","price":"9.50"},{"sku":"B-2","price":"0.10"}]}"#,
    );
    world.kafka.produce(&world.topic, 0, [order]);
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(2);
    gateway.stop_cleanly();
    let page = world.sandbox.get(&format!("rows?table=CRYPTO_DB.PUBLIC.{}", world.table()));
    let lines: Vec<&str> = page["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    for (line, item) in lines.iter().zip([r#""sku":"A-1","price":9.50,"line":0"#, r#""sku":"B-2","price":0.10,"line":1"#]) {
        let row = format!(r#""order":7,"user_name":"x","user_card":"************1111",{item},"kafka_offset":0}}"#);
        assert!(line.ends_with(&row), "{line}");
    }
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

/// A record in a hundred is rejected or trapped on, and what becomes of it is said in `key`.
#[track_caller]
fn falls_under_a_rule(misbehaviour: &str, key: &str, rows: u64, letters: i64) {
    let world = World::new(1);
    let mut config = Config::new(&world)
        .pipeline(&format!("dead_letter_topic = {:?}\non_error = \"block\"", world.dead_letter_topic))
        .plugin("fixtures/hostile.wasm", &format!("{{ do = {misbehaviour:?}, on = \"bad\" }}"));
    config.transforms[0].push_str(key);
    let value = |n: u64| if n % 100 == 50 { format!(r#"{{"n": {n}, "bad": true}}"#) } else { format!(r#"{{"n": {n}}}"#) };
    world.kafka.produce(&world.topic, 0, (0..300).map(value));
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(rows);
    if rows < 297 {
        gateway.wait_for_log("record_refused");
    }
    gateway.stop_cleanly();
    assert_eq!((world.account().rows, world.kafka.end(&world.dead_letter_topic, 0)), (rows, letters));
}

#[test]
fn a_rejected_record_is_dropped_where_on_reject_says_so() {
    falls_under_a_rule("reject", "on_reject = \"drop\"\n", 297, 0);
}

#[test]
fn a_rejected_record_is_a_dead_letter_where_on_reject_says_so() {
    falls_under_a_rule("reject", "on_reject = \"dead_letter\"\non_trap = \"drop\"\n", 297, 3);
}

#[test]
fn a_record_that_is_trapped_on_is_dropped_where_on_trap_says_so() {
    falls_under_a_rule("trap", "on_trap = \"drop\"\n", 297, 0);
}

#[test]
fn a_record_that_is_trapped_on_stops_its_partition_where_on_trap_says_so() {
    falls_under_a_rule("trap", "on_trap = \"block\"\non_reject = \"drop\"\n", 50, 0);
}

#[test]
fn a_plugins_code_comes_from_the_cache_at_the_second_start() {
    let world = World::new(1);
    world.produce_numbers(0, 0..10);
    let cache = world.file("cache", "d");
    let config = Config::new(&world)
        .top(&format!("[plugins]\ncache = {cache:?}"))
        .plugin("symbol_filter.wasm", r#"{ deny = ["NONE"], on_missing = "keep" }"#);
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(10);
    let first = gateway.stop_cleanly();
    let gateway = Gateway::start(&world, &config);
    gateway.wait_for_log("partition assigned");
    let second = gateway.stop_cleanly();
    let (compiled, cached) = ("plugin compiled in", "plugin's code comes from cache");
    assert!(first.contains(compiled) && !first.contains(cached), "{first}");
    assert!(second.contains(cached) && !second.contains(compiled), "{second}");
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
