//! Lines for the gateway's log, under the plugin's name. Do not log records: their content belongs to the table and the dead
//! letters.
//!
//! The gateway cuts lines off after 1 KiB and silences a plugin after 100 lines in ten seconds.

#[cfg(target_family = "wasm")]
use crate::bindings::snowgate::transform::log::{Level, write};

/// Lines for this level, natively to standard error.
macro_rules! level {
    ($(#[$doc:meta])* $name:ident, $level:ident) => {
        $(#[$doc])*
        pub fn $name(line: &str) {
            #[cfg(target_family = "wasm")]
            write(Level::$level, line);
            #[cfg(not(target_family = "wasm"))]
            eprintln!("{}: {line}", stringify!($name));
        }
    };
}

level!(
    /// Something for each record. Off unless an operator asks for it.
    trace,
    Trace
);
level!(
    /// Something for each batch.
    debug,
    Debug
);
level!(
    /// What an operator would like to know once.
    info,
    Info
);
level!(
    /// Something odd that the plugin got over.
    warn,
    Warn
);
level!(
    /// Something that needs a person.
    error,
    Error
);
