//! `cargo xtask conformance connect`: Kafka Connect's clients and the commands that people type, against the gateway.
//!
//! Without `--url` the world is made here: the stand-in, a broker with klines in it, the gateway with an empty state. The connector that
//! people have is posted by their own command, watched until it runs and until its rows are there, and stays while each client goes
//! through its checks with connectors of its own. With `--original` they meet Apache Kafka Connect and a sink that does nothing, which shows
//! that a check is true of the original; with `--url`, whatever worker listens there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::Sum;
use crate::connect;
use crate::connect::gateway::{Gateway, Settings, free_port};
use crate::connect::worker::{HEAP, NOOP_SINK, Worker};
use crate::judge::{judge, rows};
use crate::kafka::{Kind, Lease};
use crate::process::{Child, is_installed, output, until};
use crate::python::Requirements;
use crate::sandbox::{Options, Published, Sandbox, fresh_topics, source};
use crate::terminal::{done, say, title};
use crate::workspace::Workspace;
use crate::{Outcome, build};

const TOPIC: &str = "binance_kline";
const PARTITIONS: u16 = 4;
/// Enough that every partition has some; the clients' connectors read all of them, too.
const RECORDS: u64 = 2_000;
const TABLE: &str = "CRYPTO_DB.PUBLIC.BINANCE_KLINE";
const SELECT: &str = "SELECT * FROM CRYPTO_DB.PUBLIC.binance_kline LIMIT 10";
/// How long rows may take: a connector as people write it lets them wait for a minute.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A worker that runs already, such as http://127.0.0.1:8083
    #[arg(long, requires = "config")]
    url: Option<String>,
    /// The connector that its clients make theirs from, `{"name": …, "config": {…}}`; its topic must hold records
    #[arg(long, value_name = "FILE", requires = "url")]
    config: Option<PathBuf>,
    /// Against a worker of Apache Kafka Connect
    #[arg(long, conflicts_with = "url")]
    original: bool,
    /// Only clients whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// The broker; the sandbox's cannot move a group's offsets, which some clients do
    #[arg(long, value_enum, default_value_t = Kind::Apache)]
    kafka: Kind,
    /// Uses the programs as they were built last
    #[arg(long)]
    no_build: bool,
}

impl Args {
    /// Every client, against the gateway on Apache Kafka.
    pub(super) fn everything() -> Args {
        Args { url: None, config: None, original: false, only: None, kafka: Kind::Apache, no_build: false }
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    title("Kafka Connect's clients");
    let mut sum = Sum::default();
    if let (Some(url), Some(config)) = (&args.url, &args.config) {
        clients(workspace, args, url, config, &mut sum)?;
    } else {
        let folder = workspace.scratch("conformance-connect");
        if !args.no_build {
            build::programs(workspace)?;
        }
        if args.original {
            original(workspace, args, &folder, &mut sum)?;
            return sum.conclude("clients that Apache Kafka Connect does not satisfy");
        }
        let mut world = World::start(workspace, args.kafka, &folder)?;
        let connector = folder.join("connectors/snowflake-sink.json");
        let typed = world.typed(&folder)?;
        sum.add("curl", "what people type", typed, 0, "");
        clients(workspace, args, &world.gateway.rest.url, &connector, &mut sum)?;
        world.stop()?;
    }
    sum.conclude("clients that the worker does not satisfy")
}

/// The clients against Apache Kafka Connect, with the connector that people have but for its class.
fn original(workspace: &Workspace, args: &Args, folder: &Path, sum: &mut Sum) -> Outcome {
    let kafka = Lease::take()?;
    crate::workspace::fresh_folder(folder)?;
    fresh_topics(workspace, &kafka.bootstrap(), &[(TOPIC, PARTITIONS)], &folder.join("topics.log"))?;
    let mut publish = source(workspace, &kafka.bootstrap(), TOPIC, PARTITIONS, RECORDS);
    Child::spawn(&mut publish, &folder.join("source.log"))?.succeed(PATIENCE)?;
    let worker = Worker::start(&folder.join("worker"), free_port()?, &kafka.bootstrap(), HEAP)?;
    let connector = connect::changed(&connect::template(workspace)?, "snowflake-sink", &[("connector.class", NOOP_SINK)]);
    let file = folder.join("connector.json");
    connect::write(&connector, &file)?;
    worker.rest.create(&connector)?;
    worker.rest.wait_until_running("snowflake-sink", usize::from(PARTITIONS))?;
    done("original", format_args!("a worker of Apache Kafka Connect at {}", worker.rest.url));
    clients(workspace, args, &worker.rest.url, &file, sum)
}

fn clients(workspace: &Workspace, args: &Args, url: &str, config: &Path, sum: &mut Sum) -> Outcome {
    let folder = workspace.root().join("tests/conformance/connect");
    for client in Requirements::all_in(&folder)? {
        let script = folder.join(format!("{}.py", client.name));
        if !script.is_file() || args.only.as_ref().is_some_and(|only| !client.name.contains(only)) {
            continue;
        }
        let python = client.programs(&format!("venv-connect-{}", client.name))?.join("python");
        let mut run = Command::new(python);
        run.arg(&script).args(["--url", url]).arg("--config").arg(config);
        // What the scripts share must not be left behind as bytecode in the sources.
        run.env("PYTHONDONTWRITEBYTECODE", "1");
        let log = workspace.scratch("conformance-connect").join(format!("{}.log", client.name));
        sum.judge(&client.name, &client.package(), &mut run, &log)?;
    }
    Ok(())
}

/// Everything that a gateway needs, and the gateway.
pub(super) struct World {
    sandbox: Sandbox,
    pub(super) gateway: Gateway,
    published: Published,
    bootstrap: String,
    _kafka: Option<Lease>,
}

impl World {
    /// Starts it, with klines in the topic and the connector that people have in `connectors/snowflake-sink.json`.
    pub(super) fn start(workspace: &Workspace, kind: Kind, folder: &Path) -> Outcome<World> {
        let kafka = if kind == Kind::Apache { Some(Lease::take()?) } else { None };
        let topics = [(TOPIC, PARTITIONS)];
        let options = Options { topics: if kafka.is_some() { &[] } else { &topics }, counts_only: false };
        let sandbox = Sandbox::start(workspace, folder, &options)?;
        let bootstrap = match &kafka {
            Some(lease) => {
                fresh_topics(workspace, &lease.bootstrap(), &topics, &folder.join("topics.log"))?;
                lease.bootstrap()
            }
            None => sandbox.bootstrap()?,
        };
        let mut publish = source(workspace, &bootstrap, TOPIC, PARTITIONS, RECORDS);
        let published = Published::parse(&Child::spawn(&mut publish, &folder.join("source.log"))?.succeed(PATIENCE)?)?;
        crate::workspace::make_folder(&folder.join("connectors"))?;
        connect::write(&connect::snowflake_sink(workspace, &sandbox.described)?, &folder.join("connectors/snowflake-sink.json"))?;
        // The port that people type, if nobody else has it.
        let port = if std::net::TcpListener::bind(("127.0.0.1", 8083)).is_ok() { 8083 } else { free_port()? };
        let gateway = Gateway::start(workspace, folder, &Settings { bootstrap: &bootstrap, port, ca: &sandbox.described.ca })?;
        done("gateway", format_args!("a Connect worker at {}", gateway.rest.url));
        Ok(World { sandbox, gateway, published, bootstrap, _kafka: kafka })
    }

    /// The three things that people do, by the commands they type; says how many held.
    fn typed(&mut self, folder: &Path) -> Outcome<u64> {
        if !is_installed("curl") {
            return Err(
                "people type `curl`, which is not there\n\nhint: on Debian or Ubuntu `sudo apt-get install curl`".to_owned()
            );
        }
        let host = self.gateway.rest.url.trim_start_matches("http://").replace("127.0.0.1", "localhost");
        let curl = |arguments: &str| {
            let typed = arguments.replace("localhost:8083", &host);
            let printed =
                output(Command::new("sh").args(["-c", &format!("curl --silent --show-error {typed}")]).current_dir(folder))?;
            let answer: Value = serde_json::from_str(&printed).map_err(|_| format!("`curl {typed}` printed no JSON: {printed}"))?;
            if answer["error_code"].is_null() {
                Ok(answer)
            } else {
                Err(format!("`curl {typed}` was refused: {}", answer["message"]))
            }
        };
        let made = curl(
            "-X POST -H \"Content-Type: application/json\" --data @connectors/snowflake-sink.json http://localhost:8083/connectors",
        )?;
        expect(&made["name"], "snowflake-sink", "the name of the connector that was made")?;
        self.gateway.rest.wait_until_running("snowflake-sink", usize::from(PARTITIONS))?;
        let status = curl("localhost:8083/connectors/snowflake-sink/status")?;
        expect(&status["connector"]["state"], "RUNNING", "the state of the connector")?;
        let config = self.gateway.rest.get_json("/connectors/snowflake-sink/config")?;
        expect(&config["snowflake.private.key"], "********", "the key that the gateway shows")?;
        until("the connector's rows", PATIENCE, || {
            self.gateway.must_run()?;
            Ok((rows(&self.sandbox.ledger()?, TABLE) >= self.published.records).then_some(()))
        })?;
        let (_, ten) = self.sandbox.query(SELECT)?;
        if ten.len() != 10 {
            return Err(format!("`{SELECT}` gave {} rows", ten.len()));
        }
        Ok(3)
    }

    /// Posts the connector that people have, under that name.
    pub(super) fn post(&self, workspace: &Workspace, name: &str) -> Outcome {
        let connector = connect::snowflake_sink(workspace, &self.sandbox.described)?;
        self.gateway.rest.create(&connect::changed(&connector, name, &[]))?;
        self.gateway.rest.wait_until_running(name, usize::from(PARTITIONS))
    }

    /// Publishes more klines, as many a second, until the guard goes.
    pub(super) fn keep_publishing(&self, workspace: &Workspace, a_second: u64, log: &Path) -> Outcome<Child> {
        let mut publish = source(workspace, &self.bootstrap, TOPIC, PARTITIONS, u64::from(u32::MAX));
        Child::spawn(publish.args(["--rate", &a_second.to_string()]), log)
    }

    /// Stops all of it and judges nothing.
    pub(super) fn abandon(self) -> Outcome {
        self.gateway.stop()?;
        self.sandbox.stop()
    }

    /// Stops the gateway, then judges what the connector that people have has loaded.
    fn stop(self) -> Outcome {
        self.gateway.stop()?;
        let verdict = judge(&self.sandbox.ledger()?, TABLE, &self.published);
        self.sandbox.stop()?;
        say(format_args!("\n  snowflake-sink: {verdict}"));
        if verdict.is_clean() { Ok(()) } else { Err(format!("the connector that stayed: {verdict}")) }
    }
}

fn expect(found: &Value, wanted: &str, what: &str) -> Outcome {
    if found == wanted { Ok(()) } else { Err(format!("{what} is {found}, not `{wanted}`")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_a_script_and_pinned_requirements() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/connect");
        let clients = Requirements::all_in(&folder).expect("requirements");
        assert_eq!(clients.iter().filter(|client| folder.join(format!("{}.py", client.name)).is_file()).count(), 8);
        for client in clients {
            let text = std::fs::read_to_string(folder.join(format!("requirements-{}.txt", client.name))).expect("it was just read");
            assert!(text.lines().all(|line| line.starts_with('#') || line.contains("==")), "{text}");
        }
    }
}
