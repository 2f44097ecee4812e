//! The straight line of one partition: consume → transform → encode → seal → append → settle.
//!
//! [`Pipeline::read`] takes a batch along the line as far as the open body ([`encode`] has the last step); the state machine in
//! `partition.rs` says what happens next, and [`Pipeline::on`] carries that out. The pipeline itself decides nothing about delivery.
//! What belongs to one of its tables, a channel and bodies, is in [`lane`]; how it comes to read again, in [`rewind`].

mod encode;
mod lane;
mod rewind;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::SystemTime;

use snowgate_kafka::{DeadLetterReceipt, GroupOffset, PartitionQueue, StartAt};
use snowgate_record::{Offset, TopicPartition};
use snowgate_snowflake::row::{Form, RowWriter};
use snowgate_snowflake::wire::ContinuationToken;
use snowgate_transform::Error as PluginError;
use tracing::{debug, error, info, warn};

use crate::board::{self, Place};
use crate::budget::Charge;
use crate::group::{Context, Route, Table};
use crate::killpoint::kill_point;
use crate::memo::{self, Memo};
use crate::partition::{Action, AppendOutcome, BlockReason, Event, Lanes, Millis, OWN, Step, To};
use crate::pipeline::lane::Lane;
use crate::requests::PartitionEvent;
use crate::settings::OnRoutingChange;
use crate::stages::Stages;
use crate::traces::{BodyTrace, Times};
use crate::worker::{Epoch, Remembered, ReplyTo, StartReply, Tools, Turn, Work};

/// Records taken from Kafka at once: enough that the costs per batch vanish, few enough that a plugin's turn stays short.
const BATCH_RECORDS: usize = 1_000;

/// One partition at work.
pub(crate) struct Pipeline {
    context: Arc<Context>,
    reply: ReplyTo,
    /// Which worker has it.
    worker: u32,
    place: Arc<Place>,
    /// What the record that stops the partition lacks.
    refusal: Option<String>,
    route: Arc<Route>,
    /// As a memo tells it, where there are several tables.
    routing: Option<String>,
    machines: Lanes<ContinuationToken>,
    /// One for each machine.
    lanes: Vec<Lane>,
    queue: Option<PartitionQueue>,
    /// The worker's, until a swap takes its newer ones.
    stages: Rc<RefCell<Stages>>,
    rows: RowWriter,
    /// A batch that an open body had no room for.
    unfinished: Option<Work>,
    log_end_seen: bool,
    /// Kafka could not read again from this offset; when to ask once more.
    rewind_again: Option<(Millis, Offset)>,
    /// Where Kafka was asked last to read again.
    rewinding: Option<Offset>,
    start: Option<Sender<StartReply>>,
    drained: Option<Sender<Option<GroupOffset>>>,
    last_commit: Option<GroupOffset>,
    charge: Charge,
    finished: bool,
}

impl Pipeline {
    pub(crate) fn new(
        context: Arc<Context>,
        reply: ReplyTo,
        worker: u32,
        mut queue: PartitionQueue,
        stages: Rc<RefCell<Stages>>,
    ) -> Pipeline {
        let topic_partition = &reply.topic_partition;
        let route = context.route(&topic_partition.topic);
        let mailbox = reply.mailbox.clone();
        queue.on_data(Arc::new(move || mailbox.wake()));
        let lane = |(lane, table): (usize, &Arc<Table>)| Lane::new(&context, table.clone(), ReplyTo { lane, ..reply.clone() });
        let lanes: Vec<_> = route.tables.iter().enumerate().map(lane).collect();
        let mut rows = RowWriter::new(context.settings.rows);
        if let Some(topic) = &route.named_topic {
            rows.name_topic(topic);
        }
        let routing = memo::routing(stages.borrow().plan(), &route.table_names());
        Pipeline {
            place: context.board.enter(topic_partition, worker, &lanes[OWN].channel.channel, &route.table_names()),
            worker,
            refusal: None,
            routing,
            machines: Lanes::new(
                &context.policy,
                lanes.len(),
                lanes.len() > 1,
                context.settings.on_routing_change == OnRoutingChange::Accept,
            ),
            stages,
            rows,
            lanes,
            unfinished: None,
            log_end_seen: false,
            rewind_again: None,
            rewinding: None,
            start: None,
            drained: None,
            last_commit: None,
            charge: context.budget.charge(),
            finished: false,
            queue: Some(queue),
            context,
            reply,
            route,
        }
    }

    fn topic_partition(&self) -> &TopicPartition {
        &self.reply.topic_partition
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.reply.epoch
    }

    pub(crate) fn due_at(&self) -> Option<Millis> {
        self.machines.due_at().into_iter().chain(self.rewind_again.map(|(at, _)| at)).min()
    }

    /// Whether the partition was let go.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The partition is ours; `start` waits to hear where it begins.
    pub(crate) fn start(&mut self, group: Remembered, start: Sender<StartReply>, tools: &mut Tools) {
        self.start = Some(start);
        kill_point("assigned");
        let Remembered { group_offset, metadata } = group;
        let channel = &self.lanes[OWN].channel.channel;
        let begin = memo::read(&metadata, channel, &self.route.table_names(), self.routing.as_deref(), group_offset);
        self.take(tools, |machines, now, steps| machines.assigned(&begin, now, steps));
    }

    pub(crate) fn revoke(&mut self, deadline: Millis, done: Sender<Option<GroupOffset>>, tools: &mut Tools) {
        self.drained = Some(done);
        self.unfinished = None;
        kill_point("revoked");
        self.on(To::All, Event::Revoked { deadline }, tools);
    }

    /// Takes one batch, if there is one and room for it, as far as the open body.
    pub(crate) fn read(&mut self, tools: &mut Tools) -> Turn {
        if self.finished || !self.machines.wants_records() {
            return Turn::Idle;
        }
        if !self.context.budget.has_room() {
            return Turn::Starved;
        }
        let mut work = match self.unfinished.take() {
            Some(work) => work,
            None => match self.consume(tools) {
                Some(work) => work,
                None => return Turn::Idle,
            },
        };
        if !work.ready && !self.transform(&mut work, tools) {
            // Its records are read again, or it waits for other plugins.
            match self.queue {
                Some(_) => self.unfinished = Some(work),
                None => tools.give_back(work),
            }
            self.recharge();
            return Turn::Idle;
        }
        let turn = self.encode_all(&mut work, tools);
        match turn {
            Turn::Worked => tools.give_back(work),
            // A revoked or rewound partition reads its records again, or somebody else does.
            Turn::Idle | Turn::Starved if self.queue.is_some() => self.unfinished = Some(work),
            Turn::Idle | Turn::Starved => tools.give_back(work),
        }
        self.recharge();
        turn
    }

    /// Kafka → a batch.
    fn consume(&mut self, tools: &mut Tools) -> Option<Work> {
        let queue = self.queue.as_mut()?;
        let asked = self.lanes[OWN].origin.is_some().then(SystemTime::now);
        let mut work = tools.take_work(&self.reply.topic_partition);
        if let Err(error) = queue.take(&mut work.batch, BATCH_RECORDS) {
            // The consumer's thread tells the same, and what to do about it.
            debug!(topic = %self.topic_partition().topic, partition = self.topic_partition().partition, error = %error, "queue stopped");
        }
        if work.batch.is_empty() || !self.machines.wants_records() {
            tools.give_back(work);
            return None;
        }
        work.times = asked.map(Times::read);
        self.check_log_end(tools);
        self.context.progress.consumed(&work.batch);
        if let Some(timestamp) = work.batch.timestamps().last() {
            self.place.read(*timestamp);
        }
        Some(work)
    }

    /// The batch through the stages. False when they did not take it, and nothing of it counts.
    fn transform(&mut self, work: &mut Work, tools: &mut Tools) -> bool {
        if self.context.settings.rows.metadata.push_time {
            self.rows.set_push_time(board::now());
        }
        let stages = self.stages.clone();
        let mut stages = stages.borrow_mut();
        work.staged = !stages.is_straight(&work.batch);
        if !work.staged {
            self.rows.set_form(Form::Text);
            work.ready = true;
            return true;
        }
        let processed = stages.process(&work.batch, &mut work.outcome);
        if let Err(error @ PluginError::TooManyFaults { rests, .. }) = &processed {
            // The records wait in Kafka; this batch is read again, for nothing of it counts.
            let rests = Millis::try_from(rests.as_millis()).unwrap_or(Millis::MAX);
            let first = work.batch.range().expect("the batch has records").first();
            self.rewind_again = Some((self.context.clock.now().saturating_add(rests), first));
            self.queue = None;
            self.place.rest(error.to_string(), error.hint());
            self.context.board.error(error.to_string());
            return false;
        }
        if let Err(error) = processed {
            // Without its plugins a record has no meaning here: keep it in Kafka.
            error!(topic = %self.topic_partition().topic, partition = self.topic_partition().partition, error = %error, "plugins cannot run");
            if let (Some(origin), Some(times), Some(range)) = (&self.lanes[OWN].origin, work.times, work.batch.range()) {
                BodyTrace::begin(origin, range.first(), times.asked()).transform_failed(&work.batch, times, &error.to_string());
            }
            self.on(To::Lane(OWN), Event::ReadFailed(BlockReason::PluginsFailed), tools);
            return false;
        }
        let lane_of = |topic: &Arc<str>| self.route.lane_of(&self.context.settings, topic);
        work.lanes.clear();
        work.lanes.extend(work.outcome.topics.iter().map(lane_of));
        work.ready = true;
        if let Some(times) = &mut work.times {
            times.staged();
        }
        self.rows.set_form(if work.outcome.converted { Form::Json } else { Form::Text });
        self.context.progress.judged(stages.plan().names(), &work.outcome.verdicts);
        self.context.progress.dropped("plugin_dropped", work.outcome.dropped_by_plugins);
        self.context.progress.dropped("transformation", work.outcome.dropped_by_road);
        true
    }

    /// Once, when the first records are there and librdkafka therefore knows where the log ends.
    fn check_log_end(&mut self, tools: &mut Tools) {
        if self.log_end_seen {
            return;
        }
        if let Some((_, high)) = self.context.watermarks(self.topic_partition())
            && let Some(end) = Offset::new(high)
        {
            self.log_end_seen = true;
            self.on(To::All, Event::LogEnd(end), tools);
        }
    }

    pub(crate) fn dead_letter_answered(&mut self, receipt: DeadLetterReceipt, tools: &mut Tools) {
        match receipt.result {
            Ok(()) => {
                kill_point("dead_letter_delivered");
                self.on(To::All, Event::DeadLetterDelivered(receipt.offset), tools);
            }
            Err(error) => {
                error!(topic = %receipt.topic_partition.topic, partition = receipt.topic_partition.partition, offset = %receipt.offset, error = %error, "dead letter not delivered");
                self.on(To::All, Event::DeadLetterFailed, tools);
            }
        }
    }

    /// The partition's own due time has come.
    pub(crate) fn tick(&mut self, tools: &mut Tools) {
        if let Some((at, from)) = self.rewind_again
            && at <= self.context.clock.now()
        {
            self.rewind(from);
        }
        self.on(To::All, Event::Tick, tools);
    }

    /// The group has `offset`, and what is written beside it.
    pub(crate) fn group_committed(&mut self, offset: &GroupOffset, tools: &mut Tools) {
        self.on(To::All, Event::GroupCommitted(offset.next), tools);
        if !self.finished && self.machines.awaits_mark() && memo::names(&offset.metadata, self.routing.as_deref()) {
            kill_point("marked");
            self.take(tools, |machines, _, steps| machines.marked(steps));
        }
    }

    /// Takes one event and carries out what follows from it.
    pub(crate) fn on(&mut self, to: To, event: PartitionEvent, tools: &mut Tools) {
        if self.finished {
            return;
        }
        if let (To::Lane(lane), Event::AppendAnswered { body, outcome: AppendOutcome::Appended(_), .. }) = (to, &event) {
            self.lanes[lane].appended(*body);
        }
        self.take(tools, |machines, now, steps| machines.on(to, event, now, steps));
    }

    fn take(
        &mut self,
        tools: &mut Tools,
        take: impl FnOnce(&mut Lanes<ContinuationToken>, Millis, &mut Vec<Step<ContinuationToken>>),
    ) {
        let mut steps = Vec::new();
        take(&mut self.machines, self.context.clock.now(), &mut steps);
        for (lane, action) in steps {
            self.carry_out(lane, action, tools);
        }
        for (lane, machine) in self.lanes.iter_mut().zip(self.machines.iter()) {
            let session = (!self.finished && machine.awaits_commit()).then(|| machine.session());
            lane.watch(session, &self.context);
        }
        self.recharge();
        self.place.awaits_group(self.machines.awaits_group());
        self.place.set(self.machines.settled(), self.machines.iter().map(|machine| (machine.committed(), machine.appended())));
    }

    fn carry_out(&mut self, lane: usize, action: Action<ContinuationToken>, tools: &mut Tools) {
        let (topic, partition) = (self.reply.topic_partition.topic.clone(), self.reply.topic_partition.partition);
        match action {
            Action::Open { session, force } => self.lanes[lane].open(session, force, &self.context),
            Action::StartAt(offset) => self.start_at(offset.map(StartAt::Offset)),
            Action::StartAtBeginning => self.start_at(Some(StartAt::Beginning)),
            Action::Seal { body, range } => self.lanes[lane].seal(body, range, tools),
            Action::DiscardOpen => self.lanes[lane].discard_open(self.machines.of(lane).settled(), tools),
            Action::Append { session, body, attempt, continuation, .. } => {
                self.lanes[lane].append(body, session, attempt, continuation, &self.context);
            }
            Action::Discard { body } => self.lanes[lane].discard(body, self.machines.of(lane).committed(), &self.context),
            Action::CommitGroupOffset { next, .. } => self.commit_group_offset(next),
            Action::Rewind { from } => self.rewind(from),
            Action::Swap => self.swap(tools),
            Action::Blocked(reason) => {
                let table = self.lanes[lane].table.name.as_str();
                error!(%topic, partition, table, reason = reason.as_str(), hint = reason.hint(), "partition blocked");
                self.context.board.error(format!("partition {partition} of `{topic}` blocked: {}", reason.as_str()));
                self.show_block(lane, reason);
                self.lanes[lane].blocked(reason);
            }
            Action::Unblocked => {
                info!(%topic, partition, "partition goes on");
                self.place.unblock();
                // Another table may hold it still.
                let held = (0..self.lanes.len()).find_map(|lane| Some((lane, self.machines.of(lane).blocked()?)));
                if let Some((lane, reason)) = held {
                    self.show_block(lane, reason);
                }
            }
            Action::CommitStalled { since } => {
                let waited = self.context.clock.now().saturating_sub(since) / 1_000;
                warn!(%topic, partition, channel = %self.lanes[lane].channel, seconds = waited, "rows were appended and are not committed");
            }
            Action::Drained => self.let_go(),
        }
    }

    fn start_at(&mut self, start: Option<StartAt>) {
        let committed_offset = self.machines.of(OWN).committed().map(Offset::get);
        let offset = match start {
            Some(StartAt::Offset(offset)) => Some(offset.get()),
            Some(StartAt::Beginning | StartAt::End) | None => None,
        };
        info!(topic = %self.topic_partition().topic, partition = self.topic_partition().partition, committed_offset, start = offset, "partition assigned");
        if let Some(reply) = self.start.take() {
            // The group may have stopped waiting; then it was told so itself.
            let _ = reply.send((self.topic_partition().clone(), start));
        }
    }

    /// Says what holds the partition, and which of its tables, where it has several.
    fn show_block(&mut self, lane: usize, reason: BlockReason) {
        let table = || format!("table `{}`", self.lanes[lane].table.name);
        let detail = self.refusal.take().or_else(|| (self.lanes.len() > 1 && reason.is_of_table()).then(table));
        self.place.block(reason, detail.as_deref());
    }

    fn commit_group_offset(&mut self, next: Offset) {
        kill_point("settled");
        let commit = self.group_offset(next, false);
        self.last_commit = Some(commit.clone());
        if self.drained.is_none() {
            self.context.commit(commit);
        }
    }

    fn group_offset(&self, next: Offset, at_rest: bool) -> GroupOffset {
        let memo = Memo {
            channel: &self.lanes[OWN].channel.channel,
            tables: self.lanes.iter().zip(self.machines.iter()).map(|(lane, machine)| lane.memo(machine)).collect(),
            routing: self.routing.as_deref(),
            at_rest,
        };
        GroupOffset { topic_partition: self.topic_partition().clone(), next, metadata: memo.to_text() }
    }

    /// From here on the worker's newest stages; the earlier ones go with the last partition that leaves them.
    fn swap(&mut self, tools: &Tools) {
        kill_point("swapped");
        let next = self.machines.position().map(|last| last.next().get());
        info!(topic = %self.topic_partition().topic, partition = self.topic_partition().partition, offset = next, "plugins swapped");
        self.stages = tools.stages.clone();
        self.routing = memo::routing(self.stages.borrow().plan(), &self.route.table_names());
        if let Some(work) = &mut self.unfinished {
            // What of it was looked at is passed over; the rest is for the new ones alone.
            work.begin();
        }
        if let Some((_, from)) = self.rewind_again {
            // The rest of a plugin that failed too often ends with the plugin.
            self.rewind(from);
        }
    }

    fn let_go(&mut self) {
        kill_point("drained");
        if self.routing.is_some()
            && let Some(commit) = self.last_commit.as_ref().filter(|_| self.machines.is_at_rest())
        {
            // Whoever has the partition next may read on by another routing.
            self.last_commit = Some(self.group_offset(commit.next, true));
        }
        let settled = self.last_commit.as_ref().map(|commit| commit.next.get());
        info!(topic = %self.topic_partition().topic, partition = self.topic_partition().partition, group_offset = settled, "partition let go");
        self.finished = true;
        self.context.board.leave(&self.reply.topic_partition, &self.place);
        self.queue = None;
        self.unfinished = None;
        if let Some(drained) = self.drained.take() {
            // Whoever waited may have run out of patience; the offsets are then found again from the channel.
            let _ = drained.send(self.last_commit.take());
        }
    }

    fn recharge(&mut self) {
        let unfinished = self.unfinished.as_ref().map_or(0, |work| work.batch.bytes() + work.outcome.records.bytes());
        let bodies: usize = self.lanes.iter().map(Lane::bytes).sum();
        self.charge.set(bodies + unfinished);
    }
}
