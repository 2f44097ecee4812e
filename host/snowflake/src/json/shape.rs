//! Remembers the keys of the document before, for most records of a topic have the same keys in the same order.
//!
//! What stands between two values of the outermost object (`,"open_price":`) is compared as a whole with what stood there last time.
//! As long as it is the same, the keys are known to be sound and to differ, and nothing else about them needs a look.
//! Where a document goes its own way, the keys that it had so far are handed over to [`Keys`], and the walk goes on as if there had
//! been no memory. What a validator says therefore never depends on what it saw before.
//!
//! Invariants: all steps together are what one valid document had around the keys of its outermost object, in order, from the first
//! key on. A step is ASCII, holds no escape and no line break, and its key is not the reserved one.

use crate::json::keys::{Duplicate, Keys, Object};

/// The longest step that is remembered.
const STEP_BYTES: usize = 32;

/// Documents with more keys are walked key by key.
const STEPS: usize = 64;

/// After documents that could not be followed, at most so many are let pass before the next one is learnt.
const LONGEST_WAIT: u32 = 63;

/// `next` where no document is being followed.
const OFF: usize = usize::MAX;

/// What stands between two values.
#[derive(Debug, Clone, Copy)]
struct Step {
    text: [u8; STEP_BYTES],
    /// All bits set for each byte of the step.
    mask: [u8; STEP_BYTES],
    length: u8,
    /// Where in the step the key's text is.
    key: (u8, u8),
}

#[derive(Debug)]
pub(super) struct Shape {
    steps: Vec<Step>,
    /// Where each step of the document at hand began.
    starts: [u32; STEPS],
    /// The step that should come next in the document that is being followed.
    next: usize,
    learning: bool,
    /// The document before was learnt to its end, or followed.
    is_usable: bool,
    /// Documents to let pass before one is learnt, and how many that were last time.
    wait: u32,
    last_wait: u32,
}

impl Shape {
    pub(super) fn new() -> Shape {
        Shape { steps: Vec::new(), starts: [0; STEPS], next: OFF, learning: false, is_usable: false, wait: 0, last_wait: 0 }
    }

    /// A document begins.
    #[inline(always)]
    pub(super) fn begin(&mut self) {
        if self.is_usable {
            self.next = 0;
        } else {
            self.decide();
        }
    }

    #[cold]
    fn decide(&mut self) {
        self.next = OFF;
        self.learning = self.wait == 0;
        self.wait = self.wait.saturating_sub(1);
        self.steps.clear();
    }

    /// The document has ended and is valid; `fits` says whether others like it may be followed.
    #[inline(always)]
    pub(super) fn end(&mut self, fits: bool) {
        if self.next != OFF {
            self.last_wait = 0;
        } else if self.learning {
            self.learnt(fits);
        }
    }

    #[cold]
    fn learnt(&mut self, fits: bool) {
        self.learning = false;
        if fits && !self.steps.is_empty() {
            self.is_usable = true;
        } else {
            self.give_up();
        }
    }

    pub(super) fn is_learning(&self) -> bool {
        self.learning
    }

    pub(super) fn is_following(&self) -> bool {
        self.next != OFF
    }

    /// Where the next value begins, if what stands at `position` is what stood there last time.
    #[inline(always)]
    pub(super) fn follow(&mut self, bytes: &[u8], position: usize) -> Option<usize> {
        let step = self.steps.get(self.next)?;
        let end = position + usize::from(step.length);
        let fits = match bytes.get(position..).and_then(<[u8]>::first_chunk) {
            Some(window) => step.fits(window),
            None => bytes.get(position..end) == Some(step.text()),
        };
        // Where a blank follows, the value begins later.
        if !fits || bytes.get(end).is_none_or(|byte| *byte <= b' ') {
            return None;
        }
        self.starts[self.next] = position as u32;
        self.next += 1;
        Some(end)
    }

    /// The document goes its own way: hands over the keys that it had so far.
    #[cold]
    #[inline(never)]
    pub(super) fn leave(&mut self, bytes: &[u8], keys: &mut Keys, object: &mut Object) -> Result<(), Duplicate> {
        let followed = std::mem::replace(&mut self.next, OFF);
        self.give_up();
        for (step, start) in self.steps[..followed].iter().zip(self.starts) {
            let at = |offset: u8| start as usize + usize::from(offset);
            keys.add(bytes, object, (at(step.key.0), at(step.key.1)), false)?;
        }
        Ok(())
    }

    fn give_up(&mut self) {
        self.is_usable = false;
        self.wait = self.last_wait;
        self.last_wait = (self.last_wait * 2 + 1).min(LONGEST_WAIT);
    }

    /// Remembers that `text`, a valid piece of a document, stood between two values; its key's opening quote is at `quote`.
    #[cold]
    #[inline(never)]
    pub(super) fn learn(&mut self, text: &[u8], quote: usize) {
        let sound = text.len() <= STEP_BYTES
            && self.steps.len() < STEPS
            && text.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\');
        let key_length = text.get(quote + 1..).and_then(|rest| rest.iter().position(|byte| *byte == b'"'));
        let (true, Some(key_length)) = (sound, key_length) else {
            self.learning = false;
            self.give_up();
            return;
        };
        let mut step = Step { text: [0; STEP_BYTES], mask: [0; STEP_BYTES], length: text.len() as u8, key: (0, 0) };
        step.text[..text.len()].copy_from_slice(text);
        step.mask[..text.len()].fill(0xff);
        step.key = (quote as u8 + 1, (quote + 1 + key_length) as u8);
        self.steps.push(step);
    }
}

impl Step {
    fn text(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    #[inline(always)]
    fn fits(&self, window: &[u8; STEP_BYTES]) -> bool {
        let word =
            |bytes: &[u8; STEP_BYTES], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a word is eight bytes"));
        let differ = |at: usize| (word(window, at) ^ word(&self.text, at)) & word(&self.mask, at);
        differ(0) | differ(8) | differ(16) | differ(24) == 0
    }
}
