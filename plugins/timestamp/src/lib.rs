//! Converts times in fields: Unix numbers, ISO 8601 and formats of one's own, each into each.
//!
//! A record is edited in its text: only the named fields change. How times are read and written stands in [`format`].

mod format;

use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use snowgate_plugin::json::{Object, Path};
use snowgate_plugin::{Emit, Record, Reject, Transform, Verdict, metrics};

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
    /// What becomes of a time that cannot be converted.
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

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum OnError {
    /// The record is rejected.
    #[default]
    Reject,
    /// The field stays as it is; with `into`, nothing is written.
    Keep,
    /// Null is written.
    Null,
}

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum OnMissing {
    /// The record is rejected.
    #[default]
    Reject,
    /// This conversion is skipped.
    Skip,
}

/// The plugin.
pub struct Timestamp {
    config: Config,
    offset: Offset,
    /// Times of this batch that could not be converted.
    failed: u64,
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
        Ok(Timestamp { config, offset, failed: 0 })
    }

    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        let mut object = Object::parse(value)?;
        let mut changed = false;
        for conversion in &self.config.fields {
            let Conversion { field, into, .. } = conversion;
            let Some(written) = object.get(field)?.filter(|written| **written != *b"null") else {
                match self.config.on_missing {
                    OnMissing::Skip => continue,
                    OnMissing::Reject => return Err(format!("`{field}` is missing or null").into()),
                }
            };
            let into = into.as_ref().unwrap_or(field);
            let text = match conversion.convert(&written, self.offset) {
                Ok(text) => text,
                Err(why) => {
                    self.failed += 1;
                    match self.config.on_error {
                        OnError::Reject => return Err(format!("`{field}` {why}").into()),
                        OnError::Keep => continue,
                        OnError::Null => b"null".to_vec(),
                    }
                }
            };
            if !object.set(into, &text)? {
                return Err(format!("`{into}` cannot be written: it would lie in something that is no object").into());
            }
            changed = true;
        }
        if !changed {
            return Ok(Verdict::Keep);
        }
        emit.write(|out| object.write(out));
        Ok(Verdict::Replace)
    }

    fn end(&mut self) {
        if self.failed > 0 {
            metrics::add("not_converted", std::mem::take(&mut self.failed));
        }
    }
}

impl Conversion {
    /// A JSON value as another one. The error goes on after the field's name.
    fn convert(&self, written: &[u8], offset: Offset) -> Result<Vec<u8>, String> {
        let time = self.from.read(written, offset)?;
        Ok(self.to.write(time, offset))
    }
}

snowgate_plugin::export!(Timestamp);

#[cfg(test)]
mod tests;
