//! Snowgate's road out of Kafka, and the only crate that names rdkafka.
//!
//! In reading order: [`config`] holds the section a person writes and the properties made of it; [`consumer`] the member of the
//! group and what it tells its owner; `rebalance` how partitions come, go and start again; [`queue`] how their records become
//! batches; `commits` how group offsets reach the brokers; [`connection`] what librdkafka's complaints mean; [`dead_letters`] the
//! producer for records set aside; [`check`] the questions asked before anything moves; [`offsets`] the group offsets of a group without members,
//! [`topics`] the cluster's topics, [`peek`] a look at one that leaves no trace. `native` has every raw call to librdkafka, `context`
//! what librdkafka tells us, [`error`] what can go wrong.

pub mod check;
mod commits;
pub mod config;
pub mod connection;
pub mod consumer;
mod context;
pub mod dead_letters;
pub mod error;
mod native;
pub mod offsets;
pub mod peek;
pub mod queue;
mod rebalance;
pub mod topics;

pub use check::{Need, TopicInfo, check, check_rights};
pub use config::{KafkaConfig, KafkaSettings, OWNED_PROPERTIES, Problem, Start};
pub use connection::ConnectionState;
pub use consumer::{Assigned, Assignments, Consumer, GroupOffset, StartAt};
pub use dead_letters::{DeadLetter, DeadLetterReceipt, DeadLetters};
pub use error::{Error, Reason};
pub use native::Wake;
pub use offsets::GroupOffsets;
pub use peek::{Peek, Peeked, PeekedRecord};
pub use queue::PartitionQueue;
pub use topics::{cluster_id, create_topic_if_missing, topics};
