//! What its writer sees of a wrong configuration, to the letter, and what a right one comes to.

mod delivery;
mod form;
mod interface;
mod plugins;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use snowgate_record::TopicPartition;
use snowgate_snowflake::row::{RowMode, RowSettings};
use snowgate_transform::Limits;
use tempfile::TempDir;

use super::*;
use crate::config::{LogFormat, LogLevel};
use crate::group::Route;
use crate::report::explain;

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
channel_prefix = "my sink_"
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
    let channel = Route::new(pipeline, "other.topic").table().channel(&TopicPartition::new("other.topic", 2));
    assert_eq!(channel.channel, "my sink_other.topic_2");
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
