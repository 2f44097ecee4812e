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
use snowgate_plugin::json::{Literal, Pieces, Scanner};
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

/// The fields of `k` in the order of their columns: Binance's one-letter name, what goes before the value, how it is written.
static COLUMNS: [(u8, Literal, Kind); 15] = [
    (b'i', Literal::new(r#","interval":"#), Text),
    (b't', Literal::new(r#","open_time":"#), Integer),
    (b'T', Literal::new(r#","close_time":"#), Integer),
    (b'f', Literal::new(r#","first_trade_id":"#), Integer),
    (b'L', Literal::new(r#","last_trade_id":"#), Integer),
    (b'o', Literal::new(r#","open_price":"#), Decimal),
    (b'c', Literal::new(r#","close_price":"#), Decimal),
    (b'h', Literal::new(r#","high_price":"#), Decimal),
    (b'l', Literal::new(r#","low_price":"#), Decimal),
    (b'v', Literal::new(r#","base_volume":"#), Decimal),
    (b'n', Literal::new(r#","trade_count":"#), Integer),
    (b'x', Literal::new(r#","is_closed":"#), Boolean),
    (b'q', Literal::new(r#","quote_volume":"#), Decimal),
    (b'V', Literal::new(r#","taker_buy_base_volume":"#), Decimal),
    (b'Q', Literal::new(r#","taker_buy_quote_volume":"#), Decimal),
];

static EVENT_TIME: Literal = Literal::new(r#"{"event_time":"#);
static SYMBOL: Literal = Literal::new(r#","symbol":"#);
static STREAM: Literal = Literal::new(r#","stream":"#);

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
    /// The marks of a row that is flat already: `symbol` and `open_time`, and its `is_closed`.
    flat: (bool, bool),
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
        } else if found.flat == (true, true) {
            let open = found.is_closed == Some(b"false");
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
            row.literal(&EVENT_TIME).part(value, event_time);
            row.literal(&SYMBOL).part(value, symbol);
            for ((_, before, _), range) in COLUMNS.iter().zip(&found.columns) {
                row.literal(before).part(value, range.clone());
            }
            if let Some(stream) = &found.stream {
                row.literal(&STREAM).part(value, stream.clone());
            }
            row.start_of(b"}", 1);
            row.finish();
        });
        Ok(Verdict::Replace)
    }
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
            b"is_closed" if outer => found.is_closed = Some(scan.raw()?),
            other => {
                found.flat.0 |= other == b"symbol";
                found.flat.1 |= other == b"open_time";
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
            found.columns[column as usize] = if bit & const { columns_of(Decimal) } != 0 {
                field(&mut scan, name, Decimal)?
            } else if bit & const { columns_of(Integer) } != 0 {
                field(&mut scan, name, Integer)?
            } else if bit & const { columns_of(Boolean) } != 0 {
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
        Text => (scan.peek() == Some(b'"')).then(|| scan.raw_range()).transpose()?,
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
