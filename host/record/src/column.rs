//! Byte strings, one after another, in one buffer.
//!
//! Invariant: ends never fall, the last one is the length of the data, and no bit behind the last item says null.

use std::ops::Range;

/// A column of byte strings. Item `i` is `data[ends[i - 1]..ends[i]]`, and the first begins at 0.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Column {
    data: Vec<u8>,
    ends: Vec<u32>,
    /// Bit `i` set: item `i` is null. Empty: none is.
    nulls: Vec<u8>,
}

/// Why parts do not make a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnError {
    /// An end lies before the one in front of it.
    EndsFall { index: usize },
    /// The last end and the length of the data differ.
    LastEnd { end: u32, data: usize },
    /// The null bits are neither absent nor enough for every item.
    Nulls { bytes: usize, items: usize },
}

impl std::fmt::Display for ColumnError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ColumnError::EndsFall { index } => write!(f, "end {index} lies before the end in front of it"),
            ColumnError::LastEnd { end, data } => write!(f, "the last end is {end} but there are {data} bytes of data"),
            ColumnError::Nulls { bytes, items } => write!(f, "{bytes} bytes of null bits do not fit {items} items"),
        }
    }
}

impl std::error::Error for ColumnError {}

impl Column {
    /// A column from parts that came from outside, checked.
    pub fn from_parts(data: Vec<u8>, ends: Vec<u32>, mut nulls: Vec<u8>) -> Result<Column, ColumnError> {
        let mut previous = 0;
        for (index, &end) in ends.iter().enumerate() {
            if end < previous {
                return Err(ColumnError::EndsFall { index });
            }
            previous = end;
        }
        if previous as usize != data.len() {
            return Err(ColumnError::LastEnd { end: previous, data: data.len() });
        }
        if !nulls.is_empty() && nulls.len() != ends.len().div_ceil(8) {
            return Err(ColumnError::Nulls { bytes: nulls.len(), items: ends.len() });
        }
        clear_behind(&mut nulls, ends.len());
        Ok(Column { data, ends, nulls })
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Item `index`, or `None` when it is null.
    ///
    /// # Panics
    /// When there is no such item.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        if self.is_null(index) {
            return None;
        }
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        Some(&self.data[start..self.ends[index] as usize])
    }

    #[inline]
    pub fn is_null(&self, index: usize) -> bool {
        self.nulls.get(index / 8).is_some_and(|bits| bits & (1 << (index % 8)) != 0)
    }

    #[inline]
    pub fn push(&mut self, item: Option<&[u8]>) {
        match item {
            Some(bytes) => {
                self.data.extend_from_slice(bytes);
                self.ends.push(self.data.len() as u32);
                if !self.nulls.is_empty() && self.ends.len() > self.nulls.len() * 8 {
                    self.nulls.push(0);
                }
            }
            None => self.push_null(),
        }
    }

    #[inline]
    fn push_null(&mut self) {
        let index = self.ends.len();
        self.ends.push(self.data.len() as u32);
        self.nulls.resize(self.ends.len().div_ceil(8), 0);
        self.nulls[index / 8] |= 1 << (index % 8);
    }

    /// Forgets the items from `len` on.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.ends.len() {
            return;
        }
        self.ends.truncate(len);
        self.data.truncate(self.ends.last().copied().unwrap_or(0) as usize);
        if !self.nulls.is_empty() {
            self.nulls.truncate(len.div_ceil(8));
            clear_behind(&mut self.nulls, len);
        }
    }

    /// Adds the items `range` of `other`.
    pub(crate) fn push_range(&mut self, other: &Column, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let start = if range.start == 0 { 0 } else { other.ends[range.start - 1] };
        let end = other.ends[range.end - 1];
        let first = self.ends.len();
        // A column holds less than four gigabytes, so what wraps on the way down wraps back on the way up.
        let shift = (self.data.len() as u32).wrapping_sub(start);
        self.data.extend_from_slice(&other.data[start as usize..end as usize]);
        self.ends.extend(other.ends[range.clone()].iter().map(|end| end.wrapping_add(shift)));
        if self.nulls.is_empty() && other.nulls.is_empty() {
            return;
        }
        let bytes = self.ends.len().div_ceil(8);
        if other.nulls.is_empty() {
            self.nulls.resize(bytes, 0);
        } else if first.is_multiple_of(8) && range.start.is_multiple_of(8) {
            self.nulls.resize(first / 8, 0);
            self.nulls.extend_from_slice(&other.nulls[range.start / 8..range.end.div_ceil(8)]);
            clear_behind(&mut self.nulls, self.ends.len());
        } else {
            self.nulls.resize(bytes, 0);
            for (index, _) in (first..).zip(range.clone()).filter(|(_, from)| other.is_null(*from)) {
                self.nulls[index / 8] |= 1 << (index % 8);
            }
        }
    }

    pub fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
        self.nulls.clear();
    }

    pub fn data(&self) -> &[u8] {
        &self.data
    }

    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    pub fn nulls(&self) -> &[u8] {
        &self.nulls
    }
}

/// Clears the bits behind the last of `items`.
fn clear_behind(nulls: &mut [u8], items: usize) {
    if let (Some(last), false) = (nulls.last_mut(), items.is_multiple_of(8)) {
        *last &= (1 << (items % 8)) - 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_from_outside_are_checked() {
        assert_eq!(Column::from_parts(vec![1], vec![1, 0], vec![]), Err(ColumnError::EndsFall { index: 1 }));
        assert_eq!(Column::from_parts(vec![1], vec![2], vec![]), Err(ColumnError::LastEnd { end: 2, data: 1 }));
        assert_eq!(Column::from_parts(vec![1], vec![1], vec![0, 0]), Err(ColumnError::Nulls { bytes: 2, items: 1 }));
        assert!(Column::from_parts(vec![], vec![0, 0], vec![2]).unwrap().get(1).is_none());
        let mut column = Column::from_parts(vec![1], vec![1], vec![0xfe]).unwrap();
        column.push(Some(b"x"));
        assert_eq!(column.get(1), Some(&b"x"[..]));
    }

    proptest! {
        #[test]
        fn a_truncated_column_equals_one_that_never_grew(
            items in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..4)), 0..40),
            keep in 0usize..40,
        ) {
            let mut long = Column::default();
            let mut short = Column::default();
            for (i, item) in items.iter().enumerate() {
                long.push(item.as_deref());
                if i < keep {
                    short.push(item.as_deref());
                }
            }
            long.truncate(keep);
            prop_assert_eq!(long.len(), short.len());
            for i in 0..short.len() {
                prop_assert_eq!(long.get(i), short.get(i));
            }
            long.push(Some(b"x"));
            prop_assert_eq!(long.get(short.len()), Some(&b"x"[..]));
        }
    }
}
