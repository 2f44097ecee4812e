//! The predicates that come with Kafka Connect.

use std::sync::Arc;

use crate::config_def::{ConfigError, ConfigMap, Importance, Key, Kind};
use crate::data::ConnectRecord;
use crate::java_regex::JavaRegex;
use crate::smt::outline::Outline;
use crate::smt::{Given, non_empty_string, required, valid_regex};

/// One of the three predicates, configured.
#[derive(Debug, Clone)]
pub struct Predicate(Form);

#[derive(Debug, Clone)]
enum Form {
    HasHeaderKey(Arc<str>),
    RecordIsTombstone,
    TopicNameMatches(Arc<JavaRegex>),
}

const HAS_HEADER_KEY: &str = "org.apache.kafka.connect.transforms.predicates.HasHeaderKey";
const RECORD_IS_TOMBSTONE: &str = "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone";
const TOPIC_NAME_MATCHES: &str = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches";

/// The full names of all predicates.
pub const CLASSES: &[&str] = &[HAS_HEADER_KEY, RECORD_IS_TOMBSTONE, TOPIC_NAME_MATCHES];

/// The keys of a predicate; `None` where there is no such predicate.
pub fn definition(class: &str) -> Option<Vec<Key>> {
    match class {
        HAS_HEADER_KEY => Some(vec![
            required("name", Kind::String, Importance::Medium, "The name of the header to look for.").validated(non_empty_string),
        ]),
        RECORD_IS_TOMBSTONE => Some(Vec::new()),
        TOPIC_NAME_MATCHES => {
            let key =
                required("pattern", Kind::String, Importance::Medium, "A Java regular expression for the whole name of a topic.");
            Some(vec![key.validated(|key, value| non_empty_string(key, value).and_then(|()| valid_regex(key, value)))])
        }
        _ => None,
    }
}

impl Predicate {
    pub fn configure(class: &str, config: &ConfigMap) -> Result<Predicate, ConfigError> {
        let keys = definition(class).ok_or_else(|| ConfigError::unknown_class("type", class))?;
        let given = Given::read(&keys, config)?;
        Ok(Predicate(match class {
            HAS_HEADER_KEY => Form::HasHeaderKey(given.string("name").into()),
            TOPIC_NAME_MATCHES => Form::TopicNameMatches(Arc::new(JavaRegex::new(&given.string("pattern")).map_err(ConfigError)?)),
            _ => Form::RecordIsTombstone,
        }))
    }

    /// A topic on which a pattern hangs does not match it.
    pub fn test(&self, record: &ConnectRecord) -> bool {
        match &self.0 {
            Form::HasHeaderKey(name) => record.headers.iter().any(|(header, _)| **header == **name),
            Form::RecordIsTombstone => record.value.value.is_null(),
            Form::TopicNameMatches(pattern) => pattern.matches(&record.topic).unwrap_or(false),
        }
    }

    /// The same for all records of one shape; `None` where it is not.
    pub(crate) fn foresee(&self, outline: &Outline) -> Option<bool> {
        match &self.0 {
            Form::HasHeaderKey(name) => outline.headers.iter().find(|(header, _)| header == name).map(|(_, has)| *has),
            Form::RecordIsTombstone => outline.root_fields().map(|fields| fields.is_none()),
            Form::TopicNameMatches(pattern) => Some(pattern.matches(&outline.topic).unwrap_or(false)),
        }
    }

    /// Whether its answer follows from the topic alone.
    pub(crate) fn topic_only(&self) -> bool {
        matches!(self.0, Form::TopicNameMatches(_))
    }

    /// The header that it asks for.
    pub(crate) fn header(&self) -> Option<&Arc<str>> {
        match &self.0 {
            Form::HasHeaderKey(name) => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
