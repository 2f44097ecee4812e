//! A connector as a pipeline of the configuration file, where that says the same.
//!
//! What a pipeline cannot say is a reason not to write one: a connector that is registered does the same as before.

use std::fmt::Write as _;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::Imported;
use super::report::unmasked;
use crate::config_def::ConfigMap;
use crate::connector::{Texts, settings};
use crate::converter::{Converter, HeaderConverter};
use crate::plugins::CAPABILITIES;
use crate::secrets::is_secret;
use crate::settings::{ChannelNames, ConnectorSettings, Line, PluginStep, Rows, Start, TableNames, Tolerance, Tombstones, Topics};
use crate::worker::WorkerSettings;

const KEY: &str = "snowflake.private.key";
const PASSPHRASE: &str = "snowflake.private.key.passphrase";
/// A body never has more.
const FULL_BODY: u64 = 4 << 20;
const LINGER_MS: u64 = 500;
const MAX_WORKERS: u32 = 256;
const REGISTER: &str = "register the connector by REST instead (`--register URL`): there it does as before";

/// `[kafka]`, `[snowflake]` and `[pipeline.NAME]`; the brokers are the worker's. Or why a pipeline would not do the same.
pub fn to_toml(imported: &Imported, worker: &WorkerSettings) -> Result<String, Vec<String>> {
    written(imported, worker).map_err(|mut reasons| {
        reasons.push(REGISTER.to_owned());
        reasons
    })
}

fn written(imported: &Imported, worker: &WorkerSettings) -> Result<String, Vec<String>> {
    let texts = Texts(&imported.config);
    let is_elsewhere = |key: &&String| texts.is_reference(key) && ![KEY, PASSPHRASE].contains(&key.as_str());
    let elsewhere = imported.config.keys().filter(is_elsewhere);
    let mut reasons: Vec<String> =
        elsewhere.map(|key| format!("`{key}` refers to a config provider, which a pipeline does not have")).collect();
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let settings = settings(&imported.name, &unmasked(&imported.config), worker, |_| Ok(SecretString::default()))
        .map_err(|errors| errors.into_iter().map(|error| error.0).collect::<Vec<_>>())?;
    reasons.extend(unsayable(&settings, texts));
    let account = account(&settings.snowflake.url);
    if account.is_none() {
        reasons.push(
            "`snowflake.url.name` does not show the account as `[snowflake]` wants it, ORGANISATION-ACCOUNT or a locator"
                .to_owned(),
        );
    }
    let plugins: Result<Vec<_>, _> = settings.plugins_before.iter().map(|step| plugin(&imported.name, step)).collect();
    match (plugins, account) {
        (Ok(plugins), Some(account)) if reasons.is_empty() => {
            Ok(document(imported, &settings, worker, &account, &plugins.concat()))
        }
        (plugins, _) => {
            reasons.extend(plugins.err());
            Err(reasons)
        }
    }
}

/// What of the settings a pipeline has no words for.
fn unsayable(settings: &ConnectorSettings, texts: Texts) -> Vec<String> {
    let road = &settings.road;
    let names: Vec<&str> = road.steps.iter().map(|step| &*step.name).collect();
    let tolerates = settings.errors.tolerance == Tolerance::All;
    let letters = settings.errors.dead_letter_topic.is_some();
    let producer_differs = letters && tolerates && exposed(&settings.producer) != exposed(&settings.consumer);
    let facts = [
        (!names.is_empty(), format!("`transforms` {}: a pipeline has WASM plugins only", names.join(", "))),
        (!settings.plugins_after.is_empty(), "plugins behind transforms: a pipeline has no transforms".to_owned()),
        (!road.key.is_text(), "`key.converter`: a pipeline's keys are text, as of StringConverter".to_owned()),
        (
            !road.value.is_plain_json(),
            "`value.converter`: a pipeline's values are JSON without a schema, as of JsonConverter with schemas.enable=false"
                .to_owned(),
        ),
        (
            !matches!(&road.headers, HeaderConverter::Simple | HeaderConverter::Of(Converter::String(_))),
            "`header.converter`: a pipeline's headers are text".to_owned(),
        ),
        (matches!(settings.topics, Topics::Regex(_)), "`topics.regex`: a pipeline names each topic".to_owned()),
        (
            tolerates && !letters,
            "`errors.tolerance=all` without a dead letter topic: a pipeline drops nothing without a trace".to_owned(),
        ),
        (
            tolerates && letters && settings.errors.context_headers,
            "`errors.deadletterqueue.context.headers.enable`: a pipeline's dead letters have headers `snowgate.…`".to_owned(),
        ),
        (!settings.create_tables, "`snowflake.autocreate.table.type=none`: a pipeline makes a table that is not there".to_owned()),
        (settings.snowflake.proxy.is_some(), "`jvm.proxy.host`: a pipeline has no proxy".to_owned()),
        (
            settings.rows.push_time && texts.is_true("snowflake.streaming.metadata.connectorPushTime"),
            "`snowflake.streaming.metadata.connectorPushTime`: a pipeline's rows do not have it".to_owned(),
        ),
        (producer_differs, "the producer of dead letters has other settings than the consumer: `[kafka]` is for both".to_owned()),
    ];
    facts.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)).collect()
}

fn exposed(properties: &[(String, SecretString)]) -> Vec<(&str, &str)> {
    properties.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect()
}

/// The account as `[snowflake]` names it, from `https://ACCOUNT.snowflakecomputing.com`.
fn account(url: &str) -> Option<String> {
    let host = url.split_once("://").map_or(url, |(_, host)| host).split(':').next().unwrap_or_default();
    let inner = host.strip_suffix(".snowflakecomputing.com").or_else(|| host.strip_suffix(".snowflakecomputing.cn"))?;
    let (first, region) = inner.split_once('.').map_or((inner, None), |(first, region)| (first, Some(region)));
    let digits = first.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let is_locator =
        (1..=4).contains(&(first.len() - digits.len())) && digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_joined = first.split('-').count() >= 2 && first.split('-').all(|part| !part.is_empty());
    match region {
        _ if is_locator => Some(inner.to_owned()),
        _ if is_joined => Some(first.to_owned()),
        _ => None,
    }
}

fn document(imported: &Imported, settings: &ConnectorSettings, worker: &WorkerSettings, account: &str, plugins: &str) -> String {
    let mut toml = String::new();
    let mut line = |text: &str| {
        toml.push_str(text);
        toml.push('\n');
    };
    line(&format!("# From the connector {}.", quoted(&imported.name)));
    if settings.line != Line::V3File && settings.rows.push_time {
        line("# Unlike the connector's, a row's metadata has no SnowflakeConnectorPushTime.");
    }
    line("# Header values are text here; the connector has them typed.");
    kafka(settings, worker, &mut line);
    snowflake(&imported.config, settings, account, &mut line);
    pipeline(&imported.name, settings, &mut line);
    toml.push_str(plugins);
    toml
}

fn kafka(settings: &ConnectorSettings, worker: &WorkerSettings, line: &mut impl FnMut(&str)) {
    line("\n[kafka]");
    let own = settings.consumer.iter().rev().find(|(name, _)| name == "bootstrap.servers");
    let brokers: Vec<String> = match own {
        Some((_, list)) => list.expose_secret().split(',').map(|broker| quoted(broker.trim())).collect(),
        None => worker.bootstrap_servers.iter().map(|broker| quoted(broker)).collect(),
    };
    if own.is_none() {
        line("# The worker's brokers, as `--worker FILE` has them; without it a guess.");
    }
    line(&format!("brokers = [{}]", brokers.join(", ")));
    line("# The connector's group, so that the switch goes on where it stopped.");
    line(&format!("group = {}", quoted(&settings.group)));
    if settings.start == Start::Latest {
        line("start = \"latest\"");
    }
    let mut properties: Vec<(&str, &str)> = Vec::new();
    for (name, value) in exposed(&settings.consumer) {
        // The connector's own come last and win.
        properties.retain(|(earlier, _)| *earlier != name);
        properties.push((name, value));
    }
    properties.retain(|(name, _)| *name != "bootstrap.servers");
    if properties.is_empty() {
        return;
    }
    line("\n[kafka.properties]");
    for (name, value) in properties {
        if is_secret(name) || name.ends_with(".pem") {
            let file = name.replace('.', "-");
            line(&format!(
                "# Write the value that the connector or its worker has into the file `{file}`, then `chmod 600 {file}`."
            ));
            line(&format!("{} = {{ file = {} }}", quoted(name), quoted(&file)));
        } else {
            line(&format!("{} = {}", quoted(name), quoted(value)));
        }
    }
}

fn snowflake(config: &ConfigMap, settings: &ConnectorSettings, account: &str, line: &mut impl FnMut(&str)) {
    let login = &settings.snowflake;
    line("\n[snowflake]");
    line(&format!("account = {}", quoted(account)));
    if login.url != format!("https://{}.snowflakecomputing.com", account.to_ascii_lowercase()) {
        line(&format!("url = {}", quoted(&login.url)));
    }
    line(&format!("user = {}", quoted(login.user.trim())));
    line(&format!("# Write the text of `{KEY}` into the file and close it to others:"));
    line(&format!("#   umask 077; jq -r '.config[\"{KEY}\"]' CONNECTOR.json > rsa_key.p8"));
    line(
        "# A key that begins with `BEGIN RSA PRIVATE KEY` has to become PKCS#8: openssl pkcs8 -topk8 -nocrypt -in OLD.pem -out rsa_key.p8",
    );
    line("private_key = { file = \"rsa_key.p8\" }");
    if Texts(config).given(PASSPHRASE).is_some() {
        line(&format!("# The text of `{PASSPHRASE}`, in a file that is closed to others as well."));
        line("private_key_passphrase = { file = \"rsa_key.passphrase\" }");
    }
    if let Some(role) = &login.role {
        line(&format!("role = {}", quoted(role)));
    }
    line(&format!("database = {}", quoted(&login.database)));
    line(&format!("schema = {}", quoted(&login.schema)));
}

fn pipeline(name: &str, settings: &ConnectorSettings, line: &mut impl FnMut(&str)) {
    let Topics::List(topics) = &settings.topics else { return };
    line(&format!("\n[pipeline.{}]", pipeline_name(name)));
    line(&format!("topics = [{}]", topics.iter().map(|topic| quoted(topic)).collect::<Vec<_>>().join(", ")));
    let exact = |topic: &str| (settings.table_names == TableNames::Exact).then(|| format!("\"{topic}\""));
    let table = |topic: &String| settings.topic_map.table(topic).or_else(|| exact(topic));
    let mapped: Vec<String> =
        topics.iter().filter_map(|topic| Some(format!("{} = {}", quoted(topic), quoted(&table(topic)?)))).collect();
    if !mapped.is_empty() {
        line(&format!("tables = {{ {} }}", mapped.join(", ")));
    }
    if settings.channel_names == ChannelNames::ConnectorAndTopic {
        line("# The connector's channels, which know what is loaded.");
        line(&format!("channel_prefix = {}", quoted(&format!("{name}_"))));
    }
    line(if settings.rows.columns { "rows = \"columns\"" } else { "rows = \"content\"" });
    let Rows { metadata, topic, offset_and_partition, create_time, .. } = settings.rows;
    let switches =
        [("enabled", metadata), ("topic", topic), ("offset_and_partition", offset_and_partition), ("create_time", create_time)];
    let off: Vec<String> = switches.iter().filter(|(_, on)| !on).map(|(name, _)| format!("{name} = false")).collect();
    if !off.is_empty() {
        line(&format!("metadata = {{ {} }}", off.join(", ")));
    }
    if settings.linger_ms != LINGER_MS {
        line(&format!("linger = \"{}ms\"", settings.linger_ms.max(1)));
    }
    if let Some(bytes) = settings.body_bytes.filter(|bytes| *bytes < FULL_BODY) {
        line(&format!("body = \"{}B\"", bytes.max(1024)));
    }
    if settings.tombstones == Tombstones::Ignore {
        line("on_tombstone = \"drop\"");
    }
    match (&settings.errors.dead_letter_topic, settings.errors.tolerance) {
        (Some(topic), Tolerance::All) => {
            line("# Unlike a connector's, this topic has to be there.");
            line(&format!("dead_letter_topic = {}", quoted(topic)));
        }
        _ => line("on_error = \"block\""),
    }
    line(&format!("workers = {}", settings.tasks_max.clamp(1, MAX_WORKERS)));
}

/// What may stand in `[pipeline.NAME]`; the group keeps the connector's name.
fn pipeline_name(name: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    name.chars().map(|letter| if fits(letter) { letter } else { '_' }).take(64).collect()
}

fn plugin(name: &str, step: &PluginStep) -> Result<String, String> {
    let config: Value = serde_json::from_str(&step.config_json).unwrap_or_default();
    let with = value(&config).ok_or_else(|| format!("`transforms.{}.config` has a null, which TOML has not", step.name))?;
    let mut toml = format!("\n[[pipeline.{}.transform]]\npath = {}\n", pipeline_name(name), quoted(&step.path.to_string_lossy()));
    // Writing to a string does not fail.
    let _ = writeln!(toml, "name = {}\nwith = {with}", quoted(&step.name));
    if let Some(digest) = &step.sha256 {
        let _ = writeln!(toml, "sha256 = {}", quoted(digest));
    }
    if step.allow != CAPABILITIES {
        let allow: Vec<_> = step.allow.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(toml, "allow = [{}]", allow.join(", "));
    }
    Ok(toml)
}

/// JSON as TOML has it in one line.
fn value(json: &Value) -> Option<String> {
    Some(match json {
        Value::Null => return None,
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(value).collect::<Option<Vec<_>>>()?.join(", ")),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, entry)| Some(format!("{} = {}", quoted(key), value(entry)?)));
            format!("{{ {} }}", entries.collect::<Option<Vec<_>>>()?.join(", "))
        }
        scalar => scalar.to_string(),
    })
}

/// A text as TOML has it, which is as JSON has it but for one letter.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}
