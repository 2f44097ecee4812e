//! The text that takes a match's place, in Java's syntax: `$1`, `${name}`, and a backslash before what stands for itself.

use fancy_regex::{Captures, Regex};

use crate::data::DataError;

/// Parsed up to the first fault, which is told when a match gets that far, as in the original.
#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    pieces: Vec<Piece>,
    fault: Option<DataError>,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Group(usize),
}

impl Replacement {
    pub(super) fn new(text: &str, regex: &Regex) -> Replacement {
        let mut pieces = Vec::new();
        let fault = parse(text, regex, &mut pieces).err();
        Replacement { pieces, fault }
    }

    /// What is wrong with the text.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_ref().map(|fault| fault.message.as_str())
    }

    /// The text, where it is the same whatever matched.
    pub(crate) fn literal(&self) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Group(_) => return None,
            }
        }
        Some(text)
    }

    pub(super) fn append(&self, found: &Captures<'_, str>, to: &mut String) -> Result<(), DataError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => to.push_str(text),
                Piece::Group(index) => to.push_str(found.get(*index).map_or("", |group| group.as_str())),
            }
        }
        Ok(())
    }
}

fn parse(text: &str, regex: &Regex, pieces: &mut Vec<Piece>) -> Result<(), DataError> {
    let illegal = |message: String| DataError { exception: "java.lang.IllegalArgumentException", message };
    let groups = regex.captures_len() - 1;
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        let group = match next {
            '\\' => {
                literal.push(chars.next().ok_or_else(|| illegal("character to be escaped is missing".to_owned()))?);
                continue;
            }
            '$' => match chars.next() {
                None => return Err(illegal("Illegal group reference: group index is missing".to_owned())),
                Some('{') => {
                    let mut name = String::new();
                    while let Some(letter) = chars.next_if(char::is_ascii_alphanumeric) {
                        name.push(letter);
                    }
                    if chars.next() != Some('}') {
                        return Err(illegal("named capturing group is missing trailing '}'".to_owned()));
                    }
                    if name.is_empty() {
                        return Err(illegal("named capturing group has 0 length name".to_owned()));
                    }
                    if name.starts_with(|first: char| first.is_ascii_digit()) {
                        return Err(illegal(format!("capturing group name {{{name}}} starts with digit character")));
                    }
                    let index = regex.capture_names().position(|known| known == Some(name.as_str()));
                    index.ok_or_else(|| illegal(format!("No group with name {{{name}}}")))?
                }
                Some(digit) => {
                    let value = |digit: char| digit.to_digit(10).map(|digit| digit as usize);
                    let mut index = value(digit).ok_or_else(|| illegal("Illegal group reference".to_owned()))?;
                    if index > groups {
                        return Err(DataError {
                            exception: "java.lang.IndexOutOfBoundsException",
                            message: format!("No group {index}"),
                        });
                    }
                    // Further digits belong to the number as long as there is such a group.
                    while let Some(longer) =
                        chars.peek().copied().and_then(value).map(|digit| index * 10 + digit).filter(|longer| *longer <= groups)
                    {
                        index = longer;
                        chars.next();
                    }
                    index
                }
            },
            _ => {
                literal.push(next);
                continue;
            }
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Group(group));
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(())
}
