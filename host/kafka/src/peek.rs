//! A look at a topic's records that leaves no trace: nobody joins a group, nothing is committed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

use crate::check::{describe, refusal};
use crate::config::{KafkaSettings, Start};
use crate::context::{Observer, Report};
use crate::error::{Error, Reason};

/// Reads all partitions of one topic.
pub struct Peek {
    client: BaseConsumer<Observer>,
    settings: KafkaSettings,
    topic: String,
    /// Partitions whose end was not reached yet; `None` where there is no end.
    open: Option<BTreeSet<i32>>,
}

/// What reading came to.
#[derive(Debug)]
pub enum Peeked {
    Record(PeekedRecord),
    /// Nothing came in time.
    Nothing,
    /// Every partition was read to its end.
    End,
}

/// A record with its own copy of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeekedRecord {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Peek {
    /// Begins at the oldest record and ends with the newest, or begins with those that arrive from now on and has no end, as
    /// `settings.start` says.
    pub fn start(settings: &KafkaSettings, topic: &str, timeout: Duration) -> Result<Peek, Error> {
        let scrub = |words: &str| settings.scrub(words);
        let mut config = settings.observer();
        // librdkafka wants a group's name to hand out records, and uses it for nothing while nothing is committed.
        config.set("group.id", &settings.group).set("enable.auto.commit", "false");
        let ends = settings.start == Start::Earliest;
        config.set("enable.partition.eof", if ends { "true" } else { "false" });
        let client: BaseConsumer<Observer> =
            config.create_with_context(Observer::default()).map_err(|error| Error::of_creation(error, scrub))?;
        let info = describe(&client, settings, topic, Instant::now() + timeout)?;
        let first = match settings.start {
            Start::Earliest => KafkaOffset::Beginning,
            Start::Latest => KafkaOffset::End,
        };
        let partitions = 0..i32::try_from(info.partitions).unwrap_or(i32::MAX);
        let mut assigned = TopicPartitionList::new();
        for partition in partitions.clone() {
            let added = assigned.add_partition_offset(topic, partition, first);
            added.map_err(|error| Error::of_creation(error, scrub))?;
        }
        client.assign(&assigned).map_err(|error| Error::of_creation(error, scrub))?;
        Ok(Peek { client, settings: settings.clone(), topic: topic.to_owned(), open: ends.then(|| partitions.collect()) })
    }

    /// The next record, or that none came within `wait`.
    pub fn next(&mut self, wait: Duration) -> Result<Peeked, Error> {
        if self.open.as_ref().is_some_and(BTreeSet::is_empty) {
            return Ok(Peeked::End);
        }
        let peeked = match self.client.poll(wait) {
            Some(Ok(message)) => return Ok(Peeked::Record(PeekedRecord::of(&message))),
            // Told again whenever records arrived since and were read.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                let open = self.open.get_or_insert_default();
                open.remove(&partition);
                if open.is_empty() { Peeked::End } else { Peeked::Nothing }
            }
            // What an error means is among the reports.
            None | Some(Err(_)) => Peeked::Nothing,
        };
        match self.client.context().take_reports().iter().find_map(|report| self.gives_up(report)) {
            Some(error) => Err(error),
            None => Ok(peeked),
        }
    }

    /// Whoever only looks does not wait for brokers to come back.
    fn gives_up(&self, report: &Report) -> Option<Error> {
        match report.0 {
            RDKafkaErrorCode::AllBrokersDown => Some(Error::of_connection(self.settings.brokers.clone(), Reason::new(&report.1))),
            RDKafkaErrorCode::TopicAuthorizationFailed => Some(Error::TopicForbidden { topic: self.topic.clone() }),
            RDKafkaErrorCode::UnknownTopicOrPartition => Some(Error::TopicAbsent { topic: self.topic.clone() }),
            _ => refusal(&self.settings, report),
        }
    }
}

impl PeekedRecord {
    fn of(message: &BorrowedMessage<'_>) -> PeekedRecord {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        PeekedRecord {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
        }
    }
}
