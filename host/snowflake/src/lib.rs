//! The road into Snowflake.
//!
//! In reading order: [`json`] validates a record's value once, [`row`] splices it into a row, [`body`] collects rows and seals
//! them, [`names`] and [`offset_token`] hold the texts both sides agree on, [`wire`] the requests and answers. [`config`] is the
//! section as written, `secret` and `account` what its fields mean; [`auth`] signs with the key pair, `transport` carries one
//! request, `session` keeps us logged in, [`client`] has a method for each call, [`sql`] the statements, and [`check`] tries
//! everything and moves nothing.

pub mod auth;
pub mod body;
pub mod check;
pub mod client;
pub mod config;
pub mod error;
pub mod json;
pub mod names;
pub mod offset_token;
pub mod row;
pub mod sql;
pub mod wire;

mod account;
mod http_date;
mod secret;
mod session;
mod transport;

#[cfg(test)]
mod testing;

pub use error::Error;
