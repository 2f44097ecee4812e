//! How the channel is opened, and what its answer leads to.
//!
//! An opening fences whoever had the channel before, this process included, and tells the committed offset. What was sent through
//! an earlier opening and is not covered by it is not in the table, and never will be: it goes out again.
//!
//! What must stay true:
//! - the channel is opened only while this process owns the partition;
//! - rows that are still on their way are waited for before they are given up, or what they hold would be sent twice as often;
//! - a committed offset that lies below what was seen before stops the partition, unless the configuration accepts it;
//! - so do more rejected rows than were known, whoever sent them.

use snowgate_record::Offset;

use super::event::{Action, BlockReason, Millis, OpenOutcome, Session};
use super::{Partition, Phase};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterOpen {
    /// The first opening since the partition was assigned.
    Start,
    /// Go on with the bodies at hand.
    Resume,
    /// Drop the bodies at hand and read again.
    Rewind,
}

impl<C: Clone> Partition<C> {
    pub(super) fn begin_open(&mut self, then: AfterOpen, force: bool, actions: &mut Vec<Action<C>>) {
        let refused_since = match self.phase {
            Phase::Opening { refused_since, .. } => refused_since,
            Phase::Idle | Phase::Running | Phase::Rewinding => None,
        };
        self.session += 1;
        self.continuation = None;
        self.attempt = 0;
        self.retry_at = None;
        self.phase = Phase::Opening { retry_at: None, refused_since, then };
        actions.push(Action::Open { session: self.session, force });
    }

    pub(super) fn open_answered(&mut self, session: Session, outcome: OpenOutcome<C>, now: Millis, actions: &mut Vec<Action<C>>) {
        let Phase::Opening { refused_since, then, .. } = self.phase else { return };
        if session != self.session {
            return;
        }
        match outcome {
            OpenOutcome::Opened { continuation, committed, row_errors } => {
                self.failures = 0;
                if self.regressed(committed, then) && !self.policy.accept_regression {
                    // What the channel forgot may or may not be in the table: only a person can tell.
                    self.phase = Phase::Running;
                    self.held.unsend();
                    self.block(BlockReason::ChannelRegressed, now, actions);
                    if then == AfterOpen::Start {
                        actions.push(Action::StartAt(self.remembered.group_offset));
                    }
                    return self.finish_if_drained(actions);
                }
                self.continuation = Some(continuation);
                // Where nothing was written down, what there is at the first opening is taken as known. A channel that was created
                // anew counts from zero.
                let rejected = self.row_errors.is_some_and(|known| row_errors > known);
                self.row_errors = Some(row_errors);
                if rejected && then == AfterOpen::Start && self.policy.accept_regression {
                    // Accepted once is accepted for good.
                    self.committed = committed;
                    self.push_commit(actions);
                } else if rejected {
                    self.block(BlockReason::RowsRejected, now, actions);
                }
                // Dead letters that could not be delivered are made again from their records.
                let again = std::mem::take(&mut self.undelivered) && then == AfterOpen::Resume;
                let then = if again { AfterOpen::Rewind } else { then };
                if self.blocked.is_some_and(BlockReason::may_pass) {
                    self.unblock(actions);
                }
                self.opened(committed, then, now, actions);
            }
            OpenOutcome::UncommittedRows => {
                let since = refused_since.unwrap_or(now);
                if now.saturating_sub(since) >= self.policy.uncommitted_patience {
                    return self.begin_open(then, true, actions);
                }
                let wait = self.policy.backoff_min.max(self.backoff().min(1_000));
                self.phase = Phase::Opening { retry_at: Some(now + wait), refused_since: Some(since), then };
            }
            OpenOutcome::Unknown { retry_after } => {
                let wait = self.backoff().max(retry_after.unwrap_or(0));
                self.phase = Phase::Opening { retry_at: Some(now + wait), refused_since, then };
            }
            OpenOutcome::ObjectMissing => self.open_blocked(BlockReason::ObjectMissing, now, actions),
            OpenOutcome::Denied => self.open_blocked(BlockReason::PermissionDenied, now, actions),
        }
    }

    fn open_blocked(&mut self, reason: BlockReason, now: Millis, actions: &mut Vec<Action<C>>) {
        self.block(reason, now, actions);
        if let Phase::Opening { retry_at, .. } = &mut self.phase {
            *retry_at = Some(now + self.policy.probe_interval);
        }
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
                self.held.unsend();
                if self.held.is_covered_in_part(committed) {
                    // Somebody else wrote with other bounds: only Kafka has the rest.
                    return self.drop_all_and_rewind(now, actions);
                }
                self.held.release(self.committed, actions);
            }
            AfterOpen::Rewind => return self.drop_all_and_rewind(now, actions),
        }
        self.go_on(now, actions);
    }

    pub(super) fn drop_all_and_rewind(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        self.held.drop_all(actions);
        let settled = self.settled.max(self.committed).map(Offset::next);
        match settled.or(self.remembered.group_offset).or(self.first_read) {
            Some(from) => self.rewind(from, actions),
            // Nothing was read yet, so nothing has to be read again.
            None => {
                self.phase = Phase::Running;
                self.swap_if_settled(now, actions);
            }
        }
    }

    /// Opens the channel anew, unless the partition is on its way to somebody else: then the channel is theirs to open.
    pub(super) fn reopen(&mut self, then: AfterOpen, actions: &mut Vec<Action<C>>) {
        if self.deadline.is_some() {
            return self.let_go(actions);
        }
        self.begin_open(then, false, actions);
    }
}
