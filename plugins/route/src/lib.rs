//! Sends records to tables: by a template such as `KLINE_{data.k.i}`, or by a map from what the template yields.
//!
//! What a record makes of the template is the SDK's [`template`](snowgate_plugin::template). A record goes to one of the tables that the operator allows in the pipeline's `more_tables`, or it is rejected by the gateway. Records go on
//! as they are: nothing is copied back but where they go.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use snowgate_plugin::metrics::Counter;
use snowgate_plugin::options::Fallback;
use snowgate_plugin::template::{Template, Unfilled};
use snowgate_plugin::{Columns, Emit, Record, Reject, Transform, Verdict};

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What names the table, such as `KLINE_{data.k.i}`. In braces: a field, names joined by dots, `topic`, `key`, or `header.NAME`.
    #[schemars(length(min = 1))]
    template: String,
    /// The table for each text that the template may yield. Default: the text is the table's name.
    map: Option<BTreeMap<String, String>>,
    /// The table for texts that are not in `map`. Default: none, and `on_missing` decides.
    default: Option<String>,
    /// Letters of what a record puts into the template. What stands around the braces stays, and so does all of it where there is a `map`.
    #[serde(default)]
    case: Case,
    /// What becomes of a record that lacks what the template asks for, or whose text is not in `map`. Kept, it goes to the pipeline's table.
    #[serde(default)]
    on_missing: Fallback,
}

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// Upper case, as Snowflake has names without quotes.
    #[default]
    Upper,
    /// As the record has them.
    Keep,
}

/// The plugin.
pub struct Route {
    config: Config,
    template: Template,
    /// What the template yields; kept for its buffer.
    text: String,
    /// Records of this batch that `on_missing` decided about.
    missing: Counter,
}

impl Transform for Route {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const NEEDS: Columns = Columns::VALUES.union(Columns::KEYS).union(Columns::HEADERS);
    const ROUTES: bool = true;
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<Route, String> {
        let template = Template::parse("template", &config.template)?;
        match &config.map {
            None if config.default.is_some() => {
                return Err("`default` is for texts that are not in `map`, and there is no `map`".into());
            }
            None if template.is_only_the_records() => {
                return Err("`template` takes all of a table's name from the record: put a fixed part beside it, or name the tables in `map`".into());
            }
            _ => {}
        }
        Ok(Route { config, template, text: String::new(), missing: Counter::new("missing") })
    }

    fn tables(&mut self, tables: &[String]) -> Result<(), String> {
        let mapped = self.config.map.iter().flatten().map(|(text, table)| (format!("map.{text}"), table));
        let default = self.config.default.iter().map(|table| ("default".to_owned(), table));
        match mapped.chain(default).find(|(_, table)| !tables.contains(table)) {
            Some((option, table)) => {
                Err(format!("`{option}` is `{table}`, which is not among the pipeline's `more_tables`: {}", tables.join(", ")))
            }
            None => Ok(()),
        }
    }

    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let Route { config, template, text, missing } = self;
        let mut without = |why: String| {
            missing.add(1);
            config.on_missing.verdict(|| why)
        };
        let fold = config.case == Case::Upper && config.map.is_none();
        let filled = template.fill(record, text, |part| {
            if fold {
                part.make_ascii_uppercase();
            }
        });
        match filled {
            Ok(()) => {}
            Err(Unfilled::Malformed(malformed)) => return Err(malformed.into()),
            Err(unfilled) => return without(unfilled.to_string()),
        }
        let table = match &config.map {
            None => Some(&*text),
            Some(map) => map.get(&*text).or(config.default.as_ref()),
        };
        match table {
            Some(table) => {
                emit.route_to(table);
                Ok(Verdict::Keep)
            }
            None => without(format!("`{text}` is not in `map`")),
        }
    }

    fn end(&mut self) {
        self.missing.report();
    }
}

snowgate_plugin::export!(Route);

#[cfg(test)]
mod tests;
