use super::*;

#[test]
fn a_cast_keeps_digits_and_rounds_nothing() {
    use Type::{Boolean, Decimal, Integer, String};
    let shown = |value: &str, to| match cast(value.as_bytes(), to) {
        Ok(cast) => std::string::String::from_utf8(cast.into_owned()).unwrap(),
        Err(mismatch) => mismatch.to_string(),
    };
    for (to, value, expected) in [
        (String, "1.50", r#""1.50""#),
        (String, "true", r#""true""#),
        (String, r#""x""#, r#""x""#),
        (String, "null", "null"),
        (String, r#"["a"]"#, r#""[\"a\"]""#),
        (Integer, "42", "42"),
        (Integer, "null", "null"),
        (Integer, r#"" 42 ""#, "42"),
        (Integer, r#""\u0034\u0032""#, "42"),
        (Integer, "-42.000", "-42"),
        (Integer, "123456789012345678901234567890", "123456789012345678901234567890"),
        (Integer, "true", "1"),
        (Integer, "42.5", "is not a whole number"),
        (Integer, "1e3", "is not a whole number"),
        (Integer, r#""007""#, "is not a whole number"),
        (Integer, r#""""#, "is not a whole number"),
        (Decimal, r#""0.00100000""#, "0.00100000"),
        (Decimal, r#""1e-7""#, "1e-7"),
        (Decimal, "false", "0"),
        (Decimal, r#""1,5""#, "is not a number"),
        (Decimal, r#""NaN""#, "is not a number"),
        (Decimal, "[1]", "is an array, and should be a single value"),
        (Boolean, r#""TRUE""#, "true"),
        (Boolean, "0", "false"),
        (Boolean, "true", "true"),
        (Boolean, r#""yes""#, "is neither true nor false"),
        (Boolean, "2", "is neither true nor false"),
    ] {
        assert_eq!(shown(value, to), expected, "{value} to {to:?}");
    }
}

#[test]
fn a_masked_value_shows_its_last_characters_at_most() {
    for (value, masked) in [
        (r#""4111111111111111""#, r#""************1111""#),
        ("41111", r#""*1111""#),
        (r#""Zo\u00eb É""#, r#""*oë É""#),
        (r#""1234""#, r#""****""#),
        (r#""12""#, r#""**""#),
        ("null", "null"),
    ] {
        assert_eq!(mask(value.as_bytes(), 4), Ok(masked.as_bytes().to_vec()));
    }
    assert_eq!(mask(br#"{"a":1}"#, 1), Err(Mismatch("is an object, and should be a single value")));
    assert_eq!(mask(br#""\x""#, 1), Err(Mismatch("has an escape that means nothing")));
}
