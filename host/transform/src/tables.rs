//! The tables that an operator lets the plugins of a pipeline name, besides the pipeline's own.
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
    /// The first of `names` has route 1; at most 65,535 can be told apart. Plugins name a table as it stands here, byte for byte.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Tables {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let routes = (1..=u16::MAX).zip(&names).map(|(route, name)| (name.clone(), route)).collect();
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
            return format!("table `{}` is not allowed: this pipeline has no `more_tables`", clean(name));
        }
        let shown: Vec<String> = self.names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
        let more = match self.names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("table `{}` is not allowed; the `more_tables` of this pipeline are {}{more}", clean(name), shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_byte_for_byte() {
        let tables = Tables::new(["TRADES", "odd.name", "DEPTH"]);
        assert_eq!(["TRADES", "odd.name", "DEPTH"].map(|name| tables.route(name)), [Some(1), Some(2), Some(3)]);
        for other in ["trades", "name", "TRADES ", "RAW.TRADES", ""] {
            assert_eq!(tables.route(other), None, "{other}");
        }
    }

    #[test]
    fn a_refusal_names_the_table_and_what_there_is() {
        let refusal = Tables::new(["A", "B"]).refusal("C\n");
        assert_eq!(refusal, "table `C ` is not allowed; the `more_tables` of this pipeline are `A`, `B`");
        assert_eq!(Tables::default().refusal("C"), "table `C` is not allowed: this pipeline has no `more_tables`");
        let many = Tables::new((0..18).map(|n| n.to_string())).refusal("C");
        assert!(many.ends_with("`15` and 2 more"), "{many}");
    }
}
