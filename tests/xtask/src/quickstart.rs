//! `cargo xtask quickstart`: the main job on one machine, from a clean clone to rows.
//!
//! Starts the sandbox, a source of klines and the gateway as processes of their own, waits until the stand-in's ledger holds all that was
//! published, and shows it. Succeeds only if nothing was lost, doubled or changed its symbol on the way.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::gateway::{Config, Content, Gateway};
use crate::judge::{judge, rows};
use crate::kafka::{Kind, Lease};
use crate::process::Child;
use crate::sandbox::{Options, Published, Sandbox, fresh_topics, source};
use crate::terminal::{Progress, bold, done, duration, say, table, thousands, title, width};
use crate::workspace::Workspace;
use crate::{Outcome, build, plugins, wasm_target};

const TOPIC: &str = "binance_kline";
const DEAD_LETTERS: &str = "binance_kline.dead";
const PARTITIONS: u16 = 4;
const TABLE: &str = "CRYPTO_DB.PUBLIC.BINANCE_KLINE";
/// How long nothing at all may happen.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Without plugins, rows in `content` mode
    #[arg(long)]
    passthrough: bool,
    /// The broker
    #[arg(long, value_enum, default_value_t)]
    kafka: Kind,
    /// How many records
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
}

impl Default for Args {
    fn default() -> Args {
        Args { passthrough: false, kafka: Kind::Embedded, records: 100_000 }
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let how = if args.passthrough { "as they are" } else { "through two plugins" };
    title(&format!("{} klines from Kafka to Snowflake, {how}", thousands(args.records)));
    if !args.passthrough {
        wasm_target::ensure(workspace)?;
        plugins::build(workspace)?;
    }
    build::programs(workspace)?;

    let apache = match args.kafka {
        Kind::Embedded => None,
        Kind::Apache => Some(Lease::take()?),
    };
    let folder = workspace.scratch("quickstart");
    let topics = [(TOPIC, PARTITIONS), (DEAD_LETTERS, 1)];
    let options = Options { topics: if apache.is_some() { &[] } else { &topics }, counts_only: false };
    let mut sandbox = Sandbox::start(workspace, &folder, &options)?;
    done("snowflake", format_args!("a stand-in at {}", sandbox.described.https));
    let bootstrap = match &apache {
        Some(lease) => {
            fresh_topics(workspace, &lease.bootstrap(), &topics, &folder.join("topics.log"))?;
            lease.bootstrap()
        }
        None => {
            let bootstrap = sandbox.bootstrap()?;
            done("kafka", format_args!("an embedded broker at {bootstrap}"));
            bootstrap
        }
    };

    let mut publish = source(workspace, &bootstrap, TOPIC, PARTITIONS, args.records);
    if apache.is_none() {
        // The embedded broker forgets what it has no room for, so the source must not run ahead.
        publish.args(["--ledger", &sandbox.described.http]);
    }
    let mut source = Child::spawn(&mut publish, &folder.join("source.log"))?;
    let config = Config {
        bootstrap: &bootstrap,
        snowflake: &sandbox.described,
        group: "snowgate-quickstart",
        topic: TOPIC,
        table: "BINANCE_KLINE",
        dead_letter_topic: Some(DEAD_LETTERS),
        content: if args.passthrough { Content::Passthrough } else { Content::Plugins },
    };
    let started = Instant::now();
    let mut gateway = Gateway::start(workspace, &folder, &config)?;
    done("gateway", format_args!("snowgate run --config {}", shorter(&folder.join("binance_kline.toml"), workspace)));
    let took = load(&mut sandbox, &mut gateway, &mut source, args.records, started)?;
    done("loaded", format_args!("{} records over {PARTITIONS} partitions ({})", thousands(args.records), duration(took)));

    let published = Published::parse(&source.succeed(PATIENCE)?)?;
    show(&sandbox, args.passthrough, &published)?;
    gateway.stop()?;
    // After the gateway has left: what it might still have sent would count, too.
    let verdict = judge(&sandbox.ledger()?, TABLE, &published);
    say(format_args!("\n{}", bold(&verdict.to_string())));
    let rate = args.records as f64 / took.as_secs_f64();
    say(format_args!("{} records per second, counted from the gateway's start to the last row committed", thousands(rate as u64)));
    say(format_args!("\nlogs and configuration: {}", shorter(&folder, workspace)));
    sandbox.stop()?;
    if verdict.is_clean() { Ok(()) } else { Err(format!("of {} records: {verdict}", thousands(published.records))) }
}

/// Waits until all rows are committed.
fn load(sandbox: &mut Sandbox, gateway: &mut Gateway, source: &mut Child, records: u64, started: Instant) -> Outcome<Duration> {
    let mut progress = Progress::new();
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        sandbox.must_run()?;
        gateway.must_run()?;
        if source.ended()?.is_some_and(|status| !status.success()) {
            return Err(source.problem("failed"));
        }
        let arrived = rows(&sandbox.ledger()?, TABLE);
        if arrived >= records {
            return Ok(started.elapsed());
        }
        if arrived != last {
            (last, moved) = (arrived, Instant::now());
        }
        let rate = arrived as f64 / started.elapsed().as_secs_f64();
        progress.show(format_args!(
            "{} of {} committed, {} a second",
            thousands(arrived),
            thousands(records),
            thousands(rate as u64)
        ));
        if moved.elapsed() > PATIENCE {
            let standing =
                format!("stands still at {} of {} records since {}", thousands(arrived), thousands(records), duration(PATIENCE));
            return Err(gateway.child().problem(&standing));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ten rows, and a count for each symbol, which must be what was published.
fn show(sandbox: &Sandbox, passthrough: bool, published: &Published) -> Outcome {
    let select = "SELECT * FROM CRYPTO_DB.PUBLIC.binance_kline LIMIT 10";
    let (header, rows) = sandbox.query(select)?;
    say(format_args!("\n{}\n\n{}", bold(select), table(&header, &cut(&rows, header.len()), width())));

    let symbol = if passthrough { "RECORD_CONTENT:data:s::string AS symbol" } else { "symbol" };
    let select = format!("SELECT {symbol}, COUNT(*) AS records FROM CRYPTO_DB.PUBLIC.binance_kline GROUP BY 1 ORDER BY 1");
    let (header, rows) = sandbox.query(&select)?;
    say(format_args!("\n{}\n\n{}", bold(&select), table(&header, &rows, width())));
    let expected: Vec<_> = published.symbols.iter().map(|(symbol, records)| vec![symbol.clone(), records.to_string()]).collect();
    if rows == expected { Ok(()) } else { Err(format!("the symbols are not those that were published:\n{expected:?}")) }
}

/// Cells cut so that a few columns fit beside each other; the fewer there are, the wider.
fn cut(rows: &[Vec<String>], columns: usize) -> Vec<Vec<String>> {
    let widest = if columns > 3 { 20 } else { (width() / columns.max(1)).saturating_sub(4).max(20) };
    let cut = |cell: &String| {
        if cell.chars().count() <= widest { cell.clone() } else { cell.chars().take(widest - 1).chain(['…']).collect() }
    };
    rows.iter().map(|row| row.iter().map(cut).collect()).collect()
}

fn shorter(path: &Path, workspace: &Workspace) -> String {
    path.strip_prefix(workspace.root()).unwrap_or(path).display().to_string()
}
