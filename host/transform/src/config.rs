//! What an operator decides about one plugin, checked and with its units resolved.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::tables::Tables;

/// What all plugins of a process share.
#[derive(Debug, Clone, Default)]
pub struct EngineSettings {
    /// Count the fuel that plugins use: one unit for most instructions, the same on every machine. Plugins run slower then.
    pub metered: bool,
    /// A folder for compiled plugins, so that the next start need not compile them. Made if it is missing; not used, with a warning,
    /// unless it belongs to this process's user and nobody else may write to it. Its files may be deleted at any time.
    pub cache: Option<PathBuf>,
}

/// One plugin of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginSettings {
    /// What logs, metrics and dead letters call it.
    pub name: String,
    /// The component's file.
    pub path: PathBuf,
    /// SHA-256 that the file must have, in hex.
    pub sha256: Option<String>,
    /// What it may import. A plugin that imports more is refused.
    pub allow: Vec<Capability>,
    /// The plugin's own options: one JSON object.
    pub config_json: String,
    pub limits: Limits,
    /// The tables that it may send records to, besides their pipeline's own.
    pub tables: Arc<Tables>,
}

/// An interface of `wit/` that a plugin may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// Lines for the gateway's log.
    Log,
    /// Numbers for the gateway's metrics.
    Metrics,
}

impl Capability {
    pub const ALL: [Capability; 2] = [Capability::Log, Capability::Metrics];

    pub fn as_str(self) -> &'static str {
        match self {
            Capability::Log => "log",
            Capability::Metrics => "metrics",
        }
    }
}

impl std::fmt::Display for Capability {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(text: &str) -> Result<Capability, UnknownCapability> {
        Capability::ALL.into_iter().find(|capability| capability.as_str() == text).ok_or(UnknownCapability)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are `log` and `metrics` to allow")]
pub struct UnknownCapability;

/// What one instance of a plugin may use. An instance lives in each worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories of the instance together. Default: 64 MiB.
    pub memory_bytes: usize,
    /// Time for one batch. Default: 1 s.
    pub batch_time: Duration,
    /// Time for each record of a batch, on top of `batch_time`. Default: 10 ms.
    pub record_time: Duration,
    /// Time to start an instance and take its configuration. Default: 10 s, for languages that bring an interpreter.
    pub start_time: Duration,
    /// How many times a batch's own bytes its outputs may hold. Default: 4.
    pub output_factor: usize,
    /// Bytes the outputs of a batch may hold on top of that. Default: 64 KiB.
    pub output_extra_bytes: usize,
    /// Elements of all tables of the instance together. Default: 100,000; a Python runtime needs about 10,000.
    pub table_elements: usize,
    /// Core instances, memories and tables that the component may be made of. Default: 100; a Python component has 20.
    pub instances: usize,
    /// Log lines in ten seconds, for all instances of the plugin together. Default: 100.
    pub log_lines: u32,
    /// Records in a minute that may end as dead letters because the plugin failed at them, for all its instances together. One
    /// more, and it rests for a minute. Default: 1000: odd records stay below, a plugin that fails at every record does not.
    pub faults_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory_bytes: 64 * 1024 * 1024,
            batch_time: Duration::from_secs(1),
            record_time: Duration::from_millis(10),
            start_time: Duration::from_secs(10),
            output_factor: 4,
            output_extra_bytes: 64 * 1024,
            table_elements: 100_000,
            instances: 100,
            log_lines: 100,
            faults_per_minute: 1000,
        }
    }
}

impl Limits {
    /// Time for a batch of `records`.
    pub(crate) fn time_for(&self, records: usize) -> Duration {
        self.batch_time.saturating_add(self.record_time.saturating_mul(u32::try_from(records).unwrap_or(u32::MAX)))
    }

    /// Bytes of output for a batch of `input` bytes.
    pub(crate) fn output_for(&self, input: usize) -> usize {
        input.saturating_mul(self.output_factor).saturating_add(self.output_extra_bytes)
    }
}
