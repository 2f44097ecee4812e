//! The state machine of one partition: events in, actions out. No clock, no socket, no thread.
//!
//! A partition has one channel. Records that were read are *encoded* into the open body; the open body is *sealed* when it is
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
//! - the channel is opened only while this process owns the partition.

use std::collections::{BTreeSet, VecDeque};

use snowgate_record::{Offset, OffsetRange};

/// Milliseconds on the caller's monotonic clock.
pub type Millis = u64;

/// Names a body between the machine and whoever holds its bytes.
pub type BodyId = u64;

/// Counts the openings of a channel: an answer from an earlier one is ignored.
pub type Session = u64;

/// Limits and waits, the same for all partitions of a pipeline.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Raw bytes at which the open body is sealed.
    pub body_bytes: usize,
    /// How long rows may wait in the open body.
    pub linger: Millis,
    /// Bodies that may be sealed and not yet committed; beyond it the partition reads no more.
    pub max_bodies: usize,
    /// First wait after a failed request; it doubles up to `backoff_max`.
    pub backoff_min: Millis,
    pub backoff_max: Millis,
    /// Identical resends of an append whose outcome is unknown, before the channel is opened anew to ask.
    pub max_resends: u32,
    /// How long an opening may be refused for rows that are still on their way, before they are given up and sent again.
    pub uncommitted_patience: Millis,
    /// How often a blocked partition looks whether the cause is gone.
    pub probe_interval: Millis,
    /// Fences without a commit in between that mean two writers are at the same channel.
    pub max_fences: u32,
    /// Go on when the channel has forgotten what the group offset remembers.
    pub accept_regression: bool,
    /// An appended body that waits this long for its commit is reported, and the channel opened anew to ask.
    pub commit_stall: Millis,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            body_bytes: 3_900_000,
            linger: 500,
            max_bodies: 8,
            backoff_min: 100,
            backoff_max: 30_000,
            max_resends: 5,
            uncommitted_patience: 120_000,
            probe_interval: 30_000,
            max_fences: 3,
            accept_regression: false,
            commit_stall: 60_000,
        }
    }
}

/// What was remembered at the last group commit, read back when the partition is assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remembered {
    /// The next record to read.
    pub group_offset: Option<Offset>,
    /// The channel's committed offset when that was written.
    pub committed_offset: Option<Offset>,
}

/// What became of consecutive records that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// From the first to the last record looked at, those without rows included.
    pub range: OffsetRange,
    /// How many of them have rows.
    pub records: u64,
    /// The last of those.
    pub last_with_rows: Option<Offset>,
    /// Raw bytes in the open body in all.
    pub body_bytes: usize,
    /// Records that were sent to the dead letter topic and are not acknowledged yet.
    pub dead_letters: Vec<Offset>,
}

/// How an append ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendOutcome<C> {
    Appended(C),
    /// Applied or not: nobody knows.
    Unknown,
    /// Certainly not applied; come back later.
    NotApplied {
        retry_after: Option<Millis>,
    },
    /// The channel no longer takes our continuation token.
    Stale,
    /// Table, pipe, schema or database is gone.
    ObjectMissing,
    /// The role may not, or the key is refused.
    Denied,
    /// Larger than Snowflake takes.
    TooLarge,
    /// Snowflake calls the rows malformed.
    Malformed,
}

/// How an opening ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenOutcome<C> {
    Opened {
        continuation: C,
        committed: Option<Offset>,
        row_errors: u64,
    },
    /// Rows of an earlier session are still on their way.
    UncommittedRows,
    Unknown {
        retry_after: Option<Millis>,
    },
    ObjectMissing,
    Denied,
}

/// Why a partition takes no more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockReason {
    /// The channel's committed offset lies below what was seen before: table or channel was replaced.
    ChannelRegressed,
    /// The channel's committed offset lies beyond the end of the partition: the topic was recreated.
    TokenAheadOfLog,
    /// The group offset lies outside what the broker still holds.
    OffsetOutOfRange,
    /// Another writer opens the same channel again and again.
    ChannelContended,
    PermissionDenied,
    ObjectMissing,
    /// A record that cannot be loaded, and the configuration says to stop.
    RecordRefused,
    /// Snowflake took a body and could not load some of its rows.
    RowsRejected,
    /// Dead letters cannot be delivered.
    DeadLettersRefused,
    /// The partition cannot be read: corrupt batch, missing topic, missing right.
    Unreadable,
}

impl BlockReason {
    /// The name in logs, metrics and status.
    pub fn as_str(self) -> &'static str {
        match self {
            BlockReason::ChannelRegressed => "channel_regressed",
            BlockReason::TokenAheadOfLog => "token_ahead_of_log",
            BlockReason::OffsetOutOfRange => "offset_out_of_range",
            BlockReason::ChannelContended => "channel_contended",
            BlockReason::PermissionDenied => "permission_denied",
            BlockReason::ObjectMissing => "object_missing",
            BlockReason::RecordRefused => "record_refused",
            BlockReason::RowsRejected => "rows_rejected",
            BlockReason::DeadLettersRefused => "dead_letters_refused",
            BlockReason::Unreadable => "unreadable",
        }
    }

    /// Whether bodies at hand must wait too. Where only reading is at fault, what was read is still loaded.
    fn holds_appends(self) -> bool {
        !matches!(
            self,
            BlockReason::RecordRefused | BlockReason::Unreadable | BlockReason::OffsetOutOfRange | BlockReason::PermissionDenied
        )
    }

    /// Whether the cause may go away without this process being told.
    fn may_pass(self) -> bool {
        matches!(
            self,
            BlockReason::ChannelContended
                | BlockReason::PermissionDenied
                | BlockReason::ObjectMissing
                | BlockReason::DeadLettersRefused
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<C> {
    /// The partition is ours.
    Assigned(Remembered),
    /// Kafka could not wait for the channel: the partition starts where the configuration says, without knowing the committed
    /// offset.
    StartedBlind,
    OpenAnswered {
        session: Session,
        outcome: OpenOutcome<C>,
    },
    /// Records were read, transformed and encoded.
    Encoded(Encoded),
    /// A record cannot be loaded and must not be passed over.
    RecordRefused,
    DeadLetterDelivered(Offset),
    DeadLetterFailed,
    AppendAnswered {
        session: Session,
        body: BodyId,
        outcome: AppendOutcome<C>,
    },
    /// A channel status.
    StatusSeen {
        session: Session,
        valid: bool,
        committed: Option<Offset>,
        row_errors: u64,
    },
    /// The next offset the broker would write, seen together with the first records.
    LogEnd(Offset),
    /// Kafka cannot serve this partition.
    ReadFailed(BlockReason),
    /// Reading goes on at the offset that [`Action::Rewind`] named.
    Rewound,
    Tick,
    /// The partition goes to somebody else, or the process ends: finish by `deadline`.
    Revoked {
        deadline: Millis,
    },
    /// The partition is no longer ours, and has not been for some time.
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<C> {
    /// Open the channel; `fail_on_uncommitted_rows` unless `force`.
    Open { session: Session, force: bool },
    /// Kafka may start to read at this offset, or where the configuration says.
    StartAt(Option<Offset>),
    /// Close the open body under this name.
    Seal { body: BodyId, range: OffsetRange },
    /// Forget what is in the open body.
    DiscardOpen,
    Append { session: Session, body: BodyId, range: OffsetRange, attempt: u32, continuation: C },
    /// The body's bytes are needed no more.
    Discard { body: BodyId },
    /// Everything below `next` is settled.
    CommitGroupOffset { next: Offset, committed: Option<Offset> },
    /// Read again from `from`; nothing read before counts.
    Rewind { from: Offset },
    Blocked(BlockReason),
    Unblocked,
    /// An appended body waits unusually long for its commit.
    CommitStalled { since: Millis },
    /// Nothing is left to do for this partition; let it go.
    Drained,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyState {
    Sealed,
    InFlight,
    Appended { at: Millis },
}

#[derive(Debug, Clone)]
struct Body {
    id: BodyId,
    range: OffsetRange,
    records: u64,
    last_with_rows: Option<Offset>,
    state: BodyState,
}

#[derive(Debug, Clone)]
struct Open {
    range: OffsetRange,
    /// Records with rows; without any there is nothing to send.
    records: u64,
    last_with_rows: Option<Offset>,
    bytes: usize,
    since: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not ours.
    Idle,
    /// An opening is out, or due at `retry_at`.
    Opening { retry_at: Option<Millis>, since: Millis, then: AfterOpen },
    Running,
    /// Waits for Kafka to read again from an earlier offset.
    Rewinding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterOpen {
    /// The first opening since the partition was assigned.
    Start,
    /// Go on with the bodies at hand.
    Resume,
    /// Drop the bodies at hand and read again.
    Rewind,
}

#[derive(Debug)]
pub struct Partition<C> {
    policy: Policy,
    phase: Phase,
    session: Session,
    next_body: BodyId,
    continuation: Option<C>,
    /// Snowflake's word, the last we heard.
    committed: Option<Offset>,
    row_errors: u64,
    remembered: Remembered,
    started_blind: bool,
    /// The first record looked at since the partition was assigned, and the last.
    first_read: Option<Offset>,
    last_read: Option<Offset>,
    /// The last offset at and below which all is settled.
    settled: Option<Offset>,
    bodies: VecDeque<Body>,
    open: Option<Open>,
    dead_letters: BTreeSet<Offset>,
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
    byte_limit: usize,
    blocked: Option<BlockReason>,
    probe_at: Option<Millis>,
    deadline: Option<Millis>,
}

impl<C: Clone> Partition<C> {
    pub fn new(policy: Policy) -> Partition<C> {
        let byte_limit = policy.body_bytes;
        Partition {
            policy,
            phase: Phase::Idle,
            session: 0,
            next_body: 0,
            continuation: None,
            committed: None,
            row_errors: 0,
            remembered: Remembered::default(),
            started_blind: false,
            first_read: None,
            last_read: None,
            settled: None,
            bodies: VecDeque::new(),
            open: None,
            dead_letters: BTreeSet::new(),
            refused: BTreeSet::new(),
            attempt: 0,
            retry_at: None,
            failures: 0,
            fences: 0,
            record_limit: u64::MAX,
            byte_limit,
            blocked: None,
            probe_at: None,
            deadline: None,
        }
    }

    /// Whether records may be read and encoded now.
    pub fn wants_records(&self) -> bool {
        self.phase == Phase::Running
            && self.blocked.is_none()
            && self.deadline.is_none()
            && (self.bodies.len() < self.policy.max_bodies || !self.open_is_full())
    }

    /// How many more records the open body may take, and up to how many raw bytes.
    pub fn room(&self) -> (u64, usize) {
        let records = self.open.as_ref().map_or(0, |open| open.records);
        (self.record_limit.saturating_sub(records), self.byte_limit)
    }

    /// Records at and below this offset are in the table already, or settled otherwise: pass over them.
    pub fn resume_after(&self) -> Option<Offset> {
        self.committed.max(self.last_read)
    }

    /// Whether Snowflake refused this very record: it goes to the dead letter topic.
    pub fn is_refused(&self, offset: Offset) -> bool {
        !self.refused.is_empty() && self.refused.contains(&offset)
    }

    pub fn blocked(&self) -> Option<BlockReason> {
        self.blocked
    }

    pub fn committed(&self) -> Option<Offset> {
        self.committed
    }

    pub fn settled(&self) -> Option<Offset> {
        self.settled
    }

    pub fn session(&self) -> Session {
        self.session
    }

    /// Whether a channel status would tell something new.
    pub fn awaits_commit(&self) -> bool {
        self.phase == Phase::Running && self.bodies.iter().any(|body| matches!(body.state, BodyState::Appended { .. }))
    }

    /// When [`Event::Tick`] is wanted next.
    pub fn due_at(&self) -> Option<Millis> {
        let mut due = [self.deadline, self.probe_at, None, None, None];
        match self.phase {
            Phase::Opening { retry_at, .. } => due[2] = retry_at,
            Phase::Running => {
                due[2] = self.retry_at;
                if let Some(open) = &self.open
                    && open.records > 0
                    && self.bodies.len() < self.policy.max_bodies
                {
                    due[3] = Some(open.since + self.policy.linger);
                }
                if self.deadline.is_none()
                    && self.blocked.is_none()
                    && let Some(Body { state: BodyState::Appended { at }, .. }) = self.bodies.front()
                {
                    due[4] = Some(at + self.policy.commit_stall);
                }
            }
            Phase::Idle | Phase::Rewinding => {}
        }
        due.into_iter().flatten().min()
    }

    /// Takes one event and says what to do next.
    pub fn on(&mut self, event: Event<C>, now: Millis, actions: &mut Vec<Action<C>>) {
        match event {
            Event::Assigned(remembered) => self.assigned(remembered, now, actions),
            Event::StartedBlind => self.started_blind = true,
            Event::OpenAnswered { session, outcome } => self.open_answered(session, outcome, now, actions),
            Event::Encoded(encoded) => self.encoded(encoded, now, actions),
            Event::RecordRefused => self.block(BlockReason::RecordRefused, now, actions),
            Event::DeadLetterDelivered(offset) => self.dead_letter_delivered(offset, now, actions),
            Event::DeadLetterFailed => self.dead_letter_failed(now, actions),
            Event::AppendAnswered { session, body, outcome } => self.append_answered(session, body, outcome, now, actions),
            Event::StatusSeen { session, valid, committed, row_errors } => {
                self.status_seen(session, valid, committed, row_errors, now, actions);
            }
            Event::LogEnd(end) => self.log_end(end, now, actions),
            Event::ReadFailed(reason) => self.block(reason, now, actions),
            Event::Rewound => self.rewound(now, actions),
            Event::Tick => self.tick(now, actions),
            Event::Revoked { deadline } => self.revoked(deadline, now, actions),
            Event::Lost => self.let_go(actions),
        }
    }

    fn assigned(&mut self, remembered: Remembered, now: Millis, actions: &mut Vec<Action<C>>) {
        let session = self.session;
        let next_body = self.next_body;
        *self = Partition::new(self.policy.clone());
        self.session = session;
        self.next_body = next_body;
        self.remembered = remembered;
        self.settled = remembered.group_offset.and_then(Offset::previous);
        self.begin_open(AfterOpen::Start, false, now, actions);
    }

    fn begin_open(&mut self, then: AfterOpen, force: bool, now: Millis, actions: &mut Vec<Action<C>>) {
        let since = match self.phase {
            Phase::Opening { since, .. } => since,
            _ => now,
        };
        self.session += 1;
        self.continuation = None;
        self.attempt = 0;
        self.retry_at = None;
        self.phase = Phase::Opening { retry_at: None, since, then };
        actions.push(Action::Open { session: self.session, force });
    }

    fn open_answered(&mut self, session: Session, outcome: OpenOutcome<C>, now: Millis, actions: &mut Vec<Action<C>>) {
        let Phase::Opening { since, then, .. } = self.phase else { return };
        if session != self.session {
            return;
        }
        match outcome {
            OpenOutcome::Opened { continuation, committed, row_errors } => {
                self.failures = 0;
                if self.regressed(committed, then) && !self.policy.accept_regression {
                    // What the channel forgot may or may not be in the table: only a person can tell.
                    self.phase = Phase::Running;
                    self.block(BlockReason::ChannelRegressed, now, actions);
                    if then == AfterOpen::Start {
                        actions.push(Action::StartAt(self.remembered.group_offset));
                    }
                    return self.finish_if_drained(actions);
                }
                self.continuation = Some(continuation);
                self.row_errors = row_errors;
                // Dead letters that could not be delivered are made again from their records.
                let again = then == AfterOpen::Resume && self.blocked == Some(BlockReason::DeadLettersRefused);
                let then = if again { AfterOpen::Rewind } else { then };
                if self.blocked.is_some_and(BlockReason::may_pass) {
                    self.unblock(actions);
                }
                self.opened(committed, then, now, actions);
            }
            OpenOutcome::UncommittedRows => {
                if now.saturating_sub(since) >= self.policy.uncommitted_patience {
                    return self.begin_open(then, true, now, actions);
                }
                let wait = self.policy.backoff_min.max(self.backoff().min(1_000));
                self.phase = Phase::Opening { retry_at: Some(now + wait), since, then };
            }
            OpenOutcome::Unknown { retry_after } => {
                let wait = self.backoff().max(retry_after.unwrap_or(0));
                self.phase = Phase::Opening { retry_at: Some(now + wait), since, then };
            }
            OpenOutcome::ObjectMissing => self.open_blocked(BlockReason::ObjectMissing, since, then, now, actions),
            OpenOutcome::Denied => self.open_blocked(BlockReason::PermissionDenied, since, then, now, actions),
        }
    }

    fn open_blocked(&mut self, reason: BlockReason, since: Millis, then: AfterOpen, now: Millis, actions: &mut Vec<Action<C>>) {
        self.block(reason, now, actions);
        self.phase = Phase::Opening { retry_at: Some(now + self.policy.probe_interval), since, then };
    }

    /// Whether the channel knows less than was known before.
    fn regressed(&self, committed: Option<Offset>, then: AfterOpen) -> bool {
        let known = if then == AfterOpen::Start { self.remembered.committed_offset } else { self.committed };
        committed < known
    }

    fn opened(&mut self, committed: Option<Offset>, then: AfterOpen, now: Millis, actions: &mut Vec<Action<C>>) {
        self.phase = Phase::Running;
        let before = self.committed;
        self.follow(committed, actions);
        match then {
            AfterOpen::Start => {
                let start = self.remembered.group_offset.or(committed.map(Offset::next));
                match (self.started_blind, self.remembered.group_offset, committed) {
                    // Kafka reads already, but not from where the channel says.
                    (true, None, Some(committed)) => self.rewind(committed.next(), actions),
                    _ => actions.push(Action::StartAt(start)),
                }
            }
            AfterOpen::Resume => {
                if committed > before {
                    self.fences = 0;
                }
                for body in &mut self.bodies {
                    body.state = BodyState::Sealed;
                }
                if self.covers_part_of_what_is_held(committed) {
                    // Somebody else wrote with other bounds: only Kafka has the rest.
                    return self.drop_all_and_rewind(actions);
                }
                self.release_committed(actions);
            }
            AfterOpen::Rewind => return self.drop_all_and_rewind(actions),
        }
        self.go_on(now, actions);
    }

    /// Whether `committed` ends inside a body, or reaches into rows that were not even sealed.
    fn covers_part_of_what_is_held(&self, committed: Option<Offset>) -> bool {
        let Some(committed) = committed else { return false };
        self.bodies.iter().any(|body| body.range.contains(committed) && body.range.last() != committed)
            || self.open.as_ref().is_some_and(|open| open.records > 0 && open.range.first() <= committed)
    }

    fn drop_all_and_rewind(&mut self, actions: &mut Vec<Action<C>>) {
        self.drop_all(actions);
        let settled = self.settled.max(self.committed).map(Offset::next);
        match settled.or(self.remembered.group_offset).or(self.first_read) {
            Some(from) => self.rewind(from, actions),
            // Nothing was read yet, so nothing has to be read again.
            None => self.phase = Phase::Running,
        }
    }

    fn drop_all(&mut self, actions: &mut Vec<Action<C>>) {
        for body in self.bodies.drain(..) {
            actions.push(Action::Discard { body: body.id });
        }
        if self.open.take().is_some() {
            actions.push(Action::DiscardOpen);
        }
        // Their records are read again; an acknowledgement that still comes finds nothing to settle.
        self.dead_letters.clear();
    }

    fn rewind(&mut self, from: Offset, actions: &mut Vec<Action<C>>) {
        self.phase = Phase::Rewinding;
        self.last_read = from.previous();
        actions.push(Action::Rewind { from });
    }

    fn rewound(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Rewinding {
            self.phase = Phase::Running;
            self.go_on(now, actions);
        }
    }

    fn encoded(&mut self, encoded: Encoded, now: Millis, actions: &mut Vec<Action<C>>) {
        let Encoded { range, records, last_with_rows, body_bytes, dead_letters } = encoded;
        debug_assert!(self.resume_after() < Some(range.last()), "records are looked at once, in order");
        self.last_read = Some(range.last());
        self.first_read = self.first_read.or(Some(range.first()));
        self.dead_letters.extend(dead_letters);
        match &mut self.open {
            Some(open) => {
                if open.records == 0 {
                    open.since = now;
                }
                open.range = open.range.extend_to(range.last());
                open.records += records;
                open.last_with_rows = last_with_rows.or(open.last_with_rows);
                open.bytes = body_bytes;
            }
            None => self.open = Some(Open { range, records, last_with_rows, bytes: body_bytes, since: now }),
        }
        self.go_on(now, actions);
    }

    fn open_is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.records > 0 && (open.bytes >= self.byte_limit || open.records >= self.record_limit))
    }

    /// Does whatever has become possible.
    fn go_on(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Running {
            self.seal_if_due(now, actions);
            self.append_next(now, actions);
        }
        self.settle(actions);
        self.finish_if_drained(actions);
    }

    fn seal_if_due(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        let Some(open) = &self.open else { return };
        let lingered = now >= open.since + self.policy.linger;
        let due = open.records > 0 && (self.deadline.is_some() || lingered || self.open_is_full());
        if !due || (self.bodies.len() >= self.policy.max_bodies && self.deadline.is_none()) {
            return;
        }
        let open = self.open.take().expect("it was there a moment ago");
        let id = self.next_body;
        self.next_body += 1;
        actions.push(Action::Seal { body: id, range: open.range });
        self.bodies.push_back(Body {
            id,
            range: open.range,
            records: open.records,
            last_with_rows: open.last_with_rows,
            state: BodyState::Sealed,
        });
    }

    fn append_next(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.blocked.is_some_and(BlockReason::holds_appends) {
            return;
        }
        if self.retry_at.is_some_and(|at| now < at) || self.bodies.iter().any(|body| body.state == BodyState::InFlight) {
            return;
        }
        let Some(continuation) = self.continuation.clone() else { return };
        let Some(body) = self.bodies.iter_mut().find(|body| body.state == BodyState::Sealed) else { return };
        if self.dead_letters.first().is_some_and(|first| *first <= body.range.last()) {
            return;
        }
        body.state = BodyState::InFlight;
        self.retry_at = None;
        actions.push(Action::Append { session: self.session, body: body.id, range: body.range, attempt: self.attempt, continuation });
        self.attempt += 1;
    }

    fn append_answered(
        &mut self,
        session: Session,
        id: BodyId,
        outcome: AppendOutcome<C>,
        now: Millis,
        actions: &mut Vec<Action<C>>,
    ) {
        if session != self.session || self.phase != Phase::Running {
            return;
        }
        let Some(body) = self.bodies.iter_mut().find(|body| body.id == id && body.state == BodyState::InFlight) else { return };
        match outcome {
            AppendOutcome::Appended(continuation) => {
                body.state = BodyState::Appended { at: now };
                self.continuation = Some(continuation);
                self.attempt = 0;
                self.failures = 0;
                if self.blocked == Some(BlockReason::PermissionDenied) {
                    self.unblock(actions);
                }
            }
            AppendOutcome::Unknown => {
                body.state = BodyState::Sealed;
                if self.attempt > self.policy.max_resends {
                    return self.reopen(AfterOpen::Resume, now, actions);
                }
                self.retry_at = Some(now + self.backoff());
            }
            AppendOutcome::NotApplied { retry_after } => {
                body.state = BodyState::Sealed;
                // Not an attempt whose outcome is unknown: the server said no before it looked.
                self.attempt -= 1;
                self.retry_at = Some(now + self.backoff().max(retry_after.unwrap_or(0)));
            }
            AppendOutcome::Stale => {
                body.state = BodyState::Sealed;
                self.fences += 1;
                if self.fences > self.policy.max_fences {
                    self.block(BlockReason::ChannelContended, now, actions);
                    return self.finish_if_drained(actions);
                }
                return self.reopen(AfterOpen::Resume, now, actions);
            }
            AppendOutcome::ObjectMissing => {
                body.state = BodyState::Sealed;
                return self.reopen(AfterOpen::Resume, now, actions);
            }
            AppendOutcome::Denied => {
                // Nothing is wrong with the channel: the same request goes out again, rarely.
                body.state = BodyState::Sealed;
                self.attempt -= 1;
                self.retry_at = Some(now + self.policy.probe_interval);
                self.block(BlockReason::PermissionDenied, now, actions);
            }
            AppendOutcome::TooLarge | AppendOutcome::Malformed => {
                body.state = BodyState::Sealed;
                match body.last_with_rows {
                    Some(record) if body.records == 1 => {
                        self.refused.insert(record);
                    }
                    _ => self.record_limit = (body.records / 2).max(1),
                }
                return self.reopen(AfterOpen::Rewind, now, actions);
            }
        }
        self.go_on(now, actions);
    }

    /// Opens the channel anew, unless the partition is on its way to somebody else: then the channel is theirs to open.
    fn reopen(&mut self, then: AfterOpen, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.deadline.is_some() {
            self.continuation = None;
            return self.let_go(actions);
        }
        self.begin_open(then, false, now, actions);
    }

    fn status_seen(
        &mut self,
        session: Session,
        valid: bool,
        committed: Option<Offset>,
        row_errors: u64,
        now: Millis,
        actions: &mut Vec<Action<C>>,
    ) {
        if session != self.session || self.phase != Phase::Running {
            return;
        }
        if !valid {
            self.fences += 1;
            if self.fences > self.policy.max_fences {
                self.block(BlockReason::ChannelContended, now, actions);
                return;
            }
            return self.reopen(AfterOpen::Resume, now, actions);
        }
        if committed < self.committed {
            return self.block(BlockReason::ChannelRegressed, now, actions);
        }
        let appended = self.bodies.iter().rev().find(|body| matches!(body.state, BodyState::Appended { .. })).map(|b| b.range.last());
        let in_flight = self.bodies.iter().find(|body| body.state == BodyState::InFlight).map(|body| body.range.last());
        if committed > self.committed && committed > appended.max(in_flight).max(self.committed) {
            // Rows that we never sent: the channel has another writer, whom our next append would meet anyway.
            return self.reopen(AfterOpen::Resume, now, actions);
        }
        if row_errors > self.row_errors {
            self.row_errors = row_errors;
            self.block(BlockReason::RowsRejected, now, actions);
        }
        if committed > self.committed {
            self.fences = 0;
            self.record_limit = self.record_limit.saturating_mul(2);
        }
        if self.blocked == Some(BlockReason::RowsRejected) {
            // The rows are not in the table: the group offset must not say that they are.
            self.committed = committed;
            return;
        }
        self.follow(committed, actions);
        self.release_committed(actions);
        self.go_on(now, actions);
    }

    /// Takes Snowflake's word. A body waits for its dead letters, whoever appended it, so what the committed offset covers is
    /// settled in every way.
    fn follow(&mut self, committed: Option<Offset>, actions: &mut Vec<Action<C>>) {
        self.committed = committed;
        if committed > self.settled {
            self.settled = committed;
            self.push_commit(actions);
        }
    }

    /// Lets go of the bodies that the committed offset covers.
    fn release_committed(&mut self, actions: &mut Vec<Action<C>>) {
        while let Some(body) = self.bodies.front() {
            if Some(body.range.last()) > self.committed {
                break;
            }
            if body.state == BodyState::InFlight {
                // Committed before it was answered: the answer is not needed, but the next token is.
                return;
            }
            let body = self.bodies.pop_front().expect("it was there a moment ago");
            actions.push(Action::Discard { body: body.id });
        }
    }

    /// Settles records at the end that made no rows.
    fn settle(&mut self, actions: &mut Vec<Action<C>>) {
        if !self.bodies.is_empty() || !self.dead_letters.is_empty() || self.blocked == Some(BlockReason::RowsRejected) {
            return;
        }
        if let Some(open) = &self.open
            && open.records == 0
        {
            self.settled = self.settled.max(Some(open.range.last()));
            self.open = None;
            actions.push(Action::DiscardOpen);
            self.push_commit(actions);
        }
    }

    fn push_commit(&mut self, actions: &mut Vec<Action<C>>) {
        let Some(settled) = self.settled else { return };
        let commit = Action::CommitGroupOffset { next: settled.next(), committed: self.committed };
        match actions.last_mut() {
            Some(last @ Action::CommitGroupOffset { .. }) => *last = commit,
            _ => actions.push(commit),
        }
    }

    fn dead_letter_delivered(&mut self, offset: Offset, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.dead_letters.remove(&offset) {
            self.go_on(now, actions);
        }
    }

    /// The record is only in Kafka now: read again from what is settled, later.
    fn dead_letter_failed(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Idle || self.blocked == Some(BlockReason::DeadLettersRefused) {
            return;
        }
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
        // A cause that needs a person is never hidden by one that does not.
        if self.blocked == Some(reason) || self.blocked.is_some_and(|held| !held.may_pass()) {
            return;
        }
        self.blocked = Some(reason);
        actions.push(Action::Blocked(reason));
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
            return self.begin_open(then, false, now, actions);
        }
        if self.probe_at.is_some_and(|at| now >= at) && self.phase == Phase::Running {
            self.probe_at = None;
            return self.probe(now, actions);
        }
        if let Some(Body { state: BodyState::Appended { at }, .. }) = self.bodies.front()
            && self.phase == Phase::Running
            && self.deadline.is_none()
            && self.blocked.is_none()
            && now >= at + self.policy.commit_stall
        {
            // Another opening may have thrown the rows away, and without a next append nothing would tell us. Opening waits
            // for rows that are still on their way, so it is safe to ask.
            actions.push(Action::CommitStalled { since: *at });
            return self.reopen(AfterOpen::Resume, now, actions);
        }
        self.go_on(now, actions);
    }

    fn probe(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        self.fences = 0;
        self.reopen(AfterOpen::Resume, now, actions);
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
        let done = self.bodies.is_empty() && self.open.is_none() && self.dead_letters.is_empty();
        // A block that holds appends back cannot end in time for the next owner.
        let hopeless = self.blocked.is_some() && !self.bodies.iter().any(|b| !matches!(b.state, BodyState::Sealed));
        if done || hopeless {
            self.let_go(actions);
        }
    }

    fn let_go(&mut self, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Idle {
            return;
        }
        self.drop_all(actions);
        self.phase = Phase::Idle;
        self.session += 1;
        self.continuation = None;
        self.deadline = None;
        self.probe_at = None;
        self.retry_at = None;
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
