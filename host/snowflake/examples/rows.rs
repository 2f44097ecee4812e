//! Prints what validating, writing and compressing one record costs, on the records of a real exporter.
//!
//! `cargo run --release -p snowgate-snowflake --example rows [-- ROUNDS]`. Prices and times differ from record to record, so that
//! nothing is learnt by heart. The best round counts, as other programs on the machine only ever add time.

use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};
use snowgate_snowflake::body::{Compressor, OpenBody};
use snowgate_snowflake::json::{KeyRule, Validator};
use snowgate_snowflake::row::{RowMode, RowSettings, RowWriter};
use std::io::Write as _;
use std::time::Instant;

/// Records in the batch: about 3.4 MB of them, one body.
const RECORDS: i64 = 10_000;

const SYMBOLS: [&str; 5] = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "DOGEUSDT", "XRPUSDT"];

/// A kline event of a random walk, as Python's `json.dumps` writes it.
fn kline(index: i64, seed: &mut u64) -> String {
    let mut random = |below: u64| {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed % below
    };
    let symbol = SYMBOLS[index as usize % SYMBOLS.len()];
    let opened = 1_638_747_600_000 + index / 5 * 60_000;
    let mut price = || format!("{}.{:08}", 1 + random(50_000), random(100_000_000));
    let (open, close, high, low, volume, quote) = (price(), price(), price(), price(), price(), price());
    let trades = 1 + random(5_000);
    let closed = random(2) == 0;
    format!(
        concat!(
            r#"{{"stream": "{lower}@kline_1m", "data": {{"e": "kline", "E": {at}, "s": "{symbol}", "k": {{"t": {opened}, "#,
            r#""T": {closes}, "s": "{symbol}", "i": "1m", "f": {first}, "L": {last}, "o": "{open}", "c": "{close}", "#,
            r#""h": "{high}", "l": "{low}", "v": "{volume}", "n": {trades}, "x": {closed}, "q": "{quote}", "#,
            r#""V": "500", "Q": "0.500", "B": "0"}}}}}}"#
        ),
        symbol = symbol,
        opened = opened,
        open = open,
        close = close,
        high = high,
        low = low,
        volume = volume,
        trades = trades,
        closed = closed,
        quote = quote,
        lower = symbol.to_lowercase(),
        at = opened + 2_000,
        closes = opened + 59_999,
        first = 100 + index,
        last = 200 + index,
    )
}

/// Nanoseconds per record of the best of `rounds`.
fn best(rounds: usize, mut work: impl FnMut()) -> f64 {
    let round = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_nanos() as f64 / RECORDS as f64
    };
    (0..rounds).map(|_| round(&mut work)).fold(f64::INFINITY, f64::min)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(50), |text| text.parse())?;
    let mut seed = 42;
    let mut batch = RecordBatch::new(TopicPartition::new("binance_kline", 0));
    for index in 0..RECORDS {
        let value = kline(index, &mut seed);
        let offset = Offset::new(index).ok_or("an index is an offset")?;
        batch.push(offset, 1_638_747_660_000 + index, TimestampType::CreateTime, None, Some(value.as_bytes()));
    }
    let mut out = std::io::stdout();
    writeln!(out, "{RECORDS} records of {} bytes, best of {rounds} rounds, ns per record", batch.bytes() as i64 / RECORDS)?;

    for (name, rule) in [("validate", KeyRule::Exact), ("validate, columns", KeyRule::Columns)] {
        let mut validator = Validator::new(rule);
        let mut valid = 0;
        let cost = best(rounds, || {
            valid = batch.iter().filter(|record| validator.validate(record.value().unwrap_or_default()).is_ok()).count();
        });
        writeln!(out, "{name:<20} {cost:7.1}   {valid} valid")?;
    }
    for (name, mode) in [("write, content", RowMode::Content), ("write, columns", RowMode::Columns)] {
        let mut writer = RowWriter::new(RowSettings::new(mode));
        let mut compressor = Compressor::new();
        let mut body = OpenBody::new();
        let mut errors = 0;
        let mut fill = |body: &mut OpenBody, compressor: &mut Compressor| {
            for record in batch.iter() {
                let written = writer.write(record, None, body.buffer()).is_ok();
                errors += usize::from(!written || body.end_record(record.offset(), 1, compressor).is_err());
            }
        };
        let cost = best(rounds, || {
            body.clear();
            fill(&mut body, &mut compressor);
        });
        let raw = body.bytes();
        let mut sealed_bytes = 0;
        let both = best(rounds.div_ceil(4), || {
            body.clear();
            fill(&mut body, &mut compressor);
            sealed_bytes = body.seal(&mut compressor).map_or(0, |parts| parts.iter().map(|part| part.bytes.len()).sum());
        });
        let ratio = raw as f64 / sealed_bytes as f64;
        writeln!(out, "{name:<20} {cost:7.1}   validated, {} bytes a row, {errors} errors", raw as i64 / RECORDS)?;
        writeln!(out, "{:<20} {:7.1}   zstd 1, {ratio:.1} to 1", "  compress", both - cost)?;
    }
    Ok(())
}
