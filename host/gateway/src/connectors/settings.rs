//! From a connector's settings to those of a pipeline.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use snowgate_connect::engine::Failure;
use snowgate_connect::settings::{
    ChannelNames, ConnectorSettings, PluginStep, Rows, SnowflakeLogin, Start, Tolerance, Tombstones, Topics as ConnectorTopics,
};
use snowgate_kafka::{KafkaConfig, KafkaSettings};
use snowgate_snowflake::config::{Login, Proxy, SnowflakeSettings};
use snowgate_snowflake::row::{MetadataSettings, RowMode, RowSettings};
use snowgate_transform::{Capability, Limits, PluginSettings};

use super::Worker;
use crate::settings::{
    Letters, OnError, OnRegression, OnRoutingChange, OnTombstone, PipelineKind, PipelineSettings, Tables, Topics, TransformSettings,
};
use crate::units::ByteSize;

/// More threads than this help no connector.
const MAX_WORKERS: u32 = 256;
const DEFAULT_BODY: ByteSize = ByteSize::mib(4);
const LEAST_BODY: ByteSize = ByteSize::kib(1);

/// The pipeline of a connector.
pub(super) fn pipeline(connector: &ConnectorSettings, worker: &Worker) -> Result<PipelineSettings, Failure> {
    let group = connector.group.clone();
    let consumer = kafka(&worker.brokers, &connector.consumer, Some(group.clone()), connector.start)?;
    let producer = kafka(&worker.brokers, &connector.producer, Some(group), connector.start)?;
    let topics = match &connector.topics {
        ConnectorTopics::List(topics) => Topics::Named(topics.clone()),
        ConnectorTopics::Regex(pattern) => {
            let whole = fancy_regex::Regex::new(&format!("^(?:{pattern})$"));
            Topics::Matching(Arc::new(whole.map_err(|error| Failure(format!("`topics.regex` cannot be used: {error}")))?))
        }
    };
    let on_error = match (connector.errors.tolerance, &connector.errors.dead_letter_topic) {
        (Tolerance::None, _) => OnError::Block,
        (Tolerance::All, Some(_)) => OnError::DeadLetter,
        (Tolerance::All, None) => OnError::Drop,
    };
    let body = connector.body_bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(DEFAULT_BODY.bytes());
    Ok(PipelineSettings {
        name: connector.name.clone(),
        kind: PipelineKind::Connector,
        kafka: consumer,
        producer,
        snowflake: Arc::new(snowflake(&connector.snowflake, worker)?),
        topics,
        tables: Tables::Connector { map: connector.topic_map.clone(), names: connector.table_names },
        more_tables: Vec::new(),
        create_tables: connector.create_tables,
        channel_prefix: match connector.channel_names {
            ChannelNames::Topic => String::new(),
            ChannelNames::ConnectorAndTopic => format!("{}_", connector.name),
        },
        rows: rows(connector.rows),
        linger: Duration::from_millis(connector.linger_ms.max(1)),
        body_bytes: body.clamp(LEAST_BODY.bytes(), DEFAULT_BODY.bytes()),
        dead_letter_topic: connector.errors.dead_letter_topic.clone().filter(|_| on_error == OnError::DeadLetter),
        letters: Letters::Connect { connector: connector.name.clone(), context_headers: connector.errors.context_headers },
        on_error,
        log_errors: connector.errors.log,
        log_messages: connector.errors.log_messages,
        on_tombstone: match connector.tombstones {
            Tombstones::Row => OnTombstone::Row,
            Tombstones::Ignore => OnTombstone::Drop,
        },
        on_regression: OnRegression::Block,
        on_routing_change: match connector.accept_routing_change {
            true => OnRoutingChange::Accept,
            false => OnRoutingChange::Block,
        },
        workers: connector.tasks_max.clamp(1, MAX_WORKERS),
        plugins: connector.plugins_before.iter().map(plugin).collect(),
        road: Some(Arc::new(connector.road.clone())),
        plugins_after: connector.plugins_after.iter().map(plugin).collect(),
    })
}

/// The cluster alone, for questions about it.
pub(super) fn cluster(worker: &Worker) -> Result<KafkaSettings, Failure> {
    kafka(&worker.brokers, &worker.client, None, Start::Earliest)
}

fn kafka(
    brokers: &[String],
    properties: &[(String, SecretString)],
    group: Option<String>,
    start: Start,
) -> Result<KafkaSettings, Failure> {
    let mut properties: BTreeMap<_, _> =
        properties.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect();
    // A connector may read another cluster than its worker.
    let brokers = match properties.remove("bootstrap.servers") {
        Some(text) => text.split(',').map(|broker| broker.trim().to_owned()).collect(),
        None => brokers.to_vec(),
    };
    let start = match start {
        Start::Earliest => snowgate_kafka::Start::Earliest,
        Start::Latest => snowgate_kafka::Start::Latest,
    };
    KafkaConfig { brokers, group, start, properties }.resolve("connect").map_err(|problems| {
        let lines: Vec<_> = problems.into_iter().map(|problem| join(problem.message, problem.hint)).collect();
        Failure(format!("Kafka cannot be used\n  because: {}", lines.join("\n  because: ")))
    })
}

fn snowflake(login: &SnowflakeLogin, worker: &Worker) -> Result<SnowflakeSettings, Failure> {
    let proxy = login
        .proxy
        .as_ref()
        .map(|proxy| Proxy { address: proxy.address.clone(), login: proxy.user.clone().zip(proxy.password.clone()) });
    let login = Login {
        url: &login.url,
        user: &login.user,
        private_key: &login.private_key,
        passphrase: login.passphrase.as_ref(),
        role: login.role.as_deref(),
        database: &login.database,
        schema: &login.schema,
        tls_ca: worker.tls_ca.as_deref(),
        proxy,
    };
    SnowflakeSettings::of_login(&login).map_err(|problems| {
        let lines: Vec<_> =
            problems.into_iter().map(|problem| format!("{}: {}", problem.field, join(problem.message, problem.hint))).collect();
        Failure(format!("Snowflake cannot be used\n  because: {}", lines.join("\n  because: ")))
    })
}

fn rows(rows: Rows) -> RowSettings {
    let metadata = MetadataSettings {
        enabled: rows.metadata,
        topic: rows.topic,
        offset_and_partition: rows.offset_and_partition,
        create_time: rows.create_time,
        push_time: rows.push_time,
        ..MetadataSettings::default()
    };
    let mode = if rows.columns { RowMode::Columns } else { RowMode::Content };
    RowSettings { metadata, ..RowSettings::new(mode) }
}

fn plugin(step: &PluginStep) -> TransformSettings {
    let plugin = PluginSettings {
        name: step.name.clone(),
        path: step.path.clone(),
        sha256: step.sha256.clone(),
        allow: Capability::ALL.into_iter().filter(|capability| step.allow.contains(&capability.as_str())).collect(),
        config_json: step.config_json.clone(),
        limits: Limits::default(),
        tables: Arc::default(),
    };
    // A connector's `errors.tolerance` speaks for all of its steps.
    TransformSettings { plugin, version: None, on_reject: None, on_trap: None }
}

fn join(message: String, hint: Option<String>) -> String {
    hint.map_or(message.clone(), |hint| format!("{message}; {hint}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use snowgate_connect::config_def::ConfigMap;
    use snowgate_connect::worker::from_properties;
    use snowgate_record::TopicPartition;

    use super::*;
    use crate::group::Route;

    const V3: &str = "com.snowflake.kafka.connector.SnowflakeSinkConnector";
    const V4: &str = "com.snowflake.kafka.connector.SnowflakeStreamingSinkConnector";

    fn key() -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snowflake/tests/fixtures/key_pkcs8.pem");
        let pem = std::fs::read_to_string(path).unwrap();
        pem.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    /// The pipeline of a connector with these keys besides those that it cannot do without.
    fn of(class: &str, more: &[(&str, &str)]) -> PipelineSettings {
        let key = key();
        let needed = [
            ("connector.class", class),
            ("topics", "binance_kline,other-topic"),
            ("snowflake.url.name", "myorg-myacct.snowflakecomputing.com:443"),
            ("snowflake.user.name", "streamer"),
            ("snowflake.private.key", &key),
            ("snowflake.database.name", "crypto_db"),
            ("snowflake.schema.name", "public"),
            ("snowflake.role.name", "loader"),
            ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("value.converter.schemas.enable", "false"),
        ];
        let config: ConfigMap =
            needed.iter().chain(more).map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect();
        let settings = from_properties(ConfigMap::new()).unwrap();
        let connector = snowgate_connect::connector::connector("snowflake-sink", &config, &settings).unwrap();
        let worker =
            Worker { brokers: vec!["localhost:9092".to_owned()], client: Vec::new(), tls_ca: None, grace: Duration::from_secs(1) };
        pipeline(&connector, &worker).unwrap()
    }

    #[test]
    fn a_file_mode_connector_loads_into_the_tables_and_from_the_group_that_it_had() {
        let pipeline = of(V3, &[("tasks.max", "3"), ("snowflake.topic2table.map", "binance_kline:klines")]);
        assert_eq!((pipeline.kafka.group.as_str(), pipeline.workers), ("connect-snowflake-sink", 3));
        assert_eq!(pipeline.table("binance_kline").to_string(), "`CRYPTO_DB.PUBLIC.KLINES`");
        // Java's hash of the topic, as the connector appends it.
        assert_eq!(pipeline.table("other-topic").table, "OTHER_TOPIC_1509676082");
        assert_eq!((pipeline.rows.mode, pipeline.rows.metadata.push_time), (RowMode::Content, false));
        let channel = Route::new(&pipeline, "binance_kline").table().channel(&TopicPartition::new("binance_kline", 2));
        assert_eq!(channel.channel, "binance_kline_2");
        assert_eq!(pipeline.on_error, OnError::Block);
    }

    #[test]
    fn version_4_keeps_a_topics_letters_and_names_its_channels_after_the_connector() {
        let more = [
            ("snowflake.validation", "server_side"),
            ("snowflake.enable.schematization", "true"),
            ("snowflake.streaming.validate.compatibility.with.classic", "false"),
        ];
        let pipeline = of(V4, &more);
        assert_eq!(pipeline.table("binance_kline").table, "binance_kline");
        assert_eq!((pipeline.rows.mode, pipeline.rows.metadata.push_time), (RowMode::Columns, true));
        let channel = Route::new(&pipeline, "binance_kline").table().channel(&TopicPartition::new("binance_kline", 2));
        assert_eq!(channel.channel, "snowflake-sink_binance_kline_2");
    }

    #[test]
    fn a_record_that_cannot_be_loaded_stops_is_set_aside_or_is_dropped_as_the_error_keys_say() {
        assert_eq!(of(V3, &[("errors.tolerance", "all")]).on_error, OnError::Drop);
        let queue = [("errors.deadletterqueue.topic.name", "dead"), ("errors.deadletterqueue.context.headers.enable", "true")];
        let all = of(V3, &[("errors.tolerance", "all"), queue[0], queue[1]]);
        assert_eq!((all.on_error, all.dead_letter_topic.as_deref()), (OnError::DeadLetter, Some("dead")));
        assert_eq!(all.letters, Letters::Connect { connector: "snowflake-sink".into(), context_headers: true });
        let none = of(V3, &queue);
        assert_eq!((none.on_error, none.dead_letter_topic), (OnError::Block, None));
    }

    #[test]
    fn a_router_changes_the_table_and_the_topic_in_the_metadata() {
        let pipeline = of(
            V3,
            &[
                ("transforms", "route"),
                ("transforms.route.type", "org.apache.kafka.connect.transforms.RegexRouter"),
                ("transforms.route.regex", "binance_(.*)"),
                ("transforms.route.replacement", "raw_$1"),
            ],
        );
        assert_eq!(pipeline.table("binance_kline").table, "RAW_KLINE");
        assert_eq!(pipeline.named_topic("binance_kline").as_deref(), Some("raw_kline"));
        assert_eq!(pipeline.named_topic("other-topic"), None);
    }

    #[test]
    fn a_plugin_in_a_jars_place_is_pinned_and_allowed_what_the_connector_says() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let digest = "5f1c".repeat(16);
        let path = file.path().to_str().unwrap();
        let step = [("transforms", "w"), ("transforms.w.type", "snowgate.plugin"), ("transforms.w.path", path)];
        let plugin = |more: &[(&str, &str)]| of(V3, &[&step[..], more].concat()).plugins[0].plugin.clone();
        let unsaid = plugin(&[]);
        assert_eq!((unsaid.sha256, unsaid.allow), (None, Capability::ALL.to_vec()));
        assert_eq!(Capability::ALL.map(Capability::as_str), snowgate_connect::plugins::CAPABILITIES);
        let said = plugin(&[("transforms.w.sha256", &digest), ("transforms.w.allow", "metrics")]);
        assert_eq!((said.sha256, said.allow), (Some(digest.clone()), vec![Capability::Metrics]));
        assert!(plugin(&[("transforms.w.allow", "")]).allow.is_empty());
    }

    #[test]
    fn what_is_shown_of_a_pipeline_holds_no_secret() {
        let pipeline = of(
            V3,
            &[(
                "consumer.override.sasl.jaas.config",
                r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="CANARY-1";"#,
            )],
        );
        let shown = format!("{pipeline:?} {}", pipeline.shown(std::iter::empty()));
        assert!(shown.contains("streamer") || shown.contains("STREAMER"));
        assert!(!shown.contains("CANARY") && !shown.contains(&key()[100..140]), "{shown}");
    }
}
