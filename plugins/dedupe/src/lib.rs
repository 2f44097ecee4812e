//! Drops a record that came before: one of the last so many of its partition was the same, by the key or by fields.
//!
//! What came before is memory of this instance, and no instance remembers what another saw; the README says what follows from that.
//! Within one instance the answers are the same again when records come again: a batch that begins before what was seen takes the
//! [`window`] back to where it was.

mod window;

use schemars::JsonSchema;
use serde::Deserialize;
use snowgate_plugin::json::{Fields, Found, Path};
use snowgate_plugin::metrics::Counter;
use snowgate_plugin::options::Fallback;
use snowgate_plugin::{Columns, Emit, Record, Records, Reject, Transform, Verdict};

use window::Windows;

/// What the windows of all partitions may take, about: half of the memory that the gateway allows a plugin unless the operator says
/// otherwise, for a table that grows is there twice.
const MEMORY: usize = 32 * 1024 * 1024;

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Two records are the same when all of these fields are. Default: when their keys are.
    #[serde(default)]
    fields: Vec<Path>,
    /// How many records of its partition before it a record is compared with.
    #[serde(default = "default_window")]
    #[schemars(range(min = 1, max = 1_000_000))]
    window: u32,
    /// What becomes of a record without a key, or where one of the fields is missing or null.
    #[serde(default)]
    on_missing: Fallback,
}

fn default_window() -> u32 {
    10_000
}

/// The plugin.
pub struct Dedupe {
    config: Config,
    fields: Fields,
    found: Found,
    windows: Windows,
    /// What the record at hand is known by.
    identity: Vec<u8>,
    /// Records of this batch that could not be compared.
    missing: Counter,
}

impl Transform for Dedupe {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const NEEDS: Columns = Columns::VALUES.union(Columns::KEYS).union(Columns::OFFSETS);
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<Dedupe, String> {
        if !(1..=1_000_000).contains(&config.window) {
            return Err(format!("`window` is {}, and should be 1 to 1000000 records", config.window));
        }
        let mut fields = Fields::default();
        for (index, path) in config.fields.iter().enumerate() {
            if fields.add(path.names()) != index {
                return Err(format!("`fields` names `{path}` twice"));
            }
        }
        let windows = Windows::new(config.window as usize, MEMORY);
        let missing = Counter::new("missing");
        Ok(Dedupe { config, fields, found: Found::default(), windows, identity: Vec::new(), missing })
    }

    fn begin(&mut self, records: Records<'_>) {
        if let Some(first) = records.iter().next() {
            self.windows.turn_to(first.topic(), first.partition(), first.offset().unwrap_or_default());
        }
    }

    fn transform(&mut self, record: &Record<'_>, _: &mut Emit<'_>) -> Result<Verdict, Reject> {
        if let Err(Reject(why)) = self.identify(record) {
            self.missing.add(1);
            return self.config.on_missing.verdict(|| why);
        }
        let came_before = self.windows.see(&self.identity, record.offset().unwrap_or_default());
        Ok(if came_before { Verdict::Drop } else { Verdict::Keep })
    }

    fn end(&mut self) {
        self.missing.report();
        self.windows.forgotten_early.report();
    }
}

impl Dedupe {
    /// Writes down what the record is known by: its key, and whether it is a tombstone, which is another record than the one that it
    /// undoes; or its fields, each with its length before it.
    fn identify(&mut self, record: &Record<'_>) -> Result<(), Reject> {
        self.identity.clear();
        if self.config.fields.is_empty() {
            let key = record.key().ok_or("the record has no key to compare")?;
            self.identity.push(u8::from(record.value().is_none()));
            self.identity.extend_from_slice(key);
            return Ok(());
        }
        let value = record.value().ok_or("the record has no value, and so no fields to compare")?;
        self.fields.find(value, &mut self.found)?;
        for (index, path) in self.config.fields.iter().enumerate() {
            let text = self.found.get(index, value).filter(|text| *text != b"null");
            let text = text.ok_or_else(|| format!("`{path}` is missing or null"))?;
            self.identity.extend_from_slice(&(text.len() as u32).to_le_bytes());
            self.identity.extend_from_slice(text);
        }
        Ok(())
    }
}

snowgate_plugin::export!(Dedupe);

#[cfg(test)]
mod tests;
