//! A file that is wrong by its form: keys, sections, values.

use super::*;

#[test]
fn an_unknown_key_is_answered_with_the_one_that_was_meant() {
    assert_eq!(
        refused(&with("lingr = \"1s\"")),
        r#"error: the configuration `snowgate.toml` has a problem
  because: snowgate.toml:12:1: unknown key `pipeline.klines.lingr`
     hint: did you mean `linger`?

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn a_key_in_the_wrong_section_is_told_its_place_and_one_without_a_place_what_there_is() {
    let text = refused(&SMALLEST.replace("[snowflake]", "level = \"info\"\ntopics = [\"a\"]\nbootstrap = \"a:1\"\n[snowflake]"));
    assert_eq!(
        text,
        r#"error: the configuration `snowgate.toml` has 3 problems
  because: snowgate.toml:4:1: unknown key `kafka.level`
     hint: `level` belongs in `[log]`
  because: snowgate.toml:5:1: unknown key `kafka.topics`
     hint: `topics` belongs in `[pipeline.NAME]`
  because: snowgate.toml:6:1: unknown key `kafka.bootstrap`
     hint: the keys here are `brokers`, `group`, `start`, `properties`

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    let text = refused(
        r#"[kafka]
brokers = ["localhost"]
borkers = ["localhost:9092"]

[snowflake]
account = "myorg.myacct"
user = "STREAMER"
private_key = { file = "absent.p8" }

[memory]
max = "lots"

[pipeline.klines]
topics = ["^binance.*"]
rows = "column"
linger = "5 minutes long"
[[pipeline.klines.transform]]
with = { a = 1 }
"#,
    );
    assert_eq!(
        text,
        r#"error: the configuration `snowgate.toml` has 8 problems
  because: snowgate.toml:2:11: `kafka.brokers`: `localhost` is not `host:port`
  because: snowgate.toml:3:1: unknown key `kafka.borkers`
     hint: did you mean `brokers`?
  because: snowgate.toml:5:2: `snowflake.database` is missing
     hint: write `database = "CRYPTO_DB"`
  because: snowgate.toml:11:7: `memory.max`: `lots` is not a size
     hint: write a whole number and a unit: `64KiB`, `4MiB`, `1GiB`
  because: snowgate.toml:14:11: `^binance.*` cannot name a topic
     hint: patterns are not taken; name each topic
  because: snowgate.toml:15:8: `pipeline.klines.rows` is `column`, not one of `content`, `columns`
     hint: did you mean `columns`?
  because: snowgate.toml:16:10: `pipeline.klines.linger`: `5 minutes long` is not a duration
     hint: did you mean `5m`?
  because: snowgate.toml:17:1: `pipeline.klines.transform[0]` names no plugin
     hint: write `use = "kline-flatten"`, or the file's `path`

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn a_missing_section_is_named() {
    assert_eq!(
        refused("[log]\nlevel = \"info\"\n"),
        r#"error: the configuration `snowgate.toml` has 3 problems
  because: snowgate.toml:1:1: section `[kafka]` is missing
  because: snowgate.toml:1:1: section `[snowflake]` is missing
  because: snowgate.toml:1:1: section `[pipeline.NAME]` is missing

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn a_value_of_the_wrong_form_is_shown_the_right_one() {
    let text = refused(
        &SMALLEST
            .replace("[\"localhost:9092\"]", "\"localhost:9092\"")
            .replace("{ file = \"rsa_key.p8\" }", "\"CANARY-key\"")
            .replace(
                "[\"binance_kline\"]",
                "[\"binance_kline\", 5]\nlinger = 500\nworkers = -1\ntransform = { path = \"a.wasm\" }",
            ),
    );
    assert_eq!(
        text,
        r#"error: the configuration `snowgate.toml` has 6 problems
  because: snowgate.toml:2:11: `kafka.brokers` is a text, not a list of texts
     hint: write `brokers = ["localhost:9092"]`
  because: snowgate.toml:7:15: `snowflake.private_key` is a secret, and this file is no place for one
     hint: write `private_key = { file = "rsa_key.p8" }`
  because: snowgate.toml:11:10: `pipeline.klines.topics` is a list with other things than texts, not a list of texts
     hint: write `topics = ["binance_kline"]`
  because: snowgate.toml:12:10: `pipeline.klines.linger` is a number, not a duration
     hint: write `linger = "500ms"`
  because: snowgate.toml:13:11: `pipeline.klines.workers` is out of range
     hint: write `workers = 2`
  because: snowgate.toml:14:1: `pipeline.klines.transform` is a table, not a list of tables
     hint: write `[[pipeline.NAME.transform]]`

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn what_is_not_toml_is_told_by_line() {
    assert_eq!(
        refused("[kafka]\nbrokers = [\"a:1\"\n\n[snowflake\n"),
        r#"error: the configuration `snowgate.toml` has a problem
  because: snowgate.toml:4:1: missing comma between array elements, expected `,`

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn a_file_that_cannot_be_read_is_said_to_be() {
    let folder = Folder::new();
    let seen = |name: &str| folder.without_folder(&explain(&Settings::load(&folder.dir.path().join(name)).unwrap_err(), None));
    assert_eq!(
        seen("absent.toml"),
        r#"error: the configuration `absent.toml` could not be read
  because: there is no such file

hint: name the file with `--config FILE`
"#
    );
    folder.write("latin1.toml", b"[kafka]\n# caf\xe9\n");
    assert!(seen("latin1.toml").contains("because: line 2 is not UTF-8 text"));
    std::fs::create_dir(folder.dir.path().join("folder")).unwrap();
    assert!(seen("folder").contains("because: it is a folder"));
}
