//! What must be true, at each commit of the group and at the end.

use super::*;

impl World {
    pub(super) fn check_settled_below(&self, next: Offset) {
        for record in self.log.iter().take_while(|record| record.offset < next.get()) {
            let settled = match record.kind {
                Kind::Dropped => true,
                Kind::Poison => self.dead.contains(&record.offset),
                Kind::Rows(n) => {
                    let holds = |channel: &Channel| (0..n).all(|emit| channel.table.contains(&(record.offset, emit)));
                    self.channels.iter().any(holds) || self.dead.contains(&record.offset)
                }
                Kind::Slow => {
                    let holds = |channel: &Channel| channel.table.contains(&(record.offset, 0));
                    self.channels.iter().any(holds) || self.dead.contains(&record.offset)
                }
            };
            assert!(settled, "seed {}: the group offset {next} passed offset {}", self.seed, record.offset);
        }
    }

    pub(super) fn judge(&self) {
        let seed = self.seed;
        let mut seen: BTreeMap<Row, usize> = BTreeMap::new();
        for channel in &self.channels {
            channel.table.iter().for_each(|row| *seen.entry(*row).or_default() += 1);
            assert!(channel.table.is_sorted(), "seed {seed}: rows out of order: {:?}", channel.table);
        }
        assert!(seen.values().all(|n| *n == 1), "seed {seed}: doubled rows in {seen:?}");
        for record in &self.log {
            let rows_in = |channel: &Channel| channel.table.iter().filter(|row| row.0 == record.offset).count();
            let rows: Vec<_> = self.channels.iter().map(rows_in).collect();
            let is_in: Vec<_> = (0..MOST_TABLES).filter(|table| rows[*table] > 0).collect();
            let rows: usize = rows.iter().sum();
            match record.kind {
                Kind::Dropped => assert_eq!(rows, 0, "seed {seed}: a dropped record has rows"),
                // It may be both: set aside by one, and read again by another before the group knew.
                Kind::Slow => {
                    let is_there = rows == 1 || self.dead.contains(&record.offset);
                    assert!(is_there, "seed {seed}: offset {} is lost", record.offset);
                }
                Kind::Poison => {
                    assert_eq!(rows, 0, "seed {seed}: a poison record has rows");
                    assert!(self.dead.contains(&record.offset), "seed {seed}: offset {} is lost", record.offset);
                }
                Kind::Rows(n) => {
                    let channel = &self.channels[0];
                    let refused = Some(record.offset) == channel.malformed_offset || usize::from(n) > channel.too_large;
                    if refused {
                        assert!(self.dead.contains(&record.offset), "seed {seed}: refused offset {} is lost", record.offset);
                    } else {
                        assert_eq!(rows, usize::from(n), "seed {seed}: rows of offset {}", record.offset);
                        let asked = |table: usize| self.configs.iter().any(|config| config.route(seed, record.offset) == table);
                        assert!(
                            matches!(is_in[..], [table] if asked(table)),
                            "seed {seed}: offset {} is in {is_in:?}",
                            record.offset
                        );
                    }
                }
            }
        }
    }
}
