//! Who comes in, and what is on every answer.

use super::*;

#[tokio::test]
async fn a_request_passes_by_route_login_host_and_origin_and_no_other_way() {
    const GOOD: &str = "connect.example.test:8083";
    let server = start(&protected(), router()).await;
    // Method, path, Host, Origin, Authorization, status.
    let matrix = [
        ("GET", "/connectors", GOOD, "", TOKEN, 200),
        ("GET", "/connectors", GOOD, "", "bearer 0123456789abcdef", 200),
        ("GET", "/connectors", GOOD, "", BASIC, 200),
        ("GET", "/connectors", "localhost", "", BASIC, 200),
        ("GET", "/connectors", "127.0.0.1:1", "", BASIC, 200),
        ("GET", "/connectors", "[::1]:8083", "", BASIC, 200),
        ("GET", "/connectors", "CONNECT.example.test.", "", BASIC, 200),
        // Login.
        ("GET", "/connectors", GOOD, "", "", 401),
        ("GET", "/connectors", GOOD, "", "Bearer 0123456789abcdeF", 401),
        ("GET", "/connectors", GOOD, "", "Bearer", 401),
        ("GET", "/connectors", GOOD, "", "Bearer ", 401),
        ("GET", "/connectors", GOOD, "", "Basic YW5uOnNlOmNyZXU=", 401),
        ("GET", "/connectors", GOOD, "", "Basic Ym9iOnNlOmNyZXQ=", 401),
        ("GET", "/connectors", GOOD, "", "Basic !!!", 401),
        ("GET", "/connectors", GOOD, "", "Digest x", 401),
        ("GET", "/nowhere", GOOD, "", "", 401),
        ("GET", "/nowhere", GOOD, "", TOKEN, 404),
        ("POST", "/connectors", GOOD, "", "", 401),
        ("POST", "/connectors", GOOD, "", TOKEN, 200),
        // Host; before the login, which is not even asked for.
        ("GET", "/connectors", "evil.example.test", "", TOKEN, 421),
        ("GET", "/connectors", "evil.example.test", "", "", 421),
        ("GET", "/connectors", "localhost.evil.test", "", TOKEN, 421),
        ("GET", "/connectors", "", "", TOKEN, 421),
        ("GET", "/metrics", "evil.example.test", "", "", 421),
        // Origin.
        ("POST", "/connectors", GOOD, "https://evil.example.test", TOKEN, 403),
        ("POST", "/connectors", GOOD, "https://ui.example.test.evil", TOKEN, 403),
        ("POST", "/connectors", GOOD, "null", TOKEN, 403),
        ("POST", "/connectors", GOOD, "https://ui.example.test", TOKEN, 200),
        ("POST", "/connectors", GOOD, "http://connect.example.test:8083", TOKEN, 200),
        ("POST", "/connectors", "localhost", "http://localhost:80", TOKEN, 200),
        ("POST", "/connectors", "localhost", "http://localhost:3000", TOKEN, 403),
        ("DELETE", "/connectors", GOOD, "https://evil.example.test", TOKEN, 403),
        ("GET", "/connectors", GOOD, "https://evil.example.test", TOKEN, 200),
        // Open to all.
        ("GET", "/livez", "evil.example.test", "", "", 200),
        ("GET", "/livez/", "10.0.0.1", "", "", 404),
        ("POST", "/livez", GOOD, "", "", 401),
        ("GET", "/metrics", GOOD, "", "", 200),
        ("POST", "/metrics", GOOD, "", "", 401),
        ("GET", "/metricsx", GOOD, "", "", 401),
    ];
    for (method, path, host, origin, authorization, expected) in matrix {
        let headers = [("Host", host), ("Origin", origin), ("Authorization", authorization)];
        let given: Vec<(&str, &str)> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let answer = server.send(request(method, path, &given)).await;
        assert_eq!(status(&answer), expected, "{method} {path} {given:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn refusals_say_why_and_a_login_is_asked_for_in_connects_words() {
    let server = start(&protected(), router()).await;
    let answer = server.send(request("GET", "/connectors", &[("Host", "localhost")])).await;
    assert_eq!(body(&answer), "User cannot access the resource.");
    assert!(header(&answer, "WWW-Authenticate").unwrap().starts_with("Basic realm="));
    let answer = server.send(request("GET", "/connectors", &[("Host", "evil.test")])).await;
    assert_eq!(header(&answer, "Content-Type"), Some("application/json"));
    let json: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(json["error_code"], 421);
    assert!(json["message"].as_str().unwrap().contains("CONNECT_SNOWGATE_ALLOWED_HOSTS"));
    server.stop().await;
}

#[tokio::test]
async fn two_hosts_in_one_request_must_both_be_ours() {
    let server = start(&listeners(), router()).await;
    let answer = server.send(request("GET", "/connectors", &[("Host", "localhost"), ("Host", "evil.test")])).await;
    assert!(matches!(status(&answer), 400 | 421), "{answer}");
    let answer = server.send(request("GET", "http://evil.test/connectors", &[("Host", "localhost")])).await;
    assert_eq!(status(&answer), 421);
    server.stop().await;
}

#[tokio::test]
async fn pages_in_the_list_get_cors_headers_as_connect_gives_them() {
    let mut settings = listeners();
    settings.origins = vec!["http://ui.example.test".to_owned()];
    settings.cors_methods = ["DELETE", "GET", "PUT", "POST"].map(str::to_owned).to_vec();
    let server = start(&settings, router()).await;
    let ask = [("Host", "localhost"), ("Origin", "http://ui.example.test"), ("Access-Control-Request-Method", "POST")];
    let answer = server.send(request("OPTIONS", "/connectors", &ask)).await;
    assert_eq!(header(&answer, "Vary"), Some("Origin"));
    assert_eq!(header(&answer, "Access-Control-Allow-Origin"), Some("http://ui.example.test"));
    assert_eq!(header(&answer, "Access-Control-Allow-Methods"), Some("DELETE,GET,PUT,POST"));
    assert_eq!(header(&answer, "Access-Control-Allow-Headers"), Some("Content-Type"));
    assert_eq!(header(&answer, "Access-Control-Max-Age"), Some("60"));
    let answer = server.send(request("GET", "/connectors", &ask[..2])).await;
    assert_eq!(header(&answer, "Access-Control-Allow-Origin"), Some("http://ui.example.test"));
    assert_eq!(header(&answer, "Access-Control-Allow-Methods"), None);
    let answer = server.send(request("GET", "/connectors", &[("Host", "localhost"), ("Origin", "http://evil.example.test")])).await;
    assert_eq!(
        (status(&answer), header(&answer, "Access-Control-Allow-Origin"), header(&answer, "Vary")),
        (200, None, Some("Origin"))
    );
    server.stop().await;

    let server = start(&listeners(), router()).await;
    let answer = server.send(request("GET", "/connectors", &[("Host", "localhost"), ("Origin", "http://example.test")])).await;
    assert_eq!((status(&answer), header(&answer, "Access-Control-Allow-Origin"), header(&answer, "Vary")), (200, None, None));
    server.stop().await;
}

#[tokio::test]
async fn a_preflight_of_a_listed_page_needs_no_login_and_of_another_it_does() {
    let server = start(&protected(), router().route("/x", axum::routing::options(|| async { "" }))).await;
    let ask =
        |origin| request("OPTIONS", "/x", &[("Host", "localhost"), ("Origin", origin), ("Access-Control-Request-Method", "PUT")]);
    let answer = server.send(ask("https://ui.example.test")).await;
    assert_eq!((status(&answer), header(&answer, "Access-Control-Allow-Headers")), (200, Some("Content-Type,Authorization")));
    assert_eq!(status(&server.send(ask("https://evil.example.test")).await), 401);
    server.stop().await;
}

#[tokio::test]
async fn configured_headers_are_on_every_answer_also_on_refusals() {
    let mut settings = listeners();
    settings.response_headers =
        ResponseHeader::parse_list("add X-Frame-Options: DENY, \"set Cache-Control: no-cache, no-store\", setDate Expires: 0")
            .unwrap();
    let server = start(&settings, router()).await;
    for (host, path) in [("localhost", "/connectors"), ("localhost", "/nowhere"), ("evil.test", "/connectors")] {
        let answer = server.send(request("GET", path, &[("Host", host)])).await;
        assert_eq!(header(&answer, "X-Frame-Options"), Some("DENY"));
        assert_eq!(header(&answer, "Cache-Control"), Some("no-cache, no-store"));
        assert_eq!(header(&answer, "Expires"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    }
    server.stop().await;
    for wrong in ["add X", "put X: y", "add X y: z", "addDate X: noon"] {
        assert!(ResponseHeader::parse_list(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn anyone_learns_whether_the_gateway_is_ready_and_those_who_may_come_in_why_not() {
    let failed = PipelineView { state: "FAILED", error: Some("CANARY".to_owned()), ..PipelineView::default() };
    let snapshot = move || Snapshot { pipelines: vec![failed.clone()], ..Snapshot::default() };
    let server = start(&protected(), watch::router_over(snapshot)).await;
    // Host, Authorization, whether the reasons are told.
    for (host, login, told) in [
        ("localhost", TOKEN, true),
        ("localhost", BASIC, true),
        ("localhost", "", false),
        ("localhost", "Bearer wrong", false),
        ("evil.example.test", TOKEN, false),
    ] {
        let answer = server.send(request("GET", "/readyz", &[("Host", host), ("Authorization", login)])).await;
        assert_eq!((status(&answer), body(&answer).contains("CANARY")), (503, told), "{host} {login}: {answer}");
        assert!(body(&answer).contains(r#""status":"not ready""#), "{answer}");
    }
    server.stop().await;
}
