//! What a reviewer should not have to look for: clippy in both workspaces, heavy dependencies outside their crate, licences, words that
//! have no place in the tree.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Outcome;
use crate::licences;
use crate::process::{output, succeed};
use crate::terminal::{count, done};
use crate::workspace::Workspace;

/// A heavy dependency and the folders whose crates may name it.
const HEAVY: &[(&str, &[&str])] = &[
    ("rdkafka", &["host/kafka", "tests"]),
    ("wasmtime", &["host/transform"]),
    ("reqwest", &["host/gateway", "host/snowflake"]),
    ("jsonwebtoken", &["host/snowflake"]),
    ("axum", &["host/connect", "tests"]),
    ("opentelemetry", &["host/gateway"]),
    ("opentelemetry-otlp", &["host/gateway"]),
    ("opentelemetry-proto", &["tests/e2e"]),
    ("opentelemetry_sdk", &["host/gateway"]),
];

/// Words that are split here, so that this file does not hold them.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "finish it, or file an issue"),
    (concat!("FIX", "ME"), "finish it, or file an issue"),
    (concat!("unimplemented", "!("), "finish it"),
    (concat!("/root", "/"), "a path of one machine"),
    (concat!("/home", "/"), "a path of one machine"),
    (concat!("/work", "/"), "a path of one machine"),
];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    words(workspace)?;
    heavy(workspace)?;
    let packages = metadata(&mut workspace.cargo(), true)?.into_iter().chain(metadata(&mut workspace.guest_cargo(), true)?);
    licences::check(packages)?;
    let logs = workspace.scratch("logs");
    let strict = ["--all-targets", "--", "-D", "warnings"];
    let mut host = workspace.cargo();
    succeed("clippy", host.args(["clippy", "--locked", "--release", "--workspace"]).args(strict), &logs.join("clippy.log"))?;
    let mut guests = workspace.guest_cargo();
    succeed(
        "clippy on plugins",
        guests.args(["clippy", "--locked", "--release", "--workspace"]).args(strict),
        &logs.join("clippy-plugins.log"),
    )?;
    done("clippy", "host, tests, plugins: no warning");
    Ok(())
}

/// The packages of a workspace; with `all`, those it depends on too.
fn metadata(cargo: &mut std::process::Command, all: bool) -> Outcome<Vec<Value>> {
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    if !all {
        cargo.arg("--no-deps");
    }
    let mut metadata: Value =
        serde_json::from_str(&output(cargo)?).map_err(|error| format!("`cargo metadata` answered nonsense: {error}"))?;
    match metadata["packages"].take() {
        Value::Array(packages) => Ok(packages),
        _ => Err("`cargo metadata` names no packages".to_owned()),
    }
}

/// One heavy dependency, one crate.
fn heavy(workspace: &Workspace) -> Outcome {
    let mut strays = Vec::new();
    for package in metadata(&mut workspace.cargo(), false)? {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let place =
            Path::new(manifest).parent().and_then(|folder| folder.strip_prefix(workspace.root()).ok()).unwrap_or(Path::new(""));
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["name"].as_str().unwrap_or_default();
            let Some((_, homes)) = HEAVY.iter().find(|(heavy, _)| *heavy == name) else { continue };
            if !homes.iter().any(|home| place.starts_with(home)) {
                strays.push(format!("  {} names {name}, which belongs to {}", place.display(), homes.join(" and ")));
            }
        }
    }
    if strays.is_empty() {
        done("dependencies", "one heavy dependency, one crate");
        return Ok(());
    }
    Err(format!("a heavy dependency outside its crate:\n{}", strays.join("\n")))
}

/// Forbidden words in any file that git holds or would hold.
fn words(workspace: &Workspace) -> Outcome {
    let mut git = std::process::Command::new("git");
    git.current_dir(workspace.root()).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let Ok(files) = output(&mut git) else {
        crate::terminal::skipped("words", "this is not a git checkout");
        return Ok(());
    };
    let mut found = Vec::new();
    let mut looked = 0;
    for file in files.lines() {
        // Files that are not text, or gone from the folder, hold no words.
        let Ok(text) = fs::read_to_string(workspace.root().join(file)) else { continue };
        looked += 1;
        found.extend(forbidden(&text).map(|(line, word, why)| format!("  {file}:{line}: `{word}`: {why}")));
    }
    if found.is_empty() {
        done("words", format_args!("{} looked through", count(looked, "file")));
        return Ok(());
    }
    Err(format!("words that have no place here:\n{}", found.join("\n")))
}

fn forbidden(text: &str) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    let lines = text.lines().enumerate();
    lines.flat_map(|(number, line)| {
        FORBIDDEN.iter().filter(|(word, _)| line.contains(word)).map(move |(word, why)| (number + 1, *word, *why))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_word_is_found_in_its_line() {
        let text = format!("fine\n// {}: later\n", FORBIDDEN[0].0);
        assert_eq!(forbidden(&text).map(|(line, ..)| line).collect::<Vec<_>>(), [2]);
        assert_eq!(forbidden("nothing\nto see").count(), 0);
    }

    #[test]
    fn this_file_passes_its_own_check() {
        assert_eq!(forbidden(include_str!("lint.rs")).count(), 0);
    }
}
