//! How a partition is handed over: finished in time, or let go of.

use super::*;

#[test]
fn a_revoked_partition_finishes_what_it_holds_and_is_drained() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.rows(4, 5);
    assert_eq!(bench.revoked(1_000), [seal(1, 4, 5)]);
    assert!(!bench.machine.wants_records());
    assert_eq!(bench.appended(0), [append(1, 4, 5, 0, 101)]);
    bench.appended(1);
    assert!(bench.machine.awaits_commit());
    assert_eq!(bench.committed(5), [commit(6, 5), discard(0), discard(1), Action::Drained]);
    assert_eq!(bench.due_in(), None);
}

#[test]
fn a_revoked_partition_that_holds_nothing_is_drained_at_once() {
    assert_eq!(Bench::running(7).revoked(1_000), [Action::Drained]);
    let mut idle = Bench::new(policy());
    assert_eq!(idle.revoked(1_000), [Action::Drained]);
    assert_eq!(idle.due_in(), None);
}

#[test]
fn a_revoked_partition_waits_for_its_dead_letters() {
    let mut bench = Bench::running(None);
    bench.encoded(1, 1, 0, &[1]);
    assert_eq!(bench.revoked(1_000), []);
    assert_eq!(bench.on(Event::DeadLetterDelivered(at(1))), [Action::DiscardOpen, commit(2, None), Action::Drained]);
}

#[test]
fn a_revoke_seals_one_body_more_than_is_otherwise_allowed() {
    let mut bench = Bench::running(None);
    for first in [1, 4, 7] {
        bench.body(first, first + 2);
    }
    bench.rows(10, 11);
    assert_eq!(bench.revoked(1_000), [seal(3, 10, 11)]);
}

#[test]
fn a_partition_that_is_revoked_while_its_channel_is_opened_is_let_go_at_once() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    assert_eq!(bench.revoked(1_000), [Action::Drained]);
    assert_eq!(bench.opened(7), []);
    assert_eq!(bench.after(100), []);
}

#[test]
fn a_partition_that_is_revoked_while_it_is_rewound_is_let_go_at_once() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.answered(0, AppendOutcome::Malformed);
    bench.opened(None);
    assert_eq!(bench.revoked(1_000), [Action::Drained]);
    assert_eq!(bench.rewound(1), []);
    assert!(!bench.machine.wants_records());
}

#[test]
fn after_a_revoke_the_channel_is_not_opened_again() {
    for outcome in [AppendOutcome::Stale, AppendOutcome::ObjectMissing, AppendOutcome::TooLarge, AppendOutcome::Malformed] {
        let mut bench = Bench::running(None);
        bench.body(1, 3);
        bench.revoked(1_000);
        assert_eq!(bench.answered(0, outcome), [discard(0), Action::Drained]);
    }
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.revoked(1_000);
    assert_eq!(bench.invalid(), [discard(0), Action::Drained]);
}

#[test]
fn after_a_revoke_an_unknown_outcome_is_resent_and_then_left_to_the_next_owner() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.revoked(1_000);
    for (attempt, wait) in [(1, 10), (2, 20)] {
        bench.answered(0, AppendOutcome::Unknown);
        assert_eq!(bench.after(wait), [append(0, 1, 3, attempt, 100)]);
    }
    assert_eq!(bench.answered(0, AppendOutcome::Unknown), [discard(0), Action::Drained]);
}

#[test]
fn after_a_revoke_a_late_commit_does_not_open_the_channel() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.appended(0);
    bench.revoked(2_000);
    assert_eq!(bench.due_in(), Some(2_000));
    assert_eq!(bench.after(900), []);
    assert_eq!(bench.committed(3), [commit(4, 3), discard(0), Action::Drained]);
}

#[test]
fn at_the_deadline_what_is_not_settled_is_let_go_and_not_committed() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    bench.appended(0);
    bench.revoked(200);
    assert_eq!(bench.committed(3), [commit(4, 3), discard(0)]);
    assert_eq!(bench.after(199), []);
    assert_eq!(bench.after(1), [discard(1), Action::Drained]);
    assert_eq!(bench.machine.settled, Some(at(3)));
}

#[test]
fn a_lost_partition_is_let_go_at_once_and_answers_that_still_come_are_ignored() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    bench.rows(7, 7);
    let session = bench.machine.session();
    assert_eq!(bench.on(Event::Lost), [discard(0), discard(1), Action::DiscardOpen, Action::Drained]);
    assert_eq!(bench.on(Event::AppendAnswered { session, body: 0, outcome: AppendOutcome::Appended(101) }), []);
    assert_eq!(bench.on(Event::StatusSeen { session, valid: true, committed: Some(at(3)), row_errors: 0 }), []);
    assert_eq!(bench.on(Event::DeadLetterFailed), []);
    assert_eq!(bench.after(5_000), []);
    assert_eq!(bench.on(Event::Lost), []);
    assert!(!bench.machine.wants_records());
}

#[test]
fn a_revoked_partition_whose_bodies_are_held_back_is_let_go_at_once() {
    let mut bench = Bench::running(7);
    bench.rows(8, 9);
    bench.on(Event::LogEnd(at(7)));
    assert_eq!(bench.revoked(1_000), [seal(0, 8, 9), discard(0), Action::Drained]);
}

#[test]
fn a_blocked_partition_that_is_revoked_waits_for_what_was_sent() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.on(Event::DeadLetterFailed);
    assert_eq!(bench.revoked(1_000), []);
    assert_eq!(bench.appended(0), []);
    assert_eq!(bench.committed(3), [commit(4, 3), discard(0), Action::Drained]);
}

#[test]
fn a_revoked_partition_that_may_not_append_is_let_go() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.revoked(1_000);
    let blocked = Action::Blocked(BlockReason::PermissionDenied);
    assert_eq!(bench.answered(0, AppendOutcome::Denied), [blocked, discard(0), Action::Drained]);
}

#[test]
fn a_revoked_partition_that_is_fenced_once_too_often_is_let_go() {
    for by_status in [true, false] {
        let mut bench = Bench::running_with(Policy { max_fences: 0, ..policy() }, None);
        bench.body(1, 3);
        bench.revoked(1_000);
        // An append in flight is still answered, and may yet be told to be stale itself.
        if by_status {
            assert_eq!(bench.invalid(), [Action::Blocked(BlockReason::ChannelContended)]);
        }
        let actions = bench.answered(0, AppendOutcome::Stale);
        assert_eq!(actions[actions.len() - 2..], [discard(0), Action::Drained]);
    }
}

#[test]
fn a_revoked_partition_that_is_fenced_with_nothing_in_flight_is_let_go() {
    let mut bench = Bench::running_with(Policy { max_fences: 0, ..policy() }, None);
    bench.encoded(1, 2, 1, &[1]);
    bench.on(Event::BodyFull);
    bench.revoked(1_000);
    let blocked = Action::Blocked(BlockReason::ChannelContended);
    assert_eq!(bench.invalid(), [blocked, discard(0), Action::Drained]);
}

#[test]
fn a_partition_comes_back_after_it_was_let_go() {
    let mut bench = Bench::running(None);
    bench.on(Event::RecordRefused);
    bench.revoked(1_000);
    assert_eq!(bench.machine.blocked, None);
    assert_eq!(bench.assigned(None, None), [open(3)]);
    bench.opened(None);
    assert!(bench.machine.wants_records());
}
