//! `JsonConverter`: JSON that stands for itself, or an envelope of a schema and a payload.
//!
//! The message of its error for bytes that are no JSON ends in a colon, for the original says the rest in a cause; what follows the
//! colon here is ours.

use std::sync::{Arc, Mutex, PoisonError};

use crate::config_def::{ConfigError, ConfigMap, Parsed};
use crate::converter::document::{EnvelopeSchema, Fault, Reading, read, read_envelope};
use crate::converter::{definition, envelope};
use crate::data::{DataError, Schema, SchemaAndValue, Value};

const NO_ENVELOPE: &str = "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not contain additional fields. \
                           If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.";

#[derive(Debug)]
pub struct JsonConverter {
    mode: Mode,
    replace_null_with_default: bool,
    /// The schema seen last and its text: topics tend to have one.
    last: Mutex<Option<(Vec<u8>, Arc<Schema>)>>,
}

#[derive(Debug, Clone)]
enum Mode {
    Plain,
    Envelope,
    /// `schema.content`
    Fixed(Arc<Schema>),
}

impl Clone for JsonConverter {
    fn clone(&self) -> Self {
        JsonConverter { mode: self.mode.clone(), replace_null_with_default: self.replace_null_with_default, last: Mutex::default() }
    }
}

impl JsonConverter {
    /// `schemas.enable=false`
    pub fn plain() -> JsonConverter {
        JsonConverter { mode: Mode::Plain, replace_null_with_default: true, last: Mutex::default() }
    }

    pub fn configure(config: &ConfigMap) -> Result<JsonConverter, ConfigError> {
        let replace_null_with_default = definition::flag(&definition::replace_null_with_default(), config)?;
        definition::decimal_format().value_in(config)?;
        definition::schemas_cache_size().value_in(config)?;
        let content = definition::schema_content().value_in(config)?;
        let mode = match (definition::flag(&definition::schemas_enable(), config)?, content) {
            (false, _) => Mode::Plain,
            (true, Parsed::String(content)) if !content.is_empty() => Mode::Fixed(fixed(&content, replace_null_with_default)?),
            (true, _) => Mode::Envelope,
        };
        Ok(JsonConverter { mode, replace_null_with_default, last: Mutex::default() })
    }

    pub(super) fn has_schemas(&self) -> bool {
        !matches!(self.mode, Mode::Plain)
    }

    pub(super) fn to_connect(&self, bytes: Option<&[u8]>) -> Result<SchemaAndValue, DataError> {
        let Some(bytes) = bytes else { return Ok(SchemaAndValue::NULL) };
        let reading = Reading { leading_zeros: true, exact: self.has_schemas() };
        match &self.mode {
            Mode::Plain => {
                let value = read(bytes, reading).map_err(not_json)?.unwrap_or(Value::Null);
                Ok(SchemaAndValue { schema: None, value })
            }
            Mode::Fixed(schema) => {
                let node = read(bytes, reading).map_err(not_json)?;
                let value = envelope::payload(schema, node, self.replace_null_with_default)?;
                Ok(SchemaAndValue { schema: Some(schema.clone()), value })
            }
            Mode::Envelope => self.open(bytes, reading),
        }
    }

    fn open(&self, bytes: &[u8], reading: Reading) -> Result<SchemaAndValue, DataError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().map(|(text, schema)| (text.as_slice(), schema));
        let found = read_envelope(bytes, reading, known).map_err(not_json)?.filter(|found| !found.others);
        let Some((schema, payload)) = found.and_then(|found| found.schema.zip(found.payload)) else {
            return Err(DataError::data(NO_ENVELOPE));
        };
        let schema = match schema {
            EnvelopeSchema::Known(schema) => schema,
            EnvelopeSchema::New { node: Value::Null, .. } => {
                return Ok(SchemaAndValue { schema: None, value: envelope::without_schema(payload) });
            }
            EnvelopeSchema::New { text, node } => {
                let schema = Arc::new(envelope::schema(&node, self.replace_null_with_default)?);
                // Only an object ends where its text ends, so only its text can be told from a longer one.
                if text.first() == Some(&b'{') {
                    *last = Some((text, schema.clone()));
                }
                schema
            }
        };
        let value = envelope::payload(&schema, Some(payload), self.replace_null_with_default)?;
        Ok(SchemaAndValue { schema: Some(schema), value })
    }
}

fn fixed(content: &str, replace_null_with_default: bool) -> Result<Arc<Schema>, ConfigError> {
    let invalid =
        |why: String| ConfigError(format!("Failed to parse schema in converter config due to serialization error: {why}"));
    let node =
        read(content.as_bytes(), Reading { leading_zeros: true, exact: true }).map_err(|fault| invalid(fault.to_string()))?;
    let node = node.ok_or_else(|| invalid("there is no schema".to_owned()))?;
    envelope::schema(&node, replace_null_with_default).map(Arc::new).map_err(|error| ConfigError(error.message))
}

fn not_json(fault: Fault) -> DataError {
    DataError::data(format!("Converting byte[] to Kafka Connect data failed due to serialization error: {fault}"))
}

/// `SnowflakeJsonConverter`: what it cannot read is a broken record.
pub(super) fn snowflake(bytes: Option<&[u8]>) -> Result<SchemaAndValue, DataError> {
    let Some(bytes) = bytes else { return Ok(SchemaAndValue::NULL) };
    match read(bytes, Reading::PLAIN) {
        Ok(value) => Ok(SchemaAndValue { schema: None, value: value.unwrap_or(Value::Null) }),
        Err(fault) => Err(DataError::data(format!("Failed to parse JSON record: {fault}"))),
    }
}
