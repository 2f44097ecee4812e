//! The record to test with: a Binance kline as the exporter publishes it, made from a seed and a number.
//!
//! The exporter passes on what the combined stream sends, through Python's `json.dumps` (a blank after `:` and `,`). Ten symbols take
//! turns; each sends its candle of the minute every two seconds, open (`"x": false`) until the thirtieth time, which closes it. Prices
//! walk at random. Within a candle everything fits: low ≤ open, close ≤ high; volumes and trades only grow; the next candle opens where
//! the last one closed.
//!
//! A record depends on the seed and its number alone, so any one can be made again, in any order, to compare.

/// The symbols, their prices to walk from and the size of their trades, as the exchange's steps of price and quantity are.
const SYMBOLS: [Symbol; 10] = [
    Symbol { name: "BTCUSDT", price: 9_650_000, price_decimals: 2, quantity: 4, quantity_decimals: 2 },
    Symbol { name: "ETHUSDT", price: 341_207, price_decimals: 2, quantity: 38, quantity_decimals: 2 },
    Symbol { name: "BNBUSDT", price: 68_950, price_decimals: 2, quantity: 24, quantity_decimals: 1 },
    Symbol { name: "SOLUSDT", price: 18_942, price_decimals: 2, quantity: 22, quantity_decimals: 0 },
    Symbol { name: "XRPUSDT", price: 22_871, price_decimals: 4, quantity: 410, quantity_decimals: 0 },
    Symbol { name: "DOGEUSDT", price: 32_415, price_decimals: 5, quantity: 931, quantity_decimals: 0 },
    Symbol { name: "ADAUSDT", price: 9_134, price_decimals: 4, quantity: 195, quantity_decimals: 0 },
    Symbol { name: "AVAXUSDT", price: 3_714, price_decimals: 2, quantity: 65, quantity_decimals: 0 },
    Symbol { name: "LINKUSDT", price: 2_367, price_decimals: 2, quantity: 81, quantity_decimals: 1 },
    Symbol { name: "LTCUSDT", price: 10_432, price_decimals: 2, quantity: 52, quantity_decimals: 2 },
];

/// How often a candle is sent within its minute.
const UPDATES: u64 = 30;
const MINUTE_MS: u64 = 60_000;
/// When the first candle opens: 2026-01-01 00:00 UTC.
const FIRST_OPEN_MS: u64 = 1_767_225_600_000;
/// As many trades as a candle can have at the most, so that the ids of two never meet.
const TRADE_IDS_PER_CANDLE: u64 = UPDATES * TRADES_PER_UPDATE;
const TRADES_PER_UPDATE: u64 = 40;
const FIRST_TRADE_ID: u64 = 100;
/// Decimals of amounts of money; what is finer is cut off, as the exchange does.
const MONEY_DECIMALS: u32 = 1;

struct Symbol {
    name: &'static str,
    /// In units of the last decimal, as the quantity is.
    price: u64,
    price_decimals: u32,
    /// The usual quantity of an update.
    quantity: u64,
    quantity_decimals: u32,
}

/// The symbol of record `i`. Each ten records hold each symbol once, in an order that moves on, so that no partition is short of one.
pub(crate) fn symbol_of(i: u64) -> &'static str {
    SYMBOLS[symbol_index(i)].name
}

fn symbol_index(i: u64) -> usize {
    let turn = (i + i / SYMBOLS.len() as u64) % SYMBOLS.len() as u64;
    usize::try_from(turn).expect("a symbol's index is small")
}

/// Writes record `i` of the stream that `seed` names to the end of `out`.
pub(crate) fn kline(seed: u64, i: u64, out: &mut Vec<u8>) {
    let index = symbol_index(i);
    let symbol = &SYMBOLS[index];
    let round = i / SYMBOLS.len() as u64;
    let (candle, update) = (round / UPDATES, round % UPDATES);
    let walk = Walk::new(seed, index as u64, candle);

    let open = walk.price(symbol, 0);
    let (mut close, mut high, mut low) = (open, open, open);
    let (mut volume, mut quote, mut taker_volume, mut taker_quote, mut trades) = (0, 0, 0, 0, 0);
    for step in 0..=update {
        close = walk.price(symbol, step + 1);
        high = high.max(close);
        low = low.min(close);
        let dice = hash(walk.key, candle * UPDATES + step);
        let quantity = symbol.quantity / 4 + dice % (2 * symbol.quantity) + 1;
        let taken = quantity * ((dice >> 32) % 100) / 100;
        volume += quantity;
        taker_volume += taken;
        quote += quantity * close;
        taker_quote += taken * close;
        trades += 1 + (dice >> 48) % TRADES_PER_UPDATE;
    }
    let opens = FIRST_OPEN_MS + candle * MINUTE_MS;
    let closes = opens + MINUTE_MS - 1;
    let sent = opens + (update + 1) * (MINUTE_MS / UPDATES) + hash(walk.key, i) % 40;
    let first_trade = FIRST_TRADE_ID + candle * TRADE_IDS_PER_CANDLE;

    let price = |value: u64| Decimal { value, decimals: symbol.price_decimals };
    let base = |value: u64| Decimal { value, decimals: symbol.quantity_decimals };
    let finer = 10u64.pow(symbol.price_decimals + symbol.quantity_decimals - MONEY_DECIMALS);
    let money = |value: u64| Decimal { value: value / finer, decimals: MONEY_DECIMALS };
    let mut text = Text(out);
    text.push("{\"stream\": \"");
    text.0.extend(symbol.name.bytes().map(|letter| letter.to_ascii_lowercase()));
    text.push("@kline_1m\", \"data\": {\"e\": \"kline\", \"E\": ").number(sent);
    text.push(", \"s\": \"").push(symbol.name);
    text.push("\", \"k\": {\"t\": ").number(opens).push(", \"T\": ").number(closes);
    text.push(", \"s\": \"").push(symbol.name).push("\", \"i\": \"1m\", \"f\": ").number(first_trade);
    text.push(", \"L\": ").number(first_trade + trades - 1);
    text.push(", \"o\": \"").decimal(price(open)).push("\", \"c\": \"").decimal(price(close));
    text.push("\", \"h\": \"").decimal(price(high)).push("\", \"l\": \"").decimal(price(low));
    text.push("\", \"v\": \"").decimal(base(volume)).push("\", \"n\": ").number(trades);
    text.push(if update + 1 == UPDATES { ", \"x\": true" } else { ", \"x\": false" });
    text.push(", \"q\": \"").decimal(money(quote)).push("\", \"V\": \"").decimal(base(taker_volume));
    text.push("\", \"Q\": \"").decimal(money(taker_quote)).push("\", \"B\": \"0\"}}}");
}

/// A price's way through one candle.
struct Walk {
    key: u64,
    candle: u64,
    /// Where the slow movement stands as the candle opens and as it closes, in millionths of the price.
    from: i64,
    to: i64,
}

impl Walk {
    fn new(seed: u64, symbol: u64, candle: u64) -> Walk {
        let key = hash(seed, symbol);
        Walk { key, candle, from: drift(key, candle), to: drift(key, candle + 1) }
    }

    /// The price after `step` updates of the candle.
    fn price(&self, symbol: &Symbol, step: u64) -> u64 {
        let slow = self.from + (self.to - self.from) * signed(step) / signed(UPDATES);
        // A ten-thousandth up or down; one value per moment, so that a candle opens where the last one closed.
        let quick = signed(hash(self.key ^ 0x5bd1_e995, self.candle * UPDATES + step) % 200) - 100;
        let price = signed(symbol.price);
        (price + price * (slow + quick) / 1_000_000).unsigned_abs().max(1)
    }
}

/// A random walk that can be entered anywhere: value noise of ten octaves, the slower the wider. Stays within about 20 %.
fn drift(key: u64, candle: u64) -> i64 {
    (0..10)
        .map(|octave| {
            let (span, reach) = (1u64 << octave, 200 << octave);
            let (cell, within) = (candle / span, candle % span);
            let end = |cell: u64| signed(hash(key.wrapping_add(octave + 1), cell) % (2 * reach)) - signed(reach);
            end(cell) + (end(cell + 1) - end(cell)) * signed(within) / signed(span)
        })
        .sum()
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).expect("prices and steps are far below the limit")
}

/// A well-mixed number for a key and a counter (the finalizer of splitmix64).
fn hash(key: u64, counter: u64) -> u64 {
    let mut z = key.wrapping_add(counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `value` units of ten to the minus `decimals`.
struct Decimal {
    value: u64,
    decimals: u32,
}

struct Text<'a>(&'a mut Vec<u8>);

impl Text<'_> {
    fn push(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, value: u64) -> &mut Self {
        self.digits(value, 1)
    }

    fn decimal(&mut self, Decimal { value, decimals }: Decimal) -> &mut Self {
        let unit = 10u64.pow(decimals);
        self.digits(value / unit, 1);
        if decimals > 0 {
            self.0.push(b'.');
            self.digits(value % unit, decimals as usize);
        }
        self
    }

    /// At least `width` digits.
    fn digits(&mut self, mut value: u64, width: usize) -> &mut Self {
        let mut buffer = [b'0'; 20];
        let mut at = buffer.len();
        while value > 0 {
            at -= 1;
            buffer[at] = b'0' + (value % 10) as u8;
            value /= 10;
        }
        self.0.extend_from_slice(&buffer[at.min(buffer.len() - width)..]);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use serde_json::Value;

    use super::*;

    fn text(seed: u64, i: u64) -> String {
        let mut out = Vec::new();
        kline(seed, i, &mut out);
        String::from_utf8(out).expect("a kline is text")
    }

    fn parsed(seed: u64, i: u64) -> Value {
        serde_json::from_str(&text(seed, i)).expect("a kline is JSON")
    }

    #[test]
    fn a_kline_is_what_the_exporter_writes() {
        let keys = |value: &Value| value.as_object().expect("an object").len();
        let value = parsed(7, 12_345);
        assert_eq!((keys(&value), keys(&value["data"]), keys(&value["data"]["k"])), (2, 4, 17));
        assert_eq!(value["stream"], format!("{}@kline_1m", symbol_of(12_345).to_lowercase()));
        assert_eq!(value["data"]["s"], value["data"]["k"]["s"]);
        let text = text(7, 12_345);
        let order = [
            "\"stream\"",
            "\"data\"",
            "\"e\"",
            "\"E\"",
            "\"s\"",
            "\"k\"",
            "\"t\"",
            "\"T\"",
            "\"i\"",
            "\"f\"",
            "\"L\"",
            "\"o\"",
            "\"c\"",
            "\"h\"",
        ];
        let places: Vec<_> = order.iter().map(|key| text.find(&format!("{key}: ")).expect("a key with Python's blank")).collect();
        assert!(places.is_sorted(), "{text}");
        // Python's spacing: blanks after `:` and `,`, nowhere else.
        assert_eq!(text.matches(' ').count(), text.matches([':', ',']).count());
    }

    #[test]
    fn a_kline_has_about_335_bytes() {
        let bytes: usize = (0..10_000).map(|i| text(1, i).len()).sum();
        assert!((330..342).contains(&(bytes / 10_000)), "{} bytes", bytes / 10_000);
    }

    #[test]
    fn the_same_seed_gives_the_same_record_and_another_seed_another() {
        assert_eq!(text(3, 99), text(3, 99));
        assert_ne!(text(3, 99), text(4, 99));
        assert_ne!(text(3, 99), text(3, 109));
    }

    #[test]
    fn candles_fit_together() {
        let number = |k: &Value, key: &str| k[key].as_str().expect("text").parse::<f64>().expect("a number");
        let mut before: HashMap<String, Value> = HashMap::new();
        let mut closed = 0;
        for i in 0..10 * UPDATES * 20 {
            let k = parsed(5, i)["data"]["k"].take();
            let (open, close, high, low) = (number(&k, "o"), number(&k, "c"), number(&k, "h"), number(&k, "l"));
            assert!(low <= open.min(close) && open.max(close) <= high, "{k}");
            assert!(number(&k, "V") <= number(&k, "v"), "{k}");
            let last = before.insert(k["s"].as_str().expect("text").to_owned(), k.clone());
            let Some(last) = last else { continue };
            if last["x"] == true {
                closed += 1;
                assert_eq!(k["o"], last["c"]);
                assert!(k["f"].as_u64() > last["L"].as_u64());
                assert_eq!(k["t"].as_u64(), last["T"].as_u64().map(|end| end + 1));
            } else {
                assert_eq!(k["t"], last["t"]);
                assert_eq!(k["o"], last["o"]);
                assert!(number(&k, "v") > number(&last, "v") && high >= number(&last, "h"), "{k}");
            }
        }
        assert_eq!(closed, 190, "nineteen of the twenty candles of each symbol were closed and followed");
    }

    #[test]
    fn every_partition_sees_every_symbol() {
        for partition in 0..4 {
            let symbols: HashSet<_> = (0..400).filter(|i| i % 4 == partition).map(symbol_of).collect();
            assert_eq!(symbols.len(), SYMBOLS.len());
        }
    }

    #[test]
    fn a_decimal_keeps_its_zeros() {
        let mut out = Vec::new();
        Text(&mut out).decimal(Decimal { value: 1_000_050, decimals: 4 }).push(" ").decimal(Decimal { value: 7, decimals: 3 });
        Text(&mut out).push(" ").decimal(Decimal { value: 0, decimals: 0 });
        assert_eq!(out, b"100.0050 0.007 0");
    }
}
