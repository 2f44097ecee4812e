//! How each language's tools make a component of a project.

mod c;
mod js;
mod python;
mod rust;

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

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

/// The tool that is at work. There is one at a time.
static TOOL: Mutex<Option<Child>> = Mutex::new(None);

/// Runs a program in a folder to its end. A failure shows what it wrote.
pub(crate) fn run(command: &mut Command, folder: &Path) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let command = command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (status, out, err) =
        finish(command).map_err(|error| Failure::failed(format!("could not run `{program}`")).because(&error))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&out).into_owned());
    }
    let said = format!("{}{}", String::from_utf8_lossy(&err), String::from_utf8_lossy(&out));
    Err(Failure::failed(format!("`{program}` failed ({status}):\n{}", said.trim_end())))
}

fn finish(command: &mut Command) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let mut tool = lock();
    let child = tool.insert(command.spawn()?);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    drop(tool);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        let other = scope.spawn(|| stderr.map_or(Ok(0), |mut stderr| stderr.read_to_end(&mut err)));
        stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut out))?;
        other.join().expect("reading does not panic")
    })?;
    // Who ends the tool holds the lock.
    let status = lock().take().expect("only this function takes it out").wait()?;
    Ok((status, out, err))
}

/// Ends the tool that is at work. As long as the answer is held none begins, and [`run`] does not return.
pub(crate) fn end() -> impl Sized {
    let mut tool = lock();
    if let Some(child) = tool.as_mut() {
        // One that cannot be ended has ended.
        let _ = child.kill().and_then(|()| child.wait());
    }
    tool
}

fn lock() -> MutexGuard<'static, Option<Child>> {
    TOOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a program answers to `--version` or the like.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    let ran = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}
