//! Records that were set aside, on their way to the dead letter topic.
//!
//! An idempotent producer with `acks=all` sends each letter; the answer comes back as a receipt on the producer's own thread, for a
//! record counts as settled only when its letter is delivered. The record is copied as it is; why it was set aside stands in
//! headers, after the record's own.
//!
//! Invariants: each letter that `send` took gets exactly one receipt; what waits is bounded, and a full queue is an error to try
//! again later, never a wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use snowgate_record::{Offset, Record, TopicPartition};
use tracing::{debug, error};

use crate::config::KafkaSettings;
use crate::context::log_line;
use crate::error::{Error, Reason};

/// How long one poll waits, and so how long the thread may take to end. A receipt ends a poll at once.
const POLL: Duration = Duration::from_millis(500);

/// A record set aside, with the reason.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    pub record: Record<'a>,
    /// Why, and where it came from: headers that follow the record's own.
    pub headers: &'a [(&'a str, &'a str)],
}

/// What became of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterReceipt {
    /// Where the record came from.
    pub topic_partition: TopicPartition,
    pub offset: Offset,
    /// The number that `send` was given.
    pub epoch: u64,
    pub result: Result<(), Error>,
}

/// A producer for the dead letter topic, with a thread of its own.
pub struct DeadLetters {
    producer: Arc<BaseProducer<Receipts>>,
    topic: String,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DeadLetters {
    /// Makes the producer. `delivered` is called on its thread, once for each letter.
    pub fn start(
        settings: &KafkaSettings,
        topic: &str,
        delivered: Arc<dyn Fn(DeadLetterReceipt) + Send + Sync>,
    ) -> Result<DeadLetters, Error> {
        let config = settings.producer();
        let receipts = Receipts { topic: topic.to_string(), delivered };
        let producer: BaseProducer<Receipts> =
            config.create_with_context(receipts).map_err(|error| Error::of_creation(error, |words| settings.scrub(words)))?;
        let producer = Arc::new(producer);
        let stopping = Arc::new(AtomicBool::new(false));
        let (polled, stop) = (producer.clone(), stopping.clone());
        let thread = std::thread::Builder::new()
            .name("kafka-dead-letters".to_string())
            .spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    polled.poll(POLL);
                }
            })
            .map_err(|error| Error::ClientRefused { source: Reason::new(&error.to_string()) })?;
        Ok(DeadLetters { producer, topic: topic.to_string(), stopping, thread: Some(thread) })
    }

    /// Queues a letter. `epoch` comes back in its receipt, so that its owner can tell an earlier assignment's letters from its own.
    ///
    /// A full queue is a transient error; the letter was not taken and gets no receipt.
    pub fn send(&self, letter: &DeadLetter<'_>, epoch: u64) -> Result<(), Error> {
        let record = letter.record;
        let origin =
            Origin { topic_partition: TopicPartition::new(record.topic(), record.partition()), offset: record.offset(), epoch };
        let mut message = BaseRecord::with_opaque_to(&self.topic, Box::new(origin)).headers(headers(letter));
        message.key = record.key();
        message.payload = record.value();
        match self.producer.send(message) {
            Ok(()) => Ok(()),
            Err((error, _)) => Err(send_error(&self.topic, &error)),
        }
    }

    /// Delivers what waits, for `grace` at most, and ends the thread. What is not delivered by then gets a receipt that says so;
    /// the last receipts may come on the caller's thread.
    pub fn stop(mut self, grace: Duration) {
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        let Some(thread) = self.thread.take() else { return };
        let deadline = Instant::now() + grace;
        // The thread goes on serving receipts meanwhile, and this one helps it.
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.producer.poll(POLL.min(deadline.saturating_duration_since(Instant::now())));
        }
        self.stopping.store(true, Ordering::Relaxed);
        if thread.join().is_err() {
            error!("the dead letter producer's thread panicked");
        }
    }
}

impl Drop for DeadLetters {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Where a letter's record came from.
struct Origin {
    topic_partition: TopicPartition,
    offset: Offset,
    epoch: u64,
}

fn headers(letter: &DeadLetter<'_>) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new_with_capacity(letter.record.headers().len() + letter.headers.len());
    for (name, value) in letter.record.headers() {
        headers = headers.insert(Header { key: &String::from_utf8_lossy(name), value });
    }
    for (key, value) in letter.headers {
        headers = headers.insert(Header { key, value: Some(*value) });
    }
    headers
}

fn send_error(topic: &str, error: &KafkaError) -> Error {
    let topic = topic.to_string();
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => Error::DeadLetterQueueFull,
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => Error::DeadLetterTooLarge { topic },
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownPartition) => {
            Error::TopicAbsent { topic }
        }
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Error::TopicForbidden { topic },
        Some(RDKafkaErrorCode::Fatal) => Error::ClientFailed { source: Error::reason_of(error) },
        _ => Error::DeadLetterUndelivered { topic, source: Error::reason_of(error) },
    }
}

struct Receipts {
    topic: String,
    delivered: Arc<dyn Fn(DeadLetterReceipt) + Send + Sync>,
}

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, _: KafkaError, words: &str) {
        // What matters reaches each letter's receipt; the consumer tells of the connection.
        debug!(error = %Reason::new(words), "the dead letter producer reported an error");
    }
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = Box<Origin>;

    fn delivery(&self, result: &DeliveryResult<'_>, origin: Box<Origin>) {
        let result = result.as_ref().map(|_| ()).map_err(|(error, _)| send_error(&self.topic, error));
        let Origin { topic_partition, offset, epoch } = *origin;
        (self.delivered)(DeadLetterReceipt { topic_partition, offset, epoch, result });
    }
}
