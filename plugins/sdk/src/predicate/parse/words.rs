//! The words and signs of a predicate.

use super::super::{Source, Test};
use super::{Meaning, Mistake, Parser};
use crate::json::is_number;

impl<'a> Parser<'a> {
    /// Text in quotes, a number, `true` or `false`, if one stands here.
    pub(super) fn literal(&mut self) -> Result<Option<Meaning>, Mistake> {
        match self.rest().as_bytes().first() {
            Some(b'"' | b'\'') => self.quoted("text").map(|text| Some(Meaning::Text(Source::Text(text)))),
            Some(b'-' | b'.' | b'0'..=b'9') => {
                let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_');
                let mut length = 1 + self.rest()[1..].find(|letter| !is_part(letter)).unwrap_or(self.rest().len() - 1);
                if self.rest()[..length].ends_with(['e', 'E']) && self.rest()[length..].starts_with(['+', '-']) {
                    length += 1;
                    length += self.rest()[length..].find(|letter| !is_part(letter)).unwrap_or(self.rest().len() - length);
                }
                let number = &self.rest()[..length];
                if !is_number(number.as_bytes()) {
                    let what = format!("`{number}` is no number: write it as JSON does, such as `0.5`, `-1` or `1e6`");
                    return Err(self.here(&what));
                }
                self.at += length;
                Ok(Some(Meaning::Number(Source::Number(number.to_owned()))))
            }
            _ if self.takes_word("true") => Ok(Some(Meaning::Test(Test::Is(true)))),
            _ if self.takes_word("false") => Ok(Some(Meaning::Test(Test::Is(false)))),
            _ => Ok(None),
        }
    }

    pub(super) fn quoted(&mut self, what: &str) -> Result<String, Mistake> {
        self.blanks();
        let start = self.at;
        let mut letters = self.rest().chars();
        let Some(quote @ ('"' | '\'')) = letters.next() else { return Err(self.here(&format!("expected {what}"))) };
        let mut text = String::new();
        loop {
            match letters.next() {
                None => return Err(Mistake { at: start, what: format!("the `{quote}` that ends the text is missing") }),
                Some(letter) if letter == quote => break,
                Some('\\') => match letters.next() {
                    Some(letter @ ('"' | '\'' | '\\')) => text.push(letter),
                    _ => return Err(Mistake { at: start, what: "after `\\` comes a quote or another `\\`".into() }),
                },
                Some(letter) => text.push(letter),
            }
        }
        self.at = self.text.len() - letters.as_str().len();
        Ok(text)
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub(super) fn here(&self, what: &str) -> Mistake {
        Mistake { at: self.at, what: what.to_owned() }
    }

    pub(super) fn takes(&mut self, sign: &str) -> bool {
        self.blanks();
        let takes = self.rest().starts_with(sign);
        self.at += if takes { sign.len() } else { 0 };
        takes
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), Mistake> {
        if self.takes(sign) { Ok(()) } else { Err(self.here(&format!("expected `{sign}`"))) }
    }

    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let start = self.at;
        let takes = self.word() == word;
        if !takes {
            self.at = start;
        }
        takes
    }

    /// Letters, digits and `_`, if they stand here.
    pub(super) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}
