//! `snowgate plugin new`: a project that builds and passes its tests before anybody sees it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::project::{self, Language, Project};
use crate::report::{self, Failure, counted, done, say, size};
use crate::staging::Staging;
use crate::{build, embedded, shown, test, toolchain};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it is called: small letters, digits and `-`
    name: String,

    /// What it is written in
    #[arg(long, value_enum)]
    lang: Language,

    /// Where to make it; by default the folder NAME
    #[arg(long)]
    folder: Option<PathBuf>,

    /// Print one JSON object: `folder`, `component`, `bytes`, `sha256`, `cases`
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args) -> Result<(), Failure> {
    project::check_name(&args.name)?;
    let folder = args.folder.clone().unwrap_or_else(|| args.name.clone().into());
    if folder.symlink_metadata().is_ok() {
        return Err(
            Failure::input(format!("`{}` exists", folder.display())).hint("take another name, or say where with `--folder`")
        );
    }
    toolchain::check(toolchain::of(args.lang))?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unmade =
        |error: std::io::Error| Failure::input(format!("could not make a folder in `{}`", parent.display())).because(&error);
    let staging = Staging::new(parent, &args.name).map_err(unmade)?;
    write(staging.folder(), args.lang, &args.name).map_err(unmade)?;
    let made = Project::open(staging.folder())?;
    let built = build::build(&made, &shown::engine(false)?)?;
    let outcomes = test::run_all(&made)?;
    if outcomes.iter().any(|outcome| !outcome.problems.is_empty()) {
        test::show(&outcomes, false);
        return Err(Failure::failed("the template does not pass its own tests, so nothing was made"));
    }
    staging.move_to(&folder).map_err(unmade)?;

    let component = folder.join(format!("{}.wasm", args.name));
    if args.json {
        report::json(&json!({
            "folder": folder, "component": component, "bytes": built.bytes, "sha256": built.digest, "cases": outcomes.len(),
        }));
        return Ok(());
    }
    done("made", format_args!("{}/", folder.display()));
    done("built", format_args!("{} ({})", component.display(), size(built.bytes)));
    done("tested", counted(outcomes.len(), "case"));
    say(format_args!(
        "\n  cd {}\n  snowgate plugin test      # after each change\n  snowgate plugin inspect   # what it is and may do",
        folder.display()
    ));
    Ok(())
}

fn write(folder: &Path, language: Language, name: &str) -> std::io::Result<()> {
    for (path, bytes) in embedded::project(language, name) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().expect("a file is in a folder"))?;
        fs::write(file, bytes)?;
    }
    Ok(())
}
