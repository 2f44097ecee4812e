use std::sync::Arc;

use super::*;
use crate::data::Field;

const LINES: [Line; 3] = [Line::V3File, Line::V3Streaming, Line::V4];

fn schema(kind: Type, optional: bool) -> Schema {
    Schema::of(kind).with_optional(optional)
}

fn named(kind: Type, name: &str) -> Schema {
    Schema { name: Some(format!("org.apache.kafka.connect.data.{name}")), ..schema(kind, false) }
}

fn with(schema: Schema, value: Value) -> SchemaAndValue {
    SchemaAndValue { schema: Some(Arc::new(schema)), value }
}

fn plain(value: Value) -> SchemaAndValue {
    SchemaAndValue { schema: None, value }
}

fn written(line: Line, data: &SchemaAndValue) -> String {
    let mut out = Vec::new();
    write(line, data, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).expect("what is written is JSON");
    text
}

/// File, streaming, version 4.
fn by_line(data: &SchemaAndValue) -> [String; 3] {
    LINES.map(|line| written(line, data))
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[test]
fn dates_and_times_are_written_as_each_line_does() {
    let date = with(named(Type::Int32, "Date"), Value::Date(1_638_662_400_000));
    assert_eq!(by_line(&date), [r#""2021-12-05T00:00:00.000Z""#; 3]);
    let time = with(named(Type::Int32, "Time"), Value::Date(85_260_123));
    assert_eq!(by_line(&time), [r#""23:41:00.123+0000""#, r#""23:41:00.123Z""#, r#""23:41:00.123Z""#]);
    let timestamp = with(named(Type::Int64, "Timestamp"), Value::Date(1_638_747_660_123));
    let expected = [r#""1638747660123""#, r#""1638747660123""#, r#""2021-12-05T23:41:00.123Z""#];
    assert_eq!(by_line(&timestamp), expected);
    assert_eq!(by_line(&plain(Value::Date(1_638_747_660_123))), expected);
    assert_eq!(written(Line::V4, &plain(Value::Date(-1))), r#""1969-12-31T23:59:59.999Z""#);
    assert_eq!(written(Line::V4, &plain(Value::Date(i64::MAX))), r#""9223372036854775807""#);
}

#[test]
fn a_decimal_becomes_text_beyond_38_digits() {
    let digits = "1".repeat(38);
    let decimal = |number: &str| with(named(Type::Bytes, "Decimal"), Value::Decimal(number.parse().unwrap()));
    assert_eq!(by_line(&decimal(&digits)), [digits.as_str(); 3]);
    assert_eq!(
        by_line(&decimal(&format!("{digits}1"))),
        [format!("\"{digits}1\""), format!("\"{digits}1\""), format!("\"{digits}1\"")]
    );
    assert_eq!(written(Line::V4, &decimal("1.50")), "1.50");
}

#[test]
fn a_number_without_a_schema_keeps_all_its_digits() {
    let long = format!("{}.5", "1".repeat(50));
    assert_eq!(by_line(&plain(Value::Decimal(long.parse().unwrap()))), [long.as_str(); 3]);
    assert_eq!(written(Line::V3File, &plain(Value::BigInt("12345678901234567890".parse().unwrap()))), "12345678901234567890");
}

#[test]
fn decimals_are_written_as_java_writes_them() {
    for (digits, scale, expected) in [
        (1234, 2, "12.34"),
        (-5, 3, "-0.005"),
        (5, 0, "5"),
        (0, 2, "0.00"),
        (123, 123, "1.23E-121"),
        (1, 7, "1E-7"),
        (1, 6, "0.000001"),
        (12, -3, "1.2E+4"),
    ] {
        assert_eq!(decimal_text(&bigdecimal::BigDecimal::new(digits.into(), scale)), expected);
    }
}

#[test]
fn floats_are_written_as_java_writes_them() {
    for (number, expected) in
        [(1.0, "1.0"), (0.1, "0.1"), (1e7, "1.0E7"), (1.5e-7, "1.5E-7"), (9_999_999.0, "9999999.0"), (0.001, "0.001")]
    {
        assert_eq!(written(Line::V4, &plain(Value::Float64(number))), expected);
    }
    assert_eq!(written(Line::V3File, &plain(Value::Float32(0.1))), "0.1");
}

#[test]
fn what_is_no_number_becomes_text() {
    for line in LINES {
        assert_eq!(written(line, &plain(Value::Float64(f64::NAN))), r#""NaN""#);
    }
    let least = [r#""-Infinity""#, r#""-Infinity""#, r#""-Inf""#];
    assert_eq!(by_line(&plain(Value::Float64(f64::NEG_INFINITY))), least);
    assert_eq!(by_line(&plain(Value::Float32(f32::NEG_INFINITY))), least);
}

#[test]
fn a_text_is_a_text_whatever_it_says() {
    for line in LINES {
        assert_eq!(written(line, &with(schema(Type::String, true), text(r#"{"a":1}"#))), r#""{\"a\":1}""#);
        assert_eq!(written(line, &plain(text("é\u{0}\n\u{1f}\u{7f}\"\\"))), "\"é\\u0000\\n\\u001f\u{7f}\\\"\\\\\"");
    }
}

#[test]
fn bytes_become_base64() {
    let data = with(schema(Type::Bytes, true), Value::Bytes(vec![1, 2, 0xff, 0]));
    assert_eq!(by_line(&data), [r#""AQL/AA==""#; 3]);
    assert_eq!(written(Line::V4, &plain(Value::Bytes(Vec::new()))), r#""""#);
}

#[test]
fn a_struct_is_an_object_in_the_order_of_its_fields() {
    let mut inner = schema(Type::Int32, false);
    inner.default = Some(Value::Int32(9));
    let fields = [("b", schema(Type::String, true)), ("a", inner), ("c", schema(Type::Float64, false))];
    let fields = fields.map(|(name, schema)| Field { name: name.to_owned(), schema: Arc::new(schema) });
    let record = Arc::new(Schema { fields: fields.to_vec(), ..schema(Type::Struct, false) });
    let value = Value::Struct(record.clone(), vec![Value::Null, Value::Null, Value::Float64(1.5)]);
    let data = SchemaAndValue { schema: Some(record), value };
    assert_eq!(by_line(&data), [r#"{"b":null,"a":9,"c":1.5}"#; 3]);
}

#[test]
fn null_in_a_required_field_is_error_5015_and_leaves_nothing_behind() {
    let field = Field { name: "a".to_owned(), schema: Arc::new(schema(Type::Int32, false)) };
    let record = Arc::new(Schema { fields: vec![field], ..schema(Type::Struct, false) });
    let data = SchemaAndValue { schema: Some(record.clone()), value: Value::Struct(record, vec![Value::Null]) };
    for line in LINES {
        let mut out = b"before".to_vec();
        let error = write(line, &data, &mut out).unwrap_err();
        assert!(error.message.contains("Error Code: 5015"), "{error}");
        assert_eq!(out, b"before");
        assert!(write_header(line, false, &data, &mut out).is_err());
        assert_eq!(out, b"before");
    }
}

#[test]
fn a_map_with_other_keys_is_a_list_of_pairs_but_in_version_4_an_object_where_it_lies_in_objects() {
    let entries = vec![(Value::Int32(1), text("a")), (Value::Int32(2), Value::Null)];
    let map = plain(Value::Map(entries.clone()));
    assert_eq!(by_line(&map), [r#"[[1,"a"],[2,null]]"#, r#"[[1,"a"],[2,null]]"#, r#"{"1":"a","2":null}"#]);
    let nested = plain(Value::Map(vec![(text("m"), Value::Map(entries.clone()))]));
    assert_eq!(written(Line::V3Streaming, &nested), r#"{"m":[[1,"a"],[2,null]]}"#);
    assert_eq!(written(Line::V4, &nested), r#"{"m":{"1":"a","2":null}}"#);
    let listed = plain(Value::List(vec![Value::Map(entries)]));
    assert_eq!(written(Line::V4, &listed), r#"[[[1,"a"],[2,null]]]"#);
}

#[test]
fn of_keys_that_become_the_same_text_the_last_one_counts() {
    let map = plain(Value::Map(vec![(Value::Int32(1), text("a")), (text("1"), text("b")), (Value::Int8(2), text("c"))]));
    assert_eq!(written(Line::V4, &map), r#"{"1":"b","2":"c"}"#);
}

#[test]
fn empty_objects_and_lists_stay_empty() {
    assert_eq!(by_line(&plain(Value::Map(Vec::new()))), ["{}"; 3]);
    assert_eq!(by_line(&plain(Value::List(vec![Value::List(Vec::new()), Value::Map(Vec::new())]))), ["[[],{}]"; 3]);
    assert_eq!(
        by_line(&with(schema(Type::Struct, false), Value::Struct(Arc::new(schema(Type::Struct, false)), Vec::new()))),
        ["{}"; 3]
    );
}

#[test]
fn a_headers_value_is_typed_in_version_3_and_text_in_version_4_unless_structured() {
    let header = |line, structured, value: Value| {
        let mut out = Vec::new();
        write_header(line, structured, &plain(value), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let list = || Value::List(vec![Value::Int8(1), text("a")]);
    assert_eq!(header(Line::V3File, false, Value::Int8(7)), "7");
    assert_eq!(header(Line::V3Streaming, false, list()), r#"[1,"a"]"#);
    assert_eq!(header(Line::V4, false, Value::Int8(7)), r#""7""#);
    assert_eq!(header(Line::V4, false, Value::Float64(1e10)), r#""1.0E10""#);
    assert_eq!(header(Line::V4, false, text("x")), r#""x""#);
    assert_eq!(header(Line::V4, false, Value::Null), "null");
    assert_eq!(header(Line::V4, false, list()), r#""[1,\"a\"]""#);
    assert_eq!(header(Line::V4, true, list()), r#"[1,"a"]"#);
}
