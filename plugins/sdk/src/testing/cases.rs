//! A plugin's test cases: the folders that `snowgate plugin test` runs on the gateway's engine, here natively.
//!
//! A case is a folder with `input.jsonl`, one record a line, and `expected.jsonl`, what becomes of each; `config.json` if need be, and
//! `tables.json`, the pipeline's `more_tables`, for a plugin that sends records to them.
//! As a key or value a JSON string stands for its text, an object, array or number for exactly what is written, `null` for null, and
//! `{"$base64": "…"}` for other bytes.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Columnar, Header};
use crate::Transform;
use crate::json::{Object, unquote};
use crate::record::item;
use crate::runner::Runner;

/// Holds the plugin to the cases in `folder` of its crate. Each is shown at once, one by one, in twos and in sevens, to a fresh
/// instance and again to the same. With `SNOWGATE_CASES=write` in the environment `expected.jsonl` is written instead.
///
/// # Panics
/// When an answer is not as expected, or a file is not as it should be.
pub fn cases<T: Transform>(folder: &str) {
    let project = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the test");
    let folder = Path::new(&project).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("could not read `{}`: {error}", folder.display()));
    let mut cases: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    cases.retain(|case| case.join("input.jsonl").is_file());
    cases.sort();
    assert!(!cases.is_empty(), "`{}` has no folder with an `input.jsonl`", folder.display());
    let write = std::env::var_os("SNOWGATE_CASES").is_some_and(|what| what == "write");
    let problem = |case: &PathBuf| case_in::<T>(case, write).err().map(|why| format!("`{}`: {why}", case.display()));
    let problems: Vec<String> = cases.iter().filter_map(problem).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn case_in<T: Transform>(folder: &Path, write: bool) -> Result<(), String> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).map_err(|error| format!("could not read `{name}`: {error}"));
    let config = if folder.join("config.json").exists() { text("config.json")? } else { "{}".to_owned() };
    let tables: Vec<String> = match folder.join("tables.json") {
        file if file.exists() => serde_json::from_str(&text("tables.json")?).map_err(|error| format!("`tables.json`: {error}"))?,
        _ => Vec::new(),
    };
    let input = text("input.jsonl")?;
    if write {
        let answers = blessed::<T>(&config, &tables, &input)?;
        return fs::write(folder.join("expected.jsonl"), answers).map_err(|error| format!("could not write: {error}"));
    }
    judge::<T>(&config, &tables, &input, &text("expected.jsonl")?)
}

/// What comes out, as lines of `expected.jsonl`.
fn blessed<T: Transform>(config: &str, tables: &[String], input: &str) -> Result<String, String> {
    let records = records(input)?;
    Ok(show(&mut start::<T>(config, tables)?, tables, &records, records.len())
        .iter()
        .map(|answer| answer.to_line() + "\n")
        .collect())
}

fn judge<T: Transform>(config: &str, tables: &[String], input: &str, expected: &str) -> Result<(), String> {
    let records = records(input)?;
    let expected = lines("expected.jsonl", expected, answer)?;
    if expected.len() != records.len() {
        return Err(format!("{} answers are expected of {} records", expected.len(), records.len()));
    }
    for size in [records.len(), 1, 2, 7] {
        let mut runner = start::<T>(config, tables)?;
        for turn in ["fresh", "same"] {
            let answers = show(&mut runner, tables, &records, size);
            if let Some(wrong) = (0..records.len()).find(|&index| answers[index] != expected[index]) {
                return Err(format!(
                    "record {}, in batches of {size}, {turn} instance\n  expected  {}\n  came out  {}",
                    wrong + 1,
                    expected[wrong].to_line(),
                    answers[wrong].to_line()
                ));
            }
        }
    }
    Ok(())
}

fn start<T: Transform>(config: &str, tables: &[String]) -> Result<Runner<T>, String> {
    Runner::new(config, tables).map_err(|why| format!("`config.json`: {why}"))
}

struct Shown {
    topic: String,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<Header>,
}

#[derive(PartialEq, Eq)]
struct Answer {
    verdict: Verdict,
    /// Where it was sent to; none where it goes to the pipeline's own.
    table: Option<String>,
}

#[derive(PartialEq, Eq)]
enum Verdict {
    Keep,
    Drop,
    Replace(Vec<Output>),
    Reject { reason: &'static str, message: String },
}

const REJECTED: &str = "plugin_rejected";
const NOT_ALLOWED: &str = "table_not_allowed";

#[derive(PartialEq, Eq)]
struct Output {
    /// `None` where it is the record's own.
    key: Option<Option<Vec<u8>>>,
    value: Option<Vec<u8>>,
}

/// Shows the records in batches of `size`, as one partition's.
fn show<T: Transform>(runner: &mut Runner<T>, tables: &[String], records: &[Shown], size: usize) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(records.len());
    for (number, part) in records.chunks(size.max(1)).enumerate() {
        let mut batch = Columnar::<T>::new(&part[0].topic, 0);
        for (index, record) in part.iter().enumerate() {
            let offset = (number * size + index) as i64;
            batch.push(offset, record.timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
        }
        let output = runner.process(&batch.0);
        let mut failures = output.failures.iter();
        for (index, record) in part.iter().enumerate() {
            let own = || output.sources.iter().enumerate().filter(move |(_, source)| **source as usize == index);
            let read = |(at, _): (usize, &u32)| {
                let key = (!output.keys.ends.is_empty()).then(|| item(&output.keys, at).map(<[u8]>::to_vec));
                Output { key: key.filter(|key| *key != record.key), value: item(&output.values, at).map(<[u8]>::to_vec) }
            };
            let verdict = match output.verdicts[index] {
                0 => Verdict::Keep,
                1 => Verdict::Drop,
                2 => match own().map(read).collect::<Vec<_>>() {
                    // To keep a record and to replace it by itself comes to the same.
                    outputs if outputs == [Output { key: None, value: record.value.clone() }] => Verdict::Keep,
                    outputs => Verdict::Replace(outputs),
                },
                _ => {
                    let message = failures.next().expect("the runner gives each rejection a reason").1.clone();
                    Verdict::Reject { reason: REJECTED, message }
                }
            };
            let named = output.routes.get(index).and_then(|route| output.tables.get((*route as usize).checked_sub(1)?));
            answers.push(match named.filter(|name| !tables.contains(name)) {
                None => Answer { verdict, table: named.cloned() },
                Some(name) => {
                    Answer { verdict: Verdict::Reject { reason: NOT_ALLOWED, message: refusal(tables, name) }, table: None }
                }
            });
        }
    }
    answers
}

/// The gateway's words for it.
fn refusal(tables: &[String], name: &str) -> String {
    let tables: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
    format!("table `{name}` is not allowed; the `more_tables` of this pipeline are {}", tables.join(", "))
}

impl Answer {
    /// As one line of `expected.jsonl`.
    fn to_line(&self) -> String {
        let table = self.table.as_ref().map_or(String::new(), |table| format!(r#","table":{}"#, quoted(table)));
        match &self.verdict {
            Verdict::Keep => format!(r#"{{"verdict":"keep"{table}}}"#),
            Verdict::Drop => r#"{"verdict":"drop"}"#.to_owned(),
            Verdict::Reject { reason, message } => {
                format!(r#"{{"verdict":"reject","reason":"{reason}","message":{}}}"#, quoted(message))
            }
            Verdict::Replace(outputs) => {
                let line = |output: &Output| {
                    let key = output.key.as_ref().map_or(String::new(), |key| format!(r#""key":{},"#, written(key.as_deref())));
                    format!(r#"{{{key}"value":{}}}"#, written(output.value.as_deref()))
                };
                let outputs: Vec<String> = outputs.iter().map(line).collect();
                format!(r#"{{"verdict":"replace"{table},"outputs":[{}]}}"#, outputs.join(","))
            }
        }
    }
}

fn records(input: &str) -> Result<Vec<Shown>, String> {
    let records = lines("input.jsonl", input, record)?;
    match records.first() {
        None => Err("`input.jsonl` holds no record".to_owned()),
        Some(first) if records.iter().any(|record| record.topic != first.topic) => {
            Err("`input.jsonl` has records of several topics, and a batch is of one".to_owned())
        }
        Some(_) => Ok(records),
    }
}

/// The lines that are not empty, each read. The error names the file and the line.
fn lines<R>(file: &str, text: &str, read: impl Fn(&str) -> Result<R, String>) -> Result<Vec<R>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| read(line).map_err(|why| format!("`{file}`, line {}: {why}", index + 1))).collect()
}

fn record(line: &str) -> Result<Shown, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line<'a> {
        topic: Option<String>,
        timestamp: Option<i64>,
        #[serde(borrow)]
        key: Option<&'a RawValue>,
        #[serde(borrow)]
        value: &'a RawValue,
        #[serde(borrow)]
        headers: Option<&'a RawValue>,
    }
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    Ok(Shown {
        topic: line.topic.unwrap_or_else(|| "test".to_owned()),
        timestamp: line.timestamp.unwrap_or(-1),
        key: line.key.map_or(Ok(None), |key| bytes(key.get().as_bytes()))?,
        value: bytes(line.value.get().as_bytes())?,
        headers: line.headers.map_or(Ok(Vec::new()), headers)?,
    })
}

/// An object, or pairs where a name comes twice.
fn headers(written: &RawValue) -> Result<Vec<Header>, String> {
    let text = written.get();
    if text.starts_with('[') {
        let pairs: Vec<(String, &RawValue)> = serde_json::from_str(text).map_err(|error| format!("`headers`: {error}"))?;
        return pairs.into_iter().map(|(name, value)| Ok((name.into_bytes(), bytes(value.get().as_bytes())?))).collect();
    }
    let pairs = Object::parse(text.as_bytes()).map_err(|_| "`headers` is neither an object nor a list of pairs")?;
    pairs.fields().map(|(name, value)| Ok((name.to_vec(), bytes(&value.text())?))).collect()
}

fn answer(line: &str) -> Result<Answer, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line<'a> {
        verdict: &'a str,
        table: Option<String>,
        #[serde(borrow, default)]
        outputs: Vec<Written<'a>>,
        #[serde(default)]
        reason: String,
        #[serde(default)]
        message: String,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        key: Option<&'a RawValue>,
        #[serde(borrow)]
        value: &'a RawValue,
    }
    /// Tells a key that is null from none.
    fn present<'de: 'a, 'a, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
        <&RawValue>::deserialize(from).map(Some)
    }
    let output = |written: &Written<'_>| {
        let key = written.key.map(|key| bytes(key.get().as_bytes())).transpose()?;
        Ok(Output { key, value: bytes(written.value.get().as_bytes())? })
    };
    let Line { verdict, table, outputs, reason, message } = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let verdict = match (verdict, &outputs[..], reason.as_str()) {
        ("keep", [], "") => Verdict::Keep,
        ("drop", [], "") if table.is_none() => Verdict::Drop,
        ("replace", [_, ..], "") => Verdict::Replace(outputs.iter().map(output).collect::<Result<_, String>>()?),
        ("reject", [], REJECTED) if table.is_none() => Verdict::Reject { reason: REJECTED, message },
        ("reject", [], NOT_ALLOWED) if table.is_none() => Verdict::Reject { reason: NOT_ALLOWED, message },
        _ => {
            return Err(format!(
                "write `keep` or `replace` with `outputs`, with or without a `table`; `drop`; or `reject` with the reason `{REJECTED}` or \
                 `{NOT_ALLOWED}`"
            ));
        }
    };
    Ok(Answer { verdict, table })
}

/// The bytes that a key or value in a file stands for.
fn bytes(written: &[u8]) -> Result<Option<Vec<u8>>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Encoded {
        #[serde(rename = "$base64")]
        base64: String,
    }
    match written {
        b"null" => Ok(None),
        [b'"', ..] => unquote(written).map(|text| Some(text.into_owned())).ok_or_else(|| "a string has a wrong escape".to_owned()),
        [b'{', ..] if written.windows(9).any(|piece| piece == br#""$base64""#) => {
            let encoded: Encoded = serde_json::from_slice(written).map_err(|error| error.to_string())?;
            STANDARD.decode(encoded.base64).map(Some).map_err(|error| format!("`$base64`: {error}"))
        }
        _ => Ok(Some(written.to_vec())),
    }
}

/// Bytes as a file has them: objects and arrays as they are, other text as a string, the rest in base 64.
fn written(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "null".to_owned() };
    match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with(['{', '[']) && !text.contains(['\n', '\r']) && is_json(text) => text.to_owned(),
        Ok(text) => quoted(text),
        Err(_) => format!(r#"{{"$base64":"{}"}}"#, STANDARD.encode(bytes)),
    }
}

fn is_json(text: &str) -> bool {
    !text.contains("$base64") && serde_json::from_str::<&RawValue>(text).is_ok()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::{blessed, judge};
    use crate::{Columns, Emit, Record, Reject, Transform, Verdict};

    /// Gives each record what it has besides its value.
    struct Tell {
        seen: u64,
    }

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Options {
        #[serde(default)]
        forgetful: bool,
    }

    impl Transform for Tell {
        type Config = Options;
        const NAME: &'static str = "tell";
        const VERSION: &'static str = "0";
        const NEEDS: Columns = Columns::all();
        const ROUTES: bool = true;

        fn new(options: Options) -> Result<Tell, String> {
            Ok(Tell { seen: if options.forgetful { 0 } else { u64::MAX } })
        }

        fn transform(&mut self, record: &Record<'_>, emit: &mut Emit<'_>) -> Result<Verdict, Reject> {
            if self.seen < u64::MAX {
                self.seen += 1;
                emit.value(self.seen.to_string().as_bytes());
                return Ok(Verdict::Replace);
            }
            match record.value() {
                None => return Ok(Verdict::Keep),
                Some(b"drop") => return Ok(Verdict::Drop),
                Some([b'>', table @ ..]) => {
                    emit.route_to(std::str::from_utf8(table).unwrap());
                    if record.key().is_none() {
                        return Ok(Verdict::Keep);
                    }
                    emit.value(b"routed");
                }
                Some(b"itself") => emit.keyed(record.key(), record.value()),
                Some(b"no key") => emit.keyed(None, None),
                Some([0xff, ..]) => return Err("not a text".into()),
                Some(value) => {
                    emit.keyed(record.key(), Some(value.trim_ascii_end()));
                    for (name, header) in record.headers() {
                        emit.keyed(header, Some(name));
                    }
                    let (offset, time) = (record.offset().unwrap_or(-1), record.timestamp().unwrap_or(-1));
                    emit.keyed(Some(&[0xff]), Some(format!("{} {offset} {time}", record.topic()).as_bytes()));
                }
            }
            Ok(Verdict::Replace)
        }
    }

    const INPUT: &str = r#"{"value": null}

{"value": "drop", "key": 1}
{"value": "itself", "key": {"a": 1.50}}
{"value": "no key", "key": "k"}
{"value": {"$base64": "/w=="}}
{"value": {"p":  1.50}, "headers": {"a": "x", "b": null}, "timestamp": 7}
{"value": "two\n\n", "headers": [["a", "x"], ["a", [1, 2]]]}
{"value": ">T"}
{"value": ">T", "key": "k"}
{"value": ">X", "key": "k"}
"#;

    const EXPECTED: &str = r#"{"verdict":"keep"}
{"verdict":"drop"}
{"verdict":"keep"}
{"verdict":"replace","outputs":[{"key":null,"value":null}]}
{"verdict":"reject","reason":"plugin_rejected","message":"not a text"}
{"verdict":"replace","outputs":[{"value":{"p":  1.50}},{"key":"x","value":"a"},{"value":"b"},{"key":{"$base64":"/w=="},"value":"test 5 7"}]}
{"verdict":"replace","outputs":[{"value":"two"},{"key":"x","value":"a"},{"key":[1, 2],"value":"a"},{"key":{"$base64":"/w=="},"value":"test 6 -1"}]}
{"verdict":"keep","table":"T"}
{"verdict":"replace","table":"T","outputs":[{"value":"routed"}]}
{"verdict":"reject","reason":"table_not_allowed","message":"table `X` is not allowed; the `more_tables` of this pipeline are `T`, `U`"}
"#;

    fn tables() -> Vec<String> {
        ["T", "U"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_case_holds_every_byte_and_is_written_as_it_is_read() {
        assert_eq!(blessed::<Tell>("{}", &tables(), INPUT).unwrap(), EXPECTED);
        assert_eq!(judge::<Tell>("{}", &tables(), INPUT, EXPECTED), Ok(()));
    }

    #[test]
    fn an_answer_that_differs_is_shown_beside_the_expected_one() {
        let why = judge::<Tell>("{}", &tables(), INPUT, &EXPECTED.replace("1.50", "1.5")).unwrap_err();
        assert!(why.starts_with("record 6, in batches of 10, fresh instance\n  expected  {"), "{why}");
        let why = judge::<Tell>("{}", &tables(), INPUT, &EXPECTED.replace("{\"verdict\":\"drop\"}\n", "")).unwrap_err();
        assert_eq!(why, "9 answers are expected of 10 records");
    }

    #[test]
    fn an_answer_that_follows_from_what_came_before_fails() {
        let forgetful = r#"{"forgetful": true}"#;
        let expected = blessed::<Tell>(forgetful, &[], "{\"value\": 1}").unwrap();
        let why = judge::<Tell>(forgetful, &[], "{\"value\": 1}", &expected).unwrap_err();
        assert!(why.contains("same instance") && why.ends_with("[{\"value\":\"2\"}]}"), "{why}");
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        let why = |input: &str, expected: &str| judge::<Tell>("{}", &tables(), input, expected).unwrap_err();
        assert!(why("{\"value\": 1}\n{\"valeu\": 1}", "").starts_with("`input.jsonl`, line 2: unknown field `valeu`"));
        assert_eq!(why("\n", ""), "`input.jsonl` holds no record");
        assert!(why("{\"value\": 1, \"topic\": \"a\"}\n{\"value\": 1}", "").contains("several topics"));
        for wrong in [
            r#"{"verdict":"keeps"}"#,
            r#"{"verdict":"replace"}"#,
            r#"{"verdict":"reject","reason":"plugin_trapped"}"#,
            r#"{"verdict":"drop","table":"U"}"#,
        ] {
            assert!(why("{\"value\": 1}", wrong).starts_with("`expected.jsonl`, line 1: write `keep`"), "{wrong}");
        }
        assert!(judge::<Tell>(r#"{"x": 1}"#, &[], INPUT, EXPECTED).unwrap_err().starts_with("`config.json`: unknown field `x`"));
    }
}
