//! Says whether an object has a key twice, at any depth, without allocating for a record.
//!
//! Keys of one letter, the most frequent ones on busy topics, are a bit each in a word of the object. Any other key leaves a
//! fingerprint on a stack; an object's keys are the ones above where it began. A filter of 64 bits per object answers most
//! questions at once ("not seen"); what it cannot answer is looked up among that object's fingerprints. An object with very many
//! keys is sorted once, when it ends, so that hostile documents cost no more than n log n.
//!
//! Keys are compared as what they mean, not as they are spelled: `"\u0061"` is `"a"`.

use std::cmp::Ordering;

/// An object with more keys is checked when it ends instead of key by key: 64 × 64 / 2 comparisons are still a few microseconds.
const SCANNED_KEYS: usize = 64;

/// Keys kept allocated between documents: 64 KiB at 16 bytes each.
const KEPT_KEYS: usize = 4096;

#[derive(Debug, Clone, Copy)]
struct Key {
    print: u64,
    start: u32,
    end: u32,
}

/// The object whose keys are being read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Object {
    /// Where its keys begin on the stack.
    base: u32,
    /// Bit n set: some key fell on n.
    filter: u64,
    /// Bit n set: a key is the letter whose low six bits are n. The cases of a letter are 32 bits apart.
    letters: u64,
    /// All bits set where keys must differ by more than case.
    fold_case: u64,
}

impl Object {
    /// Takes note of a key that is one ASCII letter.
    #[inline(always)]
    pub(super) fn add_letter(&mut self, letter: u8, position: usize) -> Result<(), Duplicate> {
        debug_assert!(letter.is_ascii_alphabetic());
        let bit = 1u64 << (letter & 63);
        if self.letters & (bit | bit.rotate_left(32) & self.fold_case) != 0 {
            return Err(Duplicate { position, by_case: self.letters & bit == 0 });
        }
        self.letters |= bit;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    stack: Vec<Key>,
}

/// How two keys of one object must differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRule {
    /// By their text, at every depth.
    Exact,
    /// As `Exact`, and at the top level by more than the case of their letters: there they are matched with columns.
    Columns,
}

/// A key that its object already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Duplicate {
    pub(super) position: usize,
    /// The two differ in the case of letters only.
    pub(super) by_case: bool,
}

impl Keys {
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        if self.stack.capacity() > KEPT_KEYS {
            self.stack = Vec::new();
        }
        self.stack.clear();
    }

    #[inline(always)]
    pub(super) fn open(&self, fold_case: bool) -> Object {
        Object { base: self.stack.len() as u32, fold_case: if fold_case { u64::MAX } else { 0 }, ..Object::default() }
    }

    /// Takes note of the key between `start` and `end`, the quotes left out.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        bytes: &[u8],
        object: &mut Object,
        (start, end): (usize, usize),
        escaped: bool,
    ) -> Result<(), Duplicate> {
        let fold_case = object.fold_case != 0;
        if end - start == 1 && bytes[start].is_ascii_alphabetic() {
            return object.add_letter(bytes[start], start);
        }
        let print = if escaped {
            let plain = unescaped(&bytes[start..end]);
            if let [letter @ (b'a'..=b'z' | b'A'..=b'Z')] = *plain {
                return object.add_letter(letter, start);
            }
            fingerprint(&plain, 0, plain.len(), fold_case)
        } else {
            fingerprint(bytes, start, end, fold_case)
        };
        let key = Key { print, start: start as u32, end: end as u32 };
        let bit = 1 << bucket(print);
        if object.filter & bit != 0 {
            self.look_up(bytes, *object, key)?;
        }
        object.filter |= bit;
        self.stack.push(key);
        Ok(())
    }

    /// Ends `object`; its keys are forgotten.
    #[inline(always)]
    pub(super) fn close(&mut self, bytes: &[u8], object: Object) -> Result<(), Duplicate> {
        if self.stack.len() - object.base as usize > SCANNED_KEYS {
            sort_and_compare(bytes, &mut self.stack[object.base as usize..], object.fold_case != 0)?;
        }
        self.stack.truncate(object.base as usize);
        Ok(())
    }

    #[inline(never)]
    fn look_up(&self, bytes: &[u8], object: Object, key: Key) -> Result<(), Duplicate> {
        let earlier = &self.stack[object.base as usize..];
        if earlier.len() > SCANNED_KEYS {
            return Ok(());
        }
        for other in earlier {
            if other.print == key.print {
                compare(bytes, *other, key, object.fold_case != 0)?;
            }
        }
        Ok(())
    }
}

fn text(bytes: &[u8], key: Key) -> &[u8] {
    &bytes[key.start as usize..key.end as usize]
}

fn compare(bytes: &[u8], earlier: Key, key: Key, fold_case: bool) -> Result<(), Duplicate> {
    let (a, b) = (unescaped(text(bytes, earlier)), unescaped(text(bytes, key)));
    let position = key.start as usize;
    if a == b {
        return Err(Duplicate { position, by_case: false });
    }
    if fold_case && a.eq_ignore_ascii_case(&b) {
        return Err(Duplicate { position, by_case: true });
    }
    Ok(())
}

#[inline(never)]
fn sort_and_compare(bytes: &[u8], keys: &mut [Key], fold_case: bool) -> Result<(), Duplicate> {
    let folded = |key: &Key| {
        let mut text = unescaped(text(bytes, *key)).into_owned();
        if fold_case {
            text.make_ascii_lowercase();
        }
        text
    };
    // By text where the fingerprints agree, so that made-up collisions do not make this quadratic.
    keys.sort_unstable_by(|a, b| match a.print.cmp(&b.print) {
        Ordering::Equal => folded(a).cmp(&folded(b)).then(a.start.cmp(&b.start)),
        unequal => unequal,
    });
    for pair in keys.windows(2) {
        if pair[0].print == pair[1].print {
            compare(bytes, pair[0], pair[1], fold_case)?;
        }
    }
    Ok(())
}

/// Setting this bit in every byte makes letters of either case alike (and some other bytes too: equal fingerprints are compared).
const CASE_BITS: u64 = 0x2020_2020_2020_2020;

/// A number that equal keys share; different keys of up to eight bytes hardly ever do, as it then is the bytes themselves.
#[inline(always)]
fn fingerprint(bytes: &[u8], start: usize, end: usize, fold_case: bool) -> u64 {
    let case = if fold_case { CASE_BITS } else { 0 };
    let len = end - start;
    if len <= 8 {
        let word = match bytes.get(start..).and_then(<[u8]>::first_chunk) {
            Some(word) => u64::from_le_bytes(*word),
            None => short_word(&bytes[start..end]),
        };
        // Clears the bytes after the key: 64 − 8 × len bits, in two steps since a shift by 64 is none.
        let unused = 8 * (8 - len as u32);
        return if unused == 64 { 0 } else { (word | case) << unused >> unused };
    }
    fingerprint_long(&bytes[start..end], case)
}

#[inline(always)]
fn fingerprint_long(text: &[u8], case: u64) -> u64 {
    let word = |bytes: Option<&[u8; 8]>| u64::from_le_bytes(*bytes.expect("longer than eight bytes")) | case;
    let (first, last) = (word(text.first_chunk()), word(text.last_chunk()));
    // The middle of longer keys is left out: whatever agrees here is compared byte by byte.
    first.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ last.rotate_left(29).wrapping_add(text.len() as u64)
}

#[inline(never)]
fn short_word(text: &[u8]) -> u64 {
    text.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// The top six bits of a product, which all bits of the fingerprint have a say in.
#[inline(always)]
fn bucket(print: u64) -> u64 {
    print.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58
}

/// The text that a valid JSON string stands for.
pub(super) fn unescaped(text: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', text) else {
        return text.into();
    };
    let mut plain = text[..first].to_vec();
    let mut rest = &text[first..];
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        let (escape, after) = rest.split_first().expect("a string that passed the grammar does not end in a backslash");
        rest = after;
        match escape {
            b'b' => plain.push(0x08),
            b'f' => plain.push(0x0c),
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'u' => {
                let mut code = hex4(rest).expect("escapes passed the grammar");
                rest = &rest[4..];
                if (0xd800..0xdc00).contains(&code) {
                    let low = hex4(&rest[2..]).expect("surrogates come in pairs");
                    rest = &rest[6..];
                    code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                }
                let letter = char::from_u32(code).expect("a lone surrogate does not pass");
                plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => plain.push(*other),
        }
    }
    plain.into()
}

/// The number that four hexadecimal digits spell.
pub(super) fn hex4(text: &[u8]) -> Option<u32> {
    text.get(..4)?.iter().try_fold(0, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_what_they_spell() {
        let cases: [(&str, &str); 6] = [
            (r"plain", "plain"),
            (r"\u005foffset", "_offset"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u00e9\u20ac", "é€"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\u0000", "\0"),
        ];
        for (spelled, meant) in cases {
            assert_eq!(&*unescaped(spelled.as_bytes()), meant.as_bytes(), "{spelled}");
        }
    }

    #[test]
    fn a_fingerprint_does_not_depend_on_what_follows_the_key() {
        for len in 0..20 {
            let alone = vec![b'k'; len];
            let mut followed = alone.clone();
            followed.extend_from_slice(b"\": 1, 2, 3}");
            assert_eq!(fingerprint(&alone, 0, len, false), fingerprint(&followed, 0, len, false), "{len}");
            let upper = alone.to_ascii_uppercase();
            assert_eq!(fingerprint(&alone, 0, len, true), fingerprint(&upper, 0, len, true), "{len}");
        }
    }
}
