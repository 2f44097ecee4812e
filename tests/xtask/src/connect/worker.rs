//! Apache Kafka Connect itself: a distributed worker from the jars that Maven fetches, with a sink that does nothing.
//!
//! The worker runs with the heap and the collector that Kafka's own start script gives it. The sink is compiled from the source in this
//! crate each time, so that what runs is what can be read.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::Outcome;
use crate::connect::Rest;
use crate::kafka::{self, Jars};
use crate::process::{Child, is_installed, running, signal, succeed, until};
use crate::terminal::{done, duration, say};
use crate::workspace::{cache, fresh_folder, make_folder, write_file};

/// How long a worker may take to come up or down on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The class of the sink that does nothing.
pub(crate) const NOOP_SINK: &str = "snowgate.bench.NoopSinkConnector";
const NOOP_SOURCE: &str = include_str!("../../connect/NoopSinkConnector.java");
/// The most heap that Kafka's start script for a distributed worker gives it, where nobody says otherwise.
pub(crate) const HEAP: &str = "2G";
/// What else that script gives Java.
const JAVA: [&str; 7] = [
    "-Xms256M",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

#[derive(clap::Args)]
pub(crate) struct Args {
    action: Action,
    /// Where its REST interface listens
    #[arg(long, default_value_t = 18_083)]
    port: u16,
    /// The brokers
    #[arg(long, default_value = "127.0.0.1:9092")]
    bootstrap: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    /// Starts the worker and waits until it answers
    Start,
    /// Stops it
    Stop,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let folder = cache()?.join("kafka").join(format!("connect-{}", args.port));
    let (pid_file, properties) = (folder.join("pid"), folder.join("worker.properties"));
    let pid = || running(&pid_file, &properties.display().to_string());
    let rest = Rest::on_port(args.port);
    match args.action {
        Action::Start if pid().is_some() => done("connect", format_args!("is already up at {}", rest.url)),
        Action::Start => {
            let started = Instant::now();
            let mut java = prepare(&folder, args.port, &args.bootstrap, HEAP)?;
            let failed = |error| format!("could not start the Connect worker: {error}");
            let log = fs::File::create(folder.join("log")).map_err(failed)?;
            java.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log);
            // A group of its own: ctrl-c in the terminal is meant for us.
            let mut process = java.process_group(0).spawn().map_err(failed)?;
            write_file(&pid_file, &process.id().to_string())?;
            rest.wait_until_up(PATIENCE, || match process.try_wait() {
                Ok(None) => Ok(()),
                _ => Err(format!(
                    "the Connect worker ended. Its log:\n{}",
                    fs::read_to_string(folder.join("log")).unwrap_or_default()
                )),
            })
            .inspect_err(|_| signal(process.id(), libc::SIGKILL))?;
            done("connect", format_args!("{} is up at {} ({})", kafka::VERSION, rest.url, duration(started.elapsed())));
            say(format_args!(
                "\n  the sink that does nothing  {NOOP_SINK}\n  log  {}\n  stop it with  cargo xtask connect-worker stop --port {}",
                folder.join("log").display(),
                args.port
            ));
        }
        Action::Stop => {
            let Some(process) = pid() else {
                done("connect", "was not running");
                return Ok(());
            };
            signal(process, libc::SIGTERM);
            until("the Connect worker to stop", PATIENCE, || Ok(pid().is_none().then_some(())))?;
            done("connect", "stopped");
        }
    }
    Ok(())
}

/// What the machine lacks for the worker, in words that tell how to get it.
pub(crate) fn missing() -> Option<String> {
    kafka::missing().or_else(|| {
        let hint = "on Debian or Ubuntu `sudo apt-get install openjdk-17-jdk-headless`";
        (!is_installed("javac"))
            .then(|| format!("the sink that does nothing is compiled with `javac`, which is not there ({hint})"))
    })
}

/// A worker that ends with its guard.
pub(crate) struct Worker {
    child: Child,
    pub(crate) rest: Rest,
}

impl Worker {
    /// Starts one in an empty folder, with that much heap at most, and waits until it answers.
    pub(crate) fn start(folder: &Path, port: u16, bootstrap: &str, heap: &str) -> Outcome<Worker> {
        let mut child = Child::spawn(&mut prepare(folder, port, bootstrap, heap)?, &folder.join("log"))?;
        let rest = Rest::on_port(port);
        rest.wait_until_up(PATIENCE, || child.must_run())?;
        Ok(Worker { child, rest })
    }

    pub(crate) fn child(&self) -> &Child {
        &self.child
    }

    pub(crate) fn must_run(&mut self) -> Outcome {
        self.child.must_run()
    }
}

/// Makes the folder: the sink, the configuration, and the command that starts the worker.
fn prepare(folder: &Path, port: u16, bootstrap: &str, heap: &str) -> Outcome<Command> {
    if let Some(missing) = missing() {
        return Err(missing);
    }
    let jars = Jars::connect()?;
    fresh_folder(folder)?;
    compile_sink(folder, &jars)?;
    let file = folder.join("worker.properties");
    // Its own topics each time: what connectors an earlier one had is nothing to this one.
    let group = format!("xtask-{port}-{}", std::process::id());
    write_file(&file, &properties(port, bootstrap, &group, &folder.join("plugins")))?;
    let mut java = Command::new("java");
    java.args(JAVA).arg(format!("-Xmx{heap}")).arg(jars.logging()).args([
        "-cp",
        &jars.class_path(),
        "org.apache.kafka.connect.cli.ConnectDistributed",
    ]);
    java.arg(&file);
    Ok(java)
}

fn compile_sink(folder: &Path, jars: &Jars) -> Outcome {
    let (sources, classes) = (folder.join("source"), folder.join("plugins/noop"));
    make_folder(&sources)?;
    make_folder(&classes)?;
    let source: PathBuf = sources.join("NoopSinkConnector.java");
    write_file(&source, NOOP_SOURCE)?;
    let mut javac = Command::new("javac");
    javac.args(["--release", "17", "-Xlint:all", "-Werror", "-cp", &jars.class_path(), "-d"]).arg(&classes).arg(&source);
    succeed("compiling the sink that does nothing", &mut javac, &folder.join("javac.log"))
}

fn properties(port: u16, bootstrap: &str, group: &str, plugins: &Path) -> String {
    let lines = [
        ("bootstrap.servers", bootstrap.to_owned()),
        ("group.id", group.to_owned()),
        ("listeners", format!("http://127.0.0.1:{port}")),
        ("plugin.path", plugins.display().to_string()),
        ("plugin.discovery", "only_scan".to_owned()),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter".to_owned()),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter".to_owned()),
        ("config.storage.topic", format!("{group}-configs")),
        ("config.storage.replication.factor", "1".to_owned()),
        ("offset.storage.topic", format!("{group}-offsets")),
        ("offset.storage.replication.factor", "1".to_owned()),
        ("offset.storage.partitions", "1".to_owned()),
        ("status.storage.topic", format!("{group}-status")),
        ("status.storage.replication.factor", "1".to_owned()),
        ("status.storage.partitions", "1".to_owned()),
    ];
    lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_listens_on_loopback_and_keeps_its_topics_apart() {
        let text = properties(18_083, "127.0.0.1:9092", "xtask-18083-7", Path::new("/p"));
        assert!(text.contains("listeners=http://127.0.0.1:18083\n"), "{text}");
        for topic in ["config", "offset", "status"] {
            assert!(text.contains(&format!("{topic}.storage.topic=xtask-18083-7-{topic}")), "{text}");
        }
    }

    #[test]
    fn the_sink_is_the_class_that_connectors_name() {
        let (package, class) = NOOP_SINK.rsplit_once('.').expect("a package");
        assert!(NOOP_SOURCE.contains(&format!("package {package};")));
        assert!(NOOP_SOURCE.contains(&format!("public class {class} extends SinkConnector")));
    }
}
