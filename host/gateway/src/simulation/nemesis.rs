//! What goes wrong: crashes, rebalances, zombies, other plugins and tables.

use super::*;

impl World {
    pub(super) fn set_config(&mut self, config: Config) {
        self.config = config;
        self.configs.push(config);
    }

    /// Other plugins, and other tables where the gateway is to start with them.
    pub(super) fn change_config(&mut self, with_tables: bool) {
        if self.now < self.no_zombie_from || self.config.tables == 1 && !(with_tables && self.random.chance(20)) {
            return;
        }
        let mut tables = if with_tables { 1 + self.random.below(MOST_TABLES as u64) as usize } else { self.config.tables };
        if self.no_zombie_from > 0 {
            // It may have loaded into any, which nobody sees in one that is left out.
            tables = tables.max(self.config.tables);
        }
        let plugins = self.config.plugins + self.random.below(2);
        self.set_config(Config { tables, plugins });
    }

    /// Nothing in the process survives, requests under way do.
    pub(super) fn crash(&mut self, gateway: usize) {
        self.lives += 1;
        let generation = self.gateways[gateway].generation;
        self.gateways[gateway] = Gateway::new(&self.policy, self.config, self.lives, generation);
        self.owner = None;
    }

    pub(super) fn nemesis(&mut self) {
        if !self.faulty {
            return;
        }
        match self.owner {
            None => {
                if self.random.chance(30) {
                    self.change_config(true);
                }
                let to = self.random.below(2) as usize;
                self.assign(to);
            }
            Some(owner) => match self.random.below(8) {
                0 => {
                    self.crash(owner);
                    if self.random.chance(30) {
                        self.change_config(true);
                    }
                }
                // An orderly hand-over.
                1 | 2 => {
                    self.gateways[owner].draining = true;
                    let deadline = self.now + self.random.below(120);
                    self.event(owner, To::All, Event::Revoked { deadline });
                }
                // A zombie: the group goes on without it, and it does not know yet.
                3 if self.gateways[owner].config == self.config => {
                    let life = self.gateways[owner].life;
                    let late = self.random.below(300);
                    self.no_zombie_from = self.no_zombie_from.max(self.now + late + 1);
                    self.after(late, Delivery::Gateway { gateway: owner, life, to: To::All, event: Event::Lost });
                    self.assign(1 - owner);
                }
                4 | 5 => {
                    self.change_config(false);
                    if self.gateways[owner].config.tables == self.config.tables {
                        self.gateways[owner].wanted = self.config;
                        self.event(owner, To::All, Event::SwapAsked);
                    }
                }
                _ => {}
            },
        }
        let delay = 10 + self.random.below(150);
        self.after(delay, Delivery::Nemesis);
    }
}
