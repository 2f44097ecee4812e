//! C by clang, freestanding: the SDK brings the few functions of C's library that it takes, so nothing of WASI comes in.
//!
//! clang and its linker leave a core module. What makes it a component, the interface's types around it, is done here, from the
//! project's own `wit/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{Missing, Toolchain, answers, run};
use crate::project::Project;
use crate::report::Failure;

/// Debian and Ubuntu install one clang beside another. The plain name first, for that is what its owner chose.
const NAMES: [&str; 9] = ["clang", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14"];

const FLAGS: &str = "--target=wasm32-unknown-unknown -std=c17 -O3 -flto -mbulk-memory -msign-ext -mnontrapping-fptoint -msimd128 \
                     -Wall -Wextra -nostdlib -Wl,--no-entry -Wl,--stack-first";

const SDK: &str = "snowgate/sdk";
const BUILD: &str = "build";

const WORLD: &str = "plugin";

pub(crate) struct C;

impl Toolchain for C {
    fn missing(&self) -> Vec<Missing> {
        if clang().is_some() {
            return Vec::new();
        }
        let install = "`apt-get install clang lld` on Debian and Ubuntu, `brew install llvm lld` on macOS";
        vec![Missing { what: "a clang that links WebAssembly".to_owned(), install: install.to_owned() }]
    }

    fn build(&self, project: &Project) -> Result<PathBuf, Failure> {
        let folder = &project.folder;
        let mut sources = c_files(folder, "")?;
        if sources.is_empty() {
            return Err(Failure::input(format!("`{}` has no `.c` file", folder.display())));
        }
        for part in [SDK.to_owned(), format!("{SDK}/generated")] {
            sources.extend(c_files(folder, &format!("{part}/"))?);
        }
        let build = folder.join(BUILD);
        fs::create_dir_all(&build).map_err(|error| unwritten(&build, &error))?;
        let clang = clang().expect("nothing is missing");
        let mut clang = Command::new(clang);
        clang.args(FLAGS.split_whitespace()).args([format!("-I{SDK}/include"), format!("-I{SDK}")]);
        clang.args(sources).args(["-o", &format!("{BUILD}/core.wasm")]);
        run(&mut clang, folder)?;

        let module = build.join("core.wasm");
        let mut bytes =
            fs::read(&module).map_err(|error| Failure::failed(format!("could not read `{}`", module.display())).because(&error))?;
        let component = build.join("component.wasm");
        let encoded = component_of(&mut bytes, &folder.join("wit"));
        let encoded = encoded.map_err(|error| Failure::input(format!("`{}` makes no plugin:\n{error:#}", folder.display())))?;
        fs::write(&component, encoded).map_err(|error| unwritten(&component, &error))?;
        Ok(component)
    }
}

/// The component of a core module that was built over the bindings of `wit`.
fn component_of(module: &mut Vec<u8>, wit: &Path) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().validate(true).module(module)?.encode()
}

/// The first clang that knows the target and has a linker for it.
fn clang() -> Option<&'static str> {
    NAMES.into_iter().find(|clang| {
        let said = |argument: &str| {
            let ran = Command::new(clang).arg(argument).output().ok()?;
            Some(String::from_utf8_lossy(&ran.stdout).into_owned())
        };
        let knows = said("--print-targets").is_some_and(|targets| targets.contains("wasm32"));
        // A bare name is the answer where it found none in its own folders; then the search path decides.
        knows && said("-print-prog-name=wasm-ld").is_some_and(|linker| answers(linker.trim(), &["--version"]))
    })
}

/// The C files of a folder of the project, in order of their names, as the compiler is to find them from the project: none of them
/// is an option to it, whatever it is called.
fn c_files(project: &Path, part: &str) -> Result<Vec<String>, Failure> {
    let folder = project.join(part);
    let entries = fs::read_dir(&folder).map_err(|error| {
        Failure::input(format!("could not look into `{}`", folder.display()))
            .because(&error)
            .hint("a project of C has its SDK in `snowgate/sdk`, as `snowgate plugin new` puts it there")
    })?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut files: Vec<_> = names.filter(|name| name.ends_with(".c")).map(|name| format!("./{part}{name}")).collect();
    files.sort();
    Ok(files)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("could not write `{}`", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_an_option_to_the_compiler() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.c", "-fplugin=a.c", "@a.c", "notes.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(c_files(folder.path(), "").unwrap(), ["./-fplugin=a.c", "./@a.c", "./b.c"]);
    }
}
