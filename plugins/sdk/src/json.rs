//! A scanner for plugins that look for a few fields in JSON: it walks a record once, borrows what it is asked for, and skips the
//! rest.
//!
//! To look for fields by their paths, see [`Fields`]; to change a record, [`Object`].
//!
//! About twice as fast as parsing into a type, for what it leaves out: it follows the structure of what it walks, and takes
//! skipped values on trust. Nothing is lost by that, since the gateway validates every row before it is loaded.
//!
//! ```
//! use snowgate_plugin::json::Scanner;
//!
//! let mut scan = Scanner::new(br#"{"id": 7, "data": {"s": "BTCUSDT"}}"#);
//! scan.enter()?;
//! while let Some(key) = scan.key()? {
//!     match &*key {
//!         b"id" => assert_eq!(scan.raw()?, b"7"),
//!         _ => scan.skip()?,
//!     }
//! }
//! scan.end()?;
//! # Ok::<(), snowgate_plugin::json::Malformed>(())
//! ```

mod blocks;
mod fields;
mod number;
mod object;
mod pieces;
mod strings;

use std::borrow::Cow;
use std::ops::Range;

use crate::Reject;
use blocks::{BLOCK, block, digits, quotes_and_backslashes, structure, within_quotes};
pub use fields::{Fields, Found};
pub use number::compare_numbers;
pub use object::{Object, Path, Value};
pub use pieces::{Literal, Pieces, append};
use strings::unescape;
pub use strings::{same, unquote, write_string};

/// The text is not the JSON that was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The byte where it stopped making sense.
    pub at: usize,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the JSON makes no sense at byte {}", self.at)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for Reject {
    #[cold]
    #[inline(never)]
    fn from(malformed: Malformed) -> Reject {
        Reject(malformed.to_string())
    }
}

/// A place in a JSON text.
///
/// In a function that walks much, keep it as a value of its own (pass it in and return it) instead of behind a reference: the
/// place then stays in a register.
#[derive(Clone)]
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// An object or array was just entered: what stands first has no comma before it.
    fresh: bool,
}

// What is not inlined here takes and returns places, never `&mut self`, for the sake of that register.
impl<'a> Scanner<'a> {
    pub fn new(text: &'a [u8]) -> Scanner<'a> {
        Scanner { text, at: 0, fresh: false }
    }

    /// The first byte of the value that stands next: `{`, `[`, `"`, a digit …
    #[inline(always)]
    pub fn peek(&mut self) -> Option<u8> {
        let mut byte = *self.text.get(self.at)?;
        if byte == b' ' {
            // One blank is what there mostly is.
            self.at += 1;
            byte = *self.text.get(self.at)?;
        }
        if byte <= b' ' {
            self.at = blanks_end(self.text, self.at);
            byte = *self.text.get(self.at)?;
        }
        Some(byte)
    }

    /// Goes into the object that stands next. Walk it to its end with [`key`](Scanner::key).
    #[inline(always)]
    pub fn enter(&mut self) -> Result<(), Malformed> {
        self.expect(b'{')?;
        self.fresh = true;
        Ok(())
    }

    /// The next key of the object, or `None` after its last one. Then read the value, or [`skip`](Scanner::skip) it.
    #[inline(always)]
    pub fn key(&mut self) -> Result<Option<Cow<'a, [u8]>>, Malformed> {
        if let Some(key) = self.letter_key() {
            return Ok(Some(Cow::Borrowed(key)));
        }
        let fresh = std::mem::replace(&mut self.fresh, false);
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !fresh => self.at += 1,
            Some(b'"') if fresh => {}
            _ => return Err(self.malformed()),
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// What stands before most values of market data, seen at one look: `, "k": ` or `,"k":`, a name of one letter. A value, or what
    /// is none, stands next then.
    #[inline(always)]
    fn letter_key(&mut self) -> Option<&'a [u8]> {
        const SPACED: u64 = u64::from_le_bytes(*b", \"\0\": \0");
        const SPACED_MASK: u64 = u64::from_le_bytes([0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0]);
        const COMPACT: u64 = u64::from_le_bytes(*b",\"\0\":\0\0\0");
        const COMPACT_MASK: u64 = u64::from_le_bytes([0xff, 0xff, 0, 0xff, 0xff, 0, 0, 0]);
        let chunk: &[u8; 8] = self.text.get(self.at..)?.first_chunk()?;
        let word = u64::from_le_bytes(*chunk);
        let (letter, length) = if word & SPACED_MASK == SPACED {
            (3, 7)
        } else if word & COMPACT_MASK == COMPACT {
            (2, 5)
        } else {
            return None;
        };
        // A quote or a backslash there would make another key of it, and after an opening brace there is no comma.
        if self.fresh || matches!(chunk[letter], b'"' | b'\\') {
            return None;
        }
        self.at += length;
        Some(std::slice::from_ref(&chunk[letter]))
    }

    /// Goes into the array that stands next. Walk it to its end with [`element`](Scanner::element).
    #[inline(always)]
    pub fn enter_array(&mut self) -> Result<(), Malformed> {
        self.expect(b'[')?;
        self.fresh = true;
        Ok(())
    }

    /// Whether there is another element in the array. Then read it, or [`skip`](Scanner::skip) it.
    #[inline(always)]
    pub fn element(&mut self) -> Result<bool, Malformed> {
        let fresh = std::mem::replace(&mut self.fresh, false);
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !fresh => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if fresh => Ok(true),
            _ => Err(self.malformed()),
        }
    }

    /// The string that stands next, its escapes resolved.
    #[inline(always)]
    pub fn string(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        self.expect(b'"')?;
        let start = self.at;
        let (end, escaped) = string_end(self.text, start)?;
        self.at = end;
        if escaped {
            return unescape(&self.text[start - 1..end]).ok_or(Malformed { at: start });
        }
        Ok(Cow::Borrowed(&self.text[start..end - 1]))
    }

    /// The value that stands next as it is written, quotes and all.
    #[inline(always)]
    pub fn raw(&mut self) -> Result<&'a [u8], Malformed> {
        self.raw_range().map(|range| &self.text[range])
    }

    /// Where the value that stands next is written, quotes and all.
    #[inline(always)]
    pub fn raw_range(&mut self) -> Result<Range<usize>, Malformed> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(start..self.at)
    }

    /// Where the whole number that stands next is written; `None` when another value does, which then still stands next.
    #[inline(always)]
    pub fn integer(&mut self) -> Option<Range<usize>> {
        self.peek();
        let start = self.at;
        let end = match self.short_integer(start) {
            Some(end) => end,
            None => integer_end(self.text, start)?,
        };
        if let Some(b'.' | b'e' | b'E') = self.text.get(end) {
            return None;
        }
        self.at = end;
        Some(start..end)
    }

    /// Where the digits of the decimal number that stands next are written, whether it is a number or text; `None` when another
    /// value stands next, which then still does.
    #[inline(always)]
    pub fn decimal(&mut self) -> Option<Range<usize>> {
        let quotes = usize::from(self.peek() == Some(b'"'));
        let start = self.at + quotes;
        if quotes == 1
            && let Some(end) = self.short_price(start)
        {
            self.at = end + 1;
            return Some(start..end);
        }
        let end = number_end(self.text, start)?;
        if quotes == 1 && self.text.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + quotes;
        Some(start..end)
    }

    /// The end of the digits that begin at `start`, all within one block. A zero in front is for the long way to judge.
    #[inline(always)]
    fn short_integer(&self, start: usize) -> Option<usize> {
        let block = block(self.text, start)?;
        let length = (!digits(block)).trailing_zeros() as usize;
        // A zero alone, or in front, is no digit here, and leaves no length.
        let length = if block[0] == b'0' { 0 } else { length };
        (1..BLOCK).contains(&length).then_some(start + length)
    }

    /// The end of a number such as `96500.00` that begins at `start` and has a quote behind it, all within one block.
    #[inline(always)]
    fn short_price(&self, start: usize) -> Option<usize> {
        let block = block(self.text, start)?;
        let others = !digits(block);
        let whole = others.trailing_zeros() as usize;
        // A zero in front is for the long way to judge, as is whatever has no digit in front.
        if whole == 0 || (whole > 1 && block[0] == b'0') {
            return None;
        }
        let mut length = whole;
        if block.get(whole) == Some(&b'.') {
            let fraction = (others >> (whole + 1)).trailing_zeros() as usize;
            if fraction == 0 {
                return None;
            }
            length += 1 + fraction;
        }
        (block.get(length) == Some(&b'"')).then_some(start + length)
    }

    /// Where the `true` or `false` that stands next is written; `None` when another value does, which then still stands next.
    #[inline(always)]
    pub fn boolean(&mut self) -> Option<Range<usize>> {
        self.peek();
        let rest = self.text.get(self.at..)?;
        let length = if rest.starts_with(b"true") {
            4
        } else if rest.starts_with(b"false") {
            5
        } else {
            return None;
        };
        let start = self.at;
        self.at += length;
        Some(start..self.at)
    }

    /// Passes over the value that stands next.
    #[inline(always)]
    pub fn skip(&mut self) -> Result<(), Malformed> {
        self.at = match self.peek() {
            Some(b'"') => string_end(self.text, self.at + 1)?.0,
            Some(b'{' | b'[') => nested_end(self.text, self.at)?,
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => word_end(self.text, self.at),
            _ => return Err(self.malformed()),
        };
        Ok(())
    }

    /// Nothing but blanks may follow.
    pub fn end(&mut self) -> Result<(), Malformed> {
        if self.peek().is_none() { Ok(()) } else { Err(self.malformed()) }
    }

    #[inline(always)]
    fn malformed(&self) -> Malformed {
        Malformed { at: self.at }
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(())
    }
}

#[inline(never)]
fn blanks_end(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// From behind a string's opening quote to behind its closing one, and whether there are escapes.
#[inline(always)]
fn string_end(text: &[u8], from: usize) -> Result<(usize, bool), Malformed> {
    if let Some(block) = block(text, from) {
        let at = from + quotes_and_backslashes(block).trailing_zeros() as usize;
        if at < from + BLOCK && text[at] == b'"' {
            return Ok((at + 1, false));
        }
    }
    long_string_end(text, from)
}

#[inline(never)]
fn long_string_end(text: &[u8], from: usize) -> Result<(usize, bool), Malformed> {
    let (mut at, mut escaped) = (from, false);
    loop {
        at = quote_or_backslash(text, at).ok_or(Malformed { at: text.len() })?;
        if text[at] == b'"' {
            return Ok((at + 1, escaped));
        }
        escaped = true;
        at += 2;
    }
}

/// The next quote or backslash, sixteen bytes at a step: each step of a loop costs a plugin a look at the clock.
#[inline]
fn quote_or_backslash(text: &[u8], mut at: usize) -> Option<usize> {
    while let Some(block) = block(text, at) {
        let hits = quotes_and_backslashes(block);
        if hits != 0 {
            return Some(at + hits.trailing_zeros() as usize);
        }
        at += BLOCK;
    }
    let rest = text.get(at..)?;
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|found| at + found)
}

/// The end of the object or array that begins at `from`.
#[inline(never)]
fn nested_end(text: &[u8], from: usize) -> Result<usize, Malformed> {
    let (mut at, mut depth) = (from, 0);
    // All bits are set while the block before ends within a string.
    let mut in_string = 0;
    while let Some(block) = block(text, at) {
        let found = structure(block);
        if found.backslashes != 0 {
            break;
        }
        let strings = within_quotes(found.quotes) ^ in_string;
        let (opening, closing) = (found.opening & !strings, found.closing & !strings);
        if closing.count_ones() < depth {
            depth = depth + opening.count_ones() - closing.count_ones();
        } else {
            let mut brackets = opening | closing;
            while brackets != 0 {
                let index = brackets.trailing_zeros();
                depth = if opening >> index & 1 == 1 { depth + 1 } else { depth - 1 };
                if depth == 0 {
                    return Ok(at + index as usize + 1);
                }
                brackets &= brackets - 1;
            }
        }
        in_string = if strings >> (BLOCK - 1) & 1 == 1 { u32::MAX } else { 0 };
        at += BLOCK;
    }
    if in_string != 0 {
        at = long_string_end(text, at)?.0;
    }
    nested_end_by_bytes(text, at, depth)
}

/// The same for what has escapes, and for the last bytes of a text; `depth` is that at `from`.
fn nested_end_by_bytes(text: &[u8], from: usize, mut depth: u32) -> Result<usize, Malformed> {
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at);
                }
            }
            b'"' => at = string_end(text, at)?.0,
            _ => {}
        }
    }
    Err(Malformed { at })
}

/// The end of the number, `true`, `false` or `null` that begins at `from`.
#[inline]
fn word_end(text: &[u8], from: usize) -> usize {
    let mut at = digits_end(text, from);
    while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') = text.get(at) {
        at += 1;
    }
    at
}

/// Whether `text` is a number as JSON writes them, so that it may stand in JSON without quotes.
#[inline]
pub fn is_number(text: &[u8]) -> bool {
    number_end(text, 0) == Some(text.len())
}

/// Where the number that begins at `from` ends, as far as it is one.
#[inline]
fn number_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = integer_end(text, from)?;
    if text.get(at) == Some(&b'.') {
        let end = digits_end(text, at + 1);
        if end == at + 1 {
            return None;
        }
        at = end;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        let end = digits_end(text, at);
        if end == at {
            return None;
        }
        at = end;
    }
    Some(at)
}

#[inline]
fn integer_end(text: &[u8], from: usize) -> Option<usize> {
    let start = from + usize::from(text.get(from) == Some(&b'-'));
    let end = digits_end(text, start);
    match end - start {
        0 => None,
        1 => Some(end),
        _ if text[start] == b'0' => None,
        _ => Some(end),
    }
}

/// The end of the digits that begin at `from`, sixteen at a step.
#[inline]
fn digits_end(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = block(text, at) {
        let length = (!digits(block)).trailing_zeros() as usize;
        at += length;
        if length < BLOCK {
            return at;
        }
    }
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests;
