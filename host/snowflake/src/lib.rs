//! The road into Snowflake.
//!
//! In reading order: [`json`] validates a record's value once, [`row`] splices it into a row, [`body`] collects rows and seals
//! them, [`names`] and [`offset_token`] hold the texts both sides agree on, [`wire`] the requests and answers, [`auth`] the
//! key pair and its tokens, [`client`] sends one request, [`sql`] the statements, [`check`] tries everything and moves nothing.

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

pub use error::Error;
