//! The machines of one partition whose records go to several tables: one for each table, and what they decide together.
//!
//! A *lane* is a table's share of a partition: a channel and a [`Partition`] of its own. Every lane looks at every record, in order; a
//! record that goes to another table is to it as a dropped one, so each lane keeps its promises as if it were alone. Together:
//! - records are read while every lane wants them, so all lanes have looked at the same ones, but for those that a lane knew to be
//!   committed when it began, or that another lane has to read again: these it passes over;
//! - the group offset is the least of theirs, and the partition starts, and is read again, at the least offset that any of them needs;
//! - the partition is let go, and goes over to other plugins, when every lane has.
//!
//! A record that was committed in one table and is then sent to another would be doubled, and lost the other way round. So where
//! a lane is ahead of another, what was read is read again by the same *routing* (plugins, their options, tables):
//! - plugins are swapped only when the lanes are level;
//! - nothing is appended by a routing that the group does not have beside its offset yet;
//! - a partition that comes with another routing beside its offset is read only where its lanes are level, and where it was let go at
//!   rest if it had tables that we cannot ask.
//!
//! What a record's route is may depend on nothing but the record and the routing. And no process may come back, after it was without a
//! word for longer than its session, with a routing that was changed meanwhile: until it learns that the partition is not its own it
//! would load by what it knows.

use snowgate_record::Offset;

use super::event::{Action, BlockReason, BodyId, Event, Millis, Policy, Remembered, Session};
use super::opening::AfterOpen;
use super::{Partition, Phase};

/// How long the group's answer to a mark is waited for before it is committed once more: a rebalance may swallow one.
const MARK_AGAIN: Millis = 2_000;
/// The pipeline's own table has the first lane. It also answers for records without a table.
pub(crate) const OWN: usize = 0;

/// An action, and the lane that it concerns; [`OWN`] where that is the whole partition.
pub(crate) type Step<C> = (usize, Action<C>);

/// Whom an event concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Lane(usize),
    All,
}

/// What the group has beside its offset about the routing by which records were read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// It is ours, or there never was more than one table.
    Same,
    /// It is ours, and nothing that was read by it is left to settle, which is true no more once we append.
    AtRest,
    /// It is another; `lost_sight` where rows may be on their way to a table that we have not, so that nobody sees how far it is.
    Other { lost_sight: bool },
}

/// A partition that was assigned.
#[derive(Debug, Clone)]
pub(crate) struct Begin {
    /// Lane by lane; the group offset is the same in all.
    pub(crate) remembered: Vec<Remembered>,
    pub(crate) before: Before,
}

#[derive(Debug)]
struct Lane<C> {
    machine: Partition<C>,
    /// Since its channel was opened: where it would start.
    start: Option<Option<Offset>>,
    /// The group offset that it asked for last.
    asked: Option<Offset>,
    has_swapped: bool,
}

/// Whether the group has our routing beside its offset. Nothing is appended before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Known,
    Unknown { commit_again: Millis },
}

const UNKNOWN: Mark = Mark::Unknown { commit_again: 0 };

/// All machines of one partition.
#[derive(Debug)]
pub(crate) struct Lanes<C> {
    lanes: Vec<Lane<C>>,
    /// Go on where only a person can say that no record is doubled or lost by another routing.
    accept_change: bool,
    /// Whether other plugins are another routing: where there is more than one table.
    is_routed: bool,
    group_offset: Option<Offset>,
    before: Before,
    /// Whether the partition was told where to start.
    has_begun: bool,
    /// Whether only a person can say that another routing neither doubles nor loses a record.
    is_barred: bool,
    mark: Mark,
    /// Appends that wait for it.
    held_back: Vec<Step<C>>,
    /// The group offset that was committed last.
    committed_next: Option<Offset>,
    swap: Swapping,
    /// What the machines of an event asked for together.
    wishes: Wishes,
    actions: Vec<Action<C>>,
}

/// How far a swap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Swapping {
    No,
    /// Asked for, and put off until the lanes are level.
    Asked,
    /// The machines were asked, too.
    Draining,
    /// They have all swapped. What their channels hold is asked once more: a process that did not know better may have appended to one
    /// where we had nothing to append.
    Verifying,
}

#[derive(Debug, Default)]
struct Wishes {
    commit: bool,
    rewind: bool,
    let_go: bool,
}

impl<C: Clone> Lanes<C> {
    /// A lane for each of `tables`, the pipeline's own first.
    pub(crate) fn new(policy: &Policy, tables: usize, is_routed: bool, accept_change: bool) -> Lanes<C> {
        let lane = |_| Lane { machine: Partition::new(policy.clone()), start: None, asked: None, has_swapped: false };
        Lanes {
            lanes: (0..tables).map(lane).collect(),
            accept_change,
            is_routed,
            group_offset: None,
            before: Before::Same,
            has_begun: false,
            is_barred: false,
            mark: Mark::Known,
            held_back: Vec::new(),
            committed_next: None,
            swap: Swapping::No,
            wishes: Wishes::default(),
            actions: Vec::new(),
        }
    }

    pub(crate) fn of(&self, lane: usize) -> &Partition<C> {
        &self.lanes[lane].machine
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Partition<C>> {
        self.lanes.iter().map(|lane| &lane.machine)
    }

    /// Whether records may be read and encoded now.
    pub(crate) fn wants_records(&self) -> bool {
        self.iter().all(Partition::wants_records)
    }

    /// Every lane has looked at the records up to here, or knows them to be settled.
    pub(crate) fn position(&self) -> Option<Offset> {
        self.iter().map(Partition::position).min().flatten()
    }

    /// The last offset at and below which all is settled.
    pub(crate) fn settled(&self) -> Option<Offset> {
        self.iter().map(Partition::settled).min().flatten()
    }

    /// Whether all that was read is settled in every lane, so that whoever reads on may do so by another routing.
    pub(crate) fn is_at_rest(&self) -> bool {
        let settled = self.settled();
        settled.is_some() && self.iter().all(|machine| machine.settled() == settled && machine.position() == settled)
    }

    /// Whether the group's next answer may say that it has our routing.
    pub(crate) fn awaits_mark(&self) -> bool {
        self.mark != Mark::Known
    }

    /// Whether a swap or an append waits for the group to say that it has the group offset.
    pub(crate) fn awaits_group(&self) -> bool {
        !self.held_back.is_empty() || self.iter().any(Partition::awaits_group)
    }

    /// When [`Event::Tick`] is wanted next.
    pub(crate) fn due_at(&self) -> Option<Millis> {
        let mark = match self.mark {
            Mark::Unknown { commit_again } if commit_again > 0 => Some(commit_again),
            Mark::Unknown { .. } | Mark::Known => None,
        };
        self.iter().filter_map(Partition::due_at).chain(mark).min()
    }

    pub(crate) fn assigned(&mut self, begin: &Begin, now: Millis, steps: &mut Vec<Step<C>>) {
        debug_assert_eq!(begin.remembered.len(), self.lanes.len(), "one memory for each lane");
        self.group_offset = begin.remembered[OWN].group_offset;
        self.committed_next = self.group_offset;
        self.before = begin.before;
        (self.has_begun, self.is_barred) = (false, false);
        self.swap = Swapping::No;
        self.held_back.clear();
        // Where the group has no offset it has nothing beside it either.
        let is_known = if self.group_offset.is_some() { begin.before == Before::Same } else { !self.is_routed };
        self.mark = if is_known { Mark::Known } else { UNKNOWN };
        for (index, remembered) in begin.remembered.iter().enumerate() {
            let lane = &mut self.lanes[index];
            (lane.start, lane.asked, lane.has_swapped) = (None, remembered.group_offset, false);
            self.tell(index, Event::Assigned(*remembered), now, steps);
        }
        self.conclude(now, steps);
    }

    /// The group has our routing beside its offset.
    pub(crate) fn marked(&mut self, steps: &mut Vec<Step<C>>) {
        self.mark = Mark::Known;
        for (lane, action) in self.held_back.drain(..) {
            if matches!(action, Action::Append { session, body, .. } if self.lanes[lane].machine.is_in_flight(session, body)) {
                steps.push((lane, action));
            }
        }
    }

    /// Takes one event and says what to do next.
    pub(crate) fn on(&mut self, to: To, event: Event<C>, now: Millis, steps: &mut Vec<Step<C>>) {
        // Nothing was sent yet that could be waited for, and during a rebalance the group answers no mark.
        let event = if matches!(event, Event::Revoked { .. }) && self.awaits_mark() { Event::Lost } else { event };
        match (to, event) {
            (_, Event::SwapAsked) => self.swap = Swapping::Asked,
            (To::Lane(lane), event) => self.tell(lane, event, now, steps),
            (To::All, event) => (0..self.lanes.len()).for_each(|lane| self.tell(lane, event.clone(), now, steps)),
        }
        self.conclude(now, steps);
    }

    /// One machine takes an event in; what it asks of the whole partition is a wish until all were heard.
    fn tell(&mut self, index: usize, event: Event<C>, now: Millis, steps: &mut Vec<Step<C>>) {
        let lane = &mut self.lanes[index];
        lane.machine.on(event, now, &mut self.actions);
        for action in self.actions.drain(..) {
            match action {
                Action::StartAt(start) => lane.start = Some(start),
                Action::Rewind { .. } => {
                    lane.start = lane.start.or(Some(None));
                    self.wishes.rewind = true;
                }
                Action::CommitGroupOffset { next, .. } => {
                    // Once more the same: the group's answer is waited for, or something else is to be written down.
                    self.wishes.commit |= lane.asked.replace(next) == Some(next);
                }
                Action::Swap => lane.has_swapped = true,
                Action::Drained => self.wishes.let_go = true,
                Action::Append { .. } if self.mark != Mark::Known => self.held_back.push((index, action)),
                action => steps.push((index, action)),
            }
        }
    }

    fn conclude(&mut self, now: Millis, steps: &mut Vec<Step<C>>) {
        self.swap_when_level(now, steps);
        let begins = !self.has_begun && self.lanes.iter().all(|lane| lane.start.is_some());
        if begins {
            self.has_begun = true;
            self.judge_routing(now, steps);
        }
        self.commit(steps);
        if self.has_begun && std::mem::take(&mut self.wishes.rewind) {
            // Where a lane has nothing to go by, the partition is read from its beginning.
            let from = self.position().map_or(Offset::ZERO, Offset::next);
            steps.push((OWN, Action::Rewind { from }));
        } else if begins {
            steps.push((OWN, self.start()));
        }
        self.swap_when_drained(steps);
        self.commit_mark(now, steps);
        if std::mem::take(&mut self.wishes.let_go) && self.iter().all(Partition::is_idle) {
            self.swap = Swapping::No;
            self.held_back.clear();
            steps.push((OWN, Action::Drained));
        }
    }

    /// Where the partition starts, once every channel was opened.
    fn start(&self) -> Action<C> {
        let starts = || self.lanes.iter().map(|lane| lane.start.flatten());
        match starts().min().flatten() {
            // A table that was never loaded may have records anywhere before those that others have.
            None if starts().any(|start| start.is_some()) => Action::StartAtBeginning,
            start => Action::StartAt(start),
        }
    }

    /// Records that were read by another routing and are committed in some table only, were they read again, might go to another.
    fn judge_routing(&mut self, now: Millis, steps: &mut Vec<Step<C>>) {
        let Before::Other { lost_sight } = self.before else { return };
        if (lost_sight || !self.is_level()) && !self.accept_change {
            self.is_barred = true;
            self.lanes[OWN].machine.block(BlockReason::RoutingChanged, now, &mut self.actions);
            steps.extend(self.actions.drain(..).map(|action| (OWN, action)));
        }
    }

    fn is_level(&self) -> bool {
        let position = self.lanes[OWN].machine.position();
        self.iter().all(|machine| machine.position() == position)
    }

    /// Until the lanes are level, records are read on through the plugins that some of them were read through before.
    fn swap_when_level(&mut self, now: Millis, steps: &mut Vec<Step<C>>) {
        let is_level = self.is_level();
        if matches!(self.swap, Swapping::Draining | Swapping::Verifying) && !is_level {
            // A lane has to read again what others have settled, or turns out to be ahead.
            self.swap = Swapping::Asked;
            self.lanes.iter_mut().for_each(|lane| lane.machine.swap = None);
        }
        let is_ready = self.lanes.len() == 1 || (self.has_begun && is_level);
        if self.swap == Swapping::Asked && is_ready {
            self.swap = Swapping::Draining;
            self.lanes.iter_mut().for_each(|lane| lane.has_swapped = false);
            (0..self.lanes.len()).for_each(|lane| self.tell(lane, Event::SwapAsked, now, steps));
        }
    }

    fn swap_when_drained(&mut self, steps: &mut Vec<Step<C>>) {
        let is_drained = self.lanes.iter().all(|lane| lane.has_swapped && lane.machine.is_running());
        match self.swap {
            Swapping::Draining if is_drained && self.lanes.len() > 1 => {
                self.swap = Swapping::Verifying;
                for (index, lane) in self.lanes.iter_mut().enumerate() {
                    lane.machine.reopen(AfterOpen::Resume, &mut self.actions);
                    steps.extend(self.actions.drain(..).map(|action| (index, action)));
                }
            }
            Swapping::Draining | Swapping::Verifying if is_drained => {
                self.swap = Swapping::No;
                steps.push((OWN, Action::Swap));
                if self.is_routed {
                    self.mark = UNKNOWN;
                }
            }
            _ => {}
        }
    }

    fn commit(&mut self, steps: &mut Vec<Step<C>>) {
        let again = std::mem::take(&mut self.wishes.commit);
        let next = self.settled().map(Offset::next);
        if next > self.committed_next || again {
            self.push_commit(steps);
        }
    }

    fn commit_mark(&mut self, now: Millis, steps: &mut Vec<Step<C>>) {
        let Mark::Unknown { commit_again } = self.mark else { return };
        if self.has_begun && now >= commit_again && !self.is_barred && self.next().is_some() {
            self.mark = Mark::Unknown { commit_again: now + MARK_AGAIN };
            self.push_commit(steps);
        }
    }

    /// The group offset as it is to be. Until anything is settled it is where the group began, or we did.
    fn next(&self) -> Option<Offset> {
        let first_read = || self.iter().filter_map(|machine| machine.first_read).min();
        self.settled().map(Offset::next).or(self.group_offset).or_else(first_read)
    }

    fn push_commit(&mut self, steps: &mut Vec<Step<C>>) {
        // Somebody's routing stands beside the group offset for whoever starts with it again: nothing of ours may take its place.
        let Some(next) = self.next().filter(|_| !self.is_barred) else { return };
        let own = self.of(OWN);
        steps.push((OWN, Action::CommitGroupOffset { next, committed: own.committed(), row_errors: own.row_errors() }));
        self.committed_next = Some(next);
    }
}

impl<C: Clone> Partition<C> {
    /// Records at and below this offset were looked at, or are settled.
    fn position(&self) -> Option<Offset> {
        self.resume_after().max(self.settled)
    }

    /// Whether its channel is open, and it is to stay ours.
    fn is_running(&self) -> bool {
        self.phase == Phase::Running && self.deadline.is_none()
    }

    fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// Whether the append of `body` by this opening is still waited for.
    fn is_in_flight(&self, session: Session, body: BodyId) -> bool {
        self.session == session && self.held.is_in_flight(body)
    }

    /// What holds it.
    pub(crate) fn blocked(&self) -> Option<BlockReason> {
        self.blocked
    }

    /// Rejected rows of its channel that are known of.
    pub(crate) fn row_errors(&self) -> Option<u64> {
        self.row_errors
    }
}
