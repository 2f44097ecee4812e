//! The embedded broker: librdkafka's mock cluster, listening on loopback for other processes.
//!
//! It speaks the real protocol and needs nothing installed, but it keeps only the newest 5 MB of each partition, as compressed, and drops
//! what is older without a word. Whoever fills it faster than it is read therefore stays a bounded step ahead (`source.rs`). Its port is
//! not ours to choose; `bootstrap_servers` says what it became. Everything it holds is gone with the process.

use rdkafka::ClientConfig;
use rdkafka::bindings as sys;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};

/// One is enough: nothing here is about replicas, and fewer threads are left for what is tested.
const BROKERS: i32 = 1;
/// How long a group's first member waits for others. The mock cluster's own three seconds are a real broker's care for large groups.
const GROUP_DELAY_MS: i32 = 100;

/// A broker that runs until it is dropped.
pub(crate) struct Broker {
    /// The client that the cluster belongs to. It sends nothing.
    client: BaseProducer,
}

impl Broker {
    /// Starts a broker that has `topics`, each with its number of partitions.
    ///
    /// A topic it was not told of is made, with four partitions, when first asked for.
    pub(crate) fn start(topics: &[(String, i32)]) -> Result<Broker, String> {
        let client = ClientConfig::new()
            .set("test.mock.num.brokers", BROKERS.to_string())
            .create()
            .map_err(|error| format!("could not start the embedded broker: {error}"))?;
        let broker = Broker { client };
        // SAFETY: the client is alive, and has a mock cluster because it was configured to; the call sets a number of it.
        unsafe {
            let cluster = sys::rd_kafka_handle_mock_cluster(broker.client.client().native_ptr());
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, GROUP_DELAY_MS);
        }
        for (topic, partitions) in topics {
            broker
                .cluster()
                .create_topic(topic, *partitions, BROKERS)
                .map_err(|error| format!("could not make topic `{topic}` on the embedded broker: {error}"))?;
        }
        Ok(broker)
    }

    /// The address for clients: `127.0.0.1:PORT`.
    pub(crate) fn bootstrap_servers(&self) -> String {
        self.cluster().bootstrap_servers()
    }

    fn cluster(&self) -> MockCluster<'_, DefaultProducerContext> {
        self.client.client().mock_cluster().expect("the client was configured with a mock cluster")
    }
}

/// Reads `NAME:PARTITIONS`, or a name alone for one partition.
pub(crate) fn parse_topic(text: &str) -> Result<(String, i32), String> {
    let (name, partitions) = text.rsplit_once(':').unwrap_or((text, "1"));
    match partitions.parse() {
        Ok(partitions) if partitions > 0 && !name.is_empty() => Ok((name.to_owned(), partitions)),
        _ => Err("expected a topic and its partitions, such as `binance_kline:4`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_a_name_and_partitions() {
        assert_eq!(parse_topic("a:4"), Ok(("a".to_owned(), 4)));
        assert_eq!(parse_topic("a"), Ok(("a".to_owned(), 1)));
        assert!(parse_topic("a:0").is_err() && parse_topic(":1").is_err() && parse_topic("a:b").is_err());
    }
}
