//! `cargo xtask conformance page`: the status page in Chromium, as a person sees it and uses it.
//!
//! Twice: over a made-up gateway that has every kind of trouble, and over the real one with a connector in it, whose metrics are read by
//! Prometheus' own parser, too.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Sum;
use super::connect::World;
use crate::kafka::Kind;
use crate::process::{Child, is_installed, succeed, until};
use crate::python::Requirements;
use crate::terminal::title;
use crate::workspace::{Workspace, fresh_folder};
use crate::{Outcome, build};

const CONNECTOR: &str = "snowflake-sink";
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Uses the programs as they were built last
    #[arg(long)]
    pub(crate) no_build: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    title("The status page in a browser");
    browser(workspace)?;
    let folder = workspace.scratch("conformance-page");
    fresh_folder(&folder)?;
    let scripts = workspace.root().join("tests/browser");
    let requirements = Requirements::read(scripts.join("requirements-browser.txt"))?;
    let python = requirements.programs("venv-conformance-browser")?.join("python");
    if !args.no_build {
        build::programs(workspace)?;
        build_example(workspace)?;
    }
    let mut sum = Sum::default();
    let mut tried = |name: &str, label: &str, arguments: &[&str]| {
        let mut script = Command::new(&python);
        script.arg(scripts.join(name)).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
        sum.judge(name, label, &mut script, &folder.join(name).with_extension("log"))
    };

    let (example, url) = made_up(workspace, &folder)?;
    tried("status_page.py", "the page over a made-up gateway", &[&url])?;
    drop(example);

    let mut world = World::start(workspace, Kind::Embedded, &folder.join("world"))?;
    world.post(workspace, CONNECTOR)?;
    let records = world.keep_publishing(workspace, 20, &folder.join("more-records.log"))?;
    tried("gateway_metrics.py", "its metrics, by Prometheus' parser", &[&world.gateway.rest.url, CONNECTOR])?;
    let picture = folder.join("page.png").display().to_string();
    tried("gateway_page.py", "the page of the real one", &[&world.gateway.rest.url, CONNECTOR, &picture])?;
    drop(records);
    world.gateway.must_run()?;
    world.abandon()?;
    sum.conclude("what does not hold in a browser")
}

/// With the selection of crates that `cargo xtask test` has: another would mean other features of the big dependencies.
fn build_example(workspace: &Workspace) -> Outcome {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--locked", "--release", "--workspace", "--exclude", "snowgate-e2e", "--example", "page"]);
    succeed("building the made-up gateway", &mut cargo, &workspace.scratch("logs").join("example.log"))
}

/// A machine that is ours to fill, as CI's are, gets its browser here; anybody else is told what to install.
fn browser(workspace: &Workspace) -> Outcome {
    if env::var_os("CHROMIUM").is_some() || is_installed("chromium") {
        return Ok(());
    }
    // SAFETY: takes nothing and touches nothing.
    let is_root = unsafe { libc::geteuid() } == 0;
    if is_root && is_installed("apt-get") {
        let log = workspace.scratch("logs").join("chromium.log");
        succeed("asking for packages", Command::new("apt-get").args(["update", "-q"]), &log)?;
        let mut install = Command::new("apt-get");
        install.args(["install", "-y", "-q", "--no-install-recommends", "chromium"]).env("DEBIAN_FRONTEND", "noninteractive");
        succeed("installing chromium", &mut install, &log)?;
    }
    if is_installed("chromium") {
        return Ok(());
    }
    Err("the page is tried in Chromium, which is not there\n\nhint: on Debian or Ubuntu `sudo apt-get install chromium`; \
         another Chromium or Chrome is named by `CHROMIUM=/path/to/it`"
        .to_owned())
}

/// Starts the made-up gateway, which says where its page is.
fn made_up(workspace: &Workspace, folder: &Path) -> Outcome<(Child, String)> {
    let program: PathBuf = workspace.binary("examples").join("page");
    let mut child = Child::spawn(&mut Command::new(program), &folder.join("made-up.log"))?;
    let url = until("the made-up gateway to come up", PATIENCE, || {
        child.must_run()?;
        Ok(child.log().lines().find(|line| line.starts_with("http://")).map(str::to_owned))
    })?;
    Ok((child, url))
}
