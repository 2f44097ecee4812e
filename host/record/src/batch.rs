//! The records of one partition as flat columns.
//!
//! A batch is filled once from Kafka (one copy), read in place by the row encoder, and crosses into a plugin column by column
//! with one memory copy each. Nothing in it is allocated per record: clearing a batch keeps its buffers.
//!
//! Invariant: every column of a batch has one item per record, offsets never fall, and ends never fall.

use std::ops::Range;

use crate::offset::{Offset, OffsetRange, TopicPartition};

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
    fn push_range(&mut self, other: &Column, range: Range<usize>) {
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

/// The headers of all records, one after another: record `i` owns `counts[i - 1]..counts[i]`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Headers {
    counts: Vec<u32>,
    names: Column,
    values: Column,
}

impl Headers {
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    pub fn names(&self) -> &Column {
        &self.names
    }

    pub fn values(&self) -> &Column {
        &self.values
    }

    fn of(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.counts[index - 1] };
        start as usize..self.counts[index] as usize
    }

    fn push_range(&mut self, other: &Headers, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let start = if range.start == 0 { 0 } else { other.counts[range.start - 1] };
        let end = other.counts[range.end - 1];
        let shift = (self.names.len() as u32).wrapping_sub(start);
        self.counts.extend(other.counts[range].iter().map(|count| count.wrapping_add(shift)));
        self.names.push_range(&other.names, start as usize..end as usize);
        self.values.push_range(&other.values, start as usize..end as usize);
    }

    fn clear(&mut self) {
        self.counts.clear();
        self.names.clear();
        self.values.clear();
    }
}

/// Who set a record's timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The record carries none.
    NotAvailable,
    /// The producer's.
    CreateTime,
    /// The broker's, when it appended the record.
    LogAppendTime,
}

/// Consecutive records of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordBatch {
    topic_partition: TopicPartition,
    offsets: Vec<i64>,
    timestamps: Vec<i64>,
    timestamp_types: Vec<TimestampType>,
    keys: Column,
    values: Column,
    headers: Headers,
}

impl RecordBatch {
    pub fn new(topic_partition: TopicPartition) -> RecordBatch {
        RecordBatch {
            topic_partition,
            offsets: Vec::new(),
            timestamps: Vec::new(),
            timestamp_types: Vec::new(),
            keys: Column::default(),
            values: Column::default(),
            headers: Headers::default(),
        }
    }

    /// Empties the batch for records of `topic_partition` and keeps its buffers.
    pub fn reset(&mut self, topic_partition: &TopicPartition) {
        if self.topic_partition != *topic_partition {
            self.topic_partition = topic_partition.clone();
        }
        self.offsets.clear();
        self.timestamps.clear();
        self.timestamp_types.clear();
        self.keys.clear();
        self.values.clear();
        self.headers.clear();
    }

    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Bytes of keys, values and headers.
    pub fn bytes(&self) -> usize {
        self.keys.data.len() + self.values.data.len() + self.headers.names.data.len() + self.headers.values.data.len()
    }

    /// From the first record's offset to the last one's, or `None` when there is no record.
    pub fn range(&self) -> Option<OffsetRange> {
        let first = Offset::new(*self.offsets.first()?)?;
        let last = Offset::new(*self.offsets.last()?)?;
        Some(OffsetRange::new(first, last))
    }

    /// Adds a record; its headers, if any, are pushed before it with [`RecordBatch::push_header`].
    #[inline]
    pub fn push(
        &mut self,
        offset: Offset,
        timestamp: i64,
        timestamp_type: TimestampType,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) {
        debug_assert!(self.offsets.last().is_none_or(|last| *last <= offset.get()), "offsets never fall");
        self.offsets.push(offset.get());
        self.timestamps.push(timestamp);
        self.timestamp_types.push(timestamp_type);
        self.keys.push(key);
        self.values.push(value);
        self.headers.counts.push(self.headers.names.len() as u32);
    }

    /// Adds a header to the record that is pushed next.
    pub fn push_header(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.headers.names.push(Some(name));
        self.headers.values.push(value);
    }

    /// Adds a copy of `record` with another key and value: what a plugin made of it.
    pub fn push_derived(&mut self, record: Record<'_>, key: Option<&[u8]>, value: Option<&[u8]>) {
        for (name, header) in record.headers() {
            self.push_header(name, header);
        }
        self.push(record.offset(), record.timestamp(), record.timestamp_type(), key, value);
    }

    /// Adds copies of the records `range` of `other`.
    pub fn push_range(&mut self, other: &RecordBatch, range: Range<usize>) {
        self.push_range_but_values(other, range.clone());
        self.values.push_range(&other.values, range);
    }

    /// Adds copies of the records `range` of `other` with other values: as many items of `values`, from `first` on.
    pub fn push_range_with_values(&mut self, other: &RecordBatch, range: Range<usize>, values: &Column, first: usize) {
        let count = range.len();
        self.push_range_but_values(other, range);
        self.values.push_range(values, first..first + count);
    }

    /// Makes this a copy of `other` with other values, which are not copied.
    ///
    /// # Panics
    /// When there is not one value for each record.
    pub fn copy_with_values(&mut self, other: &RecordBatch, values: Column) {
        assert_eq!(other.len(), values.len(), "one value for each record");
        self.reset(&other.topic_partition);
        self.push_range_but_values(other, 0..other.len());
        self.values = values;
    }

    fn push_range_but_values(&mut self, other: &RecordBatch, range: Range<usize>) {
        self.offsets.extend_from_slice(&other.offsets[range.clone()]);
        self.timestamps.extend_from_slice(&other.timestamps[range.clone()]);
        self.timestamp_types.extend_from_slice(&other.timestamp_types[range.clone()]);
        self.keys.push_range(&other.keys, range.clone());
        self.headers.push_range(&other.headers, range);
    }

    pub fn record(&self, index: usize) -> Record<'_> {
        assert!(index < self.len(), "record {index} of {}", self.len());
        Record { batch: self, index }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.len()).map(|index| Record { batch: self, index })
    }

    pub fn offsets(&self) -> &[i64] {
        &self.offsets
    }

    pub fn timestamps(&self) -> &[i64] {
        &self.timestamps
    }

    pub fn keys(&self) -> &Column {
        &self.keys
    }

    pub fn values(&self) -> &Column {
        &self.values
    }

    pub fn headers(&self) -> &Headers {
        &self.headers
    }
}

/// One record of a batch, by reference.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    batch: &'a RecordBatch,
    index: usize,
}

impl<'a> Record<'a> {
    pub fn topic(&self) -> &'a str {
        &self.batch.topic_partition.topic
    }

    pub fn partition(&self) -> i32 {
        self.batch.topic_partition.partition
    }

    pub fn index(&self) -> usize {
        self.index
    }

    pub fn offset(&self) -> Offset {
        Offset::new(self.batch.offsets[self.index]).expect("a batch holds offsets that were checked when pushed")
    }

    /// Milliseconds since 1970, or -1 when the record carries none.
    pub fn timestamp(&self) -> i64 {
        self.batch.timestamps[self.index]
    }

    pub fn timestamp_type(&self) -> TimestampType {
        self.batch.timestamp_types[self.index]
    }

    pub fn key(&self) -> Option<&'a [u8]> {
        self.batch.keys.get(self.index)
    }

    /// `None` for a tombstone.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.batch.values.get(self.index)
    }

    pub fn has_headers(&self) -> bool {
        !self.batch.headers.of(self.index).is_empty()
    }

    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let headers = &self.batch.headers;
        headers.of(self.index).map(|i| (headers.names.get(i).unwrap_or_default(), headers.values.get(i)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch() -> RecordBatch {
        RecordBatch::new(TopicPartition::new("orders", 3))
    }

    #[test]
    fn keys_values_and_headers_come_back_as_they_went_in() {
        let mut batch = batch();
        batch.push(Offset::ZERO, 5, TimestampType::CreateTime, None, Some(b"{}"));
        batch.push_header(b"a", Some(b"1"));
        batch.push_header(b"a", None);
        batch.push(Offset::new(7).unwrap(), -1, TimestampType::NotAvailable, Some(b"key"), None);
        assert_eq!(batch.range().unwrap().to_string(), "0..=7");
        let first = batch.record(0);
        assert_eq!((first.key(), first.value(), first.has_headers()), (None, Some(&b"{}"[..]), false));
        let second = batch.record(1);
        assert_eq!((second.key(), second.value()), (Some(&b"key"[..]), None));
        assert_eq!(second.headers().collect::<Vec<_>>(), vec![(&b"a"[..], Some(&b"1"[..])), (&b"a"[..], None)]);
    }

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

    /// A batch of these records: key, value, how many headers.
    type Drawn = (Option<Vec<u8>>, Option<Vec<u8>>, u8);

    fn filled(records: &[Drawn]) -> RecordBatch {
        let mut batch = batch();
        for (index, (key, value, headers)) in records.iter().enumerate() {
            for header in 0..*headers {
                batch.push_header(&[header], (header % 2 == 0).then_some(&b"x"[..]));
            }
            let offset = Offset::new(index as i64).unwrap();
            batch.push(offset, index as i64 * 7, TimestampType::CreateTime, key.as_deref(), value.as_deref());
        }
        batch
    }

    fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
        let bytes = || prop::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..4));
        prop::collection::vec((bytes(), bytes(), 0u8..3), 0..40)
    }

    proptest! {
        #[test]
        fn ranges_put_together_equal_records_pushed_one_by_one(
            records in drawn(),
            pieces in prop::collection::vec((0usize..40, 0usize..40), 0..5),
        ) {
            let source = filled(&records);
            let (mut by_range, mut one_by_one, mut replaced) = (batch(), batch(), batch());
            let mut at = 0;
            for (skip, take) in pieces {
                let start = (at + skip % 20).min(source.len());
                at = (start + take).min(source.len());
                by_range.push_range(&source, start..at);
                replaced.push_range_with_values(&source, start..at, source.keys(), start);
                for record in (start..at).map(|index| source.record(index)) {
                    one_by_one.push_derived(record, record.key(), record.value());
                }
            }
            let see = |batch: &RecordBatch| -> Vec<_> {
                let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                let headers = |record: Record<'_>| -> Vec<_> { record.headers().map(|(n, v)| (n.to_vec(), own(v))).collect() };
                batch.iter().map(|r| (r.offset(), r.timestamp(), own(r.key()), own(r.value()), headers(r))).collect()
            };
            prop_assert_eq!(see(&by_range), see(&one_by_one));
            let with_keys: Vec<_> = see(&one_by_one).into_iter().map(|r| (r.0, r.1, r.2.clone(), r.2, r.4)).collect();
            prop_assert_eq!(see(&replaced), with_keys);
            // What is pushed behind is not taken for null.
            by_range.push(Offset::new(99).unwrap(), 0, TimestampType::CreateTime, Some(b"k"), Some(b"v"));
            let last = by_range.record(by_range.len() - 1);
            prop_assert_eq!((last.key(), last.value()), (Some(&b"k"[..]), Some(&b"v"[..])));
        }

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
