//! What to do about an error. Each crate's `Error` has one `class`; the pipeline matches the class and never the variant.

/// The decision that an error carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Try again, later each time.
    Transient,
    /// The channel is stale: open it anew and ask what was committed.
    Reopen,
    /// This record alone is at fault: set it aside and go on.
    Record,
    /// A person must change something: stop, and say what.
    Config,
    /// We no longer know where we stand: stop before harm.
    Fatal,
}
