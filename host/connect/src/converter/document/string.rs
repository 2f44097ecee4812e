//! Texts: what stands between quotes, and its escapes.

use super::{Fault, Reader};
use crate::rows::IS_ESCAPED;

impl Reader<'_> {
    pub(super) fn string(&mut self) -> Result<String, Fault> {
        let start = self.at + 1;
        let rest = &self.bytes[start..];
        let plain = plain(rest);
        if rest.get(plain) == Some(&b'"') {
            self.at = start + plain + 1;
            return self.text(&rest[..plain], start).map(str::to_owned);
        }
        let mut text = String::new();
        self.string_onto(&mut text)?;
        Ok(text)
    }

    /// A text, behind what `text` holds already.
    pub(super) fn string_onto(&mut self, text: &mut String) -> Result<(), Fault> {
        self.at += 1;
        loop {
            let start = self.at;
            let rest = &self.bytes[start..];
            let plain = plain(rest);
            text.push_str(self.text(&rest[..plain], start)?);
            self.at = start + plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => text.push(self.escape()?),
                _ => return self.fault("a raw control byte stands in a text"),
            }
        }
    }

    pub(super) fn text<'b>(&self, bytes: &'b [u8], start: usize) -> Result<&'b str, Fault> {
        std::str::from_utf8(bytes).map_err(|error| Fault { what: "a text is not UTF-8", at: start + error.valid_up_to() })
    }

    pub(super) fn escape(&mut self) -> Result<char, Fault> {
        self.at += 1;
        let letter = self.peek();
        let plain = match letter {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.fault("an unknown escape stands"),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, Fault> {
        let first = self.unit()?;
        let code = match first {
            0xd800..0xdc00 if self.bytes[self.at..].starts_with(b"\\u") => {
                self.at += 1;
                let second = self.unit()?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(Fault { what: "half of a surrogate pair stands alone", at: self.at });
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        char::from_u32(code).ok_or(Fault { what: "half of a surrogate pair stands alone", at: self.at })
    }

    /// `uXXXX`
    fn unit(&mut self) -> Result<u32, Fault> {
        let digits = self.bytes.get(self.at + 1..self.at + 5).and_then(|digits| std::str::from_utf8(digits).ok());
        let unit = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(unit) = unit.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return self.fault("an escape lacks digits");
        };
        self.at += 5;
        Ok(unit)
    }
}

/// How many bytes from the first on stand for themselves in a string.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| IS_ESCAPED[usize::from(*byte)]).unwrap_or(bytes.len())
}
