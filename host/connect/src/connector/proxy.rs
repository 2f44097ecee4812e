//! The HTTP proxy that `jvm.proxy.*` names.

use secrecy::SecretString;

use super::Texts;
use crate::settings::Proxy;

pub(crate) fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

/// The proxy on the way to `url`, unless the configuration keeps it out of that way.
pub(super) fn read(texts: Texts, url: &str) -> Option<Proxy> {
    let host = url.split("://").last().unwrap_or(url).split(':').next().unwrap_or_default();
    let direct = texts.given("jvm.nonProxy.hosts").unwrap_or_default();
    if direct.split('|').any(|pattern| matches_host(pattern.trim(), host)) {
        return None;
    }
    Some(Proxy {
        address: format!("{}:{}", texts.given("jvm.proxy.host")?, texts.given("jvm.proxy.port")?),
        user: texts.given("jvm.proxy.username").map(str::to_owned),
        password: texts.given("jvm.proxy.password").map(SecretString::from),
    })
}

/// Java's rule: a star at the beginning or the end stands for anything, and case does not count.
fn matches_host(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_lowercase(), host.to_lowercase());
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => host.ends_with(end),
        (None, Some(start)) => host.starts_with(start),
        (None, None) => host == pattern,
    }
}
