//! What plugins cost a record when their sources are compiled natively and called over the same columns, without a gateway.
//!
//! `native ROUNDS [PLUGIN OPTIONS]…` prints a line of JSON for each plugin. `cargo xtask bench plugins` runs it beside the chain.

use std::hint::black_box;
use std::io::Write as _;

use plugin_bench::{BATCHES, Checksum, FIRST_TIMESTAMP, RECORDS, best_of};
use snowgate_plugin::Transform;
use snowgate_plugin::bindings::exports::snowgate::transform::transform::{Batch, Column, Headers};
use snowgate_plugin::runner::Runner;

#[path = "../../dedupe/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod dedupe;
#[path = "../../explode/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod explode;
#[path = "../../field/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod field;
#[path = "../../filter/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod filter;
#[path = "../../flatten/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod flatten;
#[path = "../../kline-flatten/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod kline_flatten;
#[path = "../../fixtures/no-op/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod no_op;
#[path = "../../route/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod route;
#[path = "../../symbol-filter/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod symbol_filter;
#[path = "../../timestamp/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod timestamp;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rounds: u32 = arguments.next().ok_or("how many rounds?")?.parse()?;
    while let (Some(plugin), Some(options)) = (arguments.next(), arguments.next()) {
        let (nanos, checksum) = match plugin.as_str() {
            "dedupe" => measure::<dedupe::Dedupe>(&plugin, rounds, &options)?,
            "explode" => measure::<explode::Explode>(&plugin, rounds, &options)?,
            "field" => measure::<field::Field>(&plugin, rounds, &options)?,
            "filter" => measure::<filter::Filter>(&plugin, rounds, &options)?,
            "flatten" => measure::<flatten::Flatten>(&plugin, rounds, &options)?,
            "kline_flatten" => measure::<kline_flatten::KlineFlatten>(&plugin, rounds, &options)?,
            "no_op" => measure::<no_op::NoOp>(&plugin, rounds, &options)?,
            "route" => measure::<route::Route>(&plugin, rounds, &options)?,
            "symbol_filter" => measure::<symbol_filter::SymbolFilter>(&plugin, rounds, &options)?,
            "timestamp" => measure::<timestamp::Timestamp>(&plugin, rounds, &options)?,
            other => return Err(format!("the sources of `{other}` are not included here").into()),
        };
        let line = serde_json::json!({"plugin": plugin, "nanos": nanos, "checksum": checksum});
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

fn measure<T: Transform>(plugin: &str, rounds: u32, options: &str) -> Result<(f64, String), String> {
    let batches: Vec<Batch> = (0..BATCHES).map(|index| batch(plugin, index * RECORDS)).collect();
    let mut runner = Runner::<T>::new(options, &plugin_bench::tables(plugin))?;
    let mut checksum = Checksum::new();
    for (index, batch) in batches.iter().enumerate() {
        let output = runner.process(batch);
        let mut outputs = output.sources.iter().enumerate().peekable();
        for (record, verdict) in output.verdicts.iter().enumerate() {
            let offset = (index * RECORDS + record) as i64;
            // Routes are counted from 1; 0 is none, and so is a list that is not there.
            let route = output.routes.get(record).and_then(|route| (*route as usize).checked_sub(1));
            let table = route.map(|at| output.tables[at].as_str());
            if *verdict == 0 {
                checksum.add(offset, item(&batch.values, record), table);
            }
            while let Some((output_index, _)) = outputs.next_if(|(_, source)| **source as usize == record) {
                checksum.add(offset, item(&output.values, output_index), table);
            }
        }
    }
    let nanos = best_of(rounds, |batch| {
        black_box(runner.process(black_box(&batches[batch])));
        Ok::<(), String>(())
    })?;
    Ok((nanos, checksum.hex()))
}

/// All columns: what a plugin does not ask for costs it nothing here.
fn batch(plugin: &str, first: usize) -> Batch {
    let offsets = first as i64..(first + RECORDS) as i64;
    let mut values = empty();
    for value in plugin_bench::values(plugin, first, RECORDS) {
        values.data.extend_from_slice(value.as_bytes());
        values.ends.push(values.data.len() as u32);
    }
    Batch {
        topic: "klines".to_owned(),
        partition: 0,
        count: RECORDS as u32,
        timestamps: offsets.clone().map(|offset| FIRST_TIMESTAMP + offset).collect(),
        offsets: offsets.collect(),
        values,
        keys: Column { data: Vec::new(), ends: vec![0; RECORDS], nulls: vec![u8::MAX; RECORDS.div_ceil(8)] },
        headers: Headers { counts: Vec::new(), names: empty(), values: empty() },
    }
}

fn empty() -> Column {
    Column { data: Vec::new(), ends: Vec::new(), nulls: Vec::new() }
}

/// No plugin that is measured makes a null.
fn item(column: &Column, index: usize) -> Option<&[u8]> {
    let start = if index == 0 { 0 } else { column.ends[index - 1] as usize };
    Some(&column.data[start..column.ends[index] as usize])
}
