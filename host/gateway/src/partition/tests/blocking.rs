//! Why a partition stands still, what goes on meanwhile, and when it is looked at again.

use super::*;

const CONTENDED: Action<u32> = Action::Blocked(BlockReason::ChannelContended);

/// Opened anew by a stale answer as often as is borne.
fn fenced_twice() -> Bench {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    for session in [2, 3] {
        assert_eq!(bench.answered(0, AppendOutcome::Stale), [open(session)]);
        assert_eq!(bench.opened(None), [append(0, 1, 3, 0, 100 * u32::try_from(session).unwrap())]);
    }
    bench
}

#[test]
fn a_channel_that_is_fenced_again_and_again_blocks_and_is_tried_again_later() {
    let mut bench = fenced_twice();
    assert_eq!(bench.answered(0, AppendOutcome::Stale), [CONTENDED]);
    assert!(!bench.machine.wants_records());
    assert_eq!(bench.due_in(), Some(500));
    assert_eq!(bench.after(499), []);
    assert_eq!(bench.after(1), [open(4)]);
    assert_eq!(bench.opened(None), [Action::Unblocked, append(0, 1, 3, 0, 400)]);
    // The count began anew.
    for session in [5, 6] {
        assert_eq!(bench.answered(0, AppendOutcome::Stale), [open(session)]);
        bench.opened(None);
    }
    assert_eq!(bench.answered(0, AppendOutcome::Stale), [CONTENDED]);
}

#[test]
fn a_status_that_calls_the_channel_invalid_is_a_fence_too() {
    let mut bench = fenced_twice();
    assert_eq!(bench.invalid(), [CONTENDED]);
}

#[test]
fn a_commit_between_two_fences_means_that_nobody_contends() {
    let mut bench = fenced_twice();
    bench.appended(0);
    bench.body(4, 6);
    bench.committed(3);
    for session in [4, 5] {
        assert_eq!(bench.answered(1, AppendOutcome::Stale), [open(session)]);
        bench.opened(3);
    }
    assert_eq!(bench.answered(1, AppendOutcome::Stale), [CONTENDED]);

    let mut bench = fenced_twice();
    bench.answered(0, AppendOutcome::ObjectMissing);
    bench.body(4, 6);
    bench.opened(3);
    for session in [5, 6] {
        assert_eq!(bench.invalid(), [open(session)]);
        bench.opened(3);
    }
    assert_eq!(bench.invalid(), [CONTENDED]);
}

#[test]
fn an_opening_without_a_commit_does_not_end_the_count_of_fences() {
    let mut bench = fenced_twice();
    bench.answered(0, AppendOutcome::ObjectMissing);
    bench.opened(None);
    assert_eq!(bench.answered(0, AppendOutcome::Stale), [CONTENDED]);
}

#[test]
fn a_contended_channel_is_not_appended_to_whatever_else_goes_wrong() {
    let mut bench = fenced_twice();
    bench.answered(0, AppendOutcome::Stale);
    let unreadable = Action::Blocked(BlockReason::Unreadable);
    assert_eq!(bench.on(Event::ReadFailed(BlockReason::Unreadable)), [unreadable]);
    assert_eq!(bench.after(10), []);
    assert_eq!(bench.after(490), [open(4)]);
    assert_eq!(bench.opened(None), [append(0, 1, 3, 0, 400)]);
    assert_eq!(bench.due_in(), None);
}

#[test]
fn a_block_that_has_ended_is_not_looked_at_again() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.on(Event::DeadLetterFailed);
    bench.answered(0, AppendOutcome::Stale);
    assert_eq!(bench.opened(3), [Action::Unblocked, commit(4, 3), discard(0), rewind(4)]);
    bench.rewound(4);
    assert_eq!(bench.due_in(), None);
}

#[test]
fn a_block_that_needs_a_person_is_not_hidden_by_one_that_does_not() {
    let mut bench = Bench::running(None);
    let refused = Action::Blocked(BlockReason::RecordRefused);
    assert_eq!(bench.on(Event::RecordRefused), [refused]);
    assert_eq!(bench.on(Event::DeadLetterFailed), []);
    assert_eq!(bench.on(Event::ReadFailed(BlockReason::PermissionDenied)), []);
    assert_eq!(bench.on(Event::ReadFailed(BlockReason::Unreadable)), []);
    assert_eq!(bench.machine.blocked, Some(BlockReason::RecordRefused));
}

#[test]
fn a_block_that_may_pass_makes_way_for_one_that_needs_a_person() {
    let mut bench = Bench::running(None);
    bench.on(Event::DeadLetterFailed);
    assert_eq!(bench.on(Event::ReadFailed(BlockReason::Unreadable)), [Action::Blocked(BlockReason::Unreadable)]);
    // Other than the block, the opening goes its way: undelivered dead letters are read again.
    bench.after(500);
    assert_eq!(bench.opened(None), []);
    assert_eq!(bench.machine.blocked, Some(BlockReason::Unreadable));
}

#[test]
fn a_block_that_holds_bodies_back_is_not_hidden_by_one_that_does_not() {
    let mut bench = Bench::running(7);
    bench.on(Event::RecordRefused);
    assert_eq!(bench.on(Event::LogEnd(at(7))), [Action::Blocked(BlockReason::TokenAheadOfLog)]);
    assert_eq!(bench.on(Event::RecordRefused), []);
    assert_eq!(bench.on(Event::ReadFailed(BlockReason::ObjectMissing)), []);
    assert_eq!(bench.status(None, 0), []);
}

#[test]
fn where_only_reading_is_at_fault_what_was_read_is_still_loaded() {
    for reason in [BlockReason::Unreadable, BlockReason::OffsetOutOfRange, BlockReason::PermissionDenied] {
        let mut bench = Bench::running(None);
        bench.rows(1, 3);
        assert_eq!(bench.on(Event::ReadFailed(reason)), [Action::Blocked(reason)]);
        assert!(!bench.machine.wants_records());
        assert_eq!(bench.after(50), [seal(0, 1, 3), append(0, 1, 3, 0, 100)]);
    }
}

#[test]
fn a_refused_record_stops_reading_and_what_was_read_is_still_committed() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    assert_eq!(bench.on(Event::RecordRefused), [Action::Blocked(BlockReason::RecordRefused)]);
    assert_eq!(bench.on(Event::RecordRefused), []);
    assert!(!bench.machine.wants_records());
    bench.appended(0);
    assert_eq!(bench.committed(3), [commit(4, 3), discard(0)]);
}

#[test]
fn an_append_that_goes_through_ends_no_other_block_than_a_denied_one() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.on(Event::ReadFailed(BlockReason::Unreadable));
    assert_eq!(bench.appended(0), []);
    assert_eq!(bench.machine.blocked, Some(BlockReason::Unreadable));
}

#[test]
fn an_opening_does_not_end_a_block_that_needs_a_person() {
    let mut bench = Bench::running(7);
    bench.body(8, 9);
    bench.on(Event::LogEnd(at(7)));
    bench.answered(0, AppendOutcome::Stale);
    assert_eq!(bench.opened(7), []);
    assert_eq!(bench.after(600), []);
    assert!(!bench.machine.wants_records());
}

#[test]
fn a_partition_that_is_not_ours_is_not_blocked() {
    let mut bench = Bench::new(policy());
    assert_eq!(bench.on(Event::RecordRefused), []);
    assert_eq!(bench.on(Event::DeadLetterFailed), []);
    assert_eq!(bench.machine.blocked, None);
    assert_eq!(bench.due_in(), None);
}

#[test]
fn a_wait_that_is_over_while_bodies_are_held_back_is_not_due_again_and_again() {
    let mut bench = Bench::running(7);
    bench.body(8, 9);
    bench.answered(0, AppendOutcome::NotApplied { retry_after: None });
    bench.on(Event::LogEnd(at(7)));
    assert_eq!(bench.due_in(), Some(10));
    assert_eq!(bench.after(10), []);
    assert_eq!(bench.due_in(), None);
}

#[test]
fn a_probe_that_falls_into_an_opening_is_not_due_before_its_end() {
    let mut bench = Bench::running(None);
    bench.rows(1, 1);
    bench.invalid();
    bench.on(Event::DeadLetterFailed);
    assert_eq!(bench.due_in(), None);
    assert_eq!(bench.after(600), []);
    assert_eq!(bench.opened(None), [Action::Unblocked, Action::DiscardOpen, rewind(1)]);
}

#[test]
fn the_next_tick_is_due_for_whatever_comes_first() {
    let mut bench = Bench::running(None);
    assert_eq!(bench.due_in(), None);
    bench.body(1, 3);
    assert_eq!(bench.due_in(), None);
    bench.appended(0);
    assert_eq!(bench.due_in(), Some(700));
    bench.body(4, 6);
    bench.rows(7, 7);
    assert_eq!(bench.due_in(), Some(50));
    bench.answered(1, AppendOutcome::Unknown);
    assert_eq!(bench.due_in(), Some(10));
    bench.revoked(5);
    assert_eq!(bench.due_in(), Some(5));
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let names = [
        (BlockReason::ChannelRegressed, "channel_regressed"),
        (BlockReason::TokenAheadOfLog, "token_ahead_of_log"),
        (BlockReason::OffsetOutOfRange, "offset_out_of_range"),
        (BlockReason::ChannelContended, "channel_contended"),
        (BlockReason::PermissionDenied, "permission_denied"),
        (BlockReason::ObjectMissing, "object_missing"),
        (BlockReason::RecordRefused, "record_refused"),
        (BlockReason::RowsRejected, "rows_rejected"),
        (BlockReason::DeadLettersRefused, "dead_letters_refused"),
        (BlockReason::Unreadable, "unreadable"),
    ];
    for (reason, name) in names {
        assert_eq!(reason.as_str(), name);
    }
}
