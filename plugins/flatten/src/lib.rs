//! Brings nested fields to the top level: `{"a":{"b":1}}` becomes `{"a_b":1}`.
//!
//! A record is walked once, in `row`. Names are joined, values are copied as they are written, so numbers keep their digits. A record
//! that is flat already goes on untouched.

mod row;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use snowgate_plugin::json::Scanner;
use snowgate_plugin::{Emit, Record, Reject, Transform, Verdict, metrics};

use row::Row;

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

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Arrays {
    /// It stays an array.
    #[default]
    Keep,
    /// It becomes a string that holds the array's JSON.
    Text,
    /// Its elements become fields, named by their number from 0.
    Index,
    /// It goes.
    Drop,
}

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Collisions {
    /// It is rejected.
    #[default]
    Reject,
    /// The field that comes last in the record stands.
    Last,
}

fn underscore() -> String {
    "_".to_owned()
}

/// The plugin.
pub struct Flatten {
    config: Config,
    row: Row,
    /// Fields of this batch that others of their name took the place of.
    lost: u64,
}

impl Transform for Flatten {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<Flatten, String> {
        if config.max_depth == Some(0) {
            return Err("`max_depth` is 0, and should be at least 1, or left out for all levels".into());
        }
        Ok(Flatten { config, row: Row::default(), lost: 0 })
    }

    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        let mut scan = Scanner::new(value);
        if scan.peek() != Some(b'{') {
            return Err("the value is not a JSON object".into());
        }
        self.row.walk(scan, &self.config)?.end()?;
        let names = self.row.names(self.config.collisions);
        if let Some(name) = &names.twice {
            return Err(format!("two fields come to the name {name}").into());
        }
        self.lost += names.lost;
        if names.flat {
            return Ok(Verdict::Keep);
        }
        emit.write(|out| self.row.write(value, out));
        Ok(Verdict::Replace)
    }

    fn end(&mut self) {
        if self.lost > 0 {
            metrics::add("fields_lost", std::mem::take(&mut self.lost));
        }
    }
}

snowgate_plugin::export!(Flatten);

#[cfg(test)]
mod tests;
