use super::JavaRegex;

fn matches(pattern: &str, text: &str) -> bool {
    JavaRegex::new(pattern).expect(pattern).matches(text).expect("an answer")
}

#[test]
fn classes_are_ascii_as_in_java() {
    assert!(matches(r"\w+", "orders_1"));
    assert!(!matches(r"\w+", "курс"));
    assert!(!matches(r"\d", "٣"));
    assert!(matches(r"[\w.]+", "a.b"));
    assert!(matches(r"[^\W_]+", "ab"));
    assert!(!matches(r"[^\W_]+", "a_b"));
    assert!(matches(r"\p{Lower}\p{Upper}[\p{Digit}-]\P{Alpha}", "aB-7"));
    assert!(matches(r"\p{L}+", "курс"));
}

#[test]
fn what_is_quoted_or_escaped_stands_for_itself() {
    assert!(matches(r"\Qa.b*\E.", "a.b*c"));
    assert!(!matches(r"\Qa.b\E", "axb"));
    assert!(matches(r"a\_b\-c\ d\<", "a_b-c d<"));
    assert!(matches(r"\u0041\x42", "AB"));
}

#[test]
fn flags_are_those_of_java() {
    assert!(matches("(?iu)ORDERS", "orders"));
    assert!(matches("(?U)a+", "aaa"));
    assert!(matches("(?i:A)b", "ab"));
    assert!(!matches("(?i:A)b", "aB"));
}

#[test]
fn a_match_must_be_the_whole_text() {
    assert!(matches("a|ab", "ab"));
    assert!(!matches("a", "ab"));
    assert!(matches("^ab$", "ab"));
}

#[test]
fn a_replacement_takes_the_place_of_the_first_match_which_may_be_shorter_than_the_text() {
    let regex = JavaRegex::new("a|ab").expect("a pattern");
    assert_eq!(regex.replace_first("ab", &regex.replacement("x")).as_deref(), Ok("xb"));
}

#[test]
fn a_pattern_that_java_refuses_is_refused_in_its_words() {
    for (pattern, why) in [
        ("[", "Unclosed character class near index 0\n[\n^"),
        ("ab[c", "Unclosed character class near index 3\nab[c\n   ^"),
        ("(a", "Unclosed group near index 2\n(a"),
        ("*a", "Dangling meta character '*' near index 0\n*a\n^"),
        ("a**", "Dangling meta character '*' near index 2\na**\n  ^"),
        ("a)", "Unmatched closing ')' near index 0\na)\n^"),
        (")", "Unmatched closing ')'\n)"),
        ("a\\", "Unexpected internal error near index 2\na\\"),
    ] {
        assert_eq!(JavaRegex::new(pattern).expect_err(pattern), why);
    }
}

#[test]
fn a_pattern_that_is_fine_is_not_called_faulty() {
    for pattern in [
        "a*+b",
        "(?:a|b)*?",
        "a{2,3}+",
        r"(?<name>x)\k<name>",
        "[]a]",
        "[a[b]]+",
        "x(?!y)",
        "",
        "(a)|(b)",
        r"\Q(\E",
        "[^]]+",
        "(?<=a)b?",
    ] {
        assert!(JavaRegex::new(pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn an_escape_with_braces_may_be_repeated() {
    assert!(matches(r"\p{Lower}*\x{42}+", "abBB"));
}

/// Patterns put together by chance, each with a topic, a replacement, and what Java makes of them.
#[test]
fn patterns_made_by_chance_match_as_in_java() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/connect/java-regex.tsv");
    let lines = std::fs::read_to_string(path).expect("the fixture");
    let mut different = Vec::new();
    for line in lines.lines() {
        let [pattern, topic, replacement, java] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let ours = JavaRegex::new(pattern).map(|regex| match regex.matches(topic) {
            Ok(true) => match regex.replace_first(topic, &regex.replacement(replacement)) {
                Ok(text) => format!("yes {text}"),
                Err(error) => format!("err {}", error.message),
            },
            _ => "no".to_owned(),
        });
        if ours.as_deref() != Ok(java) {
            different.push(format!("{line}: {ours:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(lines.lines().count(), 500);
}
