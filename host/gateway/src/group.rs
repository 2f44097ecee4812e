//! The partitions of one `[pipeline.NAME]`: a consumer group member, its workers, and what they share.
//!
//! The consumer's thread brings partitions and takes them away; each goes to the worker that its name chooses. Inside a rebalance
//! the group waits until the channels have said where to start, or until the drained partitions have said how far they came.

mod member;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracer;
use snowgate_connect::engine::{Running, Task};
use snowgate_connect::snapshot::{PipelineView, PluginView};
use snowgate_kafka::{Consumer, DeadLetters, Error as KafkaError, GroupOffset, PartitionQueue};
use snowgate_record::{Offset, TopicPartition};
use snowgate_snowflake::client::Client;
use snowgate_snowflake::names;
use snowgate_snowflake::sql::{self, TableName};
use snowgate_snowflake::wire::{ChannelName, PipeName};
use tracing::{info, warn};

use crate::board::{self, Board, Health};
use crate::budget::Budget;
use crate::commits::Commits;
use crate::gateway::Error;
use crate::group::member::{Member, REVOKE_SLACK, follow_topics};
use crate::partition::{OWN, Policy};
use crate::progress::Progress;
use crate::requests::Requests;
use crate::settings::{OnRegression, PipelineSettings, Topics};
use crate::stages::{Loaded, Plan};
use crate::traces::{Origin, Traces};
use crate::worker::{Clock, Mailbox, Message, Worker};

/// As many full bodies, uncompressed, fit into the budget at the least.
const BODIES_IN_MEMORY: usize = 8;

/// Where the records of a topic go.
#[derive(Debug)]
pub(crate) struct Route {
    /// What the metadata call the topic, where a transform renamed it.
    pub(crate) named_topic: Option<Arc<str>>,
    /// The topic's own first. Each is there once.
    pub(crate) tables: Vec<Arc<Table>>,
    /// Which of `tables` a record's route leads to.
    lanes: Vec<usize>,
}

/// A table that records go to.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// Where it is made if it is not there: how.
    pub(crate) create_table: Option<Arc<str>>,
    pipe: Arc<PipeName>,
    channel_prefix: String,
}

impl Route {
    pub(crate) fn new(settings: &PipelineSettings, topic: &str) -> Route {
        let of_topic = settings.tables_of(topic).into_iter();
        let mut tables: Vec<_> = of_topic.map(|table| Arc::new(Table::new(settings, table))).collect();
        let mut lanes = vec![OWN];
        for name in &settings.more_tables {
            // A plugin may name the topic's own table, too.
            let lane = tables.iter().position(|table| table.name == *name).unwrap_or(tables.len());
            if lane == tables.len() {
                tables.push(Arc::new(Table::new(settings, settings.in_schema(name.clone()))));
            }
            lanes.push(lane);
        }
        Route { named_topic: settings.named_topic(topic), tables, lanes }
    }

    /// The topic's own.
    pub(crate) fn table(&self) -> &Table {
        &self.tables[OWN]
    }

    pub(crate) fn table_names(&self) -> Vec<&str> {
        self.tables.iter().map(|table| table.name.as_str()).collect()
    }

    /// Which of the tables a record goes to whose topic is `topic` when transforms have left it; `None` where it is none of them.
    pub(crate) fn lane_of(&self, settings: &PipelineSettings, topic: &str) -> Option<usize> {
        let name = settings.table_as_left(topic).table;
        self.tables.iter().position(|table| table.name == name)
    }

    /// Which of the tables a record with this route goes to. A plugin can name no other than those that it was told.
    pub(crate) fn lane(&self, route: u16) -> usize {
        self.lanes[usize::from(route)]
    }
}

impl Table {
    fn new(settings: &PipelineSettings, name: TableName) -> Table {
        let create_table = settings.create_tables.then(|| sql::create_table_if_not_exists(&name, settings.rows.mode).into());
        let pipe = names::default_pipe(&name.table);
        let TableName { database, schema, table } = name;
        Table {
            name: table,
            create_table,
            pipe: Arc::new(PipeName { database, schema, pipe }),
            channel_prefix: settings.channel_prefix.clone(),
        }
    }

    pub(crate) fn channel(&self, topic_partition: &TopicPartition) -> ChannelName {
        let channel = names::channel_name(&topic_partition.topic, topic_partition.partition);
        ChannelName { pipe: self.pipe.clone(), channel: format!("{}{channel}", self.channel_prefix) }
    }
}

/// What the partitions of one pipeline share.
pub(crate) struct Context {
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    pub(crate) settings: Arc<PipelineSettings>,
    pub(crate) budget: Budget,
    pub(crate) requests: Requests,
    pub(crate) commits: Commits,
    pub(crate) progress: Arc<Progress>,
    pub(crate) board: Arc<Board>,
    /// Makes spans, where traces are asked for.
    tracer: Option<SdkTracer>,
    /// By topic, as partitions of them come.
    routes: Mutex<HashMap<Arc<str>, Arc<Route>>>,
    dead_letters: OnceLock<DeadLetters>,
    consumer: Mutex<Option<Consumer>>,
}

impl Context {
    pub(crate) fn route(&self, topic: &str) -> Arc<Route> {
        let mut routes = self.routes.lock().expect("no one panics while holding the routes");
        match routes.get(topic) {
            Some(route) => route.clone(),
            None => routes.entry(topic.into()).or_insert_with(|| Arc::new(Route::new(&self.settings, topic))).clone(),
        }
    }

    /// What the traces of a partition's way into one table have in common, where there are any.
    pub(crate) fn trace_origin(&self, topic_partition: &TopicPartition, table: &str, channel: &ChannelName) -> Option<Arc<Origin>> {
        let tracer = self.tracer.clone()?;
        let (settings, pipe) = (&self.settings, &channel.pipe);
        let schema = (pipe.database.as_str(), pipe.schema.as_str());
        Some(Origin::new(tracer, &settings.name, &settings.kafka.group, topic_partition, schema, table, &channel.channel))
    }

    pub(crate) fn dead_letters(&self) -> Option<&DeadLetters> {
        self.dead_letters.get()
    }

    /// Asks for a group commit; during a rebalance the offsets are handed over instead.
    pub(crate) fn commit(&self, offset: GroupOffset) {
        if let Some(consumer) = &*self.lock_consumer() {
            consumer.commit(vec![offset]);
        }
    }

    /// Lets a partition be read again from `from`.
    pub(crate) fn restart(
        &self,
        partition: TopicPartition,
        from: Offset,
        ready: Box<dyn FnOnce(Result<PartitionQueue, KafkaError>) + Send>,
    ) {
        if let Some(consumer) = &*self.lock_consumer() {
            consumer.restart(partition, from, ready);
        }
    }

    pub(crate) fn watermarks(&self, partition: &TopicPartition) -> Option<(i64, i64)> {
        self.lock_consumer().as_ref()?.watermarks(partition)
    }

    fn lock_consumer(&self) -> std::sync::MutexGuard<'_, Option<Consumer>> {
        self.consumer.lock().expect("no one panics while holding the consumer")
    }
}

/// A running pipeline.
pub(crate) struct Group {
    settings: Arc<PipelineSettings>,
    /// What new batches go through; partitions may still be on their way to it.
    plan: Mutex<Plan>,
    context: Arc<Context>,
    workers: Mutex<Vec<Worker>>,
    stopping: Arc<Stopping>,
    /// What else runs for it, to be ended with it.
    tasks: Vec<Background>,
}

/// A task that ends when nobody has this any more.
struct Background(tokio::task::JoinHandle<()>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the pipelines of the process share.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) clock: Clock,
    pub(crate) budget: Budget,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) traces: Option<Traces>,
}

/// Told when a pipeline cannot go on.
pub(crate) type OnFailure = Box<dyn Fn(Error) + Send + Sync>;

#[derive(Default)]
struct Stopping {
    asked: AtomicBool,
    grace: OnceLock<Duration>,
}

impl Group {
    pub(crate) fn start(
        settings: Arc<PipelineSettings>,
        plan: Plan,
        client: &Client,
        process: &Process,
        on_failure: OnFailure,
    ) -> Result<Group, Error> {
        let commits = Commits::default();
        let mut tasks = vec![Background(process.runtime.spawn(commits.clone().follow(client.clone())))];
        let (progress, board) = (Arc::new(Progress::default()), Arc::new(Board::new(&settings.kafka.group)));
        let context = Arc::new(Context {
            clock: process.clock,
            policy: policy(&settings, process.budget.max()),
            settings: settings.clone(),
            budget: process.budget.clone(),
            requests: Requests::new(client.clone(), process.runtime.clone(), progress.clone(), board.clone()),
            commits,
            progress,
            board,
            tracer: process.traces.as_ref().map(Traces::tracer),
            routes: Mutex::default(),
            dead_letters: OnceLock::new(),
            consumer: Mutex::new(None),
        });
        // What has begun ends with these when something after it fails.
        let mut workers = Vec::new();
        for index in 0..settings.workers {
            let worker = Worker::start(&settings.name, index, context.clone(), &plan)
                .map_err(|source| Error::Plugins { pipeline: settings.name.clone(), source: source.into() })?;
            workers.push(worker);
        }
        let kafka = |source| Error::Kafka { pipeline: settings.name.clone(), source };
        let mailboxes: Vec<Mailbox> = workers.iter().map(|worker| worker.mailbox.clone()).collect();
        if let Some(topic) = &settings.dead_letter_topic {
            let mailboxes = mailboxes.clone();
            let delivered = move |receipt: snowgate_kafka::DeadLetterReceipt| {
                mailbox_of(&mailboxes, &receipt.topic_partition).send(Message::DeadLetterAnswered(receipt));
            };
            let dead_letters = DeadLetters::start(&settings.producer, topic, Arc::new(delivered)).map_err(kafka)?;
            assert!(context.dead_letters.set(dead_letters).is_ok(), "dead letters are set up once");
        }
        let stopping = Arc::new(Stopping::default());
        let member =
            Member { name: settings.name.clone(), context: context.clone(), mailboxes, stopping: stopping.clone(), on_failure };
        let (topics, matching) = match &settings.topics {
            Topics::Named(topics) => (topics.clone(), None),
            Topics::Matching(pattern) => (Vec::new(), Some(pattern.clone())),
        };
        let consumer = Consumer::start(&settings.kafka, &topics, Arc::new(member)).map_err(kafka)?;
        *context.lock_consumer() = Some(consumer);
        if let Some(pattern) = matching {
            tasks.push(Background(process.runtime.spawn(follow_topics(context.clone(), pattern))));
        }
        Ok(Group { settings, plan: Mutex::new(plan), context, workers: Mutex::new(workers), stopping, tasks })
    }

    pub(crate) fn name(&self) -> &str {
        &self.settings.name
    }

    pub(crate) fn settings(&self) -> &PipelineSettings {
        &self.settings
    }

    pub(crate) fn plan(&self) -> Plan {
        self.plan.lock().expect("no one panics while holding the plan").clone()
    }

    /// Lets each partition go over to `plan` when what it has read is settled. Nothing happens when a worker cannot have it.
    pub(crate) fn swap(&self, plan: Plan) -> Result<(), snowgate_transform::Error> {
        // It takes as long as the plugins let it: whoever stops the pipeline meanwhile must not wait for that.
        let stages = (0..self.settings.workers).map(|_| plan.start()).collect::<Result<Vec<_>, _>>()?;
        let workers = self.workers.lock().expect("no one panics while holding the workers");
        for (worker, stages) in workers.iter().zip(stages) {
            worker.mailbox.send(Message::Swap(Box::new(stages)));
        }
        *self.plan.lock().expect("no one panics while holding the plan") = plan;
        Ok(())
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.context.progress
    }

    /// Drains what is in flight, commits, leaves the group, and ends the workers. A second call finds nothing to do.
    pub(crate) fn stop(&self, grace: Duration) {
        if self.stopping.grace.set(grace).is_err() {
            return;
        }
        self.stopping.asked.store(true, Ordering::SeqCst);
        let consumer = self.context.lock_consumer().take();
        if let Some(consumer) = consumer
            && let Err(error) = consumer.stop(grace + REVOKE_SLACK)
        {
            warn!(pipeline = self.name(), error = %error, "leaving the group failed");
        }
        drop(std::mem::take(&mut *self.workers.lock().expect("no one panics while holding the workers")));
        self.tasks.iter().for_each(|task| task.0.abort());
        info!(pipeline = self.name(), progress = %self.context.progress, "pipeline stopped");
    }

    /// How it is, worker by worker.
    pub(crate) fn running(&self) -> Running {
        let partitions = self.partitions();
        let mut tasks = vec![Task::default(); self.settings.workers as usize];
        let mut traces = vec![Vec::new(); tasks.len()];
        for partition in &partitions {
            let (index, Some(blocked)) = (partition.worker as usize, &partition.blocked) else { continue };
            tasks[index].failed |= blocked.needs_person;
            traces[index].push(board::tell(partition, blocked));
        }
        // What concerns no partition concerns every task.
        let of_all = match self.context.board.health(&[]) {
            Health::Stalled(why) => Some(why),
            Health::Running | Health::Failed(_) => self.context.board.spare(),
        };
        if let Some(why) = of_all {
            traces.iter_mut().for_each(|trace| trace.push(why.clone()));
        }
        for (task, trace) in tasks.iter_mut().zip(traces) {
            task.trace = (!trace.is_empty()).then(|| trace.join("\n"));
        }
        Running { failed: self.context.board.failed(), tasks, topics: self.context.board.topics() }
    }

    pub(crate) fn forget_topics(&self) {
        self.context.board.forget_topics();
    }

    /// Everything there is to see of it.
    pub(crate) fn view(&self) -> PipelineView {
        let (context, settings) = (&self.context, &self.settings);
        let partitions = self.partitions();
        let (state, error) = match context.board.health(&partitions) {
            Health::Running => ("RUNNING", context.board.spare()),
            Health::Stalled(why) => ("STALLED", Some(why)),
            Health::Failed(why) => ("FAILED", Some(why)),
        };
        let (appends, append_bytes, append_errors) = context.progress.appends();
        let plan = self.plan();
        let plugins = plan.plugins().map(|Loaded { plugin, .. }| {
            let count = context.progress.plugin(plugin.name());
            PluginView {
                name: plugin.name().to_owned(),
                version: plugin.version().to_owned(),
                sha256: plugin.digest().to_owned(),
                kept: count.kept,
                replaced: count.replaced,
                split: count.split,
                dropped: count.dropped,
                rejected: count.rejected,
                faults: count.faults,
                seconds: count.nanos as f64 / 1e9,
                counters: plugin.counters().into_iter().map(|(name, count)| (name.to_string(), count)).collect(),
            }
        });
        PipelineView {
            name: settings.name.to_string(),
            kind: settings.kind.as_str(),
            state,
            error,
            since_ms: Some(context.board.since(state)),
            group: settings.kafka.group.clone(),
            topics: settings.topics.to_texts(),
            workers: settings.workers,
            records_consumed: context.progress.records(),
            bytes_consumed: context.progress.bytes(),
            rows_committed: context.progress.rows(),
            records_dropped: context.progress.records_dropped(),
            dropped: context.progress.dropped_by_reason(),
            appends,
            append_bytes,
            append_errors,
            append_seconds: context.progress.append_times(),
            dead_letters: context.progress.dead_letters(),
            plugins: plugins.collect(),
            last_errors: context.board.errors(),
            config: settings.shown(plan.names()),
            partitions,
        }
    }

    fn partitions(&self) -> Vec<snowgate_connect::snapshot::PartitionView> {
        self.context.board.partitions(|partition| self.context.watermarks(partition))
    }
}

fn policy(settings: &PipelineSettings, memory: usize) -> Policy {
    Policy {
        // Several bodies must find room, or the first open one would leave none for the others.
        body_bytes: settings.body_bytes.min(memory / BODIES_IN_MEMORY.max(2 * settings.most_tables())),
        linger: u64::try_from(settings.linger.as_millis()).unwrap_or(u64::MAX),
        accept_regression: settings.on_regression == OnRegression::Accept,
        ..Policy::default()
    }
}

/// The worker that owns `topic_partition` whenever it is ours.
fn mailbox_of<'a>(mailboxes: &'a [Mailbox], topic_partition: &TopicPartition) -> &'a Mailbox {
    let mut hasher = DefaultHasher::new();
    topic_partition.topic.hash(&mut hasher);
    // Partitions of one topic spread evenly, whatever the topic's name hashes to.
    let index = hasher.finish().wrapping_add(topic_partition.partition as u64) % mailboxes.len() as u64;
    &mailboxes[index as usize]
}
