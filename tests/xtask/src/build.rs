//! Builds the programs that the other commands start: the gateway, the sandbox, and for tests a gateway that can be killed at named
//! points.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::Outcome;
use crate::process::{is_installed, succeed};
use crate::terminal::{done, duration};
use crate::workspace::{Workspace, make_folder};

/// The gateway and the sandbox, as `snowgate` and `snowgate-sandbox`.
pub(crate) fn programs(workspace: &Workspace) -> Outcome {
    needed_tools()?;
    let started = Instant::now();
    let log = workspace.scratch("logs").join("build.log");
    let mut cargo = workspace.cargo();
    // Always the whole workspace: another selection would mean other features of the big dependencies, and compile them again.
    cargo.args(["build", "--locked", "--release", "--workspace", "--bins"]);
    succeed("building the gateway and the sandbox", &mut cargo, &log)?;
    done("programs", format_args!("snowgate, snowgate-sandbox ({})", duration(started.elapsed())));
    Ok(())
}

/// A gateway with kill points, beside the one without. Built first: both have the same name in cargo's folder.
pub(crate) fn killable(workspace: &Workspace) -> Outcome<PathBuf> {
    needed_tools()?;
    let log = workspace.scratch("logs").join("killable.log");
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--locked", "--release", "--workspace", "--bins", "--features", "snowgate/kill-points"]);
    succeed("building the gateway with kill points", &mut cargo, &log)?;
    let folder = workspace.scratch("bin");
    make_folder(&folder)?;
    let kept = folder.join("snowgate-killable");
    fs::copy(workspace.binary("snowgate"), &kept).map_err(|error| format!("could not keep `{}`: {error}", kept.display()))?;
    Ok(kept)
}

/// What the C and C++ libraries need that cargo does not bring.
fn needed_tools() -> Outcome {
    let missing: Vec<_> = ["cc", "c++", "make", "perl"].into_iter().filter(|tool| !is_installed(tool)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "this machine lacks {}, needed to build librdkafka, OpenSSL and SQLite\n\nhint: on Debian or Ubuntu `sudo apt-get install build-essential perl`",
        missing.join(", ")
    ))
}
