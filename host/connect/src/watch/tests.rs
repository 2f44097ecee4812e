mod metrics;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value as Json;
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::*;
use crate::snapshot::{Blocked, Histogram, Memory, PartitionView, PipelineView, PluginView, TableView};

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A pipeline with something of everything; what it is called must be escaped in a label.
fn orders() -> PipelineView {
    PipelineView {
        name: "orders \"a\\b\"\nc".to_owned(),
        kind: "connector",
        state: "STALLED",
        records_consumed: 1200,
        bytes_consumed: 480_000,
        rows_committed: 1100,
        records_dropped: 7,
        dropped: vec![("plugin_rejected".to_owned(), 7)],
        appends: 4,
        append_bytes: 90_000,
        append_errors: 1,
        append_seconds: Histogram { counts: [1, 0, 2, 0, 0, 0, 0, 0], above: 1, sum_seconds: 41.5 },
        dead_letters: vec![("converter".to_owned(), 3)],
        partitions: vec![
            PartitionView {
                topic: "shop.orders".to_owned(),
                table: "ORDERS".to_owned(),
                committed_offset: Some(99),
                appended_offset: Some(120),
                more_tables: vec![TableView { table: "RETURNS".to_owned(), committed_offset: Some(97), appended_offset: Some(98) }],
                group_offset: Some(100),
                log_end_offset: Some(150),
                lag_records: Some(50),
                lag_seconds: Some(2.5),
                ..PartitionView::default()
            },
            PartitionView { topic: "shop.orders".to_owned(), partition: 1, blocked: Some(denied()), ..PartitionView::default() },
        ],
        plugins: vec![PluginView {
            name: "flatten".to_owned(),
            version: "1.2.0".to_owned(),
            sha256: "5f1c".to_owned(),
            kept: 5,
            rejected: 2,
            faults: 1,
            seconds: 0.25,
            counters: vec![("symbols_unknown".to_owned(), 7)],
            ..PluginView::default()
        }],
        ..PipelineView::default()
    }
}

fn denied() -> Blocked {
    Blocked { reason: "permission_denied".to_owned(), message: "role `LOADER` may not use it".to_owned(), ..Blocked::default() }
}

fn gateway(pipelines: Vec<PipelineView>) -> Snapshot {
    let memory = Memory { used_bytes: 10, max_bytes: 20, resident_bytes: Some(30) };
    Snapshot { version: "1.2.3", started_ms: 1_700_000_000_500, memory, spans_lost: Some(4), pipelines, ..Snapshot::default() }
}

fn named(name: &str, state: &'static str) -> PipelineView {
    PipelineView { name: name.to_owned(), state, ..PipelineView::default() }
}

async fn get_of(snapshot: Snapshot, path: &str) -> (StatusCode, HeaderMap, String) {
    let router = router_over(move || snapshot.clone());
    answer(router, path, "*/*").await
}

async fn answer(router: Router, path: &str, accept: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::get(path).header(header::ACCEPT, accept).extension(MayRead).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    (head.status, head.headers, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

// --- health ---

#[tokio::test]
async fn a_process_without_any_pipeline_is_alive_and_ready() {
    let (status, _, body) = get_of(gateway(Vec::new()), "/livez").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"status":"alive"}"#));
    let (status, _, body) = get_of(gateway(Vec::new()), "/readyz").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"status":"ready"}"#));
}

#[tokio::test]
async fn a_pipeline_that_a_person_paused_or_stopped_leaves_the_gateway_ready() {
    let pipelines = vec![named("a", "RUNNING"), named("b", "PAUSED"), named("c", "STOPPED")];
    assert_eq!(get_of(gateway(pipelines), "/readyz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn failed_and_stalled_pipelines_are_named_with_their_reason_and_the_process_stays_alive() {
    let failed = PipelineView { error: Some("no such topic".to_owned()), ..named("a", "FAILED") };
    let pipelines = || vec![failed.clone(), orders(), named("b", "RUNNING"), named("c", "STARTING")];
    let (status, _, body) = get_of(gateway(pipelines()), "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let expected = serde_json::json!({ "status": "not ready", "reasons": [
        { "pipeline": "a", "state": "FAILED", "reason": "no such topic" },
        { "pipeline": orders().name, "state": "STALLED",
          "reason": "partition 1 of `shop.orders`: permission_denied: role `LOADER` may not use it" },
        { "pipeline": "c", "state": "STARTING", "reason": "no reason is known; see the log" },
    ] });
    assert_eq!(serde_json::from_str::<Json>(&body).unwrap(), expected);
    assert_eq!(get_of(gateway(pipelines()), "/livez").await.0, StatusCode::OK);
}

// --- the page ---

#[tokio::test]
async fn every_answer_forbids_scripts_and_frames_of_others_and_caches() {
    let paths = ["/ui", "/ui/", "/ui/data", "/ui/page.js", "/ui/nothing", "/metrics", "/readyz", "/livez"];
    for path in paths {
        let (_, headers, _) = get_of(gateway(vec![orders()]), path).await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert_eq!(
            policy.split("; ").collect::<Vec<_>>(),
            [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "connect-src 'self'",
                "img-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'"
            ],
            "{path}"
        );
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer", "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
    }
}

#[tokio::test]
async fn every_file_that_the_page_and_its_scripts_name_is_served_with_its_type() {
    let (status, headers, index) = get_of(gateway(Vec::new()), "/ui").await;
    assert_eq!((status, &headers[header::CONTENT_TYPE]), (StatusCode::OK, &HeaderValue::from_static("text/html; charset=utf-8")));
    let quoted = |text: &str, before: &str| -> Vec<String> {
        text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    let mut wanted: BTreeSet<String> = quoted(&index, "\"ui/").into_iter().collect();
    assert!(wanted.remove("data"), "the page names its data too");
    for (_, content_type, text) in page::FILES {
        if content_type.starts_with("text/javascript") {
            wanted.extend(quoted(text, "from \"./"));
        }
    }
    assert_eq!(wanted, page::FILES.iter().map(|(name, ..)| (*name).to_owned()).collect());
    for (name, content_type, text) in page::FILES {
        let (status, headers, body) = get_of(gateway(Vec::new()), &format!("/ui/{name}")).await;
        assert_eq!(status, StatusCode::OK, "{name}");
        assert_eq!(headers[header::CONTENT_TYPE], content_type);
        assert_eq!(body, text);
    }
    assert_eq!(get_of(gateway(Vec::new()), "/ui/other.js").await.0, StatusCode::NOT_FOUND);
}

#[test]
fn the_page_is_small_and_takes_nothing_from_elsewhere_and_no_html_from_anyone() {
    let size: usize = page::FILES.iter().map(|(.., text)| text.len()).sum();
    assert!(size < 100 * 1024, "{size} bytes");
    for (name, _, text) in page::FILES {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for forbidden in
            ["http://", "https://", "@import", "url(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
        {
            assert!(!text.contains(forbidden), "{name} has `{forbidden}`");
        }
    }
}

#[tokio::test]
async fn an_address_with_a_slash_at_its_end_leads_to_the_page() {
    let (status, headers, _) = get_of(gateway(Vec::new()), "/ui/").await;
    assert_eq!((status, &headers[header::LOCATION]), (StatusCode::PERMANENT_REDIRECT, &HeaderValue::from_static("../ui")));
}

#[tokio::test]
async fn the_data_is_the_snapshot() {
    let (_, headers, body) = get_of(gateway(vec![orders()]), "/ui/data").await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(body, serde_json::to_string(&gateway(vec![orders()])).unwrap());
}

// --- events ---

#[tokio::test]
async fn a_stream_starts_with_a_snapshot_in_one_line() {
    let router = router_over(|| gateway(vec![orders()]));
    let response = router.oneshot(Request::get("/ui/events").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let frame = response.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
    let event = std::str::from_utf8(&frame).unwrap();
    let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data, [serde_json::to_string(&gateway(vec![orders()])).unwrap()]);
    assert!(event.contains("retry: 2000\n") && event.ends_with("\n\n"), "{event}");
}

#[test]
fn pages_that_watch_at_the_same_time_share_one_snapshot() {
    let looks = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&looks);
    let events = Events::over(Source(Arc::new(move || {
        *counted.lock().unwrap() += 1;
        gateway(Vec::new())
    })));
    let start = Instant::now();
    let after = |millis| events.at(start + Duration::from_millis(millis));
    assert!(Arc::ptr_eq(&after(0), &after(499)));
    assert_eq!(*looks.lock().unwrap(), 1);
    assert!(!Arc::ptr_eq(&after(499), &after(1000)));
    assert_eq!(*looks.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_stream_too_many_is_refused_until_another_client_leaves() {
    let router = router_over(|| gateway(Vec::new()));
    let open = || async {
        let request = Request::get("/ui/events").body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap()
    };
    let mut watching = Vec::new();
    for _ in 0..events::MAX_STREAMS {
        let response = open().await;
        assert_eq!(response.status(), StatusCode::OK);
        watching.push(response);
    }
    let refused = open().await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "30");
    watching.pop();
    assert_eq!(open().await.status(), StatusCode::OK);
}
