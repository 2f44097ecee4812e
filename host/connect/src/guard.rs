//! Who may speak to the REST interface, and for how long: listeners, TLS, passwords, `Host` and `Origin`, limits.
//!
//! A listener that others can reach needs TLS, a token or passwords, else it does not start. A request passes, in this order: its
//! `Host` is one of ours, its page is one of ours if it changes something, it may come in, its body is small and arrives in time.
//! `/livez` and `/readyz` answer anyone, but say why only to those who may come in; `/metrics` answers anyone on loopback.

mod access;
mod headers;
mod listener;
mod origin;
mod serve;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

pub(crate) use access::MayRead;
pub use headers::ResponseHeader;
pub use serve::{Bound, bind, serve};

/// Where to listen, and who may come in.
#[derive(Debug, Clone)]
pub struct Listeners {
    pub binds: Vec<Bind>,
    /// For the binds that want it.
    pub tls: Option<Tls>,
    pub auth: Auth,
    /// Names by which we are called, besides those of loopback; without a port.
    pub hosts: Vec<String>,
    /// `access.control.allow.origin`: pages that may use the interface from a browser. One that is `*` stands for all.
    pub origins: Vec<String>,
    /// `access.control.allow.methods`
    pub cors_methods: Vec<String>,
    /// `response.http.headers.config`
    pub response_headers: Vec<ResponseHeader>,
    pub limits: Limits,
}

/// One address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// A name or an address.
    pub host: String,
    pub port: u16,
    pub tls: bool,
}

/// PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub certificate: PathBuf,
    /// May be the same file.
    pub key: PathBuf,
}

/// What opens the interface; nothing means that it is open.
#[derive(Debug, Clone, Default)]
pub struct Auth {
    pub token: Option<SecretString>,
    /// User and password.
    pub basic: Vec<(String, SecretString)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub body_bytes: usize,
    /// For a request's head to arrive; also how long a connection may wait for its next request.
    pub head: Duration,
    /// For a request's body to arrive.
    pub body: Duration,
    /// For the answer to be made.
    pub answer: Duration,
    /// For the other side to take some of what we write.
    pub write: Duration,
    /// Served at a time, over all listeners; more wait.
    pub connections: usize,
    /// For requests under way when we stop.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes: 1024 * 1024,
            head: Duration::from_secs(30),
            body: Duration::from_secs(10),
            // Connect itself gives up after 90 s, with an answer of its own.
            answer: Duration::from_secs(100),
            write: Duration::from_secs(30),
            connections: 64,
            shutdown: Duration::from_secs(5),
        }
    }
}

impl Listeners {
    /// One listener on loopback that anyone there may use.
    pub fn loopback(port: u16) -> Listeners {
        Listeners {
            binds: vec![Bind { host: "127.0.0.1".to_owned(), port, tls: false }],
            tls: None,
            auth: Auth::default(),
            hosts: Vec::new(),
            origins: Vec::new(),
            cors_methods: Vec::new(),
            response_headers: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Auth {
    pub fn is_open(&self) -> bool {
        self.token.is_none() && self.basic.is_empty()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    #[error("`{address}` can be reached from other machines, and neither TLS, a token nor passwords protect it; {WAYS_OUT}")]
    Unprotected { address: String },
    #[error("could not listen on `{address}`")]
    Listen { address: String, source: std::io::Error },
    #[error(
        "`{address}` wants a certificate and none is set; set `tls` in [connect], or snowgate.tls.certificate and snowgate.tls.key"
    )]
    NoCertificate { address: String },
    #[error("could not use the certificate `{certificate}` with its key: {why}")]
    Tls { certificate: String, why: String },
}

/// How to protect a listener, by the names of all three sources of settings.
pub const WAYS_OUT: &str = "set one of: a token (`auth.token` in [connect], CONNECT_SNOWGATE_TOKEN_FILE, snowgate.token.file), passwords (`auth.basic`, \
     CONNECT_SNOWGATE_BASIC_FILE, snowgate.basic.file, or the extension BasicAuthSecurityRestExtension), TLS (`tls`, \
     CONNECT_SNOWGATE_TLS_CERTIFICATE and _KEY, or ssl.keystore.location with a PEM file); or listen on 127.0.0.1";

#[cfg(test)]
mod tests;
