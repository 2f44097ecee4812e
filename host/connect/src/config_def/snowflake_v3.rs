//! The keys of `com.snowflake.kafka.connector.SnowflakeSinkConnector`, version 3.

use super::Kind::{Boolean, Int, Long, String};
use super::snowflake::{
    CONNECTOR, errors, in_order, key, known_ingestion_method, known_provider, login, metadata, null_values, provider_overrides,
    proxy,
};
use super::{Importance, Key, Width, at_least};
use crate::topic_map;

pub fn keys() -> Vec<Key> {
    use Importance::{High, Low, Medium};
    let mut keys = login(Low);
    keys.extend(proxy());
    keys.extend(in_order(
        vec![
            key(
                "snowflake.topic2table.map",
                String,
                Some(""),
                Low,
                "Tables of topics that are not named after them: `topic:table`, with commas between.",
            )
            .validated(topic_map::well_formed_v3),
            key("buffer.count.records", Long, Some("10000"), Low, "Records of a partition that make a file full.")
                .validated(at_least::<1>),
            key("buffer.size.bytes", Long, Some("5000000"), Low, "Bytes of a partition that make a file full.")
                .validated(at_least::<1>),
            key("buffer.flush.time", Long, Some("120"), Low, "Seconds after which a file that is not full is sent.")
                .validated(at_least::<1>),
        ],
        CONNECTOR,
        0,
    ));
    keys.extend(metadata());
    keys.extend([
        key("provider", String, Some("UNKNOWN"), Low, "Who runs Kafka.").validated(known_provider),
        null_values().in_group(CONNECTOR, 4),
        key("jmx", Boolean, Some("true"), High, "Whether there are JMX metrics."),
        key("snowflake.test.rebalancing", Boolean, Some("false"), Low, "For the original's own tests."),
        key("snowflake.ingestion.method", String, Some("snowpipe"), Low, "`snowpipe`: files; `snowpipe_streaming`: rows.")
            .validated(known_ingestion_method)
            .in_group(CONNECTOR, 5),
        key("snowflake.snowpipe.v2CleanerEnabled", Boolean, Some("true"), Low, "Which cleaner of staged files runs."),
        key("snowflake.snowpipe.v2CleanerThreads", Int, Some("1"), Low, "Threads of the cleaner.").validated(at_least::<1>),
        key(
            "snowflake.snowpipe.stageFileNameExtensionEnabled",
            Boolean,
            Some("true"),
            Low,
            "Whether the name of a staged file tells the topic.",
        ),
        key(
            "snowflake.streaming.closeChannelsInParallel.enabled",
            Boolean,
            Some("true"),
            Medium,
            "Whether channels are closed side by side.",
        ),
        key("snowflake.streaming.max.client.lag", Long, Some("1"), Low, "Seconds that rows may wait before they are sent.")
            .validated(at_least::<1>)
            .in_group(CONNECTOR, 6),
        key("snowflake.streaming.max.memory.limit.bytes", Long, Some("-1"), Low, "Memory of Snowflake's own client."),
        key("snowflake.streaming.enable.single.buffer", Boolean, Some("true"), Low, "Whether rows are buffered once or twice."),
        provider_overrides().in_group(CONNECTOR, 0),
    ]);
    keys.extend(errors());
    keys.extend([
        key("enable.streaming.client.optimization", Boolean, Some("true"), Low, "Whether tasks share one client.").grouped(
            CONNECTOR,
            7,
            Width::None,
            "Enable streaming client optimization",
        ),
        key("enable.mdc.logging", Boolean, Some("false"), Low, "Whether log lines name connector and task.").grouped(
            CONNECTOR,
            8,
            Width::None,
            "Enable MDC logging",
        ),
        key(
            "enable.streaming.channel.offset.migration",
            Boolean,
            Some("false"),
            Low,
            "Carries offsets over from channels as version 2.1.0 named them.",
        )
        .grouped(CONNECTOR, 9, Width::None, "Enable Streaming Channel Offset Migration"),
        key("enable.task.fail.on.authorization.errors", Boolean, Some("false"), Low, "Whether lost privileges stop a task."),
        key("snowflake.streaming.iceberg.enabled", Boolean, Some("false"), High, "Whether the tables are Iceberg tables."),
        key(
            "enable.streaming.channel.offset.verification",
            Boolean,
            Some("true"),
            Low,
            "Whether offsets are checked for gaps before rows are sent.",
        )
        .grouped(CONNECTOR, 11, Width::None, "Enable streaming channel offset verification function"),
        key(
            "snowflake.streaming.channel.name.include.connector.name",
            Boolean,
            Some("false"),
            Low,
            "Whether a channel's name begins with the connector's.",
        )
        .grouped(CONNECTOR, 12, Width::None, "Include the Connector Name in streaming channel name"),
    ]);
    keys
}

/// Keys that version 3 reads although it does not declare them.
pub const UNDECLARED: [&str; 4] = [
    "snowflake.enable.schematization",
    "snowflake.snowpipe.v2CleanerIntervalSeconds",
    "snowflake.snowpipe.v1Cleaner.enable.reprocessFiles.cleanup",
    "snowflake.jdbc.map",
];
