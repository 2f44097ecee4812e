//! Records arrive as they were written, from where they were asked for.

use snowgate_kafka::{Start, StartAt};
use snowgate_record::{TimestampType, TopicPartition};

use crate::support::{Cluster, Member, Reader, eventually, offset};

#[test]
fn keys_nulls_tombstones_and_headers_arrive_as_they_were_written_and_in_order() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce_record("orders", 0, Some(b"k"), Some(b"{}"), &[]);
    cluster.produce_record("orders", 0, None, Some(b""), &[("b", Some(b"1")), ("a", None), ("b", Some(b"2"))]);
    cluster.produce_record("orders", 0, Some(b""), None, &[("empty", Some(b""))]);
    cluster.produce_record("orders", 0, Some(&[0, 255]), Some(&[0, 10, 255]), &[]);
    cluster.flush();
    let member = Member::start(&cluster.settings(&[]), "orders");
    let mut reader = member.sole();
    reader.read(4);

    let seen: Vec<_> =
        reader.batch.iter().map(|r| (r.offset().get(), r.key(), r.value(), r.headers().collect::<Vec<_>>())).collect();
    let repeated = vec![(&b"b"[..], Some(&b"1"[..])), (b"a", None), (b"b", Some(b"2"))];
    assert_eq!(seen[0], (0, Some(&b"k"[..]), Some(&b"{}"[..]), vec![]));
    assert_eq!(seen[1], (1, None, Some(&b""[..]), repeated));
    assert_eq!(seen[2], (2, Some(&b""[..]), None, vec![(&b"empty"[..], Some(&b""[..]))]));
    assert_eq!(seen[3], (3, Some(&[0, 255][..]), Some(&[0, 10, 255][..]), vec![]));
    for record in reader.batch.iter() {
        assert_eq!((record.timestamp(), record.timestamp_type()), (1_700_000_000_000, TimestampType::CreateTime));
    }
}

#[test]
fn a_queue_gives_the_records_of_its_own_partition_only_and_no_more_than_asked_for() {
    let cluster = Cluster::new(&[("orders", 3)]);
    let values: Vec<Vec<String>> = (0..3).map(|p| (0..700).map(|i| format!("{p}-{i}")).collect()).collect();
    for (partition, values) in values.iter().enumerate() {
        cluster.produce("orders", partition as i32, &values.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let member = Member::start(&cluster.settings(&[]), "orders");
    let partitions = member.assigned();
    assert_eq!(partitions.len(), 3);
    for assigned in partitions {
        let partition = assigned.topic_partition.partition as usize;
        let mut reader = Reader::new(assigned.queue);
        reader.wait_for_wake();
        let taken = eventually(|| Some(reader.queue.take(&mut reader.batch, 300).unwrap()).filter(|taken| *taken > 0));
        assert!(taken <= 300 && taken == reader.batch.len());
        assert_eq!(reader.read(700), values[partition]);
    }
}

#[test]
fn large_records_come_in_batches_of_bounded_size_and_none_is_left_behind() {
    const LEN: usize = 900_000;
    let cluster = Cluster::new(&[("orders", 1)]);
    for number in 0..60u8 {
        cluster.produce_record("orders", 0, None, Some(&vec![number; LEN]), &[]);
    }
    cluster.flush();
    let member = Member::start(&cluster.settings(&[("queued.max.messages.kbytes", "200000")]), "orders");
    let mut reader = member.sole();
    let mut seen = Vec::new();
    while seen.len() < 60 {
        let partition = reader.queue.topic_partition().clone();
        reader.batch.reset(&partition);
        if reader.queue.take(&mut reader.batch, 1000).unwrap() == 0 {
            reader.wait_for_wake();
        }
        assert!(reader.batch.bytes() <= 32 * LEN, "{}", reader.batch.bytes());
        seen.extend(reader.batch.iter().map(|record| record.value().unwrap()[LEN - 1]));
    }
    assert_eq!(seen, (0..60).collect::<Vec<u8>>());
}

#[test]
fn the_wake_is_called_when_a_queue_turns_non_empty_and_at_once_when_it_already_is() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a"]);
    let member = Member::start(&cluster.settings(&[]), "orders");
    let mut reader = member.sole();
    assert_eq!(reader.read(1), ["a"]);
    while reader.is_woken() {}
    cluster.produce("orders", 0, &["b"]);
    reader.wait_for_wake();
    // Left in the queue: a new holder of the wake hears of it without anything new arriving.
    let again = Reader::new(reader.queue);
    again.wait_for_wake();
}

#[test]
fn without_a_group_offset_a_partition_starts_at_the_earliest_record() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a", "b"]);
    let member = Member::start(&cluster.settings(&[]), "orders");
    let mut partitions = member.assigned();
    assert_eq!((partitions[0].group_offset, partitions[0].metadata.clone()), (None, None));
    assert_eq!(Reader::new(partitions.remove(0).queue).read(2), ["a", "b"]);
}

#[test]
fn without_a_group_offset_a_partition_starts_at_new_records_when_the_settings_say_latest() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["old"]);
    let mut settings = cluster.settings(&[]);
    settings.start = Start::Latest;
    let member = Member::start(&settings, "orders");
    let mut reader = member.sole();
    // The end was found once the client knows it.
    eventually(|| member.consumer.watermarks(&TopicPartition::new("orders", 0)));
    cluster.produce("orders", 0, &["new"]);
    assert_eq!(reader.read(1), ["new"]);
}

#[test]
fn a_partition_starts_exactly_where_its_owner_says() {
    let cluster = Cluster::new(&[("orders", 3)]);
    for partition in 0..3 {
        cluster.produce("orders", partition, &["0", "1", "2", "3"]);
    }
    let at = |partition, start| (TopicPartition::new("orders", partition), start);
    let starts = [at(0, StartAt::Offset(offset(3))), at(1, StartAt::Beginning)];
    let member = Member::start_at(&cluster.settings(&[]), "orders", &starts);
    for assigned in member.assigned() {
        let partition = assigned.topic_partition.partition;
        let expected: &[&str] = if partition == 0 { &["3"] } else { &["0", "1", "2", "3"] };
        assert_eq!(Reader::new(assigned.queue).read(expected.len()), expected, "partition {partition}");
    }
}

#[test]
fn the_watermarks_follow_the_partition() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a", "b", "c"]);
    let member = Member::start(&cluster.settings(&[]), "orders");
    let mut reader = member.sole();
    reader.read(3);
    assert_eq!(member.consumer.watermarks(&TopicPartition::new("orders", 0)), Some((0, 3)));
    assert_eq!(member.consumer.watermarks(&TopicPartition::new("nowhere", 0)), None);
}
