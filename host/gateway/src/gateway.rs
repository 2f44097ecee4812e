//! Starts everything, watches it, and stops it in order.
//!
//! What can be known to be wrong is found before the first record moves: brokers, topics, login, tables, plugins. From then on a
//! fault of Snowflake's or Kafka's holds back the partitions it touches and nothing else. The process ends when it is asked to,
//! when a pipeline cannot go on, or at once when it is asked twice.

use std::sync::Arc;
use std::time::Duration;

use snowgate_record::ErrorClass;
use snowgate_snowflake::client::Client;
use snowgate_snowflake::error::Failure;
use snowgate_snowflake::sql::{self, TableName};
use snowgate_transform::{Engine, Plugin};
use tokio::sync::mpsc::unbounded_channel;
use tracing::{info, warn};

use crate::budget::Budget;
use crate::group::{Group, Shared};
use crate::settings::{PipelineSettings, Settings};
use crate::worker::Clock;

/// How long brokers may take to describe themselves at the start.
const KAFKA_PATIENCE: Duration = Duration::from_secs(20);
/// How often the log says how far each pipeline is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);
/// Carries requests, not records: the workers do the work.
const RUNTIME_THREADS: usize = 2;

/// Why the gateway did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("pipeline `{pipeline}` cannot use Kafka")]
    Kafka { pipeline: Arc<str>, source: snowgate_kafka::Error },
    #[error("pipeline `{pipeline}` cannot run its plugins")]
    Plugins { pipeline: Arc<str>, source: snowgate_transform::Error },
    #[error("Snowflake cannot be used")]
    Snowflake { source: Box<snowgate_snowflake::Error> },
    #[error("table `{table}` of pipeline `{pipeline}` cannot be used")]
    Table { pipeline: Arc<str>, table: String, source: Box<snowgate_snowflake::Error> },
    #[error("the runtime could not be started")]
    Runtime { source: std::io::Error },
}

impl Error {
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Error::Kafka { source, .. } => source.class(),
            Error::Plugins { .. } => ErrorClass::Config,
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
            Error::Runtime { .. } => None,
        }
    }
}

/// Runs until it is told to stop.
pub(crate) fn run(settings: &Settings) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("requests")
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    let result = runtime.block_on(run_pipelines(settings, runtime.handle().clone()));
    // A request that still waits for its answer says nothing that matters now.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

async fn run_pipelines(settings: &Settings, runtime: tokio::runtime::Handle) -> Result<(), Error> {
    let mut shutdown = Shutdown::new().map_err(|source| Error::Runtime { source })?;
    let client = Client::new(settings.snowflake.clone()).map_err(|source| Error::Snowflake { source: source.into() })?;
    let (failed, mut failures) = unbounded_channel();
    let shared = Arc::new(Shared {
        clock: Clock::start(),
        budget: Budget::new(settings.memory_max),
        client: client.clone(),
        runtime,
        database: settings.snowflake.database.clone(),
        schema: settings.snowflake.schema.clone(),
        failed,
    });
    let plugins = load_plugins(&settings.pipelines)?;
    return_free_memory();
    for pipeline in &settings.pipelines {
        tokio::select! {
            prepared = prepare(pipeline, settings, &client) => prepared?,
            () = shutdown.asked() => return Ok(()),
        }
    }
    let mut groups = Vec::new();
    for (pipeline, plugins) in settings.pipelines.iter().zip(&plugins) {
        groups.push(Group::start(pipeline, plugins, &shared)?);
        info!(pipeline = %pipeline.name, topics = pipeline.topics.join(","), workers = pipeline.workers, plugins = plugins.len(), "pipeline started");
    }
    let outcome = watch(&groups, &mut shutdown, &mut failures).await;
    stop(groups, settings.shutdown_grace, &mut shutdown).await;
    outcome
}

/// Compiling plugins takes a hundred megabytes that nobody needs afterwards, and the allocator would keep them.
fn return_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: has no arguments that matter and touches nothing but free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Compiles every plugin once; the same file in two pipelines is two plugins, for it may be configured differently.
fn load_plugins(pipelines: &[PipelineSettings]) -> Result<Vec<Vec<Arc<Plugin>>>, Error> {
    // Without plugins there is no engine, and no wasm on the road at all.
    let mut engine = None;
    let mut loaded = Vec::new();
    for pipeline in pipelines {
        let failed = |source| Error::Plugins { pipeline: pipeline.name.clone(), source };
        let mut plugins = Vec::new();
        for settings in &pipeline.plugins {
            let engine = match &engine {
                Some(engine) => engine,
                None => engine.insert(Engine::new().map_err(failed)?),
            };
            let plugin = Plugin::load(engine, settings).map_err(failed)?;
            info!(pipeline = %pipeline.name, plugin = plugin.name(), version = plugin.version(), sha256 = plugin.digest(), "plugin loaded");
            plugins.push(Arc::new(plugin));
        }
        loaded.push(plugins);
    }
    Ok(loaded)
}

/// Finds out what a person would have to change, before anything moves.
async fn prepare(pipeline: &PipelineSettings, settings: &Settings, client: &Client) -> Result<(), Error> {
    let (kafka, topics, dead_letter_topic) = (pipeline.kafka.clone(), pipeline.topics.clone(), pipeline.dead_letter_topic.clone());
    let checked =
        tokio::task::spawn_blocking(move || snowgate_kafka::check(&kafka, &topics, dead_letter_topic.as_deref(), KAFKA_PATIENCE));
    let checked = checked.await.expect("a check of Kafka does not panic");
    checked.map_err(|source| Error::Kafka { pipeline: pipeline.name.clone(), source })?;
    for table in pipeline.tables.values() {
        let name = TableName {
            database: settings.snowflake.database.clone(),
            schema: settings.snowflake.schema.clone(),
            table: table.clone(),
        };
        let Err(source) = client.execute(&sql::create_table_if_not_exists(&name, pipeline.rows.mode)).await else { continue };
        // A role may load into a table without the right to create one.
        let exists = source.outcome() == Failure::Forbidden && client.execute(&sql::describe_table(&name)).await.is_ok();
        if !exists {
            return Err(Error::Table { pipeline: pipeline.name.clone(), table: table.clone(), source: source.into() });
        }
    }
    Ok(())
}

/// Until somebody asks for the end, or a pipeline cannot go on.
async fn watch(
    groups: &[Group],
    shutdown: &mut Shutdown,
    failures: &mut tokio::sync::mpsc::UnboundedReceiver<Error>,
) -> Result<(), Error> {
    let mut interval = tokio::time::interval(PROGRESS_INTERVAL);
    interval.tick().await;
    let mut before = vec![0; groups.len()];
    loop {
        tokio::select! {
            () = shutdown.asked() => {
                info!("stopping");
                return Ok(());
            }
            Some(error) = failures.recv() => return Err(error),
            _ = interval.tick() => {
                for (group, before) in groups.iter().zip(&mut before) {
                    let records = group.progress().records();
                    if records != *before {
                        info!(pipeline = group.name(), progress = %group.progress(), "progress");
                    }
                    *before = records;
                }
            }
        }
    }
}

/// All pipelines at once, each within the grace. Asked again, it lets go of everything at once.
async fn stop(groups: Vec<Group>, grace: Duration, shutdown: &mut Shutdown) {
    let mut stopping = tokio::task::JoinSet::new();
    for group in groups {
        stopping.spawn_blocking(move || group.stop(grace));
    }
    loop {
        tokio::select! {
            stopped = stopping.join_next() => if stopped.is_none() { return },
            () = shutdown.asked() => {
                warn!("asked to stop twice: leaving at once, unsettled records are read again");
                // Nothing unsettled was committed, so nothing has to be undone.
                std::process::exit(1);
            }
        }
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
