//! A batch through the plugins in order, and what became of each record.
//!
//! Each plugin sees what the one before it left. As long as plugins only keep, nothing is copied: the next one reads the same
//! columns. Otherwise [`survivors`](crate::survivors) are written to a fresh batch whose buffers are used again and again. When a call fails,
//! the batch is presented in halves until the records at fault are found; those are rejected and the others go on, in order.
//!
//! What must stay true:
//! - each record of the input ends in exactly one way: as survivors, as dropped, or as one rejection
//! - survivors stand in offset order, and the outputs of one record side by side
//! - a record whose output is rejected by a later plugin leaves no survivor behind: its rows travel together or not at all

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use snowgate_record::{RecordBatch, TopicPartition};
use tracing::{error, warn};

use crate::config::Limits;
use crate::error::Error;
use crate::fault::{Fault, FaultKind};
use crate::plugin::{Identity, Plugin};
use crate::survivors::{Part, Survivors, note_rejections, write_survivors};
use crate::worker::Worker;

/// After so many records of one batch ran out of time alone, the others get a short time: the plugin, not the record, is at fault,
/// and a batch of 500 endless records would otherwise hold its partition for eight minutes.
const PATIENCE: u32 = 3;

/// The short time is the batch's time divided by this.
const HASTE: u32 = 10;

/// The plugins of one pipeline, with an instance each, for one worker thread.
pub struct Chain {
    stages: Vec<Stage>,
    survivors: Survivors,
    /// Where a stage writes while it reads `survivors`.
    spare: Survivors,
    parts: Vec<Part>,
    /// For each record of the input: whether a plugin rejected it.
    rejected: Vec<bool>,
}

/// What a chain made of a batch. Use one again and again: its buffers stay.
#[derive(Debug)]
pub struct Transformed {
    /// Survivors in offset order. The outputs of a split record share its offset and its route, which leads to the pipeline's own table
    /// (0) or to one of the [`Tables`](crate::Tables) that its plugins were loaded with.
    pub records: RecordBatch,
    /// In order of their index, at most one for each input record.
    pub rejected: Vec<Rejected>,
    /// Input records that plugins dropped.
    pub dropped: u64,
    /// For each plugin in order, what it answered for this batch.
    pub verdicts: Vec<PluginCounts>,
}

/// An input record that a plugin rejected, or failed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// In the batch that went into the chain.
    pub index: usize,
    pub plugin: Arc<Identity>,
    /// `plugin_rejected`, `plugin_trapped`, `plugin_timeout`, `plugin_out_of_memory`, `plugin_contract` or
    /// `table_not_allowed`.
    pub reason: &'static str,
    /// The plugin's own words, or what it did. May speak of the record, so it belongs into the dead letter and not into the log.
    pub message: String,
    /// Where the plugin was when it trapped: a line for each call, the innermost first. At most 4 KiB.
    pub backtrace: Option<String>,
}

/// How often a plugin answered what, counted in the records that it was shown.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PluginCounts {
    pub kept: u64,
    pub replaced: u64,
    pub split: u64,
    pub dropped: u64,
    pub rejected: u64,
    /// Calls that cost the plugin its instance.
    pub faults: u64,
    /// Nanoseconds spent in the plugin and on the way to it and back.
    pub nanos: u64,
    /// Fuel the plugin used; 0 unless the engine is metered.
    pub fuel: u64,
}

impl PluginCounts {
    pub fn add(&mut self, more: &PluginCounts) {
        self.kept += more.kept;
        self.replaced += more.replaced;
        self.split += more.split;
        self.dropped += more.dropped;
        self.rejected += more.rejected;
        self.faults += more.faults;
        self.nanos += more.nanos;
        self.fuel += more.fuel;
    }
}

struct Stage {
    worker: Worker,
    /// A part of a batch that failed as a whole.
    scratch: RecordBatch,
}

impl Transformed {
    pub fn new() -> Transformed {
        Transformed {
            records: RecordBatch::new(TopicPartition::new("", 0)),
            rejected: Vec::new(),
            dropped: 0,
            verdicts: Vec::new(),
        }
    }
}

impl Default for Transformed {
    fn default() -> Transformed {
        Transformed::new()
    }
}

impl Chain {
    /// Starts an instance of each plugin.
    pub fn new(plugins: &[Arc<Plugin>]) -> Result<Chain, Error> {
        let mut stages = Vec::with_capacity(plugins.len());
        for plugin in plugins {
            let worker = Worker::new(Arc::clone(plugin))?;
            stages.push(Stage { worker, scratch: RecordBatch::new(TopicPartition::new("", 0)) });
        }
        Ok(Chain { stages, survivors: Survivors::new(), spare: Survivors::new(), parts: Vec::new(), rejected: Vec::new() })
    }

    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Refuses to work while one of the plugins has to rest.
    fn check_rest(&self) -> Result<(), Error> {
        for stage in &self.stages {
            let plugin = stage.worker.plugin();
            if let Some(rests) = plugin.breaker().rests(Instant::now) {
                let limit = plugin.limits().faults_per_minute;
                return Err(Error::TooManyFaults { plugin: plugin.name().to_owned(), limit, rests });
            }
        }
        Ok(())
    }

    /// Takes `batch` through the plugins. An error means that a plugin could not be started again, or rests after too many
    /// faults; nothing of the batch counts then.
    pub fn process(&mut self, batch: &RecordBatch, out: &mut Transformed) -> Result<(), Error> {
        self.check_rest()?;
        out.rejected.clear();
        out.verdicts.clear();
        out.verdicts.resize(self.stages.len(), PluginCounts::default());
        self.rejected.clear();
        self.rejected.resize(batch.len(), false);
        // Until a plugin does more than keep, the survivors are the input itself.
        let mut untouched = true;
        for (stage, counts) in self.stages.iter_mut().zip(&mut out.verdicts) {
            let current = if untouched { batch } else { &self.survivors.records };
            if current.is_empty() {
                break;
            }
            let started = Instant::now();
            stage.judge(current, &mut self.parts, counts)?;
            counts.nanos += u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            if let [Part::Answered { answer, .. }] = &self.parts[..]
                && answer.keeps_all()
            {
                counts.kept += current.len() as u64;
                continue;
            }
            if untouched {
                self.survivors.origins.clear();
                self.survivors.origins.extend(0..batch.len() as u32);
            }
            note_rejections(
                &self.parts,
                current,
                &self.survivors.origins,
                stage.worker.plugin(),
                &mut self.rejected,
                &mut out.rejected,
            );
            write_survivors(&mut self.parts, current, &self.survivors.origins, &self.rejected, &mut self.spare, counts);
            std::mem::swap(&mut self.survivors, &mut self.spare);
            untouched = false;
        }
        self.parts.clear();
        if untouched {
            out.records.reset(batch.topic_partition());
            out.records.push_range(batch, 0..batch.len());
            out.dropped = 0;
        } else {
            std::mem::swap(&mut out.records, &mut self.survivors.records);
            let alive = self.survivors.origins.chunk_by(|a, b| a == b).count();
            out.dropped = (batch.len() - out.rejected.len() - alive) as u64;
            out.rejected.sort_unstable_by_key(|rejected| rejected.index);
        }
        Ok(())
    }
}

impl Stage {
    /// Fills `parts` with the plugin's judgement on every record of `batch`, in order.
    fn judge(&mut self, batch: &RecordBatch, parts: &mut Vec<Part>, counts: &mut PluginCounts) -> Result<(), Error> {
        parts.clear();
        let time = self.worker.plugin().limits().time_for(batch.len());
        let judged = self.worker.call(batch, time)?;
        counts.fuel += self.worker.fuel();
        match judged {
            Ok(answer) => parts.push(Part::Answered { start: 0, answer }),
            Err(fault) => {
                counts.faults += u64::from(fault.costs_instance());
                let TopicPartition { topic, partition } = batch.topic_partition();
                warn!(
                    plugin = self.worker.plugin().name(),
                    topic = &**topic,
                    partition,
                    reason = fault.reason(),
                    records = batch.len(),
                    "plugin failed on a batch, looking for the records at fault"
                );
                self.isolate(batch, fault, parts, counts)?;
            }
        }
        Ok(())
    }

    /// Presents a batch that failed in ever smaller parts, from the front, until each record has an answer or has failed alone.
    ///
    /// A record that came alone and cost the instance gets a second hearing by a fresh one: the first may have been worn out.
    fn isolate(
        &mut self,
        batch: &RecordBatch,
        fault: Fault,
        parts: &mut Vec<Part>,
        counts: &mut PluginCounts,
    ) -> Result<(), Error> {
        if batch.len() == 1 && !fault.costs_instance() {
            parts.push(Part::Failed { index: 0, fault });
            return Ok(());
        }
        let mut waiting: Vec<Range<usize>> = Vec::new();
        divide(0..batch.len(), &mut waiting);
        let (mut timeouts, mut lost) = (0, 0);
        while let Some(range) = waiting.pop() {
            self.scratch.reset(batch.topic_partition());
            self.scratch.push_range(batch, range.clone());
            let time = isolation_time(self.worker.plugin().limits(), range.len(), timeouts);
            let judged = self.worker.call(&self.scratch, time)?;
            counts.fuel += self.worker.fuel();
            match judged {
                Ok(answer) => parts.push(Part::Answered { start: range.start, answer }),
                Err(fault) => {
                    counts.faults += u64::from(fault.costs_instance());
                    if range.len() == 1 {
                        lost += u32::from(fault.costs_instance());
                        timeouts += u32::from(matches!(fault.kind, FaultKind::TimedOut(_)));
                        parts.push(Part::Failed { index: range.start, fault });
                    } else {
                        divide(range, &mut waiting);
                    }
                }
            }
        }
        self.count_lost(lost);
        Ok(())
    }

    /// Counts records that the plugin failed at, and says so when it has to rest.
    fn count_lost(&self, records: u32) {
        let plugin = self.worker.plugin();
        if plugin.breaker().lost(records, Instant::now()) {
            error!(
                plugin = plugin.name(),
                limit = plugin.limits().faults_per_minute,
                "plugin failed at too many records in a minute, resting it for a minute"
            );
        }
    }
}

/// Time for a part of a batch that failed, when `timeouts` of its records ran out of time alone.
///
/// Running out of time is final only for a record alone, so only that one needs the full time.
fn isolation_time(limits: &Limits, records: usize, timeouts: u32) -> Duration {
    let full = limits.time_for(records);
    if records == 1 && timeouts < PATIENCE { full } else { full - limits.batch_time + limits.batch_time / HASTE }
}

/// Adds the halves of `range`, the first one on top. A single record is its own half.
fn divide(range: Range<usize>, waiting: &mut Vec<Range<usize>>) {
    let middle = range.start + range.len() / 2;
    waiting.push(middle..range.end);
    if middle > range.start {
        waiting.push(range.start..middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_visits_every_record_once_and_from_the_front() {
        let mut waiting = Vec::new();
        divide(0..5, &mut waiting);
        let mut visited = Vec::new();
        while let Some(range) = waiting.pop() {
            if range.len() == 1 {
                visited.push(range.start);
            } else {
                divide(range, &mut waiting);
            }
        }
        assert_eq!(visited, [0, 1, 2, 3, 4]);
        divide(7..8, &mut waiting);
        assert_eq!((waiting.len(), waiting[0].clone()), (1, 7..8));
    }

    #[test]
    fn a_plugin_that_never_answers_does_not_get_its_full_time_for_every_record() {
        let limits = Limits { batch_time: Duration::from_secs(1), record_time: Duration::from_millis(10), ..Limits::default() };
        let millis = |records, timeouts| isolation_time(&limits, records, timeouts).as_millis();
        assert_eq!((millis(1, 0), millis(1, PATIENCE - 1), millis(1, PATIENCE)), (1010, 1010, 110));
        assert_eq!((millis(250, 0), millis(250, PATIENCE)), (2600, 2600));
    }
}
