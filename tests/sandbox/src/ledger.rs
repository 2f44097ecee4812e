//! What a table holds, counted by where its rows came from, so that a test can say "nothing lost, nothing twice" without reading
//! rows.
//!
//! Rows that carry RECORD_METADATA are followed by topic and partition: one bit per offset, in pages, so that millions of rows cost
//! nanoseconds and a few hundred kilobytes. The ledger sees only committed rows, in the order in which they were committed.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

/// Words in a page: 256 of 64 bits cover 16,384 offsets in 2 KiB for each of the two maps.
const PAGE_WORDS: usize = 256;
const PAGE_OFFSETS: i64 = PAGE_WORDS as i64 * 64;

/// Where one row came from: `topic` is an index into the names its batch carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) topic: u32,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Which of the rows of one record this is.
    pub(crate) emit_index: u32,
}

/// The committed rows of one table.
#[derive(Debug, Default)]
pub(crate) struct TableLedger {
    rows: u64,
    rows_without_metadata: u64,
    partitions: HashMap<(String, i32), PartitionLedger>,
}

impl TableLedger {
    /// Counts one committed batch: `rows` of them, of which `origins` carried metadata.
    pub(crate) fn commit(&mut self, rows: u64, topics: &[String], origins: &[Origin]) {
        self.rows += rows;
        self.rows_without_metadata += rows - origins.len() as u64;
        let mut rest = origins;
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|o| (o.topic, o.partition) == (first.topic, first.partition)).count();
            let (run, after) = rest.split_at(same);
            let partition = self.partitions.entry((topics[first.topic as usize].clone(), first.partition)).or_default();
            run.iter().for_each(|origin| partition.count(origin.offset, origin.emit_index));
            rest = after;
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The account of one table, partitions in order.
    pub(crate) fn report(&self) -> TableReport {
        let mut partitions: Vec<_> =
            self.partitions.iter().map(|((topic, partition), ledger)| ledger.report(topic.clone(), *partition)).collect();
        partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        TableReport {
            rows: self.rows,
            rows_without_metadata: self.rows_without_metadata,
            distinct: partitions.iter().map(|p| p.distinct).sum(),
            duplicates: partitions.iter().map(|p| p.duplicates).sum(),
            out_of_order: partitions.iter().map(|p| p.out_of_order).sum(),
            missing: partitions.iter().map(|p| p.missing).sum(),
            partitions,
        }
    }
}

#[derive(Debug, Default)]
struct PartitionLedger {
    rows: u64,
    distinct: u64,
    duplicates: u64,
    out_of_order: u64,
    min: Option<i64>,
    max: i64,
    last: Option<(i64, u32)>,
    pages: HashMap<i64, Box<Page>>,
    /// Rows that are not the first of their record.
    siblings: HashSet<(i64, u32)>,
}

#[derive(Debug)]
struct Page {
    /// Offsets of which any row was seen.
    any: [u64; PAGE_WORDS],
    /// Offsets of which the first row was seen.
    first: [u64; PAGE_WORDS],
}

impl PartitionLedger {
    fn count(&mut self, offset: i64, emit_index: u32) {
        self.rows += 1;
        let page = self
            .pages
            .entry(offset.div_euclid(PAGE_OFFSETS))
            .or_insert_with(|| Box::new(Page { any: [0; PAGE_WORDS], first: [0; PAGE_WORDS] }));
        let within = offset.rem_euclid(PAGE_OFFSETS) as usize;
        let (word, bit) = (within / 64, 1u64 << (within % 64));
        if page.any[word] & bit == 0 {
            page.any[word] |= bit;
            self.distinct += 1;
        }
        let twice = if emit_index == 0 {
            let seen = page.first[word] & bit != 0;
            page.first[word] |= bit;
            seen
        } else {
            !self.siblings.insert((offset, emit_index))
        };
        if twice {
            self.duplicates += 1;
        }
        if self.last.is_some_and(|last| (offset, emit_index) < last) {
            self.out_of_order += 1;
        }
        self.last = Some((offset, emit_index));
        self.max = if self.min.is_some() { self.max.max(offset) } else { offset };
        self.min = Some(self.min.map_or(offset, |min| min.min(offset)));
    }

    fn report(&self, topic: String, partition: i32) -> PartitionReport {
        let span = self.min.map_or(0, |min| (self.max - min) as u64 + 1);
        PartitionReport {
            topic,
            partition,
            rows: self.rows,
            distinct: self.distinct,
            min: self.min,
            max: self.min.map(|_| self.max),
            duplicates: self.duplicates,
            out_of_order: self.out_of_order,
            missing: span - self.distinct,
        }
    }
}

/// A table's account as `GET /sandbox/ledger` prints it; the sums run over the partitions.
#[derive(Debug, Serialize)]
pub(crate) struct TableReport {
    pub(crate) rows: u64,
    pub(crate) rows_without_metadata: u64,
    pub(crate) distinct: u64,
    pub(crate) duplicates: u64,
    pub(crate) out_of_order: u64,
    pub(crate) missing: u64,
    pub(crate) partitions: Vec<PartitionReport>,
}

/// The rows of one Kafka partition in one table.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct PartitionReport {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) rows: u64,
    /// Different offsets.
    pub(crate) distinct: u64,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    /// Rows whose offset and place among their siblings had been seen.
    pub(crate) duplicates: u64,
    /// Rows that came after a row of a later offset.
    pub(crate) out_of_order: u64,
    /// Offsets between the lowest and the highest of which no row came.
    pub(crate) missing: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(rows: &[(i32, i64, u32)]) -> TableReport {
        let mut table = TableLedger::default();
        let origins: Vec<_> =
            rows.iter().map(|&(partition, offset, emit_index)| Origin { topic: 0, partition, offset, emit_index }).collect();
        table.commit(rows.len() as u64, &["t".to_owned()], &origins);
        table.report()
    }

    #[test]
    fn a_clean_run_has_nothing_to_report() {
        let report = ledger(&[(0, 5, 0), (0, 6, 0), (1, 0, 0), (0, 7, 0), (1, 1, 0)]);
        assert_eq!((report.rows, report.distinct, report.duplicates, report.missing, report.out_of_order), (5, 5, 0, 0, 0));
        assert_eq!((report.partitions[0].min, report.partitions[0].max), (Some(5), Some(7)));
    }

    #[test]
    fn a_row_seen_twice_is_a_duplicate_and_out_of_order_only_when_it_comes_late() {
        let report = ledger(&[(0, 5, 0), (0, 5, 0), (0, 6, 0), (0, 5, 0)]);
        assert_eq!((report.duplicates, report.out_of_order, report.distinct), (2, 1, 1 + 1));
    }

    #[test]
    fn siblings_of_one_record_are_told_apart() {
        let report = ledger(&[(0, 5, 0), (0, 5, 1), (0, 5, 2), (0, 5, 1)]);
        assert_eq!((report.rows, report.distinct, report.duplicates), (4, 1, 1));
    }

    #[test]
    fn a_hole_counts_as_missing_across_pages() {
        let report = ledger(&[(0, 10, 0), (0, PAGE_OFFSETS * 3, 0)]);
        assert_eq!(report.missing, PAGE_OFFSETS as u64 * 3 - 10 - 1);
    }
}
