//! Compiled components in a folder, so that a restart need not compile them again.
//!
//! An entry is machine code that will run with all of the gateway's rights, so who could have written it is what matters: the
//! folder and the entry have to be ours, nobody else may write to them, and the entry has no second name. That is looked at for
//! each entry, on the file that was opened. Its checksum covers its key as well, so a damaged entry, or one under another's name,
//! is known as such. An entry that cannot be used is compiled again and replaced.
//!
//! The key is the component's SHA-256 and wasmtime's compatibility hash: its exact version, the settings that shape the code, the
//! processor. Everything here may be deleted at any time.
//!
//! Invariant: no byte leaves this module that another user may have written.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash as _, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::component::{Binary, hex};

/// Entries that are kept, the ones used last, and their bytes: a plugin that is built again and again would fill the disk. The code of
/// a small plugin has 200 kB, that of one in Python 100 MB.
const KEPT: usize = 64;
const KEPT_BYTES: u64 = 1024 * 1024 * 1024;

const ENDING: &str = "cwasm";

/// Of a file that is being written.
const HALF: &str = "half";

/// What an entry begins with: SHA-256 of its key and its code.
const CHECKSUM_BYTES: usize = 32;

/// Where this user's compiled plugins are kept unless somebody says otherwise; `None` where no variable says where that would be.
pub fn cache_folder() -> Option<PathBuf> {
    folder_in(|name| std::env::var_os(name))
}

fn folder_in(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // systemd's is ours alone already.
    if let Some(own) = absolute("CACHE_DIRECTORY") {
        return Some(own.join("plugins"));
    }
    let shared = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(shared.join("snowgate").join("plugins"))
}

/// What code has to be compiled for, so that `engine` may run it.
pub(crate) fn compatibility(engine: &wasmtime::Engine) -> String {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex(&hasher.0.finalize()[..16])
}

#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// Where the compiled code of one component is, or will be.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    cache: &'a Cache,
    key: String,
}

impl Cache {
    /// Makes `folder` if it is missing. `Err` says why it cannot be used.
    pub(crate) fn open(folder: &Path) -> io::Result<Cache> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        check_owner(&fs::metadata(folder)?)?;
        Ok(Cache { folder: folder.to_owned() })
    }

    /// `compatibility` is that of the engine which is to run the code.
    pub(crate) fn entry(&self, component: &Binary, compatibility: &str) -> Entry<'_> {
        Entry { cache: self, key: format!("{}-{compatibility}", component.digest) }
    }

    /// Removes the entries that were not used for longest. The last one stays, however large it is.
    fn prune(&self) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|ending| ending == ENDING || ending == HALF) {
                // Another gateway that shares the folder may have removed it meanwhile.
                let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
                entries.push((metadata.modified()?, path, metadata.len()));
            }
        }
        entries.sort_unstable();
        let mut bytes = 0u64;
        let (mut kept, mut full) = (0, false);
        for (_, path, size) in entries.iter().rev() {
            bytes = bytes.saturating_add(*size);
            full |= kept == KEPT || (kept > 0 && bytes > KEPT_BYTES);
            if !full {
                kept += 1;
                continue;
            }
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Entry<'_> {
    /// The code that was written under this key, `None` when there is none. An error says why what is there cannot be used.
    pub(crate) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        check_owner(&fs::metadata(&self.cache.folder)?)?;
        let mut file = match OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        check_owner(&metadata)?;
        if metadata.nlink() != 1 {
            // The folder may have been put in the place of ours, and a file of ours that says something else linked into it.
            return Err(io::Error::other("it has another name elsewhere"));
        }
        let mut checksum = [0; CHECKSUM_BYTES];
        let mut code = Vec::new();
        file.read_exact(&mut checksum)?;
        file.read_to_end(&mut code)?;
        if checksum != self.checksum(&code) {
            return Err(io::Error::other("it is damaged"));
        }
        // So that `prune` knows it as used. Without it the entry goes sooner, no more.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some(code))
    }

    /// Puts `code` under this key, in one move: who reads meanwhile finds the whole of it or what was there before.
    pub(crate) fn write(&self, code: &[u8]) -> io::Result<()> {
        check_owner(&fs::metadata(&self.cache.folder)?)?;
        let (half, mut file) = self.half()?;
        let parts = [&self.checksum(code)[..], code];
        let written = parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| fs::rename(&half, self.path()));
        if written.is_err() {
            let _ = fs::remove_file(&half);
        }
        written.and_then(|()| self.cache.prune())
    }

    /// A new file. Each writer has its own, also where one process has several engines, and where several containers share the
    /// folder, each with a process of the same number.
    fn half(&self) -> io::Result<(PathBuf, File)> {
        static WRITERS: AtomicU32 = AtomicU32::new(0);
        loop {
            let writer = format!("{}-{}", std::process::id(), WRITERS.fetch_add(1, Relaxed));
            let half = self.cache.folder.join(format!("{}.{writer}.{HALF}", self.key));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return opened.map(|file| (half, file)),
            }
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.cache.folder.join(format!("{}.{ENDING}", self.key))
    }

    fn checksum(&self, code: &[u8]) -> [u8; CHECKSUM_BYTES] {
        Sha256::new().chain_update(&self.key).chain_update(code).finalize().into()
    }
}

/// Refuses what another user owns or may write to.
fn check_owner(metadata: &fs::Metadata) -> io::Result<()> {
    // SAFETY: it takes nothing, touches no memory and cannot fail.
    let us = unsafe { libc::geteuid() };
    if metadata.uid() != us {
        return Err(io::Error::other(format!("it belongs to user {}, and this process runs as user {us}", metadata.uid())));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(io::Error::other(format!("others may write to it, for its mode is {mode:04o}")));
    }
    Ok(())
}

/// Hands what a `Hash` consists of to SHA-256.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("the digest is taken from the field")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::time::Duration;

    use super::*;

    /// An engine's compatibility.
    const OURS: &str = "0123456789abcdef";

    fn open(folder: &Path) -> Cache {
        Cache::open(folder).unwrap()
    }

    fn component(digest: &str) -> Binary {
        Binary { bytes: Vec::new(), digest: digest.to_owned() }
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn compiled_plugins_are_kept_where_this_users_caches_are() {
        let of = |variables: &[(&str, &str)]| {
            let variables = variables.to_vec();
            let found = folder_in(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()));
            found.map(|path| path.display().to_string())
        };
        assert_eq!(of(&[("HOME", "/accounts/a")]).as_deref(), Some("/accounts/a/.cache/snowgate/plugins"));
        assert_eq!(of(&[("HOME", "/accounts/a"), ("XDG_CACHE_HOME", "/c")]).as_deref(), Some("/c/snowgate/plugins"));
        assert_eq!(of(&[("HOME", "/accounts/a"), ("CACHE_DIRECTORY", "/var/cache/s")]).as_deref(), Some("/var/cache/s/plugins"));
        assert_eq!(of(&[("HOME", "relative")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn what_was_written_is_read_again_and_belongs_to_us_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("made/for/us");
        let cache = open(&folder);
        let entry = cache.entry(&component("a"), OURS);
        assert_eq!(entry.read().unwrap(), None);
        entry.write(b"code").unwrap();
        assert_eq!(open(&folder).entry(&component("a"), OURS).read().unwrap().unwrap(), b"code");
        assert_eq!(cache.entry(&component("b"), OURS).read().unwrap(), None);
        assert_eq!((mode(&folder), mode(&entry.path())), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing half-written is left");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, used) in [(0o700, true), (0o755, true), (0o770, false), (0o707, false), (0o1777, false)] {
            set_mode(folder.path(), mode);
            let opened = Cache::open(folder.path());
            assert_eq!(opened.is_ok(), used, "{mode:o}");
            if let Err(why) = opened {
                assert_eq!(why.to_string(), format!("others may write to it, for its mode is {mode:04o}"));
            }
        }
        set_mode(folder.path(), 0o700);
        let cache = open(folder.path());
        cache.entry(&component("a"), OURS).write(b"code").unwrap();
        set_mode(folder.path(), 0o777);
        assert!(cache.entry(&component("a"), OURS).read().is_err(), "it may change while the gateway runs");
        assert!(cache.entry(&component("b"), OURS).write(b"code").is_err());
    }

    #[test]
    fn what_another_user_owns_is_not_used() {
        // `/` belongs to root, and whoever is root can give a folder away.
        // SAFETY: it takes nothing, touches no memory and cannot fail.
        let (_keep, foreign) = if unsafe { libc::geteuid() } == 0 {
            let folder = tempfile::tempdir().unwrap();
            std::os::unix::fs::chown(folder.path(), Some(65534), None).unwrap();
            let path = folder.path().to_owned();
            (Some(folder), path)
        } else {
            (None, PathBuf::from("/"))
        };
        let why = Cache::open(&foreign).unwrap_err().to_string();
        assert!(why.starts_with("it belongs to user "), "{why}");
    }

    #[test]
    fn an_entry_that_others_may_write_to_or_that_leads_elsewhere_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path());
        let entry = cache.entry(&component("a"), OURS);
        entry.write(b"code").unwrap();
        set_mode(&entry.path(), 0o620);
        assert_eq!(entry.read().unwrap_err().to_string(), "others may write to it, for its mode is 0620");
        let elsewhere = folder.path().join("elsewhere");
        set_mode(&entry.path(), 0o600);
        fs::rename(entry.path(), &elsewhere).unwrap();
        symlink(&elsewhere, entry.path()).unwrap();
        assert!(entry.read().is_err());
        // Writing replaces the link, and not what it leads to.
        entry.write(b"new").unwrap();
        assert_eq!(entry.read().unwrap().unwrap(), b"new");
        assert!(!fs::read(&elsewhere).unwrap().ends_with(b"new"));
    }

    #[test]
    fn an_entry_that_has_another_name_elsewhere_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path());
        let entry = cache.entry(&component("a"), OURS);
        entry.write(b"code").unwrap();
        fs::hard_link(entry.path(), folder.path().join("elsewhere")).unwrap();
        assert_eq!(entry.read().unwrap_err().to_string(), "it has another name elsewhere");
        entry.write(b"new").unwrap();
        assert_eq!(entry.read().unwrap().unwrap(), b"new");
    }

    #[test]
    fn what_another_writes_under_the_number_of_this_process_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path());
        let entry = cache.entry(&component("a"), OURS);
        let others = (0..1_000).map(|n| folder.path().join(format!("{}.{}-{n}.{HALF}", entry.key, std::process::id())));
        let others: Vec<PathBuf> = others.collect();
        others.iter().for_each(|other| fs::write(other, "half of it").unwrap());
        let (half, _) = entry.half().unwrap();
        assert!(!others.contains(&half) && others.iter().all(|other| fs::read(other).unwrap() == b"half of it"));
    }

    #[test]
    fn entries_that_are_too_many_bytes_go_but_the_last_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path());
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        let entries = ["a", "b", "c"].map(|name| cache.entry(&component(name), OURS).path());
        let put = |path: &Path, age: u64, bytes: u64| {
            // Without a byte of it on the disk.
            let file = File::create(path).unwrap();
            file.set_len(bytes).unwrap();
            file.set_modified(long_ago - Duration::from_secs(age)).unwrap();
        };
        put(&entries[0], 3, 1);
        put(&entries[1], 2, KEPT_BYTES / 2);
        put(&entries[2], 1, KEPT_BYTES / 2);
        cache.prune().unwrap();
        assert_eq!(entries.each_ref().map(|path| path.exists()), [false, true, true]);
        put(&entries[2], 1, KEPT_BYTES + 1);
        cache.prune().unwrap();
        assert_eq!(entries.each_ref().map(|path| path.exists()), [false, false, true]);
    }

    #[test]
    fn a_damaged_entry_and_one_of_another_component_are_known_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path());
        let entry = cache.entry(&component("a"), OURS);
        entry.write(b"code").unwrap();
        let whole = fs::read(entry.path()).unwrap();
        for at in 0..whole.len() {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            fs::write(entry.path(), &torn).unwrap();
            assert_eq!(entry.read().unwrap_err().to_string(), "it is damaged", "byte {at}");
            fs::write(entry.path(), &whole[..at]).unwrap();
            assert!(entry.read().is_err(), "cut off at {at}");
        }
        fs::write(entry.path(), &whole).unwrap();
        fs::rename(entry.path(), cache.entry(&component("b"), OURS).path()).unwrap();
        assert_eq!(cache.entry(&component("b"), OURS).read().unwrap_err().to_string(), "it is damaged");
    }

    #[test]
    fn code_for_another_engine_has_another_key() {
        let of = |metered| compatibility(&wasmtime::Engine::new(wasmtime::Config::new().consume_fuel(metered)).unwrap());
        assert_ne!(of(true), of(false));
        assert_eq!(of(true), of(true));
        let folder = tempfile::tempdir().unwrap();
        let cache = open(folder.path());
        cache.entry(&component("a"), &of(true)).write(b"code").unwrap();
        assert_eq!(cache.entry(&component("a"), &of(false)).read().unwrap(), None);
    }

    #[test]
    fn the_entries_used_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("note.txt"), "not ours").unwrap();
        let cache = open(folder.path());
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        for n in 0..KEPT as u32 {
            let entry = cache.entry(&component(&n.to_string()), OURS);
            entry.write(b"code").unwrap();
            File::open(entry.path()).unwrap().set_modified(long_ago + Duration::from_secs(n.into())).unwrap();
        }
        let there = |n: u32| cache.entry(&component(&n.to_string()), OURS).path().exists();
        cache.entry(&component("0"), OURS).read().unwrap().unwrap();
        cache.entry(&component("new"), OURS).write(b"code").unwrap();
        assert!(there(0) && !there(1) && there(2));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT + 1);
    }
}
