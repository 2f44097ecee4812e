//! Where a plugin writes what stands in for a record: straight into the answer's columns.
//!
//! Invariant: `values`, `sources` and, once a plugin has set any key, `keys` have the same number of items. `routes` ends with the last
//! record that was sent to a table, and each of `tables` is the table of at least one.

use serde::Serialize;

use crate::Reject;
use crate::bindings::exports::snowgate::transform::transform::{Batch, Column, Output};
use crate::record::{item, push};

/// Takes the outputs of one record.
pub struct Emit<'a> {
    batch: &'a Batch,
    output: &'a mut Output,
    source: u32,
    first: usize,
    /// How many tables the records before this one name.
    named: usize,
}

impl<'a> Emit<'a> {
    pub(crate) fn new(batch: &'a Batch, output: &'a mut Output, source: u32) -> Emit<'a> {
        let (first, named) = (output.sources.len(), output.tables.len());
        Emit { batch, output, source, first, named }
    }

    /// Adds an output with this value and the record's own key.
    pub fn value(&mut self, value: &[u8]) {
        self.write(|out| out.extend_from_slice(value));
    }

    /// Adds an output whose value `write` appends to the bytes it is given. They hold earlier outputs too: only append.
    #[inline]
    pub fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let written = self.try_write(|out| {
            write(out);
            Ok::<(), std::convert::Infallible>(())
        });
        match written {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    /// Like [`write`](Emit::write), and when `write` fails nothing of it stays.
    #[inline]
    pub fn try_write<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let start = self.output.values.data.len();
        let written = write(&mut self.output.values.data);
        assert!(self.output.values.data.len() >= start, "outputs are only appended to");
        if written.is_err() {
            self.output.values.data.truncate(start);
            return written;
        }
        push(&mut self.output.values, Some(&[]));
        self.own_key();
        Ok(())
    }

    /// Adds an output whose value is `value` as JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Reject> {
        Ok(self.try_write(|out| serde_json::to_writer(out, value))?)
    }

    /// Adds an output without a value.
    pub fn tombstone(&mut self) {
        push(&mut self.output.values, None);
        self.own_key();
    }

    /// Adds an output with another key. A plugin that does so for some outputs and not for others must ask for
    /// [`KEYS`](crate::Columns::KEYS), or the others lose theirs.
    pub fn keyed(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        // Earlier outputs kept their records' keys by having none at all.
        while self.output.keys.ends.len() < self.output.sources.len() {
            let source = self.output.sources[self.output.keys.ends.len()];
            push(&mut self.output.keys, item(&self.batch.keys, source as usize));
        }
        push(&mut self.output.keys, key);
        push(&mut self.output.values, value);
        self.output.sources.push(self.source);
    }

    #[inline]
    fn own_key(&mut self) {
        if !self.output.keys.ends.is_empty() {
            push(&mut self.output.keys, item(&self.batch.keys, self.source as usize));
        }
        self.output.sources.push(self.source);
    }

    /// Sends the record to `table`, whether it is kept or replaced; all of its outputs go there. The last call counts. The plugin's
    /// [`ROUTES`](crate::Transform::ROUTES) must be true.
    ///
    /// `table` is one of the pipeline's `more_tables`, named as Snowflake names it; a record that is sent to another is rejected.
    pub fn route_to(&mut self, table: &str) {
        self.withdraw_route();
        let tables = &mut self.output.tables;
        let at = tables.iter().position(|known| known == table).unwrap_or_else(|| {
            tables.push(table.to_owned());
            tables.len() - 1
        });
        self.output.routes.resize(self.source as usize, 0);
        self.output.routes.push(at as u32 + 1);
    }

    /// Forgets where this record was sent to.
    pub(crate) fn withdraw_route(&mut self) {
        self.output.routes.truncate(self.source as usize);
        self.output.tables.truncate(self.named);
    }

    pub(crate) fn count(&self) -> usize {
        self.output.sources.len() - self.first
    }

    /// Forgets this record's outputs.
    pub(crate) fn withdraw(&mut self) {
        self.output.sources.truncate(self.first);
        truncate(&mut self.output.values, self.first);
        truncate(&mut self.output.keys, self.first);
    }
}

fn truncate(column: &mut Column, items: usize) {
    if items >= column.ends.len() {
        return;
    }
    column.ends.truncate(items);
    column.data.truncate(column.ends.last().copied().unwrap_or(0) as usize);
    if !column.nulls.is_empty() {
        column.nulls.truncate(items.div_ceil(8));
        if !items.is_multiple_of(8)
            && let Some(last) = column.nulls.last_mut()
        {
            *last &= (1 << (items % 8)) - 1;
        }
    }
}
