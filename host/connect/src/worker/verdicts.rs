//! Each worker property that Connect and its usual image have, and what it does here.

/// What a worker property does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// As in the original.
    Honoured,
    /// Something like it, said here.
    Mapped(&'static str),
    /// Nothing, and why.
    NotNeeded(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// A key, or with a star at its end all keys that begin so.
    pub key: &'static str,
    pub handling: Handling,
}

/// Every worker property that is known, in no particular order.
pub fn worker_verdicts() -> &'static [Verdict] {
    VERDICTS
}

/// The verdict on `key`; an exact one before that of a prefix.
pub(super) fn verdict(key: &str) -> Option<&'static Verdict> {
    let exact = VERDICTS.iter().find(|verdict| verdict.key == key);
    let begins = |verdict: &&Verdict| verdict.key.strip_suffix('*').is_some_and(|prefix| key.starts_with(prefix));
    exact.or_else(|| VERDICTS.iter().find(begins))
}

const fn honoured(key: &'static str) -> Verdict {
    Verdict { key, handling: Handling::Honoured }
}

const fn mapped(key: &'static str, how: &'static str) -> Verdict {
    Verdict { key, handling: Handling::Mapped(how) }
}

const fn not_needed(key: &'static str, why: &'static str) -> Verdict {
    Verdict { key, handling: Handling::NotNeeded(why) }
}

const ONE_WORKER: &str = "one worker runs all connectors; there is no group of workers to agree with";
const STATE: &str = "connectors are kept in the state folder, not in topics";
const GROUP_OFFSETS: &str = "offsets are the consumer group's, which the brokers keep";
const SINKS: &str = "only sinks run here";
const JVM: &str = "a matter of the Java machine";
const METRICS: &str = "metrics are at /metrics";

const VERDICTS: &[Verdict] = &[
    honoured("bootstrap.servers"),
    mapped("group.id", "shown only; connectors are not shared out among workers"),
    honoured("key.converter"),
    honoured("key.converter.*"),
    honoured("value.converter"),
    honoured("value.converter.*"),
    honoured("header.converter"),
    honoured("header.converter.*"),
    not_needed("internal.key.converter", STATE),
    not_needed("internal.key.converter.*", STATE),
    not_needed("internal.value.converter", STATE),
    not_needed("internal.value.converter.*", STATE),
    not_needed("config.storage.*", STATE),
    not_needed("status.storage.*", STATE),
    not_needed("offset.storage.*", GROUP_OFFSETS),
    not_needed("offset.flush.interval.ms", "the group offset follows what is in Snowflake"),
    not_needed("offset.flush.timeout.ms", "the group offset follows what is in Snowflake"),
    mapped("task.shutdown.graceful.timeout.ms", "stopping drains and commits; its time limit is the gateway's"),
    honoured("listeners"),
    mapped("rest.host.name", "the host of the listener where `listeners` is not set"),
    mapped("rest.port", "the port of the listener where `listeners` is not set; it listens on 127.0.0.1, set `listeners` for more"),
    honoured("rest.advertised.host.name"),
    honoured("rest.advertised.port"),
    honoured("rest.advertised.listener"),
    mapped("admin.listeners", "empty: no /admin; other than `listeners`: no /admin either, for there is no second interface"),
    not_needed("admin.listeners.*", "there is no second interface"),
    mapped("rest.extension.classes", "BasicAuthSecurityRestExtension is built in; no other classes are loaded"),
    mapped("access.control.allow.origin", "also allows these pages to change something; * needs a token or passwords"),
    honoured("access.control.allow.methods"),
    honoured("response.http.headers.config"),
    mapped("listeners.https.*", "a PEM keystore's certificate and key"),
    not_needed("inter.worker.*", ONE_WORKER),
    honoured("topic.tracking.enable"),
    honoured("topic.tracking.allow.reset"),
    mapped("plugin.path", "folders with WASM components in place of jars"),
    not_needed("plugin.discovery", "the built-in classes are known by name"),
    honoured("connector.client.config.override.policy"),
    honoured("connector.client.config.override.allowlist"),
    honoured("config.providers"),
    mapped("config.providers.*", "a provider reads nothing without allowed.paths or allowlist.pattern"),
    honoured("consumer.*"),
    honoured("producer.*"),
    not_needed("admin.*", "what connectors share holds for every client"),
    not_needed("topic.creation.*", SINKS),
    not_needed("exactly.once.source.support", SINKS),
    not_needed("connect.protocol", ONE_WORKER),
    not_needed("session.timeout.ms", ONE_WORKER),
    not_needed("heartbeat.interval.ms", ONE_WORKER),
    not_needed("rebalance.timeout.ms", ONE_WORKER),
    not_needed("scheduled.rebalance.max.delay.ms", ONE_WORKER),
    not_needed("worker.sync.timeout.ms", ONE_WORKER),
    not_needed("worker.unsync.backoff.ms", ONE_WORKER),
    not_needed("metric.*", METRICS),
    not_needed("metrics.*", METRICS),
    not_needed("confluent.*", "settings of additions that are not here"),
    mapped("log4j.root.loglevel", "the level of the log"),
    mapped("log4j.loggers", "the levels of our loggers, by Connect's names for them; others have no like here"),
    not_needed("log4j.*", "levels are set at /admin/loggers"),
    not_needed("jmx.*", METRICS),
    not_needed("kafka.heap.opts", JVM),
    honoured("security.protocol"),
    honoured("sasl.*"),
    honoured("ssl.*"),
    honoured("snowgate.state"),
    honoured("snowgate.snowflake.tls.ca"),
    mapped(
        "snowgate.plugins.watch.ms",
        "how often plugins' files are looked at, from 100 to 3600000; a change is taken up as by SIGHUP",
    ),
    honoured("snowgate.advertise"),
    honoured("snowgate.admin"),
    honoured("snowgate.show.secrets"),
    honoured("snowgate.allowed.hosts"),
    honoured("snowgate.token.file"),
    honoured("snowgate.token.env"),
    honoured("snowgate.basic.file"),
    honoured("snowgate.jaas.file"),
    honoured("snowgate.tls.certificate"),
    honoured("snowgate.tls.key"),
];
