//! How a partition goes over to other plugins: everything that was read is settled and the group knows it, and only then.
//!
//! Nothing more is read meanwhile, the open body is sealed at once, and the group offset is committed until the group has taken it.
//! From then on no crash and no rebalance brings a record back that the earlier plugins settled: what was dropped or set aside by
//! them is not judged again by others, and what is read again was settled by none.
//!
//! A partition that a record or a plugin stopped goes on by this: other plugins may take what those did not.

use super::event::{Action, BlockReason, Millis};
use super::{Partition, Phase};

/// How long the group's answer is waited for before the group offset is committed once more: a rebalance may swallow one.
const COMMIT_AGAIN: Millis = 2_000;

/// A swap that was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Swap {
    /// When to commit once more, once a commit is all that is waited for.
    commit_again: Option<Millis>,
}

impl<C: Clone> Partition<C> {
    pub(super) fn swap_asked(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        if self.phase == Phase::Idle {
            return;
        }
        self.swap = Some(Swap::default());
        self.go_on(now, actions);
    }

    /// When to look again whether the group has answered.
    pub(super) fn swap_due_at(&self) -> Option<Millis> {
        self.swap.filter(|_| self.is_all_settled())?.commit_again
    }

    /// Whether the group's answer is all that a swap waits for.
    pub(super) fn awaits_group(&self) -> bool {
        self.swap_due_at().is_some()
    }

    /// Swaps when nothing that was read is left to settle, and the group offset is past it.
    pub(super) fn swap_if_settled(&mut self, now: Millis, actions: &mut Vec<Action<C>>) {
        let Some(swap) = &self.swap else { return };
        if !self.is_all_settled() {
            return;
        }
        let is_known = self.settled.is_none_or(|settled| Some(settled.next()) <= self.group_offset);
        if !is_known {
            if swap.commit_again.is_none_or(|at| now >= at) {
                self.swap = Some(Swap { commit_again: Some(now + COMMIT_AGAIN) });
                self.push_commit(actions);
            }
            return;
        }
        self.swap = None;
        // Snowflake refused what the earlier plugins made of them.
        self.refused.clear();
        actions.push(Action::Swap);
        if matches!(self.blocked, Some(BlockReason::RecordRefused | BlockReason::PluginsFailed)) {
            self.unblock(actions);
        }
    }

    fn is_all_settled(&self) -> bool {
        let settles = !self.blocked.is_some_and(BlockReason::holds_settling);
        self.phase == Phase::Running && self.held.is_empty() && settles && self.deadline.is_none()
    }
}
