//! Runs WebAssembly plugins over batches of records.
//!
//! In reading order: [`config`] holds what an operator decides about a plugin, [`tables`] where its records may go, [`engine`] compiles and keeps the clock,
//! [`cache`] keeps what was compiled, [`component`] judges a file, [`limits`], [`host`] and [`metrics`] are what one instance may use and call, [`plugin`] is a
//! component that was loaded, [`schema`] finds what is wrong with its options, [`worker`] keeps one instance of it alive, [`version`] is the interface as it was released, [`answer`] and [`routing`] check what a plugin returns and [`fault`] says
//! why it did not, [`breaker`] rests a plugin that fails too often, [`chain`] takes a batch through the plugins in order and says
//! what became of each record, with [`survivors`] to carry an answer out. [`inspect`] tells of a component without using it.
//!
//! This is the only crate that names wasmtime. Where no plugin is configured, nothing here runs.

mod answer;
mod bindings;
mod breaker;
mod cache;
mod chain;
mod component;
mod config;
mod engine;
mod error;
mod fault;
mod host;
mod inspect;
mod limits;
mod metrics;
mod plugin;
mod routing;
mod schema;
mod survivors;
mod tables;
mod version;
mod worker;

pub use cache::cache_folder;
pub use chain::{Chain, PluginCounts, Rejected, Transformed};
pub use component::digest;
pub use config::{Capability, EngineSettings, Limits, PluginSettings, UnknownCapability};
pub use engine::Engine;
pub use error::Error;
pub use inspect::{Inspection, inspect};
pub use plugin::{Identity, Plugin};
pub use schema::OptionProblem;
pub use tables::Tables;
