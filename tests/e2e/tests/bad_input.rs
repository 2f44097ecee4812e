//! What a person gets wrong is told before anything moves: what, where, what to do, and the exit code that scripts see.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use snowgate_e2e::{Config, World, gateway};

const CONFIG: i32 = 2;
const UNREACHABLE: i32 = 3;

/// Runs the gateway with the configuration and expects this end, with these pieces in what it says.
#[track_caller]
fn says(world: &World, config: &Config, code: i32, pieces: &[&str]) {
    let (ended, text) = gateway::run(world, "run", &config.to_text());
    assert_eq!(ended, code, "{text}");
    for piece in pieces {
        assert!(text.contains(piece), "`{piece}` is missing in:\n{text}");
    }
    assert_eq!(world.account().rows, 0);
}

#[test]
fn unreachable_brokers_are_named() {
    let world = World::new(1);
    let mut config = Config::new(&world);
    config.brokers = "127.0.0.1:1".to_owned();
    says(
        &world,
        &config,
        UNREACHABLE,
        &["error: pipeline `test` cannot use Kafka", "because: no broker of `127.0.0.1:1` can be reached", "hint:"],
    );
}

#[test]
fn an_absent_topic_is_named() {
    let world = World::new(1);
    if !world.kafka.is_apache() {
        // The embedded broker makes a topic of every name it hears.
        return;
    }
    let mut config = Config::new(&world);
    config.topic = "no_such_topic".to_owned();
    says(&world, &config, CONFIG, &["because: topic `no_such_topic` does not exist", "hint:"]);
}

#[test]
fn an_unreachable_snowflake_is_named() {
    let world = World::new(1);
    let mut config = Config::new(&world);
    config.snowflake = config.snowflake.replace(&world.sandbox.https, "https://127.0.0.1:1");
    says(&world, &config, UNREACHABLE, &["127.0.0.1:1", "hint: check `account` and `url`"]);
}

#[test]
fn a_key_that_snowflake_does_not_know_is_told_with_its_fingerprint() {
    let world = World::new(1);
    world.sandbox.post("keys", &json!({"account": "MYORG-MYACCT", "user": "SOMEONE", "public_key": OTHER_PUBLIC_KEY}));
    let mut config = Config::new(&world);
    config.snowflake = config.snowflake.replace("\"STREAMER\"", "\"SOMEONE\"");
    says(&world, &config, CONFIG, &["user `SOMEONE` could not log in to account `MYORG-MYACCT`", "SHA256:", "hint:"]);
}

#[test]
fn a_missing_grant_is_told_with_the_object() {
    let world = World::new(1);
    world.sandbox.fault(json!({"kind": "statement", "times": 0, "action": {"respond": {"status": 422, "body": {"code": "003001", "message": "SQL access control error:\nInsufficient privileges to operate on schema 'PUBLIC'", "sqlState": "42501"}}}}));
    says(
        &world,
        &Config::new(&world),
        CONFIG,
        &[
            "table `",
            "cannot be used",
            "Insufficient privileges to operate on schema",
            "hint: grant the role its privileges, then run `snowgate check`",
        ],
    );
}

#[test]
fn a_wrong_account_form_is_told_with_the_right_one() {
    let world = World::new(1);
    let mut config = Config::new(&world);
    config.snowflake = config.snowflake.replace("\"MYORG-MYACCT\"", "\"myorg.my-acct\"");
    says(&world, &config, CONFIG, &["snowflake.account", "myorg-my-acct"]);
}

#[test]
fn a_missing_plugin_file_is_named() {
    let world = World::new(1);
    let config = Config::new(&world).plugin("no_such_plugin.wasm", "{}");
    says(&world, &config, CONFIG, &["no_such_plugin.wasm"]);
}

#[test]
fn another_plugin_than_the_pinned_one_is_refused() {
    let world = World::new(1);
    let mut config = Config::new(&world).plugin("symbol_filter.wasm", r#"{ allow = ["*"] }"#);
    config.transforms[0].push_str(&format!("sha256 = \"{}\"\n", "0".repeat(64)));
    let pieces = ["plugin `symbol_filter`", &"0".repeat(64), "hint: take the file that was pinned"];
    says(&world, &config, CONFIG, &pieces);
    config.transforms[0] = config.transforms[0].replace("sha256 = \"0", "allow = [\"network\"]\nsha256 = \"x");
    says(&world, &config, CONFIG, &["`network` cannot be allowed", "is no SHA-256"]);
}

#[test]
fn a_file_that_is_no_component_is_told() {
    let world = World::new(1);
    let file = world.file("plugin", "wasm");
    fs::write(&file, b"\0asm\x01\0\0\0").unwrap();
    let mut config = Config::new(&world);
    config.transforms.push(format!("plugin = {file:?}\n"));
    says(&world, &config, CONFIG, &["cannot run its plugins", "component"]);
}

#[test]
fn a_plugins_wrong_configuration_is_told_in_its_own_words() {
    let world = World::new(1);
    let config = Config::new(&world).plugin("symbol_filter.wasm", r#"{ alow = ["BTC*"] }"#);
    says(&world, &config, CONFIG, &["symbol_filter", "alow"]);
}

#[test]
fn every_problem_of_a_file_is_told_at_once_with_its_line() {
    let world = World::new(1);
    let config = Config::new(&world).pipeline("lingr = \"1s\"\nbody = \"12 potatoes\"");
    says(&world, &config, CONFIG, &["lingr", "did you mean `linger`", "12 potatoes", ":"]);
}

#[test]
fn a_key_file_that_is_not_there_is_named() {
    let world = World::new(1);
    let mut config = Config::new(&world);
    config.snowflake = config.snowflake.replace("rsa_key.p8", "no_key.p8");
    says(&world, &config, CONFIG, &["no_key.p8"]);
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let world = World::new(1);
    fs::set_permissions(&world.sandbox.private_key, fs::Permissions::from_mode(0o644)).unwrap();
    says(&world, &Config::new(&world), CONFIG, &["chmod 600"]);
}

#[test]
fn a_check_tries_everything_and_moves_nothing() {
    let world = World::new(1);
    world.produce_numbers(0, 0..10);
    let config = Config::new(&world).plugin("symbol_filter.wasm", r#"{ allow = ["*"] }"#);
    let (code, text) = gateway::run(&world, "check", &config.to_text());
    assert_eq!(code, 0, "{text}");
    assert_eq!(world.sandbox.count_requests("open") + world.sandbox.count_requests("append"), 0);
    assert_eq!(world.account().rows, 0);
}

#[test]
fn no_secret_is_printed_anywhere() {
    let world = World::new(1);
    world.produce_numbers(0, 0..10);
    let config = Config::new(&world).top("[log]\nlevel = \"trace\"");
    let gateway = snowgate_e2e::Gateway::start(&world, &config);
    world.wait_for_rows(10);
    let log = gateway.stop_cleanly();
    let key = fs::read_to_string(&world.sandbox.private_key).unwrap();
    for line in key.lines().filter(|line| line.len() > 20) {
        assert!(!log.contains(line), "a line of the private key is in the log");
    }
    assert!(!log.contains("eyJ"), "a token is in the log");
}

/// A key that nobody holds.
const OTHER_PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAz9U7gS6nAOrA2PfZ6PZ9\n9l5ZVQgqC4cMWBxjFnoNcSrlEH8w0HltybQ2Qgujh3gt2eBRRuYLzrY6BMUzth7z\n4NY2H392fJlO7w+lK8lPsvmmH/U3xXaSTrE0UsJiIzWQvr6eMy9S3pxQxw4bGuNo\nNQn9z/lNMyLWjEbVmp28ROIc1Ljxjq1kfn0L5VUXT1ew4QZba6IG6pcYYh7/jicv\n36nxkF/19FlpBrqPmShHQZwn3FsXWxWXnlNKkhcAqsv+aRiaIA1CCwSgA3Gc5ely\nTxN64qlwH324DuDQ+Wz/F+KPPdlW2XeSQDOzoi6+zrya8k03lOuvrpIuw8cz0X46\nMQIDAQAB\n-----END PUBLIC KEY-----";
