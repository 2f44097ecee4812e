//! One record, read in place from the columns of a batch.

use serde::Deserialize;

use crate::Reject;
use crate::bindings::exports::snowgate::transform::transform::{Batch, Column};

/// One record of a batch, by reference. A column that [`NEEDS`](crate::Transform::NEEDS) leaves out looks as if no record had it.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    batch: &'a Batch,
    index: usize,
}

impl<'a> Record<'a> {
    pub(crate) fn new(batch: &'a Batch, index: usize) -> Record<'a> {
        Record { batch, index }
    }

    pub fn topic(&self) -> &'a str {
        &self.batch.topic
    }

    pub fn partition(&self) -> i32 {
        self.batch.partition
    }

    pub fn offset(&self) -> Option<i64> {
        self.batch.offsets.get(self.index).copied()
    }

    /// Milliseconds since 1970.
    pub fn timestamp(&self) -> Option<i64> {
        self.batch.timestamps.get(self.index).copied().filter(|timestamp| *timestamp >= 0)
    }

    pub fn key(&self) -> Option<&'a [u8]> {
        item(&self.batch.keys, self.index)
    }

    /// `None` for a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        item(&self.batch.values, self.index)
    }

    /// The value as `T`, which may borrow from it. A tombstone is not JSON.
    #[inline]
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, Reject> {
        let value = self.value().ok_or("the record has no value")?;
        Ok(serde_json::from_slice(value)?)
    }

    /// Names and values of the headers, in order. A name may come twice, a value may be null.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let headers = &self.batch.headers;
        let end = headers.counts.get(self.index).copied().unwrap_or(0) as usize;
        let start = if self.index == 0 || end == 0 { 0 } else { headers.counts[self.index - 1] as usize };
        (start..end).map(|index| (item(&headers.names, index).unwrap_or_default(), item(&headers.values, index)))
    }
}

/// The records of a batch, in order.
#[derive(Clone, Copy)]
pub struct Records<'a>(&'a Batch);

impl<'a> Records<'a> {
    pub(crate) fn new(batch: &'a Batch) -> Records<'a> {
        Records(batch)
    }

    /// How many there are; at least one.
    pub fn count(&self) -> usize {
        self.0.count as usize
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'a>> + use<'a> {
        let batch = self.0;
        (0..self.count()).map(move |index| Record::new(batch, index))
    }
}

/// Item `index` of a column, or `None` when it is null or the column was not sent.
#[inline]
pub(crate) fn item(column: &Column, index: usize) -> Option<&[u8]> {
    let end = *column.ends.get(index)? as usize;
    if column.nulls.get(index / 8).is_some_and(|bits| bits & (1 << (index % 8)) != 0) {
        return None;
    }
    let start = if index == 0 { 0 } else { column.ends[index - 1] as usize };
    Some(&column.data[start..end])
}

/// Adds an item to a column.
#[inline]
pub(crate) fn push(column: &mut Column, item: Option<&[u8]>) {
    let index = column.ends.len();
    if let Some(bytes) = item {
        column.data.extend_from_slice(bytes);
    }
    column.ends.push(column.data.len() as u32);
    if item.is_none() || !column.nulls.is_empty() {
        column.nulls.resize(column.ends.len().div_ceil(8), 0);
        column.nulls[index / 8] |= u8::from(item.is_none()) << (index % 8);
    }
}
