//! What plugins in C, JavaScript and Python are built with: installed where this machine lets us, named where it does not.
//!
//! C's compiler comes from apt, for root alone. What npm fetches it keeps in its own cache. componentize-py gets an environment in the
//! cache folder.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, iter};

use crate::Outcome;
use crate::process::{is_installed, succeed};
use crate::python::Requirements;
use crate::workspace::Workspace;

/// A language that has to have its tools fetched.
pub(crate) struct Language {
    pub(crate) label: &'static str,
    /// Its tests have this in their names.
    pub(crate) tests: &'static str,
}

const C: Language = Language { label: "plugins in C", tests: "in_c" };
const JS: Language = Language { label: "plugins in JavaScript", tests: "in_js" };
const PYTHON: Language = Language { label: "plugins in Python", tests: "in_python" };

pub(crate) struct Tools {
    /// The search path with what was installed.
    pub(crate) path: OsString,
    /// Languages that cannot be built here, and why.
    pub(crate) missing: Vec<(Language, String)>,
}

pub(crate) fn install(workspace: &Workspace) -> Outcome<Tools> {
    let mut missing = Vec::new();
    if let Err(why) = clang(workspace) {
        missing.push((C, why));
    }
    if !is_installed("node") || !is_installed("npm") {
        missing.push((JS, "there is no `node` or no `npm` (on Debian or Ubuntu `sudo apt-get install nodejs npm`)".to_owned()));
    }
    let mut path = env::var_os("PATH").unwrap_or_default();
    match componentize_py(workspace) {
        Ok(programs) => {
            path = env::join_paths(iter::once(programs).chain(env::split_paths(&path)))
                .map_err(|error| format!("the cache folder cannot be in the PATH: {error}"))?;
        }
        Err(why) => missing.push((PYTHON, why)),
    }
    Ok(Tools { path, missing })
}

/// The folder with componentize-py, of the version that the template names.
fn componentize_py(workspace: &Workspace) -> Outcome<PathBuf> {
    if !is_installed("python3") {
        return Err("there is no `python3` (on Debian or Ubuntu `sudo apt-get install python3-venv`)".to_owned());
    }
    let file = workspace.plugin_sources().join("templates/python/requirements.txt");
    Requirements::read(file)?.programs("plugins-python")
}

/// Installs clang and its linker, if they are not there and we may.
fn clang(workspace: &Workspace) -> Outcome {
    if links_wasm() {
        return Ok(());
    }
    let packages = ["clang", "lld"];
    // SAFETY: it has no conditions.
    let root = unsafe { libc::geteuid() } == 0;
    if !root || !is_installed("apt-get") {
        return Err(format!("there is no clang with wasm-ld (on Debian or Ubuntu `sudo apt-get install {}`)", packages.join(" ")));
    }
    let log = workspace.scratch("logs").join("apt.log");
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(["-q", "-y"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        succeed("installing clang", &mut apt, &log)
    };
    apt(&["update"])?;
    apt(&[&["install", "--no-install-recommends"][..], &packages].concat())?;
    if links_wasm() { Ok(()) } else { Err(format!("{} were installed, and cannot link WebAssembly", packages.join(" and "))) }
}

/// Whether some clang finds its linker for WebAssembly, as `snowgate plugin build` looks for it.
fn links_wasm() -> bool {
    let names = iter::once("clang".to_owned()).chain((14..=21).rev().map(|version| format!("clang-{version}")));
    let mut linkers = names.filter(|name| is_installed(name)).filter_map(|name| {
        let said = Command::new(name).arg("-print-prog-name=wasm-ld").stdin(Stdio::null()).output().ok()?;
        Some(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    });
    linkers.any(|linker| Command::new(linker).arg("--version").stdin(Stdio::null()).output().is_ok_and(|ran| ran.status.success()))
}
