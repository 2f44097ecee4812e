//! A Connect worker's REST interface, as much of it as our commands need, and the connector that people post.

pub(crate) mod gateway;
pub(crate) mod worker;

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::process::until;
use crate::sandbox::Described;
use crate::workspace::Workspace;

/// How long a worker may take for what it does in its own time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Someone's Connect worker, ours or Apache Kafka's.
pub(crate) struct Rest {
    pub(crate) url: String,
}

impl Rest {
    pub(crate) fn on_port(port: u16) -> Rest {
        Rest { url: format!("http://127.0.0.1:{port}") }
    }

    /// The status and the body of a GET; a problem where nobody answers.
    pub(crate) fn get(&self, path: &str) -> Outcome<(u16, String)> {
        let call = ureq::get(format!("{}{path}", self.url)).config().http_status_as_error(false).build().call();
        read(&format!("GET {path}"), call)
    }

    pub(crate) fn get_json(&self, path: &str) -> Outcome<Value> {
        let (status, text) = self.get(path)?;
        if status != 200 {
            return Err(format!("`GET {path}` was answered with {status}: {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("`GET {path}` was not answered with JSON: {error}"))
    }

    pub(crate) fn create(&self, connector: &Value) -> Outcome {
        let call = ureq::post(format!("{}/connectors", self.url)).header("content-type", "application/json");
        let call = call.config().http_status_as_error(false).build().send(connector.to_string());
        let (status, text) = read("POST /connectors", call)?;
        if status == 201 { Ok(()) } else { Err(format!("`POST /connectors` was answered with {status}: {text}")) }
    }

    pub(crate) fn delete(&self, name: &str) -> Outcome {
        let path = format!("/connectors/{name}");
        let call = ureq::delete(format!("{}{path}", self.url)).config().http_status_as_error(false).build().call();
        let (status, text) = read(&format!("DELETE {path}"), call)?;
        if status == 204 { Ok(()) } else { Err(format!("`DELETE {path}` was answered with {status}: {text}")) }
    }

    /// Waits until the worker answers as one that can make connectors.
    pub(crate) fn wait_until_up(&self, patience: Duration, mut must_run: impl FnMut() -> Outcome) -> Outcome {
        until("the Connect worker to answer", patience, || {
            must_run()?;
            Ok(matches!(self.get("/connectors"), Ok((200, _))).then_some(()))
        })
    }

    /// Waits until a connector and that many tasks run; a task that fails is a problem, with its trace.
    pub(crate) fn wait_until_running(&self, name: &str, tasks: usize) -> Outcome {
        until(&format!("connector `{name}` to run"), PATIENCE, || {
            let Ok((200, text)) = self.get(&format!("/connectors/{name}/status")) else { return Ok(None) };
            let status: Value =
                serde_json::from_str(&text).map_err(|error| format!("the status of `{name}` is no JSON: {error}"))?;
            let all: Vec<_> = status["tasks"].as_array().into_iter().flatten().chain([&status["connector"]]).collect();
            if let Some(failed) = all.iter().find(|one| one["state"] == "FAILED") {
                return Err(format!("connector `{name}` failed: {}", failed["trace"].as_str().unwrap_or("without a trace")));
            }
            Ok((all.len() == tasks + 1 && all.iter().all(|one| one["state"] == "RUNNING")).then_some(()))
        })
    }
}

fn read(what: &str, called: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Outcome<(u16, String)> {
    let mut response = called.map_err(|error| format!("`{what}` was not answered: {error}"))?;
    let status = response.status().as_u16();
    let text = response.body_mut().with_config().limit(u64::MAX).read_to_string();
    Ok((status, text.map_err(|error| format!("the answer to `{what}` breaks off: {error}"))?))
}

/// The connector that people have: `{"name": …, "config": {…}}`, with names where an account would stand.
pub(crate) fn template(workspace: &Workspace) -> Outcome<Value> {
    let file = workspace.root().join("tests/fixtures/connect/snowflake-sink.json");
    let text = std::fs::read_to_string(&file).map_err(|error| format!("could not read `{}`: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("`{}` is no connector: {error}", file.display()))
}

/// The same for the sandbox's Snowflake.
pub(crate) fn snowflake_sink(workspace: &Workspace, snowflake: &Described) -> Outcome<Value> {
    let key = std::fs::read_to_string(&snowflake.private_key)
        .map_err(|error| format!("could not read `{}`: {error}", snowflake.private_key.display()))?;
    Ok(filled(&template(workspace)?, &account_url(snowflake), &snowflake.user, &bare_key(&key)))
}

/// The sandbox under a name whose first label is the account, as an account's own URL has it; the gateway knows that names below
/// `.localhost` are this machine.
fn account_url(snowflake: &Described) -> String {
    let port = snowflake.https.rsplit(':').next().unwrap_or_default();
    format!("https://{}.snowflake.localhost:{port}", snowflake.account.to_lowercase())
}

fn filled(template: &Value, url: &str, user: &str, key: &str) -> Value {
    let account = [("snowflake.url.name", url), ("snowflake.user.name", user), ("snowflake.private.key", key)];
    changed(template, template["name"].as_str().unwrap_or_default(), &account)
}

/// A key as it stands in a connector's configuration: what is between the lines that begin and end it, in one line.
fn bare_key(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect()
}

/// The connector under another name, with some of its configuration changed or added.
pub(crate) fn changed(connector: &Value, name: &str, changes: &[(&str, &str)]) -> Value {
    let mut config: Map<String, Value> = connector["config"].as_object().cloned().unwrap_or_default();
    config.extend(changes.iter().map(|&(key, value)| (key.to_owned(), json!(value))));
    json!({"name": name, "config": config})
}

/// Writes a connector where a command line can name it.
pub(crate) fn write(connector: &Value, file: &Path) -> Outcome {
    crate::workspace::write_file(file, &format!("{connector:#}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_loses_its_armour_and_its_lines() {
        assert_eq!(bare_key("-----BEGIN PRIVATE KEY-----\nMIIE\nvAIB\n-----END PRIVATE KEY-----\n"), "MIIEvAIB");
    }

    #[test]
    fn the_template_is_a_whole_connector_once_filled() {
        let template = serde_json::from_str(include_str!("../../fixtures/connect/snowflake-sink.json")).expect("JSON");
        let connector = filled(&template, "https://127.0.0.1:2", "STREAMER", "MIIE");
        assert_eq!((&connector["name"], &connector["config"]["snowflake.private.key"]), (&json!("snowflake-sink"), &json!("MIIE")));
        assert!(!connector.to_string().contains('@'), "{connector}");
    }

    #[test]
    fn a_changed_connector_keeps_the_rest_of_its_configuration() {
        let one = json!({"name": "one", "config": {"topics": "t", "tasks.max": "4"}});
        assert_eq!(
            changed(&one, "two", &[("topics", "u"), ("transforms", "f")]),
            json!({"name": "two", "config": {"topics": "u", "tasks.max": "4", "transforms": "f"}})
        );
    }
}
