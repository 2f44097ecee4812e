//! Real sockets on 127.0.0.1. Clients block in threads of their own, so that they can be as rude as they like.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use secrecy::SecretString;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Auth, Bind, GuardError, Listeners, ResponseHeader, Tls, bind, serve};
use crate::snapshot::{PipelineView, Snapshot};
use crate::watch;

const TOKEN: &str = "Bearer 0123456789abcdef";
/// `ann:se:cret`
const BASIC: &str = "Basic YW5uOnNlOmNyZXQ=";

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), GuardError>>,
}

fn router() -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive" }))
        .route("/metrics", get(|| async { "metrics" }))
        .route("/connectors", get(|| async { "[]" }).post(|body: Bytes| async move { body.len().to_string() }))
}

fn listeners() -> Listeners {
    Listeners::loopback(0)
}

async fn start(settings: &Listeners, router: Router) -> Running {
    let bound = bind(settings).await.unwrap();
    let address = bound.addresses()[0];
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(bound.serve(router, async move {
        let _ = stopped.await;
    }));
    Running { address, stop, served }
}

impl Running {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    /// The answer to one request, as text.
    async fn send(&self, request: String) -> String {
        let address = self.address;
        spawn_blocking(move || talk(address, request.as_bytes())).await.unwrap()
    }
}

fn talk(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    read_answer(&mut stream)
}

/// Until the other side closes.
fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // Closing with bytes of ours unread resets the connection.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        read => drop(read.unwrap()),
    }
    String::from_utf8(answer).unwrap()
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}")).parse().unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.split("\r\n\r\n").next().unwrap().lines();
    lines.filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn protected() -> Listeners {
    let mut settings = listeners();
    settings.auth = Auth {
        token: Some(SecretString::from("0123456789abcdef")),
        basic: vec![("ann".to_owned(), SecretString::from("se:cret"))],
    };
    settings.hosts = vec!["Connect.example.test".to_owned()];
    settings.origins = vec!["https://ui.example.test".to_owned()];
    settings.cors_methods = vec!["GET".to_owned(), "POST".to_owned()];
    settings
}

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
async fn a_large_body_is_refused_before_it_is_read() {
    let server = start(&listeners(), router()).await;
    // Nothing of the 100 MB is ever sent; who waited for it would wait for ever.
    let announced = request("POST", "/connectors", &[("Host", "localhost"), ("Content-Length", "100000000")]);
    let answer = server.send(announced).await;
    assert_eq!(status(&answer), 413);
    assert_eq!(body(&answer), r#"{"error_code":413,"message":"The body of the request is larger than 1048576 bytes"}"#);
    // The size is not announced, and the body never ends.
    let mut chunked = request("POST", "/connectors", &[("Host", "localhost"), ("Transfer-Encoding", "chunked")]);
    chunked.push_str("100001\r\n");
    chunked.push_str(&"x".repeat(0x100001));
    let answer = server.send(chunked).await;
    assert_eq!(status(&answer), 413);
    let whole = request("POST", "/connectors", &[("Host", "localhost"), ("Content-Length", "1048576")]) + &"x".repeat(1024 * 1024);
    assert_eq!(body(&server.send(whole).await), "1048576");
    server.stop().await;
}

#[tokio::test]
async fn a_body_is_not_read_of_those_who_may_not_come_in() {
    let server = start(&protected(), router()).await;
    let answer = server.send(request("POST", "/connectors", &[("Host", "localhost"), ("Content-Length", "1000")])).await;
    assert_eq!(status(&answer), 401);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_or_body_is_cut_off_while_others_are_served() {
    let mut settings = listeners();
    settings.limits.head = Duration::from_millis(100);
    settings.limits.body = Duration::from_millis(100);
    let server = start(&settings, router()).await;
    let address = server.address;
    // Each returns only because the server closes: no end of a head, nothing at all, a second request that never comes, half a body.
    let slow = [
        "GET /connectors HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".to_owned(),
        String::new(),
        "GET /connectors HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        request("POST", "/connectors", &[("Host", "localhost"), ("Content-Length", "10")]) + "12345",
    ]
    .map(|text| spawn_blocking(move || talk(address, text.as_bytes())));
    for _ in 0..3 {
        assert_eq!(status(&server.send(request("GET", "/connectors", &[("Host", "localhost")])).await), 200);
    }
    let mut answers = Vec::new();
    for client in slow {
        answers.push(client.await.unwrap());
    }
    assert!(!answers[0].contains("200 OK") && answers[1].is_empty(), "{answers:?}");
    assert_eq!(status(&answers[2]), 200);
    assert_eq!(status(&answers[3]), 408);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let mut settings = listeners();
    settings.limits.answer = Duration::from_millis(50);
    let server = start(&settings, router().route("/never", post(std::future::pending::<()>))).await;
    let answer = server.send(request("POST", "/never", &[("Host", "localhost")])).await;
    assert_eq!((status(&answer), body(&answer)), (500, r#"{"error_code":500,"message":"Request timed out"}"#));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let mut settings = listeners();
    settings.limits.write = Duration::from_millis(100);
    settings.limits.connections = 1;
    let large = router().route("/large", get(|| async { Bytes::from(vec![b'x'; 64 * 1024 * 1024]) }));
    let server = start(&settings, large).await;
    let mut deaf = TcpStream::connect(server.address).unwrap();
    deaf.write_all(request("GET", "/large", &[("Host", "localhost")]).as_bytes()).unwrap();
    // There is but one place: this is answered only when the other has lost it.
    assert_eq!(status(&server.send(request("GET", "/connectors", &[("Host", "localhost")])).await), 200);
    drop(deaf);
    server.stop().await;
}

#[tokio::test]
async fn the_connection_after_the_last_place_waits_until_one_is_free() {
    let server = start(&listeners(), router()).await;
    let address = server.address;
    let keep = "GET /connectors HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut held = spawn_blocking(move || {
        let connect = |_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(keep.as_bytes()).unwrap();
            let mut first = [0; 15];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200 OK");
            stream
        };
        (0..64).map(connect).collect::<Vec<_>>()
    })
    .await
    .unwrap();
    let mut next = TcpStream::connect(address).unwrap();
    next.write_all(request("GET", "/connectors", &[("Host", "localhost")]).as_bytes()).unwrap();
    // Without a limit the answer would be here: the server has had turns enough.
    next.set_nonblocking(true).unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(next.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    next.set_nonblocking(false).unwrap();
    drop(held.pop());
    let answer = spawn_blocking(move || read_answer(&mut next)).await.unwrap();
    assert_eq!(status(&answer), 200);
    drop(held);
    server.stop().await;
}

#[tokio::test]
async fn what_others_can_reach_does_not_start_unprotected() {
    for host in ["0.0.0.0", "::"] {
        let mut settings = listeners();
        settings.binds = vec![Bind { host: host.to_owned(), port: 0, tls: false }];
        let refused = serve(&settings, router(), std::future::pending()).await.unwrap_err();
        assert!(matches!(&refused, GuardError::Unprotected { .. }), "{refused}");
        for way_out in ["auth.token", "CONNECT_SNOWGATE_BASIC_FILE", "snowgate.token.file", "`tls`"] {
            assert!(refused.to_string().contains(way_out), "{refused}");
        }
    }
    let mut settings = protected();
    settings.binds = vec![Bind { host: "0.0.0.0".to_owned(), port: 0, tls: false }];
    let server = start(&settings, router()).await;
    let server = Running { address: ([127, 0, 0, 1], server.address.port()).into(), ..server };
    for (path, login, expected) in [
        ("/connectors", "", 401),
        ("/connectors", TOKEN, 200),
        ("/metrics", "", 401),
        ("/metrics", TOKEN, 200),
        ("/livez", "", 200),
    ] {
        let answer = server.send(request("GET", path, &[("Host", "localhost"), ("Authorization", login)])).await;
        assert_eq!(status(&answer), expected, "{path} {login}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_under_way_is_answered_when_we_stop() {
    let (entered, mut has_entered) = tokio::sync::mpsc::channel::<oneshot::Sender<()>>(1);
    let wait = move || {
        let entered = entered.clone();
        async move {
            let (go, gone) = oneshot::channel();
            entered.send(go).await.unwrap();
            gone.await.unwrap();
            "done"
        }
    };
    let server = start(&listeners(), router().route("/wait", get(wait))).await;
    let address = server.address;
    let client = spawn_blocking(move || talk(address, request("GET", "/wait", &[("Host", "localhost")]).as_bytes()));
    let go = has_entered.recv().await.unwrap();
    server.stop.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(body(&client.await.unwrap()), "done");
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn several_listeners_serve_the_same_routes() {
    let mut settings = listeners();
    settings.binds.push(Bind { host: "localhost".to_owned(), port: 0, tls: false });
    let bound = bind(&settings).await.unwrap();
    let addresses = bound.addresses();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(bound.serve(router(), async move { drop(stopped.await) }));
    for address in addresses {
        let answer = spawn_blocking(move || talk(address, request("GET", "/connectors", &[("Host", "localhost")]).as_bytes()))
            .await
            .unwrap();
        assert_eq!(status(&answer), 200);
    }
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}

fn certificate(folder: &std::path::Path) -> (Tls, rustls::pki_types::CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let tls = Tls { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&tls.certificate, made.cert.pem()).unwrap();
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    (tls, made.cert.der().clone())
}

#[tokio::test]
async fn https_is_served_with_the_certificate_and_plain_http_gets_no_answer_there() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, root) = certificate(folder.path());
    let mut settings = listeners();
    settings.binds[0].tls = true;
    settings.tls = Some(tls);
    let server = start(&settings, router()).await;
    let address = server.address;
    let answer = spawn_blocking(move || {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(root).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connection = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, TcpStream::connect(address).unwrap());
        stream.write_all(request("GET", "/connectors", &[("Host", "localhost")]).as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    });
    assert_eq!(status(&answer.await.unwrap()), 200);
    let plain = server.send(request("GET", "/connectors", &[("Host", "localhost")])).await;
    assert!(!plain.contains("HTTP/1.1"), "{plain}");
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (good, _) = certificate(folder.path());
    let other = tempfile::tempdir().unwrap();
    let (stranger, _) = certificate(other.path());
    std::fs::write(folder.path().join("empty"), "").unwrap();
    for (certificate, key, why) in [
        (good.certificate.clone(), stranger.key.clone(), "KeyMismatch"),
        (folder.path().join("empty"), good.key.clone(), "the file has no certificate"),
        (good.certificate.clone(), folder.path().join("empty"), "its key is not PEM"),
        (folder.path().join("absent"), good.key.clone(), "the certificate is not PEM"),
    ] {
        let mut settings = listeners();
        settings.binds[0].tls = true;
        settings.tls = Some(Tls { certificate, key });
        let error = bind(&settings).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let mut settings = listeners();
    settings.binds[0].tls = true;
    assert!(matches!(bind(&settings).await.unwrap_err(), GuardError::NoCertificate { .. }));
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
