//! Why a call to a plugin gave no answer that can be used, and where the plugin was when that happened.

use std::time::Duration;

use wasmtime::{Store, Trap, WasmBacktrace};

use crate::host::{HostState, clean};
use crate::limits::Refused;

/// Frames of a backtrace that are kept, beginning with the innermost: enough to leave the panic machinery and reach the author's code.
pub(crate) const FRAMES: usize = 20;

/// It stands in a dead letter's header, and Kafka's records are small.
const BACKTRACE_BYTES: usize = 4 * 1024;

/// A fault, and the backtrace of the plugin where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) backtrace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FaultKind {
    /// The plugin said so itself; its instance is sound.
    #[error("{0}")]
    Declined(String),
    #[error("{0}")]
    Trapped(String),
    #[error("took longer than {0:?}")]
    TimedOut(Duration),
    #[error("{0}")]
    OutOfMemory(Refused),
    #[error("{0}")]
    Contract(String),
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Fault {
        Fault { kind, backtrace: None }
    }
}

impl Fault {
    /// What happened when a call that had `time` ended with `error`.
    pub(crate) fn of(error: &wasmtime::Error, store: &Store<HostState>, time: Duration) -> Fault {
        let state = store.data();
        let kind = match (error.downcast_ref::<Trap>(), state.limits.refused()) {
            (Some(Trap::Interrupt), _) => FaultKind::TimedOut(time),
            (_, Some(refused)) => FaultKind::OutOfMemory(refused),
            // A panic ends in a trap that says nothing; its message was the plugin's last line.
            (Some(trap), None) => FaultKind::Trapped(state.panic().map_or_else(|| trap.to_string(), clean)),
            // Not a trap: an answer that could not be read, such as a list outside of its memory.
            (None, None) => FaultKind::Contract(clean(&error.root_cause().to_string())),
        };
        Fault { kind, backtrace: error.downcast_ref::<WasmBacktrace>().and_then(backtrace) }
    }

    /// What a dead letter's header says.
    pub(crate) fn reason(&self) -> &'static str {
        match self.kind {
            FaultKind::Declined(_) => "plugin_rejected",
            FaultKind::Trapped(_) => "plugin_trapped",
            FaultKind::TimedOut(_) => "plugin_timeout",
            FaultKind::OutOfMemory(_) => "plugin_out_of_memory",
            FaultKind::Contract(_) => "plugin_contract",
        }
    }

    /// Whether the instance is lost.
    pub(crate) fn costs_instance(&self) -> bool {
        !matches!(self.kind, FaultKind::Declined(_))
    }
}

/// One line for each frame, the innermost first.
fn backtrace(trace: &WasmBacktrace) -> Option<String> {
    let text = trace.to_string();
    // The first line is a heading. Names come from the component, so anything may stand in them.
    let lines: Vec<String> = text.lines().skip(1).filter(|line| !line.is_empty()).map(|line| clean(line.trim())).collect();
    let text = lines.join("\n");
    let cut = &text[..text.floor_char_boundary(BACKTRACE_BYTES)];
    (!cut.is_empty()).then(|| cut.to_owned())
}
