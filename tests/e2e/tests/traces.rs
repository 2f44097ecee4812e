//! Each body is one trace in OpenTelemetry's words, and a collector that is away costs traces only.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::json;
use snowgate_e2e::collector::{Collector, attribute};
use snowgate_e2e::{Config, Gateway, World, eventually};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_span(span: &Span, key: &str) -> Option<String> {
    attribute(&span.attributes, key)
}

/// The spans of each trace that has a root, with the root first.
fn traces(collector: &Collector) -> Vec<Vec<Span>> {
    let mut traces: BTreeMap<Vec<u8>, Vec<Span>> = BTreeMap::new();
    for span in collector.spans() {
        traces.entry(span.trace_id.clone()).or_default().push(span);
    }
    let mut traces: Vec<_> = traces.into_values().collect();
    for trace in &mut traces {
        trace.sort_by_key(|span| !span.parent_span_id.is_empty());
    }
    traces.retain(|trace| trace[0].parent_span_id.is_empty());
    traces
}

#[test]
fn a_body_is_one_trace_from_its_producers_to_its_commit() {
    let world = World::new(1);
    let collector = Collector::start(200);
    let traceparent = format!("00-{TRACE_ID}-{SPAN_ID}-01");
    world.kafka.produce_with(&world.topic, 0, "key-CANARY", r#"{"n": "value-CANARY"}"#, ("traceparent", &traceparent));
    // The first append is refused and sent again.
    world.sandbox.fault(json!({"kind": "append", "nth": 1, "times": 1, "action": {"respond": {"status": 503, "body": {"code": "X", "message": "scripted"}, "apply": false}}}));
    let config = Config::new(&world)
        .top(&format!("[telemetry]\notlp = {:?}", collector.url))
        .plugin("symbol_filter.wasm", r#"{ deny = ["NONE"], on_missing = "keep" }"#);
    let environment = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20token-CANARY"), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let gateway = Gateway::start_with(&world, &config, &environment);
    world.wait_for_rows(1);
    let trace = eventually("the trace of the body", || traces(&collector).pop());
    let log = gateway.stop_cleanly();

    let request = collector.requests().remove(0);
    assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(request.header("authorization"), Some("Bearer token-CANARY"));
    assert_eq!(collector.resource("service.name").as_deref(), Some("snowgate"));

    let (topic, table) = (world.topic.as_str(), world.table());
    let root = &trace[0];
    assert_eq!((root.name.as_str(), root.kind()), (format!("process {topic}").as_str(), SpanKind::Consumer));
    let expected = [
        ("messaging.system", "kafka"),
        ("messaging.destination.name", topic),
        ("messaging.destination.partition.id", "0"),
        ("messaging.consumer.group.name", &config.group),
        ("messaging.batch.message_count", "1"),
        ("snowgate.first_offset", "0"),
        ("snowgate.last_offset", "0"),
        ("snowgate.pipeline", "test"),
    ];
    for (key, value) in expected {
        assert_eq!(of_span(root, key).as_deref(), Some(value), "{key}");
    }
    let [link] = &root.links[..] else { panic!("one producer is linked, not {:?}", root.links) };
    assert_eq!((hex(&link.trace_id).as_str(), hex(&link.span_id).as_str()), (TRACE_ID, SPAN_ID));

    let mut names: Vec<&str> = trace[1..].iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    let (append, commit, receive) = (format!("append {table}"), format!("commit {topic}"), format!("receive {topic}"));
    assert_eq!(names, [&append, &append, &commit, "encode", &receive, "transform"]);
    for span in &trace[1..] {
        assert_eq!(span.parent_span_id, root.span_id, "{}", span.name);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{}", span.name);
        assert!(root.start_time_unix_nano <= span.start_time_unix_nano, "{}", span.name);
    }
    let mut appends: Vec<&Span> = trace.iter().filter(|span| span.name == append).collect();
    appends.sort_by_key(|span| span.start_time_unix_nano);
    for (key, value) in [("db.system.name", "snowflake"), ("db.namespace", "CRYPTO_DB|PUBLIC"), ("db.collection.name", &table)] {
        assert!(appends.iter().all(|span| of_span(span, key).as_deref() == Some(value)), "{key}");
    }
    let failed = appends[0].status.clone().unwrap_or_default();
    assert_eq!((failed.code(), of_span(appends[0], "error.type").as_deref()), (StatusCode::Error, Some("unknown")));
    assert!(failed.message.contains("answered 503"), "{}", failed.message);
    assert_eq!(appends[1].status.clone().unwrap_or_default().code(), StatusCode::Unset);
    assert_eq!(of_span(appends[1], "http.request.resend_count").as_deref(), Some("1"));
    let said = format!("{:?}{log}", collector.spans());
    assert!(!said.contains("CANARY"), "neither traces nor the log hold a key, a value or a secret");
}

#[test]
fn a_collector_that_refuses_or_is_away_costs_traces_and_no_records() {
    let refusing = Collector::start(503);
    for collector in [refusing.url.as_str(), "http://127.0.0.1:9"] {
        let world = World::new(1);
        world.produce_numbers(0, 0..1_000);
        let config = Config::new(&world).top(&format!("[telemetry]\notlp = {collector:?}"));
        let environment = [("OTEL_BSP_SCHEDULE_DELAY", "100"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "200")];
        let gateway = Gateway::start_with(&world, &config, &environment);
        world.assert_exactly_once();
        gateway.wait_for_log("traces were lost; records are not held back");
        let log = gateway.stop_cleanly();
        assert_eq!(log.matches("records are not held back").count(), 1, "it is said once a minute:\n{log}");
    }
}

#[test]
fn without_a_collector_there_are_no_traces() {
    let world = World::new(1);
    let collector = Collector::start(200);
    world.produce_numbers(0, 0..10);
    let off = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("OTEL_SDK_DISABLED", "true")];
    let gateway = Gateway::start_with(&world, &Config::new(&world), &off);
    world.assert_exactly_once();
    let log = gateway.stop_cleanly();
    assert!(collector.requests().is_empty() && !log.contains("traces are sent"), "{log}");
}
