//! Other plugins take over when everything read through the earlier ones is settled and the group knows it.

use super::*;

fn swap_asked(bench: &mut Bench) -> Vec<Action<u32>> {
    bench.on(Event::SwapAsked)
}

fn group_committed(bench: &mut Bench, next: i64) -> Vec<Action<u32>> {
    bench.on(Event::GroupCommitted(at(next)))
}

#[test]
fn a_partition_that_has_read_nothing_swaps_at_once() {
    let mut bench = Bench::running(None);
    assert_eq!(swap_asked(&mut bench), [Action::Swap]);
    assert!(bench.machine.wants_records());
    let mut resumed = Bench::new(policy());
    resumed.assigned(8, None);
    resumed.opened(None);
    assert_eq!(swap_asked(&mut resumed), [Action::Swap], "the group has told its offset itself");
}

#[test]
fn what_was_read_is_appended_committed_and_known_to_the_group_before() {
    let mut bench = Bench::running(None);
    bench.rows(0, 3);
    let actions = swap_asked(&mut bench);
    assert_eq!(actions, [seal(0, 0, 3), append(0, 0, 3, 0, 100)], "it does not linger");
    assert!(!bench.machine.wants_records());
    assert_eq!(bench.appended(0), []);
    assert_eq!(bench.committed(3), [commit(4, 3), discard(0), commit(4, 3)]);
    assert_eq!(group_committed(&mut bench, 3), [], "the answer to an earlier commit");
    assert!(!bench.machine.wants_records());
    assert_eq!(group_committed(&mut bench, 4), [Action::Swap]);
    assert!(bench.machine.wants_records());
    assert_eq!(bench.due_in(), None);
}

#[test]
fn a_group_commit_that_a_rebalance_swallowed_is_sent_again() {
    let mut bench = Bench::running(None);
    bench.dropped(0, 3);
    assert_eq!(swap_asked(&mut bench), [commit(4, None)]);
    assert!(bench.machine.awaits_group());
    assert_eq!(bench.due_in(), Some(2_000));
    assert_eq!(bench.after(1_999), []);
    assert_eq!(bench.after(1), [commit(4, None)]);
    assert_eq!(bench.due_in(), Some(2_000));
    assert_eq!(group_committed(&mut bench, 4), [Action::Swap]);
    assert!(!bench.machine.awaits_group());
}

#[test]
fn a_dead_letter_under_way_is_waited_for() {
    let mut bench = Bench::running(None);
    bench.encoded(0, 1, 0, &[1]);
    assert_eq!(swap_asked(&mut bench), []);
    let actions = bench.on(Event::DeadLetterDelivered(at(1)));
    assert_eq!(actions, [Action::DiscardOpen, commit(2, None), commit(2, None)]);
    assert_eq!(group_committed(&mut bench, 2), [Action::Swap]);
}

#[test]
fn a_record_or_a_plugin_that_stopped_the_partition_is_for_the_other_plugins_to_try() {
    for stopped in [Event::RecordRefused, Event::ReadFailed(BlockReason::PluginsFailed)] {
        let mut bench = Bench::running(None);
        bench.on(stopped);
        assert!(!bench.machine.wants_records());
        assert_eq!(swap_asked(&mut bench), [Action::Swap, Action::Unblocked]);
        assert!(bench.machine.wants_records());
    }
    let mut bench = Bench::running(None);
    bench.on(Event::ReadFailed(BlockReason::OffsetOutOfRange));
    assert_eq!(swap_asked(&mut bench), [Action::Swap]);
    assert!(!bench.machine.wants_records(), "plugins have no part in it");
}

#[test]
fn a_partition_whose_rows_may_be_missing_does_not_swap() {
    let mut bench = Bench::running(None);
    bench.body(0, 3);
    bench.appended(0);
    assert_eq!(bench.status(3, 1), [Action::Blocked(BlockReason::RowsRejected), discard(0)]);
    assert_eq!(swap_asked(&mut bench), []);
    assert_eq!((group_committed(&mut bench, 4), bench.due_in()), (vec![], None));
}

#[test]
fn a_partition_that_goes_is_let_go_and_not_swapped() {
    let mut bench = Bench::running(None);
    bench.dropped(0, 3);
    swap_asked(&mut bench);
    assert_eq!(bench.revoked(1_000), [Action::Drained]);
    assert_eq!(group_committed(&mut bench, 4), []);
    bench.assigned(4, None);
    bench.opened(None);
    assert!(bench.machine.wants_records(), "the next assignment begins with the newest plugins");
}

#[test]
fn a_partition_that_reads_again_swaps_when_kafka_has_gone_back() {
    let mut bench = Bench::running(None);
    bench.body(0, 3);
    bench.answered(0, AppendOutcome::Malformed);
    bench.opened(None);
    assert_eq!(swap_asked(&mut bench), []);
    assert_eq!(bench.rewound(0), [Action::Swap], "nothing of them was settled");
}

#[test]
fn a_partition_that_opens_its_channel_and_has_nothing_to_read_again_swaps_then() {
    let mut bench = Bench::running(None);
    // Of the first record of all: nothing counts as read.
    bench.on(Event::DeadLetterFailed);
    assert_eq!(bench.after(500), [open(2)]);
    assert_eq!(swap_asked(&mut bench), []);
    assert_eq!(bench.opened(None), [Action::Unblocked, Action::Swap]);
    assert!(bench.machine.wants_records());
}
