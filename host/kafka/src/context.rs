//! What librdkafka tells its client: log lines, errors and rebalances.
//!
//! Everything here but log lines arrives on the thread that polls the client, never inside C, because rdkafka reads events. Errors
//! are kept for that thread to act on after its poll; a rebalance is answered before the poll returns.

use std::sync::{Mutex, OnceLock, Weak};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use tracing::{debug, info, warn};

use crate::queue::lock;
use crate::rebalance::Rebalance;

/// An error that concerns the client, not one record: its code and librdkafka's words.
pub(crate) type Report = (RDKafkaErrorCode, String);

/// The context of a group member.
pub(crate) struct Context {
    pub(crate) rebalance: Rebalance,
    /// Set once the client exists. Weak, for the client owns this context.
    pub(crate) client: OnceLock<Weak<BaseConsumer<Context>>>,
    reports: Mutex<Vec<Report>>,
}

impl Context {
    pub(crate) fn new(rebalance: Rebalance) -> Context {
        Context { rebalance, client: OnceLock::new(), reports: Mutex::default() }
    }

    pub(crate) fn take_reports(&self) -> Vec<Report> {
        std::mem::take(&mut *lock(&self.reports))
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, words: &str) {
        lock(&self.reports).push((error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown), words.to_string()));
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Context>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assign = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        match self.client.get().and_then(Weak::upgrade) {
            Some(client) if assign => self.rebalance.assign(&client, list),
            Some(client) => self.rebalance.revoke(&client, list),
            // The client is being dropped without having been stopped: nobody is left to drain.
            None => {
                let answer = if is_cooperative(consumer) { consumer.incremental_unassign(list) } else { consumer.unassign() };
                if let Err(error) = answer {
                    debug!(error = %error, "partitions not given back");
                }
            }
        }
    }
}

/// Whether partitions move one by one in this group.
pub(crate) fn is_cooperative<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> bool {
    matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

/// The context of a client that has only errors to tell: the one that checks.
#[derive(Default)]
pub(crate) struct Observer {
    reports: Mutex<Vec<Report>>,
}

impl Observer {
    pub(crate) fn take_reports(&self) -> Vec<Report> {
        std::mem::take(&mut *lock(&self.reports))
    }
}

impl ClientContext for Observer {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, line: &str) {
        // What a check finds, it reports itself.
        log_line(RDKafkaLogLevel::Debug, facility, line);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, words: &str) {
        lock(&self.reports).push((error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown), words.to_string()));
    }
}

impl ConsumerContext for Observer {}

/// A line of librdkafka's log. Its errors are warnings to us: librdkafka tries again by itself, and what it gives up reaches us as
/// an error with a meaning.
pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        // A property for the other kind of client: the user's properties go to both.
        _ if facility == "CONFWARN" => debug!(target: "librdkafka", facility, "{line}"),
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => warn!(target: "librdkafka", facility, "{line}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => info!(target: "librdkafka", facility, "{line}"),
        RDKafkaLogLevel::Debug => debug!(target: "librdkafka", facility, "{line}"),
    }
}
