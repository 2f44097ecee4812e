//! The stand-in over HTTP, as its callers see it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::auth::testing::Signer;
use crate::serve::{StandIn, names, start};
use crate::tls::Tls;
use crate::world::{Settings, World, lock};

const PIPE: &str = "databases/CRYPTO_DB/schemas/PUBLIC/pipes/T-STREAMING";

/// A stand-in with a table `T (RECORD_METADATA VARIANT, ID NUMBER)`, and a client of it that has a key.
struct Stage {
    runtime: Runtime,
    stand_in: StandIn,
    ca_pem: String,
    signer: Signer,
    public_der: Vec<u8>,
    agent: ureq::Agent,
}

/// A status and a body.
type Answer = Result<(u16, String), ureq::Error>;

impl Stage {
    fn new() -> Self {
        let (signer, public_der) = Signer::new();
        let world = Arc::new(World::new("127.0.0.1", Settings::default()).unwrap());
        lock(&world.auth).register_der("ACME-ONE", "LOADER", public_der.clone(), false).unwrap();
        let tls = Tls::generate(&names("127.0.0.1")).unwrap();
        let runtime = Runtime::new().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let stand_in = runtime.block_on(async { start(&world, &tls, any, any) }).unwrap();
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20)));
        let stage = Self { runtime, stand_in, ca_pem: tls.ca_pem, signer, public_der, agent: config.build().into() };
        stage.sandbox("query", &json!({"sql": "create table t (record_metadata variant, id number)"}));
        stage
    }

    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = axum::http::Request::builder().method(method).uri(format!("http://{}{path}", self.stand_in.http));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = self.agent.run(request.body(body.to_vec()).unwrap())?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    fn sandbox(&self, path: &str, body: &Value) -> Value {
        let (status, text) = self.call("POST", &format!("/sandbox/{path}"), &[], body.to_string().as_bytes()).unwrap();
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.call("GET", &format!("/sandbox/{path}"), &[], &[]).unwrap().1).unwrap()
    }

    fn key_pair(&self) -> String {
        format!("Bearer {}", self.signer.jwt(&self.public_der, "ACME-ONE.LOADER"))
    }

    fn scoped(&self) -> String {
        let form = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=127.0.0.1";
        let (status, token) = self.call("POST", "/oauth/token", &[("authorization", &self.key_pair())], form).unwrap();
        assert_eq!(status, 200, "{token}");
        format!("Bearer {token}")
    }

    fn open(&self, token: &str, body: &Value) -> (u16, Value) {
        let path = format!("/v2/streaming/{PIPE}/channels/c");
        let (status, text) = self.call("PUT", &path, &[("authorization", token)], body.to_string().as_bytes()).unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }

    /// Opens the channel and returns its continuation token.
    fn opened(&self, token: &str) -> String {
        let (status, body) = self.open(token, &json!({"fail_on_uncommitted_rows": true}));
        assert_eq!(status, 200, "{body}");
        body["next_continuation_token"].as_str().unwrap().to_owned()
    }

    fn append(&self, token: &str, continuation: &str, offset: u64, rows: &str) -> Answer {
        let path = format!(
            "/v2/streaming/data/{PIPE}/channels/c/rows?startOffsetToken={offset}&endOffsetToken={offset}\
             &continuationToken={continuation}&requestId=r{offset}&retryCount=0"
        );
        let body = zstd::encode_all(rows.as_bytes(), 1).unwrap();
        self.call("POST", &path, &[("authorization", token), ("content-encoding", "zstd")], &body)
    }

    fn appended(&self, token: &str, continuation: &str, offset: u64, rows: &str) -> String {
        let (status, text) = self.append(token, continuation, offset, rows).unwrap();
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["next_continuation_token"].as_str().unwrap().to_owned()
    }

    fn status(&self, token: &str) -> Value {
        let path = format!("/v2/streaming/{PIPE}:bulk-channel-status");
        let (status, text) = self.call("POST", &path, &[("authorization", token)], br#"{"channel_names":["c","other"]}"#).unwrap();
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["channel_statuses"].take()
    }

    fn rows(&self) -> u64 {
        self.get("ledger")["tables"][0]["ledger"]["rows"].as_u64().unwrap()
    }

    fn code(answer: Answer) -> (u16, String) {
        let (status, text) = answer.unwrap();
        (status, serde_json::from_str::<Value>(&text).unwrap()["code"].as_str().unwrap().to_owned())
    }

    fn statement(&self, sql: &str) -> (u16, Value) {
        let headers = [("authorization", &*self.key_pair()), ("content-type", "application/json"), ("user-agent", "test/1")];
        let body = json!({"statement": sql, "database": "CRYPTO_DB", "schema": "PUBLIC"}).to_string();
        let (status, text) = self.call("POST", "/api/v2/statements?requestId=q", &headers, body.as_bytes()).unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }
}

fn row(offset: u64) -> String {
    format!("{{\"RECORD_METADATA\":{{\"topic\":\"t\",\"partition\":0,\"offset\":{offset}}},\"ID\":{offset}}}\n")
}

#[test]
fn a_channel_lives_from_open_to_drop() {
    let stage = Stage::new();
    let headers = [("authorization", &*stage.key_pair())];
    assert_eq!(stage.call("GET", "/v2/streaming/hostname", &headers, &[]).unwrap(), (200, "127.0.0.1".to_owned()));
    let token = stage.scoped();
    let first = stage.opened(&token);
    let second = stage.appended(&token, &first, 0, &row(0));
    let third = stage.appended(&token, &second, 1, &format!("{}not json\n", row(1)));
    let status = &stage.status(&token)["c"];
    assert_eq!(status["last_committed_offset_token"], "1");
    assert_eq!((&status["rows_inserted"], &status["rows_error_count"], &status["rows_parsed"]), (&json!(2), &json!(1), &json!(3)));
    assert_eq!((&status["last_error_offset_upper_bound"], &status["last_error_message"]), (&json!("1"), &json!("not JSON")));
    assert!(stage.status(&token).get("other").is_none());
    assert_eq!(Stage::code(stage.append(&token, &second, 1, &row(1))), (400, "STALE_CONTINUATION_TOKEN_SEQUENCER".to_owned()));

    stage.opened(&token);
    assert_eq!(Stage::code(stage.append(&token, &third, 2, &row(2))), (400, "STALE_CONTINUATION_TOKEN_SEQUENCER".to_owned()));
    let path = format!("/v2/streaming/{PIPE}/channels/c");
    let dropped = stage.call("DELETE", &path, &[("authorization", &token)], &[]).unwrap();
    assert_eq!(dropped, (200, json!({"last_committed_offset_token": "1"}).to_string()));
    let again = stage.call("DELETE", &path, &[("authorization", &token)], &[]);
    assert_eq!(Stage::code(again), (404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED".to_owned()));
    let (_, body) = stage.open(&token, &json!({}));
    assert_eq!(body["channel_status"]["last_committed_offset_token"], Value::Null);
}

#[test]
fn an_append_applied_before_the_connection_drops_is_in_the_table_once() {
    let stage = Stage::new();
    let token = stage.scoped();
    let first = stage.opened(&token);
    stage.sandbox("faults", &json!({"kind": "append", "nth": 2, "action": {"drop_connection": {"apply": true}}}));
    let second = stage.appended(&token, &first, 0, &row(0));
    assert!(stage.append(&token, &second, 1, &row(1)).is_err());
    assert_eq!(Stage::code(stage.append(&token, &second, 1, &row(1))), (400, "STALE_CONTINUATION_TOKEN_SEQUENCER".to_owned()));
    assert_eq!(stage.status(&token)["c"]["last_committed_offset_token"], "1");
    assert_eq!(stage.rows(), 2);
}

#[test]
fn an_append_dropped_before_it_was_applied_can_be_sent_again() {
    let stage = Stage::new();
    let token = stage.scoped();
    let first = stage.opened(&token);
    stage.sandbox("faults", &json!({"kind": "append", "action": {"drop_connection": {}}}));
    assert!(stage.append(&token, &first, 0, &row(0)).is_err());
    stage.appended(&token, &first, 0, &row(0));
    assert_eq!(stage.rows(), 1);
}

#[test]
fn a_replayed_append_gets_its_answer_again_when_told_so() {
    let stage = Stage::new();
    stage.sandbox("settings", &json!({"replay_answers": true}));
    let token = stage.scoped();
    let first = stage.opened(&token);
    let second = stage.appended(&token, &first, 0, &row(0));
    assert_eq!(stage.appended(&token, &first, 0, &row(0)), second);
    assert_eq!(stage.rows(), 1);
}

#[test]
fn scripted_answers_come_as_scripted() {
    let stage = Stage::new();
    let token = stage.scoped();
    let first = stage.opened(&token);
    stage.sandbox(
        "faults",
        &json!([
            {"kind": "append", "action": {"respond": {"status": 503, "body": "<html>", "headers": [["retry-after", "7"]]}}},
            {"kind": "status", "action": {"garbage": {}}},
            {"kind": "append", "nth": 2, "action": "invalidate_channel"},
            {"kind": "hostname", "delay_ms": 1},
        ]),
    );
    assert_eq!(stage.append(&token, &first, 0, &row(0)).unwrap(), (503, "<html>".to_owned()));
    let path = format!("/v2/streaming/{PIPE}:bulk-channel-status");
    let garbage = stage.call("POST", &path, &[("authorization", &token)], br#"{"channel_names":[]}"#).unwrap();
    assert!(serde_json::from_str::<Value>(&garbage.1).is_err());
    assert_eq!(Stage::code(stage.append(&token, &first, 0, &row(0))), (409, "ERR_CHANNEL_MUST_BE_REOPENED".to_owned()));
    assert_eq!(stage.status(&token)["c"]["channel_status_code"], "ERR_CHANNEL_MUST_BE_REOPENED");
    let log = stage.get("requests");
    let kinds: Vec<_> = log["requests"].as_array().unwrap().iter().map(|call| call["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["token", "open", "append", "status", "append", "status"]);
}

#[test]
fn a_call_that_hangs_is_never_answered() {
    let stage = Stage::new();
    let token = stage.scoped();
    stage.opened(&token);
    stage.sandbox("faults", &json!({"kind": "hostname", "action": {"hang": {}}}));
    let mut socket = TcpStream::connect(stage.stand_in.http).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    socket.write_all(b"GET /v2/streaming/hostname HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut byte = [0];
    while stage.get("requests")["requests"].as_array().unwrap().len() < 3 {
        assert!(socket.read(&mut byte).is_err());
    }
    assert!(socket.read(&mut byte).is_err());
    let log = stage.get("requests");
    assert_eq!(log["requests"][2]["status"], 0);
}

#[test]
fn rows_wait_for_their_commit_and_a_reopen_discards_them() {
    let stage = Stage::new();
    stage.sandbox("settings", &json!({"commit_delay_ms": "manual"}));
    let token = stage.scoped();
    let first = stage.opened(&token);
    let second = stage.appended(&token, &first, 0, &row(0));
    assert_eq!(stage.status(&token)["c"]["last_committed_offset_token"], Value::Null);
    let (status, body) = stage.open(&token, &json!({"fail_on_uncommitted_rows": true}));
    assert_eq!((status, body["code"].as_str()), (409, Some("ERR_CHANNEL_HAS_UNCOMMITTED_DATA")));
    assert_eq!(stage.sandbox("commit", &json!({})), json!({"rows": 1}));
    stage.appended(&token, &second, 1, &row(1));
    let (status, body) = stage.open(&token, &json!({}));
    assert_eq!((status, &body["channel_status"]["last_committed_offset_token"]), (200, &json!("0")));
    let ledger = &stage.get("ledger")["tables"][0];
    assert_eq!((&ledger["ledger"]["rows"], &ledger["channels"][0]["counts"]["rows_discarded"]), (&json!(1), &json!(1)));
}

#[test]
fn calls_without_the_right_token_are_refused() {
    let stage = Stage::new();
    let token = stage.scoped();
    let first = stage.opened(&token);
    assert_eq!(Stage::code(stage.append("Bearer nonsense", &first, 0, &row(0))), (401, "390303".to_owned()));
    assert_eq!(Stage::code(stage.append(&stage.key_pair(), &first, 0, &row(0))), (401, "390303".to_owned()));
    stage.call("DELETE", "/sandbox/tokens", &[], &[]).unwrap();
    assert_eq!(Stage::code(stage.append(&token, &first, 0, &row(0))), (401, "390303".to_owned()));
    stage.appended(&stage.scoped(), &first, 0, &row(0));

    let (stranger, der) = Signer::new();
    let strange = format!("Bearer {}", stranger.jwt(&der, "ACME-ONE.LOADER"));
    let refused = stage.call("GET", "/v2/streaming/hostname", &[("authorization", &strange)], &[]);
    assert_eq!(Stage::code(refused), (401, "390144".to_owned()));
    let log = stage.get("requests");
    assert_eq!(log["requests"].as_array().unwrap().last().unwrap()["note"], "394304 JWT_TOKEN_PUBLIC_KEY_FINGERPRINT_MISMATCH");
}

#[test]
fn bodies_that_cannot_be_taken_are_refused_as_a_whole() {
    let stage = Stage::new();
    let token = stage.scoped();
    let first = stage.opened(&token);
    let path = format!("/v2/streaming/data/{PIPE}/channels/c/rows?continuationToken={first}");
    let plain = |encoding: &str, body: &[u8]| {
        Stage::code(stage.call("POST", &path, &[("authorization", &token), ("content-encoding", encoding)], body))
    };
    assert_eq!(plain("zstd", b"not zstd"), (400, "ERR_INVALID_ROWS".to_owned()));
    assert_eq!(plain("identity", b"{\"ID\":1}\n{\"ID\":"), (400, "ERR_INVALID_ROWS".to_owned()));
    stage.sandbox("settings", &json!({"body_limit": 20}));
    assert_eq!(plain("identity", &[b'\n'; 21]), (413, "ERR_REQUEST_TOO_LARGE".to_owned()));
    stage.appended(&token, &first, 0, "\n");
}

#[test]
fn a_table_that_is_gone_takes_its_channels_with_it() {
    let stage = Stage::new();
    let token = stage.scoped();
    let first = stage.opened(&token);
    let second = stage.appended(&token, &first, 5, &row(5));
    assert_eq!(stage.statement("create or replace table t (record_metadata variant, id number)").0, 200);
    assert_eq!(
        Stage::code(stage.append(&token, &second, 6, &row(6))),
        (404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED".to_owned())
    );
    let (_, body) = stage.open(&token, &json!({}));
    assert_eq!(body["channel_status"]["last_committed_offset_token"], Value::Null);
    assert_eq!(stage.statement("drop table t").0, 200);
    let (status, body) = stage.open(&token, &json!({}));
    assert_eq!((status, body["code"].as_str()), (404, Some("ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED")));
}

#[test]
fn the_sql_api_answers_in_its_shapes() {
    let stage = Stage::new();
    let create = "CREATE TABLE IF NOT EXISTS \"CRYPTO_DB\".\"PUBLIC\".\"K\" (RECORD_METADATA VARIANT) \
                  ENABLE_SCHEMA_EVOLUTION = TRUE COMMENT = 'c'";
    let (status, body) = stage.statement(create);
    assert_eq!(
        (status, body["code"].as_str(), body["data"][0][0].as_str()),
        (200, Some("090001"), Some("Table K successfully created."))
    );
    let handle = body["statementHandle"].as_str().unwrap();
    let headers = [("authorization", &*stage.key_pair())];
    let (status, again) = stage.call("GET", &format!("/api/v2/statements/{handle}"), &headers, &[]).unwrap();
    assert_eq!((status, serde_json::from_str::<Value>(&again).unwrap()), (200, body.clone()));

    let (status, body) = stage.statement("describe table nowhere");
    assert_eq!((status, body["code"].as_str(), body["sqlState"].as_str()), (422, Some("002003"), Some("42S02")));
    let (_, body) = stage.statement("SHOW TABLES IN SCHEMA \"CRYPTO_DB\".\"PUBLIC\" LIMIT 1");
    assert_eq!(body["resultSetMetaData"]["numRows"], 1);
    assert_eq!(body["data"][0][1], "K");

    let denied = json!({"status": 422, "body": {"code": "003001", "sqlState": "42501", "message": "Insufficient privileges"}});
    stage.sandbox("faults", &json!({"kind": "statement", "contains": "create table", "action": {"respond": denied}}));
    assert_eq!(stage.statement("select 1").0, 200);
    assert_eq!(stage.statement("create table x (a int)").1["sqlState"], "42501");
    let headers = [("authorization", &*stage.key_pair()), ("content-type", "text/plain")];
    assert_eq!(stage.call("POST", "/api/v2/statements", &headers, b"{}").unwrap().0, 415);
}

#[test]
fn a_driver_logs_in_and_asks() {
    let stage = Stage::new();
    let login = |user: &str, jwt: &str| {
        let body = json!({"data": {"LOGIN_NAME": user, "AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": jwt}}).to_string();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(body.as_bytes()).unwrap();
        let path = "/session/v1/login-request?databaseName=crypto_db";
        let (status, text) = stage.call("POST", path, &[("content-encoding", "gzip")], &gzip.finish().unwrap()).unwrap();
        assert_eq!(status, 200);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let jwt = stage.signer.jwt(&stage.public_der, "ACME-ONE.LOADER");
    assert_eq!(login("somebody", &jwt)["code"], "390144");
    let answer = login("loader", &jwt);
    assert_eq!(answer["data"]["sessionInfo"]["databaseName"], "CRYPTO_DB");
    let query = |token: &Value, sql: &str| {
        let header = format!("Snowflake Token=\"{}\"", token.as_str().unwrap());
        let body = json!({"sqlText": sql}).to_string();
        let (_, text) = stage.call("POST", "/queries/v1/query-request", &[("authorization", &header)], body.as_bytes()).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let session = &answer["data"]["token"];
    let found = query(session, "select 1 = 1 as yes, '2021-12-05'::timestamp as at");
    assert_eq!(found["data"]["rowset"], json!([["1", "1638662400.000000000"]]));
    assert_eq!(found["data"]["rowtype"][1]["type"], "timestamp_ntz");
    let failed = query(session, "select * from nowhere");
    assert_eq!(
        (&failed["success"], &failed["code"], &failed["data"]["sqlState"]),
        (&json!(false), &json!("002003"), &json!("42S02"))
    );
    assert_eq!(query(&json!("nobody"), "select 1")["code"], "390104");

    let master = format!("Snowflake Token=\"{}\"", answer["data"]["masterToken"].as_str().unwrap());
    let (_, renewed) = stage.call("POST", "/session/token-request", &[("authorization", &master)], b"{}").unwrap();
    let renewed: Value = serde_json::from_str(&renewed).unwrap();
    assert_eq!(query(session, "select 1")["code"], "390104");
    assert_eq!(query(&renewed["data"]["sessionToken"], "select 1")["success"], true);
}

#[test]
fn tls_serves_the_same_world_under_a_certificate_of_its_ca() {
    let stage = Stage::new();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(stage.ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    for name in ["127.0.0.1", "localhost", "acme-one.snowflake.localhost"] {
        let client = rustls::ClientConnection::new(config.clone(), ServerName::try_from(name).unwrap()).unwrap();
        let mut stream = rustls::StreamOwned::new(client, TcpStream::connect(stage.stand_in.https).unwrap());
        stream.write_all(b"GET /sandbox/ledger HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        // The server may close without a farewell; what counts came before.
        let _closed = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("CRYPTO_DB.PUBLIC.T"), "{answer}");
    }
}

#[test]
fn an_answer_may_come_a_byte_at_a_time() {
    let stage = Stage::new();
    stage.sandbox("faults", &json!({"kind": "hostname", "action": {"drip": {"pause_ms": 1}}}));
    let mut socket = TcpStream::connect(stage.stand_in.http).unwrap();
    let request = format!(
        "GET /v2/streaming/hostname HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\nconnection: close\r\n\r\n",
        stage.key_pair()
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut pieces = 0;
    let mut buffer = [0; 1024];
    while socket.read(&mut buffer).unwrap() > 0 {
        pieces += 1;
    }
    assert!(pieces > 20, "{pieces} pieces");
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A call that hangs must not keep the runtime from ending.
        let runtime = std::mem::replace(&mut self.runtime, tokio::runtime::Builder::new_current_thread().build().unwrap());
        runtime.shutdown_background();
    }
}
