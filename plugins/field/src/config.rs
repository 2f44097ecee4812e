//! The plugin's options.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snowgate_plugin::json::Path;

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
#[serde(rename_all = "snake_case")]
#[schemars(transform = as_one_object)]
pub(crate) enum Operation {
    /// Gives a field another name or place.
    Rename(Rename),
    /// Takes these fields out.
    Drop(Vec<Path>),
    /// Takes all other fields out.
    Keep(Vec<Path>),
    /// Hides values.
    Mask(Mask),
    /// Puts the SHA-256 of a value in its place, in hexadecimal.
    Hash(Hash),
    /// Makes values of another type.
    Cast(Cast),
    /// Gives a field a constant, or what Kafka says about the record.
    Insert(Insert),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rename {
    pub(crate) from: Path,
    /// Must not be there yet.
    pub(crate) to: Path,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mask {
    #[schemars(length(min = 1))]
    pub(crate) fields: Vec<Path>,
    /// What stands in for the value. Default: `***`.
    pub(crate) with: Option<String>,
    /// How many characters at the end stay; a `*` stands in for each other. A value that has no more than these is masked whole.
    pub(crate) keep_last: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hash {
    #[schemars(length(min = 1))]
    pub(crate) fields: Vec<Path>,
    /// What goes before the value. Default: nothing.
    #[serde(default)]
    pub(crate) salt: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cast {
    #[schemars(length(min = 1))]
    pub(crate) fields: Vec<Path>,
    pub(crate) to: Type,
    /// What becomes of a value that cannot be cast.
    #[serde(default)]
    pub(crate) on_error: OnError,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Type {
    String,
    Integer,
    Decimal,
    Boolean,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Insert {
    /// What is there already is replaced.
    pub(crate) field: Path,
    /// Any JSON value.
    #[schemars(with = "Option<serde_json::Value>")]
    pub(crate) value: Option<Box<RawValue>>,
    /// In place of `value`: something of the record's own.
    pub(crate) from: Option<Metadata>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metadata {
    Topic,
    Partition,
    Offset,
    /// Milliseconds since 1970.
    Timestamp,
    /// As text.
    Key,
}

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnMissing {
    /// It is rejected.
    #[default]
    Reject,
    /// The operation leaves it as it is.
    Skip,
}

#[derive(Deserialize, Serialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnError {
    /// Its record is rejected.
    #[default]
    Reject,
    /// It becomes null.
    Null,
    /// It stays as it is.
    Keep,
}

/// Describes the operations as options of one object that takes one of them, instead of as forms that exclude each other: whoever
/// holds a configuration against the schema can then tell what is wrong within the operation that was meant.
fn as_one_object(schema: &mut schemars::Schema) {
    let Some(serde_json::Value::Array(forms)) = schema.remove("oneOf") else { return };
    let mut options = serde_json::Map::new();
    for mut form in forms {
        let what = form["description"].take();
        for (name, option) in form["properties"].as_object_mut().into_iter().flatten() {
            option["description"] = what.clone();
            options.insert(name.clone(), option.take());
        }
    }
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), options.into());
    schema.insert("additionalProperties".into(), false.into());
    schema.insert("minProperties".into(), 1.into());
    schema.insert("maxProperties".into(), 1.into());
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
            Operation::Rename(Rename { from, to }) if from == to => return Err(format!("`rename` is from `{from}` to the same")),
            Operation::Mask(Mask { with: Some(_), keep_last: Some(_), .. }) => {
                return Err("`mask` has both `with` and `keep_last`, and should have one".into());
            }
            Operation::Insert(Insert { value: Some(_), from: Some(_), .. } | Insert { value: None, from: None, .. }) => {
                return Err("`insert` wants either `value` or `from`".into());
            }
            Operation::Rename(_) | Operation::Insert(_) => return Ok(()),
            Operation::Drop(fields) => ("drop", fields),
            Operation::Keep(fields) => ("keep", fields),
            Operation::Mask(Mask { fields, .. }) => ("mask", fields),
            Operation::Hash(Hash { fields, .. }) => ("hash", fields),
            Operation::Cast(Cast { fields, .. }) => ("cast", fields),
        };
        if fields.is_empty() { Err(format!("`{name}` names no field")) } else { Ok(()) }
    }
}
