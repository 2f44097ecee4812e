//! A plugin's folder, known by its `snowgate-plugin.toml`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::report::Failure;

/// The file that makes a folder a plugin's project.
pub(crate) const MANIFEST: &str = "snowgate-plugin.toml";

/// As written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    language: Language,
    #[serde(default)]
    stateful: bool,
}

/// What a plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    Rust,
    C,
    Js,
    Python,
}

#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
    /// The component is called `NAME.wasm`.
    pub(crate) name: String,
    pub(crate) language: Language,
    /// Its answers may follow from records before, so that runs are only compared from the start.
    pub(crate) stateful: bool,
}

/// What an author names on the command line.
#[derive(Debug)]
pub(crate) enum Target {
    Project(Project),
    /// A component, with the folder whose `tests/` are meant.
    Component {
        file: PathBuf,
        folder: PathBuf,
    },
}

impl Language {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::C => "c",
            Language::Js => "js",
            Language::Python => "python",
        }
    }
}

impl Project {
    pub(crate) fn open(folder: &Path) -> Result<Project, Failure> {
        let file = folder.join(MANIFEST);
        let shown = file.display();
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Failure::input(format!("`{}` is no plugin's project: there is no `{MANIFEST}`", folder.display()))
                    .hint("`snowgate plugin new NAME --lang rust` makes one")
            }
            _ => Failure::input(format!("could not read `{shown}`")).because(&error),
        })?;
        let manifest: Manifest = toml::from_str(&text).map_err(|error| {
            Failure::input(format!("`{shown}` is wrong")).because(&error).hint("it holds `name`, `language` and perhaps `stateful`")
        })?;
        check_name(&manifest.name)?;
        let Manifest { name, language, stateful } = manifest;
        Ok(Project { folder: folder.to_owned(), name, language, stateful })
    }

    /// Where `build` leaves the component.
    pub(crate) fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }
}

impl Target {
    /// A folder is a project, a file a component.
    pub(crate) fn of(path: &Path) -> Result<Target, Failure> {
        if path.is_file() {
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            return Ok(Target::Component { file: path.to_owned(), folder });
        }
        Project::open(path).map(Target::Project)
    }
}

/// Names become file names, crate names and labels.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let fits = letters && name.len() <= 64 && name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.ends_with('-');
    if fits {
        return Ok(());
    }
    Err(Failure::input(format!("`{name}` cannot name a plugin"))
        .hint("a name has small letters, digits and `-`, begins with a letter and has at most 64 of them, such as `mask-cards`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(manifest: &str) -> Result<Project, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MANIFEST), manifest).unwrap();
        Project::open(folder.path()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_project_says_its_name_and_language() {
        let project = open("name = \"mask-cards\"\nlanguage = \"js\"\n").unwrap();
        assert_eq!((project.name.as_str(), project.language, project.stateful), ("mask-cards", Language::Js, false));
        assert!(project.component().ends_with("mask-cards.wasm"));
    }

    #[test]
    fn a_folder_without_a_manifest_is_told_how_to_get_one() {
        let folder = tempfile::tempdir().unwrap();
        let text = Project::open(folder.path()).unwrap_err().to_string();
        assert!(text.contains("is no plugin's project") && text.contains("snowgate plugin new"), "{text}");
    }

    #[test]
    fn a_wrong_manifest_is_told_where() {
        let text = open("name = \"a\"\nlangauge = \"rust\"\n").unwrap_err();
        assert!(text.contains("langauge") && text.contains("hint:"), "{text}");
        assert!(open("name = \"a\"\nlanguage = \"cobol\"\n").unwrap_err().contains("cobol"));
    }

    #[test]
    fn names_fit_wherever_they_go() {
        for good in ["a", "mask-cards", "v2-rows"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "2a", "a_b", "a/b", "..", "a-", "é", &"a".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
