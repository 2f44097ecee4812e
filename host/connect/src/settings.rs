//! A connector's configuration, checked: what the gateway runs a connector by.
//!
//! `connector.rs` makes it from the flat text map that a user posts. Everything here is plain data; what names Kafka, Snowflake or
//! wasm by its own types is made of it in the gateway.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use crate::road::RoadSettings;
use crate::topic_map::TopicMap;

/// The lines of the Snowflake connector whose configs we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// `com.snowflake.kafka.connector.SnowflakeSinkConnector`, ingestion method `snowpipe`: files.
    V3File,
    /// The same class, ingestion method `snowpipe_streaming`.
    V3Streaming,
    /// `com.snowflake.kafka.connector.SnowflakeStreamingSinkConnector`.
    V4,
}

#[derive(Debug, Clone)]
pub struct ConnectorSettings {
    pub name: Arc<str>,
    pub line: Line,
    /// The consumer group: `connect-<name>`, unless `consumer.override.group.id` says otherwise.
    pub group: String,
    /// Also the number of worker threads.
    pub tasks_max: u32,
    pub topics: Topics,
    /// `snowflake.topic2table.map`: where a topic goes whose table is not named after it.
    pub topic_map: TopicMap,
    pub table_names: TableNames,
    pub channel_names: ChannelNames,
    /// Whether a table that is not there is made.
    pub create_tables: bool,
    pub snowflake: SnowflakeLogin,
    pub rows: Rows,
    /// Whether a tombstone makes a row (`behavior.on.null.values=default`) or is passed over (`ignore`).
    pub tombstones: Tombstones,
    pub errors: Errors,
    /// librdkafka properties for the consumer: the worker's, then `consumer.override.*`, translated from Java's names.
    pub consumer: Vec<(String, SecretString)>,
    /// librdkafka properties for the producer of dead letters.
    pub producer: Vec<(String, SecretString)>,
    pub start: Start,
    /// Milliseconds that rows may wait for a fuller body.
    pub linger_ms: u64,
    /// Bytes of rows that make a body full, where the config says.
    pub body_bytes: Option<u64>,
    pub road: RoadSettings,
    /// Whether other transforms or tables are let in where a crash left tables unequally far: `snowgate.on.routing.change`.
    pub accept_routing_change: bool,
    /// Plugins that see a record as Kafka has it.
    pub plugins_before: Vec<PluginStep>,
    /// Plugins that see what converters and transforms made of it.
    pub plugins_after: Vec<PluginStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topics {
    List(Vec<String>),
    /// `topics.regex`, in Java's syntax; it matches a whole name.
    Regex(String),
}

/// How a topic names its table where `snowflake.topic2table.map` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableNames {
    /// The rule of version 3: identifiers as they stand, without quotes; others get a hash.
    Sanitized,
    /// Version 4 without its compatibility switch: exactly the topic, in quotes.
    Exact,
}

/// How a partition names its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelNames {
    /// `<topic>_<partition>`
    Topic,
    /// `<connector>_<topic>_<partition>`
    ConnectorAndTopic,
}

#[derive(Debug, Clone)]
pub struct SnowflakeLogin {
    /// `snowflake.url.name` as a URL with scheme, without a path.
    pub url: String,
    pub user: String,
    pub private_key: SecretString,
    pub passphrase: Option<SecretString>,
    pub database: String,
    pub schema: String,
    pub role: Option<String>,
    pub proxy: Option<Proxy>,
}

#[derive(Debug, Clone)]
pub struct Proxy {
    /// `host:port`
    pub address: String,
    pub user: Option<String>,
    pub password: Option<SecretString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// `RECORD_CONTENT`, or a column for each field.
    pub columns: bool,
    /// `snowflake.metadata.all`
    pub metadata: bool,
    pub topic: bool,
    pub offset_and_partition: bool,
    pub create_time: bool,
    /// `SnowflakeConnectorPushTime`
    pub push_time: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tombstones {
    Row,
    Ignore,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors {
    pub tolerance: Tolerance,
    pub log: bool,
    /// `errors.log.include.messages`
    pub log_messages: bool,
    pub dead_letter_topic: Option<String>,
    pub dead_letter_replication: i16,
    /// `errors.deadletterqueue.context.headers.enable`
    pub context_headers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    None,
    All,
}

/// Where a partition starts that has no group offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Earliest,
    Latest,
}

/// `transforms.x.type=snowgate.plugin`: a component in a jar's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginStep {
    /// The alias in `transforms`.
    pub name: String,
    pub path: PathBuf,
    /// The plugin's own configuration.
    pub config_json: String,
    /// SHA-256 that the file must have, in hex.
    pub sha256: Option<String>,
    /// What it may import, of [`CAPABILITIES`](crate::plugins::CAPABILITIES).
    pub allow: Vec<&'static str>,
}
