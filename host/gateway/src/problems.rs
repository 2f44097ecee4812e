//! What is wrong with a configuration file: every problem at once, each with its place and what to do about it.

use std::fmt;
use std::path::Path;

/// Where in the file, counted from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) const START: Place = Place { line: 1, column: 1 };

    /// The place of the byte at `offset`.
    pub(crate) fn of(source: &str, offset: usize) -> Place {
        let before = &source[..source.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Why there are no settings. Prints as the whole answer to its reader, without the leading `error: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigProblems {
    #[error("{}", unreadable(file, reason))]
    Unreadable { file: String, reason: String },
    #[error("{}", wrong(file, problems))]
    Wrong { file: String, problems: Vec<Problem> },
    #[error("the worker's configuration cannot be used\n  because: {}", problems.join("\n  because: "))]
    Worker { problems: Vec<String> },
}

impl ConfigProblems {
    pub(crate) fn unreadable(file: &Path, reason: impl Into<String>) -> ConfigProblems {
        ConfigProblems::Unreadable { file: file.display().to_string(), reason: reason.into() }
    }

    /// What is wrong with a Connect worker's properties.
    pub(crate) fn worker(problems: Vec<String>) -> ConfigProblems {
        ConfigProblems::Worker { problems }
    }

    /// `problems` in the order in which they stand in the file.
    pub(crate) fn wrong(file: &Path, mut problems: Vec<Problem>) -> ConfigProblems {
        problems.sort_by_key(|problem| problem.place);
        ConfigProblems::Wrong { file: file.display().to_string(), problems }
    }
}

fn unreadable(file: &str, reason: &str) -> impl fmt::Display {
    format!("the configuration `{file}` could not be read\n  because: {reason}\n\nhint: name the file with `--config FILE`")
}

fn wrong(file: &str, problems: &[Problem]) -> impl fmt::Display {
    let mut text = match problems.len() {
        1 => format!("the configuration `{file}` has a problem"),
        count => format!("the configuration `{file}` has {count} problems"),
    };
    for Problem { place: Place { line, column }, message, hint } in problems {
        text += &format!("\n  because: {file}:{line}:{column}: {message}");
        if let Some(hint) = hint {
            text += &format!("\n     hint: {hint}");
        }
    }
    text += &format!("\n\nhint: change the file, then run `snowgate check --config {file}`");
    text
}

/// The one of `known` that `written` was probably meant to be.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase().replace('-', "_");
    // A third of the letters wrong is a slip; more is another word.
    let slip = written.chars().count() / 3;
    let distance = |name: &str| {
        let part_of = written.len() >= 3 && name.len() >= 3 && (name.starts_with(&written) || written.starts_with(name));
        let distance = strsim::damerau_levenshtein(&written, name);
        if part_of { distance.min(slip) } else { distance }
    };
    known.into_iter().map(|name| (distance(name), name)).filter(|(distance, _)| *distance <= slip).min().map(|(_, name)| name)
}

/// Names in backticks, with commas.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let source = "a = 1\nü = \"é\" # x\n";
        let place = |needle: &str| Place::of(source, source.find(needle).unwrap());
        assert_eq!(place("a"), Place { line: 1, column: 1 });
        assert_eq!(place("ü"), Place { line: 2, column: 1 });
        assert_eq!(place("x"), Place { line: 2, column: 11 });
        assert_eq!(Place::of(source, 1_000), Place { line: 3, column: 1 });
    }

    #[test]
    fn a_slip_finds_the_name_that_was_meant_and_another_word_finds_none() {
        let known = ["brokers", "group", "start", "dead_letter_topic", "linger"];
        assert_eq!(nearest("borkers", known), Some("brokers"));
        assert_eq!(nearest("broker", known), Some("brokers"));
        assert_eq!(nearest("dead-letter", known), Some("dead_letter_topic"));
        assert_eq!(nearest("group_id", known), Some("group"));
        assert_eq!(nearest("Linger", known), Some("linger"));
        assert_eq!(nearest("bootstrap", known), None);
        assert_eq!(nearest("x", ["a"]), None);
        assert_eq!(nearest("", known), None);
    }
}
