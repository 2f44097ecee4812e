//! rustfmt over both workspaces.

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
            let files = String::from_utf8_lossy(&ran.stdout);
            let trouble = String::from_utf8_lossy(&ran.stderr);
            return Err(format!(
                "not formatted, or not parsed:\n{}\n{}\n\nhint: `cargo xtask fmt`",
                files.trim_end(),
                trouble.trim_end()
            ));
        }
    }
    let version = output(std::process::Command::new("rustfmt").current_dir(workspace.root()).arg("--version"))?;
    done("fmt", format_args!("host, tests, plugins ({})", version.trim()));
    Ok(())
}
