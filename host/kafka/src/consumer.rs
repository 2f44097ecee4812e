//! The member of the consumer group.
//!
//! A [`Consumer`] owns one thread that polls librdkafka's main queue, and with it everything that is not a record: rebalances,
//! errors, commits, restarts. Records never pass here; they wait in each partition's [`PartitionQueue`] for its worker. What happens
//! is told to [`Assignments`], always on that thread.
//!
//! Invariants: only this thread changes the assignment; when it ends, however it ends, every partition queue is closed and either
//! `stop` or `Assignments::failed` says so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use snowgate_record::{Offset, TopicPartition};
use tracing::{error, info};

use crate::config::KafkaSettings;
use crate::connection::{Connection, ConnectionState, Meaning};
use crate::context::Context;
use crate::error::{Error, Reason};
use crate::native::{self, Client};
use crate::queue::{PartitionQueue, Split};
use crate::rebalance::Rebalance;

/// How long one poll waits while there is something to look after: commits, trouble. What librdkafka has to tell ends a poll at once.
const POLL: Duration = Duration::from_millis(50);

/// How long it waits otherwise: the latency of commands, and two wake-ups a second. Hundreds of idle connectors share a processor.
const IDLE_POLL: Duration = Duration::from_millis(500);

/// How long a consumer that is dropped rather than stopped may take to leave its group.
const DROP_GRACE: Duration = Duration::from_secs(5);

/// What the consumer tells its owner, always on the consumer's thread.
pub trait Assignments: Send + Sync + 'static {
    /// In the rebalance, before anything is assigned: the group has decided, even where it gives this member nothing.
    fn joined(&self);

    /// In the rebalance, before the partitions start; the group waits for the answer. Returns where each one starts; a partition
    /// left out starts at its group offset or, without one, where `start` says.
    fn assigned(&self, partitions: Vec<Assigned>) -> Vec<(TopicPartition, StartAt)>;

    /// In the rebalance. Drains what is in flight, for a time that the implementor bounds, and returns the group offsets to commit
    /// before letting go. `lost`: the group has already given the partitions away, so nothing is committed.
    fn revoked(&self, partitions: &[TopicPartition], lost: bool) -> Vec<GroupOffset>;

    /// A partition stopped: offset out of range, topic gone, authorization, corrupt batch. [`Consumer::restart`] starts it again.
    fn partition_failed(&self, partition: TopicPartition, error: Error);

    /// A commit failed. Those that only mean "a rebalance is on" are not told.
    fn commit_failed(&self, error: Error);

    /// The brokers are out of reach or refuse us, or answer again.
    fn connection(&self, state: ConnectionState);

    /// The client cannot go on, or its thread died: stop the consumer.
    fn failed(&self, error: Error);
}

/// A partition that became ours.
#[derive(Debug)]
pub struct Assigned {
    pub topic_partition: TopicPartition,
    pub queue: PartitionQueue,
    /// The next record to read, as the group knows it.
    pub group_offset: Option<Offset>,
    /// What was committed beside the group offset.
    pub metadata: Option<String>,
}

/// Where a partition starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    Offset(Offset),
    /// The oldest record that Kafka still holds.
    Beginning,
    /// Records that arrive from now on.
    End,
}

/// A group offset to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOffset {
    pub topic_partition: TopicPartition,
    /// The next record to read.
    pub next: Offset,
    pub metadata: String,
}

/// What the consumer's thread is asked to do.
pub(crate) enum Command {
    Restart(TopicPartition, Offset, Ready),
    /// A partition's worker found an error in its queue.
    Failed(Arc<Split>, Error),
    /// Read these topics from now on.
    Subscribe(Vec<String>),
    /// Leave the group until then.
    Stop(Instant),
}

type Ready = Box<dyn FnOnce(Result<PartitionQueue, Error>) + Send>;

/// A member of the consumer group, on a thread of its own.
pub struct Consumer {
    client: Weak<BaseConsumer<Context>>,
    commands: mpsc::Sender<Command>,
    group: String,
    thread: Option<Thread>,
}

struct Thread {
    handle: JoinHandle<()>,
    /// How leaving the group ended.
    ended: mpsc::Receiver<Result<(), Error>>,
}

impl Consumer {
    /// Joins the group. Partitions come to `assignments` when the group has decided.
    pub fn start(settings: &KafkaSettings, topics: &[String], assignments: Arc<dyn Assignments>) -> Result<Consumer, Error> {
        // Not bounded, but short: a restart or a failure for each assignment at most, and one stop.
        let (commands, inbox) = mpsc::channel();
        let rebalance = Rebalance::new(settings.group.clone(), settings.start, assignments, commands.clone());
        let config = settings.consumer();
        let native = config.create_native_config();
        // The native form is made first for its error, which names the property.
        native.map_err(|error| Error::of_creation(error, |words| settings.scrub(words)))?;
        let client: BaseConsumer<Context> = config
            .create_with_context(Context::new(rebalance))
            .map_err(|error| Error::of_creation(error, |words| settings.scrub(words)))?;
        let client = Arc::new(client);
        let context = client.context().clone();
        context.client.set(Arc::downgrade(&client)).expect("the client is made once");
        subscribe(&client, topics)?;

        let topic = topics.first().cloned().unwrap_or_default();
        let connection = Connection::new(settings.brokers.clone(), settings.group.clone(), topic);
        let (end, ended) = mpsc::channel();
        let weak = Arc::downgrade(&client);
        let group = settings.group.clone();
        let handle = std::thread::Builder::new()
            .name("kafka-consumer".to_string())
            .spawn(move || {
                let mut driver = Driver { client: client.clone(), context: context.clone(), inbox, connection };
                let result = catch_unwind(AssertUnwindSafe(|| driver.run()));
                drop(driver);
                // Workers that still hold a queue must not keep the client alive.
                context.rebalance.close();
                let result = match result {
                    Ok(deadline) => leave(client, &group, deadline),
                    Err(_) => {
                        error!("the consumer's thread panicked");
                        // The client is in an unknown state: dropping it could wait without end, and the process is about to stop.
                        std::mem::forget(client);
                        let _ = catch_unwind(AssertUnwindSafe(|| context.rebalance.assignments.failed(Error::ThreadDied)));
                        Err(Error::ThreadDied)
                    }
                };
                // Nobody waits when the consumer was dropped.
                let _ = end.send(result);
            })
            .map_err(|error| Error::ClientRefused { source: Reason::new(&error.to_string()) })?;
        info!(group = settings.group, topics = topics.join(","), "joining the consumer group");
        Ok(Consumer { client: weak, commands, group: settings.group.clone(), thread: Some(Thread { handle, ended }) })
    }

    /// Leaves group offsets to be committed: the newest of each partition, at most every 500 ms, off the caller's thread.
    pub fn commit(&self, offsets: Vec<GroupOffset>) {
        if let Some(client) = self.client.upgrade() {
            client.context().rebalance.commits.add(offsets);
        }
    }

    /// Reads `topics` instead of those before. The group decides anew; partitions of topics that stay are not touched.
    pub fn subscribe(&self, topics: Vec<String>) {
        // A thread that is gone has told its owner.
        let _ = self.commands.send(Command::Subscribe(topics));
    }

    /// Starts one owned partition again at `from` and gives its new queue to `ready`, on the consumer's thread. The old queue stays
    /// empty from then on. Other partitions do not notice.
    pub fn restart(&self, topic_partition: TopicPartition, from: Offset, ready: Ready) {
        if let Err(mpsc::SendError(Command::Restart(.., ready))) =
            self.commands.send(Command::Restart(topic_partition, from, ready))
        {
            ready(Err(Error::ThreadDied));
        }
    }

    /// The low and high watermark that the client saw last: no request, so cheap. `None` before the first fetch.
    pub fn watermarks(&self, topic_partition: &TopicPartition) -> Option<(i64, i64)> {
        native::watermarks(&self.client.upgrade()?, topic_partition)
    }

    /// Leaves the group and waits for the thread: `Assignments::revoked` is called first, on it.
    pub fn stop(mut self, grace: Duration) -> Result<(), Error> {
        self.end(grace)
    }

    fn end(&mut self, grace: Duration) -> Result<(), Error> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        if let Some(client) = self.client.upgrade() {
            client.context().rebalance.stop();
        }
        let deadline = Instant::now() + grace;
        // A thread that is gone has left its result.
        let _ = self.commands.send(Command::Stop(deadline));
        // A little longer than the thread itself waits, so that its answer arrives.
        match thread.ended.recv_timeout(grace + IDLE_POLL + 4 * POLL) {
            Ok(result) => {
                // It has nothing left to do but return.
                let _ = thread.handle.join();
                result
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Err(Error::StopTimedOut { group: self.group.clone() }),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Error::ThreadDied),
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if let Err(error) = self.end(DROP_GRACE) {
            error!(error = %error, "consumer dropped without leaving its group");
        }
    }
}

/// Without a topic there is nothing to subscribe to, and the member stays out of its group.
fn subscribe(client: &BaseConsumer<Context>, topics: &[String]) -> Result<(), Error> {
    if topics.is_empty() {
        client.unsubscribe();
        return Ok(());
    }
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    client.subscribe(&names).map_err(|error| Error::ClientRefused { source: Reason::new(&error.to_string()) })
}

/// Drops a client that has left its group. One that has not would make its destructor wait without a limit, so it is leaked: that
/// happens only when the process is about to end.
fn leave(client: Client, group: &str, deadline: Instant) -> Result<(), Error> {
    if client.closed() || client.client().fatal_error().is_some() {
        info!(group, "left the consumer group");
        return Ok(());
    }
    std::mem::forget(client);
    let late = Instant::now() >= deadline;
    debug_assert!(late, "the close loop ends closed or late");
    Err(Error::StopTimedOut { group: group.to_string() })
}

/// The consumer's thread.
struct Driver {
    client: Client,
    context: Arc<Context>,
    inbox: mpsc::Receiver<Command>,
    connection: Connection,
}

impl Driver {
    /// Polls until told to stop, then leaves the group. Returns the deadline that it kept or missed.
    fn run(&mut self) -> Instant {
        loop {
            let quiet = self.rebalance().commits.is_idle() && self.connection.is_up();
            self.poll(if quiet { IDLE_POLL } else { POLL });
            while let Ok(command) = self.inbox.try_recv() {
                match command {
                    Command::Restart(partition, from, ready) => ready(self.rebalance().restart(&self.client, &partition, from)),
                    Command::Failed(split, error) => {
                        // An error of an assignment that is over concerns nobody.
                        if self.rebalance().is_current(&split) {
                            self.assignments().partition_failed(split.topic_partition().clone(), error);
                        }
                    }
                    Command::Subscribe(topics) => {
                        if let Err(error) = subscribe(&self.client, &topics) {
                            self.assignments().failed(error);
                        }
                    }
                    Command::Stop(deadline) => {
                        self.close(deadline);
                        return deadline;
                    }
                }
            }
            let rebalance = self.rebalance();
            if let Err(error) = rebalance.commits.tick(&self.client, |partition| rebalance.owns(partition)) {
                rebalance.report_commit(error);
            }
            let state = if rebalance.was_reached() { self.connection.up() } else { self.connection.probe(&self.client) };
            self.tell(state);
        }
    }

    /// Leaving runs the same code as being revoked: librdkafka sends a revoke for everything that is ours.
    fn close(&mut self, deadline: Instant) {
        if self.client.close_queue().is_err() {
            return;
        }
        while !self.client.closed() && Instant::now() < deadline {
            self.poll(POLL);
        }
    }

    fn poll(&mut self, patience: Duration) {
        match self.client.poll(patience) {
            None => {}
            Some(Ok(record)) => {
                // Its partition's queue lacks it now, so the partition must start again from what its owner knows.
                let partition = TopicPartition::new(record.topic(), record.partition());
                drop(record);
                let source = Reason::new("a record arrived outside its partition's queue");
                let error = Error::PartitionStopped { topic_partition: partition.clone(), source };
                self.assignments().partition_failed(partition, error);
            }
            // Reported through the context too, with librdkafka's words.
            Some(Err(_)) => {}
        }
        for report in self.context.take_reports() {
            match self.connection.interpret(report) {
                Meaning::Nothing => {}
                Meaning::Failed(error) => self.assignments().failed(error),
                Meaning::Down(error) => {
                    let state = self.connection.down(error);
                    self.tell(state);
                }
                Meaning::Topic(error, topic) => {
                    let ours = self.rebalance().partitions_of(&topic);
                    if ours.is_empty() {
                        let state = self.connection.down(error);
                        self.tell(state);
                    } else {
                        ours.into_iter().for_each(|partition| self.assignments().partition_failed(partition, error.clone()));
                    }
                }
            }
        }
    }

    fn tell(&self, state: Option<ConnectionState>) {
        if let Some(state) = state {
            self.assignments().connection(state);
        }
    }

    fn rebalance(&self) -> &Rebalance {
        &self.context.rebalance
    }

    fn assignments(&self) -> &dyn Assignments {
        &*self.context.rebalance.assignments
    }
}
