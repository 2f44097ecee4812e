//! Partitions come, go and start again.
//!
//! A rebalance is answered on the consumer's thread, and the group waits for it. On assign: cut each partition's queue off, ask the
//! group's offsets, ask [`Assignments`] where to start, then let librdkafka fetch. On revoke: let [`Assignments`] drain, close the
//! queues, commit, then give the partitions back.
//!
//! Invariants: a partition's queue is split before it is assigned, so none of its records reaches another queue; a partition is
//! assigned at an offset or an end of the log, never at "wherever librdkafka thinks"; group offsets that could not be read are never
//! taken for none.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as KafkaOffset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use snowgate_record::{Offset, TopicPartition};
use tracing::{debug, info, warn};

use crate::commits::Commits;
use crate::config::Start;
use crate::consumer::{Assigned, Assignments, Command, StartAt};
use crate::context::is_cooperative;
use crate::error::{Error, Reason};
use crate::native::{self, Client, ListEntry, Queue};
use crate::queue::{PartitionQueue, Split, lock};

/// One try to read group offsets. Short, because a client that asks while it is still finding the group's coordinator sleeps until
/// the next change of some connection, which may never come; asking again answers at once.
const LOOKUP_TRY: Duration = Duration::from_secs(3);

/// All tries together: well below `max.poll.interval.ms` (5 minutes), after which the group would drop us.
const LOOKUP: Duration = Duration::from_secs(60);

/// How long the last commit of a revoked partition may take: the group waits, and the offset only spares work.
const LAST_COMMIT: Duration = Duration::from_secs(5);

/// How long an eager group's partition may take to jump to an offset.
const SEEK: Duration = Duration::from_secs(10);

pub(crate) struct Rebalance {
    group: String,
    start: Start,
    pub(crate) assignments: Arc<dyn Assignments>,
    pub(crate) commits: Commits,
    pub(crate) commands: mpsc::Sender<Command>,
    /// The partitions that are ours.
    splits: Mutex<BTreeMap<TopicPartition, Arc<Split>>>,
    stopping: AtomicBool,
    /// A rebalance since last asked: the connection works.
    reached: AtomicBool,
}

impl Rebalance {
    pub(crate) fn new(
        group: String,
        start: Start,
        assignments: Arc<dyn Assignments>,
        commands: mpsc::Sender<Command>,
    ) -> Rebalance {
        Rebalance {
            commits: Commits::new(group.clone()),
            group,
            start,
            assignments,
            commands,
            splits: Mutex::default(),
            stopping: AtomicBool::new(false),
            reached: AtomicBool::new(false),
        }
    }

    pub(crate) fn owns(&self, topic_partition: &TopicPartition) -> bool {
        lock(&self.splits).contains_key(topic_partition)
    }

    pub(crate) fn partitions_of(&self, topic: &str) -> Vec<TopicPartition> {
        lock(&self.splits).keys().filter(|partition| *partition.topic == *topic).cloned().collect()
    }

    /// Whether `split` is its partition's present assignment.
    pub(crate) fn is_current(&self, split: &Arc<Split>) -> bool {
        lock(&self.splits).get(split.topic_partition()).is_some_and(|current| Arc::ptr_eq(current, split))
    }

    /// Whether a rebalance happened since the last call.
    pub(crate) fn was_reached(&self) -> bool {
        self.reached.swap(false, Ordering::Relaxed)
    }

    /// From now on nothing is looked up for long.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Ends every assignment and lets go of the client.
    pub(crate) fn close(&self) {
        let splits = std::mem::take(&mut *lock(&self.splits));
        drop(splits.values().filter_map(|split| split.close()).collect::<Vec<_>>());
        self.commits.close();
    }

    /// Answers the group's assignment.
    pub(crate) fn assign(&self, client: &Client, list: &mut TopicPartitionList) {
        self.reached.store(true, Ordering::Relaxed);
        self.assignments.joined();
        let partitions: Vec<TopicPartition> = native::entries(list).into_iter().map(|entry| entry.topic_partition).collect();
        let started = if partitions.is_empty() { Ok(()) } else { self.prepare(client, &partitions, list) };
        let result = match started {
            Ok(()) if is_cooperative(client) => client.incremental_assign(list),
            Ok(()) => client.assign(list),
            Err(error) => {
                self.assignments.failed(error);
                drop(self.close_splits(&partitions));
                // The group waits for an answer all the same.
                let none = TopicPartitionList::new();
                if is_cooperative(client) { client.incremental_assign(&none) } else { client.assign(&none) }
            }
        };
        if let Err(error) = result {
            drop(self.close_splits(&partitions));
            self.assignments.failed(Error::ClientFailed { source: Error::reason_of(&error) });
        }
    }

    fn prepare(&self, client: &Client, partitions: &[TopicPartition], list: &mut TopicPartitionList) -> Result<(), Error> {
        let mut queues = BTreeMap::new();
        for partition in partitions {
            let queue = self
                .split(client, partition)
                .ok_or_else(|| Error::ClientFailed { source: Reason::new(&format!("no queue for partition `{partition}`")) })?;
            queues.insert(partition.clone(), queue);
        }
        let mut starts = BTreeMap::new();
        let mut assigned = Vec::with_capacity(partitions.len());
        for entry in self.group_offsets(client, partitions)? {
            let group_offset = entry.group_offset();
            let ListEntry { topic_partition, metadata, .. } = entry;
            let Some(queue) = queues.remove(&topic_partition) else { continue };
            let start = group_offset.map_or(self.default_start(), StartAt::Offset);
            starts.insert(topic_partition.clone(), start);
            assigned.push(Assigned { topic_partition, queue, group_offset, metadata: group_offset.and(metadata) });
        }
        starts.extend(self.assignments.assigned(assigned));
        for mut entry in list.elements() {
            let partition = TopicPartition::new(entry.topic(), entry.partition());
            let start = starts.get(&partition).copied().unwrap_or(self.default_start());
            debug!(topic = %partition.topic, partition = partition.partition, start = ?start, "partition assigned");
            entry.set_offset(start.into()).expect("a start is an offset or an end of the log");
        }
        Ok(())
    }

    fn default_start(&self) -> StartAt {
        match self.start {
            Start::Earliest => StartAt::Beginning,
            Start::Latest => StartAt::End,
        }
    }

    /// Cuts the partition's queue off and makes it the present assignment.
    fn split(&self, client: &Client, partition: &TopicPartition) -> Option<PartitionQueue> {
        let split = Split::new(partition.clone(), Queue::split(client, partition)?);
        let earlier = lock(&self.splits).insert(partition.clone(), split.clone());
        drop(earlier.and_then(|earlier| earlier.close()));
        Some(PartitionQueue::new(split, self.commands.clone()))
    }

    /// Each partition's group offset, negative for none, and its metadata.
    fn group_offsets(&self, client: &Client, partitions: &[TopicPartition]) -> Result<Vec<ListEntry>, Error> {
        let deadline = Instant::now() + LOOKUP;
        loop {
            let mut list = TopicPartitionList::with_capacity(partitions.len());
            for partition in partitions {
                list.add_partition(&partition.topic, partition.partition);
            }
            let code = match client.committed_offsets(list, LOOKUP_TRY) {
                Ok(list) => {
                    let entries = native::entries(&list);
                    match entries.iter().find_map(|entry| entry.error) {
                        None => return Ok(entries),
                        Some(code) => code,
                    }
                }
                Err(error) => error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown),
            };
            if code == RDKafkaErrorCode::GroupAuthorizationFailed {
                return Err(Error::GroupForbidden { group: self.group.clone() });
            }
            if Instant::now() >= deadline || self.stopping.load(Ordering::Relaxed) {
                return Err(Error::GroupOffsetsUnknown { group: self.group.clone(), source: Reason::of(code) });
            }
            warn!(error = %Reason::of(code), "group offsets not read, asking again");
            if code != RDKafkaErrorCode::OperationTimedOut {
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }

    /// Answers the group's revocation.
    pub(crate) fn revoke(&self, client: &Client, list: &TopicPartitionList) {
        self.reached.store(true, Ordering::Relaxed);
        let partitions: Vec<TopicPartition> = native::entries(list).into_iter().map(|entry| entry.topic_partition).collect();
        let lost = client.assignment_lost();
        let mut queues = Vec::new();
        if !partitions.is_empty() {
            let offsets = self.assignments.revoked(&partitions, lost);
            queues = self.close_splits(&partitions);
            if lost {
                self.commits.forget(&partitions);
            } else if let Err(error) = self.commits.flush(client, &partitions, offsets, Instant::now() + LAST_COMMIT) {
                self.report_commit(error);
            }
        }
        let result = if is_cooperative(client) { client.incremental_unassign(list) } else { client.unassign() };
        if let Err(error) = result {
            self.assignments.failed(Error::ClientFailed { source: Error::reason_of(&error) });
        }
        // What librdkafka had fetched would stay in memory for as long as the client lives.
        queues.iter().for_each(Queue::purge);
        for partition in &partitions {
            debug!(topic = %partition.topic, partition = partition.partition, lost, "partition revoked");
        }
    }

    /// Tells of a commit that failed, unless a rebalance is the reason: then the next owner knows better.
    pub(crate) fn report_commit(&self, error: Error) {
        match error {
            Error::Rebalancing { .. } => debug!(error = %error, "group offsets not committed"),
            error => self.assignments.commit_failed(error),
        }
    }

    fn close_splits(&self, partitions: &[TopicPartition]) -> Vec<Queue> {
        let mut splits = lock(&self.splits);
        partitions.iter().filter_map(|partition| splits.remove(partition)).filter_map(|split| split.close()).collect()
    }

    /// Starts one partition again at `from`; the others do not notice.
    pub(crate) fn restart(&self, client: &Client, partition: &TopicPartition, from: Offset) -> Result<PartitionQueue, Error> {
        let split = lock(&self.splits).get(partition).cloned();
        let split = split.ok_or_else(|| Error::NotAssigned { topic_partition: partition.clone() })?;
        // Closed before anything else: what was fetched so far is fetched again.
        let earlier = split.close();
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&partition.topic, partition.partition, KafkaOffset::Offset(from.get()))
            .expect("an offset is never negative");
        let queue = if is_cooperative(client) {
            client.incremental_unassign(&list).map_err(|error| refused(partition, &error))?;
            if let Some(queue) = earlier {
                queue.purge();
            }
            let queue = self.split(client, partition);
            client.incremental_assign(&list).map_err(|error| refused(partition, &error))?;
            queue
        } else {
            // An eager group can only be assigned as a whole, so its partition jumps; what was fetched before is out of date by then.
            let list = client.seek_partitions(list, SEEK).map_err(|error| refused(partition, &error))?;
            if let Some(code) = native::entries(&list).into_iter().find_map(|entry| entry.error) {
                return Err(Error::RestartRefused { topic_partition: partition.clone(), source: Reason::of(code) });
            }
            drop(earlier);
            self.split(client, partition)
        };
        info!(topic = %partition.topic, partition = partition.partition, offset = %from, "partition started again");
        queue.ok_or_else(|| Error::NotAssigned { topic_partition: partition.clone() })
    }
}

fn refused(partition: &TopicPartition, error: &KafkaError) -> Error {
    Error::RestartRefused { topic_partition: partition.clone(), source: Error::reason_of(error) }
}

impl From<StartAt> for KafkaOffset {
    fn from(start: StartAt) -> KafkaOffset {
        match start {
            StartAt::Offset(offset) => KafkaOffset::Offset(offset.get()),
            StartAt::Beginning => KafkaOffset::Beginning,
            StartAt::End => KafkaOffset::End,
        }
    }
}
