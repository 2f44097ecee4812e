//! `snowgate plugin build`: a project's component, checked.

use std::fs;
use std::path::{Path, PathBuf};

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
    place(&built, &file)
        .map_err(|error| Failure::failed(format!("could not put `{}` into place", file.display())).because(&error))?;
    Ok(inspection)
}

/// In one move, so that a gateway that watches the file never reads half of it.
fn place(built: &Path, file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A file of our own: one that lies there may be a link to somewhere else. It goes where this fails.
    let mut half = tempfile::Builder::new().prefix(".").suffix(".wasm.new").tempfile_in(folder)?;
    std::io::copy(&mut fs::File::open(built)?, &mut half)?;
    #[cfg(unix)]
    fs::set_permissions(half.path(), fs::metadata(built)?.permissions())?;
    half.persist(file).map_err(|error| error.error)?;
    Ok(())
}

pub(crate) fn summary(inspection: &Inspection) -> String {
    let Inspection { name, version, package, capabilities, .. } = inspection;
    let may: Vec<&str> = capabilities.iter().map(|capability| capability.as_str()).collect();
    let may = if may.is_empty() { "nothing".to_owned() } else { may.join(", ") };
    format!("{name} {version}, {package}, imports {may}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_gets_to_its_place_and_to_no_other_or_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("built"), "component").unwrap();
        fs::write(at("elsewhere"), "kept").unwrap();
        for link in ["p.wasm", "p.wasm.new"] {
            std::os::unix::fs::symlink("elsewhere", at(link)).unwrap();
        }
        place(&at("built"), &at("p.wasm")).unwrap();
        assert!(fs::symlink_metadata(at("p.wasm")).unwrap().is_file());
        assert_eq!(
            (fs::read(at("p.wasm")).unwrap(), fs::read(at("elsewhere")).unwrap()),
            (b"component".to_vec(), b"kept".to_vec())
        );
        // A folder cannot be replaced by a file.
        fs::create_dir(at("q.wasm")).unwrap();
        place(&at("built"), &at("q.wasm")).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
    }
}
