//! The promises of the gateway, one file for each, kept against the real binary.
//!
//! `cargo xtask test` builds what they need and names it in the environment. They run on the sandbox's broker, and with
//! `--kafka apache` on Apache Kafka.

mod author;
mod back_pressure;
mod bad_input;
mod connect;
mod connect_routers;
mod dead_letters;
mod delivery;
mod kafka_security;
mod plugins;
mod rebalance;
mod reload;
mod restart;
mod shutdown;
mod snowflake_faults;
mod tables;
mod traces;
