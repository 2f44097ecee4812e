//! Python by componentize-py: CPython with the project's module in it, already imported.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Missing, Toolchain, answers, run};
use crate::project::Project;
use crate::report::Failure;

/// What the SDK is written for. Its minor versions change what generated code looks like.
const VERSION: &str = "0.25.1";
const PROGRAM: &str = "componentize-py";
const MODULE: &str = "plugin";
const BUILD: &str = "build";

pub(crate) struct Python;

impl Toolchain for Python {
    fn missing(&self) -> Vec<Missing> {
        let said = Command::new(PROGRAM).arg("--version").output();
        let found = said.ok().map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
        if found.as_ref().is_some_and(|found| serves(found)) {
            return Vec::new();
        }
        let instead = found.map(|found| format!(", instead of {found}")).unwrap_or_default();
        let install = format!("`pip install {PROGRAM}=={VERSION}` in an environment of its own, with its `bin` on the PATH");
        let mut missing = vec![Missing { what: format!("{PROGRAM} {VERSION}{instead}"), install }];
        if !answers("python3", &["--version"]) {
            let install = "`apt-get install python3-venv` on Debian and Ubuntu, or https://www.python.org, version 3.10 or newer";
            missing.insert(0, Missing { what: "Python".to_owned(), install: install.to_owned() });
        }
        missing
    }

    fn build(&self, project: &Project) -> Result<PathBuf, Failure> {
        let folder = &project.folder;
        let build = folder.join(BUILD);
        fs::create_dir_all(&build)
            .map_err(|error| Failure::failed(format!("could not write `{}`", build.display())).because(&error))?;
        let mut componentize = Command::new(PROGRAM);
        componentize.args(["--quiet", "--wit-path", "wit", "--world", "snowgate:transform/plugin", "componentize", "--stub-wasi"]);
        componentize.args([
            "--python-path",
            ".",
            "--python-path",
            "snowgate/sdk",
            MODULE,
            "--output",
            &format!("{BUILD}/component.wasm"),
        ]);
        // What the machine has installed is no part of the plugin.
        componentize.env_remove("VIRTUAL_ENV").env_remove("PYTHONPATH").env("PYTHONDONTWRITEBYTECODE", "1");
        run(&mut componentize, folder)?;
        Ok(build.join("component.wasm"))
    }
}

/// Whether `componentize-py 0.25.1` is of the same minor version.
fn serves(said: &str) -> bool {
    let minor = VERSION.rsplit_once('.').map_or(VERSION, |(minor, _)| minor);
    said.strip_prefix(PROGRAM).is_some_and(|version| version.trim_start().starts_with(&format!("{minor}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_minor_version_does_not_serve() {
        assert!(serves("componentize-py 0.25.1") && serves("componentize-py 0.25.9"));
        for other in ["componentize-py 0.24.0", "componentize-py 0.250.0", "0.25.1", ""] {
            assert!(!serves(other), "{other}");
        }
    }
}
