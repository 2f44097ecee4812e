//! Whatever a plugin does, it costs the records at fault and no others.

use std::sync::Arc;
use std::time::Duration;

use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};
use snowgate_transform::{Chain, Error, Plugin, PluginCounts, Transformed};

use crate::{chain, engine, fates, hostile, logged, process, settings, survivors};

const VALUES: [&str; 7] = ["a", "b", "poison", "c", "d", "e", "f"];
const OTHERS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// One poisoned record among seven is rejected for `reason`, the rest pass in order, and the next batch finds a plugin that works.
#[track_caller]
fn costs_only_the_record_at_fault(deed: &str, reason: &'static str, message: &str) {
    let mut chain = chain(&[hostile(&format!(r#"{{"do": "{deed}", "on": "poison"}}"#))]);
    let out = process(&mut chain, &VALUES);
    assert_eq!(fates(&out), (OTHERS.map(str::to_owned).to_vec(), vec![(2, reason)]));
    assert!(out.rejected[0].message.contains(message), "{}", out.rejected[0].message);
    assert_eq!(&*out.rejected[0].plugin.name, "hostile");
    assert_eq!((out.dropped, out.verdicts[0].kept, out.verdicts[0].rejected), (0, 6, 1));
    let next = process(&mut chain, &["poison"]);
    assert_eq!(fates(&next), (vec![], vec![(0, reason)]));
    assert_eq!(fates(&process(&mut chain, &["x"])), (vec!["x".to_owned()], vec![]));
}

#[test]
fn a_trap_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault("trap", "plugin_trapped", "unreachable");
}

#[test]
fn a_panic_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault("panic", "plugin_trapped", "this plugin panics on purpose");
}

#[test]
fn endless_recursion_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault("recurse", "plugin_trapped", "call stack exhausted");
}

#[test]
fn an_endless_plugin_stops_at_its_deadline_and_the_next_record_still_passes() {
    costs_only_the_record_at_fault("loop", "plugin_timeout", "took longer than 310ms");
}

#[test]
fn a_plugin_that_grows_without_end_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault("grow", "plugin_out_of_memory", "67108864 bytes");
}

#[test]
fn a_plugin_that_declines_a_batch_gets_it_in_parts() {
    costs_only_the_record_at_fault("decline", "plugin_rejected", "cannot handle this batch");
}

#[test]
fn a_wrong_number_of_verdicts_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault("lie-verdict-count", "plugin_contract", "returned 0 verdicts for 1 records");
}

#[test]
fn an_unknown_verdict_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault("lie-verdict", "plugin_contract", "returned verdict 9");
}

#[test]
fn ends_outside_of_the_data_cost_only_the_record_at_fault() {
    costs_only_the_record_at_fault("lie-ends", "plugin_contract", "the last end is 4000 but there are 5 bytes");
}

#[test]
fn null_bits_that_do_not_fit_cost_only_the_record_at_fault() {
    costs_only_the_record_at_fault("lie-nulls", "plugin_contract", "100 bytes of null bits");
}

#[test]
fn outputs_of_a_kept_record_cost_only_the_record_at_fault() {
    costs_only_the_record_at_fault("lie-sources", "plugin_contract", "an output of record 0");
}

#[test]
fn failures_of_a_kept_record_cost_only_the_record_at_fault() {
    costs_only_the_record_at_fault("lie-failures", "plugin_contract", "a failure of record 0");
}

#[test]
fn more_output_than_allowed_costs_only_the_record_at_fault() {
    costs_only_the_record_at_fault("huge", "plugin_contract", "are allowed");
}

#[test]
fn a_billion_items_are_refused_before_they_are_allocated() {
    costs_only_the_record_at_fault("billion", "plugin_contract", "out of bounds");
}

#[test]
fn four_gigabytes_of_aliased_strings_are_not_copied_out() {
    costs_only_the_record_at_fault("alias", "plugin_contract", "fuel");
}

#[test]
fn a_log_line_of_eight_megabytes_is_not_copied_out() {
    costs_only_the_record_at_fault("huge-log", "plugin_contract", "fuel");
}

#[test]
fn the_message_of_a_panic_reaches_the_log_under_the_plugins_name() {
    let mut chain = chain(&[hostile(r#"{"do": "panic"}"#)]);
    let log = logged(|| drop(process(&mut chain, &["a"])));
    let line = log.lines().find(|line| line.contains("this plugin panics on purpose")).expect("the message is in the log");
    assert!(line.contains("ERROR") && line.contains(r#"plugin="hostile""#), "{line}");
    let warning = log.lines().find(|line| line.contains("looking for the records at fault")).unwrap();
    assert!(warning.contains("WARN") && warning.contains(r#"reason="plugin_trapped""#), "{warning}");
}

#[test]
fn a_flood_of_log_lines_is_cut_off_and_harms_nobody() {
    // Time enough: a line costs the plugin a call, and this writes a hundred thousand.
    let mut flood = hostile(r#"{"do": "flood-log", "on": "poison"}"#);
    flood.limits.batch_time = Duration::from_secs(60);
    let mut chain = chain(&[flood]);
    let mut out = Transformed::new();
    let log = logged(|| chain.process(&crate::batch(&VALUES), &mut out).unwrap());
    assert_eq!((out.records.len(), out.rejected.len()), (VALUES.len(), 0));
    // A window that ends meanwhile allows another hundred.
    let lines = log.lines().filter(|line| line.contains(" line ")).count();
    assert!((100..2000).contains(&lines), "{lines}");
    assert!(log.contains("writes too many log lines"));
}

#[test]
fn a_plugin_wears_out_and_no_record_pays_for_it() {
    let mut chain = chain(&[hostile(r#"{"do": "wear"}"#)]);
    for _ in 0..3 {
        let out = process(&mut chain, &["a"]);
        assert_eq!(fates(&out), (vec!["a".to_owned()], vec![]));
    }
}

#[test]
fn a_plugin_that_leaks_is_replaced_before_its_memory_is_full() {
    let mut chain = chain(&[hostile(r#"{"do": "leak"}"#)]);
    let mut out = Transformed::new();
    for _ in 0..30 {
        chain.process(&crate::batch(&["a"]), &mut out).unwrap();
        assert_eq!((out.records.len(), out.verdicts[0].faults), (1, 0));
    }
}

#[test]
fn many_records_at_fault_are_each_found_in_a_large_batch() {
    let values: Vec<String> = (0..500).map(|n| if n % 50 == 7 { format!("poison {n}") } else { format!("good {n}") }).collect();
    let mut chain = chain(&[hostile(r#"{"do": "trap", "on": "poison"}"#)]);
    let out = process(&mut chain, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let expected: Vec<usize> = (0..500).filter(|n| n % 50 == 7).collect();
    assert_eq!(out.rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), expected);
    let survived: Vec<_> = survivors(&out).into_iter().map(|(offset, _)| offset).collect();
    assert_eq!(survived, (0..500).filter(|n| n % 50 != 7).map(|n| 100 + 2 * n).collect::<Vec<i64>>());
}

#[test]
fn every_verdict_is_counted_and_acted_on() {
    let out = process(&mut chain(&[hostile(r#"{"do": "split", "on": "s"}"#)]), &["a", "s", "b"]);
    assert_eq!(survivors(&out), [(100, "a"), (102, "left s"), (102, "right s"), (104, "b")].map(|(o, v)| (o, v.to_owned())));
    assert_eq!(out.verdicts, [PluginCounts { kept: 2, split: 1, nanos: out.verdicts[0].nanos, ..PluginCounts::default() }]);
    assert!(out.records.iter().all(|record| record.key() == Some(b"key") && record.timestamp() >= 1000));

    let out = process(&mut chain(&[hostile(r#"{"do": "drop", "on": "s"}"#)]), &["a", "s", "b"]);
    assert_eq!((fates(&out), out.dropped), ((vec!["a".to_owned(), "b".to_owned()], vec![]), 1));

    let out = process(&mut chain(&[hostile(r#"{"do": "reject", "on": "s"}"#)]), &["a", "s", "b"]);
    assert_eq!(fates(&out), (vec!["a".to_owned(), "b".to_owned()], vec![(1, "plugin_rejected")]));
    assert_eq!(out.rejected[0].message, "did not like record 1");
}

#[test]
fn a_record_whose_output_is_rejected_later_leaves_none_of_its_rows_behind() {
    let split = || hostile(r#"{"do": "split", "on": "s"}"#);
    let mut chain = chain(&[split(), hostile(r#"{"do": "reject", "on": "right"}"#)]);
    let out = process(&mut chain, &["a", "s1", "b", "s2"]);
    assert_eq!(fates(&out), (vec!["a".to_owned(), "b".to_owned()], vec![(1, "plugin_rejected"), (3, "plugin_rejected")]));
    assert_eq!(out.dropped, 0);

    let mut chain = crate::chain(&[split(), split(), hostile(r#"{"do": "trap", "on": "right left"}"#)]);
    let out = process(&mut chain, &["s", "a"]);
    assert_eq!(fates(&out), (vec!["a".to_owned()], vec![(0, "plugin_trapped")]));
}

#[test]
fn a_record_of_which_one_output_is_dropped_survives_by_the_other() {
    let mut chain = chain(&[hostile(r#"{"do": "split", "on": "s"}"#), hostile(r#"{"do": "drop", "on": "left"}"#)]);
    let out = process(&mut chain, &["s", "left", "a"]);
    assert_eq!(survivors(&out), [(100, "right s".to_owned()), (104, "a".to_owned())]);
    assert_eq!((out.dropped, out.rejected.len()), (1, 0));
}

#[test]
fn a_plugin_sees_every_column_and_may_set_keys() {
    let mut batch = RecordBatch::new(TopicPartition::new("klines", 2));
    batch.push_header(b"trace", Some(b"abc"));
    batch.push(Offset::new(7).unwrap(), 5, TimestampType::CreateTime, None, Some(b"x"));
    batch.push(Offset::new(9).unwrap(), -1, TimestampType::NotAvailable, Some(b"k"), None);
    let mut out = Transformed::new();
    chain(&[hostile(r#"{"do": "report"}"#)]).process(&batch, &mut out).unwrap();
    let headers = r#"headers [1, 1] "trace" "abc" of 2"#;
    let report = |offset: i64, timestamp: i64, key: &str, null: bool| {
        (offset, format!("klines-2 offset {offset} timestamp {timestamp} key {key:?} null {null} {headers}"))
    };
    assert_eq!(survivors(&out), [report(7, 5, "", true), report(9, -1, "k", false)]);
    assert_eq!(out.records.record(1).key(), Some(&b"key 1"[..]));
    assert_eq!(out.records.record(0).headers().collect::<Vec<_>>(), [(&b"trace"[..], Some(&b"abc"[..]))]);
}

#[test]
fn a_chain_without_plugins_passes_everything() {
    let out = process(&mut Chain::new(&[]).unwrap(), &["a", "b"]);
    assert_eq!(fates(&out), (vec!["a".to_owned(), "b".to_owned()], vec![]));
    assert_eq!(process(&mut Chain::new(&[]).unwrap(), &[]).records.len(), 0);
}

#[test]
fn nothing_of_one_batch_is_left_in_the_next() {
    let mut chain = chain(&[hostile(r#"{"do": "reject", "on": "poison"}"#), settings("symbol_filter.wasm", r#"{"deny": ["X"]}"#)]);
    let mut out = Transformed::new();
    for _ in 0..3 {
        chain.process(&crate::batch(&["poison", r#"{"s":"A"}"#, r#"{"s":"X"}"#]), &mut out).unwrap();
        assert_eq!(fates(&out), (vec![r#"{"s":"A"}"#.to_owned()], vec![(0, "plugin_rejected")]));
        assert_eq!(out.dropped, 1);
        chain.process(&crate::batch(&[r#"{"s":"B"}"#]), &mut out).unwrap();
        assert_eq!((fates(&out), out.dropped), ((vec![r#"{"s":"B"}"#.to_owned()], vec![]), 0));
    }
}

#[test]
fn a_plugin_that_fails_at_too_many_records_rests_after_the_batch_is_done() {
    let mut settings = hostile(r#"{"do": "trap", "on": "poison"}"#);
    settings.limits.faults_per_minute = 1;
    let mut chain = chain(&[settings]);
    let values = ["poison", "a", "poison"];
    assert_eq!(fates(&process(&mut chain, &values)), (vec!["a".to_owned()], vec![(0, "plugin_trapped"), (2, "plugin_trapped")]));
    let refused = chain.process(&crate::batch(&["b"]), &mut Transformed::new()).unwrap_err();
    assert!(matches!(&refused, Error::TooManyFaults { plugin, limit: 1, .. } if plugin == "hostile"), "{refused:?}");
}

#[test]
fn a_trapped_record_says_which_build_of_the_plugin_it_was_and_where() {
    let mut chain = chain(&[hostile(r#"{"do": "panic", "on": "poison"}"#)]);
    let out = process(&mut chain, &["poison"]);
    let rejected = &out.rejected[0];
    assert_eq!((&*rejected.plugin.version, rejected.plugin.digest.len()), ("0.0.1", 64));
    let backtrace = rejected.backtrace.as_deref().unwrap();
    assert!(backtrace.lines().count() > 1 && backtrace.len() <= 4096, "{backtrace}");
}

#[test]
fn what_instances_count_adds_up_and_a_bad_name_is_no_way_into_the_metrics() {
    let engine = engine();
    let plugin = Arc::new(Plugin::load(&engine, &hostile(r#"{"do": "count", "on": "x"}"#)).unwrap());
    for _ in 0..2 {
        process(&mut Chain::new(&[Arc::clone(&plugin)]).unwrap(), &["x", "a", "x"]);
    }
    let counters: Vec<(String, u64)> = plugin.counters().into_iter().map(|(name, count)| (name.to_string(), count)).collect();
    assert_eq!(counters, [("chosen".to_owned(), 4), ("invalid".to_owned(), 2)]);
}

#[test]
fn a_self_test_finds_a_plugin_that_fails_at_anything_and_minds_no_verdict() {
    let engine = engine();
    let test = |config: &str| Arc::new(Plugin::load(&engine, &hostile(config)).unwrap()).self_test();
    assert!(matches!(test(r#"{"do": "trap", "on": "{"}"#), Err(Error::SelfTest { reason: "plugin_trapped", .. })));
    assert!(test(r#"{"do": "reject", "on": "{"}"#).is_ok());
}

#[test]
fn an_endless_plugin_of_one_pipeline_holds_up_no_batch_of_another() {
    // One engine and its one clock, as in a gateway; a thread for each pipeline, as there.
    let engine = engine();
    let chain = |config| Chain::new(&[Arc::new(Plugin::load(&engine, &hostile(config)).unwrap())]).unwrap();
    let (mut endless, mut other) = (chain(r#"{"do": "loop"}"#), chain(r#"{"do": "drop", "on": "x"}"#));
    let endless = std::thread::spawn(move || fates(&process(&mut endless, &["a", "b"])));
    let mut batches = 0;
    while !endless.is_finished() {
        assert_eq!(fates(&process(&mut other, &["x", "y"])), (vec!["y".to_owned()], vec![]));
        batches += 1;
    }
    // It spins three times for 310 ms; one that had to wait for that would come through a few times.
    assert!(batches > 10, "{batches}");
    assert_eq!(endless.join().unwrap(), (vec![], vec![(0, "plugin_timeout"), (1, "plugin_timeout")]));
}
