//! The v2 streaming REST: hostname, scoped token, pipe-info, open, append, status, drop.
//!
//! The first two are asked of the account with a key-pair JWT, all others of the ingest host with the scoped token. A pipe is the
//! default one of a table, `<TABLE>-STREAMING`, and exists as long as the table does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::auth::User;
use crate::catalog::{Shape, TableId};
use crate::channel::{Admission, Channel, Pending};
use crate::http::{Call, Reply};
use crate::route::{PipePath, Route, form};
use crate::rows;
use crate::world::{ChannelKey, State, World, channel_key, lock, now_ms};

const DEFAULT_PIPE: &str = "-STREAMING";
/// The channel of a pipe that takes rows without tokens, at least once.
const ELASTIC: &str = "ELASTIC";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long the (unusable) stage credentials of pipe-info claim to live.
const STAGE_LIFETIME_MS: i64 = 3_600_000;

const NO_CHANNEL: &str = "ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED";
const NO_PIPE: &str = "ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED";
const NO_TABLE: &str = "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED";
const STALE: &str = "STALE_CONTINUATION_TOKEN_SEQUENCER";

pub(crate) fn handle(world: &World, call: Call) -> Reply {
    let outcome = match &call.route {
        Route::Hostname => key_pair_user(world, &call).map(|_| Reply::text(200, &world.hostname)),
        Route::Token => key_pair_user(world, &call).and_then(|user| scoped_token(world, &call, &user)),
        _ => check_scoped(world, &call).and_then(|()| ingest(world, call)),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

/// Who signed the call's JWT. What is wrong with it is noted in the log and not told.
pub(crate) fn key_pair_user(world: &World, call: &Call) -> Result<User, Reply> {
    let refusal = || Reply::error(401, "390144", &format!("JWT token is invalid. [{}]", uuid::Uuid::new_v4()));
    let token_type = call.header("x-snowflake-authorization-token-type");
    if token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("KEYPAIR_JWT")) {
        return Err(refusal().noting("the token type is not KEYPAIR_JWT"));
    }
    let jwt = call.bearer().ok_or_else(|| refusal().noting("no bearer token"))?;
    lock(&world.auth).verify(jwt, now_ms()).map_err(|error| refusal().noting(error))
}

fn scoped_token(world: &World, call: &Call, user: &User) -> Result<Reply, Reply> {
    let fields = form(&String::from_utf8_lossy(&call.body));
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if field("grant_type") != Some(JWT_BEARER) {
        return Err(Reply::error(400, "390142", "Incoming request does not contain a valid payload.").noting("grant_type"));
    }
    if field("scope") != Some(world.hostname.as_str()) {
        return Err(
            Reply::error(400, "390142", "Incoming request does not contain a valid payload.").noting("scope is not the hostname")
        );
    }
    let lifetime = Duration::from_secs(lock(&world.settings).token_lifetime_s);
    Ok(Reply::text(200, &lock(&world.auth).issue_scoped(user, &world.hostname, now_ms(), lifetime)))
}

fn check_scoped(world: &World, call: &Call) -> Result<(), Reply> {
    let refusal = || Reply::error(401, "390303", "Invalid OAuth access token.");
    let token_type = call.header("x-snowflake-authorization-token-type");
    if token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("OAUTH")) {
        return Err(refusal().noting("the token type is not OAUTH"));
    }
    let token = call.bearer().ok_or_else(|| refusal().noting("no bearer token"))?;
    if lock(&world.auth).accepts_scoped(token) { Ok(()) } else { Err(refusal().noting("unknown or expired scoped token")) }
}

fn ingest(world: &World, mut call: Call) -> Result<Reply, Reply> {
    let body = std::mem::take(&mut call.body);
    match &call.route {
        Route::PipeInfo(pipe) => pipe_info(world, &call, pipe),
        Route::Open(pipe, channel) => open(world, &body, pipe, channel),
        Route::Append(pipe, channel) if channel.eq_ignore_ascii_case(ELASTIC) => append_elastic(world, &call, body, pipe),
        Route::Append(pipe, channel) => append(world, &call, body, pipe, channel),
        Route::TableRows(database, schema, table) => {
            let pipe = PipePath { database: database.clone(), schema: schema.clone(), pipe: format!("{table}{DEFAULT_PIPE}") };
            append_elastic(world, &call, body, &pipe)
        }
        Route::Status(pipe) => statuses(world, &body, pipe),
        Route::Drop(pipe, channel) => drop_channel(world, &body, pipe, channel),
        Route::FileBuffer(_) => {
            Err(Reply::error(400, "ERR_FILE_MODE_NOT_SUPPORTED", "the stand-in takes rows, not files; send smaller bodies"))
        }
        _ => Err(Reply::text(404, "no such path")),
    }
}

/// The table of a default pipe.
fn table_of(state: &State, pipe: &PipePath) -> Result<(TableId, Arc<Shape>), Reply> {
    let suffix_at = pipe.pipe.len().checked_sub(DEFAULT_PIPE.len()).filter(|at| pipe.pipe.is_char_boundary(*at));
    let table = suffix_at.map(|at| pipe.pipe.split_at(at)).filter(|(_, suffix)| suffix.eq_ignore_ascii_case(DEFAULT_PIPE));
    let Some((table, _)) = table else {
        return Err(Reply::error(404, NO_PIPE, "The specified pipe does not exist or not authorized"));
    };
    match state.catalog.find_by_uri(&pipe.database, &pipe.schema, table) {
        Some(table) => Ok((table.id, table.shape.clone())),
        None => Err(Reply::error(404, NO_TABLE, "The specified table does not exist or not authorized")),
    }
}

fn key(pipe: &PipePath, channel: &str) -> ChannelKey {
    channel_key(&pipe.database, &pipe.schema, &pipe.pipe, channel)
}

fn no_channel() -> Reply {
    Reply::error(404, NO_CHANNEL, "The specified channel does not exist or not authorized")
}

fn bad_request(message: &str) -> Reply {
    Reply::error(400, "ERR_INVALID_REQUEST", message)
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Reply> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| bad_request(&format!("the body is not what this call takes: {error}")))
}

fn pipe_info(world: &World, call: &Call, pipe: &PipePath) -> Result<Reply, Reply> {
    table_of(&lock(&world.state), pipe)?;
    // Named so that a client that would rather upload a file comes back here instead of asking a cloud.
    let endpoint = call.header("host").unwrap_or("127.0.0.1");
    let stage = json!({"location_type": "S3", "location": "sandbox/none/", "path_prefix": "none/", "bucket_name": "sandbox",
        "region": "us-west-2", "storage_account": null, "endpoint": null, "storage_endpoint": endpoint,
        "use_s3_regional_url": false, "use_fips": false, "expiry_time_ms": now_ms() + STAGE_LIFETIME_MS,
        "creds": {"AWS_KEY_ID": "none", "AWS_SECRET_KEY": "none", "AWS_TOKEN": "none"}});
    let pipe_key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [0u8; 32]);
    Ok(Reply::json(
        200,
        &json!({"rowset_stage_location": stage, "durable_stage_location": stage,
            "encryption_info": {"pipe_key": pipe_key, "pipe_key_id": 1, "diversifier": "none"}}),
    ))
}

#[derive(Deserialize)]
struct OpenBody {
    #[serde(default)]
    offset_token: Option<String>,
    #[serde(default)]
    fail_on_uncommitted_rows: bool,
}

fn open(world: &World, body: &[u8], pipe: &PipePath, name: &str) -> Result<Reply, Reply> {
    let asked: OpenBody = parse(body)?;
    let mut state = world.settled();
    let (table, _) = table_of(&state, pipe)?;
    let key = key(pipe, name);
    let channel = channel_or_new(&mut state, &key, pipe, name, table);
    match channel.open(asked.fail_on_uncommitted_rows, asked.offset_token) {
        Some(token) => Ok(Reply::json(200, &json!({"next_continuation_token": token, "channel_status": channel.status()}))),
        None => Err(Reply::error(409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", "The channel has uncommitted data")),
    }
}

fn channel_or_new<'s>(state: &'s mut State, key: &ChannelKey, pipe: &PipePath, name: &str, table: TableId) -> &'s mut Channel {
    if state.channel(key).is_none() {
        state.lives += 1;
        let names = [pipe.database.as_str(), &pipe.schema, &pipe.pipe, name];
        let channel = Channel::new(names, table, state.lives, now_ms());
        state.channels.insert(key.clone(), channel);
    }
    state.channels.get_mut(key).expect("the channel was inserted when it was absent")
}

fn append(world: &World, call: &Call, body: Vec<u8>, pipe: &PipePath, name: &str) -> Result<Reply, Reply> {
    let Some(token) = call.parameter("continuationToken") else { return Err(bad_request("continuationToken is missing")) };
    let request_id = call.parameter("requestId").unwrap_or("");
    let settings = lock(&world.settings).clone();
    let key = key(pipe, name);
    let admit = |state: &mut State| -> Result<Option<Reply>, Reply> {
        table_of(state, pipe)?;
        let channel = state.channel(&key).ok_or_else(no_channel)?;
        match channel.admit(token, request_id, settings.replay_answers) {
            Admission::Due => Ok(None),
            Admission::Answered(next) => Ok(Some(Reply::json(200, &json!({"next_continuation_token": next})).noting("replayed"))),
            Admission::Stale => Err(Reply::error(
                400,
                STALE,
                "The continuation token is stale: the channel was opened again, or the append was taken",
            )),
            Admission::Invalid(code) => Err(Reply::error(409, code, "The channel is invalid and must be opened again")),
        }
    };
    let shape = {
        let mut state = lock(&world.state);
        if let Some(reply) = admit(&mut state)? {
            return Ok(reply);
        }
        table_of(&state, pipe)?.1
    };
    let scan = read_rows(call, body, settings.body_limit, &shape, settings.keep_rows)?;
    let note = format!("{} rows, {} rejected", scan.accepted, scan.rejected);
    let end_token = call.parameter("endOffsetToken").map(str::to_owned);
    let mut state = lock(&world.state);
    // While the rows were read, somebody may have opened the channel, or the same append may have been taken.
    if let Some(reply) = admit(&mut state)? {
        return Ok(reply);
    }
    let now = Instant::now();
    let due = settings.commit_delay_ms.map(|delay| now + Duration::from_millis(delay));
    let channel = state.channel(&key).ok_or_else(no_channel)?;
    let next = channel.append(request_id, Pending { due, end_token, scan });
    state.commit(Some(now), |_| true);
    Ok(Reply::json(200, &json!({"next_continuation_token": next})).noting(note))
}

fn append_elastic(world: &World, call: &Call, body: Vec<u8>, pipe: &PipePath) -> Result<Reply, Reply> {
    let settings = lock(&world.settings).clone();
    let (table, shape) = table_of(&lock(&world.state), pipe)?;
    let scan = read_rows(call, body, settings.body_limit, &shape, settings.keep_rows)?;
    let mut state = lock(&world.state);
    let now = Instant::now();
    let due = settings.commit_delay_ms.map(|delay| now + Duration::from_millis(delay));
    let channel = channel_or_new(&mut state, &key(pipe, ELASTIC), pipe, ELASTIC, table);
    channel.append("", Pending { due, end_token: None, scan });
    state.commit(Some(now), |_| true);
    Ok(Reply::json(200, &json!({"message": "OK", "next_continuation_token": ""})))
}

fn read_rows(call: &Call, body: Vec<u8>, limit: usize, shape: &Shape, keep: bool) -> Result<rows::Scan, Reply> {
    if body.len() > limit {
        return Err(Reply::error(
            413,
            "ERR_REQUEST_TOO_LARGE",
            &format!("the body has {} bytes, the limit is {limit}", body.len()),
        ));
    }
    rows::decode(body, call.header("content-encoding"))
        .and_then(|plain| rows::scan(plain, shape, keep))
        .map_err(|error| Reply::error(400, "ERR_INVALID_ROWS", &error.to_string()))
}

#[derive(Deserialize)]
struct StatusBody {
    channel_names: Vec<String>,
}

fn statuses(world: &World, body: &[u8], pipe: &PipePath) -> Result<Reply, Reply> {
    let asked: StatusBody = parse(body)?;
    let mut state = world.settled();
    let (table, _) = table_of(&state, pipe)?;
    let mut found = Map::new();
    for name in asked.channel_names {
        let key = key(pipe, &name);
        if name == ELASTIC {
            channel_or_new(&mut state, &key, pipe, ELASTIC, table);
        }
        // Names in the list, unlike those in a URI, are told apart by case.
        if let Some(channel) = state.channel(&key).filter(|channel| channel.name == name) {
            found.insert(name, channel.status());
        }
    }
    Ok(Reply::json(200, &json!({"channel_statuses": Value::Object(found)})))
}

fn drop_channel(world: &World, body: &[u8], pipe: &PipePath, name: &str) -> Result<Reply, Reply> {
    let asked: OpenBody = parse(body)?;
    let mut state = world.settled();
    table_of(&state, pipe)?;
    let key = key(pipe, name);
    let channel = state.channel(&key).ok_or_else(no_channel)?;
    if asked.fail_on_uncommitted_rows && channel.has_pending() {
        return Err(Reply::error(409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", "The channel has uncommitted data"));
    }
    let token = channel.committed_token.clone();
    state.channels.remove(&key);
    Ok(Reply::json(200, &json!({"last_committed_offset_token": token})))
}

/// Makes a channel invalid, as a server does that lost its buffer.
pub(crate) fn invalidate(world: &World, pipe: &PipePath, name: &str) {
    if let Some(channel) = world.settled().channel(&key(pipe, name)) {
        channel.invalidate();
    }
}
