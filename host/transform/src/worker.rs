//! One live instance of a plugin, for one thread.
//!
//! A call that traps, overstays or breaks the contract leaves an instance that nobody can know anything about, so it is thrown
//! away, and the next call starts a fresh one.
//!
//! Invariant: limits are set before a plugin's first instruction runs, and anew before each call.

use std::sync::Arc;
use std::time::Duration;

use snowgate_record::{Column, RecordBatch};
use wasmtime::Store;

use crate::answer::Answer;
use crate::bindings::exports::snowgate::transform::transform::{Batch, ColumnParam, Columns, Headers};
use crate::engine::ticks;
use crate::error::Error;
use crate::fault::{Fault, FaultKind};
use crate::host::{HostState, TEXT_BYTES, clean};
use crate::plugin::Plugin;
use crate::routing::NAME_BYTES;
use crate::version::Exports;

/// What the host may copy out of an instance in one call, at the least: room for a log line or a description.
pub(crate) const LIFT_BYTES: usize = 1024 * 1024;

/// Bytes of an answer for each record besides its outputs: a failure with its message, a table's name, and numbers.
const ANSWER_BYTES: usize = TEXT_BYTES + NAME_BYTES + 64;

pub(crate) struct Instance {
    pub(crate) store: Store<HostState>,
    pub(crate) exports: Exports,
    /// Bytes of memory from which on a fresh instance takes over.
    pub(crate) recycle_at: usize,
}

/// A plugin and its one live instance, for one thread.
pub(crate) struct Worker {
    plugin: Arc<Plugin>,
    instance: Option<Instance>,
    /// Fuel that the last call used; 0 unless the engine is metered.
    fuel: u64,
}

impl Worker {
    pub(crate) fn new(plugin: Arc<Plugin>) -> Result<Worker, Error> {
        let instance = Some(plugin.start()?);
        Ok(Worker { plugin, instance, fuel: 0 })
    }

    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    pub(crate) fn fuel(&self) -> u64 {
        self.fuel
    }

    /// Hands `batch` to the plugin, which has `time` to answer. The outer error means that no instance could be started.
    pub(crate) fn call(&mut self, batch: &RecordBatch, time: Duration) -> Result<Result<Answer, Fault>, Error> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.plugin.start()?,
        };
        let output_bytes = self.plugin.limits().output_for(batch.bytes());
        let store = &mut instance.store;
        store.data_mut().begin_call();
        store.set_epoch_deadline(ticks(time));
        self.plugin.engine().refuel(store);
        // Lists and strings are copied out before they can be checked, and may all point at the same bytes.
        store.set_hostcall_fuel(output_bytes.saturating_add(batch.len().saturating_mul(ANSWER_BYTES)).max(LIFT_BYTES));
        let input = columns(batch, self.plugin.needs());
        let answer = match instance.exports.process(store, input) {
            Ok(Ok(output)) => Answer::check(output, batch.len(), output_bytes, self.plugin.routes().then(|| self.plugin.tables()))
                .map_err(|why| Fault::from(FaultKind::Contract(why))),
            Ok(Err(message)) => Err(FaultKind::Declined(clean(&message)).into()),
            Err(error) => Err(Fault::of(&error, store, time)),
        };
        self.fuel = self.plugin.engine().fuel_used(store);
        store.data_mut().end_call(answer.is_ok());
        let sound = answer.as_ref().err().is_none_or(|fault| !fault.costs_instance());
        if sound && instance.store.data().limits.memory_used() < instance.recycle_at {
            self.instance = Some(instance);
        }
        Ok(answer)
    }
}

/// The columns of `batch` that the plugin asked for, by reference.
fn columns(batch: &RecordBatch, needs: Columns) -> Batch<'_> {
    const NONE: ColumnParam<'static> = ColumnParam { data: &[], ends: &[], nulls: &[] };
    let headers = needs.contains(Columns::HEADERS);
    Batch {
        topic: &batch.topic_partition().topic,
        partition: batch.topic_partition().partition,
        count: u32::try_from(batch.len()).expect("a batch is far below four billion records"),
        offsets: if needs.contains(Columns::OFFSETS) { batch.offsets() } else { &[] },
        timestamps: if needs.contains(Columns::TIMESTAMPS) { batch.timestamps() } else { &[] },
        values: if needs.contains(Columns::VALUES) { column(batch.values()) } else { NONE },
        keys: if needs.contains(Columns::KEYS) { column(batch.keys()) } else { NONE },
        headers: Headers {
            counts: if headers { batch.headers().counts() } else { &[] },
            names: if headers { column(batch.headers().names()) } else { NONE },
            values: if headers { column(batch.headers().values()) } else { NONE },
        },
    }
}

fn column(column: &Column) -> ColumnParam<'_> {
    ColumnParam { data: column.data(), ends: column.ends(), nulls: column.nulls() }
}
