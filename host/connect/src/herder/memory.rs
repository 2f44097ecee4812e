//! An engine that only remembers, and that does as a test tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::engine::{Complaint, Engine, Failure, OffsetChange, Running, Task};
use crate::settings::{ConnectorSettings, Topics};
use crate::snapshot::Snapshot;
use crate::worker::{WorkerSettings, from_properties};

#[derive(Default)]
pub(crate) struct MemoryEngine(Mutex<Memory>);

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) pipelines: BTreeMap<String, Running>,
    /// Of each connector's group.
    pub(crate) offsets: BTreeMap<String, BTreeMap<(String, i32), i64>>,
    /// Partitions that Kafka has.
    pub(crate) partitions: BTreeMap<String, i32>,
    /// Connectors that do not start, with what they say.
    pub(crate) broken: BTreeMap<String, String>,
    pub(crate) complaints: Vec<Complaint>,
    /// Told when the next check is reached, and what it waits for then.
    hold: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
    /// Told when the next pipeline has started.
    awaited: Option<oneshot::Sender<()>>,
    pub(crate) loggers: BTreeMap<String, &'static str>,
    /// Every start and stop.
    pub(crate) calls: Vec<String>,
    /// The settings of the last start.
    pub(crate) settings: BTreeMap<String, Arc<ConnectorSettings>>,
}

impl MemoryEngine {
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap()
    }

    /// Holds the next check: the first half says that it is reached, the second lets it go on.
    pub(crate) fn hold_check(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((tell, reached), (held, wait)) = (oneshot::channel(), oneshot::channel());
        self.memory().hold = Some((tell, wait));
        (reached, held)
    }

    pub(crate) fn next_start(&self) -> oneshot::Receiver<()> {
        let (tell, started) = oneshot::channel();
        self.memory().awaited = Some(tell);
        started
    }

    pub(crate) fn fail_tasks(&self, name: &str, trace: &str) {
        let mut memory = self.memory();
        for task in &mut memory.pipelines.get_mut(name).unwrap().tasks {
            *task = Task { failed: true, trace: Some(trace.to_owned()) };
        }
    }
}

impl Engine for MemoryEngine {
    async fn start(&self, connector: Arc<ConnectorSettings>) -> Result<(), Failure> {
        // Whoever else is ready goes first, so that a race is lost if there is one.
        tokio::task::yield_now().await;
        let mut memory = self.memory();
        let name = connector.name.to_string();
        memory.calls.push(format!("start {name}"));
        assert!(!memory.pipelines.contains_key(&name), "{name} runs already");
        if let Some(trace) = memory.broken.get(&name) {
            return Err(Failure(trace.clone()));
        }
        let topics = match &connector.topics {
            Topics::List(topics) => topics.iter().cloned().collect(),
            Topics::Regex(_) => BTreeSet::new(),
        };
        let tasks = vec![Task::default(); connector.tasks_max as usize];
        memory.pipelines.insert(name.clone(), Running { failed: None, tasks, topics });
        memory.settings.insert(name, connector);
        if let Some(tell) = memory.awaited.take() {
            tell.send(()).unwrap();
        }
        Ok(())
    }

    async fn stop(&self, name: &str) {
        tokio::task::yield_now().await;
        let mut memory = self.memory();
        if memory.pipelines.remove(name).is_some() {
            memory.calls.push(format!("stop {name}"));
        }
    }

    fn view(&self, name: &str) -> Option<Running> {
        self.memory().pipelines.get(name).cloned()
    }

    fn forget_topics(&self, name: &str) {
        if let Some(running) = self.memory().pipelines.get_mut(name) {
            running.topics.clear();
        }
    }

    async fn offsets(&self, connector: &ConnectorSettings) -> Result<Vec<(String, i32, i64)>, Failure> {
        let memory = self.memory();
        let offsets = memory.offsets.get(&*connector.name).into_iter().flatten();
        Ok(offsets.map(|((topic, partition), offset)| (topic.clone(), *partition, *offset)).collect())
    }

    async fn alter_offsets(&self, connector: &ConnectorSettings, changes: Vec<OffsetChange>) -> Result<(), Failure> {
        let mut memory = self.memory();
        let unknown =
            changes.iter().find(|change| memory.partitions.get(&change.topic).is_none_or(|count| change.partition >= *count));
        if let Some(OffsetChange { topic, partition, .. }) = unknown {
            return Err(Failure(format!("there is no partition {partition} of `{topic}`")));
        }
        let offsets = memory.offsets.entry(connector.name.to_string()).or_default();
        for OffsetChange { topic, partition, offset } in changes {
            match offset {
                Some(offset) => offsets.insert((topic, partition), offset),
                None => offsets.remove(&(topic, partition)),
            };
        }
        Ok(())
    }

    async fn reset_offsets(&self, connector: &ConnectorSettings) -> Result<(), Failure> {
        self.memory().offsets.remove(&*connector.name);
        Ok(())
    }

    async fn try_snowflake(&self, _: &ConnectorSettings) -> Vec<Complaint> {
        let hold = self.memory().hold.take();
        if let Some((tell, wait)) = hold {
            tell.send(()).unwrap();
            wait.await.unwrap();
        }
        self.memory().complaints.clone()
    }

    fn cluster_id(&self) -> Option<String> {
        Some("<cluster_id>".to_owned())
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }

    fn loggers(&self) -> Vec<(String, &'static str)> {
        self.memory().loggers.iter().map(|(name, level)| (name.clone(), *level)).collect()
    }

    fn set_logger(&self, name: &str, level: &'static str) -> bool {
        self.memory().loggers.insert(name.to_owned(), level);
        true
    }
}

/// A worker whose state is in `folder`, with the converters that the recorded one had.
pub(crate) fn worker(folder: &Path) -> WorkerSettings {
    let properties = [
        ("bootstrap.servers", "127.0.0.1:9092"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ];
    let properties = properties.map(|(key, value)| (key.to_owned(), Some(value.to_owned())));
    let mut worker = from_properties(properties.into()).unwrap();
    worker.state = folder.to_owned();
    worker.worker_id = "127.0.0.1:8083".to_owned();
    worker.advertised_url = "http://127.0.0.1:8083".to_owned();
    worker
}

/// What a Snowflake sink needs besides its class and topics.
pub(crate) fn login() -> Vec<(String, String)> {
    let pem = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../snowflake/tests/fixtures/key_pkcs8.pem")).unwrap();
    let key: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let pairs = [
        ("snowflake.url.name", "account.snowflakecomputing.com"),
        ("snowflake.user.name", "LOADER"),
        ("snowflake.private.key", &*key),
        ("snowflake.database.name", "RAW"),
        ("snowflake.schema.name", "KAFKA"),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
