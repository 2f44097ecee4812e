//! Kafka Connect's REST interface, version 4.
//!
//! Paths, bodies, statuses and texts are those of a real worker; `tests/fixtures/connect/captures` holds what one answered, and
//! `tests/replay.rs` compares. What differs is listed there, each with its reason.
//!
//! A path may end with a slash. What a path does not have is told in this order, as Jersey does: no such path 404, no such method
//! 405, a body that is not JSON 415, an answer that may not be JSON 406. These four carry a JSON body without a Content-Type.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};

use crate::engine::Engine;
use crate::herder::{Herder, HerderError};
use errors::{ApiError, bare};

mod body;
mod connectors;
mod errors;
mod lifecycle;
mod loggers;
mod offsets;
mod path;
mod plugins;
mod root;
mod shapes;
mod version;

/// All of Connect's endpoints.
pub fn router<E: Engine>(herder: Arc<Herder<E>>) -> Router {
    let mut router = Router::new()
        .merge(root::routes())
        .merge(connectors::routes())
        .merge(lifecycle::routes())
        .merge(offsets::routes())
        .merge(plugins::routes());
    if herder.worker().admin {
        router = router.merge(loggers::routes());
    }
    router.fallback(not_found).with_state(herder)
}

async fn not_found() -> Response {
    bare(StatusCode::NOT_FOUND)
}

/// A path with its methods; `allowed` is the text of its answer to OPTIONS.
fn at<E: Engine>(path: &str, allowed: &'static str, methods: MethodRouter<Arc<Herder<E>>>) -> Router<Arc<Herder<E>>> {
    let options = move || async move { options(allowed) };
    // By way of `any`, for then a 405 has no `Allow`: the original tells what a path allows only when it is asked by OPTIONS.
    let refused = any(async || bare(StatusCode::METHOD_NOT_ALLOWED));
    let methods = refused.merge(methods.route_layer(from_fn(negotiate))).options(options);
    let router = Router::new().route(path, methods.clone());
    if path == "/" { router } else { router.route(&format!("{path}/"), methods) }
}

fn options(allowed: &'static str) -> Response {
    let allow = HeaderValue::from_str(&allowed.replace(' ', "")).unwrap_or(HeaderValue::from_static("OPTIONS"));
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain")), (header::ALLOW, allow)], Body::from(allowed)).into_response()
}

/// Lets through what brings JSON and takes JSON.
async fn negotiate(request: Request, next: Next) -> Response {
    let brings_body = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH);
    if brings_body && request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| !is_json(kind)) {
        return bare(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    if !takes_json(request.headers()) {
        return bare(StatusCode::NOT_ACCEPTABLE);
    }
    next.run(request).await
}

fn is_json(kind: &HeaderValue) -> bool {
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn takes_json(headers: &HeaderMap) -> bool {
    let mut ranges =
        headers.get_all(header::ACCEPT).iter().flat_map(|value| value.to_str().unwrap_or_default().split(',')).peekable();
    ranges.peek().is_none()
        || ranges.any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
            let is_refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0)));
            !is_refused && matches!(&*essence, "" | "*/*" | "application/*" | "application/json")
        })
}

/// Carries out `work` to its end, also if the client goes away meanwhile.
async fn carried<T: Send + 'static>(work: impl Future<Output = Result<T, HerderError>> + Send + 'static) -> Result<T, ApiError> {
    match tokio::spawn(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(ApiError::internal(format!("the request could not be carried out: {error}"))),
    }
}

#[cfg(test)]
pub(crate) mod tests;
