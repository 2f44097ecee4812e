//! What survives of a batch after one plugin: its answer carried out.
//!
//! Invariant: survivors stand in the order of the records they came from, the outputs of one record side by side and on one route.

use std::ops::Range;
use std::sync::Arc;

use snowgate_record::{RecordBatch, TopicPartition};

use crate::answer::{Answer, DROP, KEEP, NOT_ALLOWED, REJECT, REPLACE};
use crate::chain::{PluginCounts, Rejected};
use crate::fault::Fault;
use crate::plugin::Plugin;

/// Records that are still on their way, and for each the index of the input record that it came from.
pub(crate) struct Survivors {
    pub(crate) records: RecordBatch,
    pub(crate) origins: Vec<u32>,
}

/// A plugin's judgement on consecutive records of what it was shown.
pub(crate) enum Part {
    Answered { start: usize, answer: Answer },
    Failed { index: usize, fault: Fault },
}

impl Survivors {
    pub(crate) fn new() -> Survivors {
        Survivors { records: RecordBatch::new(TopicPartition::new("", 0)), origins: Vec::new() }
    }
}

/// Adds to `out` each input record that is rejected here for the first time.
pub(crate) fn note_rejections(
    parts: &[Part],
    current: &RecordBatch,
    origins: &[u32],
    plugin: &Plugin,
    rejected: &mut [bool],
    out: &mut Vec<Rejected>,
) {
    let mut note = |index: usize, reason, message: String, backtrace: Option<&String>| {
        let index = origins[index] as usize;
        if !std::mem::replace(&mut rejected[index], true) {
            let plugin = Arc::clone(plugin.identity());
            out.push(Rejected { index, plugin, reason, message, backtrace: backtrace.cloned() });
        }
    };
    for part in parts {
        match part {
            Part::Failed { index, fault } => note(*index, fault.reason(), fault.kind.to_string(), fault.backtrace.as_ref()),
            Part::Answered { start, answer } => {
                for (index, verdict) in answer.verdicts.iter().enumerate() {
                    match *verdict {
                        REJECT => note(start + index, "plugin_rejected", answer.failure(index), None),
                        NOT_ALLOWED => {
                            note(
                                start + index,
                                "table_not_allowed",
                                plugin.tables().refusal(answer.table(index).unwrap_or_default()),
                                None,
                            );
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    if parts.iter().any(|part| matches!(part, Part::Answered { answer, .. } if answer.is_routed())) {
        for index in torn(parts, current, origins) {
            let message =
                "its rows, into which an earlier plugin split it, would go to different tables, and they are loaded together";
            note(index, "table_not_allowed", message.to_owned(), None);
        }
    }
}

/// Records whose siblings go elsewhere than they do.
fn torn(parts: &[Part], current: &RecordBatch, origins: &[u32]) -> Vec<usize> {
    let mut torn = Vec::new();
    let mut before: Option<(u32, u16)> = None;
    for part in parts {
        let Part::Answered { start, answer } = part else { continue };
        for (index, verdict) in answer.verdicts.iter().enumerate() {
            if matches!(*verdict, KEEP | REPLACE) {
                let (at, origin) = (start + index, origins[start + index]);
                let route = answer.route(index).unwrap_or_else(|| current.route(at));
                if before.is_some_and(|(sibling, other)| sibling == origin && other != route) {
                    torn.push(at);
                }
                before = Some((origin, route));
            }
        }
    }
    torn
}

/// Writes what survives of `current` into `next`, leaving out every record that was rejected, with all its siblings.
pub(crate) fn write_survivors(
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
        answer.give_routes(&mut next.records, 0, 0..current.len());
        return;
    }
    next.records.reset(current.topic_partition());
    for part in parts {
        match part {
            Part::Answered { start, answer } => Writer { current, origins, start: *start, answer, next }.write(rejected, counts),
            Part::Failed { .. } => counts.rejected += 1,
        }
    }
}

/// Writes the survivors of one answer.
struct Writer<'a> {
    current: &'a RecordBatch,
    origins: &'a [u32],
    /// The record of `current` that the answer's first verdict is about.
    start: usize,
    answer: &'a Answer,
    next: &'a mut Survivors,
}

impl Writer<'_> {
    fn write(&mut self, rejected: &[bool], counts: &mut PluginCounts) {
        let answer = self.answer;
        let mut output = 0;
        let mut run = Run::default();
        for (index, &verdict) in answer.verdicts.iter().enumerate() {
            let alive = !rejected[self.origins[self.start + index] as usize];
            match verdict {
                KEEP => {
                    counts.kept += 1;
                    if alive {
                        self.add(&mut run, index, None);
                    }
                }
                DROP => counts.dropped += 1,
                REPLACE => {
                    let outputs = answer.outputs_of(index, output);
                    *if outputs == 1 { &mut counts.replaced } else { &mut counts.split } += 1;
                    if alive && outputs == 1 && answer.keeps_keys() {
                        self.add(&mut run, index, Some(output));
                    } else if alive {
                        self.end(&mut run);
                        self.derive(index, output..output + outputs);
                    }
                    output += outputs;
                }
                _ => {
                    counts.rejected += 1;
                    output += answer.outputs_of(index, output);
                }
            }
        }
        self.end(&mut run);
    }

    /// Takes into `run` a record that was kept, or replaced by `output` alone. Writes what came before it if that is no neighbour.
    fn add(&mut self, run: &mut Run, index: usize, output: Option<usize>) {
        if run.records.end != index || run.output.map(|first| first + run.records.len()) != output {
            self.end(run);
            *run = Run { records: index..index, output };
        }
        run.records.end += 1;
    }

    /// Writes the records of `run`, which begins anew.
    fn end(&mut self, run: &mut Run) {
        let Run { records, output } = std::mem::take(run);
        let current = self.start + records.start..self.start + records.end;
        let first = self.next.records.len();
        self.next.origins.extend_from_slice(&self.origins[current.clone()]);
        match output {
            None => self.next.records.push_range(self.current, current),
            Some(output) => self.next.records.push_range_with_values(self.current, current, self.answer.values(), output),
        }
        self.answer.give_routes(&mut self.next.records, first, records);
    }

    /// Writes the outputs of record `index`, one by one.
    fn derive(&mut self, index: usize, outputs: Range<usize>) {
        let record = self.current.record(self.start + index);
        for output in outputs {
            let at = self.next.records.len();
            self.next.records.push_derived(record, self.answer.key(output, record.key()), self.answer.value(output));
            self.next.origins.push(self.origins[self.start + index]);
            self.answer.give_routes(&mut self.next.records, at, index..index + 1);
        }
    }
}

/// Records side by side that share a fate, and are copied together.
#[derive(Default)]
struct Run {
    /// As the answer counts them.
    records: Range<usize>,
    /// The first one's output, when they were replaced by one each; they stand side by side too.
    output: Option<usize>,
}
