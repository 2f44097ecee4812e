//! `cargo xtask bench connectors`: many connectors in one process.
//!
//! The gateway is posted one connector after another, each with a name, a group and a table of its own, all on one topic. Then it is
//! stopped and started again on the same state, and asked what a console asks: all connectors with status and configuration at once.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Spread, machine};
use crate::connect::gateway::{Gateway, Settings, free_port};
use crate::connect::{changed, snowflake_sink};
use crate::kafka::{Kind, Lease};
use crate::process::{Child, until};
use crate::sandbox::{Options, Published, Sandbox, fresh_topics, source};
use crate::terminal::{Progress, done, duration, say, table, thousands, title, width};
use crate::workspace::{Workspace, write_file};
use crate::{Outcome, build};

const TOPIC: &str = "many";
const PATIENCE: Duration = Duration::from_secs(300);
/// How often a console is imagined to ask.
const QUESTIONS: u32 = 20;
/// How long the gateway is left alone, to see what that costs.
const IDLE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many connectors
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    connectors: u32,
    /// Records in the topic, each of which every connector loads
    #[arg(long, default_value_t = 100)]
    records: u64,
    /// The broker
    #[arg(long, value_enum, default_value_t = Kind::Apache)]
    kafka: Kind,
    /// Writes the figures there, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Uses the programs as they were built last
    #[arg(long)]
    no_build: bool,
}

pub(super) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    title(&format!("{} connectors in one process, {}", thousands(args.connectors.into()), machine()));
    if !args.no_build {
        build::programs(workspace)?;
    }
    let folder = workspace.scratch("bench-connectors");
    let apache = if args.kafka == Kind::Apache { Some(Lease::take()?) } else { None };
    let topics = [(TOPIC, 1)];
    let options = Options { topics: if apache.is_some() { &[] } else { &topics }, counts_only: true };
    let mut sandbox = Sandbox::start(workspace, &folder, &options)?;
    let bootstrap = match &apache {
        Some(lease) => {
            fresh_topics(workspace, &lease.bootstrap(), &topics, &folder.join("topics.log"))?;
            lease.bootstrap()
        }
        None => sandbox.bootstrap()?,
    };
    let mut publish = source(workspace, &bootstrap, TOPIC, 1, args.records.max(1));
    let published = Published::parse(&Child::spawn(&mut publish, &folder.join("source.log"))?.succeed(PATIENCE)?)?;
    let ca = sandbox.described.ca.clone();
    let settings = Settings { bootstrap: &bootstrap, port: free_port()?, ca: &ca };

    let template = snowflake_sink(workspace, &sandbox.described)?;
    let mut gateway = Gateway::start(workspace, &folder, &settings)?;
    let empty = resident(gateway.child())?;
    let mut took = Vec::new();
    let mut progress = Progress::new();
    for number in 0..args.connectors {
        let name = format!("many-{number:03}");
        let map = format!("{TOPIC}:{}", name.replace('-', "_"));
        let changes = [("topics", TOPIC), ("tasks.max", "1"), ("snowflake.topic2table.map", &map), ("buffer.flush.time", "10")];
        let connector = changed(&template, &name, &changes);
        let began = Instant::now();
        gateway.rest.create(&connector)?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
        progress.show(format_args!("{number} of {} posted", args.connectors));
    }
    drop(progress);
    let posting = Spread::of(took);
    let loaded = Instant::now();
    wait(&mut sandbox, &mut gateway, args, &published)?;
    let (full, peak) = (resident(gateway.child())?, gateway.child().peak_memory()?);
    done("loaded", format_args!("{} connectors run, their rows are there ({})", args.connectors, duration(loaded.elapsed())));
    let threads = threads(gateway.child())?;
    gateway.stop()?;

    let began = Instant::now();
    let mut gateway = Gateway::start(workspace, &folder, &settings)?;
    let answers = began.elapsed();
    until("all connectors to run again", PATIENCE, || {
        gateway.must_run()?;
        Ok((running(&gateway.rest.get_json("/connectors?expand=status&expand=info")?) == args.connectors as usize).then_some(()))
    })?;
    let all_run = began.elapsed();
    done("restarted", format_args!("all run again after {}", duration(all_run)));
    let mut asked = Vec::new();
    let mut bytes = 0;
    for _ in 0..QUESTIONS {
        let began = Instant::now();
        let (status, text) = gateway.rest.get("/connectors?expand=status&expand=info")?;
        asked.push(began.elapsed().as_secs_f64() * 1e3);
        if status != 200 {
            return Err(format!("the list of connectors was answered with {status}: {text}"));
        }
        bytes = text.len();
    }
    let asked = Spread::of(asked);
    // What is idle should stay so: a few seconds of it show what groups cost that have nothing to do.
    let before = gateway.child().cpu_seconds()?;
    std::thread::sleep(IDLE);
    let idle = (gateway.child().cpu_seconds()? - before) / IDLE.as_secs_f64();
    gateway.stop()?;
    sandbox.stop()?;

    let n = f64::from(args.connectors);
    let megabytes = |bytes: u64| format!("{:.0}", bytes as f64 / 1e6);
    let spread = |spread: &Spread| format!("{:.1} ({:.1} to {:.1})", spread.median, spread.least, spread.most);
    let lines: Vec<Vec<String>> = [
        ("POST of one, ms", spread(&posting)),
        ("after a restart, first answer, s", format!("{:.2}", answers.as_secs_f64())),
        ("after a restart, all RUNNING, s", format!("{:.2}", all_run.as_secs_f64())),
        ("GET /connectors?expand=status&expand=info, ms", spread(&asked)),
        ("its answer, KB", format!("{:.0}", bytes as f64 / 1e3)),
        ("memory without connectors, MB", megabytes(empty)),
        ("memory with all of them, MB", megabytes(full)),
        ("memory at most, MB", megabytes(peak)),
        ("memory a connector, KB", format!("{:.0}", full.saturating_sub(empty) as f64 / 1e3 / n)),
        ("threads", threads.to_string()),
        ("CPU while idle, of one core", format!("{:.3}", idle)),
    ]
    .into_iter()
    .map(|(label, value)| vec![label.to_owned(), value])
    .collect();
    say(format_args!(
        "\n{}",
        table(&[format!("{} connectors", args.connectors), "median (least to most)".to_owned()], &lines, width())
    ));
    if let Some(file) = &args.json {
        let report = serde_json::json!({
            "connectors": args.connectors, "machine": machine(), "post_ms": posting.median, "first_answer_seconds": answers.as_secs_f64(),
            "all_running_seconds": all_run.as_secs_f64(), "list_ms": asked.median, "list_bytes": bytes, "resident_without_bytes": empty,
            "resident_with_bytes": full, "peak_rss_bytes": peak, "threads": threads, "idle_cores": idle,
        });
        write_file(file, &format!("{report:#}\n"))?;
    }
    Ok(())
}

/// Waits until every connector has loaded every record.
fn wait(sandbox: &mut Sandbox, gateway: &mut Gateway, args: &Args, published: &Published) -> Outcome {
    let wanted = published.records * u64::from(args.connectors);
    let mut progress = Progress::new();
    until("every connector's rows", PATIENCE, || {
        sandbox.must_run()?;
        gateway.must_run()?;
        let ledger = sandbox.ledger()?;
        let arrived: u64 =
            ledger["tables"].as_array().into_iter().flatten().filter_map(|table| table["ledger"]["rows"].as_u64()).sum();
        progress.show(format_args!("{} of {} rows", thousands(arrived), thousands(wanted)));
        if arrived > wanted {
            return Err(format!("{arrived} rows arrived of {wanted}"));
        }
        Ok((arrived == wanted).then_some(()))
    })
}

/// Connectors that run, with all their tasks, in what the list with status says.
fn running(list: &Value) -> usize {
    let runs = |one: &Value| {
        let tasks = one["status"]["tasks"].as_array();
        one["status"]["connector"]["state"] == "RUNNING"
            && tasks.is_some_and(|tasks| !tasks.is_empty() && tasks.iter().all(|task| task["state"] == "RUNNING"))
    };
    list.as_object().map_or(0, |all| all.values().filter(|one| runs(one)).count())
}

fn resident(child: &Child) -> Outcome<u64> {
    child.status_field("VmRSS").map(|kilobytes| kilobytes * 1024)
}

fn threads(child: &Child) -> Outcome<u64> {
    child.status_field("Threads")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_connectors_whose_tasks_all_run_are_counted() {
        let one = |connector: &str, tasks: &[&str]| {
            let tasks: Vec<_> = tasks.iter().map(|state| json!({"state": state})).collect();
            json!({"status": {"connector": {"state": connector}, "tasks": tasks}})
        };
        let list = json!({
            "a": one("RUNNING", &["RUNNING"]), "b": one("RUNNING", &["RUNNING", "FAILED"]), "c": one("PAUSED", &["PAUSED"]), "d": one("RUNNING", &[]),
        });
        assert_eq!(running(&list), 1);
    }
}
