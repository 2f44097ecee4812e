//! How each language's tools make a component of a project.

mod c;
mod js;
mod python;
mod rust;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::project::{Language, Project};
use crate::report::Failure;

/// One language's tools.
pub(crate) trait Toolchain {
    /// What this machine lacks to build, in the order to install it.
    fn missing(&self) -> Vec<Missing>;

    /// Builds the project and says where the component is. Nothing is missing.
    fn build(&self, project: &Project) -> Result<PathBuf, Failure>;
}

/// Something to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) what: String,
    /// A command, or where to get it.
    pub(crate) install: String,
}

pub(crate) fn of(language: Language) -> &'static dyn Toolchain {
    match language {
        Language::Rust => &rust::Rust,
        Language::C => &c::C,
        Language::Js => &js::Js,
        Language::Python => &python::Python,
    }
}

/// Says what to install, if anything.
pub(crate) fn check(toolchain: &dyn Toolchain) -> Result<(), Failure> {
    let missing = toolchain.missing();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|missing| missing.what.as_str()).collect();
    let mut hint = "install".to_owned();
    for Missing { what, install } in &missing {
        write!(hint, "\n  {what}: {install}").expect("a string takes all");
    }
    Err(Failure::input(format!("this machine lacks {}", names.join(", "))).hint(hint))
}

/// Runs a program in a folder to its end. A failure shows what it wrote.
pub(crate) fn run(command: &mut Command, folder: &Path) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ran = command.current_dir(folder).stdin(Stdio::null()).output();
    let ran = ran.map_err(|error| Failure::failed(format!("could not run `{program}`")).because(&error))?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
    }
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stderr), String::from_utf8_lossy(&ran.stdout));
    Err(Failure::failed(format!("`{program}` failed ({}):\n{}", ran.status, said.trim_end())))
}

/// Whether a program answers to `--version` or the like.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    let ran = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}
