//! Sixteen bytes at a look: each step of a loop costs a plugin a look at the clock.

mod vector;

use vector::Vector;

/// What is looked at, or copied, at a time.
pub(super) const BLOCK: usize = 16;

/// The block that begins at `at`, if there is a whole one.
#[inline(always)]
pub(super) fn block(text: &[u8], at: usize) -> Option<&[u8; BLOCK]> {
    text.get(at..)?.first_chunk()
}

/// Bit `i` set: byte `i` is a quote or a backslash.
#[inline(always)]
pub(super) fn quotes_and_backslashes(block: &[u8; BLOCK]) -> u32 {
    let bytes = Vector::of(block);
    bytes.equal(b'"').or(bytes.equal(b'\\')).bits()
}

/// Bit `i` set: byte `i` is a digit.
#[inline(always)]
pub(super) fn digits(block: &[u8; BLOCK]) -> u32 {
    Vector::of(block).minus(b'0').below(10).bits()
}

/// Which bytes of a block give JSON its structure: bit `i` stands for byte `i`.
pub(super) struct Structure {
    pub(super) quotes: u32,
    pub(super) backslashes: u32,
    /// `{` and `[`.
    pub(super) opening: u32,
    /// `}` and `]`.
    pub(super) closing: u32,
}

#[inline(always)]
pub(super) fn structure(block: &[u8; BLOCK]) -> Structure {
    let bytes = Vector::of(block);
    // The bit that makes small letters of large ones makes braces of brackets.
    let braces = bytes.or(Vector::all(0x20));
    Structure {
        quotes: bytes.equal(b'"').bits(),
        backslashes: bytes.equal(b'\\').bits(),
        opening: braces.equal(b'{').bits(),
        closing: braces.equal(b'}').bits(),
    }
}

/// Bit `i` set: an odd number of the bits up to `i` are set, so that from each opening quote to before its closing one all are.
#[inline(always)]
pub(super) fn within_quotes(quotes: u32) -> u32 {
    let mut within = quotes;
    within ^= within << 1;
    within ^= within << 2;
    within ^= within << 4;
    within ^= within << 8;
    within & 0xffff
}
