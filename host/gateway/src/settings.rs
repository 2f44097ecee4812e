//! The configuration, checked: what `config.rs` says as written becomes what the gateway runs by.
//!
//! `document.rs` finds what is wrong with the file's form; here is what its values mean together. Both add to one list, so that a
//! person sees every problem at once.
//!
//! What must stay true: settings exist only when nothing is wrong; every topic has a table; no two pipelines write the same
//! channel; no dead letter comes back as a record; `Debug` prints no secret.

mod check_pipeline;
mod pipeline;
mod plugins;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use snowgate_connect::config_def::ConfigMap;
use snowgate_connect::worker::{ConnectConfig, WorkerSettings};
use snowgate_kafka::KafkaConfig;
use snowgate_snowflake::config::{SnowflakeConfig, SnowflakeSettings};

use crate::config::{Config, LogConfig, LogLevel, MemoryConfig, ShutdownConfig};
pub(crate) use crate::config::{OnError, OnRegression, OnRoutingChange, OnTombstone};
use crate::document::Document;
use crate::problems::ConfigProblems;
use crate::settings::check_pipeline::Shared;
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

#[cfg(test)]
mod tests;
