//! Texts with gaps that each record fills, as operators write them in an option: `KLINE_{data.k.i}`.
//!
//! In braces stands a field, names joined by dots; or `topic`, `key`, or `header.NAME`. A field with one of those names is reached by
//! `value.` before it. Of a field come text, numbers as they are written, true and false.
//!
//! ```
//! use snowgate_plugin::template::Template;
//!
//! assert!(Template::parse("table", "KLINE_{data.k.i}").is_ok());
//! assert_eq!(Template::parse("table", "KLINE_{data").err().unwrap(), "`table` is wrong: a brace stands alone");
//! ```

use std::fmt;
use std::str::from_utf8;

use crate::Record;
use crate::json::{Fields, Found, Malformed, Path, Scanner, unquote};

/// A template, taken apart.
pub struct Template {
    pieces: Vec<Piece>,
    fields: Fields,
    found: Found,
}

enum Piece {
    Text(String),
    Topic,
    Key,
    Header(String),
    /// Its number among the fields, and its path.
    Field(usize, Path),
}

/// Why a record does not fill a template, in words for the dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfilled<'t> {
    /// It has no key that is text.
    Key,
    /// It has no such header that is text.
    Header(&'t str),
    /// It has no single value there.
    Field(&'t Path),
    /// Its value is not the JSON that was looked for.
    Malformed(Malformed),
}

impl fmt::Display for Unfilled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfilled::Key => f.write_str("the record has no key that is text"),
            Unfilled::Header(name) => write!(f, "the record has no header `{name}` that is text"),
            Unfilled::Field(path) => write!(f, "the record has no text, number, true or false at `{path}`"),
            Unfilled::Malformed(malformed) => malformed.fmt(f),
        }
    }
}

impl From<Malformed> for Unfilled<'_> {
    fn from(malformed: Malformed) -> Self {
        Unfilled::Malformed(malformed)
    }
}

impl Template {
    /// Makes sense of what the operator wrote in `option`. The error is for the operator.
    pub fn parse(option: &str, text: &str) -> Result<Template, String> {
        let mut template = Template { pieces: Vec::new(), fields: Fields::default(), found: Found::default() };
        template.take_apart(text).map_err(|why| format!("`{option}` is wrong: {why}"))?;
        Ok(template)
    }

    fn take_apart(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, behind) = rest.split_at(at);
            let (name, behind) =
                behind.strip_prefix('{').and_then(|behind| behind.split_once('}')).ok_or("a brace stands alone")?;
            self.add_text(plain);
            self.add_name(name)?;
            rest = behind;
        }
        self.add_text(rest);
        Ok(())
    }

    fn add_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
    }

    fn add_name(&mut self, name: &str) -> Result<(), String> {
        let piece = match (name, name.strip_prefix("header.")) {
            ("topic", _) => Piece::Topic,
            ("key", _) => Piece::Key,
            (_, Some("")) => return Err("write `{header.NAME}` with the header's name".into()),
            (_, Some(header)) => Piece::Header(header.to_owned()),
            _ => {
                let path: Path = name.strip_prefix("value.").unwrap_or(name).parse()?;
                Piece::Field(self.fields.add(path.names()), path)
            }
        };
        self.pieces.push(piece);
        Ok(())
    }

    /// Whether all that it yields is the record's: there is neither fixed text nor the topic in it.
    pub fn is_only_the_records(&self) -> bool {
        !self.pieces.iter().any(|piece| matches!(piece, Piece::Text(_) | Piece::Topic))
    }

    /// Makes `text` what the template yields for `record`. Each part that fills a gap goes through `change` first, and may get other
    /// letters there; fixed text does not.
    pub fn fill(&mut self, record: &Record<'_>, text: &mut String, change: impl Fn(&mut str)) -> Result<(), Unfilled<'_>> {
        text.clear();
        // Where the value is no object, it has no fields.
        let value = record.value().filter(|value| Scanner::new(value).peek() == Some(b'{')).unwrap_or(b"{}");
        self.fields.find(value, &mut self.found)?;
        for piece in &self.pieces {
            let start = text.len();
            match piece {
                Piece::Text(plain) => {
                    text.push_str(plain);
                    continue;
                }
                Piece::Topic => text.push_str(record.topic()),
                Piece::Key => text.push_str(record.key().and_then(|key| from_utf8(key).ok()).ok_or(Unfilled::Key)?),
                Piece::Header(name) => {
                    // Of one name the last counts.
                    let header = record.headers().filter(|(header, _)| *header == name.as_bytes()).last();
                    let header = header.and_then(|(_, value)| from_utf8(value?).ok());
                    text.push_str(header.ok_or(Unfilled::Header(name))?);
                }
                Piece::Field(number, path) => {
                    if !push_scalar(text, self.found.get(*number, value))? {
                        return Err(Unfilled::Field(path));
                    }
                }
            }
            change(&mut text[start..]);
        }
        Ok(())
    }
}

/// Adds a field's value, a text without its quotes. False where there is none, or it is null, an object or an array.
fn push_scalar(text: &mut String, value: Option<&[u8]>) -> Result<bool, Malformed> {
    let Some(value) = value else { return Ok(false) };
    let malformed = Malformed { at: 0 };
    match value.first() {
        Some(b'"') => text.push_str(from_utf8(&unquote(value).ok_or(malformed)?).map_err(|_| malformed)?),
        Some(b'n' | b'{' | b'[') | None => return Ok(false),
        Some(_) => text.push_str(from_utf8(value).map_err(|_| malformed)?),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Template::parse("to", text).err().expect("it is refused")
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (text, why) in [
            ("A_{i", "`to` is wrong: a brace stands alone"),
            ("A_}", "`to` is wrong: a brace stands alone"),
            ("A_{a..b}", "`to` is wrong: `a..b` is no way to a field"),
            ("A_{}", "`to` is wrong: `` is no way to a field"),
            ("A_{header.}", "`to` is wrong: write `{header.NAME}`"),
        ] {
            assert!(refusal(text).starts_with(why), "{}", refusal(text));
        }
    }

    #[test]
    fn fixed_text_and_the_topic_are_not_the_records() {
        for (text, only) in [("{a}", true), ("{header.kind}{key}", true), ("", true), ("A_{a}", false), ("{topic}{a}", false)] {
            assert_eq!(Template::parse("to", text).unwrap().is_only_the_records(), only, "{text}");
        }
    }
}
