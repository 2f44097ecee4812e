//! One promise of the machine after another, each by a short story told by hand; `simulation.rs` tells the random ones.
//!
//! [`Bench`] drives one machine with a clock of its own. Continuation tokens are numbers: opening `n` hands out `100 n`, and each
//! answered append the number after the one it was sent with. A record with rows weighs ten bytes, and ten of them fill a body.

mod appending;
mod blocking;
mod lanes;
mod leaving;
mod opening;
mod settling;
mod swapping;

use snowgate_record::{Offset, OffsetRange};

use super::Partition;
use super::event::{Action, AppendOutcome, BlockReason, BodyId, Encoded, Event, Millis, OpenOutcome, Policy, Remembered, Session};

fn policy() -> Policy {
    Policy {
        body_bytes: 100,
        linger: 50,
        max_bodies: 3,
        backoff_min: 10,
        backoff_max: 80,
        max_resends: 2,
        uncommitted_patience: 1_000,
        probe_interval: 500,
        max_fences: 2,
        accept_regression: false,
        commit_stall: 700,
    }
}

struct Bench {
    machine: Partition<u32>,
    now: Millis,
    open_bytes: usize,
    sent_with: u32,
}

impl Bench {
    fn new(policy: Policy) -> Bench {
        Bench { machine: Partition::new(policy), now: 0, open_bytes: 0, sent_with: 0 }
    }

    /// Assigned without anything remembered, the channel open, ready to read.
    fn running(committed: impl Into<Option<i64>>) -> Bench {
        Bench::running_with(policy(), committed)
    }

    fn running_with(policy: Policy, committed: impl Into<Option<i64>>) -> Bench {
        let mut bench = Bench::new(policy);
        bench.assigned(None, None);
        bench.opened(committed);
        bench
    }

    fn on(&mut self, event: Event<u32>) -> Vec<Action<u32>> {
        let mut actions = Vec::new();
        self.machine.on(event, self.now, &mut actions);
        for action in &actions {
            match action {
                Action::Seal { .. } | Action::DiscardOpen => self.open_bytes = 0,
                Action::Append { continuation, .. } => self.sent_with = *continuation,
                _ => {}
            }
        }
        actions
    }

    fn assigned(&mut self, group_offset: impl Into<Option<i64>>, committed: impl Into<Option<i64>>) -> Vec<Action<u32>> {
        self.assigned_with_errors(group_offset, committed, None)
    }

    fn assigned_with_errors(
        &mut self,
        group_offset: impl Into<Option<i64>>,
        committed: impl Into<Option<i64>>,
        row_errors: Option<u64>,
    ) -> Vec<Action<u32>> {
        let group_offset = group_offset.into().and_then(Offset::new);
        let committed_offset = committed.into().and_then(Offset::new);
        self.on(Event::Assigned(Remembered { group_offset, committed_offset, row_errors }))
    }

    fn open_answered(&mut self, outcome: OpenOutcome<u32>) -> Vec<Action<u32>> {
        self.on(Event::OpenAnswered { session: self.machine.session(), outcome })
    }

    fn opened(&mut self, committed: impl Into<Option<i64>>) -> Vec<Action<u32>> {
        self.opened_with_errors(committed, 0)
    }

    fn opened_with_errors(&mut self, committed: impl Into<Option<i64>>, row_errors: u64) -> Vec<Action<u32>> {
        let continuation = 100 * u32::try_from(self.machine.session()).unwrap();
        let committed = committed.into().and_then(Offset::new);
        self.open_answered(OpenOutcome::Opened { continuation, committed, row_errors })
    }

    fn encoded(&mut self, first: i64, last: i64, records: u64, dead_letters: &[i64]) -> Vec<Action<u32>> {
        self.open_bytes += 10 * usize::try_from(records).unwrap();
        self.on(Event::Encoded(Encoded {
            range: range(first, last),
            records,
            last_with_rows: (records > 0).then(|| at(last)),
            body_bytes: self.open_bytes,
            dead_letters: dead_letters.iter().copied().map(at).collect(),
        }))
    }

    /// Every record from `first` to `last` has rows.
    fn rows(&mut self, first: i64, last: i64) -> Vec<Action<u32>> {
        self.encoded(first, last, u64::try_from(last - first + 1).unwrap(), &[])
    }

    /// None of them has.
    fn dropped(&mut self, first: i64, last: i64) -> Vec<Action<u32>> {
        self.encoded(first, last, 0, &[])
    }

    /// Rows, and no room for more.
    fn body(&mut self, first: i64, last: i64) -> Vec<Action<u32>> {
        let mut actions = self.rows(first, last);
        actions.extend(self.on(Event::BodyFull));
        actions
    }

    fn answered(&mut self, body: BodyId, outcome: AppendOutcome<u32>) -> Vec<Action<u32>> {
        self.on(Event::AppendAnswered { session: self.machine.session(), body, outcome })
    }

    fn appended(&mut self, body: BodyId) -> Vec<Action<u32>> {
        self.answered(body, AppendOutcome::Appended(self.sent_with + 1))
    }

    fn rewound(&mut self, from: i64) -> Vec<Action<u32>> {
        self.on(Event::Rewound(at(from)))
    }

    fn status(&mut self, committed: impl Into<Option<i64>>, row_errors: u64) -> Vec<Action<u32>> {
        let committed = committed.into().and_then(Offset::new);
        self.on(Event::StatusSeen { session: self.machine.session(), valid: true, committed, row_errors })
    }

    fn committed(&mut self, offset: i64) -> Vec<Action<u32>> {
        self.status(offset, 0)
    }

    fn invalid(&mut self) -> Vec<Action<u32>> {
        self.on(Event::StatusSeen { session: self.machine.session(), valid: false, committed: None, row_errors: 0 })
    }

    fn revoked(&mut self, deadline: Millis) -> Vec<Action<u32>> {
        self.on(Event::Revoked { deadline })
    }

    fn after(&mut self, wait: Millis) -> Vec<Action<u32>> {
        self.now += wait;
        self.on(Event::Tick)
    }

    /// The wait that [`Partition::due_at`] asks for.
    fn due_in(&self) -> Option<Millis> {
        self.machine.due_at().map(|at| at.checked_sub(self.now).expect("nothing is due that a tick did not do"))
    }
}

fn at(offset: i64) -> Offset {
    Offset::new(offset).unwrap()
}

fn range(first: i64, last: i64) -> OffsetRange {
    OffsetRange::new(at(first), at(last))
}

fn open(session: Session) -> Action<u32> {
    Action::Open { session, force: false }
}

fn seal(body: BodyId, first: i64, last: i64) -> Action<u32> {
    Action::Seal { body, range: range(first, last) }
}

/// An append by the opening that handed out its token.
fn append(body: BodyId, first: i64, last: i64, attempt: u32, continuation: u32) -> Action<u32> {
    Action::Append { session: Session::from(continuation / 100), body, range: range(first, last), attempt, continuation }
}

fn discard(body: BodyId) -> Action<u32> {
    Action::Discard { body }
}

fn commit(next: i64, committed: impl Into<Option<i64>>) -> Action<u32> {
    commit_with_errors(next, committed, 0)
}

fn commit_with_errors(next: i64, committed: impl Into<Option<i64>>, row_errors: u64) -> Action<u32> {
    Action::CommitGroupOffset { next: at(next), committed: committed.into().and_then(Offset::new), row_errors: Some(row_errors) }
}

fn start_at(offset: impl Into<Option<i64>>) -> Action<u32> {
    Action::StartAt(offset.into().and_then(Offset::new))
}

fn rewind(from: i64) -> Action<u32> {
    Action::Rewind { from: at(from) }
}
