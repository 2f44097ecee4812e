//! The records of one assigned partition, as librdkafka holds them, moved into a [`RecordBatch`] by the hundred.
//!
//! A [`PartitionQueue`] and the consumer's thread share a [`Split`]. The thread closes it when the partition is revoked or starts
//! again; from then on the queue is empty for ever, whoever still holds it. The lock inside is taken once a batch and is
//! contended only while a partition goes away.
//!
//! Invariants: no record leaves a queue after its partition was revoked or started again; after an error nothing more leaves it,
//! for librdkafka's own position cannot be trusted then.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use snowgate_record::{Offset, RecordBatch, TopicPartition};

use crate::consumer::Command;
use crate::error::Error;
use crate::native::{Queue, Wake};

/// One call takes about this much at most: columns count bytes in 32 bits, and a partition of large records should not fill memory
/// with one batch.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Records taken before their size is known: of the largest usual ones, 1 MiB each, 32 MiB.
const FIRST_CHUNK: usize = 32;

/// A poisoned lock of this crate still guards a whole value: each is changed by single assignments.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One assignment of one partition: open until it is revoked or started again.
pub(crate) struct Split {
    topic_partition: TopicPartition,
    open: Mutex<Option<Queue>>,
}

impl Split {
    pub(crate) fn new(topic_partition: TopicPartition, queue: Queue) -> Arc<Split> {
        Arc::new(Split { topic_partition, open: Mutex::new(Some(queue)) })
    }

    pub(crate) fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Ends the assignment. Waits for a batch that is being taken. The answer still has to be purged once the partition is unassigned.
    pub(crate) fn close(&self) -> Option<Queue> {
        lock(&self.open).take()
    }
}

/// The records of one assigned partition. Not `Clone`: one worker owns a partition.
pub struct PartitionQueue {
    split: Arc<Split>,
    commands: mpsc::Sender<Command>,
    failed: bool,
}

impl PartitionQueue {
    pub(crate) fn new(split: Arc<Split>, commands: mpsc::Sender<Command>) -> PartitionQueue {
        PartitionQueue { split, commands, failed: false }
    }

    pub fn topic_partition(&self) -> &TopicPartition {
        &self.split.topic_partition
    }

    /// Moves what librdkafka already holds, up to `max_records`, to the end of `batch`, which was reset for this partition: one copy
    /// of each key, value and header. Never blocks. Fewer records than asked for does not mean that there are no more: take until
    /// nothing comes, for `wake` is only called when the queue was empty.
    ///
    /// An error is an error message of this partition, such as [`Error::OffsetOutOfRange`]; the records before it are in the batch.
    /// It is also reported to `Assignments::partition_failed`, and the queue stays empty until the partition is started again.
    pub fn take(&mut self, batch: &mut RecordBatch, max_records: usize) -> Result<usize, Error> {
        debug_assert_eq!(*batch.topic_partition(), self.split.topic_partition, "a batch is reset for its partition");
        let open = lock(&self.split.open);
        let Some(queue) = open.as_ref().filter(|_| !self.failed) else { return Ok(0) };
        let (len_before, bytes_before) = (batch.len(), batch.bytes());
        loop {
            let (taken, bytes) = (batch.len() - len_before, batch.bytes() - bytes_before);
            // As many as the rest of the batch has room for, if they are like those before.
            let each = bytes.checked_div(taken);
            let room = each.map_or(FIRST_CHUNK, |each| BATCH_BYTES.saturating_sub(bytes) / each.max(1));
            let messages = queue.consume(room.min(max_records - taken));
            if messages.is_empty() {
                return Ok(taken);
            }
            for message in messages.iter() {
                if let Some((code, words)) = message.error() {
                    let error = Error::of_partition(self.split.topic_partition.clone(), code, &words);
                    self.failed = true;
                    // Without a consumer nobody is left to tell.
                    let _ = self.commands.send(Command::Failed(self.split.clone(), error.clone()));
                    return Err(error);
                }
                message.headers(|name, value| batch.push_header(name, value));
                let (millis, kind) = message.timestamp();
                let offset = Offset::new(message.offset()).expect("a record has an offset");
                batch.push(offset, millis, kind, message.key(), message.value());
            }
        }
    }

    /// Has `wake` called when the queue turns from empty to non-empty, and at once if it holds something now.
    ///
    /// It runs on a thread of librdkafka with the queue locked: it may only signal, never take.
    pub fn on_data(&mut self, wake: Wake) {
        let mut open = lock(&self.split.open);
        let Some(queue) = open.as_mut() else { return };
        queue.set_wake(wake.clone());
        let waiting = !queue.is_empty();
        drop(open);
        if waiting {
            wake();
        }
    }
}

impl fmt::Debug for PartitionQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionQueue({})", self.split.topic_partition)
    }
}
