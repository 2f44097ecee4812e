//! One HTTP exchange: a request out, a whole answer or the reason for none back.
//!
//! HTTP/1.1 with kept connections, TLS with the system's authorities and those of `tls_ca`, no redirects, no retries. An answer is
//! read to its end, within a time limit and a size limit, before anyone looks at it.
//!
//! What must stay true: nothing is sent twice from here, and an error text never holds a URL, for tokens stand in URLs.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_CHARSET, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::account::{is_below_localhost, is_loopback};
use crate::config::{Proxy, SnowflakeSettings};
use crate::error::{Answer, Asked, Error, NoAnswer, scrub};
use crate::{http_date, wire};

/// A status answer is about 450 bytes for each channel, and no call asks for more than 500; everything else is smaller.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Below the minute after which load balancers let go of a silent connection, so that ours is rarely gone when we write.
const IDLE: Duration = Duration::from_secs(45);

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) request: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { connect: Duration::from_secs(10), request: Duration::from_secs(30) }
    }
}

/// Which kind of token a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenType {
    /// A login token, signed by the key pair.
    KeyPair,
    /// A token for the host that takes rows.
    Scoped,
}

pub(crate) struct Transport {
    http: reqwest::Client,
    user_agent: HeaderValue,
}

/// A request that lacks only its bearer token.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Vec<u8>>,
    /// In place of the usual limit.
    pub(crate) timeout: Option<Duration>,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Request {
        Request { method, url, headers: Vec::new(), body: None, timeout: None }
    }

    pub(crate) fn body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Request {
        self.headers.insert(0, (CONTENT_TYPE.as_str(), content_type.to_owned()));
        self.body = Some(body.into());
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }
}

/// A whole answer of any status.
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Transport {
    pub(crate) fn new(settings: &SnowflakeSettings, timeouts: Timeouts) -> Result<Transport, Error> {
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tls_certs_merge(settings.tls_ca.iter().cloned())
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true);
        let setup = |error: reqwest::Error| Error::Setup { reason: deepest(&error.without_url()) };
        match settings.url.host_str() {
            Some(host) if is_loopback(host) => {
                builder = builder.no_proxy();
                if is_below_localhost(host) {
                    builder = builder.resolve(host, (std::net::Ipv4Addr::LOCALHOST, 0).into());
                }
            }
            _ => {
                if let Some(Proxy { address, login }) = &settings.proxy {
                    let mut proxy = reqwest::Proxy::all(format!("http://{address}")).map_err(setup)?;
                    if let Some((user, password)) = login {
                        proxy = proxy.basic_auth(user, password.expose_secret());
                    }
                    builder = builder.proxy(proxy);
                }
            }
        }
        let http = builder.build().map_err(setup)?;
        let agent = format!("Snowgate/{} ({} {})", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
        Ok(Transport { http, user_agent: HeaderValue::from_str(&agent).expect("versions and platforms are plain ASCII") })
    }

    /// Sends `request` once and reads the answer, whatever its status.
    pub(crate) async fn send(&self, asked: &Asked, request: Request, token: (TokenType, &SecretString)) -> Result<Reply, Error> {
        let (token_type, bearer) = token;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret()))
            .map_err(|_| Error::Setup { reason: "a token is not plain ASCII".to_owned() })?;
        authorization.set_sensitive(true);
        let token_type = match token_type {
            TokenType::KeyPair => "KEYPAIR_JWT",
            TokenType::Scoped => "OAUTH",
        };
        let mut builder = self
            .http
            .request(request.method, request.url)
            .header(USER_AGENT, self.user_agent.clone())
            .header(ACCEPT, "application/json")
            .header(ACCEPT_CHARSET, "UTF-8")
            .header("x-snowflake-authorization-token-type", token_type)
            .header(AUTHORIZATION, authorization);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        if let Some(timeout) = request.timeout {
            builder = builder.timeout(timeout);
        }
        let mut response = builder.send().await.map_err(|error| failed(asked, error))?;
        let mut reply =
            Reply { status: response.status().as_u16(), headers: std::mem::take(response.headers_mut()), body: Vec::new() };
        while let Some(part) = response.chunk().await.map_err(|error| failed(asked, error))? {
            if reply.body.len() + part.len() > ANSWER_BYTES {
                return Err(not_understood(asked, "the answer is longer than 1 MiB"));
            }
            reply.body.extend_from_slice(&part);
        }
        Ok(reply)
    }
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The time of the server's clock when it answered, in seconds since 1970.
    pub(crate) fn date(&self) -> Option<i64> {
        http_date::parse(self.headers.get(DATE)?.to_str().ok()?)
    }

    /// The answer as a refusal; `bearer` is taken out where the server repeats it.
    pub(crate) fn into_answer(self, host: &str, bearer: &SecretString) -> Box<Answer> {
        let (code, message) = wire::parse_refusal(&self.body);
        let message = message.map(|text| scrub(&text.replace(bearer.expose_secret(), "***"))).filter(|text| !text.is_empty());
        Box::new(Answer { host: host.to_owned(), status: self.status, code, message, retry_after: self.retry_after() })
    }

    fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let seconds = match text.parse::<u64>() {
            Ok(seconds) => seconds,
            Err(_) => u64::try_from(http_date::parse(text)? - self.date()?).ok()?,
        };
        Some(Duration::from_secs(seconds))
    }
}

pub(crate) fn not_understood(asked: &Asked, text: impl Into<String>) -> Error {
    Error::NotUnderstood { asked: asked.clone(), source: NoAnswer { host: asked.host.clone(), text: text.into() } }
}

fn failed(asked: &Asked, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let (asked, host) = (asked.clone(), asked.host.clone());
    let source = |text: String| NoAnswer { host, text };
    if error.is_connect() {
        return match tls_reason(&error) {
            Some(text) => Error::Tls { asked, source: source(text) },
            None if error.is_timeout() => {
                Error::Unreachable { asked, source: source("no connection within the time limit".to_owned()) }
            }
            None => Error::Unreachable { asked, source: source(deepest(&error)) },
        };
    }
    if error.is_timeout() {
        return Error::Lost { asked, source: source("no answer within the time limit".to_owned()) };
    }
    Error::Lost { asked, source: source(deepest(&error)) }
}

/// What TLS had against the other side, if it was TLS.
fn tls_reason(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(scrub(&tls.to_string()));
        }
        // The standard library's errors step over what they wrap when asked for their source.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The text of the first cause; what lies between only says that sending failed.
fn deepest(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    scrub(&deepest.to_string())
}

#[cfg(test)]
mod tests;
