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
    /// An object was just entered: its first key has no comma before it.
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

/// What is looked at, or copied, at a time.
const BLOCK: usize = 16;

/// The block that begins at `at`, if there is a whole one.
#[inline(always)]
fn block(text: &[u8], at: usize) -> Option<&[u8; BLOCK]> {
    text.get(at..)?.first_chunk()
}

/// Bit `i` set: byte `i` is a quote or a backslash.
#[inline(always)]
fn quotes_and_backslashes(block: &[u8; BLOCK]) -> u32 {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    {
        use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, v128_or};
        let bytes = vector(block);
        let (quotes, backslashes) = (u8x16_eq(bytes, u8x16_splat(b'"')), u8x16_eq(bytes, u8x16_splat(b'\\')));
        u32::from(u8x16_bitmask(v128_or(quotes, backslashes)))
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    bits(block, |byte| byte == b'"' || byte == b'\\')
}

/// Bit `i` set: byte `i` is a digit.
#[inline(always)]
fn digits(block: &[u8; BLOCK]) -> u32 {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    {
        use std::arch::wasm32::{u8x16_bitmask, u8x16_lt, u8x16_splat, u8x16_sub};
        u32::from(u8x16_bitmask(u8x16_lt(u8x16_sub(vector(block), u8x16_splat(b'0')), u8x16_splat(10))))
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    bits(block, |byte| byte.is_ascii_digit())
}

/// The bytes of a block as one vector: a single load.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(always)]
fn vector(block: &[u8; BLOCK]) -> std::arch::wasm32::v128 {
    let half = |at: usize| u64::from_le_bytes(block[at..at + 8].try_into().expect("a half is eight bytes"));
    std::arch::wasm32::u64x2(half(0), half(8))
}

/// The same without vectors.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
fn bits(block: &[u8; BLOCK], is_wanted: impl Fn(u8) -> bool) -> u32 {
    block.iter().rev().fold(0, |bits, &byte| bits << 1 | u32::from(is_wanted(byte)))
}

/// Puts a text together from short pieces, at the end of what `out` holds.
///
/// Much faster than `extend_from_slice` for the short texts of market data: a piece is copied in blocks of a length that the
/// compiler knows, which needs no call out of the plugin, and what lies behind the piece is overwritten by the next one.
pub struct Pieces<'a> {
    out: &'a mut Vec<u8>,
    /// Bytes written behind the vector's own.
    length: usize,
}

impl<'a> Pieces<'a> {
    #[inline]
    pub fn new(out: &'a mut Vec<u8>) -> Pieces<'a> {
        Pieces { out, length: 0 }
    }

    /// Adds the first `length` bytes of `block`.
    ///
    /// # Panics
    /// When the block has fewer.
    #[inline(always)]
    pub fn start_of<const N: usize>(&mut self, block: &[u8; N], length: usize) {
        assert!(length <= N, "a block has {N} bytes");
        let room = match self.out.spare_capacity_mut().get_mut(self.length..) {
            Some(room) if room.len() >= N => room,
            _ => self.more_room(N),
        };
        room[..N].write_copy_of_slice(block);
        self.length += length;
    }

    /// Adds `text[range]`.
    #[inline(always)]
    pub fn part(&mut self, text: &[u8], range: Range<usize>) {
        let length = range.len();
        match text.get(range.start..) {
            Some(rest)
                if length <= BLOCK
                    && let Some(block) = rest.first_chunk::<BLOCK>() =>
            {
                self.start_of(block, length)
            }
            Some(rest)
                if length <= 2 * BLOCK
                    && let Some(block) = rest.first_chunk::<{ 2 * BLOCK }>() =>
            {
                self.start_of(block, length);
            }
            _ => self.long(&text[range]),
        }
    }

    /// Adds all of `text`, however long.
    pub fn long(&mut self, text: &[u8]) {
        self.take_over();
        self.out.extend_from_slice(text);
    }

    /// Ends the text.
    #[inline]
    pub fn finish(mut self) {
        self.take_over();
    }

    #[cold]
    #[inline(never)]
    fn more_room(&mut self, bytes: usize) -> &mut [std::mem::MaybeUninit<u8>] {
        self.take_over();
        self.out.reserve(bytes);
        self.out.spare_capacity_mut()
    }

    /// Makes what was written the vector's own.
    #[inline]
    fn take_over(&mut self) {
        // SAFETY: `start_of` has written each of these bytes into the spare capacity, and nothing has moved the vector since.
        unsafe { self.out.set_len(self.out.len() + self.length) };
        self.length = 0;
    }
}

/// Appends `text[range]` to `out`, as [`Pieces::part`] does.
#[inline]
pub fn append(out: &mut Vec<u8>, text: &[u8], range: Range<usize>) {
    let mut pieces = Pieces::new(out);
    pieces.part(text, range);
    pieces.finish();
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
            "{, \"a\": 1}",
            "{,\"a\":1   }",
            "{\"a\":1, \"\"\": 2}",
            "{\"a\":1, \"\\\": 2}",
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
    fn keys_of_one_letter_are_found_however_they_are_spaced() {
        for (comma, colon) in [(",", ":"), (", ", ": "), (" ,", " :"), (",\n", ":\t"), (",", ": "), (", ", ":"), (",  ", ":  ")] {
            let text = ["\"a\"", "\"b\"", "\"\"", "\"cd\"", "\"e\""].map(|key| format!("{key}{colon}1")).join(comma);
            let keys: Vec<String> = fields(&format!("{{{text}}}")).unwrap().into_iter().map(|(key, _)| key).collect();
            assert_eq!(keys, ["a", "b", "", "cd", "e"], "{text}");
        }
    }

    #[test]
    fn a_price_ends_where_the_long_way_says_it_does() {
        for text in ["0", "1", "0.5", "12.50", "01.5", ".5", "5.", "1.2.3", "-1.5", "1e5", "", "123456789012345", "1234567.1234567"]
        {
            for behind in ["", "\"", "\",\"x\":\"0.00000000\"", "9\"                "] {
                let text = format!("\"{text}{behind}");
                let expected = number_end(text.as_bytes(), 1).filter(|end| text.as_bytes().get(*end) == Some(&b'"'));
                let found = Scanner::new(text.as_bytes()).decimal();
                assert_eq!(found, expected.map(|end| 1..end), "{text}");
            }
        }
    }

    #[test]
    fn appending_copies_exactly_the_range() {
        let text: Vec<u8> = (0..70).collect();
        for start in 0..70 {
            for end in start..70 {
                let mut out = vec![7];
                append(&mut out, &text, start..end);
                assert_eq!(out[1..], text[start..end]);
                let mut pieces = Pieces::new(&mut out);
                pieces.start_of(b"abcdef", 3);
                pieces.part(&text, start..end);
                pieces.long(&text);
                pieces.start_of(b"abcdef", 6);
                pieces.finish();
                let expected = [&[7], &text[start..end], b"abc", &text[start..end], &text, b"abcdef"].concat();
                assert_eq!(out, expected);
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
