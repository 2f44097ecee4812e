//! The world outside the gateway, on one machine, so that the gateway can be run and tested whole without an account, a cluster or
//! a network: a stand-in Snowflake, an embedded broker and a source of klines.
//!
//! The stand-in shares no code with the gateway's loader. Snowflake's own clients work against it, which is what holds it to the
//! truth (`conformance/`). A request goes through these modules: `http` reads it and lets a fault script have its way, `route` says
//! which call it is, and `streaming`, `statements`, `driver` or `admin` carries it out on the `world`.

mod admin;
mod auth;
mod broker;
mod catalog;
mod channel;
mod cli;
mod client;
mod connection;
mod drain;
mod driver;
mod faults;
mod http;
mod json;
mod kline;
mod ledger;
mod route;
mod rows;
mod serve;
mod source;
mod sql;
mod statements;
mod streaming;
mod tls;
mod topics;
mod world;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => serve::run(args),
        Command::Query(args) => client::query(&args),
        Command::Ledger(args) => client::ledger(&args),
        Command::Source(args) => source::run(&args),
        Command::Topics(args) => topics::run(&args),
        Command::Drain(args) => drain::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
