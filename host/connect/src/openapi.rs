//! The description of the REST interface, at `/openapi.json`.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

/// The document; `openapi.json` beside this crate's `Cargo.toml`.
pub const OPENAPI: &str = include_str!("../openapi.json");

pub fn openapi() -> Router {
    Router::new().route("/openapi.json", get(|| async { ([(CONTENT_TYPE, "application/json")], OPENAPI) }))
}

#[cfg(test)]
mod tests;
