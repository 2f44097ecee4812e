use super::*;

fn why(text: &str) -> String {
    match parse(text) {
        Ok(_) => panic!("`{text}` is taken"),
        Err(mistake) => mistake.describe("keep", text),
    }
}

#[test]
fn what_makes_sense_is_taken() {
    for text in [
        "true",
        "!tombstone",
        "data.k.x",
        "a==1",
        " a == 1.50 && ( b != 'x' || !c ) ",
        "a in [1, -2.5e-3] && b in ['x'] && key in [\"k\"]",
        r#"`my field`.`in` == "say \"no\"\\""#,
        "exists(a.b) && exists(header('h')) && exists(key)",
        "number(a) < b && text(c) >= d",
        "number(header('h')) == 5 && number(key) != 6",
        "starts_with(a, 'x') == ends_with(text(b), \"\")",
        "contains(header('h'), 'x') && matches(topic, 'a*')",
        "partition == 0 && offset < 10 && timestamp > 1e3 || topic < 'm'",
        "true_story && inner && keys && nullable",
        "größe > 1",
        "a\n==\t1",
    ] {
        assert!(parse(text).is_ok(), "{}", why(text));
    }
}

#[test]
fn what_makes_no_sense_is_shown_with_what_would() {
    let a_value = "expected a field, a value such as `\"BTC\"`, `1.5` or `true`, a function, `!` or `(`";
    for (text, expected) in [
        ("", format!("`keep` is wrong at its end: {a_value}")),
        ("a == ", format!("`keep` is wrong at its end: {a_value}")),
        ("a && )", format!("`keep` is wrong at character 6, `)`: {a_value}")),
        ("(a", "`keep` is wrong at its end: expected `)`".into()),
        ("é == 1 b", "`keep` is wrong at character 8, `b`: expected `&&`, `||` or the end".into()),
        (
            "a 'x'",
            "`keep` is wrong at character 3, `'x'`: expected a comparison such as `==`, or `in`, `&&`, `||` or the end".into(),
        ),
        ("a = 1", "`keep` is wrong at character 3, `= 1`: write `==`".into()),
        ("a and b", "`keep` is wrong at character 3, `and b`: write `&&`".into()),
        ("a | b", "`keep` is wrong at character 3, `| b`: write `||`".into()),
        ("a not in [1]", "`keep` is wrong at character 3, `not in [1]`: write `!(… in […])`".into()),
        (
            "a == 01",
            "`keep` is wrong at character 6, `01`: `01` is no number: write it as JSON does, such as `0.5`, `-1` or `1e6`".into(),
        ),
        ("a == 'x", "`keep` is wrong at character 6, `'x`: the `'` that ends the text is missing".into()),
        (r"a == '\n'", r"`keep` is wrong at character 6, `'\n'`: after `\` comes a quote or another `\`".into()),
        ("a == null", "`keep` is wrong at character 6, `null`: null is compared with nothing: write `!exists(…)`".into()),
        (
            "a.",
            "`keep` is wrong at its end: expected a name; one with other than letters, digits and `_` stands in backticks".into(),
        ),
        ("`a", "`keep` is wrong at character 1, ``a`: the backtick that ends the name is missing".into()),
        (
            "key.id == 1",
            "`keep` is wrong at character 1, `key.id == 1`: `key` is the record's own; a field of that name is written `` `key` ``"
                .into(),
        ),
        (
            "lower(a) == 'b'",
            format!("`keep` is wrong at character 1, `lower(a) == 'b'`: there is no function `lower`: there are {FUNCTIONS}"),
        ),
        ("matches(a, b)", "`keep` is wrong at character 12, `b)`: expected text in quotes".into()),
        ("a in []", "`keep` is wrong at character 7, `]`: a list holds texts such as `\"BTC\"`, or numbers".into()),
        ("a in [true]", "`keep` is wrong at character 7, `true]`: a list holds texts such as `\"BTC\"`, or numbers".into()),
        ("a in 1", "`keep` is wrong at character 6, `1`: expected `[`".into()),
        ("a == 1 == 2 && a == 1", "`keep` is wrong at character 8, `== 2 && a == 1`: expected `&&`, `||` or the end".into()),
    ] {
        assert_eq!(why(text), expected);
    }
    assert_eq!(
        why(&format!("a == 1 ; {}", "x".repeat(99))),
        "`keep` is wrong at character 8, `; xxxxxxxxxxxxxxxxxxxxxx…`: expected `&&`, `||` or the end"
    );
}

#[test]
fn types_that_do_not_fit_are_told_before_the_first_record() {
    for (text, expected) in [
        ("a == b", "at character 3, `== b`: say how two fields are compared: `number(a)` and `b`, or `text(a)` and `b`"),
        (
            "header('h') > 5",
            "at character 1, `header('h') > 5`: `header('h')` is text, and a number is expected: write `number(header('h'))`",
        ),
        ("offset == '5'", "at character 11, `'5'`: `'5'` is text, and a number is expected, so leave the quotes out"),
        ("a in ['x', 1]", "at character 12, `1]`: `1` is a number, and text is expected"),
        ("offset in ['x']", "at character 1, `offset in ['x']`: `offset` is a number, and text is expected"),
        ("key && a", "at character 1, `key && a`: `key` is text, and what is true or false is expected: compare it with something"),
        ("a || 5", "at character 6, `5`: `5` is a number, and what is true or false is expected: compare it with something"),
        (
            "tombstone == 'x'",
            "at character 14, `'x'`: `'x'` is text, and what is true or false is expected: compare it with something",
        ),
        ("tombstone < true", "at character 11, `< true`: what is true or false is compared by `==` and `!=`"),
        ("starts_with(offset, 'x')", "at character 13, `offset, 'x')`: `offset` is a number, and text is expected"),
        (
            "exists(tombstone)",
            "at character 8, `tombstone)`: `exists` is for a field, `header(\"…\")` and `key`, not for `tombstone`",
        ),
        ("number('5') == 5", "at character 8, `'5') == 5`: `number` is for a field, `header(\"…\")` and `key`, not for `'5'`"),
        (
            "offset",
            "at character 1, `offset`: `offset` is a number, and what is true or false is expected: compare it with something",
        ),
    ] {
        assert_eq!(why(text), format!("`keep` is wrong {expected}"));
    }
}

#[test]
fn depth_is_bounded_and_length_is_not() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(DEPTH)).is_ok());
    assert!(why(&nested(DEPTH + 1)).ends_with("parentheses and `!` may stand 64 deep"));
    assert!(why(&"!".repeat(100_000)).ends_with("64 deep"));
    assert!(why(&"number(".repeat(100_000)).ends_with("64 deep"));
    assert!(parse(&vec!["a == 1"; 100_000].join(" || ")).is_ok());
}

#[test]
fn no_text_makes_the_parser_panic() {
    const PIECES: [&str; 36] = [
        "a",
        "é.b",
        "`x y`",
        "`",
        "data.",
        "key",
        "in",
        "[",
        "]",
        "(",
        ")",
        "!",
        "&&",
        "||",
        "==",
        "=",
        "<",
        ">=",
        "'t'",
        "\"",
        "\\",
        "-",
        "1.5",
        "1e",
        "1e+",
        ".",
        ",",
        "exists(",
        "number(",
        "matches(",
        "header('h')",
        "true",
        "null",
        "tombstone",
        " ",
        "日",
    ];
    let mut state = 7_u64;
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut text = String::new();
        loop {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = (state >> 33) as usize;
            if random.is_multiple_of(8) {
                break;
            }
            text.push_str(PIECES[random / 8 % PIECES.len()]);
        }
        match parse(&text) {
            Ok(_) => taken += 1,
            Err(mistake) => {
                refused += 1;
                assert!(mistake.describe("keep", &text).starts_with("`keep` is wrong at "), "{text}");
            }
        }
    }
    assert!(taken > 100 && refused > 100, "{taken} {refused}");
}
