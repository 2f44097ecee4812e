//! What plugins count through the interface `metrics`.
//!
//! An instance adds to numbers of its own while a call runs. When the call went well they are added to the plugin's, which are
//! atomic; a lock is taken only where an instance meets a name for the first time. A call that fails leaves no counts behind, since
//! its records are presented again.
//!
//! Invariant: a plugin has at most [`NAMES`] names, and the two that stand for the rest.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Names a plugin may count under. Each is a time series for as long as the process lives, and names may come from records.
const NAMES: usize = 64;

const NAME_BYTES: usize = 64;

/// Stands for names beyond [`NAMES`].
const OVERFLOW: &str = "overflow";

/// Stands for names that are not formed as `wit/` says.
const INVALID: &str = "invalid";

/// The counters of one plugin, over all its instances.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    all: Mutex<Vec<Counter>>,
}

type Counter = (Arc<str>, Arc<AtomicU64>);

impl Counters {
    pub(crate) fn read(&self) -> Vec<(Arc<str>, u64)> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, count)| (Arc::clone(name), count.load(Relaxed))).collect()
    }

    /// The counter called `name`, or the one that stands for it.
    fn get(&self, name: &str) -> Counter {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |all: &[Counter], name: &str| all.iter().find(|(known, _)| **known == *name).cloned();
        let name = if is_well_formed(name) { name } else { INVALID };
        if let Some(counter) = find(&all, name) {
            return counter;
        }
        let stands_for_others = |name: &str| name == OVERFLOW || name == INVALID;
        let taken = all.iter().filter(|(name, _)| !stands_for_others(name)).count();
        let name = if taken < NAMES || stands_for_others(name) { name } else { OVERFLOW };
        find(&all, name).unwrap_or_else(|| {
            let counter: Counter = (name.into(), Arc::default());
            all.push(counter.clone());
            counter
        })
    }
}

fn is_well_formed(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase();
    name.len() <= NAME_BYTES
        && name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit() || byte == b'_')
}

/// What one instance counts.
pub(crate) struct Tally {
    counters: Arc<Counters>,
    /// The names this instance used and what it added since the last call; no more than the plugin has.
    pending: Vec<(Counter, u64)>,
}

impl Tally {
    pub(crate) fn new(counters: Arc<Counters>) -> Tally {
        Tally { counters, pending: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, n: u64) {
        let known = self.pending.iter().position(|((known, _), _)| **known == *name);
        let at = known.unwrap_or_else(|| {
            let counter = self.counters.get(name);
            self.pending.iter().position(|((known, _), _)| *known == counter.0).unwrap_or_else(|| {
                self.pending.push((counter, 0));
                self.pending.len() - 1
            })
        });
        let added = &mut self.pending[at].1;
        *added = added.saturating_add(n);
    }

    /// After a call that went well.
    pub(crate) fn settle(&mut self) {
        for ((_, counter), added) in &mut self.pending {
            if *added > 0 {
                counter.fetch_add(std::mem::take(added), Relaxed);
            }
        }
    }

    /// After a call that failed and left its instance sound.
    pub(crate) fn forget(&mut self) {
        for (_, added) in &mut self.pending {
            *added = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(counters: &Counters) -> Vec<(String, u64)> {
        counters.read().into_iter().map(|(name, count)| (name.to_string(), count)).collect()
    }

    #[test]
    fn instances_count_together_and_only_what_went_well() {
        let counters = Arc::new(Counters::default());
        let (mut one, mut two) = (Tally::new(Arc::clone(&counters)), Tally::new(Arc::clone(&counters)));
        one.add("seen", 2);
        one.add("seen", 1);
        two.add("seen", 10);
        two.add("odd", u64::MAX);
        two.add("odd", 1);
        assert_eq!(read(&counters), [("seen".to_owned(), 0), ("odd".to_owned(), 0)]);
        one.settle();
        two.settle();
        two.settle();
        one.add("seen", 100);
        one.forget();
        one.settle();
        assert_eq!(read(&counters), [("seen".to_owned(), 13), ("odd".to_owned(), u64::MAX)]);
    }

    #[test]
    fn names_without_end_share_one_counter() {
        let counters = Arc::new(Counters::default());
        let mut tally = Tally::new(Arc::clone(&counters));
        for n in 0..1000 {
            tally.add(&format!("name_{n}"), 1);
        }
        tally.add("name_3", 1);
        tally.settle();
        let all = read(&counters);
        assert_eq!((all.len(), tally.pending.len()), (NAMES + 1, NAMES + 1));
        assert_eq!((all[3].1, &all[NAMES]), (2, &(OVERFLOW.to_owned(), 1000 - NAMES as u64)));
        // A name that is no name is known as such even then.
        tally.add("Not a name", 1);
        tally.settle();
        assert_eq!(read(&counters)[NAMES + 1], (INVALID.to_owned(), 1));
    }

    #[test]
    fn a_name_is_lower_case_letters_digits_and_underscores() {
        assert!(is_well_formed("a") && is_well_formed("symbols_unknown_2") && is_well_formed(&"a".repeat(NAME_BYTES)));
        for name in ["", "2a", "_a", "A", "a-b", "a b", "é", "a\"} 1\nforged", &"a".repeat(NAME_BYTES + 1)] {
            assert!(!is_well_formed(name), "{name:?}");
        }
    }
}
