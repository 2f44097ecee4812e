//! The sink of the captures is swapped for Snowflake's, in requests and in expected answers alike.
//!
//! The captures were made with the file sink and a sink that does nothing. Neither is here, and what their own options do is nothing
//! that we could answer. Where a request names one of them as its connector, Snowflake's class stands instead, with what that class
//! needs to log in; the expected answer is changed by the same rule, the key in it masked.

use serde_json::Value;

use crate::herder::memory::login;
use crate::plugins::{self, SINK_V3};

const NAMES: [(&str, &str); 7] = [
    ("org.apache.kafka.connect.file.FileStreamSinkConnector", SINK_V3),
    ("org.apache.kafka.connect.file.FileStreamSinkTask", "com.snowflake.kafka.connector.SnowflakeSinkTask"),
    ("local.noop.NoopSinkConnector", SINK_V3),
    ("FileStreamSinkConnector", "SnowflakeSinkConnector"),
    ("FileStreamSink", "SnowflakeSink"),
    ("NoopSinkConnector", "SnowflakeSinkConnector"),
    ("NoopSink", "SnowflakeSink"),
];

/// The swapped sinks' own options and groups.
pub(super) const OWN: [&str; 3] = ["file", "noop.mode", "Noop"];

fn renamed(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Puts the login behind the connector's class.
fn with_login(text: &str, mask: Option<&str>) -> String {
    let mut pairs = String::new();
    for (key, value) in login() {
        let value = mask.filter(|_| key == "snowflake.private.key").unwrap_or(&value);
        pairs.push_str(&format!(",\"{key}\":\"{value}\""));
    }
    let mut text = text.to_owned();
    for class in [SINK_V3, "SnowflakeSink"] {
        for between in [":", ": "] {
            let place = format!("\"connector.class\"{between}\"{class}\"");
            text = text.replace(&place, &format!("{place}{pairs}"));
        }
    }
    text
}

pub(super) fn path(path: &str) -> String {
    // The version of the file sink and one of Snowflake's.
    renamed(path).replace("version=4.3.1", "version=3.5.4").replace("version=%5B4.0%2C5.0%29", "version=%5B3.0%2C4.0%29")
}

pub(super) fn request(body: &str) -> String {
    with_login(&renamed(body), None)
}

pub(super) fn answer(answer: &Value) -> Value {
    let mut swapped = serde_json::from_str(&with_login(&renamed(&answer.to_string()), Some("********"))).unwrap();
    versions(&mut swapped);
    swapped
}

/// A connector's version is that of its class.
fn versions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("worker_id") {
                fields["version"] = plugins::connector(SINK_V3).unwrap().version.into();
            }
            fields.values_mut().for_each(versions);
        }
        Value::Array(items) => items.iter_mut().for_each(versions),
        _ => {}
    }
}
