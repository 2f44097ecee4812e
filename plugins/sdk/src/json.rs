//! A scanner for plugins that look for a few fields in JSON: it walks a record once, borrows what it is asked for, and skips the rest.
//!
//! Two to three times as fast as parsing into a type, for what it leaves out: it follows the structure of what it walks, and takes skipped
//! values on trust. Nothing is lost by that, since the gateway validates every row before it is loaded.
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
        if self.skip_string()? {
            return unescape(&self.text[start - 1..self.at]).ok_or(Malformed { at: start });
        }
        Ok(Cow::Borrowed(&self.text[start..self.at - 1]))
    }

    /// The value that stands next as it is written, quotes and all.
    #[inline]
    pub fn raw(&mut self) -> Result<&'a [u8], Malformed> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
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

/// The high bit of the first byte of `word` that equals `byte`, and perhaps of later ones: good for finding the first.
#[inline]
fn bytes_equal(word: u64, byte: u8) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    let zeros = word ^ (ONES * u64::from(byte));
    zeros.wrapping_sub(ONES) & !zeros & HIGHS
}

#[cold]
fn unescape(quoted: &[u8]) -> Option<Cow<'static, [u8]>> {
    let text: String = serde_json::from_slice(quoted).ok()?;
    Some(Cow::Owned(text.into_bytes()))
}

/// Whether `text` is a whole number as JSON writes them.
#[inline]
pub fn is_integer(text: &[u8]) -> bool {
    matches!(integer_end(text), Some(end) if end == text.len())
}

/// Whether `text` is a number as JSON writes them, so that it may stand in JSON without quotes.
#[inline]
pub fn is_number(text: &[u8]) -> bool {
    let Some(mut at) = integer_end(text) else { return false };
    if text.get(at) == Some(&b'.') {
        let end = digits_end(text, at + 1);
        if end == at + 1 {
            return false;
        }
        at = end;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        let end = digits_end(text, at);
        if end == at {
            return false;
        }
        at = end;
    }
    at == text.len()
}

#[inline]
fn integer_end(text: &[u8]) -> Option<usize> {
    let start = usize::from(text.first() == Some(&b'-'));
    let end = digits_end(text, start);
    match end - start {
        0 => None,
        1 => Some(end),
        _ if text[start] == b'0' => None,
        _ => Some(end),
    }
}

#[inline]
fn digits_end(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
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
        assert!(is_integer(b"-42") && !is_integer(b"4.0") && !is_integer(b"042"));
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
