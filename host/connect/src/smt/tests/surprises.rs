//! What people do not expect of these transforms, and what we do otherwise.

use std::sync::Arc;

use snowgate_record::TimestampType;

use super::vectors::config;
use crate::data::{ConnectRecord, DATE, DataError, Field, Schema, SchemaAndValue, TIMESTAMP, Type, Value};
use crate::smt::Transform;

fn record(value: SchemaAndValue) -> ConnectRecord {
    ConnectRecord {
        topic: "orders".into(),
        partition: 0,
        offset: 7,
        timestamp: Some(1_638_747_660_123),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::NULL,
        value,
        headers: Vec::new(),
    }
}

fn map(entries: &[(&str, Value)]) -> SchemaAndValue {
    let entries = entries.iter().map(|(name, value)| (Value::String((*name).to_owned()), value.clone())).collect();
    SchemaAndValue { schema: None, value: Value::Map(entries) }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn one_field(schema: Schema, value: Value) -> SchemaAndValue {
    let mut of = Schema::of(Type::Struct);
    of.fields.push(Field { name: "f".to_owned(), schema: Arc::new(schema) });
    let schema = Arc::new(of);
    SchemaAndValue { schema: Some(schema.clone()), value: Value::Struct(schema, vec![value]) }
}

fn transform(class: &str, options: &[(&str, &str)]) -> Transform {
    Transform::configure(&format!("org.apache.kafka.connect.transforms.{class}"), &config(options)).expect(class)
}

fn apply(class: &str, options: &[(&str, &str)], value: SchemaAndValue) -> Result<ConnectRecord, DataError> {
    transform(class, options).apply(record(value)).map(|record| record.expect("a record"))
}

fn value(class: &str, options: &[(&str, &str)], data: SchemaAndValue) -> SchemaAndValue {
    apply(class, options, data).expect(class).value
}

/// What the one field `f` of a struct becomes.
fn cast(schema: Schema, from: Value, to: &str) -> Value {
    match value("Cast$Value", &[("spec", &format!("f:{to}"))], one_field(schema, from)).value {
        Value::Struct(_, mut values) => values.remove(0),
        other => panic!("{other:?} is no struct"),
    }
}

#[test]
fn a_missing_field_is_added_as_null_without_a_schema_and_not_with_one() {
    let data = map(&[("a", Value::Int64(1))]);
    let with_null = map(&[("a", Value::Int64(1)), ("x", Value::Null)]);
    assert_eq!(value("Cast$Value", &[("spec", "x:int32")], data.clone()), with_null);
    assert_eq!(value("TimestampConverter$Value", &[("field", "x"), ("target.type", "unix")], data.clone()), with_null);
    assert_eq!(value("MaskField$Value", &[("fields", "x")], data.clone()), with_null);
    assert_eq!(apply("ValueToKey", &[("fields", "x")], data.clone()).expect("a record").key, map(&[("x", Value::Null)]));
    assert_eq!(value("ExtractField$Value", &[("field", "x")], data), SchemaAndValue::NULL);

    let data = one_field(Schema::of(Type::Int64), Value::Int64(1));
    assert_eq!(value("Cast$Value", &[("spec", "x:int32")], data.clone()), data);
    assert_eq!(value("TimestampConverter$Value", &[("field", "x"), ("target.type", "unix")], data.clone()), data);
    assert_eq!(apply("ValueToKey", &[("fields", "x")], data.clone()).expect_err("no field").message, "Field does not exist: x");
    assert_eq!(apply("ExtractField$Value", &[("field", "x")], data).expect_err("no field").message, "Unknown field: x");
}

#[test]
fn a_cast_narrows_as_java_does() {
    let int64 = |number| cast(Schema::of(Type::Int64), Value::Int64(number), "int8");
    let double = |number, to| cast(Schema::of(Type::Float64), Value::Float64(number), to);
    assert_eq!(int64(300), Value::Int8(44));
    assert_eq!(double(1e20, "int8"), Value::Int8(-1));
    assert_eq!(double(1e20, "int32"), Value::Int32(i32::MAX));
    assert_eq!(double(f64::NAN, "int64"), Value::Int64(0));
    assert_eq!(double(0.1, "boolean"), Value::Boolean(false));
    assert_eq!(double(1e7, "string"), text("1.0E7"));
    assert_eq!(double(1e-7, "string"), text("1.0E-7"));
}

#[test]
fn a_cast_reads_text_as_java_does_and_types_in_any_case() {
    let read = |from: &str, to: &str| {
        apply("Cast$Value", &[("spec", to)], SchemaAndValue { schema: None, value: text(from) }).map(|record| record.value.value)
    };
    assert_eq!(read("+7", "INT32"), Ok(Value::Int32(7)));
    assert_eq!(read("yes", "boolean"), Ok(Value::Boolean(false)));
    assert_eq!(read("TRUE", "boolean"), Ok(Value::Boolean(true)));
    assert_eq!(read("1.5", "int32").expect_err("no int").message, "Value (1.5) was out of range for requested data type");
}

#[test]
fn bytes_become_base64_and_dates_without_a_schema_are_refused() {
    let options = [("spec", "string")];
    let of = |value| SchemaAndValue { schema: None, value };
    assert_eq!(value("Cast$Value", &options, of(Value::Bytes(vec![1, 2, 255]))).value, text("AQL/"));
    assert!(apply("Cast$Value", &options, of(Value::Date(0))).is_err());
}

#[test]
fn a_tombstone_passes_or_fails_by_the_transform() {
    for (class, options) in [
        ("Cast$Value", &[("spec", "a:int32")][..]),
        ("Flatten$Value", &[]),
        ("InsertField$Value", &[("topic.field", "t")]),
        ("ReplaceField$Value", &[("exclude", "a")]),
        ("TimestampConverter$Value", &[("field", "a"), ("target.type", "unix")]),
        ("SetSchemaMetadata$Value", &[("schema.name", "n")]),
        ("ExtractField$Value", &[("field", "a")]),
    ] {
        assert_eq!(value(class, options, SchemaAndValue::NULL), SchemaAndValue::NULL, "{class}");
    }
    for (class, options) in [
        ("MaskField$Value", &[("fields", "a")][..]),
        ("ValueToKey", &[("fields", "a")]),
        ("HeaderFrom$Value", &[("fields", "a"), ("headers", "h"), ("operation", "copy")]),
    ] {
        assert!(apply(class, options, SchemaAndValue::NULL).is_err(), "{class}");
    }
    assert_eq!(value("HoistField$Value", &[("field", "v")], SchemaAndValue::NULL), map(&[("v", Value::Null)]));
}

#[test]
fn old_names_of_the_options_of_replace_field_are_ignored() {
    let data = map(&[("a", Value::Int64(1)), ("b", Value::Int64(2))]);
    assert_eq!(value("ReplaceField$Value", &[("blacklist", "a"), ("whitelist", "b")], data.clone()), data);
}

#[test]
fn of_two_fields_with_one_new_name_the_later_stays() {
    let data = map(&[("a", Value::Int64(1)), ("b", Value::Int64(2))]);
    assert_eq!(value("ReplaceField$Value", &[("renames", "a:b")], data.clone()), map(&[("b", Value::Int64(2))]));
    assert_eq!(value("ReplaceField$Value", &[("renames", "b:a")], data), map(&[("a", Value::Int64(2))]));
}

#[test]
fn flatten_drops_empty_maps_and_keeps_lists_whole() {
    let inner = map(&[("x", Value::Int64(1))]).value;
    let data = map(&[
        ("none", Value::Map(Vec::new())),
        ("list", Value::List(vec![inner.clone()])),
        ("a", inner),
        ("a.x", Value::Int64(2)),
    ]);
    let flat = map(&[("list", Value::List(vec![map(&[("x", Value::Int64(1))]).value])), ("a.x", Value::Int64(2))]);
    assert_eq!(value("Flatten$Value", &[], data), flat);
}

#[test]
fn a_mask_keeps_null_and_replaces_numbers_and_text_only() {
    let mask = |replacement: &str, from: Value| {
        apply("MaskField$Value", &[("fields", "f"), ("replacement", replacement)], map(&[("f", from)])).map(|record| record.value)
    };
    assert_eq!(mask("1.5", Value::Int32(7)), Ok(map(&[("f", Value::Int32(1))])));
    assert_eq!(mask("300", Value::Int8(7)), Ok(map(&[("f", Value::Int8(44))])));
    assert_eq!(mask("x", Value::Null), Ok(map(&[("f", Value::Null)])));
    assert!(mask("1", Value::Boolean(true)).is_err());
    assert!(mask("x", Value::Int32(7)).is_err());
    let bare = |from: Value| value("MaskField$Value", &[("fields", "f")], map(&[("f", from)]));
    assert_eq!(bare(Value::List(vec![Value::Null])), map(&[("f", Value::List(Vec::new()))]));
    assert_eq!(bare(Value::Map(vec![(text("a"), Value::Null)])), map(&[("f", Value::Map(Vec::new()))]));
}

#[test]
fn a_point_in_time_is_read_leniently_but_not_from_small_numbers() {
    let unix = |options: &[(&str, &str)], from: Value| {
        let options = [options, &[("target.type", "unix")]].concat();
        apply("TimestampConverter$Value", &options, SchemaAndValue { schema: None, value: from }).map(|record| record.value.value)
    };
    let day = [("format", "yyyy-MM-dd")];
    assert_eq!(unix(&day, text("2021-13-45")), Ok(Value::Int64(1_644_796_800_000)));
    assert_eq!(unix(&day, text(" 2021-12-05 and more")), Ok(Value::Int64(1_638_662_400_000)));
    assert!(unix(&day, Value::Int32(5)).is_err());
    assert!(unix(&day, Value::Float64(5.0)).is_err());
    assert_eq!(unix(&[], text("2021-12-05")).expect_err("no format").exception, "java.lang.NullPointerException");
    let timestamp = |precision: &str, number| {
        let options = [("target.type", "Timestamp"), ("unix.precision", precision)];
        value("TimestampConverter$Value", &options, SchemaAndValue { schema: None, value: Value::Int64(number) }).value
    };
    assert_eq!(timestamp("seconds", i64::MAX), Value::Date(i64::MAX));
    assert_eq!(timestamp("microseconds", -1), Value::Date(0));
}

#[test]
fn insert_field_overwrites_without_a_schema_and_refuses_with_one() {
    let options = [("topic.field", "f")];
    assert_eq!(value("InsertField$Value", &options, map(&[("f", Value::Int64(1))])), map(&[("f", text("orders"))]));
    let error =
        apply("InsertField$Value", &options, one_field(Schema::of(Type::Int64), Value::Int64(1))).expect_err("a second field");
    assert_eq!(error.message, "Cannot create field because of field name duplication f");
    let class = "org.apache.kafka.connect.transforms.InsertField$Value";
    assert_eq!(Transform::configure(class, &config(&[])).expect_err("nothing to insert").0, "No field insertion configured");
}

#[test]
fn a_router_looks_at_the_whole_topic_with_all_of_javas_syntax() {
    let topic = |regex: &str, replacement: &str| {
        apply("RegexRouter", &[("regex", regex), ("replacement", replacement)], SchemaAndValue::NULL)
            .expect(regex)
            .topic
            .to_string()
    };
    assert_eq!(topic("order", "x"), "orders");
    assert_eq!(topic("(?=ord)(.)(.)der\\w", "$2$1"), "ro");
    assert_eq!(topic("(?<all>o[a-z]*+)", "${all}_1"), "orders_1");
    assert_eq!(topic("(.).*", "$12"), "o2");
}

/// A router asked again must not answer for another topic.
#[test]
fn a_router_remembers_one_topic_at_a_time() {
    let router = transform("RegexRouter", &[("regex", "a(.*)"), ("replacement", "$1")]);
    let topic = |from: &str| {
        let record = ConnectRecord { topic: from.into(), ..record(SchemaAndValue::NULL) };
        router.apply(record).expect(from).expect("a record").topic.to_string()
    };
    assert_eq!(["ab", "ab", "ac", "x", "ab"].map(topic), ["b", "b", "c", "x", "b"]);
}

/// The original writes any date before 2 January 1970 as a time alone, and so loses the day.
#[test]
fn a_date_before_1970_keeps_its_day_when_it_is_cast_to_text() {
    let date = |ms| cast(Schema::logical(Type::Int32, DATE), Value::Date(ms), "string");
    let timestamp = |ms| cast(Schema::logical(Type::Int64, TIMESTAMP), Value::Date(ms), "string");
    assert_eq!(date(-86_400_000), text("1969-12-31"));
    assert_eq!(timestamp(-1), text("1969-12-31T23:59:59.999Z"));
    assert_eq!(timestamp(3_661_001), text("1970-01-01T01:01:01.001Z"));
}

#[test]
fn records_with_one_schema_share_what_follows_from_it() {
    let flatten = transform("Flatten$Value", &[]);
    let data = one_field(Schema::of(Type::Int64), Value::Int64(1));
    let schema = |data: &SchemaAndValue| {
        flatten.apply(record(data.clone())).expect("flat").expect("a record").value.schema.expect("a schema")
    };
    assert!(Arc::ptr_eq(&schema(&data), &schema(&data)));
}

#[test]
fn a_field_named_twice_is_one_field_of_the_key() {
    let of = Schema::of(Type::Int64);
    let key = apply("ValueToKey", &[("fields", "f,f")], one_field(of.clone(), Value::Int64(1))).expect("a record").key;
    assert_eq!(key, one_field(of, Value::Int64(1)));
}

#[test]
fn a_mask_of_a_float_is_a_decimal() {
    let mask = |replacement: &str| {
        apply("MaskField$Value", &[("fields", "f"), ("replacement", replacement)], map(&[("f", Value::Float64(1.5))]))
    };
    assert_eq!(mask("1e3").expect("a number").value, map(&[("f", Value::Float64(1000.0))]));
    for text in ["NaN", "Infinity", "1d", "x"] {
        assert!(mask(text).is_err(), "{text}");
    }
}

#[test]
fn an_empty_name_joins_to_nothing_and_so_may_meet_another_field() {
    let inner = map(&[("b", Value::Int64(1))]).value;
    assert_eq!(value("Flatten$Value", &[], map(&[("", inner.clone())])), map(&[("b", Value::Int64(1))]));
    assert_eq!(value("Flatten$Value", &[], map(&[("", inner), ("b", Value::Int64(2))])), map(&[("b", Value::Int64(2))]));
}

#[test]
fn a_struct_that_is_null_flattens_to_nulls_without_their_defaults() {
    let mut inner = Schema::of(Type::Struct).with_optional(true);
    let with_default = Schema { default: Some(Value::Int32(9)), ..Schema::of(Type::Int32) };
    inner.fields.push(Field { name: "x".to_owned(), schema: Arc::new(with_default.clone()) });
    let flat = value("Flatten$Value", &[], one_field(inner, Value::Null));
    let mut expected = Schema::of(Type::Struct);
    expected.fields.push(Field { name: "f.x".to_owned(), schema: Arc::new(with_default.with_optional(true)) });
    let expected = Arc::new(expected);
    assert_eq!(flat, SchemaAndValue { schema: Some(expected.clone()), value: Value::Struct(expected, vec![Value::Null]) });
}

#[test]
fn a_new_name_for_a_field_that_is_not_there_fails_where_another_has_it() {
    let error =
        apply("ReplaceField$Value", &[("renames", "q:f")], one_field(Schema::of(Type::Int64), Value::Int64(1))).expect_err("no q");
    assert_eq!(error.message, "q is not a valid field name");
}

#[test]
fn a_bad_reference_in_a_replacement_fails_only_topics_that_match() {
    let route = |regex: &str, replacement: &str| {
        apply("RegexRouter", &[("regex", regex), ("replacement", replacement)], SchemaAndValue::NULL)
    };
    for (replacement, why) in [
        ("$5", "No group 5"),
        ("$x", "Illegal group reference"),
        ("a$", "Illegal group reference: group index is missing"),
        ("${}", "named capturing group has 0 length name"),
        ("${a_b}", "named capturing group is missing trailing '}'"),
        ("${1a}", "capturing group name {1a} starts with digit character"),
        ("${nope}", "No group with name {nope}"),
        ("x\\", "character to be escaped is missing"),
    ] {
        assert_eq!(route(".*", replacement).expect_err(replacement).message, why);
        assert_eq!(&*route("none", replacement).expect(replacement).topic, "orders");
    }
}
