//! What one pipeline runs by, whether it stands in the configuration file or came as a connector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use snowgate_connect::road::{Reach, RoadSettings};
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
    /// The table of `topic`, in full, or the first of those that transforms may send its records to.
    pub(crate) fn table(&self, topic: &str) -> TableName {
        self.tables_of(topic).swap_remove(0)
    }

    /// The tables that records of `topic` may go to, each once and at least one, but for those that plugins name.
    pub(crate) fn tables_of(&self, topic: &str) -> Vec<TableName> {
        let Some(Reach { topics, is_endless }) = self.road.as_ref().map(|road| road.reach(topic)) else {
            return vec![self.table_as_left(topic)];
        };
        let mut tables: Vec<_> = topics.iter().map(|topic| self.table_as_left(topic)).collect();
        if let (true, Tables::Connector { map, .. }) = (is_endless, &self.tables) {
            tables.extend(map.tables().unwrap_or_default().into_iter().map(|written| self.in_schema(identifier(written))));
        }
        let mut each: Vec<TableName> = Vec::with_capacity(tables.len());
        for table in tables {
            if !each.contains(&table) {
                each.push(table);
            }
        }
        if each.is_empty() {
            each.push(self.table_as_left(topic));
        }
        each
    }

    /// The table of a record whose topic is `topic` when transforms have left it.
    pub(crate) fn table_as_left(&self, topic: &str) -> TableName {
        let table = match &self.tables {
            Tables::Named(tables) => tables.get(topic).cloned().unwrap_or_else(|| names::table_for_topic(topic)),
            Tables::Connector { map, names: rule } => match (map.table(topic), rule) {
                (Some(written), _) => identifier(written),
                (None, TableNames::Sanitized) => names::table_for_topic(topic),
                (None, TableNames::Exact) => topic.to_owned(),
            },
        };
        self.in_schema(table)
    }

    /// As many tables, at the most, have records of one topic.
    pub(crate) fn most_tables(&self) -> usize {
        match (&self.road, &self.tables) {
            (Some(road), Tables::Connector { map, .. }) => road.most_tables(map),
            _ => 1 + self.more_tables.len(),
        }
    }

    /// A table of the pipeline's schema.
    pub(crate) fn in_schema(&self, table: String) -> TableName {
        TableName { database: self.snowflake.database.clone(), schema: self.snowflake.schema.clone(), table }
    }

    /// Every table that is known by name.
    pub(crate) fn known_tables(&self) -> Vec<TableName> {
        let of_topics = self.topics.named().iter().flat_map(|topic| self.tables_of(topic));
        of_topics.chain(self.more_tables.iter().map(|table| self.in_schema(table.clone()))).collect()
    }

    /// The same, but plugins may name the tables of `running`.
    pub(crate) fn with_tables_of(&self, running: &PipelineSettings) -> PipelineSettings {
        let mut settings = self.clone();
        let tables = Arc::new(PluginTables::new(&running.more_tables));
        settings.plugins.iter_mut().for_each(|transform| transform.plugin.tables = tables.clone());
        settings
    }

    /// What transforms call `topic`, where that is another name and the same for all of its records.
    pub(crate) fn named_topic(&self, topic: &str) -> Option<Arc<str>> {
        let road = self.road.as_ref().filter(|road| !road.routes_each_record())?;
        road.reach(topic).topics.into_iter().next().filter(|routed| **routed != *topic)
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

/// A table as Snowflake names it. An identifier that SQL would not take was refused when the configuration was checked.
fn identifier(written: String) -> String {
    names::parse_identifier(&written).unwrap_or(written)
}
