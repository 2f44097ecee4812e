//! `transforms` and `predicates`: from their aliases to the steps of a road, and to the WASM plugins before and after it.

use std::path::PathBuf;

use serde_json::Value;

use crate::config_def::{ConfigMap, below, framework};
use crate::plugins::{self, CAPABILITIES, Class, PluginKind, WASM_PLUGIN};
use crate::predicate::Predicate;
use crate::road::Step;
use crate::settings::PluginStep;
use crate::smt::Transform;
use crate::worker::WorkerSettings;

use super::Texts;

/// What a record meets, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps {
    pub(crate) before: Vec<PluginStep>,
    pub(crate) native: Vec<Step>,
    pub(crate) after: Vec<PluginStep>,
}

/// Reads all steps; the errors with the keys they belong to.
pub(crate) fn read(config: &ConfigMap, worker: &WorkerSettings) -> Result<Steps, Vec<(String, String)>> {
    let mut steps = Steps::default();
    let mut errors = Vec::new();
    for alias in framework::aliases(config, "transforms") {
        let kind_key = format!("transforms.{alias}.type");
        match plugins::find(Texts(config).given(&kind_key).unwrap_or_default(), PluginKind::Transformation) {
            Some(Class::Plugin(plugin)) if plugin.class == WASM_PLUGIN => match wasm_plugin(config, &alias, worker) {
                Ok(step) if steps.native.is_empty() => steps.before.push(step),
                Ok(step) => steps.after.push(step),
                Err(error) => errors.push(error),
            },
            Some(Class::Plugin(_)) if !steps.after.is_empty() => errors.push((
                kind_key,
                format!("{alias} stands behind a WASM plugin that stands behind another transform: WASM plugins must come before all other transforms or after all of them"),
            )),
            Some(Class::Plugin(plugin)) => match native(config, &alias, plugin.class) {
                Ok(step) => steps.native.push(step),
                Err(error) => errors.push(error),
            },
            _ => errors.push((kind_key, format!("transforms.{alias}.type is not a transform"))),
        }
    }
    match errors.is_empty() {
        true => Ok(steps),
        false => Err(errors),
    }
}

fn native(config: &ConfigMap, alias: &str, class: &str) -> Result<Step, (String, String)> {
    let kind_key = format!("transforms.{alias}.type");
    let own = below(config, &format!("transforms.{alias}."));
    let texts = Texts(&own);
    let named = texts.given("predicate");
    let predicate = named.map(|name| predicate(config, alias, name)).transpose()?;
    let mut of_transform = own.clone();
    for key in ["type", "predicate", "negate", "plugin.version"] {
        of_transform.shift_remove(key);
    }
    let transform = Transform::configure(class, &of_transform).map_err(|error| (kind_key.clone(), error.0))?;
    Ok(Step { name: alias.into(), class: class.into(), transform, predicate, negate: texts.is_true("negate") })
}

fn predicate(config: &ConfigMap, transform: &str, name: &str) -> Result<Predicate, (String, String)> {
    let key = format!("transforms.{transform}.predicate");
    if !framework::aliases(config, "predicates").iter().any(|alias| alias == name) {
        return Err((key, format!("transforms.{transform}.predicate names {name}, which is not among the predicates")));
    }
    let kind_key = format!("predicates.{name}.type");
    let Some(Class::Plugin(plugin)) = plugins::find(Texts(config).given(&kind_key).unwrap_or_default(), PluginKind::Predicate)
    else {
        return Err((kind_key.clone(), format!("{kind_key} is not a predicate")));
    };
    let mut own = below(config, &format!("predicates.{name}."));
    own.shift_remove("type");
    own.shift_remove("plugin.version");
    Predicate::configure(plugin.class, &own).map_err(|error| (kind_key, error.0))
}

fn wasm_plugin(config: &ConfigMap, alias: &str, worker: &WorkerSettings) -> Result<PluginStep, (String, String)> {
    let prefix = format!("transforms.{alias}.");
    let own = below(config, &prefix);
    let texts = Texts(&own);
    for key in ["predicate", "negate"] {
        if own.contains_key(key) {
            return Err((
                format!("{prefix}{key}"),
                format!("{prefix}{key} cannot be given to a WASM plugin, which chooses its records itself"),
            ));
        }
    }
    let path = texts.given("path").ok_or_else(|| (format!("{prefix}path"), format!("{prefix}path must name the plugin's file")))?;
    let found = match texts.is_reference("path") {
        true => Some(PathBuf::from(path)),
        false => located(path, worker),
    };
    let path = found.ok_or_else(|| (format!("{prefix}path"), format!("{prefix}path names {path}, but there is no such file")))?;
    let single = below(&own, "config.");
    let config_json = match (texts.given("config"), single.is_empty()) {
        (Some(_), false) => {
            return Err((
                format!("{prefix}config"),
                format!("{prefix}config and {prefix}config.KEY are both given; one of them is enough"),
            ));
        }
        (Some(text), true) => {
            let value: Value =
                serde_json::from_str(text).map_err(|_| (format!("{prefix}config"), format!("{prefix}config is not JSON")))?;
            value.to_string()
        }
        (None, _) => {
            let keys = single.into_iter().map(|(key, value)| (key, value.map_or(Value::Null, Value::String)));
            Value::Object(keys.collect()).to_string()
        }
    };
    let sha256 = texts.given("sha256").map(str::to_owned);
    if let Some(digest) = sha256.as_ref().filter(|_| !texts.is_reference("sha256")).filter(|digest| !is_sha256(digest)) {
        let message = format!("{prefix}sha256 is {digest}, which is no SHA-256: 64 digits of 0 to 9 and a to f");
        return Err((format!("{prefix}sha256"), message));
    }
    let allow = match own.contains_key("allow") {
        true => allowed(texts.given("allow").unwrap_or_default()).map_err(|name| {
            let message = format!("{prefix}allow names {name}, and there are {} to allow", CAPABILITIES.join(" and "));
            (format!("{prefix}allow"), message)
        })?,
        false => CAPABILITIES.to_vec(),
    };
    Ok(PluginStep { name: alias.to_owned(), path, config_json, sha256, allow })
}

/// The capabilities of a list; or what is none.
fn allowed(list: &str) -> Result<Vec<&'static str>, &str> {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| CAPABILITIES.into_iter().find(|known| *known == name).ok_or(name)).collect()
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The plugin's file, which may also be named from one of the folders of `plugin.path`.
fn located(path: &str, worker: &WorkerSettings) -> Option<PathBuf> {
    let folders = worker.plugin_path.iter().map(|folder| folder.join(path));
    std::iter::once(PathBuf::from(path)).chain(folders).find(|path| path.is_file())
}
