//! What a new project is made of: a template, the language's SDK and the plugin interface, all out of this program.
//!
//! The project stands on its own: the SDK lies in `snowgate/`, the interface in `wit/`, and nothing points outside.

use std::collections::BTreeMap;

use crate::project::Language;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Stands for the project's name in templates.
const NAME: &str = "my-plugin";

/// The files of a new project, each with its path in it.
pub(crate) fn project(language: Language, name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (path, bytes) in below(&format!("plugins/templates/{}/", language.as_str())) {
        // Git takes a `.gitignore` of the sources for its own.
        let path = if path == "gitignore" { ".gitignore" } else { path };
        files.insert(path.to_owned(), named(bytes, name));
    }
    // The versions before this one, in folders of their own, are for gateways.
    for (path, bytes) in below("wit/").filter(|(path, _)| !path.contains('/')) {
        files.insert(format!("wit/{path}"), bytes.to_vec());
    }
    let sdk = match language {
        Language::Rust => "plugins/sdk/",
        Language::C => "plugins/sdk-c/",
        Language::Js => "plugins/sdk-js/",
        Language::Python => "plugins/sdk-python/",
    };
    for (path, bytes) in below(sdk) {
        files.insert(format!("snowgate/sdk/{path}"), bytes.to_vec());
    }
    if language == Language::Rust {
        let manifest = alone(&text("plugins/sdk/Cargo.toml"), &text("plugins/Cargo.toml"));
        files.insert("snowgate/sdk/Cargo.toml".to_owned(), manifest.into_bytes());
        files.insert("Cargo.lock".to_owned(), text("plugins/Cargo.lock").into_bytes());
        files.insert(".cargo/config.toml".to_owned(), text("plugins/.cargo/config.toml").into_bytes());
    }
    files
}

fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(folder)?, *bytes)))
}

fn text(path: &str) -> String {
    let (_, bytes) = FILES.iter().find(|(known, _)| *known == path).expect("build.rs put it in");
    String::from_utf8_lossy(bytes).into_owned()
}

fn named(bytes: &[u8], name: &str) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace(NAME, name).replace(&NAME.replace('-', "_"), &name.replace('-', "_")).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

/// A crate's manifest without what it inherits from its workspace.
fn alone(manifest: &str, workspace: &str) -> String {
    let mut manifest: toml::Table = manifest.parse().expect("our own manifest");
    let workspace: toml::Table = workspace.parse().expect("our own manifest");
    let workspace = workspace["workspace"].as_table().expect("a workspace's manifest");
    // How we lint is our business.
    manifest.remove("lints");
    inherit(&mut manifest, workspace);
    toml::to_string(&manifest).expect("a table is TOML")
}

/// Puts what `KEY.workspace = true` means in its place, at any depth: something about the package, or a dependency.
fn inherit(table: &mut toml::Table, workspace: &toml::Table) {
    for (key, value) in table.iter_mut() {
        let Some(inner) = value.as_table_mut() else { continue };
        if inner.remove("workspace").is_none() {
            inherit(inner, workspace);
            continue;
        }
        let meant = workspace["package"].get(key).or(workspace["dependencies"].get(key)).expect("the workspace has it").clone();
        if inner.is_empty() {
            *value = meant;
            continue;
        }
        // Features are added to those that all members have.
        let mut all = match meant {
            toml::Value::Table(table) => table,
            version => toml::Table::from_iter([("version".to_owned(), version)]),
        };
        for (name, more) in std::mem::take(inner) {
            match (all.get_mut(&name).and_then(toml::Value::as_array_mut), more) {
                (Some(there), toml::Value::Array(more)) => there.extend(more),
                (_, more) => drop(all.insert(name, more)),
            }
        }
        *inner = all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_project_stands_alone_under_its_own_name() {
        let files = project(Language::Rust, "mask-cards");
        let text = |path: &str| String::from_utf8(files[path].clone()).unwrap();
        let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("mask-cards"));
        assert!(text("snowgate-plugin.toml").contains("name = \"mask-cards\""));
        let sdk: toml::Table = text("snowgate/sdk/Cargo.toml").parse().unwrap();
        assert_eq!(sdk["package"]["name"].as_str(), Some("snowgate-plugin"));
        assert!(!text("snowgate/sdk/Cargo.toml").contains("workspace"), "it inherits from nobody");
        for path in [".gitignore", ".cargo/config.toml", "Cargo.lock", "wit/world.wit", "snowgate/sdk/src/lib.rs", "src/lib.rs"] {
            assert!(files.contains_key(path), "`{path}` is missing");
        }
    }

    #[test]
    fn the_template_depends_on_what_the_sdk_depends_on() {
        let files = project(Language::Rust, "a");
        let read = |path: &str| -> toml::Table { String::from_utf8(files[path].clone()).unwrap().parse().unwrap() };
        let (project, sdk) = (read("Cargo.toml"), read("snowgate/sdk/Cargo.toml"));
        for name in ["schemars", "serde"] {
            assert_eq!(project["dependencies"][name], sdk["dependencies"][name], "the two versions of {name}");
        }
    }
}
