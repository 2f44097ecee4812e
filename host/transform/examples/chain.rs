//! What plugins cost a record in the chain of a gateway, how long an instance takes to start, and what the host allocates.
//!
//! `chain FOLDER ROUNDS [PLUGIN OPTIONS]…` prints a line of JSON for each plugin, whose component is in FOLDER or in the folder
//! `fixtures` there. `cargo xtask bench plugins` runs it beside the same sources compiled natively. A plugin may be several, with
//! `+` between their names, and their options an array.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};
use snowgate_transform::{Capability, Chain, Engine, EngineSettings, Limits, Plugin, PluginSettings, Tables, Transformed};

#[path = "../../../plugins/bench/src/lib.rs"]
#[expect(unreachable_pub, reason = "in a crate of its own its items are public")]
mod records;

use records::{BATCHES, Checksum, FIRST_TIMESTAMP, RECORDS, best_of, tables, values};

/// Instances that are started; the one in the middle counts.
const STARTS: usize = 201;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, with a count of what it was asked for.
struct Counting;

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("which folder holds the plugins?")?);
    let rounds: u32 = arguments.next().ok_or("how many rounds?")?.parse()?;
    let engine = Engine::new(&EngineSettings::default())?;
    while let (Some(name), Some(options)) = (arguments.next(), arguments.next()) {
        let tables = Arc::new(Tables::new(tables(&name)));
        let plugins = load(&engine, &folder, &name, &options, &tables)?;
        let batches: Vec<RecordBatch> = (0..BATCHES).map(|index| batch(&name, index * RECORDS, RECORDS)).collect();
        let mut chain = Chain::new(&plugins)?;
        let mut out = Transformed::new();
        let mut checksum = Checksum::new();
        for batch in &batches {
            chain.process(batch, &mut out)?;
            for record in out.records.iter() {
                // Routes are counted from 1, and 0 is the pipeline's own table.
                let table = usize::from(record.route()).checked_sub(1).map(|at| tables.names()[at].as_str());
                checksum.add(record.offset().get(), record.value(), table);
            }
        }
        let nanos = best_of(rounds, |batch| chain.process(&batches[batch], &mut out))?;
        let of_one = allocations(&mut chain, &batch(&name, 0, RECORDS), &mut out)?;
        let of_two = allocations(&mut chain, &batch(&name, 0, 2 * RECORDS), &mut out)?;
        let line = serde_json::json!({
            "plugin": name,
            "nanos": nanos,
            "checksum": checksum.hex(),
            "start_micros": start(&plugins)?,
            "allocations_per_batch": of_one,
            "allocations_per_record": of_two.saturating_sub(of_one) as f64 / RECORDS as f64,
        });
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

fn load(
    engine: &Engine,
    folder: &Path,
    names: &str,
    options: &str,
    tables: &Arc<Tables>,
) -> Result<Vec<Arc<Plugin>>, Box<dyn Error>> {
    let names: Vec<&str> = names.split('+').collect();
    let options: Vec<serde_json::Value> =
        if names.len() == 1 { vec![serde_json::from_str(options)?] } else { serde_json::from_str(options)? };
    let mut plugins = Vec::new();
    for (name, options) in names.into_iter().zip(options) {
        let files = [folder.join(format!("{name}.wasm")), folder.join(format!("fixtures/{name}.wasm"))];
        let path = files.into_iter().find(|file| file.is_file()).ok_or_else(|| format!("there is no `{name}.wasm`"))?;
        let settings = PluginSettings {
            name: name.to_owned(),
            path,
            sha256: None,
            allow: Capability::ALL.to_vec(),
            config_json: options.to_string(),
            limits: Limits::default(),
            tables: Arc::clone(tables),
        };
        plugins.push(Arc::new(Plugin::load(engine, &settings)?));
    }
    Ok(plugins)
}

fn batch(plugin: &str, first: usize, count: usize) -> RecordBatch {
    let mut batch = RecordBatch::new(TopicPartition::new("klines", 0));
    for (offset, value) in (first as i64..).zip(values(plugin, first, count)) {
        let offset = Offset::new(offset).expect("an index is an offset");
        batch.push(offset, FIRST_TIMESTAMP + offset.get(), TimestampType::CreateTime, None, Some(value.as_bytes()));
    }
    batch
}

/// What the host allocates for one batch, once its buffers have their size.
fn allocations(chain: &mut Chain, batch: &RecordBatch, out: &mut Transformed) -> Result<u64, Box<dyn Error>> {
    for _ in 0..3 {
        chain.process(batch, out)?;
    }
    let before = ALLOCATIONS.load(Relaxed);
    chain.process(batch, out)?;
    Ok(ALLOCATIONS.load(Relaxed) - before)
}

/// Microseconds to start and configure an instance of each plugin.
fn start(plugins: &[Arc<Plugin>]) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let started = Instant::now();
        let chain = Chain::new(plugins)?;
        times.push(started.elapsed());
        drop(chain);
    }
    times.sort_unstable();
    Ok(times[STARTS / 2].as_nanos() as f64 / 1e3)
}
