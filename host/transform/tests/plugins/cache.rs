//! The cache of compiled components: what comes from it works, and whatever is in the folder, plugins load.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use snowgate_transform::{Chain, Engine, EngineSettings, Plugin};

use crate::{fates, hostile, logged, process};

/// Loads the plugin with a new engine, as a new process would, lets it do its work, and returns the log.
fn load(cache: &Path) -> String {
    logged(|| {
        let engine = Engine::new(&EngineSettings { cache: Some(cache.to_owned()), ..EngineSettings::default() }).unwrap();
        let plugin = Plugin::load(&engine, &hostile(r#"{"do": "drop", "on": "b"}"#)).unwrap();
        let out = process(&mut Chain::new(&[Arc::new(plugin)]).unwrap(), &["a", "b"]);
        assert_eq!(fates(&out).0, ["a"]);
    })
}

fn is_compiled(log: &str) -> bool {
    match (log.contains("plugin compiled in "), log.contains("plugin's code comes from cache")) {
        (true, false) => true,
        (false, true) => false,
        _ => panic!("{log}"),
    }
}

fn only_entry(folder: &Path) -> PathBuf {
    let entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    entry.clone()
}

#[test]
fn a_plugin_is_compiled_once_and_comes_from_the_cache_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    assert!(is_compiled(&load(&cache)));
    let log = load(&cache);
    assert!(!is_compiled(&log) && !log.contains("WARN"), "{log}");
    assert_eq!(only_entry(&cache).metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn code_that_cannot_be_used_is_compiled_again_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    load(folder.path());
    let entry = only_entry(folder.path());
    let whole = std::fs::read(&entry).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for spoilt in [&whole[..whole.len() / 2], &flipped, b"", b"\x7fELF"] {
        std::fs::write(&entry, spoilt).unwrap();
        let log = load(folder.path());
        assert!(is_compiled(&log) && log.contains("a cached plugin cannot be used, compiling it again"), "{log}");
        assert!(!is_compiled(&load(folder.path())));
        assert_eq!(only_entry(folder.path()), entry);
    }
}

#[test]
fn code_that_others_may_write_is_compiled_again_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    load(folder.path());
    let entry = only_entry(folder.path());
    std::fs::set_permissions(&entry, std::fs::Permissions::from_mode(0o666)).unwrap();
    let log = load(folder.path());
    assert!(is_compiled(&log) && log.contains("others may write to it, for its mode is 0666"), "{log}");
    assert!(!is_compiled(&load(folder.path())));
}

#[test]
fn a_folder_that_cannot_be_trusted_or_made_is_not_used_and_the_log_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for (cache, why) in [(folder.path(), "others may write to it, for its mode is 0777"), (&file, "File exists")] {
        let log = load(cache);
        assert!(is_compiled(&log) && log.contains("the plugin cache is not used") && log.contains(why), "{log}");
    }
    assert_eq!(only_entry(folder.path()), file);
}

#[test]
fn a_metered_engine_and_another_component_have_entries_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    load(folder.path());
    for (metered, plugin) in
        [(true, hostile("{\"do\": \"keep\"}")), (false, crate::settings("symbol_filter.wasm", "{\"deny\": [\"X\"]}"))]
    {
        let engine = Engine::new(&EngineSettings { metered, cache: Some(folder.path().to_owned()) }).unwrap();
        assert!(is_compiled(&logged(|| drop(Plugin::load(&engine, &plugin).unwrap()))));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    assert!(!is_compiled(&load(folder.path())));
}
