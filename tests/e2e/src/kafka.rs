//! A broker to test against: the sandbox's, or Apache Kafka when `SNOWGATE_E2E_KAFKA` is `apache`.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::PATIENCE;

/// A record read back from a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub partition: i32,
    pub offset: i64,
    pub value: Option<Vec<u8>>,
    pub headers: BTreeMap<String, String>,
}

pub struct Kafka {
    bootstrap: String,
    apache: bool,
    producer: BaseProducer,
}

/// Whether the tests run on Apache Kafka.
pub fn is_apache() -> bool {
    std::env::var("SNOWGATE_E2E_KAFKA").is_ok_and(|kind| kind == "apache")
}

/// Apache Kafka's address.
pub fn apache_bootstrap() -> String {
    std::env::var("KAFKA_BOOTSTRAP").expect("KAFKA_BOOTSTRAP is the address of Apache Kafka: use `cargo xtask test --kafka apache`")
}

impl Kafka {
    pub fn new(bootstrap: &str, apache: bool) -> Kafka {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("compression.type", "zstd")
            .set("linger.ms", "5")
            .set("message.max.bytes", "20000000")
            .create()
            .expect("a producer can be made");
        Kafka { bootstrap: bootstrap.to_owned(), apache, producer }
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub fn is_apache(&self) -> bool {
        self.apache
    }

    /// Makes a topic; the embedded broker makes its own when the sandbox starts.
    pub fn create_topic(&self, topic: &str, partitions: i32) {
        if !self.apache {
            return;
        }
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.bootstrap).create().expect("an admin client can be made");
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set("max.message.bytes", "20000000");
        let runtime = tokio_free_block_on(admin.create_topics([&new], &AdminOptions::new().operation_timeout(Some(PATIENCE))));
        runtime.expect("the broker answers")[0].as_ref().expect("the topic can be made");
    }

    /// Produces to one partition and waits until the broker has everything.
    pub fn produce<V: AsRef<[u8]>>(&self, topic: &str, partition: i32, values: impl IntoIterator<Item = V>) {
        for value in values {
            self.send(BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(value.as_ref()));
        }
        self.flush();
    }

    pub fn produce_tombstone(&self, topic: &str, partition: i32, key: &str) {
        self.send(BaseRecord::<str, [u8]>::to(topic).partition(partition).key(key));
        self.flush();
    }

    pub fn produce_with(&self, topic: &str, partition: i32, key: &str, value: &str, header: (&str, &str)) {
        let headers = OwnedHeaders::new().insert(Header { key: header.0, value: Some(header.1) });
        self.send(BaseRecord::<str, str>::to(topic).partition(partition).key(key).payload(value).headers(headers));
        self.flush();
    }

    fn send<K: rdkafka::message::ToBytes + ?Sized, V: rdkafka::message::ToBytes + ?Sized>(&self, mut record: BaseRecord<'_, K, V>) {
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((rdkafka::error::KafkaError::MessageProduction(rdkafka::types::RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => panic!("the broker refuses a record: {error}"),
            }
        }
    }

    fn flush(&self) {
        self.producer.flush(PATIENCE).expect("the broker takes the records");
        assert_eq!(self.producer.in_flight_count(), 0);
    }

    fn reader(&self) -> BaseConsumer {
        ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "e2e-reader")
            .set("enable.auto.commit", "false")
            .set("fetch.message.max.bytes", "20000000")
            .create()
            .expect("a consumer can be made")
    }

    /// The next offset that a partition would write.
    pub fn end(&self, topic: &str, partition: i32) -> i64 {
        self.reader().fetch_watermarks(topic, partition, PATIENCE).expect("the broker answers").1
    }

    /// Everything in a topic.
    pub fn read(&self, topic: &str, partitions: i32) -> Vec<Read> {
        let reader = self.reader();
        let mut list = TopicPartitionList::new();
        let mut left = 0;
        for partition in 0..partitions {
            let (low, high) = reader.fetch_watermarks(topic, partition, PATIENCE).expect("the broker answers");
            left += high - low;
            list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset can be set");
        }
        reader.assign(&list).expect("partitions can be assigned");
        let mut records = Vec::new();
        while left > 0 {
            let message = reader.poll(PATIENCE).expect("records that the broker counts can be read").expect("a record");
            let headers = message.headers().map(|headers| {
                let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
                headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
            });
            records.push(Read {
                partition: message.partition(),
                offset: message.offset(),
                value: message.payload().map(<[u8]>::to_vec),
                headers: headers.unwrap_or_default(),
            });
            left -= 1;
        }
        records
    }

    /// The group offset of a partition.
    pub fn group_offset(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", group)
            .create()
            .expect("a consumer can be made");
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let committed = consumer.committed_offsets(list, PATIENCE).expect("the broker answers");
        match committed.elements()[0].offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }
}

/// Waits for a future of the admin client, which is woken by a thread of its own.
fn tokio_free_block_on<F: Future>(future: F) -> F::Output {
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
