//! Rests a plugin that fails at too many records.
//!
//! One odd record is a dead letter. When every record fails the plugin is at fault, and a topic of dead letters helps nobody: the
//! breaker opens, and the records wait in Kafka. It opens after the batch that was one too many, not within it, so that each
//! batch that was begun is finished and a pipeline never stands still for ever at the same records.
//!
//! Invariant: a closed breaker costs one atomic read for each batch.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long records are counted, and how long an open breaker stays so.
const WINDOW: Duration = Duration::from_secs(60);

/// The breaker of one plugin, over all its instances.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// Records that may be lost in a window.
    limit: u32,
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the count began, or when the breaker opened.
    since: Option<Instant>,
    lost: u32,
}

impl Breaker {
    pub(crate) fn new(limit: u32) -> Breaker {
        Breaker { limit, open: AtomicBool::new(false), state: Mutex::new(State { since: None, lost: 0 }) }
    }

    /// Counts records that the plugin failed at. True when the breaker opens by this.
    pub(crate) fn lost(&self, records: u32, now: Instant) -> bool {
        if records == 0 {
            return false;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.open.load(Relaxed) {
            // Another worker finished a batch that it had begun before.
            return false;
        }
        if state.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            *state = State { since: Some(now), lost: 0 };
        }
        state.lost = state.lost.saturating_add(records);
        if state.lost <= self.limit {
            return false;
        }
        state.since = Some(now);
        self.open.store(true, Relaxed);
        true
    }

    /// How long the plugin has to rest; `None` when it may work. `now` is asked for only when it matters.
    pub(crate) fn rests(&self, now: impl FnOnce() -> Instant) -> Option<Duration> {
        if !self.open.load(Relaxed) {
            return None;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = now().saturating_duration_since(state.since?);
        if rested < WINDOW {
            return Some(WINDOW - rested);
        }
        *state = State { since: None, lost: 0 };
        self.open.store(false, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_at_one_record_too_many_and_closes_after_a_minute() {
        let breaker = Breaker::new(10);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!breaker.lost(10, start));
        assert_eq!(breaker.rests(|| start), None);
        assert!(breaker.lost(1, after(59)));
        // What another worker had begun neither opens it again nor keeps it open for longer.
        assert!(!breaker.lost(500, after(60)));
        assert_eq!(breaker.rests(|| after(59)), Some(WINDOW));
        assert_eq!(breaker.rests(|| after(118)), Some(Duration::from_secs(1)));
        assert_eq!(breaker.rests(|| after(119)), None);
        assert!(!breaker.lost(10, after(120)));
        assert!(breaker.lost(1, after(121)));
    }

    #[test]
    fn faults_that_are_spread_out_never_add_up() {
        let breaker = Breaker::new(10);
        let start = Instant::now();
        for minute in 0..100 {
            assert!(!breaker.lost(10, start + WINDOW * minute));
        }
        assert_eq!(breaker.rests(|| unreachable!("nobody asks the time of a closed breaker")), None);
    }
}
