//! The configuration as written: one TOML file.
//!
//! ```toml
//! [kafka]
//! brokers = ["localhost:9092"]
//!
//! [snowflake]
//! account = "MYORG-MYACCT"
//! user = "STREAMER"
//! private_key = { file = "rsa_key.p8" }
//! database = "CRYPTO_DB"
//!
//! [pipeline.klines]
//! topics = ["binance_kline"]
//! ```
//! Each field's comment is what its reader needs to know. `keys.rs` lists the same keys for the checks that come before, and
//! `settings.rs` turns all of it into checked settings. Secrets have no place in the file, but a librdkafka property that refers to
//! one holds it by now, so none of this has a `Debug`.

use std::collections::BTreeMap;

use serde::Deserialize;
use snowgate_connect::worker::ConnectConfig;
use snowgate_kafka::KafkaConfig;
use snowgate_snowflake::config::SnowflakeConfig;
use snowgate_transform::Limits;

use crate::units::{ByteSize, HumanDuration};

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where Kafka is and how to read it. Required; absent here only when it was refused.
    pub(crate) kafka: Option<KafkaConfig>,

    /// How to reach Snowflake and which schema to load into. Pipelines need it; connectors bring their own.
    pub(crate) snowflake: Option<SnowflakeConfig>,

    /// How much memory records may take.
    #[serde(default)]
    pub(crate) memory: MemoryConfig,

    /// How Snowgate stops.
    #[serde(default)]
    pub(crate) shutdown: ShutdownConfig,

    /// What Snowgate says about its work.
    #[serde(default)]
    pub(crate) log: LogConfig,

    /// Where plugins come from.
    #[serde(default)]
    pub(crate) plugins: PluginsConfig,

    /// Where traces go.
    #[serde(default)]
    pub(crate) telemetry: TelemetryConfig,

    /// Kafka Connect's REST interface, through which connectors come and go.
    pub(crate) connect: Option<ConnectConfig>,

    /// The pipelines by name: `[pipeline.NAME]`. At least one, unless there is a `[connect]`.
    #[serde(default)]
    pub(crate) pipeline: BTreeMap<String, PipelineConfig>,
}

/// How much memory records may take.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemoryConfig {
    /// What records, rows and bodies on their way to Snowflake may take together; when it is used up, Kafka waits.
    ///
    /// librdkafka's own queues come on top, about 4 MiB a partition. Default: `"128MiB"`.
    #[serde(default = "default_memory")]
    pub(crate) max: ByteSize,
}

/// How Snowgate stops.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShutdownConfig {
    /// How long stopping may take. What is not in Snowflake by then is read again at the next start.
    ///
    /// Default: `"25s"`, which fits in the 30 seconds that Kubernetes gives.
    #[serde(default = "default_grace")]
    pub(crate) grace: HumanDuration,
}

/// What Snowgate says about its work, on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogConfig {
    /// `text` for people or `json` for machines. Default: `"text"`.
    #[serde(default)]
    pub(crate) format: LogFormat,

    /// The least important line that is written: `error`, `warn`, `info`, `debug` or `trace`. Default: `"info"`.
    ///
    /// The environment variable `SNOWGATE_LOG` wins over it and may name modules, as in `snowgate_kafka=debug,info`.
    #[serde(default)]
    pub(crate) level: LogLevel,
}

/// Where traces go: OpenTelemetry's own variables (`OTEL_…`) say the rest, and the collector too where it is not named here.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TelemetryConfig {
    /// The address of a collector that takes OTLP over HTTP, as in `"http://localhost:4318"`. By default there are no traces.
    pub(crate) otlp: Option<String>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The least important line that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// Where plugins come from. What each of them does is said where it is used.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PluginsConfig {
    /// The folder in which `use` looks. A relative one starts at the folder of this file. Default: `"plugins"`.
    #[serde(default = "default_plugin_folder")]
    pub(crate) folder: String,

    /// The folder in which compiled plugins are kept, so that the next start need not compile them; or `"off"`.
    ///
    /// It is made when it is not there, and used only when nobody else may write to it. Default: `snowgate` in the cache folder of
    /// this user, which is `$CACHE_DIRECTORY` under systemd, else `$XDG_CACHE_HOME` or `~/.cache`.
    pub(crate) cache: Option<String>,

    /// How often plugins' files are looked at; a change is taken up as by SIGHUP. Default: never.
    pub(crate) watch: Option<HumanDuration>,
}

/// One pipeline: topics, what is done to their records, and the tables they go to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PipelineConfig {
    /// The topics to read, by their full names.
    pub(crate) topics: Vec<String>,

    /// The table of a topic, where it is not the default: `{ binance_kline = "KLINES" }`.
    ///
    /// Folded to upper case, as in SQL, unless written in double quotes. By default the topic names the table: `binance_kline` goes
    /// to `BINANCE_KLINE`.
    #[serde(default)]
    pub(crate) tables: BTreeMap<String, String>,

    /// Tables besides these, to which plugins may send records: `["TRADES", "DEPTH"]`, at most 32, of the schema that `[snowflake]`
    /// names. Plugins name them as Snowflake does, so in upper case unless written in double quotes. Default: none.
    #[serde(default)]
    pub(crate) more_tables: Vec<String>,

    /// How a record becomes a row: `content` puts the value as it is into the column `RECORD_CONTENT`, `columns` puts each field
    /// of the value into a column of its own. Both write `RECORD_METADATA`. Default: `"content"`.
    #[serde(default)]
    pub(crate) rows: RowsConfig,

    /// What `RECORD_METADATA` holds. Default: all of it.
    #[serde(default)]
    pub(crate) metadata: MetadataConfig,

    /// How long rows may wait for a fuller body before they are sent.
    ///
    /// Longer means fewer, fuller requests and rows that arrive later. Default: `"500ms"`.
    #[serde(default = "default_linger")]
    pub(crate) linger: HumanDuration,

    /// How many bytes of rows make a body full, counted before compression. Default: `"4MiB"`.
    ///
    /// Snowflake takes 4 MB of compressed rows in one request; a body that compresses badly is split.
    #[serde(default = "default_body")]
    pub(crate) body: ByteSize,

    /// The topic to which records are sent that cannot be loaded, each with the reason in its headers.
    pub(crate) dead_letter_topic: Option<String>,

    /// What happens to a record that cannot be loaded: `dead_letter` sends it to the dead letter topic, `block` stops its partition
    /// until a person acts. Default: `"dead_letter"` where there is a dead letter topic, else `"block"`.
    pub(crate) on_error: Option<OnError>,

    /// What happens to a tombstone: `row` loads a row with its metadata and no content, `drop` passes over it, `dead_letter` sends
    /// it to the dead letter topic. Default: `"row"`.
    #[serde(default)]
    pub(crate) on_tombstone: OnTombstone,

    /// What the names of channels begin with, before `TOPIC_PARTITION`, such as a connector's name where its channels are taken over.
    ///
    /// Channels by other names know nothing of what is in a table: change it only with another table, or where nothing was loaded yet.
    /// Default: nothing.
    #[serde(default)]
    pub(crate) channel_prefix: String,

    /// What happens when Snowflake has forgotten rows that it had committed, as after `CREATE OR REPLACE TABLE`: `block` stops the
    /// partition, `accept` goes on from the group offset. Default: `"block"`.
    #[serde(default)]
    pub(crate) on_regression: OnRegression,

    /// What happens when plugins, their options or tables changed while rows were on their way to several tables: `block` stops the
    /// partition, `accept` goes on, and some records may be doubled or missing. Default: `"block"`.
    #[serde(default)]
    pub(crate) on_routing_change: OnRoutingChange,

    /// How many threads work on this pipeline's partitions. Default: one less than there are cores, but at least one.
    pub(crate) workers: Option<u32>,

    /// The plugins that records pass through, in this order.
    #[serde(default)]
    pub(crate) transform: Vec<TransformConfig>,
}

/// How a record becomes a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RowsConfig {
    #[default]
    Content,
    Columns,
}

/// What `RECORD_METADATA` holds: the switches of the Kafka connector, and two more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetadataConfig {
    /// Whether there is a `RECORD_METADATA` at all.
    #[serde(default = "yes")]
    pub(crate) enabled: bool,

    #[serde(default = "yes")]
    pub(crate) topic: bool,

    /// Without them a row cannot be traced back to its record.
    #[serde(default = "yes")]
    pub(crate) offset_and_partition: bool,

    /// The record's timestamp, as `CreateTime` or `LogAppendTime`.
    #[serde(default = "yes")]
    pub(crate) create_time: bool,

    #[serde(default = "yes")]
    pub(crate) key: bool,

    #[serde(default = "yes")]
    pub(crate) headers: bool,
}

/// What happens to a record that cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnError {
    DeadLetter,
    Block,
    /// Only a connector's `errors.tolerance=all` without a dead letter queue says so.
    #[serde(skip)]
    Drop,
}

/// What happens to a tombstone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnTombstone {
    #[default]
    Row,
    Drop,
    DeadLetter,
}

/// What happens when Snowflake has forgotten rows that it had committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnRegression {
    #[default]
    Block,
    Accept,
}

/// What happens when records that are read again might go to another table than they went to before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnRoutingChange {
    #[default]
    Block,
    Accept,
}

/// What happens to a record that a plugin did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnPlugin {
    DeadLetter,
    Drop,
    Block,
}

/// One plugin at work in a pipeline. Either `use` or `path` says which.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransformConfig {
    /// The plugin's name: `NAME.wasm` in the folder of plugins, where `-` and `_` are the same.
    ///
    /// With `@` and a version, as in `"symbol-filter@0.1"`, the plugin must say that it is of that version or of a later one that is
    /// compatible with it, as Cargo counts.
    #[serde(rename = "use")]
    pub(crate) used: Option<String>,

    /// The plugin's component, a `.wasm` file. A relative path starts at the folder of this file.
    pub(crate) path: Option<String>,

    /// What logs and metrics call it. Default: the name in `use`, or the file's name without `.wasm`.
    pub(crate) name: Option<String>,

    /// SHA-256 of the component in hex. With it, no other file is loaded.
    pub(crate) sha256: Option<String>,

    /// What the plugin may import: `log`, `metrics`. Default: both.
    pub(crate) allow: Option<Vec<String>>,

    /// The plugin's own configuration, handed to it as JSON. What it may hold is in the plugin's documentation.
    #[serde(default)]
    pub(crate) with: toml::Table,

    /// What happens to a record that the plugin rejects: `dead_letter` sends it to the dead letter topic, `drop` passes over it and
    /// counts it, `block` stops its partition until a person acts. Default: what the pipeline's `on_error` says.
    pub(crate) on_reject: Option<OnPlugin>,

    /// What happens to a record that the plugin fails at: that it traps on, runs out of time or memory, or breaks the contract.
    /// Default: what the pipeline's `on_error` says.
    pub(crate) on_trap: Option<OnPlugin>,

    /// What the plugin may use.
    #[serde(default)]
    pub(crate) limits: LimitsConfig,
}

/// What one plugin may use. Beyond it, the record at work is set aside and the plugin starts anew.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsConfig {
    /// Memory of one instance; each worker has one. Default: `"64MiB"`.
    #[serde(default = "default_plugin_memory")]
    pub(crate) memory: ByteSize,

    /// Time for one batch of records, beside 10 ms for each record in it. Default: `"1s"`.
    #[serde(default = "default_plugin_time")]
    pub(crate) time: HumanDuration,

    /// Time to start an instance and hand it its configuration. Default: `"10s"`, for languages that bring an interpreter.
    #[serde(default = "default_plugin_start_time")]
    pub(crate) start_time: HumanDuration,

    /// How many times the bytes of a batch the plugin may make of it, beside 64 KiB. Default: 4.
    #[serde(default = "default_plugin_output_factor")]
    pub(crate) output_factor: u32,

    /// Lines that the plugin may write to the log in ten seconds; what is more is left out and counted. Default: 100.
    #[serde(default = "default_plugin_log_lines")]
    pub(crate) log_lines: u32,

    /// Records in a minute that may end as dead letters because the plugin failed at them (trapped, ran out of time or memory, broke
    /// the contract). One more, and it rests for a minute, while its records wait in Kafka. Default: 1000.
    #[serde(default = "default_plugin_faults")]
    pub(crate) faults_per_minute: u32,
}

fn default_memory() -> ByteSize {
    ByteSize::mib(128)
}

fn default_plugin_folder() -> String {
    "plugins".to_owned()
}

fn default_plugin_start_time() -> HumanDuration {
    HumanDuration::seconds(10)
}

fn default_plugin_output_factor() -> u32 {
    4
}

fn default_plugin_log_lines() -> u32 {
    Limits::default().log_lines
}

fn default_plugin_faults() -> u32 {
    Limits::default().faults_per_minute
}

fn default_grace() -> HumanDuration {
    HumanDuration::seconds(25)
}

fn default_linger() -> HumanDuration {
    HumanDuration::millis(500)
}

fn default_body() -> ByteSize {
    ByteSize::mib(4)
}

fn default_plugin_memory() -> ByteSize {
    ByteSize::mib(64)
}

fn default_plugin_time() -> HumanDuration {
    HumanDuration::seconds(1)
}

fn yes() -> bool {
    true
}

impl Default for PluginsConfig {
    fn default() -> PluginsConfig {
        PluginsConfig { folder: default_plugin_folder(), cache: None, watch: None }
    }
}

impl Default for MemoryConfig {
    fn default() -> MemoryConfig {
        MemoryConfig { max: default_memory() }
    }
}

impl Default for ShutdownConfig {
    fn default() -> ShutdownConfig {
        ShutdownConfig { grace: default_grace() }
    }
}

impl Default for MetadataConfig {
    fn default() -> MetadataConfig {
        MetadataConfig { enabled: true, topic: true, offset_and_partition: true, create_time: true, key: true, headers: true }
    }
}

impl Default for LimitsConfig {
    fn default() -> LimitsConfig {
        LimitsConfig {
            memory: default_plugin_memory(),
            time: default_plugin_time(),
            start_time: default_plugin_start_time(),
            output_factor: default_plugin_output_factor(),
            log_lines: default_plugin_log_lines(),
            faults_per_minute: default_plugin_faults(),
        }
    }
}
