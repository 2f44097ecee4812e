//! `ExtractField`: one field takes the place of the whole.

use std::sync::Arc;

use crate::config_def::{ConfigError, Importance, Key, Kind, Parsed};
use crate::data::{DataError, SchemaAndValue, Value};
use crate::smt::field_path::FieldPath;
use crate::smt::keys::{Given, optional, replace_null, required};
use crate::smt::outline::Outline;
use crate::smt::part::{require_map, require_struct};

const PURPOSE: &str = "field extraction";

pub(super) fn keys() -> Vec<Key> {
    vec![
        required("field", Kind::String, Importance::Medium, "The field that takes the place of the key or value it is in."),
        replace_null(),
        optional(
            "field.syntax.version",
            Kind::String,
            "V1",
            Importance::High,
            "How field is read. V1: as the name of a field, dots and all. V2: as a path, with dots between the names of nested fields; \
             a name with dots stands in backticks, and a backslash before a backtick makes it a part of the name.",
        )
        .validated(|_, value| match value {
            Parsed::String(text) if text.eq_ignore_ascii_case("V1") || text.eq_ignore_ascii_case("V2") => Ok(()),
            _ => Err("String must be one of (case insensitive): V1, V2".to_owned()),
        }),
    ]
}

#[derive(Debug, Clone)]
pub(super) struct ExtractField {
    path: Arc<FieldPath>,
    replace_null: bool,
}

impl ExtractField {
    pub(super) fn new(given: &Given) -> Result<ExtractField, ConfigError> {
        let nested = given.string("field.syntax.version").eq_ignore_ascii_case("V2");
        Ok(ExtractField { path: Arc::new(FieldPath::new(&given.string("field"), nested)?), replace_null: given.replace_null() })
    }

    pub(super) fn apply(&self, data: SchemaAndValue) -> Result<SchemaAndValue, DataError> {
        match (data.schema, data.value) {
            (None, Value::Null) => Ok(SchemaAndValue::NULL),
            (None, value) => Ok(SchemaAndValue { schema: None, value: self.path.value_in_map(require_map(value, PURPOSE)?)? }),
            (Some(schema), Value::Null) => Ok(SchemaAndValue { schema: Some(self.path.field_in(&schema)?), value: Value::Null }),
            (Some(schema), value) => {
                let (struct_schema, values) = require_struct(value, PURPOSE)?;
                let field = self.path.field_in(&schema)?;
                let value = self.path.value_in_struct(struct_schema, values, self.replace_null)?;
                Ok(SchemaAndValue { schema: Some(field), value })
            }
        }
    }

    pub(super) fn reshape(&self, outline: &mut Outline) -> Option<()> {
        if let Some(fields) = outline.root_fields()? {
            outline.root = self.path.content_in(outline, fields)?;
        }
        Some(())
    }
}
