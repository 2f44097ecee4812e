//! Bodies on their way into the table: one append at a time, what its answer means, and what Snowflake then says is committed.
//!
//! After an answer that leaves the outcome unknown either the same bytes go out again, or the channel is opened anew and asked.

use snowgate_record::Offset;

use super::event::{Action, AppendOutcome, BlockReason, BodyId, Millis, Session};
use super::held::BodyState;
use super::opening::AfterOpen;
use super::{Partition, Phase};

impl<C: Clone> Partition<C> {
    pub(super) fn append_next(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.blocked.is_some_and(BlockReason::holds_appends) || self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        let Some(continuation) = self.continuation.clone() else { return };
        let Some(body) = self.held.next_to_append() else { return };
        body.state = BodyState::InFlight;
        self.retry_at = None;
        actions.push(Action::Append {
            session: self.session,
            body: body.id,
            range: body.range,
            attempt: self.attempt,
            continuation,
        });
        self.attempt += 1;
    }

    pub(super) fn append_answered(
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
        let Some(body) = self.held.in_flight(id) else { return };
        match outcome {
            AppendOutcome::Appended(continuation) => {
                body.state = BodyState::Appended { at: now };
                self.continuation = Some(continuation);
                self.attempt = 0;
                self.failures = 0;
                if self.blocked == Some(BlockReason::PermissionDenied) {
                    self.unblock(actions);
                    if self.undelivered {
                        self.block(BlockReason::DeadLettersRefused, now, actions);
                    }
                }
            }
            AppendOutcome::Unknown => {
                body.state = BodyState::Sealed;
                // A status may have said before that the rows are in: then only the next token is missing.
                let committed = Some(body.range.last()) <= self.committed;
                if committed || self.attempt > self.policy.max_resends {
                    return self.reopen(AfterOpen::Resume, actions);
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
                return self.fenced(now, actions);
            }
            AppendOutcome::ObjectMissing => return self.reopen(AfterOpen::Resume, actions),
            AppendOutcome::Denied => {
                // Nothing is wrong with the channel: the same request goes out again, rarely.
                body.state = BodyState::Sealed;
                self.attempt -= 1;
                self.retry_at = Some(now + self.policy.probe_interval);
                self.block(BlockReason::PermissionDenied, now, actions);
            }
            AppendOutcome::TooLarge | AppendOutcome::Malformed => {
                match body.last_with_rows {
                    Some(record) if body.records == 1 => {
                        self.refused.insert(record);
                    }
                    _ => self.record_limit = (body.records / 2).max(1),
                }
                return self.reopen(AfterOpen::Rewind, actions);
            }
        }
        self.go_on(now, actions);
    }

    /// Somebody opened the channel. Now and then that is a hand-over; again and again it is another writer.
    fn fenced(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        self.fences += 1;
        if self.fences > self.policy.max_fences {
            self.continuation = None;
            self.block(BlockReason::ChannelContended, now, actions);
            return self.finish_if_drained(actions);
        }
        self.reopen(AfterOpen::Resume, actions);
    }

    pub(super) fn status_seen(
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
            return self.fenced(now, actions);
        }
        if committed < self.committed {
            return self.block(BlockReason::ChannelRegressed, now, actions);
        }
        if committed > self.held.sent_up_to().max(self.committed) {
            // Rows that we never sent: the channel has another writer, whom our next append would meet anyway.
            return self.reopen(AfterOpen::Resume, actions);
        }
        if self.row_errors.is_none_or(|known| row_errors > known) {
            self.block(BlockReason::RowsRejected, now, actions);
        }
        if committed > self.committed {
            self.fences = 0;
            self.record_limit = self.record_limit.saturating_mul(2);
        }
        self.follow(committed, actions);
        self.held.release(self.committed, actions);
        self.go_on(now, actions);
    }

    /// Takes Snowflake's word. A body waits for its dead letters, whoever appended it, so what the committed offset covers is
    /// settled in every way.
    pub(super) fn follow(&mut self, committed: Option<Offset>, actions: &mut Vec<Action<C>>) {
        self.committed = committed;
        if self.blocked.is_some_and(BlockReason::holds_settling) {
            // Rows may be missing from the table: the group offset must not say that they are there.
            return;
        }
        if committed > self.settled {
            self.settled = committed;
            self.refused.retain(|offset| Some(*offset) > committed);
            self.push_commit(actions);
        }
    }
}
