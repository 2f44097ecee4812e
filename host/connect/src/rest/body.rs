//! Bodies as the original reads them, by Jackson.
//!
//! Where text is wanted, numbers and booleans are taken as they are written; of a key given twice the last value counts; what follows
//! the document is not looked at. Any other shape is an error of status 500, with the first line of Jackson's message and without the
//! position that follows it.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use indexmap::IndexMap;
use serde::Deserialize as _;
use serde_json::value::RawValue;

use super::errors::ApiError;
use crate::config_def::ConfigMap;

/// A configuration of a hundred keys is about 10 KB; this leaves room for keys and plugins' JSON in it.
const LONGEST_BODY: usize = 1024 * 1024;

/// A body that a JSON document is read from.
pub(super) struct Document(Bytes);

/// An object: each key with its value as it is written.
pub(super) type Fields<'a> = IndexMap<String, &'a RawValue>;

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Document, ApiError> {
        let has_kind = request.headers().contains_key(header::CONTENT_TYPE);
        let bytes = match Limited::new(request.into_body(), LONGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let message = format!("The body is longer than {LONGEST_BODY} bytes.");
                return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message));
            }
            Err(error) => return Err(ApiError::refused(format!("The body could not be read: {error}"))),
        };
        if !has_kind && !bytes.is_empty() {
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type"));
        }
        Ok(Document(bytes))
    }
}

impl Document {
    /// The object in the body; `None` for no body and for null. `class` is the Java class that the original makes of it.
    pub(super) fn object(&self, class: &str) -> Result<Option<Fields<'_>>, ApiError> {
        if self.0.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let mut reader = serde_json::Deserializer::from_slice(&self.0);
        let raw = <&RawValue>::deserialize(&mut reader).map_err(|error| syntax(&error))?;
        object(raw, class)
    }

    /// A configuration; where there is none, the original stumbles over `variable` as it makes `call`.
    pub(super) fn config(&self, call: &str, variable: &str) -> Result<ConfigMap, ApiError> {
        match self.object(STRINGS)? {
            Some(fields) => texts(fields),
            None => Err(missing(call, variable)),
        }
    }
}

/// The class of a configuration.
pub(super) const STRINGS: &str = "java.util.LinkedHashMap<java.lang.String,java.lang.String>";

/// What Java says where something is used that is not there.
pub(super) fn missing(call: &str, variable: &str) -> ApiError {
    ApiError::internal(format!("Cannot invoke \"{call}\" because \"{variable}\" is null"))
}

pub(super) fn unrecognized(field: &str, class: &str, known: &str) -> ApiError {
    ApiError::internal(format!("Unrecognized field \"{field}\" (class {class}), not marked as ignorable ({known})"))
}

pub(super) fn object<'a>(raw: &'a RawValue, class: &str) -> Result<Option<Fields<'a>>, ApiError> {
    match raw.get().as_bytes() {
        [b'{', ..] => serde_json::from_str(raw.get()).map(Some).map_err(|error| syntax(&error)),
        b"null" => Ok(None),
        _ => Err(mismatch(raw, class)),
    }
}

pub(super) fn list<'a>(raw: &'a RawValue, class: &str) -> Result<Option<Vec<&'a RawValue>>, ApiError> {
    match raw.get().as_bytes() {
        [b'[', ..] => serde_json::from_str(raw.get()).map(Some).map_err(|error| syntax(&error)),
        b"null" => Ok(None),
        _ => Err(mismatch(raw, class)),
    }
}

/// The text of a scalar.
pub(super) fn text(raw: &RawValue) -> Result<Option<String>, ApiError> {
    match raw.get().as_bytes() {
        [b'"', ..] => serde_json::from_str(raw.get()).map(Some).map_err(|error| syntax(&error)),
        [b'{' | b'[', ..] => Err(mismatch(raw, "java.lang.String")),
        b"null" => Ok(None),
        _ => Ok(Some(raw.get().to_owned())),
    }
}

pub(super) fn texts(fields: Fields<'_>) -> Result<ConfigMap, ApiError> {
    fields.into_iter().map(|(key, raw)| Ok((key, text(raw)?))).collect()
}

fn syntax(error: &serde_json::Error) -> ApiError {
    ApiError::internal(format!("The body is not JSON: {error}"))
}

fn mismatch(raw: &RawValue, class: &str) -> ApiError {
    // Without what the class holds.
    let plain = class.split('<').next().unwrap_or(class);
    let from = |kind: &str, value: &str| {
        format!(
            "Cannot construct instance of `{plain}` (although at least one Creator exists): no {kind} constructor/factory method to deserialize from {value}"
        )
    };
    let text = raw.get();
    ApiError::internal(match text.as_bytes() {
        [b'[', ..] => format!("Cannot deserialize value of type `{class}` from Array value (token `JsonToken.START_ARRAY`)"),
        [b'{', ..] => format!("Cannot deserialize value of type `{class}` from Object value (token `JsonToken.START_OBJECT`)"),
        [b'"', ..] => {
            let value: String = serde_json::from_str(text).unwrap_or_default();
            from("String-argument", &format!("String value ('{value}')"))
        }
        [b't' | b'f', ..] => from("boolean/Boolean-argument", &format!("boolean value ({text})")),
        _ => from("int/Int-argument", &format!("Number value ({text})")),
    })
}
