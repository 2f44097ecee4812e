//! The partitions of one `[pipeline.NAME]`: a consumer group member, its workers, and what they share.
//!
//! The consumer's thread brings partitions and takes them away; each goes to the worker that its name chooses. Inside a rebalance
//! the group waits until the channels have said where to start, or until the drained partitions have said how far they came.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use snowgate_kafka::{
    Assigned, Assignments, ConnectionState, Consumer, DeadLetters, Error as KafkaError, GroupOffset, PartitionQueue, StartAt,
};
use snowgate_record::{Offset, TopicPartition};
use snowgate_snowflake::client::Client;
use snowgate_snowflake::names;
use snowgate_snowflake::row::RowSettings;
use snowgate_snowflake::sql::{self, TableName};
use snowgate_snowflake::wire::{ChannelName, PipeName};
use snowgate_transform::Plugin;
use tracing::{info, warn};

use crate::budget::Budget;
use crate::commits::Commits;
use crate::gateway::Error;
use crate::memo;
use crate::partition::{Policy, Remembered};
use crate::progress::Progress;
use crate::requests::Requests;
use crate::settings::{OnError, OnRegression, OnTombstone, PipelineSettings};
use crate::worker::{Clock, Mailbox, Message, Worker};

/// How long the group waits for channels to say where their partitions start. Well below `max.poll.interval.ms`.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a rebalance waits for bodies on their way. Longer only delays the new owner, who finds out from the channel anyway.
const REVOKE_GRACE: Duration = Duration::from_secs(10);
/// As many full bodies, uncompressed, fit into the budget at the least.
const BODIES_IN_MEMORY: usize = 8;
/// Past its deadline a partition lets go at once; this is for the answer to arrive.
const REVOKE_SLACK: Duration = Duration::from_secs(2);

/// Where the records of a topic go.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) table: String,
    pub(crate) create_table: Arc<str>,
    pipe: Arc<PipeName>,
}

impl Route {
    pub(crate) fn channel(&self, topic_partition: &TopicPartition) -> ChannelName {
        let channel = names::channel_name(&topic_partition.topic, topic_partition.partition);
        ChannelName { pipe: self.pipe.clone(), channel }
    }
}

/// What the partitions of one pipeline share.
pub(crate) struct Context {
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    pub(crate) rows: RowSettings,
    pub(crate) on_error: OnError,
    pub(crate) on_tombstone: OnTombstone,
    pub(crate) budget: Budget,
    pub(crate) requests: Requests,
    pub(crate) commits: Commits,
    pub(crate) progress: Progress,
    routes: HashMap<String, Arc<Route>>,
    dead_letters: OnceLock<DeadLetters>,
    consumer: Mutex<Option<Consumer>>,
}

impl Context {
    pub(crate) fn route(&self, topic: &str) -> Arc<Route> {
        self.routes.get(topic).expect("every subscribed topic has a route").clone()
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
    name: Arc<str>,
    context: Arc<Context>,
    workers: Vec<Worker>,
    stopping: Arc<Stopping>,
}

/// What the process shares with a pipeline.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) budget: Budget,
    pub(crate) client: Client,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) database: String,
    pub(crate) schema: String,
    /// Told when a pipeline cannot go on.
    pub(crate) failed: tokio::sync::mpsc::UnboundedSender<Error>,
}

#[derive(Default)]
struct Stopping {
    asked: AtomicBool,
    grace: OnceLock<Duration>,
}

impl Group {
    pub(crate) fn start(settings: &PipelineSettings, plugins: &[Arc<Plugin>], shared: &Shared) -> Result<Group, Error> {
        let commits = Commits::default();
        shared.runtime.spawn(commits.clone().follow(shared.client.clone()));
        let context = Arc::new(Context {
            clock: shared.clock,
            policy: policy(settings, shared.budget.max()),
            rows: settings.rows,
            on_error: settings.on_error,
            on_tombstone: settings.on_tombstone,
            budget: shared.budget.clone(),
            requests: Requests::new(shared.client.clone(), shared.runtime.clone()),
            commits,
            progress: Progress::default(),
            routes: routes(settings, &shared.database, &shared.schema),
            dead_letters: OnceLock::new(),
            consumer: Mutex::new(None),
        });
        let mut workers = Vec::new();
        for index in 0..settings.workers {
            let worker = Worker::start(format!("{}-{index}", settings.name), context.clone(), plugins)
                .map_err(|source| Error::Plugins { pipeline: settings.name.clone(), source })?;
            workers.push(worker);
        }
        let kafka = |source| Error::Kafka { pipeline: settings.name.clone(), source };
        let mailboxes: Vec<Mailbox> = workers.iter().map(|worker| worker.mailbox.clone()).collect();
        if let Some(topic) = &settings.dead_letter_topic {
            let mailboxes = mailboxes.clone();
            let delivered = move |receipt: snowgate_kafka::DeadLetterReceipt| {
                mailbox_of(&mailboxes, &receipt.topic_partition).send(Message::DeadLetterAnswered(receipt));
            };
            let dead_letters = DeadLetters::start(&settings.kafka, topic, Arc::new(delivered)).map_err(kafka)?;
            assert!(context.dead_letters.set(dead_letters).is_ok(), "dead letters are set up once");
        }
        let stopping = Arc::new(Stopping::default());
        let member = Member {
            name: settings.name.clone(),
            context: context.clone(),
            mailboxes,
            stopping: stopping.clone(),
            failed: shared.failed.clone(),
        };
        let consumer = Consumer::start(&settings.kafka, &settings.topics, Arc::new(member)).map_err(kafka)?;
        *context.lock_consumer() = Some(consumer);
        Ok(Group { name: settings.name.clone(), context, workers, stopping })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.context.progress
    }

    /// Drains what is in flight, commits, leaves the group, and ends the workers.
    pub(crate) fn stop(self, grace: Duration) {
        self.stopping.grace.set(grace).expect("a pipeline is stopped once");
        self.stopping.asked.store(true, Ordering::SeqCst);
        let consumer = self.context.lock_consumer().take();
        if let Some(consumer) = consumer
            && let Err(error) = consumer.stop(grace + REVOKE_SLACK)
        {
            warn!(pipeline = %self.name, error = %error, "leaving the group failed");
        }
        for worker in self.workers {
            worker.stop();
        }
        info!(pipeline = %self.name, progress = %self.context.progress, "pipeline stopped");
    }
}

fn policy(settings: &PipelineSettings, memory: usize) -> Policy {
    Policy {
        // Several bodies must find room, or the first open one would leave none for the others.
        body_bytes: settings.body_bytes.min(memory / BODIES_IN_MEMORY),
        linger: u64::try_from(settings.linger.as_millis()).unwrap_or(u64::MAX),
        accept_regression: settings.on_regression == OnRegression::Accept,
        ..Policy::default()
    }
}

fn routes(settings: &PipelineSettings, database: &str, schema: &str) -> HashMap<String, Arc<Route>> {
    let route = |(topic, table): (&String, &String)| {
        let name = TableName { database: database.to_owned(), schema: schema.to_owned(), table: table.clone() };
        let create_table = sql::create_table_if_not_exists(&name, settings.rows.mode).into();
        let pipe = PipeName { database: name.database, schema: name.schema, pipe: names::default_pipe(table) };
        (topic.clone(), Arc::new(Route { table: table.clone(), create_table, pipe: Arc::new(pipe) }))
    };
    settings.tables.iter().map(route).collect()
}

/// The worker that owns `topic_partition` whenever it is ours.
fn mailbox_of<'a>(mailboxes: &'a [Mailbox], topic_partition: &TopicPartition) -> &'a Mailbox {
    let mut hasher = DefaultHasher::new();
    topic_partition.topic.hash(&mut hasher);
    // Partitions of one topic spread evenly, whatever the topic's name hashes to.
    let index = hasher.finish().wrapping_add(topic_partition.partition as u64) % mailboxes.len() as u64;
    &mailboxes[index as usize]
}

/// This process as a member of the consumer group.
struct Member {
    name: Arc<str>,
    context: Arc<Context>,
    mailboxes: Vec<Mailbox>,
    stopping: Arc<Stopping>,
    failed: tokio::sync::mpsc::UnboundedSender<Error>,
}

impl Member {
    fn mailbox(&self, topic_partition: &TopicPartition) -> &Mailbox {
        mailbox_of(&self.mailboxes, topic_partition)
    }

    fn remembered(&self, assigned: &Assigned) -> Remembered {
        let route = self.context.route(&assigned.topic_partition.topic);
        let channel = route.channel(&assigned.topic_partition).channel;
        let memo = assigned.metadata.as_deref();
        let committed_offset = memo.and_then(|text| memo::committed_offset(text, &channel, &route.table));
        Remembered { group_offset: assigned.group_offset, committed_offset }
    }
}

impl Assignments for Member {
    fn assigned(&self, partitions: Vec<Assigned>) -> Vec<(TopicPartition, StartAt)> {
        let (start, started) = channel();
        let mut waiting: Vec<TopicPartition> = Vec::with_capacity(partitions.len());
        for assigned in partitions {
            let remembered = self.remembered(&assigned);
            let Assigned { topic_partition, queue, .. } = assigned;
            waiting.push(topic_partition.clone());
            let mailbox = self.mailbox(&topic_partition);
            mailbox.send(Message::Assigned { topic_partition, queue, remembered, start: start.clone() });
        }
        drop(start);
        let mut starts = Vec::with_capacity(waiting.len());
        let until = Instant::now() + START_PATIENCE;
        while !waiting.is_empty() && !self.stopping.asked.load(Ordering::SeqCst) {
            let step = until.saturating_duration_since(Instant::now()).min(Duration::from_millis(200));
            match started.recv_timeout(step) {
                Ok((topic_partition, at)) => {
                    waiting.retain(|waiting| *waiting != topic_partition);
                    starts.extend(at.map(|at| (topic_partition, at)));
                }
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(_) => break,
            }
        }
        for topic_partition in waiting {
            warn!(topic = %topic_partition.topic, partition = topic_partition.partition, "channel not open yet, the partition waits for it");
            self.mailbox(&topic_partition).send(Message::StartedBlind(topic_partition.clone()));
        }
        starts
    }

    fn revoked(&self, partitions: &[TopicPartition], lost: bool) -> Vec<GroupOffset> {
        let grace = self.stopping.grace.get().copied().unwrap_or(REVOKE_GRACE);
        let deadline = self.context.clock.now() + u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let (done, drained) = channel();
        for topic_partition in partitions {
            let message = if lost {
                Message::Lost { topic_partition: topic_partition.clone(), done: done.clone() }
            } else {
                Message::Revoked { topic_partition: topic_partition.clone(), deadline, done: done.clone() }
            };
            self.mailbox(topic_partition).send(message);
        }
        drop(done);
        let until = Instant::now() + grace + REVOKE_SLACK;
        let mut offsets = Vec::new();
        // Ends when every partition has answered or let its sender go.
        while let Ok(offset) = drained.recv_timeout(until.saturating_duration_since(Instant::now())) {
            offsets.extend(offset);
        }
        if lost { Vec::new() } else { offsets }
    }

    fn partition_failed(&self, partition: TopicPartition, error: KafkaError) {
        self.mailbox(&partition).send(Message::ReadFailed { topic_partition: partition.clone(), error });
    }

    fn commit_failed(&self, error: KafkaError) {
        warn!(pipeline = %self.name, error = %error, "group commit failed, the next one follows");
    }

    fn connection(&self, state: ConnectionState) {
        info!(pipeline = %self.name, ?state, "kafka connection");
    }

    fn failed(&self, error: KafkaError) {
        // Nobody listens only when the process is on its way out.
        let _ = self.failed.send(Error::Kafka { pipeline: self.name.clone(), source: error });
    }
}
