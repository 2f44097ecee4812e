//! The gateway's configuration and its process.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::process::Process;
use crate::world::World;

/// A configuration in the making. Fields are TOML text.
#[derive(Debug, Clone)]
pub struct Config {
    pub brokers: String,
    pub group: String,
    pub kafka: String,
    pub snowflake: String,
    pub top: String,
    pub topic: String,
    pub pipeline: String,
    pub transforms: Vec<String>,
}

impl Config {
    /// Loads the world's topic in `content` mode, with short waits.
    pub fn new(world: &World) -> Config {
        let sandbox = &world.sandbox;
        Config {
            brokers: world.kafka.bootstrap().to_owned(),
            group: format!("{}-group", world.topic),
            kafka: r#"properties = { "session.timeout.ms" = "6000", "heartbeat.interval.ms" = "500" }"#.to_owned(),
            snowflake: format!(
                "account = {:?}\nuser = {:?}\nprivate_key = {{ file = {:?} }}\nurl = {:?}\ntls_ca = {:?}\ndatabase = \"CRYPTO_DB\"\nschema = \"PUBLIC\"\n",
                sandbox.account, sandbox.user, sandbox.private_key, sandbox.https, sandbox.ca
            ),
            top: String::new(),
            topic: world.topic.clone(),
            pipeline: "rows = \"content\"\nlinger = \"100ms\"\n".to_owned(),
            transforms: Vec::new(),
        }
    }

    #[must_use]
    pub fn pipeline(mut self, line: &str) -> Config {
        self.pipeline.push_str(line);
        self.pipeline.push('\n');
        self
    }

    #[must_use]
    pub fn rows(mut self, mode: &str) -> Config {
        self.pipeline = self.pipeline.replace("\"content\"", &format!("{mode:?}"));
        self
    }

    #[must_use]
    pub fn top(mut self, text: &str) -> Config {
        self.top.push_str(text);
        self.top.push('\n');
        self
    }

    /// Adds a transform: the lines of its section.
    #[must_use]
    pub fn transform(mut self, lines: &str) -> Config {
        self.transforms.push(format!("{lines}\n"));
        self
    }

    /// Adds a plugin from the folder of built plugins; `with` is a TOML table.
    #[must_use]
    pub fn plugin(mut self, file: &str, with: &str) -> Config {
        self.transforms.push(format!("path = {:?}\nwith = {with}\n", plugin(file)));
        self
    }

    pub fn to_text(&self) -> String {
        let Config { brokers, group, kafka, snowflake, top, topic, pipeline, transforms } = self;
        let mut text = format!(
            "{top}\n[kafka]\nbrokers = [{brokers:?}]\ngroup = {group:?}\n{kafka}\n\n[snowflake]\n{snowflake}\n[pipeline.test]\ntopics = [{topic:?}]\n{pipeline}"
        );
        for transform in transforms {
            write!(text, "\n[[pipeline.test.transform]]\n{transform}").expect("text grows");
        }
        text
    }
}

/// A built plugin.
pub fn plugin(file: &str) -> PathBuf {
    let folder =
        std::env::var_os("SNOWGATE_PLUGINS").expect("SNOWGATE_PLUGINS names the folder of built plugins: use `cargo xtask test`");
    Path::new(&folder).join(file)
}

/// The gateway's program.
pub fn program() -> PathBuf {
    binary("SNOWGATE_BIN")
}

fn binary(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} names a binary: use `cargo xtask test`")).into()
}

/// The gateway's process.
pub struct Gateway {
    pub process: Process,
    /// Its configuration file.
    file: PathBuf,
}

impl Gateway {
    pub fn start(world: &World, config: &Config) -> Gateway {
        Gateway::start_text(world, &config.to_text())
    }

    /// With the binary that can be killed at a named point, for the `count`th time it passes there.
    pub fn start_to_die(world: &World, config: &Config, point: &str, count: u32) -> Gateway {
        let environment = [("SNOWGATE_KILL_AT".to_owned(), format!("{point}:{count}"))];
        let file = write_config(world, config);
        let arguments = ["run".into(), "--config".into(), file.clone().into_os_string()];
        let process = Process::start(&binary("SNOWGATE_KILLABLE_BIN"), &arguments, &environment, &world.file("gateway", "log"));
        Gateway { process, file }
    }

    /// Waits until it died where it was to die.
    #[track_caller]
    pub fn assert_killed(&mut self) {
        let status = self.process.wait();
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{}", self.process.log());
    }

    /// With variables in its environment.
    pub fn start_with(world: &World, config: &Config, environment: &[(&str, &str)]) -> Gateway {
        let environment: Vec<_> = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let file = write_config(world, config);
        let arguments = ["run".into(), "--config".into(), file.clone().into_os_string()];
        Gateway { process: Process::start(&program(), &arguments, &environment, &world.file("gateway", "log")), file }
    }

    /// From a configuration that is written already.
    pub fn start_text(world: &World, text: &str) -> Gateway {
        let file = world.file("config", "toml");
        fs::write(&file, text).expect("the test's folder is writable");
        let arguments = ["run".into(), "--config".into(), file.clone().into_os_string()];
        let process = Process::start(&program(), &arguments, &[], &world.file("gateway", "log"));
        Gateway { process, file }
    }

    /// Puts `config` into the place of its configuration, and SIGHUP.
    pub fn reload(&self, config: &Config) {
        let beside = self.file.with_extension("next");
        fs::write(&beside, config.to_text()).expect("the test's folder is writable");
        fs::rename(&beside, &self.file).expect("the test's folder is writable");
        self.process.signal(libc::SIGHUP);
    }

    pub fn wait_for_log(&self, text: &str) {
        self.process.wait_for_log(text);
    }

    /// SIGTERM, and its exit status.
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.process.signal(libc::SIGTERM);
        let status = self.process.wait();
        (status, self.process.log())
    }

    /// Stops it and expects a clean end.
    #[track_caller]
    pub fn stop_cleanly(self) -> String {
        let (status, log) = self.stop();
        assert!(status.success(), "the gateway ended with {status}:\n{log}");
        log
    }
}

/// Runs a command of the gateway to its end: exit code, and all it printed.
pub fn run(world: &World, command: &str, config: &str) -> (i32, String) {
    run_with(world, command, config, &[])
}

/// As [`run`], with more arguments.
pub fn run_with(world: &World, command: &str, config: &str, more: &[&str]) -> (i32, String) {
    let file = world.file("config", "toml");
    fs::write(&file, config).expect("the test's folder is writable");
    let log = world.file(command, "log");
    let mut arguments = vec![command.into(), "--config".into(), file.into_os_string()];
    arguments.extend(more.iter().map(std::ffi::OsString::from));
    let mut process = Process::start(&program(), &arguments, &[], &log);
    let status = process.wait();
    (status.code().expect("it was not killed"), process.log())
}

fn write_config(world: &World, config: &Config) -> PathBuf {
    let file = world.file("config", "toml");
    fs::write(&file, config.to_text()).expect("the test's folder is writable");
    file
}
