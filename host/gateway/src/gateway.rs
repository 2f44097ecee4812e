//! Starts everything, watches it, and stops it in order.
//!
//! What can be known to be wrong is found before the first record moves: brokers, topics, login, tables, plugins. From then on a
//! fault of Snowflake's or Kafka's holds back the partitions it touches and nothing else. The process ends when it is asked to,
//! when a pipeline cannot go on, or at once when it is asked twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use snowgate_connect::guard::GuardError;
use snowgate_connect::snapshot::{Memory, Reloads as ReloadsView, Snapshot};
use snowgate_kafka::Need;
use snowgate_record::ErrorClass;
use snowgate_snowflake::client::{Client, WeakClient};
use snowgate_snowflake::error::Failure;
use snowgate_snowflake::sql;
use tokio::sync::mpsc::unbounded_channel;
use tracing::{info, warn};

use crate::board;
use crate::budget::Budget;
use crate::connectors::interface::{Interface, Serving};
use crate::group::{Group, OnFailure, Process};
use crate::plugins::{PluginError, Plugins};
use crate::reload::{self, Hangups, PluginFiles};
use crate::settings::{PipelineSettings, Settings};
use crate::stages::Plan;
use crate::telemetry::Levels;
use crate::traces::{Refused, Traces};
use crate::worker::Clock;

/// How long brokers may take to describe themselves at the start.
const KAFKA_PATIENCE: Duration = Duration::from_secs(20);
/// How often the log says how far each pipeline is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);
/// How long the last traces may take, where the pipelines left no time of the grace, and where they left all of it.
const LAST_TRACES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// Carries requests, not records: the workers do the work.
const RUNTIME_THREADS: usize = 2;

/// Why the gateway did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("pipeline `{pipeline}` cannot use Kafka")]
    Kafka { pipeline: Arc<str>, source: snowgate_kafka::Error },
    #[error("pipeline `{pipeline}` cannot run its plugins")]
    Plugins { pipeline: Arc<str>, source: PluginError },
    #[error("Snowflake cannot be used")]
    Snowflake { source: Box<snowgate_snowflake::Error> },
    #[error("table `{table}` of pipeline `{pipeline}` cannot be used")]
    Table { pipeline: Arc<str>, table: String, source: Box<snowgate_snowflake::Error> },
    #[error("Connect's REST interface cannot be served")]
    Interface { source: GuardError },
    #[error("the connectors kept in the state folder cannot be used")]
    State { source: snowgate_connect::store::StoreError },
    #[error("traces cannot be sent")]
    Traces { source: Refused },
    #[error("the runtime could not be started")]
    Runtime { source: std::io::Error },
}

impl Error {
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Error::Kafka { source, .. } => source.class(),
            Error::Plugins { .. } | Error::Interface { .. } | Error::State { .. } | Error::Traces { .. } => ErrorClass::Config,
            Error::Snowflake { source } | Error::Table { source, .. } => source.class(),
            Error::Runtime { .. } => ErrorClass::Fatal,
        }
    }

    /// What its reader can do, where there is something.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Error::Kafka { source, .. } => source.hint(),
            Error::Plugins { source, .. } => source.hint(),
            Error::Snowflake { source } | Error::Table { source, .. } => source.hint(),
            Error::Interface { source: GuardError::Listen { .. } } => {
                Some("set another address in `listen`, or free this one".to_owned())
            }
            // It names the ways out itself.
            Error::Interface { .. } => None,
            Error::State { .. } => Some("name a folder in `state` that this user may write".to_owned()),
            Error::Traces { .. } => Some("see `telemetry.otlp` and the variables that begin with `OTEL_`".to_owned()),
            Error::Runtime { .. } => None,
        }
    }
}

/// The pipelines of this process, as they come and go.
pub(crate) struct Gateway {
    process: Process,
    started_ms: i64,
    plugins: Plugins,
    reloads: Reloads,
    groups: Mutex<BTreeMap<Arc<str>, Arc<Group>>>,
    /// Shared by what loads plugins and then starts with them; a reload has it alone.
    plugin_files_in_use: RwLock<()>,
    /// Of the logins in use, for pipelines to share; whoever uses one keeps it.
    clients: Mutex<Vec<WeakClient>>,
}

/// How often plugins were reloaded.
#[derive(Default)]
pub(crate) struct Reloads {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Reloads {
    pub(crate) fn count(&self, succeeded: bool) {
        let counter = if succeeded { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs until it is told to stop.
pub(crate) fn run(settings: &Settings, levels: Levels) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("requests")
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    let traces =
        Traces::start(settings.otlp.as_deref(), |name| std::env::var(name).ok()).map_err(|source| Error::Traces { source })?;
    let gateway = Arc::new(Gateway::new(settings, runtime.handle().clone(), traces));
    let result = runtime.block_on(run_pipelines(settings, levels, &gateway));
    // A request that still waits for its answer says nothing that matters now.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

async fn run_pipelines(settings: &Settings, levels: Levels, gateway: &Arc<Gateway>) -> Result<(), Error> {
    let mut shutdown = Shutdown::new().map_err(|source| Error::Runtime { source })?;
    let hangups = Hangups::new().map_err(|source| Error::Runtime { source })?;
    let interface = match &settings.worker {
        Some(worker) => Some(Interface::open(gateway, worker, levels, settings.shutdown_grace).await?),
        None => None,
    };
    let (failed, mut failures) = unbounded_channel();
    let mut prepared = Vec::new();
    for pipeline in &settings.pipelines {
        prepared.push((Arc::new(pipeline.clone()), gateway.load_plugins(pipeline)?));
    }
    return_free_memory();
    for pipeline in &settings.pipelines {
        tokio::select! {
            prepared = gateway.prepare(pipeline) => prepared?,
            () = shutdown.asked() => return Ok(()),
        }
    }
    for (pipeline, plan) in prepared {
        let failed = failed.clone();
        // Nobody listens only when the process is on its way out.
        gateway.start(pipeline, plan, Box::new(move |error| drop(failed.send(error))))?;
    }
    let serving = interface.map(Interface::serve);
    let reloading = tokio::spawn(reload::run(gateway.clone(), settings.clone(), hangups));
    let outcome = watch(gateway, &mut shutdown, &mut failures).await;
    reloading.abort();
    tokio::select! {
        () = stop(gateway, serving, settings.shutdown_grace) => {}
        () = shutdown.asked() => {
            warn!("asked to stop twice: leaving at once, unsettled records are read again");
            // Nothing unsettled was committed, so nothing has to be undone.
            std::process::exit(1);
        }
    }
    outcome
}

impl Gateway {
    fn new(settings: &Settings, runtime: tokio::runtime::Handle, traces: Option<Traces>) -> Gateway {
        Gateway {
            process: Process { clock: Clock::start(), budget: Budget::new(settings.memory_max), runtime, traces },
            started_ms: board::now(),
            plugins: Plugins::new(settings.plugins.cache.clone()),
            reloads: Reloads::default(),
            groups: Mutex::default(),
            plugin_files_in_use: RwLock::default(),
            clients: Mutex::default(),
        }
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.process.runtime
    }

    pub(crate) fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    pub(crate) fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// Of all pipelines.
    pub(crate) fn plugin_files(&self) -> PluginFiles {
        let mut files = PluginFiles::new();
        for loaded in self.groups().iter().flat_map(|group| group.plan().plugins().cloned().collect::<Vec<_>>()) {
            let digest = loaded.plugin.identity().digest.clone();
            files.entry(loaded.settings.plugin.path).or_default().push(digest);
        }
        files
    }

    /// Loads the plugins of a pipeline.
    pub(crate) fn load_plugins(&self, pipeline: &PipelineSettings) -> Result<Plan, Error> {
        self.plugins.plan(pipeline).map_err(|source| Error::Plugins { pipeline: pipeline.name.clone(), source })
    }

    /// Finds out what a person would have to change, before anything moves.
    async fn prepare(&self, pipeline: &PipelineSettings) -> Result<(), Error> {
        let (kafka, topics, dead_letters) = (pipeline.kafka.clone(), pipeline.topics.clone(), pipeline.dead_letter_topic.clone());
        let checked = tokio::task::spawn_blocking(move || {
            snowgate_kafka::check(&kafka, topics.named(), dead_letters.as_deref(), KAFKA_PATIENCE)?;
            let topics = topics.named().iter().map(|topic| Need::ReadTopic(topic));
            let dead_letters = dead_letters.iter().map(|topic| Need::WriteTopic(topic));
            let needs: Vec<_> = topics.chain(dead_letters).chain([Need::ReadGroup]).collect();
            snowgate_kafka::check_rights(&kafka, &needs, KAFKA_PATIENCE)
        });
        let checked = checked.await.expect("a check of Kafka does not panic");
        checked.map_err(|source| Error::Kafka { pipeline: pipeline.name.clone(), source })?;
        self.create_tables(pipeline).await
    }

    /// Creates the tables that are known by name.
    pub(crate) async fn create_tables(&self, pipeline: &PipelineSettings) -> Result<(), Error> {
        let client = self.client(pipeline)?;
        for name in pipeline.known_tables() {
            let Err(source) = client.execute(&sql::create_table_if_not_exists(&name, pipeline.rows.mode)).await else { continue };
            // A role may load into a table without the right to create one.
            let exists = source.outcome() == Failure::Forbidden && client.execute(&sql::describe_table(&name)).await.is_ok();
            if !exists {
                return Err(Error::Table { pipeline: pipeline.name.clone(), table: name.table, source: source.into() });
            }
        }
        Ok(())
    }

    /// A client for the pipeline's account; pipelines with the same login share one.
    pub(crate) fn client(&self, pipeline: &PipelineSettings) -> Result<Client, Error> {
        let mut clients = lock(&self.clients);
        let found =
            clients.iter().filter_map(WeakClient::upgrade).find(|client| client.settings().is_same_login(&pipeline.snowflake));
        if let Some(client) = found {
            return Ok(client);
        }
        let client = Client::new(pipeline.snowflake.clone()).map_err(|source| Error::Snowflake { source: source.into() })?;
        clients.retain(|client| client.upgrade().is_some());
        clients.push(client.downgrade());
        Ok(client)
    }

    /// Loads a pipeline's plugins and starts it, one of the same name having been stopped before. No reload comes in between: it would
    /// not see the pipeline yet, whose plugins may be from the files as they were before it.
    pub(crate) fn load_and_start(&self, pipeline: Arc<PipelineSettings>, on_failure: OnFailure) -> Result<(), Error> {
        let _no_reload = self.plugin_files_in_use.read().unwrap_or_else(PoisonError::into_inner);
        let plan = self.load_plugins(&pipeline)?;
        self.start(pipeline, plan, on_failure)
    }

    /// Runs `reload` when every pipeline has started whose plugins are loaded, and before another one's are.
    pub(crate) fn between_starts<T>(&self, reload: impl FnOnce() -> T) -> T {
        let _no_start = self.plugin_files_in_use.write().unwrap_or_else(PoisonError::into_inner);
        reload()
    }

    /// Starts a pipeline; one of the same name was stopped before.
    pub(crate) fn start(&self, pipeline: Arc<PipelineSettings>, plan: Plan, on_failure: OnFailure) -> Result<(), Error> {
        let client = self.client(&pipeline)?;
        let (topics, workers, plugins) = (pipeline.topics.to_texts().join(","), pipeline.workers, plan.plugins().count());
        let name = pipeline.name.clone();
        let group = Group::start(pipeline, plan, &client, &self.process, on_failure)?;
        info!(pipeline = %name, topics, workers, plugins, "pipeline started");
        lock(&self.groups).insert(name, Arc::new(group));
        Ok(())
    }

    /// Stops a pipeline and waits until nothing of it is left. Without such a pipeline nothing happens.
    pub(crate) async fn stop(&self, name: &str, grace: Duration) {
        let Some(group) = lock(&self.groups).remove(name) else { return };
        let stopped = tokio::task::spawn_blocking(move || group.stop(grace));
        stopped.await.expect("stopping a pipeline does not panic");
    }

    pub(crate) fn group(&self, name: &str) -> Option<Arc<Group>> {
        lock(&self.groups).get(name).cloned()
    }

    pub(crate) fn groups(&self) -> Vec<Arc<Group>> {
        lock(&self.groups).values().cloned().collect()
    }

    /// Everything there is to see.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            version: env!("CARGO_PKG_VERSION"),
            instance: String::new(),
            started_ms: self.started_ms,
            now_ms: board::now(),
            memory: Memory {
                used_bytes: self.process.budget.used() as u64,
                max_bytes: self.process.budget.max() as u64,
                resident_bytes: resident_bytes(),
            },
            reloads: ReloadsView {
                succeeded: self.reloads.succeeded.load(Ordering::Relaxed),
                failed: self.reloads.failed.load(Ordering::Relaxed),
            },
            spans_lost: self.process.traces.as_ref().map(Traces::lost),
            pipelines: self.groups().iter().map(|group| group.view()).collect(),
        }
    }
}

/// What the system says this process holds.
fn resident_bytes() -> Option<u64> {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * PAGE)
}

/// Compiling plugins takes a hundred megabytes that nobody needs afterwards, and the allocator would keep them.
pub(crate) fn return_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: has no arguments that matter and touches nothing but free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// A poisoned lock here still guards a whole value: each is changed by single assignments.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until somebody asks for the end, or a pipeline cannot go on.
async fn watch(
    gateway: &Gateway,
    shutdown: &mut Shutdown,
    failures: &mut tokio::sync::mpsc::UnboundedReceiver<Error>,
) -> Result<(), Error> {
    let mut interval = tokio::time::interval(PROGRESS_INTERVAL);
    interval.tick().await;
    let mut before = BTreeMap::new();
    loop {
        tokio::select! {
            () = shutdown.asked() => {
                info!("stopping");
                return Ok(());
            }
            Some(error) = failures.recv() => return Err(error),
            _ = interval.tick() => {
                for group in gateway.groups() {
                    let records = group.progress().records();
                    if before.insert(group.name().to_owned(), records).unwrap_or(0) != records {
                        info!(pipeline = group.name(), progress = %group.progress(), "progress");
                    }
                }
            }
        }
    }
}

/// All pipelines at once, each within the grace; then what they left to tell.
async fn stop(gateway: &Gateway, serving: Option<Serving>, grace: Duration) {
    let begun = Instant::now();
    let mut stopping = tokio::task::JoinSet::new();
    for group in gateway.groups() {
        stopping.spawn_blocking(move || group.stop(grace));
    }
    if let Some(serving) = serving {
        serving.stop().await;
    }
    stopping.join_all().await;
    if let Some(traces) = gateway.process.traces.clone() {
        let patience = grace.saturating_sub(begun.elapsed()).clamp(LAST_TRACES.0, LAST_TRACES.1);
        let finished = tokio::task::spawn_blocking(move || traces.finish(patience));
        finished.await.expect("sending the last traces does not panic");
    }
}

/// SIGTERM and ctrl-c.
struct Shutdown {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Shutdown {
    fn new() -> std::io::Result<Shutdown> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Shutdown { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Safe to be dropped half-way: a signal that came is kept.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pipeline_starts_with_plugins_that_a_reload_does_not_see() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let settings = Settings::of_worker(None, std::iter::empty()).unwrap();
        let gateway = Gateway::new(&settings, runtime.handle().clone(), None);
        gateway.between_starts(|| assert!(gateway.plugin_files_in_use.try_read().is_err(), "a start waits for the reload"));
        let _starting = gateway.plugin_files_in_use.read();
        assert!(gateway.plugin_files_in_use.try_write().is_err(), "and a reload for the start");
    }
}
