//! Which names we answer to, and which web pages may use us.
//!
//! A page cannot lie about its `Origin`, but it can have its own name point at our address; then `Host` carries that name. An
//! address as `Host` is safe, for nobody can make an address point elsewhere.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};

pub(super) struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    pub(super) fn new(names: &[String]) -> Hosts {
        let mut names: Vec<String> = names.iter().map(|name| plain(name)).collect();
        names.push("localhost".to_owned());
        Hosts { names }
    }

    /// Every host that the request names is one of ours.
    pub(super) fn allow(&self, request: &Request) -> bool {
        let headers = request.headers().get_all(HOST).iter().map(|host| host.to_str().ok());
        let authority = request.uri().authority().map(|authority| Some(authority.as_str()));
        let mut named = false;
        headers.chain(authority).all(|host| {
            named = true;
            host.is_some_and(|host| self.knows(host))
        }) && named
    }

    fn knows(&self, host: &str) -> bool {
        let name = plain(without_port(host));
        name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() || self.names.contains(&name)
    }
}

fn plain(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

pub(super) struct Origins {
    listed: Vec<String>,
}

impl Origins {
    pub(super) fn new(listed: &[String]) -> Origins {
        Origins { listed: listed.iter().map(|origin| origin.trim().trim_end_matches('/').to_ascii_lowercase()).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The `Origin` of the request, when it is one of those in the list.
    pub(super) fn listed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let header = headers.get(ORIGIN)?;
        let origin = header.to_str().ok()?.to_ascii_lowercase();
        self.listed.iter().any(|listed| *listed == origin || listed == "*").then_some(header)
    }

    /// Whether the page is in the list or one of our own; to be asked only after `Host` was found to be ours.
    pub(super) fn may_change(&self, headers: &HeaderMap) -> bool {
        self.listed(headers).is_some() || is_same(headers).unwrap_or(false)
    }
}

/// The scheme may differ: TLS may end before us.
fn is_same(headers: &HeaderMap) -> Option<bool> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (scheme, authority) = origins.next()?.to_str().ok()?.split_once("://")?;
    let host = headers.get(HOST)?.to_str().ok()?;
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    Some(origins.next().is_none() && bare(authority) == bare(host))
}
