use super::*;
use crate::data::SchemaAndValue;

const LENIENT: Reading = Reading { leading_zeros: true, exact: false };

fn value(text: &str) -> Value {
    read(text.as_bytes(), LENIENT).unwrap().unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    let Value::Map(members) = value else { panic!("{value:?}") };
    members.iter().map(|(key, _)| if let Value::String(key) = key { key.as_str() } else { "" }).collect()
}

#[test]
fn a_number_that_a_double_would_change_keeps_its_digits() {
    for (text, is_decimal) in [
        ("0.1", false),
        ("0.10", false),
        ("123456789.12345", false),
        ("0.1234567890123456789", true),
        ("9007199254740993.0", true),
        ("9007199254740992.0", false),
        ("1e400", true),
        ("1e-400", true),
        ("5e-324", false),
        ("0e6000", false),
    ] {
        let found = value(text);
        assert_eq!(matches!(found, Value::Decimal(_)), is_decimal, "{text}: {found:?}");
        assert!(is_decimal || matches!(found, Value::Float64(_)), "{text}: {found:?}");
    }
    assert_eq!(value("12345678901234567890"), Value::BigInt("12345678901234567890".parse().unwrap()));
}

#[test]
fn a_number_of_no_end_is_refused() {
    assert!(read(b"1e6145", LENIENT).is_err());
    assert!(read(b"1e99999999999999999999", LENIENT).is_err());
    assert!(read("1".repeat(1001).as_bytes(), LENIENT).is_err());
    assert!(read("1".repeat(1000).as_bytes(), LENIENT).is_ok());
}

#[test]
fn every_number_that_is_read_is_read_again_from_what_the_row_writer_makes_of_it() {
    let digits = |digits: &str, count: usize| digits.repeat(count);
    let texts = [
        "1e6144".to_owned(),
        "-1E-6144".to_owned(),
        "12e6143".to_owned(),
        "0.1e6145".to_owned(),
        "0.001e-6141".to_owned(),
        "0.0e-6143".to_owned(),
        format!("{}e9", digits("9", 1000)),
        format!("-{}e-1000", digits("9", 1000)),
        format!("9.{}e-6", digits("9", 999)),
        format!("-0.000001{}", digits("9", 999)),
        format!("0.{}1", digits("0", 1000)),
        format!("-{}", digits("9", 1000)),
    ];
    let written = |value: &Value| {
        let mut row = Vec::new();
        crate::rows::write(crate::settings::Line::V4, &SchemaAndValue { schema: None, value: value.clone() }, &mut row).unwrap();
        row
    };
    for text in &texts {
        for exact in [false, true] {
            let reading = Reading { exact, ..LENIENT };
            let number = read(text.as_bytes(), reading).unwrap().unwrap();
            let row = written(&number);
            let shown = String::from_utf8_lossy(&row);
            let again = read(&row, reading).unwrap_or_else(|fault| panic!("{text} as {shown}: {fault}")).unwrap();
            assert_eq!(written(&again), row, "{text}");
            let (one, other) = (NormalForm::of(text).unwrap(), NormalForm::of(&shown).unwrap());
            assert_eq!(one, other, "{text} as {shown}");
        }
    }
    for text in ["10e6144", "0.1e-6144", "0.0e-6144"] {
        assert_eq!(read(text.as_bytes(), LENIENT).unwrap_err().what, "a number's exponent is beyond 6144", "{text}");
    }
    for text in [digits("9", 1001), format!("9.{}", digits("9", 1000)), format!("0.{}1", digits("0", 1006))] {
        assert_eq!(read(text.as_bytes(), LENIENT).unwrap_err().what, "a number has more than 1000 digits", "{text}");
    }
}

#[test]
fn of_a_key_twice_the_last_value_counts_in_the_place_of_the_first() {
    let found = value(r#"{"a":1,"b":2,"a":3}"#);
    assert_eq!(keys(&found), ["a", "b"]);
    assert_eq!(found, value(r#"{"a":3,"b":2}"#));
}

#[test]
fn of_a_key_twice_in_a_large_object_the_last_value_counts() {
    let members: Vec<String> = (0..100).map(|index| format!(r#""k{}":{index}"#, index % 60)).collect();
    let Value::Map(found) = value(&format!("{{{}}}", members.join(","))) else { panic!() };
    assert_eq!(found.len(), 60);
    assert_eq!(found[0], (Value::String("k0".to_owned()), Value::Int64(60)));
    assert_eq!(found[59], (Value::String("k59".to_owned()), Value::Int64(59)));
}

#[test]
fn half_a_surrogate_pair_is_refused_and_a_whole_one_is_a_letter() {
    assert_eq!(value(r#""\ud83d\ude00""#), Value::String("😀".to_owned()));
    for text in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ud83d\u0041""#, r#""\ude00""#] {
        assert!(read(text.as_bytes(), LENIENT).is_err(), "{text}");
    }
}

#[test]
fn every_unicode_encoding_is_told_by_its_first_bytes() {
    let text = r#"{"é":"😀"}"#;
    let expected = value(text);
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let big: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let little: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let codes: Vec<u8> = text.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect();
    for bytes in [&big, &little, &codes, &[&[0xfe, 0xff], &big[..]].concat(), &[&[0xff, 0xfe], &little[..]].concat()] {
        assert_eq!(read(bytes, LENIENT).unwrap().unwrap(), expected);
    }
}

#[test]
fn a_fault_shows_nothing_of_the_document() {
    let fault = read(b"{\"secret\":\"word\" oops", LENIENT).unwrap_err();
    assert_eq!(fault.to_string(), "a comma or an end is missing at byte 17");
}

#[test]
fn cut_anywhere_an_object_is_refused() {
    let text = r#" {"a":[1,-2.5e3,"x\u00e9\n",true,false,null],"b":{}}"#;
    for end in 2..text.len() {
        if text.is_char_boundary(end) {
            assert!(read(&text.as_bytes()[..end], LENIENT).is_err(), "{}", &text[..end]);
        }
    }
}

#[test]
fn an_integer_fits_where_its_digits_do() {
    assert_eq!(NormalForm::of("1e3").unwrap().to_i64(), Some(1000));
    assert_eq!(NormalForm::of("-1.0").unwrap().to_i64(), Some(-1));
    assert_eq!(NormalForm::of("1.5").unwrap().to_i64(), None);
    assert_eq!(NormalForm::of("9223372036854775808").unwrap().to_i64(), None);
    assert_eq!(NormalForm::of("-9223372036854775808").unwrap().to_i64(), Some(i64::MIN));
    assert_eq!(NormalForm::of("0.00").unwrap().to_i64(), Some(0));
    for text in ["", "-", ".", "1e", "1_0", "1e1_0", "0x1", "1.2.3", "--1"] {
        assert!(NormalForm::of(text).is_none(), "{text}");
    }
}
