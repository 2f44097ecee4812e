//! What the tests of this crate share: fixtures, keys, and a scripted Snowflake on a socket.
//!
//! The server hands each request to the test's own function and sends what that returns. It keeps the requests exactly as they came.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::client::Client;
use crate::config::{SnowflakeConfig, SnowflakeSettings};
use crate::transport::Timeouts;

pub(crate) fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file that only its owner may read.
pub(crate) fn private_file(dir: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
    file.write_all(content).unwrap();
    path
}

/// A new key as PKCS#8 PEM.
pub(crate) fn new_key() -> String {
    let der = RsaKeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
}

/// A token for loading as the client reads it: a JWT that ends `seconds` from now.
pub(crate) fn scoped_token(seconds: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{}}}"#, now + seconds)))
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and parameters.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The parameters, in order.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let (_, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(crate) fn parameter(&self, name: &str) -> String {
        self.parameters().into_iter().find(|(found, _)| found == name).map(|(_, value)| value).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The claims of the login token that the request carries.
    pub(crate) fn claims(&self) -> HashMap<String, serde_json::Value> {
        let claims = self.header("authorization").unwrap().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }
}

/// What to send back.
pub(crate) enum Script {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Close the connection instead.
    Close,
    /// Say nothing until the other side gives up.
    Hang,
    /// Begin an answer and then say nothing more.
    Stall,
}

pub(crate) fn answer(status: u16, body: impl Into<Vec<u8>>) -> Script {
    Script::Answer { status, headers: Vec::new(), body: body.into() }
}

/// The answers to the two login requests, for a script to fall back on.
pub(crate) fn login_answer(seen: &Seen) -> Script {
    match seen.path() {
        "/v2/streaming/hostname" => answer(200, "127.0.0.1"),
        "/oauth/token" => answer(200, scoped_token(3600)),
        other => panic!("no answer is scripted for {other}"),
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A server that lives as long as the test's process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    scheme: &'static str,
}

impl Server {
    /// Plain HTTP. The script gets each request and how many requests came to the same path before it.
    pub(crate) fn start(script: impl Fn(&Seen, usize) -> Script + Send + Sync + 'static) -> Server {
        Server::listen("http", |socket| Box::new(socket), script)
    }

    /// The same over TLS, with the certificate and key given.
    pub(crate) fn start_tls(
        config: Arc<rustls::ServerConfig>,
        script: impl Fn(&Seen, usize) -> Script + Send + Sync + 'static,
    ) -> Server {
        let accept = move |socket| -> Box<dyn Stream> {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            Box::new(rustls::StreamOwned::new(connection, socket))
        };
        Server::listen("https", accept, script)
    }

    fn listen(
        scheme: &'static str,
        accept: impl Fn(TcpStream) -> Box<dyn Stream> + Send + Sync + 'static,
        script: impl Fn(&Seen, usize) -> Script + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new((accept, script, Arc::clone(&seen)));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, shared) = (socket.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || {
                    let (accept, script, seen) = &*shared;
                    let mut stream = BufReader::new(accept(socket));
                    while let Some(request) = read_request(&mut stream) {
                        let before = {
                            let mut seen: std::sync::MutexGuard<'_, Vec<Seen>> = seen.lock().unwrap();
                            let before = seen.iter().filter(|earlier| earlier.path() == request.path()).count();
                            seen.push(request.clone());
                            before
                        };
                        if carry_out(stream.get_mut(), script(&request, before)).is_none() {
                            return;
                        }
                    }
                });
            }
        });
        Server { address, seen, scheme }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Paths in the order they were asked for, logins left out.
    pub(crate) fn calls(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| !matches!(seen.path(), "/v2/streaming/hostname" | "/oauth/token")).collect()
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.path() == path).count()
    }

    pub(crate) fn settings(&self) -> SnowflakeSettings {
        settings(&self.url(), &fixture("key_pkcs8.pem"))
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(Arc::new(self.settings())).unwrap()
    }

    /// A client that gives up soon, for tests of a server that does not answer.
    pub(crate) fn hasty_client(&self) -> Client {
        let timeouts = Timeouts { connect: Duration::from_secs(5), request: Duration::from_secs(2) };
        Client::with_timeouts(Arc::new(self.settings()), timeouts).unwrap()
    }
}

/// Settings for an account at `url`; the key is read from a file that is gone afterwards.
pub(crate) fn settings(url: &str, key: &str) -> SnowflakeSettings {
    let dir = tempfile::tempdir().unwrap();
    private_file(&dir, "rsa_key.p8", key.as_bytes());
    config(url).resolve(dir.path()).unwrap()
}

pub(crate) fn config(url: &str) -> SnowflakeConfig {
    serde_json::from_value(serde_json::json!({
        "account": "myorg-myacct", "user": "streamer", "private_key": {"file": "rsa_key.p8"}, "role": "loader", "url": url, "database": "mydb",
    }))
    .unwrap()
}

fn read_request(stream: &mut BufReader<Box<dyn Stream>>) -> Option<Seen> {
    let mut line = || -> Option<String> {
        let mut line = String::new();
        let read = stream.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut seen = Seen { method, target, headers, body: Vec::new() };
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    seen.body.resize(length, 0);
    stream.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

/// `None` when the connection is done with.
fn carry_out(stream: &mut Box<dyn Stream>, script: Script) -> Option<()> {
    let wait_for_the_end = |stream: &mut Box<dyn Stream>| while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {};
    match script {
        Script::Answer { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
            headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(b"\r\n").ok()?;
            stream.write_all(&body).ok()?;
            stream.flush().ok()
        }
        Script::Close => None,
        Script::Hang => {
            wait_for_the_end(stream);
            None
        }
        Script::Stall => {
            stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{").ok()?;
            stream.flush().ok()?;
            wait_for_the_end(stream);
            None
        }
    }
}
