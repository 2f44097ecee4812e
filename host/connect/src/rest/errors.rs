//! Errors as Connect answers them.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::herder::HerderError;

#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    error_code: u16,
    message: &'a str,
}

#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into() }
    }

    pub(super) fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(super) fn refused(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, message)
    }
}

impl From<HerderError> for ApiError {
    fn from(error: HerderError) -> ApiError {
        let status = match &error {
            HerderError::Refused(_) => StatusCode::BAD_REQUEST,
            HerderError::Unknown(_) => StatusCode::NOT_FOUND,
            HerderError::Conflict(_) => StatusCode::CONFLICT,
            HerderError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        ApiError::new(status, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error_code: self.status.as_u16(), message: &self.message };
        (self.status, Json(body)).into_response()
    }
}

/// For a task whose id is no number.
pub(super) fn no_task() -> ApiError {
    ApiError::not_found("HTTP 404 Not Found")
}

/// What the original's router says itself: JSON, but without a Content-Type.
pub(super) fn bare(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or_default();
    let message = format!("HTTP {} {reason}", status.as_u16());
    let body = ErrorBody { error_code: status.as_u16(), message: &message };
    (status, Body::from(serde_json::to_vec(&body).unwrap_or_default())).into_response()
}
