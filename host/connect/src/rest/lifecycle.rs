//! Connectors pause, resume, stop and restart.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Json, Router};

use super::errors::{ApiError, no_task};
use super::path::{Parameters, Segments};
use super::shapes::ConnectorStateInfo;
use super::{at, carried};
use crate::engine::Engine;
use crate::herder::{Herder, Target};

pub(super) fn routes<E: Engine>() -> Router<Arc<Herder<E>>> {
    at("/connectors/{name}/pause", "OPTIONS, PUT", put(pause))
        .merge(at("/connectors/{name}/resume", "OPTIONS, PUT", put(resume)))
        .merge(at("/connectors/{name}/stop", "OPTIONS, PUT", put(stop)))
        .merge(at("/connectors/{name}/restart", "POST, OPTIONS", post(restart)))
        .merge(at("/connectors/{name}/tasks/{task}/restart", "POST, OPTIONS", post(restart_task)))
}

type Shared<E> = State<Arc<Herder<E>>>;

async fn pause<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<StatusCode, ApiError> {
    carried(async move { herder.aim(&name, Target::Paused).await }).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn resume<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<StatusCode, ApiError> {
    carried(async move { herder.aim(&name, Target::Running).await }).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn stop<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<StatusCode, ApiError> {
    carried(async move { herder.aim(&name, Target::Stopped).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restart<E: Engine>(
    State(herder): Shared<E>,
    Segments(name): Segments<String>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let (include_tasks, only_failed) = (parameters.is_true("includeTasks"), parameters.is_true("onlyFailed"));
    let worker_id = herder.worker().worker_id.clone();
    let connector = name.clone();
    let plan = carried(async move { herder.restart(&connector, include_tasks, only_failed).await }).await?;
    if !include_tasks && !only_failed {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok((StatusCode::ACCEPTED, Json(ConnectorStateInfo::new(&name, plan, &worker_id))).into_response())
}

async fn restart_task<E: Engine>(
    State(herder): Shared<E>,
    Segments((name, task)): Segments<(String, String)>,
) -> Result<Response, ApiError> {
    let Ok(task) = task.parse::<i32>() else { return Err(no_task()) };
    carried(async move { herder.restart_task(&name, task).await }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
