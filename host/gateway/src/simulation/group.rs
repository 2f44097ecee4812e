//! What the consumer group does: gives the partition away and keeps an offset with what stands beside it.

use super::*;

impl World {
    pub(super) fn assign(&mut self, to: usize) {
        self.generation += 1;
        self.lives += 1;
        self.owner = Some(to);
        self.gateways[to] = Gateway::new(&self.policy, self.config, self.lives, self.generation);
        let life = self.lives;
        let group_offset = self.group.as_ref().and_then(|memo| memo.group_offset);
        let begin = self.begin();
        self.take(to, |lanes, now, steps| lanes.assigned(&begin, now, steps));
        if self.random.chance(20) {
            // The group could not wait for the channel: start where the group offset or the configuration says.
            self.gateways[to].cursor = Some(group_offset.map_or(0, Offset::get));
            self.event(to, To::All, Event::StartedBlind);
        }
        self.after(1, Delivery::Poll { gateway: to, life });
    }

    /// What the group remembers, as the configuration of now sees it.
    pub(super) fn begin(&self) -> Begin {
        let remembered = |table: usize| Remembered {
            group_offset: self.group.as_ref().and_then(|memo| memo.group_offset),
            committed_offset: self.group.as_ref().and_then(|memo| memo.committed.get(table).copied().flatten()),
            row_errors: None,
        };
        let before = match &self.group {
            Some(memo) if memo.config.routing() != self.config.routing() => {
                Before::Other { lost_sight: !memo.at_rest && memo.config.tables > self.config.tables }
            }
            Some(memo) if memo.at_rest => Before::AtRest,
            None if self.config.routing().is_some() => Before::Other { lost_sight: false },
            Some(_) | None => Before::Same,
        };
        Begin { remembered: (0..self.config.tables).map(remembered).collect(), before }
    }

    pub(super) fn commit_group(&mut self, from: usize, commit: Memo) {
        // Kafka refuses the commit of a member that lost the partition.
        if self.gateways[from].generation != self.generation || self.owner != Some(from) {
            return;
        }
        let next = commit.group_offset.expect("a commit has an offset");
        self.check_settled_below(next);
        // A commit may be lost, never reordered.
        let lost = self.faulty && self.random.chance(30);
        self.gateways[from].unsent_commit = lost.then(|| commit.clone());
        if !lost {
            self.group = Some(commit.clone());
            let (life, delay) = (self.gateways[from].life, self.latency());
            if !(self.faulty && self.random.chance(20)) {
                self.after(delay, Delivery::Committed { gateway: from, life, memo: commit });
            }
        }
    }
}
