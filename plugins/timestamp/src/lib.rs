//! Converts times in fields: Unix numbers, ISO 8601 and formats of one's own, each into each.
//!
//! A record is changed in its text, by the SDK's [`Edit`]: only the named fields change. How times are read and written stands in
//! [`format`].

mod format;

use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::Deserialize;
use snowgate_plugin::json::Path;
use snowgate_plugin::metrics::Counter;
use snowgate_plugin::options::{OnError, OnMissing};
use snowgate_plugin::{Edit, Emit, Record, Reject, Transform, Verdict};

use format::Format;

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is converted, one after another.
    #[schemars(length(min = 1))]
    fields: Vec<Conversion>,
    /// The offset from UTC in which times are written, and read where they do not say theirs, such as `+02:00`. Unix numbers have none.
    #[serde(default = "utc")]
    offset: String,
    /// What becomes of a time that cannot be converted. Where it stays and `into` is given, nothing is written there.
    #[serde(default)]
    on_error: OnError,
    /// What becomes of a record where a field is missing or null.
    #[serde(default)]
    on_missing: OnMissing,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Conversion {
    /// Where the time stands.
    field: Path,
    /// How it is written there.
    from: Format,
    /// How it is to be written.
    to: Format,
    /// Where it is written to. Default: in its place.
    into: Option<Path>,
}

fn utc() -> String {
    "+00:00".to_owned()
}

/// The plugin.
pub struct Timestamp {
    config: Config,
    offset: Offset,
    not_converted: Counter,
}

impl Transform for Timestamp {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<Timestamp, String> {
        if config.fields.is_empty() {
            return Err(
                "give `fields` at least one conversion, such as `{ field = \"E\", from = \"unix_ms\", to = \"iso8601\" }`".into()
            );
        }
        let offset = format::offset(&config.offset)
            .ok_or_else(|| format!("`offset` is `{}`, and should be an offset from UTC such as `+02:00`", config.offset))?;
        for conversion in &config.fields {
            conversion.from.check_reads().map_err(|why| format!("`from` of `{}`: {why}", conversion.field))?;
            conversion.to.check_writes().map_err(|why| format!("`to` of `{}`: {why}", conversion.field))?;
        }
        Ok(Timestamp { config, offset, not_converted: Counter::new("not_converted") })
    }

    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let Some(mut edit) = Edit::of(record)? else { return Ok(Verdict::Keep) };
        for Conversion { field, from, to, into } in &self.config.fields {
            let Some(written) = edit.get(field)?.filter(|written| **written != *b"null") else {
                self.config.on_missing.skips(|| format!("`{field}` is missing or null"))?;
                continue;
            };
            let into = into.as_ref().unwrap_or(field);
            match (from.read(&written, self.offset), self.config.on_error) {
                (Ok(time), _) => edit.set(into, to.write(time, self.offset))?,
                (Err(why), on_error) => {
                    self.not_converted.add(1);
                    match on_error {
                        OnError::Reject => return Err(format!("`{field}` {why}").into()),
                        OnError::Null => edit.set(into, b"null".to_vec())?,
                        OnError::Keep => {}
                    }
                }
            }
        }
        Ok(edit.finish(emit))
    }

    fn end(&mut self) {
        self.not_converted.report();
    }
}

snowgate_plugin::export!(Timestamp);

#[cfg(test)]
mod tests;
