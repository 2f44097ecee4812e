//! The log: lines for people or JSON for machines, on standard error.
//!
//! What must stay true: a panic ends the process, whichever thread it is in, for a gateway that lost a thread would look alive and
//! load nothing; and its message, which may quote a record, is not written.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing::{error, warn};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat, LogLevel};
use crate::report::Exit;

/// Wins over `log.level`; takes the directives of `tracing`.
const LOG_VARIABLE: &str = "SNOWGATE_LOG";

/// From here on there is a log. Called once, first thing.
pub(crate) fn start(log: LogConfig) {
    let asked = std::env::var(LOG_VARIABLE).ok().filter(|text| !text.trim().is_empty()).map(EnvFilter::try_new);
    let (filter, refused) = match asked {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(directives(log.level)), Some(error)),
        None => (EnvFilter::new(directives(log.level)), None),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        // An escape code in a file or a pipe is noise.
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
    std::panic::set_hook(Box::new(end_after_panic));
    if let Some(error) = refused {
        warn!(error = %error, "{LOG_VARIABLE} is not understood, `log.level` applies");
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
