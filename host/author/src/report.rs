//! What people and programs see: steps, tables, JSON, and failures that say what to do.

use std::fmt::{self, Display};
use std::io::{IsTerminal as _, Write as _, stderr, stdout};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    message: String,
    /// From the nearest to the first.
    causes: Vec<String>,
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It ran, and the answer is no: a test failed, a program failed.
    Failed,
    /// What was given is wrong, and a person has to change it.
    Input,
    /// Kafka cannot be reached.
    Unreachable,
}

impl Failure {
    pub(crate) fn input(message: impl Into<String>) -> Failure {
        Failure { kind: Kind::Input, message: message.into(), causes: Vec::new(), hint: None }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Failure {
        Failure { kind: Kind::Failed, message: message.into(), causes: Vec::new(), hint: None }
    }

    pub(crate) fn because(mut self, cause: &dyn std::error::Error) -> Failure {
        let mut next = Some(cause);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// What another crate says went wrong.
    pub(crate) fn of(kind: Kind, error: &dyn std::error::Error, hint: Option<String>) -> Failure {
        let failure = Failure { kind, message: error.to_string(), causes: Vec::new(), hint };
        match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        }
    }

    /// A plugin that does not load or start.
    pub(crate) fn of_plugin(error: &snowgate_transform::Error) -> Failure {
        Failure::of(Kind::Input, error, error.hint())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        for cause in &self.causes {
            write!(f, "\n  because: {}", cause.replace('\n', "\n    "))?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// Prints a line. A reader who went away has heard enough.
pub(crate) fn say(line: impl Display) {
    printed(line);
}

/// Prints a line. False when nobody reads any more.
pub(crate) fn printed(line: impl Display) -> bool {
    writeln!(stdout().lock(), "{line}").is_ok()
}

/// Tells a person something beside the output.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// A step that is done.
pub(crate) fn done(label: &str, text: impl Display) {
    say(format_args!("  {} {label:<10} {text}", paint("32", "✓")));
}

/// A step that failed.
pub(crate) fn failed(label: &str, text: impl Display) {
    say(format_args!("  {} {label:<10} {text}", paint("31", "✗")));
}

/// One object on one line.
pub(crate) fn json(value: &serde_json::Value) {
    say(value);
}

pub(crate) fn bold(text: &str) -> String {
    paint("1", text)
}

fn paint(code: &str, text: &str) -> String {
    if stdout().is_terminal() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Lines whose columns stand under each other.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text += &format!("  {}\n", cells.join("  ").trim_end());
    }
    text
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 case`, `2 cases`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{} {what}s", thousands(number as u64)) }
}

/// Bytes as people say them.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 10_000 { format!("{bytes} bytes") } else { format!("{} KB", thousands(bytes.div_ceil(1000))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_tables_are_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(table(&[vec!["a".into(), "b".into()], vec!["long".into(), "x".into()]]), "  a     b\n  long  x\n");
    }

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let cause = std::io::Error::other("disk full");
        let failure = Failure::failed("could not write `x`").because(&cause).hint("make room");
        assert_eq!(failure.to_string(), "error: could not write `x`\n  because: disk full\n\nhint: make room");
    }
}
