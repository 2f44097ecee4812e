//! A local Apache Kafka: one KRaft node, or three, on loopback, from the jars that Maven fetches.
//!
//! The jars go to the cache folder once. A cluster is known by its first port: its data lies in a folder of that name, its node `i`
//! listens on that port plus `10 * (i - 1)`, its controller on the port above, and on the one above that it wants TLS and a password. A cluster that `start` starts outlives us; one that a
//! test or a benchmark needs is a [`Lease`] and ends with it.
//!
//! A process is only signalled while its command line names our properties file, for a process number may have been given to another.

mod files;
mod jars;
mod wire;

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::Outcome;
use crate::process::{is_installed, output, running, signal, until};
use crate::terminal::{Progress, done, duration, say};
use crate::workspace::{cache, make_folder, write_file};

pub(crate) use self::files::{PASSWORD, USER, VERSION};
pub(crate) use self::jars::Jars;

/// How long nodes may take to come up or down on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// First ports of clusters that tests and benchmarks start, away from the one that people use. Several, for several checkouts.
const LEASED_PORTS: std::ops::Range<u16> = 19_092..19_592;
/// Between the ports of two nodes; the controller's is in between.
const PORT_STEP: u16 = 10;

#[derive(clap::Args)]
pub(crate) struct Args {
    action: Action,
    /// How many nodes `start` starts
    #[arg(long, default_value = "1", value_parser = ["1", "3"])]
    nodes: String,
    /// The first node's port
    #[arg(long, default_value_t = 9092)]
    port: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    /// Starts the nodes and waits until they answer
    Start,
    /// Stops them; their data stays
    Stop,
    /// Says which nodes run
    Status,
    /// Stops them and deletes their data
    Wipe,
}

/// Which broker a command runs on.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The sandbox's, which needs nothing
    #[default]
    Embedded,
    /// Apache Kafka, which needs Java and Maven
    Apache,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let cluster = Cluster::on_port(args.port)?;
    match args.action {
        Action::Start => {
            let started = Instant::now();
            if cluster.start(if args.nodes == "3" { 3 } else { 1 })? {
                done("kafka", format_args!("{} is up at {} ({})", VERSION, cluster.bootstrap(), duration(started.elapsed())));
            } else {
                done("kafka", format_args!("is already up at {}", cluster.bootstrap()));
            }
            say(format_args!(
                "\n  with TLS       {}, CA `{}`, user `{USER}`, password `{PASSWORD}` (PLAIN or SCRAM-SHA-512)\n  data and logs  {}\n  stop it with   cargo xtask kafka stop --port {}",
                cluster.secure_bootstrap(),
                cluster.certificate().display(),
                cluster.folder.display(),
                cluster.port
            ));
        }
        Action::Stop => match cluster.stop()? {
            0 => done("kafka", "was not running"),
            nodes => done("kafka", format_args!("stopped, {nodes} node{}", if nodes == 1 { "" } else { "s" })),
        },
        Action::Status => {
            for node in 1..=cluster.nodes() {
                let state = cluster.pid(node).map_or_else(|| "stopped".to_owned(), |pid| format!("runs as process {pid}"));
                say(format_args!("  node {node}  127.0.0.1:{}  {state}", cluster.node_port(node)));
            }
            if cluster.nodes() == 0 {
                say(format_args!("  there is no cluster on port {}", cluster.port));
            }
        }
        Action::Wipe => {
            cluster.wipe()?;
            done("kafka", format_args!("`{}` is gone", cluster.folder.display()));
        }
    }
    Ok(())
}

/// What the machine lacks for Apache Kafka, in words that tell how to get it.
pub(crate) fn missing() -> Option<String> {
    let hint = "on Debian or Ubuntu `sudo apt-get install openjdk-17-jre-headless maven`";
    let Ok(version) = Command::new("java").arg("-version").stdin(Stdio::null()).output() else {
        return Some(format!("Apache Kafka needs Java 17 or newer, and there is no `java` ({hint})"));
    };
    let text = String::from_utf8_lossy(&version.stderr).into_owned();
    match java_version(&text) {
        Some(version) if version >= 17 => {}
        Some(version) => return Some(format!("Apache Kafka needs Java 17 or newer, and `java` is {version} ({hint})")),
        None => return Some(format!("Apache Kafka needs Java 17 or newer, and `java -version` does not work ({hint})")),
    }
    if !is_installed("keytool") {
        return Some(format!("Apache Kafka needs a certificate, and there is no `keytool`, which comes with Java ({hint})"));
    }
    (!Jars::are_there() && !is_installed("mvn"))
        .then(|| format!("Apache Kafka's jars come by Maven, and there is no `mvn` ({hint})"))
}

/// The major version in what `java -version` prints.
fn java_version(text: &str) -> Option<u32> {
    let quoted = text.split('"').nth(1)?;
    let digits: String = quoted.trim_start_matches("1.").chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn java() -> Outcome<Command> {
    let jars = Jars::kafka()?;
    let mut java = Command::new("java");
    java.arg(jars.logging()).args(["-Xms512m", "-Xmx1g", "-XX:+UseG1GC", "-Djava.awt.headless=true", "-cp", &jars.class_path()]);
    Ok(java)
}

/// A cluster of one node that ends with its guard, data included.
///
/// Its port is locked as long as it lives, so that two of us do not take each other's cluster for what a killed run left behind.
pub(crate) struct Lease {
    cluster: Cluster,
    _lock: File,
}

impl Lease {
    /// A fresh cluster.
    pub(crate) fn take() -> Outcome<Lease> {
        let started = Instant::now();
        let lease = Lease::lock()?;
        lease.cluster.wipe()?;
        lease.cluster.start(1)?;
        done("kafka", format_args!("Apache Kafka {} at {} ({})", VERSION, lease.bootstrap(), duration(started.elapsed())));
        Ok(lease)
    }

    fn lock() -> Outcome<Lease> {
        for port in LEASED_PORTS.step_by(usize::from(PORT_STEP)) {
            let cluster = Cluster::on_port(port)?;
            let file = cluster.folder.with_extension("lock");
            make_folder(file.parent().unwrap_or(&file))?;
            let lock = File::create(&file).map_err(|error| format!("could not write `{}`: {error}", file.display()))?;
            let ours = lock.try_lock().is_ok();
            // A port of a cluster that a killed run left behind is not free, but will be.
            if ours && (cluster.nodes() > 0 || cluster.is_free(1).is_ok()) {
                return Ok(Lease { cluster, _lock: lock });
            }
        }
        Err(format!("all ports from {} to {} are taken", LEASED_PORTS.start, LEASED_PORTS.end))
    }

    pub(crate) fn bootstrap(&self) -> String {
        self.cluster.bootstrap()
    }

    /// What a client needs for the listener that wants TLS and a password, as variables.
    pub(crate) fn secure(&self) -> [(&'static str, String); 4] {
        [
            ("KAFKA_SECURE_BOOTSTRAP", self.cluster.secure_bootstrap()),
            ("KAFKA_SECURE_CA", self.cluster.certificate().display().to_string()),
            ("KAFKA_SECURE_USER", USER.to_owned()),
            ("KAFKA_SECURE_PASSWORD", PASSWORD.to_owned()),
        ]
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Err(problem) = self.cluster.wipe() {
            crate::terminal::failed("kafka", problem);
        }
    }
}

struct Cluster {
    port: u16,
    folder: PathBuf,
}

impl Cluster {
    fn on_port(port: u16) -> Outcome<Cluster> {
        Ok(Cluster { port, folder: cache()?.join("kafka").join(format!("cluster-{port}")) })
    }

    /// Nodes that were made, running or not.
    fn nodes(&self) -> u16 {
        (1..=3).take_while(|&node| self.node_folder(node).is_dir()).count() as u16
    }

    fn node_port(&self, node: u16) -> u16 {
        self.port + PORT_STEP * (node - 1)
    }

    fn node_folder(&self, node: u16) -> PathBuf {
        self.folder.join(format!("node{node}"))
    }

    fn bootstrap(&self) -> String {
        self.addresses(0)
    }

    fn secure_bootstrap(&self) -> String {
        self.addresses(files::SECURE_STEP)
    }

    fn addresses(&self, step: u16) -> String {
        (1..=self.nodes()).map(|node| format!("127.0.0.1:{}", self.node_port(node) + step)).collect::<Vec<_>>().join(",")
    }

    /// The nodes' certificate and its key.
    fn keystore(&self) -> PathBuf {
        self.folder.join("keystore.p12")
    }

    /// The certificate alone, which clients trust.
    fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Whether it had to be started.
    fn start(&self, nodes: u16) -> Outcome<bool> {
        if let Some(missing) = missing() {
            return Err(missing);
        }
        let made = self.nodes();
        if made != 0 && made != nodes {
            return Err(format!(
                "there is a cluster of {made} on port {} already\n\nhint: `cargo xtask kafka wipe --port {}`",
                self.port, self.port
            ));
        }
        let down: Vec<_> = (1..=nodes).filter(|&node| self.pid(node).is_none()).collect();
        if down.is_empty() {
            return Ok(false);
        }
        Jars::kafka()?;
        down.iter().try_for_each(|&node| self.is_free(node))?;
        if made == 0
            && let Err(problem) = self.format(nodes)
        {
            // Half a cluster would be taken for a whole one the next time.
            self.wipe()?;
            return Err(problem);
        }
        let processes: Outcome<Vec<_>> = down.iter().map(|&node| Ok((node, self.spawn(node)?))).collect();
        let up = processes.and_then(|processes| self.wait_until_up(nodes, processes));
        let ready = up.and_then(|()| wire::create_acls(self.node_port(1), files::ACLS));
        ready.inspect_err(|_| {
            let _stopped_as_far_as_possible = self.stop();
        })?;
        Ok(true)
    }

    /// A problem if something else listens where a node is to listen.
    fn is_free(&self, node: u16) -> Outcome {
        (self.node_port(node)..=self.node_port(node) + files::SECURE_STEP).try_for_each(|port| {
            let bound = TcpListener::bind(("127.0.0.1", port)).map(drop);
            bound.map_err(|error| {
                format!("port {port} is not free ({error}): something else listens there\n\nhint: choose another with `--port`")
            })
        })
    }

    /// Makes the nodes' folders.
    fn format(&self, nodes: u16) -> Outcome {
        let tool = |arguments: &[&str]| output(java()?.arg("kafka.tools.StorageTool").args(arguments));
        let random = || tool(&["random-uuid"]).map(|id| id.trim().to_owned());
        let cluster = random()?;
        let ports: Vec<_> = (1..=nodes).map(|node| self.node_port(node)).collect();
        self.make_certificate()?;
        let mut how = vec!["--standalone".to_owned()];
        if nodes > 1 {
            let directories: Outcome<Vec<_>> = (1..)
                .zip(&ports)
                .map(|(node, port): (u16, &u16)| Ok(format!("{node}@127.0.0.1:{}:{}", port + 1, random()?)))
                .collect();
            how = vec!["--initial-controllers".to_owned(), directories?.join(",")];
        }
        for node in 1..=nodes {
            let folder = self.node_folder(node);
            make_folder(&folder)?;
            let file = self.properties(node);
            let (data, keystore) = (folder.join("data"), self.keystore());
            let properties = files::properties(node, &ports, &data.display().to_string(), &keystore.display().to_string());
            write_file(&file, &properties)?;
            let file = file.display().to_string();
            let how: Vec<_> = how.iter().map(String::as_str).collect();
            let scram = format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]");
            tool(&[&["format", "--cluster-id", &cluster, "--config", &file, "--add-scram", &scram], &how[..]].concat())?;
        }
        Ok(())
    }

    /// One that signs itself, for loopback.
    fn make_certificate(&self) -> Outcome {
        make_folder(&self.folder)?;
        let keystore = self.keystore().display().to_string();
        let tool = |arguments: &[&str]| {
            let mut keytool = Command::new("keytool");
            keytool.args(arguments).args(["-alias", "kafka", "-keystore", &keystore, "-storepass", PASSWORD]);
            output(&mut keytool)
        };
        #[rustfmt::skip]
        tool(&[
            "-genkeypair", "-keyalg", "EC", "-validity", "3650", "-storetype", "PKCS12", "-dname", "CN=localhost",
            "-ext", "SAN=ip:127.0.0.1,dns:localhost",
        ])?;
        write_file(&self.certificate(), &tool(&["-exportcert", "-rfc"])?)
    }

    fn properties(&self, node: u16) -> PathBuf {
        self.node_folder(node).join("server.properties")
    }

    fn log(&self, node: u16) -> PathBuf {
        self.node_folder(node).join("log")
    }

    fn spawn(&self, node: u16) -> Outcome<Child> {
        let failed = |error| format!("could not start node {node}: {error}");
        let log = File::create(self.log(node)).map_err(failed)?;
        let error = log.try_clone().map_err(failed)?;
        let mut java = java()?;
        java.arg("kafka.Kafka").arg(self.properties(node)).stdin(Stdio::null()).stdout(log).stderr(error);
        // A group of its own: ctrl-c in the terminal is meant for us.
        java.process_group(0);
        let child = java.spawn().map_err(failed)?;
        write_file(&self.node_folder(node).join("pid"), &child.id().to_string())?;
        Ok(child)
    }

    fn wait_until_up(&self, nodes: u16, mut processes: Vec<(u16, Child)>) -> Outcome {
        let mut progress = Progress::new();
        let started = Instant::now();
        until("Apache Kafka to answer", PATIENCE, || {
            progress.show(format_args!("waiting for Apache Kafka: {}", duration(started.elapsed())));
            for (node, process) in &mut processes {
                if process.try_wait().map_err(|error| format!("could not look after node {node}: {error}"))?.is_some() {
                    let log = fs::read_to_string(self.log(*node)).unwrap_or_default();
                    return Err(format!("node {node} ended. Its log:\n{log}"));
                }
            }
            Ok((1..=nodes).all(|node| wire::brokers(self.node_port(node)) == Some(nodes.into())).then_some(()))
        })
    }

    /// The process of a node, if it runs.
    fn pid(&self, node: u16) -> Option<u32> {
        running(&self.node_folder(node).join("pid"), &self.properties(node).display().to_string())
    }

    /// Stops the nodes and says how many there were.
    fn stop(&self) -> Outcome<usize> {
        let running: Vec<_> = (1..=self.nodes()).filter_map(|node| self.pid(node)).collect();
        running.iter().for_each(|&pid| signal(pid, libc::SIGTERM));
        let gone = until("Apache Kafka to stop", PATIENCE / 4, || {
            Ok((1..=self.nodes()).all(|node| self.pid(node).is_none()).then_some(()))
        });
        if gone.is_err() {
            (1..=self.nodes()).filter_map(|node| self.pid(node)).for_each(|pid| signal(pid, libc::SIGKILL));
            until("Apache Kafka to be gone", PATIENCE, || {
                Ok((1..=self.nodes()).all(|node| self.pid(node).is_none()).then_some(()))
            })?;
        }
        Ok(running.len())
    }

    fn wipe(&self) -> Outcome {
        self.stop()?;
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).map_err(|error| format!("could not remove `{}`: {error}", self.folder.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_tells_its_version_in_two_ways() {
        assert_eq!(java_version("openjdk version \"17.0.15\" 2025-04-15\n"), Some(17));
        assert_eq!(java_version("java version \"1.8.0_401\"\n"), Some(8));
        assert_eq!(java_version("openjdk version \"21\" 2023-09-19\n"), Some(21));
        assert_eq!(java_version("The operation couldn't be completed"), None);
    }
}
