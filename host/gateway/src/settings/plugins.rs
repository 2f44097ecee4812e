//! A pipeline's plugins: what `[plugins]` and its `[[pipeline.NAME.transform]]` sections mean together.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use semver::VersionReq;
use snowgate_transform::{Capability, Limits, PluginSettings, Tables, UnknownCapability};

use super::Check;
use crate::config::{LimitsConfig, OnError, OnPlugin, PluginsConfig, TransformConfig};
use crate::problems::{list, nearest};
use crate::units::{ByteSize, HumanDuration};

const PLUGIN_MEMORY: RangeInclusive<ByteSize> = ByteSize::mib(1)..=ByteSize::mib(4_096);
const PLUGIN_TIME: RangeInclusive<HumanDuration> = HumanDuration::millis(10)..=HumanDuration::seconds(60);
const PLUGIN_START_TIME: RangeInclusive<HumanDuration> = HumanDuration::millis(10)..=HumanDuration::seconds(300);
/// What a plugin makes of a batch is memory of ours.
const PLUGIN_OUTPUT: RangeInclusive<u32> = 1..=1_000;
const PLUGIN_LOG_LINES: RangeInclusive<u32> = 0..=100_000;
/// Oftener would only read the disk.
const WATCH: RangeInclusive<HumanDuration> = HumanDuration::millis(100)..=HumanDuration::seconds(3_600);

/// What `[plugins]` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PluginsSettings {
    /// Where compiled plugins are kept, if anywhere.
    pub(crate) cache: Option<PathBuf>,
    /// How often plugins' files are looked at for changes, if at all.
    pub(crate) watch: Option<Duration>,
}

/// One plugin of a pipeline, and what becomes of the records that it does not take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TransformSettings {
    pub(crate) plugin: PluginSettings,
    /// What its version has to be.
    pub(crate) version: Option<VersionReq>,
    /// `None` leaves it to the pipeline's `on_error`.
    pub(crate) on_reject: Option<OnError>,
    pub(crate) on_trap: Option<OnError>,
}

impl TransformSettings {
    /// Whether a plugin that was loaded for these settings will do for `other`.
    pub(crate) fn is_like(&self, other: &TransformSettings) -> bool {
        self.plugin == other.plugin && self.version == other.version
    }

    /// What becomes of a record that the plugin did not take for `reason`, where that is said.
    pub(crate) fn on_error(&self, reason: &str) -> Option<OnError> {
        // A table that is not allowed is an answer, and no failure.
        if matches!(reason, "plugin_rejected" | "table_not_allowed") { self.on_reject } else { self.on_trap }
    }
}

impl From<OnPlugin> for OnError {
    fn from(written: OnPlugin) -> OnError {
        match written {
            OnPlugin::DeadLetter => OnError::DeadLetter,
            OnPlugin::Drop => OnError::Drop,
            OnPlugin::Block => OnError::Block,
        }
    }
}

impl PluginsSettings {
    /// Where nothing is said.
    pub(super) fn unsaid() -> PluginsSettings {
        PluginsSettings { cache: snowgate_transform::cache_folder(), watch: None }
    }
}

impl Check<'_> {
    /// What `[plugins]` says, for all pipelines.
    pub(super) fn plugins_section(&mut self, config: &PluginsConfig) -> PluginsSettings {
        let cache = match config.cache.as_deref() {
            Some("off") => None,
            Some(folder) => Some(self.folder.join(folder)),
            None => PluginsSettings::unsaid().cache,
        };
        if let Some(watch) = config.watch {
            self.range("plugins.watch", watch, WATCH);
        }
        PluginsSettings { cache, watch: config.watch.map(HumanDuration::get) }
    }

    /// What one pipeline's `[[transform]]` sections say; `folder` is where `use` looks.
    pub(super) fn plugins(
        &mut self,
        pipeline: &str,
        transforms: &[TransformConfig],
        folder: &Path,
        has_dead_letter_topic: bool,
        tables: &Arc<Tables>,
    ) -> Vec<TransformSettings> {
        let mut names = BTreeSet::new();
        let mut plugins = Vec::new();
        for (index, transform) in transforms.iter().enumerate() {
            let path = format!("{pipeline}.transform[{index}]");
            let Some(Found { file, name, version }) = self.plugin_file(&path, transform, folder) else { continue };
            let name = transform.name.clone().unwrap_or(name);
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')) {
                let hint = "give it a `name` of letters, digits, `_`, `-` and `.`";
                self.document.problem_at(&format!("{path}.name"), format!("`{name}` cannot name a plugin"), Some(hint.to_owned()));
            }
            if !names.insert(name.clone()) {
                let hint = "give each a `name` of its own";
                self.document.problem_at(&path, format!("two plugins are named `{name}`"), Some(hint.to_owned()));
            }
            if let Some(digest) = transform.sha256.as_ref().filter(|digest| !is_sha256(digest)) {
                let hint = "`sha256sum FILE` prints it: 64 digits of 0 to 9 and a to f";
                self.document.problem_at(&format!("{path}.sha256"), format!("`{digest}` is no SHA-256"), Some(hint.to_owned()));
            }
            for (key, asked) in [("on_reject", transform.on_reject), ("on_trap", transform.on_trap)] {
                let at = format!("{path}.{key}");
                if asked == Some(OnPlugin::DeadLetter) && !has_dead_letter_topic {
                    let hint = "add `dead_letter_topic = \"…\"` to the pipeline";
                    let message = format!("`{at}` is `dead_letter`, but there is no dead letter topic");
                    self.document.problem_at(&at, message, Some(hint.to_owned()));
                }
            }
            let plugin = PluginSettings {
                name,
                path: file,
                sha256: transform.sha256.clone(),
                allow: self.capabilities(&format!("{path}.allow"), transform.allow.as_deref()),
                config_json: self.plugin_config(&format!("{path}.with"), &transform.with),
                limits: self.limits(&format!("{path}.limits"), &transform.limits),
                tables: tables.clone(),
            };
            let (on_reject, on_trap) = (transform.on_reject.map(OnError::from), transform.on_trap.map(OnError::from));
            plugins.push(TransformSettings { plugin, version, on_reject, on_trap });
        }
        plugins
    }

    /// The file that `use` or `path` names. `None` only where there is a problem.
    fn plugin_file(&mut self, path: &str, transform: &TransformConfig, folder: &Path) -> Option<Found> {
        match (&transform.used, &transform.path) {
            (Some(_), Some(_)) => {
                let hint = "leave out one of them";
                self.document.problem_at(path, format!("`{path}` has both `use` and `path`"), Some(hint.to_owned()));
                None
            }
            (None, None) => {
                if !["use", "path"].iter().any(|key| self.document.is_spoilt(&format!("{path}.{key}"))) {
                    let hint = "write `use = \"kline-flatten\"`, or the file's `path`";
                    self.document.problem_at(path, format!("`{path}` names no plugin"), Some(hint.to_owned()));
                }
                None
            }
            (Some(used), None) => self.used_plugin(&format!("{path}.use"), used, folder),
            (None, Some(written)) => {
                let file = self.folder.join(written);
                if let Err((message, hint)) = try_plugin(&file) {
                    self.document.problem_at(&format!("{path}.path"), message, hint.map(str::to_owned));
                }
                Some(Found { name: stem(&file), file, version: None })
            }
        }
    }

    /// `NAME` or `NAME@VERSION`, from the folder of plugins.
    fn used_plugin(&mut self, path: &str, used: &str, folder: &Path) -> Option<Found> {
        let (name, version) = match used.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (used, None),
        };
        let version = match version.map(VersionReq::parse).transpose() {
            Ok(version) => version,
            Err(error) => {
                let hint = format!("write `{name}@1`, `{name}@1.2` or `{name}@=1.2.3`");
                self.document.problem_at(path, format!("`{used}` asks for no version: {error}"), Some(hint));
                return None;
            }
        };
        if name.contains(['/', '\\']) || name.ends_with(".wasm") {
            let message = format!("`{name}` is a file, and `use` takes the name of a plugin in `{}`", folder.display());
            self.document.problem_at(path, message, Some(format!("write `path = \"{name}\"`")));
            return None;
        }
        let spellings = [name.to_owned(), name.replace('-', "_"), name.replace('_', "-")];
        let file = spellings.iter().map(|spelling| folder.join(format!("{spelling}.wasm"))).find(|file| try_plugin(file).is_ok());
        if let Some(file) = file {
            return Some(Found { file, name: name.to_owned(), version });
        }
        let shown = folder.display();
        let (message, hint) = match plugins_in(folder) {
            Err(error) => (
                format!("there is no plugin `{name}`: the folder `{shown}` could not be read: {error}"),
                "name the folder of plugins: `folder` in `[plugins]`".to_owned(),
            ),
            Ok(there) => {
                let hint = match nearest(name, there.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if there.is_empty() => format!("put `{name}.wasm` there, or name its `path`"),
                    None => format!("the plugins there are {}", list(there.iter().map(String::as_str))),
                };
                (format!("there is no plugin `{name}` in `{shown}`"), hint)
            }
        };
        self.document.problem_at(path, message, Some(hint));
        None
    }

    /// What a plugin may import; everything there is where nothing is said.
    fn capabilities(&mut self, path: &str, allow: Option<&[String]>) -> Vec<Capability> {
        let Some(names) = allow else { return Capability::ALL.to_vec() };
        let mut allowed = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match name.parse() {
                Ok(capability) => allowed.push(capability),
                Err(unknown) => {
                    let unknown: UnknownCapability = unknown;
                    self.document.problem_at(&format!("{path}[{index}]"), format!("`{name}` cannot be allowed: {unknown}"), None);
                }
            }
        }
        allowed
    }

    /// The plugin's own configuration as JSON.
    fn plugin_config(&mut self, path: &str, with: &toml::Table) -> String {
        match to_json(&toml::Value::Table(with.clone())) {
            Some(json) => json.to_string(),
            None => {
                self.document.problem_at(
                    path,
                    format!("`{path}` holds a number that JSON cannot write"),
                    Some("leave out `nan` and `inf`".to_owned()),
                );
                String::new()
            }
        }
    }

    fn limits(&mut self, path: &str, config: &LimitsConfig) -> Limits {
        self.range(&format!("{path}.memory"), config.memory, PLUGIN_MEMORY);
        self.range(&format!("{path}.time"), config.time, PLUGIN_TIME);
        self.range(&format!("{path}.start_time"), config.start_time, PLUGIN_START_TIME);
        self.range(&format!("{path}.output_factor"), config.output_factor, PLUGIN_OUTPUT);
        self.range(&format!("{path}.log_lines"), config.log_lines, PLUGIN_LOG_LINES);
        Limits {
            memory_bytes: config.memory.bytes(),
            batch_time: config.time.get(),
            start_time: config.start_time.get(),
            output_factor: config.output_factor as usize,
            log_lines: config.log_lines,
            faults_per_minute: config.faults_per_minute,
            ..Limits::default()
        }
    }
}

/// A plugin's file, what it is called there, and what version it must have.
struct Found {
    file: PathBuf,
    name: String,
    version: Option<VersionReq>,
}

/// The names of the plugins in `folder`, in order.
fn plugins_in(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "wasm") {
            names.push(stem(&file));
        }
    }
    names.sort();
    Ok(names)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether the plugin's file can be read. What is in it is looked at when it is loaded.
fn try_plugin(file: &Path) -> Result<(), (String, Option<&'static str>)> {
    let shown = file.display();
    let metadata = std::fs::File::open(file).and_then(|opened| opened.metadata()).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            (format!("plugin `{shown}` does not exist"), Some("a relative path starts at the folder of the configuration file"))
        }
        _ => (format!("plugin `{shown}` could not be read: {error}"), None),
    })?;
    if metadata.is_file() { Ok(()) } else { Err((format!("plugin `{shown}` is not a file"), None)) }
}

fn stem(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// `None` for a number that JSON does not have.
fn to_json(value: &toml::Value) -> Option<serde_json::Value> {
    Some(match value {
        toml::Value::String(text) => text.clone().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(*number)?.into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.iter().map(to_json).collect::<Option<Vec<_>>>()?.into(),
        toml::Value::Table(entries) => {
            let entries = entries.iter().map(|(name, value)| Some((name.clone(), to_json(value)?)));
            serde_json::Value::Object(entries.collect::<Option<_>>()?)
        }
    })
}
