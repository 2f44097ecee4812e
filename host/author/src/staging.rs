//! A folder that appears whole or not at all.
//!
//! It is made inside a hidden folder beside its place, into which only its owner may look, and gets there in one move. Whatever ends the
//! program before takes the hidden folder away: an error, and SIGINT, SIGTERM and SIGHUP as well. The tool that is at work in it then is
//! ended first.
//!
//! Invariant: once a signal came, nothing else ends the program. Who would go on waits for the thread that cleans up, and that one ends
//! it by the signal.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;
use tempfile::TempDir;

use crate::{report, toolchain};

/// What the helpers of a tool that was ended still write makes a folder that is being removed fill again. They are soon done.
const REMOVALS: u32 = 50;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(20);

pub(crate) struct Staging {
    // Fields are dropped in order: first nobody watches for signals any more, then the folder goes.
    watch: Watch,
    _hidden: TempDir,
    folder: PathBuf,
}

impl Staging {
    /// Makes an empty folder that is to be `name` in `parent`.
    pub(crate) fn new(parent: &Path, name: &str) -> io::Result<Staging> {
        let private = fs::Permissions::from_mode(0o700);
        let hidden = tempfile::Builder::new().prefix(&format!(".{name}-")).permissions(private).tempdir_in(parent)?;
        let watch = Watch::over(hidden.path())?;
        let folder = hidden.path().join(name);
        // With the rights of any new folder, for this one is to stay.
        fs::create_dir(&folder)?;
        Ok(Staging { watch, _hidden: hidden, folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn move_to(self, place: &Path) -> io::Result<()> {
        let Staging { watch, _hidden, folder } = self;
        drop(watch);
        fs::rename(folder, place)
    }
}

/// A thread that waits for signals.
struct Watch {
    signals: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn over(hidden: &Path) -> io::Result<Watch> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let handle = signals.handle();
        let hidden = hidden.to_owned();
        let thread = thread::Builder::new().name("staging".into()).spawn(move || {
            if let Some(signal) = signals.forever().next() {
                let _no_other_tool = toolchain::end();
                remove(&hidden);
                emulate_default_handler(signal).expect("these signals have a default");
            }
        })?;
        Ok(Watch { signals: handle, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.signals.close();
        if let Some(thread) = self.thread.take() {
            // Never comes back where a signal came.
            let _ = thread.join();
        }
    }
}

/// Removes the folder, or says that it stays.
fn remove(folder: &Path) {
    for _ in 0..REMOVALS {
        if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        thread::sleep(BETWEEN_REMOVALS);
    }
    report::note(format_args!("`{}` could not be removed; nobody needs it any more", folder.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_is_private_until_it_is_whole_and_then_like_any_other() {
        let parent = tempfile::tempdir().unwrap();
        let staging = Staging::new(parent.path(), "mask").unwrap();
        fs::write(staging.folder().join("file"), "").unwrap();
        assert_eq!(mode(staging.folder().parent().unwrap()), 0o700);
        staging.move_to(&parent.path().join("mask")).unwrap();
        fs::create_dir(parent.path().join("other")).unwrap();
        assert_eq!(mode(&parent.path().join("mask")), mode(&parent.path().join("other")));
        assert!(parent.path().join("mask/file").exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_does_not_get_whole_is_gone() {
        let parent = tempfile::tempdir().unwrap();
        let staging = Staging::new(parent.path(), "mask").unwrap();
        fs::write(staging.folder().join("half"), "").unwrap();
        drop(staging);
        let staging = Staging::new(parent.path(), "mask").unwrap();
        staging.move_to(&parent.path().join("nowhere/mask")).unwrap_err();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
