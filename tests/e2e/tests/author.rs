//! The author's commands: from nothing to a plugin that is built, tested, run, measured and read, with the program alone.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::UNIX_EPOCH;

use serde_json::Value;
use snowgate_e2e::gateway::plugin;
use snowgate_e2e::{Config, Gateway, World, eventually};

/// What a command printed, and how it ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
        Ran { code: output.status.code().expect("nobody kills it"), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    fn succeeded(self) -> Ran {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}

fn author<S: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[S]) -> Ran {
    author_with(folder, arguments, "")
}

fn author_with<S: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[S], input: &str) -> Ran {
    let mut child = Command::new(snowgate_e2e::gateway::program())
        .arg("plugin")
        .args(arguments)
        .current_dir(folder)
        // What cargo builds of others is found again by the next run.
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("author-target"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    Ran::of(child.wait_with_output().expect("it ends"))
}

#[test]
fn from_nothing_to_rows_in_rust() {
    let world = World::new(1);
    let folder = world.folder();
    let made = author(folder, &["new", "hide", "--lang", "rust"]).succeeded();
    assert!(made.out.contains("tested     2 cases"), "{}", made.out);
    let project = folder.join("hide");

    let again = author(folder, &["new", "hide", "--lang", "rust"]);
    assert_eq!((again.code, again.err.contains("`hide` exists")), (2, true), "{}", again.err);

    // An author changes the code, and the tests say what is different now.
    let source = project.join("src/lib.rs");
    let code = fs::read_to_string(&source).unwrap();
    fs::write(&source, code.replace("\"***\".to_owned()", "\"+++\".to_owned()")).unwrap();
    let tested = author(&project, &["test", "--json"]);
    let report = tested.json();
    assert_eq!((tested.code, &report["failed"]), (1, &2.into()), "{}", tested.out);
    let problems = report["cases"][1]["problems"].to_string();
    assert!(problems.contains("expected") && problems.contains("***") && problems.contains("+++"), "{problems}");
    author(&project, &["test", "--bless"]).succeeded();
    author(&project, &["test", "--no-build"]).succeeded();
    let expected = fs::read_to_string(project.join("tests/usual/expected.jsonl")).unwrap();
    assert!(expected.contains(r#"{"user":{"id":7,"email":"+++"},"amount":1.50}"#), "{expected}");

    // A budget that is too small fails a case.
    fs::write(project.join("tests/usual/limits.json"), r#"{"fuel_per_record": 1}"#).unwrap();
    let tested = author(&project, &["test", "--no-build", "--filter", "usual"]);
    assert_eq!((tested.code, tested.out.contains("`limits.json` allows 1")), (1, true), "{}", tested.out);

    // And the gateway runs it.
    let config = Config::new(&world).plugin(project.join("hide.wasm").to_str().unwrap(), r#"{ fields = ["card"] }"#);
    world.kafka.produce(&world.topic, 0, [r#"{"card": "4111", "amount": 2}"#]);
    let gateway = Gateway::start(&world, &config);
    world.wait_for_rows(1);
    gateway.stop_cleanly();
    let rows = world.sandbox.rows(&world.table());
    assert!(rows[0].to_string().contains("+++"), "{rows:?}");
}

#[test]
fn a_new_project_needs_a_name_and_leaves_nothing_behind_when_it_fails() {
    let world = World::new(1);
    let folder = world.folder().join("projects");
    fs::create_dir(&folder).unwrap();
    let wrong = author(&folder, &["new", "My_Plugin", "--lang", "rust"]);
    assert_eq!((wrong.code, wrong.err.contains("`My_Plugin` cannot name a plugin")), (2, true), "{}", wrong.err);
    // Without its tools nothing is begun.
    let lacking = Command::new(snowgate_e2e::gateway::program())
        .args(["plugin", "new", "lacking", "--lang", "rust"])
        .current_dir(&folder)
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    let lacking = Ran::of(lacking);
    assert_eq!((lacking.code, lacking.err.contains("rustup")), (2, true), "{}", lacking.err);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing was left behind");
}

#[test]
fn a_component_is_shown_records_from_standard_input_and_from_a_topic() {
    let world = World::new(1);
    let filter = plugin("symbol_filter.wasm");
    let (folder, filter) = (world.folder(), filter.to_str().unwrap());
    let with = r#"{"allow": ["BTC*"]}"#;
    let input = "{\"s\": \"BTCUSDT\"}\n{\"s\": \"ETHUSDT\"}\nno JSON\n";
    let ran = author_with(folder, &["run", filter, "--with", with], input).succeeded();
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["verdict"], &lines[1]["verdict"], &lines[2]["verdict"]),
        (&"keep".into(), &"drop".into(), &"reject".into())
    );
    assert!(ran.err.contains("3 records: 1 kept, 1 dropped, 0 replaced by 0, 1 rejected"), "{}", ran.err);

    world.kafka.produce(&world.topic, 0, ["{\"s\": \"BTCUSDT\"}", "{\"s\": \"ETHUSDT\"}", "{\"s\": \"BTCEUR\"}"]);
    let brokers = world.kafka.bootstrap();
    let all = ["run", filter, "--with", with, "--topic", &world.topic, "--brokers", brokers, "--json"];
    let ran = author(folder, &all).succeeded();
    let sum: Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
    assert_eq!((&sum["records"], &sum["kept"], &sum["dropped"]), (&3.into(), &2.into(), &1.into()), "{}", ran.err);
    let some = author(folder, &[&all[..], &["--limit", "1"]].concat()).succeeded();
    assert_eq!(some.out.lines().count(), 1, "{}", some.out);

    // What arrives from now on: nobody tells when that begins, so records come until enough were seen.
    let mut following = Command::new(snowgate_e2e::gateway::program())
        .args(["plugin", "run", filter, "--with", with, "--topic", &world.topic, "--brokers", brokers, "--follow", "--limit", "2"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("two records of those that arrive", || {
        world.kafka.produce(&world.topic, 0, ["{\"s\": \"BTCUSD\"}"]);
        following.try_wait().unwrap()
    });
    let ran = Ran::of(following.wait_with_output().unwrap()).succeeded();
    assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);

    let wrong = author(folder, &["run", filter, "--with", r#"{"alow": []}"#]);
    assert_eq!((wrong.code, wrong.err.contains("alow")), (2, true), "{}", wrong.err);
    let nowhere = author(folder, &["run", filter, "--with", with, "--topic", "t", "--brokers", "127.0.0.1:1"]);
    assert_eq!((nowhere.code, nowhere.err.contains("127.0.0.1:1")), (3, true), "{}", nowhere.err);
}

#[test]
fn a_component_is_measured_against_another() {
    let world = World::new(1);
    let (folder, filter) = (world.folder(), plugin("symbol_filter.wasm"));
    fs::write(folder.join("klines.txt"), "{\"s\": \"BTCUSDT\"}\n{\"s\": \"ETHUSDT\"}\n").unwrap();
    let filter = filter.to_str().unwrap();
    let ran = author(
        folder,
        &["bench", filter, "--compare", filter, "--input", "klines.txt", "--with", r#"{"allow": ["*"]}"#, "--round", "5", "--json"],
    )
    .succeeded();
    let report = ran.json();
    assert_eq!((&report["batch"], &report["same"]), (&500.into(), &true.into()));
    let results = report["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert!(results[1]["ns_per_record"].as_f64().unwrap() > 0.0, "{report}");
}

#[test]
fn a_component_says_what_it_is_or_why_it_does_not_fit() {
    let world = World::new(1);
    let folder = world.folder();
    let filter = plugin("symbol_filter.wasm");
    let read = author(folder, &["inspect", filter.to_str().unwrap()]).succeeded();
    for piece in ["symbol-filter 0.1.0", "snowgate:transform@0.2.0", "keep | drop | reject", "this gateway loads it"] {
        assert!(read.out.contains(piece), "`{piece}` is missing in {}", read.out);
    }
    let json = author(folder, &["inspect", filter.to_str().unwrap(), "--json"]).succeeded().json();
    assert_eq!((&json["fits"], &json["schema"]["properties"]["allow"]["type"]), (&true.into(), &"array".into()));

    fs::write(folder.join("core.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let core = author(folder, &["inspect", "core.wasm", "--json"]);
    assert_eq!((core.code, &core.json()["fits"]), (2, &false.into()));
    assert!(core.err.contains("core module"), "{}", core.err);
    let none = author(folder, &["inspect", "nothing.wasm"]);
    assert_eq!((none.code, none.err.contains("nothing.wasm")), (2, true), "{}", none.err);
}

/// The SDK holds each plugin to its cases natively, with a reader of its own; here they are read and run by the program.
#[test]
fn a_component_that_was_compiled_for_one_command_is_not_compiled_for_the_next() {
    let world = World::new(1);
    let caches = world.folder().join("caches");
    let inspect = || {
        let mut command = Command::new(snowgate_e2e::gateway::program());
        command.args(["plugin", "inspect"]).arg(plugin("symbol_filter.wasm"));
        command.env_remove("CACHE_DIRECTORY").env("XDG_CACHE_HOME", &caches);
        Ran::of(command.output().expect("the program starts")).succeeded()
    };
    let said = inspect();
    let entries: Vec<_> = fs::read_dir(caches.join("snowgate/plugins")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [entry] = &entries[..] else { panic!("one component leaves one entry: {entries:?}") };
    let written = fs::metadata(entry).unwrap().ino();
    fs::File::open(entry).unwrap().set_modified(UNIX_EPOCH).unwrap();
    assert_eq!(inspect().out, said.out);
    let after = fs::metadata(entry).unwrap();
    assert_eq!(after.ino(), written, "it was compiled again");
    assert!(after.modified().unwrap() > UNIX_EPOCH, "what is used is marked as used");
}

#[test]
fn the_library_passes_its_cases_on_the_engine_of_the_gateway() {
    let world = World::new(1);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let mut ran = 0;
    for source in fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path()) {
        let manifest = source.join("snowgate-plugin.toml");
        if !manifest.is_file() {
            continue;
        }
        let name = source.file_name().unwrap().to_str().unwrap().to_owned();
        let project = world.folder().join(&name);
        for case in fs::read_dir(source.join("tests")).unwrap().map(|entry| entry.unwrap().path()) {
            let copy = project.join("tests").join(case.file_name().unwrap());
            fs::create_dir_all(&copy).unwrap();
            for file in fs::read_dir(&case).unwrap().map(|entry| entry.unwrap().path()) {
                fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
            }
        }
        fs::copy(manifest, project.join("snowgate-plugin.toml")).unwrap();
        fs::copy(plugin(&format!("{}.wasm", name.replace('-', "_"))), project.join(format!("{name}.wasm"))).unwrap();
        let report = author(&project, &["test", "--no-build", "--json"]).json();
        assert_eq!(report["failed"], 0, "{name}: {report:#}");
        ran += 1;
    }
    assert!(ran >= 8, "only {ran} plugins have cases");
}
