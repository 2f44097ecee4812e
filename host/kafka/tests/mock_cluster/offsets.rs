//! Group offsets from outside their group, and the cluster's topics.

use std::time::Duration;

use snowgate_kafka::{Error, GroupOffsets, topics};
use snowgate_record::TopicPartition;

use crate::support::{Cluster, Member, PATIENCE, Reader, eventually, group_offset, offset};

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("orders", number)
}

#[test]
fn the_group_offsets_of_a_group_are_read_from_outside_whether_it_has_members_or_not() {
    let cluster = Cluster::new(&[("orders", 2)]);
    let settings = cluster.settings(&[]);
    let group = GroupOffsets::new(&settings, PATIENCE).unwrap();
    let partitions = group.partitions("orders").unwrap();
    assert_eq!(partitions, [partition(0), partition(1)]);
    assert_eq!(group.read(&partitions), Ok(Vec::new()));
    let member = Member::start(&settings, "orders");
    let _assigned = member.assigned();
    member.commit(&partition(1), 7, "m");
    let found = || Some(group.read(&partitions).unwrap()).filter(|found| !found.is_empty());
    assert_eq!(eventually(found), [(partition(1), offset(7))]);
    let told = || Some(member.owner.committed.lock().unwrap().clone()).filter(|told| !told.is_empty());
    assert_eq!(eventually(told), [group_offset(&partition(1), 7, "m")]);
    member.stop();
    assert_eq!(group.read(&partitions), Ok(vec![(partition(1), offset(7))]));
    assert_eq!(group.read(&[]), Ok(Vec::new()));
}

#[test]
fn a_group_without_members_takes_its_offsets_from_outside() {
    let cluster = Cluster::new(&[("orders", 2)]);
    let settings = cluster.settings(&[]);
    let group = GroupOffsets::new(&settings, PATIENCE).unwrap();
    group.set(&[group_offset(&partition(0), 4, r#"{"token":3}"#)]).unwrap();
    assert_eq!(group.read(&[partition(0), partition(1)]), Ok(vec![(partition(0), offset(4))]));
    let member = Member::start(&settings, "orders");
    let assigned = member.assigned();
    let first = assigned.iter().find(|assigned| assigned.topic_partition == partition(0)).unwrap();
    assert_eq!((first.group_offset, first.metadata.as_deref()), (Some(offset(4)), Some(r#"{"token":3}"#)));
}

#[test]
fn a_forgotten_group_offset_is_none_to_its_reader_and_to_the_next_member() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a", "b"]);
    let settings = cluster.settings(&[]);
    let group = GroupOffsets::new(&settings, PATIENCE).unwrap();
    group.set(&[group_offset(&partition(0), 1, "m")]).unwrap();
    group.forget(&[partition(0)]).unwrap();
    assert_eq!(group.read(&[partition(0)]), Ok(Vec::new()));
    let member = Member::start(&settings, "orders");
    let mut assigned = member.assigned();
    assert_eq!((assigned[0].group_offset, assigned[0].metadata.as_deref()), (None, None));
    assert_eq!(Reader::new(assigned.remove(0).queue).read(2), ["a", "b"]);
}

#[test]
fn the_topics_of_a_cluster_are_listed_and_an_absent_cluster_says_so() {
    let cluster = Cluster::new(&[("orders", 1), ("klines", 3)]);
    let mut found = topics(&cluster.settings(&[]), PATIENCE).unwrap();
    found.sort();
    assert_eq!(found, ["klines", "orders"]);
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = topics(&crate::support::settings(&address.to_string(), &[]), Duration::from_millis(200)).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}
