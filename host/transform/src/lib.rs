//! Runs WebAssembly plugins over batches of records.
//!
//! In reading order: [`config`] holds what an operator decides about a plugin, [`engine`] compiles and keeps the clock, [`limits`]
//! and [`host`] are what one instance may use and call, [`plugin`] loads a component and keeps one instance of it alive, [`answer`]
//! checks what a plugin returns, [`chain`] takes a batch through the plugins in order and says what became of each record.
//!
//! This is the only crate that names wasmtime. Where no plugin is configured, nothing here runs.

mod answer;
mod bindings;
mod chain;
mod config;
mod engine;
mod error;
mod host;
mod limits;
mod plugin;

pub use chain::{Chain, PluginCounts, Rejected, Transformed};
pub use config::{Limits, PluginSettings};
pub use engine::Engine;
pub use error::Error;
pub use plugin::Plugin;
