//! Where an answer sends its records.
//!
//! Invariant: a [`Routing`] has a route for each record of the batch, and each names one of its tables or none. At least one names one.

use std::ops::Range;

use snowgate_record::RecordBatch;

use crate::tables::Tables;

/// A table's name in full has three parts, of 255 characters each at most.
pub(crate) const NAME_BYTES: usize = 1024;

#[derive(Debug)]
pub(crate) struct Routing {
    /// The names that the answer uses, and the routes they stand for; none where the table is not allowed.
    tables: Vec<(String, Option<u16>)>,
    /// For each record 0, or one more than the index of its table.
    routes: Vec<u32>,
}

impl Routing {
    /// `None` if every record goes where it was going. `Err` says which rule of the contract the answer breaks.
    pub(crate) fn check(
        named: Vec<String>,
        routes: Vec<u32>,
        records: usize,
        allowed: Option<&Tables>,
    ) -> Result<Option<Box<Routing>>, String> {
        if named.is_empty() && routes.is_empty() {
            return Ok(None);
        }
        let allowed = allowed.ok_or("sent records to tables, and describes itself as a plugin that does not")?;
        if named.len() > records {
            return Err(format!("named {} tables for {records} records", named.len()));
        }
        if let Some(long) = named.iter().find(|name| name.len() > NAME_BYTES) {
            return Err(format!("named a table by {} bytes, where {NAME_BYTES} are allowed", long.len()));
        }
        if !routes.is_empty() && routes.len() != records {
            return Err(format!("returned {} routes for {records} records", routes.len()));
        }
        if let Some(index) = routes.iter().position(|route| *route as usize > named.len()) {
            return Err(format!("sent record {index} to table {} of the {} that it named", routes[index], named.len()));
        }
        if routes.iter().all(|route| *route == 0) {
            return Ok(None);
        }
        let resolve = |name: String| {
            let route = allowed.route(&name);
            (name, route)
        };
        Ok(Some(Box::new(Routing { tables: named.into_iter().map(resolve).collect(), routes })))
    }

    /// The table that the answer names for record `index`, and its route if it is allowed.
    pub(crate) fn of(&self, index: usize) -> Option<(&str, Option<u16>)> {
        let (name, route) = &self.tables[self.routes[index].checked_sub(1)? as usize];
        Some((name, *route))
    }

    /// Whether every table that it names is allowed.
    pub(crate) fn is_allowed(&self) -> bool {
        self.tables.iter().all(|(_, route)| route.is_some())
    }

    /// Gives the records of `written` from `first` on the routes of `records`.
    pub(crate) fn give(&self, written: &mut RecordBatch, first: usize, records: Range<usize>) {
        for (at, index) in (first..).zip(records) {
            if let Some((_, Some(route))) = self.of(index) {
                written.set_route(at, route);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(named: &[&str], routes: &[u32], records: usize) -> Result<Option<Box<Routing>>, String> {
        let allowed = Tables::new(["A", "B"]);
        Routing::check(named.iter().map(|name| (*name).to_owned()).collect(), routes.to_vec(), records, Some(&allowed))
    }

    #[test]
    fn a_name_leads_to_its_table_or_to_none() {
        let routing = check(&["B", "C"], &[2, 0, 1], 3).unwrap().unwrap();
        assert_eq!((routing.of(0), routing.of(1), routing.of(2)), (Some(("C", None)), None, Some(("B", Some(2)))));
        assert!(!routing.is_allowed());
    }

    #[test]
    fn an_answer_that_changes_no_route_is_none() {
        for (named, routes) in [(&[][..], &[][..]), (&["A"], &[]), (&["C"], &[0, 0]), (&[], &[0, 0])] {
            assert!(check(named, routes, 2).unwrap().is_none(), "{named:?} {routes:?}");
        }
    }

    #[test]
    fn every_breach_of_the_contract_is_named() {
        let breach = |named: &[&str], routes: &[u32]| check(named, routes, 2).unwrap_err();
        assert_eq!(breach(&["A"], &[1]), "returned 1 routes for 2 records");
        assert_eq!(breach(&["A"], &[1, 0, 0]), "returned 3 routes for 2 records");
        assert_eq!(breach(&["A"], &[0, 2]), "sent record 1 to table 2 of the 1 that it named");
        assert_eq!(breach(&[], &[u32::MAX, 0]), "sent record 0 to table 4294967295 of the 0 that it named");
        assert_eq!(breach(&["A"; 3], &[1, 2]), "named 3 tables for 2 records");
        assert_eq!(breach(&[&"é".repeat(513)], &[]), "named a table by 1026 bytes, where 1024 are allowed");
        let why = Routing::check(vec!["A".to_owned()], vec![1], 1, None).unwrap_err();
        assert!(why.starts_with("sent records to tables, and describes itself"), "{why}");
    }
}
