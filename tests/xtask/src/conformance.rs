//! `cargo xtask conformance snowflake`: Snowflake's own clients, pinned, against the stand-in.
//!
//! Each requirements file beside the script is an environment of its own in the cache folder, made anew when the file changes. Each client
//! meets a fresh sandbox.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use crate::process::{logged, succeed};
use crate::sandbox::{Options, Sandbox};
use crate::terminal::{done, failed, say, title};
use crate::workspace::{Workspace, cache, fresh_folder, make_folder};
use crate::{Outcome, build};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// snowpipe-streaming and snowflake-connector-python, pinned versions
    Snowflake,
}

pub(crate) fn run(workspace: &Workspace, command: &Command) -> Outcome {
    match command {
        Command::Snowflake => snowflake(workspace),
    }
}

fn snowflake(workspace: &Workspace) -> Outcome {
    title("Snowflake's clients against the stand-in");
    build::programs(workspace)?;
    let folder = workspace.root().join("tests/sandbox/conformance");
    let (mut passed, mut broken) = ((0, 0), Vec::new());
    for requirements in requirements(&folder)? {
        let client = Client::of(requirements)?;
        let python = client.environment()?;
        let scratch = workspace.scratch("conformance").join(&client.name);
        let sandbox = Sandbox::start(workspace, &scratch, &Options::default())?;
        let mut script = process::Command::new(python);
        script.arg(folder.join("snowflake_clients.py")).arg(client.mode()).arg("--sandbox").arg(scratch.join("sandbox.json"));
        let log = scratch.join("client.log");
        let status = logged(&client.name, &mut script, &log)?;
        sandbox.stop()?;
        let text = fs::read_to_string(&log).unwrap_or_default();
        let (good, bad) = counts(&text).unwrap_or((0, 1));
        passed = (passed.0 + good, passed.1 + bad);
        let said = format!("{:<36} {good} passed, {bad} failed", client.packages());
        if status.success() && bad == 0 && good > 0 {
            done("passed", said);
        } else {
            failed("failed", said);
            text.lines().for_each(|line| say(format_args!("    {line}")));
            broken.push(client.name);
        }
    }
    say(format_args!("\n{} passed, {} failed", passed.0, passed.1));
    if broken.is_empty() { Ok(()) } else { Err(format!("clients that the stand-in does not satisfy: {}", broken.join(", "))) }
}

/// The requirements files, in order of their names.
fn requirements(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("could not look into `{}`: {error}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|file| name_of(file).is_some()).collect();
    files.sort();
    if files.is_empty() { Err(format!("`{}` holds no requirements", folder.display())) } else { Ok(files) }
}

/// The middle of `requirements-NAME.txt`.
fn name_of(file: &Path) -> Option<&str> {
    file.file_name()?.to_str()?.strip_prefix("requirements-")?.strip_suffix(".txt")
}

struct Client {
    name: String,
    requirements: PathBuf,
    text: String,
}

impl Client {
    fn of(requirements: PathBuf) -> Outcome<Client> {
        let name = name_of(&requirements).unwrap_or_default().to_owned();
        let text =
            fs::read_to_string(&requirements).map_err(|error| format!("could not read `{}`: {error}", requirements.display()))?;
        Ok(Client { name, requirements, text })
    }

    /// The script's mode: `streaming` or `connector`.
    fn mode(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    /// The package that is being tried, the first one named.
    fn packages(&self) -> String {
        self.text.lines().find(|line| line.contains("==")).unwrap_or_default().replace("==", " ")
    }

    /// The Python of its environment, which is made if it is not there or was made from other requirements.
    fn environment(&self) -> Outcome<PathBuf> {
        let folder = cache()?.join(format!("venv-{}", self.name));
        let (python, made_from) = (folder.join("bin/python"), folder.join("made-from.txt"));
        if fs::read_to_string(&made_from).is_ok_and(|text| text == self.text) && python.is_file() {
            return Ok(python);
        }
        fresh_folder(&folder)?;
        let logs = cache()?.join("logs");
        make_folder(&logs)?;
        let log = logs.join(format!("venv-{}.log", self.name));
        let hint = "hint: on Debian or Ubuntu `sudo apt-get install python3-venv`";
        let mut make = process::Command::new("python3");
        succeed("making a Python environment", make.args(["-m", "venv"]).arg(&folder), &log)
            .map_err(|problem| format!("{problem}\n\n{hint}"))?;
        let mut install = process::Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&self.requirements);
        succeed(&format!("installing {}", self.packages()), &mut install, &log)?;
        crate::workspace::write_file(&made_from, &self.text)?;
        Ok(python)
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
    fn a_requirements_file_names_its_client() {
        assert_eq!(name_of(Path::new("x/requirements-connector-4.txt")), Some("connector-4"));
        assert_eq!(name_of(Path::new("x/snowflake_clients.py")), None);
    }
}
