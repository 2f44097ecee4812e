//! Reading a partition again, from an offset that was read before.
//!
//! Kafka is asked for a fresh queue; what is read and not yet encoded is let go, for it comes again. Only the answer to the last question
//! counts: an earlier one would begin at another offset.

use std::sync::Arc;

use snowgate_kafka::{Error as KafkaError, PartitionQueue};
use snowgate_record::{ErrorClass, Offset};
use tracing::{error, info, warn};

use super::Pipeline;
use crate::partition::{BlockReason, Event, Millis, OWN, To};
use crate::worker::{Message, ReplyTo, Tools};

/// Between two attempts.
const REWIND_INTERVAL: Millis = 1_000;

impl Pipeline {
    /// Kafka stopped this partition: read it again where that may help, and stop where it may not.
    pub(crate) fn read_failed(&mut self, error: &KafkaError, tools: &mut Tools) {
        let (topic, partition) = (&self.reply.topic_partition.topic, self.reply.topic_partition.partition);
        match self.machines.position() {
            Some(last) if error.class() == ErrorClass::Transient => {
                warn!(%topic, partition, error = %error, "partition stopped, reading it again");
                self.rewind_again = Some((self.context.clock.now() + REWIND_INTERVAL, last.next()));
            }
            _ => {
                error!(%topic, partition, error = %error, "partition cannot be read");
                self.on(To::Lane(OWN), Event::ReadFailed(block_reason(error)), tools);
            }
        }
    }

    pub(super) fn rewind(&mut self, from: Offset) {
        info!(topic = %self.topic_partition().topic, partition = self.topic_partition().partition, offset = %from, "reading again");
        self.unfinished = None;
        self.queue = None;
        self.rewind_again = None;
        self.rewinding = Some(from);
        self.place.rested();
        let ReplyTo { mailbox, topic_partition, epoch, .. } = self.reply.clone();
        let rewound = topic_partition.clone();
        self.context.restart(
            topic_partition,
            from,
            Box::new(move |queue| mailbox.send(Message::Rewound { topic_partition: rewound, epoch, from, queue })),
        );
    }

    /// What Kafka answered to [`Pipeline::rewind`].
    pub(crate) fn rewound(&mut self, from: Offset, queue: Result<PartitionQueue, KafkaError>, tools: &mut Tools) {
        if self.rewinding != Some(from) {
            // By now it is to be read from somewhere else.
            return;
        }
        self.rewinding = None;
        match queue {
            Ok(mut queue) => {
                let mailbox = self.reply.mailbox.clone();
                queue.on_data(Arc::new(move || mailbox.wake()));
                self.queue = Some(queue);
                self.on(To::All, Event::Rewound(from), tools);
            }
            Err(error) if error.class() == ErrorClass::Transient => {
                warn!(topic = %self.topic_partition().topic, partition = self.topic_partition().partition, error = %error, "reading again failed");
                self.rewind_again = Some((self.context.clock.now() + REWIND_INTERVAL, from));
            }
            Err(error) => self.read_failed(&error, tools),
        }
    }
}

fn block_reason(error: &KafkaError) -> BlockReason {
    match error {
        KafkaError::OffsetOutOfRange { .. } => BlockReason::OffsetOutOfRange,
        _ => BlockReason::Unreadable,
    }
}
