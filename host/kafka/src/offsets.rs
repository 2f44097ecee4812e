//! The group offsets of a group that has no members: read, moved and forgotten from outside.
//!
//! A group with members refuses changes, and says so.
//!
//! To forget an offset is to write one that says so beside itself; our consumer takes it for none. Kafka has a request that deletes a
//! group offset, but librdkafka (2.12.1) aborts the process where a broker does not know it.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use snowgate_record::{Offset, TopicPartition};

use crate::check;
use crate::config::KafkaSettings;
use crate::consumer::GroupOffset;
use crate::context::Observer;
use crate::error::Error;
use crate::native::{self, FORGOTTEN};

/// Looks at the offsets of one group, and changes them.
pub struct GroupOffsets {
    client: BaseConsumer<Observer>,
    settings: KafkaSettings,
    deadline: Instant,
}

impl GroupOffsets {
    /// Sends nothing yet. All calls together may take `timeout`.
    pub fn new(settings: &KafkaSettings, timeout: Duration) -> Result<GroupOffsets, Error> {
        let mut config = settings.observer();
        config.set("group.id", &settings.group).set("enable.auto.commit", "false");
        let client = config
            .create_with_context(Observer::default())
            .map_err(|error| Error::of_creation(error, |words| settings.scrub(words)))?;
        Ok(GroupOffsets { client, settings: settings.clone(), deadline: Instant::now() + timeout })
    }

    /// The partitions of `topic`; an error where there is no such topic.
    pub fn partitions(&self, topic: &str) -> Result<Vec<TopicPartition>, Error> {
        let described = check::describe(&self.client, &self.settings, topic, self.deadline)?;
        let count = i32::try_from(described.partitions).unwrap_or(i32::MAX);
        Ok((0..count).map(|partition| TopicPartition::new(topic, partition)).collect())
    }

    /// The group offset of each of `partitions` that has one.
    pub fn read(&self, partitions: &[TopicPartition]) -> Result<Vec<(TopicPartition, Offset)>, Error> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&partition.topic, partition.partition);
        }
        let answer = self.client.committed_offsets(list, self.patience()).map_err(|error| self.unknown(&error))?;
        let entries = native::entries(&answer).into_iter();
        Ok(entries
            .filter_map(|entry| Some((entry.group_offset()?, entry)))
            .map(|(offset, entry)| (entry.topic_partition, offset))
            .collect())
    }

    /// Sets group offsets.
    pub fn set(&self, offsets: &[GroupOffset]) -> Result<(), Error> {
        if offsets.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for offset in offsets {
            let TopicPartition { topic, partition } = &offset.topic_partition;
            let failed = |error: KafkaError| self.refused(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown));
            list.add_partition_offset(topic, *partition, KafkaOffset::Offset(offset.next.get())).map_err(failed)?;
            if let Some(mut element) = list.find_partition(topic, *partition) {
                element.set_metadata(&offset.metadata);
            }
        }
        let committed = self.client.commit(&list, CommitMode::Sync);
        committed.map_err(|error| self.refused(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)))
    }

    /// Forgets the group offsets of `partitions`. Whoever does not know our mark finds the oldest record's offset there.
    pub fn forget(&self, partitions: &[TopicPartition]) -> Result<(), Error> {
        let mut forgotten = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let low = self.client.fetch_watermarks(&partition.topic, partition.partition, self.patience());
            let (low, _) = low.map_err(|error| self.unknown(&error))?;
            let next = Offset::new(low).unwrap_or(Offset::ZERO);
            forgotten.push(GroupOffset { topic_partition: partition.clone(), next, metadata: FORGOTTEN.to_string() });
        }
        self.set(&forgotten)
    }

    fn patience(&self) -> Duration {
        // Not zero, which would mean "without waiting" and fail even where the answer is near.
        self.deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(500))
    }

    fn unknown(&self, error: &KafkaError) -> Error {
        Error::GroupOffsetsUnknown { group: self.settings.group.clone(), source: Error::reason_of(error) }
    }

    fn refused(&self, code: RDKafkaErrorCode) -> Error {
        Error::of_commit(&self.settings.group, code)
    }
}
