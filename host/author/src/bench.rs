//! `snowgate plugin bench`: what a record costs in a component.
//!
//! Measured is the thread's own CPU time, in rounds that take turns, so that a busy machine and a warm cache favour nobody. The
//! passthrough beside it is what the same road costs without a plugin.

use std::path::PathBuf;

use serde_json::json;
use snowgate_record::RecordBatch;

use crate::project::Target;
use crate::records::{self, Answer, Record};
use crate::report::{self, Failure, bold, say, table, thousands};
use crate::shown::{self, Instance, Loaded};
use crate::source::{BATCH, Options};
use crate::test::Case;
use crate::with::With;

const ROUNDS: usize = 7;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component, or a project that was built
    #[arg(default_value = ".")]
    target: PathBuf,

    /// Another component to measure in turn with it
    #[arg(long, value_name = "OTHER.wasm")]
    compare: Option<PathBuf>,

    /// Records and configuration of this test case; by default the one with the largest records
    #[arg(long, value_name = "NAME", conflicts_with_all = ["input", "topic", "with"])]
    case: Option<String>,

    #[command(flatten)]
    with: With,

    #[command(flatten)]
    source: Options,

    /// Records in a batch
    #[arg(long, default_value_t = BATCH as u32, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,

    /// How long a round lasts
    #[arg(long, default_value_t = 300, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    round: u64,

    /// Print one JSON object: `batch`, `bytes_per_record`, `results` with `name`, `ns_per_record`, `records_per_second`; `same`
    #[arg(long)]
    json: bool,
}

/// Somebody who is measured.
struct Contestant {
    name: String,
    instance: Instance,
    answers: Vec<Answer>,
    /// Nanoseconds a record, of each round.
    rounds: Vec<f64>,
}

pub(crate) fn execute(args: &Args) -> Result<(), Failure> {
    let (file, folder) = match Target::of(&args.target)? {
        Target::Component { file, folder } => (file, folder),
        Target::Project(project) => (project.component(), project.folder),
    };
    let (records, config, tables) = if args.source.is_given() {
        let records = args.source.open()?.next(args.batch as usize)?;
        (records, args.with.read()?.unwrap_or_else(|| "{}".to_owned()), args.with.tables.clone())
    } else {
        let case = Case::named(&folder.join("tests"), args.case.as_deref())?;
        let tables = if args.with.tables.is_empty() { case.tables } else { args.with.tables.clone() };
        (case.records, args.with.read()?.unwrap_or(case.config), tables)
    };
    if records.is_empty() {
        return Err(Failure::input("there is no record to measure with"));
    }
    let records: Vec<Record> = records.into_iter().cycle().take(args.batch as usize).collect();
    let batch = records::batch(&records, 0);

    let engine = shown::engine(false)?;
    let mut contestants = vec![Contestant::new("passthrough", Instance::passthrough()?, &records)?];
    for file in [Some(&file), args.compare.as_ref()].into_iter().flatten() {
        let instance = Loaded::load(&engine, file, &config, &tables)?.start()?;
        contestants.push(Contestant::new(&file.display().to_string(), instance, &records)?);
    }
    // The first round warms up.
    for round in 0..=ROUNDS {
        for contestant in &mut contestants {
            let nanos = contestant.measure(&batch, args.round)?;
            if round > 0 {
                contestant.rounds.push(nanos);
            }
        }
    }
    show(args, &batch, &contestants);
    Ok(())
}

impl Contestant {
    fn new(name: &str, mut instance: Instance, records: &[Record]) -> Result<Contestant, Failure> {
        let answers = instance.show(records, records.len())?;
        Ok(Contestant { name: name.to_owned(), instance, answers, rounds: Vec::new() })
    }

    /// Nanoseconds of CPU a record, over `millis` milliseconds.
    fn measure(&mut self, batch: &RecordBatch, millis: u64) -> Result<f64, Failure> {
        let (started, end) = (cpu_nanos(), millis * 1_000_000);
        let mut batches = 0u64;
        loop {
            self.instance.process(batch)?;
            batches += 1;
            // To ask for the time costs as much as some records.
            let used = if batches.is_multiple_of(8) || batch.len() > 64 { cpu_nanos() - started } else { 0 };
            if used >= end {
                return Ok(used as f64 / (batches * batch.len() as u64) as f64);
            }
        }
    }

    fn median(&self) -> f64 {
        let mut rounds = self.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    }
}

fn show(args: &Args, batch: &RecordBatch, contestants: &[Contestant]) {
    let bytes = batch.bytes() / batch.len();
    let [_, plugin, others @ ..] = contestants else { return };
    let same = others.iter().all(|other| other.answers == plugin.answers);
    if args.json {
        let results: Vec<_> = contestants
            .iter()
            .map(|it| json!({ "name": it.name, "ns_per_record": it.median(), "records_per_second": per_second(it.median()) }))
            .collect();
        return report::json(&json!({ "batch": batch.len(), "bytes_per_record": bytes, "results": results, "same": same }));
    }
    say(format_args!("{} records of {bytes} bytes a batch, {ROUNDS} rounds, CPU of one core\n", batch.len()));
    let row = |it: &Contestant| {
        let (nanos, least) = (it.median(), it.rounds.iter().copied().fold(f64::INFINITY, f64::min));
        let speed = if nanos < 1.0 { String::new() } else { format!("{} records/s", thousands(per_second(nanos))) };
        vec![it.name.clone(), format!("{nanos:.1} ns"), format!("(best {least:.1})"), speed]
    };
    say(table(&contestants.iter().map(row).collect::<Vec<_>>()));
    for other in others {
        say(format_args!(
            "  {}",
            bold(&format!("{} takes {:.2} times as long as {}", plugin.name, plugin.median() / other.median(), other.name))
        ));
    }
    if !same {
        say("  they do not give the same answers");
    }
}

fn per_second(nanos: f64) -> u64 {
    (1e9 / nanos) as u64
}

/// What this thread has used of the CPU.
fn cpu_nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one struct that lives until the call returns. The clock exists wherever we run, so it cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
