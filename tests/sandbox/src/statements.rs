//! SQL API v2: one statement per request, signed with a key-pair JWT, each a session of its own.

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::http::{Call, Reply};
use crate::route::Route;
use crate::sql::cursor::Binding;
use crate::sql::error::SqlError;
use crate::sql::session::Session;
use crate::sql::types::SqlType;
use crate::sql::{Kind, Outcome, datetime, execute};
use crate::streaming::key_pair_user;
use crate::world::{World, lock, now_ms};

/// Finished statements whose results can still be asked for.
const REMEMBERED: usize = 200;

/// Finished statements by their handle, and the handles by the request that made them.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    answers: HashMap<String, (u16, Value)>,
    by_request: HashMap<String, String>,
    order: VecDeque<(String, String)>,
}

impl Statements {
    fn remember(&mut self, handle: &str, request_id: &str, status: u16, body: &Value) {
        self.answers.insert(handle.to_owned(), (status, body.clone()));
        self.by_request.insert(request_id.to_owned(), handle.to_owned());
        self.order.push_back((handle.to_owned(), request_id.to_owned()));
        if self.order.len() > REMEMBERED
            && let Some((handle, request_id)) = self.order.pop_front()
        {
            self.answers.remove(&handle);
            self.by_request.remove(&request_id);
        }
    }
}

#[derive(Deserialize)]
struct Body {
    statement: String,
    database: Option<String>,
    schema: Option<String>,
    warehouse: Option<String>,
    role: Option<String>,
    #[serde(default)]
    bindings: Map<String, Value>,
}

pub(crate) fn handle(world: &World, call: &Call) -> Reply {
    if let Err(refusal) = key_pair_user(world, call) {
        return refusal;
    }
    match &call.route {
        Route::StatementResult(handle) => match lock(&world.statements).answers.get(handle) {
            Some((status, body)) => Reply::json(*status, body),
            None => Reply::error(404, "000709", &format!("Statement {handle} not found")),
        },
        Route::StatementCancel(handle) => Reply::error(422, "000709", &format!("Statement {handle} not found")),
        _ => run(world, call),
    }
}

fn run(world: &World, call: &Call) -> Reply {
    if !call.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        return Reply::error(415, "391910", "The content type must be application/json");
    }
    if call.header("user-agent").is_none_or(str::is_empty) {
        return Reply::error(400, "391903", "The header User-Agent is missing");
    }
    let body: Body = match call.json() {
        Ok(body) => body,
        Err(error) => return Reply::error(400, "390142", "Incoming request does not contain a valid payload.").noting(error),
    };
    let request_id = call.parameter("requestId").unwrap_or("").to_owned();
    if call.parameter("retry") == Some("true") {
        let statements = lock(&world.statements);
        if let Some((status, body)) = statements.by_request.get(&request_id).and_then(|handle| statements.answers.get(handle)) {
            return Reply::json(*status, body).noting("a statement that ran before");
        }
    }
    let mut session = Session::new("SANDBOX", body.database, body.schema);
    session.warehouse = body.warehouse;
    if let Some(role) = body.role {
        session.role = role;
    }
    let handle = Uuid::new_v4().to_string();
    let outcome = bindings(&body.bindings).and_then(|bindings| execute(world, &mut session, &body.statement, &bindings));
    let (status, answer) = match outcome {
        Ok(outcome) => (200, result_set(&outcome, &handle, &request_id)),
        Err(error) => {
            let answer = json!({"code": error.code, "message": error.message, "sqlState": error.state, "statementHandle": handle});
            (422, answer)
        }
    };
    lock(&world.statements).remember(&handle, &request_id, status, &answer);
    Reply::json(status, &answer)
}

/// `{"1": {"type": "TEXT", "value": "x"}}`, in order.
fn bindings(given: &Map<String, Value>) -> Result<Vec<Binding>, SqlError> {
    (1..=given.len())
        .map(|nth| {
            let binding = given.get(&nth.to_string()).ok_or_else(|| SqlError::syntax(&format!("binding {nth} is missing")))?;
            let kind = binding["type"].as_str().unwrap_or("TEXT").to_uppercase();
            Ok(Binding { kind, value: binding["value"].as_str().map(str::to_owned) })
        })
        .collect()
}

fn result_set(outcome: &Outcome, handle: &str, request_id: &str) -> Value {
    let row_type: Vec<_> = outcome.columns.iter().map(|column| column.sql_type.describe(&column.name, true)).collect();
    let types: Vec<_> = outcome.columns.iter().map(|column| column.sql_type).collect();
    let data: Vec<Vec<_>> =
        outcome.rows.iter().map(|row| row.iter().zip(&types).map(|(cell, kind)| on_wire(cell, *kind)).collect()).collect();
    let mut answer = json!({
        "resultSetMetaData": {"numRows": outcome.rows.len(), "format": "jsonv2", "rowType": row_type,
            "partitionInfo": [{"rowCount": outcome.rows.len(), "uncompressedSize": 0}]},
        "data": data, "code": "090001", "statementStatusUrl": format!("/api/v2/statements/{handle}"), "requestId": request_id,
        "sqlState": "00000", "statementHandle": handle, "message": "Statement executed successfully.", "createdOn": now_ms(),
    });
    if let (Kind::Insert, Some(rows)) = (outcome.kind, outcome.rows.first().and_then(|row| row.first().cloned().flatten())) {
        answer["stats"] = json!({"numRowsInserted": rows.parse::<u64>().unwrap_or(0), "numRowsUpdated": 0, "numRowsDeleted": 0,
            "numDuplicateRowsUpdated": 0});
    }
    answer
}

/// A cell as the protocols carry it: points in time as counts since 1970.
pub(crate) fn on_wire(cell: &Option<String>, sql_type: SqlType) -> Option<String> {
    let text = cell.as_ref()?;
    if sql_type.is_timestamp() {
        let moment = datetime::parse(text)?;
        return Some(format!("{}.{:09}", moment.seconds, moment.nanos));
    }
    if sql_type == SqlType::Date {
        return Some((datetime::parse(text)?.seconds / 86_400).to_string());
    }
    if sql_type == SqlType::Time {
        let moment = datetime::parse(&format!("1970-01-01 {text}"))?;
        return Some(format!("{}.{:09}", moment.seconds, moment.nanos));
    }
    Some(text.clone())
}
