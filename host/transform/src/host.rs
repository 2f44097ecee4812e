//! What a plugin may call, and nothing more: one function that writes a log line, and one that counts.
//!
//! A line is shortened, loses its control characters (so that it cannot forge another line), and counts against the plugin's
//! allowance. The allowance belongs to the plugin and not to the instance: a plugin that traps on every record would
//! otherwise get a fresh one each time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{debug, error, info, trace, warn};

use crate::bindings::snowgate::transform::log::{self, Level};
use crate::bindings::snowgate::transform::metrics;
use crate::bindings::v0_1::snowgate::transform as v0_1;
use crate::config::Limits;
use crate::limits::InstanceLimits;
use crate::metrics::{Counters, Tally};

/// Longest text that a plugin gets into a log line or a dead letter's headers.
pub(crate) const TEXT_BYTES: usize = 1024;

/// How long an allowance of log lines lasts.
const WINDOW: Duration = Duration::from_secs(10);

/// What lives beside one instance.
pub(crate) struct HostState {
    pub(crate) limits: InstanceLimits,
    log: Arc<LogGate>,
    tally: Tally,
    /// The line that a panic left in this call. SDKs write it just before the trap, which itself says nothing.
    panic: Option<String>,
}

/// What a Rust panic's message begins with; SDKs for other languages write theirs in the same way.
const PANIC: &str = "panicked at ";

impl HostState {
    pub(crate) fn new(limits: &Limits, log: Arc<LogGate>, counters: Arc<Counters>) -> HostState {
        HostState { limits: InstanceLimits::new(limits), log, tally: Tally::new(counters), panic: None }
    }

    /// Forgets what belongs to the last call.
    pub(crate) fn begin_call(&mut self) {
        self.limits.begin_call();
        self.panic = None;
    }

    /// Counts what the plugin counted, if the call `went_well`.
    pub(crate) fn end_call(&mut self, went_well: bool) {
        if went_well {
            self.tally.settle();
        } else {
            self.tally.forget();
        }
    }

    /// The message of the panic in this call.
    pub(crate) fn panic(&self) -> Option<&str> {
        self.panic.as_deref()
    }
}

impl log::Host for HostState {
    fn write(&mut self, level: Level, message: String) {
        self.log.write(level, &message);
        if matches!(level, Level::Error) && message.starts_with(PANIC) {
            self.panic = Some(message);
        }
    }
}

impl metrics::Host for HostState {
    fn add(&mut self, name: String, n: u64) {
        self.tally.add(&name, n);
    }
}

impl v0_1::log::Host for HostState {
    fn write(&mut self, level: v0_1::log::Level, message: String) {
        let level = match level {
            v0_1::log::Level::Trace => Level::Trace,
            v0_1::log::Level::Debug => Level::Debug,
            v0_1::log::Level::Info => Level::Info,
            v0_1::log::Level::Warn => Level::Warn,
            v0_1::log::Level::Error => Level::Error,
        };
        log::Host::write(self, level, message);
    }
}

impl v0_1::metrics::Host for HostState {
    fn add(&mut self, name: String, n: u64) {
        metrics::Host::add(self, name, n);
    }
}

/// The log lines of one plugin, at most so many in each window.
pub(crate) struct LogGate {
    plugin: Arc<str>,
    lines: u32,
    window: Mutex<Window>,
}

struct Window {
    began: Instant,
    written: u32,
    suppressed: u64,
}

/// What to do with one line.
#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Write {
        /// Lines that were suppressed in the window before.
        suppressed: u64,
    },
    /// The first line beyond the allowance: say that there will be silence.
    Silence,
    Suppress,
}

impl LogGate {
    pub(crate) fn new(plugin: Arc<str>, lines: u32) -> LogGate {
        LogGate { plugin, lines, window: Mutex::new(Window { began: Instant::now(), written: 0, suppressed: 0 }) }
    }

    fn write(&self, level: Level, message: &str) {
        // Lines that nobody reads do not use up the allowance.
        let wanted = match level {
            Level::Trace => tracing::enabled!(tracing::Level::TRACE),
            Level::Debug => tracing::enabled!(tracing::Level::DEBUG),
            Level::Info => tracing::enabled!(tracing::Level::INFO),
            Level::Warn => tracing::enabled!(tracing::Level::WARN),
            Level::Error => tracing::enabled!(tracing::Level::ERROR),
        };
        if !wanted {
            return;
        }
        let plugin = &*self.plugin;
        match self.admit(Instant::now()) {
            Admission::Write { suppressed } => {
                if suppressed > 0 {
                    warn!(plugin, suppressed, "log lines of a plugin were suppressed");
                }
                let line = clean(message);
                match level {
                    Level::Trace => trace!(plugin, "{line}"),
                    Level::Debug => debug!(plugin, "{line}"),
                    Level::Info => info!(plugin, "{line}"),
                    Level::Warn => warn!(plugin, "{line}"),
                    Level::Error => error!(plugin, "{line}"),
                }
            }
            Admission::Silence => {
                warn!(plugin, lines = self.lines, "plugin writes too many log lines, suppressing them for a while")
            }
            Admission::Suppress => {}
        }
    }

    fn admit(&self, now: Instant) -> Admission {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let mut suppressed = 0;
        if now.saturating_duration_since(window.began) >= WINDOW {
            suppressed = window.suppressed;
            *window = Window { began: now, written: 0, suppressed: 0 };
        }
        if window.written < self.lines {
            window.written += 1;
            return Admission::Write { suppressed };
        }
        window.suppressed += 1;
        if window.suppressed == 1 { Admission::Silence } else { Admission::Suppress }
    }
}

/// A plugin's text, fit for one line: at most [`TEXT_BYTES`], control characters as blanks.
pub(crate) fn clean(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(TEXT_BYTES)];
    cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chatty_plugin_is_silenced_until_the_window_ends_and_the_log_says_how_much_is_missing() {
        let gate = LogGate::new("chatty".into(), 2);
        let start = Instant::now();
        assert_eq!(gate.admit(start), Admission::Write { suppressed: 0 });
        assert_eq!(gate.admit(start), Admission::Write { suppressed: 0 });
        assert_eq!(gate.admit(start), Admission::Silence);
        assert_eq!(gate.admit(start), Admission::Suppress);
        assert_eq!(gate.admit(start + WINDOW * 2), Admission::Write { suppressed: 2 });
        assert_eq!(gate.admit(start + WINDOW * 2), Admission::Write { suppressed: 0 });
    }

    #[test]
    fn a_plugins_text_stays_on_one_short_line() {
        assert_eq!(clean("a\nERROR forged\u{1b}[0m"), "a ERROR forged [0m");
        let long = "é".repeat(TEXT_BYTES);
        assert_eq!(clean(&long).len(), TEXT_BYTES);
        assert_eq!(clean(&format!("x{long}")).len(), TEXT_BYTES - 1);
    }
}
