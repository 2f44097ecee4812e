//! Sixteen bytes at a look: each step of a loop costs a plugin a look at the clock.

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
pub(super) fn digits(block: &[u8; BLOCK]) -> u32 {
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
    // The bit that makes small letters of large ones makes braces of brackets.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    {
        use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, v128_or};
        let bytes = vector(block);
        let braces = v128_or(bytes, u8x16_splat(0x20));
        let is = |bytes, byte| u32::from(u8x16_bitmask(u8x16_eq(bytes, u8x16_splat(byte))));
        Structure { quotes: is(bytes, b'"'), backslashes: is(bytes, b'\\'), opening: is(braces, b'{'), closing: is(braces, b'}') }
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    Structure {
        quotes: bits(block, |byte| byte == b'"'),
        backslashes: bits(block, |byte| byte == b'\\'),
        opening: bits(block, |byte| byte | 0x20 == b'{'),
        closing: bits(block, |byte| byte | 0x20 == b'}'),
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
