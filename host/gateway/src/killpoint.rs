//! Named points at which a test may kill the process as `kill -9` would.
//!
//! With the feature `kill-points`, `SNOWGATE_KILL_AT=append_sent:3` ends the process the third time it passes the point
//! `append_sent`. Without the feature, which is how the gateway ships, a point is nothing at all.

/// Passes the point `name`.
#[cfg(not(feature = "kill-points"))]
#[inline(always)]
pub(crate) fn kill_point(_name: &str) {}

/// Passes the point `name`, or dies there.
#[cfg(feature = "kill-points")]
pub(crate) fn kill_point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("SNOWGATE_KILL_AT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), count.parse().expect("SNOWGATE_KILL_AT is name:count")))
    });
    if let Some((point, count)) = wanted
        && point == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        // SAFETY: sends a signal to this very process; nothing is read or written.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        // The signal ends every thread; this one must not get any further meanwhile.
        loop {
            std::thread::park();
        }
    }
}
