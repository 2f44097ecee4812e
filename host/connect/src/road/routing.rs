//! Where routers may lead the records of a topic.
//!
//! Channels are asked where they stand before the first record is read, so the tables that records may go to have to be known by then.
//! `RegexRouter` makes one new name of each, and a predicate that looks at the record doubles what is possible: the topics are counted
//! out. `TimestampRouter` makes ever new ones; of them only those are loaded that `snowflake.topic2table.map` leads to a table it names.
//!
//! Invariant: a record whose topic has a table that was not told beforehand is rejected, by whoever gives records their tables.

use std::sync::Arc;

use snowgate_record::TimestampType;

use super::{RoadSettings, Step};
use crate::data::{ConnectRecord, SchemaAndValue};
use crate::topic_map::TopicMap;

/// Each has a channel and an open body for every partition, and a word in 4 kB beside the group offset.
pub const MOST_TABLES: usize = 33;

/// The topics that transforms may leave records of one topic with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Those that can be told, each once; the one that no predicate has to ask for stands first.
    pub topics: Vec<Arc<str>>,
    /// Whether there are others, which follow from timestamps.
    pub is_endless: bool,
}

impl RoadSettings {
    /// Whether records of one topic may be left with different ones.
    pub fn routes_each_record(&self) -> bool {
        self.steps.iter().any(|step| step.is_router() && (step.transform.topic_depends_on_record() || step.doubles()))
    }

    /// What the transforms may call `topic`.
    pub fn reach(&self, topic: &str) -> Reach {
        let mut reach = Reach { topics: vec![topic.into()], is_endless: false };
        for step in self.steps.iter().filter(|step| step.is_router()) {
            let mut next = Vec::new();
            for topic in reach.topics {
                let record = of_topic(topic.clone());
                let goes = step.doubles() || step.wants(&record);
                if step.doubles() || !goes {
                    next.push(topic.clone());
                }
                match step.transform.topic_depends_on_record() {
                    true => reach.is_endless |= goes,
                    // Where the pattern gives up, records are rejected; the topic keeps a table all the same.
                    false if goes => next.push(match step.transform.apply(record) {
                        Ok(Some(routed)) => routed.topic,
                        Ok(None) | Err(_) => topic,
                    }),
                    false => {}
                }
            }
            reach.topics = Vec::with_capacity(next.len());
            for topic in next {
                if !reach.topics.contains(&topic) {
                    reach.topics.push(topic);
                }
            }
        }
        reach
    }

    /// As many tables, at the most, have records of one topic.
    pub fn most_tables(&self, map: &TopicMap) -> usize {
        most_tables(&self.steps, map)
    }
}

/// What keeps `steps` from running: which of them, and why.
pub(crate) fn refusal(steps: &[Step], map: &TopicMap) -> Option<(Arc<str>, String)> {
    let class = |step: &Step| step.class.rsplit('.').next().unwrap_or_default().to_owned();
    if let Some(step) = steps.iter().find(|step| step.transform.topic_depends_on_record()) {
        let hint =
            "name the tables in snowflake.topic2table.map, where a pattern such as orders-.*:ORDERS sends all of them to one";
        let why = match map.tables() {
            Some(tables) if !tables.is_empty() => None,
            Some(_) => Some("there is no map that names their tables"),
            None => Some("a table of the map hangs on the topic, too"),
        };
        if let Some(why) = why {
            let message = format!(
                "{} makes ever new topics, and tables must be known before the first record, but {why}: {hint}",
                class(step)
            );
            return Some((step.name.clone(), message));
        }
    }
    let most = most_tables(steps, map);
    let step = steps.iter().rfind(|step| step.is_router()).filter(|_| most > MOST_TABLES)?;
    let message = format!(
        "{} and the routers before it may send records of one topic to {most} tables, and {MOST_TABLES} are the most: each predicate that looks at the record doubles them, and TimestampRouter adds those of snowflake.topic2table.map",
        class(step)
    );
    Some((step.name.clone(), message))
}

fn most_tables(steps: &[Step], map: &TopicMap) -> usize {
    let doublings = steps.iter().filter(|step| step.transform.topic_only() && step.doubles()).count();
    let by_name = u32::try_from(doublings).ok().and_then(|doublings| 1_usize.checked_shl(doublings)).unwrap_or(usize::MAX);
    let is_endless = steps.iter().any(|step| step.transform.topic_depends_on_record());
    let by_map = if is_endless { map.tables().map_or(0, |tables| tables.len()) } else { 0 };
    by_name.saturating_add(by_map)
}

impl Step {
    /// Looks at nothing but the topic, and the timestamp.
    fn is_router(&self) -> bool {
        self.transform.topic_only() || self.transform.topic_depends_on_record()
    }

    /// Stands behind a predicate whose answer does not follow from the topic.
    fn doubles(&self) -> bool {
        self.predicate.as_ref().is_some_and(|predicate| !predicate.topic_only())
    }
}

/// A record of which nothing is known but its topic.
fn of_topic(topic: Arc<str>) -> ConnectRecord {
    ConnectRecord {
        topic,
        partition: 0,
        offset: 0,
        timestamp: None,
        timestamp_type: TimestampType::NotAvailable,
        key: SchemaAndValue::NULL,
        value: SchemaAndValue::NULL,
        headers: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
