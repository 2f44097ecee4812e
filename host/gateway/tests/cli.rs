//! The program from outside: what it prints and how it ends.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

fn snowgate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snowgate"));
    command.args(arguments).env_remove("SNOWGATE_CONFIG").env_remove("SNOWGATE_LOG").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it prints text")
}

#[test]
fn the_help_reads_as_it_is_written_down() {
    let pages = [
        "--help",
        "run --help",
        "connect --help",
        "check --help",
        "import --help",
        "verify --help",
        "plugin --help",
        "plugin new --help",
        "plugin build --help",
        "plugin test --help",
        "plugin run --help",
        "plugin bench --help",
        "plugin inspect --help",
    ];
    let shown: Vec<_> = pages
        .iter()
        .map(|page| {
            let output = snowgate(&page.split(' ').collect::<Vec<_>>());
            assert_eq!(output.status.code(), Some(0));
            let lines: Vec<_> = text(&output.stdout).lines().map(str::trim_end).collect();
            format!("$ snowgate {page}\n{}\n", lines.join("\n"))
        })
        .collect();
    // After a change that is meant: copy what is shown into the file.
    assert_eq!(shown.join("\n"), include_str!("fixtures/help.txt"));
}

#[test]
fn the_version_is_the_name_and_the_number() {
    let output = snowgate(&["--version"]);
    assert_eq!(text(&output.stdout), format!("snowgate {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_configuration_that_is_not_there_ends_both_commands_with_code_2() {
    for command in ["run", "check"] {
        let output = snowgate(&[command, "--config", "/nowhere/absent.toml"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stdout), "");
        assert_eq!(
            text(&output.stderr),
            "error: the configuration `/nowhere/absent.toml` could not be read\n  \
               because: there is no such file\n\n\
             hint: name the file with `--config FILE`\n"
        );
    }
}

/// Also that every step is tried although one before it failed.
#[test]
fn a_check_of_services_that_cannot_be_reached_says_so_and_ends_with_code_3() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let key = folder.path().join("rsa_key.p8");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../snowflake/tests/fixtures/key_pkcs8.pem"), &key).expect("a key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("the key is ours");
    let [kafka, snowflake] = [unused_port(), unused_port()];
    let config = format!(
        r#"
        kafka = {{ brokers = ["127.0.0.1:{kafka}"] }}
        pipeline.klines.topics = ["binance_kline"]
        [snowflake]
        account = "MYORG-MYACCT"
        user = "STREAMER"
        private_key = {{ file = "rsa_key.p8" }}
        url = "http://127.0.0.1:{snowflake}"
        database = "CRYPTO_DB"
        "#
    );
    let file = folder.path().join("snowgate.toml");
    std::fs::write(&file, config).expect("a configuration");

    let output = snowgate(&["check", "--config", file.to_str().expect("a path of plain letters")]);
    let shown = text(&output.stdout).replace(&format!(":{kafka}"), ":KAFKA").replace(&format!(":{snowflake}"), ":SNOWFLAKE");
    assert_eq!(shown, include_str!("fixtures/check_unreachable.txt"));
    assert_eq!(output.status.code(), Some(3));
}

/// A port at which nobody listens.
fn unused_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has an address").port()
}

#[test]
fn a_worker_that_others_could_reach_does_not_start_without_a_password() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snowgate"));
    let output = command.arg("connect").env("CONNECT_LISTENERS", "http://0.0.0.0:8083").output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr);
    assert!(
        shown.starts_with("error: the worker's configuration cannot be used\n  because: listeners: `0.0.0.0:8083` can be reached"),
        "{shown}"
    );
}

#[test]
fn what_becomes_of_a_connector_is_told_key_by_key() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/connect/snowflake-sink.json");
    let output = snowgate(&["import", file]);
    let shown = text(&output.stdout);
    // The fixture's address and key are to be filled in.
    assert_eq!(output.status.code(), Some(2), "{shown}");
    for line in ["  refused     snowflake.url.name", "  not needed  buffer.flush.time", "  kept        topics"] {
        assert!(shown.contains(line), "`{line}` is missing in:\n{shown}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_code_2() {
    let output = snowgate(&["rum"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("run"), "{}", text(&output.stderr));
}

/// A cargo that begins to build and then waits to be ended, which closes the pipe that it says so through.
const ENDLESS_CARGO: &str = r#"#!/bin/sh
[ "$1" = build ] || exit 0
mkdir target
exec 3> "$AT_WORK"
echo begun >&3
exec sleep 3600
"#;

#[test]
fn a_new_project_that_is_interrupted_leaves_nothing_and_ends_its_tool() {
    for signal in [SIGINT, SIGTERM] {
        let machine = tempfile::tempdir().unwrap();
        let at = |name: &str| machine.path().join(name);
        for (tool, script) in [("cargo", ENDLESS_CARGO), ("rustc", "#!/bin/sh\necho /\n")] {
            std::fs::write(at(tool), script).unwrap();
            std::fs::set_permissions(at(tool), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::create_dir(at("projects")).unwrap();
        assert!(Command::new("mkfifo").arg(at("at-work")).status().unwrap().success());
        let mut new = Command::new(env!("CARGO_BIN_EXE_snowgate"))
            .args(["plugin", "new", "mask", "--lang", "rust", "--folder"])
            .arg(at("projects/mask"))
            .env("PATH", format!("{}:/usr/bin:/bin", machine.path().display()))
            .env("AT_WORK", at("at-work"))
            .env("XDG_CACHE_HOME", at("cache"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut cargo = BufReader::new(File::open(at("at-work")).unwrap());
        let mut said = String::new();
        cargo.read_line(&mut said).unwrap();
        let hidden: Vec<_> = std::fs::read_dir(at("projects")).unwrap().map(|entry| entry.unwrap()).collect();
        let modes: Vec<_> = hidden.iter().map(|folder| folder.metadata().unwrap().permissions().mode() & 0o777).collect();
        let kill = Command::new("kill").args(["-s", &signal.to_string(), &new.id().to_string()]).status();
        // Nothing is looked at before the program has ended, for a test that fails must not leave it behind.
        assert_eq!(new.wait().unwrap().signal(), Some(signal), "{kill:?}");
        assert_eq!((said.as_str(), modes.as_slice()), ("begun\n", &[0o700][..]));
        assert_eq!(cargo.read_line(&mut said).unwrap(), 0, "the tool has ended");
        assert_eq!(std::fs::read_dir(at("projects")).unwrap().count(), 0);
    }
}
