//! A scanner for plugins that look for a few fields in JSON: it walks a record once, borrows what it is asked for, and skips the
//! rest.
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

use std::borrow::Cow;
use std::ops::Range;

use crate::Reject;

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
    fn from(malformed: Malformed) -> Reject {
        Reject(malformed.to_string())
    }
}

/// A place in a JSON text.
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// An object was just entered: its first key has no comma before it.
    fresh: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a [u8]) -> Scanner<'a> {
        Scanner { text, at: 0, fresh: false }
    }

    /// The first byte of the value that stands next: `{`, `[`, `"`, a digit …
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.text.get(self.at) {
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Goes into the object that stands next. Walk it to its end with [`key`](Scanner::key).
    #[inline]
    pub fn enter(&mut self) -> Result<(), Malformed> {
        self.expect(b'{')?;
        self.fresh = true;
        Ok(())
    }

    /// The next key of the object, or `None` after its last one. Then read the value, or [`skip`](Scanner::skip) it.
    #[inline]
    pub fn key(&mut self) -> Result<Option<Cow<'a, [u8]>>, Malformed> {
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

    /// The string that stands next, its escapes resolved.
    #[inline]
    pub fn string(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        self.expect(b'"')?;
        let start = self.at;
        // Names of one letter are what market data mostly has.
        if let Some(&[letter, b'"']) = self.text.get(start..start + 2)
            && letter != b'"'
            && letter != b'\\'
        {
            self.at += 2;
            return Ok(Cow::Borrowed(&self.text[start..=start]));
        }
        if self.skip_string()? {
            return unescape(&self.text[start - 1..self.at]).ok_or(Malformed { at: start });
        }
        Ok(Cow::Borrowed(&self.text[start..self.at - 1]))
    }

    /// The value that stands next as it is written, quotes and all.
    #[inline]
    pub fn raw(&mut self) -> Result<&'a [u8], Malformed> {
        self.raw_range().map(|range| &self.text[range])
    }

    /// Where the value that stands next is written, quotes and all.
    #[inline]
    pub fn raw_range(&mut self) -> Result<Range<usize>, Malformed> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(start..self.at)
    }

    /// Where the whole number that stands next is written; `None` when another value does, which then still stands next.
    #[inline]
    pub fn integer(&mut self) -> Option<Range<usize>> {
        self.peek();
        let start = self.at;
        let end = integer_end(self.text, start)?;
        if let Some(b'.' | b'e' | b'E') = self.text.get(end) {
            return None;
        }
        self.at = end;
        Some(start..end)
    }

    /// Where the digits of the decimal number that stands next are written, whether it is a number or text; `None` when another
    /// value stands next, which then still does.
    #[inline]
    pub fn decimal(&mut self) -> Option<Range<usize>> {
        let quotes = usize::from(self.peek() == Some(b'"'));
        let start = self.at + quotes;
        let end = number_end(self.text, start)?;
        if quotes == 1 && self.text.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + quotes;
        Some(start..end)
    }

    /// Where the `true` or `false` that stands next is written; `None` when another value does, which then still stands next.
    #[inline]
    pub fn boolean(&mut self) -> Option<Range<usize>> {
        self.peek();
        let rest = &self.text[self.at..];
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
    #[inline]
    pub fn skip(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.skip_string()?;
                Ok(())
            }
            Some(b'{' | b'[') => self.skip_nested(),
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                self.at = digits_end(self.text, self.at);
                while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') = self.text.get(self.at) {
                    self.at += 1;
                }
                Ok(())
            }
            _ => Err(self.malformed()),
        }
    }

    /// Nothing but blanks may follow.
    pub fn end(&mut self) -> Result<(), Malformed> {
        if self.peek().is_none() { Ok(()) } else { Err(self.malformed()) }
    }

    fn malformed(&self) -> Malformed {
        Malformed { at: self.at }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(())
    }

    /// From behind the opening quote to behind the closing one; says whether there are escapes.
    #[inline]
    fn skip_string(&mut self) -> Result<bool, Malformed> {
        let mut escaped = false;
        loop {
            match self.quote_or_backslash() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(_) => {
                    escaped = true;
                    self.at += 2;
                }
                None => return Err(self.malformed()),
            }
        }
    }

    /// Goes to the next quote or backslash, eight bytes at a step: each step of a loop costs a plugin a look at the clock.
    #[inline]
    fn quote_or_backslash(&mut self) -> Option<u8> {
        while let Some(chunk) = self.text.get(self.at..self.at + 8) {
            let word = u64::from_le_bytes(chunk.try_into().expect("the chunk has eight bytes"));
            let hits = bytes_equal(word, b'"') | bytes_equal(word, b'\\');
            if hits != 0 {
                self.at += hits.trailing_zeros() as usize / 8;
                return self.text.get(self.at).copied();
            }
            self.at += 8;
        }
        while let Some(&byte) = self.text.get(self.at) {
            if byte == b'"' || byte == b'\\' {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn skip_nested(&mut self) -> Result<(), Malformed> {
        let mut depth = 0;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                b'"' => {
                    self.skip_string()?;
                }
                _ => {}
            }
        }
        Err(self.malformed())
    }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The high bit of the first byte of `word` that equals `byte`, and perhaps of later ones: good for finding the first.
#[inline]
fn bytes_equal(word: u64, byte: u8) -> u64 {
    let zeros = word ^ (ONES * u64::from(byte));
    zeros.wrapping_sub(ONES) & !zeros & HIGHS
}

#[cold]
fn unescape(quoted: &[u8]) -> Option<Cow<'static, [u8]>> {
    let text: String = serde_json::from_slice(quoted).ok()?;
    Some(Cow::Owned(text.into_bytes()))
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

/// The end of the digits that begin at `from`, eight at a step.
#[inline]
fn digits_end(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("the chunk has eight bytes"));
        let others = not_digits(word);
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// The high bit of the first byte of `word` that is no digit, and perhaps of later ones.
#[inline]
fn not_digits(word: u64) -> u64 {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const TO_HIGH_BIT: u64 = u64::from_le_bytes([0x80 - 10; 8]);
    // A digit becomes 0 to 9, and anything else 10 or more. Only bytes of 138 or more carry into the next one, which stands behind
    // them.
    let values = word ^ ZEROS;
    (values.wrapping_add(TO_HIGH_BIT) | values) & HIGHS
}

/// Appends `text[range]` to `out`. Much faster than `extend_from_slice` for the short texts of market data, because a copy of a
/// length that the compiler knows needs no call out of the plugin.
#[inline]
pub fn append(out: &mut Vec<u8>, text: &[u8], range: Range<usize>) {
    const BLOCK: usize = 16;
    match text.get(range.start..range.start + BLOCK) {
        Some(block) if range.len() <= BLOCK => {
            let end = out.len() + range.len();
            out.extend_from_slice(<&[u8; BLOCK]>::try_from(block).expect("the block has its length"));
            out.truncate(end);
        }
        _ => out.extend_from_slice(&text[range]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Result<Vec<(String, String)>, Malformed> {
        let mut scan = Scanner::new(text.as_bytes());
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        scan.enter()?;
        while let Some(key) = scan.key()? {
            fields.push((text(&key), text(scan.raw()?)));
        }
        scan.end()?;
        Ok(fields)
    }

    #[test]
    fn fields_come_back_as_they_are_written() {
        let walked = fields(
            "\t{\"a\" : -1.5e3 ,\n\"b\\u0062\":[1,{\"x\":\"}]\\\"\"}] , \"long enough\":\"a longer string with \\\\\" }\r\n",
        )
        .unwrap();
        let expected = [("a", "-1.5e3"), ("bb", "[1,{\"x\":\"}]\\\"\"}]"), ("long enough", "\"a longer string with \\\\\"")];
        assert_eq!(walked, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(fields("{}").unwrap(), []);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let broken = [
            "",
            "[]",
            "null",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,\"a\":1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1}}",
            "{\"a\":\"",
            "{\"a\":\"\\",
            "{\"a\":[1}",
            "{\"a\":1}x",
            "{\"\\u12\":1}",
            "{a:1}",
        ];
        for text in broken {
            assert!(fields(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_what_json_says_they_are() {
        for good in ["0", "-0", "10", "0.0010", "1E5", "1e-7", "-12.5e+3"] {
            assert!(is_number(good.as_bytes()), "{good}");
        }
        for bad in ["", "-", "01", ".5", "5.", "1e", "+1", "NaN", "1 ", "0x1", "1.2.3", "--1"] {
            assert!(!is_number(bad.as_bytes()), "{bad}");
        }
        for (text, integer, decimal) in [
            ("-42,", true, true),
            ("4.0", false, true),
            ("042", false, false),
            ("\"1.50\"", false, true),
            ("\"1.50", false, false),
            ("\"1.5x\"", false, false),
            ("1e5", false, true),
        ] {
            assert_eq!(Scanner::new(text.as_bytes()).integer().is_some(), integer, "{text}");
            let mut scan = Scanner::new(text.as_bytes());
            assert_eq!(scan.decimal().is_some(), decimal, "{text}");
            assert_eq!(scan.at > 0, decimal, "{text}");
        }
        let digits = "0123456789".repeat(3);
        for (length, next) in (0..30).flat_map(|length| (0..=255u8).map(move |next| (length, next))) {
            let mut text = digits.as_bytes()[..length].to_vec();
            text.push(next);
            text.extend_from_slice(b"99999999");
            let expected = if next.is_ascii_digit() { text.len() } else { length };
            assert_eq!(digits_end(&text, 0), expected, "{length} {next}");
        }
    }

    #[test]
    fn appending_copies_exactly_the_range() {
        let text: Vec<u8> = (0..40).collect();
        for start in 0..40 {
            for end in start..40 {
                let mut out = vec![7];
                append(&mut out, &text, start..end);
                assert_eq!(out[1..], text[start..end]);
            }
        }
    }

    #[test]
    fn a_string_ends_at_its_first_bare_quote_wherever_that_lies() {
        for length in 0..40 {
            let inner = "x\u{e9}\u{a2}".repeat(length);
            let text = format!("\"{inner}\" \"\"");
            assert_eq!(Scanner::new(text.as_bytes()).string().unwrap(), inner.as_bytes());
            let escaped = format!("\"{inner}\\\"\\n{inner}\"");
            assert_eq!(Scanner::new(escaped.as_bytes()).string().unwrap(), format!("{inner}\"\n{inner}").as_bytes());
        }
    }
}
