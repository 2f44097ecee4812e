//! A component as it was built for a version works for as long as gateways take that version, whatever else changes: the promise of
//! `wit/README.md`. `tests/fixtures/plugins/README.md` says how each was made.

use std::path::PathBuf;
use std::sync::Arc;

use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};
use snowgate_transform::{Capability, Chain, Plugin, PluginSettings, Tables, Transformed};

use crate::{engine, fates, named, process, survivors};

/// A component, and its SHA-256, which shows that nobody built it again.
struct Frozen {
    file: &'static str,
    digest: &'static str,
    version: &'static str,
}

/// They read every column, answer every verdict, and import what there is to import.
const ALL: [Frozen; 2] = [
    Frozen {
        file: "snowgate-0.1.0.wasm",
        digest: "971b9929839e2f7b344675c8641a2cf3701cd84afc254c5637e91639e5a3235b",
        version: "0.1.0",
    },
    Frozen {
        file: "snowgate-0.2.0.wasm",
        digest: "9ac964cccce141c68874566ee59df3747ad42e6eaded9dbf90375093fc127ccb",
        version: "0.2.0",
    },
];

/// Sends records to tables.
const ROUTES: Frozen = Frozen {
    file: "snowgate-0.2.0-routes.wasm",
    digest: "c282cd5efb36ac9b8c2ca8ef01f96886ecf8abf881351893053f9623c4bcde99",
    version: "0.2.0",
};

impl Frozen {
    fn path(&self) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/plugins")).join(self.file)
    }

    fn load(&self, config: &str) -> Arc<Plugin> {
        let tables = Arc::new(Tables::new(["TRADES", "DEPTH"]));
        let settings = PluginSettings { sha256: Some(self.digest.to_owned()), tables, ..named("frozen", self.path(), config) };
        Arc::new(Plugin::load(&engine(), &settings).unwrap())
    }

    fn chain(&self, config: &str) -> Chain {
        Chain::new(&[self.load(config)]).unwrap()
    }
}

#[test]
fn each_says_what_it_is_as_it_always_did() {
    for frozen in &ALL {
        let version = frozen.version;
        let inspection = snowgate_transform::inspect(&engine(), &frozen.path()).unwrap();
        assert_eq!((inspection.name.as_str(), inspection.version.as_str()), ("hostile", "0.0.1"));
        assert_eq!(inspection.package, format!("snowgate:transform@{version}"));
        assert_eq!(inspection.imports, ["log", "metrics"].map(|name| format!("snowgate:transform/{name}@{version}")));
        assert_eq!(inspection.exports, [format!("snowgate:transform/transform@{version}")]);
        assert_eq!((inspection.capabilities, inspection.schema, inspection.routes), (Capability::ALL.to_vec(), None, false));
        assert_eq!(inspection.needs, ["values", "keys", "headers", "offsets", "timestamps"]);
    }
    assert!(snowgate_transform::inspect(&engine(), &ROUTES.path()).unwrap().routes);
}

#[test]
fn each_still_sees_every_column_and_its_answers_still_mean_what_they_did() {
    let mut batch = RecordBatch::new(TopicPartition::new("klines", 2));
    batch.push_header(b"trace", Some(b"abc"));
    batch.push(Offset::new(7).unwrap(), 5, TimestampType::CreateTime, None, Some(b"x"));
    for frozen in &ALL {
        let mut out = Transformed::new();
        frozen.chain(r#"{"do": "report"}"#).process(&batch, &mut out).unwrap();
        let report = r#"klines-2 offset 7 timestamp 5 key "" null true headers [1] "trace" "abc" of 1"#;
        assert_eq!(survivors(&out), [(7, report.to_owned())]);
        assert_eq!(out.records.record(0).key(), Some(&b"key 0"[..]));

        let values = ["a", "s", "b"];
        let others = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(fates(&process(&mut frozen.chain(r#"{"do": "keep"}"#), &values)).0, values);
        assert_eq!(fates(&process(&mut frozen.chain(r#"{"do": "drop", "on": "s"}"#), &values)), (others.clone(), vec![]));
        let split = process(&mut frozen.chain(r#"{"do": "split", "on": "s"}"#), &values);
        assert_eq!(fates(&split).0, ["a", "left s", "right s", "b"]);
        for (deed, reason) in [("reject", "plugin_rejected"), ("decline", "plugin_rejected"), ("panic", "plugin_trapped")] {
            let out = process(&mut frozen.chain(&format!(r#"{{"do": "{deed}", "on": "s"}}"#)), &values);
            assert_eq!(fates(&out), (others.clone(), vec![(1, reason)]), "{deed}");
        }
    }
}

#[test]
fn each_still_counts_and_refuses_a_configuration() {
    for frozen in &ALL {
        let plugin = frozen.load(r#"{"do": "count", "on": "s"}"#);
        process(&mut Chain::new(&[Arc::clone(&plugin)]).unwrap(), &["a", "s"]);
        let counters: Vec<(String, u64)> = plugin.counters().into_iter().map(|(name, count)| (name.to_string(), count)).collect();
        assert_eq!(counters, [("chosen".to_owned(), 1), ("invalid".to_owned(), 1)]);
        let settings = named("frozen", frozen.path(), r#"{"do": "refuse-config"}"#);
        let error = Plugin::load(&engine(), &settings).map(drop).unwrap_err();
        assert_eq!(error.to_string(), "plugin `frozen` refused its configuration: this configuration is refused");
    }
}

#[test]
fn what_was_sent_to_a_table_still_goes_there() {
    for deed in ["route", "replace", "split"] {
        let out = process(&mut ROUTES.chain(&format!(r#"{{"do": "{deed}"}}"#)), &["a>DEPTH", "b", "c>TRADES", "d>NONE"]);
        let mut routes: Vec<u16> = out.records.iter().map(|record| record.route()).collect();
        routes.dedup();
        assert_eq!((routes, fates(&out).1), (vec![2, 0, 1], vec![(3, "table_not_allowed")]), "{deed}");
    }
}

#[test]
fn plugins_of_both_versions_work_in_one_chain() {
    let chain = [
        ALL[0].load(r#"{"do": "split", "on": "s"}"#),
        ROUTES.load(r#"{"do": "route"}"#),
        ALL[1].load(r#"{"do": "drop", "on": "left"}"#),
    ];
    let out = process(&mut Chain::new(&chain).unwrap(), &["s>TRADES", "a"]);
    let records: Vec<(&[u8], u16)> = out.records.iter().map(|record| (record.value().unwrap(), record.route())).collect();
    assert_eq!(records, [(&b"right s>TRADES"[..], 1), (b"a", 0)]);
}
