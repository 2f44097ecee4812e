//! Translations that are more than another name: logging in, key and trust stores, and a few sizes.

use crate::config_def::{ConfigError, ConfigMap};

type Properties = Result<Vec<(&'static str, String)>, String>;

pub(super) fn protocol(text: &str) -> Properties {
    Ok(vec![("security.protocol", text.to_ascii_lowercase())])
}

const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

pub(super) fn mechanism(text: &str) -> Properties {
    if MECHANISMS.contains(&text) {
        return Ok(vec![("sasl.mechanism", text.to_owned())]);
    }
    Err(format!(
        "this mechanism is not built in; use one of {}, or client certificates (security.protocol=SSL with ssl.keystore.location)",
        MECHANISMS.join(", ")
    ))
}

/// User and password out of the login module's line.
pub(super) fn jaas(text: &str) -> Properties {
    let (class, options) = text.trim().trim_end_matches(';').split_once(char::is_whitespace).unwrap_or((text, ""));
    if !class.ends_with("PlainLoginModule") && !class.ends_with("ScramLoginModule") {
        return Err(
            "only PlainLoginModule and ScramLoginModule are known here; use one of them with username and password".to_owned()
        );
    }
    let options = jaas_options(options);
    let option = |name: &str| options.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match (option("username"), option("password")) {
        (Some(user), Some(password)) => Ok(vec![("sasl.username", user), ("sasl.password", password)]),
        _ => Err("the login module needs username=\"…\" and password=\"…\"".to_owned()),
    }
}

/// `name="value"` or `name=value`, with backslash escapes in quotes; words without `=` are passed over.
fn jaas_options(text: &str) -> Vec<(String, String)> {
    let mut options = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace() || *c == ';').is_some() {}
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != '=') {
            name.push(c);
        }
        if chars.next_if_eq(&'=').is_none() {
            if chars.peek().is_none() {
                return options;
            }
            continue;
        }
        let mut value = String::new();
        match chars.next_if(|c| matches!(c, '"' | '\'')) {
            Some(quote) => {
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => value.extend(chars.next()),
                        _ if c == quote => break,
                        _ => value.push(c),
                    }
                }
            }
            None => {
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != ';') {
                    value.push(c);
                }
            }
        }
        options.push((name, value));
    }
}

pub(super) fn endpoint_identification(text: &str) -> Properties {
    match text {
        "" => Ok(vec![("ssl.endpoint.identification.algorithm", "none".to_owned())]),
        _ if text.eq_ignore_ascii_case("https") => Ok(vec![("ssl.endpoint.identification.algorithm", "https".to_owned())]),
        _ => Err("it must be https, or empty for no check of the host name".to_owned()),
    }
}

/// Java's -1 leaves the size to the system, as librdkafka's 0 does.
pub(super) fn buffer_bytes(name: &'static str, text: &str) -> Properties {
    Ok(vec![(name, if text == "-1" { "0" } else { text }.to_owned())])
}

pub(super) fn kilobytes(text: &str) -> Properties {
    let bytes: i64 = text.parse().map_err(|_| "Not a number of type LONG".to_owned())?;
    Ok(vec![("queue.buffering.max.kbytes", (bytes / 1024).clamp(1, 2_147_483_647).to_string())])
}

/// Only checked: where to start is not a property of the client.
pub(super) fn reset(text: &str) -> Properties {
    match text.to_ascii_lowercase().as_str() {
        "earliest" | "latest" => Ok(Vec::new()),
        _ => {
            Err("it must be earliest or latest; an offset that Kafka no longer holds is reported and never skipped silently"
                .to_owned())
        }
    }
}

pub(super) fn assignors(text: &str) -> Properties {
    let name = |class: &str| match class.trim().rsplit('.').next().unwrap_or_default() {
        "RangeAssignor" | "range" => Some("range"),
        "RoundRobinAssignor" | "roundrobin" => Some("roundrobin"),
        "CooperativeStickyAssignor" | "cooperative-sticky" => Some("cooperative-sticky"),
        _ => None,
    };
    let names: Option<Vec<&str>> = text.split(',').map(name).collect();
    let mut names = names.ok_or("the assignors here are RangeAssignor, RoundRobinAssignor and CooperativeStickyAssignor")?;
    // The cooperative one cannot stand beside others here; Java names it after `range` to change over, which is what `range` alone allows.
    if names.len() > 1 {
        names.retain(|name| *name != "cooperative-sticky");
    }
    Ok(vec![("partition.assignment.strategy", names.join(","))])
}

/// The certificates to trust and our own, from the `ssl.truststore.*`, `ssl.keystore.*` and `ssl.key.*` keys together.
pub(super) fn stores(config: &ConfigMap) -> Result<Vec<(String, String)>, Vec<ConfigError>> {
    let given = |key: &str| super::given(config, key).map(str::to_owned);
    let mut properties = Vec::new();
    let mut errors = Vec::new();
    let mut set = |name: &str, value: Option<String>| properties.extend(value.map(|value| (name.to_owned(), value)));
    match (given("ssl.truststore.location"), given("ssl.truststore.certificates")) {
        (Some(location), _) => match store_type(&location, given("ssl.truststore.type")) {
            Store::Pem => set("ssl.ca.location", Some(location)),
            Store::Pkcs12 | Store::Jks => errors.push(ConfigError::invalid(
                "ssl.truststore.location",
                &location,
                "only a PEM truststore can be read here; export it with `keytool -exportcert -rfc -keystore STORE -alias CA > ca.pem` and set \
                 ssl.truststore.type=PEM",
            )),
        },
        (None, pem) => set("ssl.ca.pem", pem),
    }
    let mut key_password = given("ssl.key.password");
    match given("ssl.keystore.location") {
        Some(location) => match store_type(&location, given("ssl.keystore.type")) {
            Store::Pem => {
                set("ssl.certificate.location", Some(location.clone()));
                set("ssl.key.location", Some(location));
            }
            Store::Pkcs12 => {
                set("ssl.keystore.location", Some(location));
                set("ssl.keystore.password", given("ssl.keystore.password").or(key_password.take()));
                key_password = None;
            }
            Store::Jks => errors.push(ConfigError::invalid(
                "ssl.keystore.location",
                &location,
                "a JKS keystore cannot be read here; make a PKCS12 one with `keytool -importkeystore -srckeystore STORE -destkeystore \
                 store.p12 -deststoretype PKCS12` and set ssl.keystore.type=PKCS12",
            )),
        },
        None => {
            set("ssl.certificate.pem", given("ssl.keystore.certificate.chain"));
            set("ssl.key.pem", given("ssl.keystore.key"));
        }
    }
    set("ssl.key.password", key_password);
    if errors.is_empty() { Ok(properties) } else { Err(errors) }
}

enum Store {
    Pem,
    Pkcs12,
    Jks,
}

/// Java takes JKS where no type is said; there the file's name decides.
fn store_type(location: &str, kind: Option<String>) -> Store {
    let extension = location.rsplit('.').next().unwrap_or_default();
    match kind.as_deref().unwrap_or(extension).to_ascii_lowercase().as_str() {
        "pem" | "crt" | "cer" => Store::Pem,
        "pkcs12" | "p12" | "pfx" => Store::Pkcs12,
        _ => Store::Jks,
    }
}
