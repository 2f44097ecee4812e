//! Checks what a plugin returned. A plugin is as little to be trusted as the records: nothing it says is used before it stands
//! here.
//!
//! Invariant: an [`Answer`] has one verdict for each record; each replaced record has an output and no other has one; its columns
//! are whole, and its outputs hold no more bytes than allowed. A record that is kept or replaced goes where it was going, or to a table
//! that is allowed.

use std::ops::Range;

use snowgate_record::{Column, RecordBatch};

use crate::bindings::exports::snowgate::transform::transform::{ColumnResult, Output};
use crate::host::clean;
use crate::routing::Routing;
use crate::tables::Tables;

pub(crate) const KEEP: u8 = 0;
pub(crate) const DROP: u8 = 1;
pub(crate) const REPLACE: u8 = 2;
pub(crate) const REJECT: u8 = 3;
/// Not the plugin's word, but what becomes of a record that it sends to a table which is not allowed.
pub(crate) const NOT_ALLOWED: u8 = 4;

/// What a plugin made of a batch, checked.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) verdicts: Vec<u8>,
    sources: Vec<u32>,
    values: Column,
    keys: Column,
    failures: Vec<(u32, String)>,
    /// Where it sends records; none when all go where they were going.
    routing: Option<Box<Routing>>,
}

impl Answer {
    /// `Err` says which rule of the contract `output` breaks, for a batch of `records` whose outputs may hold `output_bytes`. `tables` is
    /// where records may be sent, `None` if the plugin said that it sends none.
    pub(crate) fn check(output: Output, records: usize, output_bytes: usize, tables: Option<&Tables>) -> Result<Answer, String> {
        let Output { mut verdicts, sources, values, keys, failures, tables: routed, routes } = output;
        if verdicts.len() != records {
            return Err(format!("returned {} verdicts for {records} records", verdicts.len()));
        }
        let values = column(values).map_err(|why| format!("returned values that do not hold together: {why}"))?;
        let keys = column(keys).map_err(|why| format!("returned keys that do not hold together: {why}"))?;
        if values.len() != sources.len() {
            return Err(format!("returned {} values for {} sources", values.len(), sources.len()));
        }
        if !keys.is_empty() && keys.len() != sources.len() {
            return Err(format!("returned {} keys for {} sources", keys.len(), sources.len()));
        }
        let bytes = values.data().len() + keys.data().len();
        if bytes > output_bytes {
            return Err(format!("returned {bytes} bytes of outputs where {output_bytes} are allowed"));
        }
        let mut outputs = sources.iter().peekable();
        let mut failed = failures.iter().peekable();
        for (index, &verdict) in (0u32..).zip(&verdicts) {
            match verdict {
                KEEP | DROP => {}
                REPLACE => {
                    if outputs.next_if(|source| **source == index).is_none() {
                        return Err(format!("returned no output for record {index}, which it replaced"));
                    }
                    while outputs.next_if(|source| **source == index).is_some() {}
                }
                REJECT => {
                    failed.next_if(|(failure, _)| *failure == index);
                }
                other => return Err(format!("returned verdict {other} for record {index}; verdicts are 0 to 3")),
            }
        }
        if let Some(source) = outputs.next() {
            return Err(format!("returned an output of record {source} out of order, or of a record that it did not replace"));
        }
        if let Some((index, _)) = failed.next() {
            return Err(format!("returned a failure of record {index} out of order, or of a record that it did not reject"));
        }
        let routing = Routing::check(routed, routes, records, tables)?;
        if let Some(routing) = routing.as_ref().filter(|routing| !routing.is_allowed()) {
            for (index, verdict) in verdicts.iter_mut().enumerate() {
                if matches!(*verdict, KEEP | REPLACE) && matches!(routing.of(index), Some((_, None))) {
                    *verdict = NOT_ALLOWED;
                }
            }
        }
        Ok(Answer { verdicts, sources, values, keys, failures, routing })
    }

    /// Gives the records of `written` from `first` on the routes that it has for `records`.
    pub(crate) fn give_routes(&self, written: &mut RecordBatch, first: usize, records: Range<usize>) {
        if let Some(routing) = &self.routing {
            routing.give(written, first, records);
        }
    }

    /// Whether it sends records to tables.
    pub(crate) fn is_routed(&self) -> bool {
        self.routing.is_some()
    }

    /// The route that it gives record `index`; `None` leaves it the one it has.
    pub(crate) fn route(&self, index: usize) -> Option<u16> {
        self.routing.as_ref()?.of(index)?.1
    }

    /// The table that record `index` is sent to, in the plugin's words.
    pub(crate) fn table(&self, index: usize) -> Option<&str> {
        self.routing.as_ref()?.of(index).map(|(name, _)| name)
    }

    /// Whether it changes nothing.
    pub(crate) fn keeps_all(&self) -> bool {
        self.routing.is_none() && self.verdicts.iter().all(|verdict| *verdict == KEEP)
    }

    /// The values, when there is exactly one for each record and nothing else of any record changes but its route.
    pub(crate) fn take_values_if_all_replaced(&mut self) -> Option<Column> {
        // Each replaced record has an output, so as many outputs as records are one each.
        let only_values = self.keys.is_empty() && self.values.nulls().is_empty() && self.sources.len() == self.verdicts.len();
        (only_values && self.verdicts.iter().all(|verdict| *verdict == REPLACE)).then(|| std::mem::take(&mut self.values))
    }

    /// Whether each output keeps the key of its record.
    pub(crate) fn keeps_keys(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn values(&self) -> &Column {
        &self.values
    }

    /// How many outputs from `first` on belong to record `index`.
    pub(crate) fn outputs_of(&self, index: usize, first: usize) -> usize {
        self.sources[first..].iter().take_while(|source| **source as usize == index).count()
    }

    pub(crate) fn value(&self, output: usize) -> Option<&[u8]> {
        self.values.get(output)
    }

    /// The key of output `output` of a record whose key is `own`.
    pub(crate) fn key<'a>(&'a self, output: usize, own: Option<&'a [u8]>) -> Option<&'a [u8]> {
        if self.keys.is_empty() { own } else { self.keys.get(output) }
    }

    /// Why record `index` was rejected, in the plugin's words.
    pub(crate) fn failure(&self, index: usize) -> String {
        match self.failures.binary_search_by_key(&index, |(failed, _)| *failed as usize) {
            Ok(at) => clean(&self.failures[at].1),
            Err(_) => "the plugin gave no reason".to_owned(),
        }
    }
}

fn column(column: ColumnResult) -> Result<Column, String> {
    Column::from_parts(column.data, column.ends, column.nulls).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(items: usize) -> ColumnResult {
        ColumnResult { data: vec![b'x'; items], ends: (1..=items as u32).collect(), nulls: Vec::new() }
    }

    fn output(verdicts: &[u8], sources: &[u32], failures: &[u32]) -> Output {
        Output {
            verdicts: verdicts.to_vec(),
            sources: sources.to_vec(),
            values: values(sources.len()),
            keys: values(0),
            failures: failures.iter().map(|index| (*index, "why\n".to_owned())).collect(),
            tables: Vec::new(),
            routes: Vec::new(),
        }
    }

    #[test]
    fn an_answer_within_the_rules_passes() {
        let answer = Answer::check(output(&[0, 2, 1, 2, 3, 3], &[1, 3, 3], &[5]), 6, 3, None).unwrap();
        assert_eq!((answer.outputs_of(1, 0), answer.outputs_of(3, 1)), (1, 2));
        assert_eq!(answer.failure(5), "why ");
        assert_eq!(answer.failure(4), "the plugin gave no reason");
        assert_eq!(answer.key(0, Some(b"own")), Some(&b"own"[..]));
        assert!(!answer.keeps_all());
    }

    #[test]
    fn every_breach_of_the_contract_is_named() {
        let breach = |output: Output, records| Answer::check(output, records, 100, None).unwrap_err();
        assert_eq!(breach(output(&[0], &[], &[]), 2), "returned 1 verdicts for 2 records");
        assert_eq!(breach(output(&[4], &[], &[]), 1), "returned verdict 4 for record 0; verdicts are 0 to 3");
        assert_eq!(breach(output(&[2, 2], &[1], &[]), 2), "returned no output for record 0, which it replaced");
        for (verdicts, sources) in [(&[0u8, 2][..], &[0u32, 1][..]), (&[2, 2], &[0, 1, 0]), (&[0], &[7])] {
            let why = breach(output(verdicts, sources, &[]), verdicts.len());
            assert!(why.contains("out of order") || why.contains("no output"), "{why}");
        }
        for failures in [&[0u32][..], &[1, 1], &[9], &[2, 1]] {
            assert!(breach(output(&[0, 3, 3], &[], failures), 3).contains("a failure of record"), "{failures:?}");
        }
        let lie = Output { values: values(2), ..output(&[2], &[0], &[]) };
        assert_eq!(breach(lie, 1), "returned 2 values for 1 sources");
        let lie = Output { keys: values(2), ..output(&[2], &[0], &[]) };
        assert_eq!(breach(lie, 1), "returned 2 keys for 1 sources");
        let torn = ColumnResult { data: vec![1], ends: vec![1, 0], nulls: Vec::new() };
        assert!(breach(Output { values: torn, ..output(&[2], &[0, 0], &[]) }, 1).contains("do not hold together"));
        let why = Answer::check(output(&[2], &[0, 0], &[]), 1, 1, None).unwrap_err();
        assert_eq!(why, "returned 2 bytes of outputs where 1 are allowed");
    }

    #[test]
    fn only_a_record_that_would_go_to_a_table_that_is_not_allowed_is_rejected_for_it() {
        let answer = Output {
            tables: vec!["A".to_owned(), "B".to_owned()],
            routes: vec![1, 2, 2, 2, 2, 0],
            ..output(&[KEEP, KEEP, DROP, REPLACE, REJECT, KEEP], &[3, 3], &[])
        };
        let answer = Answer::check(answer, 6, 100, Some(&Tables::new(["A"]))).unwrap();
        assert_eq!(answer.verdicts, [KEEP, NOT_ALLOWED, DROP, NOT_ALLOWED, REJECT, KEEP]);
        assert_eq!((answer.table(1), answer.table(5)), (Some("B"), None));
    }
}
