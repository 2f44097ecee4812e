//! What becomes of each key that Kafka Connect and the Snowflake connector have.
//!
//! `snowgate import` and the documentation say it to whoever moves a connector here; nothing else reads it. Where a key means
//! something in one line only, the verdict is about that line; a key that a connector does not know is ignored, as in the original.

/// What becomes of a key. The text is one line: why, or to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Does what it did.
    Honoured(&'static str),
    /// Does what it was for, by other means.
    Mapped(&'static str),
    /// Checked, and then without effect, for what it tuned is not there.
    NotNeeded(&'static str),
    /// Refused when the connector is validated, unless it has its default.
    Refused(&'static str),
}

use Verdict::{Honoured, Mapped, NotNeeded, Refused};

impl Verdict {
    pub const fn word(self) -> &'static str {
        match self {
            Honoured(_) => "honoured",
            Mapped(_) => "mapped",
            NotNeeded(_) => "not needed",
            Refused(_) => "refused",
        }
    }

    pub const fn reason(self) -> &'static str {
        match self {
            Honoured(reason) | Mapped(reason) | NotNeeded(reason) | Refused(reason) => reason,
        }
    }
}

/// The verdict on `key`; `None` for a key that neither Connect nor the Snowflake connector has.
pub fn verdict(key: &str) -> Option<Verdict> {
    let exact = VERDICTS.iter().find(|(name, _)| *name == key);
    let by_prefix = || PREFIXES.iter().find(|(prefix, _)| key.starts_with(prefix));
    exact.or_else(by_prefix).map(|(_, verdict)| *verdict)
}

/// Every key with its verdict, in the order of the documentation.
pub fn all() -> impl Iterator<Item = (&'static str, Verdict)> {
    VERDICTS.iter().chain(PREFIXES).copied()
}

/// Keys that a configuration makes itself.
const PREFIXES: &[(&str, Verdict)] = &[
    ("key.converter.", Honoured("settings of the key's converter")),
    ("value.converter.", Honoured("settings of the value's converter")),
    ("header.converter.", Honoured("settings of the headers' converter")),
    ("transforms.", Honoured("a transform's class and settings; a class that is not here is refused with what to use instead")),
    ("predicates.", Honoured("a predicate's class and settings")),
    ("snowgate.", Honoured("Snowgate's own, `snowgate.on.routing.change`: `block`, or `accept` for one start")),
    ("consumer.override.", Mapped("the consumer's settings, in librdkafka's words where those differ")),
    ("producer.override.", Mapped("settings of the producer of dead letters, in librdkafka's words where those differ")),
    ("admin.override.", NotNeeded("topics for dead letters are made with the producer's settings")),
];

const VERDICTS: &[(&str, Verdict)] = &[
    // Kafka Connect
    ("name", Honoured("the connector's name; its consumer group stays `connect-<name>`")),
    ("connector.class", Honoured("either line of the Snowflake sink, by its full or its short name")),
    ("connector.plugin.version", NotNeeded("there is one version of each connector")),
    ("tasks.max", Mapped("the number of worker threads; partitions are spread over them")),
    ("tasks.max.enforce", NotNeeded("there are never more workers than `tasks.max`")),
    ("key.converter", Honoured("Kafka's converters; those for schema registries are refused")),
    ("key.converter.plugin.version", NotNeeded("there is one version of each converter")),
    ("value.converter", Honoured("Kafka's converters and SnowflakeJsonConverter; those for schema registries are refused")),
    ("value.converter.plugin.version", NotNeeded("there is one version of each converter")),
    ("header.converter", Honoured("Kafka's converters")),
    ("header.converter.plugin.version", NotNeeded("there is one version of each converter")),
    ("transforms", Honoured("all of Kafka's transforms, and WASM plugins as `snowgate.plugin` before or after them")),
    ("predicates", Honoured("all of Kafka's predicates")),
    ("config.action.reload", NotNeeded("values from config providers are read when the connector starts")),
    (
        "errors.retry.timeout",
        NotNeeded(
            "converters and transforms do nothing that could succeed at a second try; Snowflake and Kafka are tried again for ever",
        ),
    ),
    ("errors.retry.delay.max.ms", NotNeeded("see `errors.retry.timeout`")),
    ("errors.tolerance", Honoured("`none` stops the partition at a record that fails, `all` sets it aside")),
    ("errors.log.enable", Honoured("failed records are logged")),
    ("errors.log.include.messages", Honoured("the log says what the error says, too, which may quote the record")),
    ("topics", Honoured("the topics to read")),
    ("topics.regex", Honoured("a pattern for whole topic names, in Java's syntax")),
    (
        "errors.deadletterqueue.topic.name",
        Honoured("where failed records go, in file mode too, where the original has only the table stage"),
    ),
    ("errors.deadletterqueue.topic.replication.factor", Honoured("copies of the dead letter topic where it is made")),
    ("errors.deadletterqueue.context.headers.enable", Honoured("the headers `__connect.errors.*` on dead letters")),
    // Login
    ("snowflake.url.name", Honoured("the account's address")),
    ("snowflake.user.name", Honoured("the user who loads")),
    ("snowflake.private.key", Honoured("PKCS#8 or PKCS#1, PEM or base64, encrypted with AES or not")),
    ("snowflake.private.key.passphrase", Honoured("opens the private key")),
    ("snowflake.database.name", Honoured("the database of all tables")),
    ("snowflake.schema.name", Honoured("the schema of all tables")),
    ("snowflake.role.name", Honoured("the role to work in; in file mode the user's own role will do")),
    ("snowflake.authenticator", Refused("only `snowflake_jwt` is known, login by key pair; `oauth` is not there yet")),
    ("snowflake.oauth.client.id", NotNeeded("only of use with `snowflake.authenticator=oauth`, which is refused")),
    ("snowflake.oauth.client.secret", NotNeeded("only of use with `snowflake.authenticator=oauth`, which is refused")),
    ("snowflake.oauth.refresh.token", NotNeeded("only of use with `snowflake.authenticator=oauth`, which is refused")),
    ("snowflake.oauth.token.endpoint", NotNeeded("only of use with `snowflake.authenticator=oauth`, which is refused")),
    ("snowflake.oauth.include.scope", NotNeeded("only of use with `snowflake.authenticator=oauth`, which is refused")),
    ("snowflake.oauth.scope", NotNeeded("only of use with `snowflake.authenticator=oauth`, which is refused")),
    ("jvm.proxy.host", Mapped("the proxy of this connector alone; others keep theirs")),
    ("jvm.proxy.port", Mapped("the proxy's port")),
    ("jvm.nonProxy.hosts", Honoured("where the account is among them there is no proxy")),
    ("jvm.proxy.username", Honoured("who the proxy is told to work for")),
    ("jvm.proxy.password", Honoured("the password for the proxy")),
    // Rows and tables
    (
        "snowflake.topic2table.map",
        Honoured("names and patterns, in the grammar of either line; a table that names its own database is refused"),
    ),
    ("snowflake.topic2table.map.regex.replacement", Honoured("`$1` and `${name}` in tables of the map")),
    ("snowflake.metadata.all", Honoured("whether a row has RECORD_METADATA")),
    ("snowflake.metadata.createtime", Honoured("`CreateTime` or `LogAppendTime`")),
    ("snowflake.metadata.topic", Honoured("`topic`")),
    ("snowflake.metadata.offset.and.partition", Honoured("`offset` and `partition`")),
    ("snowflake.streaming.metadata.connectorPushTime", Honoured("`SnowflakeConnectorPushTime`; file mode never has it")),
    ("snowflake.feature.structured.headers", Honoured("headers keep their type, which version 4 otherwise writes as text")),
    ("snowflake.feature.structured.record.metadata.enabled", NotNeeded("it is for Iceberg tables")),
    ("behavior.on.null.values", Honoured("a tombstone makes a row, or is passed over")),
    ("snowflake.enable.schematization", Honoured("a column for each field, with the default of the line")),
    (
        "snowflake.compatibility.enable.autogenerated.table.name.sanitization",
        Honoured("tables named after topics as version 3 names them"),
    ),
    (
        "snowflake.compatibility.enable.column.identifier.normalization",
        NotNeeded("Snowflake matches fields to columns without regard to case"),
    ),
    (
        "snowflake.autocreate.table.type",
        Honoured("`snowflake` or `none`; `iceberg` is refused, for Iceberg tables are not loaded yet"),
    ),
    (
        "snowflake.iceberg.create.table.options",
        NotNeeded("only of use with `snowflake.autocreate.table.type=iceberg`, which is refused"),
    ),
    ("snowflake.streaming.iceberg.enabled", Refused("Iceberg tables are not loaded yet")),
    (
        "snowflake.validation",
        NotNeeded("a value is checked to be JSON before it is sent, its columns by Snowflake; a refused row is found either way"),
    ),
    ("snowflake.feature.validation.error.table.name", NotNeeded("rows that Snowflake refuses are in the table's own error table")),
    ("snowflake.feature.normalize.time", NotNeeded("times are written as text that Snowflake reads alone")),
    // How rows travel
    (
        "snowflake.ingestion.method",
        Mapped("both methods load by streaming, with the rows that each would make; no stage, no pipe, no files"),
    ),
    ("buffer.count.records", NotNeeded("a body is full by its bytes")),
    ("buffer.size.bytes", Mapped("an upper bound for a body, whose own is 3.9 MB")),
    ("buffer.flush.time", NotNeeded("rows are sent within half a second; waiting longer would only make them late")),
    ("snowflake.streaming.max.client.lag", Honoured("an upper bound for how long rows wait, which is half a second at most")),
    ("snowflake.streaming.max.memory.limit.bytes", NotNeeded("`memory.max` bounds the whole gateway")),
    ("snowflake.streaming.enable.single.buffer", NotNeeded("rows are buffered once")),
    ("snowflake.streaming.client.provider.override.map", NotNeeded("Snowflake's own client is not used")),
    ("enable.streaming.client.optimization", NotNeeded("all tasks share one client")),
    ("snowflake.streaming.closeChannelsInParallel.enabled", NotNeeded("partitions are independent of each other")),
    ("snowflake.open.channel.io.threads", NotNeeded("channels are opened side by side without threads of their own")),
    ("snowflake.cache.table.exists", NotNeeded("a table is looked for when a channel opens")),
    ("snowflake.cache.table.exists.expire.ms", NotNeeded("a table is looked for when a channel opens")),
    ("snowflake.cache.pipe.exists", NotNeeded("pipes are Snowflake's default ones")),
    ("snowflake.cache.pipe.exists.expire.ms", NotNeeded("pipes are Snowflake's default ones")),
    // Offsets and channels
    ("snowflake.streaming.channel.name.include.connector.name", Honoured("channels are called `<connector>_<topic>_<partition>`")),
    ("enable.streaming.channel.offset.migration", NotNeeded("channels keep their names, and the group offset carries over")),
    (
        "enable.streaming.channel.offset.verification",
        NotNeeded("gaps of compacted topics are expected; order is kept by the partition's one owner"),
    ),
    (
        "snowflake.streaming.validate.compatibility.with.classic",
        Mapped(
            "a configuration of version 3 under this class is refused only where its rows would land elsewhere or in another shape",
        ),
    ),
    (
        "snowflake.streaming.classic.offset.migration",
        Mapped(
            "offsets go on from the consumer group, which the connector of version 3 kept too; `strict` is refused, for nothing proves it",
        ),
    ),
    ("snowflake.streaming.classic.offset.migration.include.connector.name", NotNeeded("offsets go on from the consumer group")),
    ("snowflake.feature.assert.partition.assignment", NotNeeded("a partition has one owner, always")),
    ("snowflake.feature.precommit.client.recovery", NotNeeded("a channel that fails is opened again without a restart")),
    // Files
    ("snowflake.snowpipe.v2CleanerEnabled", NotNeeded("there are no files to clean up")),
    ("snowflake.snowpipe.v2CleanerThreads", NotNeeded("there are no files to clean up")),
    ("snowflake.snowpipe.v2CleanerIntervalSeconds", NotNeeded("there are no files to clean up")),
    ("snowflake.snowpipe.v1Cleaner.enable.reprocessFiles.cleanup", NotNeeded("there are no files to clean up")),
    ("snowflake.snowpipe.stageFileNameExtensionEnabled", NotNeeded("there are no files to name")),
    // The rest
    (
        "enable.task.fail.on.authorization.errors",
        NotNeeded("lost privileges always show as a stalled task that says why, and end by themselves once given back"),
    ),
    ("enable.mdc.logging", NotNeeded("every log line names its connector and partition")),
    ("jmx", Mapped("the same figures are at `/metrics`, for Prometheus")),
    ("snowflake.streaming.metrics.prometheus.enable", Mapped("figures are always at `/metrics`")),
    ("snowflake.streaming.metrics.prometheus.port", Mapped("figures are at `/metrics` of the REST port")),
    ("snowflake.streaming.metrics.prometheus.host", Mapped("figures are at `/metrics` of the REST port")),
    ("provider", NotNeeded("it told Snowflake who runs Kafka")),
    ("snowflake.jdbc.map", NotNeeded("there is no JDBC")),
    ("snowflake.test.rebalancing", NotNeeded("it was for the original's own tests")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{VERDICTS, verdict};
    use crate::config_def::{framework, snowflake_v3, snowflake_v4};

    #[test]
    fn every_key_has_one_verdict_and_every_verdict_a_key() {
        let declared = framework::keys("1").into_iter().chain(snowflake_v3::keys()).chain(snowflake_v4::keys());
        let mut keys: BTreeSet<String> = declared.map(|key| key.name.into_owned()).collect();
        keys.extend(snowflake_v3::UNDECLARED.iter().chain(&snowflake_v4::UNDECLARED).map(|key| (*key).to_owned()));
        let judged: BTreeSet<String> = VERDICTS.iter().map(|(key, _)| (*key).to_owned()).collect();
        assert_eq!(judged, keys);
        assert_eq!(judged.len(), VERDICTS.len());
    }

    #[test]
    fn keys_that_a_configuration_makes_are_judged_by_how_they_begin() {
        assert_eq!(verdict("consumer.override.max.poll.records").unwrap().word(), "mapped");
        assert_eq!(verdict("value.converter.plugin.version").unwrap().word(), "not needed");
        assert_eq!(verdict("value.converter.schemas.enable").unwrap().word(), "honoured");
        assert_eq!(verdict("some.other.key"), None);
    }

    #[test]
    fn a_reason_is_one_line() {
        for (key, verdict) in super::all() {
            let reason = verdict.reason();
            assert!(!reason.is_empty() && !reason.contains('\n') && !reason.ends_with('.'), "{key}");
        }
    }
}
