//! Dead letters arrive with their reason, and their sender hears of it.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use snowgate_kafka::{DeadLetter, DeadLetterReceipt, DeadLetters, Error};
use snowgate_record::{RecordBatch, TimestampType, TopicPartition};

use crate::support::{Cluster, Member, PATIENCE, offset, settings};

fn batch() -> RecordBatch {
    let mut batch = RecordBatch::new(TopicPartition::new("orders", 3));
    batch.push_header(b"trace", Some(b"7"));
    batch.push_header(b"none", None);
    batch.push(offset(41), 1_700_000_000_123, TimestampType::CreateTime, Some(b"k"), Some(b"not json"));
    batch.push(offset(42), -1, TimestampType::NotAvailable, None, None);
    batch
}

fn start(settings: &snowgate_kafka::KafkaSettings) -> (DeadLetters, mpsc::Receiver<DeadLetterReceipt>) {
    let (sender, receipts) = mpsc::channel();
    let letters = DeadLetters::start(settings, "dead", Arc::new(move |receipt| sender.send(receipt).unwrap_or_default())).unwrap();
    (letters, receipts)
}

#[test]
fn a_dead_letter_is_the_record_with_its_reason_in_headers_and_a_receipt_comes() {
    let cluster = Cluster::new(&[("dead", 1)]);
    let settings = cluster.settings(&[]);
    let (letters, receipts) = start(&settings);
    let batch = batch();
    let reasons = [("snowgate.reason", "not_json"), ("snowgate.message", "line 1: a value")];
    let letter = |index, headers| DeadLetter { record: batch.record(index), headers };
    letters.send(&letter(0, &reasons), 5).unwrap();
    letters.send(&letter(1, &[]), 6).unwrap();
    for (offset_value, epoch) in [(41, 5), (42, 6)] {
        let receipt = receipts.recv_timeout(PATIENCE).unwrap();
        let topic_partition = TopicPartition::new("orders", 3);
        assert_eq!(receipt, DeadLetterReceipt { topic_partition, offset: offset(offset_value), epoch, result: Ok(()) });
    }
    letters.stop(PATIENCE);

    let member = Member::start(&settings, "dead");
    let mut reader = member.sole();
    reader.read(2);
    let (first, second) = (reader.batch.record(0), reader.batch.record(1));
    assert_eq!((first.key(), first.value()), (Some(&b"k"[..]), Some(&b"not json"[..])));
    assert_eq!((second.key(), second.value()), (None, None));
    let text = |record: snowgate_record::Record<'_>| -> Vec<String> {
        let show = |value: Option<&[u8]>| value.map_or("null".to_string(), |v| String::from_utf8_lossy(v).into_owned());
        record.headers().map(|(name, value)| format!("{}={}", String::from_utf8_lossy(name), show(value))).collect()
    };
    assert_eq!(text(first), ["trace=7", "none=null", "snowgate.reason=not_json", "snowgate.message=line 1: a value"]);
    assert!(text(second).is_empty());
}

#[test]
fn a_full_queue_is_an_error_to_try_again_later_and_undelivered_letters_say_so() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = settings(&address.to_string(), &[("queue.buffering.max.messages", "1"), ("message.timeout.ms", "1000")]);
    let (letters, receipts) = start(&settings);
    let batch = batch();
    let letter = DeadLetter { record: batch.record(0), headers: &[] };
    letters.send(&letter, 1).unwrap();
    assert_eq!(letters.send(&letter, 2), Err(Error::DeadLetterQueueFull));
    let receipt = receipts.recv_timeout(PATIENCE).unwrap();
    assert_eq!((receipt.epoch, receipt.offset), (1, offset(41)));
    let error = receipt.result.unwrap_err();
    assert_eq!(error.to_string(), "a dead letter could not be delivered to topic `dead`");
    letters.stop(Duration::from_millis(1));
}

#[test]
fn letters_that_are_not_delivered_when_their_producer_stops_get_a_receipt_too() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (letters, receipts) = start(&settings(&address.to_string(), &[]));
    let batch = batch();
    for (index, epoch) in [(0, 1), (1, 2)] {
        let letter = DeadLetter { record: batch.record(index), headers: &[] };
        letters.send(&letter, epoch).unwrap();
    }
    letters.stop(Duration::ZERO);
    let told: Vec<_> = receipts.try_iter().map(|receipt| (receipt.epoch, receipt.result.is_err())).collect();
    assert_eq!(told, [(1, true), (2, true)]);
}

#[test]
fn a_letter_beyond_the_largest_size_is_told_at_once() {
    let cluster = Cluster::new(&[("dead", 1)]);
    let (letters, _receipts) = start(&cluster.settings(&[("message.max.bytes", "1000")]));
    let mut batch = RecordBatch::new(TopicPartition::new("orders", 0));
    batch.push(offset(0), -1, TimestampType::NotAvailable, None, Some(&[b'x'; 2000]));
    let letter = DeadLetter { record: batch.record(0), headers: &[] };
    let error = letters.send(&letter, 1).unwrap_err();
    assert_eq!(error.to_string(), "a dead letter is too large for topic `dead`");
}
