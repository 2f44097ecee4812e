//! The way a request takes before it is answered, and what is added to the answer.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use tokio::time::timeout;

use super::origin::{Hosts, Origins};
use super::{Auth, Limits, Listeners, ResponseHeader};

/// What a listener asks of its requests.
pub(super) struct Gate {
    auth: Auth,
    hosts: Hosts,
    origins: Origins,
    cors_methods: Option<HeaderValue>,
    response_headers: Vec<ResponseHeader>,
    limits: Limits,
    /// Whether only this machine can reach the listener.
    loopback: bool,
}

/// Goes with a request for what answers anyone, if whoever asks may read everything else too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MayRead;

/// Asked by orchestrators, which know no password and call us by an address of their own.
const OPEN: [&str; 2] = ["/livez", "/readyz"];

/// The words of Connect's own extension.
const UNAUTHORIZED: &str = "User cannot access the resource.";

impl Gate {
    pub(super) fn new(settings: &Listeners, loopback: bool) -> Gate {
        Gate {
            auth: settings.auth.clone(),
            hosts: Hosts::new(&settings.hosts),
            origins: Origins::new(&settings.origins),
            cors_methods: HeaderValue::from_str(&settings.cors_methods.join(",")).ok(),
            response_headers: settings.response_headers.clone(),
            limits: settings.limits,
            loopback,
        }
    }

    /// The request with its body in hand, or why it is refused.
    async fn pass(&self, mut request: Request) -> Result<Request, Response> {
        let path = request.uri().path();
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        if safe && OPEN.contains(&path) {
            if self.hosts.allow(&request) && self.is_let_in(request.headers()) {
                request.extensions_mut().insert(MayRead);
            }
        } else {
            if !self.hosts.allow(&request) {
                return Err(refusal(
                    StatusCode::MISDIRECTED_REQUEST,
                    "The Host of the request is not a name of this server; allow it by allowed_hosts in [connect] or CONNECT_SNOWGATE_ALLOWED_HOSTS",
                ));
            }
            let headers = request.headers();
            if !safe && headers.contains_key(ORIGIN) && !self.origins.may_change(headers) {
                return Err(refusal(
                    StatusCode::FORBIDDEN,
                    "The Origin of the request may not change anything here; allow it by allowed_origins in [connect] or access.control.allow.origin",
                ));
            }
            let open = (path == "/metrics" && safe && self.loopback) || self.is_preflight(&request);
            if !open && !self.is_let_in(headers) {
                return Err(self.unauthorized());
            }
        }
        self.read_body(request).await
    }

    /// A browser asks without a password whether it may send one.
    fn is_preflight(&self, request: &Request) -> bool {
        let headers = request.headers();
        request.method() == Method::OPTIONS
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && self.origins.listed(headers).is_some()
    }

    fn is_let_in(&self, headers: &HeaderMap) -> bool {
        if self.auth.is_open() {
            return true;
        }
        let Some((scheme, credentials)) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' ')) else {
            return false;
        };
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.auth.token.as_ref().is_some_and(|token| bool::from(same(credentials, token.expose_secret())));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return false;
        }
        let decoded =
            BASE64_STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok()).map(SecretString::from);
        let Some((user, password)) = decoded.as_ref().and_then(|text| text.expose_secret().split_once(':')) else { return false };
        // Every user is compared, so the time tells nothing about which there are.
        let found = self
            .auth
            .basic
            .iter()
            .fold(Choice::from(0), |found, (name, secret)| found | (same(user, name) & same(password, secret.expose_secret())));
        bool::from(found)
    }

    fn unauthorized(&self) -> Response {
        let ask =
            if self.auth.basic.is_empty() { "Bearer realm=\"snowgate\"" } else { "Basic realm=\"snowgate\", charset=\"UTF-8\"" };
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, ask)], UNAUTHORIZED).into_response()
    }

    /// Takes the body in, within its size and time. Only those who may come in are given memory.
    async fn read_body(&self, request: Request) -> Result<Request, Response> {
        let limit = self.limits.body_bytes;
        let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > limit as u64) {
            return Err(self.too_large());
        }
        if request.body().is_end_stream() {
            return Ok(request);
        }
        let (parts, body) = request.into_parts();
        match timeout(self.limits.body, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => Ok(Request::from_parts(parts, Body::from(body.to_bytes()))),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Ok(Err(_)) => Err(closing(refusal(StatusCode::BAD_REQUEST, "The body of the request broke off"))),
            Err(_) => Err(closing(refusal(StatusCode::REQUEST_TIMEOUT, "The body of the request did not arrive in time"))),
        }
    }

    fn too_large(&self) -> Response {
        let message = format!("The body of the request is larger than {} bytes", self.limits.body_bytes);
        closing(refusal(StatusCode::PAYLOAD_TOO_LARGE, &message))
    }

    fn add_headers(&self, origin: Option<HeaderValue>, preflight: bool, response: &mut Response) {
        let headers = response.headers_mut();
        if !self.origins.is_empty() {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if preflight {
                headers.extend(self.cors_methods.clone().map(|methods| (ACCESS_CONTROL_ALLOW_METHODS, methods)));
                let allowed = if self.auth.is_open() { "Content-Type" } else { "Content-Type,Authorization" };
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
                headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("60"));
            }
        }
        for header in &self.response_headers {
            header.apply(headers);
        }
    }
}

/// The middleware.
pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let origin = gate.origins.listed(request.headers()).cloned();
    let preflight = gate.is_preflight(&request);
    let mut response = match gate.pass(request).await {
        Ok(request) => timeout(gate.limits.answer, next.run(request))
            .await
            .unwrap_or_else(|_| refusal(StatusCode::INTERNAL_SERVER_ERROR, "Request timed out")),
        Err(refused) => refused,
    };
    gate.add_headers(origin, preflight, &mut response);
    response
}

/// Compares digests, so that the time tells neither where two texts differ nor how long the secret is.
fn same(given: &str, secret: &str) -> Choice {
    Sha256::digest(given).as_slice().ct_eq(Sha256::digest(secret).as_slice())
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let body = serde_json::json!({"error_code": status.as_u16(), "message": message}).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
