//! A record that cannot be loaded is set aside with its reason, or stops its partition; it is never only a log line.

use snowgate_e2e::{Config, Gateway, World, eventually};

const POISON: &[(&[u8], &str)] = &[
    (b"not json", "not_json"),
    (b"", "empty"),
    (br#"{"a": 1"#, "truncated"),
    (br#"{"a": 1} {"b": 2}"#, "trailing_bytes"),
    (b"{\"a\": \"\xff\"}", "invalid_utf8"),
    (br#"{"a": "\ud800"}"#, "lone_surrogate"),
    (br#"{"a": 1, "a": 2}"#, "duplicate_key"),
    (br#"{"a": NaN}"#, "not_json"),
];

#[test]
fn a_poison_record_becomes_a_dead_letter_with_its_reason_and_the_others_are_loaded() {
    let world = World::new(1);
    let config = Config::new(&world).pipeline(&format!("dead_letter_topic = {:?}", world.dead_letter_topic));
    for (value, _) in POISON {
        world.kafka.produce(&world.topic, 0, [&b"{\"good\": true}"[..], value]);
    }
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(POISON.len() as u64);
    eventually("the dead letters", || (world.kafka.end(&world.dead_letter_topic, 0) as usize >= POISON.len()).then_some(()));
    gateway.stop_cleanly();
    let letters = world.kafka.read(&world.dead_letter_topic, 1);
    assert_eq!(letters.len(), POISON.len());
    for (index, (letter, (value, reason))) in letters.iter().zip(POISON).enumerate() {
        assert_eq!(letter.value.as_deref(), Some(*value));
        assert_eq!(letter.headers["snowgate.reason"], *reason, "{:?}", String::from_utf8_lossy(value));
        assert_eq!(letter.headers["snowgate.topic"], world.topic);
        assert_eq!(letter.headers["snowgate.partition"], "0");
        assert_eq!(letter.headers["snowgate.offset"], (2 * index + 1).to_string());
    }
    assert_eq!(world.account().rows, POISON.len() as u64);
}

#[test]
fn without_a_dead_letter_topic_a_poison_record_stops_its_partition_and_no_other() {
    let world = World::new(2);
    world.kafka.produce(&world.topic, 0, ["{\"n\": 1}", "poison", "{\"n\": 2}"]);
    world.produce_numbers(1, 0..100);
    let gateway = Gateway::start(&world, &Config::new(&world));
    gateway.wait_for_log("record_refused");
    world.wait_for_rows(101);
    world.produce_numbers(1, 100..200);
    world.wait_for_rows(201);
    gateway.stop_cleanly();
    let stopped: Vec<i64> =
        world.offsets_in_table().iter().filter(|(partition, _)| *partition == 0).map(|(_, offset)| *offset).collect();
    assert_eq!(stopped, [0]);
    // Once it may be set aside, the rest follows.
    let config = Config::new(&world).pipeline(&format!("dead_letter_topic = {:?}", world.dead_letter_topic));
    let again = Gateway::start(&world, &config);
    world.wait_for_rows(202);
    again.stop_cleanly();
    assert_eq!(world.account().duplicates, 0);
}

#[test]
fn a_record_that_snowflake_calls_malformed_is_found_and_set_aside() {
    let world = World::new(1);
    world.sandbox.settings(serde_json::json!({"body_limit": 600}));
    let config = Config::new(&world).pipeline(&format!("dead_letter_topic = {:?}", world.dead_letter_topic));
    // Nothing that compresses: the large one alone is above the limit, all others together too.
    let noise = |seed: u64, bytes: usize| {
        let mut state = seed;
        let text: String = (0..bytes)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'a' + (state >> 59) as u8 % 26)
            })
            .collect();
        format!(r#"{{"noise": "{text}"}}"#)
    };
    world.kafka.produce(&world.topic, 0, (0..20).map(|n| noise(n + 1, if n == 7 { 2_000 } else { 100 })));
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(19);
    eventually("the dead letter", || (world.kafka.end(&world.dead_letter_topic, 0) >= 1).then_some(()));
    gateway.stop_cleanly();
    let letters = world.kafka.read(&world.dead_letter_topic, 1);
    assert!(letters.iter().all(|letter| letter.headers["snowgate.offset"] == "7"), "{letters:?}");
    assert_eq!((world.account().rows, world.account().duplicates), (19, 0));
}
