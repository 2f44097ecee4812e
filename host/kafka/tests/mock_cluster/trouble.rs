//! What is told when brokers, topics or offsets are not there.

use std::time::Duration;

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use snowgate_kafka::{ConnectionState, Error, Need, StartAt, TopicInfo, check, check_rights};
use snowgate_record::{ErrorClass, TopicPartition};

use crate::support::{Cluster, Event, Member, PATIENCE, Reader, chain, offset, settings};

#[test]
fn an_offset_that_kafka_does_not_hold_stops_the_partition_and_is_never_reset_silently() {
    let cluster = Cluster::new(&[("orders", 1)]);
    cluster.produce("orders", 0, &["a", "b"]);
    let partition = TopicPartition::new("orders", 0);
    let member = Member::start_at(&cluster.settings(&[]), "orders", &[(partition.clone(), StartAt::Offset(offset(100)))]);
    let mut reader = member.sole();
    let error = reader.read_error();
    assert_eq!(error.to_string(), "the offset to read next in `orders-0` is not in Kafka's log");
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert!(reader.batch.is_empty());
    let Event::PartitionFailed(failed, told) = member.event() else { panic!("the failure is told") };
    assert_eq!((failed, told), (partition.clone(), error));

    // Nothing more comes, until the owner decides where to go on.
    assert_eq!(reader.queue.take(&mut reader.batch, 10), Ok(0));
    let mut again = Reader::new(member.restart(&partition, 1).unwrap());
    assert_eq!(again.read(1), ["b"]);
}

#[test]
fn a_forbidden_topic_stops_its_partition() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.mock.request_errors(RDKafkaApiKey::Fetch, &[refusal; 3]);
    let member = Member::start(&cluster.settings(&[]), "orders");
    let error = member.sole().read_error();
    assert_eq!(error.to_string(), "topic `orders` may not be used with these credentials");
    assert!(matches!(member.event(), Event::PartitionFailed(..)));
}

#[test]
fn brokers_that_vanish_and_come_back_are_told_once_each() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let member = Member::start(&cluster.settings(&[("reconnect.backoff.max.ms", "200")]), "orders");
    let mut reader = member.sole();
    cluster.mock.broker_down(-1).unwrap();
    let Event::Connection(ConnectionState::Down(error)) = member.event() else { panic!("the loss is told") };
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    cluster.mock.broker_up(-1).unwrap();
    let up = member.event();
    assert!(matches!(up, Event::Connection(ConnectionState::Up)), "{up:?}");
    cluster.produce("orders", 0, &["a"]);
    assert_eq!(reader.read(1), ["a"]);
}

#[test]
fn an_absent_topic_is_told_while_the_member_waits_for_it() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let member = Member::start(&cluster.settings(&[]), "absent");
    let Event::Connection(ConnectionState::Down(error)) = member.event() else { panic!("the absence is told") };
    assert_eq!(error.to_string(), "topic `absent` does not exist");
}

#[test]
fn a_check_describes_the_topics_that_are_there() {
    let cluster = Cluster::new(&[("orders", 3), ("dead", 1)]);
    let found = check(&cluster.settings(&[]), &["orders".to_string()], Some("dead"), PATIENCE).unwrap();
    let info = |name: &str, partitions| TopicInfo { name: name.to_string(), partitions };
    assert_eq!(found, [info("orders", 3), info("dead", 1)]);
}

#[test]
fn a_check_names_the_absent_topic() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let error = check(&cluster.settings(&[]), &["orders".to_string(), "absent".to_string()], None, PATIENCE).unwrap_err();
    assert_eq!(chain(&error), "topic `absent` does not exist");
    let error = check(&cluster.settings(&[]), &["orders".to_string()], Some("no-dead"), PATIENCE).unwrap_err();
    assert_eq!(chain(&error), "topic `no-dead` does not exist");
}

#[test]
fn a_check_names_the_broker_that_cannot_be_reached_and_why() {
    // Bound but not listening any more: nothing answers there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = settings(&address.to_string(), &[]);
    let error = check(&settings, &["orders".to_string()], None, Duration::from_secs(1)).unwrap_err();
    assert_eq!(
        chain(&error),
        format!(
            "no broker of `{address}` can be reached, because: {address}/bootstrap: Connect to ipv4#{address} failed: Connection refused"
        )
    );
    assert_eq!(error.class(), ErrorClass::Transient);
}

#[test]
fn a_check_tells_that_the_broker_does_not_speak_tls() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let settings = cluster.settings(&[("security.protocol", "ssl")]);
    let error = check(&settings, &["orders".to_string()], None, PATIENCE).unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{}", chain(&error));
    assert_eq!(error.to_string(), format!("no secure connection to the brokers `{}`", settings.brokers));
}

#[test]
fn a_client_that_cannot_be_made_says_why_without_the_secret() {
    let cluster = Cluster::new(&[]);
    let settings = cluster.settings(&[("security.protocol", "ssl"), ("ssl.key.pem", "canary-key")]);
    let error = check(&settings, &["orders".to_string()], None, PATIENCE).unwrap_err();
    assert_eq!(error.to_string(), "the Kafka client could not be created");
    assert!(!chain(&error).contains("canary") && !format!("{error:?}").contains("canary"), "{}", chain(&error));
}

#[test]
fn a_right_that_brokers_say_nothing_about_is_taken_for_granted() {
    let cluster = Cluster::new(&[("orders", 1)]);
    let needs = [Need::ReadGroup, Need::ReadTopic("orders"), Need::WriteTopic("orders")];
    assert_eq!(check_rights(&cluster.settings(&[]), &needs, PATIENCE), Ok(()));
}
