//! The sandbox's process and its calls.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::eventually;
use crate::process::Process;

pub struct Sandbox {
    pub process: Process,
    pub http: String,
    pub https: String,
    pub ca: PathBuf,
    pub private_key: PathBuf,
    pub account: String,
    pub user: String,
    pub bootstrap: Option<String>,
}

#[derive(Deserialize)]
struct Described {
    http: String,
    https: String,
    ca: PathBuf,
    private_key: PathBuf,
    account: String,
    user: String,
    #[serde(default)]
    bootstrap_servers: Option<String>,
}

/// What the ledger says of the rows of one topic in one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    pub rows: u64,
    pub distinct: u64,
    pub duplicates: u64,
    pub out_of_order: u64,
}

impl Sandbox {
    /// Starts a stand-in Snowflake and, with `topics`, an embedded broker that has them.
    pub fn start(dir: &Path, topics: &[(&str, i32)]) -> Sandbox {
        let binary: PathBuf =
            std::env::var_os("SNOWGATE_SANDBOX_BIN").expect("SNOWGATE_SANDBOX_BIN: use `cargo xtask test`").into();
        let mut arguments = vec!["run".to_owned(), "--dir".to_owned(), dir.display().to_string()];
        if !topics.is_empty() {
            arguments.push("--broker".to_owned());
            for (topic, partitions) in topics {
                arguments.extend(["--topic".to_owned(), format!("{topic}:{partitions}")]);
            }
        }
        let process = Process::start(&binary, &arguments, &[], &dir.join("sandbox.log"));
        let described: Described = eventually("the sandbox to be up", || {
            let text = fs::read_to_string(dir.join("sandbox.json")).ok()?;
            Some(serde_json::from_str(&text).expect("sandbox.json describes the sandbox"))
        });
        Sandbox {
            process,
            http: described.http,
            https: described.https,
            ca: described.ca,
            private_key: described.private_key,
            account: described.account,
            user: described.user,
            bootstrap: described.bootstrap_servers,
        }
    }

    pub fn get(&self, path: &str) -> Value {
        let text =
            ureq::get(format!("{}/sandbox/{path}", self.http)).call().expect("the sandbox answers").body_mut().read_to_string();
        serde_json::from_str(&text.expect("the sandbox answers text")).expect("the sandbox answers JSON")
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        let mut answer = ureq::post(format!("{}/sandbox/{path}", self.http))
            .header("Content-Type", "application/json")
            .send(body.to_string())
            .expect("the sandbox takes the request");
        serde_json::from_str(&answer.body_mut().read_to_string().expect("text")).expect("the sandbox answers JSON")
    }

    /// Adds a fault script; the sandbox's `faults.rs` says what can be scripted.
    pub fn fault(&self, script: Value) {
        self.post("faults", &script);
    }

    pub fn clear_faults(&self) {
        ureq::delete(format!("{}/sandbox/faults", self.http)).call().expect("the sandbox answers");
    }

    pub fn settings(&self, settings: Value) {
        self.post("settings", &settings);
    }

    /// How often each kind of call was made.
    pub fn count_requests(&self, kind: &str) -> usize {
        let log = self.get("requests");
        log["requests"].as_array().expect("a list").iter().filter(|call| call["kind"] == kind).count()
    }

    /// What a table holds of a topic.
    pub fn account(&self, table: &str, topic: &str) -> Account {
        let ledger = self.get("ledger");
        let name = format!("CRYPTO_DB.PUBLIC.{table}");
        let mut account = Account::default();
        for found in ledger["tables"].as_array().expect("a list").iter().filter(|found| found["table"] == name) {
            for partition in found["ledger"]["partitions"].as_array().expect("a list").iter().filter(|p| p["topic"] == topic) {
                account.rows += partition["rows"].as_u64().expect("a count");
                account.distinct += partition["distinct"].as_u64().expect("a count");
                account.duplicates += partition["duplicates"].as_u64().expect("a count");
                account.out_of_order += partition["out_of_order"].as_u64().expect("a count");
            }
        }
        account
    }

    /// The committed rows of a table, parsed.
    pub fn rows(&self, table: &str) -> Vec<Value> {
        let page = self.get(&format!("rows?table=CRYPTO_DB.PUBLIC.{table}&limit=1000000"));
        let lines = page["lines"].as_array().expect("a list");
        lines.iter().map(|line| serde_json::from_str(line.as_str().expect("text")).expect("a committed row is JSON")).collect()
    }

    pub fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let answer = self.post("query", &json!({ "sql": sql }));
        serde_json::from_value(answer["rows"].clone()).expect("rows are lists of texts")
    }
}
