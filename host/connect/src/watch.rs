//! What a person or a machine may look at: health, metrics, and the status page.
//!
//! Everything is made of one [`Snapshot`], taken when it is asked for; nothing here counts or remembers. Nothing here changes a
//! pipeline either: the page's buttons call Connect's REST interface, like any other client.
//!
//! What must stay true: the page may load nothing from elsewhere and run no script but its own (its `Content-Security-Policy`), and
//! whoever watches costs little, however many they are (`events.rs`, `metrics.rs`).

mod events;
mod health;
mod metrics;
mod page;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};

use crate::guard::MayRead;
use crate::snapshot::Snapshot;
use crate::watch::events::Events;

pub use crate::watch::metrics::{ALL as METRICS, Kind, Metric};

/// `/livez`, `/readyz`, `/metrics` and `/ui`, of what `see` shows: an engine's snapshot, with the connectors added that do not run.
///
/// A page that watches holds its connection until it is closed: a server that waits for its clients before it stops needs a deadline.
pub fn router_over(see: impl Fn() -> Snapshot + Send + Sync + 'static) -> Router {
    let source = Source(Arc::new(see));
    let watch = Watch { events: Events::over(source.clone()), source };
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/ui", get(page::index))
        .route("/ui/", get(page::without_slash))
        .route("/ui/data", get(data))
        .route("/ui/events", get(events))
        .route("/ui/{file}", get(page::file))
        .layer(map_response(with_safe_headers))
        .with_state(watch)
}

/// Where snapshots come from.
#[derive(Clone)]
struct Source(Arc<dyn Fn() -> Snapshot + Send + Sync>);

impl Source {
    fn look(&self) -> Snapshot {
        (self.0)()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

#[derive(Debug, Clone)]
struct Watch {
    source: Source,
    events: Events,
}

async fn livez() -> Response {
    Json(serde_json::json!({ "status": "alive" })).into_response()
}

/// Anyone learns whether we are ready; why not, those who may read what `/ui` shows.
async fn readyz(State(watch): State<Watch>, may_read: Option<Extension<MayRead>>) -> Response {
    let mut readiness = health::Readiness::of(&watch.source.look());
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if may_read.is_none() {
        readiness.hide_reasons();
    }
    (status, Json(readiness)).into_response()
}

async fn metrics(State(watch): State<Watch>, headers: HeaderMap) -> Response {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = metrics::Format::accepted_by(accept);
    match metrics::text(watch.source.look(), format) {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn data(State(watch): State<Watch>) -> Response {
    Json(watch.source.look()).into_response()
}

async fn events(State(watch): State<Watch>) -> Response {
    match watch.events.open() {
        Some(stream) => stream.into_response(),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "30")],
            "as many pages as may watch at once already do; `/ui/data` has the same facts",
        )
            .into_response(),
    }
}

/// Only its own script, its own style, its own pictures; it sends no form, and nobody may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                                       base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SAFE_HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // The numbers are of this moment, and name tables and topics: no cache keeps them.
    (header::CACHE_CONTROL, "no-store"),
];

async fn with_safe_headers(mut response: Response) -> Response {
    for (name, value) in SAFE_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
