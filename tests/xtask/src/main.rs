//! The project's tools, one command each: `cargo xtask COMMAND`.
//!
//! A command says what it does in one line per step and ends with what a person wants to know. Where something is missing on the
//! machine, the error names it and how to get it. Whatever a command starts ends with it, on every way out.
//!
//! In reading order: [`workspace`] knows where things are, [`terminal`] prints, [`process`] runs programs; [`wasm_target`], [`plugins`]
//! and [`build`] make what the others need; [`kafka`], [`sandbox`], [`gateway`] and [`connect`] start the world; [`python`] makes what clients run in, [`languages`] what plugins are built with; [`judge`] compares what was published
//! with what arrived; the rest are commands.

mod bench;
mod build;
mod conformance;
mod connect;
mod fmt;
mod gateway;
mod judge;
mod kafka;
mod languages;
mod licences;
mod lint;
mod plugins;
mod process;
mod python;
mod quickstart;
mod sandbox;
mod terminal;
mod test;
mod wasm_target;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// What every step answers: nothing to say, or what went wrong and what to do.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// The project's tools.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The main job on one machine: sandbox, gateway, plugins, rows shown
    Quickstart(quickstart::Args),
    /// Plugins, unit tests, doctests, end-to-end tests
    Test(test::Args),
    /// Builds every plugin as a component into target/plugins/
    Plugins,
    /// Makes sure that plugins can be compiled to WebAssembly
    WasmTarget,
    /// rustfmt over host, tests and plugins
    Fmt(fmt::Args),
    /// clippy with warnings as errors; one heavy dependency, one crate; licences
    Lint,
    /// A local Apache Kafka, one node or three
    Kafka(kafka::Args),
    /// A worker of Apache Kafka Connect, with a sink that does nothing
    ConnectWorker(connect::worker::Args),
    /// Measures the gateway
    #[command(subcommand)]
    Bench(bench::Command),
    /// Clients that others wrote: Snowflake's against the stand-in; Connect's, a browser and a metrics parser against the gateway
    #[command(subcommand)]
    Conformance(conformance::Command),
    /// What CI runs and nothing else: fmt --check, lint, tests on both brokers, conformance, quickstart
    Ci,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            terminal::problem(&problem);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Outcome {
    let workspace = Workspace::find()?;
    match command {
        Command::Quickstart(args) => quickstart::run(&workspace, &args),
        Command::Test(args) => test::run(&workspace, &args),
        Command::Plugins => plugins::run(&workspace),
        Command::WasmTarget => wasm_target::ensure(&workspace),
        Command::Fmt(args) => fmt::run(&workspace, &args),
        Command::Lint => lint::run(&workspace),
        Command::Kafka(args) => kafka::run(&args),
        Command::ConnectWorker(args) => connect::worker::run(&args),
        Command::Bench(command) => bench::run(&workspace, &command),
        Command::Conformance(command) => conformance::run(&workspace, &command),
        Command::Ci => ci(&workspace),
    }
}

fn ci(workspace: &Workspace) -> Outcome {
    fmt::run(workspace, &fmt::Args { check: true })?;
    lint::run(workspace)?;
    test::run(workspace, &test::Args::everything())?;
    test::run_end_to_end_on_apache(workspace)?;
    for others in conformance::everything() {
        conformance::run(workspace, &others)?;
    }
    quickstart::run(workspace, &quickstart::Args::default())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
