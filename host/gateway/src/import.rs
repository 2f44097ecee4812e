//! `snowgate import`: what becomes of another worker's connectors, for people, as a configuration file, or done.

use std::io::{stderr, stdout};
use std::path::{Path, PathBuf};

use snowgate_connect::config_def::ConfigMap;
use snowgate_connect::import::{self, Access, Found, ImportError, Imported};
use snowgate_connect::worker::{WorkerSettings, read_properties};

use crate::cli::ImportOptions;
use crate::report::{self, Exit};
use crate::say;

/// Hold what the files of `--login` and `--register-login` would.
const LOGIN: &str = "SNOWGATE_IMPORT_LOGIN";
const REGISTER_LOGIN: &str = "SNOWGATE_REGISTER_LOGIN";

/// Reads the source and says what becomes of it; then writes a configuration file, or registers the connectors.
pub(crate) fn import(options: &ImportOptions) -> Exit {
    let worker = match worker(options.worker.as_deref()) {
        Ok(worker) => worker,
        Err(text) => {
            say(stderr(), &text);
            return Exit::Config;
        }
    };
    let access = |file: &Option<PathBuf>, variable| access(file.as_deref(), variable, options.ca.as_deref());
    let read = access(&options.login, LOGIN).and_then(|access| import::read(&options.source, &access, &worker));
    let found = match read {
        Ok(found) => found,
        Err(error) => return failed(&error),
    };
    let text = table(&found);
    if options.toml {
        say(stderr(), &text);
        return write_toml(&found.sinks, &worker);
    }
    say(stdout(), &text);
    if let Some(url) = &options.register {
        let access = match access(&options.register_login, REGISTER_LOGIN) {
            Ok(access) => access,
            Err(error) => return failed(&error),
        };
        let registered = found.sinks.iter().map(|sink| registered(url, &access, sink));
        return registered.max_by_key(|exit| exit.code()).unwrap_or(Exit::Done);
    }
    if found.sinks.iter().all(|sink| sink.report.is_taken()) { Exit::Done } else { Exit::Config }
}

/// The login of `file`, else of `variable`, and the authorities of `ca`.
fn access(file: Option<&Path>, variable: &str, ca: Option<&Path>) -> Result<Access, ImportError> {
    let login = match file {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            Some(text.map_err(|source| ImportError::File { path: file.to_owned(), source })?)
        }
        None => std::env::var(variable).ok().filter(|text| !text.trim().is_empty()),
    };
    let access = match ca {
        Some(ca) => Access::default().with_authorities(ca)?,
        None => Access::default(),
    };
    match login {
        Some(login) => access.with_login(&login),
        None => Ok(access),
    }
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

fn registered(url: &str, access: &Access, sink: &Imported) -> Exit {
    match import::register(url, access, sink) {
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
