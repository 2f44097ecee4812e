//! Works on fields one by one: renames, drops, keeps, masks, hashes, casts and inserts them, in the order the operator says.
//!
//! The options are in `config`, what becomes of a single value in `values`. A record is changed in its text: what no operation
//! touches stays as it is written, and a record that none changes is kept.

mod config;
mod values;

use std::borrow::Cow;

use snowgate_plugin::json::{Object, Path, Scanner, Value};
use snowgate_plugin::{Columns, Emit, Record, Reject, Transform, Verdict, metrics};

pub use config::Config;
use config::{Insert, Metadata, OnError, OnMissing, Operation};

/// The plugin.
pub struct Field {
    operations: Vec<Operation>,
    on_missing: OnMissing,
    counts: Counts,
}

/// What an operator would like to know about a batch.
#[derive(Default)]
struct Counts {
    fields_missing: u64,
    casts_failed: u64,
}

impl Transform for Field {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const NEEDS: Columns = Columns::VALUES.union(Columns::KEYS).union(Columns::OFFSETS).union(Columns::TIMESTAMPS);
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<Field, String> {
        config.check()?;
        Ok(Field { operations: config.operations, on_missing: config.on_missing, counts: Counts::default() })
    }

    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        if Scanner::new(value).peek() != Some(b'{') {
            return Err("the value is not a JSON object".into());
        }
        let mut work = Work { row: Object::parse(value)?, changed: false, on_missing: self.on_missing, counts: &mut self.counts };
        for operation in &self.operations {
            work.carry_out(operation, record)?;
        }
        if !work.changed {
            return Ok(Verdict::Keep);
        }
        emit.write(|out| work.row.write(out));
        Ok(Verdict::Replace)
    }

    fn end(&mut self) {
        let Counts { fields_missing, casts_failed } = std::mem::take(&mut self.counts);
        for (name, count) in [("fields_missing", fields_missing), ("casts_failed", casts_failed)] {
            if count > 0 {
                metrics::add(name, count);
            }
        }
    }
}

/// A record at work.
struct Work<'a> {
    row: Object<'a>,
    changed: bool,
    on_missing: OnMissing,
    counts: &'a mut Counts,
}

impl Work<'_> {
    fn carry_out(&mut self, operation: &Operation, record: &Record<'_>) -> Result<(), Reject> {
        match operation {
            Operation::Rename(rename) => self.rename(&rename.from, &rename.to),
            Operation::Drop(fields) => {
                for path in fields {
                    self.changed |= self.row.remove(path)?.is_some();
                }
                Ok(())
            }
            Operation::Keep(fields) => {
                self.changed = true;
                Ok(self.row.keep(fields)?)
            }
            Operation::Mask(mask) => self.each(&mask.fields, |value, _| match (mask.keep_last, &mask.with) {
                (Some(count), _) => values::mask(value, count),
                (None, with) => Ok(values::quoted(with.as_deref().unwrap_or("***").as_bytes())),
            }),
            Operation::Hash(hash) => self.each(&hash.fields, |value, _| values::hash(value, &hash.salt)),
            Operation::Cast(cast) => self.each(&cast.fields, |value, counts| {
                let failed = match (values::cast(value, cast.to), cast.on_error) {
                    (Ok(cast), _) => return Ok(cast),
                    (Err(why), OnError::Reject) => return Err(why),
                    (Err(_), OnError::Null) => b"null".to_vec(),
                    (Err(_), OnError::Keep) => value.to_vec(),
                };
                counts.casts_failed += 1;
                Ok(failed)
            }),
            Operation::Insert(insert) => self.insert(insert, record),
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), Reject> {
        let Some(value) = self.row.remove(from)? else { return self.missing(from) };
        if self.row.get_mut(to)?.is_some() {
            return Err(format!("`{from}` cannot become `{to}`, for there is one already").into());
        }
        self.changed = true;
        placed(self.row.put(to, value)?, to)
    }

    /// Changes the values of `fields` that are there and not null.
    fn each(
        &mut self,
        fields: &[Path],
        change: impl Fn(&[u8], &mut Counts) -> Result<Vec<u8>, &'static str>,
    ) -> Result<(), Reject> {
        for path in fields {
            let Some(value) = self.row.get_mut(path)? else {
                self.missing(path)?;
                continue;
            };
            let old = value.text();
            if *old == *b"null" {
                continue;
            }
            let new = change(&old, self.counts).map_err(|why| format!("`{path}` {why}"))?;
            if *old != new {
                *value = Value::Text(Cow::Owned(new));
                self.changed = true;
            }
        }
        Ok(())
    }

    fn insert(&mut self, insert: &Insert, record: &Record<'_>) -> Result<(), Reject> {
        let number = |number: Option<i64>| number.map_or(b"null".to_vec(), |number| number.to_string().into_bytes());
        let text = match (&insert.value, insert.from) {
            (Some(constant), _) => constant.get().as_bytes().to_vec(),
            (None, Some(Metadata::Topic)) => values::quoted(record.topic().as_bytes()),
            (None, Some(Metadata::Partition)) => number(Some(record.partition().into())),
            (None, Some(Metadata::Offset)) => number(record.offset()),
            (None, Some(Metadata::Timestamp)) => number(record.timestamp()),
            (None, Some(Metadata::Key)) => match record.key() {
                Some(key) if str::from_utf8(key).is_ok() => values::quoted(key),
                Some(_) => return Err(format!("the record's key is not text, so it cannot go to `{}`", insert.field).into()),
                None => number(None),
            },
            (None, None) => return Ok(()),
        };
        self.changed = true;
        placed(self.row.put(&insert.field, Value::Text(Cow::Owned(text)))?, &insert.field)
    }

    fn missing(&mut self, path: &Path) -> Result<(), Reject> {
        self.counts.fields_missing += 1;
        match self.on_missing {
            OnMissing::Skip => Ok(()),
            OnMissing::Reject => Err(format!("the record has no `{path}`").into()),
        }
    }
}

fn placed(placed: bool, path: &Path) -> Result<(), Reject> {
    if placed { Ok(()) } else { Err(format!("nothing can be put at `{path}`, for something on the way is not an object").into()) }
}

snowgate_plugin::export!(Field);

#[cfg(test)]
mod tests;
