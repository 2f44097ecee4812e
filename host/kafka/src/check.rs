//! Can the brokers be reached, do the topics exist, and may they be used? Asks and moves nothing.
//!
//! librdkafka tries for ever and tells what is wrong only beside its answers, so the check asks in short turns and looks at what was
//! told in between: refused credentials or certificates end it at once, an absent broker only at the deadline.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use crate::config::KafkaSettings;
use crate::context::{Observer, Report};
use crate::error::{Error, Reason};
use crate::native::describe::{group_rights, topic_rights};

/// One turn of asking.
const TURN: Duration = Duration::from_millis(500);

/// How long to listen for what was told during a turn: log lines stand in front of it.
const LISTEN: Duration = Duration::from_millis(20);

/// A topic as the brokers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    pub name: String,
    pub partitions: usize,
}

/// A right that a run cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need<'a> {
    ReadTopic(&'a str),
    WriteTopic(&'a str),
    /// To join the group of the settings, and to commit offsets.
    ReadGroup,
}

/// Asks whether these credentials have each right; the first that is missing is the answer. A right that brokers say nothing about is
/// taken for granted: what it is needed for will tell.
pub fn check_rights(settings: &KafkaSettings, needs: &[Need<'_>], timeout: Duration) -> Result<(), Error> {
    let client = observe(settings)?;
    // Brokers tell rights or they do not. Of a group they say at once which; for a topic's the client may wait in vain.
    let Some(group) = group_rights(&client, &settings.group, timeout) else { return Ok(()) };
    for need in needs {
        let has = match *need {
            Need::ReadTopic(topic) => topic_rights(&client, topic, timeout).is_none_or(|rights| rights.read),
            Need::WriteTopic(topic) => topic_rights(&client, topic, timeout).is_none_or(|rights| rights.write),
            Need::ReadGroup => group.read,
        };
        match *need {
            _ if has => {}
            Need::ReadTopic(topic) | Need::WriteTopic(topic) => return Err(Error::TopicForbidden { topic: topic.to_string() }),
            Need::ReadGroup => return Err(Error::GroupForbidden { group: settings.group.clone() }),
        }
    }
    Ok(())
}

fn observe(settings: &KafkaSettings) -> Result<BaseConsumer<Observer>, Error> {
    let scrub = |words: &str| settings.scrub(words);
    settings.observer().create_with_context(Observer::default()).map_err(|error| Error::of_creation(error, scrub))
}

/// Asks for the metadata of `topics` and then of the dead letter topic, in this order, and describes each. The first thing wrong is
/// the answer: a broker out of reach, refused credentials, no TLS, an absent or forbidden topic. Patterns (`^…`) are not looked up.
pub fn check(
    settings: &KafkaSettings,
    topics: &[String],
    dead_letter_topic: Option<&str>,
    timeout: Duration,
) -> Result<Vec<TopicInfo>, Error> {
    let deadline = Instant::now() + timeout;
    let client = observe(settings)?;
    let names = topics.iter().map(String::as_str).filter(|topic| !topic.starts_with('^')).chain(dead_letter_topic);
    names.map(|name| describe(&client, settings, name, deadline)).collect()
}

pub(crate) fn describe(
    client: &BaseConsumer<Observer>,
    settings: &KafkaSettings,
    name: &str,
    deadline: Instant,
) -> Result<TopicInfo, Error> {
    let mut reason = None;
    loop {
        let patience = TURN.min(deadline.saturating_duration_since(Instant::now()));
        let code = match client.fetch_metadata(Some(name), patience) {
            Ok(metadata) => {
                let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
                    return Err(Error::TopicAbsent { topic: name.to_string() });
                };
                match topic_error(topic) {
                    None => return Ok(TopicInfo { name: name.to_string(), partitions: topic.partitions().len() }),
                    // A topic that was made a moment ago has no leader yet.
                    Some(RDKafkaErrorCode::LeaderNotAvailable) => RDKafkaErrorCode::LeaderNotAvailable,
                    Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                        return Err(Error::TopicForbidden { topic: name.to_string() });
                    }
                    Some(_) => return Err(Error::TopicAbsent { topic: name.to_string() }),
                }
            }
            Err(error) => error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown),
        };
        // Each poll ends at an error or, when only log lines came, with the turn.
        while let Some(Err(_)) = client.poll(LISTEN) {}
        for report in client.context().take_reports() {
            if let Some(error) = refusal(settings, &report) {
                return Err(error);
            }
            if matches!(report.0, RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve) {
                reason = Some(Reason::new(&report.1));
            }
        }
        if Instant::now() >= deadline {
            let source = reason.unwrap_or_else(|| Error::reason_of(&KafkaError::MetadataFetch(code)));
            return Err(Error::of_connection(settings.brokers.clone(), source));
        }
    }
}

/// What asking again does not cure.
pub(crate) fn refusal(settings: &KafkaSettings, (code, words): &Report) -> Option<Error> {
    let (brokers, source) = (settings.brokers.clone(), Reason::new(words));
    match code {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
            Some(Error::Authentication { brokers, source })
        }
        RDKafkaErrorCode::SSL => Some(Error::Tls { brokers, source }),
        _ if source.is_about_tls() => Some(Error::Tls { brokers, source }),
        _ => None,
    }
}

/// What the brokers say is wrong with a topic.
pub(crate) fn topic_error(topic: &MetadataTopic) -> Option<RDKafkaErrorCode> {
    topic.error().filter(|code| *code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).map(RDKafkaErrorCode::from)
}
