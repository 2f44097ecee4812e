//! A cluster, a producer and an owner of partitions that passes on what it is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use snowgate_kafka::{
    Assigned, Assignments, ConnectionState, Consumer, Error, GroupOffset, KafkaConfig, KafkaSettings, PartitionQueue, Start,
    StartAt,
};
use snowgate_record::{Offset, RecordBatch, TopicPartition};

/// Longer than anything here takes on a busy machine: only a broken test waits for its end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Cluster {
    pub(crate) mock: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Cluster {
    pub(crate) fn new(topics: &[(&str, i32)]) -> Cluster {
        let mock = MockCluster::new(1).unwrap();
        for (topic, partitions) in topics {
            mock.create_topic(topic, *partitions, 1).unwrap();
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", mock.bootstrap_servers()).set("compression.type", "zstd");
        let producer = config.create().unwrap();
        Cluster { mock, producer }
    }

    pub(crate) fn settings(&self, properties: &[(&str, &str)]) -> KafkaSettings {
        // The mock group waits for nearly a session timeout before each rebalance but the first.
        let short = [("session.timeout.ms", "4000"), ("heartbeat.interval.ms", "300")];
        settings(&self.mock.bootstrap_servers(), &[&short, properties].concat())
    }

    pub(crate) fn produce(&self, topic: &str, partition: i32, values: &[&str]) {
        for value in values {
            self.produce_record(topic, partition, Some(value.as_bytes()), Some(value.as_bytes()), &[]);
        }
        self.flush();
    }

    pub(crate) fn produce_record(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let mut record = BaseRecord::to(topic).partition(partition).timestamp(1_700_000_000_000);
        record.key = key;
        record.payload = value;
        if !headers.is_empty() {
            let all = headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: *value }));
            record = record.headers(all);
        }
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    pub(crate) fn flush(&self) {
        self.producer.flush(PATIENCE).unwrap();
    }
}

pub(crate) fn settings(brokers: &str, properties: &[(&str, &str)]) -> KafkaSettings {
    let config = KafkaConfig {
        brokers: vec![brokers.to_string()],
        group: None,
        start: Start::Earliest,
        properties: properties.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
    };
    config.resolve("snowgate-test").unwrap()
}

/// What an owner was told.
#[derive(Debug)]
pub(crate) enum Event {
    Assigned(Vec<Assigned>),
    Revoked(Vec<TopicPartition>, bool),
    PartitionFailed(TopicPartition, Error),
    CommitFailed(Error),
    Connection(ConnectionState),
    Failed(Error),
}

/// Passes on what it is told, and answers as the test chose.
pub(crate) struct Owner {
    events: Mutex<mpsc::Sender<Event>>,
    /// Where a partition starts; one that is absent is left out of the answer.
    pub(crate) starts: Mutex<BTreeMap<TopicPartition, StartAt>>,
    /// What a revoke commits.
    pub(crate) offsets: Mutex<BTreeMap<TopicPartition, GroupOffset>>,
    /// How often the group has decided.
    pub(crate) joined: AtomicU32,
    panics: bool,
}

impl Assignments for Owner {
    fn joined(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
    }

    fn assigned(&self, partitions: Vec<Assigned>) -> Vec<(TopicPartition, StartAt)> {
        assert!(!self.panics, "told to panic");
        let starts = self.starts.lock().unwrap();
        let answer =
            partitions.iter().filter_map(|p| Some((p.topic_partition.clone(), *starts.get(&p.topic_partition)?))).collect();
        self.tell(Event::Assigned(partitions));
        answer
    }

    fn revoked(&self, partitions: &[TopicPartition], lost: bool) -> Vec<GroupOffset> {
        self.tell(Event::Revoked(partitions.to_vec(), lost));
        let offsets = self.offsets.lock().unwrap();
        partitions.iter().filter_map(|partition| offsets.get(partition).cloned()).collect()
    }

    fn partition_failed(&self, partition: TopicPartition, error: Error) {
        self.tell(Event::PartitionFailed(partition, error));
    }

    fn commit_failed(&self, error: Error) {
        self.tell(Event::CommitFailed(error));
    }

    fn connection(&self, state: ConnectionState) {
        self.tell(Event::Connection(state));
    }

    fn failed(&self, error: Error) {
        self.tell(Event::Failed(error));
    }
}

impl Owner {
    fn tell(&self, event: Event) {
        // The test may be over.
        let _ = self.events.lock().unwrap().send(event);
    }
}

/// A consumer with its owner and what the owner was told.
pub(crate) struct Member {
    pub(crate) owner: Arc<Owner>,
    pub(crate) consumer: Consumer,
    events: mpsc::Receiver<Event>,
}

impl Member {
    pub(crate) fn start(settings: &KafkaSettings, topic: &str) -> Member {
        Member::start_at(settings, topic, &[])
    }

    pub(crate) fn start_at(settings: &KafkaSettings, topic: &str, starts: &[(TopicPartition, StartAt)]) -> Member {
        Member::start_as(settings, topic, starts, false)
    }

    pub(crate) fn start_panicking(settings: &KafkaSettings, topic: &str) -> Member {
        Member::start_as(settings, topic, &[], true)
    }

    fn start_as(settings: &KafkaSettings, topic: &str, starts: &[(TopicPartition, StartAt)], panics: bool) -> Member {
        let (sender, events) = mpsc::channel();
        let starts = Mutex::new(starts.iter().cloned().collect());
        let owner =
            Arc::new(Owner { events: Mutex::new(sender), starts, offsets: Mutex::default(), joined: AtomicU32::new(0), panics });
        let consumer = Consumer::start(settings, &[topic.to_string()], owner.clone()).unwrap();
        Member { owner, consumer, events }
    }

    pub(crate) fn event(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("an event in time")
    }

    pub(crate) fn assigned(&self) -> Vec<Assigned> {
        match self.event() {
            Event::Assigned(partitions) => partitions,
            other => panic!("expected an assignment, got {other:?}"),
        }
    }

    /// The only partition of the only assignment.
    pub(crate) fn sole(&self) -> Reader {
        let mut partitions = self.assigned();
        assert_eq!(partitions.len(), 1, "{partitions:?}");
        Reader::new(partitions.remove(0).queue)
    }

    pub(crate) fn commit(&self, topic_partition: &TopicPartition, next: i64, metadata: &str) {
        self.consumer.commit(vec![group_offset(topic_partition, next, metadata)]);
    }

    pub(crate) fn restart(&self, topic_partition: &TopicPartition, from: i64) -> Result<PartitionQueue, Error> {
        let (sender, ready) = mpsc::channel();
        let answer = Box::new(move |queue| sender.send(queue).unwrap());
        self.consumer.restart(topic_partition.clone(), offset(from), answer);
        ready.recv_timeout(PATIENCE).unwrap()
    }

    /// Leaves the group; what it was told meanwhile.
    pub(crate) fn stop(self) -> Vec<Event> {
        self.consumer.stop(PATIENCE).unwrap();
        self.events.try_iter().collect()
    }
}

pub(crate) fn group_offset(topic_partition: &TopicPartition, next: i64, metadata: &str) -> GroupOffset {
    GroupOffset { topic_partition: topic_partition.clone(), next: offset(next), metadata: metadata.to_string() }
}

pub(crate) fn offset(value: i64) -> Offset {
    Offset::new(value).unwrap()
}

/// The worker of one partition.
pub(crate) struct Reader {
    pub(crate) queue: PartitionQueue,
    pub(crate) batch: RecordBatch,
    woken: mpsc::Receiver<()>,
}

impl Reader {
    pub(crate) fn new(mut queue: PartitionQueue) -> Reader {
        let (sender, woken) = mpsc::channel();
        queue.on_data(Arc::new(move || sender.send(()).unwrap_or_default()));
        let batch = RecordBatch::new(queue.topic_partition().clone());
        Reader { queue, batch, woken }
    }

    /// Takes until the batch holds `count` records.
    pub(crate) fn read(&mut self, count: usize) -> Vec<String> {
        self.take_until(count).unwrap();
        self.values()
    }

    /// Takes until the queue answers with an error.
    pub(crate) fn read_error(&mut self) -> Error {
        self.take_until(usize::MAX).unwrap_err()
    }

    fn take_until(&mut self, count: usize) -> Result<(), Error> {
        while self.batch.len() < count {
            if self.queue.take(&mut self.batch, 1000)? == 0 {
                self.woken.recv_timeout(PATIENCE).expect("a wake-up in time");
            }
        }
        assert!(count == usize::MAX || self.batch.len() == count, "{:?}", self.values());
        Ok(())
    }

    pub(crate) fn values(&self) -> Vec<String> {
        self.batch.iter().map(|record| String::from_utf8_lossy(record.value().unwrap_or_default()).into_owned()).collect()
    }

    pub(crate) fn wait_for_wake(&self) {
        self.woken.recv_timeout(PATIENCE).expect("a wake-up in time");
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.woken.try_recv().is_ok()
    }
}

/// Asks until the answer is there.
pub(crate) fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "in time");
        std::thread::yield_now();
    }
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}, because: {error}");
        cause = error.source();
    }
    text
}
