//! A gateway that takes connectors by Connect's REST interface, and what a client of Connect asks of it.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::eventually;
use crate::gateway::Gateway;
use crate::world::World;

/// A worker: the gateway with a `[connect]` section.
pub struct Worker {
    pub gateway: Gateway,
    pub url: String,
    written: Written,
}

/// A worker's configuration, to start it once more.
#[derive(Clone)]
pub struct Written {
    config: String,
    port: u16,
}

impl Worker {
    /// On a port and with a state folder of its own; `more` is added to the section.
    pub fn start(world: &World, more: &str) -> Worker {
        let port = free_port();
        let state = world.file("connect-state", "d");
        let mut config = format!(
            "[kafka]\nbrokers = [{:?}]\n\n[connect]\nlisten = [\"127.0.0.1:{port}\"]\nstate = {:?}\n",
            world.kafka.bootstrap(),
            state
        );
        writeln!(config, "{more}").expect("text grows");
        Worker::start_written(world, Written { config, port })
    }

    /// The same worker once more, after the first one ended.
    pub fn start_written(world: &World, written: Written) -> Worker {
        let gateway = Gateway::start_text(world, &written.config);
        let worker = Worker { gateway, url: format!("http://127.0.0.1:{}", written.port), written };
        eventually("the REST interface to answer", || worker.try_get("/").ok());
        worker
    }

    /// Ends it in order.
    pub fn stop_cleanly(self) -> Written {
        self.gateway.stop_cleanly();
        self.written
    }

    pub fn kill(mut self) -> Written {
        self.gateway.process.kill();
        self.written
    }

    fn try_get(&self, path: &str) -> Result<(u16, Value), ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(format!("{}{path}", self.url)).call()?;
        let text = answer.body_mut().read_to_string()?;
        Ok((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        self.try_get(path).expect("the worker answers")
    }

    /// A request with a body, or without one.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true).build().into();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Content-Type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())
            .expect("a request can be made");
        let mut answer = agent.run(request).expect("the worker answers");
        let text = answer.body_mut().read_to_string().expect("answers are text");
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// POSTs a connector and expects that it is made.
    #[track_caller]
    pub fn create(&self, connector: &Value) {
        let (status, answer) = self.send("POST", "/connectors", Some(connector));
        assert_eq!(status, 201, "{answer:#}");
    }

    pub fn status(&self, name: &str) -> Value {
        self.get(&format!("/connectors/{name}/status")).1
    }

    /// Waits until the connector and all its tasks are in this state.
    #[track_caller]
    pub fn wait_for_state(&self, name: &str, state: &str) {
        let reached = || {
            let status = self.status(name);
            let tasks = status["tasks"].as_array().is_some_and(|tasks| tasks.iter().all(|task| task["state"] == state));
            (status["connector"]["state"] == state && tasks).then_some(())
        };
        eventually(&format!("connector `{name}` to be {state}; it is {:#}", self.status(name)), reached);
    }

    /// Waits until a task's trace says `text`, and returns that task.
    #[track_caller]
    pub fn wait_for_trace(&self, name: &str, text: &str) -> Value {
        eventually(&format!("a trace with `{text}` in {:#}", self.status(name)), || {
            let status = self.status(name);
            let tasks = status["tasks"].as_array().cloned().unwrap_or_default();
            tasks.into_iter().find(|task| task["trace"].as_str().is_some_and(|trace| trace.contains(text)))
        })
    }
}

/// The configuration that the first user has, for the world's topic: the file mode of version 3, `content` rows.
pub fn seed(world: &World, name: &str, more: &[(&str, &str)]) -> Value {
    let key = fs::read_to_string(&world.sandbox.private_key).expect("the sandbox wrote a key");
    let key: String = key.lines().filter(|line| !line.starts_with("-----")).collect();
    let mut config = Map::new();
    for (key, value) in [
        ("connector.class", "com.snowflake.kafka.connector.SnowflakeSinkConnector"),
        ("tasks.max", "2"),
        ("topics", world.topic.as_str()),
        ("buffer.count.records", "10000"),
        ("buffer.flush.time", "60"),
        ("buffer.size.bytes", "5000000"),
        ("snowflake.url.name", snowflake_url(world).as_str()),
        ("snowflake.user.name", world.sandbox.user.as_str()),
        ("snowflake.private.key", key.as_str()),
        ("snowflake.database.name", "CRYPTO_DB"),
        ("snowflake.schema.name", "PUBLIC"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("value.converter.schemas.enable", "false"),
    ]
    .into_iter()
    .chain(more.iter().copied())
    {
        config.insert(key.to_owned(), json!(value));
    }
    json!({"name": name, "config": config})
}

/// The sandbox under a name whose first label is the account, as an account's own URL has it.
fn snowflake_url(world: &World) -> String {
    let port = world.sandbox.http.rsplit(':').next().expect("an address has a port");
    format!("http://{}.snowflake.localhost:{port}", world.sandbox.account.to_lowercase())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// A file of the project's fixtures.
pub fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}
