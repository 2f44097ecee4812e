//! The one strict validator: says in a single walk whether bytes are exactly one JSON document that may be copied into a row.
//!
//! A row is made by splicing, so everything a hostile or broken producer could do to the rows around it is refused here: a second
//! document, raw control bytes in strings (a line feed would end the row), invalid UTF-8, lone surrogates, keys that an object has
//! twice, endless nesting. What is left is copied byte for byte; numbers keep their text, however many digits they have.
//!
//! A document with the keys of the one before is followed from value to value ([`shape`]); any other is walked from token to token.
//! Strings are not walked: [`snowgate_record::scan`] knows where they end. Keys are compared in [`keys`]. Nothing is allocated for a record, nothing
//! recurses, and the time taken grows with the bytes (n log n for objects with very many keys).
//!
//! Invariant: what passes holds no byte below 0x20 inside a string, so only white space between tokens can be a line break, and
//! [`Document::line_breaks`] says whether there is any.

mod keys;
mod reason;
mod shape;

use crate::json::keys::{Duplicate, Keys, Object};
use crate::json::shape::Shape;
use snowgate_record::scan::{Scanner, digits_end};

pub use crate::json::keys::KeyRule;
pub use crate::json::reason::{JsonError, Reason};

/// Objects and arrays inside each other. The deepest real records known have a dozen levels.
pub const MAX_DEPTH: usize = 128;

/// The column that Snowgate fills; no record may bring its own.
pub const METADATA_COLUMN: &str = "RECORD_METADATA";

/// What a whole document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// What the row writer must know of a valid document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    pub kind: Kind,
    /// The first byte of the document; white space before it is left out.
    pub start: usize,
    /// The byte after its last one.
    pub end: usize,
    /// A tab, line feed or carriage return stands between tokens from `start` to `end`.
    pub line_breaks: bool,
    /// An object without keys, or an array without items.
    pub is_empty: bool,
    /// A top-level key that is [`METADATA_COLUMN`] in any case and spelling: where its text begins.
    pub reserved_key: Option<usize>,
}

impl Document {
    /// Of `bytes` that are an object with keys from the first byte to the last.
    #[inline(always)]
    pub(crate) fn object(bytes: &[u8]) -> Document {
        Document { kind: Kind::Object, start: 0, end: bytes.len(), line_breaks: false, is_empty: false, reserved_key: None }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    object: Object,
    is_object: bool,
}

/// Validates documents, one after another, and keeps the little memory that takes.
#[derive(Debug)]
pub struct Validator {
    keys: Keys,
    shape: Shape,
    frames: Box<[Frame; MAX_DEPTH]>,
    rule: KeyRule,
}

impl Validator {
    pub fn new(rule: KeyRule) -> Validator {
        Validator { keys: Keys::default(), shape: Shape::default(), frames: Box::new([Frame::default(); MAX_DEPTH]), rule }
    }

    /// Says what `bytes` are, or why they are not exactly one strict JSON document.
    #[inline]
    pub fn validate(&mut self, bytes: &[u8]) -> Result<Document, JsonError> {
        if bytes.len() > u32::MAX as usize {
            return Err(JsonError { reason: Reason::Oversize, position: u32::MAX as usize });
        }
        if let Some(document) = self.follow(bytes) {
            self.shape.followed();
            return Ok(document);
        }
        self.keys.clear();
        let mut walk = Walk::new(bytes);
        let document = walk.document(&mut self.keys, &mut self.frames, self.rule)?;
        if walk.scanner.saw_high() {
            check_utf8(bytes)?;
        }
        let fits = document.kind == Kind::Object && document.reserved_key.is_none() && document.start == 0;
        self.shape.walked(&bytes[..document.end], fits);
        Ok(document)
    }

    /// What `bytes` are, if they are the document before but for its values, and valid.
    #[inline(always)]
    fn follow(&mut self, bytes: &[u8]) -> Option<Document> {
        let (steps, tail, line_breaks) = self.shape.known()?;
        let mut walk = Walk { line_breaks, ..Walk::new(bytes) };
        let mut position = 0;
        for step in steps {
            position = step.text.past(bytes, position)?;
            position = match walk.at(position) {
                b'"' => walk.string(position).ok()?.0 + 1,
                b'-' | b'0'..=b'9' => walk.number(position).ok()?,
                b't' => walk.literal(position, *b"true").ok()?,
                b'f' => walk.literal(position + 1, *b"alse").ok()?,
                _ => {
                    self.keys.clear();
                    walk.value(position, step.depth, &mut self.keys, &mut self.frames, KeyRule::Exact).ok()?.0
                }
            };
        }
        let rest = bytes.get(position..)?.strip_prefix(tail)?;
        let end = bytes.len() - rest.len();
        let is_whole = rest.is_empty() || skip_blanks(bytes, end).0 == bytes.len();
        if !is_whole || (walk.scanner.saw_high() && check_utf8(bytes).is_err()) {
            return None;
        }
        Some(Document { line_breaks: walk.line_breaks, ..Document::object(&bytes[..end]) })
    }
}

/// One document on its way.
struct Walk<'a> {
    bytes: &'a [u8],
    scanner: Scanner<'a>,
    line_breaks: bool,
}

impl<'a> Walk<'a> {
    #[inline(always)]
    fn new(bytes: &'a [u8]) -> Walk<'a> {
        Walk { bytes, scanner: Scanner::new(bytes), line_breaks: false }
    }

    /// The byte at `position`, or 0 after the end: no token begins with either.
    #[inline(always)]
    fn at(&self, position: usize) -> u8 {
        self.bytes.get(position).copied().unwrap_or(0)
    }

    fn document(&mut self, keys: &mut Keys, frames: &mut [Frame; MAX_DEPTH], rule: KeyRule) -> Result<Document, JsonError> {
        let start = skip_blanks(self.bytes, 0).0;
        let kind = match self.at(start) {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b't' | b'f' => Kind::Boolean,
            b'n' => Kind::Null,
            _ => Kind::Number,
        };
        let is_empty = match kind {
            Kind::Object => self.at(skip_blanks(self.bytes, start + 1).0) == b'}',
            Kind::Array => self.at(skip_blanks(self.bytes, start + 1).0) == b']',
            _ => false,
        };
        let (end, reserved_key) = self.value(start, 0, keys, frames, rule)?;
        let rest = skip_blanks(self.bytes, end).0;
        if rest < self.bytes.len() {
            return Err(JsonError { reason: Reason::TrailingBytes, position: rest });
        }
        Ok(Document { kind, start, end, line_breaks: self.line_breaks, is_empty, reserved_key })
    }

    /// The value at `position`, which is inside of `outside` objects: where it ends, and the reserved key that the outermost object has.
    #[inline(never)]
    fn value(
        &mut self,
        mut position: usize,
        outside: usize,
        keys: &mut Keys,
        frames: &mut [Frame; MAX_DEPTH],
        rule: KeyRule,
    ) -> Result<(usize, Option<usize>), JsonError> {
        let mut reserved_key = None;
        let mut depth = outside;
        let mut is_object = false;
        let mut object = Object::default();
        'values: loop {
            match self.at(position) {
                b'"' => position = self.string(position)?.0 + 1,
                opening @ (b'{' | b'[') => {
                    if depth == MAX_DEPTH {
                        return Err(JsonError { reason: Reason::TooDeep, position });
                    }
                    frames[depth] = Frame { object, is_object };
                    depth += 1;
                    is_object = opening == b'{';
                    position = self.skip(position + 1);
                    if is_object {
                        object = keys.open(depth == 1 && rule == KeyRule::Columns);
                        if self.at(position) != b'}' {
                            position = self.key(position, keys, &mut object, depth, &mut reserved_key)?;
                            continue 'values;
                        }
                    } else if self.at(position) != b']' {
                        continue 'values;
                    }
                }
                b'-' | b'0'..=b'9' => position = self.number(position)?,
                b't' => position = self.literal(position, *b"true")?,
                b'f' => position = self.literal(position + 1, *b"alse")?,
                b'n' => position = self.literal(position, *b"null")?,
                _ => return Err(unexpected(self.bytes, position)),
            }
            // A value has ended, and with it perhaps what it stands in.
            loop {
                if depth == outside {
                    return Ok((position, reserved_key));
                }
                if is_object && let Some(letter) = self.letter_key(position) {
                    object.add_letter(letter, position + 3).map_err(duplicate)?;
                    position += 7;
                    continue 'values;
                }
                position = self.skip(position);
                match self.at(position) {
                    b',' => {
                        position = self.skip(position + 1);
                        if is_object {
                            position = self.key(position, keys, &mut object, depth, &mut reserved_key)?;
                        }
                        continue 'values;
                    }
                    b'}' if is_object => keys.close(self.bytes, object).map_err(duplicate)?,
                    b']' if !is_object => {}
                    _ => return Err(unexpected(self.bytes, position)),
                }
                position += 1;
                depth -= 1;
                Frame { object, is_object } = frames[depth];
            }
        }
    }

    /// A key and its colon: from the opening quote to where the value begins.
    #[inline(always)]
    fn key(
        &mut self,
        position: usize,
        keys: &mut Keys,
        object: &mut Object,
        depth: usize,
        reserved_key: &mut Option<usize>,
    ) -> Result<usize, JsonError> {
        if self.at(position) != b'"' {
            return Err(unexpected(self.bytes, position));
        }
        let (end, escaped) = self.string(position)?;
        let span = (position + 1, end);
        if depth == 1 && (escaped || end - position - 1 == METADATA_COLUMN.len()) && is_reserved(&self.bytes[span.0..end]) {
            *reserved_key = Some(span.0);
        }
        keys.add(self.bytes, object, span, escaped).map_err(duplicate)?;
        let colon = self.skip(end + 1);
        if self.at(colon) != b':' {
            return Err(unexpected(self.bytes, colon));
        }
        Ok(self.skip(colon + 1))
    }

    /// What follows a value most often where speed counts, seen at one look: `, "k": ` and a value. Says which letter the key is.
    #[inline(always)]
    fn letter_key(&self, position: usize) -> Option<u8> {
        const SHAPE: u64 = u64::from_le_bytes(*b", \"\0\": \0");
        const MASK: u64 = u64::from_le_bytes([0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0]);
        let word = u64::from_le_bytes(*self.bytes.get(position..)?.first_chunk()?);
        let letter = (word >> 24) as u8;
        // The last byte must begin a value, so it is no white space.
        let fits = word & MASK == SHAPE && letter.is_ascii_alphabetic() && (word >> 56) as u8 > b' ';
        fits.then_some(letter)
    }

    /// Where the next token begins. Most often that is here or after one blank.
    #[inline(always)]
    fn skip(&mut self, position: usize) -> usize {
        if self.at(position) > b' ' {
            return position;
        }
        if self.at(position) == b' ' && self.at(position + 1) > b' ' {
            return position + 1;
        }
        let (position, line_breaks) = skip_blanks(self.bytes, position);
        self.line_breaks |= line_breaks;
        position
    }

    /// A string from its opening quote: the position of its closing one, and whether it holds an escape.
    #[inline(always)]
    fn string(&mut self, opening: usize) -> Result<(usize, bool), JsonError> {
        let position = self.scanner.find(opening + 1);
        if self.at(position) == b'"' {
            return Ok((position, false));
        }
        Ok((self.string_with_escapes(position)?, true))
    }

    /// The rest of a string from its first special byte on, which is not a quote.
    #[inline(never)]
    fn string_with_escapes(&mut self, mut position: usize) -> Result<usize, JsonError> {
        loop {
            let next = match self.bytes.get(position) {
                Some(b'"') => return Ok(position),
                Some(b'\\') => escape_end(self.bytes, position)?,
                Some(_) => return Err(JsonError { reason: Reason::ControlByte, position }),
                None => return Err(JsonError { reason: Reason::Truncated, position: self.bytes.len() }),
            };
            position = self.scanner.find(next);
        }
    }

    #[inline(always)]
    fn number(&self, start: usize) -> Result<usize, JsonError> {
        let mut position = start;
        if self.at(position) == b'-' {
            position += 1;
        }
        match self.at(position) {
            b'0' => position += 1,
            b'1'..=b'9' => position = digits_end(self.bytes, position + 1),
            _ => return Err(unexpected(self.bytes, position)),
        }
        if self.at(position) == b'.' {
            position = self.some_digits(position + 1)?;
        }
        if self.at(position) | 0x20 == b'e' {
            position += 1;
            if matches!(self.at(position), b'+' | b'-') {
                position += 1;
            }
            position = self.some_digits(position)?;
        }
        Ok(position)
    }

    #[inline(always)]
    fn some_digits(&self, position: usize) -> Result<usize, JsonError> {
        if !self.at(position).is_ascii_digit() {
            return Err(unexpected(self.bytes, position));
        }
        Ok(digits_end(self.bytes, position + 1))
    }

    #[inline(always)]
    fn literal(&self, position: usize, expected: [u8; 4]) -> Result<usize, JsonError> {
        match self.bytes.get(position..).and_then(<[u8]>::first_chunk) {
            Some(found) if *found == expected => Ok(position + 4),
            _ => Err(unexpected(self.bytes, position)),
        }
    }
}

/// Names what is wrong with the byte at `position`, where no token begins that could.
#[cold]
fn unexpected(bytes: &[u8], position: usize) -> JsonError {
    let reason = match () {
        () if position >= bytes.len() && bytes.iter().all(|byte| is_blank(*byte)) => Reason::Empty,
        () if position >= bytes.len() => Reason::Truncated,
        () if position == 0 && bytes.starts_with(b"\xef\xbb\xbf") => Reason::ByteOrderMark,
        () => Reason::NotJson,
    };
    JsonError { reason, position: position.min(bytes.len()) }
}

fn escape_end(bytes: &[u8], position: usize) -> Result<usize, JsonError> {
    let fail = |reason| Err(JsonError { reason, position });
    let code = match bytes.get(position + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return Ok(position + 2),
        Some(b'u') => match keys::hex4(&bytes[position + 2..]) {
            Some(code) => code,
            None if bytes.len() < position + 6 => return fail(Reason::Truncated),
            None => return fail(Reason::NotJson),
        },
        Some(_) => return fail(Reason::NotJson),
        None => return fail(Reason::Truncated),
    };
    match code {
        0xd800..0xdc00 => match bytes.get(position + 6..position + 8) {
            Some(br"\u") if keys::hex4(&bytes[position + 8..]).is_some_and(|low| (0xdc00..0xe000).contains(&low)) => {
                Ok(position + 12)
            }
            _ => fail(Reason::LoneSurrogate),
        },
        0xdc00..0xe000 => fail(Reason::LoneSurrogate),
        _ => Ok(position + 6),
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The first byte from `position` on that is not white space, and whether any of that was more than blanks.
#[inline(never)]
fn skip_blanks(bytes: &[u8], mut position: usize) -> (usize, bool) {
    let mut line_breaks = false;
    while let Some(&byte) = bytes.get(position)
        && is_blank(byte)
    {
        line_breaks |= byte != b' ';
        position += 1;
    }
    (position, line_breaks)
}

#[inline(never)]
fn is_reserved(key: &[u8]) -> bool {
    // No letter outside ASCII folds to one of this name, so ASCII's cases are all there are.
    keys::unescaped(key).eq_ignore_ascii_case(METADATA_COLUMN.as_bytes())
}

#[cold]
fn duplicate(found: Duplicate) -> JsonError {
    let reason = if found.by_case { Reason::AmbiguousKey } else { Reason::DuplicateKey };
    JsonError { reason, position: found.position }
}

#[inline(never)]
fn check_utf8(bytes: &[u8]) -> Result<(), JsonError> {
    if simdutf8::basic::from_utf8(bytes).is_ok() {
        return Ok(());
    }
    match simdutf8::compat::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(JsonError { reason: Reason::InvalidUtf8, position: error.valid_up_to() }),
    }
}

/// Copies a valid document without the white space between its tokens.
pub(crate) fn copy_without_blanks(document: &[u8], out: &mut Vec<u8>) {
    let mut rest = document;
    loop {
        let text = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
        out.extend(rest[..text].iter().filter(|byte| !is_blank(**byte)));
        rest = &rest[text..];
        let Some(end) = string_end(rest) else { return };
        out.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
    }
}

/// The end of the string that `text` begins with, or `None` when there is nothing left.
fn string_end(text: &[u8]) -> Option<usize> {
    let mut position = 1;
    loop {
        position += memchr::memchr2(b'"', b'\\', text.get(position..)?)?;
        if text[position] == b'"' {
            return Some(position + 1);
        }
        position += 2;
    }
}

#[cfg(test)]
pub(crate) mod tests;
