//! What a dead letter says about its record: where it came from, and why it was set aside.
//!
//! A pipeline of the configuration file writes headers that begin with `snowgate.`; a connector writes Connect's own,
//! `__connect.errors.…`, where its configuration asks for them.

use snowgate_connect::plugins::WASM_PLUGIN;
use snowgate_connect::road::SINK_TASK;
use snowgate_record::Record;

use crate::settings::Letters;
use crate::stages::{By, Cause};

/// The headers of a dead letter, in order.
pub(crate) struct Headers {
    headers: Vec<(&'static str, String)>,
}

impl Headers {
    pub(crate) fn of(record: Record<'_>, cause: &Cause, letters: &Letters, worker: u32) -> Headers {
        let mut headers = Vec::new();
        match letters {
            Letters::Snowgate => {
                headers.push(("snowgate.topic", record.topic().to_owned()));
                headers.push(("snowgate.partition", record.partition().to_string()));
                headers.push(("snowgate.offset", record.offset().to_string()));
                headers.push(("snowgate.timestamp", record.timestamp().to_string()));
                headers.push(("snowgate.reason", cause.reason.to_owned()));
                headers.push(("snowgate.message", cause.message.clone()));
                if let Some(By::Plugin { identity, backtrace }) = &cause.by {
                    headers.push(("snowgate.plugin", identity.name.to_string()));
                    headers.push(("snowgate.plugin.version", identity.version.to_string()));
                    headers.push(("snowgate.plugin.sha256", identity.digest.to_string()));
                    headers.extend(backtrace.clone().map(|backtrace| ("snowgate.plugin.backtrace", backtrace)));
                }
            }
            Letters::Connect { context_headers: false, .. } => {}
            Letters::Connect { connector, .. } => {
                let mut stacktrace = format!("{}: {}", cause.exception, cause.message);
                let class = match &cause.by {
                    Some(By::Plugin { backtrace, .. }) => {
                        stacktrace.extend(backtrace.iter().flat_map(|backtrace| ["\n", backtrace]));
                        WASM_PLUGIN
                    }
                    Some(By::Class(class)) => class,
                    None => SINK_TASK,
                };
                headers.push(("__connect.errors.topic", record.topic().to_owned()));
                headers.push(("__connect.errors.partition", record.partition().to_string()));
                headers.push(("__connect.errors.offset", record.offset().to_string()));
                headers.push(("__connect.errors.connector.name", connector.to_string()));
                headers.push(("__connect.errors.task.id", worker.to_string()));
                headers.push(("__connect.errors.stage", cause.stage.as_str().to_owned()));
                headers.push(("__connect.errors.class.name", class.to_owned()));
                headers.push(("__connect.errors.exception.class.name", cause.exception.to_owned()));
                headers.push(("__connect.errors.exception.message", cause.message.clone()));
                headers.push(("__connect.errors.exception.stacktrace", stacktrace));
                headers.push(("__snowgate.reason", cause.reason.to_owned()));
                if let Some(By::Plugin { identity, .. }) = &cause.by {
                    headers.push(("__snowgate.plugin.name", identity.name.to_string()));
                    headers.push(("__snowgate.plugin.version", identity.version.to_string()));
                    headers.push(("__snowgate.plugin.sha256", identity.digest.to_string()));
                }
            }
        }
        Headers { headers }
    }

    pub(crate) fn as_pairs(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use snowgate_connect::data::Stage;
    use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};
    use snowgate_transform::Identity;

    use super::*;

    fn by_plugin(backtrace: Option<String>) -> By {
        let identity = Identity { name: "filter".into(), version: "1.0.0".into(), digest: "abc".into() };
        By::Plugin { identity: Arc::new(identity), backtrace }
    }

    fn headers(letters: &Letters, cause: &Cause) -> Vec<String> {
        let mut batch = RecordBatch::new(TopicPartition::new("t", 2));
        batch.push(Offset::new(7).unwrap(), 11, TimestampType::CreateTime, None, Some(b"x"));
        let headers = Headers::of(batch.record(0), cause, letters, 1);
        headers.as_pairs().iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    fn connect(context_headers: bool) -> Letters {
        Letters::Connect { connector: "sink".into(), context_headers }
    }

    #[test]
    fn a_pipeline_tells_the_reason_and_the_plugin() {
        let plugin = Cause { by: Some(by_plugin(Some("at f".to_owned()))), ..Cause::of_row("plugin_trapped", "odd") };
        assert_eq!(
            headers(&Letters::Snowgate, &plugin),
            [
                "snowgate.topic=t",
                "snowgate.partition=2",
                "snowgate.offset=7",
                "snowgate.timestamp=11",
                "snowgate.reason=plugin_trapped",
                "snowgate.message=odd",
                "snowgate.plugin=filter",
                "snowgate.plugin.version=1.0.0",
                "snowgate.plugin.sha256=abc",
                "snowgate.plugin.backtrace=at f",
            ]
        );
    }

    #[test]
    fn a_connector_tells_what_connect_tells_where_it_is_asked_to() {
        let cause = Cause {
            stage: Stage::ValueConverter,
            by: Some(By::Class("org.apache.kafka.connect.json.JsonConverter".into())),
            exception: "org.apache.kafka.connect.errors.DataException",
            ..Cause::of_row("value_converter", "bad")
        };
        assert_eq!(
            headers(&connect(true), &cause),
            [
                "__connect.errors.topic=t",
                "__connect.errors.partition=2",
                "__connect.errors.offset=7",
                "__connect.errors.connector.name=sink",
                "__connect.errors.task.id=1",
                "__connect.errors.stage=VALUE_CONVERTER",
                "__connect.errors.class.name=org.apache.kafka.connect.json.JsonConverter",
                "__connect.errors.exception.class.name=org.apache.kafka.connect.errors.DataException",
                "__connect.errors.exception.message=bad",
                "__connect.errors.exception.stacktrace=org.apache.kafka.connect.errors.DataException: bad",
                "__snowgate.reason=value_converter",
            ]
        );
        assert!(headers(&connect(false), &cause).is_empty());
        let class = |cause: &Cause| headers(&connect(true), cause)[6].clone();
        let row = Cause::of_row("oversize", "too long");
        assert_eq!(class(&row), "__connect.errors.class.name=org.apache.kafka.connect.sink.SinkTask");
        let plugin = Cause { by: Some(by_plugin(Some("at f".to_owned()))), ..row };
        assert_eq!(class(&plugin), "__connect.errors.class.name=snowgate.plugin");
        let letter = headers(&connect(true), &plugin);
        assert!(letter[9].ends_with(": too long\nat f"), "{}", letter[9]);
        assert_eq!(
            letter[11..],
            ["__snowgate.plugin.name=filter", "__snowgate.plugin.version=1.0.0", "__snowgate.plugin.sha256=abc"]
        );
    }
}
