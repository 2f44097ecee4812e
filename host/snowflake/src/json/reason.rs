//! Why a document is refused: words for programs, texts for people.
//!
//! Invariant: neither shows any of the document, which may hold what must not reach a log.

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    Empty,
    Truncated,
    NotJson,
    TrailingBytes,
    ByteOrderMark,
    ControlByte,
    InvalidUtf8,
    LoneSurrogate,
    DuplicateKey,
    /// Two top-level keys would be the same column.
    AmbiguousKey,
    TooDeep,
    /// Longer than any record can be.
    Oversize,
}

impl Reason {
    /// The word for headers, logs and metrics; it never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::Empty => "empty",
            Reason::Truncated => "truncated",
            Reason::NotJson => "not_json",
            Reason::TrailingBytes => "trailing_bytes",
            Reason::ByteOrderMark => "byte_order_mark",
            Reason::ControlByte => "control_byte",
            Reason::InvalidUtf8 => "invalid_utf8",
            Reason::LoneSurrogate => "lone_surrogate",
            Reason::DuplicateKey => "duplicate_key",
            Reason::AmbiguousKey => "ambiguous_key",
            Reason::TooDeep => "too_deep",
            Reason::Oversize => "oversize",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Reason::Empty => "the value is empty",
            Reason::Truncated => "the JSON ends too early",
            Reason::NotJson => "the value is not JSON",
            Reason::TrailingBytes => "something follows the JSON document",
            Reason::ByteOrderMark => "the value begins with a byte order mark",
            Reason::ControlByte => "a raw control byte stands in a string",
            Reason::InvalidUtf8 => "the value is not valid UTF-8",
            Reason::LoneSurrogate => "half of a surrogate pair stands alone",
            Reason::DuplicateKey => "an object has a key twice",
            Reason::AmbiguousKey => "two fields differ only in the case of their letters",
            Reason::TooDeep => "objects and arrays are nested more than 128 deep",
            Reason::Oversize => "the value is longer than 4 GiB",
        }
    }
}

/// Why a document is refused, and where; never what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} (byte {position})", reason.text())]
pub struct JsonError {
    pub reason: Reason,
    pub position: usize,
}
