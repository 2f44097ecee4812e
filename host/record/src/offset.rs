//! Offsets and ranges of them: the only offset arithmetic in the program.
//!
//! Kafka's group offset names the *next* record to read; Snowflake's committed offset names the *last* record held.
//! [`Offset::next`] is the only bridge between the two.

use std::fmt;
use std::sync::Arc;

/// A record's position in its partition. Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i64);

impl Offset {
    pub const ZERO: Offset = Offset(0);

    /// `None` for the negative numbers that Kafka uses as marks.
    pub const fn new(value: i64) -> Option<Offset> {
        if value < 0 { None } else { Some(Offset(value)) }
    }

    pub const fn get(self) -> i64 {
        self.0
    }

    /// The offset after this one: from "last held" to "next to read".
    #[must_use]
    pub const fn next(self) -> Offset {
        Offset(self.0.saturating_add(1))
    }

    /// The offset before this one, or `None` at the start of the log.
    pub const fn previous(self) -> Option<Offset> {
        Offset::new(self.0 - 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Offsets from `first` to `last`, both included. Kafka's own gaps (compaction, transaction marks) may lie inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OffsetRange {
    first: Offset,
    last: Offset,
}

impl OffsetRange {
    /// # Panics
    /// When `first` lies after `last`: ranges are never empty.
    pub fn new(first: Offset, last: Offset) -> OffsetRange {
        assert!(first <= last, "a range runs forward");
        OffsetRange { first, last }
    }

    pub const fn first(self) -> Offset {
        self.first
    }

    pub const fn last(self) -> Offset {
        self.last
    }

    pub fn contains(self, offset: Offset) -> bool {
        self.first <= offset && offset <= self.last
    }

    /// This range made longer so that it ends at `last`.
    #[must_use]
    pub fn extend_to(self, last: Offset) -> OffsetRange {
        OffsetRange::new(self.first, last.max(self.last))
    }
}

impl fmt::Display for OffsetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first, self.last)
    }
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl TopicPartition {
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offset(value: i64) -> Offset {
        Offset::new(value).unwrap()
    }

    #[test]
    fn kafkas_marks_are_not_offsets() {
        assert_eq!(Offset::new(-1), None);
        assert_eq!(Offset::new(-1001), None);
        assert_eq!(Offset::ZERO.previous(), None);
    }

    proptest! {
        #[test]
        fn next_and_previous_undo_each_other(value in 0..i64::MAX) {
            prop_assert_eq!(offset(value).next().previous(), Some(offset(value)));
        }

        #[test]
        fn an_extended_range_holds_what_it_held(first in 0..1000i64, len in 0..1000i64, to in 0..3000i64) {
            let range = OffsetRange::new(offset(first), offset(first + len));
            prop_assume!(to >= first);
            let longer = range.extend_to(offset(to));
            prop_assert!(longer.contains(range.first()) && longer.contains(range.last()) && longer.contains(offset(to)));
            prop_assert_eq!(longer.first(), range.first());
        }
    }
}
