//! The stand-in's own strict JSON reader: says whether bytes are one JSON text as RFC 8259 has it, and hands out the members of a
//! row.
//!
//! It is written apart from the gateway's validator on purpose: where the two disagree, a test over the shared corpus fails. One
//! walk over the bytes, no tree. It refuses what a lenient parser lets pass: bad UTF-8, a surrogate escape without its partner, two
//! equal keys in one object (compared after unescaping), nesting deeper than the caller allows, and anything after the text.
//!
//! Numbers are read by their grammar only; `1e999` and 40 digits are numbers.

use std::borrow::Cow;
use std::collections::HashSet;

/// Levels a row may nest: 128 for the record, and one for the row around it.
pub(crate) const ROW_DEPTH: usize = 128 + 1;

/// An object with more keys than this is checked for equal keys with a set instead of by looking back.
const MANY_KEYS: usize = 64;

/// Bytes that end a stretch of plain text in a string: its end, an escape, and what may not stand there.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        special[control] = true;
        control += 1;
    }
    special[b'"' as usize] = true;
    special[b'\\' as usize] = true;
    special
};

/// Why bytes are not a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no JSON text")]
    Empty,
    #[error("not JSON")]
    Syntax,
    #[error("not UTF-8")]
    Utf8,
    #[error("a surrogate escape without its partner")]
    LoneSurrogate,
    #[error("a key twice in one object")]
    DuplicateKey,
    #[error("nested too deep")]
    TooDeep,
    #[error("something after the JSON text")]
    Trailing,
    #[error("not an object")]
    NotAnObject,
}

/// A key as it stands between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Key<'a> {
    /// The key with its escapes taken away.
    pub(crate) fn name(&self) -> Cow<'a, [u8]> {
        if self.escaped { Cow::Owned(unescape(self.raw).into_bytes()) } else { Cow::Borrowed(self.raw) }
    }

    /// The key's bytes when it holds no escape.
    pub(crate) fn plain(&self) -> Option<&'a [u8]> {
        (!self.escaped).then_some(self.raw)
    }
}

/// Checks one JSON text of any kind.
#[cfg(test)]
pub(crate) fn check(bytes: &[u8], max_depth: usize) -> Result<(), Fault> {
    std::str::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
    let mut reader = Reader::new(bytes, max_depth);
    reader.blanks();
    if reader.at == bytes.len() {
        return Err(Fault::Empty);
    }
    reader.value(1)?;
    reader.end()
}

/// Checks one object and calls `member` for each of its members, in order. `utf8` says that the caller has checked the encoding.
pub(crate) fn members<'a>(
    bytes: &'a [u8],
    max_depth: usize,
    utf8: bool,
    mut member: impl FnMut(Key<'a>, &'a [u8]),
) -> Result<(), Fault> {
    if !utf8 {
        std::str::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
    }
    let mut reader = Reader::new(bytes, max_depth);
    reader.blanks();
    match reader.peek() {
        None => return Err(Fault::Empty),
        Some(b'{') => {}
        Some(_) => {
            reader.value(1)?;
            reader.end()?;
            return Err(Fault::NotAnObject);
        }
    }
    reader.object(1, &mut member)?;
    reader.end()
}

/// Calls `element` for each element of an array that was checked before.
pub(crate) fn elements<'a>(bytes: &'a [u8], mut element: impl FnMut(&'a [u8])) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes, usize::MAX);
    reader.blanks();
    reader.expect(b'[')?;
    reader.blanks();
    while reader.peek() != Some(b']') {
        let start = reader.at;
        reader.value(1)?;
        element(&bytes[start..reader.at]);
        reader.blanks();
        if reader.peek() == Some(b',') {
            reader.at += 1;
            reader.blanks();
        }
    }
    Ok(())
}

/// Takes the escapes out of what stands between two quotes; the text was checked before.
pub(crate) fn unescape(raw: &[u8]) -> String {
    let mut quoted = Vec::with_capacity(raw.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(raw);
    quoted.push(b'"');
    serde_json::from_slice(&quoted).unwrap_or_default()
}

/// The text of a JSON string value, without its quotes and escapes; nothing when the value is not a string.
pub(crate) fn string(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') { Some(Cow::Owned(unescape(inner))) } else { std::str::from_utf8(inner).ok().map(Cow::Borrowed) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    max_depth: usize,
    /// The keys of every object that is open, innermost last.
    keys: Vec<Key<'a>>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], max_depth: usize) -> Self {
        Self { bytes, at: 0, max_depth, keys: Vec::with_capacity(32) }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.blanks();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Fault::Trailing) }
    }

    fn value(&mut self, depth: usize) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.object(depth, &mut |_, _| {}),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(Fault::Syntax),
        }
    }

    fn object(&mut self, depth: usize, member: &mut dyn FnMut(Key<'a>, &'a [u8])) -> Result<(), Fault> {
        if depth > self.max_depth {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let first_key = self.keys.len();
        let mut sieve = 0u64;
        let mut set: Option<HashSet<Cow<'a, [u8]>>> = None;
        loop {
            if self.peek() != Some(b'"') {
                return Err(Fault::Syntax);
            }
            let key = self.string()?;
            self.note_key(key, first_key, &mut sieve, &mut set)?;
            self.blanks();
            self.expect(b':')?;
            self.blanks();
            let start = self.at;
            self.value(depth + 1)?;
            member(key, &self.bytes[start..self.at]);
            self.blanks();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.blanks();
                }
                Some(b'}') => {
                    self.at += 1;
                    self.keys.truncate(first_key);
                    return Ok(());
                }
                _ => return Err(Fault::Syntax),
            }
        }
    }

    /// Refuses a key that its object has already. A sieve of one bit per length and ends makes the usual answer "no" cheap.
    fn note_key(
        &mut self,
        key: Key<'a>,
        first_key: usize,
        sieve: &mut u64,
        set: &mut Option<HashSet<Cow<'a, [u8]>>>,
    ) -> Result<(), Fault> {
        let seen = &self.keys[first_key..];
        if seen.len() >= MANY_KEYS {
            let set = set.get_or_insert_with(|| seen.iter().map(Key::name).collect());
            if !set.insert(key.name()) {
                return Err(Fault::DuplicateKey);
            }
        } else {
            let name = key.name();
            let ends =
                u64::from(*name.first().unwrap_or(&0)) | u64::from(*name.last().unwrap_or(&0)) << 8 | (name.len() as u64) << 16;
            // The upper six bits of a product with the golden ratio spread even keys of one letter.
            let bit = 1u64 << (ends.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58);
            if *sieve & bit != 0 && seen.iter().any(|earlier| earlier.name() == name) {
                return Err(Fault::DuplicateKey);
            }
            *sieve |= bit;
        }
        self.keys.push(key);
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > self.max_depth {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            self.blanks();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.blanks();
                }
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Fault::Syntax),
            }
        }
    }

    /// Reads a string from its opening quote on.
    fn string(&mut self) -> Result<Key<'a>, Fault> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            let plain = self.bytes[self.at..].iter().position(|byte| SPECIAL[usize::from(*byte)]);
            self.at = plain.map_or(self.bytes.len(), |length| self.at + length);
            match self.peek() {
                Some(b'"') => {
                    let raw = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(Key { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) | None => return Err(Fault::Syntax),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                self.at += 1;
                match self.hex()? {
                    0xDC00..=0xDFFF => Err(Fault::LoneSurrogate),
                    0xD800..=0xDBFF => {
                        if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                            return Err(Fault::LoneSurrogate);
                        }
                        self.at += 2;
                        if (0xDC00..=0xDFFF).contains(&self.hex()?) { Ok(()) } else { Err(Fault::LoneSurrogate) }
                    }
                    _ => Ok(()),
                }
            }
            _ => Err(Fault::Syntax),
        }
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Fault::Syntax)?;
        self.at += 4;
        digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?)).ok_or(Fault::Syntax)
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Fault::Syntax),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Fault::Syntax) }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Fault::Syntax)
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(Fault::Syntax)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Result<Vec<(String, String)>, Fault> {
        let mut found = Vec::new();
        members(text.as_bytes(), ROW_DEPTH, false, |key, value| {
            found.push((String::from_utf8(key.name().into_owned()).unwrap(), String::from_utf8(value.to_vec()).unwrap()));
        })?;
        Ok(found)
    }

    #[test]
    fn the_members_of_a_row_come_in_order_with_their_source_text() {
        let found = row(r#" {"a": 1.50 , "b\u0041":{"x":[1, 2]}, "c":"t"} "#).unwrap();
        let expected = [("a", "1.50"), ("bA", r#"{"x":[1, 2]}"#), ("c", r#""t""#)];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_a_lenient_parser_lets_pass_is_refused() {
        for (text, fault) in [
            ("", Fault::Empty),
            ("  ", Fault::Empty),
            ("[1]", Fault::NotAnObject),
            ("7", Fault::NotAnObject),
            ("{} {}", Fault::Trailing),
            (r#"{"a":1,"a":2}"#, Fault::DuplicateKey),
            (r#"{"a":1,"\u0061":2}"#, Fault::DuplicateKey),
            (r#"{"a":{"b":1,"b":2}}"#, Fault::DuplicateKey),
            (r#"{"a":"\ud800"}"#, Fault::LoneSurrogate),
            (r#"{"a":"\udc00\ud800"}"#, Fault::LoneSurrogate),
            (r#"{"a":"\ud800\u0041"}"#, Fault::LoneSurrogate),
            (r#"{"a":01}"#, Fault::Syntax),
            (r#"{"a":1.}"#, Fault::Syntax),
            (r#"{"a":NaN}"#, Fault::Syntax),
            (r#"{"a":1,}"#, Fault::Syntax),
            ("{\"a\":\"\n\"}", Fault::Syntax),
            ("\u{feff}{}", Fault::Syntax),
            (r#"{"a":tru}"#, Fault::Syntax),
            (r#"{"a":"\u00g0"}"#, Fault::Syntax),
            (r#"{"a":"x"#, Fault::Syntax),
        ] {
            assert_eq!(row(text), Err(fault), "{text}");
        }
        assert_eq!(members(b"{\"a\":\"\xff\"}", ROW_DEPTH, false, |_, _| {}), Err(Fault::Utf8));
    }

    #[test]
    fn what_is_legal_passes() {
        for text in [r#"{"a":1e999,"b":-0,"c":123456789012345678901234567890}"#, r#"{"a":"\ud83d\ude00"}"#, "{}", "{\"a\"\n:\t[ ]}"]
        {
            assert!(row(text).is_ok(), "{text}");
        }
    }

    /// The gateway's validator is held to the same file.
    #[test]
    fn the_shared_corpus_is_judged_as_it_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/json_corpus.json");
        let corpus: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases = corpus["cases"].as_array().unwrap();
        assert!(cases.len() > 100);
        for case in cases {
            let bytes = match case["text"].as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => {
                    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, case["base64"].as_str().unwrap()).unwrap()
                }
            };
            assert_eq!(check(&bytes, 128).is_ok(), case["expected"] == "ok", "{}: {:?}", case["name"], check(&bytes, 128));
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check(nested(128).as_bytes(), 128), Ok(()));
        assert_eq!(check(nested(129).as_bytes(), 128), Err(Fault::TooDeep));
    }

    #[test]
    fn a_repeated_key_is_found_among_many() {
        let keys = (0..500).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(",");
        assert!(row(&format!("{{{keys}}}")).is_ok());
        assert_eq!(row(&format!("{{{keys},\"k3\":1}}")), Err(Fault::DuplicateKey));
    }
}
