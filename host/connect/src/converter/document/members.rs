//! The members of one object, each key once: of equal keys the last value counts, in the place of the first.

use crate::data::Value;

/// Objects with more keys find double ones by sorting.
const SCANNED_KEYS: usize = 32;

/// The members of one object as they come.
#[derive(Default)]
pub(super) struct Members {
    members: Vec<(Value, Value)>,
    /// A bit for each kind of key that was seen; no bit, no such key.
    seen: u128,
}

impl Members {
    pub(super) fn push(&mut self, key: String, value: Value) {
        let bit = 1 << kind(key.as_bytes());
        if self.seen & bit != 0 && self.members.len() <= SCANNED_KEYS {
            let earlier = self.members.iter_mut().find(|(earlier, _)| matches!(earlier, Value::String(earlier) if *earlier == key));
            if let Some((_, earlier)) = earlier {
                *earlier = value;
                return;
            }
        }
        self.seen |= bit;
        // Objects have few members, or rather more.
        if self.members.len() == self.members.capacity() {
            self.members.reserve(if self.members.is_empty() { 6 } else { 3 * self.members.len() });
        }
        self.members.push((Value::String(key), value));
    }

    pub(super) fn close(self) -> Vec<(Value, Value)> {
        if self.members.len() <= SCANNED_KEYS {
            return self.members;
        }
        let mut members = self.members;
        fn key(member: &(Value, Value)) -> &str {
            if let Value::String(key) = &member.0 { key } else { "" }
        }
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by(|a, b| key(&members[*a]).cmp(key(&members[*b])));
        let mut gone = vec![false; members.len()];
        // The sort is stable: of equal keys the first one leads its run, and the last value counts.
        let mut lead = order[0];
        for &index in &order[1..] {
            if key(&members[index]) == key(&members[lead]) {
                members[lead].1 = std::mem::replace(&mut members[index].1, Value::Null);
                gone[index] = true;
            } else {
                lead = index;
            }
        }
        let mut index = 0;
        members.retain(|_| {
            index += 1;
            !gone[index - 1]
        });
        members
    }
}

/// One of 128 kinds, by which most keys of one object differ: `v` and `V` too.
fn kind(key: &[u8]) -> u32 {
    let (first, last) = (key.first().copied().unwrap_or(0), key.last().copied().unwrap_or(0));
    let told_by = u32::from_le_bytes([first, last, key.len() as u8, 0]);
    told_by.wrapping_mul(0x9e37_79b1) >> 25
}
