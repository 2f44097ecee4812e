//! A batch through the plugins in order, and what became of each record.
//!
//! Each plugin sees what the one before it left. As long as plugins only keep, nothing is copied: the next one reads the same
//! columns. Otherwise survivors are written to a fresh batch whose buffers are used again and again. When a call fails,
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

use crate::answer::{Answer, DROP, KEEP, REJECT, REPLACE};
use crate::config::Limits;
use crate::error::Error;
use crate::fault::{Fault, FaultKind};
use crate::plugin::{Identity, Plugin};
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

/// Records that are still on their way, and for each the index of the input record that it came from.
struct Survivors {
    records: RecordBatch,
    origins: Vec<u32>,
}

/// What a chain made of a batch. Use one again and again: its buffers stay.
#[derive(Debug)]
pub struct Transformed {
    /// Survivors in offset order. The outputs of a split record share its offset.
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
    /// `plugin_rejected`, `plugin_trapped`, `plugin_timeout`, `plugin_out_of_memory` or `plugin_contract`.
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
    }
}

struct Stage {
    worker: Worker,
    /// A part of a batch that failed as a whole.
    scratch: RecordBatch,
}

/// A plugin's judgement on consecutive records of what it was shown.
enum Part {
    Answered { start: usize, answer: Answer },
    Failed { index: usize, fault: Fault },
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

impl Survivors {
    fn new() -> Survivors {
        Survivors { records: RecordBatch::new(TopicPartition::new("", 0)), origins: Vec::new() }
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
                &self.survivors.origins,
                stage.worker.plugin().identity(),
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
        match self.worker.call(batch, time)? {
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
            match self.worker.call(&self.scratch, time)? {
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
                "plugin failed at too many records in a minute, resting it for a minute; its dead letters say why"
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

/// Adds to `out` each input record that is rejected here for the first time.
fn note_rejections(parts: &[Part], origins: &[u32], plugin: &Arc<Identity>, rejected: &mut [bool], out: &mut Vec<Rejected>) {
    let mut note = |index: usize, reason, message: String, backtrace: Option<&String>| {
        let index = origins[index] as usize;
        if !std::mem::replace(&mut rejected[index], true) {
            out.push(Rejected { index, plugin: Arc::clone(plugin), reason, message, backtrace: backtrace.cloned() });
        }
    };
    for part in parts {
        match part {
            Part::Failed { index, fault } => note(*index, fault.reason(), fault.kind.to_string(), fault.backtrace.as_ref()),
            Part::Answered { start, answer } => {
                for (index, verdict) in answer.verdicts.iter().enumerate() {
                    if *verdict == REJECT {
                        note(start + index, "plugin_rejected", answer.failure(index), None);
                    }
                }
            }
        }
    }
}

/// Writes what survives of `current` into `next`, leaving out every record that was rejected, with all its siblings.
fn write_survivors(
    parts: &mut [Part],
    current: &RecordBatch,
    origins: &[u32],
    rejected: &[bool],
    next: &mut Survivors,
    counts: &mut PluginCounts,
) {
    next.origins.clear();
    // Where every record was replaced by one other, the answer's values become the survivors' without a copy. Nothing that was
    // rejected by an earlier plugin is still here.
    if let [Part::Answered { answer, .. }] = parts
        && let Some(values) = answer.take_values_if_all_replaced()
    {
        counts.replaced += values.len() as u64;
        next.records.copy_with_values(current, values);
        next.origins.extend_from_slice(origins);
        return;
    }
    next.records.reset(current.topic_partition());
    for part in parts {
        let (start, answer) = match part {
            Part::Answered { start, answer } => (*start, answer),
            Part::Failed { .. } => {
                counts.rejected += 1;
                continue;
            }
        };
        let mut output = 0;
        let mut run = Run::default();
        for (index, &verdict) in answer.verdicts.iter().enumerate() {
            let index_in_batch = start + index;
            let origin = origins[index_in_batch];
            let alive = !rejected[origin as usize];
            match verdict {
                KEEP => {
                    counts.kept += 1;
                    if alive {
                        run.add(index_in_batch, None, current, answer, origins, next);
                    }
                }
                DROP => counts.dropped += 1,
                REPLACE => {
                    let outputs = answer.outputs_of(index, output);
                    *if outputs == 1 { &mut counts.replaced } else { &mut counts.split } += 1;
                    if alive && outputs == 1 && answer.keeps_keys() {
                        run.add(index_in_batch, Some(output), current, answer, origins, next);
                    } else if alive {
                        run.write(current, answer, origins, next);
                        let record = current.record(index_in_batch);
                        for output in output..output + outputs {
                            next.records.push_derived(record, answer.key(output, record.key()), answer.value(output));
                            next.origins.push(origin);
                        }
                    }
                    output += outputs;
                }
                _ => counts.rejected += 1,
            }
        }
        run.write(current, answer, origins, next);
    }
}

/// Records side by side that share a fate, and are copied together.
#[derive(Default)]
struct Run {
    records: Range<usize>,
    /// The first one's output, when they were replaced by one each; they stand side by side too.
    output: Option<usize>,
}

impl Run {
    /// Takes in a record of `current` that was kept, or replaced by `output` alone. Writes what came before it if that is no
    /// neighbour.
    fn add(
        &mut self,
        index: usize,
        output: Option<usize>,
        current: &RecordBatch,
        answer: &Answer,
        origins: &[u32],
        next: &mut Survivors,
    ) {
        if self.records.end != index || self.output.map(|first| first + self.records.len()) != output {
            self.write(current, answer, origins, next);
            *self = Run { records: index..index, output };
        }
        self.records.end += 1;
    }

    /// Writes the records, and begins anew.
    fn write(&mut self, current: &RecordBatch, answer: &Answer, origins: &[u32], next: &mut Survivors) {
        let Run { records, output } = std::mem::take(self);
        next.origins.extend_from_slice(&origins[records.clone()]);
        match output {
            None => next.records.push_range(current, records),
            Some(first) => next.records.push_range_with_values(current, records, answer.values(), first),
        }
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
