//! Options that many plugins have, in the words that all of Snowgate's have for them. Each type is one to put into a `Config`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Columns, Record, Reject, Verdict, scalar};

/// What becomes of a record that a plugin cannot judge.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    Keep,
    Drop,
    #[default]
    Reject,
}

impl Fallback {
    /// The verdict, with `why` for the dead letter.
    #[cold]
    pub fn verdict(self, why: impl FnOnce() -> String) -> Result<Verdict, Reject> {
        match self {
            Fallback::Keep => Ok(Verdict::Keep),
            Fallback::Drop => Ok(Verdict::Drop),
            Fallback::Reject => Err(Reject(why())),
        }
    }
}

/// What becomes of a record without a field that it is to have.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// The record is rejected.
    #[default]
    Reject,
    /// Nothing is done with the field.
    Skip,
}

impl OnMissing {
    /// Whether the record goes on without it; `why` is for the dead letter.
    #[cold]
    pub fn skips(self, why: impl FnOnce() -> String) -> Result<(), Reject> {
        match self {
            OnMissing::Reject => Err(Reject(why())),
            OnMissing::Skip => Ok(()),
        }
    }
}

/// What becomes of a value that cannot be made what it is to be.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Its record is rejected.
    #[default]
    Reject,
    /// Null takes its place.
    Null,
    /// It stays as it is.
    Keep,
}

impl OnError {
    /// What stands in place of `value`, which cannot be changed, for the reason `why`.
    #[cold]
    pub fn instead<E>(self, value: &[u8], why: E) -> Result<Cow<'_, [u8]>, E> {
        match self {
            OnError::Reject => Err(why),
            OnError::Null => Ok(Cow::Borrowed(b"null")),
            OnError::Keep => Ok(Cow::Borrowed(value)),
        }
    }
}

/// Something that Kafka knows of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    Topic,
    Partition,
    Offset,
    /// Milliseconds since 1970.
    Timestamp,
    /// As text.
    Key,
}

impl Metadata {
    /// What a plugin with such an option [needs](crate::Transform::NEEDS).
    pub const NEEDS: Columns = Columns::KEYS.union(Columns::OFFSETS).union(Columns::TIMESTAMPS);

    /// As JSON, null where the record has none; `None` for a key that is not text.
    pub fn json(self, record: &Record<'_>) -> Option<Vec<u8>> {
        let number = |number: Option<i64>| number.map_or(b"null".to_vec(), |number| number.to_string().into_bytes());
        Some(match self {
            Metadata::Topic => scalar::quoted(record.topic().as_bytes()),
            Metadata::Partition => number(Some(record.partition().into())),
            Metadata::Offset => number(record.offset()),
            Metadata::Timestamp => number(record.timestamp()),
            Metadata::Key => match record.key() {
                Some(key) => scalar::quoted(str::from_utf8(key).ok()?.as_bytes()),
                None => number(None),
            },
        })
    }
}

/// For `#[schemars(transform = as_one_object)]` on an enum of which each variant holds something, such as `{ drop = ["a"] }`.
///
/// It describes them as options of one object that takes one of them, instead of as forms that exclude each other: whoever holds a
/// configuration against the schema can then tell what is wrong within the variant that was meant.
pub fn as_one_object(schema: &mut Schema) {
    let Some(Value::Array(forms)) = schema.remove("oneOf") else { return };
    let mut options = Map::new();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_says_why_only_where_it_rejects() {
        let never = || unreachable!("nobody reads it");
        assert_eq!(Fallback::Keep.verdict(never), Ok(Verdict::Keep));
        assert_eq!(Fallback::Drop.verdict(never), Ok(Verdict::Drop));
        assert_eq!(Fallback::default().verdict(|| "so".into()), Err(Reject("so".into())));
    }

    #[test]
    fn variants_are_described_as_options_that_exclude_each_other() {
        #[derive(JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[schemars(transform = as_one_object)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        enum Step {
            /// Takes it out.
            Drop(String),
            /// Waits.
            Wait(u8),
        }
        let schema = schemars::schema_for!(Step);
        assert_eq!(schema.get("oneOf"), None);
        assert_eq!(schema.get("maxProperties"), Some(&1.into()));
        let options = schema.get("properties").and_then(Value::as_object).unwrap();
        assert_eq!(options["drop"], serde_json::json!({"type": "string", "description": "Takes it out."}));
        assert_eq!(options["wait"]["description"], "Waits.");
    }
}
