//! Memory, tables and instances allowed to one plugin instance.
//!
//! wasmtime asks before anything grows; a refusal is an ordinary answer that the plugin may get over, so it is remembered: when the
//! call then traps, that was the reason.
//!
//! Invariant: what the memories of an instance hold together never passes `memory_bytes`.

use wasmtime::ResourceLimiter;

use crate::config::Limits;

pub(crate) struct InstanceLimits {
    memory_bytes: usize,
    table_elements: usize,
    instances: usize,
    memory_used: usize,
    table_used: usize,
    refused: Option<Refused>,
}

/// What an instance asked for and did not get, with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("needs more memory than its limit of {0} bytes")]
    Memory(usize),
    #[error("needs more table elements than its limit of {0}")]
    Table(usize),
}

impl InstanceLimits {
    pub(crate) fn new(limits: &Limits) -> InstanceLimits {
        InstanceLimits {
            memory_bytes: limits.memory_bytes,
            table_elements: limits.table_elements,
            instances: limits.instances,
            memory_used: 0,
            table_used: 0,
            refused: None,
        }
    }

    /// Before each call: forgets what was refused in the last one.
    pub(crate) fn begin_call(&mut self) {
        self.refused = None;
    }

    /// What was refused last since the call began.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    pub(crate) fn memory_used(&self) -> usize {
        self.memory_used
    }
}

impl ResourceLimiter for InstanceLimits {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.memory_used.saturating_sub(current).saturating_add(desired);
        if used > self.memory_bytes {
            self.refused = Some(Refused::Memory(self.memory_bytes));
            return Ok(false);
        }
        self.memory_used = used;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.table_used.saturating_sub(current).saturating_add(desired);
        if used > self.table_elements {
            self.refused = Some(Refused::Table(self.table_elements));
            return Ok(false);
        }
        self.table_used = used;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together_and_a_refusal_is_remembered_for_one_call() {
        let mut limits = InstanceLimits::new(&Limits { memory_bytes: 100, ..Limits::default() });
        assert!(limits.memory_growing(0, 60, None).unwrap());
        assert!(!limits.memory_growing(0, 41, None).unwrap());
        assert_eq!(limits.refused(), Some(Refused::Memory(100)));
        limits.begin_call();
        assert!(limits.memory_growing(0, 40, None).unwrap());
        assert!(!limits.memory_growing(60, 61, None).unwrap());
        assert_eq!(limits.memory_used(), 100);
        limits.begin_call();
        assert_eq!(limits.refused(), None);
        assert!(!limits.table_growing(0, 100_001, None).unwrap());
        assert_eq!(limits.refused(), Some(Refused::Table(100_000)));
    }
}
