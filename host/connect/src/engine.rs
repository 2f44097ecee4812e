//! What carries connectors out: the gateway. Tests have an engine that only remembers.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use crate::settings::ConnectorSettings;
use crate::snapshot::Snapshot;

/// Why something could not be done, as text for `trace` and `message`: the first line says what, the others why and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// Runs connectors. Every call may be made at any time and from any task; calls for one name are made one after another.
pub trait Engine: Send + Sync + 'static {
    /// Starts the connector's pipeline. A failure is the trace of a FAILED connector.
    fn start(&self, connector: Arc<ConnectorSettings>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Drains, commits, leaves the group; returns when nothing of the pipeline is left. Without such a pipeline nothing happens.
    fn stop(&self, name: &str) -> impl Future<Output = ()> + Send;

    /// How the pipeline is; `None` when it does not run.
    fn view(&self, name: &str) -> Option<Running>;

    /// Forgets which topics records came from: [`Running::topics`] names one again when another record of it was read.
    fn forget_topics(&self, name: &str);

    /// The group offsets of a connector, running or not: topic, partition, next offset.
    fn offsets(&self, connector: &ConnectorSettings) -> impl Future<Output = Result<Vec<(String, i32, i64)>, Failure>> + Send;

    /// Moves group offsets and the channels' offset tokens of a connector that does not run.
    fn alter_offsets(
        &self,
        connector: &ConnectorSettings,
        changes: Vec<OffsetChange>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Forgets the group offsets and the channels' tokens of a connector that does not run.
    fn reset_offsets(&self, connector: &ConnectorSettings) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Logs in, and looks for the database and the schema.
    fn try_snowflake(&self, connector: &ConnectorSettings) -> impl Future<Output = Vec<Complaint>> + Send;

    /// The id of the Kafka cluster, where it is known.
    fn cluster_id(&self) -> Option<String>;

    /// Everything there is to see.
    fn snapshot(&self) -> Snapshot;

    /// The loggers and their levels, as `/admin/loggers` shows them: name, level (`ERROR WARN INFO DEBUG TRACE`).
    fn loggers(&self) -> Vec<(String, &'static str)>;

    /// Sets the level of a logger; false when there is none of that name.
    fn set_logger(&self, name: &str, level: &'static str) -> bool;
}

/// A pipeline at work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Running {
    /// Why the pipeline as a whole cannot go on.
    pub failed: Option<String>,
    /// One for each worker thread.
    pub tasks: Vec<Task>,
    /// The topics that records came from, since they were forgotten last.
    pub topics: BTreeSet<String>,
}

/// A worker thread and its partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// A partition waits for a person.
    pub failed: bool,
    /// What is wrong, also of one that runs but stalls.
    pub trace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetChange {
    pub topic: String,
    pub partition: i32,
    /// The next offset to read; `None` forgets it.
    pub offset: Option<i64>,
}

/// Something that only Snowflake could tell about a connector's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The configuration key.
    pub key: &'static str,
    /// Follows the key in the error: `: Cannot connect to Snowflake`.
    pub message: String,
}
