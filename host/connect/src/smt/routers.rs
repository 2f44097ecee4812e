//! `RegexRouter` and `TimestampRouter`: another topic.

use std::sync::{Arc, Mutex, PoisonError};

use crate::config_def::{ConfigError, Importance, Key, Kind, Parsed};
use crate::data::{ConnectRecord, DataError};
use crate::java_regex::{JavaRegex, Replacement};
use crate::smt::date_format::DateFormat;
use crate::smt::keys::{Given, optional, required};
use crate::smt::outline::Outline;

pub(super) fn regex_keys() -> Vec<Key> {
    vec![
        required("regex", Kind::String, Importance::High, "A Java regular expression for the whole name of a topic.")
            .validated(valid_regex),
        required(
            "replacement",
            Kind::String,
            Importance::High,
            "The new name of a topic that matches; $1 is what the first group held.",
        ),
    ]
}

pub(crate) fn valid_regex(_: &Key, value: &Parsed) -> Result<(), String> {
    match value.text() {
        Some(pattern) => JavaRegex::new(pattern).map(drop).map_err(|error| format!("Invalid regex: {error}")),
        None => Err("Invalid regex: Cannot invoke \"String.isEmpty()\" because \"this.pattern\" is null".to_owned()),
    }
}

#[derive(Debug)]
pub(super) struct RegexRouter {
    rule: Arc<(JavaRegex, Replacement)>,
    /// The last topic and its new name, for a partition's records all have the same.
    last: Mutex<Option<(Arc<str>, Arc<str>)>>,
}

impl Clone for RegexRouter {
    fn clone(&self) -> RegexRouter {
        RegexRouter { rule: self.rule.clone(), last: Mutex::default() }
    }
}

impl RegexRouter {
    pub(super) fn new(given: &Given) -> Result<RegexRouter, ConfigError> {
        let regex = JavaRegex::new(&given.string("regex")).map_err(ConfigError)?;
        let replacement = regex.replacement(&given.string("replacement"));
        Ok(RegexRouter { rule: Arc::new((regex, replacement)), last: Mutex::default() })
    }

    pub(super) fn apply(&self, record: &mut ConnectRecord) -> Result<(), DataError> {
        record.topic = self.routed(record.topic.clone())?;
        Ok(())
    }

    pub(super) fn reshape(&self, outline: &mut Outline) -> Option<()> {
        outline.topic = self.routed(outline.topic.clone()).ok()?;
        Some(())
    }

    fn routed(&self, topic: Arc<str>) -> Result<Arc<str>, DataError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, new)) = &*last
            && *known == topic
        {
            return Ok(new.clone());
        }
        let (regex, replacement) = &*self.rule;
        let new = if regex.matches(&topic)? { regex.replace_first(&topic, replacement)?.into() } else { topic.clone() };
        *last = Some((topic, new.clone()));
        Ok(new)
    }
}

pub(super) fn timestamp_keys() -> Vec<Key> {
    vec![
        optional(
            "topic.format",
            Kind::String,
            "${topic}-${timestamp}",
            Importance::High,
            "The new topic, in which ${topic} and ${timestamp} are filled in.",
        ),
        optional(
            "timestamp.format",
            Kind::String,
            "yyyyMMdd",
            Importance::High,
            "How the record's timestamp is written, as java.text.SimpleDateFormat reads it.",
        ),
    ]
}

#[derive(Debug, Clone)]
pub(super) struct TimestampRouter {
    topic_format: Arc<str>,
    /// A bad pattern fails each record, as in the original.
    timestamp_format: Arc<Result<DateFormat, String>>,
}

impl TimestampRouter {
    pub(super) fn new(given: &Given) -> TimestampRouter {
        TimestampRouter {
            topic_format: given.string("topic.format").into(),
            timestamp_format: Arc::new(DateFormat::new(&given.string("timestamp.format"))),
        }
    }

    pub(super) fn apply(&self, record: &mut ConnectRecord) -> Result<(), DataError> {
        let ms = record.timestamp.ok_or_else(|| {
            DataError::data(format!("Timestamp missing on record: {}-{}@{}", record.topic, record.partition, record.offset))
        })?;
        let format = self.timestamp_format.as_ref().as_ref();
        let format =
            format.map_err(|error| DataError { exception: "java.lang.IllegalArgumentException", message: error.clone() })?;
        record.topic = self.topic_format.replace("${topic}", &record.topic).replace("${timestamp}", &format.format(ms)).into();
        Ok(())
    }
}
