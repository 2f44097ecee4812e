//! The last records of each partition.
//!
//! Whole keys are kept and not their hashes: two that are taken for one would cost a record. When all windows together outgrow their
//! memory, the longest one forgets its oldest records early.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

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
    /// Records that were forgotten early.
    cut: u64,
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
        Windows { windows: Vec::new(), current: 0, length, memory, held: 0, cut: 0 }
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

    /// How many records were forgotten early since this was last asked.
    pub(crate) fn take_cut(&mut self) -> u64 {
        std::mem::take(&mut self.cut)
    }

    /// The longest window forgets its oldest record.
    fn forget_one(&mut self) -> bool {
        let longest = self.windows.iter_mut().max_by_key(|window| window.records.len());
        let Some(window) = longest else { return false };
        let Some((_, oldest)) = window.records.pop_front() else { return false };
        self.held -= window.uncount(&oldest);
        self.cut += 1;
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
mod tests {
    use super::*;

    fn see(windows: &mut Windows, key: &str, offset: i64) -> bool {
        windows.see(key.as_bytes(), offset)
    }

    #[test]
    fn a_record_is_compared_with_exactly_as_many_as_the_window_is_long() {
        for length in 1..5 {
            let mut windows = Windows::new(length, usize::MAX);
            windows.turn_to("t", 0, 0);
            assert!(!see(&mut windows, "again", 0));
            for between in 1..8 {
                let start = windows.windows[0].records.back().unwrap().0 + 1;
                for other in 0..between {
                    assert!(!see(&mut windows, &format!("{length} {between} {other}"), start + other));
                }
                // As many others stand between as were just seen.
                let came_before = see(&mut windows, "again", start + between);
                assert_eq!(came_before, between < length as i64, "{length} {between}");
            }
        }
    }

    #[test]
    fn what_is_held_is_what_is_there() {
        let mut windows = Windows::new(7, 7 * ENTRY);
        let mut state = 1_u64;
        for step in 0..10_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = state >> 33;
            if step % 5 == 0 {
                let partition = (random % 3) as i32;
                windows.turn_to("t", partition, step - (random % 20) as i64);
            }
            see(&mut windows, &"k".repeat((random % 9) as usize), step);
            let held = windows.windows.iter().map(|window| {
                let counted: u32 = window.keys.values().sum();
                assert_eq!(counted as usize, window.records.len());
                assert!(window.records.len() <= 7 && window.records.iter().is_sorted_by_key(|(offset, _)| *offset));
                window.records.len() * ENTRY + window.keys.keys().map(|key| key.len()).sum::<usize>()
            });
            assert_eq!(held.sum::<usize>(), windows.held);
            assert!(windows.held <= windows.memory);
        }
        assert!(windows.take_cut() > 0);
        assert_eq!(windows.take_cut(), 0);
    }

    #[test]
    fn without_memory_for_all_the_longest_window_forgets_first() {
        let mut windows = Windows::new(100, 10 * (ENTRY + 1));
        windows.turn_to("t", 0, 0);
        for (offset, key) in (0..).zip(["a", "b", "c"]) {
            see(&mut windows, key, offset);
        }
        windows.turn_to("t", 1, 0);
        for offset in 0..20 {
            see(&mut windows, &char::from(b'a' + offset as u8).to_string(), offset);
        }
        assert_eq!(windows.take_cut(), 13);
        assert!(!see(&mut windows, "a", 20) && see(&mut windows, "t", 21));
        windows.turn_to("t", 0, 3);
        assert!(see(&mut windows, "a", 3));
    }
}
