//! `cargo xtask conformance openapi`: schemathesis makes up requests from the gateway's own OpenAPI document and holds the answers to it.
//!
//! A fixed seed and a bounded number of examples, so that two runs ask the same; a bound on the time besides. A 5xx that the document does
//! not name, a status, a content type or a body that it does not name is a failure. It goes through the document twice: with names made
//! up, which are hardly ever a connector's, and with the name of a connector that runs.

use std::path::Path;
use std::process::Command;

use super::connect::World;
use crate::kafka::Kind;
use crate::process::logged;
use crate::python::Requirements;
use crate::terminal::{done, title};
use crate::workspace::{Workspace, write_file};
use crate::{Outcome, build};

/// What the answers are held to. The document names every 5xx that Connect itself gives, so `status_code_conformance` lets those pass and
/// no other.
const CHECKS: &str = "status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance";
const CONNECTOR: &str = "orders-sink";
const SEED: u64 = 8_083;
const EXAMPLES: u32 = 50;
/// Every question about a connector is about that one, which must stay.
const KNOWN: &str = r#"[parameters]
"path.connector" = "orders-sink"
"path.task" = 0

[[operations]]
include-name = "DELETE /connectors/{connector}"
enabled = false
"#;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A gateway that runs already
    #[arg(long)]
    url: Option<String>,
    /// Of what the requests are made up
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Requests made up for each operation, at most
    #[arg(long, default_value_t = EXAMPLES)]
    examples: u32,
    /// Seconds for the whole run, at most
    #[arg(long, default_value_t = 120)]
    seconds: u32,
    /// The broker; the sandbox's does not forget a group's offsets
    #[arg(long, value_enum, default_value_t = Kind::Apache)]
    kafka: Kind,
    /// Uses the programs as they were built last
    #[arg(long)]
    no_build: bool,
}

impl Args {
    /// For a minute.
    pub(super) fn briefly() -> Args {
        Args { url: None, seed: SEED, examples: EXAMPLES, seconds: 60, kafka: Kind::Apache, no_build: false }
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    title("The gateway and its OpenAPI document");
    let folder = workspace.scratch("conformance-openapi");
    if let Some(url) = &args.url {
        return schemathesis(workspace, args, url, Names::MadeUp, &folder.join("made-up"));
    }
    if !args.no_build {
        build::programs(workspace)?;
    }
    let mut world = World::start(workspace, args.kafka, &folder)?;
    let rest = &world.gateway.rest;
    let made_up = schemathesis(workspace, args, &rest.url, Names::MadeUp, &folder.join("made-up"));
    world.post(workspace, CONNECTOR)?;
    let known = schemathesis(workspace, args, &rest.url, Names::Known, &folder.join("known"));
    // Whatever it was asked, it is there, and so is the connector.
    rest.get_json(&format!("/connectors/{CONNECTOR}/status"))?;
    world.gateway.must_run()?;
    world.abandon()?;
    made_up.and(known)
}

/// Whose names the questions carry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    MadeUp,
    Known,
}

fn schemathesis(workspace: &Workspace, args: &Args, url: &str, names: Names, folder: &Path) -> Outcome {
    crate::workspace::fresh_folder(folder)?;
    // It reads the file of this name in its folder.
    write_file(&folder.join("schemathesis.toml"), if names == Names::Known { KNOWN } else { "" })?;
    let requirements = Requirements::read(workspace.root().join("tests/conformance/connect/requirements-schemathesis.txt"))?;
    let mut run = Command::new(requirements.programs("venv-connect-schemathesis")?.join("st"));
    run.args(arguments(args, url)).current_dir(folder);
    let log = folder.join("schemathesis.log");
    let status = logged("schemathesis", &mut run, &log)?;
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let asked = match names {
        Names::MadeUp => "with names made up",
        Names::Known => "of a connector that runs",
    };
    if status.success() {
        let cases = text.lines().find_map(|line| line.trim().split_once(" generated, ")).map_or("no", |(count, _)| count);
        done("passed", format_args!("{}: {cases} questions {asked}", requirements.package()));
        return Ok(());
    }
    Err(format!("answers {asked} that the OpenAPI document does not name. `{}`:\n\n{text}", log.display()))
}

fn arguments(args: &Args, url: &str) -> Vec<String> {
    // The two runs share the time.
    let (seed, examples, seconds) = (args.seed.to_string(), args.examples.to_string(), args.seconds.div_ceil(2).to_string());
    let location = format!("{url}/openapi.json");
    let fixed = ["run", &location, "--url", url, "--checks", CHECKS, "--phases", "examples,coverage,fuzzing,stateful"];
    let bounds =
        ["--seed", &seed, "--max-examples", &examples, "--max-time", &seconds, "--request-timeout", "100", "--workers", "1"];
    // What was answered wrongly is shown in whole, and everything that is wrong is shown.
    let told = ["--continue-on-failure", "--no-color"];
    fixed.into_iter().chain(bounds).chain(told).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_seeded_and_bounded() {
        let args = Args { url: None, seed: 7, examples: 5, seconds: 60, kafka: Kind::Apache, no_build: false };
        let line = arguments(&args, "http://127.0.0.1:1").join(" ");
        assert!(line.starts_with("run http://127.0.0.1:1/openapi.json "), "{line}");
        assert!(KNOWN.contains(&format!("\"path.connector\" = \"{CONNECTOR}\"")));
        assert!(line.contains("--seed 7 --max-examples 5 --max-time 30"), "{line}");
    }
}
