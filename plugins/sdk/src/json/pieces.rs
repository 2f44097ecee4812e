//! Texts put together from short pieces.

use std::ops::Range;

use super::blocks::BLOCK;

/// Puts a text together from short pieces, at the end of what `out` holds.
///
/// Much faster than `extend_from_slice` for the short texts of market data: a piece is copied in blocks of a length that the
/// compiler knows, which needs no call out of the plugin, and what lies behind the piece is overwritten by the next one.
pub struct Pieces<'a> {
    out: &'a mut Vec<u8>,
    /// Bytes written behind the vector's own.
    length: usize,
}

/// A text of at most 32 bytes that is known beforehand, such as a field's name and what is around it: [`Pieces`] copies it as one block.
///
/// ```
/// use snowgate_plugin::json::{Literal, Pieces};
///
/// static PRICE: Literal = Literal::new(r#","price":"#);
/// let mut out = Vec::new();
/// let mut row = Pieces::new(&mut out);
/// row.literal(&PRICE).part(b"0.10", 0..4);
/// row.finish();
/// assert_eq!(out, br#","price":0.10"#);
/// ```
pub struct Literal {
    text: [u8; 2 * BLOCK],
    length: usize,
}

impl Literal {
    /// # Panics
    /// When the text is longer; of a `const` or `static` it does not compile then.
    pub const fn new(text: &str) -> Literal {
        let mut padded = [0; 2 * BLOCK];
        padded.split_at_mut(text.len()).0.copy_from_slice(text.as_bytes());
        Literal { text: padded, length: text.len() }
    }
}

impl<'a> Pieces<'a> {
    #[inline]
    pub fn new(out: &'a mut Vec<u8>) -> Pieces<'a> {
        Pieces { out, length: 0 }
    }

    /// Adds the first `length` bytes of `block`.
    ///
    /// # Panics
    /// When the block has fewer.
    #[inline(always)]
    pub fn start_of<const N: usize>(&mut self, block: &[u8; N], length: usize) {
        assert!(length <= N, "a block has {N} bytes");
        let room = match self.out.spare_capacity_mut().get_mut(self.length..) {
            Some(room) if room.len() >= N => room,
            _ => self.more_room(N),
        };
        room[..N].write_copy_of_slice(block);
        self.length += length;
    }

    #[inline(always)]
    pub fn literal(&mut self, literal: &Literal) -> &mut Self {
        self.start_of(&literal.text, literal.length);
        self
    }

    /// Adds `text[range]`.
    #[inline(always)]
    pub fn part(&mut self, text: &[u8], range: Range<usize>) {
        let length = range.len();
        match text.get(range.start..) {
            Some(rest)
                if length <= BLOCK
                    && let Some(block) = rest.first_chunk::<BLOCK>() =>
            {
                self.start_of(block, length)
            }
            Some(rest)
                if length <= 2 * BLOCK
                    && let Some(block) = rest.first_chunk::<{ 2 * BLOCK }>() =>
            {
                self.start_of(block, length);
            }
            _ => self.long(&text[range]),
        }
    }

    /// Adds all of `text`, however long.
    pub fn long(&mut self, text: &[u8]) {
        self.take_over();
        self.out.extend_from_slice(text);
    }

    /// Ends the text.
    #[inline]
    pub fn finish(mut self) {
        self.take_over();
    }

    #[cold]
    #[inline(never)]
    fn more_room(&mut self, bytes: usize) -> &mut [std::mem::MaybeUninit<u8>] {
        self.take_over();
        self.out.reserve(bytes);
        self.out.spare_capacity_mut()
    }

    /// Makes what was written the vector's own.
    #[inline]
    fn take_over(&mut self) {
        // SAFETY: `start_of` has written each of these bytes into the spare capacity, and nothing has moved the vector since.
        unsafe { self.out.set_len(self.out.len() + self.length) };
        self.length = 0;
    }
}

/// Appends `text[range]` to `out`, as [`Pieces::part`] does.
#[inline]
pub fn append(out: &mut Vec<u8>, text: &[u8], range: Range<usize>) {
    let mut pieces = Pieces::new(out);
    pieces.part(text, range);
    pieces.finish();
}
