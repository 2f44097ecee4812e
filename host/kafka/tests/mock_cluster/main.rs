//! What the crate promises, on librdkafka's mock cluster: a broker in this process, spoken to over loopback.
//!
//! Each test has a cluster of its own, waits for events and never for time.

mod dead_letters;
mod groups;
mod offsets;
mod reading;
mod support;
mod trouble;
