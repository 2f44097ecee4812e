//! Snowgate: Kafka to Snowflake, exactly once, through WebAssembly plugins.
//!
//! In reading order: [`cli`] is what a person can ask for; [`config`], [`units`], [`keys`], [`document`], [`problems`] and
//! [`settings`] turn the file into checked settings; [`check`] tries them and moves nothing. [`gateway`] starts, watches and stops
//! the pipelines, each a [`group`] of partitions; a [`worker`] owns some of them; [`pipeline`] is the straight line of one,
//! [`partition`] its state machine. [`requests`] and [`commits`] carry its requests, [`memo`] is what a group commit remembers,
//! [`budget`] how much is held, [`progress`] how far it is. [`report`] and [`telemetry`] are what people see; [`killpoint`] is for
//! tests.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use tracing::error;

use crate::cli::{Cli, Command};
use crate::config::LogFormat;
use crate::report::Exit;
use crate::settings::Settings;

mod budget;
mod check;
mod cli;
mod commits;
mod config;
mod document;
mod gateway;
mod group;
mod keys;
mod killpoint;
mod memo;
mod partition;
mod pipeline;
mod problems;
mod progress;
mod report;
mod requests;
mod settings;
#[cfg(test)]
mod simulation;
mod telemetry;
mod units;
mod worker;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    keep_secrets_out_of_core_dumps();
    let exit = match command {
        Command::Run { file } => run(&file.path),
        Command::Check { file } => check(&file.path),
    };
    ExitCode::from(exit.code())
}

fn run(file: &Path) -> Exit {
    let Some(settings) = load(file) else { return Exit::Config };
    telemetry::start(settings.log);
    let Err(failure) = gateway::run(&settings) else { return Exit::Done };
    let hint = failure.hint();
    match settings.log.format {
        LogFormat::Text => say(std::io::stderr(), &report::explain(&failure, hint.as_deref())),
        // Whoever reads JSON reads one object a line.
        LogFormat::Json => error!(because = report::causes(&failure).join(": "), hint, "{failure}"),
    }
    Exit::of(failure.class())
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
