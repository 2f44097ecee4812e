//! JavaScript by componentize-qjs: QuickJS with the project's modules in it, already loaded.
//!
//! npm installs the version that the project's `package-lock.json` names, into the project, when it is first built or the file was
//! changed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Missing, Toolchain, answers, run};
use crate::project::Project;
use crate::report::Failure;

const ENTRY: &str = "plugin.js";
const BUILD: &str = "build";
const LOCK: &str = "package-lock.json";
/// npm leaves it when it is done.
const INSTALLED: &str = "node_modules/.package-lock.json";
/// From the project. Run by node, for a file in `.bin` is a script of another kind on each system.
const COMPONENTIZE: &str = "node_modules/componentize-qjs/bin/componentize-qjs";

pub(crate) struct Js;

impl Toolchain for Js {
    fn missing(&self) -> Vec<Missing> {
        let install = "`apt-get install nodejs npm` on Debian and Ubuntu, or https://nodejs.org, version 18 or newer";
        let tools = [("node", "Node.js"), ("npm", "npm")];
        let missing = tools.into_iter().filter(|(program, _)| !answers(program, &["--version"]));
        missing.map(|(_, what)| Missing { what: what.to_owned(), install: install.to_owned() }).collect()
    }

    fn build(&self, project: &Project) -> Result<PathBuf, Failure> {
        let folder = &project.folder;
        let changed = |file: &str| fs::metadata(folder.join(file)).and_then(|metadata| metadata.modified()).ok();
        if changed(INSTALLED).is_none() || changed(INSTALLED) < changed(LOCK) {
            run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]), folder)?;
        }
        let component = folder.join(BUILD).join("component.wasm");
        fs::create_dir_all(folder.join(BUILD))
            .and_then(|()| if component.exists() { fs::remove_file(&component) } else { Ok(()) })
            .map_err(|error| Failure::failed(format!("could not write `{}`", component.display())).because(&error))?;
        let mut node = Command::new("node");
        node.args([COMPONENTIZE, "--wit", "wit", "--world", "plugin", "--js", ENTRY, "--module-root", "."]);
        // No part of WASI is there, and no call waits for another.
        node.args(["--stub-wasi", "--sync", "--output", &format!("{BUILD}/component.wasm")]);
        let said = run(&mut node, folder)?;
        if component.exists() {
            return Ok(component);
        }
        Err(Failure::input(format!("`{}` makes no plugin:\n{}", folder.join(ENTRY).display(), said.trim_end()))
            .hint("a module runs when it is built, and QuickJS has neither TextDecoder nor anything of Node.js"))
    }
}
