//! `cargo xtask bench plugins`: what a plugin costs a record in the gateway's chain, beside the same sources compiled natively.
//!
//! Both sides see the same records in batches of 500, and what comes out must be the same. They run in turn, and the best time of
//! each batch counts, because other programs on a machine only ever add time. Goals are printed beside the figures; a figure that misses is
//! no error, for only a quiet machine can tell.

use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::machine;
use crate::process::{output, succeed};
use crate::terminal::{done, say, table, thousands, title, width};
use crate::workspace::{Workspace, write_file};
use crate::{Outcome, plugins, wasm_target};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Writes the figures there, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rounds of 10,000 records in each turn
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How often each side has its turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
}

/// A plugin, its options, and what it is to cost.
struct Case {
    plugin: &'static str,
    options: &'static str,
    goal: Option<Goal>,
}

enum Goal {
    Nanos(f64),
    /// Times native, and records a second on one core.
    Native(f64, Option<u64>),
}

const CASES: [Case; 10] = [
    Case { plugin: "no_op", options: "{}", goal: Some(Goal::Nanos(60.0)) },
    // Half of the symbols, by patterns of both kinds.
    Case {
        plugin: "symbol_filter",
        options: r#"{"allow": ["*USDT"], "deny": ["B*", "ETHUSDT", "L*"]}"#,
        goal: Some(Goal::Native(1.5, None)),
    },
    Case { plugin: "kline_flatten", options: "{}", goal: Some(Goal::Native(1.7, Some(700_000))) },
    // Closed klines, and the larger ones of two symbols.
    Case {
        plugin: "filter",
        options: r#"{"keep": "data.k.x == true || data.s in [\"BTCUSDT\", \"ETHUSDT\"] && data.k.q > 1000.5"}"#,
        goal: None,
    },
    Case {
        plugin: "timestamp",
        options: concat!(
            r#"{"fields": [{"field": "data.E", "from": "unix_ms", "to": "iso8601"}, "#,
            r#"{"field": "data.k.t", "from": "unix_ms", "to": "%Y-%m-%d %H:%M:%S%.3f"}]}"#
        ),
        goal: None,
    },
    Case { plugin: "dedupe", options: r#"{"fields": ["data.s", "data.k.t"]}"#, goal: None },
    Case {
        plugin: "field",
        options: concat!(
            r#"{"operations": [{"drop": ["stream", "data.k.B"]}, {"rename": {"from": "data.s", "to": "symbol"}}, "#,
            r#"{"cast": {"fields": ["data.k.o", "data.k.c", "data.k.h", "data.k.l"], "to": "decimal"}}, "#,
            r#"{"insert": {"field": "kafka_offset", "from": "offset"}}]}"#
        ),
        goal: None,
    },
    Case { plugin: "flatten", options: "{}", goal: None },
    // To one of ten tables.
    Case { plugin: "route", options: r#"{"template": "KLINE_{data.s}"}"#, goal: None },
    // Five klines of each record, see `plugins/bench`.
    Case { plugin: "explode", options: r#"{"field": "data.klines", "element": "merged", "index": "kline"}"#, goal: None },
];

/// A line of either side.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Measured {
    plugin: String,
    nanos: f64,
    checksum: String,
    /// These are the chain's alone.
    start_micros: Option<f64>,
    allocations_per_batch: Option<u64>,
    allocations_per_record: Option<f64>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    title(&format!("Plugins, {} turns of {} rounds, {}", args.turns, args.rounds, machine()));
    wasm_target::ensure(workspace)?;
    plugins::build(workspace)?;
    let logs = workspace.scratch("logs");
    let mut cargo = workspace.cargo();
    // Of the whole workspace, for another selection would compile wasmtime anew.
    cargo.args(["build", "--locked", "--release", "--workspace", "--example", "chain"]);
    succeed("building the chain", &mut cargo, &logs.join("bench-chain.log"))?;
    let mut cargo = workspace.guest_cargo();
    cargo.args(["build", "--locked", "--release", "--package", "plugin-bench", "--example", "native"]);
    succeed("building the native side", &mut cargo, &logs.join("bench-native.log"))?;
    done("built", "the chain and the native side");

    let arguments = || CASES.iter().flat_map(|case| [case.plugin, case.options]);
    let rounds = args.rounds.to_string();
    let (mut chain, mut native) = (Vec::new(), Vec::new());
    for turn in 1..=args.turns {
        let mut command = Command::new(workspace.guests().join("release/examples/native"));
        keep_best(&mut native, measure(command.arg(&rounds).args(arguments()))?)?;
        let mut command = Command::new(workspace.binary("examples/chain"));
        keep_best(&mut chain, measure(command.arg(workspace.plugins()).arg(&rounds).args(arguments()))?)?;
        done(&format!("turn {turn}"), "");
    }
    say(format_args!("\n{}", summary(&chain, &native)?));
    say(
        "\nNanoseconds a record: the best time of each batch of 500 klines (`explode`: five in each record), one thread, outputs and tables compared.\n\
         `start` is instantiate and configure, the median of 201. Allocations are the host's: for a batch, and for one record more.\n\
         The SDK's scanner takes sixteen bytes at once on both sides: simd128 in the component, SSE2 natively on x86-64.",
    );
    if let Some(file) = &args.json {
        let report = serde_json::json!({"machine": machine(), "chain": chain, "native": native});
        write_file(file, &format!("{report:#}\n"))?;
    }
    Ok(())
}

fn measure(command: &mut Command) -> Outcome<Vec<Measured>> {
    let printed = output(command)?;
    printed.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("`{line}` is not understood: {error}"))).collect()
}

/// Keeps of each plugin the better of two turns.
fn keep_best(best: &mut Vec<Measured>, turn: Vec<Measured>) -> Outcome {
    if best.is_empty() {
        *best = turn;
        return Ok(());
    }
    for (best, now) in best.iter_mut().zip(turn) {
        if best.checksum != now.checksum {
            return Err(format!("`{}` does not give the same twice: {} and {}", now.plugin, best.checksum, now.checksum));
        }
        best.nanos = best.nanos.min(now.nanos);
        best.start_micros = best.start_micros.zip(now.start_micros).map(|(one, other)| one.min(other));
    }
    Ok(())
}

fn summary(chain: &[Measured], native: &[Measured]) -> Outcome<String> {
    let mut rows = Vec::new();
    for case in &CASES {
        let find = |side: &[Measured], name: &str| {
            let found = side.iter().find(|measured| measured.plugin == case.plugin).cloned();
            found.ok_or_else(|| format!("the {name} says nothing of `{}`", case.plugin))
        };
        let (chain, native) = (find(chain, "chain")?, find(native, "native side")?);
        if chain.checksum != native.checksum {
            return Err(format!("`{}` does not put out the same in the chain and natively", case.plugin));
        }
        let ratio = chain.nanos / native.nanos;
        let goal = match case.goal {
            None => String::new(),
            Some(Goal::Nanos(most)) => format!("{most:.0} ns"),
            Some(Goal::Native(most, None)) => format!("x {most}"),
            Some(Goal::Native(most, Some(least))) => format!("x {most}, {}/s", thousands(least)),
        };
        rows.push(vec![
            case.plugin.to_owned(),
            format!("{:.1}", native.nanos),
            format!("{:.1}", chain.nanos),
            format!("{ratio:.2}"),
            thousands((1e9 / chain.nanos) as u64),
            goal,
            chain.start_micros.map_or_else(String::new, |start| format!("{start:.1}")),
            chain.allocations_per_batch.map_or_else(String::new, |count| count.to_string()),
            chain.allocations_per_record.map_or_else(String::new, |count| format!("{count:.3}")),
        ]);
    }
    let header = ["", "native ns", "chain ns", "x native", "records/s", "goal", "start us", "allocs/batch", "allocs/record"];
    Ok(table(&header.map(str::to_owned), &rows, width().max(120)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first three; the others take a microsecond.
    fn side(nanos: [f64; 3], checksum: &str) -> Vec<Measured> {
        let measured = |(case, nanos): (&Case, f64)| Measured {
            plugin: case.plugin.to_owned(),
            nanos,
            checksum: checksum.to_owned(),
            start_micros: Some(12.0),
            allocations_per_batch: Some(9),
            allocations_per_record: Some(0.0),
        };
        CASES.iter().zip(nanos.into_iter().chain(std::iter::repeat(1000.0))).map(measured).collect()
    }

    #[test]
    fn the_best_turn_of_each_side_stands_beside_its_goal() {
        let mut chain = side([90.0, 150.0, 1500.0], "a");
        keep_best(&mut chain, side([50.0, 160.0, 1400.0], "a")).unwrap();
        let text = summary(&chain, &side([10.0, 100.0, 1000.0], "a")).unwrap();
        let line = |plugin: &str| {
            text.lines().find(|line| line.contains(plugin)).expect("a line").split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("no_op"), "no_op 10.0 50.0 5.00 20,000,000 60 ns 12.0 9 0.000");
        assert_eq!(line("symbol_filter"), "symbol_filter 100.0 150.0 1.50 6,666,666 x 1.5 12.0 9 0.000");
        assert_eq!(line("kline_flatten"), "kline_flatten 1000.0 1400.0 1.40 714,285 x 1.7, 700,000/s 12.0 9 0.000");
        assert_eq!(line("explode"), "explode 1000.0 1000.0 1.00 1,000,000 12.0 9 0.000");
    }

    #[test]
    fn another_output_is_no_result() {
        let (one, other) = (side([1.0; 3], "a"), side([1.0; 3], "b"));
        assert!(summary(&one, &other).unwrap_err().contains("does not put out the same"));
        assert!(keep_best(&mut one.clone(), other).unwrap_err().contains("the same twice"));
    }
}
