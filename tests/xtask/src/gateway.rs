//! The gateway as a process, and the configuration it is given.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Outcome;
use crate::process::Child;
use crate::sandbox::Described;
use crate::workspace::{Workspace, write_file};

/// How long it may take to drain and leave.
const PATIENCE: Duration = Duration::from_secs(40);

/// One pipeline of klines.
pub(crate) struct Config<'a> {
    pub(crate) bootstrap: &'a str,
    pub(crate) snowflake: &'a Described,
    pub(crate) group: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) table: &'a str,
    pub(crate) dead_letter_topic: Option<&'a str>,
    pub(crate) content: Content,
}

/// What becomes of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// No plugins; rows of `RECORD_METADATA` and `RECORD_CONTENT`.
    Passthrough,
    /// Both plugins; rows with a column for each field.
    Plugins,
}

impl Config<'_> {
    fn to_toml(&self, plugins: &Path) -> String {
        let Config { bootstrap, snowflake, group, topic, table, .. } = self;
        let brokers: Vec<_> = bootstrap.split(',').collect();
        let Described { account, user, private_key, https, ca, database, schema, .. } = snowflake;
        // A Rust string's quoting is TOML's for all that stands in a path or a name.
        let mut text = format!(
            "[kafka]\nbrokers = {brokers:?}\ngroup = {group:?}\n\n\
             [snowflake]\naccount = {account:?}\nuser = {user:?}\nprivate_key = {{ file = {private_key:?} }}\nurl = {https:?}\ntls_ca = {ca:?}\n\
             database = {database:?}\nschema = {schema:?}\n\n\
             [pipeline.klines]\ntopics = [{topic:?}]\ntables = {{ {topic:?} = {table:?} }}\n"
        );
        let rows = if self.content == Content::Passthrough { "content" } else { "columns" };
        let mut add = |line: String| writeln!(text, "{line}").expect("a string takes all that is written");
        add(format!("rows = {rows:?}"));
        if let Some(dead_letters) = self.dead_letter_topic {
            add(format!("dead_letter_topic = {dead_letters:?}"));
        }
        if self.content == Content::Plugins {
            let plugin = |file: &str| plugins.join(file);
            add(format!(
                "\n[[pipeline.klines.transform]]\npath = {:?}\nwith = {{ allow = [\"*USDT\"] }}",
                plugin("symbol_filter.wasm")
            ));
            add(format!("\n[[pipeline.klines.transform]]\npath = {:?}", plugin("kline_flatten.wasm")));
        }
        text
    }
}

pub(crate) struct Gateway {
    child: Child,
}

impl Gateway {
    /// Starts it; configuration and log go to `folder`, named for the table.
    pub(crate) fn start(workspace: &Workspace, folder: &Path, config: &Config<'_>) -> Outcome<Gateway> {
        let file: PathBuf = folder.join(format!("{}.toml", config.table.to_lowercase()));
        write_file(&file, &config.to_toml(&workspace.plugins()))?;
        let mut command = Command::new(workspace.binary("snowgate"));
        command.arg("run").arg("--config").arg(&file);
        Ok(Gateway { child: Child::spawn(&mut command, &file.with_extension("log"))? })
    }

    pub(crate) fn child(&self) -> &Child {
        &self.child
    }

    pub(crate) fn must_run(&mut self) -> Outcome {
        self.child.must_run()
    }

    /// SIGTERM; it must drain and leave in good order.
    pub(crate) fn stop(self) -> Outcome {
        self.child.stop(PATIENCE).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_what_an_operator_would_write() {
        let snowflake: Described = serde_json::from_str(
            r#"{"http": "http://127.0.0.1:1", "https": "https://127.0.0.1:2", "ca": "/s/ca.pem", "private_key": "/s/rsa_key.p8",
                "account": "MYORG-MYACCT", "user": "STREAMER", "database": "CRYPTO_DB", "schema": "PUBLIC"}"#,
        )
        .expect("as the sandbox writes it");
        let config = Config {
            bootstrap: "127.0.0.1:9092,127.0.0.1:9102",
            snowflake: &snowflake,
            group: "quickstart",
            topic: "binance_kline",
            table: "BINANCE_KLINE",
            dead_letter_topic: Some("binance_kline.dead"),
            content: Content::Plugins,
        };
        let expected = r#"[kafka]
brokers = ["127.0.0.1:9092", "127.0.0.1:9102"]
group = "quickstart"

[snowflake]
account = "MYORG-MYACCT"
user = "STREAMER"
private_key = { file = "/s/rsa_key.p8" }
url = "https://127.0.0.1:2"
tls_ca = "/s/ca.pem"
database = "CRYPTO_DB"
schema = "PUBLIC"

[pipeline.klines]
topics = ["binance_kline"]
tables = { "binance_kline" = "BINANCE_KLINE" }
rows = "columns"
dead_letter_topic = "binance_kline.dead"

[[pipeline.klines.transform]]
path = "/p/symbol_filter.wasm"
with = { allow = ["*USDT"] }

[[pipeline.klines.transform]]
path = "/p/kline_flatten.wasm"
"#;
        assert_eq!(config.to_toml(Path::new("/p")), expected);
    }
}
