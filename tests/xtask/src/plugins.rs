//! Builds the guest workspace: plugins into `target/plugins/`, plugins that misbehave for tests into `target/plugins/fixtures/`.
//!
//! What counts as a plugin is what cargo says it built: every library of the guest workspace that became a `.wasm`; which of the two
//! folders it goes to is decided by where its sources lie.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Outcome;
use crate::process::output;
use crate::terminal::done;
use crate::wasm_target::{self, TARGET};
use crate::workspace::{Workspace, make_folder};

/// `cargo xtask plugins`.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    wasm_target::ensure(workspace)?;
    build(workspace)
}

/// Builds all plugins; the target must be there.
pub(crate) fn build(workspace: &Workspace) -> Outcome {
    let log = workspace.scratch("logs").join("plugins.log");
    let mut cargo = workspace.guest_cargo();
    crate::process::succeed(
        "building plugins",
        cargo.args(["build", "--locked", "--release", "--workspace", "--target", TARGET]),
        &log,
    )?;

    let folder = workspace.plugins();
    let fixtures = folder.join("fixtures");
    make_folder(&fixtures)?;
    let mut shown = Vec::new();
    for guest in guests(workspace)? {
        let built = workspace.guests().join(TARGET).join("release").join(&guest.file);
        let into = if guest.is_fixture { &fixtures } else { &folder };
        let size = copy(&built, &into.join(&guest.file))?;
        if !guest.is_fixture {
            shown.push(format!("{} ({} KB)", guest.file, size.div_ceil(1024)));
        }
    }
    done("plugins", shown.join(", "));
    Ok(())
}

struct Guest {
    file: String,
    is_fixture: bool,
}

/// The libraries of the guest workspace that become components.
fn guests(workspace: &Workspace) -> Outcome<Vec<Guest>> {
    let metadata = output(workspace.guest_cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("`cargo metadata` answered nonsense: {error}"))?;
    let fixtures = workspace.plugin_sources().join("fixtures");
    let mut guests = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let is_fixture = Path::new(package["manifest_path"].as_str().unwrap_or_default()).starts_with(&fixtures);
        for target in package["targets"].as_array().into_iter().flatten() {
            let kinds = target["crate_types"].as_array();
            if kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib")) {
                let name = target["name"].as_str().unwrap_or_default().replace('-', "_");
                guests.push(Guest { file: format!("{name}.wasm"), is_fixture });
            }
        }
    }
    guests.sort_by(|a, b| a.file.cmp(&b.file));
    if guests.is_empty() { Err("the guest workspace holds no plugin".to_owned()) } else { Ok(guests) }
}

fn copy(from: &Path, to: &PathBuf) -> Outcome<u64> {
    // In one move, so that a gateway that runs meanwhile never reads half a file.
    let half = to.with_extension("wasm.new");
    let failed = |error| format!("could not put `{}` into place: {error}", to.display());
    let size = fs::copy(from, &half).map_err(failed)?;
    fs::rename(&half, to).map_err(failed)?;
    Ok(size)
}
