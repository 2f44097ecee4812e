//! Makes sure that the compiler in use can build plugins: the target wasm32-unknown-unknown with its standard library.
//!
//! Three ways, in order, and each is tried by compiling something that needs std: it is there already; rustup adds it; or the standard
//! library is built from the toolchain's own source (component rust-src) and laid into its sysroot. Files laid by the third way are
//! noted in a list, and taken back before the second way is tried again: two copies of std in one sysroot are an error to rustc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::process::{is_installed, logged, output};
use crate::terminal::done;
use crate::workspace::{Workspace, fresh_folder, make_folder, write_file};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Uses std, alloc and the linker: what a plugin needs at the least.
const PROBE: &str = r#"
#[unsafe(no_mangle)]
pub extern "C" fn probe(n: usize) -> usize {
    (0..n).map(|i| i.to_string()).collect::<Vec<_>>().iter().map(|text| text.len()).sum()
}
"#;

pub(crate) fn ensure(workspace: &Workspace) -> Outcome {
    let target = Target::of(workspace)?;
    if target.works() {
        done("wasm target", format_args!("{TARGET} is there"));
        return Ok(());
    }
    target.take_back()?;
    let rustup = target.add_by_rustup();
    if target.works() {
        done("wasm target", format_args!("{TARGET} by rustup"));
        return Ok(());
    }
    let refused = rustup.err().unwrap_or_else(|| "it was added, but does not work".to_owned());
    target.build_from_source().map_err(|source| {
        format!(
            "the compiler has no target {TARGET}, which plugins are built for.\n  by rustup: {refused}\n  from source: {source}\n\n\
             hint: `rustup target add {TARGET}` where there is a network, then run this again"
        )
    })?;
    if target.works() {
        done("wasm target", format_args!("{TARGET}, its standard library built from source"));
        return Ok(());
    }
    target.take_back()?;
    Err(format!(
        "the standard library for {TARGET} was built, but nothing compiles with it; the log is in `{}`",
        target.scratch.display()
    ))
}

struct Target {
    root: PathBuf,
    scratch: PathBuf,
    sysroot: PathBuf,
}

impl Target {
    fn of(workspace: &Workspace) -> Outcome<Target> {
        let scratch = workspace.scratch("wasm-target");
        make_folder(&scratch)?;
        let sysroot = output(Command::new("rustc").current_dir(workspace.root()).args(["--print", "sysroot"]))?;
        Ok(Target { root: workspace.root().to_owned(), scratch, sysroot: sysroot.trim().into() })
    }

    fn rustlib(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(TARGET)
    }

    /// The list of files that `build_from_source` laid.
    fn list(&self) -> PathBuf {
        self.rustlib().join("built-by-snowgate-xtask")
    }

    fn works(&self) -> bool {
        let probe = self.scratch.join("probe.rs");
        let compile = || {
            write_file(&probe, PROBE)?;
            output(
                Command::new("rustc")
                    .current_dir(&self.root)
                    .args(["--target", TARGET, "--crate-type", "cdylib", "--edition", "2024", "-O", "-o"])
                    .arg(self.scratch.join("probe.wasm"))
                    .arg(&probe),
            )
        };
        compile().is_ok()
    }

    fn add_by_rustup(&self) -> Outcome {
        if !is_installed("rustup") {
            return Err("rustup is not installed".to_owned());
        }
        let log = self.scratch.join("rustup.log");
        let mut command = Command::new("rustup");
        command.current_dir(&self.root).args(["target", "add", TARGET]);
        if logged("adding the wasm target", &mut command, &log)?.success() {
            return Ok(());
        }
        let text = fs::read_to_string(&log).unwrap_or_default();
        Err(text.lines().find(|line| line.starts_with("error")).unwrap_or("it failed").to_owned())
    }

    /// As the Rust project builds std for a target, in one call of cargo: its crates marked as the compiler's own, with bitcode so that
    /// plugins can be optimised as a whole.
    fn build_from_source(&self) -> Outcome {
        let source = self.sysroot.join("lib/rustlib/src/rust/library");
        if !source.join("sysroot/Cargo.toml").is_file() {
            let mut component = Command::new("rustup");
            component.current_dir(&self.root).args(["component", "add", "rust-src"]);
            let added = logged("fetching rust-src", &mut component, &self.scratch.join("rust-src.log"));
            if !added.is_ok_and(|status| status.success()) || !source.join("sysroot/Cargo.toml").is_file() {
                return Err("the toolchain has no rust-src, and rustup could not add it".to_owned());
            }
        }
        let build = self.scratch.join("std");
        fresh_folder(&build)?;
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&source)
            .args(["build", "--locked", "--release", "--target", TARGET, "-p", "sysroot", "--manifest-path", "sysroot/Cargo.toml"])
            .env("RUSTC_BOOTSTRAP", "1")
            .env("__CARGO_DEFAULT_LIB_METADATA", "stablestd")
            .env("RUSTFLAGS", "-Zforce-unstable-if-unmarked -Cembed-bitcode=yes")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_TARGET_DIR", &build)
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET");
        let log = self.scratch.join("std.log");
        if !logged("building the wasm standard library", &mut cargo, &log)?.success() {
            return Err(format!("std did not build, see `{}`", log.display()));
        }
        self.lay(&build.join(TARGET).join("release/deps"))
    }

    fn lay(&self, built: &Path) -> Outcome {
        let folder = self.rustlib().join("lib");
        let failed = |error| format!("could not lay std into `{}`: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut laid = Vec::new();
        for entry in fs::read_dir(built).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".rlib") && !name.starts_with("libsysroot-") {
                laid.push(name.clone());
                // Before the files themselves, so that they can always be taken back.
                write_file(&self.list(), &laid.join("\n"))?;
                fs::copy(&path, folder.join(name)).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Removes exactly what `lay` laid.
    fn take_back(&self) -> Outcome {
        let Ok(list) = fs::read_to_string(self.list()) else { return Ok(()) };
        for name in list.lines() {
            let file = self.rustlib().join("lib").join(name);
            if file.is_file() {
                fs::remove_file(&file).map_err(|error| format!("could not remove `{}`: {error}", file.display()))?;
            }
        }
        fs::remove_file(self.list()).map_err(|error| format!("could not remove `{}`: {error}", self.list().display()))
    }
}
