//! Counts what became of a pipeline's records. Each count is raised once per batch, body or request, or for a rare record.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use snowgate_connect::snapshot::Histogram;
use snowgate_record::RecordBatch;
use snowgate_transform::PluginCounts;

#[derive(Debug, Default)]
pub(crate) struct Progress {
    records: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
    append_bytes: AtomicU64,
    append_errors: AtomicU64,
    append_times: Times,
    dropped: Mutex<BTreeMap<&'static str, u64>>,
    dead_letters: Mutex<BTreeMap<&'static str, u64>>,
    /// By what the operator calls them, so that a plugin that was reloaded counts on.
    plugins: Mutex<BTreeMap<Arc<str>, PluginCounts>>,
}

/// How long requests took.
#[derive(Debug, Default)]
struct Times {
    counts: [AtomicU64; Histogram::BOUNDS.len()],
    above: AtomicU64,
    micros: AtomicU64,
}

impl Progress {
    pub(crate) fn consumed(&self, batch: &RecordBatch) {
        self.records.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(batch.bytes() as u64, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Records that the rule `reason` dropped.
    pub(crate) fn dropped(&self, reason: &'static str, records: u64) {
        if records > 0 {
            *self.dropped.lock().expect("no one panics while counting").entry(reason).or_default() += records;
        }
    }

    pub(crate) fn dead_letter(&self, reason: &'static str) {
        *self.dead_letters.lock().expect("no one panics while counting").entry(reason).or_default() += 1;
    }

    /// One append request, its answer `ok` or not.
    pub(crate) fn appended(&self, bytes: usize, took: Duration, ok: bool) {
        if ok {
            self.append_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        } else {
            self.append_errors.fetch_add(1, Ordering::Relaxed);
        }
        self.append_times.add(took);
    }

    /// What plugins answered for one batch, plugin by plugin.
    pub(crate) fn judged<'a>(&self, names: impl Iterator<Item = &'a Arc<str>>, counts: &[PluginCounts]) {
        let mut plugins = self.plugins.lock().expect("no one panics while counting");
        for (name, count) in names.zip(counts) {
            match plugins.get_mut(name) {
                Some(sum) => sum.add(count),
                None => drop(plugins.insert(name.clone(), *count)),
            }
        }
    }

    /// Records consumed so far: whether anything moves.
    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(crate) fn records_dropped(&self) -> u64 {
        self.dropped.lock().expect("no one panics while counting").values().sum()
    }

    pub(crate) fn dropped_by_reason(&self) -> Vec<(String, u64)> {
        by_reason(&self.dropped)
    }

    /// Requests, bytes that were taken, and failures.
    pub(crate) fn appends(&self) -> (u64, u64, u64) {
        let histogram = self.append_times.histogram();
        let requests = histogram.counts.iter().sum::<u64>() + histogram.above;
        (requests, self.append_bytes.load(Ordering::Relaxed), self.append_errors.load(Ordering::Relaxed))
    }

    pub(crate) fn append_times(&self) -> Histogram {
        self.append_times.histogram()
    }

    /// By reason.
    pub(crate) fn dead_letters(&self) -> Vec<(String, u64)> {
        by_reason(&self.dead_letters)
    }

    pub(crate) fn plugin(&self, name: &str) -> PluginCounts {
        self.plugins.lock().expect("no one panics while counting").get(name).copied().unwrap_or_default()
    }
}

fn by_reason(counts: &Mutex<BTreeMap<&'static str, u64>>) -> Vec<(String, u64)> {
    let counts = counts.lock().expect("no one panics while counting");
    counts.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

impl Times {
    fn add(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bound = Histogram::BOUNDS.iter().position(|bound| seconds <= *bound);
        bound.map_or(&self.above, |index| &self.counts[index]).fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn histogram(&self) -> Histogram {
        Histogram {
            counts: self.counts.each_ref().map(|count| count.load(Ordering::Relaxed)),
            above: self.above.load(Ordering::Relaxed),
            sum_seconds: self.micros.load(Ordering::Relaxed) as f64 / 1e6,
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records ({} bytes) consumed, {} rows committed, {} records dropped, {} dead letters",
            self.records(),
            self.bytes(),
            self.rows(),
            self.records_dropped(),
            self.dead_letters().iter().map(|(_, count)| count).sum::<u64>()
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
        progress.dropped("plugin_dropped", 2);
        progress.dropped("tombstone", 0);
        progress.dead_letter("not_json");
        assert_eq!(progress.to_string(), "0 records (0 bytes) consumed, 7 rows committed, 2 records dropped, 1 dead letters");
        assert_eq!(progress.dropped_by_reason(), [("plugin_dropped".to_owned(), 2)]);
    }

    #[test]
    fn a_request_is_counted_under_the_first_bound_that_it_keeps() {
        let progress = Progress::default();
        progress.appended(10, Duration::from_millis(10), true);
        progress.appended(20, Duration::from_millis(11), false);
        progress.appended(30, Duration::from_secs(31), true);
        let times = progress.append_times();
        assert_eq!((times.counts, times.above), ([1, 1, 0, 0, 0, 0, 0, 0], 1));
        assert_eq!(progress.appends(), (3, 40, 1));
    }
}
