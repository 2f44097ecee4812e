//! `cargo xtask bench connect`: what a record costs Apache Kafka Connect, and what it costs here, by the connector that people post.
//!
//! Apache Kafka holds the klines before anything is measured. In turn, round by round: a distributed Connect worker with `JsonConverter`
//! into a sink that does nothing; the same with `Flatten$Value`; the gateway with the connector posted to it, rows over TLS into the
//! stand-in; the same with `Flatten$Value`. The comparison leans to Connect's side: its sink does nothing where the gateway validates,
//! encodes, compresses and follows commits, and its Java is warm, for the topic has gone through the same process once before. What it cost
//! cold is said beside.
//!
//! What counts is the CPU time of the measured process, all threads, user and system, from the post of the connector to the last record:
//! consumed by the sink there, committed by the stand-in here. A leg whose records are not exactly those that were published is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PARTITIONS, PATIENCE, Spread, TOPIC, machine, preload};
use crate::connect::gateway::{Gateway, Settings, free_port};
use crate::connect::worker::{self, NOOP_SINK, Worker};
use crate::connect::{Rest, changed, snowflake_sink};
use crate::judge::{judge, rows};
use crate::kafka::{self, Lease};
use crate::process::Child;
use crate::sandbox::{Options, Published, Sandbox};
use crate::terminal::{Progress, bold, done, duration, say, table, thousands, title, width};
use crate::workspace::{Workspace, fresh_folder, write_file};
use crate::{Outcome, build};

/// Between two looks at how far a leg is; short beside what a leg takes.
const LOOK: Duration = Duration::from_millis(20);
/// What the gateway may cost beside Connect: a quarter of its CPU, a tenth of its memory.
const GOAL: (f64, f64) = (0.25, 0.10);
const FLATTEN: &[(&str, &str)] = &[
    ("transforms", "flatten"),
    ("transforms.flatten.type", "org.apache.kafka.connect.transforms.Flatten$Value"),
    ("transforms.flatten.delimiter", "_"),
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Writes every leg's figures there, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// The most heap that Connect's Java may have
    #[arg(long, default_value = worker::HEAP)]
    heap: String,
    /// Leaves the gateway out
    #[arg(long, conflicts_with = "gateway_only")]
    worker_only: bool,
    /// Leaves Connect's worker out
    #[arg(long)]
    gateway_only: bool,
    /// Uses the programs as they were built last
    #[arg(long)]
    no_build: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Worker,
    WorkerFlatten,
    Gateway,
    GatewayFlatten,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Worker, Kind::WorkerFlatten, Kind::Gateway, Kind::GatewayFlatten];

    fn label(self) -> &'static str {
        match self {
            Kind::Worker => "Kafka Connect, no-op sink",
            Kind::WorkerFlatten => "Kafka Connect, Flatten",
            Kind::Gateway => "Snowgate, whole job",
            Kind::GatewayFlatten => "Snowgate, Flatten",
        }
    }

    fn is_worker(self) -> bool {
        matches!(self, Kind::Worker | Kind::WorkerFlatten)
    }

    fn transforms(self) -> &'static [(&'static str, &'static str)] {
        if matches!(self, Kind::WorkerFlatten | Kind::GatewayFlatten) { FLATTEN } else { &[] }
    }

    /// What Connect does for the same connector.
    fn beside(self) -> Kind {
        if matches!(self, Kind::WorkerFlatten | Kind::GatewayFlatten) { Kind::WorkerFlatten } else { Kind::Worker }
    }
}

/// One kind in one round.
#[derive(Debug, Clone, Serialize)]
struct Leg {
    kind: Kind,
    round: u32,
    /// The process had not seen the topic before.
    cold: bool,
    records: u64,
    seconds: f64,
    cpu_ns_per_record: f64,
    records_per_second: f64,
    peak_rss_bytes: u64,
}

impl Leg {
    fn said(&self) -> String {
        let rate = thousands(self.records_per_second as u64);
        format!("{:>6.0} ns CPU a record, {rate} records/s, {} MB at most", self.cpu_ns_per_record, self.peak_rss_bytes / 1_000_000)
    }
}

pub(super) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    title(&format!("{} klines through a connector: {} rounds, {}", thousands(args.records), args.rounds, machine()));
    if !args.gateway_only
        && let Some(missing) = worker::missing()
    {
        return Err(missing);
    }
    if !args.no_build {
        build::programs(workspace)?;
    }
    let lease = Lease::take()?;
    let folder = workspace.scratch("bench-connect");
    fresh_folder(&folder)?;
    let published = preload(workspace, &lease.bootstrap(), args.records, &folder)?;
    let bench = Bench { workspace, bootstrap: lease.bootstrap(), folder, published, heap: args.heap.clone() };

    let left_out = |kind: &Kind| if kind.is_worker() { args.gateway_only } else { args.worker_only };
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(|kind| !left_out(kind)).collect();
    let mut legs = Vec::new();
    for round in 1..=args.rounds {
        for &kind in &kinds {
            let made = if kind.is_worker() { bench.worker(kind, round)? } else { vec![bench.gateway(kind, round)?] };
            for leg in made {
                let label = format!("{}{}", kind.label(), if leg.cold && kind.is_worker() { ", cold" } else { "" });
                done(&format!("round {round}"), format_args!("{label:<32} {}", leg.said()));
                legs.push(leg);
            }
        }
    }
    say(format_args!("\n{}", summary(&kinds, &legs)));
    let beside = ratios(&kinds, &legs);
    if !beside.is_empty() {
        say(format_args!("\n{beside}"));
    }
    say(format_args!(
        "\nCPU of the measured process, user and system, all threads, from the post of the connector to its last record; median, and least\n\
         to most of {} rounds. {} bytes a record, lz4 in Kafka. Kafka Connect {} with at most {} of heap, warm: the topic went through the\n\
         same process once before. Every leg judged: {}",
        args.rounds,
        bench.published.bytes / bench.published.records,
        kafka::VERSION,
        args.heap,
        bold("lost 0, duplicated 0")
    ));
    if let Some(file) = &args.json {
        let report = serde_json::json!({
            "records": bench.published.records, "bytes": bench.published.bytes, "partitions": PARTITIONS, "machine": machine(), "heap": args.heap, "legs": legs,
        });
        write_file(file, &format!("{report:#}\n"))?;
    }
    Ok(())
}

struct Bench<'a> {
    workspace: &'a Workspace,
    bootstrap: String,
    folder: PathBuf,
    published: Published,
    heap: String,
}

impl Bench<'_> {
    /// A worker of its own: the topic once cold, once warm.
    fn worker(&self, kind: Kind, round: u32) -> Outcome<Vec<Leg>> {
        let name = format!("{}-{round}", if kind == Kind::Worker { "worker" } else { "worker-flatten" });
        let folder = self.folder.join(&name);
        let mut worker = Worker::start(&folder, free_port()?, &self.bootstrap, &self.heap)?;
        let mut legs = Vec::new();
        for cold in [true, false] {
            let name = format!("{name}-{}", if cold { "cold" } else { "warm" });
            let report = folder.join(format!("{name}.json"));
            let connector = self.noop(&name, &report, kind.transforms());
            let start = Start::of(worker.child())?;
            worker.rest.create(&connector)?;
            let mut arrived = Report::default();
            self.follow(&format!("round {round}, {}", kind.label()), || {
                worker.must_run()?;
                arrived = Report::read(&report)?;
                Ok(arrived.records())
            })
            .map_err(|problem| format!("{problem}\n{}", state(&worker.rest, &name)))?;
            legs.push(start.leg(worker.child(), kind, round, cold, self.published.records)?);
            arrived.judge(&self.published).map_err(|problem| format!("round {round}, {}: {problem}", kind.label()))?;
            worker.rest.delete(&name)?;
        }
        Ok(legs)
    }

    /// The connector that people post, as far as a sink that does nothing has the same keys.
    fn noop(&self, name: &str, report: &Path, transforms: &[(&str, &str)]) -> Value {
        let tasks = PARTITIONS.to_string();
        let report = report.display().to_string();
        let plain = [
            ("connector.class", NOOP_SINK),
            ("tasks.max", &tasks),
            ("topics", TOPIC),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
            ("value.converter.schemas.enable", "false"),
            ("noop.report", &report),
        ];
        changed(&Value::Null, name, &[&plain, transforms].concat())
    }

    fn gateway(&self, kind: Kind, round: u32) -> Outcome<Leg> {
        let name = format!("{}_{round}", if kind == Kind::Gateway { "connector" } else { "connector_flatten" });
        let folder = self.folder.join(&name);
        let mut sandbox = Sandbox::start(self.workspace, &folder, &Options { topics: &[], counts_only: true })?;
        let ca = sandbox.described.ca.clone();
        let settings = Settings { bootstrap: &self.bootstrap, port: free_port()?, ca: &ca };
        let mut gateway = Gateway::start(self.workspace, &folder, &settings)?;
        let map = format!("{TOPIC}:{name}");
        // A group of its own each time, and so a name of its own.
        let connector = format!("{}-{}", name.replace('_', "-"), std::process::id());
        // The last rows of the topic fill no body; they should not make the leg a minute longer.
        let changes = [("topics", TOPIC), ("snowflake.topic2table.map", &map), ("buffer.flush.time", "10")];
        let posted =
            changed(&snowflake_sink(self.workspace, &sandbox.described)?, &connector, &[&changes, kind.transforms()].concat());
        let table = format!("CRYPTO_DB.PUBLIC.{}", name.to_uppercase());
        let start = Start::of(gateway.child())?;
        gateway.rest.create(&posted)?;
        self.follow(&format!("round {round}, {}", kind.label()), || {
            sandbox.must_run()?;
            gateway.must_run()?;
            Ok(rows(&sandbox.ledger()?, &table))
        })
        .map_err(|problem| format!("{problem}\n{}", state(&gateway.rest, &connector)))?;
        let leg = start.leg(gateway.child(), kind, round, true, self.published.records)?;
        gateway.stop()?;
        let verdict = judge(&sandbox.ledger()?, &table, &self.published);
        sandbox.stop()?;
        if verdict.is_clean() { Ok(leg) } else { Err(format!("round {round}, {}: {verdict}", kind.label())) }
    }

    /// Waits until as many records have arrived as were published; a stand-still is a problem.
    fn follow(&self, label: &str, mut arrived: impl FnMut() -> Outcome<u64>) -> Outcome {
        let mut progress = Progress::new();
        let (mut last, mut moved) = (0, Instant::now());
        loop {
            let now = arrived()?;
            if now >= self.published.records {
                return Ok(());
            }
            if now != last {
                (last, moved) = (now, Instant::now());
            }
            progress.show(format_args!("{label}: {} of {}", thousands(now), thousands(self.published.records)));
            if moved.elapsed() > PATIENCE {
                return Err(format!("{label} stands still at {} records since {}", thousands(now), duration(PATIENCE)));
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// What a connector says of itself, for a person who must find out why it stands still.
fn state(rest: &Rest, name: &str) -> String {
    rest.get(&format!("/connectors/{name}/status")).map_or_else(|problem| problem, |(_, text)| text)
}

/// Where a leg began.
struct Start {
    at: Instant,
    cpu: f64,
}

impl Start {
    fn of(child: &Child) -> Outcome<Start> {
        Ok(Start { cpu: child.cpu_seconds()?, at: Instant::now() })
    }

    fn leg(&self, child: &Child, kind: Kind, round: u32, cold: bool, records: u64) -> Outcome<Leg> {
        let seconds = self.at.elapsed().as_secs_f64();
        let cpu = child.cpu_seconds()? - self.cpu;
        Ok(Leg {
            kind,
            round,
            cold,
            records,
            seconds,
            cpu_ns_per_record: cpu * 1e9 / records as f64,
            records_per_second: records as f64 / seconds,
            peak_rss_bytes: child.peak_memory()?,
        })
    }
}

/// What the sink that does nothing says has come.
#[derive(Debug, Default, Deserialize)]
struct Report {
    partitions: Vec<Came>,
}

#[derive(Debug, Deserialize)]
struct Came {
    partition: i64,
    records: u64,
    first: i64,
    last: i64,
    out_of_order: u64,
}

impl Report {
    /// Empty until the sink has begun.
    fn read(file: &Path) -> Outcome<Report> {
        let Ok(text) = fs::read_to_string(file) else { return Ok(Report::default()) };
        serde_json::from_str(&text).map_err(|error| format!("`{}` is not understood: {error}", file.display()))
    }

    fn records(&self) -> u64 {
        self.partitions.iter().map(|came| came.records).sum()
    }

    /// A problem unless each partition's records came, in order, each once.
    fn judge(&self, published: &Published) -> Outcome {
        for expected in &published.partitions {
            let came = self.partitions.iter().find(|came| came.partition == expected.partition);
            let whole = came.is_some_and(|came| {
                (came.records, came.first, came.last, came.out_of_order)
                    == (expected.records, expected.first_offset, expected.last_offset, 0)
            });
            if !whole {
                return Err(format!("partition {}: published {}, came {came:?}", expected.partition, expected.records));
            }
        }
        Ok(())
    }
}

fn spread(legs: &[Leg], kind: Kind, value: fn(&Leg) -> f64) -> Spread {
    // The worker's cold legs are told apart; the gateway has no others.
    Spread::of(legs.iter().filter(|leg| leg.kind == kind && !(kind.is_worker() && leg.cold)).map(value).collect())
}

/// Medians and spreads.
fn summary(kinds: &[Kind], legs: &[Leg]) -> String {
    let rows: Vec<_> = kinds
        .iter()
        .map(|&kind| {
            let cpu = spread(legs, kind, |leg| leg.cpu_ns_per_record);
            let cold =
                Spread::of(legs.iter().filter(|leg| leg.kind == kind && leg.cold).map(|leg| leg.cpu_ns_per_record).collect());
            let rate = spread(legs, kind, |leg| leg.records_per_second);
            let memory = spread(legs, kind, |leg| leg.peak_rss_bytes as f64 / 1e6);
            vec![
                kind.label().to_owned(),
                format!("{:.0}", cpu.median),
                format!("{:.0} to {:.0}", cpu.least, cpu.most),
                format!("{:.0}", cold.median),
                thousands(rate.median as u64),
                format!("{} to {}", thousands(rate.least as u64), thousands(rate.most as u64)),
                format!("{:.0}", memory.median),
            ]
        })
        .collect();
    let header = ["", "ns CPU/record", "spread", "cold", "records/s", "spread", "peak MB"].map(str::to_owned);
    table(&header, &rows, width())
}

/// The gateway beside Connect, and whether that is what we want.
fn ratios(kinds: &[Kind], legs: &[Leg]) -> String {
    let mut lines = Vec::new();
    for &kind in kinds.iter().filter(|kind| !kind.is_worker() && kinds.contains(&kind.beside())) {
        let ratio = |value: fn(&Leg) -> f64| spread(legs, kind, value).median / spread(legs, kind.beside(), value).median;
        let cpu = ratio(|leg| leg.cpu_ns_per_record);
        let memory = ratio(|leg| leg.peak_rss_bytes as f64);
        let told = |found: f64, goal: f64| if found <= goal { "reached" } else { "MISSED" };
        lines.push(format!(
            "{} beside {}: {cpu:.3} of the CPU (goal {:.2}: {}), {memory:.3} of the memory (goal {:.2}: {})",
            kind.label(),
            kind.beside().label(),
            GOAL.0,
            told(cpu, GOAL.0),
            GOAL.1,
            told(memory, GOAL.1)
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(kind: Kind, cold: bool, cpu: f64, memory: u64) -> Leg {
        Leg {
            kind,
            round: 1,
            cold,
            records: 1,
            seconds: 1.0,
            cpu_ns_per_record: cpu,
            records_per_second: 1.0,
            peak_rss_bytes: memory,
        }
    }

    #[test]
    fn the_worker_counts_when_it_is_warm() {
        let legs = [
            leg(Kind::Worker, true, 9_000.0, 100_000_000),
            leg(Kind::Worker, false, 4_000.0, 100_000_000),
            leg(Kind::Gateway, true, 1_000.0, 11_000_000),
        ];
        let kinds = [Kind::Worker, Kind::Gateway];
        let text = ratios(&kinds, &legs);
        assert!(text.contains("0.250 of the CPU (goal 0.25: reached), 0.110 of the memory (goal 0.10: MISSED)"), "{text}");
        let table = summary(&kinds, &legs);
        let line =
            table.lines().find(|line| line.contains("no-op")).expect("a line").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(line, "Kafka Connect, no-op sink 4000 4000 to 4000 9000 1 1 to 1 100");
    }

    #[test]
    fn a_report_with_a_hole_or_a_double_is_no_result() {
        let published = r#"{"topic": "t", "records": 2, "bytes": 1, "symbols": {}, "partitions": [{"partition": 0, "records": 2, "first_offset": 0, "last_offset": 1}]}"#;
        let published = Published::parse(published).expect("as the source writes it");
        let report = |text: &str| serde_json::from_str::<Report>(text).expect("as the sink writes it").judge(&published);
        assert!(report(r#"{"partitions": [{"partition": 0, "records": 2, "first": 0, "last": 1, "out_of_order": 0}]}"#).is_ok());
        assert!(report(r#"{"partitions": [{"partition": 0, "records": 2, "first": 0, "last": 1, "out_of_order": 1}]}"#).is_err());
        assert!(report(r#"{"partitions": [{"partition": 0, "records": 3, "first": 0, "last": 1, "out_of_order": 0}]}"#).is_err());
        assert!(report(r#"{"partitions": []}"#).is_err());
    }
}
