//! What is seen of partitions, and of a member that has none.

use snowgate_snowflake::wire::PipeName;

use super::*;

fn offset(offset: i64) -> Option<Offset> {
    Offset::new(offset)
}

fn channel(channel: &str, table: &str) -> ChannelName {
    let pipe = PipeName { database: "D".to_owned(), schema: "S".to_owned(), pipe: names::default_pipe(table) };
    ChannelName { pipe: Arc::new(pipe), channel: channel.to_owned() }
}

#[test]
fn a_partition_is_seen_with_its_lag_and_what_blocks_it() {
    let board = Board::new("g");
    let partition = TopicPartition::new("t", 3);
    let place = board.enter(&partition, 1, "t_3", &["T"]);
    let view = |high| board.partitions(|_| Some((0, high))).pop().unwrap();
    assert_eq!((view(10).committed_offset, view(10).lag_records), (None, None));
    place.set(offset(6), [(offset(6), offset(8))].into_iter());
    assert!(board.topics().is_empty());
    place.read(now());
    assert_eq!(board.topics().into_iter().collect::<Vec<_>>(), ["t"]);
    board.forget_topics();
    assert!(board.topics().is_empty());
    let seen = view(10);
    assert_eq!((seen.committed_offset, seen.appended_offset, seen.group_offset), (Some(6), Some(8), Some(7)));
    assert_eq!((seen.lag_records, seen.log_end_offset), (Some(3), Some(10)));
    assert_eq!(board.health(&[seen]), Health::Running);
    place.block(BlockReason::PermissionDenied, None);
    let seen = view(7);
    assert_eq!((seen.lag_records, seen.lag_seconds), (Some(0), Some(0.0)));
    assert!(!seen.blocked.as_ref().unwrap().needs_person);
    let expected = format!("partition 3 of `t`\n  because: permission_denied\nhint: {}", BlockReason::PermissionDenied.hint());
    assert_eq!(board.health(&[seen]), Health::Stalled(expected));
    place.unblock();
    assert!(view(7).blocked.is_none());
    board.leave(&partition, &place);
    assert!(board.partitions(|_| None).is_empty());
}

#[test]
fn records_that_wait_with_nothing_settled_are_a_stall_and_a_record_after_a_silence_is_not() {
    let board = Board::new("g");
    let partition = TopicPartition::new("t", 0);
    let place = board.enter(&partition, 0, "t_0", &["T"]);
    place.set(offset(6), [(offset(6), offset(6))].into_iter());
    let blocked = |high| board.partitions(|_| Some((0, high))).pop().unwrap().blocked.map(|blocked| blocked.reason);
    assert_eq!((blocked(7), blocked(8), blocked(8)), (None, None, None));
    // As if the first look at the record that waits had been a minute earlier.
    place.waiting_since.fetch_sub(STALL_MS + 1, Ordering::Relaxed);
    assert_eq!(blocked(8).as_deref(), Some("stalled"));
    place.set(offset(7), [(offset(7), offset(7))].into_iter());
    assert_eq!((blocked(9), blocked(8)), (None, None));
}

#[test]
fn a_group_that_does_not_take_an_offset_for_long_is_told_also_where_no_record_waits() {
    let board = Board::new("g");
    let place = board.enter(&TopicPartition::new("t", 0), 0, "t_0", &["T"]);
    place.set(offset(6), [(offset(6), offset(6))].into_iter());
    let seen = || board.partitions(|_| Some((0, 7)));
    place.awaits_group(true);
    assert_eq!(board.health(&seen()), Health::Running, "a commit takes its time");
    place.group_awaited_since.fetch_sub(STALL_MS + 1, Ordering::Relaxed);
    place.awaits_group(true);
    let Health::Stalled(why) = board.health(&seen()) else { panic!("{:?}", board.health(&seen())) };
    assert!(why.contains("because: group_commit_pending: the group has not taken its offset for 60 s"), "{why}");
    place.block(BlockReason::PermissionDenied, None);
    assert_eq!(seen()[0].blocked.as_ref().map(|blocked| blocked.reason.as_str()), Some("permission_denied"));
    place.unblock();
    place.awaits_group(false);
    assert_eq!(board.health(&seen()), Health::Running);
}

#[test]
fn a_rest_is_told_until_it_is_over_and_hides_no_block() {
    let board = Board::new("g");
    let place = board.enter(&TopicPartition::new("t", 0), 0, "t_0", &["T"]);
    let reason = || board.partitions(|_| None).pop().unwrap().blocked.map(|blocked| blocked.reason);
    place.rest("plugin `p` rests".to_owned(), None);
    assert_eq!(reason().as_deref(), Some("plugin_failing"));
    place.rested();
    assert_eq!(reason(), None);
    place.rest("plugin `p` rests".to_owned(), None);
    place.block(BlockReason::PermissionDenied, None);
    place.rested();
    assert_eq!(reason().as_deref(), Some("permission_denied"));
}

#[test]
fn a_request_that_fails_again_and_again_is_told_until_it_is_answered_or_its_partition_goes() {
    let board = Board::new("g");
    let partition = TopicPartition::new("t", 0);
    let place = board.enter(&partition, 0, "t_0", &["T"]);
    let told = || board.partitions(|_| None).pop().is_some_and(|view| view.blocked.is_some());
    let long_ago = || lock(&board.troubles).values_mut().for_each(|trouble| trouble.since_ms -= TROUBLE_MS + 1);
    board.request(&channel("t_0", "T"), Some("503".to_owned()));
    assert!(!told(), "one failure is tried again at once");
    long_ago();
    assert!(told());
    board.request(&channel("t_0", "T"), None);
    assert!(!told());
    board.request(&channel("t_0", "T"), Some("503".to_owned()));
    long_ago();
    board.leave(&partition, &place);
    board.enter(&partition, 1, "t_0", &["T"]);
    assert!(!told(), "the next owner begins anew");
}

#[test]
fn a_partition_that_came_back_is_not_taken_away_by_its_earlier_owner() {
    let board = Board::new("g");
    let partition = TopicPartition::new("t", 0);
    let first = board.enter(&partition, 0, "t_0", &["T"]);
    let second = board.enter(&partition, 1, "t_0", &["T"]);
    board.leave(&partition, &first);
    assert_eq!(board.partitions(|_| None)[0].worker, 1);
    board.leave(&partition, &second);
    assert!(board.partitions(|_| None).is_empty());
}

#[test]
fn the_newest_errors_are_kept_and_the_first_failure_stays() {
    let board = Board::new("g");
    for number in 0..30 {
        board.error(number.to_string());
    }
    let errors = board.errors();
    assert_eq!((errors.len(), errors[0].text.as_str(), errors[19].text.as_str()), (20, "29", "10"));
    board.fail("first".to_owned());
    board.fail("second".to_owned());
    assert_eq!(board.health(&[]), Health::Failed("first".to_owned()));
}

#[test]
fn a_member_without_a_partition_for_long_says_whether_the_group_decided_so() {
    let board = Board::new("g");
    let told = || (board.health(&[]), board.spare());
    let long_ago = || board.unassigned_since.fetch_sub(UNASSIGNED_MS + 1, Ordering::Relaxed);
    assert_eq!(told(), (Health::Running, None), "a rebalance takes its time");
    long_ago();
    let (Health::Stalled(why), None) = told() else { panic!("{:?}", told()) };
    assert!(why.starts_with("the group `g` has given it no partition for 30 s\n  because: the group has not decided"), "{why}");
    board.stands(Standing::Joined);
    let (Health::Running, Some(why)) = told() else { panic!("{:?}", told()) };
    assert!(why.contains("because: other members have all partitions"), "{why}");
    let partition = TopicPartition::new("t", 0);
    let place = board.enter(&partition, 0, "t_0", &["T"]);
    assert_eq!(told(), (Health::Running, None));
    board.leave(&partition, &place);
    assert_eq!(told(), (Health::Running, None), "the time without one begins anew");
    long_ago();
    assert!(board.spare().is_some());
    board.stands(Standing::WithoutTopics("a.*".to_owned()));
    assert!(board.spare().is_some_and(|why| why.contains("no topic that it may see matches `a.*`")));
    board.stands(Standing::Joining);
    assert!(matches!(board.health(&[]), Health::Stalled(_)));
}

#[test]
fn an_absent_kafka_stalls_the_pipeline_until_it_is_back() {
    let board = Board::new("g");
    board.kafka(Some("no broker can be reached".to_owned()));
    assert_eq!(board.health(&[]), Health::Stalled("no broker can be reached".to_owned()));
    board.kafka(None);
    assert_eq!(board.health(&[]), Health::Running);
}

#[test]
fn each_table_of_a_partition_is_seen_and_one_that_answers_hides_no_other_ones_trouble() {
    let board = Board::new("g");
    let partition = TopicPartition::new("t", 0);
    let place = board.enter(&partition, 0, "t_0", &["T", "MORE"]);
    place.set(offset(6), [(offset(6), offset(8)), (None, offset(7))].into_iter());
    board.request(&channel("t_0", "MORE"), Some("503".to_owned()));
    board.request(&channel("t_0", "T"), None);
    lock(&board.troubles).values_mut().for_each(|trouble| trouble.since_ms -= TROUBLE_MS + 1);
    let seen = board.partitions(|_| None).pop().unwrap();
    assert_eq!((seen.table.as_str(), seen.committed_offset, seen.group_offset), ("T", Some(6), Some(7)));
    let more: Vec<_> =
        seen.more_tables.iter().map(|more| (more.table.as_str(), more.committed_offset, more.appended_offset)).collect();
    assert_eq!(more, [("MORE", None, Some(7))]);
    assert_eq!(seen.blocked.map(|blocked| blocked.message).as_deref(), Some("retrying: 503"));
    board.leave(&partition, &place);
    assert!(lock(&board.troubles).is_empty());
}
