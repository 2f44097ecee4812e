//! Every property of Java's consumer and producer, and what becomes of it.

use super::security::{assignors, buffer_bytes, endpoint_identification, jaas, kilobytes, mechanism, protocol, reset};
use crate::config_def::Kind;
use crate::config_def::Kind::{Boolean, Class, Int, List, Long, Password, String};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    Any,
    Consumer,
    Producer,
}

/// librdkafka's names and values for a value of Java's.
pub(super) type Translation = fn(&str) -> Result<Vec<(&'static str, std::string::String)>, std::string::String>;

#[derive(Debug, Clone, Copy)]
pub(super) enum Handling {
    /// librdkafka has the same name for it.
    Same,
    Renamed(&'static str),
    Translated(Translation),
    /// Part of a key or trust store, which are read together.
    Stores,
    /// Does nothing here, and why.
    NotNeeded(&'static str),
    /// Exactly-once delivery rests on our own value.
    Owned(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) client: Client,
    pub(super) handling: Handling,
    pub(super) at_least: Option<i64>,
    pub(super) one_of: &'static [&'static str],
}

const fn row(client: Client, name: &'static str, kind: Kind, handling: Handling) -> Row {
    Row { name, kind, client, handling, at_least: None, one_of: &[] }
}

const fn any(name: &'static str, kind: Kind, handling: Handling) -> Row {
    row(Client::Any, name, kind, handling)
}

const fn consumer(name: &'static str, kind: Kind, handling: Handling) -> Row {
    row(Client::Consumer, name, kind, handling)
}

const fn producer(name: &'static str, kind: Kind, handling: Handling) -> Row {
    row(Client::Producer, name, kind, handling)
}

impl Row {
    const fn at_least(mut self, least: i64) -> Row {
        self.at_least = Some(least);
        self
    }

    const fn one_of(mut self, values: &'static [&'static str]) -> Row {
        self.one_of = values;
        self
    }
}

use Handling::{NotNeeded, Owned, Renamed, Same, Stores, Translated};

const JVM: Handling = NotNeeded("a matter of the Java machine");
const METRICS: Handling = NotNeeded("metrics are at /metrics");
const CLASSES: Handling = NotNeeded("no Java classes are loaded; bytes are read as they are");
const BATCHES: Handling = NotNeeded("batches are bounded in bytes, not in records");
const CLIENT: Handling = NotNeeded("the client chooses this itself");
const GROUP_OFFSET: Handling = Owned("the group offset follows what is in Snowflake");
const DEAD_LETTERS: Handling = Owned("dead letters are delivered once and in order");
const LOGIN: Handling = NotNeeded("only PLAIN, SCRAM and certificates log in here");

pub(super) const ROWS: &[Row] = &[
    any("bootstrap.servers", List, Same),
    any("client.id", String, Same),
    any("client.dns.lookup", String, Same).one_of(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]),
    any("client.rack", String, Same),
    any("connections.max.idle.ms", Long, Same),
    any("metadata.max.age.ms", Long, Same).at_least(0),
    any("metadata.recovery.strategy", String, Same).one_of(&["none", "rebootstrap"]),
    any("metadata.recovery.rebootstrap.trigger.ms", Long, Same).at_least(0),
    any("reconnect.backoff.ms", Long, Same).at_least(0),
    any("reconnect.backoff.max.ms", Long, Same).at_least(0),
    any("retry.backoff.ms", Long, Same).at_least(0),
    any("retry.backoff.max.ms", Long, Same).at_least(0),
    any("request.timeout.ms", Int, Renamed("socket.timeout.ms")).at_least(0),
    any("send.buffer.bytes", Int, Translated(|text| buffer_bytes("socket.send.buffer.bytes", text))).at_least(-1),
    any("receive.buffer.bytes", Int, Translated(|text| buffer_bytes("socket.receive.buffer.bytes", text))).at_least(-1),
    any("socket.connection.setup.timeout.ms", Long, Same),
    any("socket.connection.setup.timeout.max.ms", Long, CLIENT),
    any("security.protocol", String, Translated(protocol)).one_of(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]),
    any("security.providers", String, JVM),
    any("sasl.mechanism", String, Translated(mechanism)),
    any("sasl.jaas.config", Password, Translated(jaas)),
    any("sasl.kerberos.service.name", String, LOGIN),
    any("sasl.kerberos.kinit.cmd", String, LOGIN),
    any("sasl.kerberos.ticket.renew.jitter", Kind::Double, LOGIN),
    any("sasl.kerberos.ticket.renew.window.factor", Kind::Double, LOGIN),
    any("sasl.kerberos.min.time.before.relogin", Long, LOGIN),
    any("sasl.client.callback.handler.class", Class, CLASSES),
    any("sasl.login.callback.handler.class", Class, CLASSES),
    any("sasl.login.class", Class, CLASSES),
    any("sasl.login.connect.timeout.ms", Int, LOGIN),
    any("sasl.login.read.timeout.ms", Int, LOGIN),
    any("sasl.login.refresh.buffer.seconds", Kind::Short, LOGIN),
    any("sasl.login.refresh.min.period.seconds", Kind::Short, LOGIN),
    any("sasl.login.refresh.window.factor", Kind::Double, LOGIN),
    any("sasl.login.refresh.window.jitter", Kind::Double, LOGIN),
    any("sasl.login.retry.backoff.max.ms", Long, LOGIN),
    any("sasl.login.retry.backoff.ms", Long, LOGIN),
    any("sasl.oauthbearer.token.endpoint.url", String, LOGIN),
    any("sasl.oauthbearer.jwks.endpoint.url", String, LOGIN),
    any("sasl.oauthbearer.scope.claim.name", String, LOGIN),
    any("sasl.oauthbearer.sub.claim.name", String, LOGIN),
    any("ssl.truststore.location", String, Stores),
    any("ssl.truststore.type", String, Stores),
    any("ssl.truststore.password", Password, Stores),
    any("ssl.truststore.certificates", Password, Stores),
    any("ssl.keystore.location", String, Stores),
    any("ssl.keystore.type", String, Stores),
    any("ssl.keystore.password", Password, Stores),
    any("ssl.keystore.key", Password, Stores),
    any("ssl.keystore.certificate.chain", Password, Stores),
    any("ssl.key.password", Password, Stores),
    any("ssl.endpoint.identification.algorithm", String, Translated(endpoint_identification)),
    any("ssl.protocol", String, CLIENT),
    any("ssl.enabled.protocols", List, CLIENT),
    any("ssl.cipher.suites", List, NotNeeded("OpenSSL has other names for ciphers; its own choice holds")),
    any("ssl.provider", String, JVM),
    any("ssl.keymanager.algorithm", String, JVM),
    any("ssl.trustmanager.algorithm", String, JVM),
    any("ssl.secure.random.implementation", String, JVM),
    any("ssl.engine.factory.class", Class, CLASSES),
    any("metric.reporters", List, METRICS),
    any("metrics.num.samples", Int, METRICS).at_least(1),
    any("metrics.recording.level", String, METRICS).one_of(&["INFO", "DEBUG", "TRACE"]),
    any("metrics.sample.window.ms", Long, METRICS).at_least(0),
    any("auto.include.jmx.reporter", Boolean, METRICS),
    any("enable.metrics.push", Boolean, METRICS),
    any("interceptor.classes", List, CLASSES),
    //
    consumer("group.id", String, NotNeeded("names the group, beside these properties")),
    consumer("group.instance.id", String, Same),
    consumer("group.protocol", String, NotNeeded("the group keeps the classic protocol")).one_of(&["CLASSIC", "CONSUMER"]),
    consumer("group.remote.assignor", String, NotNeeded("the group keeps the classic protocol")),
    consumer("auto.offset.reset", String, Translated(reset)),
    consumer("enable.auto.commit", Boolean, GROUP_OFFSET),
    consumer("auto.commit.interval.ms", Int, GROUP_OFFSET).at_least(0),
    consumer("allow.auto.create.topics", Boolean, Same),
    consumer("check.crcs", Boolean, Same),
    consumer("default.api.timeout.ms", Int, CLIENT).at_least(0),
    consumer("exclude.internal.topics", Boolean, NotNeeded("internal topics are never read")),
    consumer("fetch.max.bytes", Int, Same).at_least(0),
    consumer("fetch.max.wait.ms", Int, Renamed("fetch.wait.max.ms")).at_least(0),
    consumer(
        "fetch.min.bytes",
        Int,
        Translated(|text| Ok(vec![("fetch.min.bytes", if text == "0" { "1" } else { text }.to_owned())])),
    )
    .at_least(0),
    consumer("max.partition.fetch.bytes", Int, Same).at_least(0),
    consumer("max.poll.interval.ms", Int, Same).at_least(1),
    consumer("max.poll.records", Int, BATCHES).at_least(1),
    consumer("heartbeat.interval.ms", Int, Same),
    consumer("session.timeout.ms", Int, Same),
    consumer("isolation.level", String, Same).one_of(&["read_committed", "read_uncommitted"]),
    consumer("partition.assignment.strategy", List, Translated(assignors)),
    consumer("key.deserializer", Class, CLASSES),
    consumer("value.deserializer", Class, CLASSES),
    //
    producer("acks", String, Owned("a dead letter counts when every in-sync replica holds it")).one_of(&["all", "-1", "0", "1"]),
    producer("enable.idempotence", Boolean, DEAD_LETTERS),
    producer("transactional.id", String, DEAD_LETTERS),
    producer("transaction.timeout.ms", Int, DEAD_LETTERS),
    producer("transaction.two.phase.commit.enable", Boolean, DEAD_LETTERS),
    producer("max.in.flight.requests.per.connection", Int, DEAD_LETTERS).at_least(1),
    producer("retries", Int, DEAD_LETTERS).at_least(0),
    producer("batch.size", Int, Translated(|text| Ok(vec![("batch.size", if text == "0" { "1" } else { text }.to_owned())])))
        .at_least(0),
    producer("buffer.memory", Long, Translated(kilobytes)).at_least(0),
    producer("compression.type", String, Same).one_of(&["none", "gzip", "snappy", "lz4", "zstd"]),
    producer("compression.gzip.level", Int, CLIENT),
    producer("compression.lz4.level", Int, CLIENT),
    producer("compression.zstd.level", Int, CLIENT),
    producer("delivery.timeout.ms", Int, Same).at_least(0),
    producer("linger.ms", Long, Same).at_least(0),
    producer("max.block.ms", Long, NotNeeded("a full queue slows the partition")).at_least(0),
    producer("max.request.size", Int, Renamed("message.max.bytes")).at_least(0),
    producer("metadata.max.idle.ms", Long, CLIENT),
    producer("partitioner.class", Class, CLASSES),
    producer("partitioner.adaptive.partitioning.enable", Boolean, CLIENT),
    producer("partitioner.availability.timeout.ms", Long, CLIENT).at_least(0),
    producer("partitioner.ignore.keys", Boolean, CLIENT),
    producer("key.serializer", Class, CLASSES),
    producer("value.serializer", Class, CLASSES),
];
