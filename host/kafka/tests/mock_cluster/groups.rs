//! Partitions come, go, start again and change hands, and no record is lost or read twice on the way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use snowgate_kafka::{Error, StartAt};
use snowgate_record::{RecordBatch, TopicPartition};

use crate::support::{Cluster, Event, Member, Reader, eventually, group_offset, offset};

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("orders", number)
}

#[test]
fn a_group_offset_and_its_metadata_come_back_to_the_next_member() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a", "b", "c"]);
    let settings = cluster.settings(&[]);
    let first = Member::start(&settings, "orders");
    first.sole();
    first.commit(&partition(0), 1, "older");
    first.commit(&partition(0), 2, r#"{"token":1}"#);
    assert!(matches!(first.stop()[..], [Event::Revoked(_, false)]));

    let second = Member::start(&settings, "orders");
    let mut partitions = second.assigned();
    assert_eq!(partitions[0].group_offset, Some(offset(2)));
    assert_eq!(partitions[0].metadata.as_deref(), Some(r#"{"token":1}"#));
    assert_eq!(Reader::new(partitions.remove(0).queue).read(1), ["c"]);
}

#[test]
fn a_commit_reaches_the_brokers_while_the_member_goes_on() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let settings = cluster.settings(&[]);
    let member = Member::start(&settings, "orders");
    let _reader = member.sole();
    member.commit(&partition(0), 7, "m");
    // A client beside the group asks what the brokers hold.
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.brokers).set("group.id", &settings.group);
    let other: BaseConsumer = config.create().unwrap();
    let found = eventually(|| {
        let mut list = TopicPartitionList::new();
        list.add_partition("orders", 0);
        let list = other.committed_offsets(list, Duration::from_secs(1)).ok()?;
        let elements = list.elements();
        (elements[0].offset() != KafkaOffset::Invalid).then(|| (elements[0].offset(), elements[0].metadata().to_string()))
    });
    assert_eq!(found, (KafkaOffset::Offset(7), "m".to_string()));
}

#[test]
fn a_revoke_is_told_first_and_what_it_returns_is_where_the_next_owner_starts() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a", "b", "c"]);
    let settings = cluster.settings(&[]);
    let first = Member::start(&settings, "orders");
    let mut reader = first.sole();
    reader.read(3);
    first.commit(&partition(0), 1, "earlier");
    first.owner.offsets.lock().unwrap().insert(partition(0), group_offset(&partition(0), 2, "last"));
    assert!(matches!(&first.stop()[..], [Event::Revoked(partitions, false)] if *partitions == [partition(0)]));

    // The queue outlives its consumer, and nothing leaves it.
    cluster.produce("orders", 0, &["d"]);
    assert_eq!(reader.queue.take(&mut RecordBatch::new(partition(0)), 10), Ok(0));
    drop(reader);

    let second = Member::start(&settings, "orders");
    assert_eq!(second.assigned()[0].group_offset, Some(offset(2)));
}

#[test]
fn two_members_share_and_hand_over_partitions_and_each_record_is_read_once() {
    let cluster = Cluster::new(&[("orders", 4)]);
    let settings = cluster.settings(&[]);
    let first = Member::start(&settings, "orders");
    let mut held: Vec<Reader> = first.assigned().into_iter().map(|assigned| Reader::new(assigned.queue)).collect();
    assert_eq!(held.len(), 4);
    let mut seen: Vec<String> = Vec::new();
    for number in 0..4 {
        cluster.produce("orders", number, &[format!("{number}-0").as_str(), format!("{number}-1").as_str()]);
    }
    for reader in &mut held {
        seen.extend(reader.read(2));
    }
    // Everything up to here is settled; a revoke commits it.
    for number in 0..4 {
        first.owner.offsets.lock().unwrap().insert(partition(number), group_offset(&partition(number), 2, ""));
    }

    let second = Member::start(&settings, "orders");
    let Event::Revoked(moved, false) = first.event() else { panic!("a revoke comes first") };
    assert_eq!(moved.len(), 2);
    let taken_over = second.assigned();
    let mut names: Vec<_> = taken_over.iter().map(|assigned| assigned.topic_partition.clone()).collect();
    names.sort();
    let mut expected = moved.clone();
    expected.sort();
    assert_eq!(names, expected);
    assert!(taken_over.iter().all(|assigned| assigned.group_offset == Some(offset(2))), "{taken_over:?}");

    let (_, mut kept): (Vec<_>, Vec<_>) = held.into_iter().partition(|reader| moved.contains(reader.queue.topic_partition()));
    let mut taken: Vec<Reader> = taken_over.into_iter().map(|assigned| Reader::new(assigned.queue)).collect();
    for number in 0..4 {
        cluster.produce("orders", number, &[format!("{number}-2").as_str()]);
    }
    for reader in &mut taken {
        seen.extend(reader.read(1));
    }
    for reader in &mut kept {
        // The same queue as before the rebalance: untouched partitions are neither paused nor rewound.
        assert_eq!(reader.read(3).len(), 3);
        seen.push(reader.values()[2].clone());
    }

    for number in 0..4 {
        first.owner.offsets.lock().unwrap().insert(partition(number), group_offset(&partition(number), 3, ""));
    }
    first.stop();
    let rest = second.assigned();
    assert_eq!(rest.len(), 2);
    assert!(rest.iter().all(|assigned| assigned.group_offset == Some(offset(3))), "{rest:?}");
    seen.sort();
    let all: Vec<String> = (0..4).flat_map(|number| (0..3).map(move |i| format!("{number}-{i}"))).collect();
    assert_eq!(seen, all);
}

#[test]
fn a_member_that_gets_nothing_learns_that_the_group_has_decided() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let settings = cluster.settings(&[]);
    let first = Member::start(&settings, "orders");
    let _reader = first.sole();
    assert_eq!(first.owner.joined.load(Ordering::Relaxed), 1);
    let second = Member::start(&settings, "orders");
    eventually(|| (second.owner.joined.load(Ordering::Relaxed) > 0).then_some(()));
}

#[test]
fn a_partition_starts_again_at_an_offset_while_the_others_go_on() {
    let cluster = Cluster::new(&[("orders", 2)]);
    for number in 0..2 {
        cluster.produce("orders", number, &["a", "b", "c", "d"]);
    }
    let member = Member::start(&cluster.settings(&[]), "orders");
    let mut readers: Vec<Reader> = member.assigned().into_iter().map(|assigned| Reader::new(assigned.queue)).collect();
    readers.sort_by_key(|reader| reader.queue.topic_partition().partition);
    let mut other = readers.pop().unwrap();
    let mut old = readers.pop().unwrap();
    old.read(4);
    other.read(4);
    for round in 0..3 {
        let mut new = Reader::new(member.restart(&partition(0), 1).unwrap());
        assert_eq!(new.read(3), ["b", "c", "d"], "round {round}");
        assert_eq!(old.queue.take(&mut old.batch, 10), Ok(0));
        old = new;
    }
    for number in 0..2 {
        cluster.produce("orders", number, &["e"]);
    }
    assert_eq!(old.read(4), ["b", "c", "d", "e"]);
    assert_eq!(other.read(5), ["a", "b", "c", "d", "e"]);
}

#[test]
fn a_partition_of_an_eager_group_starts_again_too() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a", "b", "c"]);
    let member = Member::start(&cluster.settings(&[("partition.assignment.strategy", "range")]), "orders");
    let mut old = member.sole();
    old.read(3);
    let mut new = Reader::new(member.restart(&partition(0), 1).unwrap());
    assert_eq!(new.read(2), ["b", "c"]);
    assert_eq!(old.queue.take(&mut old.batch, 10), Ok(0));
}

#[test]
fn only_an_assigned_partition_can_start_again() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let member = Member::start(&cluster.settings(&[]), "orders");
    let _reader = member.sole();
    let error = member.restart(&partition(9), 0).unwrap_err();
    assert_eq!(error.to_string(), "partition `orders-9` is not assigned to this consumer");
}

#[test]
fn an_error_in_place_of_group_offsets_is_never_taken_for_none() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a", "b"]);
    let settings = cluster.settings(&[]);
    let first = Member::start(&settings, "orders");
    first.sole();
    first.commit(&partition(0), 1, "");
    first.stop();

    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN;
    cluster.mock.request_errors(RDKafkaApiKey::OffsetFetch, &[refusal; 3]);
    let second = Member::start(&settings, "orders");
    let mut partitions = second.assigned();
    assert_eq!(partitions[0].group_offset, Some(offset(1)));
    assert_eq!(Reader::new(partitions.remove(0).queue).read(1), ["b"]);
}

#[test]
fn a_commit_that_met_a_rebalance_is_not_told() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let member = Member::start(&cluster.settings(&[]), "orders");
    member.sole();
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
    cluster.mock.request_errors(RDKafkaApiKey::OffsetCommit, &[refusal]);
    member.commit(&partition(0), 1, "");
    let lost = member.event();
    assert!(matches!(lost, Event::Revoked(_, true)), "{lost:?}");
    let again = member.assigned();
    assert_eq!(again[0].group_offset, None);
}

#[test]
fn any_other_failed_commit_is_told_and_tried_again() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let settings = cluster.settings(&[]);
    let member = Member::start(&settings, "orders");
    member.sole();
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE;
    cluster.mock.request_errors(RDKafkaApiKey::OffsetCommit, &[refusal]);
    member.commit(&partition(0), 1, "");
    let Event::CommitFailed(error) = member.event() else { panic!("the failure is told") };
    assert_eq!(error.to_string(), "the group offsets of `snowgate-test` could not be committed");
    member.stop();
    let next = Member::start(&settings, "orders");
    assert_eq!(next.assigned()[0].group_offset, Some(offset(1)));
}

#[test]
fn a_panic_of_the_owner_ends_the_consumer_and_is_told() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let member = Member::start_panicking(&cluster.settings(&[]), "orders");
    let Event::Failed(error) = member.event() else { panic!("the failure is told") };
    assert_eq!(error, Error::ThreadDied);
    assert_eq!(member.restart(&partition(0), 0).unwrap_err(), Error::ThreadDied);
}

#[test]
fn records_keep_their_place_when_a_start_is_given_for_some_partitions_only() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a", "b"]);
    let settings = cluster.settings(&[]);
    let first = Member::start(&settings, "orders");
    first.sole();
    first.commit(&partition(0), 1, "");
    first.stop();
    // The owner's word wins over the group's.
    let second = Member::start_at(&settings, "orders", &[(partition(0), StartAt::Offset(offset(0)))]);
    assert_eq!(second.sole().read(2), ["a", "b"]);
}
