//! The sandbox as a process: starts it, reads where it is, asks its ledger and its SQL.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Outcome;
use crate::process::{Child, succeed, until};
use crate::workspace::{Workspace, fresh_folder};

/// How long the sandbox may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to start.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// An embedded broker with these topics; without any, no broker.
    pub(crate) topics: &'a [(&'a str, u16)],
    /// Rows are counted and let go, for more of them than memory holds.
    pub(crate) counts_only: bool,
}

pub(crate) struct Sandbox {
    child: Child,
    pub(crate) described: Described,
}

/// `sandbox.json`.
#[derive(Deserialize)]
pub(crate) struct Described {
    pub(crate) http: String,
    pub(crate) https: String,
    pub(crate) ca: PathBuf,
    pub(crate) private_key: PathBuf,
    pub(crate) account: String,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) schema: String,
    #[serde(default)]
    bootstrap_servers: Option<String>,
}

impl Sandbox {
    /// Starts it in an empty folder and waits until it is up.
    pub(crate) fn start(workspace: &Workspace, folder: &Path, options: &Options<'_>) -> Outcome<Sandbox> {
        fresh_folder(folder)?;
        let mut command = Command::new(workspace.binary("snowgate-sandbox"));
        command.arg("run").arg("--dir").arg(folder);
        if options.counts_only {
            command.args(["--rows", "check"]);
        }
        if !options.topics.is_empty() {
            command.arg("--broker");
        }
        for (topic, partitions) in options.topics {
            command.arg("--topic").arg(format!("{topic}:{partitions}"));
        }
        let mut child = Child::spawn(&mut command, &folder.join("sandbox.log"))?;
        let described = until("the sandbox to come up", PATIENCE, || {
            child.must_run()?;
            let Ok(text) = std::fs::read_to_string(folder.join("sandbox.json")) else { return Ok(None) };
            serde_json::from_str(&text).map(Some).map_err(|error| format!("the sandbox describes itself badly: {error}"))
        })?;
        Ok(Sandbox { child, described })
    }

    /// The embedded broker's address.
    pub(crate) fn bootstrap(&self) -> Outcome<String> {
        self.described.bootstrap_servers.clone().ok_or_else(|| "the sandbox names no broker".to_owned())
    }

    pub(crate) fn must_run(&mut self) -> Outcome {
        self.child.must_run()
    }

    pub(crate) fn ledger(&self) -> Outcome<Value> {
        answer(ureq::get(format!("{}/sandbox/ledger", self.described.http)).config().http_status_as_error(false).build().call())
    }

    /// Runs a statement: the columns' names, and the rows.
    pub(crate) fn query(&self, sql: &str) -> Outcome<(Vec<String>, Vec<Vec<String>>)> {
        let call = ureq::post(format!("{}/sandbox/query", self.described.http)).header("content-type", "application/json");
        let answer = answer(call.config().http_status_as_error(false).build().send(json!({ "sql": sql }).to_string()));
        let answer = answer.map_err(|error| format!("`{sql}` failed: {error}"))?;
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().map(|cell| cell.as_str().unwrap_or("NULL").to_owned()).collect()
        };
        Ok((texts(&answer["columns"]), answer["rows"].as_array().into_iter().flatten().map(texts).collect()))
    }

    pub(crate) fn stop(self) -> Outcome {
        self.child.stop(PATIENCE).map(drop)
    }
}

fn answer(called: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Outcome<Value> {
    let mut response = called.map_err(|error| format!("the sandbox does not answer: {error}"))?;
    let good = response.status().is_success();
    let text = response.body_mut().with_config().limit(u64::MAX).read_to_string();
    let text = text.map_err(|error| format!("the sandbox's answer breaks off: {error}"))?;
    let value: Value = serde_json::from_str(&text).map_err(|_| "the sandbox did not answer with JSON".to_owned())?;
    if good { Ok(value) } else { Err(value["message"].as_str().unwrap_or("the sandbox refused").to_owned()) }
}

/// What `snowgate-sandbox source` says it has published.
#[derive(Deserialize)]
pub(crate) struct Published {
    pub(crate) topic: String,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) partitions: Vec<PublishedPartition>,
    pub(crate) symbols: std::collections::BTreeMap<String, u64>,
}

#[derive(Deserialize)]
pub(crate) struct PublishedPartition {
    pub(crate) partition: i64,
    pub(crate) records: u64,
    pub(crate) first_offset: i64,
    pub(crate) last_offset: i64,
}

impl Published {
    pub(crate) fn parse(printed: &str) -> Outcome<Published> {
        let line = printed.lines().rev().find(|line| line.starts_with('{')).ok_or("the source printed no summary")?;
        serde_json::from_str(line).map_err(|error| format!("the source's summary is not understood: {error}"))
    }
}

/// The source's command, without where to write its log.
pub(crate) fn source(workspace: &Workspace, bootstrap: &str, topic: &str, partitions: u16, records: u64) -> Command {
    let mut command = Command::new(workspace.binary("snowgate-sandbox"));
    command.args(["source", "--json", "--bootstrap", bootstrap, "--topic", topic, "--partitions", &partitions.to_string()]);
    command.args(["--records", &records.to_string()]);
    command
}

/// Makes topics on a real broker; those of that name that were there are gone with what they held.
pub(crate) fn fresh_topics(workspace: &Workspace, bootstrap: &str, topics: &[(&str, u16)], log: &Path) -> Outcome {
    let names: Vec<_> = topics.iter().map(|(topic, _)| *topic).collect();
    let sandbox = || Command::new(workspace.binary("snowgate-sandbox"));
    succeed("deleting topics", sandbox().args(["topics", "delete", "--bootstrap", bootstrap]).args(names), log)?;
    for (topic, partitions) in topics {
        let partitions = partitions.to_string();
        let mut command = sandbox();
        command.args(["topics", "create", "--bootstrap", bootstrap, "--partitions", &partitions, topic]);
        succeed("making topics", &mut command, log)?;
    }
    Ok(())
}
