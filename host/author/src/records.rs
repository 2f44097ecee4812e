//! Records and answers as lines of JSON: `input.jsonl` and `expected.jsonl`.
//!
//! A record is `{"key": K, "value": V, "headers": {NAME: V}, "timestamp": 0, "topic": "t"}`; all but `value` may be left out. As a key or
//! value a string stands for its text, an object, array or number for exactly what is written, `null` for null, and
//! `{"$base64": "…"}` for other bytes. A name that comes twice among the headers wants the form `[[NAME, V], …]`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};

/// One record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) topic: Option<String>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<Header>,
}

/// A name, and a value or null.
pub(crate) type Header = (String, Option<Vec<u8>>);

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// Where it was sent to; none where it goes to the pipeline's own table, or nowhere.
    pub(crate) table: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Keep,
    Drop,
    Replace(Vec<Output>),
    Reject { reason: String, message: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// `None` where it is the record's own.
    pub(crate) key: Option<Option<Vec<u8>>>,
    pub(crate) value: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRecord<'a> {
    topic: Option<String>,
    timestamp: Option<i64>,
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow, default)]
    headers: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBytes {
    #[serde(rename = "$base64")]
    base64: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAnswer<'a> {
    verdict: String,
    table: Option<String>,
    #[serde(borrow, default)]
    outputs: Option<Vec<WrittenOutput<'a>>>,
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOutput<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// Tells a key that is null from none.
fn present<'de: 'a, 'a, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl Record {
    /// One whose value is a line of text.
    pub(crate) fn of_value(value: &[u8]) -> Record {
        Record { value: Some(value.to_vec()), ..Record::default() }
    }

    pub(crate) fn read(line: &str) -> Result<Record, String> {
        let written: WrittenRecord<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        Ok(Record {
            topic: written.topic,
            timestamp: written.timestamp,
            key: written.key.map_or(Ok(None), bytes)?,
            value: bytes(written.value)?,
            headers: written.headers.map_or(Ok(Vec::new()), headers)?,
        })
    }
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Answer {
        Answer { verdict, table: None }
    }
}

impl Answer {
    pub(crate) fn read(line: &str) -> Result<Answer, String> {
        let written: WrittenAnswer<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let verdict = match (written.verdict.as_str(), written.outputs) {
            ("drop" | "reject", _) if written.table.is_some() => Err("only `keep` and `replace` have a `table`".to_owned()),
            ("keep", None) => Ok(Verdict::Keep),
            ("drop", None) => Ok(Verdict::Drop),
            ("replace", Some(outputs)) if !outputs.is_empty() => {
                let read =
                    |output: WrittenOutput<'_>| Ok(Output { key: output.key.map(bytes).transpose()?, value: bytes(output.value)? });
                outputs.into_iter().map(read).collect::<Result<_, String>>().map(Verdict::Replace)
            }
            ("replace", _) => Err("`replace` wants `outputs`, at least one".to_owned()),
            ("reject", None) => Ok(Verdict::Reject {
                reason: written.reason.unwrap_or_else(|| "plugin_rejected".to_owned()),
                message: written.message.unwrap_or_default(),
            }),
            ("keep" | "drop" | "reject", Some(_)) => Err("only `replace` has `outputs`".to_owned()),
            (other, _) => Err(format!("`{other}` is no verdict: there are `keep`, `drop`, `replace` and `reject`")),
        };
        Ok(Answer { verdict: verdict?, table: written.table })
    }

    /// As one line of JSON, which [`read`](Answer::read) takes back.
    pub(crate) fn to_line(&self) -> String {
        let table = self.table.as_deref().map(serde_json::Value::from);
        let table = table.map_or(String::new(), |table| format!(r#","table":{table}"#));
        match &self.verdict {
            Verdict::Keep => format!(r#"{{"verdict":"keep"{table}}}"#),
            Verdict::Drop => r#"{"verdict":"drop"}"#.to_owned(),
            Verdict::Reject { reason, message } => {
                let message = serde_json::Value::from(message.as_str());
                format!(r#"{{"verdict":"reject","reason":"{reason}","message":{message}}}"#)
            }
            Verdict::Replace(outputs) => {
                let outputs: Vec<String> = outputs.iter().map(Output::to_text).collect();
                format!(r#"{{"verdict":"replace"{table},"outputs":[{}]}}"#, outputs.join(","))
            }
        }
    }
}

impl Output {
    fn to_text(&self) -> String {
        let key = self.key.as_ref().map_or(String::new(), |key| format!(r#""key":{},"#, shown(key.as_deref())));
        format!(r#"{{{key}"value":{}}}"#, shown(self.value.as_deref()))
    }
}

/// The lines of a file that are not empty, each read. The error names the line.
pub(crate) fn lines<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| read(line).map_err(|error| format!("line {}: {error}", index + 1))).collect()
}

/// Records as one batch of a partition; their offsets are their numbers from `first` on. All have the first one's topic.
pub(crate) fn batch(records: &[Record], first: usize) -> RecordBatch {
    let topic = records.first().and_then(|record| record.topic.as_deref()).unwrap_or("test");
    let mut batch = RecordBatch::new(TopicPartition::new(topic, 0));
    for (index, record) in (first..).zip(records) {
        for (name, value) in &record.headers {
            batch.push_header(name.as_bytes(), value.as_deref());
        }
        let offset = Offset::new(index as i64).expect("a number of records is an offset");
        let (timestamp, kind) = match record.timestamp {
            Some(timestamp) => (timestamp, TimestampType::CreateTime),
            None => (-1, TimestampType::NotAvailable),
        };
        batch.push(offset, timestamp, kind, record.key.as_deref(), record.value.as_deref());
    }
    batch
}

fn bytes(written: &RawValue) -> Result<Option<Vec<u8>>, String> {
    let text = written.get();
    match text.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Ok(Some(text.into_bytes()))
        }
        Some(b'{') if text.contains("$base64") => {
            let written: WrittenBytes = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let decoded = STANDARD.decode(&written.base64).map_err(|error| format!("`$base64`: {error}"))?;
            Ok(Some(decoded))
        }
        _ => Ok(Some(text.as_bytes().to_vec())),
    }
}

fn headers(written: &RawValue) -> Result<Vec<Header>, String> {
    if written.get().starts_with('[') {
        let pairs: Vec<(String, &RawValue)> = serde_json::from_str(written.get()).map_err(|error| format!("`headers`: {error}"))?;
        return pairs.into_iter().map(|(name, value)| Ok((name, bytes(value)?))).collect();
    }
    let pairs: Pairs<'_> = serde_json::from_str(written.get()).map_err(|error| format!("`headers`: {error}"))?;
    pairs.0.into_iter().map(|(name, value)| Ok((name, bytes(value)?))).collect()
}

/// An object's members in their order.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object or a list of pairs")
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Pairs<'de>, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Visitor)
    }
}

/// Bytes as an answer's line shows them: objects and arrays as they are, text as a string, the rest in base 64.
fn shown(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "null".to_owned() };
    match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with(['{', '[']) && !text.contains(['\n', '\r']) && is_json(text) && !text.contains("$base64") => {
            text.to_owned()
        }
        Ok(text) => serde_json::Value::from(text).to_string(),
        Err(_) => format!(r#"{{"$base64":"{}"}}"#, STANDARD.encode(bytes)),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_its_bytes_exactly() {
        let record = Record::read(
            r#"{"key": "k", "value": {"p":1.50 , "n":[1,2]}, "headers": {"a": "x", "b": null}, "timestamp": 7, "topic": "t"}"#,
        )
        .unwrap();
        assert_eq!(record.value.as_deref(), Some(&br#"{"p":1.50 , "n":[1,2]}"#[..]));
        assert_eq!(record.key.as_deref(), Some(&b"k"[..]));
        assert_eq!(record.headers, [("a".to_owned(), Some(b"x".to_vec())), ("b".to_owned(), None)]);
        assert_eq!((record.timestamp, record.topic.as_deref()), (Some(7), Some("t")));
        assert_eq!(Record::read(r#"{"value": null}"#).unwrap(), Record::default());
        assert_eq!(Record::read(r#"{"value": {"$base64": "/w=="}}"#).unwrap().value, Some(vec![0xff]));
        let twice = Record::read(r#"{"value": 1, "headers": [["a", "x"], ["a", "y"]]}"#).unwrap();
        assert_eq!(twice.headers.len(), 2);
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told() {
        let error = lines("{\"value\": 1}\n\n{\"valeu\": 1}\n", Record::read).unwrap_err();
        assert!(error.starts_with("line 3: ") && error.contains("valeu"), "{error}");
        assert!(Record::read(r#"{"key": "k"}"#).unwrap_err().contains("value"));
        for (line, piece) in [
            (r#"{"verdict": "keeps"}"#, "`keeps` is no verdict"),
            (r#"{"verdict": "replace"}"#, "wants `outputs`"),
            (r#"{"verdict": "keep", "outputs": []}"#, "only `replace`"),
            (r#"{"verdict": "drop", "table": "T"}"#, "only `keep` and `replace` have a `table`"),
        ] {
            assert!(Answer::read(line).unwrap_err().contains(piece), "{line}");
        }
    }

    #[test]
    fn an_answer_reads_back_as_it_was_written() {
        let output = |key, value: &[u8]| Output { key, value: Some(value.to_vec()) };
        for verdict in [
            Verdict::Keep,
            Verdict::Drop,
            Verdict::Reject { reason: "plugin_rejected".into(), message: "no \"symbol\"".into() },
            Verdict::Replace(vec![
                output(None, br#"{"a":1.50}"#),
                output(Some(None), b"text"),
                output(Some(Some(b"k".to_vec())), &[0xff, 0]),
                output(None, b"12"),
                output(None, b"{\n}"),
                output(None, br#"{"$base64":"x"}"#),
                Output { key: None, value: None },
            ]),
        ] {
            let goes = matches!(verdict, Verdict::Keep | Verdict::Replace(_));
            for table in [None, goes.then(|| "A.\"b\"".to_owned())] {
                let answer = Answer { verdict: verdict.clone(), table };
                let line = answer.to_line();
                assert!(!line.contains('\n'), "{line}");
                assert_eq!(Answer::read(&line).unwrap(), answer, "{line}");
            }
        }
    }
}
