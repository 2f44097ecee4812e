//! Two requests to a worker, over plain HTTP.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::ImportError;

pub(super) const NOT_PLAIN: &str = "only plain `http://` is spoken here";

/// A worker that validates gives up after 90 s.
const PATIENCE: Duration = Duration::from_secs(100);
/// A thousand connectors are about 10 MB.
const LONGEST_ANSWER: u64 = 64 << 20;

/// A URL, apart from the login in it.
#[derive(Clone)]
pub(super) struct Address {
    /// Without user and password, and without a slash at its end.
    pub(super) url: String,
    /// `Authorization`
    login: Option<String>,
}

impl Address {
    pub(super) fn parse(written: &str) -> Result<Address, ImportError> {
        let (scheme, rest) = written.split_once("://").unwrap_or(("http", written));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let address = Address {
            url: format!("{scheme}://{host}{}", path.trim_end_matches('/')),
            login: user.map(|user| format!("Basic {}", STANDARD.encode(decoded(user)))),
        };
        let why = match scheme.eq_ignore_ascii_case("http") {
            false => NOT_PLAIN,
            true if host.is_empty() => "it names no host",
            true => return Ok(address),
        };
        Err(ImportError::Url { url: address.url, why })
    }

    pub(super) fn with(mut self, path: &str) -> Address {
        self.url.push_str(path);
        self
    }
}

pub(super) fn get(address: &Address) -> Result<String, ImportError> {
    let mut request = agent().get(&address.url).header("Accept", "application/json");
    if let Some(login) = &address.login {
        request = request.header("Authorization", login);
    }
    answer(address, request.call())
}

pub(super) fn post(address: &Address, json: &str) -> Result<(), ImportError> {
    let mut request = agent().post(&address.url).header("Content-Type", "application/json");
    if let Some(login) = &address.login {
        request = request.header("Authorization", login);
    }
    answer(address, request.send(json)).map(drop)
}

fn agent() -> Agent {
    // A redirect would take the login, or a private key, to where nobody sent it; so would a proxy.
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).max_redirects_will_error(false);
    config.proxy(None).timeout_global(Some(PATIENCE)).build().into()
}

fn answer(address: &Address, called: Result<Response<Body>, ureq::Error>) -> Result<String, ImportError> {
    let unreachable = |source| ImportError::Unreachable { url: address.url.clone(), source: Box::new(source) };
    let mut response = called.map_err(unreachable)?;
    let text = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string().map_err(unreachable)?;
    let status = response.status().as_u16();
    if (200..300).contains(&status) {
        return Ok(text);
    }
    Err(ImportError::Refused { url: address.url.clone(), status, message: message(&text) })
}

/// What Connect says in an answer that is an error.
fn message(text: &str) -> String {
    #[derive(Deserialize)]
    struct Error {
        message: String,
    }
    match serde_json::from_str::<Error>(text) {
        Ok(error) => error.message,
        Err(_) => text.lines().next().unwrap_or_default().chars().take(200).collect(),
    }
}

/// A text of a URL, freed of `%XX`.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}
