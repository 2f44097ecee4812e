//! Kafka's `ConfigDef`: what keys there are, how a key's text is read, and what its errors say.
//!
//! The messages are Kafka's own, word for word, for clients show them and people search for them.

use std::borrow::Cow;

use indexmap::IndexMap;

/// A configuration as it is posted: flat, in order, each value text or null.
pub type ConfigMap = IndexMap<String, Option<String>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    High,
    Medium,
    Low,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    None,
    Short,
    Medium,
    Long,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Default {
    /// There is none, and the key must be given.
    Required,
    Null,
    /// As it is shown; read as if it were given.
    Text(Cow<'static, str>),
}

pub mod framework;
pub mod snowflake;
pub mod snowflake_v3;
pub mod snowflake_v4;

/// Checks a value that was read, or [`Parsed::Null`] where nothing could be. The error is what follows
/// `Invalid value v for configuration k: `; one made by [`alone`] stands without those words.
pub type Validator = fn(&Key, &Parsed) -> Result<(), String>;

#[derive(Debug, Clone)]
pub struct Key {
    pub name: Cow<'static, str>,
    pub kind: Kind,
    pub default: Default,
    pub validator: Option<Validator>,
    pub importance: Importance,
    pub documentation: Cow<'static, str>,
    pub group: Option<Cow<'static, str>>,
    pub order_in_group: i32,
    pub width: Width,
    pub display_name: Cow<'static, str>,
    pub dependents: Vec<Cow<'static, str>>,
    pub recommended: Vec<String>,
    /// Whether a form should show it.
    pub visible: bool,
    /// How many bytes of `name` are a prefix, such as `transforms.a.`, that what checks the value does not know of.
    pub prefix: usize,
}

/// What became of a key when its configuration was validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Null as well where the text could not be read.
    pub value: Parsed,
    pub errors: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    Null,
    Boolean(bool),
    String(String),
    Int(i32),
    Short(i16),
    Long(i64),
    Double(f64),
    List(Vec<String>),
    Class(String),
    Password(String),
}

/// Marks the message of a [`Validator`] that is said without `Invalid value …` before it.
const ALONE: char = '\u{1}';

/// The message of a [`Validator`] that stands alone.
pub fn alone(message: &str) -> String {
    format!("{ALONE}{message}")
}

/// `ConfigException`, as `Invalid value v for configuration k: …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    pub fn invalid(name: &str, value: &str, why: &str) -> ConfigError {
        ConfigError(format!("Invalid value {value} for configuration {name}: {why}"))
    }

    pub(crate) fn unknown_class(name: &str, class: &str) -> ConfigError {
        ConfigError::invalid(name, class, &format!("Class {class} could not be found."))
    }
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Boolean => "BOOLEAN",
            Kind::String => "STRING",
            Kind::Int => "INT",
            Kind::Short => "SHORT",
            Kind::Long => "LONG",
            Kind::Double => "DOUBLE",
            Kind::List => "LIST",
            Kind::Class => "CLASS",
            Kind::Password => "PASSWORD",
        }
    }
}

impl Key {
    /// A key without a group, as the Snowflake connector and the transforms have them.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        default: Default,
        importance: Importance,
        documentation: impl Into<Cow<'static, str>>,
    ) -> Key {
        let name = name.into();
        Key {
            display_name: name.clone(),
            name,
            kind,
            default,
            validator: None,
            importance,
            documentation: documentation.into(),
            group: None,
            order_in_group: -1,
            width: Width::None,
            dependents: Vec::new(),
            recommended: Vec::new(),
            visible: true,
            prefix: 0,
        }
    }

    /// Without its prefix.
    pub fn base_name(&self) -> &str {
        &self.name[self.prefix..]
    }

    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Key {
        self.prefix += prefix.len();
        self.name = format!("{prefix}{}", self.name).into();
        self
    }

    pub fn is_required(&self) -> bool {
        self.default == Default::Required
    }

    #[must_use]
    pub fn validated(mut self, validator: Validator) -> Key {
        self.validator = Some(validator);
        self
    }

    #[must_use]
    pub fn grouped(
        mut self,
        group: impl Into<Cow<'static, str>>,
        order: i32,
        width: Width,
        display_name: impl Into<Cow<'static, str>>,
    ) -> Key {
        self.group = Some(group.into());
        self.order_in_group = order;
        self.width = width;
        self.display_name = display_name.into();
        self
    }

    /// Reads `text` as Kafka's `parseType` does.
    pub fn read(&self, text: &str) -> Result<Parsed, ConfigError> {
        let invalid = |why: &str| ConfigError::invalid(&self.name, text, why);
        let trimmed = text.trim();
        match self.kind {
            Kind::Boolean => match trimmed {
                _ if trimmed.eq_ignore_ascii_case("true") => Ok(Parsed::Boolean(true)),
                _ if trimmed.eq_ignore_ascii_case("false") => Ok(Parsed::Boolean(false)),
                _ => Err(invalid("Expected value to be either true or false")),
            },
            Kind::String => Ok(Parsed::String(trimmed.to_owned())),
            Kind::Int => trimmed.parse().map(Parsed::Int).map_err(|_| invalid("Not a number of type INT")),
            Kind::Short => trimmed.parse().map(Parsed::Short).map_err(|_| invalid("Not a number of type SHORT")),
            Kind::Long => trimmed.parse().map(Parsed::Long).map_err(|_| invalid("Not a number of type LONG")),
            Kind::Double => trimmed.parse().map(Parsed::Double).map_err(|_| invalid("Not a number of type DOUBLE")),
            Kind::List if trimmed.is_empty() => Ok(Parsed::List(Vec::new())),
            Kind::List => Ok(Parsed::List(trimmed.split(',').map(|item| item.trim().to_owned()).collect())),
            Kind::Class => Ok(Parsed::Class(trimmed.to_owned())),
            Kind::Password => Ok(Parsed::Password(trimmed.to_owned())),
        }
    }

    /// The value of this key in `config`, or its default; checked.
    pub fn value_in(&self, config: &ConfigMap) -> Result<Parsed, ConfigError> {
        let parsed = match (config.get(&*self.name), &self.default) {
            (Some(Some(text)), _) => self.read(text)?,
            (Some(None), _) | (None, Default::Null) => Parsed::Null,
            (None, Default::Text(text)) => self.read(text)?,
            (None, Default::Required) => {
                return Err(ConfigError(format!("Missing required configuration \"{}\" which has no default value.", self.name)));
            }
        };
        if let Some(validator) = self.validator {
            validator(self, &parsed).map_err(|why| ConfigError(self.complaint(&parsed, &why)))?;
        }
        Ok(parsed)
    }

    /// As [`Key::value_in`], but goes on after the first error, as Kafka does when it validates: a text that cannot be read is
    /// checked once more as null.
    pub fn check(&self, config: &ConfigMap) -> Checked {
        let mut errors = Vec::new();
        let value = match (config.get(&*self.name), &self.default) {
            (Some(Some(text)), _) => self.read(text).unwrap_or_else(|error| {
                errors.push(error.0);
                Parsed::Null
            }),
            (Some(None), _) | (None, Default::Null) => Parsed::Null,
            (None, Default::Text(text)) => self.read(text).unwrap_or(Parsed::Null),
            (None, Default::Required) => {
                errors.push(format!("Missing required configuration \"{}\" which has no default value.", self.name));
                Parsed::Null
            }
        };
        if let Some(validator) = self.validator {
            errors.extend(validator(self, &value).err().map(|why| self.complaint(&value, &why)));
        }
        Checked { value, errors }
    }

    fn complaint(&self, value: &Parsed, why: &str) -> String {
        match why.strip_prefix(ALONE) {
            Some(message) => message.to_owned(),
            None => ConfigError::invalid(self.base_name(), &value.shown(), why).0,
        }
    }
}

impl Parsed {
    /// As an error shows it.
    pub fn shown(&self) -> String {
        match self {
            Parsed::Null => "null".to_owned(),
            Parsed::Boolean(flag) => flag.to_string(),
            Parsed::String(text) | Parsed::Class(text) => text.clone(),
            Parsed::Int(number) => number.to_string(),
            Parsed::Short(number) => number.to_string(),
            Parsed::Long(number) => number.to_string(),
            Parsed::Double(number) => number.to_string(),
            Parsed::List(items) => format!("[{}]", items.join(", ")),
            Parsed::Password(_) => "[hidden]".to_owned(),
        }
    }

    /// As the answer of a validation shows it.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Parsed::Null => None,
            Parsed::List(items) => Some(items.join(",")),
            other => Some(other.shown()),
        }
    }

    pub fn is_true(&self) -> bool {
        *self == Parsed::Boolean(true)
    }

    /// The text of a string, a class or a password.
    pub fn text(&self) -> Option<&str> {
        match self {
            Parsed::String(text) | Parsed::Class(text) | Parsed::Password(text) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<i64> {
        match self {
            Parsed::Int(number) => Some(i64::from(*number)),
            Parsed::Short(number) => Some(i64::from(*number)),
            Parsed::Long(number) => Some(*number),
            _ => None,
        }
    }

    pub fn list(&self) -> &[String] {
        match self {
            Parsed::List(items) => items,
            _ => &[],
        }
    }
}

/// `ValidString`: one of a few words.
pub fn one_of(value: &Parsed, words: &[&str]) -> Result<(), String> {
    match value.text() {
        Some(text) if words.contains(&text) => Ok(()),
        _ => Err(format!("String must be one of: {}", words.join(", "))),
    }
}

/// `NonEmptyString`; null passes.
pub fn non_empty(_: &Key, value: &Parsed) -> Result<(), String> {
    match value.text() {
        Some("") => Err("String must be non-empty".to_owned()),
        _ => Ok(()),
    }
}

/// `Range.atLeast`.
pub fn at_least<const LEAST: i64>(_: &Key, value: &Parsed) -> Result<(), String> {
    match value.number() {
        None => Err("Value must be non-null".to_owned()),
        Some(number) if number < LEAST => Err(format!("Value must be at least {LEAST}")),
        Some(_) => Ok(()),
    }
}

/// The keys of `config` below `prefix`, without it.
pub fn below(config: &ConfigMap, prefix: &str) -> ConfigMap {
    config.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone()))).collect()
}

/// How a Java `HashMap` came to have its entries, on which its size depends, and on that their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// One after another.
    OneByOne,
    /// From another map.
    AtOnce,
}

/// The order in which Java's `HashMap` keeps `keys`. Users see it in error messages and in the answer of a validation.
pub fn hash_order<'a>(keys: impl IntoIterator<Item = &'a str>, filled: Filled) -> Vec<&'a str> {
    let mut keys: Vec<&str> = keys.into_iter().collect();
    let mut buckets = match filled {
        Filled::OneByOne => 16,
        Filled::AtOnce => 1,
    };
    // A table grows when it is three quarters full; one that is made to measure has room for one more.
    let least = |buckets: usize| match filled {
        Filled::OneByOne => keys.len() * 4 <= buckets * 3,
        Filled::AtOnce => keys.len() * 4 / 3 < buckets,
    };
    while !least(buckets) {
        buckets *= 2;
    }
    keys.sort_by_key(|key| {
        let hash = key.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
    keys
}
