//! Looks at many bytes of a JSON document at once, for all who validate one or follow it.
//!
//! - [`Scanner`] finds the bytes that end or break a string: quotes, backslashes and control bytes. The document is looked at in blocks
//!   of 64 bytes. A block becomes one word with a bit for each such byte, so the end of a string costs a count of trailing zeros however
//!   long the string is. The same look gathers whether any byte is outside ASCII, which decides if UTF-8 must be checked at all.
//! - [`Text`] is what a document had between two values, and is compared with what the next one has there.
//! - [`digits_end`] goes past digits.
//!
//! Invariant: every block that holds a byte of a string has been looked at when that string has ended. (Bytes outside strings
//! are all compared with ASCII by the grammar.)

/// The block of a document that is being read. It only moves forward.
#[derive(Debug)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    /// Where the block starts that `bits` describes.
    base: usize,
    /// One bit for each special byte of that block.
    bits: u64,
    high: u64,
}

impl<'a> Scanner<'a> {
    #[inline(always)]
    pub fn new(bytes: &'a [u8]) -> Scanner<'a> {
        let (bits, high) = special_from(bytes, 0);
        Scanner { bytes, base: 0, bits, high }
    }

    /// The first special byte at or after `from`, or a position at or after the end when there is none. `from` must not lie before
    /// an earlier one.
    #[inline(always)]
    pub fn find(&mut self, from: usize) -> usize {
        debug_assert!(from >= self.base, "a scanner moves forward");
        let mut ahead = from - self.base;
        if ahead >= 64 {
            self.look(from & !63);
            ahead &= 63;
        }
        let mut bits = self.bits & u64::MAX << ahead;
        while bits == 0 {
            if self.base >= self.bytes.len() {
                return self.base;
            }
            self.look(self.base + 64);
            bits = self.bits;
        }
        self.base + bits.trailing_zeros() as usize
    }

    /// Whether a byte outside ASCII was seen.
    #[inline(always)]
    pub fn saw_high(&self) -> bool {
        self.high != 0
    }

    #[inline(always)]
    fn look(&mut self, base: usize) {
        let (bits, high) = special_from(self.bytes, base);
        self.base = base;
        self.bits = bits;
        self.high |= high;
    }
}

/// A text that stands in one document after another. Up to [`LOOK`] bytes are compared, and copied, at one look.
#[derive(Debug, Clone)]
pub struct Text {
    /// Its beginning, and all bits set for each byte of that.
    look: [u8; LOOK],
    mask: [u8; LOOK],
    length: usize,
    /// All of it, where it is longer than a look.
    long: Box<[u8]>,
}

/// What fits into two vectors, and holds most texts between values.
const LOOK: usize = 32;

impl Text {
    pub fn new(text: &[u8]) -> Text {
        let (mut look, mut mask) = ([0; LOOK], [0; LOOK]);
        let seen = text.len().min(LOOK);
        look[..seen].copy_from_slice(&text[..seen]);
        mask[..seen].fill(0xff);
        let long = if text.len() > LOOK { text.into() } else { Box::default() };
        Text { look, mask, length: text.len(), long }
    }

    pub fn as_bytes(&self) -> &[u8] {
        if self.length <= LOOK { &self.look[..self.length] } else { &self.long }
    }

    /// Where it ends, if it stands at `position` of `bytes`.
    #[inline(always)]
    pub fn past(&self, bytes: &[u8], position: usize) -> Option<usize> {
        let fits = match bytes.get(position..).and_then(<[u8]>::first_chunk) {
            Some(look) if self.length <= LOOK => self.fits(look),
            _ => bytes.get(position..position + self.length) == Some(self.as_bytes()),
        };
        fits.then_some(position + self.length)
    }

    #[inline(always)]
    fn fits(&self, look: &[u8; LOOK]) -> bool {
        let word = |bytes: &[u8; LOOK], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a word is eight bytes"));
        let differ = |at: usize| (word(look, at) ^ word(&self.look, at)) & word(&self.mask, at);
        differ(0) | differ(8) | differ(16) | differ(24) == 0
    }

    /// Appends it. Faster than a copy of unknown length: as much as a look is copied, and what was too much is taken back.
    #[inline(always)]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        if self.length <= LOOK {
            let end = out.len() + self.length;
            out.extend_from_slice(&self.look);
            out.truncate(end);
        } else {
            out.extend_from_slice(&self.long);
        }
    }
}

/// Appends `bytes[from..to]` as [`Text::append_to`] does.
#[inline(always)]
pub fn append_part(bytes: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    match bytes.get(from..).and_then(<[u8]>::first_chunk::<LOOK>) {
        Some(look) if to - from <= LOOK => {
            let end = out.len() + (to - from);
            out.extend_from_slice(look);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&bytes[from..to]),
    }
}

/// The first byte from `position` on that is no digit, looking at eight bytes at a time.
#[inline(always)]
pub fn digits_end(bytes: &[u8], mut position: usize) -> usize {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // What is 10 or more reaches the high bit: 10 + 0x76 = 0x80. No carry leaves a byte: 0x7f + 0x76 = 0xf5.
    const TO_HIGH_BIT: u64 = 0x7676_7676_7676_7676;
    while let Some(word) = bytes.get(position..).and_then(<[u8]>::first_chunk) {
        let values = u64::from_le_bytes(*word) ^ ZEROS;
        let others = (((values & LOW_BITS) + TO_HIGH_BIT) | values) & !LOW_BITS;
        if others != 0 {
            return position + others.trailing_zeros() as usize / 8;
        }
        position += 8;
    }
    while bytes.get(position).is_some_and(u8::is_ascii_digit) {
        position += 1;
    }
    position
}

/// One block looked at. Not inlined: called once in 64 bytes, and the walk needs its registers.
#[inline(never)]
fn special_from(bytes: &[u8], base: usize) -> (u64, u64) {
    match bytes.get(base..).and_then(<[u8]>::first_chunk) {
        Some(block) => special(block),
        None => special_in_tail(bytes, base),
    }
}

/// The last block, which is shorter than 64 bytes.
#[inline(always)]
fn special_in_tail(bytes: &[u8], base: usize) -> (u64, u64) {
    let tail = bytes.get(base..).unwrap_or_default();
    if let (Some(last), false) = (bytes.last_chunk(), tail.is_empty()) {
        // The last 64 bytes of the document; the bits before `base` are shifted out.
        let (bits, high) = special(last);
        return (bits >> (64 - tail.len()), high);
    }
    let mut block = [b' '; 64];
    block[..tail.len()].copy_from_slice(tail);
    special(&block)
}

/// One bit for each special byte, and a number that is not 0 when some byte is outside ASCII.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn special(block: &[u8; 64]) -> (u64, u64) {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8, _mm_setzero_si128,
    };
    let mut bits = 0;
    // SAFETY: these instructions are SSE2, which every x86-64 processor has; no pointer is involved.
    unsafe {
        let quote = _mm_set1_epi8(b'"' as i8);
        let backslash = _mm_set1_epi8(b'\\' as i8);
        let last_control = _mm_set1_epi8(0x1f);
        let mut any = _mm_setzero_si128();
        for lane in 0..4 {
            let half = |at: usize| i64::from_le_bytes(block[at..at + 8].try_into().expect("eight bytes"));
            // Two halves beside each other compile to one unaligned load.
            let bytes = _mm_set_epi64x(half(lane * 16 + 8), half(lane * 16));
            let strings = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
            let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
            bits |= u64::from(_mm_movemask_epi8(_mm_or_si128(strings, control)) as u16) << (lane * 16);
            any = _mm_or_si128(any, bytes);
        }
        (bits, _mm_movemask_epi8(any) as u64)
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn special(block: &[u8; 64]) -> (u64, u64) {
    special_by_words(block)
}

/// The same without vector instructions, eight bytes at a time.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn special_by_words(block: &[u8; 64]) -> (u64, u64) {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    const fn every(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    // The high bit of each byte that is zero; no carry leaves a byte, as 0x7f + 0x7f fits.
    let zeros = |word: u64| !(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS);
    let mut bits = 0;
    let mut any = 0;
    for (index, word) in block.chunks_exact(8).enumerate() {
        let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        let found = zeros(word ^ every(b'"')) | zeros(word ^ every(b'\\')) | zeros(word & every(0xe0));
        // Moves the high bit of byte i to bit i of the top byte.
        bits |= ((found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (index * 8);
        any |= word;
    }
    (bits, any & !LOW_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_hand(bytes: &[u8]) -> Vec<usize> {
        (0..bytes.len()).filter(|&i| bytes[i] < 0x20 || bytes[i] == b'"' || bytes[i] == b'\\').collect()
    }

    #[test]
    fn every_byte_value_is_classed_alike_with_and_without_vectors() {
        for first in (0..256usize).step_by(64) {
            let block: [u8; 64] = std::array::from_fn(|i| (first + i) as u8);
            let (bits, high) = special(&block);
            let (word_bits, word_high) = special_by_words(&block);
            assert_eq!(bits, word_bits, "block from {first}");
            assert_eq!(high != 0, word_high != 0, "block from {first}");
            let expected = by_hand(&block).iter().fold(0, |bits, &i| bits | 1u64 << i);
            assert_eq!(bits, expected, "block from {first}");
            assert_eq!(high != 0, first >= 128);
        }
    }

    proptest! {
        #[test]
        fn a_text_is_found_where_it_stands_and_copied_as_it_is(
            before in proptest::collection::vec(b'a'..=b'b', 0..40),
            text in proptest::collection::vec(b'a'..=b'b', 0..70),
            after in proptest::collection::vec(b'a'..=b'b', 0..40),
            from in 0..80usize,
        ) {
            let bytes = [&before[..], &text, &after].concat();
            let known = Text::new(&text);
            prop_assert_eq!(known.as_bytes(), &text);
            let from = from.min(bytes.len());
            let expected = bytes[from..].starts_with(&text).then_some(from + text.len());
            prop_assert_eq!(known.past(&bytes, from), expected);
            prop_assert_eq!(known.past(&bytes, before.len()), Some(before.len() + text.len()));
            let mut copied = before.clone();
            known.append_to(&mut copied);
            append_part(&bytes, before.len() + text.len(), bytes.len(), &mut copied);
            prop_assert_eq!(copied, bytes);
        }

        #[test]
        fn digits_end_where_the_first_other_byte_stands(bytes in proptest::collection::vec(b'-'..=b';', 0..40), from in 0..40usize) {
            let from = from.min(bytes.len());
            let expected = bytes[from..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |at| from + at);
            prop_assert_eq!(digits_end(&bytes, from), expected);
        }

        #[test]
        fn a_scanner_finds_every_special_byte_in_order(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut scanner = Scanner::new(&bytes);
            let mut found = Vec::new();
            let mut from = 0;
            loop {
                let position = scanner.find(from);
                if position >= bytes.len() {
                    break;
                }
                found.push(position);
                from = position + 1;
            }
            prop_assert_eq!(found, by_hand(&bytes));
            prop_assert_eq!(scanner.saw_high(), bytes.iter().any(|byte| *byte >= 0x80));
        }

        #[test]
        fn a_scanner_finds_the_first_special_byte_from_anywhere(
            bytes in proptest::collection::vec(b' '..=b'z', 1..400),
            mut from in proptest::collection::vec(0..400usize, 1..5),
        ) {
            from.sort_unstable();
            let mut scanner = Scanner::new(&bytes);
            for from in from {
                let found = scanner.find(from.min(bytes.len()));
                match by_hand(&bytes).into_iter().find(|position| *position >= from) {
                    Some(position) => prop_assert_eq!(found, position),
                    None => prop_assert!(found >= bytes.len()),
                }
            }
        }
    }
}
