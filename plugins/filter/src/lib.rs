//! Keeps the records that meet a predicate, such as `data.k.x == true && symbol in ["BTCUSDT", "ETHUSDT"]`.
//!
//! The language, and how a record is held against it, is the SDK's [`predicate`](snowgate_plugin::predicate), for other plugins may want it,
//! too. A record is kept as it is or dropped: nothing is copied back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use snowgate_plugin::metrics::Counter;
use snowgate_plugin::options::Fallback;
use snowgate_plugin::predicate::Predicate;
use snowgate_plugin::{Columns, Emit, Record, Reject, Transform, Verdict};

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What a record must meet to go on, such as `data.k.x == true && symbol in ["BTCUSDT", "ETHUSDT"]`.
    keep: String,
    /// What becomes of a record that does not meet it.
    #[serde(default)]
    otherwise: Otherwise,
    /// What becomes of a record that leaves it open: a field that matters is missing, null or of another type.
    #[serde(default)]
    on_missing: Fallback,
}

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    #[default]
    Drop,
    Reject,
}

/// The plugin.
pub struct Filter {
    config: Config,
    predicate: Predicate,
    /// Records of this batch that left the predicate open.
    missing: Counter,
}

impl Transform for Filter {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const NEEDS: Columns = Columns::all();
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<Filter, String> {
        let predicate = Predicate::parse("keep", &config.keep)?;
        Ok(Filter { config, predicate, missing: Counter::new("missing") })
    }

    fn transform(&mut self, record: &Record<'_>, _: &mut Emit<'_>) -> Result<Verdict, Reject> {
        match self.predicate.is_met_by(record) {
            Ok(true) => Ok(Verdict::Keep),
            Ok(false) => match self.config.otherwise {
                Otherwise::Drop => Ok(Verdict::Drop),
                Otherwise::Reject => Err(format!("the record does not meet `{}`", self.config.keep).into()),
            },
            Err(open) => {
                self.missing.add(1);
                self.config.on_missing.verdict(|| open.to_string())
            }
        }
    }

    fn end(&mut self) {
        self.missing.report();
    }
}

snowgate_plugin::export!(Filter);

#[cfg(test)]
mod tests;
