//! Prints what a plugin chain costs a record: each plugin alone, and all of them in a row.
//!
//! `cargo run --release -p snowgate-transform --example chain -- FOLDER [ROUNDS]`, where FOLDER holds `kline_flatten.wasm` and
//! `symbol_filter.wasm` (`cargo xtask plugins` builds them). The records are klines as the sandbox's source writes them, in batches
//! of a thousand. The best round counts, as other programs on the machine only ever add time.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};
use snowgate_transform::{Capability, Chain, Engine, Limits, Plugin, PluginSettings, Transformed};

const RECORDS: i64 = 1_000;

const SYMBOLS: [&str; 10] =
    ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT", "AVAXUSDT", "LINKUSDT", "LTCUSDT"];

/// Keeps all ten symbols, as someone does who only wants to be sure of what goes into a table.
const FILTER: &str = r#"{"allow": ["*USDT"]}"#;
/// Keeps nine of ten, one after another dropped.
const FILTER_SOME: &str = r#"{"deny": ["DOGE*"]}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder holds the plugins?")?;
    let rounds: usize = arguments.next().map_or(Ok(300), |text| text.parse())?;
    let only = arguments.next();

    let mut seed = 42;
    let mut batch = RecordBatch::new(TopicPartition::new("binance_kline", 0));
    for index in 0..RECORDS {
        let value = kline(index, &mut seed);
        let offset = Offset::new(index).ok_or("an index is an offset")?;
        batch.push(offset, 1_767_225_600_000 + index, TimestampType::CreateTime, None, Some(value.as_bytes()));
    }

    let engine = Engine::new()?;
    let load = |file: &str, config: &str| {
        Plugin::load(
            &engine,
            &PluginSettings {
                name: file.to_owned(),
                path: Path::new(&folder).join(format!("{file}.wasm")),
                sha256: None,
                allow: Capability::ALL.to_vec(),
                config_json: config.to_owned(),
                limits: Limits::default(),
            },
        )
        .map(Arc::new)
    };
    let flatten = load("kline_flatten", "{}")?;
    let filter = load("symbol_filter", FILTER)?;
    let filter_some = load("symbol_filter", FILTER_SOME)?;

    let mut out = std::io::stdout();
    writeln!(out, "{RECORDS} records of {} bytes, best of {rounds} rounds, ns per record", batch.bytes() as i64 / RECORDS)?;
    let cases = [
        ("flatten", vec![&flatten]),
        ("filter, keeps all", vec![&filter]),
        ("filter, keeps 90 %", vec![&filter_some]),
        ("flatten, filter", vec![&flatten, &filter]),
        ("flatten, filter 90 %", vec![&flatten, &filter_some]),
        ("filter, flatten", vec![&filter, &flatten]),
    ];
    for (name, plugins) in cases {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let plugins: Vec<_> = plugins.into_iter().map(Arc::clone).collect();
        let mut chain = Chain::new(&plugins)?;
        let mut transformed = Transformed::new();
        let mut best = f64::INFINITY;
        for _ in 0..rounds {
            let start = Instant::now();
            chain.process(&batch, &mut transformed)?;
            best = best.min(start.elapsed().as_nanos() as f64 / RECORDS as f64);
        }
        let bytes = transformed.records.bytes() / transformed.records.len().max(1);
        writeln!(out, "{name:<22} {best:7.1}   {} records of {bytes} bytes come out", transformed.records.len())?;
    }
    Ok(())
}

/// A kline event of a random walk, as Python's `json.dumps` writes it.
fn kline(index: i64, seed: &mut u64) -> String {
    let mut random = |below: u64| {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed % below
    };
    let symbol = SYMBOLS[index as usize % SYMBOLS.len()];
    let decimals = [2, 2, 2, 2, 4, 5, 4, 2, 2, 2][index as usize % SYMBOLS.len()];
    let opened = 1_767_225_600_000 + index / 10 * 60_000;
    let mut price = || format!("{}.{:0decimals$}", 1 + random(5_000), random(10i64.pow(decimals as u32) as u64));
    let (open, close, high, low, volume, quote, taker) = (price(), price(), price(), price(), price(), price(), price());
    let trades = 1 + random(900);
    format!(
        concat!(
            r#"{{"stream": "{lower}@kline_1m", "data": {{"e": "kline", "E": {at}, "s": "{symbol}", "k": {{"t": {opened}, "#,
            r#""T": {closes}, "s": "{symbol}", "i": "1m", "f": {first}, "L": {last}, "o": "{open}", "c": "{close}", "#,
            r#""h": "{high}", "l": "{low}", "v": "{volume}", "n": {trades}, "x": {closed}, "q": "{quote}", "#,
            r#""V": "{base}", "Q": "{taker}", "B": "0"}}}}}}"#
        ),
        symbol = symbol,
        opened = opened,
        open = open,
        close = close,
        high = high,
        low = low,
        volume = volume,
        quote = quote,
        taker = taker,
        trades = trades,
        lower = symbol.to_lowercase(),
        at = opened + 2_000,
        closes = opened + 59_999,
        first = 100_000 + index,
        last = 100_000 + index + trades as i64,
        closed = index % 30 == 0,
        base = random(50_000),
    )
}
