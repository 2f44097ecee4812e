//! The shapes of answers; the order of fields is the original's.

use indexmap::IndexMap;
use serde::Serialize;

use crate::config_def::ConfigMap;
use crate::herder::{Info, State, Status};

/// We run sinks only.
const SINK: &str = "sink";

#[derive(Debug, Serialize)]
pub(super) struct ServerInfo {
    pub(super) version: &'static str,
    pub(super) commit: &'static str,
    pub(super) kafka_cluster_id: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Health {
    pub(super) status: &'static str,
    pub(super) message: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectorInfo {
    name: String,
    config: ConfigMap,
    tasks: Vec<TaskId>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct TaskId {
    connector: String,
    task: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct TaskInfo {
    id: TaskId,
    config: ConfigMap,
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectorStateInfo {
    name: String,
    connector: ConnectorState,
    tasks: Vec<TaskState>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct ConnectorState {
    state: &'static str,
    worker_id: String,
    version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct TaskState {
    id: usize,
    #[serde(flatten)]
    state: ConnectorState,
}

/// What `expand` asks for.
#[derive(Debug, Default, Serialize)]
pub(super) struct Expanded {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) info: Option<ConnectorInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<ConnectorStateInfo>,
}

#[derive(Debug, Serialize)]
pub(super) struct Topics {
    pub(super) topics: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Offsets {
    pub(super) offsets: Vec<PartitionOffset>,
}

#[derive(Debug, Serialize)]
pub(super) struct PartitionOffset {
    partition: Partition,
    offset: NextOffset,
}

#[derive(Debug, Serialize)]
struct Partition {
    kafka_partition: i32,
    kafka_topic: String,
}

#[derive(Debug, Serialize)]
struct NextOffset {
    kafka_offset: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Message {
    pub(super) message: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct PluginInfo {
    pub(super) class: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct LoggerLevel {
    pub(super) level: &'static str,
    pub(super) last_modified: Option<i64>,
}

pub(super) type ByName<T> = IndexMap<String, T>;

impl From<Info> for ConnectorInfo {
    fn from(info: Info) -> ConnectorInfo {
        let tasks = (0..info.tasks).map(|task| TaskId { connector: info.name.clone(), task }).collect();
        ConnectorInfo { name: info.name, config: info.config, tasks, kind: SINK }
    }
}

impl TaskInfo {
    pub(super) fn all(name: &str, configs: Vec<ConfigMap>) -> Vec<TaskInfo> {
        let info = |(task, config)| TaskInfo { id: TaskId { connector: name.to_owned(), task }, config };
        configs.into_iter().enumerate().map(info).collect()
    }
}

impl ConnectorStateInfo {
    pub(super) fn new(name: &str, status: Status, worker_id: &str) -> ConnectorStateInfo {
        let version = status.version;
        let state = |state: State, trace| ConnectorState { state: state.as_str(), worker_id: worker_id.to_owned(), version, trace };
        let tasks = status.tasks.into_iter().enumerate().map(|(id, task)| TaskState { id, state: state(task.state, task.trace) });
        ConnectorStateInfo {
            name: name.to_owned(),
            tasks: tasks.collect(),
            connector: state(status.state, status.trace),
            kind: SINK,
        }
    }

    pub(super) fn into_task(self, id: usize) -> Option<TaskState> {
        self.tasks.into_iter().nth(id)
    }
}

impl From<Vec<(String, i32, i64)>> for Offsets {
    fn from(offsets: Vec<(String, i32, i64)>) -> Offsets {
        let entry = |(kafka_topic, kafka_partition, kafka_offset)| PartitionOffset {
            partition: Partition { kafka_partition, kafka_topic },
            offset: NextOffset { kafka_offset },
        };
        Offsets { offsets: offsets.into_iter().map(entry).collect() }
    }
}
