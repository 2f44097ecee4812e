//! Python environments in the cache folder, one for each requirements file, made anew when the file changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::process::succeed;
use crate::workspace::{cache, fresh_folder, make_folder, write_file};

/// What a requirements file asks for.
pub(crate) struct Requirements {
    /// The middle of `requirements-NAME.txt`.
    pub(crate) name: String,
    file: PathBuf,
    text: String,
}

impl Requirements {
    /// Those of a folder, in order of their names.
    pub(crate) fn all_in(folder: &Path) -> Outcome<Vec<Requirements>> {
        let entries = fs::read_dir(folder).map_err(|error| format!("could not look into `{}`: {error}", folder.display()))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|file| name_of(file).is_some()).collect();
        files.sort();
        if files.is_empty() {
            return Err(format!("`{}` holds no requirements", folder.display()));
        }
        files.into_iter().map(Requirements::read).collect()
    }

    pub(crate) fn read(file: PathBuf) -> Outcome<Requirements> {
        let name = name_of(&file).unwrap_or_default().to_owned();
        let text = fs::read_to_string(&file).map_err(|error| format!("could not read `{}`: {error}", file.display()))?;
        Ok(Requirements { name, file, text })
    }

    /// The package that is being tried, the first one named.
    pub(crate) fn package(&self) -> String {
        self.text.lines().find(|line| line.contains("==")).unwrap_or_default().replace("==", " ")
    }

    /// The folder of its programs; made if it is not there or was made from other requirements.
    pub(crate) fn programs(&self, environment: &str) -> Outcome<PathBuf> {
        let folder = cache()?.join(environment);
        let (programs, made_from) = (folder.join("bin"), folder.join("made-from.txt"));
        if fs::read_to_string(&made_from).is_ok_and(|text| text == self.text) && programs.join("python").is_file() {
            return Ok(programs);
        }
        fresh_folder(&folder)?;
        let logs = cache()?.join("logs");
        make_folder(&logs)?;
        let log = logs.join(format!("{environment}.log"));
        let hint = "hint: on Debian or Ubuntu `sudo apt-get install python3-venv`";
        let mut make = Command::new("python3");
        succeed("making a Python environment", make.args(["-m", "venv"]).arg(&folder), &log)
            .map_err(|problem| format!("{problem}\n\n{hint}"))?;
        let mut install = Command::new(programs.join("python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&self.file);
        succeed(&format!("installing {}", self.package()), &mut install, &log)?;
        write_file(&made_from, &self.text)?;
        Ok(programs)
    }
}

fn name_of(file: &Path) -> Option<&str> {
    file.file_name()?.to_str()?.strip_prefix("requirements-")?.strip_suffix(".txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirements_file_names_its_client() {
        assert_eq!(name_of(Path::new("x/requirements-connector-4.txt")), Some("connector-4"));
        assert_eq!(name_of(Path::new("x/snowflake_clients.py")), None);
    }

    #[test]
    fn the_first_package_is_the_one_that_is_tried() {
        let text = "# Why.\nkafkaconnect==1.3.1\nclick==8.5.1\n".to_owned();
        let requirements = Requirements { name: String::new(), file: PathBuf::new(), text };
        assert_eq!(requirements.package(), "kafkaconnect 1.3.1");
    }
}
