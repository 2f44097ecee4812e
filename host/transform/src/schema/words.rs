//! What is wrong with an option, in words, and of several wrongs the one to tell.

use std::fmt::{self, Display};

use serde_json::Value;

/// What is wrong with one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionProblem {
    /// Where, such as `fields[0].from`; empty for the configuration as a whole.
    pub path: String,
    /// What is expected there, such as ``must be a string, and is an integer``.
    pub message: String,
}

impl Display for OptionProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OptionProblem { path, message } = self;
        if path.is_empty() { formatter.write_str(message) } else { write!(formatter, "`{path}` {message}") }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub(super) path: String,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// It is what was found, and must be one of these.
    Type {
        found: &'static str,
        wanted: Vec<&'static str>,
    },
    /// It must be one of these values.
    Choice {
        values: Vec<String>,
        meant: Option<String>,
    },
    Missing,
    /// At least one of these options is needed.
    NoneOf(Vec<String>),
    Unknown {
        meant: Option<String>,
        known: Vec<String>,
    },
    /// Whatever else it must be or have.
    Other(String),
}

impl Display for What {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meant = |meant: &Option<String>| meant.as_ref().map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        match self {
            What::Type { found, wanted } => write!(formatter, "must be {}, and is {found}", join(wanted, "or")),
            What::Choice { values, meant: near } => write!(formatter, "must be {}{}", join(values, "or"), meant(near)),
            What::Missing => formatter.write_str("is missing"),
            What::NoneOf(names) => write!(formatter, "needs at least one of {}", join(&quoted(names), "and")),
            What::Unknown { meant: None, known } if known.is_empty() => formatter.write_str("is no option; there are none here"),
            What::Unknown { meant: None, known } => write!(formatter, "is no option; there are {}", join(&quoted(known), "and")),
            What::Unknown { meant: near, .. } => write!(formatter, "is no option{}", meant(near)),
            What::Other(text) => formatter.write_str(text),
        }
    }
}

/// What to say of a value at `path` that fits none of several forms, each of which missed it by `misses`.
pub(super) fn told_of(misses: Vec<Vec<Problem>>, path: &str) -> Vec<Problem> {
    let singles: Option<Vec<&Problem>> = misses.iter().map(|miss| if let [only] = &miss[..] { Some(only) } else { None }).collect();
    if let Some(what) = singles.and_then(|singles| combined(&singles, path)) {
        return vec![Problem { path: path.to_owned(), what }];
    }
    // A form for another type or with another tag was not meant. Of the others the one that fits best.
    let is_here = |problem: &Problem| !within_to_name(path, &problem.path).contains(['.', '[']);
    let is_other_form = |miss: &[Problem]| {
        let of_type_or_tag = miss.iter().any(|problem| match problem.what {
            What::Type { .. } => problem.path == path,
            What::Choice { .. } => is_here(problem),
            _ => false,
        });
        // Of `{"cast": …}` a form that wants `rename` instead says that one is missing and the other unknown.
        let has = |what: fn(&What) -> bool| miss.iter().any(|problem| is_here(problem) && what(&problem.what));
        of_type_or_tag || has(|what| *what == What::Missing) && has(|what| matches!(what, What::Unknown { .. }))
    };
    misses.into_iter().min_by_key(|miss| (is_other_form(miss), miss.len())).unwrap_or_default()
}

/// Several forms of which each misses by one thing, in one.
fn combined(singles: &[&Problem], path: &str) -> Option<What> {
    if let Some(names) =
        singles.iter().map(|single| (single.what == What::Missing).then(|| within_to_name(path, &single.path))).collect()
    {
        return Some(What::NoneOf(names));
    }
    if singles.iter().any(|single| single.path != path) {
        return None;
    }
    let mut expected: Vec<String> = Vec::new();
    let mut near = None;
    for single in singles {
        match &single.what {
            What::Type { wanted, .. } => expected.extend(wanted.iter().map(|wanted| (*wanted).to_owned())),
            What::Choice { values, meant } => {
                expected.extend(values.iter().cloned());
                near = near.or_else(|| meant.clone());
            }
            What::Other(text) => expected.push(text.strip_prefix("must ").unwrap_or(text).to_owned()),
            _ => return None,
        }
    }
    Some(What::Choice { values: expected, meant: near })
}

/// The path of option `name` in the object at `path`.
pub(super) fn within(path: &str, name: &str) -> String {
    let is_bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let name = if is_bare { name.to_owned() } else { Value::from(name).to_string() };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// What `within` added to `path`.
fn within_to_name(path: &str, longer: &str) -> String {
    longer.strip_prefix(path).unwrap_or(longer).trim_start_matches('.').to_owned()
}

fn quoted(names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}

fn join(words: &[impl AsRef<str>], conjunction: &str) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => only.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {conjunction} {}", first.join(", "), last.as_ref())
        }
    }
}

/// The one of `known` that `written` was probably meant to be: a third of its letters may be wrong.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let normal = |name: &str| name.to_lowercase().replace('-', "_");
    let written = normal(written);
    let near = known.map(|name| (strsim::damerau_levenshtein(&written, &normal(name)), name)).min()?;
    (near.0 <= written.chars().count() / 3).then_some(near.1)
}
