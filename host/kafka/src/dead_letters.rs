//! Records that were set aside, on their way to the dead letter topic.
//!
//! An idempotent producer with `acks=all` sends each letter; the answer comes back as a receipt on the producer's own thread, for a
//! record counts as settled only when its letter is delivered. The record is copied as it is; why it was set aside stands in
//! headers, after the record's own.
//!
//! Invariants: each letter that `send` took gets exactly one receipt; what waits is bounded, and a full queue is an error to try
//! again later, never a wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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

/// The way to the dead letter topic. Its producer is made with the first letter, for most topics never have one, and a producer has
/// threads and connections of its own.
pub struct DeadLetters {
    settings: KafkaSettings,
    topic: String,
    delivered: Arc<dyn Fn(DeadLetterReceipt) + Send + Sync>,
    producer: OnceLock<Producer>,
    /// Held by whoever makes it.
    making: Mutex<()>,
}

/// A producer and the thread that polls it.
struct Producer {
    client: Arc<BaseProducer<Receipts>>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl DeadLetters {
    /// `delivered` is called on the producer's thread, once for each letter. An error tells now what the first letter would meet.
    pub fn start(
        settings: &KafkaSettings,
        topic: &str,
        delivered: Arc<dyn Fn(DeadLetterReceipt) + Send + Sync>,
    ) -> Result<DeadLetters, Error> {
        let (settings, topic) = (settings.clone(), topic.to_string());
        let letters = DeadLetters { settings, topic, delivered, producer: OnceLock::new(), making: Mutex::default() };
        letters.client().map(drop)?;
        Ok(letters)
    }

    fn client(&self) -> Result<BaseProducer<Receipts>, Error> {
        let receipts = Receipts { topic: self.topic.clone(), delivered: self.delivered.clone() };
        let made = self.settings.producer().create_with_context(receipts);
        made.map_err(|error| Error::of_creation(error, |words| self.settings.scrub(words)))
    }

    fn producer(&self) -> Result<&Producer, Error> {
        if let Some(producer) = self.producer.get() {
            return Ok(producer);
        }
        let _one_makes_it = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        match self.producer.get() {
            Some(producer) => Ok(producer),
            None => {
                let producer = Producer::start(self.client()?)?;
                Ok(self.producer.get_or_init(|| producer))
            }
        }
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
        match self.producer()?.client.send(message) {
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
        if let Some(producer) = self.producer.take() {
            producer.end(grace);
        }
    }
}

impl Producer {
    fn start(client: BaseProducer<Receipts>) -> Result<Producer, Error> {
        let client = Arc::new(client);
        let stopping = Arc::new(AtomicBool::new(false));
        let (polled, stop) = (client.clone(), stopping.clone());
        let thread = std::thread::Builder::new()
            .name("kafka-dead-letters".to_string())
            .spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    polled.poll(POLL);
                }
            })
            .map_err(|error| Error::ClientRefused { source: Reason::new(&error.to_string()) })?;
        Ok(Producer { client, stopping, thread })
    }

    fn end(self, grace: Duration) {
        let deadline = Instant::now() + grace;
        // The thread goes on serving receipts meanwhile, and this one helps it.
        while self.client.in_flight_count() > 0 && Instant::now() < deadline {
            self.client.poll(POLL.min(deadline.saturating_duration_since(Instant::now())));
        }
        self.stopping.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
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

#[cfg(test)]
mod tests {
    use snowgate_record::{RecordBatch, TimestampType};

    use super::*;
    use crate::config::KafkaConfig;

    fn settings(properties: &[(&str, &str)]) -> KafkaSettings {
        let config = KafkaConfig {
            // Nobody listens there.
            brokers: vec!["127.0.0.1:9".to_string()],
            group: None,
            start: crate::config::Start::Earliest,
            properties: properties.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        };
        config.resolve("test").unwrap()
    }

    #[test]
    fn a_producer_is_made_with_the_first_letter_and_what_it_cannot_be_made_of_is_told_before() {
        let letters = DeadLetters::start(&settings(&[]), "dead", Arc::new(drop)).unwrap();
        assert!(letters.producer.get().is_none());
        let mut batch = RecordBatch::new(TopicPartition::new("t", 0));
        batch.push(Offset::ZERO, 0, TimestampType::CreateTime, None, Some(b"v"));
        let letter = DeadLetter { record: batch.iter().next().unwrap(), headers: &[] };
        letters.send(&letter, 1).unwrap();
        let made: *const Producer = letters.producer.get().unwrap();
        letters.send(&letter, 1).unwrap();
        assert!(std::ptr::eq(letters.producer.get().unwrap(), made), "one is enough");
        let refused = settings(&[("security.protocol", "ssl"), ("ssl.ca.location", "/no/such/file")]);
        assert!(DeadLetters::start(&refused, "dead", Arc::new(drop)).is_err());
    }
}
