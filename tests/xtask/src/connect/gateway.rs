//! The gateway as a Connect worker: connectors come by REST, not from its configuration file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Outcome;
use crate::connect::Rest;
use crate::process::Child;
use crate::workspace::{Workspace, make_folder, write_file};

/// How long it may take to come up, connectors included, or to drain and leave.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Settings<'a> {
    pub(crate) bootstrap: &'a str,
    pub(crate) port: u16,
    /// The certificate authority of the stand-in.
    pub(crate) ca: &'a Path,
}

impl Settings<'_> {
    fn to_toml(&self, state: &Path) -> String {
        let brokers: Vec<_> = self.bootstrap.split(',').collect();
        // A Rust string's quoting is TOML's for all that stands in a path or a name.
        format!(
            "[kafka]\nbrokers = {brokers:?}\n\n[connect]\nlisten = \"127.0.0.1:{}\"\nstate = {state:?}\ntls_ca = {:?}\n",
            self.port, self.ca
        )
    }
}

pub(crate) struct Gateway {
    child: Child,
    pub(crate) rest: Rest,
}

impl Gateway {
    /// Starts it; configuration, log and state go to `folder`. What connectors an earlier one left in `folder`, it has again.
    pub(crate) fn start(workspace: &Workspace, folder: &Path, settings: &Settings<'_>) -> Outcome<Gateway> {
        let state = folder.join("state");
        make_folder(&state)?;
        let file: PathBuf = folder.join("connect.toml");
        write_file(&file, &settings.to_toml(&state))?;
        let mut command = Command::new(workspace.binary("snowgate"));
        command.arg("run").arg("--config").arg(&file);
        let mut child = Child::spawn(&mut command, &folder.join("connect.log"))?;
        let rest = Rest::on_port(settings.port);
        rest.wait_until_up(PATIENCE, || child.must_run())?;
        Ok(Gateway { child, rest })
    }

    pub(crate) fn child(&self) -> &Child {
        &self.child
    }

    pub(crate) fn must_run(&mut self) -> Outcome {
        self.child.must_run()
    }

    /// SIGTERM; it must drain and leave in good order.
    pub(crate) fn stop(self) -> Outcome {
        self.child.stop(PATIENCE).map(drop)
    }
}

/// A port of loopback that nobody listens on now.
pub(crate) fn free_port() -> Outcome<u16> {
    let bound = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|error| format!("no port of loopback is free: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_brokers_and_where_connectors_are_kept() {
        let settings = Settings { bootstrap: "127.0.0.1:9092,127.0.0.1:9102", port: 8083, ca: Path::new("/s/ca.pem") };
        let expected = r#"[kafka]
brokers = ["127.0.0.1:9092", "127.0.0.1:9102"]

[connect]
listen = "127.0.0.1:8083"
state = "/s/state"
tls_ca = "/s/ca.pem"
"#;
        assert_eq!(settings.to_toml(Path::new("/s/state")), expected);
    }
}
