//! The loggers of the process and their levels.
//!
//! The levels FATAL, OFF and ALL, which Java has besides ours, mean the nearest of ours.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::at;
use super::body::Document;
use super::errors::ApiError;
use super::path::{Parameters, Segments};
use super::shapes::{ByName, LoggerLevel};
use crate::engine::Engine;
use crate::herder::Herder;

const ROOT: &str = "root";

/// When levels were set by REST, in milliseconds since 1970.
type Changes = Arc<Mutex<HashMap<String, i64>>>;

pub(super) fn routes<E: Engine>() -> Router<Arc<Herder<E>>> {
    at("/admin/loggers", "HEAD, GET, OPTIONS", get(list))
        .merge(at("/admin/loggers/{logger}", "HEAD, GET, OPTIONS, PUT", get(level).put(set)))
        .layer(Extension(Changes::default()))
}

type Shared<E> = State<Arc<Herder<E>>>;

fn shown(changes: &Changes, logger: &str, level: &'static str) -> LoggerLevel {
    let changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
    LoggerLevel { level, last_modified: changes.get(logger).copied() }
}

async fn list<E: Engine>(State(herder): Shared<E>, Extension(changes): Extension<Changes>) -> Json<ByName<LoggerLevel>> {
    let loggers = herder.engine().loggers().into_iter();
    Json(loggers.map(|(name, level)| (name.clone(), shown(&changes, &name, level))).collect())
}

async fn level<E: Engine>(
    State(herder): Shared<E>,
    Extension(changes): Extension<Changes>,
    Segments(logger): Segments<String>,
) -> Result<Json<LoggerLevel>, ApiError> {
    let found = herder.engine().loggers().into_iter().find(|(name, _)| *name == logger);
    let (_, level) = found.ok_or_else(|| ApiError::not_found(format!("Logger {logger} not found.")))?;
    Ok(Json(shown(&changes, &logger, level)))
}

async fn set<E: Engine>(
    State(herder): Shared<E>,
    Extension(changes): Extension<Changes>,
    Segments(logger): Segments<String>,
    parameters: Parameters,
    document: Document,
) -> Result<Response, ApiError> {
    let fields = document.config("java.util.Map.get(Object)", "levelMap")?;
    let Some(Some(word)) = fields.get("level") else {
        return Err(ApiError::refused("Desired 'level' parameter was not specified in request."));
    };
    let level = match &*word.to_uppercase() {
        "ERROR" | "FATAL" | "OFF" => "ERROR",
        "WARN" => "WARN",
        "INFO" => "INFO",
        "DEBUG" => "DEBUG",
        "TRACE" | "ALL" => "TRACE",
        _ => return Err(ApiError::not_found(format!("invalid log level '{word}'."))),
    };
    let mut changed = Vec::new();
    let known = herder.engine().loggers();
    let mut meant: Vec<&str> =
        known.iter().filter(|(name, now)| is_below(name, &logger) && *now != level).map(|(name, _)| name.as_str()).collect();
    let is_new = known.iter().all(|(name, _)| *name != logger);
    if is_new {
        meant.push(&logger);
    }
    meant.sort_unstable();
    for name in meant {
        if herder.engine().set_logger(name, level) {
            changed.push(name.to_owned());
        }
    }
    if is_new && changed.is_empty() {
        return Err(ApiError::not_found(format!("Logger {logger} not found.")));
    }
    let now = jiff::Timestamp::now().as_millisecond();
    changes.lock().unwrap_or_else(PoisonError::into_inner).extend(changed.iter().map(|name| (name.clone(), now)));
    // The cluster is this worker.
    if parameters.first("scope").is_some_and(|scope| scope.eq_ignore_ascii_case("cluster")) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Json(changed).into_response())
}

/// Whether a logger is `ancestor` or stands below it; all stand below the root.
fn is_below(name: &str, ancestor: &str) -> bool {
    let rest = name.strip_prefix(ancestor);
    ancestor == ROOT || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("::"))
}
