//! Makes a record of each element of an array.
//!
//! An element goes out in the array's place, or with its fields beside the record's other ones, or alone. All of that is cut and
//! joined in the record's text: numbers keep their digits.
//!
//! The gateway loads the rows of a split record together or not at all.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use snowgate_plugin::json::{Object, Path, Scanner, Value};
use snowgate_plugin::options::Fallback;
use snowgate_plugin::{Emit, Record, Reject, Transform, Verdict};

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the array stands, names joined by dots.
    field: Path,
    /// How an element goes out.
    #[serde(default)]
    element: Shape,
    /// The field that says which element it is, counted from 0. Default: none.
    index: Option<Path>,
    /// What becomes of a record where a field of the element, or `index`, has the name of another field.
    #[serde(default)]
    collisions: Collisions,
    /// What becomes of a record whose array is empty.
    #[serde(default = "drop_it")]
    on_empty: Fallback,
    /// What becomes of a record without the field, or with null in it. A tombstone is kept.
    #[serde(default)]
    on_missing: Fallback,
}

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// In the array's place, the record's other fields around it.
    #[default]
    InPlace,
    /// Its fields behind the record's other ones; the array's field goes.
    Merged,
    /// Without the record.
    Alone,
}

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Collisions {
    /// It is rejected.
    #[default]
    Reject,
    /// The element's field stands, and `index` before both.
    Last,
}

fn drop_it() -> Fallback {
    Fallback::Drop
}

/// The plugin.
pub struct Explode(Config);

impl Transform for Explode {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<Explode, String> {
        if config.index.as_ref() == Some(&config.field) && config.element == Shape::InPlace {
            return Err(format!("`index` and `field` are both `{}`, where the element goes", config.field));
        }
        Ok(Explode(config))
    }

    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        if Scanner::new(value).peek() != Some(b'{') {
            return Err("the value is not a JSON object".into());
        }
        let mut rest = Object::parse(value)?;
        let array = match rest.get_mut(&self.0.field)? {
            Some(Value::Text(Cow::Borrowed(text))) if text.starts_with(b"[") => *text,
            Some(value) if *value.text() != *b"null" => return Err(format!("`{}` is not an array", self.0.field).into()),
            _ => return self.0.on_missing.verdict(|| format!("the record has no array at `{}`", self.0.field)),
        };
        let mut scan = Scanner::new(array);
        scan.enter_array()?;
        if self.0.element == Shape::Merged {
            rest.remove(&self.0.field)?;
        }
        let mut index = 0;
        while scan.element()? {
            let element = scan.raw()?;
            self.emit(&rest, element, index, emit).map_err(|Reject(why)| format!("element {index}: {why}"))?;
            index += 1;
        }
        match index {
            0 => self.0.on_empty.verdict(|| format!("the array at `{}` is empty", self.0.field)),
            _ => Ok(Verdict::Replace),
        }
    }
}

impl Explode {
    fn emit<'a>(&self, rest: &Object<'a>, element: &'a [u8], index: usize, emit: &mut Emit<'_>) -> Result<(), Reject> {
        let mut row = match self.0.element {
            Shape::InPlace => {
                let mut row = rest.clone();
                row.put(&self.0.field, Value::Text(Cow::Borrowed(element)))?;
                row
            }
            Shape::Merged => self.merged(rest, element)?,
            Shape::Alone if self.0.index.is_some() => Object::parse(object(element)?)?,
            Shape::Alone => {
                emit.value(element);
                return Ok(());
            }
        };
        if let Some(path) = &self.0.index {
            if self.0.collisions == Collisions::Reject && row.get(path)?.is_some() {
                return Err(format!("there is a field `{path}` already, where its number should go").into());
            }
            if !row.set(path, index.to_string().as_bytes())? {
                return Err(format!("its number cannot go to `{path}`, for something on the way is not an object").into());
            }
        }
        emit.write(|out| row.write(out));
        Ok(())
    }

    fn merged<'a>(&self, rest: &Object<'a>, element: &'a [u8]) -> Result<Object<'a>, Reject> {
        let mut row = rest.clone();
        let mut scan = Scanner::new(object(element)?);
        scan.enter()?;
        while let Some(name) = scan.key()? {
            let value = Value::Text(Cow::Borrowed(scan.raw()?));
            if row.insert(name.clone(), value).is_some() && self.0.collisions == Collisions::Reject {
                let name = String::from_utf8_lossy(&name);
                return Err(format!("its field `{name}` has the name of another field of the record").into());
            }
        }
        Ok(row)
    }
}

fn object(element: &[u8]) -> Result<&[u8], Reject> {
    if element.first() == Some(&b'{') { Ok(element) } else { Err("it is not an object, so it has no fields".into()) }
}

snowgate_plugin::export!(Explode);

#[cfg(test)]
mod tests;
