//! Notices that a plugin's file is another one by now.
//!
//! Files are asked for their state at intervals, which works where notifications do not: on NFS, and for the symbolic links by which
//! Kubernetes replaces what a ConfigMap holds. A file is read only when its state changed and then stayed for one interval, so that
//! one that is being written is left alone; what counts is its digest. One that cannot be read, or is no plugin any more, is another one
//! too, and the reload says what is wrong with it. A change is reported once, even where reloading it fails.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{PluginFiles, digest};

/// The files as they were seen last.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: BTreeMap<PathBuf, Seen>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    /// Whether its content was looked at in this state.
    read: bool,
}

/// Changes when a file does, as far as can be told without reading it: where it lies, its length, its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, u64, u64, i64, i64);

impl Stamp {
    /// Of the file that `path` leads to; `None` while there is none, as in the middle of a replacement.
    fn of(path: &Path) -> Option<Stamp> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Stamp(metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    }
}

impl Watch {
    /// Looks at each of `files`, and names one that holds something else than what was loaded from it.
    pub(super) fn look(&mut self, files: &PluginFiles) -> Option<PathBuf> {
        self.seen.retain(|path, _| files.contains_key(path));
        let mut changed = None;
        for (path, loaded) in files {
            let Some(stamp) = Stamp::of(path) else { continue };
            match self.seen.get_mut(path) {
                Some(seen) if seen.stamp == stamp && seen.read => {}
                Some(seen) if seen.stamp == stamp => {
                    let is_loaded = digest(path).is_some_and(|digest| loaded.iter().all(|loaded| **loaded == *digest));
                    // Where it was replaced meanwhile, what was read may be half of it.
                    seen.read = Stamp::of(path) == Some(stamp);
                    if seen.read && !is_loaded {
                        changed.get_or_insert_with(|| path.clone());
                    }
                }
                _ => drop(self.seen.insert(path.clone(), Seen { stamp, read: false })),
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least that begins as a component does; `body` makes its content.
    fn write(path: &Path, body: &[u8]) {
        std::fs::write(path, [b"\0asm\x0d\0\x01\0".as_slice(), body].concat()).unwrap();
    }

    fn files(path: &Path) -> PluginFiles {
        [(path.to_owned(), vec![digest(path).unwrap().into()])].into_iter().collect()
    }

    #[test]
    fn a_file_is_told_once_when_its_content_changed_and_it_has_come_to_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.wasm");
        write(&path, b"one");
        let loaded = files(&path);
        let mut watch = Watch::default();
        assert_eq!((watch.look(&loaded), watch.look(&loaded), watch.look(&loaded)), (None, None, None));
        write(&path, b"a longer one");
        assert_eq!(watch.look(&loaded), None, "it may still be written to");
        assert_eq!(watch.look(&loaded), Some(path.clone()));
        assert_eq!(watch.look(&loaded), None);
        // Replaced as by a link, and then by what was loaded.
        let other = dir.path().join("other");
        write(&other, b"one");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(watch.look(&loaded), None);
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert_eq!((watch.look(&loaded), watch.look(&loaded)), (None, None));
        write(&other, b"the third");
        assert_eq!((watch.look(&loaded), watch.look(&loaded)), (None, Some(path)));
    }

    #[test]
    fn a_file_that_is_no_plugin_any_more_is_told_once_and_one_that_is_gone_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.wasm");
        write(&path, b"one");
        let loaded = files(&path);
        let mut watch = Watch::default();
        for broken in [&b""[..], b"(component)", b"\0asm\x01\0\0\0"] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!((watch.look(&loaded), watch.look(&loaded), watch.look(&loaded)), (None, Some(path.clone()), None));
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!((watch.look(&loaded), watch.look(&loaded)), (None, None));
    }
}
