//! Connectors: which there are, their configurations, how they are.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::value::RawValue;
use tracing::info;

use super::body::{Document, Fields, STRINGS, missing, object, text, texts, unrecognized};
use super::errors::{ApiError, no_task};
use super::path::{Base, Parameters, Segments, location};
use super::shapes::{ByName, ConnectorInfo, ConnectorStateInfo, Expanded, TaskInfo, Topics};
use super::{at, carried};
use crate::config_def::ConfigMap;
use crate::engine::Engine;
use crate::herder::{Herder, Target};

const REQUEST: &str = "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest";
/// What the original calls on a configuration first.
const GET: &str = "java.util.Map.get(Object)";
const CONFIG: &str = "connectorConfig";

pub(super) fn routes<E: Engine>() -> Router<Arc<Herder<E>>> {
    at("/connectors", "HEAD, POST, GET, OPTIONS", get(list).post(create))
        .merge(at("/connectors/{name}", "HEAD, DELETE, GET, OPTIONS", get(info).delete(delete)))
        .merge(at("/connectors/{name}/config", "HEAD, GET, OPTIONS, PUT, PATCH", get(config).put(put).patch(patch)))
        .merge(at("/connectors/{name}/status", "HEAD, GET, OPTIONS", get(status)))
        .merge(at("/connectors/{name}/tasks", "HEAD, GET, OPTIONS", get(tasks)))
        .merge(at("/connectors/{name}/tasks/{task}/status", "HEAD, GET, OPTIONS", get(task_status)))
        .merge(at("/connectors/{name}/topics", "HEAD, GET, OPTIONS", get(topics)))
        .merge(at("/connectors/{name}/topics/reset", "OPTIONS, PUT", axum::routing::put(reset_topics)))
}

type Shared<E> = State<Arc<Herder<E>>>;

async fn list<E: Engine>(State(herder): Shared<E>, parameters: Parameters) -> Response {
    let names = herder.names();
    let wanted: Vec<&str> = parameters.all("expand").collect();
    if wanted.is_empty() {
        return Json(names).into_response();
    }
    let expand = |name: String| {
        let info = herder.info(&name).ok()?;
        let status = herder.status(&name)?;
        let status = ConnectorStateInfo::new(&name, status, &herder.worker().worker_id);
        let expanded =
            Expanded { info: wanted.contains(&"info").then(|| info.into()), status: wanted.contains(&"status").then_some(status) };
        Some((name, expanded))
    };
    Json(names.into_iter().filter_map(expand).collect::<ByName<Expanded>>()).into_response()
}

async fn create<E: Engine>(State(herder): Shared<E>, Base(base): Base, document: Document) -> Result<Response, ApiError> {
    let (name, config, target) = creation(&document)?;
    let location = location(&herder, base.as_deref(), &name);
    let created = {
        let name = name.clone();
        carried(async move { herder.create(&name, config, target).await }).await?
    };
    info!(connector = name, "connector created");
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(ConnectorInfo::from(created))).into_response())
}

/// What `POST /connectors` asks for.
fn creation(document: &Document) -> Result<(String, ConfigMap, Target), ApiError> {
    let Some(fields) = document.object(REQUEST)? else {
        return Err(missing(&format!("{REQUEST}.name()"), "createRequest"));
    };
    let mut name = None;
    let mut config = None;
    let mut target = Target::Running;
    for (field, raw) in fields {
        match &*field {
            "name" => name = text(raw)?,
            "config" => config = object(raw, STRINGS)?.map(|fields: Fields<'_>| texts(fields)).transpose()?,
            "initial_state" => target = initial_state(raw)?,
            _ => return Err(unrecognized(&field, REQUEST, "3 known properties: \"config\", \"name\", \"initial_state\"")),
        }
    }
    let config = config.ok_or_else(|| missing(GET, CONFIG))?;
    Ok((name.unwrap_or_default().trim().to_owned(), config, target))
}

fn initial_state(raw: &RawValue) -> Result<Target, ApiError> {
    let Some(word) = text(raw)? else { return Ok(Target::Running) };
    let upper = word.to_uppercase();
    match &*upper {
        "RUNNING" => Ok(Target::Running),
        "PAUSED" => Ok(Target::Paused),
        "STOPPED" => Ok(Target::Stopped),
        _ => Err(ApiError::internal(format!(
            "Cannot construct instance of `{REQUEST}$InitialState`, problem: No enum constant {REQUEST}.InitialState.{upper}"
        ))),
    }
}

async fn info<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<Json<ConnectorInfo>, ApiError> {
    Ok(Json(herder.info(&name)?.into()))
}

async fn delete<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<StatusCode, ApiError> {
    let gone = name.clone();
    carried(async move { herder.delete(&gone).await }).await?;
    info!(connector = name, "connector deleted");
    Ok(StatusCode::NO_CONTENT)
}

async fn config<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<Json<ConfigMap>, ApiError> {
    Ok(Json(herder.info(&name)?.config))
}

async fn put<E: Engine>(
    State(herder): Shared<E>,
    Segments(name): Segments<String>,
    Base(base): Base,
    document: Document,
) -> Result<Response, ApiError> {
    let config = document.config(GET, CONFIG)?;
    let location = location(&herder, base.as_deref(), &name);
    let (is_new, info) = carried(async move { herder.put(&name, config).await }).await?;
    let info = Json(ConnectorInfo::from(info));
    Ok(match is_new {
        true => (StatusCode::CREATED, [(header::LOCATION, location)], info).into_response(),
        false => info.into_response(),
    })
}

async fn patch<E: Engine>(
    State(herder): Shared<E>,
    Segments(name): Segments<String>,
    document: Document,
) -> Result<Json<ConnectorInfo>, ApiError> {
    let patch = document.config("java.util.Map.forEach(java.util.function.BiConsumer)", "patch")?;
    Ok(Json(carried(async move { herder.patch(&name, patch).await }).await?.into()))
}

fn state_of<E: Engine>(herder: &Herder<E>, name: &str) -> Option<ConnectorStateInfo> {
    Some(ConnectorStateInfo::new(name, herder.status(name)?, &herder.worker().worker_id))
}

async fn status<E: Engine>(
    State(herder): Shared<E>,
    Segments(name): Segments<String>,
) -> Result<Json<ConnectorStateInfo>, ApiError> {
    let unknown = || ApiError::not_found(format!("No status found for connector {name}"));
    state_of(&herder, &name).map(Json).ok_or_else(unknown)
}

async fn tasks<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<Json<Vec<TaskInfo>>, ApiError> {
    Ok(Json(TaskInfo::all(&name, herder.task_configs(&name)?)))
}

async fn task_status<E: Engine>(State(herder): Shared<E>, Segments((name, task)): Segments<(String, String)>) -> Response {
    let Ok(task) = task.parse::<i32>() else { return no_task().into_response() };
    let state = state_of(&herder, &name).and_then(|state| state.into_task(usize::try_from(task).ok()?));
    match state {
        Some(state) => Json(state).into_response(),
        None => ApiError::not_found(format!("No status found for task {name}-{task}")).into_response(),
    }
}

fn tracked<E: Engine>(herder: &Herder<E>) -> Result<(), ApiError> {
    match herder.worker().topic_tracking {
        true => Ok(()),
        false => Err(ApiError::new(StatusCode::FORBIDDEN, "Topic tracking is disabled.")),
    }
}

async fn topics<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<Json<ByName<Topics>>, ApiError> {
    tracked(&herder)?;
    let topics = herder.topics(&name).into_iter().collect();
    Ok(Json(ByName::from([(name, Topics { topics })])))
}

async fn reset_topics<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<StatusCode, ApiError> {
    tracked(&herder)?;
    if !herder.worker().topic_tracking_reset {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "Topic tracking reset is disabled."));
    }
    carried(async move { herder.reset_topics(&name).await }).await?;
    Ok(StatusCode::ACCEPTED)
}
