//! Remembers what a document had between its values, for most records of a topic have the same keys in the same order.
//!
//! Of a valid document the text before each value (`{"data": {"k": `, then `, "t": `) and the text after the last are kept. As long as
//! the next document has the same texts in the same places, its keys and braces are known to be sound, and only its values need a
//! look. Where a document goes its own way it is walked from its beginning as if there had been no memory: what a validator says never
//! depends on what it saw before.
//!
//! Values are whatever is no object: strings, numbers, words, arrays. So a document is followed at any depth, but not into arrays.
//!
//! Invariant: the texts are those of one valid document whose outermost value is an object without the reserved key.

use snowgate_record::scan::Text;

use crate::json::{is_blank, string_end};

/// Documents with more values, or with a longer text before or after one of them, are walked key by key.
const STEPS: usize = 512;
const TEXT_BYTES: usize = 1024;

/// After documents that could not be followed, at most so many are let pass before the next one is learnt.
const LONGEST_WAIT: u32 = 63;

/// What stands before a value.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) text: Text,
    /// Objects that the value is in.
    pub(super) depth: usize,
}

#[derive(Debug, Default)]
pub(super) struct Shape {
    steps: Vec<Step>,
    /// What stands after the last value.
    tail: Vec<u8>,
    /// Whether a line breaks in any of the texts.
    line_breaks: bool,
    is_known: bool,
    /// Documents to let pass before one is learnt, and how many that were last time.
    wait: u32,
    last_wait: u32,
}

impl Shape {
    /// The texts before each value, the one after the last, and whether a line breaks in any: those of the document before, if it may be
    /// followed.
    #[inline(always)]
    pub(super) fn known(&self) -> Option<(&[Step], &[u8], bool)> {
        self.is_known.then_some((&self.steps, &self.tail, self.line_breaks))
    }

    /// The document was followed to its end.
    #[inline(always)]
    pub(super) fn followed(&mut self) {
        self.last_wait = 0;
    }

    /// `document` was walked to its end, and is valid; `fits` says whether others like it may be followed.
    #[cold]
    #[inline(never)]
    pub(super) fn walked(&mut self, document: &[u8], fits: bool) {
        if self.is_known {
            self.give_up();
        }
        if self.wait > 0 {
            self.wait -= 1;
        } else if fits && self.learn(document).is_some() {
            self.is_known = true;
        } else {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.is_known = false;
        self.wait = self.last_wait;
        self.last_wait = (self.last_wait * 2 + 1).min(LONGEST_WAIT);
    }

    /// `None` where there are too many steps, or one of them is too long.
    fn learn(&mut self, document: &[u8]) -> Option<()> {
        self.steps.clear();
        self.line_breaks = false;
        let (mut position, mut read, mut depth, mut is_value) = (0, 0, 0, false);
        while let Some(&byte) = document.get(position) {
            match byte {
                b'{' => (depth, is_value) = (depth + 1, false),
                b'}' => depth -= 1,
                b':' => is_value = true,
                b',' | b' ' => {}
                _ if is_blank(byte) => self.line_breaks = true,
                b'"' if !is_value => position += string_end(&document[position..])? - 1,
                _ => {
                    self.push(&document[read..position], depth)?;
                    read = position + value_end(&document[position..])?;
                    position = read - 1;
                    is_value = false;
                }
            }
            position += 1;
        }
        let tail = &document[read..];
        self.tail.clear();
        self.tail.extend_from_slice(tail.get(..TEXT_BYTES).unwrap_or(tail));
        (!self.steps.is_empty() && tail.len() <= TEXT_BYTES).then_some(())
    }

    fn push(&mut self, text: &[u8], depth: usize) -> Option<()> {
        if self.steps.len() == STEPS || text.len() > TEXT_BYTES {
            return None;
        }
        self.steps.push(Step { text: Text::new(text), depth });
        Some(())
    }
}

/// The end of the value that a rest of a valid document begins with, which is no object.
fn value_end(text: &[u8]) -> Option<usize> {
    match text[0] {
        b'"' => string_end(text),
        b'[' => {
            let (mut position, mut depth) = (0, 0usize);
            loop {
                match text.get(position)? {
                    b'[' => depth += 1,
                    b']' => depth -= 1,
                    b'"' => position += string_end(&text[position..])? - 1,
                    _ => {}
                }
                position += 1;
                if depth == 0 {
                    return Some(position);
                }
            }
        }
        _ => text.iter().position(|byte| matches!(byte, b',' | b'}') || is_blank(*byte)),
    }
}
