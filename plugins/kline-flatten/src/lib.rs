//! Turns Binance kline events into flat rows.
//!
//! Three shapes come in: the combined stream's envelope `{"stream", "data": {…}}`, the bare event `{"e": "kline", …, "k": {…}}`,
//! and rows that are flat already, which are kept as they are. One row with a column per fact goes out.
//!
//! Prices and volumes arrive as decimal text and leave as JSON numbers of exactly the same digits: they are copied, never parsed
//! into a float.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;
use snowgate_plugin::json::{Pieces, Scanner};
use snowgate_plugin::{Emit, Record, Reject, Transform, Verdict};

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Drop klines that are still open, whose numbers will change.
    #[serde(default)]
    closed_only: bool,
}

/// The plugin.
pub struct KlineFlatten {
    config: Config,
}

/// How a value is written in the event.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Integer,
    Boolean,
    /// Decimal text in a string; the quotes go.
    Decimal,
}

use Kind::{Boolean, Decimal, Integer, Text};

/// What goes before a value, with room behind it so that a copy has a length known to the compiler.
struct Before {
    text: [u8; 32],
    length: usize,
}

const fn before(text: &str) -> Before {
    let mut padded = [b' '; 32];
    let mut index = 0;
    while index < text.len() {
        padded[index] = text.as_bytes()[index];
        index += 1;
    }
    Before { text: padded, length: text.len() }
}

/// The fields of `k` in the order of their columns: Binance's one-letter name, what goes before the value, how it is written.
static COLUMNS: [(u8, Before, Kind); 15] = [
    (b'i', before(r#","interval":"#), Text),
    (b't', before(r#","open_time":"#), Integer),
    (b'T', before(r#","close_time":"#), Integer),
    (b'f', before(r#","first_trade_id":"#), Integer),
    (b'L', before(r#","last_trade_id":"#), Integer),
    (b'o', before(r#","open_price":"#), Decimal),
    (b'c', before(r#","close_price":"#), Decimal),
    (b'h', before(r#","high_price":"#), Decimal),
    (b'l', before(r#","low_price":"#), Decimal),
    (b'v', before(r#","base_volume":"#), Decimal),
    (b'n', before(r#","trade_count":"#), Integer),
    (b'x', before(r#","is_closed":"#), Boolean),
    (b'q', before(r#","quote_volume":"#), Decimal),
    (b'V', before(r#","taker_buy_base_volume":"#), Decimal),
    (b'Q', before(r#","taker_buy_quote_volume":"#), Decimal),
];

static EVENT_TIME: Before = before(r#"{"event_time":"#);
static SYMBOL: Before = before(r#","symbol":"#);
static STREAM: Before = before(r#","stream":"#);

/// Where `x` stands among the columns.
const IS_CLOSED: usize = 11;

const NO_COLUMN: u8 = u8::MAX;

/// From a field's name to its column.
const COLUMN_OF: [u8; 256] = {
    let mut columns = [NO_COLUMN; 256];
    let mut index = 0;
    while index < COLUMNS.len() {
        columns[COLUMNS[index].0 as usize] = index as u8;
        index += 1;
    }
    columns
};

/// The columns of a kind, a bit each: tests of them are foreseen better than a jump to one of four places.
const fn columns_of(kind: Kind) -> u32 {
    let mut columns = 0;
    let mut index = 0;
    while index < COLUMNS.len() {
        if COLUMNS[index].2 as u8 == kind as u8 {
            columns |= 1 << index;
        }
        index += 1;
    }
    columns
}

const DECIMALS: u32 = columns_of(Decimal);
const INTEGERS: u32 = columns_of(Integer);
const BOOLEANS: u32 = columns_of(Boolean);

/// What was found in a record: where it is written.
#[derive(Default)]
struct Found<'a> {
    stream: Option<Range<usize>>,
    event: Option<&'a [u8]>,
    event_time: Option<Range<usize>>,
    symbol: Option<Range<usize>>,
    /// Whether there was a `k`.
    kline: bool,
    /// Empty where a field is missing.
    columns: [Range<usize>; COLUMNS.len()],
    flat: FlatRow<'a>,
}

/// The marks of a row that is flat already.
#[derive(Default)]
struct FlatRow<'a> {
    symbol: bool,
    open_time: bool,
    is_closed: Option<&'a [u8]>,
}

impl Transform for KlineFlatten {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<KlineFlatten, String> {
        Ok(KlineFlatten { config })
    }

    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        // A tombstone holds nothing to flatten; what becomes of it is the table's affair.
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        let mut scan = Scanner::new(value);
        if scan.peek() != Some(b'{') {
            return Err("the value is not a JSON object".into());
        }
        let mut found = Found::default();
        event(scan, &mut found, true)?.end()?;
        if found.kline {
            self.flatten(value, &found, emit)
        } else if found.flat.symbol && found.flat.open_time {
            let open = found.flat.is_closed == Some(b"false");
            Ok(if self.config.closed_only && open { Verdict::Drop } else { Verdict::Keep })
        } else {
            Err("the value is neither a kline event, nor one in a combined-stream envelope, nor a flat kline row".into())
        }
    }
}

impl KlineFlatten {
    fn flatten(&self, value: &[u8], found: &Found<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        if found.event != Some(b"\"kline\"") {
            return Err("`e` is not `kline`, so the event is another kind".into());
        }
        let event_time = found.event_time.clone().ok_or("the event has no `E`, its time")?;
        let symbol = found.symbol.clone().ok_or("the event has no `s`, its symbol")?;
        if let Some(missing) = found.columns.iter().position(Range::is_empty) {
            return Err(format!("the kline has no `{}`", COLUMNS[missing].0 as char).into());
        }
        if self.config.closed_only && value[found.columns[IS_CLOSED].clone()] == *b"false" {
            return Ok(Verdict::Drop);
        }
        emit.write(|out| {
            let mut row = Pieces::new(out);
            put(&mut row, &EVENT_TIME, value, event_time);
            put(&mut row, &SYMBOL, value, symbol);
            for ((_, before, _), range) in COLUMNS.iter().zip(&found.columns) {
                put(&mut row, before, value, range.clone());
            }
            if let Some(stream) = &found.stream {
                put(&mut row, &STREAM, value, stream.clone());
            }
            row.start_of(b"}", 1);
            row.finish();
        });
        Ok(Verdict::Replace)
    }
}

#[inline(always)]
fn put(row: &mut Pieces<'_>, before: &Before, value: &[u8], range: Range<usize>) {
    row.start_of(&before.text, before.length);
    row.part(value, range);
}

/// Walks an event, or the envelope around one: the `outer` object may hold another in `data`.
fn event<'a>(mut scan: Scanner<'a>, found: &mut Found<'a>, outer: bool) -> Result<Scanner<'a>, Reject> {
    scan.enter()?;
    while let Some(key) = scan.key()? {
        match &*key {
            b"e" => found.event = Some(scan.raw()?),
            b"E" => found.event_time = Some(field(&mut scan, b'E', Integer)?),
            b"s" => found.symbol = Some(field(&mut scan, b's', Text)?),
            b"k" if scan.peek() == Some(b'{') => scan = kline(scan, found)?,
            b"data" if outer && scan.peek() == Some(b'{') => scan = event(scan, found, false)?,
            b"stream" if outer && scan.peek() == Some(b'"') => found.stream = Some(scan.raw_range()?),
            b"is_closed" if outer => found.flat.is_closed = Some(scan.raw()?),
            other => {
                found.flat.symbol |= other == b"symbol";
                found.flat.open_time |= other == b"open_time";
                scan.skip()?;
            }
        }
    }
    Ok(scan)
}

fn kline<'a>(mut scan: Scanner<'a>, found: &mut Found<'a>) -> Result<Scanner<'a>, Reject> {
    found.kline = true;
    scan.enter()?;
    while let Some(key) = scan.key()? {
        let column = if let [name] = *key { COLUMN_OF[name as usize] } else { NO_COLUMN };
        if column != NO_COLUMN {
            let (name, bit) = (key[0], 1 << (column % 32));
            found.columns[column as usize] = if bit & DECIMALS != 0 {
                field(&mut scan, name, Decimal)?
            } else if bit & INTEGERS != 0 {
                field(&mut scan, name, Integer)?
            } else if bit & BOOLEANS != 0 {
                field(&mut scan, name, Boolean)?
            } else {
                field(&mut scan, name, Text)?
            };
        } else if *key == *b"s" && found.symbol.is_none() {
            found.symbol = Some(field(&mut scan, b's', Text)?);
        } else {
            scan.skip()?;
        }
    }
    Ok(scan)
}

/// Where the value that stands next is written, as it goes into the row.
#[inline(always)]
fn field(scan: &mut Scanner<'_>, name: u8, kind: Kind) -> Result<Range<usize>, Reject> {
    let found = match kind {
        Text if scan.peek() == Some(b'"') => Some(scan.raw_range()?),
        Text => None,
        Integer => scan.integer(),
        Decimal => scan.decimal(),
        Boolean => scan.boolean(),
    };
    match found {
        Some(range) => Ok(range),
        None => Err(wrong_kind(name, kind)),
    }
}

#[cold]
#[inline(never)]
fn wrong_kind(name: u8, kind: Kind) -> Reject {
    let wanted = match kind {
        Text => "text",
        Integer => "a whole number",
        Decimal => "a decimal number",
        Boolean => "true or false",
    };
    format!("`{}` is not {wanted}", char::from(name)).into()
}

snowgate_plugin::export!(KlineFlatten);

#[cfg(test)]
mod tests;
