//! The pipeline's `tables`, and which of them a name means.

/// The table that the gateway takes `name` for: the one that is called so in full, or the only one whose last part it is. `None` where it
/// would reject a record that is [sent](crate::Emit::route_to) there.
///
/// ```
/// let tables = ["RAW.KAFKA.TRADES".to_owned(), "RAW.A.DEPTH".to_owned(), "RAW.B.DEPTH".to_owned()];
/// let find = |name| snowgate_plugin::tables::find(&tables, name);
/// assert_eq!(find("TRADES"), Some("RAW.KAFKA.TRADES"));
/// assert_eq!((find("RAW.B.DEPTH"), find("DEPTH"), find("trades")), (Some("RAW.B.DEPTH"), None, None));
/// ```
pub fn find<'a>(tables: &'a [String], name: &str) -> Option<&'a str> {
    if let Some(table) = tables.iter().find(|table| *table == name) {
        return Some(table);
    }
    let mut same_end = tables.iter().filter(|table| last_part(table) == name);
    match (same_end.next(), same_end.next()) {
        (Some(table), None) => Some(table),
        _ => None,
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
    fn a_dot_in_quotes_does_not_end_a_part() {
        let tables = ["RAW.A.\"odd.name\"", "X", "RAW.A.X"].map(str::to_owned);
        assert_eq!(find(&tables, "\"odd.name\""), Some("RAW.A.\"odd.name\""));
        assert_eq!((find(&tables, "name\""), find(&tables, "X")), (None, Some("X")));
    }
}
