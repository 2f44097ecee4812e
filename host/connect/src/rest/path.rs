//! What a path and a query say.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use serde::de::DeserializeOwned;

use super::errors::ApiError;
use crate::engine::Engine;
use crate::herder::Herder;

/// The variable parts of a path, decoded: any text at all, so that every connector can be addressed, whatever its name.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Segments<T>, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Segments(segments)),
            Err(rejection) => Err(ApiError::refused(rejection.body_text())),
        }
    }
}

/// The parameters of a query, in order; one that cannot be read has none.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Parameters, Infallible> {
        let query = Query::from_request_parts(parts, state).await;
        Ok(Parameters(query.map(|Query(pairs)| pairs).unwrap_or_default()))
    }
}

impl Parameters {
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Java's rule for a flag: whatever is not `true` is false.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.first(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// The host by which the client called us.
pub(super) struct Base(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Base, Infallible> {
        Ok(Base(parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned)))
    }
}

/// Where a connector is, as an absolute address: at the host by which the client called us, for that is one it can reach.
pub(super) fn location<E: Engine>(herder: &Herder<E>, host: Option<&str>, connector: &str) -> HeaderValue {
    let advertised = &herder.worker().advertised_url;
    let base = match (host, advertised.split_once("://")) {
        (Some(host), Some((scheme, _))) => format!("{scheme}://{host}"),
        (Some(host), None) => format!("http://{host}"),
        (None, _) => advertised.clone(),
    };
    HeaderValue::from_str(&format!("{base}/connectors/{}", encoded(connector))).unwrap_or(HeaderValue::from_static("/connectors"))
}

/// A name as a segment of a path.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
