//! Every answer that a real worker gave, against ours.
//!
//! A file of `tests/fixtures/connect/captures` is a scenario: requests with their answers, and states to wait for in between. Each
//! begins with no connector. Compared are the status, the headers that clients read, and the JSON: in the order of its keys where the
//! original keeps an order, which it does in its answers to POST and PUT. Not compared is what cannot be the same: the text of a stack
//! trace, a time, the position in Jackson's messages, the list of connectors behind "available connectors are", and the documentation
//! of keys, which is in our own words. The classes of connectors and their own keys are Snowflake's.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::differences::DIFFERENCES;
use super::{served, swap};
use crate::converter::SNOWFLAKE_JSON;
use crate::herder::Herder;
use crate::herder::memory::{MemoryEngine, worker};
use crate::plugins::{self, PluginKind, SINK_V3, WASM_PLUGIN};
use crate::worker::OverridePolicy;

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/connect/captures");

/// A step of a scenario: the capture's id and the index.
type Step = (String, usize);

#[tokio::test]
async fn every_answer_is_that_of_a_real_worker_but_for_the_listed_differences() {
    let mut found: BTreeMap<Step, String> = BTreeMap::new();
    let (mut scenarios, mut answers) = (0, 0);
    let files = std::fs::read_dir(CAPTURES).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|ending| ending == "json")) {
        let capture: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let id = capture["id"].as_str().unwrap().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let scenario = Scenario::new(folder.path(), &capture).await;
        scenarios += 1;
        for (index, step) in capture["steps"].as_array().unwrap().iter().enumerate() {
            let difference = if step["wait"].is_object() {
                scenario.wait(&step["wait"]).await
            } else {
                answers += 1;
                scenario.replay(step).await
            };
            if let Err(difference) = difference {
                found.insert((id.clone(), index), difference);
            }
        }
    }
    let declared: BTreeSet<Step> = DIFFERENCES.iter().map(|(id, index, _)| ((*id).to_owned(), *index)).collect();
    assert_eq!(declared.len(), DIFFERENCES.len(), "a difference is listed twice");
    let undeclared: Vec<String> =
        found.iter().filter(|(step, _)| !declared.contains(step)).map(|(step, text)| format!("{step:?}\n{text}\n")).collect();
    assert!(undeclared.is_empty(), "{} differences are not listed:\n{}", undeclared.len(), undeclared.join("\n"));
    let gone: Vec<&Step> = declared.iter().filter(|step| !found.contains_key(step)).collect();
    assert!(gone.is_empty(), "listed differences that are none: {gone:?}");
    assert_eq!((scenarios, answers), (269, 547));
}

struct Scenario {
    engine: Arc<MemoryEngine>,
    router: Router,
    /// Whether the original was waited for since the last change. Before, its tasks are made or not, as it happens.
    is_settled: Cell<bool>,
    /// The connectors that it makes. The worker that was recorded had others besides, which it could no longer delete.
    made: BTreeSet<String>,
    _herder: Arc<Herder<MemoryEngine>>,
}

impl Scenario {
    async fn new(folder: &std::path::Path, capture: &Value) -> Scenario {
        let mut worker = worker(folder);
        if capture["id"].as_str().unwrap().starts_with("alt-") {
            worker.admin = false;
            worker.topic_tracking = false;
            worker.override_policy = OverridePolicy::None;
        }
        let (engine, herder, router) = served(worker);
        herder.start_all().await;
        engine.memory().partitions.extend([("cap_t".to_owned(), 2), ("cap_u".to_owned(), 1)]);
        let loggers: Value = serde_json::from_slice(&std::fs::read(format!("{CAPTURES}/loggers-get.json")).unwrap()).unwrap();
        let loggers = swap::answer(&loggers["steps"][0]["response"]["json"]);
        engine.memory().loggers.extend(loggers.as_object().unwrap().keys().map(|name| (name.clone(), "WARN")));
        let posted = capture["steps"].as_array().unwrap().iter().filter_map(|step| {
            let body: Value = serde_json::from_str(step["request"]["body"].as_str()?).ok()?;
            Some(body["name"].as_str()?.trim().to_owned())
        });
        Scenario { engine, router, is_settled: Cell::new(false), made: posted.collect(), _herder: herder }
    }

    /// Brings about what the original was waited for, and looks whether it can be seen.
    async fn wait(&self, wait: &Value) -> Result<(), String> {
        let path = wait["path"].as_str().unwrap_or_default();
        let name = path.split('/').nth(2).unwrap_or("c");
        let until = &wait["until"];
        match until.as_str() {
            Some("2 partitions have offsets") => {
                let offsets = [(("cap_t".to_owned(), 0), 3), (("cap_t".to_owned(), 1), 3)];
                self.engine.memory().offsets.entry(name.to_owned()).or_default().extend(offsets);
                return Ok(());
            }
            Some(_) => return Ok(()),
            None => {}
        }
        self.is_settled.set(true);
        if until["state"] == "FAILED" {
            if !self.engine.memory().pipelines.contains_key(name) {
                return Err("nothing runs that could fail".to_owned());
            }
            self.engine.fail_tasks(name, "org.apache.kafka.connect.errors.ConnectException: on purpose");
        }
        let response = self.send(&json!({"method": "GET", "path": path, "headers": {}, "body": null})).await;
        let status: Value = serde_json::from_slice(&bytes(response).await).unwrap_or_default();
        let tasks = status["tasks"].as_array().cloned().unwrap_or_default();
        let is_reached = status["connector"]["state"] == until["connector"]
            && until["tasks"].as_u64().is_none_or(|count| tasks.len() as u64 == count)
            && tasks.iter().all(|task| until["state"].is_null() || task["state"] == until["state"]);
        if is_reached { Ok(()) } else { Err(format!("wanted {until}, is {status}")) }
    }

    async fn send(&self, request: &Value) -> Response<Body> {
        let text = |field: &str| request[field].as_str();
        let mut builder = Request::builder().method(text("method").unwrap()).uri(swap::path(text("path").unwrap()));
        builder = builder.header(header::HOST, "127.0.0.1:8083");
        for (name, value) in request["headers"].as_object().unwrap() {
            builder = builder.header(name, value.as_str().unwrap());
        }
        let body = swap::request(text("body").unwrap_or_default());
        if body.contains("fail-start") {
            self.engine.memory().broken.insert("c".to_owned(), "noop.mode=fail-start".to_owned());
        }
        // The capture of a body that is no UTF-8 has its bytes as characters.
        let body: Vec<u8> = if body.contains('\u{ff}') { body.chars().map(|byte| byte as u8).collect() } else { body.into_bytes() };
        self.router.clone().oneshot(builder.body(Body::from(body)).unwrap()).await.unwrap()
    }

    async fn replay(&self, step: &Value) -> Result<(), String> {
        let (request, expected) = (&step["request"], &step["response"]);
        let response = self.send(request).await;
        same("status", expected["status"].as_u64().unwrap(), u64::from(response.status().as_u16()))?;
        for name in ["Content-Type", "Location", "Allow"] {
            let ours = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            same(name, expected["headers"][name].as_str().map(str::to_owned), ours)?;
        }
        let body = bytes(response).await;
        let Some(json) = expected.get("json") else {
            return same("body", expected["body"].as_str().unwrap_or_default(), &String::from_utf8_lossy(&body));
        };
        let ours: Value = serde_json::from_slice(&body).map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&body)))?;
        let is_ordered = ["POST", "PUT"].contains(&request["method"].as_str().unwrap());
        let mut expected = swap::answer(json);
        if request["method"] != "GET" {
            self.is_settled.set(false);
        } else if !self.is_settled.get() && expected["config"].is_object() && expected["tasks"] == json!([]) {
            expected["tasks"] = ours["tasks"].clone();
        }
        self.compare(expected, ours, is_ordered)
    }

    fn compare(&self, mut expected: Value, mut ours: Value, is_ordered: bool) -> Result<(), String> {
        if expected.get("configs").is_some() {
            return compare_infos(&expected, &ours);
        }
        if let Some(items) = expected.as_array_mut() {
            let first = items.first().cloned().unwrap_or_default();
            if first.get("class").is_some() {
                return same("plug-ins", foreign_plugins(items), foreign_plugins(ours.as_array().unwrap()));
            }
            if first.get("order_in_group").is_some() {
                return same("keys", framework_keys(items), framework_keys(ours.as_array().unwrap()));
            }
            if first.is_string() && !is_ordered {
                items.retain(|name| self.made.contains(name.as_str().unwrap()));
                items.sort_by_key(Value::to_string);
            }
        }
        volatile(&mut expected);
        volatile(&mut ours);
        let text = |value: &Value| value.to_string();
        if is_ordered { same("JSON", text(&expected), text(&ours)) } else { same("JSON", expected, ours) }
    }
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, ours: T) -> Result<(), String> {
    if expected == ours { Ok(()) } else { Err(format!("{what}\n  expected {expected:?}\n      ours {ours:?}")) }
}

/// Takes out what cannot be the same twice.
fn volatile(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                match (&**key, &*value) {
                    ("message", Value::String(message)) => {
                        let kept = message.split("\n at [Source:").next().unwrap_or_default();
                        let kept = kept.split_inclusive("available connectors are:").next().unwrap_or_default();
                        *value = kept.into();
                    }
                    ("trace", Value::String(trace)) if !trace.is_empty() => *value = "<trace>".into(),
                    ("last_modified", Value::Number(_)) => *value = "<ms>".into(),
                    _ => volatile(value),
                }
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(volatile);
            // Tasks and offsets come in any order.
            if items.iter().any(|item| item["id"].is_number() || item["partition"].is_object()) {
                items.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}

/// The plug-ins that both have: Kafka's transforms, predicates and converters.
fn foreign_plugins(plugins: &[Value]) -> Vec<&Value> {
    let is_ours = |class: &Value| [WASM_PLUGIN, SNOWFLAKE_JSON].contains(&class.as_str().unwrap());
    let is_connector = |kind: &Value| kind == "sink" || kind == "source";
    plugins.iter().filter(|plugin| !is_ours(&plugin["class"]) && !is_connector(&plugin["type"])).collect()
}

/// The names of the keys that the connector has itself.
fn own_keys() -> BTreeSet<String> {
    let snowflake = plugins::connector_keys(plugins::connector(SINK_V3).unwrap()).into_iter().map(|key| key.name.into_owned());
    snowflake.chain(swap::OWN.map(str::to_owned)).collect()
}

/// The definitions of the keys that are not the connector's own.
fn framework_keys(definitions: &[Value]) -> Vec<Value> {
    let own = own_keys();
    let foreign = definitions.iter().filter(|definition| !own.contains(definition["name"].as_str().unwrap()));
    foreign.cloned().map(definition).collect()
}

fn definition(mut definition: Value) -> Value {
    if let Some(fields) = definition.as_object_mut() {
        fields.shift_remove("documentation");
        if fields["name"] == "connector.plugin.version" {
            fields.shift_remove("default_value");
        }
    }
    definition
}

fn compare_infos(expected: &Value, ours: &Value) -> Result<(), String> {
    same("name", &expected["name"], &ours["name"])?;
    same("error_count", &expected["error_count"], &ours["error_count"])?;
    let groups = |infos: &Value| infos["groups"].as_array().unwrap().clone();
    let known = groups(expected);
    let shared: Vec<Value> = groups(ours).into_iter().filter(|group| known.contains(group)).collect();
    let without_own: Vec<Value> = known.iter().filter(|group| **group != "Noop").cloned().collect();
    same("groups", without_own, shared)?;

    let own = own_keys();
    let sink_classes: Vec<&str> =
        plugins::all().iter().filter(|plugin| plugin.kind == PluginKind::Sink).map(|plugin| plugin.class).collect();
    let shown = |infos: &Value, names: &BTreeSet<String>| -> Vec<Value> {
        let configs = infos["configs"].as_array().unwrap().iter();
        let kept = configs.filter(|config| names.contains(config["value"]["name"].as_str().unwrap()));
        kept.map(|config| {
            let name = config["value"]["name"].as_str().unwrap();
            let mut value = config["value"].clone();
            // Which classes there are to choose from is another question, and so is the version of the connector.
            value["recommended_values"] = Value::Null;
            if name == "connector.plugin.version" || sink_classes.contains(&value["value"].as_str().unwrap_or_default()) {
                value["value"] = Value::Null;
            }
            let definition = if own.contains(name) { Value::Null } else { definition(config["definition"].clone()) };
            json!({"definition": definition, "value": value})
        })
        .collect()
    };
    let configs = expected["configs"].as_array().unwrap().iter();
    let names = configs.map(|config| config["value"]["name"].as_str().unwrap().to_owned());
    let names: BTreeSet<String> = names.filter(|name| !swap::OWN.contains(&name.as_str())).collect();
    for (expected, ours) in shown(expected, &names).iter().zip(shown(ours, &names)) {
        same("config", expected, &ours)?;
    }
    same("configs", shown(expected, &names).len(), shown(ours, &names).len())
}
