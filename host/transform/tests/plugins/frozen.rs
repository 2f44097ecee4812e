//! A component as it was built for 0.1.0 works for as long as gateways take that version, whatever else changes: the promise of
//! `wit/README.md`. `tests/fixtures/plugins/README.md` says how it was made.

use std::path::PathBuf;
use std::sync::Arc;

use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};
use snowgate_transform::{Capability, Chain, Plugin, PluginSettings, Transformed};

use crate::{engine, fates, named, process, survivors};

const DIGEST: &str = "971b9929839e2f7b344675c8641a2cf3701cd84afc254c5637e91639e5a3235b";

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/plugins/snowgate-0.1.0.wasm"))
}

fn load(config: &str) -> Arc<Plugin> {
    // The pin shows that nobody built the file again.
    let settings = PluginSettings { sha256: Some(DIGEST.to_owned()), ..named("frozen", path(), config) };
    Arc::new(Plugin::load(&engine(), &settings).unwrap())
}

fn chain(config: &str) -> Chain {
    Chain::new(&[load(config)]).unwrap()
}

#[test]
fn it_says_what_it_is_as_it_always_did() {
    let inspection = snowgate_transform::inspect(&engine(), &path()).unwrap();
    assert_eq!((inspection.name.as_str(), inspection.version.as_str()), ("hostile", "0.0.1"));
    assert_eq!(inspection.package, "snowgate:transform@0.1.0");
    assert_eq!(inspection.imports, ["snowgate:transform/log@0.1.0", "snowgate:transform/metrics@0.1.0"]);
    assert_eq!(inspection.exports, ["snowgate:transform/transform@0.1.0"]);
    assert_eq!((inspection.capabilities, inspection.schema), (Capability::ALL.to_vec(), None));
    assert_eq!(inspection.needs, ["values", "keys", "headers", "offsets", "timestamps"]);
}

#[test]
fn it_still_sees_every_column_and_its_answers_still_mean_what_they_did() {
    let mut batch = RecordBatch::new(TopicPartition::new("klines", 2));
    batch.push_header(b"trace", Some(b"abc"));
    batch.push(Offset::new(7).unwrap(), 5, TimestampType::CreateTime, None, Some(b"x"));
    let mut out = Transformed::new();
    chain(r#"{"do": "report"}"#).process(&batch, &mut out).unwrap();
    let report = r#"klines-2 offset 7 timestamp 5 key "" null true headers [1] "trace" "abc" of 1"#;
    assert_eq!(survivors(&out), [(7, report.to_owned())]);
    assert_eq!(out.records.record(0).key(), Some(&b"key 0"[..]));

    let values = ["a", "s", "b"];
    let others = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(fates(&process(&mut chain(r#"{"do": "keep"}"#), &values)).0, values);
    assert_eq!(fates(&process(&mut chain(r#"{"do": "drop", "on": "s"}"#), &values)), (others.clone(), vec![]));
    assert_eq!(fates(&process(&mut chain(r#"{"do": "split", "on": "s"}"#), &values)).0, ["a", "left s", "right s", "b"]);
    for (deed, reason) in [("reject", "plugin_rejected"), ("decline", "plugin_rejected"), ("panic", "plugin_trapped")] {
        let out = process(&mut chain(&format!(r#"{{"do": "{deed}", "on": "s"}}"#)), &values);
        assert_eq!(fates(&out), (others.clone(), vec![(1, reason)]), "{deed}");
    }
}

#[test]
fn it_still_counts_and_refuses_a_configuration() {
    let plugin = load(r#"{"do": "count", "on": "s"}"#);
    process(&mut Chain::new(&[Arc::clone(&plugin)]).unwrap(), &["a", "s"]);
    let counters: Vec<(String, u64)> = plugin.counters().into_iter().map(|(name, count)| (name.to_string(), count)).collect();
    assert_eq!(counters, [("chosen".to_owned(), 1), ("invalid".to_owned(), 1)]);
    let settings = named("frozen", path(), r#"{"do": "refuse-config"}"#);
    let error = Plugin::load(&engine(), &settings).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "plugin `frozen` refused its configuration: this configuration is refused");
}
