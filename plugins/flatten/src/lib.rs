//! Brings nested fields to the top level: `{"a":{"b":1}}` becomes `{"a_b":1}`.
//!
//! A record is walked once. Names are joined, values are copied as they are written, so numbers keep their digits. A record that is
//! flat already goes on untouched.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use snowgate_plugin::json::{Scanner, write_string};
use snowgate_plugin::{Emit, Record, Reject, Transform, Verdict, metrics};

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

/// The deepest record that is looked into, as deep as most who read JSON go. It bounds the plugin's stack.
const DEEPEST: usize = 128;

/// The plugin.
pub struct Flatten {
    config: Config,
    /// Of the record at hand; kept for its memory.
    row: Row,
    /// Fields of this batch that others of their name took the place of.
    lost: u64,
}

/// A flat row, before it is written.
#[derive(Default)]
struct Row {
    fields: Vec<Field>,
    /// The names, in quotes, one after another.
    names: Vec<u8>,
    /// Names from the outermost in, joined, down to where the walk is.
    prefix: Vec<u8>,
    /// Whether anything is other than in the record.
    changed: bool,
    /// The fields' numbers, in the order of their names.
    order: Vec<usize>,
}

struct Field {
    /// In the row's `names`.
    name: Range<usize>,
    /// In the record.
    value: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As it is written.
    Plain,
    /// In quotes.
    Text,
    /// Another field of this name stands.
    Gone,
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
        self.row.clear();
        self.row.object(scan, &self.config, 0)?.end()?;
        self.lost += self.row.settle(self.config.collisions)?;
        if !self.row.changed {
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

impl Row {
    fn clear(&mut self) {
        self.fields.clear();
        self.names.clear();
        self.prefix.clear();
        self.changed = false;
    }

    /// Takes the fields of the object that stands next; `depth` objects and arrays are around it.
    fn object<'a>(&mut self, mut scan: Scanner<'a>, config: &Config, depth: usize) -> Result<Scanner<'a>, Reject> {
        scan.enter()?;
        while let Some(name) = scan.key()? {
            scan = self.value(&name, scan, config, depth)?;
        }
        Ok(scan)
    }

    fn array<'a>(&mut self, mut scan: Scanner<'a>, config: &Config, depth: usize) -> Result<Scanner<'a>, Reject> {
        scan.enter_array()?;
        let mut index = 0;
        while scan.element()? {
            scan = self.value(index.to_string().as_bytes(), scan, config, depth)?;
            index += 1;
        }
        Ok(scan)
    }

    /// Takes the value that stands next, which is called `name` where it stands.
    fn value<'a>(&mut self, name: &[u8], mut scan: Scanner<'a>, config: &Config, depth: usize) -> Result<Scanner<'a>, Reject> {
        let outer = self.prefix.len();
        if depth > 0 {
            self.prefix.extend_from_slice(config.delimiter.as_bytes());
        }
        self.prefix.extend_from_slice(name);
        let goes_deeper = config.max_depth.is_none_or(|deepest| depth < deepest);
        let (first, arrays) = (scan.peek(), config.arrays);
        if goes_deeper && (first == Some(b'{') || first == Some(b'[') && arrays == Arrays::Index) {
            if depth == DEEPEST {
                return Err(format!("the record is nested deeper than {DEEPEST} levels").into());
            }
            self.changed = true;
            scan = if first == Some(b'{') { self.object(scan, config, depth + 1)? } else { self.array(scan, config, depth + 1)? };
        } else {
            let value = scan.raw_range()?;
            match (first, arrays) {
                (Some(b'['), Arrays::Drop) => self.changed = true,
                (Some(b'['), Arrays::Text) => {
                    self.changed = true;
                    self.field(value, Kind::Text);
                }
                _ => self.field(value, Kind::Plain),
            }
        }
        self.prefix.truncate(outer);
        Ok(scan)
    }

    /// Adds a field named by the prefix.
    fn field(&mut self, value: Range<usize>, kind: Kind) {
        let start = self.names.len();
        write_string(&mut self.names, &self.prefix);
        self.fields.push(Field { name: start..self.names.len(), value, kind });
    }

    /// Finds fields of the same name, and says how many of them had to go.
    fn settle(&mut self, collisions: Collisions) -> Result<u64, Reject> {
        let (fields, names) = (&mut self.fields, &self.names);
        self.order.clear();
        self.order.extend(0..fields.len());
        self.order.sort_unstable_by(|a, b| names[fields[*a].name.clone()].cmp(&names[fields[*b].name.clone()]).then(a.cmp(b)));
        let mut lost = 0;
        for pair in self.order.windows(2) {
            let name = &names[fields[pair[0]].name.clone()];
            if *name != names[fields[pair[1]].name.clone()] {
                continue;
            }
            if collisions == Collisions::Reject {
                return Err(format!("two fields come to the name {}", String::from_utf8_lossy(name)).into());
            }
            fields[pair[0]].kind = Kind::Gone;
            lost += 1;
        }
        self.changed |= lost > 0;
        Ok(lost)
    }

    fn write(&self, record: &[u8], out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for field in self.fields.iter().filter(|field| field.kind != Kind::Gone) {
            if !std::mem::replace(&mut first, false) {
                out.push(b',');
            }
            out.extend_from_slice(&self.names[field.name.clone()]);
            out.push(b':');
            let value = &record[field.value.clone()];
            if field.kind == Kind::Text { write_string(out, value) } else { out.extend_from_slice(value) }
        }
        out.push(b'}');
    }
}

snowgate_plugin::export!(Flatten);

#[cfg(test)]
mod tests;
