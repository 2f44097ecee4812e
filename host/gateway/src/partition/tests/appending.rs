//! When a body is sealed, when it goes out, and what its answer leads to.

use super::*;

#[test]
fn a_body_is_sealed_when_its_bytes_are_full() {
    let mut bench = Bench::running(None);
    assert_eq!(bench.rows(1, 9), []);
    assert_eq!(bench.rows(10, 10), [seal(0, 1, 10), append(0, 1, 10, 0, 100)]);
}

#[test]
fn a_body_is_sealed_when_its_first_row_has_lingered() {
    let mut bench = Bench::running(None);
    bench.rows(1, 1);
    assert_eq!(bench.after(30), []);
    bench.rows(2, 2);
    assert_eq!(bench.due_in(), Some(20));
    assert_eq!(bench.after(19), []);
    assert_eq!(bench.after(1), [seal(0, 1, 2), append(0, 1, 2, 0, 100)]);
}

#[test]
fn records_without_rows_do_not_start_the_linger() {
    let mut bench = Bench::running(None);
    bench.encoded(1, 1, 0, &[1]);
    assert_eq!(bench.due_in(), None);
    bench.after(40);
    bench.rows(2, 2);
    assert_eq!(bench.due_in(), Some(50));
    bench.on(Event::DeadLetterDelivered(at(1)));
    assert_eq!(bench.after(49), []);
    assert_eq!(bench.after(1), [seal(0, 1, 2), append(0, 1, 2, 0, 100)]);
}

#[test]
fn a_body_is_sealed_when_the_next_record_does_not_fit() {
    let mut bench = Bench::running(None);
    assert_eq!(bench.on(Event::BodyFull), []);
    bench.rows(1, 2);
    assert_eq!(bench.on(Event::BodyFull), [seal(0, 1, 2), append(0, 1, 2, 0, 100)]);
}

#[test]
fn a_body_holds_no_more_records_than_snowflake_was_seen_to_take() {
    let mut bench = Bench::running(None);
    assert_eq!(bench.machine.room(), (u64::MAX, 100));
    bench.body(1, 8);
    assert_eq!(bench.answered(0, AppendOutcome::TooLarge), [open(2)]);
    assert_eq!(bench.opened(None), [discard(0), rewind(1)]);
    bench.rewound(1);
    assert_eq!(bench.rows(1, 3), []);
    assert_eq!(bench.machine.room(), (1, 100));
    assert_eq!(bench.rows(4, 4), [seal(1, 1, 4), append(1, 1, 4, 0, 200)]);
}

#[test]
fn each_commit_lets_bodies_hold_twice_as_many_records_again() {
    let mut bench = Bench::running(None);
    bench.body(1, 8);
    bench.answered(0, AppendOutcome::TooLarge);
    bench.opened(None);
    bench.rewound(1);
    bench.rows(1, 4);
    bench.appended(1);
    bench.committed(4);
    assert_eq!(bench.machine.room().0, 8);
    bench.committed(4);
    assert_eq!(bench.machine.room().0, 8);
}

#[test]
fn a_body_of_three_that_is_refused_becomes_bodies_of_one() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.answered(0, AppendOutcome::Malformed);
    bench.opened(None);
    assert_eq!(bench.machine.room().0, 1);
}

#[test]
fn a_record_that_is_refused_by_itself_is_marked_and_read_again() {
    for outcome in [AppendOutcome::TooLarge, AppendOutcome::Malformed] {
        let mut bench = Bench::running(3);
        bench.encoded(4, 4, 0, &[4]);
        bench.encoded(5, 5, 1, &[]);
        bench.dropped(6, 6);
        bench.on(Event::BodyFull);
        bench.on(Event::DeadLetterDelivered(at(4)));
        assert_eq!(bench.answered(0, outcome), [open(2)]);
        assert_eq!(bench.opened(3), [discard(0), rewind(4)]);
        assert!(bench.machine.is_refused(at(5)));
        assert!(!bench.machine.is_refused(at(6)));
        assert_eq!(bench.machine.room().0, u64::MAX);
    }
}

#[test]
fn what_is_settled_above_the_committed_offset_is_not_read_again() {
    let mut bench = Bench::new(policy());
    bench.assigned(9, 4);
    bench.opened(4);
    bench.body(9, 10);
    bench.answered(0, AppendOutcome::Malformed);
    assert_eq!(bench.opened(4), [discard(0), rewind(9)]);
}

#[test]
fn a_refused_record_is_forgotten_once_it_is_settled() {
    let mut bench = Bench::running(None);
    bench.body(5, 5);
    bench.answered(0, AppendOutcome::Malformed);
    bench.opened(None);
    bench.rewound(5);
    bench.encoded(5, 6, 1, &[5]);
    bench.on(Event::BodyFull);
    assert_eq!(bench.on(Event::DeadLetterDelivered(at(5))), [append(1, 5, 6, 0, 200)]);
    bench.appended(1);
    assert!(bench.machine.is_refused(at(5)));
    bench.committed(6);
    assert!(!bench.machine.is_refused(at(5)));

    let mut bench = Bench::running(None);
    bench.body(5, 5);
    bench.answered(0, AppendOutcome::Malformed);
    bench.opened(5);
    assert!(!bench.machine.is_refused(at(5)));
}

#[test]
fn one_append_is_in_flight_and_the_next_goes_on_from_its_answer() {
    let mut bench = Bench::running(None);
    assert_eq!(bench.body(1, 3), [seal(0, 1, 3), append(0, 1, 3, 0, 100)]);
    assert_eq!(bench.body(4, 6), [seal(1, 4, 6)]);
    assert_eq!(bench.body(7, 9), [seal(2, 7, 9)]);
    assert_eq!(bench.appended(0), [append(1, 4, 6, 0, 101)]);
    assert_eq!(bench.appended(1), [append(2, 7, 9, 0, 102)]);
    assert_eq!(bench.appended(2), []);
}

#[test]
fn after_an_unknown_outcome_the_same_body_goes_out_with_the_same_token() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    assert_eq!(bench.answered(0, AppendOutcome::Unknown), []);
    assert_eq!(bench.after(9), []);
    assert_eq!(bench.after(1), [append(0, 1, 3, 1, 100)]);
    bench.answered(0, AppendOutcome::Unknown);
    assert_eq!(bench.due_in(), Some(20));
    assert_eq!(bench.after(20), [append(0, 1, 3, 2, 100)]);
    assert_eq!(bench.appended(0), [append(1, 4, 6, 0, 101)]);
}

#[test]
fn after_the_last_resend_the_channel_is_opened_anew_to_ask() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    for wait in [10, 20] {
        bench.answered(0, AppendOutcome::Unknown);
        bench.after(wait);
    }
    assert_eq!(bench.answered(0, AppendOutcome::Unknown), [open(2)]);
    assert_eq!(bench.opened(None), [append(0, 1, 3, 0, 200)]);
}

#[test]
fn a_body_that_was_committed_before_its_answer_is_not_sent_again() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    assert_eq!(bench.committed(3), [commit(4, 3)]);
    assert_eq!(bench.answered(0, AppendOutcome::Unknown), [open(2)]);
    assert_eq!(bench.opened(3), [discard(0), append(1, 4, 6, 0, 200)]);
}

#[test]
fn a_request_that_was_not_applied_is_no_attempt_and_honours_its_wait() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    for _ in 0..10 {
        assert_eq!(bench.answered(0, AppendOutcome::NotApplied { retry_after: Some(300) }), []);
        assert_eq!(bench.after(299), []);
        assert_eq!(bench.after(1), [append(0, 1, 3, 0, 100)]);
    }
}

#[test]
fn a_failed_request_waits_longer_each_time_up_to_the_cap() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    for wait in [10, 20, 40, 80, 80] {
        bench.answered(0, AppendOutcome::NotApplied { retry_after: Some(5) });
        assert_eq!(bench.due_in(), Some(wait));
        assert_eq!(bench.after(wait - 1), []);
        assert_eq!(bench.after(1), [append(0, 1, 3, 0, 100)]);
    }
    bench.appended(0);
    bench.answered(1, AppendOutcome::NotApplied { retry_after: None });
    assert_eq!(bench.due_in(), Some(10));
}

#[test]
fn a_wait_that_ended_without_a_tick_is_not_due_any_more() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.answered(0, AppendOutcome::Unknown);
    bench.now += 15;
    assert_eq!(bench.body(4, 6), [append(0, 1, 3, 1, 100), seal(1, 4, 6)]);
    assert_eq!(bench.due_in(), None);
}

#[test]
fn an_opening_ends_the_failures_before_it() {
    let mut bench = Bench::new(policy());
    bench.assigned(None, None);
    for wait in [10, 20, 40] {
        bench.open_answered(OpenOutcome::Unknown { retry_after: None });
        bench.after(wait);
    }
    bench.opened(None);
    bench.body(1, 3);
    bench.answered(0, AppendOutcome::Unknown);
    assert_eq!(bench.due_in(), Some(10));
}

#[test]
fn a_stale_channel_is_opened_anew_and_gets_only_what_is_above_its_committed_offset() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    bench.body(7, 9);
    bench.appended(0);
    bench.appended(1);
    assert_eq!(bench.answered(2, AppendOutcome::Stale), [open(2)]);
    assert_eq!(bench.opened(3), [commit(4, 3), discard(0), append(1, 4, 6, 0, 200)]);
    assert_eq!(bench.appended(1), [append(2, 7, 9, 0, 201)]);
}

#[test]
fn a_wait_of_the_earlier_opening_does_not_hold_the_next_one_back() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.answered(0, AppendOutcome::NotApplied { retry_after: Some(5_000) });
    assert_eq!(bench.invalid(), [open(2)]);
    assert_eq!(bench.opened(None), [append(0, 1, 3, 0, 200)]);
}

#[test]
fn a_body_that_is_committed_in_part_is_read_again() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    bench.rows(7, 7);
    bench.answered(0, AppendOutcome::Stale);
    assert_eq!(bench.opened(2), [commit(3, 2), discard(0), discard(1), Action::DiscardOpen, rewind(3)]);
    assert!(!bench.machine.wants_records());
    bench.rewound(3);
    assert_eq!(bench.machine.resume_after(), Some(at(2)));
    assert_eq!(bench.body(3, 4), [seal(2, 3, 4), append(2, 3, 4, 0, 200)]);
}

#[test]
fn an_open_body_that_is_committed_by_another_is_read_again() {
    let mut bench = Bench::running(None);
    bench.rows(1, 3);
    assert_eq!(bench.invalid(), [open(2)]);
    assert_eq!(bench.opened(1), [commit(2, 1), Action::DiscardOpen, rewind(2)]);
}

#[test]
fn an_open_body_above_what_is_committed_is_kept() {
    let mut bench = Bench::running(None);
    bench.rows(5, 7);
    bench.invalid();
    assert_eq!(bench.opened(4), [commit(5, 4)]);
    assert_eq!(bench.on(Event::BodyFull), [seal(0, 5, 7), append(0, 5, 7, 0, 200)]);
}

#[test]
fn an_open_body_without_rows_is_kept_whatever_was_committed() {
    let mut bench = Bench::running(None);
    bench.encoded(5, 7, 0, &[7]);
    bench.invalid();
    assert_eq!(bench.opened(6), [commit(7, 6)]);
    assert_eq!(bench.on(Event::DeadLetterDelivered(at(7))), [Action::DiscardOpen, commit(8, 6)]);
}

#[test]
fn nothing_is_sealed_or_sent_before_kafka_reads_again() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.answered(0, AppendOutcome::Malformed);
    bench.opened(None);
    assert_eq!(bench.after(600), []);
    assert_eq!(bench.committed(3), []);
    assert!(!bench.machine.wants_records());
}

#[test]
fn a_missing_table_is_asked_for_again_and_the_body_goes_out_when_it_is_back() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    assert_eq!(bench.answered(0, AppendOutcome::ObjectMissing), [open(2)]);
    assert_eq!(bench.open_answered(OpenOutcome::ObjectMissing), [Action::Blocked(BlockReason::ObjectMissing)]);
    assert!(!bench.machine.wants_records());
    assert_eq!(bench.after(500), [open(3)]);
    assert_eq!(bench.opened(None), [Action::Unblocked, append(0, 1, 3, 0, 300)]);
}

#[test]
fn a_denied_append_blocks_and_goes_out_again_rarely_without_an_opening() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    assert_eq!(bench.answered(0, AppendOutcome::Denied), [Action::Blocked(BlockReason::PermissionDenied)]);
    for _ in 0..10 {
        assert!(!bench.machine.wants_records());
        assert_eq!(bench.after(499), []);
        assert_eq!(bench.after(1), [append(0, 1, 3, 0, 100)]);
        assert_eq!(bench.answered(0, AppendOutcome::Denied), []);
    }
    bench.after(500);
    assert_eq!(bench.appended(0), [Action::Unblocked]);
    assert!(bench.machine.wants_records());
}

#[test]
fn as_many_bodies_as_allowed_stop_reading_once_the_open_one_is_full() {
    let mut bench = Bench::running(None);
    for first in [1, 4, 7] {
        bench.body(first, first + 2);
    }
    assert_eq!(bench.rows(10, 12), []);
    assert_eq!(bench.after(60), []);
    assert_eq!(bench.due_in(), None);
    assert!(bench.machine.wants_records());
    assert_eq!(bench.on(Event::BodyFull), []);
    assert!(!bench.machine.wants_records());
    bench.appended(0);
    assert_eq!(bench.committed(3), [commit(4, 3), discard(0), seal(3, 10, 12)]);
    assert!(bench.machine.wants_records());
}

#[test]
fn an_open_body_without_rows_is_never_full() {
    let mut bench = Bench::running(None);
    for first in [1, 4, 7] {
        bench.body(first, first + 2);
    }
    bench.encoded(10, 10, 0, &[10]);
    bench.on(Event::BodyFull);
    assert!(bench.machine.wants_records());
}

#[test]
fn answers_to_an_earlier_opening_or_another_body_are_ignored() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.body(4, 6);
    bench.answered(0, AppendOutcome::Stale);
    bench.opened(None);
    let outcome = AppendOutcome::Appended(101);
    assert_eq!(bench.on(Event::AppendAnswered { session: 1, body: 0, outcome: outcome.clone() }), []);
    assert_eq!(bench.answered(1, outcome), []);
    assert_eq!(bench.on(Event::StatusSeen { session: 1, valid: false, committed: None, row_errors: 0 }), []);
    assert_eq!(bench.appended(0), [append(1, 4, 6, 0, 201)]);
    assert_eq!(bench.answered(0, AppendOutcome::Stale), []);
}

#[test]
fn an_answer_during_an_opening_is_ignored() {
    let mut bench = Bench::running(None);
    bench.body(1, 3);
    bench.invalid();
    assert_eq!(bench.appended(0), []);
    assert_eq!(bench.committed(3), []);
    assert_eq!(bench.opened(None), [append(0, 1, 3, 0, 200)]);
}
