//! What `cargo xtask bench plugins` measures with: the same records and the same checksum of what came out, for the plugins in the
//! gateway's chain (`host/transform/examples/chain.rs`, which includes this file) and for the same sources compiled natively
//! (`examples/native.rs`).

use std::time::{Duration, Instant};

/// Records of one batch, and batches of one round: three megabytes, so that no batch waits in the nearest cache.
pub const RECORDS: usize = 500;
pub const BATCHES: usize = 20;

/// The timestamp of the record at offset 0; each later one is a millisecond younger.
pub const FIRST_TIMESTAMP: i64 = 1_767_225_600_000;

const SYMBOLS: [&str; 10] =
    ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT", "AVAXUSDT", "LINKUSDT", "LTCUSDT"];

/// Klines that a record for `explode` has.
const KLINES: usize = 5;

/// The tables of the pipeline that `plugin` is measured in: for `route`, one for each symbol.
pub fn tables(plugin: &str) -> Vec<String> {
    match plugin {
        "route" => SYMBOLS.iter().map(|symbol| format!("KLINE_{symbol}")).collect(),
        _ => Vec::new(),
    }
}

/// The values of `count` records from offset `first` on that `plugin` is measured with: kline events of a random walk, as Python's
/// `json.dumps` writes them; for `explode`, which wants an array, several klines in one record.
pub fn values(plugin: &str, first: usize, count: usize) -> Vec<String> {
    // Any number but zero; the batches differ, each run is the same.
    let mut seed = 42 + first as u64;
    let mut events = |index| match plugin {
        "explode" => {
            let klines: Vec<String> = (0..KLINES).map(|more| kline(index * KLINES + more, &mut seed)).collect();
            format!(r#"{{"source": "backfill", "data": {{"count": {KLINES}, "klines": [{}]}}}}"#, klines.join(", "))
        }
        _ => event(index, &mut seed),
    };
    (first..first + count).map(&mut events).collect()
}

fn event(index: usize, seed: &mut u64) -> String {
    let symbol = SYMBOLS[index % SYMBOLS.len()];
    let (lower, at) = (symbol.to_lowercase(), opened(index) + 2_000);
    let kline = kline(index, seed);
    format!(r#"{{"stream": "{lower}@kline_1m", "data": {{"e": "kline", "E": {at}, "s": "{symbol}", "k": {kline}}}}}"#)
}

/// When a kline begins.
fn opened(index: usize) -> u64 {
    FIRST_TIMESTAMP as u64 + index as u64 / 10 * 60_000
}

fn kline(index: usize, seed: &mut u64) -> String {
    let mut random = |below: u64| {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed % below
    };
    let symbol = SYMBOLS[index % SYMBOLS.len()];
    let decimals = [2, 2, 2, 2, 4, 5, 4, 2, 2, 2][index % SYMBOLS.len()];
    let opened = opened(index);
    let mut price = || format!("{}.{:0decimals$}", 1 + random(5_000), random(10u64.pow(decimals as u32)));
    let (open, close, high, low, volume, quote, taker) = (price(), price(), price(), price(), price(), price(), price());
    let trades = 1 + random(900);
    format!(
        concat!(
            r#"{{"t": {opened}, "T": {closes}, "s": "{symbol}", "i": "1m", "f": {first}, "L": {last}, "o": "{open}", "#,
            r#""c": "{close}", "h": "{high}", "l": "{low}", "v": "{volume}", "n": {trades}, "x": {closed}, "q": "{quote}", "#,
            r#""V": "{base}", "Q": "{taker}", "B": "0"}}"#
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
        closes = opened + 59_999,
        first = 100_000 + index,
        last = 100_000 + index as u64 + trades,
        closed = index.is_multiple_of(30),
        base = random(50_000),
    )
}

/// Nanoseconds a record, by the best time of each batch in `rounds` rounds: other programs on the machine only ever add time, and a
/// batch is short enough to be left alone once.
pub fn best_of<E>(rounds: u32, mut process: impl FnMut(usize) -> Result<(), E>) -> Result<f64, E> {
    let mut best = [Duration::MAX; BATCHES];
    for _ in 0..rounds {
        for (batch, best) in best.iter_mut().enumerate() {
            let started = Instant::now();
            process(batch)?;
            *best = started.elapsed().min(*best);
        }
    }
    Ok(best.iter().sum::<Duration>().as_nanos() as f64 / (RECORDS * BATCHES) as f64)
}

/// FNV-1a over the records that go on, and the tables that they are sent to.
pub struct Checksum(u64);

impl Checksum {
    pub fn new() -> Checksum {
        Checksum(0xcbf2_9ce4_8422_2325)
    }

    pub fn add(&mut self, offset: i64, value: Option<&[u8]>, table: Option<&str>) {
        self.bytes(&offset.to_le_bytes());
        self.item(value);
        self.item(table.map(str::as_bytes));
    }

    fn item(&mut self, item: Option<&[u8]>) {
        self.bytes(&item.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
        self.bytes(item.unwrap_or_default());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub fn hex(&self) -> String {
        format!("{:016x}", self.0)
    }
}

impl Default for Checksum {
    fn default() -> Checksum {
        Checksum::new()
    }
}
