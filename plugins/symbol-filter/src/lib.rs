//! Lets only the records of chosen symbols pass.
//!
//! A record is walked only as far as its symbol, which in market data stands near the front, and is kept as it is or dropped:
//! nothing is copied back. The rest of the record is taken on trust, for the gateway validates every row.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use snowgate_plugin::json::{Fields, Found, Malformed, Path, Scanner, unquote};
use snowgate_plugin::{Emit, Record, Reject, Transform, Verdict, pattern};

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["allow"] }, { "required": ["deny"] }]))]
pub struct Config {
    /// Symbols that pass; `*` stands for any characters or none, `?` for one. Empty: all that are not denied.
    #[serde(default)]
    allow: Vec<String>,
    /// Symbols that do not pass, allowed or not.
    #[serde(default)]
    deny: Vec<String>,
    /// Where the symbol stands, names joined by dots. Default: whichever of `data.s`, `s` and `symbol` comes first in the record.
    field: Option<Path>,
    /// What becomes of a record without a symbol.
    #[serde(default)]
    on_missing: OnMissing,
}

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    Keep,
    Drop,
    #[default]
    Reject,
}

/// The plugin.
pub struct SymbolFilter {
    allow: Patterns,
    deny: Patterns,
    /// `None` for the usual places.
    place: Option<Place>,
    on_missing: OnMissing,
    known: Known,
}

impl Transform for SymbolFilter {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<SymbolFilter, String> {
        if config.allow.is_empty() && config.deny.is_empty() {
            return Err("give `allow` or `deny` at least one symbol, such as `allow = [\"BTC*\"]`".into());
        }
        Ok(SymbolFilter {
            allow: Patterns::new("allow", config.allow)?,
            deny: Patterns::new("deny", config.deny)?,
            place: config.field.map(Place::new),
            on_missing: config.on_missing,
            known: Known::default(),
        })
    }

    fn transform(&mut self, record: &Record<'_>, _: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let found = match (record.value(), &mut self.place) {
            (None, _) => Ok(None),
            (Some(value), None) => usual(value),
            (Some(value), Some(place)) => place.symbol(value),
        };
        let Ok(Some(symbol)) = found else { return self.missing(found.err()) };
        let passes = match self.known.passes(&symbol) {
            Some(passes) => passes,
            None => self.judge(&symbol),
        };
        Ok(if passes { Verdict::Keep } else { Verdict::Drop })
    }
}

impl SymbolFilter {
    /// Whether a symbol passes, which is then known.
    #[inline(never)]
    fn judge(&mut self, symbol: &[u8]) -> bool {
        let upper = symbol.to_ascii_uppercase();
        let passes = (self.allow.is_empty() || self.allow.matches(&upper)) && !self.deny.matches(&upper);
        self.known.remember(symbol, passes);
        passes
    }

    #[cold]
    fn missing(&self, malformed: Option<Malformed>) -> Result<Verdict, Reject> {
        match self.on_missing {
            OnMissing::Keep => Ok(Verdict::Keep),
            OnMissing::Drop => Ok(Verdict::Drop),
            OnMissing::Reject => Err(match (malformed, &self.place) {
                (Some(malformed), _) => malformed.into(),
                (None, None) => "the record has no symbol at `data.s`, `s` or `symbol`".into(),
                (None, Some(place)) => format!("the record has no symbol at `{}`", place.path).into(),
            }),
        }
    }
}

/// The symbol at whichever usual place comes first. Values that are no text are no symbols.
fn usual(value: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Malformed> {
    let mut scan = Scanner::new(value);
    scan.enter()?;
    while let Some(key) = scan.key()? {
        match (&*key, scan.peek()) {
            (b"s" | b"symbol", Some(b'"')) => return scan.string().map(Some),
            (b"data", Some(b'{')) => {
                scan.enter()?;
                while let Some(key) = scan.key()? {
                    match (&*key, scan.peek()) {
                        (b"s", Some(b'"')) => return scan.string().map(Some),
                        _ => scan.skip()?,
                    }
                }
            }
            _ => scan.skip()?,
        }
    }
    Ok(None)
}

/// The one place where the operator says that the symbol stands.
struct Place {
    path: Path,
    fields: Fields,
    found: Found,
}

impl Place {
    fn new(path: Path) -> Place {
        let mut fields = Fields::default();
        fields.add(path.names());
        Place { path, fields, found: Found::default() }
    }

    /// Not inlined, for the usual places are the road that is to be short.
    #[inline(never)]
    fn symbol<'a>(&mut self, value: &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, Malformed> {
        self.fields.find(value, &mut self.found)?;
        Ok(self.found.get(0, value).and_then(unquote))
    }
}

/// Symbols that were judged before: however long the lists are, a symbol that comes again costs one look.
struct Known {
    /// 32 KiB. On the heap, because each move across the stack would touch fresh memory and double the time an instance takes to start.
    entries: Box<[(u128, bool); Known::ENTRIES]>,
}

impl Default for Known {
    fn default() -> Known {
        let entries = vec![(0, false); Known::ENTRIES].into_boxed_slice();
        Known { entries: entries.try_into().expect("as many as there are") }
    }
}

impl Known {
    /// A symbol has one place here. Those that share theirs take turns.
    const ENTRIES: usize = 1024;

    #[inline]
    fn passes(&self, symbol: &[u8]) -> Option<bool> {
        let name = Known::name(symbol)?;
        let (known, passes) = self.entries[Known::place(name)];
        (known == name).then_some(passes)
    }

    fn remember(&mut self, symbol: &[u8], passes: bool) {
        if let Some(name) = Known::name(symbol) {
            self.entries[Known::place(name)] = (name, passes);
        }
    }

    /// A number that no other symbol has, and never 0: its bytes and its length. Longer symbols have none.
    #[inline]
    fn name(symbol: &[u8]) -> Option<u128> {
        let word = |half: &[u8]| half.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
        let (low, high) = match symbol.len() {
            // Two words that overlap hold all bytes between them, and need no loop.
            8..16 => {
                let low = u64::from_le_bytes(*symbol.first_chunk()?);
                let last = u64::from_le_bytes(*symbol.last_chunk()?);
                let missing = symbol.len() as u32 - 8;
                (low, if missing == 0 { 0 } else { last >> (64 - 8 * missing) })
            }
            4..8 => {
                let low = u64::from(u32::from_le_bytes(*symbol.first_chunk()?));
                let last = u64::from(u32::from_le_bytes(*symbol.last_chunk()?));
                (low | last << (8 * (symbol.len() - 4)), 0)
            }
            1..4 => (word(symbol), 0),
            _ => return None,
        };
        Some(u128::from(low) | u128::from(high | (symbol.len() as u64) << 56) << 64)
    }

    #[inline]
    fn place(name: u128) -> usize {
        let folded = (name as u64) ^ ((name >> 64) as u64).rotate_left(32);
        (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize % Known::ENTRIES
    }
}

/// Symbols and patterns of one list, in upper case: case never tells two symbols apart.
struct Patterns {
    /// Sorted.
    exact: Vec<Vec<u8>>,
    wild: Vec<Vec<u8>>,
}

impl Patterns {
    fn new(option: &str, patterns: Vec<String>) -> Result<Patterns, String> {
        let upper = patterns.iter().map(|pattern| pattern.trim().to_ascii_uppercase().into_bytes());
        let (wild, mut exact): (Vec<_>, Vec<_>) = upper.partition(|pattern| pattern.contains(&b'*') || pattern.contains(&b'?'));
        if exact.iter().any(Vec::is_empty) {
            return Err(format!("`{option}` holds an empty symbol"));
        }
        exact.sort();
        Ok(Patterns { exact, wild })
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wild.is_empty()
    }

    fn matches(&self, symbol: &[u8]) -> bool {
        self.exact.binary_search_by(|exact| exact.as_slice().cmp(symbol)).is_ok()
            || self.wild.iter().any(|wild| pattern::matches(wild, symbol))
    }
}

snowgate_plugin::export!(SymbolFilter);

#[cfg(test)]
mod tests;
