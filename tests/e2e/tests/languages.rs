//! From nothing to rows in each language: `snowgate plugin new` makes a project, builds it and runs its cases, and the gateway runs what
//! came of it. Rust is among the author's own tests.
//!
//! `cargo xtask test` installs what the languages need, and leaves out the tests of those that cannot be had.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use snowgate_e2e::{Config, Gateway, World};

/// A component that brings an interpreter is compiled for half a minute of both of a small machine's cores, a few times here.
const PATIENCE: Duration = Duration::from_secs(300);

/// A new project's component, run by the gateway: what the rows' columns hold, but for the gateway's own. Then the project's code gives
/// way to code that tries all of the SDK, which in every language has to answer the same.
#[track_caller]
fn rows_of(language: &str, entry: &str, with: &str, values: &[&str], rows: usize) -> Vec<Value> {
    let world = World::new(1);
    let made = plugin(world.folder(), &["new", "first-try", "--lang", language, "--json"]);
    assert_eq!(made["cases"], 2, "{made}");
    let project = world.folder().join("first-try");
    let rows = loaded(&world, &project.join("first-try.wasm"), with, values, rows);

    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/languages");
    fs::copy(fixtures.join(entry), project.join(entry)).expect("the project is ours");
    fs::remove_dir_all(project.join("tests")).expect("the template has cases");
    fs::create_dir_all(project.join("tests/everything")).expect("the project is ours");
    for file in ["input.jsonl", "tables.json", "expected.jsonl"] {
        fs::copy(fixtures.join("case").join(file), project.join("tests/everything").join(file)).expect("the project is ours");
    }
    let tested = plugin(&project, &["test", "--json"]);
    assert_eq!(tested["failed"], 0, "{tested:#}");
    rows
}

/// What `snowgate plugin …` prints as JSON.
#[track_caller]
fn plugin(folder: &Path, arguments: &[&str]) -> Value {
    let ran = Command::new(snowgate_e2e::gateway::program()).arg("plugin").args(arguments).current_dir(folder).output();
    let ran = ran.expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ran.status.success(), "{}\n{}", text(&ran.stdout), text(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error} in {}", text(&ran.stdout)))
}

#[track_caller]
fn loaded(world: &World, component: &Path, with: &str, values: &[&str], rows: usize) -> Vec<Value> {
    let config = Config::new(world)
        .rows("columns")
        .pipeline(&format!("dead_letter_topic = {:?}", world.dead_letter_topic))
        .plugin(component.to_str().expect("paths here are text"), with);
    world.kafka.produce(&world.topic, 0, values.iter().copied());
    let gateway = Gateway::start(world, &config);
    world.wait_for_rows_within(PATIENCE, rows as u64);
    gateway.stop_cleanly();

    let mut rows = world.sandbox.rows(&world.table());
    for row in &mut rows {
        row.as_object_mut().expect("a row is an object").remove("RECORD_METADATA");
    }
    rows
}

#[test]
fn from_nothing_to_rows_in_c() {
    let values =
        [r#"{"symbol":"ETHUSDT","n":1}"#, r#"{"symbol":"BTCUSDT","n":2.50}"#, r#"{"n":3}"#, r#"{"n":4,"symbol":"BTCEUR"}"#];
    let rows = rows_of("c", "plugin.c", r#"{ prefixes = ["BTC"] }"#, &values, 2);
    assert_eq!(rows, [json!({"symbol": "BTCUSDT", "n": 2.5}), json!({"symbol": "BTCEUR", "n": 4})]);
}

#[test]
fn from_nothing_to_rows_in_js() {
    let values = [r#"{"s":"BTCUSDT","note":"x","p":"91250.10"}"#, r#"{"s":"ĐOGE"}"#];
    let rows = rows_of("js", "plugin.js", r#"{ rename = { s = "symbol", p = "price" }, remove = ["note"] }"#, &values, 2);
    assert_eq!(rows, [json!({"symbol": "BTCUSDT", "price": "91250.10"}), json!({"symbol": "ĐOGE"})]);
}

#[test]
fn from_nothing_to_rows_in_python() {
    let values = [r#"{"symbol":"BTCUSDT","n":12345678901234567890}"#, r#"{"symbol":"ETHUSDT"}"#];
    let rows = rows_of("python", "plugin.py", r#"{ known = { BTCUSDT = { base = "BTC" } } }"#, &values, 2);
    let whole = json!({"symbol": "BTCUSDT", "n": 12_345_678_901_234_567_890_u64, "base": "BTC"});
    assert_eq!(rows, [whole, json!({"symbol": "ETHUSDT"})]);
}
