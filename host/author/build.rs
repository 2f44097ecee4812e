//! Puts templates, SDKs and the plugin interface into the program: `FILES` holds each with its path from the root of the sources.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const FOLDERS: [&str; 2] = ["plugins/templates", "wit"];

/// Folders of `plugins/` that are SDKs.
const SDK: &str = "sdk";

const FILES: [&str; 3] = ["plugins/Cargo.toml", "plugins/Cargo.lock", "plugins/.cargo/config.toml"];

/// What tools leave behind.
const LEFT_BEHIND: [&str; 4] = ["target", "node_modules", "__pycache__", "build"];

fn main() {
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let root = root.canonicalize().expect("the sources are there");
    let mut found = FILES.map(str::to_owned).to_vec();
    FOLDERS.iter().for_each(|folder| collect(&root, folder, &mut found));
    for entry in fs::read_dir(root.join("plugins")).expect("the plugins are there").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == SDK || name.starts_with("sdk-") {
            collect(&root, &format!("plugins/{name}"), &mut found);
        }
    }
    found.sort();
    let mut code = "pub(crate) const FILES: &[(&str, &[u8])] = &[\n".to_owned();
    for file in found {
        println!("cargo::rerun-if-changed={}", root.join(&file).display());
        writeln!(code, "    ({file:?}, include_bytes!({:?})),", root.join(&file)).expect("a string takes all");
    }
    code += "];\n";
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("files.rs");
    fs::write(out, code).expect("cargo's folder can be written");
}

fn collect(root: &Path, folder: &str, found: &mut Vec<String>) {
    println!("cargo::rerun-if-changed={}", root.join(folder).display());
    for entry in fs::read_dir(root.join(folder)).expect("the folder can be read").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        match entry.file_type().expect("a folder's entry has a type").is_dir() {
            true if LEFT_BEHIND.contains(&name.as_str()) => {}
            true => collect(root, &path, found),
            false => found.push(path),
        }
    }
}
