use super::*;

fn fields(text: &str) -> Result<Vec<(String, String)>, Malformed> {
    let mut scan = Scanner::new(text.as_bytes());
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    scan.enter()?;
    while let Some(key) = scan.key()? {
        fields.push((text(&key), text(scan.raw()?)));
    }
    scan.end()?;
    Ok(fields)
}

#[test]
fn fields_come_back_as_they_are_written() {
    let walked =
        fields("\t{\"a\" : -1.5e3 ,\n\"b\\u0062\":[1,{\"x\":\"}]\\\"\"}] , \"long enough\":\"a longer string with \\\\\" }\r\n")
            .unwrap();
    let expected = [("a", "-1.5e3"), ("bb", "[1,{\"x\":\"}]\\\"\"}]"), ("long enough", "\"a longer string with \\\\\"")];
    assert_eq!(walked, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(fields("{}").unwrap(), []);
}

#[test]
fn what_is_no_object_is_refused() {
    let broken = [
        "",
        "[]",
        "null",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1}}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "{\"a\":[1}",
        "{\"a\":1}x",
        "{\"\\u12\":1}",
        "{a:1}",
        "{, \"a\": 1}",
        "{,\"a\":1   }",
        "{\"a\":1, \"\"\": 2}",
        "{\"a\":1, \"\\\": 2}",
    ];
    for text in broken {
        assert!(fields(text).is_err(), "{text}");
    }
}

#[test]
fn elements_come_back_as_they_are_written() {
    let elements = |text: &str| -> Result<Vec<String>, Malformed> {
        let mut scan = Scanner::new(text.as_bytes());
        let mut elements = Vec::new();
        scan.enter_array()?;
        while scan.element()? {
            elements.push(String::from_utf8(scan.raw()?.to_vec()).unwrap());
        }
        scan.end()?;
        Ok(elements)
    };
    assert_eq!(elements("[]").unwrap(), [""; 0]);
    assert_eq!(elements(" [ 1.50,{\"a\":[ ]} , [2,3],\"],\" ] ").unwrap(), ["1.50", "{\"a\":[ ]}", "[2,3]", "\"],\""]);
    for broken in ["", "{}", "[", "[,1]", "[1,]", "[1 2]", "[1]]", "[1,,2]", "[1}", "[1"] {
        assert!(elements(broken).is_err(), "{broken}");
    }
}

#[test]
fn numbers_are_what_json_says_they_are() {
    for good in ["0", "-0", "10", "0.0010", "1E5", "1e-7", "-12.5e+3"] {
        assert!(is_number(good.as_bytes()), "{good}");
    }
    for bad in ["", "-", "01", ".5", "5.", "1e", "+1", "NaN", "1 ", "0x1", "1.2.3", "--1"] {
        assert!(!is_number(bad.as_bytes()), "{bad}");
    }
    for (text, integer, decimal) in [
        ("-42,", true, true),
        ("4.0", false, true),
        ("042", false, false),
        ("\"1.50\"", false, true),
        ("\"1.50", false, false),
        ("\"1.5x\"", false, false),
        ("1e5", false, true),
    ] {
        assert_eq!(Scanner::new(text.as_bytes()).integer().is_some(), integer, "{text}");
        let mut scan = Scanner::new(text.as_bytes());
        assert_eq!(scan.decimal().is_some(), decimal, "{text}");
        assert_eq!(scan.at > 0, decimal, "{text}");
    }
    let digits = "0123456789".repeat(3);
    for (length, next) in (0..30).flat_map(|length| (0..=255u8).map(move |next| (length, next))) {
        let mut text = digits.as_bytes()[..length].to_vec();
        text.push(next);
        text.extend_from_slice(b"99999999");
        let expected = if next.is_ascii_digit() { text.len() } else { length };
        assert_eq!(digits_end(&text, 0), expected, "{length} {next}");
    }
}

#[test]
fn keys_of_one_letter_are_found_however_they_are_spaced() {
    for (comma, colon) in [(",", ":"), (", ", ": "), (" ,", " :"), (",\n", ":\t"), (",", ": "), (", ", ":"), (",  ", ":  ")] {
        let text = ["\"a\"", "\"b\"", "\"\"", "\"cd\"", "\"e\""].map(|key| format!("{key}{colon}1")).join(comma);
        let keys: Vec<String> = fields(&format!("{{{text}}}")).unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["a", "b", "", "cd", "e"], "{text}");
    }
}

#[test]
fn a_price_ends_where_the_long_way_says_it_does() {
    for text in ["0", "1", "0.5", "12.50", "01.5", ".5", "5.", "1.2.3", "-1.5", "1e5", "", "123456789012345", "1234567.1234567"] {
        for behind in ["", "\"", "\",\"x\":\"0.00000000\"", "9\"                "] {
            let text = format!("\"{text}{behind}");
            let expected = number_end(text.as_bytes(), 1).filter(|end| text.as_bytes().get(*end) == Some(&b'"'));
            let found = Scanner::new(text.as_bytes()).decimal();
            assert_eq!(found, expected.map(|end| 1..end), "{text}");
        }
    }
}

#[test]
fn appending_copies_exactly_the_range() {
    let text: Vec<u8> = (0..70).collect();
    for start in 0..70 {
        for end in start..70 {
            let mut out = vec![7];
            append(&mut out, &text, start..end);
            assert_eq!(out[1..], text[start..end]);
            let mut pieces = Pieces::new(&mut out);
            pieces.start_of(b"abcdef", 3);
            pieces.part(&text, start..end);
            pieces.long(&text);
            pieces.start_of(b"abcdef", 6);
            pieces.finish();
            let expected = [&[7], &text[start..end], b"abc", &text[start..end], &text, b"abcdef"].concat();
            assert_eq!(out, expected);
        }
    }
}

#[test]
fn a_string_ends_at_its_first_bare_quote_wherever_that_lies() {
    for length in 0..40 {
        let inner = "x\u{e9}\u{a2}".repeat(length);
        let text = format!("\"{inner}\" \"\"");
        assert_eq!(Scanner::new(text.as_bytes()).string().unwrap(), inner.as_bytes());
        let escaped = format!("\"{inner}\\\"\\n{inner}\"");
        assert_eq!(Scanner::new(escaped.as_bytes()).string().unwrap(), format!("{inner}\"\n{inner}").as_bytes());
    }
}

#[test]
fn an_object_or_array_ends_at_its_last_bracket_wherever_that_lies() {
    let insides =
        ["", "1", "{}", "[[],{}]", "\"}\"", "\"{[\"", "\"\\\"}\"", "\"\\\\\",[]", "\"long enough for a block }\",{\"a\":[1]}"];
    for length in 0..40 {
        for (first, second) in insides.iter().flat_map(|first| insides.iter().map(move |second| (first, second))) {
            for (open, close) in [('{', '}'), ('[', ']')] {
                let text = format!("{}{open}{first}{}{second}{close}", "x".repeat(length), " ".repeat(length));
                for behind in ["", "}", "\"", ",\"next\":{\"and\":\"more than a block\"}}"] {
                    let text = format!("{text}{behind}");
                    assert_eq!(nested_end(text.as_bytes(), length), Ok(text.len() - behind.len()), "{text}");
                }
                assert!(nested_end(&text.as_bytes()[..text.len() - 1], length).is_err(), "{text}");
            }
        }
    }
}

#[test]
fn strings_come_out_of_their_quotes_and_go_back() {
    for text in ["", "plain", "a \"quoted\" \\ one", "é\u{2028}\n\u{1}"] {
        let mut quoted = Vec::new();
        write_string(&mut quoted, text.as_bytes());
        assert_eq!(serde_json::from_slice::<String>(&quoted).unwrap(), text);
        assert_eq!(unquote(&quoted).unwrap(), text.as_bytes());
    }
    assert_eq!(unquote(b"12"), None);
    assert_eq!(unquote(br#""\u12""#), None);
    let mut quoted = Vec::new();
    write_string(&mut quoted, b"a\xffb");
    assert_eq!(quoted, "\"a\u{fffd}b\"".as_bytes());
}

#[test]
fn two_texts_are_the_same_when_every_byte_is() {
    for length in 0..40 {
        let text: Vec<u8> = (0..length).collect();
        assert!(same(&text, &text.clone()), "{length}");
        assert!(!same(&text, &[&text[..], b"x"].concat()), "{length}");
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] ^= 0x80;
            assert!(!same(&text, &other), "{length} {at}");
        }
    }
}
