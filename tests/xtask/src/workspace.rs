//! Where things are: the sources, what cargo builds, and the caches.
//!
//! Everything built goes below cargo's target folder (`CARGO_TARGET_DIR` is honoured), so that `cargo clean` takes it all. What is
//! fetched from outside and does not belong to one checkout goes to `~/.cache/snowgate`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Outcome;
use crate::process::output;

pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Outcome<Workspace> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root
            .canonicalize()
            .map_err(|error| format!("the sources are not where this was built (`{}`): {error}", root.display()))?;
        let metadata = output(cargo(&root).args(["metadata", "--format-version", "1", "--no-deps"]))?;
        let metadata: Value =
            serde_json::from_str(&metadata).map_err(|error| format!("`cargo metadata` answered nonsense: {error}"))?;
        let target = metadata["target_directory"].as_str().ok_or("`cargo metadata` names no target folder")?.into();
        Ok(Workspace { root, target })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The guest workspace's sources.
    pub(crate) fn plugin_sources(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// Where built plugins lie.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// Where the guest workspace is built; its own folder, because its profile and target are not the host's.
    pub(crate) fn guests(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// A folder for what a command leaves behind: logs, configurations.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }

    /// A program that `build` has built.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// `cargo`, in the root.
    pub(crate) fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// `cargo`, in the guest workspace.
    pub(crate) fn guest_cargo(&self) -> Command {
        let mut command = cargo(&self.plugin_sources());
        command.env("CARGO_TARGET_DIR", self.guests());
        command
    }
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

/// `~/.cache/snowgate`, or where `XDG_CACHE_HOME` says.
pub(crate) fn cache() -> Outcome<PathBuf> {
    let base = match (env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()), env::var_os("HOME")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(home)) => Path::new(&home).join(".cache"),
        (None, None) => return Err("neither HOME nor XDG_CACHE_HOME says where caches go".to_owned()),
    };
    Ok(base.join("snowgate"))
}

/// An empty folder: what was there before is gone.
pub(crate) fn fresh_folder(folder: &Path) -> Outcome {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| format!("could not empty `{}`: {error}", folder.display()))?;
    }
    make_folder(folder)
}

pub(crate) fn make_folder(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|error| format!("could not make `{}`: {error}", folder.display()))
}

pub(crate) fn write_file(file: &Path, text: &str) -> Outcome {
    std::fs::write(file, text).map_err(|error| format!("could not write `{}`: {error}", file.display()))
}
