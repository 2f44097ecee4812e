//! What manages connectors; the word is Connect's own.
//!
//! A connector has a configuration and a target state, both kept in the state folder, and, while it should run, a pipeline in the
//! [`Engine`]. Whoever changes a connector waits for its turn, so that calls for one name are carried out one after another; different
//! connectors never wait for each other. A change is checked first, then stored, then carried out: what is refused or cannot be stored
//! changes nothing, and a pipeline goes on while the configuration that shall replace it is checked.
//!
//! A call must be carried out to its end once it has begun: run it in a task of its own where its caller may go away.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::OwnedMutexGuard;
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{info, warn};

use crate::config_def::ConfigMap;
use crate::engine::{Engine, Failure};
use crate::plugins::{self, Plugin};
use crate::settings::ConnectorSettings;
use crate::store::{Record, Store, StoreError};
use crate::worker::WorkerSettings;
use crate::{connector, providers};

mod checks;
mod lifecycle;
#[cfg(test)]
pub(crate) mod memory;
mod offsets;
mod status;

pub use crate::store::Target;
pub(crate) use checks::NoVerdict;
pub use status::{ConnectorView, Info, State, Status, TaskStatus};

/// Manages the connectors of one gateway.
pub struct Herder<E> {
    engine: Arc<E>,
    worker: Arc<WorkerSettings>,
    store: Store,
    connectors: RwLock<BTreeMap<String, Arc<Connector>>>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    is_started: AtomicBool,
    is_stopping: AtomicBool,
}

/// A connector as it is now. It is replaced whole, by whoever has its turn.
#[derive(Clone)]
struct Connector {
    record: Record,
    /// Why it could not be started.
    failure: Option<String>,
}

/// Why a call was refused or failed; the text is the answer's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HerderError {
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unknown(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for HerderError {
    fn from(error: StoreError) -> HerderError {
        HerderError::Failed(format!("{error}. Nothing was changed."))
    }
}

impl HerderError {
    pub(crate) fn not_found(name: &str) -> HerderError {
        HerderError::Unknown(format!("Connector {name} not found"))
    }
}

impl<E: Engine> Herder<E> {
    /// Reads the state folder; nothing is started yet.
    pub fn open(engine: Arc<E>, worker: WorkerSettings) -> Result<Herder<E>, StoreError> {
        let (store, records) = Store::open(&worker.state)?;
        let connectors = records.into_iter().map(|record| (record.name.clone(), Arc::new(Connector::stored(record))));
        Ok(Herder {
            engine,
            worker: Arc::new(worker),
            store,
            connectors: RwLock::new(connectors.collect()),
            turns: Mutex::default(),
            is_started: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        })
    }

    /// Starts every connector that should run, all at the same time. One that does not start is FAILED and harms no other.
    pub async fn start_all(self: &Arc<Self>) {
        let mut starts = JoinSet::new();
        for name in self.names() {
            let herder = Arc::clone(self);
            starts.spawn(async move {
                let _turn = herder.turn(&name).await;
                if herder
                    .get(&name)
                    .is_some_and(|connector| connector.record.target == Target::Running && herder.engine.view(&name).is_none())
                {
                    herder.launch(&name).await;
                }
            });
        }
        starts.join_all().await;
        self.is_started.store(true, Ordering::Release);
    }

    /// Stops every pipeline; target states stay, so that [`Herder::start_all`] of the next process starts them again. From now on
    /// nothing is started.
    pub async fn stop_all(self: &Arc<Self>) {
        self.is_stopping.store(true, Ordering::Release);
        let mut stops = JoinSet::new();
        for name in self.names() {
            let herder = Arc::clone(self);
            stops.spawn(async move {
                let _turn = herder.turn(&name).await;
                let Some(connector) = herder.get(&name) else { return };
                let seen = herder.halt(&connector).await;
                if seen.record.topics != connector.record.topics
                    && let Err(error) = herder.keep(seen).await
                {
                    warn!(connector = name, %error, "the topics that a connector read will not be known after the restart");
                }
            });
        }
        stops.join_all().await;
    }

    pub fn engine(&self) -> &E {
        &self.engine
    }

    pub fn worker(&self) -> &WorkerSettings {
        &self.worker
    }

    /// Whether [`Herder::start_all`] is through.
    pub fn is_started(&self) -> bool {
        self.is_started.load(Ordering::Acquire)
    }

    /// In alphabetical order.
    pub fn names(&self) -> Vec<String> {
        self.connectors.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// What names a class, in the configuration that a connector has.
    pub(crate) fn plugin_of(config: &ConfigMap) -> Option<&'static Plugin> {
        plugins::connector(config.get("connector.class")?.as_deref()?.trim())
    }

    fn get(&self, name: &str) -> Option<Arc<Connector>> {
        self.connectors.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn known(&self, name: &str) -> Result<Arc<Connector>, HerderError> {
        self.get(name).ok_or_else(|| HerderError::not_found(name))
    }

    fn set(&self, connector: Connector) {
        let name = connector.record.name.clone();
        self.connectors.write().unwrap_or_else(PoisonError::into_inner).insert(name, connector.into());
    }

    fn forget(&self, name: &str) {
        self.connectors.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Waits until nobody else changes the connector. The turn ends when it is dropped.
    async fn turn(&self, name: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody has or waits for.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(name.to_owned()).or_default())
        };
        turn.lock_owned().await
    }

    /// Stores a connector, then lets it be seen.
    async fn keep(&self, connector: Connector) -> Result<(), HerderError> {
        let (store, record) = (self.store.clone(), connector.record.clone());
        spawn_blocking(move || store.write(&record)).await.map_err(died)??;
        self.set(connector);
        Ok(())
    }

    /// The settings of a configuration, with the values that stand elsewhere fetched now.
    async fn settings(&self, name: &str, config: &ConfigMap) -> Result<ConnectorSettings, Failure> {
        let (name, config, worker) = (name.to_owned(), config.clone(), Arc::clone(&self.worker));
        let made = spawn_blocking(move || {
            let config = providers::resolve(&config, &worker).map_err(|error| Failure(error.to_string()))?;
            connector::connector(&name, &config, &worker).map_err(|errors| {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                Failure(errors.join("\n"))
            })
        });
        made.await.unwrap_or_else(|error| Err(Failure(died(error).to_string())))
    }

    /// Starts the connector's pipeline by its stored configuration, and notes what came of it. Call it in the connector's turn.
    async fn launch(&self, name: &str) -> bool {
        let Some(connector) = self.get(name) else { return false };
        let mut connector = (*connector).clone();
        let started = match self.settings(name, &connector.record.config).await {
            _ if self.is_stopping.load(Ordering::Acquire) => Err(Failure("the gateway is stopping".to_owned())),
            Ok(settings) => self.engine.start(settings.into()).await,
            Err(failure) => Err(failure),
        };
        connector.failure = started.err().map(|failure| failure.0);
        connector.record.tasks = connector.failure.is_none().then(|| connector.record.config.clone());
        match &connector.failure {
            Some(trace) => warn!(connector = name, error = trace.lines().next().unwrap_or_default(), "connector did not start"),
            None => info!(connector = name, "connector started"),
        }
        let has_started = connector.failure.is_none();
        self.set(connector);
        has_started
    }

    /// Stops the connector's pipeline, if there is one; the connector with the topics that it has read. Call it in the connector's turn.
    async fn halt(&self, connector: &Connector) -> Connector {
        let mut seen = connector.clone();
        seen.record.topics = self.topics_of(connector);
        self.engine.stop(&connector.record.name).await;
        seen
    }

    fn topics_of(&self, connector: &Connector) -> BTreeSet<String> {
        let mut topics = connector.record.topics.clone();
        topics.extend(self.engine.view(&connector.record.name).unwrap_or_default().topics);
        topics
    }
}

impl Connector {
    fn stored(record: Record) -> Connector {
        Connector { record, failure: None }
    }

    /// How many tasks it has: `tasks.max` of the configuration that they were made by.
    fn tasks(&self) -> usize {
        self.record.tasks.as_ref().map_or(0, tasks_max)
    }
}

fn tasks_max(config: &ConfigMap) -> usize {
    config.get("tasks.max").and_then(|text| text.as_deref()?.trim().parse().ok()).unwrap_or(1)
}

fn died(error: tokio::task::JoinError) -> HerderError {
    HerderError::Failed(format!("the request could not be carried out: {error}"))
}

#[cfg(test)]
mod tests;
