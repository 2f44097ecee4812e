//! Keeps what a record says about somebody out of the table: the fields that are named become `***`.

use schemars::JsonSchema;
use serde::Deserialize;
use snowgate_plugin::json::{Object, Path, write_string};
use snowgate_plugin::{Emit, Record, Reject, Transform, Verdict};

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The fields to hide, such as `user.email`.
    fields: Vec<String>,
    /// What stands in their place.
    #[serde(default = "stars")]
    with: String,
}

fn stars() -> String {
    "***".to_owned()
}

/// The plugin.
pub struct Plugin {
    fields: Vec<Path>,
    /// As JSON.
    with: Vec<u8>,
}

impl Transform for Plugin {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    /// Once for each instance. An error stops the gateway at start, with these words.
    fn new(config: Config) -> Result<Plugin, String> {
        let fields = config.fields.iter().map(|field| field.parse()).collect::<Result<_, _>>()?;
        let mut with = Vec::new();
        write_string(&mut with, config.with.as_bytes());
        Ok(Plugin { fields, with })
    }

    /// Once for each record. An error makes it a dead letter, with these words.
    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        let mut object = Object::parse(value)?;
        let mut hidden = false;
        for field in &self.fields {
            if object.get(field)?.is_some() {
                object.set(field, &self.with)?;
                hidden = true;
            }
        }
        if !hidden {
            return Ok(Verdict::Keep);
        }
        emit.write(|out| object.write(out));
        Ok(Verdict::Replace)
    }
}

snowgate_plugin::export!(Plugin);

#[cfg(test)]
mod tests {
    use snowgate_plugin::testing::{Bench, Outcome, assert_schema};

    use super::*;

    #[test]
    fn the_schema_is_what_the_options_say() {
        assert_schema::<Plugin>("config.schema.json");
    }

    #[test]
    fn a_field_is_hidden_and_the_rest_stays_as_it_was() {
        let mut bench = Bench::<Plugin>::new(r#"{"fields": ["user.email"], "with": "-"}"#).unwrap();
        assert_eq!(bench.value(r#"{"user":{"email":"a@b","id":1.50}}"#).text(), r#"{"user":{"email":"-","id":1.50}}"#);
        assert_eq!(bench.value(r#"{"id":1}"#), Outcome::Kept);
    }
}
