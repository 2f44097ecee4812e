//! A record whose fields are changed one by one.
//!
//! An [`Edit`] is an [`Object`] that knows whether anything changed, and that has words for the dead letter where a change cannot be. What
//! nobody touches stays as it is written.
//!
//! ```
//! # use snowgate_plugin::{Edit, Emit, Record, Reject, Verdict, json::Path, scalar};
//! /// Hides what lies at `path`.
//! fn transform(path: &Path, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
//!     let Some(mut edit) = Edit::of(record)? else { return Ok(Verdict::Keep) };
//!     if !edit.change(path, |value| scalar::mask(value, 4).map(Into::into))? {
//!         return Err(format!("the record has no `{path}`").into());
//!     }
//!     Ok(edit.finish(emit))
//! }
//! ```

use std::borrow::Cow;
use std::fmt::Display;

use crate::json::{Malformed, Object, Path, Scanner, Value};
use crate::{Emit, Record, Reject, Verdict};

/// A record at work.
#[derive(Debug)]
pub struct Edit<'a> {
    row: Object<'a>,
    changed: bool,
}

impl<'a> Edit<'a> {
    /// Takes up the record's value, which is to be a JSON object. `None` for a tombstone.
    pub fn of(record: &Record<'a>) -> Result<Option<Edit<'a>>, Reject> {
        let Some(value) = record.value() else { return Ok(None) };
        if Scanner::new(value).peek() != Some(b'{') {
            return Err("the value is not a JSON object".into());
        }
        Ok(Some(Edit { row: Object::parse(value)?, changed: false }))
    }

    /// The value at `path` as it is written.
    pub fn get(&mut self, path: &Path) -> Result<Option<Cow<'_, [u8]>>, Malformed> {
        self.row.get(path)
    }

    /// Gives the field at `path` this value, in its place or at the end, and makes objects on the way.
    pub fn set(&mut self, path: &Path, value: Vec<u8>) -> Result<(), Reject> {
        self.put(path, Value::Text(Cow::Owned(value)))
    }

    fn put(&mut self, path: &Path, value: Value<'a>) -> Result<(), Reject> {
        self.changed = true;
        if self.row.put(path, value)? {
            Ok(())
        } else {
            Err(format!("nothing can be put at `{path}`, for something on the way is not an object").into())
        }
    }

    /// Puts in the place of the value at `path` what `change` makes of it; null stays null. An error of `change` goes on after the field's
    /// name, as those of [`scalar`](crate::scalar) do. False where there is no such field.
    pub fn change<E: Display>(
        &mut self,
        path: &Path,
        change: impl for<'v> FnOnce(&'v [u8]) -> Result<Cow<'v, [u8]>, E>,
    ) -> Result<bool, Reject> {
        let Some(value) = self.row.get_mut(path)? else { return Ok(false) };
        let new = match &*value {
            // What stands in the record may stay borrowed from there.
            Value::Text(Cow::Borrowed(old)) => changed(old, change),
            other => changed(&other.text(), change).map(|new| new.map(|new| Cow::Owned(new.into_owned()))),
        };
        if let Some(new) = new.map_err(|why| format!("`{path}` {why}"))? {
            *value = Value::Text(new);
            self.changed = true;
        }
        Ok(true)
    }

    /// Gives a field another name or place, where nothing is yet. False where there is no such field.
    pub fn rename(&mut self, from: &Path, to: &Path) -> Result<bool, Reject> {
        let Some(value) = self.row.remove(from)? else { return Ok(false) };
        if self.row.get_mut(to)?.is_some() {
            return Err(format!("`{from}` cannot become `{to}`, for there is one already").into());
        }
        self.put(to, value)?;
        Ok(true)
    }

    /// Takes a field out. False where there is none.
    pub fn remove(&mut self, path: &Path) -> Result<bool, Malformed> {
        let there = self.row.remove(path)?.is_some();
        self.changed |= there;
        Ok(there)
    }

    /// Takes all other fields out.
    pub fn keep(&mut self, paths: &[Path]) -> Result<(), Malformed> {
        self.changed = true;
        self.row.keep(paths)
    }

    /// Emits the record if anything changed, and else keeps it.
    pub fn finish(self, emit: &mut Emit<'_>) -> Verdict {
        if !self.changed {
            return Verdict::Keep;
        }
        emit.write(|out| self.row.write(out));
        Verdict::Replace
    }
}

/// What `change` makes of a value, if that is another one.
fn changed<'v, E>(old: &'v [u8], change: impl FnOnce(&'v [u8]) -> Result<Cow<'v, [u8]>, E>) -> Result<Option<Cow<'v, [u8]>>, E> {
    if old == b"null" {
        return Ok(None);
    }
    let new = change(old)?;
    Ok((*new != *old).then_some(new))
}
