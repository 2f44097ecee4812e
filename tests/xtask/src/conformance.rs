//! Clients that others wrote, pinned: Snowflake's own against the stand-in, Kafka Connect's, a browser and Prometheus' parser against
//! the gateway.
//!
//! Each requirements file beside a script is an environment of its own in the cache folder. Each of Snowflake's clients meets a fresh
//! sandbox.

mod connect;
mod openapi;
mod page;

use std::fs;
use std::path::Path;
use std::process;

use crate::process::logged;
use crate::python::Requirements;
use crate::sandbox::{Options, Sandbox};
use crate::terminal::{done, failed, say, title};
use crate::workspace::Workspace;
use crate::{Outcome, build};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// snowpipe-streaming and snowflake-connector-python, pinned versions
    Snowflake,
    /// Eight Kafka Connect clients, pinned versions, and the commands that people type
    Connect(connect::Args),
    /// schemathesis, pinned, against the gateway's own OpenAPI document
    Openapi(openapi::Args),
    /// The status page in Chromium, and the metrics as Prometheus' own parser reads them
    Page(page::Args),
}

pub(crate) fn run(workspace: &Workspace, command: &Command) -> Outcome {
    match command {
        Command::Snowflake => snowflake(workspace),
        Command::Connect(args) => connect::run(workspace, args),
        Command::Openapi(args) => openapi::run(workspace, args),
        Command::Page(args) => page::run(workspace, args),
    }
}

/// All of it, as CI runs it: what a machine lacks for it is a failure.
pub(crate) fn everything() -> Vec<Command> {
    vec![
        Command::Snowflake,
        Command::Connect(connect::Args::everything()),
        Command::Openapi(openapi::Args::briefly()),
        Command::Page(page::Args::default()),
    ]
}

fn snowflake(workspace: &Workspace) -> Outcome {
    title("Snowflake's clients against the stand-in");
    build::programs(workspace)?;
    let folder = workspace.root().join("tests/sandbox/conformance");
    let mut sum = Sum::default();
    for client in Requirements::all_in(&folder)? {
        let python = client.programs(&format!("venv-{}", client.name))?.join("python");
        let scratch = workspace.scratch("conformance").join(&client.name);
        let sandbox = Sandbox::start(workspace, &scratch, &Options::default())?;
        let mut script = process::Command::new(python);
        let mode = client.name.split('-').next().unwrap_or_default();
        script.arg(folder.join("snowflake_clients.py")).arg(mode).arg("--sandbox").arg(scratch.join("sandbox.json"));
        let judged = sum.judge(&client.name, &client.package(), &mut script, &scratch.join("client.log"));
        sandbox.stop()?;
        judged?;
    }
    sum.conclude("clients that the stand-in does not satisfy")
}

/// What the scripts counted.
#[derive(Default)]
struct Sum {
    passed: u64,
    failed: u64,
    broken: Vec<String>,
}

impl Sum {
    /// Runs a client's script and adds up what it says; what it printed is shown when something failed.
    fn judge(&mut self, name: &str, label: &str, script: &mut process::Command, log: &Path) -> Outcome {
        let status = logged(name, script, log)?;
        let text = fs::read_to_string(log).unwrap_or_default();
        let (good, bad) = counts(&text).unwrap_or((0, 1));
        self.add(name, label, good, bad + u64::from(!status.success() && bad == 0), &text);
        Ok(())
    }

    fn add(&mut self, name: &str, label: &str, good: u64, bad: u64, text: &str) {
        self.passed += good;
        self.failed += bad;
        let said = format!("{label:<36} {good} passed, {bad} failed");
        if bad == 0 && good > 0 {
            done("passed", said);
        } else {
            failed("failed", said);
            text.lines().for_each(|line| say(format_args!("    {line}")));
            self.broken.push(name.to_owned());
        }
    }

    fn conclude(self, blame: &str) -> Outcome {
        say(format_args!("\n{} passed, {} failed", self.passed, self.failed));
        if self.broken.is_empty() { Ok(()) } else { Err(format!("{blame}: {}", self.broken.join(", "))) }
    }
}

/// The last `N passed, N failed`.
fn counts(text: &str) -> Option<(u64, u64)> {
    text.lines().rev().find_map(|line| {
        let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
        Some((passed.trim().parse().ok()?, failed.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sum_counts() {
        assert_eq!(counts("1 passed, 0 failed\nmore\n19 passed, 2 failed\n"), Some((19, 2)));
        assert_eq!(counts("it broke"), None);
    }

    #[test]
    fn a_client_that_passed_nothing_has_not_passed() {
        let mut sum = Sum::default();
        sum.add("one", "one 1.0", 0, 0, "");
        assert_eq!(sum.broken, ["one"]);
        assert!(sum.conclude("broken").is_err());
    }
}
