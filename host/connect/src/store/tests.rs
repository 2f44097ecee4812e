use super::*;

fn record(name: &str) -> Record {
    let config = [("name", name), ("snowflake.private.key", "secret")];
    Record {
        name: name.to_owned(),
        target: Target::Paused,
        config: config.into_iter().map(|(key, value)| (key.to_owned(), Some(value.to_owned()))).collect(),
        tasks: None,
        topics: BTreeSet::from(["t".to_owned()]),
    }
}

#[test]
fn a_connector_of_any_name_is_there_after_the_folder_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let long = "n".repeat(300);
    let long_twin = format!("{}m", "n".repeat(299));
    let names = ["c", "C", "..", ".", "a/b", "a%b", "a%2fb", "a\\b", "x\u{1f600}", " ", "~", &long, &long_twin];
    let (store, _) = Store::open(folder.path()).unwrap();
    for name in names {
        store.write(&record(name)).unwrap();
    }
    drop(store);
    let (store, mut records) = Store::open(folder.path()).unwrap();
    assert_eq!(records.len(), names.len());
    records.retain(|kept| *kept != record(&kept.name));
    assert_eq!(records.len(), 0);
    for name in names {
        store.remove(name).unwrap();
    }
    drop(store);
    assert_eq!(Store::open(folder.path()).unwrap().1.len(), 0);
}

#[test]
fn no_file_name_leaves_the_folder_or_depends_on_case() {
    assert_eq!(file_name("../a"), "%2e.%2fa.json");
    assert_eq!(file_name("Orders"), "%4frders.json");
    assert!(file_name(&"\u{1f600}".repeat(200)).len() < 255);
    assert_ne!(file_name(&"n".repeat(300)), file_name(&"n".repeat(301)));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_what_is_stored() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    let (store, _) = Store::open(&folder).unwrap();
    store.write(&record("c")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&store.path("c")), 0o600);
}

#[test]
fn a_damaged_file_is_set_aside_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
    store.write(&record("good")).unwrap();
    fs::write(store.path("bad"), "{\"name\":\"bad\",").unwrap();
    // A copy under another name would be the same connector twice.
    fs::copy(store.path("good"), store.path("copy")).unwrap();
    drop(store);
    let (_store, records) = Store::open(folder.path()).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].name, "good");
    assert!(folder.path().join("bad.json.corrupt").exists() && folder.path().join("copy.json.corrupt").exists());
    assert!(!folder.path().join("bad.json").exists());
}

#[test]
fn a_file_left_half_written_is_swept_away() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".x.tmp"), "half").unwrap();
    let (_store, records) = Store::open(folder.path()).unwrap();
    assert_eq!(records.len(), 0);
    assert!(!folder.path().join(".x.tmp").exists());
}

#[test]
fn two_gateways_cannot_have_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::InUse { .. })));
    drop(store);
    assert!(Store::open(folder.path()).is_ok());
}
