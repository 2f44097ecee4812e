//! The jars that Maven fetches, once, into the cache folder: the broker's, and those of a Connect worker.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use super::files;
use crate::Outcome;
use crate::process::succeed;
use crate::terminal::{done, duration};
use crate::workspace::{cache, fresh_folder, make_folder, write_file};

/// A folder of jars.
pub(crate) struct Jars {
    home: PathBuf,
    lib: PathBuf,
}

impl Jars {
    /// Whether the broker's have been fetched.
    pub(super) fn are_there() -> bool {
        home().is_ok_and(|home| home.join("lib").is_dir())
    }

    /// The broker's.
    pub(super) fn kafka() -> Outcome<Jars> {
        fetch("Apache Kafka", "lib", files::BROKER)
    }

    /// A Connect worker's, with the converters and transforms that come with it.
    pub(crate) fn connect() -> Outcome<Jars> {
        fetch("Kafka Connect", "connect-lib", files::CONNECT)
    }

    pub(crate) fn class_path(&self) -> String {
        format!("{}/*", self.lib.display())
    }

    /// Java's flag for how to log.
    pub(crate) fn logging(&self) -> String {
        format!("-Dlog4j2.configurationFile=file:{}", self.home.join("log4j2.properties").display())
    }
}

fn home() -> Outcome<PathBuf> {
    Ok(cache()?.join("kafka").join(files::VERSION))
}

fn fetch(what: &str, folder: &str, dependencies: &[(&str, &str, &str)]) -> Outcome<Jars> {
    let home = home()?;
    make_folder(&home)?;
    write_file(&home.join("log4j2.properties"), files::LOGGING)?;
    let jars = Jars { lib: home.join(folder), home };
    if jars.lib.is_dir() {
        return Ok(jars);
    }
    let started = Instant::now();
    // Into a folder of its own first: a fetch that was cut off must not look like a whole one.
    let half = jars.home.join(format!("fetching-{folder}"));
    fresh_folder(&half)?;
    write_file(&half.join("pom.xml"), &files::pom(dependencies))?;
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "package"]).current_dir(&half);
    succeed(&format!("fetching {what} by Maven"), &mut maven, &jars.home.join("maven.log"))?;
    fs::rename(half.join("lib"), &jars.lib).map_err(|error| format!("could not put the jars into place: {error}"))?;
    fs::remove_dir_all(&half).map_err(|error| format!("could not remove `{}`: {error}", half.display()))?;
    done("kafka", format_args!("{what} {} fetched ({})", files::VERSION, duration(started.elapsed())));
    Ok(jars)
}
