use super::*;
use crate::json::tests::corpus;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;
use snowgate_record::{Offset, RecordBatch, TopicPartition};

const KLINE: &str = concat!(
    r#"{"stream": "btcusdt@kline_1m", "data": {"e": "kline", "E": 1638747660000, "s": "BTCUSDT", "k": {"t": 1638747600000, "#,
    r#""T": 1638747659999, "s": "BTCUSDT", "i": "1m", "f": 100, "L": 200, "o": "0.0010", "c": "0.0020", "h": "0.0025", "#,
    r#""l": "0.0015", "v": "1000", "n": 100, "x": true, "q": "1.0000", "V": "500", "Q": "0.500", "B": "123456"}}}"#,
);

/// What stands in the buffer before a row is written.
const BEFORE: &[u8] = b"{\"earlier\":1}\n";

fn batch_of(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&[u8], Option<&[u8]>)]) -> RecordBatch {
    let mut batch = RecordBatch::new(TopicPartition::new("binance_kline", 3));
    for (name, header) in headers {
        batch.push_header(name, *header);
    }
    batch.push(Offset::new(17).unwrap(), 1_638_747_660_123, TimestampType::CreateTime, key, value);
    batch
}

fn row_of(settings: RowSettings, batch: &RecordBatch, emit_index: Option<u32>) -> Result<String, RowError> {
    let mut out = BEFORE.to_vec();
    let result = RowWriter::new(settings).write(batch.record(0), emit_index, &mut out);
    let row = out.strip_prefix(BEFORE).expect("earlier rows stay as they were");
    match result {
        Ok(()) => {
            assert_eq!(row.iter().position(|byte| *byte == b'\n'), Some(row.len() - 1), "one line, and whole");
            Ok(String::from_utf8(row[..row.len() - 1].to_vec()).unwrap())
        }
        Err(error) => {
            assert!(row.is_empty(), "an error leaves nothing behind");
            Err(error)
        }
    }
}

fn row(mode: RowMode, value: &str) -> Result<String, RowError> {
    row_of(RowSettings::new(mode), &batch_of(None, Some(value.as_bytes()), &[]), None)
}

fn with_metadata(change: impl FnOnce(&mut MetadataSettings)) -> RowSettings {
    let mut settings = RowSettings::new(RowMode::Content);
    change(&mut settings.metadata);
    settings
}

const METADATA: &str = r#"{"topic":"binance_kline","offset":17,"partition":3,"CreateTime":1638747660123}"#;

#[test]
fn a_kline_becomes_the_connectors_two_columns() {
    let expected = format!(r#"{{"RECORD_METADATA":{METADATA},"RECORD_CONTENT":{KLINE}}}"#);
    assert_eq!(row(RowMode::Content, KLINE).unwrap(), expected);
}

#[test]
fn a_kline_becomes_a_column_for_each_field() {
    let expected = format!(r#"{{"RECORD_METADATA":{METADATA},{}"#, &KLINE[1..]);
    assert_eq!(row(RowMode::Columns, KLINE).unwrap(), expected);
}

#[test]
fn an_object_without_fields_still_makes_a_row() {
    for empty in ["{}", " { } ", "{\n}"] {
        assert_eq!(row(RowMode::Columns, empty).unwrap().replace(' ', ""), format!(r#"{{"RECORD_METADATA":{METADATA}}}"#));
    }
}

#[test]
fn each_switch_leaves_its_part_out() {
    let batch = batch_of(Some(b"k"), Some(b"1"), &[(b"h", Some(b"v"))]);
    let parts = [
        r#""topic":"binance_kline""#,
        r#""offset":17,"partition":3"#,
        r#""CreateTime":1638747660123"#,
        r#""key":"k""#,
        r#""headers":{"h":"v"}"#,
    ];
    let switch_off: [fn(&mut MetadataSettings); 5] = [
        |metadata| metadata.topic = false,
        |metadata| metadata.offset_and_partition = false,
        |metadata| metadata.create_time = false,
        |metadata| metadata.key = false,
        |metadata| metadata.headers = false,
    ];
    // Every set of switches; bit n leaves part n out.
    for off in 0..32 {
        let settings = with_metadata(|metadata| (0..5).filter(|n| off & 1 << n != 0).for_each(|n| switch_off[n](metadata)));
        let left: Vec<&str> = (0..5).filter(|n| off & 1 << n == 0).map(|n| parts[n]).collect();
        let expected = format!(r#"{{"RECORD_METADATA":{{{}}},"RECORD_CONTENT":1}}"#, left.join(","));
        assert_eq!(row_of(settings, &batch, None).unwrap(), expected);
    }
    assert_eq!(row_of(with_metadata(|metadata| metadata.enabled = false), &batch, None).unwrap(), r#"{"RECORD_CONTENT":1}"#);
}

#[test]
fn columns_without_metadata_are_the_value_itself() {
    let mut settings = RowSettings::new(RowMode::Columns);
    settings.metadata.enabled = false;
    let row = |value: &str| row_of(settings, &batch_of(None, Some(value.as_bytes()), &[]), None);
    assert_eq!(row("{\"price\": 1.50}").unwrap(), "{\"price\": 1.50}");
    assert_eq!(row("{}").unwrap(), "{}");
    assert_eq!(row("{\"Record_Metadata\": 1}").unwrap_err().reason(), "reserved_key");
}

#[test]
fn a_split_record_says_which_piece_each_row_is() {
    let batch = batch_of(None, Some(b"{}"), &[]);
    let settings = RowSettings::new(RowMode::Columns);
    let expected =
        r#"{"RECORD_METADATA":{"topic":"binance_kline","offset":17,"partition":3,"emit_index":2,"CreateTime":1638747660123}}"#;
    assert_eq!(row_of(settings, &batch, Some(2)).unwrap(), expected);
}

#[test]
fn the_timestamp_is_named_for_who_set_it() {
    let mut batch = RecordBatch::new(TopicPartition::new("t", 0));
    for (offset, kind) in
        [TimestampType::CreateTime, TimestampType::LogAppendTime, TimestampType::NotAvailable].into_iter().enumerate()
    {
        batch.push(Offset::new(offset as i64).unwrap(), -1, kind, None, Some(b"0"));
    }
    let mut writer = RowWriter::new(RowSettings::new(RowMode::Content));
    let mut out = Vec::new();
    for record in batch.iter() {
        writer.write(record, None, &mut out).unwrap();
    }
    let expected = concat!(
        "{\"RECORD_METADATA\":{\"topic\":\"t\",\"offset\":0,\"partition\":0,\"CreateTime\":-1},\"RECORD_CONTENT\":0}\n",
        "{\"RECORD_METADATA\":{\"topic\":\"t\",\"offset\":1,\"partition\":0,\"LogAppendTime\":-1},\"RECORD_CONTENT\":0}\n",
        "{\"RECORD_METADATA\":{\"topic\":\"t\",\"offset\":2,\"partition\":0},\"RECORD_CONTENT\":0}\n",
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn one_writer_serves_many_partitions() {
    let mut writer = RowWriter::new(RowSettings::new(RowMode::Content));
    let mut out = Vec::new();
    for (topic, partition) in [("a", 0), ("a", 1), ("b\"\\\n", 1), ("a", 0)] {
        let mut batch = RecordBatch::new(TopicPartition::new(topic, partition));
        batch.push(Offset::ZERO, 5, TimestampType::CreateTime, None, Some(b"0"));
        writer.write(batch.record(0), None, &mut out).unwrap();
    }
    let rows: Vec<Value> =
        out.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()).map(|row| serde_json::from_slice(row).unwrap()).collect();
    let names: Vec<_> = rows
        .iter()
        .map(|row| (row["RECORD_METADATA"]["topic"].as_str().unwrap(), row["RECORD_METADATA"]["partition"].as_i64().unwrap()))
        .collect();
    assert_eq!(names, [("a", 0), ("a", 1), ("b\"\\\n", 1), ("a", 0)]);
}

#[test]
fn bytes_that_are_no_text_are_written_as_base64() {
    let batch = batch_of(Some(b"\xff\x00\xfe\x01"), Some(b"0"), &[(b"raw", Some(b"\x80")), (b"none", None), (b"text", Some(b"1"))]);
    let row: Value = serde_json::from_str(&row_of(RowSettings::new(RowMode::Content), &batch, None).unwrap()).unwrap();
    assert_eq!(row["RECORD_METADATA"]["key"], "/wD+AQ==");
    assert_eq!(row["RECORD_METADATA"]["headers"], serde_json::json!({"raw": "gA==", "none": null, "text": "1"}));
}

#[test]
fn of_headers_with_one_name_the_last_counts_however_many_there_are() {
    for count in [2, SCANNED_HEADERS, SCANNED_HEADERS + 1, 500] {
        let names: Vec<String> = (0..count).map(|i| format!("h{}", i % 2)).collect();
        let values: Vec<String> = (0..count).map(|i| i.to_string()).collect();
        let headers: Vec<_> = names.iter().zip(&values).map(|(name, value)| (name.as_bytes(), Some(value.as_bytes()))).collect();
        let row = row_of(RowSettings::new(RowMode::Content), &batch_of(None, Some(b"0"), &headers), None).unwrap();
        let last = count - 1;
        let (h0, h1) = if last % 2 == 0 { (last, last - 1) } else { (last - 1, last) };
        let (first, second) = (format!("\"h0\":\"{h0}\""), format!("\"h1\":\"{h1}\""));
        assert!(
            row.contains(&format!("\"headers\":{{{first},{second}}}"))
                || row.contains(&format!("\"headers\":{{{second},{first}}}")),
            "{row}"
        );
    }
}

#[test]
fn two_header_names_that_read_alike_do_not_make_a_key_twice() {
    let headers: [(&[u8], Option<&[u8]>); 2] = [(b"\xff", Some(b"1")), (b"\xfe", Some(b"2"))];
    let row = row_of(RowSettings::new(RowMode::Content), &batch_of(None, Some(b"0"), &headers), None).unwrap();
    assert!(row.contains("\"headers\":{\"\u{fffd}\":\"2\"}"), "{row}");
}

#[test]
fn a_tombstone_is_named_as_one() {
    let error = row_of(RowSettings::new(RowMode::Content), &batch_of(Some(b"k"), None, &[]), None).unwrap_err();
    assert_eq!((error, error.reason()), (RowError::Tombstone, "tombstone"));
}

#[test]
fn a_row_longer_than_a_variant_is_refused() {
    let mut settings = RowSettings::new(RowMode::Content);
    let whole = row(RowMode::Content, KLINE).unwrap().len();
    let batch = batch_of(None, Some(KLINE.as_bytes()), &[]);
    settings.max_row_bytes = whole;
    assert!(row_of(settings, &batch, None).is_ok());
    settings.max_row_bytes = whole - 1;
    let error = row_of(settings, &batch, None).unwrap_err();
    assert_eq!(error.to_string(), format!("the row is {whole} bytes long, more than the {} that fit", whole - 1));
    assert_eq!(error.reason(), "oversize");
}

#[test]
fn line_breaks_between_tokens_are_left_out_and_those_in_strings_stay_escaped() {
    let pretty = "\r\n{\n\t\"a b\": [1,\r\n 2.50],\n \"c\": \"x\\ny \\\" z\"\n}\n";
    let expected = r#""a b":[1,2.50],"c":"x\ny \" z"}"#;
    assert_eq!(row(RowMode::Columns, pretty).unwrap(), format!(r#"{{"RECORD_METADATA":{METADATA},{expected}"#));
    assert_eq!(
        row(RowMode::Content, pretty).unwrap(),
        format!(r#"{{"RECORD_METADATA":{METADATA},"RECORD_CONTENT":{{{expected}}}"#)
    );
}

/// A row read by an independent parser, numbers as their text.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentRow<'a> {
    #[serde(borrow, rename = "RECORD_METADATA")]
    metadata: &'a RawValue,
    #[serde(borrow, rename = "RECORD_CONTENT")]
    content: &'a RawValue,
}

#[test]
fn no_value_of_the_corpus_forges_or_breaks_a_row_in_content_mode() {
    for case in corpus() {
        let value = case.bytes();
        match row_of(RowSettings::new(RowMode::Content), &batch_of(None, Some(&value), &[]), None) {
            Ok(row) => {
                assert_eq!(case.expected, "ok", "{}", case.name);
                let row: ContentRow<'_> = serde_json::from_str(&row).unwrap_or_else(|error| panic!("{}: {error}", case.name));
                assert_eq!(row.metadata.get(), METADATA, "{}", case.name);
                if case.line_breaks {
                    let same: Value = serde_json::from_slice(&value).unwrap();
                    assert_eq!(serde_json::from_str::<Value>(row.content.get()).unwrap(), same, "{}", case.name);
                } else {
                    assert_eq!(row.content.get().as_bytes(), value.trim_ascii(), "{}", case.name);
                }
            }
            Err(error) => assert_eq!(case.expected, error.reason(), "{}", case.name),
        }
    }
}

#[test]
fn no_value_of_the_corpus_forges_or_breaks_a_row_in_columns_mode() {
    for case in corpus() {
        let value = case.bytes();
        match row_of(RowSettings::new(RowMode::Columns), &batch_of(None, Some(&value), &[]), None) {
            Ok(row) => {
                assert_eq!(case.expected_in_columns(), "ok", "{}", case.name);
                type Fields<'a> = std::collections::BTreeMap<String, &'a RawValue>;
                // serde_json stops at 128 levels; ours counts the document's.
                if case.name.contains("deep") {
                    continue;
                }
                let mut fields: Fields<'_> = serde_json::from_str(&row).unwrap_or_else(|error| panic!("{}: {error}", case.name));
                assert_eq!(fields.remove(METADATA_COLUMN).map(RawValue::get), Some(METADATA), "{}", case.name);
                let expected: Fields<'_> = serde_json::from_slice(&value).unwrap();
                assert_eq!(fields.len(), expected.len(), "{}", case.name);
                for (name, field) in &fields {
                    if case.line_breaks {
                        let (a, b): (Value, Value) =
                            (serde_json::from_str(field.get()).unwrap(), serde_json::from_str(expected[name].get()).unwrap());
                        assert_eq!(a, b, "{}: {name}", case.name);
                    } else {
                        assert_eq!(field.get(), expected[name].get(), "{}: {name}", case.name);
                    }
                }
            }
            Err(error) => assert_eq!(case.expected_in_columns(), error.reason(), "{}", case.name),
        }
    }
}

proptest! {
    #[test]
    fn keys_and_headers_of_any_bytes_make_valid_metadata(
        topic in ".{1,10}",
        key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        text in ".{0,20}",
        headers in proptest::collection::vec(
            (".{0,6}", proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20))),
            0..20,
        ),
    ) {
        let as_text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| BASE64.encode(bytes));
        let mut batch = RecordBatch::new(TopicPartition::new(&*topic, 0));
        let mut expected = serde_json::Map::new();
        for (name, value) in &headers {
            batch.push_header(name.as_bytes(), value.as_deref());
            expected.insert(name.clone(), value.as_deref().map(as_text).into());
        }
        let text = Value::from(text).to_string();
        batch.push(Offset::ZERO, 1, TimestampType::CreateTime, key.as_deref(), Some(text.as_bytes()));
        let row = row_of(RowSettings::new(RowMode::Content), &batch, None).unwrap();
        let row: Value = serde_json::from_str(&row).unwrap();
        let metadata = &row["RECORD_METADATA"];
        prop_assert_eq!(metadata["topic"].as_str(), Some(&*topic));
        prop_assert_eq!(metadata.get("key").and_then(Value::as_str).map(str::to_owned), key.as_deref().map(as_text));
        let found = metadata.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
        // As sets: where a name comes twice, its place is that of its last value.
        prop_assert!(found.len() == expected.len() && expected.iter().all(|(name, value)| found.get(name) == Some(value)));
        prop_assert_eq!(row["RECORD_CONTENT"].to_string(), text);
    }

    #[test]
    fn a_number_keeps_every_digit(number in "-?(0|[1-9][0-9]{0,60})(\\.[0-9]{1,60})?([eE][+-]?[0-9]{1,4})?") {
        let value = format!("{{\"price\": {number}}}");
        let content = format!(",\"RECORD_CONTENT\":{value}}}");
        let columns = format!(",\"price\": {number}}}");
        prop_assert!(row(RowMode::Content, &value).unwrap().ends_with(&content));
        prop_assert!(row(RowMode::Columns, &value).unwrap().ends_with(&columns));
    }
}

#[test]
fn what_a_converter_made_of_key_and_headers_is_spliced_as_json_and_nothing_else_is() {
    let json = RowSettings { form: Form::Json, ..RowSettings::new(RowMode::Content) };
    let row = |key: &[u8], header: &[u8]| row_of(json, &batch_of(Some(key), Some(b"{}"), &[(b"h", Some(header))]), None).unwrap();
    assert!(row(br#"{"id":7}"#, b"1.50").contains(r#""key":{"id":7},"headers":{"h":1.50}}"#));
    for hostile in ["1,\"offset\":0", "{}}\n{", "not json"] {
        let row = row(hostile.as_bytes(), b"null");
        let parsed: Value = serde_json::from_str(&row).unwrap();
        assert_eq!((&parsed["RECORD_METADATA"]["key"], &parsed["RECORD_METADATA"]["offset"]), (&hostile.into(), &17.into()));
    }
}

#[test]
fn the_push_time_and_another_topic_stand_in_the_metadata_where_they_are_asked_for() {
    let mut writer = RowWriter::new(with_metadata(|metadata| metadata.push_time = true));
    writer.set_push_time(1_700_000_000_001);
    writer.name_topic(&"routed".into());
    let mut out = Vec::new();
    writer.write(batch_of(None, Some(b"{}"), &[]).record(0), None, &mut out).unwrap();
    let metadata =
        r#"{"topic":"routed","offset":17,"partition":3,"CreateTime":1638747660123,"SnowflakeConnectorPushTime":1700000000001}"#;
    assert_eq!(String::from_utf8(out).unwrap(), format!("{{\"RECORD_METADATA\":{metadata},\"RECORD_CONTENT\":{{}}}}\n"));
}

#[test]
fn rows_of_one_pattern_are_those_that_they_are_without_it() {
    let patterns = [PatternId::unique(), PatternId::unique()];
    for mode in [RowMode::Content, RowMode::Columns] {
        let mut writer = RowWriter::new(RowSettings::new(mode));
        // The last two are valid JSON and no rows in columns: each fails each time, whatever was proven before.
        let documents: [(usize, &[&str]); 4] = [
            (0, &[r#"{"a":1,"b":"x"}"#, r#"{"a":-2.50,"b":"\u00e9"}"#, r#"{"a":null,"b":true}"#]),
            (1, &["{}", "{}"]),
            (0, &[r#"{"a":7,"b":[]}"#]),
            (1, &[r#"{"A":1,"a":2}"#, r#"{"A":3,"a":4}"#]),
        ];
        for (pattern, values) in documents {
            for value in values {
                let plain = batch_of(Some(b"k"), Some(value.as_bytes()), &[]);
                let mut known = plain.clone();
                known.set_pattern(patterns[pattern]);
                let mut out = BEFORE.to_vec();
                let written = writer.write(known.record(0), None, &mut out);
                let row = String::from_utf8(out[BEFORE.len()..].to_vec()).unwrap();
                let expected = row_of(RowSettings::new(mode), &plain, None);
                assert_eq!(written.map(|()| row.trim_end().to_owned()), expected, "{mode:?} {value}");
            }
        }
    }
}

#[test]
fn a_batch_that_is_used_again_has_no_pattern() {
    let mut batch = batch_of(None, Some(b"{}"), &[]);
    batch.set_pattern(PatternId::unique());
    batch.reset(&TopicPartition::new("binance_kline", 3));
    assert_eq!(batch.pattern(), None);
}
