//! Everything there is to see of a gateway at one moment: what `/metrics`, the status page and its JSON are made of.
//!
//! All counts grow from the start of a pipeline.

use serde::Serialize;

#[derive(Debug, Clone, Default, Serialize)]
pub struct Snapshot {
    pub version: &'static str,
    /// Which gateway of several this is: the address it is reached at, or the machine's name. Empty where neither is known.
    pub instance: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    pub now_ms: i64,
    pub memory: Memory,
    pub reloads: Reloads,
    /// Spans that no collector will ever see, where traces are sent.
    pub spans_lost: Option<u64>,
    pub pipelines: Vec<PipelineView>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Memory {
    /// Of `memory.max`.
    pub used_bytes: u64,
    pub max_bytes: u64,
    /// Of the process, where the system says.
    pub resident_bytes: Option<u64>,
}

/// How often plugins were reloaded while the gateway ran, and how often that failed and left all as it was.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reloads {
    pub succeeded: u64,
    pub failed: u64,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct PipelineView {
    pub name: String,
    /// `pipeline` from the configuration file, `connector` by REST.
    pub kind: &'static str,
    /// `RUNNING`, `STALLED`, `PAUSED`, `STOPPED`, `FAILED`.
    pub state: &'static str,
    /// Why it is not running, or what stalls it.
    pub error: Option<String>,
    /// Since when it has been in this state.
    pub since_ms: Option<i64>,
    pub group: String,
    pub topics: Vec<String>,
    pub workers: u32,
    pub records_consumed: u64,
    pub bytes_consumed: u64,
    pub rows_committed: u64,
    pub records_dropped: u64,
    /// By the rule that dropped them.
    pub dropped: Vec<(String, u64)>,
    pub appends: u64,
    pub append_bytes: u64,
    pub append_errors: u64,
    pub append_seconds: Histogram,
    /// By reason.
    pub dead_letters: Vec<(String, u64)>,
    pub partitions: Vec<PartitionView>,
    pub plugins: Vec<PluginView>,
    /// Newest first, at most 20.
    pub last_errors: Vec<ErrorView>,
    /// As it works, secrets masked.
    pub config: serde_json::Value,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct PartitionView {
    pub topic: String,
    pub partition: i32,
    pub table: String,
    pub channel: String,
    /// Which worker has it.
    pub worker: u32,
    /// The last offset that Snowflake says is in the table.
    pub committed_offset: Option<i64>,
    /// The last offset that Snowflake took.
    pub appended_offset: Option<i64>,
    /// The tables besides `table` to which plugins may send its records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_tables: Vec<TableView>,
    /// The next offset the group would start at.
    pub group_offset: Option<i64>,
    /// The next offset that Kafka would write.
    pub log_end_offset: Option<i64>,
    /// Records in Kafka that are not settled.
    pub lag_records: Option<u64>,
    /// How old the oldest of them is, about.
    pub lag_seconds: Option<f64>,
    /// The name of what holds it back, and since when.
    pub blocked: Option<Blocked>,
}

/// How far a partition's records are in one table.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TableView {
    pub table: String,
    pub committed_offset: Option<i64>,
    pub appended_offset: Option<i64>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Blocked {
    /// Such as `permission_denied`.
    pub reason: String,
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    pub since_ms: i64,
    /// Whether it stays until a person acts.
    pub needs_person: bool,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct PluginView {
    pub name: String,
    pub version: String,
    pub sha256: String,
    pub kept: u64,
    pub replaced: u64,
    pub split: u64,
    pub dropped: u64,
    pub rejected: u64,
    pub faults: u64,
    /// Time spent in it.
    pub seconds: f64,
    /// What it counts itself, by name.
    pub counters: Vec<(String, u64)>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct ErrorView {
    pub at_ms: i64,
    pub text: String,
}

/// Counts of durations up to each of [`Histogram::BOUNDS`], and of all.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Histogram {
    /// How many took at most as long as the bound of the same index; not summed up.
    pub counts: [u64; 8],
    /// How many took longer than every bound.
    pub above: u64,
    pub sum_seconds: f64,
}

impl Histogram {
    /// Seconds.
    pub const BOUNDS: [f64; 8] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
}
