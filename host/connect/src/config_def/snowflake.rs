//! The keys that both lines of the Snowflake connector have.

use super::Kind::{Boolean, Password, String};
use super::{Default, Importance, Key, Kind, Parsed, Width, alone, non_empty, one_of};

pub const LOGIN: &str = "Snowflake Login Info";
pub const PROXY: &str = "Proxy Info";
pub const METADATA: &str = "Snowflake Metadata Flags";
pub const CONNECTOR: &str = "Connector Config";
pub const ERRORS: &str = "ERRORS";

/// A key of the Snowflake connector; a default of `None` is null.
pub fn key(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    importance: Importance,
    documentation: &'static str,
) -> Key {
    Key::new(name, kind, default.map_or(Default::Null, |text| Default::Text(text.into())), importance, documentation)
}

impl Key {
    /// Puts the key into `group`, under its own name.
    #[must_use]
    pub fn in_group(self, group: &'static str, order: i32) -> Key {
        let name = self.name.clone();
        self.grouped(group, order, Width::None, name)
    }
}

pub fn login(role: Importance) -> Vec<Key> {
    use Importance::{High, Low};
    let keys = vec![
        key(
            "snowflake.url.name",
            String,
            None,
            High,
            "Where the account is: `ACCOUNT.REGION.snowflakecomputing.com`, with or without `https://` and a port.",
        )
        .validated(non_empty),
        key("snowflake.user.name", String, None, High, "The user who loads.").validated(non_empty),
        key(
            "snowflake.private.key",
            Password,
            Some(""),
            High,
            "The user's RSA key: PEM, or the base64 between its first and last line.",
        ),
        key("snowflake.private.key.passphrase", Password, Some(""), Low, "Opens the private key where it is encrypted."),
        key("snowflake.database.name", String, None, High, "The database of the tables.").validated(non_empty),
        key("snowflake.schema.name", String, None, High, "The schema of the tables.").validated(non_empty),
        key("snowflake.role.name", String, None, role, "The role to work in.").validated(non_empty),
        key("snowflake.authenticator", String, Some("snowflake_jwt"), Low, "How to log in: `snowflake_jwt`, by key pair."),
        key("snowflake.oauth.client.id", String, Some(""), High, "OAuth: who asks for a token."),
        key("snowflake.oauth.client.secret", Password, Some(""), High, "OAuth: the secret of who asks."),
        key("snowflake.oauth.refresh.token", Password, Some(""), High, "OAuth: what a new token is got for."),
        key("snowflake.oauth.token.endpoint", String, None, High, "OAuth: where tokens are got."),
    ];
    in_order(keys, LOGIN, 0)
}

pub fn proxy() -> Vec<Key> {
    use Importance::Low;
    let keys = vec![
        key("jvm.proxy.host", String, Some(""), Low, "The HTTP proxy on the way to Snowflake."),
        key("jvm.proxy.port", String, Some(""), Low, "The proxy's port."),
        key(
            "jvm.nonProxy.hosts",
            String,
            Some(""),
            Low,
            "Hosts that are reached without the proxy, with `|` between them; `*` stands for anything.",
        ),
        key("jvm.proxy.username", String, Some(""), Low, "Who the proxy is told to work for."),
        key("jvm.proxy.password", Password, Some(""), Low, "The password for the proxy."),
    ];
    in_order(keys, PROXY, 0)
}

pub fn metadata() -> Vec<Key> {
    use Importance::Low;
    let keys = vec![
        key("snowflake.metadata.all", Boolean, Some("true"), Low, "Whether a row has metadata at all."),
        key("snowflake.metadata.createtime", Boolean, Some("true"), Low, "Whether the metadata has the record's timestamp."),
        key("snowflake.metadata.topic", Boolean, Some("true"), Low, "Whether the metadata has the topic."),
        key(
            "snowflake.metadata.offset.and.partition",
            Boolean,
            Some("true"),
            Low,
            "Whether the metadata has offset and partition.",
        ),
        key(
            "snowflake.streaming.metadata.connectorPushTime",
            Boolean,
            Some("true"),
            Low,
            "Whether the metadata has the time of loading.",
        ),
    ];
    in_order(keys, METADATA, 0)
}

pub fn errors() -> Vec<Key> {
    use Importance::Low;
    vec![
        key(
            "errors.tolerance",
            String,
            Some("none"),
            Low,
            "What a record that fails does: `none` stops its partition, `all` sets it aside.",
        )
        .validated(|_, value| one_of(value, &["none", "all"]))
        .grouped(ERRORS, 0, Width::None, "Error Tolerance"),
        key("errors.log.enable", Boolean, Some("false"), Low, "Whether each failed record is logged.").grouped(
            ERRORS,
            1,
            Width::None,
            "Log Errors",
        ),
        key("errors.deadletterqueue.topic.name", String, Some(""), Low, "The topic for records that were set aside.").grouped(
            ERRORS,
            2,
            Width::None,
            "Send error records to the Dead Letter Queue (DLQ)",
        ),
    ]
}

pub fn null_values() -> Key {
    key(
        "behavior.on.null.values",
        String,
        Some("default"),
        Importance::Low,
        "What a record without a value does: `default` makes a row, `ignore` passes it over.",
    )
    .validated(|_, value| one_of(value, &["default", "ignore"]))
}

pub fn provider_overrides() -> Key {
    key(
        "snowflake.streaming.client.provider.override.map",
        String,
        Some(""),
        Importance::Low,
        "Settings of Snowflake's own client, `name:value` with commas between.",
    )
    .validated(|_, value| match value.text() {
        Some(text) if !text.is_empty() && text.split(',').any(|pair| pair.split(':').count() != 2) => {
            Err("Format: <key-1>:<value-1>,<key-2>:<value-2>,...".to_owned())
        }
        _ => Ok(()),
    })
}

/// Numbers `keys` through within `group`.
pub fn in_order(keys: Vec<Key>, group: &'static str, first: i32) -> Vec<Key> {
    keys.into_iter().zip(first..).map(|(key, order)| key.in_group(group, order)).collect()
}

/// `provider`: a word that the original sends to Snowflake.
pub fn known_provider(_: &Key, value: &Parsed) -> Result<(), std::string::String> {
    let text = value.text().unwrap_or_default();
    let known = ["unknown", "self_hosted", "confluent"];
    if known.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    Err(format!("Unsupported provider name: {text}. Supported are: {}", known.join(",")))
}

/// `snowflake.ingestion.method`, in any case; what is wrong is shown in lower case.
pub fn known_ingestion_method(key: &Key, value: &Parsed) -> Result<(), std::string::String> {
    let text = value.text().unwrap_or_default().to_lowercase();
    one_of(&Parsed::String(text.clone()), &["snowpipe", "snowpipe_streaming"])
        .map_err(|why| alone(&super::ConfigError::invalid(key.base_name(), &text, &why).0))
}
