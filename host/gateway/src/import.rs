//! `snowgate import`: what becomes of another worker's connectors, for people, as a configuration file, or done.

use std::io::{stderr, stdout};
use std::path::Path;

use snowgate_connect::config_def::ConfigMap;
use snowgate_connect::import::{self, Found, ImportError, Imported};
use snowgate_connect::worker::{WorkerSettings, read_properties};

use crate::report::{self, Exit};
use crate::say;

/// Reads `source` and says what becomes of it; then writes a configuration file, or registers the connectors.
pub(crate) fn import(source: &str, toml: bool, register: Option<&str>, worker: Option<&Path>) -> Exit {
    let worker = match self::worker(worker) {
        Ok(worker) => worker,
        Err(text) => {
            say(stderr(), &text);
            return Exit::Config;
        }
    };
    let found = match import::read(source, &worker) {
        Ok(found) => found,
        Err(error) => return failed(&error),
    };
    let text = table(&found);
    if toml {
        say(stderr(), &text);
        return write_toml(&found.sinks, &worker);
    }
    say(stdout(), &text);
    if let Some(url) = register {
        return found.sinks.iter().map(|sink| registered(url, sink)).max_by_key(|exit| exit.code()).unwrap_or(Exit::Done);
    }
    if found.sinks.iter().all(|sink| sink.report.is_taken()) { Exit::Done } else { Exit::Config }
}

/// The worker that the connectors ran on, or one with every default.
fn worker(file: Option<&Path>) -> Result<WorkerSettings, String> {
    let properties = match file {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            read_properties(&text.map_err(|error| format!("error: `{}` could not be read: {error}\n", file.display()))?)
        }
        None => ConfigMap::new(),
    };
    import::worker(properties).map_err(|errors| errors.into_iter().map(|error| format!("error: {error}\n")).collect())
}

fn table(found: &Found) -> String {
    let sinks = found.sinks.iter().map(|sink| sink.report.to_string());
    let left = found.left.iter().map(|left| format!("{} ({}): not a Snowflake sink: left\n", left.name, left.class));
    let parts: Vec<String> = sinks.chain(left).collect();
    if parts.is_empty() { "there are no connectors\n".to_owned() } else { parts.join("\n") }
}

/// One file for one connector: `[kafka]` holds its group, `[snowflake]` its login.
fn write_toml(sinks: &[Imported], worker: &WorkerSettings) -> Exit {
    let [sink] = sinks else {
        let what = format!("error: a configuration file is for one connector, and there are {}", sinks.len());
        let hint = "hint: name one of them: `http://HOST:PORT/connectors/NAME`, or a file with one configuration";
        say(stderr(), &format!("\n{what}\n\n{hint}\n"));
        return Exit::Config;
    };
    match import::to_toml(sink, worker) {
        Ok(toml) => {
            say(stdout(), &toml);
            Exit::Done
        }
        Err(reasons) => {
            let reasons: Vec<String> = reasons.iter().map(|reason| format!("  because: {reason}\n")).collect();
            say(stderr(), &format!("\nerror: `{}` cannot be said as a pipeline\n{}", sink.name, reasons.concat()));
            Exit::Config
        }
    }
}

fn registered(url: &str, sink: &Imported) -> Exit {
    match import::register(url, sink) {
        Ok(()) => {
            say(stdout(), &format!("\n`{}` is registered\n", sink.name));
            Exit::Done
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &ImportError) -> Exit {
    say(stderr(), &report::explain(error, error.hint()));
    Exit::of(error.class())
}
