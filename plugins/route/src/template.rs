//! Text with braces, and what a record puts in their place.

use std::fmt;
use std::str::from_utf8;

use snowgate_plugin::json::{Fields, Found, Malformed, Path, Scanner, unquote};
use snowgate_plugin::{Record, Reject};

/// A template, taken apart.
pub(crate) struct Template {
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

/// What a record lacks.
pub(crate) enum Missing<'a> {
    Key,
    Header(&'a str),
    Field(&'a Path),
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Key => f.write_str("the record has no key that is text"),
            Missing::Header(name) => write!(f, "the record has no header `{name}` that is text"),
            Missing::Field(path) => write!(f, "the record has no text, number, true or false at `{path}`"),
        }
    }
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut template = Template { pieces: Vec::new(), fields: Fields::default(), found: Found::default() };
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, behind) = rest.split_at(at);
            let (name, behind) =
                behind.strip_prefix('{').and_then(|behind| behind.split_once('}')).ok_or("a brace stands alone")?;
            template.add_text(plain);
            template.add_name(name)?;
            rest = behind;
        }
        template.add_text(rest);
        Ok(template)
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
                // A field may have any name; this way also `topic`.
                let path: Path = name.strip_prefix("value.").unwrap_or(name).parse()?;
                Piece::Field(self.fields.add(path.names()), path)
            }
        };
        self.pieces.push(piece);
        Ok(())
    }

    /// Whether nothing of what it yields is the operator's: neither fixed text nor the topic.
    pub(crate) fn is_the_records_choice(&self) -> bool {
        !self.pieces.iter().any(|piece| matches!(piece, Piece::Text(_) | Piece::Topic))
    }

    /// Makes `text` what the template yields for `record`, what comes from the record in upper case if it is to `fold`.
    pub(crate) fn write(&mut self, record: &Record<'_>, fold: bool, text: &mut String) -> Result<Result<(), Missing<'_>>, Reject> {
        text.clear();
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
                Piece::Key => match record.key().and_then(|key| from_utf8(key).ok()) {
                    Some(key) => text.push_str(key),
                    None => return Ok(Err(Missing::Key)),
                },
                Piece::Header(name) => {
                    // Of one name the last counts.
                    let header = record.headers().filter(|(header, _)| *header == name.as_bytes()).last();
                    match header.and_then(|(_, value)| from_utf8(value?).ok()) {
                        Some(header) => text.push_str(header),
                        None => return Ok(Err(Missing::Header(name))),
                    }
                }
                Piece::Field(number, path) => {
                    if !push_scalar(text, self.found.get(*number, value))? {
                        return Ok(Err(Missing::Field(path)));
                    }
                }
            }
            if fold {
                text[start..].make_ascii_uppercase();
            }
        }
        Ok(Ok(()))
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
