//! Connectors as pipelines: what Connect's REST interface asks for, done by this gateway.
//!
//! A connector's configuration, checked in `host/connect`, becomes the settings of a pipeline ([`settings`]) and runs like any other.
//! Its group offsets are real: moving them moves the channels' offset tokens as well ([`offsets`]). [`interface`] serves it.

pub(crate) mod interface;
mod offsets;
mod settings;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::SecretString;
use snowgate_connect::engine::{Complaint, Engine, Failure, OffsetChange, Running};
use snowgate_connect::settings::ConnectorSettings;
use snowgate_connect::snapshot::Snapshot;
use snowgate_kafka::Error as KafkaError;
use snowgate_record::ErrorClass;
use snowgate_snowflake::error::Failure as Outcome;
use snowgate_snowflake::sql;
use tracing::warn;

use crate::gateway::{Error, Gateway};
use crate::report;
use crate::settings::PipelineSettings;
use crate::telemetry::Levels;

/// How long brokers may take to make a dead letter topic or to say who they are.
const KAFKA_PATIENCE: Duration = Duration::from_secs(20);
/// Ends in every text that says the account cannot be used.
const CANNOT_CONNECT: &str = ": Cannot connect to Snowflake";

/// What all connectors of a worker have in common.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) brokers: Vec<String>,
    /// librdkafka properties, for questions about the cluster itself.
    pub(crate) client: Vec<(String, SecretString)>,
    /// Certificate authorities for Snowflake beside the system's.
    pub(crate) tls_ca: Option<PathBuf>,
    /// How long a connector may take to stop.
    pub(crate) grace: Duration,
}

/// Runs connectors in this gateway.
pub(crate) struct Connectors {
    gateway: Arc<Gateway>,
    worker: Worker,
    levels: Levels,
    cluster_id: Arc<OnceLock<String>>,
}

impl Connectors {
    pub(crate) fn new(gateway: Arc<Gateway>, worker: Worker, levels: Levels) -> Connectors {
        let cluster_id = Arc::new(OnceLock::new());
        if let Ok(kafka) = settings::cluster(&worker) {
            let found = cluster_id.clone();
            // Clients ask for it seldom and get null until then.
            gateway.runtime().spawn_blocking(move || {
                if let Some(id) = snowgate_kafka::cluster_id(&kafka, KAFKA_PATIENCE) {
                    found.get_or_init(|| id);
                }
            });
        }
        Connectors { gateway, worker, levels, cluster_id }
    }

    fn pipeline(&self, connector: &ConnectorSettings) -> Result<PipelineSettings, Failure> {
        settings::pipeline(connector, &self.worker)
    }

    /// As Connect does, with one partition, where there is none of that name.
    async fn make_dead_letter_topic(&self, pipeline: &PipelineSettings, replication: i16) -> Result<(), Failure> {
        let Some(topic) = pipeline.dead_letter_topic.clone() else { return Ok(()) };
        let producer = pipeline.producer.clone();
        let wanted = vec![topic.clone()];
        let found = tokio::task::spawn_blocking(move || snowgate_kafka::check(&producer, &wanted, None, KAFKA_PATIENCE)).await;
        let made = match found.expect("a check of Kafka does not panic") {
            Err(KafkaError::TopicAbsent { .. }) => {
                snowgate_kafka::create_topic_if_missing(&pipeline.producer, &topic, replication, KAFKA_PATIENCE).await
            }
            found => found.map(drop),
        };
        made.map_err(|source| failure(&Error::Kafka { pipeline: pipeline.name.clone(), source }))
    }
}

impl Engine for Connectors {
    async fn start(&self, connector: Arc<ConnectorSettings>) -> Result<(), Failure> {
        let pipeline = Arc::new(self.pipeline(&connector)?);
        self.gateway.stop(&pipeline.name, self.worker.grace).await;
        self.make_dead_letter_topic(&pipeline, connector.errors.dead_letter_replication).await?;
        let created = if connector.create_tables { self.gateway.create_tables(&pipeline).await } else { Ok(()) };
        match created {
            Ok(()) => {}
            // The channels are opened again and again until Snowflake can be reached.
            Err(error) if error.class() == ErrorClass::Transient => {
                warn!(connector = %pipeline.name, error = report::causes(&error).join(": "), "tables not looked at");
            }
            Err(error) => return Err(failure(&error)),
        }
        let gateway = self.gateway.clone();
        // What fails later is on its board.
        let started = tokio::task::spawn_blocking(move || gateway.load_and_start(pipeline, Box::new(|_| {})));
        started.await.expect("starting a pipeline does not panic").map_err(|error| failure(&error))
    }

    async fn stop(&self, name: &str) {
        self.gateway.stop(name, self.worker.grace).await;
    }

    fn view(&self, name: &str) -> Option<Running> {
        self.gateway.group(name).map(|group| group.running())
    }

    fn forget_topics(&self, name: &str) {
        if let Some(group) = self.gateway.group(name) {
            group.forget_topics();
        }
    }

    async fn offsets(&self, connector: &ConnectorSettings) -> Result<Vec<(String, i32, i64)>, Failure> {
        offsets::read(self.pipeline(connector)?).await
    }

    async fn alter_offsets(&self, connector: &ConnectorSettings, changes: Vec<OffsetChange>) -> Result<(), Failure> {
        let pipeline = self.pipeline(connector)?;
        let client = self.gateway.client(&pipeline).map_err(|error| failure(&error))?;
        offsets::alter(pipeline, &client, changes).await
    }

    async fn reset_offsets(&self, connector: &ConnectorSettings) -> Result<(), Failure> {
        let pipeline = self.pipeline(connector)?;
        let client = self.gateway.client(&pipeline).map_err(|error| failure(&error))?;
        offsets::reset(pipeline, &client).await
    }

    async fn try_snowflake(&self, connector: &ConnectorSettings) -> Vec<Complaint> {
        let complain = |key, message: &str| Complaint { key, message: message.to_owned() };
        let cannot_connect = || {
            let keys = ["snowflake.url.name", "snowflake.user.name", "snowflake.private.key"];
            keys.map(|key| complain(key, CANNOT_CONNECT)).to_vec()
        };
        let Ok(pipeline) = self.pipeline(connector) else { return Vec::new() };
        let client = match self.gateway.client(&pipeline) {
            Ok(client) => client,
            Err(error) => {
                warn!(connector = %connector.name, error = report::trace(&error, None), "snowflake cannot be used");
                return cannot_connect();
            }
        };
        if let Some(error) = snowgate_snowflake::check::check_login(&client).await {
            warn!(connector = %connector.name, error = report::trace(&error, None), "snowflake refuses the login");
            return cannot_connect();
        }
        let (database, schema) = (&pipeline.snowflake.database, &pipeline.snowflake.schema);
        for (sql, key, message) in [
            (sql::look_into_database(database), "snowflake.database.name", " database does not exist"),
            (sql::look_into_schema(database, schema), "snowflake.schema.name", " schema does not exist"),
        ] {
            if let Err(error) = client.execute(&sql).await {
                warn!(connector = %connector.name, error = report::trace(&error, None), "snowflake refuses");
                return match error.outcome() {
                    Outcome::ObjectMissing | Outcome::Forbidden => vec![complain(key, message)],
                    _ => cannot_connect(),
                };
            }
        }
        Vec::new()
    }

    fn cluster_id(&self) -> Option<String> {
        self.cluster_id.get().cloned()
    }

    fn snapshot(&self) -> Snapshot {
        self.gateway.snapshot()
    }

    fn loggers(&self) -> Vec<(String, &'static str)> {
        self.levels.list()
    }

    fn set_logger(&self, name: &str, level: &'static str) -> bool {
        self.levels.set(name, level)
    }
}

/// An error as a trace shows it.
fn failure(error: &Error) -> Failure {
    Failure(report::trace(error, error.hint().as_deref()))
}
