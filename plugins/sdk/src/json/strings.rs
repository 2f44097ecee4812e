//! Texts into their quotes and out of them.

use std::borrow::Cow;

/// Whether two texts are the same. For names, which are short, it is quicker than `==`: that is a call in a component, and a loop.
#[inline]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    /// Whether they begin and end alike. That is all there is to them where they are not longer than both together.
    fn ends<const N: usize>(one: &[u8], other: &[u8]) -> bool {
        one.first_chunk::<N>() == other.first_chunk() && one.last_chunk::<N>() == other.last_chunk()
    }
    if one.len() != other.len() || one.first() != other.first() {
        return false;
    }
    match one.len() {
        ..2 => true,
        2..4 => ends::<2>(one, other),
        4..8 => ends::<4>(one, other),
        8..=16 => ends::<8>(one, other),
        _ => one == other,
    }
}

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
