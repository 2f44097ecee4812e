//! Runs a plugin natively, in an ordinary `#[test]`, through the same columns as in the gateway.
//!
//! ```
//! use snowgate_plugin::testing::{Bench, Outcome};
//! # use snowgate_plugin::{Emit, Record, Reject, Transform, Verdict};
//! # #[derive(serde::Deserialize, schemars::JsonSchema)]
//! # struct NoOptions {}
//! # struct KeepAll;
//! # impl Transform for KeepAll {
//! #     type Config = NoOptions;
//! #     const NAME: &'static str = "keep-all";
//! #     const VERSION: &'static str = "1.0.0";
//! #     fn new(_: NoOptions) -> Result<KeepAll, String> { Ok(KeepAll) }
//! #     fn transform(&mut self, _: &Record<'_>, _: &mut Emit<'_>) -> Result<Verdict, Reject> { Ok(Verdict::Keep) }
//! # }
//!
//! let mut bench = Bench::<KeepAll>::new("{}")?;
//! assert_eq!(bench.value(r#"{"a": 1}"#), Outcome::Kept);
//! # Ok::<(), String>(())
//! ```
//!
//! [`cases`] holds a plugin to the files in its `tests/`.

#[cfg(not(target_family = "wasm"))]
mod cases;

use crate::bindings::exports::snowgate::transform::transform::{Batch, Column, Headers};
use crate::record::{item, push};
use crate::runner::Runner;
use crate::{Columns, Transform};
#[cfg(not(target_family = "wasm"))]
pub use cases::cases;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Kept,
    Dropped,
    /// The values of its outputs.
    Replaced(Vec<Option<Vec<u8>>>),
    Rejected(String),
}

impl Outcome {
    /// The one output as text.
    ///
    /// # Panics
    /// When the record was not replaced by exactly one text.
    pub fn text(&self) -> &str {
        match self {
            Outcome::Replaced(values) if values.len() == 1 => {
                std::str::from_utf8(values[0].as_deref().expect("the output has a value")).expect("the output is text")
            }
            other => panic!("not replaced by one output: {other:?}"),
        }
    }

    /// Why it was rejected.
    ///
    /// # Panics
    /// When the record was not rejected.
    pub fn why(&self) -> &str {
        match self {
            Outcome::Rejected(why) => why,
            other => panic!("not rejected: {other:?}"),
        }
    }
}

/// Holds `file` of this crate against the JSON Schema of a plugin's options. With `SNOWGATE_SCHEMAS=write` in the environment it is
/// written instead.
///
/// # Panics
/// When they differ, or the file cannot be read or written.
pub fn assert_schema<T: Transform>(file: &str) {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(T::Config)).expect("a schema is JSON") + "\n";
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the test");
    let file = std::path::Path::new(&folder).join(file);
    if std::env::var_os("SNOWGATE_SCHEMAS").is_some_and(|what| what == "write") {
        std::fs::write(&file, schema).expect("the file can be written");
        return;
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(written, schema, "`{}` is not what the options say: run the test with SNOWGATE_SCHEMAS=write", file.display());
}

/// A record's key and value.
pub type KeyValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// A plugin on the bench.
pub struct Bench<T> {
    runner: Runner<T>,
    topic: String,
    partition: i32,
    offset: i64,
}

impl<T: Transform> Bench<T> {
    /// Configures the plugin; the error is what an operator would read.
    pub fn new(config: &str) -> Result<Bench<T>, String> {
        Bench::with_tables(config, &[])
    }

    /// The same in a pipeline that has these `tables`.
    pub fn with_tables(config: &str, tables: &[&str]) -> Result<Bench<T>, String> {
        let tables: Vec<String> = tables.iter().map(|name| (*name).to_owned()).collect();
        Ok(Bench { runner: Runner::new(config, &tables)?, topic: "bench".to_owned(), partition: 0, offset: 0 })
    }

    /// Says where the next record comes from. Those after it follow in the same partition.
    pub fn at(&mut self, topic: &str, partition: i32, offset: i64) -> &mut Bench<T> {
        (self.topic, self.partition, self.offset) = (topic.to_owned(), partition, offset);
        self
    }

    /// Shows the plugin one record without a key.
    pub fn value(&mut self, value: &str) -> Outcome {
        self.records(&[(None, Some(value.as_bytes()))]).remove(0)
    }

    /// Shows the plugin a batch of records, as keys and values.
    pub fn records(&mut self, records: &[KeyValue<'_>]) -> Vec<Outcome> {
        let mut batch = Columnar::<T>::new(&self.topic, self.partition);
        for (key, value) in records {
            batch.push(self.offset, 0, *key, *value, &[]);
            self.offset += 1;
        }
        let output = self.runner.process(&batch.0);
        let mut failures = output.failures.into_iter();
        let outcome = |(index, verdict): (usize, &u8)| match verdict {
            0 => Outcome::Kept,
            1 => Outcome::Dropped,
            2 => {
                let own = output.sources.iter().enumerate().filter(|(_, source)| **source as usize == index);
                Outcome::Replaced(own.map(|(output_index, _)| item(&output.values, output_index).map(<[u8]>::to_vec)).collect())
            }
            _ => Outcome::Rejected(failures.next().expect("the runner gives each rejection a reason").1),
        };
        output.verdicts.iter().enumerate().map(outcome).collect()
    }
}

/// A header's name and value.
type Header = (Vec<u8>, Option<Vec<u8>>);

/// A batch with the columns that a plugin asks for, and no others.
struct Columnar<T>(Batch, std::marker::PhantomData<T>);

impl<T: Transform> Columnar<T> {
    fn new(topic: &str, partition: i32) -> Columnar<T> {
        let batch = Batch {
            topic: topic.to_owned(),
            partition,
            count: 0,
            offsets: Vec::new(),
            timestamps: Vec::new(),
            values: empty(),
            keys: empty(),
            headers: Headers { counts: Vec::new(), names: empty(), values: empty() },
        };
        Columnar(batch, std::marker::PhantomData)
    }

    /// Adds a record; a timestamp of -1 is none.
    fn push(&mut self, offset: i64, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) {
        let batch = &mut self.0;
        batch.count += 1;
        if T::NEEDS.contains(Columns::OFFSETS) {
            batch.offsets.push(offset);
        }
        if T::NEEDS.contains(Columns::TIMESTAMPS) {
            batch.timestamps.push(timestamp);
        }
        if T::NEEDS.contains(Columns::KEYS) {
            push(&mut batch.keys, key);
        }
        if T::NEEDS.contains(Columns::VALUES) {
            push(&mut batch.values, value);
        }
        if T::NEEDS.contains(Columns::HEADERS) {
            for (name, value) in headers {
                push(&mut batch.headers.names, Some(name));
                push(&mut batch.headers.values, value.as_deref());
            }
            batch.headers.counts.push(batch.headers.names.ends.len() as u32);
        }
    }
}

fn empty() -> Column {
    Column { data: Vec::new(), ends: Vec::new(), nulls: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Emit, Record, Reject, Verdict};

    /// Does what the value says.
    struct Obedient;

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct NoOptions {}

    impl Transform for Obedient {
        type Config = NoOptions;
        const NAME: &'static str = "obedient";
        const VERSION: &'static str = "0";
        const NEEDS: Columns = Columns::VALUES.union(Columns::KEYS);
        const ROUTES: bool = true;

        fn new(_: NoOptions) -> Result<Obedient, String> {
            Ok(Obedient)
        }

        fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
            match record.value() {
                Some(b"keep") => {
                    emit.value(b"forgotten");
                    Ok(Verdict::Keep)
                }
                Some(b"split") => {
                    emit.value(b"one");
                    emit.tombstone();
                    emit.keyed(Some(b"new"), Some(b"three"));
                    emit.value(record.key().unwrap_or(b"no key"));
                    Ok(Verdict::Replace)
                }
                Some(b"nothing") => Ok(Verdict::Replace),
                Some([b'>', table @ ..]) => {
                    emit.value(b"routed");
                    emit.route_to("OVERRULED");
                    emit.route_to(std::str::from_utf8(table).unwrap());
                    match record.key() {
                        Some(b"drop") => Ok(Verdict::Drop),
                        Some(b"reject") => Err("no".into()),
                        Some(b"keep") => Ok(Verdict::Keep),
                        _ => Ok(Verdict::Replace),
                    }
                }
                Some(b"half") => {
                    emit.value(b"half");
                    Err(Reject("x".repeat(5000)))
                }
                _ => Ok(Verdict::Drop),
            }
        }
    }

    #[test]
    fn each_record_gets_its_own_outcome() {
        let mut bench = Bench::<Obedient>::new("").unwrap();
        let records: Vec<KeyValue<'_>> =
            [&b"split"[..], b"keep", b"nothing", b"half", b"split"].iter().map(|value| (Some(&b"own"[..]), Some(*value))).collect();
        let outcomes = bench.records(&records);
        let split = Outcome::Replaced(vec![Some(b"one".to_vec()), None, Some(b"three".to_vec()), Some(b"own".to_vec())]);
        assert_eq!(outcomes[0], split);
        assert_eq!(outcomes[1], Outcome::Kept);
        assert_eq!(outcomes[2].why(), "the plugin replaced the record by nothing");
        assert_eq!(outcomes[3].why().len(), 1024);
        assert_eq!(outcomes[4], split);
        assert_eq!(bench.records(&[(None, None)]), [Outcome::Dropped]);
    }

    #[test]
    fn a_key_set_late_leaves_earlier_outputs_theirs() {
        let mut runner = Runner::<Obedient>::new("{}", &[]).unwrap();
        let mut batch = Batch {
            topic: String::new(),
            partition: 0,
            count: 1,
            offsets: Vec::new(),
            timestamps: Vec::new(),
            values: empty(),
            keys: empty(),
            headers: Headers { counts: Vec::new(), names: empty(), values: empty() },
        };
        push(&mut batch.values, Some(b"split"));
        push(&mut batch.keys, Some(b"own"));
        let output = runner.process(&batch);
        let keys: Vec<_> = (0..4).map(|index| item(&output.keys, index)).collect();
        assert_eq!(keys, [Some(&b"own"[..]), Some(b"own"), Some(b"new"), Some(b"own")]);
        assert_eq!(output.sources, [0; 4]);
    }

    #[test]
    fn a_record_goes_to_the_table_it_was_sent_to_last_and_no_other_names_one() {
        let mut runner = Runner::<Obedient>::new("{}", &[]).unwrap();
        let mut batch = Columnar::<Obedient>::new("", 0);
        let records: [(&str, &str); 8] = [
            ("split", ""),
            (">A", ""),
            (">B", "keep"),
            (">C", "drop"),
            (">A", "reject"),
            (">B", ""),
            (">OVERRULED", ""),
            ("keep", ""),
        ];
        for (value, key) in records {
            batch.push(0, 0, Some(key.as_bytes()), Some(value.as_bytes()), &[]);
        }
        let output = runner.process(&batch.0);
        assert_eq!(output.verdicts, [2, 2, 0, 1, 3, 2, 2, 0]);
        assert_eq!(output.tables, ["A", "B", "OVERRULED"]);
        assert_eq!(output.routes, [0, 1, 2, 0, 0, 2, 3, 0]);
        let mut without = Columnar::<Obedient>::new("", 0);
        without.push(0, 0, None, Some(b"keep"), &[]);
        let output = runner.process(&without.0);
        assert!(output.tables.is_empty() && output.routes.is_empty());
    }

    #[test]
    fn an_unknown_option_is_refused_without_a_misleading_position() {
        let why = Bench::<Obedient>::new(r#"{"optoin": 1}"#).err().unwrap();
        assert_eq!(why, "unknown field `optoin`, there are no fields");
    }
}
