//! Where our answers are not the original's, and why.

/// What differs in a scenario at a key.
pub(crate) struct Difference {
    pub(crate) scenario: &'static str,
    pub(crate) key: &'static str,
    /// Our errors; a part of the only one is enough.
    pub(crate) ours: &'static str,
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The original finds it when the connector starts, in the same words.
    OnlyAtStart,
    /// The original stops at the first kind of error.
    AllAtOnce,
    /// The original answers 500: with an exception, or since the login took too long.
    Broke,
    /// Only a login tells, which is not tried here.
    Login,
    /// What we do not do is refused.
    Refused,
    /// The original's text, and what to use instead.
    Hint,
}

const fn difference(scenario: &'static str, key: &'static str, ours: &'static str, why: Why) -> Difference {
    Difference { scenario, key, ours, why }
}

const OVERLAP: &str = "Topic regexes cannot overlap. Overlapping regexes: bin.*, binance.*";
const OAUTH: &str = "snowflake.authenticator must be snowflake_jwt: Snowgate logs in by key pair and does not know oauth yet";

pub(crate) const VERSION_3: &[Difference] = &[
    difference(
        "client-lag-file",
        "snowflake.streaming.max.client.lag",
        "snowflake.streaming.max.client.lag is only available with ingestion type: snowpipe_streaming.",
        Why::OnlyAtStart,
    ),
    difference("converter-snowflake", "value.converter", "Snowflake Custom Converters are not allowed.", Why::OnlyAtStart),
    difference("database-absent", "snowflake.database.name", "", Why::Login),
    difference("flush-5-file", "buffer.flush.time", "buffer.flush.time is 5, it should be greater than 10", Why::OnlyAtStart),
    difference(
        "iceberg-file",
        "snowflake.ingestion.method",
        "Ingestion to Iceberg table is supported only for Snowpipe Streaming",
        Why::OnlyAtStart,
    ),
    difference("login-refused", "snowflake.url.name", "", Why::Login),
    difference("login-refused", "snowflake.user.name", "", Why::Login),
    difference("login-refused", "snowflake.private.key", "", Why::Login),
    difference("many", "snowflake.url.name", "snowflake.url.name must be provided", Why::AllAtOnce),
    difference("many", "snowflake.user.name", "snowflake.user.name must be provided", Why::AllAtOnce),
    difference("map-bad-regex", "snowflake.topic2table.map", "Invalid regex: Unclosed character class near index 0", Why::Broke),
    difference(
        "map-bad-table",
        "snowflake.topic2table.map",
        "Table 1-bad table is not a name that Snowflake takes without quotes",
        Why::Broke,
    ),
    difference("map-duplicate", "snowflake.topic2table.map", "Duplicate topic: binance_kline", Why::Broke),
    difference("map-overlap", "snowflake.topic2table.map", OVERLAP, Why::Broke),
    difference("map-qualified", "snowflake.topic2table.map", "Table DB.PUBLIC.T is qualified", Why::Broke),
    difference(
        "no-role",
        "snowflake.role.name",
        "Config:snowflake.role.name should be present if ingestionMethod is:SNOWPIPE_STREAMING",
        Why::OnlyAtStart,
    ),
    difference("nothing", "snowflake.private.key", "snowflake.private.key must be non-empty", Why::AllAtOnce),
    difference("nothing", "snowflake.role.name", "Config:snowflake.role.name should be present", Why::AllAtOnce),
    difference("oauth-no-secret", "snowflake.authenticator", OAUTH, Why::Refused),
    difference("oauth-no-secret", "snowflake.oauth.client.secret", "", Why::Refused),
    difference("oauth-nothing", "snowflake.authenticator", OAUTH, Why::Refused),
    difference("oauth-nothing", "snowflake.oauth.client.id", "", Why::Refused),
    difference(
        "proxy-user-only",
        "jvm.proxy.username",
        "jvm.proxy.usernameproxy username and password must be provided together",
        Why::Broke,
    ),
    difference(
        "proxy-user-only",
        "jvm.proxy.password",
        "jvm.proxy.passwordproxy username and password must be provided together",
        Why::Broke,
    ),
    difference("schema-absent", "snowflake.schema.name", "", Why::Login),
    difference(
        "schematization-file",
        "snowflake.enable.schematization",
        "Schematization is only available with snowpipe_streaming.",
        Why::OnlyAtStart,
    ),
    difference(
        "schematization-maybe",
        "snowflake.enable.schematization",
        "Invalid value maybe for configuration snowflake.enable.schematization: String must be one of: true, false",
        Why::OnlyAtStart,
    ),
    difference(
        "schematization-string",
        "value.converter",
        "The value converter:org.apache.kafka.connect.storage.StringConverter is not supported with schematization.",
        Why::OnlyAtStart,
    ),
    difference("url-bad-port", "snowflake.url.name", "snowflake.url.name is not a valid snowflake url", Why::Broke),
];

/// Besides these, `snowflake.enable.schematization` differs wherever it is not given: the base of all scenarios is a configuration
/// of version 3 under the class of version 4, which the original refuses only when it starts.
pub(crate) const VERSION_4: &[Difference] = &[
    difference("authenticator", "snowflake.authenticator", "snowflake.authenticator is not a valid authenticator", Why::Broke),
    difference(
        "converter-snowflake",
        "value.converter",
        "Class com.snowflake.kafka.connector.records.SnowflakeJsonConverter could not be found.",
        Why::Hint,
    ),
    difference(
        "converter-snowflake-file",
        "value.converter",
        "Class com.snowflake.kafka.connector.records.SnowflakeJsonConverter could not be found.",
        Why::Hint,
    ),
    difference("database-absent", "snowflake.database.name", "", Why::Login),
    difference("login-refused", "snowflake.url.name", "", Why::Login),
    difference("login-refused", "snowflake.user.name", "", Why::Login),
    difference("login-refused", "snowflake.private.key", "", Why::Login),
    // The original takes a pattern that does not compile, and fails at the first record.
    difference(
        "map-bad-regex",
        "snowflake.topic2table.map",
        "Invalid regex: Unclosed character class near index 0",
        Why::AllAtOnce,
    ),
    difference(
        "minimal",
        "snowflake.compatibility.enable.autogenerated.table.name.sanitization",
        "snowflake.compatibility.enable.autogenerated.table.name.sanitization is set to 'false'. For KC v3 compatibility, set",
        Why::OnlyAtStart,
    ),
    difference(
        "no-role",
        "snowflake.role.name",
        "Config: snowflake.role.name should be present for Snowpipe Streaming",
        Why::OnlyAtStart,
    ),
    difference("nothing", "snowflake.private.key", "snowflake.private.key must be non-empty", Why::AllAtOnce),
    difference("nothing", "snowflake.role.name", "Config: snowflake.role.name should be present", Why::AllAtOnce),
    difference("oauth-no-secret", "snowflake.authenticator", OAUTH, Why::Refused),
    difference("oauth-no-secret", "snowflake.oauth.client.secret", "", Why::Refused),
    difference("oauth-nothing", "snowflake.authenticator", OAUTH, Why::Refused),
    difference("oauth-nothing", "snowflake.oauth.client.id", "", Why::Refused),
    difference("proxy-user-only", "snowflake.url.name", "", Why::Login),
    difference("proxy-user-only", "snowflake.user.name", "", Why::Login),
    difference("proxy-user-only", "snowflake.private.key", "", Why::Login),
    difference("schema-absent", "snowflake.schema.name", "", Why::Login),
    difference(
        "schematization-string",
        "value.converter",
        "The value converter:org.apache.kafka.connect.storage.StringConverter is not supported when schematization is enabled.",
        Why::OnlyAtStart,
    ),
    difference("url-bad-port", "snowflake.url.name", "snowflake.url.name is not a valid snowflake url", Why::Login),
    difference("url-bad-port", "snowflake.user.name", "", Why::Login),
    difference("url-bad-port", "snowflake.private.key", "", Why::Login),
];
