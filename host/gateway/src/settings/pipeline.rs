//! What one pipeline runs by, whether it stands in the configuration file or came as a connector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use snowgate_connect::road::RoadSettings;
use snowgate_connect::settings::TableNames;
use snowgate_connect::topic_map::TopicMap;
use snowgate_kafka::KafkaSettings;
use snowgate_snowflake::config::SnowflakeSettings;
use snowgate_snowflake::names;
use snowgate_snowflake::row::{RowMode, RowSettings};
use snowgate_snowflake::sql::TableName;

use snowgate_transform::Tables as PluginTables;

use super::TransformSettings;
use crate::config::{OnError, OnRegression, OnRoutingChange, OnTombstone};

/// One pipeline, from the configuration file or from a connector's configuration.
#[derive(Debug, Clone)]
pub(crate) struct PipelineSettings {
    pub(crate) name: Arc<str>,
    pub(crate) kind: PipelineKind,
    pub(crate) kafka: KafkaSettings,
    /// For dead letters.
    pub(crate) producer: KafkaSettings,
    pub(crate) snowflake: Arc<SnowflakeSettings>,
    pub(crate) topics: Topics,
    /// Each topic's table, as Snowflake names it.
    pub(crate) tables: Tables,
    /// Tables besides these, of the same schema, to which plugins may send records.
    pub(crate) more_tables: Vec<String>,
    /// Whether a table that is not there is made.
    pub(crate) create_tables: bool,
    /// What stands before `<topic>_<partition>` in a channel's name.
    pub(crate) channel_prefix: String,
    pub(crate) rows: RowSettings,
    pub(crate) linger: Duration,
    pub(crate) body_bytes: usize,
    pub(crate) dead_letter_topic: Option<String>,
    /// What a dead letter says about its record.
    pub(crate) letters: Letters,
    pub(crate) on_error: OnError,
    /// Whether a record that cannot be loaded has a line in the log, and whether that says why.
    pub(crate) log_errors: bool,
    pub(crate) log_messages: bool,
    pub(crate) on_tombstone: OnTombstone,
    pub(crate) on_regression: OnRegression,
    pub(crate) on_routing_change: OnRoutingChange,
    pub(crate) workers: u32,
    /// On records as Kafka has them.
    pub(crate) plugins: Vec<TransformSettings>,
    /// A connector's converters and transforms.
    pub(crate) road: Option<Arc<RoadSettings>>,
    /// On what these made of a record.
    pub(crate) plugins_after: Vec<TransformSettings>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PipelineKind {
    /// `[pipeline.NAME]`
    File,
    /// By Connect's REST interface.
    Connector,
}

#[derive(Debug, Clone)]
pub(crate) enum Topics {
    Named(Vec<String>),
    /// A pattern that matches whole names.
    Matching(Arc<fancy_regex::Regex>),
}

/// Where a topic's rows go.
#[derive(Debug, Clone)]
pub(crate) enum Tables {
    /// Each topic is named.
    Named(BTreeMap<String, String>),
    /// As a connector's configuration says.
    Connector { map: TopicMap, names: TableNames },
}

/// What a dead letter says about its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Letters {
    Snowgate,
    Connect { connector: Arc<str>, context_headers: bool },
}

impl PipelineKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            PipelineKind::File => "pipeline",
            PipelineKind::Connector => "connector",
        }
    }
}

impl Topics {
    pub(crate) fn named(&self) -> &[String] {
        match self {
            Topics::Named(topics) => topics,
            Topics::Matching(_) => &[],
        }
    }

    pub(crate) fn to_texts(&self) -> Vec<String> {
        match self {
            Topics::Named(topics) => topics.clone(),
            Topics::Matching(pattern) => vec![pattern.as_str().to_owned()],
        }
    }
}

impl PipelineSettings {
    /// The table of `topic`, in full.
    pub(crate) fn table(&self, topic: &str) -> TableName {
        let table = match &self.tables {
            Tables::Named(tables) => tables.get(topic).cloned().unwrap_or_else(|| names::table_for_topic(topic)),
            Tables::Connector { map, names: rule } => {
                let routed = self.named_topic(topic);
                let topic = routed.as_deref().unwrap_or(topic);
                match (map.table(topic), rule) {
                    // An identifier that SQL would not take was refused when the configuration was checked.
                    (Some(written), _) => names::parse_identifier(&written).unwrap_or(written),
                    (None, TableNames::Sanitized) => names::table_for_topic(topic),
                    (None, TableNames::Exact) => topic.to_owned(),
                }
            }
        };
        self.in_schema(table)
    }

    /// A table of the pipeline's schema.
    pub(crate) fn in_schema(&self, table: String) -> TableName {
        TableName { database: self.snowflake.database.clone(), schema: self.snowflake.schema.clone(), table }
    }

    /// Every table that is known by name.
    pub(crate) fn known_tables(&self) -> Vec<TableName> {
        let of_topics = self.topics.named().iter().map(|topic| self.table(topic));
        of_topics.chain(self.more_tables.iter().map(|table| self.in_schema(table.clone()))).collect()
    }

    /// The same, but plugins may name the tables of `running`.
    pub(crate) fn with_tables_of(&self, running: &PipelineSettings) -> PipelineSettings {
        let mut settings = self.clone();
        let tables = Arc::new(PluginTables::new(&running.more_tables));
        settings.plugins.iter_mut().for_each(|transform| transform.plugin.tables = tables.clone());
        settings
    }

    /// What transforms call `topic`, where that is another name.
    pub(crate) fn named_topic(&self, topic: &str) -> Option<Arc<str>> {
        let routed = self.road.as_ref()?.routed_topic(topic);
        (routed != topic).then(|| routed.into())
    }

    /// Its settings as they work, for people; without secrets. `transforms` are what its plugins are called by now.
    pub(crate) fn shown<'a>(&self, transforms: impl Iterator<Item = &'a Arc<str>>) -> serde_json::Value {
        let tables: BTreeMap<_, _> = self.topics.named().iter().map(|topic| (topic, self.table(topic).table)).collect();
        serde_json::json!({
            "brokers": self.kafka.brokers,
            "group": self.kafka.group,
            "topics": self.topics.to_texts(),
            "snowflake": self.snowflake.url(),
            "user": self.snowflake.user,
            "role": self.snowflake.role,
            "database": self.snowflake.database,
            "schema": self.snowflake.schema,
            "tables": tables,
            "more_tables": self.more_tables,
            "rows": match self.rows.mode {
                RowMode::Content => "content",
                RowMode::Columns => "columns",
            },
            "linger_ms": u64::try_from(self.linger.as_millis()).unwrap_or(u64::MAX),
            "body_bytes": self.body_bytes,
            "dead_letter_topic": self.dead_letter_topic,
            "workers": self.workers,
            "transforms": transforms.map(|name| &**name).collect::<Vec<_>>(),
        })
    }
}
