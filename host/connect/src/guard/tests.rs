//! Real sockets on 127.0.0.1. Clients block in threads of their own, so that they can be as rude as they like.

mod access;
mod limits;

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
