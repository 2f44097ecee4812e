//! `snowgate plugin build`: a project's component, checked.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use snowgate_transform::{Engine, Inspection};

use crate::project::Project;
use crate::report::{self, Failure, done, say, size};
use crate::{shown, toolchain};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,

    /// Print one JSON object: `file`, `bytes`, `sha256`, `version`, `imports`
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args) -> Result<(), Failure> {
    let project = Project::open(&args.folder)?;
    let inspection = build(&project, &shown::engine(false)?)?;
    let file = project.component();
    if args.json {
        report::json(&json!({
            "file": file, "bytes": inspection.bytes, "sha256": inspection.digest, "version": inspection.version,
            "imports": inspection.imports,
        }));
        return Ok(());
    }
    done("build", format_args!("{} ({})", file.display(), size(inspection.bytes)));
    done("fits", summary(&inspection));
    say(format_args!("\n  sha256 {}", inspection.digest));
    Ok(())
}

/// Builds the project, checks what came out and puts it where [`Project::component`] says.
pub(crate) fn build(project: &Project, engine: &Engine) -> Result<Inspection, Failure> {
    let toolchain = toolchain::of(project.language);
    toolchain::check(toolchain)?;
    let built = toolchain.build(project)?;
    let inspection = snowgate_transform::inspect(engine, &built).map_err(|error| Failure::of_plugin(&error))?;
    let file = project.component();
    // In one move, so that a gateway that watches the file never reads half of it.
    let half = file.with_extension("wasm.new");
    let placed = fs::copy(&built, &half).and_then(|_| fs::rename(&half, &file));
    placed.map_err(|error| Failure::failed(format!("could not put `{}` into place", file.display())).because(&error))?;
    Ok(inspection)
}

pub(crate) fn summary(inspection: &Inspection) -> String {
    let Inspection { name, version, package, capabilities, .. } = inspection;
    let may: Vec<&str> = capabilities.iter().map(|capability| capability.as_str()).collect();
    let may = if may.is_empty() { "nothing".to_owned() } else { may.join(", ") };
    format!("{name} {version}, {package}, imports {may}")
}
