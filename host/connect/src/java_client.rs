//! Java's client properties as librdkafka's: what users write as `consumer.override.*`, `producer.*`, or for the whole worker.
//!
//! [`table`] has a row for each of Java's properties; [`security`] what takes more than a new name. A property that does nothing here
//! is left out and [`notes`] says why; values are checked as Java checks them, with its words, even where they do nothing.

mod security;
mod table;

use secrecy::SecretString;

use crate::config_def::{ConfigError, ConfigMap, Default, Importance, Key, Kind};
use crate::settings::Start;
use table::{Client, Handling, ROWS, Row};

/// A property that does nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub key: String,
    pub reason: &'static str,
}

/// A consumer's properties.
pub fn consumer(config: &ConfigMap) -> Result<Vec<(String, SecretString)>, Vec<ConfigError>> {
    translate(config, Client::Consumer)
}

/// A producer's properties.
pub fn producer(config: &ConfigMap) -> Result<Vec<(String, SecretString)>, Vec<ConfigError>> {
    translate(config, Client::Producer)
}

/// The properties that every client has, out of a worker's; others are passed over.
pub fn common(config: &ConfigMap) -> Result<Vec<(String, SecretString)>, Vec<ConfigError>> {
    translate(config, Client::Any)
}

/// `auto.offset.reset`. Java's `none` and durations have no like here: they are errors of [`consumer`] and `None` here.
pub fn start(config: &ConfigMap) -> Option<Start> {
    match given(config, "auto.offset.reset")?.to_ascii_lowercase().as_str() {
        "earliest" => Some(Start::Earliest),
        "latest" => Some(Start::Latest),
        _ => None,
    }
}

/// `group.id`, which Connect lets a connector choose; without it the group is `connect-<name>`.
pub fn group(config: &ConfigMap) -> Option<String> {
    given(config, "group.id").map(str::to_owned)
}

/// The properties of a consumer or producer that do nothing here, each with the reason.
pub fn notes(config: &ConfigMap) -> Vec<Note> {
    let note = |key: &String| {
        let reason = match find(key).map(|row| row.handling) {
            Some(Handling::NotNeeded(reason) | Handling::Owned(reason)) => reason,
            None if is_plugin_key(key) => "settings of classes that are not used here",
            None => "no client property is called so; the original ignores it too",
            Some(_) => return None,
        };
        Some(Note { key: key.clone(), reason })
    };
    config.keys().filter_map(note).collect()
}

/// Whether `key` is a property that consumers, producers and the worker itself have alike.
pub(crate) fn is_common(key: &str) -> bool {
    find(key).is_some_and(|row| row.client == Client::Any)
}

fn given<'a>(config: &'a ConfigMap, key: &str) -> Option<&'a str> {
    config.get(key)?.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn find(key: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == key)
}

/// Prefixes below which Java hands keys on to metrics reporters and callbacks.
fn is_plugin_key(key: &str) -> bool {
    ["metrics.", "metric.", "interceptor.", "sasl.login.callback.", "confluent."].iter().any(|prefix| key.starts_with(prefix))
}

fn translate(config: &ConfigMap, client: Client) -> Result<Vec<(String, SecretString)>, Vec<ConfigError>> {
    let mut properties = Vec::new();
    let mut errors = Vec::new();
    for (key, value) in config {
        let (Some(row), Some(value)) = (find(key), value) else { continue };
        if row.client != Client::Any && row.client != client {
            continue;
        }
        let value = value.trim();
        let checked = check(row, value);
        let wrong = checked.is_err();
        errors.extend(checked.err());
        if wrong {
            continue;
        }
        match row.handling {
            Handling::Same => properties.push((row.name.to_owned(), value.to_owned())),
            Handling::Renamed(name) => properties.push((name.to_owned(), value.to_owned())),
            Handling::Translated(translation) => match translation(value) {
                Ok(translated) => properties.extend(translated.into_iter().map(|(name, value)| (name.to_owned(), value))),
                Err(why) => {
                    errors.push(ConfigError::invalid(row.name, if row.kind == Kind::Password { "[hidden]" } else { value }, &why))
                }
            },
            Handling::NotNeeded(_) | Handling::Owned(_) | Handling::Stores => {}
        }
    }
    match security::stores(config) {
        Ok(stores) => properties.extend(stores),
        Err(wrong) => errors.extend(wrong),
    }
    let secret = |(name, value): (String, String)| (name, SecretString::from(value));
    if errors.is_empty() { Ok(properties.into_iter().map(secret).collect()) } else { Err(errors) }
}

/// The value by its type, and in its range.
fn check(row: &Row, value: &str) -> Result<(), ConfigError> {
    let key = Key::new(row.name, row.kind, Default::Null, Importance::Low, "");
    let parsed = match row.kind {
        // An error would show it.
        Kind::Password => return Ok(()),
        _ => key.read(value)?,
    };
    let number = match parsed {
        crate::config_def::Parsed::Int(number) => Some(i64::from(number)),
        crate::config_def::Parsed::Long(number) => Some(number),
        _ => None,
    };
    match (number, row.at_least) {
        (Some(number), Some(least)) if number < least => {
            Err(ConfigError::invalid(row.name, value, &format!("Value must be at least {least}")))
        }
        _ if !row.one_of.is_empty() && !row.one_of.iter().any(|one| one.eq_ignore_ascii_case(value)) => {
            Err(ConfigError::invalid(row.name, value, &format!("String must be one of: {}", row.one_of.join(", "))))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
