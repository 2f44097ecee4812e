//! Whether the brokers can be reached, made out of what librdkafka reports.
//!
//! librdkafka says when all brokers are gone, when credentials or certificates are refused and when a subscribed topic is absent;
//! it never says that all is well again. So while something is wrong, and only then, the consumer's thread asks the brokers for the
//! metadata of a topic, about once a second.
//!
//! Invariant: a state is told once when it changes, however often librdkafka repeats itself.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::types::RDKafkaErrorCode;
use tracing::{debug, warn};

use crate::check::topic_error;
use crate::context::Report;
use crate::error::{Error, Reason};
use crate::native::Client;

/// Least time between two questions, and the longest one may take.
const PROBE: Duration = Duration::from_secs(1);

/// Whether the brokers can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// After trouble: the brokers answer again.
    Up,
    /// Nothing moves until this is over. librdkafka keeps trying.
    Down(Error),
}

/// What a report means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Down(Error),
    /// A topic that was subscribed to is absent or forbidden.
    Topic(Error, String),
    /// The client is beyond use.
    Failed(Error),
    /// Nothing by itself.
    Nothing,
}

pub(crate) struct Connection {
    brokers: String,
    group: String,
    /// A topic to ask for.
    topic: String,
    down: Option<Error>,
    asked: Option<Instant>,
    /// Why the last single broker could not be reached: it says more than "all brokers are down".
    reason: Option<Reason>,
}

impl Connection {
    pub(crate) fn new(brokers: String, group: String, topic: String) -> Connection {
        Connection { brokers, group, topic, down: None, asked: None, reason: None }
    }

    pub(crate) fn interpret(&mut self, (code, words): Report) -> Meaning {
        let source = Reason::new(&words);
        let brokers = self.brokers.clone();
        match code {
            RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve => {
                debug!(error = %source, "a broker cannot be reached");
                self.reason = Some(source);
                Meaning::Nothing
            }
            RDKafkaErrorCode::AllBrokersDown => Meaning::Down(Error::of_connection(brokers, self.reason.clone().unwrap_or(source))),
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
                Meaning::Down(Error::Authentication { brokers, source })
            }
            RDKafkaErrorCode::SSL => Meaning::Down(Error::Tls { brokers, source }),
            RDKafkaErrorCode::GroupAuthorizationFailed => Meaning::Down(Error::GroupForbidden { group: self.group.clone() }),
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => match absent_topic(&words) {
                Some(topic) => Meaning::Topic(Error::TopicAbsent { topic: topic.to_string() }, topic.to_string()),
                None => Meaning::Nothing,
            },
            RDKafkaErrorCode::TopicAuthorizationFailed => match absent_topic(&words) {
                Some(topic) => Meaning::Topic(Error::TopicForbidden { topic: topic.to_string() }, topic.to_string()),
                None => Meaning::Nothing,
            },
            RDKafkaErrorCode::Fatal => Meaning::Failed(Error::ClientFailed { source }),
            _ => {
                warn!(error = %source, "the Kafka client reported an error");
                Meaning::Nothing
            }
        }
    }

    /// Something is wrong: the state to tell, unless it was told.
    pub(crate) fn down(&mut self, error: Error) -> Option<ConnectionState> {
        // Which broker failed last differs from time to time; the same trouble is told once.
        let same = self.down.as_ref().is_some_and(|known| std::mem::discriminant(known) == std::mem::discriminant(&error));
        self.down = Some(error.clone());
        (!same).then_some(ConnectionState::Down(error))
    }

    /// Whether nothing is wrong, as far as we were told.
    pub(crate) fn is_up(&self) -> bool {
        self.down.is_none()
    }

    /// The brokers did something for us.
    pub(crate) fn up(&mut self) -> Option<ConnectionState> {
        self.down.take().map(|_| ConnectionState::Up)
    }

    /// Asks the brokers whether the trouble is over, if there is any and it is time.
    pub(crate) fn probe(&mut self, client: &Client) -> Option<ConnectionState> {
        let down = self.down.as_ref()?;
        if self.asked.is_some_and(|asked| asked.elapsed() < PROBE) {
            return None;
        }
        self.asked = Some(Instant::now());
        let topic = match down {
            Error::TopicAbsent { topic } | Error::TopicForbidden { topic } => topic,
            // Only a rebalance shows that the group may be used again.
            Error::GroupForbidden { .. } => return None,
            _ => &self.topic,
        };
        // A pattern is no topic; any answer will do for it.
        let topic = (!topic.starts_with('^')).then_some(topic.as_str());
        let metadata = client.fetch_metadata(topic, PROBE).ok()?;
        match down {
            Error::TopicAbsent { .. } | Error::TopicForbidden { .. }
                if metadata.topics().iter().any(|t| topic_error(t).is_some()) =>
            {
                None
            }
            _ => self.up(),
        }
    }
}

/// The topic in librdkafka's `Subscribed topic not available: NAME: why`.
fn absent_topic(words: &str) -> Option<&str> {
    let (topic, _) = words.split_once("topic not available: ")?.1.split_once(": ")?;
    Some(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        Connection::new("a:1".to_string(), "g".to_string(), "t".to_string())
    }

    fn report(code: RDKafkaErrorCode, words: &str) -> Report {
        (code, words.to_string())
    }

    #[test]
    fn all_brokers_down_is_told_with_what_the_last_broker_said() {
        let mut connection = connection();
        let words = "a:1/1: Connect to ipv4#a:1 failed: Connection refused (after 0ms in state CONNECT)";
        assert_eq!(connection.interpret(report(RDKafkaErrorCode::BrokerTransportFailure, words)), Meaning::Nothing);
        let meaning = connection.interpret(report(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down"));
        let source = Reason::new("a:1/1: Connect to ipv4#a:1 failed: Connection refused");
        assert_eq!(meaning, Meaning::Down(Error::Unreachable { brokers: "a:1".to_string(), source }));
    }

    #[test]
    fn the_same_trouble_is_told_once_and_its_end_once() {
        let mut connection = connection();
        let down = |words: &str| Error::Unreachable { brokers: "a:1".to_string(), source: Reason::new(words) };
        assert_eq!(connection.up(), None);
        assert_eq!(connection.down(down("x")), Some(ConnectionState::Down(down("x"))));
        assert_eq!(connection.down(down("y")), None);
        let refused = Error::Authentication { brokers: "a:1".to_string(), source: Reason::new("no") };
        assert_eq!(connection.down(refused.clone()), Some(ConnectionState::Down(refused)));
        assert_eq!(connection.up(), Some(ConnectionState::Up));
        assert_eq!(connection.up(), None);
    }

    #[test]
    fn an_absent_topic_is_named() {
        let words = "Subscribed topic not available: orders: Broker: Unknown topic or partition";
        let meaning = connection().interpret(report(RDKafkaErrorCode::UnknownTopicOrPartition, words));
        assert_eq!(meaning, Meaning::Topic(Error::TopicAbsent { topic: "orders".to_string() }, "orders".to_string()));
    }
}
