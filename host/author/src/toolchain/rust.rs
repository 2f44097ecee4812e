//! Rust by cargo, for a target whose components import what the interface names and nothing else.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{Missing, Toolchain, answers, run};
use crate::project::Project;
use crate::report::Failure;

const TARGET: &str = "wasm32-unknown-unknown";

pub(crate) struct Rust;

impl Toolchain for Rust {
    fn missing(&self) -> Vec<Missing> {
        if !answers("cargo", &["--version"]) {
            return vec![Missing { what: "Rust".into(), install: "https://rustup.rs".into() }];
        }
        // What the compiler says of a target does not tell whether its library is there; its folder does.
        let library = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
        let there = library.is_ok_and(|out| PathBuf::from(String::from_utf8_lossy(&out.stdout).trim()).is_dir());
        if there {
            Vec::new()
        } else {
            vec![Missing { what: format!("Rust's target {TARGET}"), install: format!("rustup target add {TARGET}") }]
        }
    }

    fn build(&self, project: &Project) -> Result<PathBuf, Failure> {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
        let messages = run(&mut cargo, &project.folder)?;
        let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut built = artifacts.filter(|message| message["reason"] == "compiler-artifact").filter_map(|message| {
            let files = message["filenames"].as_array()?;
            files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
        });
        // Of all that was built the project's own library comes last.
        built.next_back().ok_or_else(|| {
            Failure::input(format!("cargo built no component of `{}`", project.folder.display()))
                .hint("its `Cargo.toml` wants `[lib]` with `crate-type = [\"cdylib\"]`")
        })
    }
}
