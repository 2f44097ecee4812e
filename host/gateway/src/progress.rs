//! Counts what became of a pipeline's records. Each count is raised once per batch or body, or for a rare record.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use snowgate_record::RecordBatch;

#[derive(Debug, Default)]
pub(crate) struct Progress {
    records: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
    dropped: AtomicU64,
    dead_letters: AtomicU64,
}

impl Progress {
    pub(crate) fn consumed(&self, batch: &RecordBatch) {
        self.records.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(batch.bytes() as u64, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, records: u64) {
        self.dropped.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn dead_letter(&self) {
        self.dead_letters.fetch_add(1, Ordering::Relaxed);
    }

    /// Records consumed so far: whether anything moves.
    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        write!(
            f,
            "{} records ({} bytes) consumed, {} rows committed, {} records dropped, {} dead letters",
            count(&self.records),
            count(&self.bytes),
            count(&self.rows),
            count(&self.dropped),
            count(&self.dead_letters)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_as_a_sentence() {
        let progress = Progress::default();
        progress.committed(7);
        progress.dropped(2);
        progress.dead_letter();
        assert_eq!(progress.to_string(), "0 records (0 bytes) consumed, 7 rows committed, 2 records dropped, 1 dead letters");
    }
}
