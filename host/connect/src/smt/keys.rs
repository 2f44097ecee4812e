//! The keys that transforms share, how their values are checked, and what was given for them.

use crate::config_def::{ConfigError, ConfigMap, Default, Importance, Key, Kind, Parsed, Validator, alone};

pub(crate) fn required(name: &'static str, kind: Kind, importance: Importance, documentation: &'static str) -> Key {
    Key::new(name, kind, Default::Required, importance, documentation)
}

pub(super) fn optional(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    importance: Importance,
    documentation: &'static str,
) -> Key {
    Key::new(name, kind, Default::Text(default.into()), importance, documentation)
}

/// A text that is null unless it is given.
pub(super) fn nullable(name: &'static str, kind: Kind, importance: Importance, documentation: &'static str) -> Key {
    Key::new(name, kind, Default::Null, importance, documentation)
}

pub(super) fn replace_null() -> Key {
    let documentation = "Whether a null in a field whose schema has a default becomes that default.";
    optional("replace.null.with.default", Kind::Boolean, "true", Importance::Medium, documentation)
}

/// What [`non_empty_list`] checks, in the words of Kafka's own list check.
pub(super) const ANY_NON_EMPTY: Validator = |key, value| match value {
    Parsed::List(items) if items.is_empty() => {
        Err(alone(&format!("Configuration '{}' must not be empty. Valid values include: any non-empty value", key.base_name())))
    }
    _ => POSSIBLY_EMPTY(key, value),
};

pub(super) const POSSIBLY_EMPTY: Validator = |key, value| match value {
    Parsed::Null => Err(alone(&format!("Configuration '{}' values must not be null.", key.base_name()))),
    Parsed::List(items) if items.iter().any(String::is_empty) => {
        Err(alone(&format!("Configuration '{}' values must not be empty.", key.base_name())))
    }
    _ => Ok(()),
};

pub(super) fn non_empty_list(_: &Key, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::List(items) if !items.is_empty() => Ok(()),
        _ => Err("Empty list".to_owned()),
    }
}

pub(super) fn non_null(_: &Key, value: &Parsed) -> Result<(), String> {
    if *value == Parsed::Null { Err("entry must be non null".to_owned()) } else { Ok(()) }
}

pub(crate) fn non_empty_string(_: &Key, value: &Parsed) -> Result<(), String> {
    if value.text() == Some("") { Err("String must be non-empty".to_owned()) } else { Ok(()) }
}

pub(super) fn one_of(value: &Parsed, known: &[&str]) -> Result<(), String> {
    match value.text() {
        Some(text) if known.contains(&text) => Ok(()),
        _ => Err(format!("String must be one of: {}", known.join(", "))),
    }
}

/// The values of all keys, read and checked.
pub(crate) struct Given(Vec<(String, Parsed)>);

impl Given {
    pub(crate) fn read(keys: &[Key], config: &ConfigMap) -> Result<Given, ConfigError> {
        keys.iter().map(|key| Ok((key.name.to_string(), key.value_in(config)?))).collect::<Result<_, _>>().map(Given)
    }

    fn get(&self, name: &str) -> &Parsed {
        self.0.iter().find(|(key, _)| key == name).map_or(&Parsed::Null, |(_, value)| value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).text()
    }

    /// Empty where it is null.
    pub(crate) fn string(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    pub(super) fn list(&self, name: &str) -> &[String] {
        match self.get(name) {
            Parsed::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn int(&self, name: &str) -> Option<i32> {
        match self.get(name) {
            Parsed::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn replace_null(&self) -> bool {
        self.get("replace.null.with.default").is_true()
    }
}

/// As Java's `split(":")`: nothing is left of empty parts at the end.
pub(super) fn split_colons(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 1 {
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
    }
    parts
}
