//! What of a configuration nobody is shown.
//!
//! Passwords and keys are shown as [`MASK`]. Who sends the mask back means the value that is stored: user interfaces read a
//! configuration, change one key and send all of it.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::config_def::{ConfigMap, Kind};
use crate::plugins::{self, PluginKind};

pub(crate) const MASK: &str = "********";

/// Parts of the names of keys that hold secrets, wherever they come from: clients' settings, converters, transforms.
const SECRETIVE: [&str; 9] =
    ["password", "secret", "private.key", "passphrase", "sasl.jaas.config", "token", "credential", "user.info", "api.key"];

/// The connectors' own keys of type PASSWORD.
static PASSWORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let connectors = plugins::all().iter().filter(|plugin| plugin.kind == PluginKind::Sink);
    let keys = connectors.flat_map(plugins::connector_keys);
    keys.filter(|key| key.kind == Kind::Password).map(|key| key.name.into_owned()).collect()
});

pub(crate) fn is_secret(key: &str) -> bool {
    let name = key.to_ascii_lowercase();
    // A token's endpoint is an address, a password's file a path.
    let is_place = ["endpoint", "url", "uri", "file", "location", "path"].iter().any(|place| name.ends_with(place));
    PASSWORDS.contains(key) || (!is_place && SECRETIVE.iter().any(|part| name.contains(part)))
}

/// Whether the text is one reference to a config provider, which says where a secret is and not what it is.
fn is_reference(text: &str) -> bool {
    let inner = text.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.contains(':') && !inner.contains('}'))
}

/// `config` as it may be shown.
pub(crate) fn masked(config: &ConfigMap) -> ConfigMap {
    let mask = |(key, value): (&String, &Option<String>)| {
        let shown =
            value.as_deref().map(|text| if is_secret(key) && !is_reference(text) && !text.is_empty() { MASK } else { text });
        (key.clone(), shown.map(str::to_owned))
    };
    config.iter().map(mask).collect()
}

/// Whether the text stands for a secret that was not shown.
pub(crate) fn is_masked(key: &str, value: Option<&str>) -> bool {
    value == Some(MASK) && is_secret(key)
}

/// Puts what is stored in the place of masks; the keys whose mask stands for nothing.
pub(crate) fn unmask(config: &mut ConfigMap, stored: Option<&ConfigMap>) -> Vec<String> {
    let mut left = Vec::new();
    for (key, value) in config.iter_mut() {
        if is_masked(key, value.as_deref()) {
            match stored.and_then(|stored| stored.get(key)) {
                Some(kept) => value.clone_from(kept),
                None => left.push(key.clone()),
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> ConfigMap {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand_and_nothing_else_is() {
        let secret = [
            "snowflake.private.key",
            "snowflake.private.key.passphrase",
            "jvm.proxy.password",
            "consumer.override.sasl.jaas.config",
            "value.converter.basic.auth.user.info",
            "X.Password",
        ];
        let open = ["snowflake.user.name", "topics", "snowflake.oauth.token.endpoint", "consumer.override.ssl.keystore.location"];
        for key in secret {
            assert_eq!(masked(&config(&[(key, "v")]))[key].as_deref(), Some(MASK), "{key}");
        }
        for key in open {
            assert_eq!(masked(&config(&[(key, "v")]))[key].as_deref(), Some("v"), "{key}");
        }
    }

    #[test]
    fn a_reference_is_shown_but_not_with_a_secret_beside_it() {
        let key = "snowflake.private.key";
        assert_eq!(masked(&config(&[(key, "${file:/keys:sf}")]))[key].as_deref(), Some("${file:/keys:sf}"));
        assert_eq!(masked(&config(&[(key, "${file:/keys:sf}abc")]))[key].as_deref(), Some(MASK));
        assert_eq!(masked(&config(&[(key, "${a:b}hunter2${c:d}")]))[key].as_deref(), Some(MASK));
    }

    #[test]
    fn a_mask_sent_back_means_what_is_stored() {
        let stored = config(&[("x.password", "hunter2")]);
        let mut given = config(&[("x.password", MASK), ("topics", MASK), ("y.password", MASK)]);
        assert_eq!(unmask(&mut given, Some(&stored)), ["y.password"]);
        assert_eq!(given["x.password"].as_deref(), Some("hunter2"));
        assert_eq!(given["topics"].as_deref(), Some(MASK));
    }
}
