//! Where a record goes that a plugin sends to a table, as the gateway decides it.

/// The full name of the table that a plugin calls `name`, or why no record may go there. `tables` are those of the pipeline.
pub(super) fn find<'a>(tables: &'a [String], name: &str) -> Result<&'a str, String> {
    if let Some(table) = tables.iter().find(|table| *table == name) {
        return Ok(table);
    }
    let mut same_end = tables.iter().filter(|table| last_part(table) == name);
    if let (Some(table), None) = (same_end.next(), same_end.next()) {
        return Ok(table);
    }
    let shown: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
    Err(format!("table `{name}` is not allowed; the `tables` of this pipeline are {}", shown.join(", ")))
}

/// What stands behind the last dot that is in no double quotes.
fn last_part(name: &str) -> &str {
    let mut quoted = false;
    let dot = |(at, byte): (usize, u8)| {
        quoted ^= byte == b'"';
        (byte == b'.' && !quoted).then_some(at + 1)
    };
    let start = name.bytes().enumerate().filter_map(dot).last().unwrap_or(0);
    &name[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_as_the_gateway_finds_it() {
        let tables = ["RAW.A.TRADES", "RAW.A.DEPTH", "RAW.B.DEPTH", "RAW.A.\"odd.name\""].map(str::to_owned);
        let find = |name| find(&tables, name).ok();
        assert_eq!((find("RAW.B.DEPTH"), find("TRADES")), (Some("RAW.B.DEPTH"), Some("RAW.A.TRADES")));
        assert_eq!((find("\"odd.name\""), find("DEPTH"), find("trades")), (Some("RAW.A.\"odd.name\""), None, None));
    }
}
