//! The configuration, checked: what `config.rs` says as written becomes what the gateway runs by.
//!
//! `document.rs` finds what is wrong with the file's form; here is what its values mean together. Both add to one list, so that a
//! person sees every problem at once.
//!
//! What must stay true: settings exist only when nothing is wrong; every topic has a table; no two pipelines write the same
//! channel; no dead letter comes back as a record; `Debug` prints no secret.

mod pipeline;
mod plugins;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use snowgate_connect::config_def::ConfigMap;
use snowgate_connect::worker::{ConnectConfig, WorkerSettings};
use snowgate_kafka::KafkaConfig;
use snowgate_snowflake::config::{SnowflakeConfig, SnowflakeSettings};
use snowgate_snowflake::names;
use snowgate_snowflake::row::{MetadataSettings, RowMode, RowSettings};
use snowgate_transform::Tables as PluginTables;

use crate::config::{Config, LogConfig, LogLevel, MemoryConfig, MetadataConfig, PipelineConfig, RowsConfig, ShutdownConfig};
pub(crate) use crate::config::{OnError, OnRegression, OnRoutingChange, OnTombstone};
use crate::document::Document;
use crate::problems::{ConfigProblems, list, nearest};
pub(crate) use crate::settings::pipeline::{Letters, PipelineKind, PipelineSettings, Tables, Topics};
pub(crate) use crate::settings::plugins::{PluginsSettings, TransformSettings};
use crate::units::{ByteSize, HumanDuration};

/// Everything the gateway runs by.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) memory_max: usize,
    pub(crate) shutdown_grace: Duration,
    pub(crate) log: LogConfig,
    pub(crate) plugins: PluginsSettings,
    /// The configuration file, where there is one.
    pub(crate) written: Option<Written>,
    /// The collector that the file names.
    pub(crate) otlp: Option<String>,
    /// The `[snowflake]` section, where there is one.
    pub(crate) snowflake: Option<Arc<SnowflakeSettings>>,
    /// The `[connect]` section, where there is one.
    pub(crate) worker: Option<WorkerSettings>,
    /// By name; at least one, unless connectors come by REST.
    pub(crate) pipelines: Vec<PipelineSettings>,
}

/// A configuration file as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) file: PathBuf,
    /// What is in it. Secrets are not, only where they are.
    pub(crate) table: toml::Table,
}

/// A budget below this could not hold one fetch of each of a few partitions.
const MEMORY: RangeInclusive<ByteSize> = ByteSize::mib(4)..=ByteSize::mib(1 << 20);
const GRACE: RangeInclusive<HumanDuration> = HumanDuration::millis(100)..=HumanDuration::seconds(3_600);
const LINGER: RangeInclusive<HumanDuration> = HumanDuration::millis(1)..=HumanDuration::seconds(60);
/// At the 6:1 that JSON compresses to, 16 MiB of rows are 2.7 MiB on the wire, still under the 4 MB that one request carries.
const BODY: RangeInclusive<ByteSize> = ByteSize::kib(1)..=ByteSize::mib(16);
const WORKERS: RangeInclusive<u32> = 1..=256;
/// With the longest topic and its partition a channel's name stays below 512.
const CHANNEL_PREFIX: usize = 250;
/// Each has a channel and an open body for every partition, and a word in 4 kB beside the group offset.
const MORE_TABLES: usize = 32;

impl Settings {
    /// The settings of a worker that is configured as in Kafka Connect: by a properties file, and by variables, which win.
    pub(crate) fn of_worker(
        file: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Settings, ConfigProblems> {
        let mut properties = match file {
            Some(file) => snowgate_connect::worker::read_properties(&read(file)?),
            None => ConfigMap::new(),
        };
        properties.extend(snowgate_connect::worker::from_environment(variables));
        let worker = snowgate_connect::worker::from_properties(properties)
            .map_err(|errors| ConfigProblems::worker(errors.into_iter().map(|error| error.0).collect()))?;
        Ok(Settings {
            memory_max: MemoryConfig::default().max.bytes(),
            shutdown_grace: ShutdownConfig::default().grace.get(),
            log: LogConfig { level: log_level(worker.log_level), ..LogConfig::default() },
            plugins: PluginsSettings { watch: worker.plugin_watch, ..PluginsSettings::unsaid() },
            written: None,
            otlp: None,
            snowflake: None,
            worker: Some(worker),
            pipelines: Vec::new(),
        })
    }

    /// Reads `file` and all that it refers to.
    pub(crate) fn load(file: &Path) -> Result<Settings, ConfigProblems> {
        let source = read(file)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let (document, config) = Document::read(&source, folder);
        let mut check = Check { document, folder };
        let settings = config.and_then(|config| check.settings(config));
        match (settings, check.document.into_problems()) {
            (Some(settings), problems) if problems.is_empty() => {
                let table = source.parse().expect("what was read as a configuration is TOML");
                Ok(Settings { written: Some(Written { file: file.to_owned(), table }), ..settings })
            }
            (_, problems) => Err(ConfigProblems::wrong(file, problems)),
        }
    }
}

fn read(file: &Path) -> Result<String, ConfigProblems> {
    let bytes = std::fs::read(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ConfigProblems::unreadable(file, "there is no such file"),
        std::io::ErrorKind::IsADirectory => ConfigProblems::unreadable(file, "it is a folder"),
        std::io::ErrorKind::PermissionDenied => ConfigProblems::unreadable(file, "this user may not read it"),
        _ => ConfigProblems::unreadable(file, error.to_string()),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        ConfigProblems::unreadable(file, format!("line {line} is not UTF-8 text"))
    })
}

/// Resolves the configuration and adds to the document's problems.
struct Check<'s> {
    document: Document<'s>,
    /// The folder of the file, where relative paths start.
    folder: &'s Path,
}

/// What all pipelines of a file have in common.
struct Shared<'c> {
    memory: ByteSize,
    kafka: Option<&'c KafkaConfig>,
    snowflake: Option<&'c Arc<SnowflakeSettings>>,
    plugin_folder: PathBuf,
}

impl Check<'_> {
    /// `None` only when there is a problem.
    fn settings(&mut self, config: Config) -> Option<Settings> {
        let Config { kafka, snowflake, memory, shutdown, log, plugins, telemetry, connect, pipeline: pipelines } = config;
        self.range("memory.max", memory.max, MEMORY);
        self.range("shutdown.grace", shutdown.grace, GRACE);
        if let Some(otlp) = &telemetry.otlp {
            self.collector(otlp);
        }
        let snowflake = snowflake.and_then(|config| self.snowflake(&config));
        if let Some(kafka) = &kafka {
            self.kafka(kafka);
        }
        let connected = self.document.has("connect");
        if pipelines.is_empty() && self.document.is_fine("pipeline") && !connected {
            self.document.problem_at("pipeline", "there is no pipeline", Some("begin one with `[pipeline.NAME]`".to_owned()));
        }
        for (section, needed) in [("snowflake", !connected || !pipelines.is_empty()), ("pipeline.NAME", !connected)] {
            if needed && !self.document.has(section.split('.').next().unwrap_or(section)) {
                self.document.problem_at("", format!("section `[{section}]` is missing"), None);
            }
        }
        self.between_pipelines(&pipelines, kafka.as_ref().is_some_and(|kafka| kafka.group.is_some()));
        let snowflake = snowflake.map(Arc::new);
        let shared = Shared {
            memory: memory.max,
            kafka: kafka.as_ref(),
            snowflake: snowflake.as_ref(),
            plugin_folder: self.folder.join(&plugins.folder),
        };
        let mut plugins = self.plugins_section(&plugins);
        let checked: Vec<_> = pipelines.iter().filter_map(|(name, pipeline)| self.pipeline(name, pipeline, &shared)).collect();
        let worker = connect.and_then(|config| self.connect(&config, kafka.as_ref()));
        plugins.watch = plugins.watch.or(worker.as_ref().and_then(|worker| worker.plugin_watch));
        Some(Settings {
            memory_max: memory.max.bytes(),
            shutdown_grace: shutdown.grace.get(),
            log,
            plugins,
            written: None,
            otlp: telemetry.otlp,
            snowflake,
            worker,
            pipelines: checked,
        })
    }

    fn collector(&mut self, otlp: &str) {
        let rest = otlp.strip_prefix("http://").or_else(|| otlp.strip_prefix("https://")).unwrap_or_default();
        let problem = match rest {
            "" => Some(("is no address that begins with `http://` or `https://`", "write `otlp = \"http://localhost:4318\"`")),
            rest if rest.contains('@') => {
                Some(("holds a login", "put it into the variable `OTEL_EXPORTER_OTLP_HEADERS`, as `authorization=…`"))
            }
            _ => None,
        };
        if let Some((what, hint)) = problem {
            self.document.problem_at("telemetry.otlp", format!("`telemetry.otlp` {what}"), Some(hint.to_owned()));
        }
    }

    fn snowflake(&mut self, config: &SnowflakeConfig) -> Option<SnowflakeSettings> {
        let problems = match config.resolve(self.folder) {
            Ok(settings) => return Some(settings),
            Err(problems) => problems,
        };
        for problem in problems {
            let path = format!("snowflake.{}", problem.field);
            let colon = if problem.message.starts_with("is ") { "" } else { ":" };
            let message = format!("`{path}`{colon} {}", problem.message);
            self.document.problem_at(&path, message, problem.hint);
        }
        None
    }

    /// The section is the same for every pipeline, so it is checked once, with a group name that is surely fine.
    fn kafka(&mut self, config: &KafkaConfig) {
        for problem in config.resolve("snowgate").err().unwrap_or_default() {
            let path = format!("kafka.{}", problem.field);
            let message = match problem.field.starts_with("properties.") {
                true => problem.message,
                false => format!("`{path}`: {}", problem.message),
            };
            self.document.problem_at(&path, message, problem.hint);
        }
    }

    /// Connectors use the properties of `[kafka]` like every pipeline; the section's own win over them.
    fn connect(&mut self, config: &ConnectConfig, kafka: Option<&KafkaConfig>) -> Option<WorkerSettings> {
        let brokers = kafka.map(|kafka| kafka.brokers.clone()).unwrap_or_default();
        match config.resolve(self.folder, &brokers) {
            Ok(mut worker) => {
                let properties = kafka.into_iter().flat_map(|kafka| &kafka.properties);
                let mut client: Vec<_> =
                    properties.map(|(name, value)| (name.clone(), SecretString::from(value.clone()))).collect();
                client.append(&mut worker.client);
                worker.client = client;
                Some(worker)
            }
            Err(problems) => {
                for problem in problems {
                    let path = format!("connect.{}", problem.field);
                    self.document.problem_at(&path, format!("`{path}`: {}", problem.message), problem.hint);
                }
                None
            }
        }
    }

    fn pipeline(&mut self, name: &str, config: &PipelineConfig, shared: &Shared<'_>) -> Option<PipelineSettings> {
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
    fn between_pipelines(&mut self, pipelines: &BTreeMap<String, PipelineConfig>, one_group: bool) {
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

    /// Whether `value` is in `range`. Adds the problem where not.
    fn range<T: PartialOrd + std::fmt::Display>(&mut self, path: &str, value: T, range: RangeInclusive<T>) -> bool {
        let fits = range.contains(&value);
        if !fits {
            self.document.problem_at(path, format!("`{path}` is {value}, not from {} to {}", range.start(), range.end()), None);
        }
        fits
    }
}

/// Connect's word for a level.
fn log_level(written: Option<&str>) -> LogLevel {
    match written {
        Some("ERROR") => LogLevel::Error,
        Some("WARN") => LogLevel::Warn,
        Some("DEBUG") => LogLevel::Debug,
        Some("TRACE") => LogLevel::Trace,
        _ => LogLevel::Info,
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

#[cfg(test)]
mod tests;
