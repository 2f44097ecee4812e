//! Texts into their quotes and out of them.

use std::borrow::Cow;

/// The text of a JSON string, its escapes resolved; `None` where `value` is no string.
pub fn unquote(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') { unescape(value) } else { Some(Cow::Borrowed(inner)) }
}

/// Appends `text` as a JSON string. What is not UTF-8 in it becomes U+FFFD.
pub fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    let plain = |byte: &u8| *byte >= b' ' && !matches!(byte, b'"' | b'\\' | 0x80..);
    if text.iter().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        let text = String::from_utf8_lossy(text);
        serde_json::to_writer(out, &text).expect("a text can be written into memory");
    }
}

#[cold]
pub(super) fn unescape(quoted: &[u8]) -> Option<Cow<'static, [u8]>> {
    let text: String = serde_json::from_slice(quoted).ok()?;
    Some(Cow::Owned(text.into_bytes()))
}
