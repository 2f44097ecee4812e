//! Every record becomes a row, once, in order, with what it said.

use snowgate_e2e::sandbox::Account;
use snowgate_e2e::{Config, Gateway, World, eventually};

#[test]
fn every_record_of_every_partition_is_loaded_once_and_in_order() {
    let world = World::new(4);
    for partition in 0..4 {
        world.produce_numbers(partition, 0..5_000);
    }
    let gateway = Gateway::start(&world, &Config::new(&world));
    world.assert_exactly_once();
    for partition in 0..4 {
        world.produce_numbers(partition, 5_000..6_000);
    }
    world.assert_exactly_once();
    gateway.stop_cleanly();
    world.assert_exactly_once();
}

#[test]
fn a_content_row_holds_the_value_as_it_was_and_the_metadata_beside_it() {
    let world = World::new(1);
    world.kafka.produce_with(
        &world.topic,
        0,
        "BTCUSDT",
        r#"{"data": {"k": {"s": "BTCUSDT", "c": "0.0020"}}, "big": 12345678901234567890.10}"#,
        ("source", "binance"),
    );
    let gateway = Gateway::start(&world, &Config::new(&world));
    world.wait_for_rows(1);
    let page = world.sandbox.get(&format!("rows?table=CRYPTO_DB.PUBLIC.{}", world.table()));
    let line = page["lines"][0].as_str().unwrap();
    assert!(
        line.contains(r#""RECORD_CONTENT":{"data": {"k": {"s": "BTCUSDT", "c": "0.0020"}}, "big": 12345678901234567890.10}"#),
        "{line}"
    );
    let row = &world.sandbox.rows(&world.table())[0];
    let metadata = &row["RECORD_METADATA"];
    assert_eq!(
        (metadata["topic"].as_str(), metadata["partition"].as_i64(), metadata["offset"].as_i64()),
        (Some(world.topic.as_str()), Some(0), Some(0))
    );
    assert_eq!((metadata["key"].as_str(), metadata["headers"]["source"].as_str()), (Some("BTCUSDT"), Some("binance")));
    assert!(metadata["CreateTime"].as_i64().is_some_and(|time| time > 1_700_000_000_000), "{metadata}");
    let path = world.sandbox.query(&format!("SELECT RECORD_CONTENT:data:k:s::string FROM CRYPTO_DB.PUBLIC.{}", world.topic));
    assert_eq!(path, [[Some("BTCUSDT".to_owned())]]);
    gateway.stop_cleanly();
}

#[test]
fn columns_mode_makes_a_column_of_each_top_level_field() {
    let world = World::new(1);
    world.kafka.produce(&world.topic, 0, [r#"{"symbol": "BTCUSDT", "price": 0.0020, "closed": true}"#]);
    let gateway = Gateway::start(&world, &Config::new(&world).rows("columns"));
    world.wait_for_rows(1);
    let row = &world.sandbox.rows(&world.table())[0];
    assert_eq!(
        (row["symbol"].as_str(), row["price"].as_f64(), row["closed"].as_bool()),
        (Some("BTCUSDT"), Some(0.002), Some(true))
    );
    gateway.stop_cleanly();
}

#[test]
fn a_latest_start_passes_over_what_was_there_before() {
    let world = World::new(1);
    world.produce_numbers(0, 0..100);
    let mut config = Config::new(&world);
    config.kafka = format!("start = \"latest\"\n{}", config.kafka);
    let gateway = Gateway::start(&world, &config);
    gateway.wait_for_log("partition assigned");
    // Reading begins at some moment after the assignment: send until the first one arrives.
    let mut sent = 100;
    eventually("a record sent after the start", || {
        world.produce_numbers(0, sent..sent + 1);
        sent += 1;
        (world.account().rows > 0).then_some(())
    });
    assert!(world.offsets_in_table().iter().all(|(_, offset)| *offset >= 100));
    gateway.stop_cleanly();
}

#[test]
fn two_pipelines_load_their_topics_into_their_tables() {
    let world = World::new(1);
    world.produce_numbers(0, 0..50);
    world.kafka.produce(&world.dead_letter_topic, 0, (0..70).map(|n| format!(r#"{{"n": {n}}}"#)));
    let mut config = Config::new(&world);
    config.pipeline.push_str(&format!(
        "\n[pipeline.other]\ntopics = [{0:?}]\nrows = \"content\"\nlinger = \"100ms\"\ntables = {{ {0:?} = \"OTHER\" }}\n",
        world.dead_letter_topic
    ));
    let text = config.to_text().replace(&format!("group = {:?}\n", config.group), "");
    let gateway = Gateway::start_text(&world, &text);
    world.wait_for_rows(50);
    eventually("the rows of the other table", || {
        (world.sandbox.account("OTHER", &world.dead_letter_topic).rows == 70).then_some(())
    });
    assert_eq!(world.account(), Account { rows: 50, distinct: 50, duplicates: 0, out_of_order: 0 });
    gateway.stop_cleanly();
}

#[test]
fn a_tombstone_is_a_row_without_content_or_is_dropped_as_configured() {
    let world = World::new(1);
    world.kafka.produce_tombstone(&world.topic, 0, "BTCUSDT");
    world.kafka.produce(&world.topic, 0, [r#"{"n": 1}"#]);
    let gateway = Gateway::start(&world, &Config::new(&world));
    world.wait_for_rows(2);
    let row = &world.sandbox.rows(&world.table())[0];
    assert_eq!((row["RECORD_METADATA"]["key"].as_str(), row["RECORD_CONTENT"].to_string().as_str()), (Some("BTCUSDT"), "{}"));
    gateway.stop_cleanly();
    world.kafka.produce_tombstone(&world.topic, 0, "ETHUSDT");
    world.kafka.produce(&world.topic, 0, [r#"{"n": 2}"#]);
    let dropping = Gateway::start(&world, &Config::new(&world).pipeline("on_tombstone = \"drop\""));
    world.wait_for_rows(3);
    dropping.stop_cleanly();
    assert_eq!(world.offsets_in_table().iter().map(|(_, offset)| *offset).collect::<Vec<_>>(), [0, 1, 3]);
}
