//! What settles a record, and that the group offset passes nothing else.

use super::*;

#[test]
fn a_committed_body_moves_the_group_offset_and_is_let_go() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.appended(0);
    assert_eq!(bench.committed(3), [commit(4, 3), discard(0)]);
    assert_eq!(bench.machine.settled, Some(at(3)));
    assert_eq!(bench.committed(3), []);
}

#[test]
fn the_group_offset_never_passes_rows_that_are_appended_and_not_committed() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    assert_eq!(bench.appended(0), [append(1, 4, 6, 0, 101)]);
    assert_eq!(bench.appended(1), []);
    assert_eq!(bench.committed(3), [commit(4, 3), discard(0)]);
    assert_eq!(bench.status(None, 0), [Action::Blocked(BlockReason::ChannelRegressed)]);
}

#[test]
fn the_group_offset_never_goes_back_to_the_committed_offset() {
    let mut bench = Bench::new(policy());
    bench.assigned(9, 4);
    bench.opened(4);
    assert_eq!(bench.dropped(9, 10), [Action::DiscardOpen, commit(11, 4)]);
    bench.invalid();
    assert_eq!(bench.opened(7), []);
    assert_eq!(bench.machine.settled, Some(at(10)));
}

#[test]
fn a_body_that_was_committed_before_its_answer_is_kept_for_the_next_token() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    assert_eq!(bench.committed(3), [commit(4, 3)]);
    assert_eq!(bench.appended(0), [append(1, 4, 6, 0, 101)]);
    assert_eq!(bench.committed(3), [discard(0)]);
}

#[test]
fn records_without_rows_are_settled_without_an_append() {
    let mut bench = Bench::running(None);
    assert_eq!(bench.dropped(1, 3), [Action::DiscardOpen, commit(4, None)]);
    assert_eq!(bench.due_in(), None);
}

#[test]
fn dropped_records_are_settled_after_the_bodies_before_them() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.appended(0);
    assert_eq!(bench.dropped(4, 5), []);
    assert_eq!(bench.committed(3), [commit(4, 3), discard(0), Action::DiscardOpen, commit(6, 3)]);
}

#[test]
fn dropped_records_travel_with_the_rows_around_them() {
    let mut bench = Bench::running(None);
    bench.rows(1, 1);
    bench.dropped(2, 3);
    assert_eq!(bench.body(5, 5), [seal(0, 1, 5), append(0, 1, 5, 0, 100)]);
    bench.appended(0);
    assert_eq!(bench.committed(5), [commit(6, 5), discard(0)]);
}

#[test]
fn a_body_waits_for_the_dead_letters_in_its_range_and_below() {
    let mut bench = Bench::running(None);
    bench.encoded(1, 3, 2, &[1, 3]);
    assert_eq!(bench.on(Event::BodyFull), [seal(0, 1, 3)]);
    assert_eq!(bench.body(4, 5), [seal(1, 4, 5)]);
    assert_eq!(bench.on(Event::DeadLetterDelivered(at(1))), []);
    assert_eq!(bench.on(Event::DeadLetterDelivered(at(3))), [append(0, 1, 3, 0, 100)]);
    assert_eq!(bench.appended(0), [append(1, 4, 5, 0, 101)]);
}

#[test]
fn a_dead_letter_behind_a_body_does_not_hold_it_back() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    bench.encoded(7, 7, 0, &[7]);
    assert_eq!(bench.appended(0), [append(1, 4, 6, 0, 101)]);
    bench.appended(1);
    assert_eq!(bench.committed(6), [commit(7, 6), discard(0), discard(1)]);
    assert_eq!(bench.on(Event::DeadLetterDelivered(at(7))), [Action::DiscardOpen, commit(8, 6)]);
}

#[test]
fn a_dead_letter_is_settled_when_it_is_delivered() {
    let mut bench = Bench::running(None);
    assert_eq!(bench.encoded(1, 2, 0, &[1]), []);
    assert_eq!(bench.on(Event::DeadLetterDelivered(at(2))), []);
    assert_eq!(bench.on(Event::DeadLetterDelivered(at(1))), [Action::DiscardOpen, commit(3, None)]);
}

#[test]
fn dead_letters_that_cannot_be_delivered_block_and_are_read_again_later() {
    let mut bench = Bench::running(None);
    bench.encoded(1, 2, 1, &[1]);
    bench.on(Event::BodyFull);
    assert_eq!(bench.on(Event::DeadLetterFailed), [Action::Blocked(BlockReason::DeadLettersRefused)]);
    assert!(!bench.machine.wants_records());
    assert_eq!(bench.after(400), []);
    assert_eq!(bench.on(Event::DeadLetterFailed), []);
    assert_eq!(bench.after(99), []);
    assert_eq!(bench.after(1), [open(2)]);
    assert_eq!(bench.opened(None), [Action::Unblocked, discard(0), rewind(1)]);
    bench.rewound(1);
    assert!(bench.machine.wants_records());
    assert_eq!(bench.body(1, 2), [seal(1, 1, 2), append(1, 1, 2, 0, 200)]);
}

#[test]
fn refused_dead_letters_hold_bodies_back() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    bench.on(Event::DeadLetterFailed);
    assert_eq!(bench.appended(0), []);
}

#[test]
fn after_they_were_read_again_dead_letters_have_another_chance() {
    let mut bench = Bench::running(None);
    for session in [2, 3] {
        bench.encoded(1, 1, 0, &[1]);
        assert_eq!(bench.on(Event::DeadLetterFailed), [Action::Blocked(BlockReason::DeadLettersRefused)]);
        assert_eq!(bench.after(500), [open(session)]);
        assert_eq!(bench.opened(None), [Action::Unblocked, Action::DiscardOpen, rewind(1)]);
        bench.rewound(1);
    }
    // Once they are through, an opening finds nothing to read again.
    bench.encoded(1, 1, 0, &[1]);
    bench.on(Event::DeadLetterDelivered(at(1)));
    bench.invalid();
    assert_eq!(bench.opened(None), []);
}

#[test]
fn undelivered_dead_letters_are_read_again_after_the_table_was_missing_meanwhile() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.encoded(4, 4, 0, &[4]);
    bench.on(Event::DeadLetterFailed);
    assert_eq!(bench.answered(0, AppendOutcome::ObjectMissing), [open(2)]);
    bench.open_answered(OpenOutcome::ObjectMissing);
    bench.after(500);
    assert_eq!(bench.opened(None), [Action::Unblocked, discard(0), Action::DiscardOpen, rewind(1)]);
}

#[test]
fn undelivered_dead_letters_block_again_when_a_denied_append_goes_through() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.encoded(4, 4, 0, &[4]);
    bench.on(Event::DeadLetterFailed);
    bench.answered(0, AppendOutcome::Denied);
    // The probe for the dead letters may come first; here the append does.
    bench.now += 400;
    bench.on(Event::ReadFailed(BlockReason::PermissionDenied));
    bench.now += 100;
    assert_eq!(bench.body(5, 6), [append(0, 1, 3, 0, 100), seal(1, 4, 6)]);
    let blocked = Action::Blocked(BlockReason::DeadLettersRefused);
    assert_eq!(bench.appended(0), [Action::Unblocked, blocked]);
    assert_eq!(bench.after(500), [open(2)]);
    assert_eq!(bench.opened(3), [Action::Unblocked, commit(4, 3), discard(0), discard(1), rewind(4)]);
}

#[test]
fn rejected_rows_block_and_do_not_move_the_group_offset() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    bench.appended(0);
    assert_eq!(bench.status(3, 1), [Action::Blocked(BlockReason::RowsRejected), discard(0)]);
    assert_eq!(bench.machine.committed(), Some(at(3)));
    assert_eq!(bench.appended(1), []);
    assert_eq!(bench.status(6, 1), [discard(1)]);
    assert_eq!(bench.dropped(7, 7), []);
    assert_eq!(bench.machine.settled, None);
}

#[test]
fn after_rejected_rows_an_opening_settles_nothing_either() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.appended(0);
    bench.status(None, 1);
    assert_eq!(bench.invalid(), [open(2)]);
    assert_eq!(bench.opened_with_errors(3, 1), [discard(0)]);
    assert_eq!(bench.machine.settled, None);
    assert_eq!(bench.machine.blocked, Some(BlockReason::RowsRejected));
}

#[test]
fn rows_rejected_before_a_status_was_seen_are_found_by_the_next_opening() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    bench.appended(0);
    bench.answered(1, AppendOutcome::Stale);
    assert_eq!(bench.opened_with_errors(3, 1), [Action::Blocked(BlockReason::RowsRejected), discard(0)]);
    assert_eq!(bench.machine.settled, None);
}

#[test]
fn rejected_rows_that_nobody_wrote_down_are_taken_as_known_and_written_down_from_then_on() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    assert_eq!(bench.opened_with_errors(None, 5), [start_at(None)]);
    bench.body(1, 3);
    bench.appended(0);
    assert_eq!(bench.status(3, 5), [commit_with_errors(4, 3, 5), discard(0)]);
    assert_eq!(bench.dropped(4, 4), [Action::DiscardOpen, commit_with_errors(5, 3, 5)]);
}

#[test]
fn rows_rejected_under_an_earlier_owner_block_the_next_one_until_they_are_accepted() {
    let remembered = |bench: &mut Bench| bench.assigned_with_errors(4, 3, Some(5));
    for _ in 0..2 {
        let mut bench = Bench::new(policy());
        remembered(&mut bench);
        assert_eq!(bench.opened_with_errors(6, 6), [Action::Blocked(BlockReason::RowsRejected), start_at(4)]);
        assert_eq!(bench.dropped(4, 7), []);
        assert_eq!(bench.machine.settled, Some(at(3)));
    }
    let mut bench = Bench::new(Policy { accept_regression: true, ..policy() });
    remembered(&mut bench);
    assert_eq!(bench.opened_with_errors(6, 6), [commit_with_errors(4, 6, 6), commit_with_errors(7, 6, 6), start_at(4)]);
    assert_eq!(bench.machine.blocked, None);
}

#[test]
fn accepting_what_happened_before_does_not_accept_what_happens_now() {
    let mut bench = Bench::new(Policy { accept_regression: true, ..policy() });
    bench.assigned_with_errors(4, 3, Some(5));
    bench.opened_with_errors(3, 5);
    bench.body(4, 6);
    bench.answered(0, AppendOutcome::Stale);
    assert_eq!(bench.opened_with_errors(6, 6), [Action::Blocked(BlockReason::RowsRejected), discard(0)]);
}

#[test]
fn rejected_rows_that_are_known_and_a_channel_that_counts_anew_do_not_block() {
    for row_errors in [5, 0] {
        let mut bench = Bench::new(policy());
        bench.assigned_with_errors(4, 3, Some(5));
        assert_eq!(bench.opened_with_errors(3, row_errors), [start_at(4)]);
        assert_eq!(bench.dropped(4, 4), [Action::DiscardOpen, commit_with_errors(5, 3, row_errors)]);
        assert_eq!(bench.status(3, row_errors + 1), [Action::Blocked(BlockReason::RowsRejected)]);
    }
}

#[test]
fn rejected_rows_are_not_settled_behind_another_block() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.appended(0);
    bench.on(Event::RecordRefused);
    assert_eq!(bench.status(3, 1), [Action::Blocked(BlockReason::RowsRejected), discard(0)]);
    assert_eq!(bench.machine.settled, None);
}

#[test]
fn rows_that_this_process_never_sent_make_it_open_the_channel_anew() {
    let mut bench = Bench::running(3);
    bench.body(4, 6);
    bench.body(7, 9);
    bench.rows(10, 12);
    assert_eq!(bench.committed(9), [open(2)]);
    assert_eq!(bench.machine.settled, Some(at(3)));
    assert_eq!(bench.opened(9), [commit(10, 9), discard(0), discard(1)]);
    assert_eq!(bench.on(Event::BodyFull), [seal(2, 10, 12), append(2, 10, 12, 0, 200)]);
}

#[test]
fn an_appended_body_that_waits_too_long_for_its_commit_is_asked_about() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.after(100);
    bench.appended(0);
    assert_eq!(bench.due_in(), Some(700));
    assert_eq!(bench.after(699), []);
    assert_eq!(bench.after(1), [Action::CommitStalled { since: 100 }, open(2)]);
    assert_eq!(bench.opened(None), [append(0, 1, 3, 0, 200)]);
}

#[test]
fn a_blocked_partition_does_not_ask_about_its_commits() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.appended(0);
    bench.on(Event::RecordRefused);
    assert_eq!(bench.due_in(), None);
    assert_eq!(bench.after(5_000), []);
}

#[test]
fn a_status_is_wanted_while_an_appended_body_waits() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    assert!(!bench.machine.awaits_commit());
    bench.appended(0);
    assert!(bench.machine.awaits_commit());
    bench.committed(3);
    assert!(!bench.machine.awaits_commit());
    bench.body(4, 6);
    bench.appended(1);
    bench.invalid();
    assert!(!bench.machine.awaits_commit());
}
