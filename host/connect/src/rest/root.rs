//! The worker itself.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::at;
use super::shapes::{Health, ServerInfo};
use crate::engine::Engine;
use crate::herder::Herder;

/// The version of Kafka Connect whose interface this is. Clients read it to know what they may call, so it must be one of Connect's; which
/// program answers, [`COMMIT`] tells.
const VERSION: &str = "4.3.1";
const COMMIT: &str = concat!("snowgate-", env!("CARGO_PKG_VERSION"));

pub(super) fn routes<E: Engine>() -> Router<Arc<Herder<E>>> {
    at("/", "HEAD, GET, OPTIONS", get(root)).merge(at("/health", "HEAD, GET, OPTIONS", get(health)))
}

async fn root<E: Engine>(State(herder): State<Arc<Herder<E>>>) -> Json<ServerInfo> {
    Json(ServerInfo { version: VERSION, commit: COMMIT, kafka_cluster_id: herder.engine().cluster_id() })
}

async fn health<E: Engine>(State(herder): State<Arc<Herder<E>>>) -> Response {
    if herder.is_started() {
        let message = "Worker has completed startup and is ready to handle requests.";
        return Json(Health { status: "healthy", message }).into_response();
    }
    let health = Health { status: "starting", message: "Worker is still starting up." };
    (StatusCode::SERVICE_UNAVAILABLE, Json(health)).into_response()
}
