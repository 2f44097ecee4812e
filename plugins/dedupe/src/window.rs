//! The last records of each partition.
//!
//! Whole keys are kept and not their hashes: two that are taken for one would cost a record. When all windows together outgrow their
//! memory, the longest one forgets its oldest records early.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use snowgate_plugin::metrics::Counter;

/// What an entry takes besides the bytes of its key: two places in growing tables, a count, and the allocator's own.
const ENTRY: usize = 96;

pub(crate) struct Windows {
    windows: Vec<Window>,
    /// The one that is at work.
    current: usize,
    /// How many records each may hold.
    length: usize,
    memory: usize,
    /// What all of them hold, about.
    held: usize,
    /// Records that the longest window forgot for want of memory.
    pub(crate) forgotten_early: Counter,
}

struct Window {
    topic: String,
    partition: i32,
    /// Offset and key of each record, the oldest first. Offsets never fall.
    records: VecDeque<(i64, Rc<[u8]>)>,
    /// How many of them have the key.
    keys: HashMap<Rc<[u8]>, u32>,
}

impl Windows {
    /// `length` is at least 1.
    pub(crate) fn new(length: usize, memory: usize) -> Windows {
        let forgotten_early = Counter::new("forgotten_early");
        Windows { windows: Vec::new(), current: 0, length, memory, held: 0, forgotten_early }
    }

    /// Records of this partition follow, from this offset on. What was seen there before, at this offset and later, comes again
    /// and is forgotten.
    pub(crate) fn turn_to(&mut self, topic: &str, partition: i32, offset: i64) {
        let known = self.windows.iter().position(|window| window.partition == partition && window.topic == topic);
        self.current = known.unwrap_or_else(|| {
            self.windows.push(Window::new(topic, partition));
            self.windows.len() - 1
        });
        let window = &mut self.windows[self.current];
        while let Some((_, key)) = window.records.pop_back_if(|(seen, _)| *seen >= offset) {
            self.held -= window.uncount(&key);
        }
    }

    /// Takes a record in. Whether one of those before it has the same key.
    pub(crate) fn see(&mut self, key: &[u8], offset: i64) -> bool {
        let window = &mut self.windows[self.current];
        let (came_before, size) = window.count(key, offset);
        self.held += size;
        if window.records.len() > self.length
            && let Some((_, oldest)) = window.records.pop_front()
        {
            self.held -= window.uncount(&oldest);
        }
        while self.held > self.memory && self.forget_one() {}
        came_before
    }

    /// The longest window forgets its oldest record.
    fn forget_one(&mut self) -> bool {
        let longest = self.windows.iter_mut().max_by_key(|window| window.records.len());
        let Some(window) = longest else { return false };
        let Some((_, oldest)) = window.records.pop_front() else { return false };
        self.held -= window.uncount(&oldest);
        self.forgotten_early.add(1);
        true
    }
}

impl Window {
    fn new(topic: &str, partition: i32) -> Window {
        Window { topic: topic.to_owned(), partition, records: VecDeque::new(), keys: HashMap::new() }
    }

    /// Adds a record, and says whether its key was there and what the record takes.
    fn count(&mut self, key: &[u8], offset: i64) -> (bool, usize) {
        let known = self.keys.get_key_value(key).map(|(known, _)| Rc::clone(known));
        let (came_before, size) = (known.is_some(), if known.is_some() { ENTRY } else { key.len() + ENTRY });
        let key = known.unwrap_or_else(|| Rc::from(key));
        *self.keys.entry(Rc::clone(&key)).or_insert(0) += 1;
        self.records.push_back((offset, key));
        (came_before, size)
    }

    /// Strikes a record's key, and says what it took.
    fn uncount(&mut self, key: &Rc<[u8]>) -> usize {
        match self.keys.get_mut(key) {
            Some(count) if *count > 1 => {
                *count -= 1;
                ENTRY
            }
            _ => {
                self.keys.remove(key);
                key.len() + ENTRY
            }
        }
    }
}

#[cfg(test)]
mod tests;
