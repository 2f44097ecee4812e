//! Group offsets on their way to the brokers.
//!
//! Whoever settles records leaves the offset to read next here; only the newest of each partition is kept. The consumer's thread
//! sends them at most every [`PACE`] and never waits for the answer, except in a revoke, where the next owner reads them.
//!
//! Invariants: one commit is in flight at a time, so that an older one cannot land on a newer one; a partition that is not ours is
//! never committed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use snowgate_record::{ErrorClass, TopicPartition};
use tracing::debug;

use crate::consumer::GroupOffset;
use crate::error::Error;
use crate::native::{self, Client, CommitAnswer, Queue};
use crate::queue::lock;

/// Least time between two commits: the group offset only spares work after a restart, so twice a second is plenty.
const PACE: Duration = Duration::from_millis(500);

type Offsets = BTreeMap<TopicPartition, GroupOffset>;

pub(crate) struct Commits {
    group: String,
    pending: Mutex<Offsets>,
    /// Only the consumer's thread locks it.
    flight: Mutex<Flight>,
}

#[derive(Default)]
struct Flight {
    /// Where answers arrive; made with the first commit.
    answers: Option<Queue>,
    /// What was sent and is not answered.
    sent: Option<Offsets>,
    last: Option<Instant>,
}

impl Commits {
    pub(crate) fn new(group: String) -> Commits {
        Commits { group, pending: Mutex::default(), flight: Mutex::default() }
    }

    /// Leaves offsets to be committed; the newest call wins.
    pub(crate) fn add(&self, offsets: Vec<GroupOffset>) {
        lock(&self.pending).extend(offsets.into_iter().map(|offset| (offset.topic_partition.clone(), offset)));
    }

    /// Forgets what was to be committed for `partitions`.
    pub(crate) fn forget(&self, partitions: &[TopicPartition]) {
        let mut pending = lock(&self.pending);
        for partition in partitions {
            pending.remove(partition);
        }
    }

    /// Whether nothing is to be sent or answered.
    pub(crate) fn is_idle(&self) -> bool {
        lock(&self.flight).sent.is_none() && lock(&self.pending).is_empty()
    }

    /// Takes an answer in, and sends what is pending when it is time. Does not wait.
    pub(crate) fn tick(&self, client: &Client, owned: impl Fn(&TopicPartition) -> bool) -> Result<(), Error> {
        let mut flight = lock(&self.flight);
        if flight.sent.is_some() {
            let Some(answer) = flight.answers.as_ref().and_then(|answers| answers.wait_commit(Duration::ZERO)) else {
                return Ok(());
            };
            self.settle(&mut flight, answer)?;
        }
        if flight.last.is_some_and(|last| last.elapsed() < PACE) {
            return Ok(());
        }
        let mut offsets = std::mem::take(&mut *lock(&self.pending));
        offsets.retain(|partition, _| owned(partition));
        self.send(&mut flight, client, offsets)
    }

    /// Commits `offsets` over whatever is pending for `partitions`, and waits for the answer until `deadline`.
    pub(crate) fn flush(
        &self,
        client: &Client,
        partitions: &[TopicPartition],
        offsets: Vec<GroupOffset>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut flight = lock(&self.flight);
        // An older commit under way goes first, whatever becomes of it: what it held is put back and sent again here.
        let earlier = self.wait(&mut flight, deadline);
        if let Err(error) = earlier {
            debug!(error = %error, "commit before a revoke failed");
        }
        self.add(offsets);
        let last = {
            let mut pending = lock(&self.pending);
            partitions.iter().filter_map(|partition| pending.remove_entry(partition)).collect()
        };
        self.send(&mut flight, client, last)?;
        let result = self.wait(&mut flight, deadline);
        self.forget(partitions);
        if flight.sent.is_some() {
            flight.sent = None;
            // The answer may still come, to a queue that nobody reads.
            flight.answers = None;
        }
        result
    }

    /// Lets go of the client.
    pub(crate) fn close(&self) {
        *lock(&self.flight) = Flight::default();
    }

    fn send(&self, flight: &mut Flight, client: &Client, offsets: Offsets) -> Result<(), Error> {
        if offsets.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for offset in offsets.values() {
            let mut entry = list.add_partition(&offset.topic_partition.topic, offset.topic_partition.partition);
            entry.set_offset(KafkaOffset::Offset(offset.next.get())).expect("an offset is never negative");
            entry.set_metadata(&offset.metadata);
        }
        flight.last = Some(Instant::now());
        let answers = flight.answers.get_or_insert_with(|| Queue::new(client));
        native::commit(client, &list, answers).map_err(|code| Error::of_commit(&self.group, code))?;
        flight.sent = Some(offsets);
        Ok(())
    }

    fn wait(&self, flight: &mut Flight, deadline: Instant) -> Result<(), Error> {
        if flight.sent.is_none() {
            return Ok(());
        }
        let patience = deadline.saturating_duration_since(Instant::now());
        match flight.answers.as_ref().and_then(|answers| answers.wait_commit(patience)) {
            Some(answer) => self.settle(flight, answer),
            None => Err(Error::of_commit(&self.group, rdkafka::types::RDKafkaErrorCode::OperationTimedOut)),
        }
    }

    fn settle(&self, flight: &mut Flight, answer: CommitAnswer) -> Result<(), Error> {
        let sent = flight.sent.take().unwrap_or_default();
        let code = answer.error.or_else(|| answer.entries.iter().find_map(|entry| entry.error));
        let Some(code) = code else { return Ok(()) };
        let error = Error::of_commit(&self.group, code);
        if error.class() == ErrorClass::Transient && !matches!(error, Error::Rebalancing { .. }) {
            let mut pending = lock(&self.pending);
            for (partition, offset) in sent {
                pending.entry(partition).or_insert(offset);
            }
        }
        Err(error)
    }
}
