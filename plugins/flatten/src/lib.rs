//! Brings nested fields to the top level: `{"a":{"b":1}}` becomes `{"a_b":1}`.
//!
//! How that is done is the SDK's [`flatten`](snowgate_plugin::flatten). Values are copied as they are written, so numbers keep their
//! digits. A record that is flat already goes on untouched.

use schemars::JsonSchema;
use serde::Deserialize;
use snowgate_plugin::flatten::{Arrays, Collisions, Flattener, Rules};
use snowgate_plugin::metrics::Counter;
use snowgate_plugin::{Emit, Record, Reject, Transform, Verdict};

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What goes between the names.
    #[serde(default = "underscore")]
    delimiter: String,
    /// How many levels are brought up; an object below stays one. Default: all.
    #[schemars(range(min = 1))]
    max_depth: Option<usize>,
    /// What becomes of an array.
    #[serde(default)]
    arrays: Arrays,
    /// What becomes of a record in which two fields come to the same name.
    #[serde(default)]
    collisions: Collisions,
}

fn underscore() -> String {
    "_".to_owned()
}

/// The plugin.
pub struct Flatten {
    flattener: Flattener,
    fields_lost: Counter,
}

impl Transform for Flatten {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<Flatten, String> {
        let Config { delimiter, max_depth, arrays, collisions } = config;
        if max_depth == Some(0) {
            return Err("`max_depth` is 0, and should be at least 1, or left out for all levels".into());
        }
        let flattener = Flattener::new(Rules { delimiter, max_depth, arrays, collisions });
        Ok(Flatten { flattener, fields_lost: Counter::new("fields_lost") })
    }

    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        let flat = self.flattener.walk(value)?;
        self.fields_lost.add(flat.lost());
        if flat.is_unchanged() {
            return Ok(Verdict::Keep);
        }
        emit.write(|out| flat.write(out));
        Ok(Verdict::Replace)
    }

    fn end(&mut self) {
        self.fields_lost.report();
    }
}

snowgate_plugin::export!(Flatten);

#[cfg(test)]
mod tests;
