//! What a record costs on each road: `cargo run --release -p snowgate-connect --example road`.
//!
//! 100,000 klines of one partition in batches of 1,000, several times over; of each batch the best turn counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use snowgate_connect::config_def::ConfigMap;
use snowgate_connect::converter::{Converter, HeaderConverter};
use snowgate_connect::road::{Converted, Road, RoadSettings, Step};
use snowgate_connect::settings::Line;
use snowgate_connect::smt::Transform;
use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};

const RECORDS: usize = 100_000;
const BATCH: usize = 1_000;
const TURNS: usize = 5;

const PLAIN: &[(&str, &str)] = &[("schemas.enable", "false")];

/// The system's allocator, counting how often it is asked.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system allocator's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout();
    let bytes = kline(0).len();
    writeln!(out, "{RECORDS} records of about {bytes} bytes, best of {TURNS} turns")?;

    let plain = batches(None, kline);
    let road = Road::new(Arc::new(settings(&[])?));
    let straight = best(&plain, |batch| assert!(road.straight(batch)));
    writeln!(out, "{straight:>7.0} ns  straight: only looked at")?;

    let headers = batches(Some(&[("trace", "00-4bf92f35"), ("attempt", "1")]), kline);
    show(&mut out, "copied: two headers converted", &headers, &[])?;
    show(&mut out, "no step", &plain, &[])?;
    let value = |name: &str| format!("org.apache.kafka.connect.transforms.{name}$Value");
    let steps: [(&str, &[(&str, &str)]); 7] = [
        ("Flatten", &[("delimiter", "_")]),
        ("ReplaceField", &[("renames", "stream:source,data:kline")]),
        ("ReplaceField", &[("exclude", "stream")]),
        ("InsertField", &[("static.field", "venue"), ("static.value", "binance"), ("offset.field", "at")]),
        ("Cast", &[("spec", "stream:string")]),
        ("MaskField", &[("fields", "stream")]),
        ("ExtractField", &[("field", "data")]),
    ];
    for (name, options) in steps {
        show(&mut out, name, &plain, &[(&value(name), options)])?;
    }
    let chain: &[(&str, &[(&str, &str)])] = &[
        (&value("Flatten"), &[("delimiter", "_")]),
        (&value("ReplaceField"), &[("exclude", "data_k_B"), ("renames", "data_s:symbol,data_k_o:open,data_k_c:close")]),
        (&value("Cast"), &[("spec", "open:float64,close:float64,data_k_v:int64,data_k_t:string")]),
        (&value("InsertField"), &[("topic.field", "topic"), ("partition.field", "partition"), ("offset.field", "offset")]),
    ];
    show(&mut out, "Flatten, ReplaceField, Cast of four, InsertField", &plain, chain)?;
    for shapes in [2, 8, 50] {
        let mixed = batches(None, |index| kline(index).replace("\"q\"", &format!("\"q{}\"", index % shapes)));
        show(
            &mut out,
            &format!("Flatten, {shapes} shapes one after another"),
            &mixed,
            &[(&value("Flatten"), &[("delimiter", "_")])],
        )?;
    }
    Ok(())
}

/// The road that the records take, and the full one. They have to come to the same.
fn show(
    out: &mut impl Write,
    what: &str,
    batches: &[RecordBatch],
    steps: &[(&str, &[(&str, &str)])],
) -> Result<(), Box<dyn std::error::Error>> {
    let mut road = Road::new(Arc::new(settings(steps)?));
    let (mut converted, mut again) = (Converted::new(), Converted::new());
    let near = best(batches, |batch| {
        road.process(batch, &mut converted);
        assert_eq!(converted.records.len(), batch.len());
    });
    let full = best(batches, |batch| {
        for record in batch.iter() {
            road.convert_again(record, &mut again);
            assert_eq!(again.records.len(), 1);
        }
    });
    for batch in batches.iter().filter(|_| !steps.is_empty()) {
        road.process(batch, &mut converted);
        for (record, taken) in batch.iter().zip(converted.records.iter()) {
            road.convert_again(record, &mut again);
            assert_eq!(taken.value(), again.records.record(0).value());
        }
    }
    // The first batch has taught the road what there is, and its buffers have grown.
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    batches.iter().for_each(|batch| road.process(batch, &mut converted));
    let allocations = (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / RECORDS as f64;
    writeln!(out, "{near:>7.0} ns and {allocations:>4.1} allocations, full road {full:>6.0} ns  {what}")?;
    writeln!(out, "            {}", String::from_utf8_lossy(converted.records.record(0).value().unwrap_or_default()))?;
    Ok(())
}

fn kline(index: usize) -> String {
    let opened = 1_638_747_600_000_u64 + index as u64 * 60_000;
    let closed = opened + 59_999;
    format!(
        "{{\"stream\": \"btcusdt@kline_1m\", \"data\": {{\"e\": \"kline\", \"E\": {}, \"s\": \"BTCUSDT\", \"k\": {{\"t\": {opened}, \"T\": {closed}, \
         \"s\": \"BTCUSDT\", \"i\": \"1m\", \"f\": 100, \"L\": 200, \"o\": \"0.0010\", \"c\": \"0.0020\", \"h\": \"0.0025\", \"l\": \"0.0015\", \
         \"v\": \"1000\", \"n\": 100, \"x\": true, \"q\": \"1.0000\", \"V\": \"500\", \"Q\": \"0.500\", \"B\": \"123456\"}}}}}}",
        closed + 1
    )
}

fn batches(headers: Option<&[(&str, &str)]>, value: impl Fn(usize) -> String) -> Vec<RecordBatch> {
    let batch = |number: usize| {
        let mut batch = RecordBatch::new(TopicPartition::new("klines", 0));
        for index in number * BATCH..(number + 1) * BATCH {
            for (name, value) in headers.unwrap_or_default() {
                batch.push_header(name.as_bytes(), Some(value.as_bytes()));
            }
            let offset = Offset::new(index as i64).expect("an index is no mark");
            batch.push(offset, 1_638_747_660_000, TimestampType::CreateTime, Some(b"BTCUSDT"), Some(value(index).as_bytes()));
        }
        batch
    };
    (0..RECORDS / BATCH).map(batch).collect()
}

fn config(pairs: &[(&str, &str)]) -> ConfigMap {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
}

fn settings(steps: &[(&str, &[(&str, &str)])]) -> Result<RoadSettings, Box<dyn std::error::Error>> {
    let step = |(class, pairs): &(&str, &[(&str, &str)])| -> Result<Step, Box<dyn std::error::Error>> {
        let transform = Transform::configure(class, &config(pairs))?;
        Ok(Step { name: "step".into(), class: (*class).into(), transform, predicate: None, negate: false })
    };
    Ok(RoadSettings {
        key: Converter::configure("org.apache.kafka.connect.storage.StringConverter", true, &ConfigMap::new())?,
        value: Converter::configure("org.apache.kafka.connect.json.JsonConverter", false, &config(PLAIN))?,
        headers: HeaderConverter::Simple,
        steps: steps.iter().map(step).collect::<Result<_, _>>()?,
        line: Line::V4,
        structured_headers: false,
        naming: "".into(),
    })
}

/// Nanoseconds for each record. Each batch counts with its best turn, for the machine has other work too.
fn best(batches: &[RecordBatch], mut work: impl FnMut(&RecordBatch)) -> f64 {
    let of_batch = |batch: &RecordBatch| {
        let turn = |_| {
            let start = Instant::now();
            work(batch);
            start.elapsed().as_nanos()
        };
        (0..TURNS).map(turn).min().unwrap_or_default()
    };
    batches.iter().map(of_batch).sum::<u128>() as f64 / RECORDS as f64
}
