//! The log: lines for people or JSON for machines, on standard error.
//!
//! What must stay true: a panic ends the process, whichever thread it is in, for a gateway that lost a thread would look alive and
//! load nothing; and its message, which may quote a record, is not written.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat, LogLevel};
use crate::report::Exit;

/// Wins over `log.level`; takes the directives of `tracing`.
const LOG_VARIABLE: &str = "SNOWGATE_LOG";

/// What those see who write plugins: warnings, and what their plugin says.
const OF_PLUGINS: &str = "warn,snowgate_transform::host=info";

/// From here on there is a log. Called once, first thing.
pub(crate) fn start(log: LogConfig) -> Levels {
    start_with(log, &directives(log.level))
}

/// The same for who writes a plugin.
pub(crate) fn start_for_author() {
    start_with(LogConfig::default(), OF_PLUGINS);
}

fn start_with(log: LogConfig, usual: &str) -> Levels {
    let asked = std::env::var(LOG_VARIABLE).ok().filter(|text| !text.trim().is_empty()).map(EnvFilter::try_new);
    let by_variable = matches!(asked, Some(Ok(_)));
    let (filter, refused) = match asked {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(usual), Some(error)),
        None => (EnvFilter::new(usual), None),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let apply: Apply = match log.format {
        // An escape code in a file or a pipe is noise.
        LogFormat::Text => {
            let builder = builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_current_span(false).with_span_list(false).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
    };
    std::panic::set_hook(Box::new(end_after_panic));
    if let Some(error) = refused {
        warn!(error = %error, "{LOG_VARIABLE} is not understood, `log.level` applies");
    }
    Levels { by_variable, ..Levels::new(log.level, apply) }
}

type Apply = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// The levels of the log, which can be changed while it is written.
pub(crate) struct Levels {
    levels: Mutex<BTreeMap<String, &'static str>>,
    apply: Apply,
    /// Whether [`LOG_VARIABLE`] has the word.
    by_variable: bool,
}

/// Ours, by the names that the log shows, and what users of Connect call them.
const LOGGERS: [(&str, &str); 6] = [
    ("librdkafka", "org.apache.kafka.clients"),
    ("snowgate", "com.snowflake.kafka.connector"),
    ("snowgate_connect", "org.apache.kafka.connect"),
    ("snowgate_kafka", "org.apache.kafka"),
    ("snowgate_snowflake", "com.snowflake"),
    ("snowgate_transform", "org.apache.kafka.connect.transforms"),
];
const ROOT: &str = "root";

impl Levels {
    fn new(level: LogLevel, apply: Apply) -> Levels {
        let level = match level {
            LogLevel::Error => "ERROR",
            LogLevel::Warn => "WARN",
            LogLevel::Info => "INFO",
            LogLevel::Debug => "DEBUG",
            LogLevel::Trace => "TRACE",
        };
        let names = LOGGERS.iter().map(|(name, _)| *name).chain([ROOT]);
        Levels { levels: Mutex::new(names.map(|name| (name.to_owned(), level)).collect()), apply, by_variable: false }
    }

    pub(crate) fn list(&self) -> Vec<(String, &'static str)> {
        self.lock().iter().map(|(name, level)| (name.clone(), *level)).collect()
    }

    /// Sets the level of one logger, or of all by the name `root`. False when there is none of that name.
    pub(crate) fn set(&self, name: &str, level: &'static str) -> bool {
        let mut levels = self.lock();
        // The longest of Connect's names that `name` lies below.
        let by_alias = || {
            let below = |alias: &str| name == alias || name.strip_prefix(alias).is_some_and(|rest| rest.starts_with('.'));
            LOGGERS.iter().filter(|(_, alias)| below(alias)).max_by_key(|(_, alias)| alias.len()).map(|(ours, _)| *ours)
        };
        match (name, levels.get_mut(name)) {
            (ROOT, _) => levels.values_mut().for_each(|other| *other = level),
            (_, Some(other)) => *other = level,
            (_, None) => match by_alias() {
                Some(ours) => drop(levels.insert(ours.to_owned(), level)),
                None => return false,
            },
        }
        let ours = levels.iter().filter(|(name, _)| *name != ROOT).map(|(name, level)| format!(",{name}={level}"));
        (self.apply)(EnvFilter::new(format!("warn{}", ours.collect::<String>())))
    }

    /// The levels that a worker starts with. The libraries of Java have no loggers here, and need none.
    pub(crate) fn set_all(&self, levels: &[(String, &'static str)]) {
        if self.by_variable {
            return;
        }
        let absent: Vec<&str> =
            levels.iter().filter(|(name, level)| !self.set(name, level)).map(|(name, _)| name.as_str()).collect();
        if !absent.is_empty() {
            info!(loggers = absent.join(","), "there are no loggers of these names");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, &'static str>> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Our own crates and librdkafka at `level`; everybody else only when something is wrong.
fn directives(level: LogLevel) -> String {
    let ours = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let others = if level == LogLevel::Error { "error" } else { "warn" };
    // Directives match by prefix, so `snowgate` covers `snowgate_kafka` and its siblings, plugins too.
    format!("{others},snowgate={ours},librdkafka={ours}")
}

fn end_after_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    error!(
        thread = thread.name().unwrap_or("unnamed"),
        location, "a thread panicked: the process ends, unsettled records are read again"
    );
    // SAFETY: takes no pointers and does not return. Not `std::process::exit`, which would run the C libraries' own clean-up while
    // their threads are still at work.
    unsafe { libc::_exit(i32::from(Exit::Failed.code())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_applies_to_our_own_lines_and_others_speak_only_of_trouble() {
        assert_eq!(directives(LogLevel::Debug), "warn,snowgate=debug,librdkafka=debug");
        assert_eq!(directives(LogLevel::Error), "error,snowgate=error,librdkafka=error");
        for level in [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace] {
            assert!(EnvFilter::try_new(directives(level)).is_ok());
        }
    }

    #[test]
    fn a_logger_is_set_by_its_own_name_by_connects_or_with_all_others() {
        let applied = std::sync::Arc::new(Mutex::new(String::new()));
        let seen = applied.clone();
        let levels = Levels::new(
            LogLevel::Info,
            Box::new(move |filter| {
                *seen.lock().unwrap() = filter.to_string();
                true
            }),
        );
        let level = |name: &str| levels.list().into_iter().find(|(other, _)| other == name).unwrap().1;
        assert!(levels.set("snowgate_kafka", "DEBUG") && levels.set("org.apache.kafka.clients.consumer", "TRACE"));
        assert_eq!((level("snowgate_kafka"), level("librdkafka"), level("snowgate")), ("DEBUG", "TRACE", "INFO"));
        assert!(applied.lock().unwrap().contains("snowgate_kafka=debug"), "{}", applied.lock().unwrap());
        assert!(!levels.set("com.example", "DEBUG") && !levels.set("org.apache.kafkaesque", "DEBUG"));
        levels.set_all(&[("org.reflections".to_owned(), "WARN"), ("com.snowflake".to_owned(), "TRACE")]);
        assert_eq!((level("snowgate_snowflake"), level("snowgate")), ("TRACE", "INFO"));
        assert!(levels.set("root", "ERROR"));
        assert!(levels.list().iter().all(|(_, level)| *level == "ERROR"));
    }

    /// Runs itself in a process of its own, for the panic ends it.
    #[test]
    fn a_panic_in_any_thread_ends_the_process_and_its_message_stays_out_of_the_log() {
        const CHILD: &str = "SNOWGATE_TEST_PANIC";
        if std::env::var_os(CHILD).is_some() {
            start(LogConfig { format: LogFormat::Json, level: LogLevel::Info });
            let thread = std::thread::Builder::new().name("worker-1".to_owned());
            let _ = thread.spawn(|| panic!("record CANARY-77 is odd")).unwrap().join();
            // Only a process that went on after the panic comes here.
            std::process::exit(0);
        }
        let name = "telemetry::tests::a_panic_in_any_thread_ends_the_process_and_its_message_stays_out_of_the_log";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").env_remove(LOG_VARIABLE).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.contains("\"thread\":\"worker-1\"") && log.contains("telemetry.rs"), "{log}");
        assert!(!log.contains("CANARY"), "{log}");
    }
}
