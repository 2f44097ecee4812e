//! A pipeline's plugins: what its `[[pipeline.NAME.transform]]` sections mean together.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

use snowgate_transform::{Capability, Limits, PluginSettings, UnknownCapability};

use super::Check;
use crate::config::{LimitsConfig, TransformConfig};
use crate::units::{ByteSize, HumanDuration};

const PLUGIN_MEMORY: RangeInclusive<ByteSize> = ByteSize::mib(1)..=ByteSize::mib(4_096);
const PLUGIN_TIME: RangeInclusive<HumanDuration> = HumanDuration::millis(10)..=HumanDuration::seconds(60);

impl Check<'_> {
    /// What one pipeline's `[[transform]]` sections say.
    pub(super) fn plugins(&mut self, path: &str, transforms: &[TransformConfig]) -> Vec<PluginSettings> {
        let mut names = BTreeSet::new();
        let mut plugins = Vec::new();
        for (index, transform) in transforms.iter().enumerate() {
            let path = format!("{path}.transform[{index}]");
            let file = self.folder.join(&transform.plugin);
            if let Err((message, hint)) = try_plugin(&file) {
                self.document.problem_at(&format!("{path}.plugin"), message, hint.map(str::to_owned));
            }
            let name = transform.name.clone().unwrap_or_else(|| stem(&file));
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
            plugins.push(PluginSettings {
                name,
                path: file,
                sha256: transform.sha256.clone(),
                allow: self.capabilities(&format!("{path}.allow"), transform.allow.as_deref()),
                config_json: self.plugin_config(&format!("{path}.with"), &transform.with),
                limits: self.limits(&format!("{path}.limits"), &transform.limits),
            });
        }
        plugins
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
        Limits {
            memory_bytes: config.memory.bytes(),
            batch_time: config.time.get(),
            faults_per_minute: config.faults_per_minute,
            ..Limits::default()
        }
    }
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
