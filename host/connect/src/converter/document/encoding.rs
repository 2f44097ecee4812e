//! Which of the Unicode encodings a document is in: told by a byte order mark, or by where the first character has its zero bytes.

use std::borrow::Cow;

use super::Fault;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 { big: bool },
    Utf32 { big: bool },
}

/// `bytes` as UTF-8, without a byte order mark. UTF-8 itself is not checked here.
pub(super) fn to_utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    // What every document in UTF-8 begins with, but for the mark.
    if let [1..=0x7f, 1..=0x7f, ..] | [] | [_] = bytes {
        return Ok(Cow::Borrowed(bytes));
    }
    let (encoding, mark) = detect(bytes);
    let bytes = &bytes[mark..];
    match encoding {
        Encoding::Utf8 => Ok(Cow::Borrowed(bytes)),
        Encoding::Utf16 { big } => {
            let units = bytes.chunks_exact(2).map(|pair| {
                let pair = [pair[0], pair[1]];
                if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
            });
            let text: Result<String, _> = char::decode_utf16(units).collect();
            text.map(|text| Cow::Owned(text.into_bytes()))
                .map_err(|_| Fault { what: "half of a surrogate pair stands alone", at: mark })
        }
        Encoding::Utf32 { big } => {
            let codes = bytes.chunks_exact(4).map(|quad| {
                let quad = [quad[0], quad[1], quad[2], quad[3]];
                if big { u32::from_be_bytes(quad) } else { u32::from_le_bytes(quad) }
            });
            let text: Option<String> = codes.map(char::from_u32).collect();
            text.map(|text| Cow::Owned(text.into_bytes())).ok_or(Fault { what: "a code is no character", at: mark })
        }
    }
}

/// The encoding, and how long its mark is.
fn detect(bytes: &[u8]) -> (Encoding, usize) {
    match bytes {
        [0, 0, 0xfe, 0xff, ..] => (Encoding::Utf32 { big: true }, 4),
        [0xff, 0xfe, 0, 0, ..] => (Encoding::Utf32 { big: false }, 4),
        [0xfe, 0xff, ..] => (Encoding::Utf16 { big: true }, 2),
        [0xff, 0xfe, ..] => (Encoding::Utf16 { big: false }, 2),
        [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
        [0, 0, 0, _, ..] => (Encoding::Utf32 { big: true }, 0),
        [_, 0, 0, 0, ..] => (Encoding::Utf32 { big: false }, 0),
        [0, _, ..] => (Encoding::Utf16 { big: true }, 0),
        [_, 0, ..] => (Encoding::Utf16 { big: false }, 0),
        _ => (Encoding::Utf8, 0),
    }
}
