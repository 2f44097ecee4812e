//! Numbers for the gateway's metrics, under the plugin's name.
//!
//! A name has small letters, digits and `_`, begins with a letter and has at most 64 of them; a plugin may have 64 names. Never make one
//! from a record. Count in the plugin and add once for each batch, for each call leaves the plugin and comes back.

#[cfg(target_family = "wasm")]
use crate::bindings::snowgate::transform::metrics::add as write;

/// Adds `n` to the counter `name`; natively to nothing.
pub fn add(name: &str, n: u64) {
    #[cfg(target_family = "wasm")]
    write(name, n);
    #[cfg(not(target_family = "wasm"))]
    let _ = (name, n);
}
