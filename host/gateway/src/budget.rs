//! The one byte budget of the process.
//!
//! Open bodies, sealed bodies and batches at work are charged to it. A partition that would go beyond it reads no more until
//! something is committed; librdkafka's queue fills, and Kafka is asked for less. Nothing is dropped and nothing spills.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug, Clone)]
pub(crate) struct Budget {
    max: usize,
    used: Arc<AtomicUsize>,
}

impl Budget {
    pub(crate) fn new(max: usize) -> Budget {
        Budget { max, used: Arc::new(AtomicUsize::new(0)) }
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Whether another batch may be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.used() < self.max
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A charge of nothing so far.
    pub(crate) fn charge(&self) -> Charge {
        Charge { budget: self.clone(), bytes: 0 }
    }
}

/// What one partition holds of the budget. Dropping it gives everything back.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Charge {
    /// The partition holds `bytes` now.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes >= self.bytes {
            self.budget.used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.budget.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_budget_has_room_again_when_a_partition_lets_go() {
        let budget = Budget::new(100);
        let mut first = budget.charge();
        let mut second = budget.charge();
        first.set(60);
        second.set(60);
        assert!(!budget.has_room());
        first.set(10);
        assert!(budget.has_room());
        assert_eq!(budget.used(), 70);
        drop(second);
        assert_eq!(budget.used(), 10);
    }
}
