//! What was read and is not settled: the open body, the sealed ones, the dead letters on their way.
//!
//! Records come in at the back ([`Held::take_in`]), the open body is closed behind them ([`Held::seal`]), the oldest sealed body is
//! the next to append, and bodies leave at the front once they are committed. Nothing here decides *when*: the machine does.
//!
//! What must stay true:
//! - bodies lie in offset order, the open one behind them, and no two overlap;
//! - at most one body is in flight, and none behind it was appended;
//! - a body is the next to append only when no dead letter at or below its last offset is under way.

use std::collections::{BTreeSet, VecDeque};

use snowgate_record::{Offset, OffsetRange};

use super::event::{Action, BodyId, Encoded, Millis};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyState {
    Sealed,
    InFlight,
    Appended { at: Millis },
}

#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) id: BodyId,
    pub(super) range: OffsetRange,
    pub(super) records: u64,
    pub(super) last_with_rows: Option<Offset>,
    pub(super) state: BodyState,
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

#[derive(Debug)]
pub(super) struct Held {
    bodies: VecDeque<Body>,
    open: Option<Open>,
    dead_letters: BTreeSet<Offset>,
    next_body: BodyId,
}

impl Held {
    /// Holds nothing yet; its first body will be called `next_body`.
    pub(super) fn new(next_body: BodyId) -> Held {
        Held { bodies: VecDeque::new(), open: None, dead_letters: BTreeSet::new(), next_body }
    }

    pub(super) fn next_body(&self) -> BodyId {
        self.next_body
    }

    /// Sealed bodies that are not committed, appended ones included.
    pub(super) fn bodies(&self) -> usize {
        self.bodies.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bodies.is_empty() && self.open.is_none() && self.dead_letters.is_empty()
    }

    pub(super) fn take_in(&mut self, encoded: Encoded, now: Millis) {
        let Encoded { range, records, last_with_rows, body_bytes, dead_letters } = encoded;
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
    }

    /// Records with rows in the open body.
    pub(super) fn open_records(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.records)
    }

    pub(super) fn open_is_full(&self, byte_limit: usize, record_limit: u64) -> bool {
        self.open.as_ref().is_some_and(|open| open.records > 0 && (open.bytes >= byte_limit || open.records >= record_limit))
    }

    /// The next record would not fit, whatever the byte count says.
    pub(super) fn fill_open(&mut self, byte_limit: usize) {
        if let Some(open) = &mut self.open {
            open.bytes = open.bytes.max(byte_limit);
        }
    }

    /// Since when rows wait in the open body.
    pub(super) fn open_since(&self) -> Option<Millis> {
        self.open.as_ref().filter(|open| open.records > 0).map(|open| open.since)
    }

    /// Closes the open body under a name of its own.
    pub(super) fn seal<C>(&mut self, actions: &mut Vec<Action<C>>) {
        let Some(Open { range, records, last_with_rows, .. }) = self.open.take() else { return };
        let id = self.next_body;
        self.next_body += 1;
        actions.push(Action::Seal { body: id, range });
        self.bodies.push_back(Body { id, range, records, last_with_rows, state: BodyState::Sealed });
    }

    pub(super) fn next_to_append(&mut self) -> Option<&mut Body> {
        if self.bodies.iter().any(|body| body.state == BodyState::InFlight) {
            return None;
        }
        let dead_letter = self.dead_letters.first().copied();
        let body = self.bodies.iter_mut().find(|body| body.state == BodyState::Sealed)?;
        if dead_letter.is_some_and(|offset| offset <= body.range.last()) { None } else { Some(body) }
    }

    pub(super) fn in_flight(&mut self, id: BodyId) -> Option<&mut Body> {
        self.bodies.iter_mut().find(|body| body.id == id && body.state == BodyState::InFlight)
    }

    pub(super) fn is_in_flight(&self, id: BodyId) -> bool {
        self.bodies.iter().any(|body| body.id == id && body.state == BodyState::InFlight)
    }

    pub(super) fn has_appended(&self) -> bool {
        self.bodies.iter().any(|body| matches!(body.state, BodyState::Appended { .. }))
    }

    /// Whether anything was sent that is not known to be committed.
    pub(super) fn has_sent(&self) -> bool {
        self.bodies.iter().any(|body| body.state != BodyState::Sealed)
    }

    /// When the oldest body was appended, if it waits for its commit.
    pub(super) fn waits_since(&self) -> Option<Millis> {
        match self.bodies.front()?.state {
            BodyState::Appended { at } => Some(at),
            BodyState::Sealed | BodyState::InFlight => None,
        }
    }

    /// The last offset that Snowflake took.
    pub(super) fn last_appended(&self) -> Option<Offset> {
        self.bodies.iter().rev().find(|body| matches!(body.state, BodyState::Appended { .. })).map(|body| body.range.last())
    }

    /// The last offset that was sent through this opening and may yet be committed.
    pub(super) fn sent_up_to(&self) -> Option<Offset> {
        self.bodies.iter().rev().find(|body| body.state != BodyState::Sealed).map(|body| body.range.last())
    }

    /// Nothing that was sent through an earlier opening counts.
    pub(super) fn unsend(&mut self) {
        for body in &mut self.bodies {
            body.state = BodyState::Sealed;
        }
    }

    /// Whether `committed` ends inside a body, or reaches into rows that were not even sealed.
    pub(super) fn is_covered_in_part(&self, committed: Option<Offset>) -> bool {
        let Some(committed) = committed else { return false };
        self.bodies.iter().any(|body| body.range.contains(committed) && body.range.last() != committed)
            || self.open.as_ref().is_some_and(|open| open.records > 0 && open.range.first() <= committed)
    }

    /// Lets go of the bodies that the committed offset covers.
    pub(super) fn release<C>(&mut self, committed: Option<Offset>, actions: &mut Vec<Action<C>>) {
        // One in flight may be committed before it was answered: the answer is not needed, but the next token is.
        while let Some(body) =
            self.bodies.pop_front_if(|body| Some(body.range.last()) <= committed && body.state != BodyState::InFlight)
        {
            actions.push(Action::Discard { body: body.id });
        }
    }

    pub(super) fn dead_letter_delivered(&mut self, offset: Offset) -> bool {
        self.dead_letters.remove(&offset)
    }

    /// Takes away records at the end that made no rows, once nothing before them waits; the last of them.
    pub(super) fn take_rowless<C>(&mut self, actions: &mut Vec<Action<C>>) -> Option<Offset> {
        if !self.bodies.is_empty() || !self.dead_letters.is_empty() {
            return None;
        }
        let open = self.open.take_if(|open| open.records == 0)?;
        actions.push(Action::DiscardOpen);
        Some(open.range.last())
    }

    pub(super) fn drop_all<C>(&mut self, actions: &mut Vec<Action<C>>) {
        for body in self.bodies.drain(..) {
            actions.push(Action::Discard { body: body.id });
        }
        if self.open.take().is_some() {
            actions.push(Action::DiscardOpen);
        }
        // Their records are read again; an acknowledgement that still comes finds nothing to settle.
        self.dead_letters.clear();
    }
}
