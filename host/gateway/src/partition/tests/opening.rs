//! Where a partition starts, and what becomes of an opening.

use super::*;

#[test]
fn a_partition_starts_at_its_group_offset() {
    let mut bench = Bench::new(policy());
    assert_eq!(bench.assigned(5, None), [open(1)]);
    assert_eq!(bench.opened(None), [start_at(5)]);
    assert!(bench.machine.wants_records());
}

#[test]
fn without_a_group_offset_a_partition_starts_behind_the_committed_offset() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    assert_eq!(bench.opened(7), [commit(8, 7), start_at(8)]);
}

#[test]
fn without_either_a_partition_starts_where_the_configuration_says() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    assert_eq!(bench.opened(None), [start_at(None)]);
}

#[test]
fn a_group_offset_beyond_the_committed_offset_stays() {
    let mut bench = Bench::new(policy());
    bench.assigned(9, 4);
    assert_eq!(bench.opened(4), [start_at(9)]);
    assert_eq!(bench.machine.settled, Some(at(8)));
}

#[test]
fn records_at_and_below_the_committed_offset_are_passed_over_on_replay() {
    let mut bench = Bench::new(policy());
    bench.assigned(3, None);
    assert_eq!(bench.opened(7), [commit(8, 7), start_at(3)]);
    assert_eq!(bench.machine.resume_after(), Some(at(7)));
    bench.rows(9, 11);
    assert_eq!(bench.machine.resume_after(), Some(at(11)));
}

#[test]
fn no_record_is_wanted_before_the_channel_is_open() {
    let mut bench = Bench::new(policy());
    assert!(!bench.machine.wants_records());
    bench.assigned(None, None);
    assert!(!bench.machine.wants_records());
    bench.opened(None);
    assert!(bench.machine.wants_records());
}

#[test]
fn a_blind_start_is_rewound_to_behind_the_committed_offset() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    assert_eq!(bench.on(Event::StartedBlind), []);
    assert_eq!(bench.opened(7), [commit(8, 7), rewind(8)]);
    assert!(!bench.machine.wants_records());
    assert_eq!(bench.rewound(8), []);
    assert!(bench.machine.wants_records());
}

#[test]
fn a_partition_that_was_asked_to_go_back_further_waits_until_it_has() {
    for enough in [0, 1] {
        let mut bench = Bench::running(None);
        bench.body(1, 3);
        bench.answered(0, AppendOutcome::Malformed);
        assert_eq!(bench.opened(None), [discard(0), rewind(1)]);
        // Kafka had failed just before, and was asked to read on behind the last record.
        bench.rewound(4);
        assert!(!bench.machine.wants_records());
        bench.rewound(enough);
        assert!(bench.machine.wants_records());
    }
}

#[test]
fn a_blind_start_that_is_told_after_the_opening_is_rewound_too() {
    let mut bench = Bench::running(7);
    bench.rows(20, 22);
    assert_eq!(bench.on(Event::StartedBlind), [Action::DiscardOpen, rewind(8)]);
    assert_eq!(bench.machine.resume_after(), Some(at(7)));
}

#[test]
fn a_blind_start_that_is_told_after_the_revoke_is_let_go() {
    let mut bench = Bench::running(7);
    bench.body(20, 22);
    bench.revoked(1_000);
    assert_eq!(bench.on(Event::StartedBlind), [discard(0), rewind(8), Action::Drained]);
}

#[test]
fn a_blind_start_at_the_group_offset_is_where_it_should_be() {
    let mut bench = Bench::new(policy());
    bench.assigned(3, None);
    bench.on(Event::StartedBlind);
    assert_eq!(bench.opened(7), [commit(8, 7), start_at(3)]);
    assert_eq!(bench.on(Event::StartedBlind), []);
    assert!(bench.machine.wants_records());
}

#[test]
fn a_blind_start_on_an_empty_channel_goes_on_as_it_is() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    bench.on(Event::StartedBlind);
    assert_eq!(bench.opened(None), [start_at(None)]);
    assert!(bench.machine.wants_records());
}

#[test]
fn a_channel_that_forgot_what_the_group_offset_remembers_blocks() {
    let mut bench = Bench::new(policy());
    bench.assigned(9, 7);
    assert_eq!(bench.opened(5), [Action::Blocked(BlockReason::ChannelRegressed), start_at(9)]);
    assert!(!bench.machine.wants_records());
    assert_eq!(bench.machine.committed(), None);
}

#[test]
fn a_channel_that_forgot_is_accepted_where_the_configuration_says_so() {
    let mut bench = Bench::new(Policy { accept_regression: true, ..policy() });
    bench.assigned(9, 7);
    assert_eq!(bench.opened(5), [start_at(9)]);
    assert_eq!(bench.machine.blocked, None);
    assert!(bench.machine.wants_records());
}

#[test]
fn a_channel_that_knows_more_than_is_remembered_is_no_regression() {
    let mut bench = Bench::new(policy());
    bench.assigned(8, 7);
    assert_eq!(bench.opened(12), [commit(13, 12), start_at(8)]);
}

#[test]
fn a_channel_that_forgets_between_two_openings_blocks_and_takes_nothing() {
    let mut bench = Bench::running(7);
    bench.body(8, 9);
    assert_eq!(bench.answered(0, AppendOutcome::Stale), [open(2)]);
    assert_eq!(bench.opened(5), [Action::Blocked(BlockReason::ChannelRegressed)]);
    assert_eq!(bench.opened(9), []);
    assert_eq!(bench.after(600), []);
    assert_eq!(bench.machine.committed(), Some(at(7)));
}

#[test]
fn what_was_sent_to_a_channel_that_forgot_is_not_waited_for() {
    let mut bench = Bench::running(7);
    bench.body(8, 9);
    bench.appended(0);
    bench.invalid();
    bench.opened(5);
    assert!(!bench.machine.awaits_commit());
    assert_eq!(bench.revoked(1_000), [discard(0), Action::Drained]);
}

#[test]
fn a_status_that_goes_back_blocks() {
    let mut bench = Bench::running(7);
    bench.body(8, 9);
    bench.appended(0);
    assert_eq!(bench.committed(6), [Action::Blocked(BlockReason::ChannelRegressed)]);
    assert_eq!(bench.machine.committed(), Some(at(7)));
    assert_eq!(bench.body(10, 11), [seal(1, 10, 11)]);
}

#[test]
fn after_a_regression_nothing_is_settled_by_a_later_commit() {
    let mut bench = Bench::running(7);
    bench.body(8, 9);
    bench.appended(0);
    bench.committed(6);
    assert_eq!(bench.committed(9), [discard(0)]);
    assert_eq!(bench.machine.settled, Some(at(7)));
}

#[test]
fn a_committed_offset_beyond_the_end_of_the_log_blocks() {
    let mut bench = Bench::running(7);
    assert_eq!(bench.on(Event::LogEnd(at(8))), []);
    assert_eq!(bench.on(Event::LogEnd(at(7))), [Action::Blocked(BlockReason::TokenAheadOfLog)]);
    assert!(!bench.machine.wants_records());
    assert_eq!(Bench::running(None).on(Event::LogEnd(at(0))), []);
}

#[test]
fn rows_still_on_their_way_are_waited_for_and_then_given_up() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    let mut waited = 0;
    while waited < 1_000 {
        assert_eq!(bench.open_answered(OpenOutcome::UncommittedRows), []);
        let wait = bench.due_in().unwrap();
        assert!((10..=1_000).contains(&wait));
        assert_eq!(bench.after(wait), [open(bench.machine.session())]);
        waited += wait;
    }
    assert_eq!(bench.open_answered(OpenOutcome::UncommittedRows), [Action::Open { session: bench.machine.session(), force: true }]);
}

#[test]
fn a_wait_for_rows_on_their_way_is_a_second_at_most() {
    let mut bench = Bench::new(Policy { backoff_min: 600, backoff_max: 30_000, uncommitted_patience: 60_000, ..policy() });
    bench.assigned(None, None);
    let waits = [(); 3].map(|()| {
        bench.open_answered(OpenOutcome::UncommittedRows);
        let wait = bench.due_in().unwrap();
        bench.after(wait);
        wait
    });
    assert_eq!(waits, [600, 1_000, 1_000]);
}

#[test]
fn the_patience_with_rows_on_their_way_begins_with_the_first_refusal() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    bench.open_answered(OpenOutcome::Unknown { retry_after: Some(5_000) });
    assert_eq!(bench.after(5_000), [open(2)]);
    assert_eq!(bench.open_answered(OpenOutcome::UncommittedRows), []);
    // What happens in between does not begin it anew.
    bench.after(80);
    bench.open_answered(OpenOutcome::Unknown { retry_after: Some(920) });
    bench.after(920);
    assert_eq!(bench.open_answered(OpenOutcome::UncommittedRows), [Action::Open { session: 5, force: true }]);
    assert_eq!(bench.due_in(), None);
}

#[test]
fn an_opening_is_tried_again_later_each_time_up_to_the_cap() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    for wait in [10, 20, 40, 80, 80] {
        assert_eq!(bench.open_answered(OpenOutcome::Unknown { retry_after: None }), []);
        assert_eq!(bench.due_in(), Some(wait));
        assert_eq!(bench.after(wait - 1), []);
        assert_eq!(bench.after(1), [open(bench.machine.session())]);
    }
}

#[test]
fn an_opening_honours_the_wait_it_is_told() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    bench.open_answered(OpenOutcome::Unknown { retry_after: Some(300) });
    assert_eq!(bench.due_in(), Some(300));
    bench.after(300);
    bench.open_answered(OpenOutcome::Unknown { retry_after: Some(5) });
    assert_eq!(bench.due_in(), Some(20));
}

#[test]
fn an_opening_that_is_refused_blocks_and_is_tried_again_rarely() {
    for (outcome, reason) in
        [(OpenOutcome::Denied, BlockReason::PermissionDenied), (OpenOutcome::ObjectMissing, BlockReason::ObjectMissing)]
    {
        let mut bench = Bench::new(policy());
        bench.assigned(None, None);
        assert_eq!(bench.open_answered(outcome.clone()), [Action::Blocked(reason)]);
        assert_eq!(bench.after(499), []);
        assert_eq!(bench.after(1), [open(2)]);
        assert_eq!(bench.open_answered(outcome), []);
        assert_eq!(bench.after(500), [open(3)]);
        assert_eq!(bench.opened(None), [Action::Unblocked, start_at(None)]);
        assert!(bench.machine.wants_records());
    }
}

#[test]
fn the_answer_to_an_earlier_opening_is_ignored() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    bench.open_answered(OpenOutcome::Unknown { retry_after: None });
    bench.after(10);
    let outcome = OpenOutcome::Opened { continuation: 100, committed: Some(at(3)), row_errors: 0 };
    assert_eq!(bench.on(Event::OpenAnswered { session: 1, outcome }), []);
    assert!(!bench.machine.wants_records());
}

#[test]
fn a_second_answer_to_the_same_opening_is_ignored() {
    let mut bench = Bench::running(7);
    assert_eq!(bench.opened(9), []);
    assert_eq!(bench.machine.committed(), Some(at(7)));
}

#[test]
fn a_new_assignment_knows_nothing_of_the_last_but_its_numbers() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.on(Event::Lost);
    assert_eq!(bench.assigned(1, None), [open(3)]);
    assert_eq!(bench.opened(None), [start_at(1)]);
    assert_eq!(bench.machine.resume_after(), None);
    assert_eq!(bench.body(1, 3), [seal(1, 1, 3), append(1, 1, 3, 0, 300)]);
}
