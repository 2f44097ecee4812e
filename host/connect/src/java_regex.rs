//! Regular expressions in Java's syntax, run by `fancy-regex`.
//!
//! What the two read differently is rewritten: Java's `\w`, `\d`, `\s` and POSIX classes are ASCII, `\Q…\E` quotes, flags have other letters.
//! A quantifier behind a lookaround is refused, for the engine has none. What is wrong with a pattern is said in Java's words where people
//! see it most, else in the engine's.

mod replacement;
#[cfg(test)]
mod tests;
mod translate;

use std::fmt::{self, Debug, Formatter};

use fancy_regex::Regex;

use crate::data::DataError;

pub(crate) use replacement::Replacement;

/// Steps after which a pattern is taken to hang on a text.
const STEPS: usize = 1_000_000;

#[derive(Clone)]
pub(crate) struct JavaRegex {
    whole: Regex,
    anywhere: Regex,
}

impl JavaRegex {
    /// The error is what Java says of the pattern.
    pub(crate) fn new(pattern: &str) -> Result<JavaRegex, String> {
        if let Some(error) = translate::fault(pattern) {
            return Err(error);
        }
        let translated = translate::translate(pattern);
        let build = |text: &str| {
            fancy_regex::RegexBuilder::new(text).backtrack_limit(STEPS).build().map_err(|error| format!("{error}\n{pattern}"))
        };
        Ok(JavaRegex { anywhere: build(&translated)?, whole: build(&format!("\\A(?:{translated})\\z"))? })
    }

    /// Whether the whole text is what the pattern says; an error when the pattern hangs on it.
    pub(crate) fn matches(&self, text: &str) -> Result<bool, DataError> {
        self.whole.is_match(text).map_err(hangs)
    }

    /// `text` with `replacement` for the first part that is what the pattern says.
    pub(crate) fn replace_first(&self, text: &str, replacement: &Replacement) -> Result<String, DataError> {
        let Some(found) = self.anywhere.captures(text).map_err(hangs)? else { return Ok(text.to_owned()) };
        let mut replaced = String::with_capacity(text.len() + 16);
        let whole = found.get(0).map_or(0..0, |found| found.range());
        replaced.push_str(&text[..whole.start]);
        replacement.append(&found, &mut replaced)?;
        replaced.push_str(&text[whole.end..]);
        Ok(replaced)
    }

    pub(crate) fn replacement(&self, text: &str) -> Replacement {
        Replacement::new(text, &self.anywhere)
    }
}

fn hangs(error: fancy_regex::Error) -> DataError {
    DataError { exception: "java.lang.StackOverflowError", message: error.to_string() }
}

impl Debug for JavaRegex {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "JavaRegex({})", self.anywhere.as_str())
    }
}
