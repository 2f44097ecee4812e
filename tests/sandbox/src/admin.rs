//! What only the sandbox has, under `/sandbox/`: keys, faults, the ledger, the log, settings, and a query without a login.
//!
//! | call | does |
//! | --- | --- |
//! | `GET /sandbox/health` | answers when the stand-in is up |
//! | `POST /sandbox/keys` | registers `{"account", "user", "public_key"}`; with `"replace": true` as the user's only key |
//! | `DELETE /sandbox/keys?account=&user=` | forgets a user's keys |
//! | `DELETE /sandbox/tokens` | makes every scoped token invalid |
//! | `GET`, `POST`, `DELETE /sandbox/faults` | lists, adds (one or a list), clears fault scripts |
//! | `GET`, `POST /sandbox/settings` | shows, changes settings; keys left out stay |
//! | `POST /sandbox/commit` | commits pending rows now; `{"channel"}` limits it to one name |
//! | `POST /sandbox/channels/invalidate` | invalidates channels; `{"channel"}` limits it to one name |
//! | `GET /sandbox/ledger` | what each table and channel took, by topic and partition |
//! | `GET /sandbox/rows?table=&from=&limit=` | committed rows as they came |
//! | `GET /sandbox/requests` | the last calls |
//! | `POST /sandbox/query` | runs `{"sql"}`, answers `{"columns", "rows"}` |

use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::Script;
use crate::http::{Call, Reply};
use crate::route::Route;
use crate::sql::session::Session;
use crate::world::{DATABASE, World, lock};

/// Rows that `GET /sandbox/rows` gives unless asked for another number.
const ROWS_PER_PAGE: usize = 10_000;

pub(crate) fn handle(world: &World, call: &Call) -> Reply {
    let Route::Sandbox(path) = &call.route else { return Reply::text(404, "no such path") };
    let outcome = match (path.as_str(), call.method.as_str()) {
        ("health", "GET") => Ok(json!({"status": "up"})),
        ("keys", "POST") => register_key(world, call),
        ("keys", "DELETE") => Ok(json!({"forgotten": forget_key(world, call)})),
        ("tokens", "DELETE") => Ok(json!({"expired": lock(&world.auth).expire_scoped()})),
        ("faults", "GET") => Ok(json!({"faults": lock(&world.faults).list()})),
        ("faults", "POST") => add_faults(world, call),
        ("faults", "DELETE") => Ok(json!({"cleared": lock(&world.faults).clear()})),
        ("settings", "GET") => Ok(json!(&*lock(&world.settings))),
        ("settings", "POST") => change_settings(world, call),
        ("commit", "POST") => commit(world, call),
        ("channels/invalidate", "POST") => invalidate(world, call),
        ("ledger", "GET") => Ok(ledger(world)),
        ("rows", "GET") => rows(world, call),
        ("requests", "GET") => Ok(json!({"requests": lock(&world.log).calls().collect::<Vec<_>>()})),
        ("query", "POST") => query(world, call),
        _ => return Reply::text(404, "no such path"),
    };
    match outcome {
        Ok(body) => Reply::json(200, &body),
        Err(message) => Reply::json(400, &json!({"message": message})),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    account: String,
    user: String,
    public_key: String,
    #[serde(default)]
    replace: bool,
}

fn register_key(world: &World, call: &Call) -> Result<Value, String> {
    let key: KeyBody = call.json()?;
    let fingerprint = lock(&world.auth).register(&key.account, &key.user, &key.public_key, key.replace)?;
    Ok(json!({"fingerprint": fingerprint}))
}

fn forget_key(world: &World, call: &Call) -> bool {
    lock(&world.auth).forget(call.parameter("account").unwrap_or(""), call.parameter("user").unwrap_or(""))
}

fn add_faults(world: &World, call: &Call) -> Result<Value, String> {
    let body: Value = call.json()?;
    let scripts: Vec<Script> = match body {
        Value::Array(_) => serde_json::from_value(body),
        one => serde_json::from_value(one).map(|script| vec![script]),
    }
    .map_err(|error| error.to_string())?;
    let mut faults = lock(&world.faults);
    Ok(json!({"ids": scripts.into_iter().map(|script| faults.add(script)).collect::<Vec<_>>()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsBody {
    /// `"manual"`, or milliseconds.
    commit_delay_ms: Option<Value>,
    keep_rows: Option<bool>,
    replay_answers: Option<bool>,
    body_limit: Option<usize>,
    token_lifetime_s: Option<u64>,
}

fn change_settings(world: &World, call: &Call) -> Result<Value, String> {
    let asked: SettingsBody = call.json()?;
    let mut settings = lock(&world.settings);
    if let Some(delay) = asked.commit_delay_ms {
        settings.commit_delay_ms = match delay {
            Value::String(text) if text == "manual" => None,
            other => Some(other.as_u64().ok_or("commit_delay_ms is `\"manual\"` or a number of milliseconds")?),
        };
    }
    settings.keep_rows = asked.keep_rows.unwrap_or(settings.keep_rows);
    settings.replay_answers = asked.replay_answers.unwrap_or(settings.replay_answers);
    settings.body_limit = asked.body_limit.unwrap_or(settings.body_limit);
    settings.token_lifetime_s = asked.token_lifetime_s.unwrap_or(settings.token_lifetime_s);
    Ok(json!(&*settings))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelBody {
    channel: Option<String>,
}

fn commit(world: &World, call: &Call) -> Result<Value, String> {
    let asked: ChannelBody = call.json()?;
    let rows = lock(&world.state).commit(None, |channel| asked.channel.as_ref().is_none_or(|name| channel.name == *name));
    Ok(json!({"rows": rows}))
}

fn invalidate(world: &World, call: &Call) -> Result<Value, String> {
    let asked: ChannelBody = call.json()?;
    let mut state = world.settled();
    let picked = state.channels.values_mut().filter(|channel| asked.channel.as_ref().is_none_or(|name| channel.name == *name));
    Ok(json!({"channels": picked.map(|channel| channel.invalidate()).count()}))
}

fn ledger(world: &World) -> Value {
    let state = world.settled();
    let tables: Vec<_> = state
        .catalog
        .tables()
        .map(|table| {
            let channels: Vec<_> = state
                .channels
                .values()
                .filter(|channel| channel.table == table.id)
                .map(|channel| {
                    json!({"channel": channel.name, "committed_token": channel.committed_token, "counts": channel.counts,
                        "status": channel.status()["channel_status_code"]})
                })
                .collect();
            json!({"table": table.name.to_string(), "id": table.id, "ledger": table.ledger.report(), "channels": channels})
        })
        .collect();
    json!({"tables": tables})
}

fn rows(world: &World, call: &Call) -> Result<Value, String> {
    let asked = call.parameter("table").ok_or("the parameter `table` is missing")?;
    let number = |name: &str, default: usize| {
        call.parameter(name).map_or(Ok(default), |text| text.parse().map_err(|_| format!("`{name}` is not a number")))
    };
    let (from, limit) = (number("from", 0)?, number("limit", ROWS_PER_PAGE)?);
    let (total, batches) = {
        let state = world.settled();
        let table = state.catalog.tables().find(|table| table.name.to_string() == asked || table.name.table == asked);
        let table = table.ok_or_else(|| format!("there is no table `{asked}`"))?;
        (table.ledger.rows(), table.batches.clone())
    };
    let lines: Vec<_> =
        batches.iter().flat_map(|batch| batch.lines()).skip(from).take(limit).map(String::from_utf8_lossy).collect();
    Ok(json!({"total": total, "from": from, "lines": lines}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryBody {
    sql: String,
}

fn query(world: &World, call: &Call) -> Result<Value, String> {
    let asked: QueryBody = call.json()?;
    let mut session = Session::new("SANDBOX", Some(DATABASE.to_owned()), None);
    let outcome = crate::sql::execute(world, &mut session, &asked.sql, &[]).map_err(|error| error.to_string())?;
    let columns: Vec<_> = outcome.columns.iter().map(|column| &column.name).collect();
    Ok(json!({"columns": columns, "rows": outcome.rows}))
}
