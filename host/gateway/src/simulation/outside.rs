//! What is outside of the gateways: the log, the tables and their channels, what the group remembers, and chance.

use snowgate_record::Offset;

use crate::partition::{AppendOutcome, OpenOutcome};

/// SplitMix64: the whole history follows from the seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rows(u8),
    Dropped,
    Poison,
    /// Has a row, unless its plugin runs out of time, which it does now and then: whoever reads it next may see it otherwise.
    Slow,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct LogRecord {
    pub(super) offset: i64,
    pub(super) kind: Kind,
}

/// A row: the record's offset and its place among the record's rows.
pub(super) type Row = (i64, u8);

/// Which continuation is good: the opening and the append within it.
pub(super) type Token = (u64, u64);

#[derive(Default)]
pub(super) struct Channel {
    pub(super) sequencer: u64,
    pub(super) row: u64,
    pub(super) committed: Option<i64>,
    pub(super) table: Vec<Row>,
    /// Appended, not yet committed.
    pub(super) waiting: Vec<(Vec<Row>, i64)>,
    /// The row in this many is one that Snowflake calls malformed.
    pub(super) malformed_offset: Option<i64>,
    pub(super) too_large: usize,
}

impl Channel {
    pub(super) fn open(&mut self, force: bool) -> OpenOutcome<Token> {
        if !self.waiting.is_empty() && !force {
            return OpenOutcome::UncommittedRows;
        }
        self.waiting.clear();
        self.sequencer += 1;
        self.row = 0;
        OpenOutcome::Opened { continuation: (self.sequencer, 0), committed: self.committed.and_then(Offset::new), row_errors: 0 }
    }

    pub(super) fn append(&mut self, token: Token, rows: &[Row], end: i64) -> AppendOutcome<Token> {
        if token != (self.sequencer, self.row) {
            return AppendOutcome::Stale;
        }
        if rows.len() > self.too_large {
            return AppendOutcome::TooLarge;
        }
        if rows.iter().any(|row| Some(row.0) == self.malformed_offset) {
            return AppendOutcome::Malformed;
        }
        self.row += 1;
        self.waiting.push((rows.to_vec(), end));
        AppendOutcome::Appended((self.sequencer, self.row))
    }

    pub(super) fn commit_some(&mut self, n: usize) {
        for (rows, end) in self.waiting.drain(..n.min(self.waiting.len())) {
            self.table.extend(rows);
            self.committed = Some(end);
        }
    }
}

/// How many tables there are, and which plugins say where a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) tables: usize,
    pub(super) plugins: u64,
}

impl Config {
    /// With one table there is nothing to route.
    pub(super) fn routing(self) -> Option<Config> {
        (self.tables > 1).then_some(self)
    }

    pub(super) fn route(self, seed: u64, offset: i64) -> usize {
        // Now and then a table has no record for long.
        let choice = Random(seed ^ (offset as u64 / 3) ^ (self.plugins << 32)).next();
        choice as usize % self.tables
    }
}

/// The group offset, and what stands beside it.
#[derive(Debug, Clone)]
pub(super) struct Memo {
    pub(super) group_offset: Option<Offset>,
    pub(super) config: Config,
    /// Table by table.
    pub(super) committed: Vec<Option<Offset>>,
    pub(super) at_rest: bool,
}
