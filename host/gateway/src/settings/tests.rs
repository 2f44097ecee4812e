//! What its writer sees of a wrong configuration, to the letter, and what a right one comes to.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;
use crate::config::{LogFormat, LogLevel};
use crate::report::explain;
use snowgate_transform::Limits;

/// The least that runs.
const SMALLEST: &str = r#"[kafka]
brokers = ["localhost:9092"]

[snowflake]
account = "MYORG-MYACCT"
user = "STREAMER"
private_key = { file = "rsa_key.p8" }
database = "CRYPTO_DB"

[pipeline.klines]
topics = ["binance_kline"]
"#;

/// A folder with a key and a plugin, for a configuration to refer to.
struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new() -> Folder {
        let folder = Folder { dir: tempfile::tempdir().unwrap() };
        let key = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../snowflake/tests/fixtures/key_pkcs8.pem")).unwrap();
        folder.write("rsa_key.p8", &key);
        folder.write("flatten.wasm", b"not looked into here");
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }

    /// The settings, or what its user would see, with the folder left out of paths.
    fn load(&self, config: &str) -> Result<Settings, String> {
        let file = self.dir.path().join("snowgate.toml");
        std::fs::write(&file, config).unwrap();
        Settings::load(&file).map_err(|problems| self.without_folder(&explain(&problems, None)))
    }

    fn without_folder(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// What its user sees of `config`.
fn refused(config: &str) -> String {
    Folder::new().load(config).expect_err("this configuration must be refused")
}

/// The smallest configuration with `more` at its end, which is the pipeline's section.
fn with(more: &str) -> String {
    format!("{SMALLEST}{more}\n")
}

#[test]
fn the_smallest_configuration_has_a_default_for_everything_else() {
    let settings = Folder::new().load(SMALLEST).unwrap();
    assert_eq!(settings.memory_max, 128 * 1024 * 1024);
    assert_eq!(settings.shutdown_grace, Duration::from_secs(25));
    assert_eq!(settings.log, LogConfig { format: LogFormat::Text, level: LogLevel::Info });
    let [pipeline] = settings.pipelines.as_slice() else { panic!("one pipeline") };
    assert_eq!((pipeline.snowflake.database.as_str(), pipeline.snowflake.schema.as_str()), ("CRYPTO_DB", "PUBLIC"));
    assert_eq!((&*pipeline.name, pipeline.kafka.group.as_str()), ("klines", "snowgate-klines"));
    assert_eq!(pipeline.topics.named(), ["binance_kline"]);
    assert_eq!(pipeline.table("binance_kline").table, "BINANCE_KLINE");
    assert_eq!(pipeline.rows, RowSettings::new(RowMode::Content));
    assert_eq!((pipeline.linger, pipeline.body_bytes), (Duration::from_millis(500), 4 * 1024 * 1024));
    assert_eq!(pipeline.dead_letter_topic, None);
    assert_eq!(pipeline.on_error, OnError::Block);
    assert_eq!(pipeline.on_tombstone, OnTombstone::Row);
    assert_eq!((pipeline.on_regression, pipeline.on_routing_change), (OnRegression::Block, OnRoutingChange::Block));
    assert!(pipeline.more_tables.is_empty());
    assert!(pipeline.workers >= 1);
    assert!(pipeline.plugins.is_empty());
}

#[test]
fn everything_that_is_written_counts() {
    let folder = Folder::new();
    folder.write("kafka_password", b"hunter2\n");
    let config = r#"
[kafka]
brokers = ["a:1", "b:2"]
group = "loaders"
start = "latest"
[kafka.properties]
"sasl.password" = { file = "kafka_password" }
"fetch.max.bytes" = "1000000"

[snowflake]
account = "MYORG-MYACCT"
user = "streamer"
private_key = { file = "rsa_key.p8" }
role = "loader"
url = "https://127.0.0.1:8443"
database = "crypto_db"
schema = "raw"

[memory]
max = "64MiB"
[shutdown]
grace = "10s"
[log]
format = "json"
level = "debug"

[pipeline.klines]
topics = ["binance_kline", "other.topic"]
tables = { binance_kline = "klines", "other.topic" = '"Other"' }
more_tables = ["trades", '"Depth"', "KLINES"]
rows = "columns"
metadata = { headers = false }
linger = "2s"
body = "1MiB"
dead_letter_topic = "dead"
on_tombstone = "drop"
on_regression = "accept"
on_routing_change = "accept"
workers = 3

[[pipeline.klines.transform]]
path = "flatten.wasm"
with = { closed_only = true, names = ["a", "b"], depth = 2, ratio = 0.5, since = 2024-01-01, inner = { x = "y" } }

[[pipeline.klines.transform]]
path = "flatten.wasm"
name = "again"
on_reject = "drop"
on_trap = "dead_letter"
limits = { memory = "8MiB", time = "250ms", start_time = "30s", output_factor = 9, log_lines = 5 }

[plugins]
cache = "compiled"
watch = "2s"
"#;
    let settings = folder.load(config).unwrap();
    assert_eq!((settings.memory_max, settings.shutdown_grace), (64 * 1024 * 1024, Duration::from_secs(10)));
    assert_eq!(settings.log, LogConfig { format: LogFormat::Json, level: LogLevel::Debug });
    let pipeline = &settings.pipelines[0];
    assert_eq!((pipeline.kafka.brokers.as_str(), pipeline.kafka.group.as_str()), ("a:1,b:2", "loaders"));
    let properties: Vec<_> = pipeline
        .kafka
        .properties
        .iter()
        .map(|(name, value)| (name.as_str(), secrecy::ExposeSecret::expose_secret(value)))
        .collect();
    assert_eq!(properties, [("fetch.max.bytes", "1000000"), ("sasl.password", "hunter2")]);
    assert_eq!(pipeline.table("binance_kline").table, "KLINES");
    assert_eq!(pipeline.table("other.topic").table, "Other");
    assert_eq!(pipeline.more_tables, ["TRADES", "Depth", "KLINES"]);
    assert_eq!(pipeline.plugins[0].plugin.tables.names(), ["TRADES", "Depth", "KLINES"]);
    assert_eq!(pipeline.known_tables().len(), 5);
    assert_eq!(pipeline.on_routing_change, OnRoutingChange::Accept);
    assert_eq!(pipeline.rows.mode, RowMode::Columns);
    assert!(pipeline.rows.metadata.key && !pipeline.rows.metadata.headers);
    assert_eq!((pipeline.linger, pipeline.body_bytes, pipeline.workers), (Duration::from_secs(2), 1024 * 1024, 3));
    assert_eq!(pipeline.on_error, OnError::DeadLetter, "a dead letter topic is there to be used");
    assert_eq!((pipeline.on_tombstone, pipeline.on_regression), (OnTombstone::Drop, OnRegression::Accept));
    let [first, second] = pipeline.plugins.as_slice() else { panic!("two plugins") };
    assert_eq!((first.on_reject, second.on_reject, second.on_trap), (None, Some(OnError::Drop), Some(OnError::DeadLetter)));
    let (first, second) = (&first.plugin, &second.plugin);
    assert_eq!((first.name.as_str(), second.name.as_str()), ("flatten", "again"));
    let handed = r#"{"closed_only":true,"depth":2,"inner":{"x":"y"},"names":["a","b"],"ratio":0.5,"since":"2024-01-01"}"#;
    assert_eq!((first.config_json.as_str(), second.config_json.as_str()), (handed, "{}"));
    let limits = Limits {
        memory_bytes: 8 * 1024 * 1024,
        batch_time: Duration::from_millis(250),
        start_time: Duration::from_secs(30),
        output_factor: 9,
        log_lines: 5,
        ..Limits::default()
    };
    assert_eq!(second.limits, limits);
    assert_eq!(folder.without_folder(&settings.plugins.cache.unwrap().display().to_string()), "compiled");
    assert_eq!(settings.plugins.watch, Some(Duration::from_secs(2)));
}

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
fn what_snowflakes_section_says_is_checked_to_the_last_field() {
    let config = SMALLEST.replace("MYORG-MYACCT", "myorg.myacct").replace("rsa_key.p8", "absent.p8").replace("CRYPTO_DB", "my-db");
    assert_eq!(
        refused(&config),
        r#"error: the configuration `snowgate.toml` has 3 problems
  because: snowgate.toml:5:11: `snowflake.account`: `myorg.myacct` has a dot between organisation and account
     hint: write `account = "myorg-myacct"`
  because: snowgate.toml:7:1: `snowflake.private_key`: `absent.p8` does not exist
  because: snowgate.toml:8:12: `snowflake.database`: name `my-db` needs double quotes around it, as it is not letters, digits, `_` and `$` alone
     hint: write letters, digits, `_` and `$`, or put the name in double quotes of its own: `'"my name"'`

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
fn a_plugin_that_is_not_there_is_named_with_its_path() {
    let text = refused(&with(
        "[[pipeline.klines.transform]]\npath = \"plugins/absent.wasm\"\n[[pipeline.klines.transform]]\npath = \".\"\nname = \"here\"",
    ));
    assert_eq!(
        text,
        r#"error: the configuration `snowgate.toml` has 2 problems
  because: snowgate.toml:13:8: plugin `plugins/absent.wasm` does not exist
     hint: a relative path starts at the folder of the configuration file
  because: snowgate.toml:15:8: plugin `.` is not a file

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn a_plugin_is_used_by_its_name_however_its_file_spells_it() {
    let folder = Folder::new();
    for file in ["symbol_filter", "kline-flatten"] {
        std::fs::create_dir_all(folder.dir.path().join("plugins")).unwrap();
        folder.write(&format!("plugins/{file}.wasm"), b"not looked into here");
    }
    let used = |used: &str| folder.load(&with(&format!("[[pipeline.klines.transform]]\nuse = \"{used}\"")));
    for (name, file) in [
        ("symbol-filter", "symbol_filter"),
        ("symbol_filter@0.1", "symbol_filter"),
        ("kline_flatten", "kline-flatten"),
        ("kline-flatten@=1.2.3", "kline-flatten"),
    ] {
        let settings = used(name).unwrap();
        let transform = &settings.pipelines[0].plugins[0];
        assert_eq!(transform.plugin.name, name.split('@').next().unwrap());
        assert_eq!(transform.plugin.path.file_stem().unwrap(), file);
        assert_eq!(transform.version.is_some(), name.contains('@'));
    }
    let problem = |name: &str| {
        let text = used(name).unwrap_err();
        text.lines().skip(1).take(2).map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        problem("symbol-fliter"),
        "because: snowgate.toml:13:7: there is no plugin `symbol-fliter` in `plugins`; hint: did you mean `symbol_filter`?"
    );
    assert_eq!(
        problem("other"),
        "because: snowgate.toml:13:7: there is no plugin `other` in `plugins`; \
         hint: the plugins there are `kline-flatten`, `symbol_filter`"
    );
    assert_eq!(
        problem("symbol-filter@new"),
        "because: snowgate.toml:13:7: `symbol-filter@new` asks for no version: unexpected character 'n' while parsing major version number; \
         hint: write `symbol-filter@1`, `symbol-filter@1.2` or `symbol-filter@=1.2.3`"
    );
    assert_eq!(
        problem("a/b.wasm"),
        "because: snowgate.toml:13:7: `a/b.wasm` is a file, and `use` takes the name of a plugin in `plugins`; \
         hint: write `path = \"a/b.wasm\"`"
    );
}

#[test]
fn a_transform_is_one_plugin_and_what_it_asks_for_is_there() {
    let text = refused(&with(
        "[[pipeline.klines.transform]]\nuse = \"a\"\npath = \"flatten.wasm\"\n[[pipeline.klines.transform]]\nuse = \"flatten\"\n\
         [[pipeline.klines.transform]]\npath = \"flatten.wasm\"\non_reject = \"dead_letter\"\non_trap = \"retry\"\n\
         limits = { start_time = \"1ms\", output_factor = 0 }\n[plugins]\nwatch = \"1ms\"\ncach = \"off\"",
    ));
    assert_eq!(
        text,
        r#"error: the configuration `snowgate.toml` has 8 problems
  because: snowgate.toml:12:1: `pipeline.klines.transform[0]` has both `use` and `path`
     hint: leave out one of them
  because: snowgate.toml:16:7: there is no plugin `flatten`: the folder `plugins` could not be read: No such file or directory (os error 2)
     hint: name the folder of plugins: `folder` in `[plugins]`
  because: snowgate.toml:19:13: `pipeline.klines.transform[2].on_reject` is `dead_letter`, but there is no dead letter topic
     hint: add `dead_letter_topic = "…"` to the pipeline
  because: snowgate.toml:20:11: `pipeline.klines.transform[2].on_trap` is `retry`, not one of `dead_letter`, `drop`, `block`
  because: snowgate.toml:21:25: `pipeline.klines.transform[2].limits.start_time` is 1ms, not from 10ms to 5m
  because: snowgate.toml:21:48: `pipeline.klines.transform[2].limits.output_factor` is 0, not from 1 to 1000
  because: snowgate.toml:23:9: `plugins.watch` is 1ms, not from 100ms to 1h
  because: snowgate.toml:24:1: unknown key `plugins.cach`
     hint: did you mean `cache`?

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let folder = Folder::new();
    std::fs::set_permissions(folder.dir.path().join("rsa_key.p8"), Permissions::from_mode(0o644)).unwrap();
    assert_eq!(
        folder.load(SMALLEST).unwrap_err(),
        r#"error: the configuration `snowgate.toml` has a problem
  because: snowgate.toml:7:1: `snowflake.private_key`: `rsa_key.p8` is open to other users (mode 0644)
     hint: run `chmod 600 rsa_key.p8`

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

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

#[test]
fn names_and_bounds_are_checked() {
    let text = refused(&SMALLEST.replace("[pipeline.klines]", "[memory]\nmax = \"5MiB\"\n[pipeline.\"a b\"]").replace(
        "[\"binance_kline\"]",
        "[\"a\", \"b c\", \"a\"]\n\
                 tables = { x = \"T\", a = \"DB.PUBLIC.T\" }\nlinger = \"2m\"\nbody = \"6MiB\"\nworkers = 0\n\
                 transform = [{ path = \"flatten.wasm\", with = { x = nan } }, { path = \"flatten.wasm\", \
                 limits = { time = \"1ms\" } }]",
    ));
    assert_eq!(
        text,
        r#"error: the configuration `snowgate.toml` has 11 problems
  because: snowgate.toml:12:11: `a b` cannot name a pipeline
     hint: letters, digits, `_` and `-`, at most 64 of them
  because: snowgate.toml:13:16: `b c` cannot name a topic
     hint: letters, digits, `.`, `_` and `-`, at most 249 of them
  because: snowgate.toml:13:23: topic `a` is named twice
  because: snowgate.toml:14:16: `x` is not a topic of this pipeline
     hint: the topics of this pipeline are `a`, `b c`, `a`
  because: snowgate.toml:14:25: `pipeline.a b.tables.a`: name `DB.PUBLIC.T` needs double quotes around it, as it is not letters, digits, `_` and `$` alone
     hint: name the table alone; its database and schema are in `[snowflake]`
  because: snowgate.toml:15:10: `pipeline.a b.linger` is 2m, not from 1ms to 1m
  because: snowgate.toml:16:8: `pipeline.a b.body` is 6MiB, more than `memory.max`, which is 5MiB
  because: snowgate.toml:17:11: `pipeline.a b.workers` is 0, not from 1 to 256
  because: snowgate.toml:18:39: `pipeline.a b.transform[0].with` holds a number that JSON cannot write
     hint: leave out `nan` and `inf`
  because: snowgate.toml:18:61: two plugins are named `flatten`
     hint: give each a `name` of its own
  because: snowgate.toml:18:104: `pipeline.a b.transform[1].limits.time` is 1ms, not from 10ms to 1m

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

#[test]
fn no_secret_is_in_the_debug_text_of_settings() {
    let folder = Folder::new();
    folder.write("kafka_password", b"CANARY-password");
    let config = SMALLEST.replace("[snowflake]", "properties = { \"sasl.password\" = { file = \"kafka_password\" } }\n[snowflake]");
    let settings = folder.load(&config).unwrap();
    let shown = format!("{settings:?}");
    let key = std::fs::read_to_string(folder.dir.path().join("rsa_key.p8")).unwrap();
    assert!(shown.contains("sasl.password") && shown.contains("rsa_key.p8"));
    assert!(!shown.contains("CANARY") && !shown.contains(key.lines().nth(3).unwrap()));
}

#[test]
fn connectors_need_kafka_and_nothing_else() {
    let folder = Folder::new();
    let settings = folder
        .load("[kafka]\nbrokers = [\"a:1\", \"b:2\"]\nproperties = { \"security.protocol\" = \"ssl\" }\n\n[connect]\n")
        .unwrap();
    assert!(settings.pipelines.is_empty() && settings.snowflake.is_none());
    let worker = settings.worker.unwrap();
    assert_eq!(worker.bootstrap_servers, ["a:1", "b:2"]);
    assert_eq!(worker.state, folder.dir.path().join("connect-state"));
    assert_eq!(worker.worker_id, "127.0.0.1:8083");
    // What every pipeline uses to reach Kafka, connectors use too.
    assert!(worker.client.iter().any(|(name, _)| name == "security.protocol"));
}

#[test]
fn an_interface_that_others_could_reach_without_a_password_is_refused_with_the_ways_out() {
    let shown = refused("[kafka]\nbrokers = [\"a:1\"]\n\n[connect]\nlisten = \"0.0.0.0:8083\"\nshow_secret = true\n");
    assert!(shown.contains("snowgate.toml:5:10: `connect.listen`: `0.0.0.0:8083` can be reached from other machines"), "{shown}");
    assert!(shown.contains("`auth.token` in [connect]"), "{shown}");
    assert!(shown.contains("snowgate.toml:6:1: unknown key `connect.show_secret`"), "{shown}");
    assert!(shown.contains("did you mean `show_secrets`?"), "{shown}");
}

#[test]
fn a_pipeline_beside_connectors_still_needs_snowflake() {
    let shown = refused("[kafka]\nbrokers = [\"a:1\"]\n\n[connect]\n\n[pipeline.klines]\ntopics = [\"t\"]\n");
    assert!(shown.contains("section `[snowflake]` is missing"), "{shown}");
}

#[test]
fn a_collector_is_an_http_address_without_a_login() {
    let with = |otlp: &str| format!("{SMALLEST}\n[telemetry]\notlp = {otlp:?}\n");
    assert_eq!(Folder::new().load(SMALLEST).unwrap().otlp, None);
    assert_eq!(Folder::new().load(&with("https://c:4318/otlp")).unwrap().otlp.as_deref(), Some("https://c:4318/otlp"));
    for (otlp, problem, hint) in [
        ("localhost:4318", "`telemetry.otlp` is no address that begins with `http://` or `https://`", "http://localhost:4318"),
        ("https://", "`telemetry.otlp` is no address", "http://localhost:4318"),
        ("https://me:hunter2@c", "`telemetry.otlp` holds a login", "OTEL_EXPORTER_OTLP_HEADERS"),
    ] {
        let text = refused(&with(otlp));
        assert!(text.contains(problem) && text.contains(hint) && !text.contains("hunter2"), "{text}");
    }
}
