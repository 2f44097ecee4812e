//! The records of one partition as flat columns.
//!
//! A batch is filled once from Kafka (one copy), read in place by the row encoder, and crosses into a plugin column by column
//! with one memory copy each. Nothing in it is allocated per record: clearing a batch keeps its buffers.
//!
//! A record's route says which of its pipeline's tables it goes to: 0 the pipeline's own, and what most records have, so the column
//! of routes holds nothing until one differs.
//!
//! Invariant: every column of a batch has one item per record, and offsets never fall. The column of routes ends with the last record
//! whose route is not 0.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::column::Column;
use crate::offset::{Offset, OffsetRange, TopicPartition};

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

/// A pattern by which JSON values are written: objects that differ in nothing but their scalars. If one of them is a valid row, all are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternId(u64);

impl PatternId {
    /// One that no other pattern of this process has.
    pub fn unique() -> PatternId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        PatternId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
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
    routes: Vec<u16>,
    pattern: Option<PatternId>,
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
            routes: Vec::new(),
            pattern: None,
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
        self.routes.clear();
        self.pattern = None;
    }

    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Bytes of keys, values and headers.
    pub fn bytes(&self) -> usize {
        [&self.keys, &self.values, &self.headers.names, &self.headers.values].map(|column| column.data().len()).iter().sum()
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
        self.set_route(self.len() - 1, record.route());
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
        self.headers.push_range(&other.headers, range.clone());
        let routed = range.start..range.end.min(other.routes.len());
        if !routed.is_empty() {
            // The records in front of these, some of which the column may not reach.
            self.routes.resize(self.offsets.len() - range.len(), 0);
            self.routes.extend_from_slice(&other.routes[routed]);
            self.trim_routes();
        }
    }

    /// The route of record `index`, 0 unless it was given another.
    #[inline]
    pub fn route(&self, index: usize) -> u16 {
        debug_assert!(index < self.len(), "record {index} of {}", self.len());
        self.routes.get(index).copied().unwrap_or(0)
    }

    /// Whether any record has a route other than 0.
    pub fn is_routed(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Gives record `index` another route.
    ///
    /// # Panics
    /// When there is no such record.
    pub fn set_route(&mut self, index: usize, route: u16) {
        assert!(index < self.len(), "record {index} of {}", self.len());
        if let Some(known) = self.routes.get_mut(index) {
            *known = route;
            self.trim_routes();
        } else if route != 0 {
            self.routes.resize(index, 0);
            self.routes.push(route);
        }
    }

    /// The pattern by which all values of the batch were written, if there is one.
    #[inline]
    pub fn pattern(&self) -> Option<PatternId> {
        self.pattern
    }

    /// Says that all values that the batch holds, and those that are pushed before it is reset, were written by `pattern`.
    pub fn set_pattern(&mut self, pattern: PatternId) {
        self.pattern = Some(pattern);
    }

    fn trim_routes(&mut self) {
        while self.routes.last() == Some(&0) {
            self.routes.pop();
        }
    }

    #[inline]
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
    #[inline]
    pub fn topic(&self) -> &'a str {
        &self.batch.topic_partition.topic
    }

    #[inline]
    pub fn partition(&self) -> i32 {
        self.batch.topic_partition.partition
    }

    #[inline]
    pub fn index(&self) -> usize {
        self.index
    }

    #[inline]
    pub fn offset(&self) -> Offset {
        Offset::new(self.batch.offsets[self.index]).expect("a batch holds offsets that were checked when pushed")
    }

    /// Milliseconds since 1970, or -1 when the record carries none.
    #[inline]
    pub fn timestamp(&self) -> i64 {
        self.batch.timestamps[self.index]
    }

    #[inline]
    pub fn timestamp_type(&self) -> TimestampType {
        self.batch.timestamp_types[self.index]
    }

    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.batch.keys.get(self.index)
    }

    /// `None` for a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.batch.values.get(self.index)
    }

    /// Which of its pipeline's tables it goes to; 0 is the pipeline's own.
    #[inline]
    pub fn route(&self) -> u16 {
        self.batch.route(self.index)
    }

    /// The pattern by which the value was written, if that is known.
    #[inline]
    pub fn pattern(&self) -> Option<PatternId> {
        self.batch.pattern
    }

    #[inline]
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
    fn the_column_of_routes_holds_nothing_while_every_record_goes_to_the_same_table() {
        let mut source = batch();
        for offset in 0..4 {
            source.push(Offset::new(offset).unwrap(), -1, TimestampType::NotAvailable, None, None);
        }
        let plain = source.clone();
        source.set_route(1, 0);
        assert!(!source.is_routed());
        source.set_route(2, 7);
        assert_eq!((0..4).map(|index| source.route(index)).collect::<Vec<_>>(), [0, 0, 7, 0]);
        let mut part = batch();
        part.push_range(&source, 0..2);
        assert!(!part.is_routed() && source.is_routed());
        part.copy_with_values(&source, source.values().clone());
        assert_eq!(part, source);
        source.set_route(2, 0);
        assert_eq!(source, plain);
        part.reset(&TopicPartition::new("orders", 3));
        assert!(!part.is_routed());
    }

    /// A batch of these records: key, value, how many headers, which is its route too.
    type Drawn = (Option<Vec<u8>>, Option<Vec<u8>>, u8);

    fn filled(records: &[Drawn]) -> RecordBatch {
        let mut batch = batch();
        for (index, (key, value, headers)) in records.iter().enumerate() {
            for header in 0..*headers {
                batch.push_header(&[header], (header % 2 == 0).then_some(&b"x"[..]));
            }
            let offset = Offset::new(index as i64).unwrap();
            batch.push(offset, index as i64 * 7, TimestampType::CreateTime, key.as_deref(), value.as_deref());
            batch.set_route(index, (*headers).into());
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
                let row = |r: Record<'_>| ((r.offset(), r.timestamp(), r.route()), own(r.key()), own(r.value()), headers(r));
                batch.iter().map(row).collect()
            };
            prop_assert_eq!(see(&by_range), see(&one_by_one));
            prop_assert_eq!(by_range.is_routed(), by_range.iter().any(|record| record.route() != 0));
            let with_keys: Vec<_> = see(&one_by_one).into_iter().map(|r| (r.0, r.1.clone(), r.1, r.3)).collect();
            prop_assert_eq!(see(&replaced), with_keys);
            // What is pushed behind is not taken for null.
            by_range.push(Offset::new(99).unwrap(), 0, TimestampType::CreateTime, Some(b"k"), Some(b"v"));
            let last = by_range.record(by_range.len() - 1);
            prop_assert_eq!((last.key(), last.value(), last.route()), (Some(&b"k"[..]), Some(&b"v"[..]), 0));
        }
    }
}
