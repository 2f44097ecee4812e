//! Kafka Connect as its users know it, and the only crate that names axum.
//!
//! In reading order: [`config_def`] is how keys are declared and read, [`worker`] a worker's configuration, [`providers`] fetches what it
//! refers to, [`java_client`] translates the names of Java's clients; `java_number` and `java_regex` write and read as Java does.
//! [`plugins`] lists what there is to configure, [`validate`] says what is wrong with a configuration, `secrets` what of it nobody is
//! shown. [`connector`] makes [`settings`] of it, [`topic_map`] is a part of them. [`data`] is Connect's data, [`converter`] makes it
//! from bytes, [`smt`] and [`predicate`] change and choose it, [`rows`] writes it as JSON, [`road`] takes a batch through all of them.
//! [`herder`] manages connectors, [`store`] keeps them, [`rest`] is their interface, [`verdicts`] what becomes of each key, [`import`]
//! reads what other workers run. [`engine`] is
//! what carries connectors out, [`snapshot`] what there is to see, [`watch`] shows it: health, metrics, the status page. [`guard`] stands
//! before all that is served, [`openapi`] describes it.

pub mod config_def;
pub mod connector;
pub mod converter;
pub mod data;
#[cfg(test)]
mod docs;
pub mod engine;
pub mod guard;
pub mod herder;
pub mod import;
pub mod java_client;
mod java_number;
mod java_regex;
pub mod openapi;
pub mod plugins;
pub mod predicate;
pub mod providers;
pub mod rest;
pub mod road;
pub mod rows;
mod secrets;
pub mod settings;
pub mod smt;
pub mod snapshot;
pub mod store;
pub mod topic_map;
pub mod validate;
pub mod verdicts;
pub mod watch;
pub mod worker;
