//! The tables that an operator lets the plugins of a pipeline name, besides the pipeline's own.
//!
//! A plugin names a table as it stands in `tables`, byte for byte: `RAW.KAFKA.TRADES`. The last part, `TRADES`, will do where no other of
//! them ends in it.
//!
//! Invariant: a name leads to one table or to none, and route 0 is never among them.

use std::collections::HashMap;

use crate::host::clean;

/// Names that a refusal lists.
const SHOWN: usize = 16;

/// Names of tables, and the route of each.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tables {
    names: Vec<String>,
    routes: HashMap<String, u16>,
}

impl Tables {
    /// The first of `names` has route 1; at most 65,535 can be told apart.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Tables {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let mut routes = HashMap::new();
        for (route, name) in (1..=u16::MAX).zip(&names) {
            let last = last_part(name);
            // A name of one part stands for its own table alone.
            if names.iter().filter(|other| last_part(other) == last).count() == 1 {
                routes.insert(last.to_owned(), route);
            }
        }
        for (route, name) in (1..=u16::MAX).zip(&names).rev() {
            routes.insert(name.clone(), route);
        }
        Tables { names, routes }
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// As they were given; the first one's route is 1.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The route of the table that a plugin calls `name`.
    pub fn route(&self, name: &str) -> Option<u16> {
        self.routes.get(name).copied()
    }

    /// Why no record may go to a table called `name`.
    pub(crate) fn refusal(&self, name: &str) -> String {
        if self.is_empty() {
            return format!("table `{}` is not allowed: this pipeline has no `tables`", clean(name));
        }
        let shown: Vec<String> = self.names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
        let more = match self.names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("table `{}` is not allowed; the `tables` of this pipeline are {}{more}", clean(name), shown.join(", "))
    }
}

/// What stands behind the last dot that is in no double quotes.
fn last_part(name: &str) -> &str {
    let mut quoted = false;
    let mut start = 0;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'.' if !quoted => start = at + 1,
            _ => {}
        }
    }
    &name[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_in_full_or_by_its_last_part_where_only_one_has_it() {
        let tables = Tables::new(["RAW.A.TRADES", "RAW.A.DEPTH", "RAW.B.DEPTH", "RAW.A.\"odd.name\""]);
        let route = |name: &str| tables.route(name);
        assert_eq!((route("RAW.A.TRADES"), route("TRADES"), route("RAW.B.DEPTH")), (Some(1), Some(1), Some(3)));
        assert_eq!((route("\"odd.name\""), route("RAW.A.\"odd.name\"")), (Some(4), Some(4)));
        for other in ["DEPTH", "trades", "A.TRADES", "name\"", "", "."] {
            assert_eq!(route(other), None, "{other}");
        }
    }

    #[test]
    fn a_whole_name_comes_before_another_ones_last_part() {
        let tables = Tables::new(["RAW.A.X", "X", "Y", "RAW.A.Y.", "RAW.A.Z", "RAW.A.Z"]);
        assert_eq!((tables.route("X"), tables.route("Y"), tables.route("RAW.A.Z")), (Some(2), Some(3), Some(5)));
    }

    #[test]
    fn a_refusal_names_the_table_and_what_there_is() {
        let refusal = Tables::new(["A", "B"]).refusal("C\n");
        assert_eq!(refusal, "table `C ` is not allowed; the `tables` of this pipeline are `A`, `B`");
        assert_eq!(Tables::default().refusal("C"), "table `C` is not allowed: this pipeline has no `tables`");
        let many = Tables::new((0..18).map(|n| n.to_string())).refusal("C");
        assert!(many.ends_with("`15` and 2 more"), "{many}");
    }
}
