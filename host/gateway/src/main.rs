//! Snowgate: Kafka to Snowflake, exactly once, through WebAssembly plugins.
//!
//! In reading order: [`cli`] is what a person can ask for; [`config`], [`units`], [`keys`], [`document`], [`problems`] and
//! [`settings`] turn the file into checked settings; [`check`] tries them and moves nothing, [`import`] says what becomes of another
//! worker's connectors, [`verify`] compares two tables. [`gateway`] starts, watches and stops the pipelines, those of the file and
//! those of [`connectors`], with their [`plugins`], which [`reload`] changes under way; each is a [`group`] of partitions, and a [`worker`] owns some of them. [`pipeline`] is the straight line
//! of one, [`stages`] what it does between Kafka and the rows, [`letter`] what it says of a dead one, [`partition`] its state machine.
//! [`requests`] and [`commits`] carry its requests, [`memo`] is what a group commit remembers, [`budget`] how much is held,
//! [`progress`] what was counted, [`board`] where each partition stands. [`report`], [`telemetry`] and [`traces`] are what people see;
//! [`killpoint`] is for tests.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use tracing::error;

use crate::cli::{Cli, Command};
use crate::config::LogFormat;
use crate::report::Exit;
use crate::settings::Settings;

mod board;
mod budget;
mod check;
mod cli;
mod commits;
mod config;
mod connectors;
mod document;
mod gateway;
mod group;
mod import;
mod keys;
mod killpoint;
mod letter;
mod memo;
mod partition;
mod pipeline;
mod plugins;
mod problems;
mod progress;
mod reload;
mod report;
mod requests;
mod settings;
#[cfg(test)]
mod simulation;
mod stages;
mod telemetry;
mod traces;
mod units;
mod verify;
mod worker;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    keep_secrets_out_of_core_dumps();
    let exit = match command {
        Command::Run { file } => load(&file.path).map_or(Exit::Config, |settings| run(&settings)),
        Command::Connect { properties } => connect(properties.as_deref()).map_or(Exit::Config, |settings| run(&settings)),
        Command::Import(options) => import::import(&options),
        Command::Check { file } => check(&file.path),
        Command::Verify { file, warehouse, first, second } => {
            load(&file.path).map_or(Exit::Config, |settings| verify::verify(&settings, warehouse.as_deref(), [&first, &second]))
        }
        Command::Plugin { command } => author(command),
    };
    ExitCode::from(exit.code())
}

fn run(settings: &Settings) -> Exit {
    let levels = telemetry::start(settings.log);
    if let Some(worker) = &settings.worker {
        levels.set_all(&worker.log_levels);
    }
    let Err(failure) = gateway::run(settings, levels) else { return Exit::Done };
    let hint = failure.hint();
    match settings.log.format {
        LogFormat::Text => say(std::io::stderr(), &report::explain(&failure, hint.as_deref())),
        // Whoever reads JSON reads one object a line.
        LogFormat::Json => error!(because = report::causes(&failure).join(": "), hint, "{failure}"),
    }
    Exit::of(failure.class())
}

/// The settings of a Connect worker, from its properties file and the variables of its image.
fn connect(properties: Option<&Path>) -> Option<Settings> {
    Settings::of_worker(properties, std::env::vars())
        .inspect_err(|problems| say(std::io::stderr(), &report::explain(problems, None)))
        .ok()
}

/// What the author of a plugin asked for. What the plugin logs goes where a gateway's log goes.
fn author(command: snowgate_author::Command) -> Exit {
    telemetry::start_for_author();
    let Err(failure) = snowgate_author::execute(command) else { return Exit::Done };
    say(std::io::stderr(), &format!("{failure}\n"));
    match failure.kind {
        snowgate_author::Kind::Failed => Exit::Failed,
        snowgate_author::Kind::Input => Exit::Config,
        snowgate_author::Kind::Unreachable => Exit::Unreachable,
    }
}

fn check(file: &Path) -> Exit {
    let Some(settings) = load(file) else { return Exit::Config };
    let checked = check::check(&settings);
    say(std::io::stdout(), &checked.to_text(file));
    checked.exit()
}

/// The settings, or a word to the user about each thing that is wrong with them.
fn load(file: &Path) -> Option<Settings> {
    Settings::load(file).inspect_err(|problems| say(std::io::stderr(), &report::explain(problems, None))).ok()
}

fn say(mut to: impl std::io::Write, text: &str) {
    // A reader who went away has heard enough.
    let _ = to.write_all(text.as_bytes());
}

/// A core dump would hold the private key.
fn keep_secrets_out_of_core_dumps() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: reads one struct that lives until the call returns. Lowering a limit cannot fail, and a dump is no reason to stop.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
}
