//! A small world around the real gateway: a sandbox, a broker, configurations, processes, and waiting without sleeping blindly.
//!
//! One shape for every test: arrange a [`World`], start gateways, wait for an event, stop, then judge the rows. Nothing here
//! shares code with the gateway.

pub mod collector;
pub mod connector;
pub mod gateway;
pub mod kafka;
pub mod process;
pub mod sandbox;
pub mod world;

use std::time::{Duration, Instant};

pub use connector::Worker;
pub use gateway::{Config, Gateway};
pub use kafka::Kafka;
pub use sandbox::Sandbox;
pub use world::World;

/// Longer than anything takes on a busy machine with two cores, so that only a fault reaches it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `look` finds something; `what` says what was waited for when it never does.
#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// As [`eventually`], with a limit of its own.
#[track_caller]
pub fn eventually_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited {patience:?} for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
