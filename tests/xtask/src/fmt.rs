//! rustfmt over both workspaces.

use std::collections::BTreeSet;

use crate::Outcome;
use crate::process::output;
use crate::terminal::done;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only says what is not formatted
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    for mut cargo in [workspace.cargo(), workspace.guest_cargo()] {
        cargo.args(["fmt", "--all"]);
        if args.check {
            // Names only: `cargo xtask fmt` mends them.
            cargo.args(["--", "--check", "-l"]);
        }
        let ran = cargo.output().map_err(|error| format!("could not run `cargo fmt`: {error}"))?;
        if !ran.status.success() {
            // A file of two crates is named twice.
            let files: BTreeSet<_> = String::from_utf8_lossy(&ran.stdout).lines().map(|file| format!("\n  {file}")).collect();
            let trouble = String::from_utf8_lossy(&ran.stderr);
            let files = String::from_iter(files);
            return Err(format!("not formatted, or not parsed:{files}\n{}\n\nhint: `cargo xtask fmt`", trouble.trim_end()));
        }
    }
    let version = output(std::process::Command::new("rustfmt").current_dir(workspace.root()).arg("--version"))?;
    done("fmt", format_args!("host, tests, plugins ({})", version.trim()));
    Ok(())
}
