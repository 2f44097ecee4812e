//! The rows of one append request: collected in an open body, then sealed.
//!
//! An open body is a buffer of lines and the range of offsets that it has *seen*, including records that made no row (dropped by a
//! plugin, set aside): the offset token of its append then frees them too. A record's rows go in between two calls:
//! ```text
//! writer.write(record, None, body.buffer())    as often as the record has rows; on an error body.abandon_record()
//! body.end_record(offset, rows, compressor)    now they belong to the body; on an error they are gone from it
//! body.cover(range)                            at the end of a batch: all its offsets are seen
//! ```
//! Sealing compresses the whole body at once. One request carries [`WIRE_LIMIT`] bytes; a body that stays above it is sealed as
//! several, cut between records. For that the body remembers where it may be cut, not every record but about every 64 KiB, which
//! costs nothing to speak of. A record whose rows alone would not fit is found in `end_record`, while its bytes are still at hand.
//!
//! Invariants: the rows of one record travel in one sealed body; sealed bodies are in offset order, their ranges follow one another
//! and together are the range that the open body had seen; none is larger than [`WIRE_LIMIT`].

use snowgate_record::{Offset, OffsetRange};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use zstd_safe::{CCtx, CParameter};

use crate::row::RowError;

/// What one append may carry as sent. Snowflake says 4 MB and leaves open which; this is the smaller reading.
pub const WIRE_LIMIT: usize = 4_000_000;

/// Raw bytes of a body when it is full: about 0.7 MB compressed at the 6:1 we measure on JSON, so well under the limit.
pub const SEAL_BYTES: usize = 4 * 1024 * 1024;

/// Level 1 is the fastest of the regular ones, and on these rows no other up to 9 makes them smaller.
const LEVEL: i32 = 1;

/// The size, as a power of two, of zstd's table of places seen before. Level 1's own is 14, for text; rows resemble the rows just
/// before them, so a table that remembers only those stays in the nearest cache and refers back over shorter ways. On klines this takes
/// 24 % less time than 14 and makes them 10 % smaller; events of 190 bytes 20 % less time and as small; documents of 14 KB in random
/// words 13 % less time and 21 % larger.
const HASH_LOG: u32 = 10;

/// A body can be cut about every so many raw bytes.
const CUT_BYTES: usize = 64 * 1024;

/// Scratch kept between bodies: what a full one needs, with a record of the same size on top.
const KEPT_SCRATCH: usize = 2 * SEAL_BYTES;

/// Compression failed: out of memory, as nothing else can go wrong with a buffer of the right size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not compress a body of {raw_bytes} bytes: {message}")]
pub struct SealError {
    raw_bytes: usize,
    message: &'static str,
}

/// Compresses one body after another with the same memory; each worker has one.
pub struct Compressor {
    context: CCtx<'static>,
    scratch: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Compressor::new()
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").field("scratch", &self.scratch.capacity()).finish_non_exhaustive()
    }
}

impl Compressor {
    pub fn new() -> Compressor {
        let mut context = CCtx::create();
        context.set_parameter(CParameter::CompressionLevel(LEVEL)).expect("level 1 exists");
        context.set_parameter(CParameter::HashLog(HASH_LOG)).expect("10 is a size that zstd takes");
        Compressor { context, scratch: Vec::new() }
    }

    /// `raw` as one zstd frame, valid until the next call.
    fn compress(&mut self, raw: &[u8]) -> Result<&[u8], SealError> {
        self.scratch.clear();
        if self.scratch.capacity() > KEPT_SCRATCH {
            self.scratch = Vec::new();
        }
        self.scratch.reserve(zstd_safe::compress_bound(raw.len()));
        self.context
            .compress2(&mut self.scratch, raw)
            .map_err(|code| SealError { raw_bytes: raw.len(), message: zstd_safe::get_error_name(code) })?;
        Ok(&self.scratch)
    }
}

/// A place between two records where the body may be cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// Raw bytes, and rows, before it.
    end: usize,
    rows: u64,
    /// The last offset before it.
    last: Offset,
}

/// The body that rows are still added to.
#[derive(Debug, Default)]
pub struct OpenBody {
    rows: Vec<u8>,
    /// Where the rows of ended records end; what lies behind belongs to a record that may still fail.
    end: usize,
    count: u64,
    seen: Option<OffsetRange>,
    /// The last offset that has rows.
    last: Option<Offset>,
    cuts: Vec<Cut>,
    first_row_at: Option<Instant>,
}

/// The rows of one append, compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBody {
    /// NDJSON as one zstd frame.
    pub bytes: Arc<[u8]>,
    /// All offsets that this append settles, with or without rows.
    pub range: OffsetRange,
    pub rows: u64,
    pub raw_bytes: u64,
}

impl OpenBody {
    pub fn new() -> OpenBody {
        OpenBody::default()
    }

    /// Rows of ended records.
    pub fn rows(&self) -> u64 {
        self.count
    }

    /// Raw bytes of ended records.
    pub fn bytes(&self) -> usize {
        self.end
    }

    /// What the body holds in memory, full or not.
    pub fn capacity(&self) -> usize {
        self.rows.capacity()
    }

    /// No rows. Offsets may have been seen nevertheless.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The offsets seen since the last seal.
    pub fn seen(&self) -> Option<OffsetRange> {
        self.seen
    }

    /// When the oldest row came.
    pub fn first_row_at(&self) -> Option<Instant> {
        self.first_row_at
    }

    /// Where the row writer appends the rows of a record.
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.rows
    }

    /// Takes back what the current record has written so far.
    pub fn abandon_record(&mut self) {
        self.rows.truncate(self.end);
    }

    /// The record at `offset` has written all its rows. When one request cannot carry them they are taken back, and the record is
    /// to be set aside.
    ///
    /// # Panics
    /// When offsets do not rise.
    #[inline]
    pub fn end_record(&mut self, offset: Offset, rows: u32, compressor: &mut Compressor) -> Result<(), RowError> {
        if rows == 0 {
            self.abandon_record();
            return Ok(());
        }
        assert!(self.last.is_none_or(|last| last < offset), "records end in offset order, and once each");
        let start = self.end;
        let bytes = self.rows.len() - start;
        // Smaller ones fit even if they do not compress at all: zstd adds less than one byte in 128.
        if bytes > WIRE_LIMIT - WIRE_LIMIT / 128 {
            self.check_wire_size(compressor)?;
        }
        let since_cut = start - self.cuts.last().map_or(0, |cut| cut.end);
        if since_cut > 0 && since_cut + bytes > CUT_BYTES {
            let last = self.last.expect("there are bytes before this record");
            self.cuts.push(Cut { end: start, rows: self.count, last });
        }
        if self.count == 0 {
            self.first_row_at = Some(Instant::now());
        }
        self.end = self.rows.len();
        self.count += u64::from(rows);
        self.last = Some(offset);
        self.cover(OffsetRange::new(offset, offset));
        Ok(())
    }

    #[cold]
    fn check_wire_size(&mut self, compressor: &mut Compressor) -> Result<(), RowError> {
        let bytes = compressor.compress(&self.rows[self.end..]).map_or(usize::MAX, <[u8]>::len);
        if bytes > WIRE_LIMIT {
            self.abandon_record();
            return Err(RowError::OversizeOnWire { bytes, limit: WIRE_LIMIT });
        }
        Ok(())
    }

    /// Says that every record in `range` has been seen, whatever became of it.
    ///
    /// # Panics
    /// When `range` begins before what was seen.
    #[inline]
    pub fn cover(&mut self, range: OffsetRange) {
        self.seen = Some(match self.seen {
            None => range,
            Some(seen) => {
                assert!(seen.first() <= range.first(), "a body sees its partition in order");
                seen.extend_to(range.last())
            }
        });
    }

    /// Compresses the rows and leaves the body empty, its buffer kept for the next ones. Nearly always one body comes of it, more
    /// when one request would not carry it. Without rows nothing happens: there is none to send, and what was seen stays seen. On an
    /// error, too, the body is as it was.
    pub fn seal(&mut self, compressor: &mut Compressor) -> Result<Vec<SealedBody>, SealError> {
        self.seal_within(WIRE_LIMIT, compressor)
    }

    fn seal_within(&mut self, limit: usize, compressor: &mut Compressor) -> Result<Vec<SealedBody>, SealError> {
        let (false, Some(seen)) = (self.is_empty(), self.seen) else { return Ok(Vec::new()) };
        let mut sealed = Vec::with_capacity(1);
        let start = Cut { end: 0, rows: 0, last: seen.first() };
        // The last part takes the offsets without rows at the end along.
        let end = Cut { end: self.end, rows: self.count, last: seen.last() };
        self.seal_part(limit, (start, seen.first()), end, 0..self.cuts.len(), compressor, &mut sealed)?;
        self.clear();
        Ok(sealed)
    }

    /// Seals the rows between two cuts; `cuts` are the ones in between.
    fn seal_part(
        &self,
        limit: usize,
        (start, first): (Cut, Offset),
        end: Cut,
        cuts: Range<usize>,
        compressor: &mut Compressor,
        sealed: &mut Vec<SealedBody>,
    ) -> Result<(), SealError> {
        let raw = &self.rows[start.end..end.end];
        let bytes = compressor.compress(raw)?;
        if bytes.len() <= limit || cuts.is_empty() {
            let range = OffsetRange::new(first, end.last);
            sealed.push(SealedBody { bytes: bytes.into(), range, rows: end.rows - start.rows, raw_bytes: raw.len() as u64 });
            return Ok(());
        }
        // The cut nearest to the middle, so that both halves are about as large.
        let middle_byte = start.end + raw.len() / 2;
        let middle = cuts.clone().min_by_key(|&i| self.cuts[i].end.abs_diff(middle_byte)).expect("the range is not empty");
        let cut = self.cuts[middle];
        self.seal_part(limit, (start, first), cut, cuts.start..middle, compressor, sealed)?;
        self.seal_part(limit, (cut, cut.last.next()), end, middle + 1..cuts.end, compressor, sealed)
    }

    /// Forgets rows and offsets; the buffer stays.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.end = 0;
        self.count = 0;
        self.seen = None;
        self.last = None;
        self.cuts.clear();
        self.first_row_at = None;
    }

    /// Takes the buffer away from a body without rows, so that an idle partition holds none.
    ///
    /// # Panics
    /// When there are rows.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        assert!(self.rows.is_empty(), "rows are sealed or cleared before their buffer goes");
        std::mem::take(&mut self.rows)
    }

    /// Gives a body without rows an empty buffer that another one no longer needs.
    ///
    /// # Panics
    /// When there are rows.
    pub fn give_buffer(&mut self, mut buffer: Vec<u8>) {
        assert!(self.rows.is_empty(), "rows are sealed or cleared before their buffer goes");
        buffer.clear();
        self.rows = buffer;
    }
}

#[cfg(test)]
mod tests;
