//! What a plugin may do before its first record: whatever it tries, it is refused in time, by its name and with the cause.
//!
//! These components are written in the text format, for no compiler would write them.

use std::sync::Arc;
use std::time::Duration;

use snowgate_record::ErrorClass;
use snowgate_transform::{Error, Limits, Plugin, PluginSettings};

use crate::{engine, hostile, named, process};

/// A component of our world around a core module, in parts.
#[derive(Default)]
pub(crate) struct Bare<'a> {
    /// The core module's own fields.
    fields: &'a str,
    /// What runs within `describe` and within `configure`.
    describe: &'a str,
    configure: &'a str,
    /// What runs within `process`; it traps unless this says otherwise.
    process: Option<&'a str>,
    /// What stands before the core module, what it imports of that, and the arguments of its instance.
    builtins: &'a str,
    imports: &'a str,
    arguments: &'a str,
}

impl<'a> Bare<'a> {
    /// One that does this when it is asked what it is, and this with a batch.
    pub(crate) fn new(describe: &'a str, process: &'a str) -> Bare<'a> {
        Bare { describe, process: Some(process), ..Bare::default() }
    }

    fn wat(&self) -> String {
        include_str!("bare.wat")
            .replace("BUILTINS", self.builtins)
            .replace("IMPORTS", self.imports)
            .replace("FIELDS", self.fields)
            .replace("DESCRIBE", self.describe)
            .replace("CONFIGURE", self.configure)
            .replace("PROCESS", self.process.unwrap_or("unreachable"))
            .replace("ARGUMENTS", self.arguments)
    }

    fn load(&self, limits: Limits) -> Result<Plugin, Error> {
        self.load_with(|settings| settings.limits = limits)
    }

    pub(crate) fn load_with(&self, change: impl FnOnce(&mut PluginSettings)) -> Result<Plugin, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bare.wasm");
        std::fs::write(&path, wat::parse_str(self.wat()).unwrap()).unwrap();
        let mut settings = named("bare", path, "{}");
        change(&mut settings);
        Plugin::load(&engine(), &settings)
    }

    /// Why it cannot start.
    #[track_caller]
    fn refusal(&self, limits: Limits) -> String {
        let error = self.load(limits).map(drop).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Config);
        let text = error.to_string();
        text.strip_prefix("plugin `bare` could not start: ").unwrap_or_else(|| panic!("{text}")).to_owned()
    }
}

fn hurried() -> Limits {
    Limits { start_time: Duration::from_millis(100), ..Limits::default() }
}

const ENDLESS: &str = "(loop $again (br $again))";
const GREEDY: &str = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";

#[test]
fn a_component_that_does_nothing_is_a_plugin() {
    let plugin = Bare::default().load(Limits::default()).unwrap();
    assert_eq!((plugin.name(), plugin.version(), plugin.schema()), ("bare", "", None));
}

#[test]
fn a_start_function_a_description_and_a_configuration_without_end_stop_at_the_time_limit() {
    let start = format!("(func $start {ENDLESS}) (start $start)");
    for endless in [
        Bare { fields: &start, ..Bare::default() },
        Bare { describe: ENDLESS, ..Bare::default() },
        Bare { configure: ENDLESS, ..Bare::default() },
    ] {
        assert_eq!(endless.refusal(hurried()), "took longer than 100ms");
    }
}

#[test]
fn a_start_that_grows_without_end_stops_at_the_memory_limit() {
    let start = format!("(func $start {GREEDY}) (start $start)");
    for greedy in [
        Bare { fields: &start, ..Bare::default() },
        Bare { describe: GREEDY, ..Bare::default() },
        Bare { configure: GREEDY, ..Bare::default() },
    ] {
        assert_eq!(greedy.refusal(Limits::default()), "needs more memory than its limit of 67108864 bytes");
    }
}

#[test]
fn a_start_that_recurses_without_end_runs_out_of_its_own_stack() {
    let deep = Bare { fields: "(func $deep (call $deep))", describe: "(call $deep)", ..Bare::default() };
    assert!(deep.refusal(Limits::default()).contains("call stack exhausted"));
}

#[test]
fn tables_have_a_limit_at_the_start_and_later() {
    let declared = Bare { fields: "(table 100001 funcref)", ..Bare::default() };
    assert_eq!(declared.refusal(Limits::default()), "needs more table elements than its limit of 100000");
    let grown = "(loop $again (br_if $again (i32.ne (table.grow 0 (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable";
    let grown = Bare { fields: "(table 1 funcref)", configure: grown, ..Bare::default() };
    assert_eq!(grown.refusal(Limits::default()), "needs more table elements than its limit of 100000");
}

#[test]
fn a_component_of_too_many_instances_is_refused() {
    let many = format!("(core module $empty) {}", "(core instance (instantiate $empty))".repeat(200));
    let why = Bare { builtins: &many, ..Bare::default() }.refusal(Limits::default());
    assert!(why.contains("instance") && why.contains("limit"), "{why}");
}

#[test]
fn handles_without_end_are_refused_before_they_fill_the_hosts_memory() {
    let flood = Bare {
        builtins: r#"(type $thing (resource (rep i32))) (core func $new (canon resource.new $thing))
                     (core instance $builtins (export "new" (func $new)))"#,
        imports: r#"(import "host" "new" (func $new (param i32) (result i32)))"#,
        arguments: r#"(with "host" (instance $builtins))"#,
        configure: "(loop $again (drop (call $new (i32.const 0))) (br $again))",
        ..Bare::default()
    };
    let why = flood.refusal(Limits::default());
    assert!(why.contains("handle limit exceeded"), "{why}");
}

#[test]
fn a_description_outside_of_its_memory_or_without_end_is_refused() {
    let outside = Bare { describe: "(return (i32.const -4))", ..Bare::default() };
    assert!(outside.refusal(Limits::default()).contains("out of bounds"));
    // A name of two gigabytes; the memory has less.
    let long = "(i32.store (i32.const 65536) (i32.const 8)) (i32.store (i32.const 65540) (i32.const 0x7fffffff))";
    let why = Bare { describe: long, ..Bare::default() }.refusal(Limits::default());
    assert!(why.contains("out of bounds"), "{why}");
    // A name of three megabytes that is there; more than the host copies.
    let large = "(drop (memory.grow (i32.const 64))) (i32.store (i32.const 65536) (i32.const 65600)) \
                 (i32.store (i32.const 65540) (i32.const 3000000))";
    let why = Bare { describe: large, ..Bare::default() }.refusal(Limits::default());
    assert!(why.contains("fuel"), "{why}");
}

#[test]
fn a_schema_that_is_none_is_refused() {
    let bare = |fields: &str| Bare { fields, ..Bare::default() }.load(Limits::default()).map(drop).unwrap_err().to_string();
    // The description's option of a schema is at 20: it is there, begins at 66000 and has 5 bytes.
    let described = r#"(data (i32.const 65556) "\01\00\00\00\d0\01\01\00\05\00\00\00")"#;
    for (text, why) in [("{no}\\00", "it is not JSON: "), ("[{}]\\20", "a schema is an object, `true` or `false`")] {
        let error = bare(&format!(r#"{described} (data (i32.const 66000) "{text}")"#));
        let expected = format!("the schema that plugin `bare` has for its configuration cannot be used: {why}");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn what_plugins_do_not_need_is_not_even_compiled() {
    for (what, fields) in [
        ("64-bit memories", "(memory $other i64 1)"),
        ("threads", "(memory $other 1 1 shared)"),
        (
            "relaxed simd",
            "(func (param v128 v128 v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))",
        ),
        ("tail calls", "(func $tail (return_call $tail))"),
        ("garbage collection", "(type (struct (field i32)))"),
        ("exceptions", "(tag $oops) (func (throw $oops))"),
    ] {
        let error = Bare { fields, ..Bare::default() }.load(Limits::default()).map(drop).unwrap_err();
        assert_eq!(error.to_string(), "plugin `bare` could not be compiled", "{what}");
    }
}

#[test]
fn a_panic_while_it_is_configured_is_told_in_its_words() {
    let engine = engine();
    let error = Plugin::load(&engine, &hostile(r#"{"do": "panic-in-configure"}"#)).map(drop).unwrap_err().to_string();
    assert!(error.starts_with("plugin `hostile` could not start: panicked at "), "{error}");
    assert!(error.ends_with("this plugin panics on purpose"), "{error}");
}

#[test]
fn a_flood_of_metric_names_ends_in_one_counter() {
    let engine = engine();
    let plugin = Arc::new(Plugin::load(&engine, &hostile(r#"{"do": "flood-metrics"}"#)).unwrap());
    process(&mut snowgate_transform::Chain::new(&[Arc::clone(&plugin)]).unwrap(), &["a"]);
    let counters = plugin.counters();
    assert_eq!(counters.len(), 65);
    assert!(counters.iter().any(|(name, count)| (&**name, *count) == ("overflow", 10_000 - 64)), "{counters:?}");
}
