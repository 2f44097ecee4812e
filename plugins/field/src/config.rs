//! The plugin's options.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;
use snowgate_plugin::json::Path;
use snowgate_plugin::options::{Metadata, OnError, OnMissing, as_one_object};
use snowgate_plugin::scalar::Type;

/// The plugin's options.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is done to a record, in this order.
    #[schemars(length(min = 1))]
    pub(crate) operations: Vec<Operation>,
    /// What becomes of a record without a field that is to be renamed, masked, hashed or cast.
    #[serde(default)]
    pub(crate) on_missing: OnMissing,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(transform = as_one_object)]
pub(crate) enum Operation {
    /// Gives a field another name or place.
    Rename {
        from: Path,
        /// Must not be there yet.
        to: Path,
    },
    /// Takes these fields out.
    Drop(Vec<Path>),
    /// Takes all other fields out.
    Keep(Vec<Path>),
    /// Hides values.
    Mask {
        #[schemars(length(min = 1))]
        fields: Vec<Path>,
        /// What stands in for the value. Default: `***`.
        with: Option<String>,
        /// How many characters at the end stay; a `*` stands in for each other. A value that has no more than these is masked whole.
        keep_last: Option<usize>,
    },
    /// Puts the SHA-256 of a value in its place, in hexadecimal.
    Hash {
        #[schemars(length(min = 1))]
        fields: Vec<Path>,
        /// What goes before the value. Default: nothing.
        #[serde(default)]
        salt: String,
    },
    /// Makes values of another type.
    Cast {
        #[schemars(length(min = 1))]
        fields: Vec<Path>,
        to: Type,
        /// What becomes of a value that cannot be cast.
        #[serde(default)]
        on_error: OnError,
    },
    /// Gives a field a constant, or what Kafka says about the record.
    Insert {
        /// What is there already is replaced.
        field: Path,
        /// Any JSON value.
        #[schemars(with = "Option<serde_json::Value>")]
        value: Option<Box<RawValue>>,
        /// In place of `value`: something of the record's own.
        from: Option<Metadata>,
    },
}

impl Config {
    /// Finds what the types let pass.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.operations.is_empty() {
            return Err("`operations` is empty, and should say what to do, such as `{ drop = [\"a\"] }`".into());
        }
        for (index, operation) in self.operations.iter().enumerate() {
            operation.check().map_err(|why| format!("operation {}: {why}", index + 1))?;
        }
        Ok(())
    }
}

impl Operation {
    fn check(&self) -> Result<(), String> {
        let (name, fields) = match self {
            Operation::Rename { from, to } if from == to => return Err(format!("`rename` is from `{from}` to the same")),
            Operation::Mask { with: Some(_), keep_last: Some(_), .. } => {
                return Err("`mask` has both `with` and `keep_last`, and should have one".into());
            }
            Operation::Insert { value: Some(_), from: Some(_), .. } | Operation::Insert { value: None, from: None, .. } => {
                return Err("`insert` wants either `value` or `from`".into());
            }
            Operation::Rename { .. } | Operation::Insert { .. } => return Ok(()),
            Operation::Drop(fields) => ("drop", fields),
            Operation::Keep(fields) => ("keep", fields),
            Operation::Mask { fields, .. } => ("mask", fields),
            Operation::Hash { fields, .. } => ("hash", fields),
            Operation::Cast { fields, .. } => ("cast", fields),
        };
        if fields.is_empty() { Err(format!("`{name}` names no field")) } else { Ok(()) }
    }
}
