//! What is refused when it is loaded, and in which words.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use snowgate_record::ErrorClass;
use snowgate_transform::{Capability, Chain, Engine, EngineSettings, Error, Plugin, PluginSettings, Transformed};

use crate::{batch, component, engine, hostile, named, settings};

fn refusal(settings: &PluginSettings) -> String {
    let engine = engine();
    let error = Plugin::load(&engine, settings).err().expect("the plugin is refused");
    assert_eq!(error.class(), ErrorClass::Config);
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(" because: {cause}"));
        source = cause.source();
    }
    text
}

/// Loads `wat` as a plugin called `odd`.
fn refusal_of(wat: &str) -> String {
    refusal_of_bytes(&wat::parse_str(wat).unwrap())
}

fn refusal_of_bytes(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.wasm");
    std::fs::write(&path, bytes).unwrap();
    refusal(&named("odd", path, "{}")).replace(&folder.path().display().to_string(), "FOLDER")
}

#[test]
fn a_file_that_is_missing_is_named() {
    let path = "no-such-folder/odd.wasm".into();
    let text = refusal(&named("odd", path, "{}"));
    assert!(text.starts_with("could not read plugin `odd` from `no-such-folder/odd.wasm` because: No such file"), "{text}");
}

#[test]
fn what_is_not_wasm_is_refused() {
    let text = refusal_of_bytes(b"#!/bin/sh\n");
    assert_eq!(text, "plugin `odd` is no WebAssembly: `FOLDER/odd.wasm` does not begin as a component does");
    assert_eq!(refusal_of_bytes(b""), text);
}

#[test]
fn a_core_module_is_refused_with_the_way_to_a_component() {
    let text = refusal_of("(module)");
    assert!(text.starts_with("plugin `odd` is a core module, not a component: build it with `wasm-component-ld`"), "{text}");
}

#[test]
fn a_broken_component_is_refused() {
    let mut bytes = wat::parse_str("(component)").unwrap();
    bytes.extend_from_slice(&[99, 3, 1, 2, 3]);
    assert!(refusal_of_bytes(&bytes).starts_with("plugin `odd` could not be compiled because: "));
}

#[test]
fn components_inside_of_a_component_may_hand_each_other_text() {
    let text = refusal_of(
        r#"(component
            (component $taker
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
                    (func (export "take") (param i32 i32)))
                (core instance $i (instantiate $m))
                (func (export "take") (param "text" string)
                    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
            (component $giver
                (import "take" (func $take (param "text" string)))
                (core module $memory (memory (export "memory") 1))
                (core instance $memory (instantiate $memory))
                (core func $take (canon lower (func $take) (memory (core memory $memory "memory"))))
                (core module $m
                    (import "" "take" (func $take (param i32 i32)))
                    (func (export "give") (call $take (i32.const 0) (i32.const 0))))
                (core instance $i (instantiate $m (with "" (instance (export "take" (func $take))))))
                (func (export "give") (canon lift (core func $i "give"))))
            (instance $taker (instantiate $taker))
            (instance $giver (instantiate $giver (with "take" (func $taker "take"))))
            (export "give" (func $giver "give")))"#,
    );
    assert_eq!(text, "plugin `odd` does not export `snowgate:transform/transform@0.2.0`, nor `@0.1.0`; it exports `give`");
}

#[test]
fn wasi_and_every_other_foreign_import_are_named_and_refused() {
    let text = refusal_of(
        r#"(component (import "wasi:clocks/monotonic-clock@0.2.3" (instance (export "now" (func (result u64)))))
            (import "snowgate:transform/log@0.1.0" (instance)) (import "acme:secrets/read" (instance)))"#,
    );
    assert_eq!(
        text,
        "plugin `odd` imports `wasi:clocks/monotonic-clock@0.2.3`, `acme:secrets/read`, which plugins may not call; \
         they may import `log` and `metrics` of `snowgate:transform@0.2.0` or `@0.1.0` alone; there is no WASI here: build for `wasm32-unknown-unknown`, or stub WASI"
    );
}

#[test]
fn a_component_of_another_world_or_version_is_refused() {
    let text = refusal_of("(component)");
    assert_eq!(text, "plugin `odd` does not export `snowgate:transform/transform@0.2.0`, nor `@0.1.0`; it exports nothing");
    let text = refusal_of(r#"(component (instance $i) (export "acme:other/thing@1.0.0" (instance $i)))"#);
    assert!(text.ends_with("it exports `acme:other/thing@1.0.0`"), "{text}");
    // A version that is not served says more than anything it imports.
    for version in ["0.3.0", "0.0.9", "0.2.1"] {
        let text = refusal_of(&format!(
            r#"(component (import "snowgate:transform/log@{version}" (instance))
                (instance $i) (export "acme:other/thing@1.0.0" (instance $i))
                (export "snowgate:transform/transform@{version}" (instance $i)))"#,
        ));
        let words = format!("plugin `odd` is built for `snowgate:transform@{version}`, and this gateway takes 0.2.0 and 0.1.0");
        assert_eq!(text, words);
    }
}

#[test]
fn an_interface_of_our_name_and_another_shape_is_refused() {
    for version in ["0.2.0", "0.1.0"] {
        let text =
            refusal_of(&format!(r#"(component (instance $i) (export "snowgate:transform/transform@{version}" (instance $i)))"#));
        let words = format!("plugin `odd` does not fit the world `snowgate:transform/plugin@{version}` because: ");
        assert!(text.starts_with(&words), "{text}");
    }
}

#[test]
fn a_refused_configuration_is_told_in_the_plugins_words() {
    let text = refusal(&hostile(r#"{"do": "refuse-config"}"#));
    assert_eq!(text, "plugin `hostile` refused its configuration: this configuration is refused");
}

#[test]
fn a_configuration_that_its_schema_does_not_allow_is_refused_with_all_its_problems() {
    let text = refusal(&settings("symbol_filter.wasm", r#"{"allow": "A", "onmissing": "drop", "on_missing": "ignore"}"#));
    assert_eq!(
        text,
        "plugin `symbol-filter` cannot take its `with`: `allow` must be an array, and is a string; `onmissing` is no option; \
         did you mean `on_missing`?; `on_missing` must be `keep`, `drop` or `reject`"
    );
    let text = refusal(&settings("symbol_filter.wasm", "{}"));
    assert_eq!(text, "plugin `symbol-filter` cannot take its `with`: needs at least one of `allow` and `deny`");
}

#[test]
fn a_plugin_that_traps_or_loops_at_its_start_is_refused() {
    let text = refusal(&hostile(r#"{"do": "trap-in-configure"}"#));
    assert_eq!(text, "plugin `hostile` could not start: wasm trap: wasm `unreachable` instruction executed");
    let mut endless = hostile(r#"{"do": "loop-in-configure"}"#);
    endless.limits.start_time = Duration::from_millis(50);
    let begun = Instant::now();
    assert_eq!(refusal(&endless), "plugin `hostile` could not start: took longer than 50ms");
    assert!(begun.elapsed() >= Duration::from_millis(50));
}

#[test]
fn a_plugin_that_does_not_fit_its_memory_limit_is_refused() {
    let mut tight = hostile(r#"{"do": "keep"}"#);
    tight.limits.memory_bytes = 64 * 1024;
    assert!(refusal(&tight).starts_with("plugin `hostile` could not start: "), "{}", refusal(&tight));
}

#[test]
fn a_plugin_says_what_it_is() {
    let engine = engine();
    let plugin = Plugin::load(&engine, &settings("kline_flatten.wasm", "{}")).unwrap();
    assert_eq!((plugin.name(), plugin.version()), ("kline-flatten", "0.1.0"));
    assert_eq!(plugin.digest().len(), 64);
    assert!(Chain::new(&[]).unwrap().is_empty());
    assert!(!Chain::new(&[plugin.into()]).unwrap().is_empty());
}

#[test]
fn another_file_than_the_pinned_one_is_refused_with_both_digests() {
    let mut settings = settings("fixtures/hostile.wasm", r#"{"do": "keep"}"#);
    settings.sha256 = Some("0".repeat(64));
    let error = Plugin::load(&engine(), &settings).map(drop).unwrap_err();
    let Error::OtherDigest { expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!((expected.as_str(), found.len()), (&*"0".repeat(64), 64));
    settings.sha256 = Some(found.to_uppercase());
    Plugin::load(&engine(), &settings).map(drop).unwrap();
}

#[test]
fn a_capability_that_is_not_allowed_is_refused() {
    let mut settings = settings("fixtures/hostile.wasm", r#"{"do": "keep"}"#);
    settings.allow = vec![Capability::Metrics];
    let error = Plugin::load(&engine(), &settings).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "plugin `hostile` imports `log`, which it is not allowed");
}

#[test]
fn what_a_component_is_can_be_told_without_running_it() {
    let engine = engine();
    let inspection = snowgate_transform::inspect(&engine, &component("symbol_filter.wasm")).unwrap();
    assert_eq!((inspection.name.as_str(), inspection.package.as_str()), ("symbol-filter", "snowgate:transform@0.2.0"));
    assert_eq!((inspection.capabilities, inspection.needs, inspection.routes), (vec![Capability::Log], vec!["values"], false));
    assert!(inspection.schema.unwrap()["properties"]["allow"].is_object());
}

#[test]
fn a_metered_engine_counts_the_same_fuel_each_time() {
    let engine = Engine::new(&EngineSettings { metered: true, ..EngineSettings::default() }).unwrap();
    let plugin = Arc::new(Plugin::load(&engine, &settings("symbol_filter.wasm", r#"{"allow": ["BTC*"]}"#)).unwrap());
    let fuel = || {
        let mut out = Transformed::new();
        Chain::new(&[Arc::clone(&plugin)]).unwrap().process(&batch(&[r#"{"s": "BTCUSDT"}"#]), &mut out).unwrap();
        out.verdicts[0].fuel
    };
    let first = fuel();
    assert!(first > 100, "{first}");
    assert_eq!(fuel(), first);
}
