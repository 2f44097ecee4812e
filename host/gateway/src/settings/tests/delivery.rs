//! Settings that would cost records, or load them twice.

use super::*;

#[test]
fn a_property_that_delivery_rests_on_cannot_be_set_and_others_are_checked() {
    let config = SMALLEST.replace(
        "[snowflake]",
        r#"[kafka.properties]
"enable.auto.commit" = "true"
"fetch.max.byte" = "1"
"fetch.wait.max.ms" = 50
"sasl.password" = "CANARY-password"
"ssl.key.password" = { env = "SNOWGATE_TEST_UNSET" }
sasl.mechanism = "PLAIN"
[snowflake]"#,
    );
    assert_eq!(
        refused(&config),
        r#"error: the configuration `snowgate.toml` has 6 problems
  because: snowgate.toml:5:24: `enable.auto.commit` cannot be set: the group offset follows what is in Snowflake
  because: snowgate.toml:6:20: librdkafka has no property `fetch.max.byte`
     hint: did you mean `fetch.max.bytes`?
  because: snowgate.toml:7:23: `fetch.wait.max.ms` is a number, not a text
     hint: write `"fetch.wait.max.ms" = "50"`
  because: snowgate.toml:8:19: `sasl.password` is a secret, and this file is no place for one
     hint: write `"sasl.password" = { env = "KAFKA_SASL_PASSWORD" }`
  because: snowgate.toml:9:22: `ssl.key.password`: environment variable `SNOWGATE_TEST_UNSET` is not set
     hint: set it where Snowgate is started, or name a file: `{ file = "rsa_key.p8" }`
  because: snowgate.toml:10:1: `sasl` is a table, not a property
     hint: put the property's name in quotes: `"sasl.mechanism"`

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn what_cannot_begin_a_channels_name_is_refused() {
    for prefix in ["a\\n".to_owned(), "x".repeat(251)] {
        let text = refused(&format!("{SMALLEST}channel_prefix = \"{prefix}\"\n"));
        assert!(text.contains("`pipeline.klines.channel_prefix` cannot begin a channel's name"), "{text}");
    }
}

#[test]
fn a_dead_letter_may_not_come_back_as_a_record() {
    assert_eq!(
        refused(&with("dead_letter_topic = \"binance_kline\"")),
        r#"error: the configuration `snowgate.toml` has a problem
  because: snowgate.toml:12:21: `binance_kline` is read by pipeline `klines`: its dead letters would come back as records
     hint: name another topic

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn dead_letters_need_a_topic() {
    assert_eq!(
        refused(&with("on_error = \"dead_letter\"\non_tombstone = \"dead_letter\"")),
        r#"error: the configuration `snowgate.toml` has 2 problems
  because: snowgate.toml:12:12: `pipeline.klines.on_error` is `dead_letter`, but there is no dead letter topic
     hint: add `dead_letter_topic = "…"`
  because: snowgate.toml:13:16: `pipeline.klines.on_tombstone` is `dead_letter`, but there is no dead letter topic
     hint: add `dead_letter_topic = "…"`

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
    // The value was wrong, so nobody knows that there is none.
    let text = refused(&with("on_error = \"dead_letter\"\ndead_letter_topic = 5"));
    assert!(
        text.contains("has a problem") && text.contains("`pipeline.klines.dead_letter_topic` is a number, not a text"),
        "{text}"
    );
}

#[test]
fn two_pipelines_may_not_share_a_topic_in_one_group_or_in_one_table() {
    let second = |group: &str, more: &str| {
        SMALLEST.replace("[snowflake]", &format!("{group}\n[snowflake]"))
            + &format!("[pipeline.other]\ntopics = [\"binance_kline\"]\n{more}\n")
    };
    assert_eq!(
        refused(&second("group = \"one\"", "tables = { binance_kline = \"B\" }")),
        r#"error: the configuration `snowgate.toml` has a problem
  because: snowgate.toml:14:11: topic `binance_kline` is read by pipeline `klines` too, in the same group: each would get a part of it
     hint: leave out `kafka.group`, and each pipeline has a group of its own

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
    assert_eq!(
        refused(&second("", "")),
        r#"error: the configuration `snowgate.toml` has a problem
  because: snowgate.toml:14:11: topic `binance_kline` is loaded into table `BINANCE_KLINE` by pipeline `klines` too: each record would be loaded twice
     hint: name another table: `tables = { binance_kline = "OTHER" }`

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
    assert!(Folder::new().load(&second("", "tables = { binance_kline = \"B\" }")).is_ok());
}

#[test]
fn tables_that_plugins_may_name_are_each_there_once_and_no_other_pipelines() {
    let with = |tables: &str| SMALLEST.replace("[pipeline.klines]", &format!("[pipeline.klines]\nmore_tables = {tables}"));
    assert_eq!(
        refused(&with("[\"a\", \"A\", \"DB.PUBLIC.T\"]")),
        r#"error: the configuration `snowgate.toml` has 2 problems
  because: snowgate.toml:11:21: table `A` is named twice
  because: snowgate.toml:11:26: `pipeline.klines.more_tables[2]`: name `DB.PUBLIC.T` needs double quotes around it, as it is not letters, digits, `_` and `$` alone
     hint: name the table alone; its database and schema are in `[snowflake]`

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
    let many: Vec<_> = (0..33).map(|n| format!("T{n}")).collect();
    assert!(refused(&with(&format!("{many:?}"))).contains("`pipeline.klines.more_tables` names 33 tables, and 32 are the most"));
    let other = "[pipeline.other]\ntopics = [\"binance_kline\"]\ntables = { binance_kline = \"B\" }\nmore_tables = [\"a\"]\n";
    let text = refused(&(with("[\"A\"]") + other));
    let expected = "topic `binance_kline` is loaded into table `A` by pipeline `klines` too: each record would be loaded twice\n     \
                    hint: leave `A` out of the `more_tables` of one of them";
    assert!(text.contains(expected), "{text}");
}
