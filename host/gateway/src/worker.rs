//! A thread that owns partitions from their queues to their sealed bodies.
//!
//! Everything that concerns a partition reaches its worker as a [`Message`]; nothing is shared and nothing is locked. Between
//! messages the worker reads one batch of each partition in turn, so that no partition starves another. With nothing to do it
//! sleeps until librdkafka, an answer from Snowflake, or a partition's own due time wakes it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use snowgate_kafka::{DeadLetterReceipt, Error as KafkaError, GroupOffset, PartitionQueue, StartAt};
use snowgate_record::{Offset, RecordBatch, TopicPartition};
use snowgate_snowflake::body::Compressor;
use tracing::error;

use crate::group::Context;
use crate::killpoint::kill_point;
use crate::partition::{Event, Millis, OWN, To};
use crate::pipeline::Pipeline;
use crate::requests::PartitionEvent;
use crate::stages::{Outcome, Plan, Rejection, Stages};
use crate::traces::Times;

/// How long a worker sleeps when nothing at all is due.
const IDLE: Duration = Duration::from_secs(60);
/// How long it sleeps while a partition waits for a resource that announces nothing: the byte budget, the dead letter queue.
const STARVED: Duration = Duration::from_millis(5);

/// Counts a partition's assignments to this process: what belongs to an earlier one is ignored.
pub(crate) type Epoch = u64;

/// Milliseconds since the process began, for the sans-I/O core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock(Instant::now())
    }

    pub(crate) fn now(self) -> Millis {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }
}

/// What a worker can be told.
pub(crate) enum Message {
    Assigned {
        topic_partition: TopicPartition,
        queue: PartitionQueue,
        group: Remembered,
        start: Sender<StartReply>,
    },
    /// The group waits no longer: the partition starts without us knowing where.
    StartedBlind(TopicPartition),
    Revoked {
        topic_partition: TopicPartition,
        deadline: Millis,
        done: Sender<Option<GroupOffset>>,
    },
    Lost {
        topic_partition: TopicPartition,
        done: Sender<Option<GroupOffset>>,
    },
    /// Something happened to a partition, in the given assignment of it.
    Happened {
        topic_partition: TopicPartition,
        epoch: Epoch,
        lane: usize,
        event: PartitionEvent,
    },
    /// The partition is read again, from its new queue.
    Rewound {
        topic_partition: TopicPartition,
        epoch: Epoch,
        from: Offset,
        queue: Result<PartitionQueue, KafkaError>,
    },
    DeadLetterAnswered(DeadLetterReceipt),
    /// The group took a group offset.
    GroupCommitted(GroupOffset),
    /// Other stages: each partition goes over to them when what it read is settled.
    Swap(Box<Stages>),
    ReadFailed {
        topic_partition: TopicPartition,
        error: KafkaError,
    },
    Stop,
}

/// What the group has of a partition: the next record to read, and the text beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) group_offset: Option<Offset>,
    pub(crate) metadata: String,
}

/// Where a partition starts; `None` leaves it to the configuration.
pub(crate) type StartReply = (TopicPartition, Option<StartAt>);

/// Sends messages to a worker and wakes it.
#[derive(Clone)]
pub(crate) struct Mailbox {
    sender: Sender<Message>,
    thread: Arc<OnceLock<Thread>>,
}

impl Mailbox {
    /// A message to a worker that has ended is of no use to anybody.
    pub(crate) fn send(&self, message: Message) {
        if self.sender.send(message).is_ok() {
            self.wake();
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// Where the answer to a request of a partition's lane goes.
#[derive(Clone)]
pub(crate) struct ReplyTo {
    pub(crate) mailbox: Mailbox,
    pub(crate) topic_partition: TopicPartition,
    pub(crate) epoch: Epoch,
    pub(crate) lane: usize,
}

impl ReplyTo {
    pub(crate) fn send(self, event: PartitionEvent) {
        let ReplyTo { mailbox, topic_partition, epoch, lane } = self;
        mailbox.send(Message::Happened { topic_partition, epoch, lane, event });
    }
}

/// A running worker. Dropping it ends the thread and waits for it; partitions that are still there are let go as they are.
pub(crate) struct Worker {
    pub(crate) mailbox: Mailbox,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker; its plugins get instances of their own.
    pub(crate) fn start(name: &str, index: u32, context: Arc<Context>, plan: &Plan) -> Result<Worker, snowgate_transform::Error> {
        let stages = plan.start()?;
        let (sender, receiver) = channel();
        let mailbox = Mailbox { sender, thread: Arc::new(OnceLock::new()) };
        let own_mailbox = mailbox.clone();
        let thread = std::thread::Builder::new()
            .name(format!("{name}-{index}"))
            .spawn(move || Owner::new(context, index, stages, own_mailbox).run(&receiver))
            .expect("the system has room for another thread");
        mailbox.thread.set(thread.thread().clone()).expect("the thread is known once");
        mailbox.wake();
        Ok(Worker { mailbox, thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.mailbox.send(Message::Stop);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("a worker panicked");
        }
    }
}

/// A batch on its way through a partition, with what the stages made of it.
pub(crate) struct Work {
    pub(crate) batch: RecordBatch,
    pub(crate) outcome: Outcome,
    /// Which table each of the outcome's topics leads to, if it is one of the partition's.
    pub(crate) lanes: Vec<Option<usize>>,
    /// Whether `outcome` is there.
    pub(crate) ready: bool,
    /// Whether the stages were asked; where not, the batch is its own outcome.
    pub(crate) staged: bool,
    pub(crate) next_record: usize,
    pub(crate) next_rejected: usize,
    /// For the trace of the body that takes its first records.
    pub(crate) times: Option<Times>,
}

impl Work {
    /// The batch has yet to meet the stages, again if it has met others.
    pub(crate) fn begin(&mut self) {
        self.ready = false;
        self.next_record = 0;
        self.next_rejected = 0;
    }

    /// The records to encode, and those that a stage did not take.
    pub(crate) fn survivors(&self) -> (&RecordBatch, &[Rejection]) {
        if self.staged { (&self.outcome.records, &self.outcome.rejected) } else { (&self.batch, &[]) }
    }

    /// Where transforms gave each record its topic: these topics.
    pub(crate) fn topics(&self) -> &[Arc<str>] {
        if self.staged { &self.outcome.topics } else { &[] }
    }
}

/// What a worker lends to the partition whose turn it is.
pub(crate) struct Tools {
    /// The newest. A partition keeps those that it began with until it has swapped them.
    pub(crate) stages: Rc<RefCell<Stages>>,
    pub(crate) compressor: Compressor,
    spare: Vec<Work>,
    buffers: Vec<Vec<u8>>,
}

impl Tools {
    /// An empty batch for `topic_partition`, with buffers from earlier ones.
    pub(crate) fn take_work(&mut self, topic_partition: &TopicPartition) -> Work {
        let mut work = self.spare.pop().unwrap_or_else(|| Work {
            batch: RecordBatch::new(topic_partition.clone()),
            outcome: Outcome::new(),
            lanes: Vec::new(),
            ready: false,
            staged: false,
            next_record: 0,
            next_rejected: 0,
            times: None,
        });
        work.batch.reset(topic_partition);
        work.begin();
        work.times = None;
        work
    }

    /// A buffer for an open body, so that only partitions with rows at hand hold one.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    pub(crate) fn give_buffer(&mut self, buffer: Vec<u8>) {
        // Partitions take turns, so few are free at a time; one that is not kept is memory given back.
        if self.buffers.len() < 2 {
            self.buffers.push(buffer);
        }
    }

    pub(crate) fn give_back(&mut self, work: Work) {
        // One is in use at a time; the others are those that partitions kept because they were full.
        if self.spare.len() < 2 {
            self.spare.push(work);
        }
    }
}

/// What came of a partition's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There may be more at once.
    Worked,
    /// Nothing to read; its queue will wake us.
    Idle,
    /// Something is used up that announces nothing when it is free again.
    Starved,
}

struct Owner {
    context: Arc<Context>,
    index: u32,
    mailbox: Mailbox,
    tools: Tools,
    partitions: HashMap<TopicPartition, Pipeline>,
    epoch: Epoch,
}

impl Owner {
    fn new(context: Arc<Context>, index: u32, stages: Stages, mailbox: Mailbox) -> Owner {
        let stages = Rc::new(RefCell::new(stages));
        let tools = Tools { stages, compressor: Compressor::new(), spare: Vec::new(), buffers: Vec::new() };
        Owner { context, index, mailbox, tools, partitions: HashMap::new(), epoch: 0 }
    }

    fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            for message in receiver.try_iter() {
                if matches!(message, Message::Stop) {
                    return;
                }
                self.take(message);
            }
            match self.turn() {
                Turn::Worked => {}
                Turn::Idle => std::thread::park_timeout(self.until_due()),
                Turn::Starved => std::thread::park_timeout(STARVED.min(self.until_due())),
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Stop => {}
            Message::Assigned { topic_partition, queue, group, start } => {
                self.assigned(topic_partition, queue, group, start);
            }
            Message::StartedBlind(topic_partition) => {
                self.with(&topic_partition, |pipeline, tools| pipeline.on(To::All, Event::StartedBlind, tools))
            }
            Message::Revoked { topic_partition, deadline, done } => match self.partitions.get_mut(&topic_partition) {
                Some(pipeline) => pipeline.revoke(deadline, done, &mut self.tools),
                None => drop(done),
            },
            Message::Lost { topic_partition, done } => {
                self.with(&topic_partition, |pipeline, tools| pipeline.on(To::All, Event::Lost, tools));
                drop(done);
            }
            Message::Happened { topic_partition, epoch, lane, event } => {
                self.with(&topic_partition, |pipeline, tools| {
                    if pipeline.epoch() == epoch {
                        pipeline.on(To::Lane(lane), event, tools);
                    }
                });
            }
            Message::Rewound { topic_partition, epoch, from, queue } => {
                self.with(&topic_partition, |pipeline, tools| {
                    if pipeline.epoch() == epoch {
                        pipeline.rewound(from, queue, tools);
                    }
                });
            }
            Message::DeadLetterAnswered(receipt) => {
                let topic_partition = receipt.topic_partition.clone();
                self.with(&topic_partition, |pipeline, tools| {
                    if pipeline.epoch() == receipt.epoch {
                        pipeline.dead_letter_answered(receipt, tools);
                    }
                });
            }
            Message::GroupCommitted(offset) => {
                self.with(&offset.topic_partition, |pipeline, tools| pipeline.group_committed(&offset, tools));
            }
            Message::Swap(stages) => {
                kill_point("swap_asked");
                self.tools.stages = Rc::new(RefCell::new(*stages));
                self.partitions.values_mut().for_each(|pipeline| pipeline.on(To::All, Event::SwapAsked, &mut self.tools));
            }
            Message::ReadFailed { topic_partition, error } => {
                self.with(&topic_partition, |pipeline, tools| pipeline.read_failed(&error, tools));
            }
        }
    }

    fn assigned(&mut self, topic_partition: TopicPartition, queue: PartitionQueue, group: Remembered, start: Sender<StartReply>) {
        self.epoch += 1;
        let (mailbox, epoch) = (self.mailbox.clone(), self.epoch);
        let reply = ReplyTo { mailbox, topic_partition: topic_partition.clone(), epoch, lane: OWN };
        let mut pipeline = Pipeline::new(self.context.clone(), reply, self.index, queue, self.tools.stages.clone());
        pipeline.start(group, start, &mut self.tools);
        self.partitions.insert(topic_partition, pipeline);
    }

    /// Lets one partition take something in, and forgets it when it is finished.
    fn with(&mut self, topic_partition: &TopicPartition, take: impl FnOnce(&mut Pipeline, &mut Tools)) {
        let Some(pipeline) = self.partitions.get_mut(topic_partition) else { return };
        take(pipeline, &mut self.tools);
        if pipeline.is_finished() {
            self.partitions.remove(topic_partition);
        }
    }

    /// One batch of each partition.
    fn turn(&mut self) -> Turn {
        let now = self.context.clock.now();
        let mut turn = Turn::Idle;
        for pipeline in self.partitions.values_mut() {
            if pipeline.due_at().is_some_and(|due| due <= now) {
                pipeline.tick(&mut self.tools);
            }
            match pipeline.read(&mut self.tools) {
                Turn::Worked => turn = Turn::Worked,
                Turn::Starved if turn == Turn::Idle => turn = Turn::Starved,
                Turn::Idle | Turn::Starved => {}
            }
        }
        self.partitions.retain(|_, pipeline| !pipeline.is_finished());
        turn
    }

    fn until_due(&self) -> Duration {
        let now = self.context.clock.now();
        let due = self.partitions.values().filter_map(Pipeline::due_at).min();
        due.map_or(IDLE, |due| Duration::from_millis(due.saturating_sub(now))).min(IDLE)
    }
}
