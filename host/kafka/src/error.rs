//! What can go wrong on Kafka's side, and what it means to the pipeline.
//!
//! A variant is named for what happened; librdkafka's own words stand behind it as the source, so that a chain of causes reads
//! from our sentence to theirs. No variant holds a key, a value, a header or the value of a property.

use std::fmt;

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use snowgate_record::{ErrorClass, TopicPartition};

/// Longest piece of librdkafka's words that we pass on: enough for its sentences, short of a server's essay.
const REASON_CHARS: usize = 300;

/// librdkafka's own words, shortened and freed of its notes about time and state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// `text` as librdkafka says it: `host:port/id: What happened (after 3ms in state CONNECT, 1 identical error(s) suppressed)`.
    pub(crate) fn new(text: &str) -> Reason {
        let text = text.split(" (after ").next().unwrap_or_default().trim().trim_end_matches('.');
        Reason(text.chars().filter(|c| !c.is_control()).take(REASON_CHARS).collect())
    }

    /// Whether this is a broken TLS handshake, which librdkafka reports like any lost connection.
    pub(crate) fn is_about_tls(&self) -> bool {
        self.0.contains("SSL handshake failed")
    }

    pub(crate) fn of(code: RDKafkaErrorCode) -> Reason {
        // The code prints as `Name (words)`; the words are what a reader wants.
        let text = code.to_string();
        match text.split_once(" (") {
            Some((_, words)) => Reason::new(words.strip_suffix(')').unwrap_or(words)),
            None => Reason::new(&text),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Reason {}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("no broker of `{brokers}` can be reached")]
    Unreachable { brokers: String, source: Reason },
    #[error("the brokers `{brokers}` refused our credentials")]
    Authentication { brokers: String, source: Reason },
    #[error("no secure connection to the brokers `{brokers}`")]
    Tls { brokers: String, source: Reason },
    #[error("topic `{topic}` does not exist")]
    TopicAbsent { topic: String },
    #[error("topic `{topic}` may not be used with these credentials")]
    TopicForbidden { topic: String },
    #[error("topic `{topic}` could not be created with replication factor {replication}")]
    TopicNotCreated { topic: String, replication: i16, source: Reason },
    #[error("consumer group `{group}` may not be used with these credentials")]
    GroupForbidden { group: String },
    #[error("the offset to read next in `{topic_partition}` is not in Kafka's log")]
    OffsetOutOfRange { topic_partition: TopicPartition, source: Reason },
    #[error("a batch of records in `{topic_partition}` is corrupt")]
    CorruptBatch { topic_partition: TopicPartition, source: Reason },
    #[error("partition `{topic_partition}` stopped")]
    PartitionStopped { topic_partition: TopicPartition, source: Reason },
    #[error("partition `{topic_partition}` is not assigned to this consumer")]
    NotAssigned { topic_partition: TopicPartition },
    #[error("partition `{topic_partition}` could not be started again")]
    RestartRefused { topic_partition: TopicPartition, source: Reason },
    #[error("the group offsets of `{group}` could not be read")]
    GroupOffsetsUnknown { group: String, source: Reason },
    #[error("the group offsets of `{group}` could not be committed")]
    CommitFailed { group: String, source: Reason },
    #[error("another member of consumer group `{group}` took over")]
    Rebalancing { group: String },
    #[error("the dead letter queue is full")]
    DeadLetterQueueFull,
    #[error("a dead letter is too large for topic `{topic}`")]
    DeadLetterTooLarge { topic: String },
    #[error("a dead letter could not be delivered to topic `{topic}`")]
    DeadLetterUndelivered { topic: String, source: Reason },
    #[error("librdkafka has no property `{property}`")]
    PropertyUnknown { property: String },
    #[error("librdkafka does not take the value of property `{property}`")]
    PropertyRefused { property: String },
    #[error("the Kafka client could not be created")]
    ClientRefused { source: Reason },
    #[error("the Kafka client cannot go on")]
    ClientFailed { source: Reason },
    #[error("the thread of the Kafka client stopped unexpectedly")]
    ThreadDied,
    #[error("leaving consumer group `{group}` took longer than allowed")]
    StopTimedOut { group: String },
}

impl Error {
    /// What to do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Error::Unreachable { .. }
            | Error::PartitionStopped { .. }
            | Error::RestartRefused { .. }
            | Error::GroupOffsetsUnknown { .. }
            | Error::CommitFailed { .. }
            | Error::Rebalancing { .. }
            | Error::DeadLetterQueueFull
            | Error::DeadLetterUndelivered { .. }
            | Error::StopTimedOut { .. } => ErrorClass::Transient,
            Error::NotAssigned { .. } => ErrorClass::Reopen,
            Error::Authentication { .. }
            | Error::Tls { .. }
            | Error::TopicAbsent { .. }
            | Error::TopicForbidden { .. }
            | Error::TopicNotCreated { .. }
            | Error::GroupForbidden { .. }
            | Error::CorruptBatch { .. }
            | Error::DeadLetterTooLarge { .. }
            | Error::PropertyUnknown { .. }
            | Error::PropertyRefused { .. }
            | Error::ClientRefused { .. } => ErrorClass::Config,
            Error::OffsetOutOfRange { .. } | Error::ClientFailed { .. } | Error::ThreadDied => ErrorClass::Fatal,
        }
    }

    /// What its reader can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Unreachable { .. } => {
                "check `brokers`, and that this machine may open connections to them; brokers that want TLS need `security.protocol` in \
                 `[kafka.properties]`"
            }
            Error::Authentication { .. } => "check the `sasl.` entries of `[kafka.properties]`",
            Error::Tls { .. } => "check `security.protocol` and `ssl.ca.location` in `[kafka.properties]`",
            Error::TopicAbsent { .. } => "create the topic, or correct its name in the configuration",
            Error::TopicNotCreated { .. } => "create the topic, or ask for a replication factor that the cluster can give",
            Error::TopicForbidden { .. } => {
                "allow this user to read and describe the topic, or, if it is the dead letter topic, to write to it"
            }
            Error::GroupForbidden { .. } => "allow this user to read the group",
            Error::OffsetOutOfRange { .. } => {
                "records were deleted before they were loaded: keep them longer, and set the group's offset to where reading shall go on"
            }
            Error::CorruptBatch { .. } => "the brokers' log is damaged there: `kafka-dump-log.sh` shows the batch",
            Error::DeadLetterTooLarge { .. } => "raise `max.message.bytes` of the dead letter topic",
            Error::PropertyUnknown { .. } | Error::PropertyRefused { .. } => "correct `[kafka.properties]`",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// What an error message in a partition's queue means.
    pub(crate) fn of_partition(topic_partition: TopicPartition, code: RDKafkaErrorCode, words: &str) -> Error {
        let source = if words.is_empty() { Reason::of(code) } else { Reason::new(words) };
        let topic = topic_partition.topic.to_string();
        match code {
            RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::LogTruncation => {
                Error::OffsetOutOfRange { topic_partition, source }
            }
            RDKafkaErrorCode::BadMessage | RDKafkaErrorCode::BadCompression | RDKafkaErrorCode::InvalidMessage => {
                Error::CorruptBatch { topic_partition, source }
            }
            RDKafkaErrorCode::TopicAuthorizationFailed => Error::TopicForbidden { topic },
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition => {
                Error::TopicAbsent { topic }
            }
            _ => Error::PartitionStopped { topic_partition, source },
        }
    }

    /// What a refused commit means. A refusal that only says "a rebalance is on" is [`Error::Rebalancing`].
    pub(crate) fn of_commit(group: &str, code: RDKafkaErrorCode) -> Error {
        let group = group.to_string();
        match code {
            RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::UnknownMemberId
            | RDKafkaErrorCode::RebalanceInProgress
            | RDKafkaErrorCode::StaleMemberEpoch
            | RDKafkaErrorCode::FencedMemberEpoch
            | RDKafkaErrorCode::FencedInstanceId => Error::Rebalancing { group },
            RDKafkaErrorCode::GroupAuthorizationFailed => Error::GroupForbidden { group },
            code => Error::CommitFailed { group, source: Reason::of(code) },
        }
    }

    /// Why a client was not made. Never repeats a property's value, which may be a password.
    pub(crate) fn of_creation(error: KafkaError, scrub: impl Fn(&str) -> String) -> Error {
        match error {
            KafkaError::ClientConfig(result, _, property, _) => match result {
                rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => Error::PropertyUnknown { property },
                _ => Error::PropertyRefused { property },
            },
            KafkaError::ClientCreation(words) => Error::ClientRefused { source: Reason::new(&scrub(&words)) },
            other => Error::ClientRefused { source: Error::reason_of(&other) },
        }
    }

    /// What no broker being there means, given what was last heard of one.
    pub(crate) fn of_connection(brokers: String, source: Reason) -> Error {
        if source.is_about_tls() { Error::Tls { brokers, source } } else { Error::Unreachable { brokers, source } }
    }

    pub(crate) fn reason_of(error: &KafkaError) -> Reason {
        match error.rdkafka_error_code() {
            Some(code) => Reason::of(code),
            None => Reason::new(&error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn librdkafkas_notes_on_time_and_state_are_left_out_of_a_reason() {
        let words = "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)";
        assert_eq!(Reason::new(words).to_string(), "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused");
        assert_eq!(Reason::of(RDKafkaErrorCode::OffsetOutOfRange).to_string(), "Broker: Offset out of range");
    }

    #[test]
    fn every_error_has_the_class_that_the_pipeline_relies_on() {
        let source = || Reason::new("words");
        let (group, topic, topic_partition) = ("g".to_string(), "t".to_string(), TopicPartition::new("t", 0));
        let brokers = "b:1".to_string();
        let property = "p".to_string();
        let table = [
            (Error::Unreachable { brokers: brokers.clone(), source: source() }, ErrorClass::Transient),
            (Error::Authentication { brokers: brokers.clone(), source: source() }, ErrorClass::Config),
            (Error::Tls { brokers, source: source() }, ErrorClass::Config),
            (Error::TopicAbsent { topic: topic.clone() }, ErrorClass::Config),
            (Error::TopicForbidden { topic: topic.clone() }, ErrorClass::Config),
            (Error::TopicNotCreated { topic: topic.clone(), replication: 3, source: source() }, ErrorClass::Config),
            (Error::GroupForbidden { group: group.clone() }, ErrorClass::Config),
            (Error::OffsetOutOfRange { topic_partition: topic_partition.clone(), source: source() }, ErrorClass::Fatal),
            (Error::CorruptBatch { topic_partition: topic_partition.clone(), source: source() }, ErrorClass::Config),
            (Error::PartitionStopped { topic_partition: topic_partition.clone(), source: source() }, ErrorClass::Transient),
            (Error::NotAssigned { topic_partition: topic_partition.clone() }, ErrorClass::Reopen),
            (Error::RestartRefused { topic_partition, source: source() }, ErrorClass::Transient),
            (Error::GroupOffsetsUnknown { group: group.clone(), source: source() }, ErrorClass::Transient),
            (Error::CommitFailed { group: group.clone(), source: source() }, ErrorClass::Transient),
            (Error::Rebalancing { group: group.clone() }, ErrorClass::Transient),
            (Error::DeadLetterQueueFull, ErrorClass::Transient),
            (Error::DeadLetterTooLarge { topic: topic.clone() }, ErrorClass::Config),
            (Error::DeadLetterUndelivered { topic, source: source() }, ErrorClass::Transient),
            (Error::PropertyUnknown { property: property.clone() }, ErrorClass::Config),
            (Error::PropertyRefused { property }, ErrorClass::Config),
            (Error::ClientRefused { source: source() }, ErrorClass::Config),
            (Error::ClientFailed { source: source() }, ErrorClass::Fatal),
            (Error::ThreadDied, ErrorClass::Fatal),
            (Error::StopTimedOut { group }, ErrorClass::Transient),
        ];
        for (error, class) in table {
            assert_eq!(error.class(), class, "{error}");
        }
    }

    #[test]
    fn a_commit_refused_in_a_rebalance_is_told_apart_from_one_that_failed() {
        for code in [
            RDKafkaErrorCode::IllegalGeneration,
            RDKafkaErrorCode::UnknownMemberId,
            RDKafkaErrorCode::RebalanceInProgress,
            RDKafkaErrorCode::StaleMemberEpoch,
        ] {
            assert_eq!(Error::of_commit("g", code), Error::Rebalancing { group: "g".to_string() });
        }
        let failed = Error::of_commit("g", RDKafkaErrorCode::OffsetMetadataTooLarge);
        assert_eq!(failed.to_string(), "the group offsets of `g` could not be committed");
    }
}
