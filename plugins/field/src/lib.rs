//! Works on fields one by one: renames, drops, keeps, masks, hashes, casts and inserts them, in the order the operator says.
//!
//! The options are in `config`. A record is changed in its text, by the SDK's [`Edit`]: what no operation touches stays as it is written,
//! and a record that none changes is kept.

mod config;

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use snowgate_plugin::json::Path;
use snowgate_plugin::metrics::Counter;
use snowgate_plugin::options::{Metadata, OnMissing};
use snowgate_plugin::scalar::{self, Mismatch};
use snowgate_plugin::{Columns, Edit, Emit, Record, Reject, Transform, Verdict};

pub use config::Config;
use config::Operation;

/// The plugin.
pub struct Field {
    operations: Vec<Operation>,
    work: Work,
}

/// What carries the operations out, and counts of a batch what an operator would like to know.
struct Work {
    on_missing: OnMissing,
    fields_missing: Counter,
    casts_failed: Counter,
}

impl Transform for Field {
    type Config = Config;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const NEEDS: Columns = Columns::VALUES.union(Metadata::NEEDS);
    const CONFIG_SCHEMA: Option<&'static str> = Some(include_str!("../config.schema.json"));

    fn new(config: Config) -> Result<Field, String> {
        config.check()?;
        let Config { operations, on_missing } = config;
        Ok(Field { operations, work: Work::new(on_missing) })
    }

    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
        let Some(mut edit) = Edit::of(record)? else { return Ok(Verdict::Keep) };
        for operation in &self.operations {
            self.work.carry_out(operation, record, &mut edit)?;
        }
        Ok(edit.finish(emit))
    }

    fn end(&mut self) {
        self.work.fields_missing.report();
        self.work.casts_failed.report();
    }
}

impl Work {
    fn new(on_missing: OnMissing) -> Work {
        Work { on_missing, fields_missing: Counter::new("fields_missing"), casts_failed: Counter::new("casts_failed") }
    }

    fn carry_out(&mut self, operation: &Operation, record: &Record<'_>, edit: &mut Edit<'_>) -> Result<(), Reject> {
        match operation {
            Operation::Rename { from, to } => {
                if !edit.rename(from, to)? {
                    self.missing(from)?;
                }
            }
            Operation::Drop(fields) => {
                for path in fields {
                    edit.remove(path)?;
                }
            }
            Operation::Keep(fields) => edit.keep(fields)?,
            Operation::Mask { fields, with, keep_last } => self.each(fields, edit, |_, value| match (keep_last, with) {
                (Some(count), _) => scalar::mask(value, *count).map(Cow::Owned),
                (None, with) => Ok(Cow::Owned(scalar::quoted(with.as_deref().unwrap_or("***").as_bytes()))),
            })?,
            Operation::Hash { fields, salt } => self.each(fields, edit, |_, value| hash(value, salt).map(Cow::Owned))?,
            Operation::Cast { fields, to, on_error } => self.each(fields, edit, |work, value| {
                scalar::cast(value, *to).or_else(|why| {
                    let instead = on_error.instead(value, why)?;
                    work.casts_failed.add(1);
                    Ok(instead)
                })
            })?,
            Operation::Insert { field, value: Some(constant), .. } => edit.set(field, constant.get().into())?,
            Operation::Insert { field, from: Some(metadata), .. } => {
                let value = metadata.json(record);
                let not_text = || format!("the record's key is not text, so it cannot go to `{field}`");
                edit.set(field, value.ok_or_else(not_text)?)?;
            }
            Operation::Insert { value: None, from: None, .. } => unreachable!("`check` refused it"),
        }
        Ok(())
    }

    /// Changes the values of `fields` that are there and not null.
    fn each(
        &mut self,
        fields: &[Path],
        edit: &mut Edit<'_>,
        change: impl for<'v> Fn(&mut Work, &'v [u8]) -> Result<Cow<'v, [u8]>, Mismatch>,
    ) -> Result<(), Reject> {
        for path in fields {
            if !edit.change(path, |value| change(self, value))? {
                self.missing(path)?;
            }
        }
        Ok(())
    }

    fn missing(&mut self, path: &Path) -> Result<(), Reject> {
        self.fields_missing.add(1);
        self.on_missing.skips(|| format!("the record has no `{path}`"))
    }
}

/// The SHA-256 of the salt and the value.
fn hash(value: &[u8], salt: &str) -> Result<Vec<u8>, Mismatch> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::new().chain_update(salt).chain_update(scalar::text(value)?).finalize();
    let hex: Vec<u8> = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]).collect();
    Ok(scalar::quoted(&hex))
}

snowgate_plugin::export!(Field);

#[cfg(test)]
mod tests;
