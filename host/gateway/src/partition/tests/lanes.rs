//! What the lanes of a partition decide together.

use super::super::lanes::{Before, Begin, Lanes, Step, To};
use super::*;

struct Several {
    lanes: Lanes<u32>,
    now: Millis,
}

impl Several {
    /// Two tables, the partition just assigned.
    fn assigned(group_offset: Option<i64>, before: Before) -> Several {
        Several::assigned_with(group_offset, before, false)
    }

    fn assigned_with(group_offset: Option<i64>, before: Before, accept_change: bool) -> Several {
        let mut several = Several { lanes: Lanes::new(&policy(), 2, true, accept_change), now: 0 };
        let remembered = Remembered { group_offset: group_offset.and_then(Offset::new), ..Remembered::default() };
        let mut steps = Vec::new();
        several.lanes.assigned(&Begin { remembered: vec![remembered; 2], before }, 0, &mut steps);
        assert_eq!(steps, [(0, open(1)), (1, open(1))]);
        several
    }

    /// Two tables, both channels open, group offset 10.
    fn running(own: i64, other: i64) -> Several {
        let mut several = Several::assigned(Some(10), Before::Same);
        several.opened(0, own);
        several.opened(1, other);
        several
    }

    fn on(&mut self, to: To, event: Event<u32>) -> Vec<Step<u32>> {
        let mut steps = Vec::new();
        self.lanes.on(to, event, self.now, &mut steps);
        steps
    }

    fn opened(&mut self, lane: usize, committed: impl Into<Option<i64>>) -> Vec<Step<u32>> {
        let session = self.lanes.of(lane).session();
        let outcome = OpenOutcome::Opened { continuation: 7, committed: committed.into().and_then(Offset::new), row_errors: 0 };
        self.on(To::Lane(lane), Event::OpenAnswered { session, outcome })
    }

    /// Both lanes look at these records, of which `rows` have rows in the lane `of`.
    fn read(&mut self, first: i64, last: i64, of: usize, rows: u64) -> Vec<Step<u32>> {
        let mut steps = Vec::new();
        for lane in 0..2 {
            let records = if lane == of { rows } else { 0 };
            let unseen = self.lanes.of(lane).resume_after().map_or(first, |seen| first.max(seen.get() + 1));
            if unseen > last {
                continue;
            }
            let encoded = Encoded {
                range: range(unseen, last),
                records,
                last_with_rows: (records > 0).then(|| at(last)),
                body_bytes: usize::try_from(records).unwrap() * 10,
                dead_letters: Vec::new(),
            };
            steps.extend(self.on(To::Lane(lane), Event::Encoded(encoded)));
        }
        steps
    }

    fn committed(&mut self, lane: usize, offset: i64) -> Vec<Step<u32>> {
        let session = self.lanes.of(lane).session();
        self.on(To::Lane(lane), Event::StatusSeen { session, valid: true, committed: Offset::new(offset), row_errors: 0 })
    }

    /// The body at the head of this lane goes out and is appended.
    fn appended(&mut self, lane: usize, body: BodyId) {
        let session = self.lanes.of(lane).session();
        self.on(To::Lane(lane), Event::AppendAnswered { session, body, outcome: AppendOutcome::Appended(8) });
    }

    fn marked(&mut self) -> Vec<Step<u32>> {
        let mut steps = Vec::new();
        self.lanes.marked(&mut steps);
        steps
    }
}

/// The group offset that is committed, if one is.
fn group_offset(steps: &[Step<u32>]) -> Option<i64> {
    steps.iter().find_map(|(_, action)| match action {
        Action::CommitGroupOffset { next, .. } => Some(next.get()),
        _ => None,
    })
}

fn is_appended(steps: &[Step<u32>]) -> bool {
    steps.iter().any(|(_, action)| matches!(action, Action::Append { .. }))
}

#[test]
fn the_partition_starts_once_every_channel_is_open() {
    let mut several = Several::assigned(Some(10), Before::Same);
    assert_eq!(several.opened(0, 9), []);
    assert!(!several.lanes.wants_records());
    assert_eq!(several.opened(1, None), [(0, start_at(10))]);
    assert!(several.lanes.wants_records());
}

#[test]
fn without_a_group_offset_it_starts_where_the_table_that_is_least_far_goes_on() {
    let starts = |own: Option<i64>, other: Option<i64>| {
        let mut several = Several::assigned(None, Before::Same);
        several.opened(0, own);
        several
            .opened(1, other)
            .into_iter()
            .map(|(_, action)| action)
            .find(|action| !matches!(action, Action::CommitGroupOffset { .. }))
    };
    assert_eq!(starts(Some(9), Some(4)), Some(start_at(5)));
    assert_eq!(starts(None, None), Some(start_at(None)));
    // Whatever the configuration says of new groups.
    assert_eq!(starts(Some(9), None), Some(Action::StartAtBeginning));
}

#[test]
fn the_group_offset_is_the_least_of_all_lanes() {
    let mut several = Several::running(9, 9);
    assert_eq!(group_offset(&several.read(10, 19, 1, 5)), None);
    several.now += 50;
    let steps = several.on(To::All, Event::Tick);
    assert!(is_appended(&steps) && steps.iter().all(|(lane, _)| *lane == 1), "{steps:?}");
    several.appended(1, 0);
    assert_eq!(group_offset(&several.committed(1, 19)), Some(20));
    // Its own table's records are all that is left, then.
    several.read(20, 29, 0, 5);
    assert_eq!((several.lanes.settled(), several.lanes.of(1).settled()), (Some(at(19)), Some(at(29))));
}

#[test]
fn a_block_of_one_lane_holds_the_partition() {
    let mut several = Several::running(9, 9);
    several.on(To::Lane(1), Event::ReadFailed(BlockReason::PermissionDenied));
    assert!(!several.lanes.wants_records() && several.lanes.of(0).wants_records());
}

#[test]
fn it_is_read_again_from_the_least_offset_that_a_lane_needs_and_the_others_pass_over_it() {
    let mut several = Several::running(9, 9);
    assert!(is_appended(&several.read(10, 19, 1, 10)));
    let session = several.lanes.of(1).session();
    several.on(To::Lane(1), Event::AppendAnswered { session, body: 0, outcome: AppendOutcome::Malformed });
    let steps = several.opened(1, 9);
    assert_eq!(steps.last(), Some(&(0, rewind(10))));
    assert!(!several.lanes.wants_records());
    several.on(To::All, Event::Rewound(at(11)));
    assert!(!several.lanes.wants_records(), "record 10 would be passed over");
    several.on(To::All, Event::Rewound(at(8)));
    assert!(several.lanes.wants_records());
    assert_eq!(several.lanes.of(0).resume_after(), Some(at(19)));
    assert_eq!(several.lanes.of(1).resume_after(), Some(at(9)));
}

#[test]
fn it_is_let_go_when_every_lane_is() {
    let mut several = Several::running(9, 9);
    several.read(10, 19, 1, 5);
    let steps = several.on(To::All, Event::Revoked { deadline: 100 });
    assert!(is_appended(&steps) && !steps.contains(&(0, Action::Drained)), "{steps:?}");
    assert!(!several.lanes.is_at_rest());
    several.appended(1, 0);
    let steps = several.committed(1, 19);
    assert_eq!((group_offset(&steps), steps.last()), (Some(20), Some(&(0, Action::Drained))));
    assert!(several.lanes.is_at_rest());
}

#[test]
fn nothing_is_appended_before_the_group_has_the_routing() {
    for before in [Before::AtRest, Before::Other { lost_sight: false }] {
        let mut several = Several::assigned(Some(10), before);
        several.opened(0, 9);
        assert_eq!(group_offset(&several.opened(1, 7)), Some(10));
        several.read(10, 19, 1, 10);
        assert!(several.lanes.awaits_mark());
        // A rebalance may swallow the commit.
        several.now = several.lanes.due_at().unwrap().max(2_000);
        let steps = several.on(To::All, Event::Tick);
        assert_eq!((group_offset(&steps), is_appended(&steps)), (Some(10), false));
        assert!(is_appended(&several.marked()));
    }
}

#[test]
fn where_the_group_has_no_offset_yet_it_gets_one_before_the_first_append() {
    let mut several = Several::assigned(None, Before::Other { lost_sight: false });
    several.opened(0, None);
    assert_eq!(several.opened(1, None), [(0, start_at(None))]);
    assert_eq!(group_offset(&several.read(30, 39, 1, 10)), Some(30));
    assert!(is_appended(&several.marked()));
}

#[test]
fn a_partition_that_goes_before_the_group_has_the_routing_is_let_go_at_once() {
    let mut several = Several::assigned(Some(10), Before::AtRest);
    several.opened(0, 9);
    several.opened(1, 9);
    several.read(10, 19, 1, 10);
    let steps = several.on(To::All, Event::Revoked { deadline: 100 });
    assert_eq!(steps.last(), Some(&(0, Action::Drained)));
    assert_eq!(several.marked(), []);
}

#[test]
fn another_routing_stops_a_partition_whose_lanes_are_not_level_and_leaves_no_trace_beside_the_group_offset() {
    let mut several = Several::assigned(Some(10), Before::Other { lost_sight: false });
    several.opened(0, 14);
    let steps = several.opened(1, 12);
    assert_eq!(steps, [(0, Action::Blocked(BlockReason::RoutingChanged)), (0, start_at(10))]);
    several.now = 10_000;
    assert_eq!(several.on(To::All, Event::Tick), []);
    assert!(!several.lanes.wants_records());
    assert_eq!(several.on(To::All, Event::Lost), [(0, Action::Drained)]);

    let mut accepted = Several::assigned_with(Some(10), Before::Other { lost_sight: true }, true);
    accepted.opened(0, 14);
    assert_eq!(group_offset(&accepted.opened(1, 12)), Some(13));
    assert!(accepted.lanes.wants_records());
}

#[test]
fn another_routing_goes_on_where_the_lanes_are_level_unless_a_table_is_out_of_sight() {
    let blocked = |own, other, lost_sight| {
        let mut several = Several::assigned(Some(10), Before::Other { lost_sight });
        several.opened(0, own);
        several.opened(1, other);
        several.lanes.of(0).blocked()
    };
    assert_eq!(blocked(Some(14), Some(14), false), None);
    assert_eq!(blocked(Some(9), None, false), None);
    assert_eq!(blocked(Some(9), None, true), Some(BlockReason::RoutingChanged));
}

#[test]
fn plugins_are_swapped_when_the_lanes_are_level_and_their_channels_say_so() {
    let mut several = Several::running(14, 9);
    assert_eq!(several.on(To::All, Event::SwapAsked), []);
    assert!(several.lanes.wants_records(), "what its own table has is read by the plugins that it was read by");
    // What is committed is committed: the group learns of it first.
    assert_eq!(group_offset(&several.read(10, 14, 1, 0)), Some(15));
    let steps = several.on(To::All, Event::GroupCommitted(at(15)));
    assert_eq!(steps, [(0, open(2)), (1, open(2))]);
    several.opened(0, 14);
    // Somebody who did not know better appended to it.
    several.opened(1, 17);
    assert!(several.lanes.wants_records());
    several.read(15, 17, 0, 0);
    several.on(To::All, Event::GroupCommitted(at(18)));
    several.opened(0, 14);
    let steps = several.opened(1, 17);
    assert_eq!(steps, [(0, Action::Swap), (0, commit(18, 14))]);
    assert!(several.lanes.awaits_mark());
}

#[test]
fn a_lane_that_has_to_read_again_puts_a_swap_off() {
    let mut several = Several::running(9, 9);
    assert!(is_appended(&several.read(10, 19, 1, 10)));
    several.on(To::All, Event::SwapAsked);
    let session = several.lanes.of(1).session();
    several.on(To::Lane(1), Event::AppendAnswered { session, body: 0, outcome: AppendOutcome::Malformed });
    assert_eq!(several.opened(1, 9).last(), Some(&(0, rewind(10))));
    several.on(To::All, Event::Rewound(at(10)));
    assert!(several.lanes.wants_records());
}
