//! Numbers for the gateway's metrics, under the plugin's name.
//!
//! A name has small letters, digits and `_`, begins with a letter and has at most 64 of them; a plugin may have 64 names. Never make one
//! from a record. Count in the plugin and add once for each batch, for each call leaves the plugin and comes back: a [`Counter`] does so.

#[cfg(target_family = "wasm")]
use crate::bindings::snowgate::transform::metrics::add as write;

/// Adds `n` to the counter `name`; natively to nothing.
pub fn add(name: &str, n: u64) {
    #[cfg(target_family = "wasm")]
    write(name, n);
    #[cfg(not(target_family = "wasm"))]
    let _ = (name, n);
}

/// What a plugin counts of a batch. It goes to the metrics in [`end`](crate::Transform::end), by [`report`](Counter::report).
#[derive(Debug)]
pub struct Counter {
    name: &'static str,
    count: u64,
}

impl Counter {
    pub const fn new(name: &'static str) -> Counter {
        Counter { name, count: 0 }
    }

    pub fn add(&mut self, n: u64) {
        self.count += n;
    }

    /// What was added since the last report.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds the count to the metrics, and begins again at 0. Where there is nothing to add it costs nothing.
    pub fn report(&mut self) {
        if self.count > 0 {
            add(self.name, std::mem::take(&mut self.count));
        }
    }
}
