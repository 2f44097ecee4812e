//! Beside pipelines: connectors, their interface, a collector of traces.

use super::*;

#[test]
fn connectors_need_kafka_and_nothing_else() {
    let folder = Folder::new();
    let settings = folder
        .load("[kafka]\nbrokers = [\"a:1\", \"b:2\"]\nproperties = { \"security.protocol\" = \"ssl\" }\n\n[connect]\n")
        .unwrap();
    assert!(settings.pipelines.is_empty() && settings.snowflake.is_none());
    let worker = settings.worker.unwrap();
    assert_eq!(worker.bootstrap_servers, ["a:1", "b:2"]);
    assert_eq!(worker.state, folder.dir.path().join("connect-state"));
    assert_eq!(worker.worker_id, "127.0.0.1:8083");
    // What every pipeline uses to reach Kafka, connectors use too.
    assert!(worker.client.iter().any(|(name, _)| name == "security.protocol"));
}

#[test]
fn an_interface_that_others_could_reach_without_a_password_is_refused_with_the_ways_out() {
    let shown = refused("[kafka]\nbrokers = [\"a:1\"]\n\n[connect]\nlisten = \"0.0.0.0:8083\"\nshow_secret = true\n");
    assert!(shown.contains("snowgate.toml:5:10: `connect.listen`: `0.0.0.0:8083` can be reached from other machines"), "{shown}");
    assert!(shown.contains("`auth.token` in [connect]"), "{shown}");
    assert!(shown.contains("snowgate.toml:6:1: unknown key `connect.show_secret`"), "{shown}");
    assert!(shown.contains("did you mean `show_secrets`?"), "{shown}");
}

#[test]
fn a_pipeline_beside_connectors_still_needs_snowflake() {
    let shown = refused("[kafka]\nbrokers = [\"a:1\"]\n\n[connect]\n\n[pipeline.klines]\ntopics = [\"t\"]\n");
    assert!(shown.contains("section `[snowflake]` is missing"), "{shown}");
}

#[test]
fn a_collector_is_an_http_address_without_a_login() {
    let with = |otlp: &str| format!("{SMALLEST}\n[telemetry]\notlp = {otlp:?}\n");
    assert_eq!(Folder::new().load(SMALLEST).unwrap().otlp, None);
    assert_eq!(Folder::new().load(&with("https://c:4318/otlp")).unwrap().otlp.as_deref(), Some("https://c:4318/otlp"));
    for (otlp, problem, hint) in [
        ("localhost:4318", "`telemetry.otlp` is no address that begins with `http://` or `https://`", "http://localhost:4318"),
        ("https://", "`telemetry.otlp` is no address", "http://localhost:4318"),
        ("https://me:hunter2@c", "`telemetry.otlp` holds a login", "OTEL_EXPORTER_OTLP_HEADERS"),
    ] {
        let text = refused(&with(otlp));
        assert!(text.contains(problem) && text.contains(hint) && !text.contains("hunter2"), "{text}");
    }
}
