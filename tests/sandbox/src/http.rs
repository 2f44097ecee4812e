//! One request from its first byte to its answer: reads it, lets a fault script have its way, carries it out, writes it down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::connection::Connections;
use crate::faults::{Action, Fault};
use crate::route::{Route, form};
use crate::world::{LoggedCall, World, lock, now_ms};
use crate::{admin, driver, rows, statements, streaming};

/// Bytes a body may have before it is not even read to its end; an append over its own limit is read, so that it can be told.
const READ_LIMIT: usize = 256 * 1024 * 1024;

/// A request that was read in full.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) route: Route,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// A parameter of the query; an empty one counts as absent.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The body as JSON, its encoding taken off; an empty body reads as an empty object.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        let plain = rows::decode(self.body.clone(), self.header("content-encoding")).map_err(|error| error.to_string())?;
        let text = if plain.iter().all(u8::is_ascii_whitespace) { b"{}" } else { plain.as_slice() };
        serde_json::from_slice(text).map_err(|error| error.to_string())
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(String, String)>,
    /// For the request log only.
    pub(crate) note: Option<String>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string().into_bytes(), headers: Vec::new(), note: None }
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.as_bytes().to_vec(), headers: Vec::new(), note: None }
    }

    /// An error in the shape that the streaming calls and the SQL API share.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"code": code, "message": message}))
    }

    pub(crate) fn noting(mut self, note: impl ToString) -> Self {
        self.note = Some(note.to_string());
        self
    }

    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// What the handler of every request shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) world: Arc<World>,
    pub(crate) connections: Connections,
}

/// Takes one request.
pub(crate) async fn handle(State(shared): State<Shared>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let route = Route::of(&parts.method, parts.uri.path());
    let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let Ok(body) = to_bytes(body, READ_LIMIT).await else {
        return Reply::error(413, "ERR_REQUEST_TOO_LARGE", "the request body is too large").into_response();
    };
    let query = form(parts.uri.query().unwrap_or(""));
    let call = Call { method: parts.method, route, query, headers: parts.headers, body: Vec::from(body) };
    let mut entry = LoggedCall {
        number: 0,
        at_ms: now_ms(),
        kind: call.route.kind(),
        method: call.method.to_string(),
        target,
        status: 0,
        body_bytes: call.body.len(),
        took_us: 0,
        fault: None,
        note: None,
    };
    if let Route::Sandbox(_) = call.route {
        return carry_out(&shared.world, call).await.into_response();
    }
    let fault = {
        let mut faults = lock(&shared.world.faults);
        if faults.is_empty() { None } else { faults.take(entry.kind, &subject(&entry.target, &call)) }
    };
    entry.fault = fault.as_ref().map(Fault::describe);
    let reply = answer(&shared, peer, call, fault).await;
    entry.took_us = started.elapsed().as_micros() as u64;
    entry.status = reply.as_ref().map_or(0, |reply| reply.status);
    entry.note = reply.as_ref().and_then(|reply| reply.note.clone());
    lock(&shared.world.log).push(entry);
    match reply {
        Some(reply) => reply.into_response(),
        None => std::future::pending().await,
    }
}

/// What a fault script may look for: the target, and the statement of a call that carries one.
fn subject(target: &str, call: &Call) -> String {
    match call.route {
        Route::Statement | Route::Query => {
            let statement = call.json::<Value>().ok();
            let text = statement.as_ref().and_then(|body| body["statement"].as_str().or_else(|| body["sqlText"].as_str()));
            format!("{target} {}", text.unwrap_or(""))
        }
        _ => target.to_owned(),
    }
}

/// Carries a call out as far as its fault lets it. `None` is a call that is never answered.
async fn answer(shared: &Shared, peer: SocketAddr, call: Call, fault: Option<Fault>) -> Option<Reply> {
    let world = &shared.world;
    let Some(Fault { delay_ms, action }) = fault else { return Some(carry_out(world, call).await) };
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let apply = match &action {
        Action::Respond { apply, .. } | Action::DropConnection { apply } | Action::Hang { apply } | Action::Garbage { apply } => {
            *apply
        }
        Action::Proceed | Action::Drip { .. } | Action::InvalidateChannel => true,
    };
    if let (Action::InvalidateChannel, Route::Append(pipe, channel) | Route::Open(pipe, channel)) = (&action, &call.route) {
        streaming::invalidate(world, pipe, channel);
    }
    let real = if apply { Some(carry_out(world, call).await) } else { None };
    match action {
        Action::Proceed | Action::InvalidateChannel => real,
        Action::Respond { status, body, headers, .. } => {
            let mut reply = match body {
                Value::Null => Reply::text(status, ""),
                Value::String(text) => Reply::text(status, &text),
                json => Reply::json(status, &json),
            };
            reply.headers = headers;
            Some(reply)
        }
        Action::DropConnection { .. } => {
            shared.connections.control(peer)?.cut();
            Some(real.unwrap_or_else(|| Reply::text(200, "")).noting("the connection was closed instead"))
        }
        Action::Hang { .. } => None,
        Action::Garbage { .. } => Some(Reply::text(200, "<html>not what you asked for</html>")),
        Action::Drip { pause_ms } => {
            shared.connections.control(peer)?.drip(Duration::from_millis(pause_ms));
            real
        }
    }
}

/// Calls run to their end even when the caller goes away, as they would on a server.
async fn carry_out(world: &Arc<World>, call: Call) -> Reply {
    let world = world.clone();
    tokio::task::spawn_blocking(move || dispatch(&world, call))
        .await
        .unwrap_or_else(|_| Reply::error(500, "ERR_SANDBOX", "the stand-in itself failed"))
}

fn dispatch(world: &World, call: Call) -> Reply {
    match &call.route {
        Route::Hostname
        | Route::Token
        | Route::PipeInfo(_)
        | Route::Status(_)
        | Route::Open(..)
        | Route::Drop(..)
        | Route::Append(..)
        | Route::FileBuffer(_)
        | Route::TableRows(..) => streaming::handle(world, call),
        Route::Statement | Route::StatementResult(_) | Route::StatementCancel(_) => statements::handle(world, &call),
        Route::Telemetry | Route::Login | Route::Query | Route::Session | Route::RenewSession | Route::Heartbeat | Route::Abort => {
            driver::handle(world, &call)
        }
        Route::Sandbox(_) => admin::handle(world, &call),
        Route::Unknown => Reply::text(404, "no such path"),
        Route::WrongMethod => Reply::text(405, "no such method here"),
    }
}
