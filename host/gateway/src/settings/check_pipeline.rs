//! What `[pipeline.NAME]` says, checked: alone, and beside the other pipelines.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use snowgate_kafka::KafkaConfig;
use snowgate_snowflake::config::SnowflakeSettings;
use snowgate_snowflake::names;
use snowgate_snowflake::row::{MetadataSettings, RowMode, RowSettings};
use snowgate_transform::Tables as PluginTables;

use super::{Check, Letters, OnError, OnTombstone, PipelineKind, PipelineSettings, Tables, Topics};
use crate::config::{MetadataConfig, PipelineConfig, RowsConfig};
use crate::problems::{list, nearest};
use crate::units::{ByteSize, HumanDuration};

const LINGER: RangeInclusive<HumanDuration> = HumanDuration::millis(1)..=HumanDuration::seconds(60);
/// At the 6:1 that JSON compresses to, 16 MiB of rows are 2.7 MiB on the wire, still under the 4 MB that one request carries.
const BODY: RangeInclusive<ByteSize> = ByteSize::kib(1)..=ByteSize::mib(16);
const WORKERS: RangeInclusive<u32> = 1..=256;
/// With the longest topic and its partition a channel's name stays below 512.
const CHANNEL_PREFIX: usize = 250;
/// Each has a channel and an open body for every partition, and a word in 4 kB beside the group offset.
const MORE_TABLES: usize = 32;

/// What all pipelines of a file have in common.
pub(super) struct Shared<'c> {
    pub(super) memory: ByteSize,
    pub(super) kafka: Option<&'c KafkaConfig>,
    pub(super) snowflake: Option<&'c Arc<SnowflakeSettings>>,
    pub(super) plugin_folder: PathBuf,
}

impl Check<'_> {
    pub(super) fn pipeline(&mut self, name: &str, config: &PipelineConfig, shared: &Shared<'_>) -> Option<PipelineSettings> {
        let Shared { memory, kafka, snowflake, ref plugin_folder } = *shared;
        let path = format!("pipeline.{name}");
        let fits =
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !fits {
            let hint = "letters, digits, `_` and `-`, at most 64 of them";
            self.document.problem_at(&path, format!("`{name}` cannot name a pipeline"), Some(hint.to_owned()));
        }
        self.topics(&path, config);
        let tables = self.tables(&path, config);
        let more_tables = self.more_tables(&path, config);
        self.range(&format!("{path}.linger"), config.linger, LINGER);
        let body = format!("{path}.body");
        if self.range(&body, config.body, BODY) && config.body > memory && !self.document.is_spoilt("memory.max") {
            let message = format!("`{body}` is {}, more than `memory.max`, which is {memory}", config.body);
            self.document.problem_at(&body, message, None);
        }
        self.dead_letters(&path, config);
        if config.channel_prefix.chars().any(char::is_control) || config.channel_prefix.chars().count() > CHANNEL_PREFIX {
            let at = format!("{path}.channel_prefix");
            let hint = format!("at most {CHANNEL_PREFIX} characters, none of them a control character");
            self.document.problem_at(&at, format!("`{at}` cannot begin a channel's name"), Some(hint));
        }
        let workers = config.workers.unwrap_or_else(default_workers);
        if !WORKERS.contains(&workers) {
            let message = format!("`{path}.workers` is {workers}, not from {} to {}", WORKERS.start(), WORKERS.end());
            self.document.problem_at(&format!("{path}.workers"), message, None);
        }
        let has_dead_letter_topic =
            config.dead_letter_topic.is_some() || self.document.is_spoilt(&format!("{path}.dead_letter_topic"));
        let plugins = self.plugins(
            &path,
            &config.transform,
            plugin_folder,
            has_dead_letter_topic,
            &Arc::new(PluginTables::new(&more_tables)),
        );
        let mode = match config.rows {
            RowsConfig::Content => RowMode::Content,
            RowsConfig::Columns => RowMode::Columns,
        };
        let on_error = config.on_error.unwrap_or(match config.dead_letter_topic {
            Some(_) => OnError::DeadLetter,
            None => OnError::Block,
        });
        let kafka = kafka?.resolve(&format!("snowgate-{name}")).ok()?;
        Some(PipelineSettings {
            name: name.into(),
            kind: PipelineKind::File,
            producer: kafka.clone(),
            kafka,
            snowflake: snowflake?.clone(),
            topics: Topics::Named(config.topics.clone()),
            tables: Tables::Named(tables),
            more_tables,
            create_tables: true,
            channel_prefix: config.channel_prefix.clone(),
            rows: RowSettings { metadata: metadata(&config.metadata), ..RowSettings::new(mode) },
            linger: config.linger.get(),
            body_bytes: config.body.bytes(),
            dead_letter_topic: config.dead_letter_topic.clone(),
            letters: Letters::Snowgate,
            on_error,
            log_errors: false,
            log_messages: false,
            on_tombstone: config.on_tombstone,
            on_regression: config.on_regression,
            on_routing_change: config.on_routing_change,
            workers,
            plugins,
            road: None,
            plugins_after: Vec::new(),
        })
    }

    fn topics(&mut self, path: &str, config: &PipelineConfig) {
        if config.topics.is_empty() {
            let hint = "write `topics = [\"binance_kline\"]`";
            self.document.problem_at(&format!("{path}.topics"), format!("`{path}.topics` is empty"), Some(hint.to_owned()));
        }
        for (index, topic) in config.topics.iter().enumerate() {
            let at = format!("{path}.topics[{index}]");
            if !is_topic(topic) {
                self.document.problem_at(&at, format!("`{topic}` cannot name a topic"), Some(topic_hint(topic).to_owned()));
            } else if config.topics[..index].contains(topic) {
                self.document.problem_at(&at, format!("topic `{topic}` is named twice"), None);
            }
        }
    }

    /// Each topic with its table.
    fn tables(&mut self, path: &str, config: &PipelineConfig) -> BTreeMap<String, String> {
        let mut tables: BTreeMap<_, _> = config.topics.iter().map(|topic| (topic.clone(), names::table_for_topic(topic))).collect();
        for (topic, written) in &config.tables {
            let at = format!("{path}.tables.{topic}");
            let topics = || config.topics.iter().map(String::as_str);
            match tables.get_mut(topic) {
                Some(table) => match names::parse_identifier(written) {
                    Ok(name) => *table = name,
                    Err(error) => {
                        self.document.problem_at(&at, format!("`{at}`: {error}"), table_hint(written));
                    }
                },
                None => {
                    let hint = match nearest(topic, topics()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("the topics of this pipeline are {}", list(topics())),
                    };
                    self.document.problem_at(&at, format!("`{topic}` is not a topic of this pipeline"), Some(hint));
                }
            }
        }
        tables
    }

    /// What else plugins may name. A topic's own table may be among them.
    fn more_tables(&mut self, path: &str, config: &PipelineConfig) -> Vec<String> {
        let mut names = Vec::new();
        for (index, written) in config.more_tables.iter().enumerate() {
            let at = format!("{path}.more_tables[{index}]");
            match names::parse_identifier(written) {
                Ok(name) if names.contains(&name) => {
                    self.document.problem_at(&at, format!("table `{name}` is named twice"), None);
                }
                Ok(name) => names.push(name),
                Err(error) => self.document.problem_at(&at, format!("`{at}`: {error}"), table_hint(written)),
            }
        }
        if names.len() > MORE_TABLES {
            let at = format!("{path}.more_tables");
            let message = format!("`{at}` names {} tables, and {MORE_TABLES} are the most", names.len());
            self.document.problem_at(&at, message, Some("share them out among pipelines".to_owned()));
        }
        names
    }

    fn dead_letters(&mut self, path: &str, config: &PipelineConfig) {
        let at = format!("{path}.dead_letter_topic");
        if let Some(topic) = config.dead_letter_topic.as_ref().filter(|topic| !is_topic(topic)) {
            self.document.problem_at(&at, format!("`{topic}` cannot name a topic"), Some(topic_hint(topic).to_owned()));
        }
        if config.dead_letter_topic.is_some() || self.document.is_spoilt(&at) {
            return;
        }
        let hint = || Some("add `dead_letter_topic = \"…\"`".to_owned());
        for (key, asks) in [
            ("on_error", config.on_error == Some(OnError::DeadLetter)),
            ("on_tombstone", config.on_tombstone == OnTombstone::DeadLetter),
        ] {
            if asks {
                let key = format!("{path}.{key}");
                self.document.problem_at(&key, format!("`{key}` is `dead_letter`, but there is no dead letter topic"), hint());
            }
        }
    }

    /// What one pipeline may not do because of another, or of itself.
    pub(super) fn between_pipelines(&mut self, pipelines: &BTreeMap<String, PipelineConfig>, one_group: bool) {
        let mut readers: BTreeMap<&str, Vec<(&str, Vec<String>)>> = BTreeMap::new();
        for (name, pipeline) in pipelines {
            for (index, topic) in
                pipeline.topics.iter().enumerate().filter(|(index, topic)| !pipeline.topics[..*index].contains(topic))
            {
                let at = format!("pipeline.{name}.topics[{index}]");
                let table = pipeline.tables.get(topic).and_then(|written| names::parse_identifier(written).ok());
                let mut tables = vec![table.unwrap_or_else(|| names::table_for_topic(topic))];
                tables.extend(pipeline.more_tables.iter().filter_map(|written| names::parse_identifier(written).ok()));
                let earlier = readers.entry(topic).or_default();
                if let Some((other, _)) = earlier.first().filter(|_| one_group) {
                    let hint = "leave out `kafka.group`, and each pipeline has a group of its own";
                    let message = format!(
                        "topic `{topic}` is read by pipeline `{other}` too, in the same group: each would get a part of it"
                    );
                    self.document.problem_at(&at, message, Some(hint.to_owned()));
                } else if let Some((other, table)) =
                    earlier.iter().find_map(|(other, theirs)| Some((other, tables.iter().find(|table| theirs.contains(table))?)))
                {
                    let hint = match tables[0] == *table {
                        true => format!("name another table: `tables = {{ {topic} = \"OTHER\" }}`"),
                        false => format!("leave `{table}` out of the `more_tables` of one of them"),
                    };
                    let message = format!(
                        "topic `{topic}` is loaded into table `{table}` by pipeline `{other}` too: each record would be loaded twice"
                    );
                    self.document.problem_at(&at, message, Some(hint));
                }
                earlier.push((name, tables));
            }
        }
        for (name, pipeline) in pipelines {
            let Some(topic) = &pipeline.dead_letter_topic else { continue };
            if let Some((reader, _)) = readers.get(topic.as_str()).and_then(|readers| readers.first()) {
                let message = format!("`{topic}` is read by pipeline `{reader}`: its dead letters would come back as records");
                self.document.problem_at(
                    &format!("pipeline.{name}.dead_letter_topic"),
                    message,
                    Some("name another topic".to_owned()),
                );
            }
        }
    }
}

/// One core is left to librdkafka and to the requests.
fn default_workers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(*WORKERS.end()));
    cores.saturating_sub(1).clamp(*WORKERS.start(), *WORKERS.end())
}

fn metadata(config: &MetadataConfig) -> MetadataSettings {
    let MetadataConfig { enabled, topic, offset_and_partition, create_time, key, headers } = *config;
    MetadataSettings { enabled, topic, offset_and_partition, create_time, key, headers, ..MetadataSettings::default() }
}

fn table_hint(written: &str) -> Option<String> {
    let hint = "name the table alone; its database and schema are in `[snowflake]`";
    written.contains('.').then(|| hint.to_owned())
}

/// Whether Kafka takes `name` for a topic. Also keeps out patterns, which librdkafka would follow.
fn is_topic(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn topic_hint(name: &str) -> &'static str {
    if name.starts_with('^') || name.contains('*') {
        "patterns are not taken; name each topic"
    } else {
        "letters, digits, `.`, `_` and `-`, at most 249 of them"
    }
}
