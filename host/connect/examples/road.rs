//! What a record costs on each road: `cargo run --release -p snowgate-connect --example road`.
//!
//! 100,000 klines of one partition in batches of 1,000, several times over; of each batch the best turn counts.

use std::io::Write as _;
use std::sync::Arc;
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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout();
    let bytes = kline(0).len();
    writeln!(out, "{RECORDS} records of about {bytes} bytes, best of {TURNS} turns")?;

    let plain = batches(None);
    let road = Road::new(Arc::new(settings(&[])?));
    let straight = best(&plain, |batch| assert!(road.straight(batch)));
    writeln!(out, "{straight:>7.0} ns  straight: only looked at")?;

    let mut show =
        |what: &str, batches: &[RecordBatch], steps: &[(&str, &[(&str, &str)])]| -> Result<(), Box<dyn std::error::Error>> {
            let mut road = Road::new(Arc::new(settings(steps)?));
            let mut converted = Converted::new();
            let nanoseconds = best(batches, |batch| {
                road.process(batch, &mut converted);
                assert_eq!(converted.records.len(), batch.len());
            });
            writeln!(out, "{nanoseconds:>7.0} ns  {what}")?;
            writeln!(out, "            {}", String::from_utf8_lossy(converted.records.record(0).value().unwrap_or_default()))?;
            Ok(())
        };
    show("copied: two headers converted", &batches(Some(&[("trace", "00-4bf92f35"), ("attempt", "1")])), &[])?;
    show("full: taken apart and written", &plain, &[])?;
    show("full, Flatten", &plain, &[("org.apache.kafka.connect.transforms.Flatten$Value", &[("delimiter", "_")])])?;
    let renames: &[(&str, &str)] = &[("renames", "stream:source,data:kline")];
    show("full, ReplaceField", &plain, &[("org.apache.kafka.connect.transforms.ReplaceField$Value", renames)])?;
    show("full, Cast", &plain, &[("org.apache.kafka.connect.transforms.Cast$Value", &[("spec", "stream:string")])])?;
    let inserted: &[(&str, &str)] = &[("static.field", "venue"), ("static.value", "binance")];
    show("full, InsertField", &plain, &[("org.apache.kafka.connect.transforms.InsertField$Value", inserted)])?;
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

fn batches(headers: Option<&[(&str, &str)]>) -> Vec<RecordBatch> {
    let batch = |number: usize| {
        let mut batch = RecordBatch::new(TopicPartition::new("klines", 0));
        for index in number * BATCH..(number + 1) * BATCH {
            for (name, value) in headers.unwrap_or_default() {
                batch.push_header(name.as_bytes(), Some(value.as_bytes()));
            }
            let offset = Offset::new(index as i64).expect("an index is no mark");
            batch.push(offset, 1_638_747_660_000, TimestampType::CreateTime, Some(b"BTCUSDT"), Some(kline(index).as_bytes()));
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
