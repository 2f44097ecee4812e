//! Every key that the configuration may have, as data.
//!
//! `serde` stops at the first error, and its errors do not know what a person meant. So a document is held against these tables
//! first, which finds everything that is wrong with its form at once (`document.rs`). The structs in `config.rs` and in the other
//! crates stay the truth about what a key means.
//!
//! What must stay true: the tables and the structs agree on every key, on whether it is required and on its form; a test compares
//! them.

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// How it may be written: shown where it is missing or of the wrong form.
    pub(crate) example: &'static str,
}

/// What a key's value looks like.
#[derive(Debug)]
pub(crate) enum Kind {
    Text,
    Size,
    Duration,
    Count,
    Flag,
    Choice(&'static [&'static str]),
    Texts,
    TextOrTexts,
    /// Any keys, each with a text.
    TextTable,
    /// `{ file = "…" }` or `{ env = "…" }`.
    Secret,
    /// librdkafka's properties: any keys, each with a text or a secret.
    Properties,
    /// A table that is not ours to check.
    Any,
    /// A table with these keys.
    Section(&'static [Key]),
    /// Any names, each with a table with these keys.
    Named(&'static [Key]),
    /// A list of tables with these keys.
    List(&'static [Key]),
}

const fn required(name: &'static str, kind: Kind, example: &'static str) -> Key {
    Key { name, kind, required: true, example }
}

const fn optional(name: &'static str, kind: Kind, example: &'static str) -> Key {
    Key { name, kind, required: false, example }
}

pub(crate) const ROOT: &[Key] = &[
    required("kafka", Kind::Section(KAFKA), "[kafka]"),
    optional("snowflake", Kind::Section(SNOWFLAKE), "[snowflake]"),
    optional("memory", Kind::Section(MEMORY), "[memory]"),
    optional("shutdown", Kind::Section(SHUTDOWN), "[shutdown]"),
    optional("log", Kind::Section(LOG), "[log]"),
    optional("plugins", Kind::Section(PLUGINS), "[plugins]"),
    optional("telemetry", Kind::Section(TELEMETRY), "[telemetry]"),
    optional("connect", Kind::Section(CONNECT), "[connect]"),
    optional("pipeline", Kind::Named(PIPELINE), "[pipeline.NAME]"),
];

const KAFKA: &[Key] = &[
    required("brokers", Kind::Texts, "brokers = [\"localhost:9092\"]"),
    optional("group", Kind::Text, "group = \"snowgate\""),
    optional("start", Kind::Choice(&["earliest", "latest"]), "start = \"earliest\""),
    optional("properties", Kind::Properties, "properties = { \"security.protocol\" = \"SSL\" }"),
];

const SNOWFLAKE: &[Key] = &[
    required("account", Kind::Text, "account = \"MYORG-MYACCT\""),
    required("user", Kind::Text, "user = \"STREAMER\""),
    required("private_key", Kind::Secret, "private_key = { file = \"rsa_key.p8\" }"),
    optional("private_key_passphrase", Kind::Secret, "private_key_passphrase = { env = \"SNOWFLAKE_KEY_PASSPHRASE\" }"),
    optional("role", Kind::Text, "role = \"LOADER\""),
    optional("url", Kind::Text, "url = \"https://MYORG-MYACCT.snowflakecomputing.com\""),
    required("database", Kind::Text, "database = \"CRYPTO_DB\""),
    optional("schema", Kind::Text, "schema = \"PUBLIC\""),
    optional("tls_ca", Kind::Text, "tls_ca = \"ca.pem\""),
];

const MEMORY: &[Key] = &[optional("max", Kind::Size, "max = \"128MiB\"")];

const SHUTDOWN: &[Key] = &[optional("grace", Kind::Duration, "grace = \"25s\"")];

const LOG: &[Key] = &[
    optional("format", Kind::Choice(&["text", "json"]), "format = \"text\""),
    optional("level", Kind::Choice(&["error", "warn", "info", "debug", "trace"]), "level = \"info\""),
];

const PLUGINS: &[Key] = &[
    optional("folder", Kind::Text, "folder = \"plugins\""),
    optional("cache", Kind::Text, "cache = \"/var/cache/snowgate\""),
    optional("watch", Kind::Duration, "watch = \"5s\""),
];

const TELEMETRY: &[Key] = &[optional("otlp", Kind::Text, "otlp = \"http://localhost:4318\"")];

const CONNECT: &[Key] = &[
    optional("listen", Kind::TextOrTexts, "listen = \"127.0.0.1:8083\""),
    optional("advertise", Kind::Text, "advertise = \"connect.internal:8083\""),
    optional("state", Kind::Text, "state = \"connect-state\""),
    optional("tls", Kind::Section(CONNECT_TLS), "tls = { certificate = \"tls.crt\", key = \"tls.key\" }"),
    optional("auth", Kind::Section(CONNECT_AUTH), "auth = { token = { file = \"token\" } }"),
    optional("allowed_hosts", Kind::Texts, "allowed_hosts = [\"connect.internal\"]"),
    optional("allowed_origins", Kind::Texts, "allowed_origins = [\"https://console.internal\"]"),
    optional("show_secrets", Kind::Flag, "show_secrets = false"),
    optional("topic_tracking", Kind::Flag, "topic_tracking = true"),
    optional("topic_tracking_reset", Kind::Flag, "topic_tracking_reset = true"),
    optional("admin", Kind::Flag, "admin = true"),
    optional("override_policy", Kind::Text, "override_policy = \"All\""),
    optional("providers", Kind::Section(CONNECT_PROVIDERS), "providers = { file = { allowed_paths = [\"/run/secrets\"] } }"),
    optional("key_converter", Kind::Text, "key_converter = \"org.apache.kafka.connect.storage.StringConverter\""),
    optional("value_converter", Kind::Text, "value_converter = \"org.apache.kafka.connect.json.JsonConverter\""),
    optional("tls_ca", Kind::Text, "tls_ca = \"ca.pem\""),
    optional("worker_file", Kind::Text, "worker_file = \"connect-distributed.properties\""),
    optional("properties", Kind::Properties, "properties = { \"consumer.fetch.min.bytes\" = \"1000\" }"),
];

const CONNECT_TLS: &[Key] =
    &[required("certificate", Kind::Text, "certificate = \"tls.crt\""), required("key", Kind::Text, "key = \"tls.key\"")];

const CONNECT_AUTH: &[Key] = &[
    optional("token", Kind::Section(CONNECT_TOKEN), "token = { file = \"token\" }"),
    optional("basic", Kind::Section(CONNECT_BASIC), "basic = { file = \"passwords\" }"),
];

const CONNECT_TOKEN: &[Key] =
    &[optional("file", Kind::Text, "file = \"token\""), optional("env", Kind::Text, "env = \"SNOWGATE_TOKEN\"")];

const CONNECT_BASIC: &[Key] = &[required("file", Kind::Text, "file = \"passwords\"")];

const CONNECT_PROVIDERS: &[Key] = &[
    optional("file", Kind::Section(CONNECT_PATHS), "file = { allowed_paths = [\"/run/secrets\"] }"),
    optional("dir", Kind::Section(CONNECT_PATHS), "dir = { allowed_paths = [\"/run/secrets\"] }"),
    optional("env", Kind::Section(CONNECT_VARIABLES), "env = { allowed = \"SNOWFLAKE_.*\" }"),
];

const CONNECT_PATHS: &[Key] = &[required("allowed_paths", Kind::Texts, "allowed_paths = [\"/run/secrets\"]")];

const CONNECT_VARIABLES: &[Key] = &[required("allowed", Kind::Text, "allowed = \"SNOWFLAKE_.*\"")];

const PIPELINE: &[Key] = &[
    required("topics", Kind::Texts, "topics = [\"binance_kline\"]"),
    optional("tables", Kind::TextTable, "tables = { binance_kline = \"KLINES\" }"),
    optional("more_tables", Kind::Texts, "more_tables = [\"TRADES\", \"DEPTH\"]"),
    optional("rows", Kind::Choice(&["content", "columns"]), "rows = \"content\""),
    optional("metadata", Kind::Section(METADATA), "metadata = { headers = false }"),
    optional("linger", Kind::Duration, "linger = \"500ms\""),
    optional("body", Kind::Size, "body = \"4MiB\""),
    optional("dead_letter_topic", Kind::Text, "dead_letter_topic = \"binance_kline.dead\""),
    optional("on_error", Kind::Choice(&["dead_letter", "block"]), "on_error = \"dead_letter\""),
    optional("on_tombstone", Kind::Choice(&["row", "drop", "dead_letter"]), "on_tombstone = \"row\""),
    optional("channel_prefix", Kind::Text, "channel_prefix = \"my-connector_\""),
    optional("on_regression", Kind::Choice(&["block", "accept"]), "on_regression = \"block\""),
    optional("on_routing_change", Kind::Choice(&["block", "accept"]), "on_routing_change = \"block\""),
    optional("workers", Kind::Count, "workers = 2"),
    optional("transform", Kind::List(TRANSFORM), "[[pipeline.NAME.transform]]"),
];

const METADATA: &[Key] = &[
    optional("enabled", Kind::Flag, "enabled = true"),
    optional("topic", Kind::Flag, "topic = true"),
    optional("offset_and_partition", Kind::Flag, "offset_and_partition = true"),
    optional("create_time", Kind::Flag, "create_time = true"),
    optional("key", Kind::Flag, "key = true"),
    optional("headers", Kind::Flag, "headers = true"),
];

const TRANSFORM: &[Key] = &[
    optional("use", Kind::Text, "use = \"kline-flatten\""),
    optional("path", Kind::Text, "path = \"plugins/kline_flatten.wasm\""),
    optional("name", Kind::Text, "name = \"kline_flatten\""),
    optional("sha256", Kind::Text, "sha256 = \"5f1c…\""),
    optional("allow", Kind::Texts, "allow = [\"log\", \"metrics\"]"),
    optional("with", Kind::Any, "with = { closed_only = true }"),
    optional("on_reject", Kind::Choice(&["dead_letter", "drop", "block"]), "on_reject = \"dead_letter\""),
    optional("on_trap", Kind::Choice(&["dead_letter", "drop", "block"]), "on_trap = \"dead_letter\""),
    optional("limits", Kind::Section(LIMITS), "limits = { memory = \"64MiB\" }"),
];

const LIMITS: &[Key] = &[
    optional("memory", Kind::Size, "memory = \"64MiB\""),
    optional("time", Kind::Duration, "time = \"1s\""),
    optional("start_time", Kind::Duration, "start_time = \"10s\""),
    optional("output_factor", Kind::Count, "output_factor = 4"),
    optional("log_lines", Kind::Count, "log_lines = 100"),
    optional("faults_per_minute", Kind::Count, "faults_per_minute = 1000"),
];

/// The section of the file in which a key of this name belongs, if there is just one.
pub(crate) fn home_of(name: &str) -> Option<String> {
    let mut homes = Vec::new();
    find_homes(name, ROOT, "", &mut homes);
    let [home] = homes.as_slice() else { return None };
    Some(home.clone())
}

fn find_homes(name: &str, keys: &[Key], header: &str, homes: &mut Vec<String>) {
    for key in keys {
        if key.name == name && !header.is_empty() {
            homes.push(header.to_owned());
        }
        match key.kind {
            // A section inside a pipeline is written in line, so its keys have no header of their own to name.
            Kind::Section(inner) if header.is_empty() => find_homes(name, inner, key.example, homes),
            Kind::Named(inner) | Kind::List(inner) => find_homes(name, inner, key.example, homes),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize as _;

    use super::*;
    use crate::config::Config;
    use crate::document::Document;

    /// A configuration with every key as in its example, or only the required ones.
    fn sample(keys: &[Key], all: bool) -> toml::Table {
        let mut table = toml::Table::new();
        for key in keys.iter().filter(|key| all || key.required) {
            let value = match key.kind {
                Kind::Section(inner) => toml::Value::Table(sample(inner, all)),
                Kind::Named(inner) => {
                    toml::Value::Table([("name".to_owned(), toml::Value::Table(sample(inner, all)))].into_iter().collect())
                }
                Kind::List(inner) => toml::Value::Array(vec![toml::Value::Table(sample(inner, all))]),
                _ => key.example.parse::<toml::Table>().unwrap()[key.name].clone(),
            };
            table.insert(key.name.to_owned(), value);
        }
        table
    }

    /// What serde says when the table at `path` of the full sample also has `key`.
    fn error_with(path: &[&str], key: &str, value: toml::Value) -> String {
        let mut root = toml::Value::Table(sample(ROOT, true));
        let mut at = &mut root;
        for step in path {
            at = match at {
                toml::Value::Array(items) => &mut items[0],
                other => other,
            };
            at = at.get_mut(*step).unwrap();
        }
        let table = match at {
            toml::Value::Array(items) => items[0].as_table_mut(),
            other => other.as_table_mut(),
        };
        table.unwrap().insert(key.to_owned(), value);
        Config::deserialize(root).err().expect("a wrong key or value").message().to_owned()
    }

    /// The names in backticks after `expected`.
    fn expected_names(message: &str) -> Vec<String> {
        let expected = message.split_once("expected").unwrap_or_else(|| panic!("no list in: {message}")).1;
        let mut names: Vec<_> = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        names.sort();
        names
    }

    fn sorted(names: impl IntoIterator<Item = &'static str>) -> Vec<String> {
        let mut names: Vec<_> = names.into_iter().map(str::to_owned).collect();
        names.sort();
        names
    }

    fn compare(keys: &'static [Key], path: &mut Vec<&'static str>) {
        let message = error_with(path, "no_such_key", true.into());
        assert_eq!(expected_names(&message), sorted(keys.iter().map(|key| key.name)), "keys of {path:?}");
        for key in keys {
            match key.kind {
                Kind::Section(inner) | Kind::List(inner) => {
                    path.push(key.name);
                    compare(inner, path);
                    path.pop();
                }
                Kind::Named(inner) => {
                    path.extend([key.name, "name"]);
                    compare(inner, path);
                    path.truncate(path.len() - 2);
                }
                Kind::Choice(choices) => {
                    let message = error_with(path, key.name, "no_such_choice".into());
                    assert_eq!(expected_names(&message), sorted(choices.iter().copied()), "choices of {path:?} {}", key.name);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn the_tables_have_the_keys_and_choices_that_the_structs_have() {
        compare(ROOT, &mut Vec::new());
    }

    #[test]
    fn every_example_is_of_the_form_that_its_key_asks_for_and_deserializes() {
        for all in [true, false] {
            let text = toml::to_string(&sample(ROOT, all)).unwrap();
            let (document, config) = Document::read(&text, Path::new(""));
            assert!(config.is_some());
            assert_eq!(document.into_problems(), []);
        }
    }

    #[test]
    fn a_required_key_is_one_that_the_struct_cannot_do_without() {
        fn without_each(keys: &[Key], path: &mut Vec<&'static str>) {
            for key in keys {
                let mut root = toml::Value::Table(sample(ROOT, true));
                let mut at = &mut root;
                for step in &*path {
                    at = at.get_mut(*step).unwrap();
                    if let toml::Value::Array(items) = at {
                        at = &mut items[0];
                    }
                }
                at.as_table_mut().unwrap().remove(key.name);
                // The sections themselves are optional in the struct: one that was refused is left out.
                let needed = key.required && !path.is_empty();
                assert_eq!(Config::deserialize(root).is_err(), needed, "{path:?} {}", key.name);
                let inner = match key.kind {
                    Kind::Section(inner) | Kind::List(inner) => Some((inner, vec![key.name])),
                    Kind::Named(inner) => Some((inner, vec![key.name, "name"])),
                    _ => None,
                };
                if let Some((inner, steps)) = inner {
                    let depth = path.len();
                    path.extend(steps);
                    without_each(inner, path);
                    path.truncate(depth);
                }
            }
        }
        without_each(ROOT, &mut Vec::new());
    }

    #[test]
    fn a_misplaced_key_is_told_where_it_belongs() {
        assert_eq!(home_of("topics").as_deref(), Some("[pipeline.NAME]"));
        assert_eq!(home_of("grace").as_deref(), Some("[shutdown]"));
        assert_eq!(home_of("sha256").as_deref(), Some("[[pipeline.NAME.transform]]"));
        assert_eq!(home_of("headers"), None, "it is written in line");
        assert_eq!(home_of("kafka"), None, "it is a section");
        assert_eq!(home_of("nothing"), None);
    }
}
