//! This process as a member of the consumer group: what Kafka's thread asks of it, and which topics it follows.
//!
//! A rebalance waits here until the workers have answered, or until it has waited long enough.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use snowgate_kafka::{Assigned, Assignments, ConnectionState, Error as KafkaError, GroupOffset, StartAt};
use snowgate_record::TopicPartition;
use tracing::{info, warn};

use super::{Context, OnFailure, Stopping, mailbox_of};
use crate::board::Standing;
use crate::gateway::Error;
use crate::report;
use crate::worker::{Mailbox, Message, Remembered};

/// How long the group waits for channels to say where their partitions start. Well below `max.poll.interval.ms`.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a rebalance waits for bodies on their way. Longer only delays the new owner, who finds out from the channel anyway.
const REVOKE_GRACE: Duration = Duration::from_secs(10);
/// Past its deadline a partition lets go at once; this is for the answer to arrive.
pub(super) const REVOKE_SLACK: Duration = Duration::from_secs(2);
/// How often a pipeline that reads topics by pattern looks for new ones.
const TOPICS_INTERVAL: Duration = Duration::from_secs(30);
/// How long the brokers may take to name their topics.
const TOPICS_PATIENCE: Duration = Duration::from_secs(10);

/// This process as a member of the consumer group.
pub(super) struct Member {
    pub(super) name: Arc<str>,
    pub(super) context: Arc<Context>,
    pub(super) mailboxes: Vec<Mailbox>,
    pub(super) stopping: Arc<Stopping>,
    pub(super) on_failure: OnFailure,
}

impl Member {
    fn mailbox(&self, topic_partition: &TopicPartition) -> &Mailbox {
        mailbox_of(&self.mailboxes, topic_partition)
    }
}

impl Assignments for Member {
    fn joined(&self) {
        self.context.board.stands(Standing::Joined);
    }

    fn assigned(&self, partitions: Vec<Assigned>) -> Vec<(TopicPartition, StartAt)> {
        let (start, started) = channel();
        let mut waiting: Vec<TopicPartition> = Vec::with_capacity(partitions.len());
        for assigned in partitions {
            let Assigned { topic_partition, queue, group_offset, metadata } = assigned;
            let group = Remembered { group_offset, metadata: metadata.unwrap_or_default() };
            waiting.push(topic_partition.clone());
            let mailbox = self.mailbox(&topic_partition);
            mailbox.send(Message::Assigned { topic_partition, queue, group, start: start.clone() });
        }
        drop(start);
        let mut starts = Vec::with_capacity(waiting.len());
        let until = Instant::now() + START_PATIENCE;
        while !waiting.is_empty() && !self.stopping.asked.load(Ordering::SeqCst) {
            let step = until.saturating_duration_since(Instant::now()).min(Duration::from_millis(200));
            match started.recv_timeout(step) {
                Ok((topic_partition, at)) => {
                    waiting.retain(|waiting| *waiting != topic_partition);
                    starts.extend(at.map(|at| (topic_partition, at)));
                }
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(_) => break,
            }
        }
        for topic_partition in waiting {
            warn!(topic = %topic_partition.topic, partition = topic_partition.partition, "channel not open yet, the partition waits for it");
            self.mailbox(&topic_partition).send(Message::StartedBlind(topic_partition.clone()));
        }
        starts
    }

    fn revoked(&self, partitions: &[TopicPartition], lost: bool) -> Vec<GroupOffset> {
        if lost {
            self.context.board.stands(Standing::Joining);
        }
        let grace = self.stopping.grace.get().copied().unwrap_or(REVOKE_GRACE);
        let deadline = self.context.clock.now() + u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let (done, drained) = channel();
        for topic_partition in partitions {
            let message = if lost {
                Message::Lost { topic_partition: topic_partition.clone(), done: done.clone() }
            } else {
                Message::Revoked { topic_partition: topic_partition.clone(), deadline, done: done.clone() }
            };
            self.mailbox(topic_partition).send(message);
        }
        drop(done);
        let until = Instant::now() + grace + REVOKE_SLACK;
        let mut offsets = Vec::new();
        // Ends when every partition has answered or let its sender go.
        while let Ok(offset) = drained.recv_timeout(until.saturating_duration_since(Instant::now())) {
            offsets.extend(offset);
        }
        if lost { Vec::new() } else { offsets }
    }

    fn partition_failed(&self, partition: TopicPartition, error: KafkaError) {
        self.mailbox(&partition).send(Message::ReadFailed { topic_partition: partition.clone(), error });
    }

    fn committed(&self, offsets: Vec<GroupOffset>) {
        for offset in offsets {
            self.mailbox(&offset.topic_partition).send(Message::GroupCommitted(offset));
        }
    }

    fn commit_failed(&self, error: KafkaError) {
        warn!(pipeline = %self.name, error = %error, "group commit failed, the next one follows");
    }

    fn connection(&self, state: ConnectionState) {
        info!(pipeline = %self.name, ?state, "kafka connection");
        self.context.board.kafka(match state {
            ConnectionState::Up => None,
            ConnectionState::Down(error) => Some(error.to_string()),
        });
    }

    fn failed(&self, error: KafkaError) {
        let error = Error::Kafka { pipeline: self.name.clone(), source: error };
        self.context.board.fail(report::explain(&error, error.hint().as_deref()));
        (self.on_failure)(error);
    }
}

/// Subscribes to the topics whose names match, and to those that come later.
pub(super) async fn follow_topics(context: Arc<Context>, pattern: Arc<fancy_regex::Regex>) {
    let mut subscribed = Vec::new();
    context.board.stands(Standing::WithoutTopics(pattern.to_string()));
    loop {
        let kafka = context.settings.kafka.clone();
        let listed = tokio::task::spawn_blocking(move || snowgate_kafka::topics(&kafka, TOPICS_PATIENCE)).await;
        match listed.expect("listing topics does not panic") {
            Ok(topics) => {
                let mut matching: Vec<_> = topics.into_iter().filter(|topic| pattern.is_match(topic).unwrap_or(false)).collect();
                matching.sort();
                if matching != subscribed {
                    info!(pipeline = %context.settings.name, topics = matching.join(","), "topics that match the pattern");
                    context.board.stands(match matching.is_empty() {
                        true => Standing::WithoutTopics(pattern.to_string()),
                        false => Standing::Joining,
                    });
                    if let Some(consumer) = &*context.lock_consumer() {
                        consumer.subscribe(matching.clone());
                    }
                    subscribed = matching;
                }
            }
            Err(error) => warn!(pipeline = %context.settings.name, error = %error, "topics could not be listed"),
        }
        tokio::time::sleep(TOPICS_INTERVAL).await;
    }
}
