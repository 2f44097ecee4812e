//! The same documents, walked over in their text: nothing is made of a value, it is known by where it stands.
//!
//! The walk is stricter than the reading: it takes no number with leading zeros, no key twice, and inside arrays no key with an escape.
//! So whatever it passes is what the reading would have made a value of, and what [`write`] writes of it is what the row writer would
//! have made of that value, but that a number keeps its text.

use super::string::plain;
use super::{Fault, MAX_DEPTH, Reader, Reading};
use crate::rows::write_letter;

/// Keys of one object inside an array. Each is compared with all others.
const MAX_KEYS: usize = 64;
/// Objects and arrays inside each other. So few that what is walked over in two parts, one inside the other, can be read as a whole.
const MAX_WALKED_DEPTH: u32 = 128;

/// Where a value stands in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Written anew it would be the same text: it has no blanks, and no escapes but the shortest.
    pub(crate) as_is: bool,
}

impl Span {
    pub(crate) fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start..self.end]
    }
}

/// The keys of the objects that are open inside an array, as they are written.
pub(crate) type Keys = Vec<(usize, usize)>;

impl<'a> Reader<'a> {
    /// Begins at `at`. `text` is UTF-8.
    pub(crate) fn walk(text: &'a [u8], at: usize) -> Reader<'a> {
        Reader { bytes: text, at, depth: MAX_DEPTH - MAX_WALKED_DEPTH, reading: Reading::PLAIN }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn begins_object(&mut self) -> bool {
        self.blanks();
        self.peek() == Some(b'{')
    }

    /// Goes into an object; says whether it has members.
    pub(crate) fn enter(&mut self) -> Result<bool, Fault> {
        self.deeper()?;
        let empty = self.peek() == Some(b'}');
        if empty {
            self.at += 1;
            self.depth -= 1;
        }
        Ok(!empty)
    }

    /// Goes past a key and its colon, and appends what the key says.
    pub(crate) fn member(&mut self, name: &mut String) -> Result<(), Fault> {
        self.key_begins()?;
        self.string_onto(name)?;
        self.colon()
    }

    /// Goes to the next member, or past the end of the object; says which.
    pub(crate) fn goes_on_or_leaves(&mut self) -> Result<bool, Fault> {
        let goes_on = self.goes_on(b'}')?;
        if !goes_on {
            self.depth -= 1;
        }
        Ok(goes_on)
    }

    /// Goes past a value that is no object, or fails.
    #[inline]
    pub(crate) fn leaf(&mut self, keys: &mut Keys) -> Result<Span, Fault> {
        let start = self.at;
        let as_is = match self.peek() {
            Some(b'"') => self.past_string()?,
            Some(b'-' | b'0'..=b'9') => self.past_number().map(|_| true)?,
            Some(b't') => self.past_word(b"true").map(|()| true)?,
            Some(b'f') => self.past_word(b"false").map(|()| true)?,
            Some(b'n') => self.past_word(b"null").map(|()| true)?,
            Some(b'[') => {
                keys.clear();
                self.past_array(keys)?
            }
            _ => return self.fault("no value begins"),
        };
        Ok(Span { start, end: self.at, as_is })
    }

    #[inline]
    fn past_string(&mut self) -> Result<bool, Fault> {
        self.at += 1;
        let mut as_is = true;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(as_is);
                }
                Some(b'\\') => {
                    as_is &= matches!(self.bytes.get(self.at + 1), Some(b'"' | b'\\' | b'n' | b'r' | b't'));
                    self.escape()?;
                }
                _ => return self.fault("a raw control byte stands in a text"),
            }
        }
    }

    fn past_array(&mut self, keys: &mut Keys) -> Result<bool, Fault> {
        let mut as_is = self.enters_closely()?;
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                as_is &= self.past_any(keys)?;
                let (goes_on, closely) = self.goes_on_closely(b']')?;
                as_is &= closely;
                if !goes_on {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(as_is)
    }

    fn past_any(&mut self, keys: &mut Keys) -> Result<bool, Fault> {
        match self.peek() {
            Some(b'{') => self.past_object(keys),
            Some(b'[') => self.past_array(keys),
            _ => self.leaf(keys).map(|span| span.as_is),
        }
    }

    fn past_object(&mut self, keys: &mut Keys) -> Result<bool, Fault> {
        let first = keys.len();
        let mut as_is = self.enters_closely()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                as_is &= self.past_key(keys, first)?;
                as_is &= self.past_any(keys)?;
                let (goes_on, closely) = self.goes_on_closely(b'}')?;
                as_is &= closely;
                if !goes_on {
                    break;
                }
            }
        }
        self.depth -= 1;
        keys.truncate(first);
        Ok(as_is)
    }

    /// A key that none of `keys` from `first` on is.
    fn past_key(&mut self, keys: &mut Keys, first: usize) -> Result<bool, Fault> {
        self.key_begins()?;
        let start = self.at;
        self.past_string()?;
        let end = self.at;
        let key = &self.bytes[start..end];
        if key.contains(&b'\\') || keys.len() - first == MAX_KEYS {
            return self.fault("a key must be read");
        }
        if keys[first..].iter().any(|&(start, end)| self.bytes[start..end] == *key) {
            return self.fault("a key stands twice");
        }
        keys.push((start, end));
        self.colon()?;
        Ok(self.at == end + 1)
    }

    /// Goes into an array or object; says whether without blanks.
    fn enters_closely(&mut self) -> Result<bool, Fault> {
        let start = self.at;
        self.deeper()?;
        Ok(self.at == start + 1)
    }

    /// Goes past a comma or the end; says which, and whether there were no blanks.
    fn goes_on_closely(&mut self, end: u8) -> Result<(bool, bool), Fault> {
        let start = self.at;
        let goes_on = self.goes_on(end)?;
        Ok((goes_on, self.at == start + 1))
    }
}

/// Appends a value that was walked over, as the row writer writes it: without blanks, and with the shortest escapes.
pub(crate) fn write(value: &[u8], out: &mut Vec<u8>) {
    let mut reader = Reader::walk(value, 0);
    let mut in_string = false;
    while let Some(byte) = reader.peek() {
        match byte {
            b'\\' => match reader.escape() {
                Ok(letter) => write_letter(letter, out),
                Err(_) => debug_assert!(false, "what was walked over has no broken escape"),
            },
            b' ' | b'\t' | b'\n' | b'\r' if !in_string => reader.at += 1,
            _ => {
                in_string ^= byte == b'"';
                out.push(byte);
                reader.at += 1;
            }
        }
    }
}
