//! The state machine of one partition on its way into one table: events in, actions out. No clock, no socket, no thread. Where records go
//! to several tables there is one for each, and [`lanes`] joins them.
//!
//! A table has one channel for each partition. Records that were read are *encoded* into the open body; the open body is *sealed* when it is
//! full or has lingered; sealed bodies are *appended* one at a time, in order; an appended body is *committed* when Snowflake's
//! committed offset covers it. Bodies stay in memory, compressed, until they are committed, so that a stale channel can be
//! reopened and everything above its committed offset sent again without asking Kafka.
//!
//! A record is *settled* when its rows are committed, when it was dropped, or when its dead letter was delivered. The group
//! offset follows the lowest offset that is not settled, and nothing else.
//!
//! What must stay true, whatever arrives in whatever order (`simulation.rs` tries):
//! - no body is appended that starts at or below the committed offset, and bodies are appended in offset order;
//! - after an answer that leaves the outcome unknown, either the same bytes go out again with the same continuation token, or
//!   the channel is opened anew and the committed offset decides;
//! - a body waits for the dead letters in its range, so that a committed offset never covers a dead letter that was not
//!   delivered;
//! - the channel is opened only while this process owns the partition;
//! - plugins are swapped only when nothing read through the earlier ones is left to settle, and the group offset is past it.

mod appending;
mod event;
mod held;
mod lanes;
mod opening;
mod swap;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use snowgate_record::Offset;

pub(crate) use event::{
    Action, AppendOutcome, BlockReason, BodyId, Encoded, Event, Millis, OpenOutcome, Policy, Remembered, Session,
};
use held::Held;
pub(crate) use lanes::{Before, Begin, Lanes, OWN, Step, To};
use opening::AfterOpen;
use swap::Swap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not ours.
    Idle,
    /// An opening is out, or due at `retry_at`.
    Opening {
        retry_at: Option<Millis>,
        /// Since when it is refused for rows that are still on their way.
        refused_since: Option<Millis>,
        then: AfterOpen,
    },
    Running,
    /// Waits for Kafka to read again from an earlier offset.
    Rewinding,
}

#[derive(Debug)]
pub(crate) struct Partition<C> {
    policy: Policy,
    phase: Phase,
    session: Session,
    continuation: Option<C>,
    /// Snowflake's word, the last we heard.
    committed: Option<Offset>,
    /// Rejected rows that are known of; `None` until the channel is opened, where none were remembered.
    row_errors: Option<u64>,
    remembered: Remembered,
    started_blind: bool,
    /// The first record looked at since the partition was assigned, and the last.
    first_read: Option<Offset>,
    last_read: Option<Offset>,
    /// The last offset at and below which all is settled.
    settled: Option<Offset>,
    /// The next record to read, as the group has it.
    group_offset: Option<Offset>,
    held: Held,
    /// A dead letter could not be delivered: its record must be read again.
    undelivered: bool,
    /// Records that Snowflake refused by themselves.
    refused: BTreeSet<Offset>,
    /// How often the append at the head has been sent in this session, and when it may go out again.
    attempt: u32,
    retry_at: Option<Millis>,
    /// Failures in a row, for the back-off.
    failures: u32,
    fences: u32,
    /// Records a body may hold: lowered when Snowflake refuses one, raised as bodies are committed.
    record_limit: u64,
    blocked: Option<BlockReason>,
    probe_at: Option<Millis>,
    deadline: Option<Millis>,
    /// Other plugins wait for what was read to be settled.
    swap: Option<Swap>,
}

impl<C: Clone> Partition<C> {
    pub(crate) fn new(policy: Policy) -> Partition<C> {
        Partition {
            policy,
            phase: Phase::Idle,
            session: 0,
            continuation: None,
            committed: None,
            row_errors: None,
            remembered: Remembered::default(),
            started_blind: false,
            first_read: None,
            last_read: None,
            settled: None,
            group_offset: None,
            held: Held::new(0),
            undelivered: false,
            refused: BTreeSet::new(),
            attempt: 0,
            retry_at: None,
            failures: 0,
            fences: 0,
            record_limit: u64::MAX,
            blocked: None,
            probe_at: None,
            deadline: None,
            swap: None,
        }
    }

    /// Whether records may be read and encoded now.
    pub(crate) fn wants_records(&self) -> bool {
        self.phase == Phase::Running
            && self.blocked.is_none()
            && self.deadline.is_none()
            && self.swap.is_none()
            && (self.held.bodies() < self.policy.max_bodies || !self.open_is_full())
    }

    /// How many more records the open body may take, and up to how many raw bytes.
    pub(crate) fn room(&self) -> (u64, usize) {
        (self.record_limit.saturating_sub(self.held.open_records()), self.policy.body_bytes)
    }

    /// Records at and below this offset are in the table already, or settled otherwise: pass over them.
    pub(crate) fn resume_after(&self) -> Option<Offset> {
        self.committed.max(self.last_read)
    }

    /// Whether Snowflake refused this very record: it goes to the dead letter topic.
    pub(crate) fn is_refused(&self, offset: Offset) -> bool {
        !self.refused.is_empty() && self.refused.contains(&offset)
    }

    pub(crate) fn committed(&self) -> Option<Offset> {
        self.committed
    }

    /// The last offset at and below which all is settled.
    pub(crate) fn settled(&self) -> Option<Offset> {
        self.settled
    }

    /// The last offset that Snowflake took.
    pub(crate) fn appended(&self) -> Option<Offset> {
        self.committed.max(self.held.last_appended())
    }

    pub(crate) fn session(&self) -> Session {
        self.session
    }

    /// Whether a channel status would tell something new.
    pub(crate) fn awaits_commit(&self) -> bool {
        self.phase == Phase::Running && self.held.has_appended()
    }

    /// When [`Event::Tick`] is wanted next.
    pub(crate) fn due_at(&self) -> Option<Millis> {
        let mut due = [self.deadline, None, None, None, None, None];
        match self.phase {
            Phase::Opening { retry_at, .. } => due[2] = retry_at,
            Phase::Running => {
                due[1] = self.probe_at;
                due[2] = self.retry_at;
                if self.held.bodies() < self.policy.max_bodies {
                    due[3] = self.held.open_since().map(|since| since + self.policy.linger);
                }
                if self.deadline.is_none() && self.blocked.is_none() {
                    due[4] = self.held.waits_since().map(|since| since + self.policy.commit_stall);
                }
                due[5] = self.swap_due_at();
            }
            Phase::Idle | Phase::Rewinding => {}
        }
        due.into_iter().flatten().min()
    }

    /// Takes one event and says what to do next.
    pub(crate) fn on(&mut self, event: Event<C>, now: Millis, actions: &mut Vec<Action<C>>) {
        match event {
            Event::Assigned(remembered) => self.assigned(remembered, actions),
            Event::StartedBlind => self.begun_blind(now, actions),
            Event::OpenAnswered { session, outcome } => self.open_answered(session, outcome, now, actions),
            Event::Encoded(encoded) => self.encoded(encoded, now, actions),
            Event::BodyFull => self.body_full(now, actions),
            Event::RecordRefused => self.block(BlockReason::RecordRefused, now, actions),
            Event::DeadLetterDelivered(offset) => self.dead_letter_delivered(offset, now, actions),
            Event::DeadLetterFailed => self.dead_letter_failed(now, actions),
            Event::AppendAnswered { session, body, outcome } => self.append_answered(session, body, outcome, now, actions),
            Event::StatusSeen { session, valid, committed, row_errors } => {
                self.status_seen(session, valid, committed, row_errors, now, actions);
            }
            Event::LogEnd(end) => self.log_end(end, now, actions),
            Event::ReadFailed(reason) => self.block(reason, now, actions),
            Event::Rewound(from) => self.rewound(from, now, actions),
            Event::GroupCommitted(next) => {
                self.group_offset = self.group_offset.max(Some(next));
                self.swap_if_settled(now, actions);
            }
            Event::SwapAsked => self.swap_asked(now, actions),
            Event::Tick => self.tick(now, actions),
            Event::Revoked { deadline } => self.revoked(deadline, now, actions),
            Event::Lost => self.let_go(actions),
        }
    }

    fn assigned(&mut self, remembered: Remembered, actions: &mut Vec<Action<C>>) {
        let session = self.session;
        let next_body = self.held.next_body();
        *self = Partition::new(self.policy.clone());
        self.session = session;
        self.held = Held::new(next_body);
        self.remembered = remembered;
        self.row_errors = remembered.row_errors;
        self.group_offset = remembered.group_offset;
        self.settled = remembered.group_offset.and_then(Offset::previous);
        self.begin_open(AfterOpen::Start, false, actions);
    }

    /// The channel may have answered just before: then Kafka reads from where the configuration says, which may be wrong.
    fn begun_blind(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        self.started_blind = true;
        if let (Phase::Running, None, Some(committed)) = (self.phase, self.remembered.group_offset, self.committed) {
            self.held.drop_all(actions);
            self.rewind(committed.next(), actions);
            self.go_on(now, actions);
        }
    }

    fn rewind(&mut self, from: Offset, actions: &mut Vec<Action<C>>) {
        self.phase = Phase::Rewinding;
        self.last_read = from.previous();
        actions.push(Action::Rewind { from });
    }

    /// Kafka may read on from somewhere before, for another table's sake: what was looked at is passed over. From further on, an answer to
    /// an earlier request, is not enough: what lies between must not be passed over.
    fn rewound(&mut self, from: Offset, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Rewinding && from.previous() <= self.last_read {
            self.phase = Phase::Running;
            self.swap_if_settled(now, actions);
        }
    }

    fn encoded(&mut self, encoded: Encoded, now: Millis, actions: &mut Vec<Action<C>>) {
        let range = encoded.range;
        debug_assert!(self.resume_after() < Some(range.last()), "records are looked at once, in order");
        self.last_read = Some(range.last());
        self.first_read = self.first_read.or(Some(range.first()));
        self.held.take_in(encoded, now);
        self.go_on(now, actions);
    }

    fn body_full(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        self.held.fill_open(self.policy.body_bytes);
        self.go_on(now, actions);
    }

    fn open_is_full(&self) -> bool {
        self.held.open_is_full(self.policy.body_bytes, self.record_limit)
    }

    /// Does whatever has become possible.
    fn go_on(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Running {
            self.seal_if_due(now, actions);
            self.append_next(now, actions);
        }
        self.settle(actions);
        self.finish_if_drained(actions);
        self.swap_if_settled(now, actions);
    }

    fn seal_if_due(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        let Some(since) = self.held.open_since() else { return };
        let at_once = self.deadline.is_some() || self.swap.is_some();
        let due = at_once || now >= since + self.policy.linger || self.open_is_full();
        if due && (self.held.bodies() < self.policy.max_bodies || self.deadline.is_some()) {
            self.held.seal(actions);
        }
    }

    /// Settles records at the end that made no rows.
    fn settle(&mut self, actions: &mut Vec<Action<C>>) {
        if self.blocked.is_some_and(BlockReason::holds_settling) {
            return;
        }
        if let Some(last) = self.held.take_rowless(actions) {
            self.settled = self.settled.max(Some(last));
            self.push_commit(actions);
        }
    }

    fn push_commit(&mut self, actions: &mut Vec<Action<C>>) {
        let Some(settled) = self.settled else { return };
        actions.push(Action::CommitGroupOffset { next: settled.next(), committed: self.committed, row_errors: self.row_errors });
    }

    fn dead_letter_delivered(&mut self, offset: Offset, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.held.dead_letter_delivered(offset) {
            self.go_on(now, actions);
        }
    }

    /// The record is only in Kafka now: read again from what is settled, later.
    fn dead_letter_failed(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Idle || self.undelivered {
            return;
        }
        self.undelivered = true;
        self.block(BlockReason::DeadLettersRefused, now, actions);
    }

    fn log_end(&mut self, end: Offset, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.committed.is_some_and(|committed| committed >= end) {
            self.block(BlockReason::TokenAheadOfLog, now, actions);
        }
    }

    fn block(&mut self, reason: BlockReason, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Idle {
            return;
        }
        if matches!(reason, BlockReason::ChannelContended | BlockReason::DeadLettersRefused) {
            self.probe_at = Some(now + self.policy.probe_interval);
        }
        if self.blocked.is_none_or(|held| reason.outranks(held)) {
            self.blocked = Some(reason);
            actions.push(Action::Blocked(reason));
        }
    }

    fn unblock(&mut self, actions: &mut Vec<Action<C>>) {
        self.blocked = None;
        self.probe_at = None;
        actions.push(Action::Unblocked);
    }

    fn tick(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return self.let_go(actions);
        }
        if let Phase::Opening { retry_at: Some(at), then, .. } = self.phase
            && now >= at
        {
            return self.begin_open(then, false, actions);
        }
        if self.probe_at.is_some_and(|at| now >= at) && self.phase == Phase::Running {
            self.probe_at = None;
            return self.probe(actions);
        }
        if let Some(since) = self.held.waits_since()
            && self.phase == Phase::Running
            && self.deadline.is_none()
            && self.blocked.is_none()
            && now >= since + self.policy.commit_stall
        {
            // Another opening may have thrown the rows away, and without a next append nothing would tell us. Opening waits
            // for rows that are still on their way, so it is safe to ask.
            actions.push(Action::CommitStalled { since });
            return self.reopen(AfterOpen::Resume, actions);
        }
        if self.retry_at.is_some_and(|at| now >= at) {
            // Something else may still hold the append back; the wait is over all the same.
            self.retry_at = None;
        }
        self.go_on(now, actions);
    }

    fn probe(&mut self, actions: &mut Vec<Action<C>>) {
        self.fences = 0;
        self.reopen(AfterOpen::Resume, actions);
    }

    fn revoked(&mut self, deadline: Millis, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Idle {
            actions.push(Action::Drained);
            return;
        }
        self.deadline = Some(deadline);
        if self.phase != Phase::Running {
            // The channel is not open, and opening it now would fence the next owner.
            return self.let_go(actions);
        }
        self.go_on(now, actions);
    }

    fn finish_if_drained(&mut self, actions: &mut Vec<Action<C>>) {
        if self.deadline.is_none() || self.phase == Phase::Idle {
            return;
        }
        let done = self.held.is_empty();
        // A block that holds appends back cannot end in time for the next owner.
        let hopeless = self.blocked.is_some() && !self.held.has_sent();
        if done || hopeless {
            self.let_go(actions);
        }
    }

    fn let_go(&mut self, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Idle {
            return;
        }
        self.held.drop_all(actions);
        self.phase = Phase::Idle;
        self.session += 1;
        self.deadline = None;
        self.swap = None;
        self.blocked = None;
        actions.push(Action::Drained);
    }

    /// Grows with each failure in a row. The caller's jitter comes on top.
    fn backoff(&mut self) -> Millis {
        let wait = self.policy.backoff_min.saturating_mul(1 << self.failures.min(20)).min(self.policy.backoff_max);
        self.failures += 1;
        wait
    }
}
