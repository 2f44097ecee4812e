//! The drivers' protocol: login, queries in a session, renewal, close. Answers are HTTP 200 throughout; `success` tells.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Call, Reply};
use crate::route::Route;
use crate::sql::session::Session;
use crate::sql::types::SqlType;
use crate::sql::{Kind, Outcome, execute};
use crate::statements::on_wire;
use crate::world::{World, lock, now_ms};

const SESSION_SECONDS: u32 = 3600;
const MASTER_SECONDS: u32 = 14_400;

/// Sessions that are logged in, by their token; and the token of each by its master token.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_token: HashMap<String, (u64, Session)>,
    by_master: HashMap<String, String>,
    count: u64,
}

pub(crate) fn handle(world: &World, call: &Call) -> Reply {
    match &call.route {
        Route::Login => login(world, call),
        Route::Query => query(world, call),
        Route::RenewSession => renew(world, call),
        Route::Session => {
            if call.parameter("delete").is_some()
                && let Some(token) = session_token(call)
            {
                lock(&world.sessions).by_token.remove(token);
            }
            done(Value::Null)
        }
        Route::Heartbeat | Route::Abort => done(Value::Null),
        _ => done(json!("ok")),
    }
}

fn done(data: Value) -> Reply {
    Reply::json(200, &json!({"data": data, "code": null, "message": null, "success": true}))
}

fn failed(code: &str, message: &str, data: Value) -> Reply {
    Reply::json(200, &json!({"data": data, "code": code, "message": message, "success": false}))
}

fn session_token(call: &Call) -> Option<&str> {
    call.header("authorization")?.strip_prefix("Snowflake Token=\"")?.strip_suffix('"')
}

#[derive(Deserialize)]
struct LoginBody {
    data: LoginData,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct LoginData {
    #[serde(default)]
    login_name: String,
    #[serde(default)]
    authenticator: String,
    token: Option<String>,
}

fn login(world: &World, call: &Call) -> Reply {
    let body: LoginBody = match call.json() {
        Ok(body) => body,
        Err(error) => return failed("390142", "Incoming request does not contain a valid payload.", Value::Null).noting(error),
    };
    let data = body.data;
    let next = json!({"nextAction": "RETRY_LOGIN", "authnMethod": "KEYPAIR", "signInOptions": {}});
    let jwt = data.token.filter(|_| data.authenticator.eq_ignore_ascii_case("SNOWFLAKE_JWT"));
    let Some(jwt) = jwt else {
        return failed("390100", "Incorrect username or password was specified.", next);
    };
    let refused =
        |note: String| failed("390144", &format!("JWT token is invalid. [{}]", Uuid::new_v4()), next.clone()).noting(note);
    let user = match lock(&world.auth).verify(&jwt, now_ms()) {
        Ok(user) => user,
        Err(error) => return refused(error.to_string()),
    };
    if !user.name.eq_ignore_ascii_case(&data.login_name) {
        return refused("the login name is not the user of the JWT".to_owned());
    }
    let upper = |name: &str| call.parameter(name).map(str::to_uppercase);
    let database = upper("databaseName").filter(|name| lock(&world.state).catalog.has_database(name));
    let schema = upper("schemaName")
        .filter(|schema| database.as_ref().is_some_and(|database| lock(&world.state).catalog.has_schema(database, schema)));
    let mut session = Session::new(&user.name, database, schema);
    session.warehouse = upper("warehouse");
    session.role = upper("roleName").unwrap_or(session.role);

    let (token, master) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    let mut sessions = lock(&world.sessions);
    sessions.count += 1;
    let id = sessions.count;
    let info = json!({"databaseName": session.database, "schemaName": session.schema, "warehouseName": session.warehouse,
        "roleName": session.role});
    sessions.by_token.insert(token.clone(), (id, session));
    sessions.by_master.insert(master.clone(), token.clone());
    done(json!({
        "masterToken": master, "token": token, "validityInSeconds": SESSION_SECONDS, "masterValidityInSeconds": MASTER_SECONDS,
        "displayUserName": user.name, "serverVersion": "9.0.0", "firstLogin": false, "remMeToken": null,
        "remMeValidityInSeconds": 0,
        "healthCheckInterval": 45, "newClientForUpgrade": null, "sessionId": id, "parameters": [], "sessionInfo": info,
        "idToken": null, "idTokenValidityInSeconds": 0, "responseData": null, "mfaToken": null, "mfaTokenValidityInSeconds": 0,
    }))
}

fn renew(world: &World, call: &Call) -> Reply {
    let mut sessions = lock(&world.sessions);
    let renewed = session_token(call).and_then(|master| {
        let old = sessions.by_master.get(master)?.clone();
        let session = sessions.by_token.remove(&old)?;
        let (token, id) = (Uuid::new_v4().to_string(), session.0);
        sessions.by_token.insert(token.clone(), session);
        sessions.by_master.insert(master.to_owned(), token.clone());
        Some(json!({"sessionToken": token, "masterToken": master, "validityInSecondsST": SESSION_SECONDS,
            "validityInSecondsMT": MASTER_SECONDS, "sessionId": id}))
    });
    match renewed {
        Some(data) => done(data),
        None => failed("390115", "Authentication token is invalid. The user must authenticate again.", Value::Null),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryBody {
    sql_text: String,
}

fn query(world: &World, call: &Call) -> Reply {
    let token = session_token(call).unwrap_or("");
    let Some((_, mut session)) = lock(&world.sessions).by_token.get(token).cloned() else {
        return failed("390104", "Session no longer exists. New login required to access the service.", Value::Null);
    };
    let body: QueryBody = match call.json() {
        Ok(body) => body,
        Err(error) => return failed("390142", "Incoming request does not contain a valid payload.", Value::Null).noting(error),
    };
    let query_id = Uuid::new_v4().to_string();
    let outcome = match execute(world, &mut session, &body.sql_text, &[]) {
        Ok(outcome) => outcome,
        Err(error) => {
            let data = json!({"internalError": false, "errorCode": error.code, "sqlState": error.state, "queryId": query_id,
                "line": 1, "pos": 0, "type": "COMPILATION"});
            return failed(&error.code, &error.message, data);
        }
    };
    if let Some((_, known)) = lock(&world.sessions).by_token.get_mut(token) {
        known.clone_from(&session);
    }
    done(answer(&outcome, &session, &query_id))
}

fn answer(outcome: &Outcome, session: &Session, query_id: &str) -> Value {
    let row_type: Vec<_> = outcome.columns.iter().map(|column| column.sql_type.describe(&column.name, true)).collect();
    let cell = |cell: &Option<String>, sql_type: SqlType| match (cell.as_deref(), sql_type) {
        // Drivers read a boolean as a digit.
        (Some(text), SqlType::Boolean) => Some(if text == "true" { "1" } else { "0" }.to_owned()),
        _ => on_wire(cell, sql_type),
    };
    let row_set: Vec<Vec<_>> = outcome
        .rows
        .iter()
        .map(|row| row.iter().zip(&outcome.columns).map(|(text, column)| cell(text, column.sql_type)).collect())
        .collect();
    let statement_type = match outcome.kind {
        Kind::Query => 0x1000,
        Kind::Insert => 0x3100,
        Kind::Update => 0x3200,
        Kind::Delete => 0x3300,
        Kind::Other => 0x6000,
    };
    json!({
        "parameters": [], "rowtype": row_type, "rowset": row_set, "total": outcome.rows.len(), "returned": outcome.rows.len(),
        "queryId": query_id, "databaseProvider": null, "finalDatabaseName": session.database, "finalSchemaName": session.schema,
        "finalWarehouseName": session.warehouse, "finalRoleName": session.role, "numberOfBinds": 0, "arrayBindSupported": false,
        "statementTypeId": statement_type, "version": 1, "sendResultTime": now_ms(), "queryResultFormat": "json",
        "queryContext": {"entries": []},
    })
}
