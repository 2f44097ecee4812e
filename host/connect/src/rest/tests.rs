use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::router;
use crate::herder::Herder;
use crate::herder::memory::{MemoryEngine, login, worker};
use crate::plugins::SINK_V3;
use crate::worker::WorkerSettings;

pub(crate) mod differences;
mod replay;
mod swap;

pub(crate) fn served(worker: WorkerSettings) -> (Arc<MemoryEngine>, Arc<Herder<MemoryEngine>>, Router) {
    let engine = Arc::new(MemoryEngine::default());
    let herder = Arc::new(Herder::open(Arc::clone(&engine), worker).unwrap());
    let router = router(Arc::clone(&herder));
    (engine, herder, router)
}

fn serve(folder: &Path) -> Router {
    served(worker(folder)).2
}

pub(crate) async fn send(router: &Router, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = Request::builder().method(method).uri(path).header("host", "h:8083").header("content-type", "application/json");
    let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

fn config() -> Value {
    let mut config = json!({"connector.class": SINK_V3, "topics": "t"});
    for (key, value) in login() {
        config[key] = value.into();
    }
    config
}

#[tokio::test]
async fn two_posts_of_one_name_are_answered_201_and_409() {
    let folder = tempfile::tempdir().unwrap();
    let router = serve(folder.path());
    let body = json!({"name": "c", "config": config()});
    let (one, other) =
        tokio::join!(send(&router, "POST", "/connectors", Some(body.clone())), send(&router, "POST", "/connectors", Some(body)));
    let mut statuses = [one.0.as_u16(), other.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn five_hundred_connectors_are_listed_with_their_states_and_configs() {
    let folder = tempfile::tempdir().unwrap();
    let router = serve(folder.path());
    for number in 0..500 {
        let body = json!({"name": format!("c{number}"), "config": config()});
        assert_eq!(send(&router, "POST", "/connectors", Some(body)).await.0, StatusCode::CREATED);
    }
    let (status, all) = send(&router, "GET", "/connectors?expand=info&expand=status", None).await;
    assert_eq!(status, StatusCode::OK);
    let all = all.as_object().unwrap();
    assert_eq!(all.len(), 500);
    for (name, expanded) in all {
        assert_eq!(expanded["info"]["config"]["name"], **name);
        assert_eq!(expanded["status"]["connector"]["state"], "RUNNING");
        assert_eq!(expanded["status"]["tasks"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_connector_of_any_name_can_be_addressed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let router = serve(folder.path());
    for (name, path) in
        [("a/b", "a%2Fb"), ("a%b", "a%25b"), ("a\\b", "a%5Cb"), ("a%2Fb", "a%252Fb"), ("..", ".."), ("\u{e4} +", "%C3%A4%20+")]
    {
        let (status, _) = send(&router, "POST", "/connectors", Some(json!({"name": name, "config": config()}))).await;
        assert_eq!(status, StatusCode::CREATED, "{name}");
        let (_, info) = send(&router, "GET", &format!("/connectors/{path}"), None).await;
        assert_eq!(info["name"], *name);
        let (status, _) = send(&router, "DELETE", &format!("/connectors/{path}/"), None).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{name}");
    }
}

#[tokio::test]
async fn a_configuration_comes_back_as_it_was_given_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = worker(folder.path());
    settings.show_secrets = true;
    let (_, _, router) = served(settings);
    let mut given = config();
    given["z"] = "1".into();
    given["a"] = " spaced ".into();
    given["name"] = "c".into();
    let (_, info) = send(&router, "PUT", "/connectors/c/config", Some(given.clone())).await;
    assert_eq!(info["config"].to_string(), given.to_string());
    assert_eq!(send(&router, "GET", "/connectors/c/config", None).await.1.to_string(), given.to_string());
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_told_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let router = serve(folder.path());
    let (status, error) = send(&router, "POST", "/connectors", Some(json!({"name": "n".repeat(1024 * 1024)}))).await;
    assert_eq!((status, &error["error_code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!(413)));
}

#[tokio::test]
async fn what_cannot_be_stored_is_500_with_the_reason() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    let router = serve(&folder);
    std::fs::rename(&folder, parent.path().join("elsewhere")).unwrap();
    let (status, error) = send(&router, "POST", "/connectors", Some(json!({"name": "c", "config": config()}))).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(error["message"].as_str().unwrap().contains("cannot be stored"), "{error}");
    assert_eq!(send(&router, "GET", "/connectors", None).await.1, json!([]));
}

#[tokio::test]
async fn a_worker_that_still_starts_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, herder, router) = served(worker(folder.path()));
    let (status, health) = send(&router, "GET", "/health", None).await;
    assert_eq!((status, &health["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("starting")));
    herder.start_all().await;
    assert_eq!(send(&router, "GET", "/health", None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn topics_are_not_told_where_the_worker_does_not_track_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = worker(folder.path());
    settings.topic_tracking = false;
    let (_, _, router) = served(settings);
    let (status, error) = send(&router, "GET", "/connectors/c/topics", None).await;
    assert_eq!((status, error["message"].as_str()), (StatusCode::FORBIDDEN, Some("Topic tracking is disabled.")));
    assert_eq!(send(&router, "PUT", "/connectors/c/topics/reset", None).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_masked_configuration_can_be_validated_and_put_as_a_user_interface_does() {
    let folder = tempfile::tempdir().unwrap();
    let router = serve(folder.path());
    send(&router, "PUT", "/connectors/c/config", Some(config())).await;
    let (_, shown) = send(&router, "GET", "/connectors/c/config", None).await;
    assert_eq!(shown["snowflake.private.key"], "********");
    let (_, verdict) = send(&router, "PUT", "/connector-plugins/SnowflakeSink/config/validate", Some(shown.clone())).await;
    assert_eq!(verdict["error_count"], 0);
    assert_eq!(send(&router, "PUT", "/connectors/c/config", Some(shown)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_location_has_the_host_that_the_client_called() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = worker(folder.path());
    settings.advertised_url = "https://inside:8083".to_owned();
    let (_, _, router) = served(settings);
    let body = json!({"name": "a/b {c}", "config": config()}).to_string();
    let request = Request::builder()
        .method("POST")
        .uri("/connectors")
        .header("host", "gate.example.test")
        .header("content-type", "application/json");
    let request = request.body(Body::from(body)).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["location"], "https://gate.example.test/connectors/a%2Fb%20%7Bc%7D");
}

#[tokio::test]
async fn a_connector_is_made_although_its_client_goes_away_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder, router) = served(worker(folder.path()));
    let (reached, held) = engine.hold_check();
    let started = engine.next_start();
    let body = json!({"name": "c", "config": config()});
    tokio::select! {
        _ = send(&router, "POST", "/connectors", Some(body)) => panic!("it was answered"),
        reached = reached => reached.unwrap(),
    }
    held.send(()).unwrap();
    started.await.unwrap();
    assert_eq!(herder.names(), ["c"]);
}

#[tokio::test]
async fn a_task_of_a_stopped_connector_cannot_be_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let router = serve(folder.path());
    let body = json!({"name": "c", "config": config(), "initial_state": "stopped"});
    send(&router, "POST", "/connectors", Some(body)).await;
    assert_eq!(send(&router, "POST", "/connectors/c/tasks/0/restart", None).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn scalars_become_text_as_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let router = serve(folder.path());
    let given = config().to_string();
    let body = format!("{},\"a\":1.50,\"b\":true,\"c\":1e3,\"d\":\"x\",\"d\":\"y\"}} and more", given.strip_suffix('}').unwrap());
    let request = Request::builder().method("PUT").uri("/connectors/c/config").header("content-type", "application/json");
    let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let (_, config) = send(&router, "GET", "/connectors/c/config", None).await;
    assert_eq!(["a", "b", "c", "d"].map(|key| config[key].as_str()), [Some("1.50"), Some("true"), Some("1e3"), Some("y")]);
}

#[tokio::test]
async fn an_answer_that_may_not_be_json_is_406() {
    let folder = tempfile::tempdir().unwrap();
    let router = serve(folder.path());
    let answers =
        [("text/html", 406), ("application/json;q=0", 406), ("text/html, application/*;q=0.1", 200), ("APPLICATION/JSON", 200)];
    for (accept, status) in answers {
        let request = Request::builder().uri("/connectors").header("accept", accept).body(Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status, "{accept}");
    }
}
