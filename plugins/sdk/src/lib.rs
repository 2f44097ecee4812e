//! Write Snowgate plugins in Rust.
//!
//! A plugin is a type that implements [`Transform`]. It is made from its typed configuration, and then sees one [`Record`] at a
//! time and says what becomes of it. Records are read in place and outputs are written straight into the answer, so the comfort
//! costs nothing.
//!
//! ```
//! use snowgate_plugin::{Columns, Emit, Record, Reject, Transform, Verdict};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// What goes before each value.
//!     prefix: String,
//! }
//!
//! struct Prefix(Config);
//!
//! impl Transform for Prefix {
//!     type Config = Config;
//!     const NAME: &'static str = "prefix";
//!     const VERSION: &'static str = "1.0.0";
//!
//!     fn new(config: Config) -> Result<Prefix, String> {
//!         Ok(Prefix(config))
//!     }
//!
//!     fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
//!         let Some(value) = record.value() else { return Ok(Verdict::Keep) };
//!         emit.write(|out| {
//!             out.extend_from_slice(self.0.prefix.as_bytes());
//!             out.extend_from_slice(value);
//!         });
//!         Ok(Verdict::Replace)
//!     }
//! }
//!
//! snowgate_plugin::export!(Prefix);
//! # let mut bench = snowgate_plugin::testing::Bench::<Prefix>::new(r#"{"prefix": ">"}"#).unwrap();
//! # assert_eq!(bench.value("a"), snowgate_plugin::testing::Outcome::Replaced(vec![Some(b">a".to_vec())]));
//! ```
//!
//! What the plugins that come with Snowgate have in common stands here for all: [`Edit`] changes a record's fields, [`scalar`] single
//! values, [`flatten`] brings nested fields up; [`predicate`], [`template`] and [`pattern`] read what operators write, [`options`] has the
//! words for what goes wrong; [`unix`] knows times by their digits.
//!
//! Build it as a `cdylib` for `wasm32-unknown-unknown` with `wasm-component-ld` as the linker. [`testing`] runs the same plugin
//! natively.

// The generated code names this crate by its full path, from here and from the plugins alike.
extern crate self as snowgate_plugin;

#[doc(hidden)]
pub mod bindings;
mod edit;
mod emit;
pub mod flatten;
pub mod json;
pub mod log;
pub mod metrics;
pub mod options;
pub mod pattern;
pub mod predicate;
mod record;
#[doc(hidden)]
pub mod runner;
pub mod scalar;
pub mod template;
pub mod testing;
pub mod unix;

#[doc(hidden)]
pub use wit_bindgen::rt;

pub use bindings::exports::snowgate::transform::transform::Columns;
pub use edit::Edit;
pub use emit::Emit;
pub use record::{Record, Records};

/// A plugin.
pub trait Transform: Sized + 'static {
    /// The plugin's options. Their types, defaults and comments are what [`CONFIG_SCHEMA`](Transform::CONFIG_SCHEMA) is made of. Say
    /// `#[serde(deny_unknown_fields)]`, so that a misspelt option stops the gateway instead of doing nothing.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;

    /// What the plugin is called; `env!("CARGO_PKG_NAME")` as a rule.
    const NAME: &'static str;

    /// Its version; `env!("CARGO_PKG_VERSION")` as a rule.
    const VERSION: &'static str;

    /// The columns it reads. The others are not sent, and look as if every record had none.
    const NEEDS: Columns = Columns::VALUES;

    /// Whether it sends records to tables with [`route_to`](Emit::route_to).
    const ROUTES: bool = false;

    /// A JSON Schema of its options, for tools: `Some(include_str!("../config.schema.json"))`, where
    /// [`assert_schema`](testing::assert_schema) keeps the file. In a file because to derive it in the component would make that half
    /// as large again.
    const CONFIG_SCHEMA: Option<&'static str> = None;

    /// Makes the plugin, once for each instance. An error is shown to the operator and the gateway does not start: say which
    /// option is wrong and what it may be.
    fn new(config: Self::Config) -> Result<Self, String>;

    /// Takes the pipeline's `more_tables`, right after [`new`](Transform::new); for a plugin whose options name tables. An error is shown to
    /// the operator and the gateway does not start.
    fn tables(&mut self, _tables: &[String]) -> Result<(), String> {
        Ok(())
    }

    /// Sees all records of a batch before they come one by one; for what is better done once a batch.
    fn begin(&mut self, _records: Records<'_>) {}

    /// Comes after the last record of a batch; the place to add what was counted to the [`metrics`].
    fn end(&mut self) {}

    /// Says what becomes of `record`. The answer should follow from the record and the configuration alone: instances come and go,
    /// and after a fault a record is shown again.
    fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject>;
}

/// What becomes of a record. To reject it, return an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on as it is. What was emitted is forgotten.
    Keep,
    /// It goes no further. What was emitted is forgotten.
    Drop,
    /// What was emitted stands in for it; emitting more than once splits it. Having emitted nothing is a mistake, and rejects it.
    Replace,
}

/// Why a record is rejected: the words go into the dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject(pub String);

impl From<&str> for Reject {
    fn from(why: &str) -> Reject {
        Reject(why.to_owned())
    }
}

impl From<String> for Reject {
    fn from(why: String) -> Reject {
        Reject(why)
    }
}

impl From<serde_json::Error> for Reject {
    fn from(error: serde_json::Error) -> Reject {
        Reject(error.to_string())
    }
}

/// Makes a [`Transform`] the plugin of this crate. Once per crate.
#[macro_export]
macro_rules! export {
    ($transform:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::exports::snowgate::transform::transform as interface;

            struct Component;

            ::std::thread_local! {
                static RUNNER: ::std::cell::RefCell<::std::option::Option<$crate::runner::Runner<$transform>>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            impl interface::Guest for Component {
                fn describe() -> interface::Description {
                    $crate::runner::describe::<$transform>()
                }

                fn configure(
                    config: ::std::string::String,
                    tables: ::std::vec::Vec<::std::string::String>,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    let runner = $crate::runner::Runner::new(&config, &tables)?;
                    RUNNER.with_borrow_mut(|slot| *slot = ::std::option::Option::Some(runner));
                    ::std::result::Result::Ok(())
                }

                fn process(input: interface::Batch) -> ::std::result::Result<interface::Output, ::std::string::String> {
                    RUNNER.with_borrow_mut(|slot| match slot {
                        ::std::option::Option::Some(runner) => ::std::result::Result::Ok(runner.process(&input)),
                        ::std::option::Option::None => ::std::result::Result::Err("process was called before configure".into()),
                    })
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };

        // Outside of a component nothing calls the plugin but its tests; it is no dead code for that.
        #[cfg(not(target_family = "wasm"))]
        const _: $crate::runner::Start<$transform> = $crate::runner::Runner::<$transform>::new;
    };
}
