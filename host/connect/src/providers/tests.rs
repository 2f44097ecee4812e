use std::fs;
use std::path::PathBuf;

use fancy_regex::Regex;

use super::{Kind, Provider, resolve};
use crate::config_def::ConfigMap;
use crate::worker::{WorkerSettings, from_properties};

const SECRET: &str = "canary-3f9c";

struct World {
    folder: tempfile::TempDir,
    worker: WorkerSettings,
}

impl World {
    fn path(&self, path: &str) -> String {
        self.folder.path().join(path).display().to_string()
    }

    fn resolve(&self, text: &str) -> Result<String, String> {
        let config = ConfigMap::from_iter([("k".to_owned(), Some(text.to_owned()))]);
        resolve(&config, &self.worker).map(|config| config["k"].clone().unwrap()).map_err(|error| error.0)
    }
}

/// Folders `in` and `out`, each with a properties file; providers allow `in`.
fn world(allowed: bool) -> World {
    let folder = tempfile::tempdir().unwrap();
    for name in ["in", "out"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("p.properties"), format!("key = {SECRET}\nnested=${{env:PATH}}\n")).unwrap();
        fs::write(folder.path().join(name).join("secret"), SECRET).unwrap();
    }
    let paths = if allowed { vec![folder.path().join("in")] } else { Vec::new() };
    let mut worker = from_properties(ConfigMap::new()).unwrap();
    let provider = |name: &str, kind| Provider { name: name.to_owned(), kind };
    worker.providers = vec![
        provider("file", Kind::File { allowed: paths.clone() }),
        provider("dir", Kind::Directory { allowed: paths }),
        provider("env", Kind::Env { allowed: allowed.then(|| Regex::new("^(?:PATH|NOT_THERE_.*)$").unwrap()) }),
    ];
    World { folder, worker }
}

#[test]
fn a_reference_is_replaced_by_what_it_stands_for_wherever_it_stands() {
    let world = world(true);
    let file = world.path("in/p.properties");
    assert_eq!(world.resolve(&format!("a${{file:{file}:key}}b${{file:{file}:key}}")).unwrap(), format!("a{SECRET}b{SECRET}"));
    assert_eq!(world.resolve(&format!("${{dir:{}:secret}}", world.path("in"))).unwrap(), SECRET);
    assert_eq!(world.resolve("${env:PATH}").unwrap(), std::env::var("PATH").unwrap());
}

#[test]
fn what_a_provider_answers_is_not_looked_through_again() {
    let world = world(true);
    assert_eq!(world.resolve(&format!("${{file:{}:nested}}", world.path("in/p.properties"))).unwrap(), "${env:PATH}");
}

#[test]
fn a_reference_to_a_provider_that_is_not_configured_stays() {
    let world = world(true);
    for text in ["${vault:sf:key}", "${nope:path:key}", "${}", "${file}", "$", "${", "a ${file:/x", "{file:/x:y}", ""] {
        assert_eq!(world.resolve(text).unwrap(), text);
    }
}

#[test]
fn a_null_stays_null() {
    let world = world(true);
    let config = ConfigMap::from_iter([("k".to_owned(), None)]);
    assert_eq!(resolve(&config, &world.worker).unwrap(), config);
}

#[test]
fn a_provider_without_its_list_refuses_everything_and_names_the_setting() {
    let world = world(false);
    for (reference, setting) in [
        (format!("${{file:{}:key}}", world.path("in/p.properties")), "config.providers.file.param.allowed.paths"),
        (format!("${{dir:{}:secret}}", world.path("in")), "config.providers.dir.param.allowed.paths"),
        ("${env:PATH}".to_owned(), "config.providers.env.param.allowlist.pattern"),
    ] {
        let error = world.resolve(&reference).unwrap_err();
        assert!(error.contains(&reference) && error.contains(&format!("set {setting}")), "{error}");
    }
}

#[test]
fn nothing_outside_the_allowed_folders_is_read_or_even_looked_for() {
    let world = world(true);
    let there = world.resolve(&format!("${{file:{}:key}}", world.path("out/p.properties"))).unwrap_err();
    let not_there = world.resolve(&format!("${{file:{}:key}}", world.path("out/absent"))).unwrap_err();
    let why = |error: &str| error.rsplit_once(": ").unwrap().1.to_owned();
    assert_eq!(why(&there), why(&not_there));
    assert!(there.contains("does not allow this path"), "{there}");
    for reference in [
        format!("${{file:{}:key}}", world.path("in/../out/p.properties")),
        "${file:in/p.properties:key}".to_owned(),
        format!("${{dir:{}:../out/secret}}", world.path("in")),
        format!("${{dir:{}:..}}", world.path("in")),
        format!("${{dir:{}:/etc/passwd}}", world.path("in")),
        // A folder whose name begins with that of an allowed one.
        format!("${{dir:{}:secret}}", world.path("in2")),
    ] {
        let error = world.resolve(&reference).unwrap_err();
        assert!(!error.contains(SECRET), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_within_the_allowed_folders_and_not_out_of_them() {
    let world = world(true);
    let link = |to: PathBuf, name: &str| std::os::unix::fs::symlink(to, world.folder.path().join("in").join(name)).unwrap();
    link(world.folder.path().join("in/secret"), "good");
    link(world.folder.path().join("out/secret"), "bad");
    link(world.folder.path().join("out"), "folder");
    assert_eq!(world.resolve(&format!("${{dir:{}:good}}", world.path("in"))).unwrap(), SECRET);
    for reference in [format!("${{dir:{}:bad}}", world.path("in")), format!("${{dir:{}:secret}}", world.path("in/folder"))] {
        assert!(world.resolve(&reference).unwrap_err().contains("does not allow this path"));
    }
}

#[test]
fn an_allowed_path_may_be_a_single_file() {
    let mut world = world(true);
    let file = world.folder.path().join("out/p.properties");
    world.worker.providers = vec![Provider { name: "file".to_owned(), kind: Kind::File { allowed: vec![file] } }];
    assert_eq!(world.resolve(&format!("${{file:{}:key}}", world.path("out/p.properties"))).unwrap(), SECRET);
    assert!(world.resolve(&format!("${{file:{}:key}}", world.path("out/secret"))).is_err());
}

#[test]
fn variables_that_the_pattern_does_not_match_whole_are_refused() {
    let world = world(true);
    for variable in ["HOME", "PATHS", "XPATH"] {
        let error = world.resolve(&format!("${{env:{variable}}}")).unwrap_err();
        assert!(error.contains("allowlist.pattern on the worker does not allow"), "{error}");
    }
}

#[test]
fn what_is_missing_is_said_and_never_shown() {
    let world = world(true);
    let file = world.path("in/p.properties");
    for (reference, why) in [
        (format!("${{file:{file}:absent}}"), "the file has no key absent"),
        (format!("${{file:{}:key}}", world.path("in/absent")), "the file cannot be read (entity not found)"),
        (format!("${{file:{}:key}}", world.path("in")), "the path is not that of a file"),
        ("${env:NOT_THERE_1}".to_owned(), "the worker has no such variable"),
    ] {
        let error = world.resolve(&reference).unwrap_err();
        assert_eq!(error, format!("Could not resolve {reference} in configuration k: {why}"));
    }
    fs::write(world.folder.path().join("in/binary"), [0xff, 0xfe]).unwrap();
    assert!(world.resolve(&format!("${{dir:{}:binary}}", world.path("in"))).unwrap_err().ends_with("the file is not UTF-8"));
    fs::write(world.folder.path().join("in/large"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    assert!(world.resolve(&format!("${{dir:{}:large}}", world.path("in"))).unwrap_err().ends_with("the file is larger than 1 MiB"));
}
