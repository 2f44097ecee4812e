//! Two requests to a worker: one that reads, one that registers.
//!
//! What must stay true: a login goes to the worker it is meant for and nowhere else: no redirect is followed and no proxy asked, no
//! URL holds one, and no error shows one.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body};

use super::ImportError;

pub(super) const HOLDS_LOGIN: &str = "it holds a login, which every other user of the machine sees";

/// A worker that validates gives up after 90 s.
const PATIENCE: Duration = Duration::from_secs(100);
/// A thousand connectors are about 10 MB.
const LONGEST_ANSWER: u64 = 64 << 20;

/// Letters of what a worker says to a refused request; validation names every key that is wrong.
const LONGEST_MESSAGE: usize = 16_384;

/// How workers are reached.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `Authorization`, for the one that is asked.
    login: Option<SecretString>,
    /// Certificate authorities in place of the system's.
    roots: Option<Vec<Certificate<'static>>>,
}

impl Access {
    /// With the login that `text` holds: `USER:PASSWORD`, or a token behind `Bearer`.
    pub fn with_login(self, text: &str) -> Result<Access, ImportError> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err(ImportError::Login);
        }
        let header = match text.split_once(char::is_whitespace) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => format!("Bearer {}", token.trim()),
            _ if text.contains(':') => format!("Basic {}", STANDARD.encode(text)),
            _ => return Err(ImportError::Login),
        };
        Ok(Access { login: Some(SecretString::from(header)), ..self })
    }

    /// With the certificate authorities of a PEM file, and no others.
    pub fn with_authorities(self, file: &Path) -> Result<Access, ImportError> {
        let text = fs::read(file).map_err(|source| ImportError::File { path: file.to_owned(), source })?;
        let certificates = parse_pem(&text).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        let roots: Vec<_> = certificates.collect();
        if roots.is_empty() {
            return Err(ImportError::Authorities { path: file.to_owned() });
        }
        Ok(Access { roots: Some(roots), ..self })
    }

    fn agent(&self) -> Agent {
        // A redirect would take the login, or a private key, to where nobody sent it; so would a proxy.
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).max_redirects_will_error(false);
        let roots = self.roots.as_ref().map_or(RootCerts::PlatformVerifier, |roots| RootCerts::new_with_certs(roots));
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        config.proxy(None).tls_config(tls).timeout_global(Some(PATIENCE)).build().into()
    }
}

/// A URL without a login and without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address(String);

impl Address {
    pub(super) fn parse(written: &str) -> Result<Address, ImportError> {
        let (scheme, rest) = written.split_once("://").unwrap_or(("http", written));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(login, host)| (Some(login), host));
        let url = format!("{}://{host}{}", scheme.to_ascii_lowercase(), path.trim_end_matches('/'));
        let why = match &*scheme.to_ascii_lowercase() {
            _ if login.is_some() => HOLDS_LOGIN,
            "http" | "https" if host.is_empty() => "it names no host",
            "http" | "https" => return Ok(Address(url)),
            _ => "only `http://` and `https://` are spoken here",
        };
        Err(ImportError::Url { url, why })
    }

    pub(super) fn with(mut self, path: &str) -> Address {
        self.0.push_str(path);
        self
    }
}

pub(super) fn get(address: &Address, access: &Access) -> Result<String, ImportError> {
    let mut request = access.agent().get(&address.0).header("Accept", "application/json");
    if let Some(login) = &access.login {
        request = request.header("Authorization", login.expose_secret());
    }
    answer(address, request.call())
}

pub(super) fn post(address: &Address, access: &Access, json: &str) -> Result<(), ImportError> {
    let mut request = access.agent().post(&address.0).header("Content-Type", "application/json");
    if let Some(login) = &access.login {
        request = request.header("Authorization", login.expose_secret());
    }
    answer(address, request.send(json)).map(drop)
}

fn answer(address: &Address, called: Result<Response<Body>, ureq::Error>) -> Result<String, ImportError> {
    let unreachable = |source| ImportError::Unreachable { url: address.0.clone(), source: Box::new(source) };
    let mut response = called.map_err(unreachable)?;
    let text = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string().map_err(unreachable)?;
    let status = response.status().as_u16();
    if (200..300).contains(&status) {
        return Ok(text);
    }
    Err(ImportError::Refused { url: address.0.clone(), status, message: message(&text) })
}

/// Whether the other side could not prove who it is.
pub(super) fn is_about_trust(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        // Rustls speaks through the socket, too.
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

/// What Connect says in an answer that is an error.
fn message(text: &str) -> String {
    #[derive(Deserialize)]
    struct Error {
        message: String,
    }
    let said = match serde_json::from_str::<Error>(text) {
        Ok(error) => error.message,
        Err(_) => text.lines().next().unwrap_or_default().chars().take(200).collect(),
    };
    // It is for a terminal, and whoever answers has no business there.
    said.chars().filter(|letter| *letter == '\n' || !letter.is_control()).take(LONGEST_MESSAGE).collect()
}
