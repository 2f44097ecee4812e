//! Where records go that a plugin sends to tables, and what it costs to lie about it: the record at fault, and no other.

use std::sync::Arc;

use snowgate_record::RecordBatch;
use snowgate_transform::{Chain, Plugin, PluginSettings, Tables, Transformed};

use crate::start::Bare;
use crate::{batch, chain, engine, fates, hostile, process, settings};

fn stray(deed: &str) -> PluginSettings {
    let tables = Tables::new(["TRADES", "DEPTH", "A"]);
    PluginSettings { tables: Arc::new(tables), ..settings("fixtures/stray.wasm", &format!(r#"{{"do": "{deed}"}}"#)) }
}

/// Survivors as value and route.
fn routed(out: &Transformed) -> Vec<(String, u16)> {
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
    out.records.iter().map(|record| (text(record.value()), record.route())).collect()
}

fn owned<const N: usize>(survivors: [(&str, u16); N]) -> Vec<(String, u16)> {
    survivors.map(|(value, route)| (value.to_owned(), route)).to_vec()
}

const VALUES: [&str; 5] = ["a", "b>TRADES", "c>DEPTH", "d", "e>A"];

#[test]
fn a_record_goes_where_it_is_sent_whether_it_is_kept_or_replaced() {
    let one_each = owned([("a", 0), ("b>TRADES", 1), ("c>DEPTH", 2), ("d", 0), ("e>A", 3)]);
    for deed in ["route", "replace"] {
        let out = process(&mut chain(&[stray(deed)]), &VALUES);
        assert_eq!((routed(&out), out.rejected.len(), out.dropped), (one_each.clone(), 0, 0), "{deed}");
    }
    let out = process(&mut chain(&[stray("split")]), &VALUES);
    let two_each: Vec<_> = one_each.iter().flat_map(|survivor| [survivor.clone(), survivor.clone()]).collect();
    assert_eq!(routed(&out), two_each);
}

#[test]
fn a_record_that_is_sent_nowhere_keeps_the_route_that_an_earlier_plugin_gave_it() {
    let keep = hostile(r#"{"do": "keep"}"#);
    let split = hostile(r#"{"do": "split", "on": "c>"}"#);
    let out = process(&mut chain(&[stray("route"), keep, split]), &VALUES);
    let expected = [("a", 0), ("b>TRADES", 1), ("left c>DEPTH", 2), ("right c>DEPTH", 2), ("d", 0), ("e>A", 3)];
    assert_eq!(routed(&out), owned(expected));
    // And one that names another table has the last word.
    let mut other = stray("route");
    other.tables = Arc::new(Tables::new(["X", "TRADES"]));
    let out = process(&mut chain(&[stray("route"), other]), &["b>TRADES", "c"]);
    assert_eq!(routed(&out), owned([("b>TRADES", 2), ("c", 0)]));
}

#[test]
fn a_batch_that_is_routed_before_it_comes_keeps_its_routes() {
    let mut routed_batch = batch(&["a", "poison", "c>A"]);
    routed_batch.set_route(0, 2);
    routed_batch.set_route(2, 1);
    let mut out = Transformed::new();
    for plugins in [vec![], vec![hostile(r#"{"do": "trap", "on": "poison"}"#)], vec![hostile(r#"{"do": "split", "on": "poison"}"#)]]
    {
        chain(&plugins).process(&routed_batch, &mut out).unwrap();
        let routes: Vec<u16> =
            out.records.iter().filter(|record| record.offset().get() != 102).map(|record| record.route()).collect();
        assert_eq!(routes, [2, 1]);
        assert!(out.records.iter().all(|record| record.offset().get() != 102 || record.route() == 0));
    }
    chain(&[stray("route")]).process(&routed_batch, &mut out).unwrap();
    assert_eq!(out.records.iter().map(|record| record.route()).collect::<Vec<_>>(), [2, 0, 3]);
}

#[test]
fn a_table_outside_of_the_list_rejects_the_records_that_are_sent_to_it_and_no_others() {
    let values = ["a", "b>trades", "c>A", "d>", "e>TRADES"];
    for deed in ["route", "replace", "split"] {
        let mut chain = chain(&[stray(deed)]);
        let out = process(&mut chain, &values);
        let (_, rejected) = fates(&out);
        assert_eq!(rejected, [(1, "table_not_allowed"), (3, "table_not_allowed")], "{deed}");
        let counts = &out.verdicts[0];
        assert_eq!((counts.rejected, counts.kept + counts.replaced + counts.split, counts.faults), (2, 3, 0), "{deed}");
        let mut survivors = routed(&out);
        survivors.dedup();
        assert_eq!(survivors, owned([("a", 0), ("c>A", 3), ("e>TRADES", 1)]), "{deed}");
        let message = "table `trades` is not allowed; the `more_tables` of this pipeline are `TRADES`, `DEPTH`, `A`";
        assert_eq!((out.rejected[0].message.as_str(), &*out.rejected[0].plugin.name), (message, "stray"));
        let out = process(&mut chain, &["x>A"; 3]);
        assert_eq!(out.records.iter().map(|record| record.route()).collect::<Vec<_>>().first(), Some(&3));
    }
}

#[test]
fn the_rows_of_one_record_go_to_one_table_or_it_is_rejected() {
    let explode = settings("explode.wasm", r#"{"field": "rows", "element": "alone"}"#);
    let mut route = settings("route.wasm", r#"{"template": "T_{t}", "on_missing": "keep"}"#);
    route.tables = Arc::new(Tables::new(["T_A", "T_B"]));
    let mut chain = chain(&[explode, route]);
    let row = |t: &str| format!(r#"{{"t":"{t}"}}"#);
    let record = |rows: &[&str]| format!(r#"{{"rows":[{}]}}"#, rows.iter().map(|t| row(t)).collect::<Vec<_>>().join(","));
    let torn = r#"{"rows":[{"t":"a"},{"u":1}]}"#.to_owned();
    let values = [record(&["a", "a"]), record(&["a", "b", "b"]), record(&["b"]), torn, record(&["a", "z"]), record(&["b"])];
    let out = process(&mut chain, &values.each_ref().map(String::as_str));
    let expected = [(row("a"), 1), (row("a"), 1), (row("b"), 2), (row("b"), 2)];
    assert_eq!(routed(&out), expected);
    assert_eq!(fates(&out).1, [(1, "table_not_allowed"), (3, "table_not_allowed"), (4, "table_not_allowed")]);
    assert!(out.rejected[0].message.contains("would go to different tables"), "{}", out.rejected[0].message);
}

#[test]
fn a_record_that_is_dropped_or_rejected_goes_nowhere() {
    let out = process(&mut chain(&[stray("sort")]), &["d>NOWHERE", "r>NOWHERE", "k>A"]);
    assert_eq!((routed(&out), out.dropped), (owned([("k>A", 3)]), 1));
    assert_eq!(fates(&out).1, [(1, "plugin_rejected")]);
}

#[test]
fn as_many_tables_as_records_may_be_named_and_nobody_pays_for_it_but_them() {
    let values: Vec<String> = (0..500).map(|n| if n % 100 == 7 { "x>A".to_owned() } else { format!("x>T{n}") }).collect();
    let out = process(&mut chain(&[stray("route")]), &values.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((out.records.len(), out.rejected.len(), out.verdicts[0].faults), (5, 495, 0));
}

/// One batch with a lie in it: the record that brings it about is rejected for the contract, and the others pass.
#[track_caller]
fn costs_only_the_record_at_fault(plugin: PluginSettings, message: &str) {
    let mut chain = chain(&[plugin]);
    let out = process(&mut chain, &["a", "b", "poison>A", "c"]);
    assert_eq!(fates(&out), (["a", "b", "c"].map(str::to_owned).to_vec(), vec![(2, "plugin_contract")]));
    assert!(out.rejected[0].message.contains(message), "{}", out.rejected[0].message);
    assert!(out.records.iter().all(|record| record.route() == 0));
    assert_eq!(fates(&process(&mut chain, &["x"])), (vec!["x".to_owned()], vec![]));
}

#[test]
fn a_wrong_number_of_routes_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault(stray("lie-count"), "returned 2 routes for 1 records");
}

#[test]
fn a_route_to_a_table_that_was_not_named_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault(stray("lie-index"), "sent record 0 to table 2 of the 1 that it named");
}

#[test]
fn more_tables_than_records_cost_only_the_record_at_fault() {
    costs_only_the_record_at_fault(stray("lie-tables"), "named 2 tables for 1 records");
}

#[test]
fn a_long_name_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault(stray("lie-name"), "named a table by 2000 bytes, where 1024 are allowed");
}

#[test]
fn routes_outside_of_the_memory_cost_only_the_record_at_fault() {
    costs_only_the_record_at_fault(stray("billion"), "out of bounds");
}

#[test]
fn four_gigabytes_of_aliased_names_are_not_copied_out() {
    costs_only_the_record_at_fault(stray("alias"), "fuel");
}

#[test]
fn a_plugin_that_said_it_sends_no_records_to_tables_may_not_do_so() {
    let mut settings = hostile(r#"{"do": "lie-routes", "on": "poison"}"#);
    settings.tables = Arc::new(Tables::new(["A"]));
    costs_only_the_record_at_fault(settings, "describes itself as a plugin that does not");
}

/// Says that it routes, so that its answers may name tables.
const ROUTES: &str = "(i32.store8 (i32.const 65553) (i32.const 1))";

#[test]
fn a_billion_names_are_refused_before_they_are_allocated() {
    // An answer's tables are at 76: they begin at 16, and there are a billion of them; there is an answer for one record.
    let process = "(i32.store (i32.const 65540) (i32.const 16)) (i32.store (i32.const 65544) (i32.const 1)) \
                   (i32.store (i32.const 65612) (i32.const 16)) (i32.store (i32.const 65616) (i32.const NAMES))";
    let reject = |names: &str, tables: Tables| {
        let process = process.replace("NAMES", names);
        let bare = Bare::new(ROUTES, &process);
        let plugin = bare.load_with(|settings| settings.tables = Arc::new(tables)).unwrap();
        let mut out = Transformed::new();
        Chain::new(&[Arc::new(plugin)]).unwrap().process(&batch(&["a"]), &mut out).unwrap();
        out.rejected.remove(0)
    };
    let rejected = reject("1000000000", Tables::new(["A"]));
    assert_eq!(rejected.reason, "plugin_contract");
    assert!(rejected.message.contains("out of bounds"), "{}", rejected.message);
    // As many as its memory can hold, each of them empty.
    let rejected = reject("15000", Tables::new(["A"]));
    assert_eq!((rejected.reason, rejected.message.as_str()), ("plugin_contract", "named 15000 tables for 1 records"));
}

#[test]
fn a_plugin_that_routes_is_refused_by_a_pipeline_without_tables() {
    let settings = PluginSettings { tables: Arc::default(), ..stray("route") };
    let error = Plugin::load(&engine(), &settings).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "plugin `stray` sends records to tables that it names, and its pipeline allows none");
}

#[test]
fn a_plugin_learns_at_its_start_which_tables_there_are() {
    let error = Plugin::load(&engine(), &stray("refuse-tables")).map(drop).unwrap_err();
    assert_eq!(error.to_string(), r#"plugin `stray` refused its configuration: does not like the tables ["TRADES", "DEPTH", "A"]"#);
}

#[test]
fn nothing_of_one_batch_s_routes_is_left_in_the_next() {
    let mut chain = chain(&[stray("route")]);
    let mut out = Transformed::new();
    for _ in 0..2 {
        chain.process(&batch(&["a>A", "b>A"]), &mut out).unwrap();
        assert!(out.records.is_routed());
        chain.process(&batch(&["a", "b"]), &mut out).unwrap();
        assert!(!out.records.is_routed() && out.records.len() == 2);
    }
    let plain: &RecordBatch = &out.records;
    assert!(plain.iter().all(|record| record.route() == 0));
}
