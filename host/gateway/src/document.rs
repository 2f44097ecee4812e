//! The configuration file as a document: read, held against the table of keys, and freed of what is wrong.
//!
//! Every wrong key or value becomes a problem with its place and is taken out, so that the checks that follow see the rest and
//! find what is wrong there too. A table that lacks something it needs is taken out whole. What is left deserializes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use snowgate_snowflake::config::SecretSource;
use toml::de::{DeString, DeTable, DeValue};
use toml::{Deserializer, Spanned};

use crate::config::Config;
use crate::keys::{Key, Kind, ROOT, home_of};
use crate::problems::{Place, Problem, list, nearest};
use crate::units::{ByteSize, HumanDuration, UnitError};

/// What is known of the file beside its values: where each key stands, and what is wrong so far.
#[derive(Debug)]
pub(crate) struct Document<'s> {
    source: &'s str,
    places: BTreeMap<String, Place>,
    /// Paths that had a value, which was wrong.
    spoilt: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl<'s> Document<'s> {
    /// Reads `source`. Secrets that it refers to are read from beside the file, in `folder`.
    pub(crate) fn read(source: &'s str, folder: &Path) -> (Document<'s>, Option<Config>) {
        let mut document = Document { source, places: BTreeMap::new(), spoilt: BTreeSet::new(), problems: Vec::new() };
        let (mut root, errors) = DeTable::parse_recoverable(source);
        if !errors.is_empty() {
            // What a parser makes of the rest of a broken file is guesswork, so nothing else is checked, and of what it says about
            // one line only the first counts.
            for error in errors {
                let place = error.span().map_or(Place::START, |span| Place::of(source, span.start));
                if document.problems.last().is_none_or(|last| last.place.line != place.line) {
                    document.problem(place, error.message().lines().collect::<Vec<_>>().join(", "), None);
                }
            }
            return (document, None);
        }
        document.table("", Place::START, root.get_mut(), ROOT, folder);
        match Config::deserialize(Deserializer::from(root)) {
            Ok(config) => (document, Some(config)),
            Err(error) => {
                let place = error.span().map_or(Place::START, |span| Place::of(source, span.start));
                document.problem(place, error.message().to_owned(), None);
                (document, None)
            }
        }
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Whether the value at `path` was refused for its form: what it would have said is not known.
    pub(crate) fn is_spoilt(&self, path: &str) -> bool {
        self.spoilt.contains(path)
    }

    /// Whether `path` is written, right or wrong.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.places.contains_key(path)
    }

    /// Whether the section `name` is written and nothing in it was refused.
    pub(crate) fn is_fine(&self, name: &str) -> bool {
        let inside = |path: &String| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.places.contains_key(name) && !self.spoilt.iter().any(inside)
    }

    /// Adds a problem of the value at `path`, or of the nearest table around it that the file has.
    pub(crate) fn problem_at(&mut self, path: &str, message: impl Into<String>, hint: Option<String>) {
        let mut at = path;
        let place = loop {
            if let Some(place) = self.places.get(at) {
                break *place;
            }
            match at.rfind(['.', '[']) {
                Some(end) => at = &at[..end],
                None => break Place::START,
            }
        };
        self.problem(place, message.into(), hint);
    }

    fn problem(&mut self, place: Place, message: String, hint: Option<String>) {
        self.problems.push(Problem { place, message, hint });
    }

    /// Takes out of `table` what is wrong and says whether it still has all that it needs.
    fn table(&mut self, path: &str, at: Place, table: &mut DeTable<'s>, keys: &'static [Key], folder: &Path) -> bool {
        let mut present = Vec::new();
        let mut whole = true;
        retain(table, |name, value| {
            let place = Place::of(self.source, name.span().start);
            let written = name.get_ref().as_ref();
            let Some(key) = keys.iter().find(|key| key.name == written) else {
                self.unknown_key(path, written, place, keys);
                return false;
            };
            present.push(key.name);
            let path = join(path, written);
            let fine = self.value(&path, place, value, key, folder);
            if !fine {
                self.spoilt.insert(path);
                whole &= !key.required;
            }
            fine
        });
        for key in keys.iter().filter(|key| key.required && !present.contains(&key.name)) {
            let what = match key.kind {
                Kind::Section(_) | Kind::Named(_) => format!("section `{}` is missing", key.example),
                _ => format!("`{}` is missing", join(path, key.name)),
            };
            let hint = match key.kind {
                Kind::Section(_) | Kind::Named(_) => None,
                _ => Some(format!("write `{}`", key.example)),
            };
            self.problem(at, what, hint);
            whole = false;
        }
        whole
    }

    fn unknown_key(&mut self, path: &str, written: &str, place: Place, keys: &'static [Key]) {
        let known = || keys.iter().map(|key| key.name);
        let hint = match (nearest(written, known()), home_of(written)) {
            (_, Some(home)) => format!("`{written}` belongs in `{home}`"),
            (Some(meant), None) => format!("did you mean `{meant}`?"),
            (None, None) => format!("the keys here are {}", list(known())),
        };
        self.problem(place, format!("unknown key `{}`", join(path, written)), Some(hint));
    }

    /// Whether the value has the form that its key asks for. Adds the problem where not.
    fn value(&mut self, path: &str, key_place: Place, value: &mut Spanned<DeValue<'s>>, key: &'static Key, folder: &Path) -> bool {
        let place = Place::of(self.source, value.span().start);
        // A table with a header of its own stands where its name does.
        self.places.insert(path.to_owned(), if value.get_ref().is_table() { key_place } else { place });
        let place = self.places[path];
        match (&key.kind, value.get_mut()) {
            (Kind::Text | Kind::TextOrTexts, DeValue::String(_))
            | (Kind::Flag, DeValue::Boolean(_))
            | (Kind::Any, DeValue::Table(_)) => true,
            (Kind::Size, DeValue::String(text)) => self.unit(path, place, text.parse::<ByteSize>()),
            (Kind::Duration, DeValue::String(text)) => self.unit(path, place, text.parse::<HumanDuration>()),
            (Kind::Count, DeValue::Integer(number)) => {
                let fits = u32::from_str_radix(number.as_str(), number.radix()).is_ok();
                if !fits {
                    self.problem(place, format!("`{path}` is out of range"), Some(format!("write `{}`", key.example)));
                }
                fits
            }
            (Kind::Choice(choices), DeValue::String(text)) => {
                let known = choices.contains(&text.as_ref());
                if !known {
                    let hint = nearest(text, choices.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
                    self.problem(place, format!("`{path}` is `{text}`, not one of {}", list(choices.iter().copied())), hint);
                }
                known
            }
            (Kind::Texts | Kind::TextOrTexts, DeValue::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.places.insert(format!("{path}[{index}]"), Place::of(self.source, item.span().start));
                }
                items.iter().all(|item| item.get_ref().is_str())
                    || self.wrong_form(path, place, "a list with other things than texts", key)
            }
            (Kind::TextTable, DeValue::Table(entries)) => {
                for (name, item) in entries.iter() {
                    self.places.insert(join(path, name.get_ref()), Place::of(self.source, item.span().start));
                }
                entries.values().all(|item| item.get_ref().is_str())
                    || self.wrong_form(path, place, "a table with other things than texts", key)
            }
            (Kind::Secret, DeValue::Table(entries)) => {
                secret_source(entries).is_some() || {
                    self.problem(
                        place,
                        format!("`{path}` names neither a file nor an environment variable"),
                        Some(format!("write `{}`", key.example)),
                    );
                    false
                }
            }
            (Kind::Secret, DeValue::String(_)) => {
                // The text may be the secret itself, so it is not repeated.
                self.problem(
                    place,
                    format!("`{path}` is a secret, and this file is no place for one"),
                    Some(format!("write `{}`", key.example)),
                );
                false
            }
            (Kind::Properties, DeValue::Table(entries)) => self.properties(path, entries, folder),
            (Kind::Section(keys), DeValue::Table(inner)) => self.table(path, place, inner, keys, folder),
            (Kind::Named(keys), DeValue::Table(named)) => {
                retain(named, |name, value| {
                    let path = join(path, name.get_ref());
                    let place = Place::of(self.source, name.span().start);
                    self.places.insert(path.clone(), place);
                    let fine = match value.get_mut() {
                        DeValue::Table(inner) => self.table(&path, place, inner, keys, folder),
                        other => {
                            let found = describe(other);
                            self.wrong_form(&path, place, found, key)
                        }
                    };
                    if !fine {
                        self.spoilt.insert(path);
                    }
                    fine
                });
                // A pipeline that was taken out is a problem already; the others still count.
                true
            }
            (Kind::List(keys), DeValue::Array(items)) => {
                let mut whole = true;
                for (index, item) in items.iter_mut().enumerate() {
                    let path = format!("{path}[{index}]");
                    let place = Place::of(self.source, item.span().start);
                    self.places.insert(path.clone(), place);
                    whole &= match item.get_mut() {
                        DeValue::Table(inner) => self.table(&path, place, inner, keys, folder),
                        other => {
                            let found = describe(other);
                            self.wrong_form(&path, place, found, key)
                        }
                    };
                }
                whole
            }
            (_, other) => {
                let found = describe(other);
                self.wrong_form(path, place, found, key)
            }
        }
    }

    fn wrong_form(&mut self, path: &str, place: Place, found: &str, key: &Key) -> bool {
        let wanted = match key.kind {
            Kind::Text => "a text",
            Kind::Size => "a size",
            Kind::Duration => "a duration",
            Kind::Count => "a whole number",
            Kind::Flag => "`true` or `false`",
            Kind::Choice(choices) => &format!("one of {}", list(choices.iter().copied())),
            Kind::Texts => "a list of texts",
            Kind::TextOrTexts => "a text or a list of texts",
            Kind::TextTable | Kind::Properties => "a table of texts",
            Kind::Secret => "a file or an environment variable",
            Kind::Any => "a table",
            Kind::Section(_) => "a section",
            Kind::Named(_) => "a section with a name",
            Kind::List(_) => "a list of tables",
        };
        self.problem(place, format!("`{path}` is {found}, not {wanted}"), Some(format!("write `{}`", key.example)));
        false
    }

    fn unit<T>(&mut self, path: &str, place: Place, parsed: Result<T, UnitError>) -> bool {
        match parsed {
            Ok(_) => true,
            Err(error) => {
                self.problem(place, format!("`{path}`: {error}"), Some(error.hint().to_owned()));
                false
            }
        }
    }

    /// Checks librdkafka's properties and puts each secret in the place of its reference. A wrong one is taken out.
    fn properties(&mut self, path: &str, entries: &mut DeTable<'s>, folder: &Path) -> bool {
        retain(entries, |name, value| {
            let name_place = Place::of(self.source, name.span().start);
            let name = name.get_ref().as_ref();
            let path = property_path(path, name);
            let place = Place::of(self.source, value.span().start);
            self.places.insert(path.clone(), place);
            let (place, message, hint) = match value.get_mut() {
                DeValue::String(_) if is_secret(name) => {
                    let variable = name.to_ascii_uppercase().replace(['.', '-'], "_");
                    (
                        place,
                        format!("`{name}` is a secret, and this file is no place for one"),
                        format!("write `\"{name}\" = {{ env = \"KAFKA_{variable}\" }}`"),
                    )
                }
                DeValue::String(_) => return true,
                DeValue::Table(reference) => match secret_source(reference) {
                    Some(source) => match source.within(folder).read("properties") {
                        Ok(secret) => {
                            let text = secret.expose_secret().trim_end_matches(['\r', '\n']).to_owned();
                            *value.get_mut() = DeValue::String(Cow::Owned(text));
                            return true;
                        }
                        Err(problem) => {
                            self.problem(place, format!("`{name}`: {}", problem.message), problem.hint);
                            return false;
                        }
                    },
                    None => {
                        let property = format!("{name}.{}", dotted(reference));
                        (
                            name_place,
                            format!("`{name}` is a table, not a property"),
                            format!("put the property's name in quotes: `\"{property}\"`"),
                        )
                    }
                },
                DeValue::Integer(number) => {
                    (place, format!("`{name}` is a number, not a text"), format!("write `\"{name}\" = \"{number}\"`"))
                }
                DeValue::Boolean(flag) => {
                    (place, format!("`{name}` is a boolean, not a text"), format!("write `\"{name}\" = \"{flag}\"`"))
                }
                other => (place, format!("`{name}` is {}, not a text", describe(other)), format!("write `\"{name}\" = \"…\"`")),
            };
            self.problem(place, message, Some(hint));
            false
        });
        true
    }
}

/// Keeps the entries that `keep` says yes to. It sees where each name stands.
fn retain<'s>(table: &mut DeTable<'s>, mut keep: impl FnMut(&Spanned<DeString<'s>>, &mut Spanned<DeValue<'s>>) -> bool) {
    let entries = std::mem::take(table).into_iter();
    *table = entries.filter_map(|(name, mut value)| keep(&name, &mut value).then_some((name, value))).collect();
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The path of a property. Its name has dots, so it stands in quotes.
fn property_path(path: &str, name: &str) -> String {
    format!("{path}.\"{name}\"")
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// `{ file = "…" }` or `{ env = "…" }`.
fn secret_source(table: &DeTable<'_>) -> Option<SecretSource> {
    let (name, value) = table.iter().next().filter(|_| table.len() == 1)?;
    let text = value.get_ref().as_str()?;
    match name.get_ref().as_ref() {
        "file" => Some(SecretSource::File(text.into())),
        "env" => Some(SecretSource::Env(text.to_owned())),
        _ => None,
    }
}

/// The names down to the first value: what a dotted key without quotes was meant to be.
fn dotted(table: &DeTable<'_>) -> String {
    let Some((name, value)) = table.iter().next() else { return "…".to_owned() };
    match value.get_ref() {
        DeValue::Table(inner) => format!("{}.{}", name.get_ref(), dotted(inner)),
        _ => name.get_ref().to_string(),
    }
}

/// Whether a librdkafka property holds a secret.
fn is_secret(property: &str) -> bool {
    property.ends_with("password") || property.ends_with("secret") || property.ends_with(".pem") && property.contains("key")
}
