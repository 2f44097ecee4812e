//! `cargo xtask bench drain`: what a record costs on its way through the gateway, beside a plain consumer of the same topic. The other
//! benchmarks are in [`connect`], [`connectors`] and [`plugins`](self::plugins).
//!
//! Apache Kafka holds the klines before anything is measured. Then, in turn, round by round: a plain librdkafka batch consumer, the
//! gateway as passthrough, the gateway with both plugins; each with a group and a table of its own, the gateway over TLS. What counts is the
//! CPU time of the measured process, all threads, user and system, start included: on a shared machine it means more than the wall
//! clock. A leg whose rows are not exactly what was published is no result but an error.

mod connect;
mod connectors;
mod plugins;

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::gateway::{Config, Content, Gateway};
use crate::judge::{judge, rows};
use crate::kafka::Lease;
use crate::process::{Child, output};
use crate::sandbox::{Options, Published, Sandbox, fresh_topics, source};
use crate::terminal::{Progress, bold, done, duration, say, table, thousands, title, width};
use crate::workspace::{Workspace, write_file};
use crate::{Outcome, build, wasm_target};

const TOPIC: &str = "bench_kline";
const PARTITIONS: u16 = 4;
/// How long a leg may stand still.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long filling the topic may take.
const PRELOAD_PATIENCE: Duration = Duration::from_secs(600);

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Drains a preloaded topic: CPU per record, records a second, memory
    Drain(Args),
    /// The same topic through Apache Kafka Connect into nothing, and through a connector here into the stand-in
    Connect(connect::Args),
    /// Many connectors in one process: start, answers, memory
    Connectors(connectors::Args),
    /// What a plugin costs a record, beside the same sources compiled natively; starts, allocations
    Plugins(plugins::Args),
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Writes every leg's figures there, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[arg(long, default_value_t = 4_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// Leaves the legs with plugins out
    #[arg(long)]
    passthrough_only: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    PlainConsumer,
    Passthrough,
    Plugins,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Kind::PlainConsumer => "plain consumer",
            Kind::Passthrough => "passthrough",
            Kind::Plugins => "both plugins",
        }
    }
}

/// One kind in one round.
#[derive(Debug, Clone, Serialize)]
struct Leg {
    kind: Kind,
    round: u32,
    records: u64,
    seconds: f64,
    cpu_ns_per_record: f64,
    records_per_second: f64,
    peak_rss_bytes: u64,
}

/// What `snowgate-sandbox drain` says.
#[derive(Deserialize)]
struct Drained {
    records: u64,
    seconds: f64,
    cpu_ns_per_record: f64,
    peak_rss_bytes: u64,
}

pub(crate) fn run(workspace: &Workspace, command: &Command) -> Outcome {
    match command {
        Command::Drain(args) => drain(workspace, args),
        Command::Connect(args) => connect::run(workspace, args),
        Command::Connectors(args) => connectors::run(workspace, args),
        Command::Plugins(args) => plugins::run(workspace, args),
    }
}

fn drain(workspace: &Workspace, args: &Args) -> Outcome {
    title(&format!("Draining {} klines: {} rounds, {}", thousands(args.records), args.rounds, machine()));
    if !args.passthrough_only {
        wasm_target::ensure(workspace)?;
        crate::plugins::build(workspace)?;
    }
    build::programs(workspace)?;
    let lease = Lease::take()?;
    let bench = Bench { workspace, bootstrap: lease.bootstrap(), folder: workspace.scratch("bench") };
    crate::workspace::fresh_folder(&bench.folder)?;
    let published = preload(workspace, &bench.bootstrap, args.records, &bench.folder)?;

    let kinds = [Kind::PlainConsumer, Kind::Passthrough, Kind::Plugins];
    let kinds: Vec<_> = kinds.into_iter().filter(|kind| !(args.passthrough_only && *kind == Kind::Plugins)).collect();
    let mut legs = Vec::new();
    for round in 1..=args.rounds {
        for &kind in &kinds {
            let leg = match kind {
                Kind::PlainConsumer => bench.plain(round)?,
                Kind::Passthrough | Kind::Plugins => bench.gateway(kind, round, &published)?,
            };
            done(&format!("round {round}"), format_args!("{:<16} {}", kind.label(), leg.said()));
            legs.push(leg);
        }
    }
    say(format_args!("\n{}", summary(&kinds, &legs)));
    say(format_args!(
        "\nCPU of the measured process, user and system, all threads, from start to last row; median, and least to most of {} rounds.\n\
         {} bytes a record, lz4 in Kafka; rows over TLS, zstd 1; every leg judged: {}",
        args.rounds,
        published.bytes / published.records,
        bold("lost 0, duplicated 0")
    ));
    if let Some(file) = &args.json {
        let report = serde_json::json!({
            "records": published.records, "bytes": published.bytes, "partitions": PARTITIONS, "machine": machine(), "legs": legs,
        });
        write_file(file, &format!("{report:#}\n"))?;
    }
    Ok(())
}

struct Bench<'a> {
    workspace: &'a Workspace,
    bootstrap: String,
    folder: PathBuf,
}

impl Bench<'_> {
    fn plain(&self, round: u32) -> Outcome<Leg> {
        let mut command = process::Command::new(self.workspace.binary("snowgate-sandbox"));
        let printed = output(command.args(["drain", "--json", "--bootstrap", &self.bootstrap, "--topic", TOPIC]))?;
        let drained: Drained = serde_json::from_str(printed.trim())
            .map_err(|error| format!("the plain consumer's answer is not understood: {error}"))?;
        Ok(Leg {
            kind: Kind::PlainConsumer,
            round,
            records: drained.records,
            seconds: drained.seconds,
            cpu_ns_per_record: drained.cpu_ns_per_record,
            records_per_second: drained.records as f64 / drained.seconds,
            peak_rss_bytes: drained.peak_rss_bytes,
        })
    }

    fn gateway(&self, kind: Kind, round: u32, published: &Published) -> Outcome<Leg> {
        let content = if kind == Kind::Plugins { Content::Plugins } else { Content::Passthrough };
        let name = format!("{}_{round}", if kind == Kind::Plugins { "PLUGINS" } else { "PASSTHROUGH" });
        let folder = self.folder.join(name.to_lowercase());
        let mut sandbox = Sandbox::start(self.workspace, &folder, &Options { topics: &[], counts_only: true })?;
        let config = Config {
            bootstrap: &self.bootstrap,
            snowflake: &sandbox.described,
            group: &format!("bench-{}-{}", name.to_lowercase(), process::id()),
            topic: TOPIC,
            table: &name,
            dead_letter_topic: None,
            content,
        };
        let started = Instant::now();
        let mut gateway = Gateway::start(self.workspace, &folder, &config)?;
        let table = format!("CRYPTO_DB.PUBLIC.{name}");
        let mut progress = Progress::new();
        let (mut last, mut moved) = (0, Instant::now());
        loop {
            sandbox.must_run()?;
            gateway.must_run()?;
            let arrived = rows(&sandbox.ledger()?, &table);
            if arrived >= published.records {
                break;
            }
            if arrived != last {
                (last, moved) = (arrived, Instant::now());
            }
            progress.show(format_args!(
                "round {round}, {}: {} of {}",
                kind.label(),
                thousands(arrived),
                thousands(published.records)
            ));
            if moved.elapsed() > PATIENCE {
                return Err(gateway.child().problem(&format!(
                    "stands still at {} records since {}",
                    thousands(arrived),
                    duration(PATIENCE)
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let seconds = started.elapsed().as_secs_f64();
        let (cpu, peak) = (gateway.child().cpu_seconds()?, gateway.child().peak_memory()?);
        drop(progress);
        gateway.stop()?;
        let verdict = judge(&sandbox.ledger()?, &table, published);
        sandbox.stop()?;
        if !verdict.is_clean() {
            return Err(format!("round {round}, {}: {verdict}", kind.label()));
        }
        let records = published.records;
        Ok(Leg {
            kind,
            round,
            records,
            seconds,
            cpu_ns_per_record: cpu * 1e9 / records as f64,
            records_per_second: records as f64 / seconds,
            peak_rss_bytes: peak,
        })
    }
}

/// Klines in a fresh topic, lz4.
fn preload(workspace: &Workspace, bootstrap: &str, records: u64, folder: &Path) -> Outcome<Published> {
    fresh_topics(workspace, bootstrap, &[(TOPIC, PARTITIONS)], &folder.join("topics.log"))?;
    let mut command = source(workspace, bootstrap, TOPIC, PARTITIONS, records);
    command.args(["--compression", "lz4"]);
    let started = Instant::now();
    let filled = Child::spawn(&mut command, &folder.join("source.log"))?.succeed(PRELOAD_PATIENCE)?;
    let published = Published::parse(&filled)?;
    done(
        "preloaded",
        format_args!("{} MB into {PARTITIONS} partitions ({})", published.bytes / 1_000_000, duration(started.elapsed())),
    );
    Ok(published)
}

impl Leg {
    fn said(&self) -> String {
        let rate = thousands(self.records_per_second as u64);
        format!("{:>5.0} ns CPU a record, {rate} records/s, {} MB at most", self.cpu_ns_per_record, self.peak_rss_bytes / 1_000_000)
    }
}

/// Medians, spreads, and what each kind costs beside the plain consumer.
fn summary(kinds: &[Kind], legs: &[Leg]) -> String {
    let of = |kind: Kind, value: fn(&Leg) -> f64| Spread::of(legs.iter().filter(|leg| leg.kind == kind).map(value).collect());
    let plain = of(Kind::PlainConsumer, |leg| leg.cpu_ns_per_record).median;
    let rows: Vec<_> = kinds
        .iter()
        .map(|&kind| {
            let cpu = of(kind, |leg| leg.cpu_ns_per_record);
            let rate = of(kind, |leg| leg.records_per_second);
            let memory = of(kind, |leg| leg.peak_rss_bytes as f64 / 1e6);
            vec![
                kind.label().to_owned(),
                format!("{:.0}", cpu.median),
                format!("{:.0} to {:.0}", cpu.least, cpu.most),
                format!("{:.2}", cpu.median / plain),
                thousands(rate.median as u64),
                format!("{} to {}", thousands(rate.least as u64), thousands(rate.most as u64)),
                format!("{:.0}", memory.most),
            ]
        })
        .collect();
    let header = ["", "ns CPU/record", "spread", "x plain", "records/s", "spread", "peak MB"].map(str::to_owned);
    table(&header, &rows, width())
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) { (at(middle.saturating_sub(1)) + at(middle)) / 2.0 } else { at(middle) };
        Spread { least: at(0), median, most: at(values.len().saturating_sub(1)) }
    }
}

/// Cores and load, for whoever reads the figures later.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string(Path::new("/proc/loadavg")).unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).map(|load| format!(", load {load}")).unwrap_or_default();
    format!("{cores} cores{load}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(kind: Kind, cpu: f64) -> Leg {
        Leg {
            kind,
            round: 1,
            records: 1,
            seconds: 1.0,
            cpu_ns_per_record: cpu,
            records_per_second: 1_000.0,
            peak_rss_bytes: 5_000_000,
        }
    }

    #[test]
    fn the_summary_gives_medians_and_ratios() {
        let legs = [300.0, 100.0, 200.0].map(|cpu| leg(Kind::PlainConsumer, cpu));
        let more = [900.0, 500.0].map(|cpu| leg(Kind::Passthrough, cpu));
        let text = summary(&[Kind::PlainConsumer, Kind::Passthrough], &[&legs[..], &more[..]].concat());
        let line = |label: &str| {
            text.lines().find(|line| line.contains(label)).expect("a line").split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("plain consumer"), "plain consumer 200 100 to 300 1.00 1,000 1,000 to 1,000 5");
        assert_eq!(line("passthrough"), "passthrough 700 500 to 900 3.50 1,000 1,000 to 1,000 5");
    }
}
