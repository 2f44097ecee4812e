use super::*;

fn rules(max_depth: Option<usize>, arrays: Arrays, collisions: Collisions) -> Rules {
    Rules { max_depth, arrays, collisions, ..Rules::default() }
}

/// The row, how many fields it lost, and whether it is the record.
fn flat(flattener: &mut Flattener, record: &str) -> Result<(String, u64, bool), Reject> {
    let flat = flattener.walk(record.as_bytes())?;
    let mut row = Vec::new();
    flat.write(&mut row);
    Ok((String::from_utf8(row).unwrap(), flat.lost(), flat.is_unchanged()))
}

#[test]
fn a_row_does_not_depend_on_the_record_before() {
    let records = [
        r#"{"a":{"b":1},"c":2}"#,
        r#"{"a":{"b":1,"c":2}}"#,
        r#"{"a":{"b":1},"c":2,"d":3}"#,
        r#"{"a":1,"c":2}"#,
        r#"{"a":[{"b":1},[2]],"c":2}"#,
        r#"{"a":{"b" 1},"c":2}"#,
        r#"{"a":{"b":1},"c":2,"a_b":3}"#,
        r#"{"a_b":1,"a":{"b":2},"c":2}"#,
        r#"{"a":{"\u0062":1},"c":"x"}"#,
        r#"{"a":{"b":1},"c":2}x"#,
        "{}",
        "[]",
    ];
    for rules in [Rules::default(), rules(None, Arrays::Index, Collisions::Last), rules(Some(1), Arrays::Text, Collisions::Reject)]
    {
        let mut used = Flattener::new(rules.clone());
        for (first, second) in records.iter().flat_map(|first| records.iter().map(move |second| (first, second))) {
            let _ = used.walk(first.as_bytes());
            let fresh = flat(&mut Flattener::new(rules.clone()), second);
            assert_eq!(flat(&mut used, second), fresh, "{second} after {first}, {rules:?}");
        }
    }
}

#[test]
fn of_fields_with_one_name_the_last_stands_and_the_others_are_counted() {
    let mut last = Flattener::new(rules(None, Arrays::Keep, Collisions::Last));
    assert_eq!(flat(&mut last, r#"{"a":1,"a":2,"a":3}"#), Ok((r#"{"a":3}"#.into(), 2, false)));
    assert_eq!(flat(&mut last, r#"{"a":1,"b":2}"#), Ok((r#"{"a":1,"b":2}"#.into(), 0, true)));
}

#[test]
fn what_is_nested_too_deep_is_rejected_and_costs_no_stack() {
    let mut flattener = Flattener::new(rules(None, Arrays::Index, Collisions::Reject));
    let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let too_deep = Err(Reject("the record is nested deeper than 128 levels".into()));
    assert!(flat(&mut flattener, &nested(DEEPEST + 1)).is_ok());
    assert_eq!(flat(&mut flattener, &nested(DEEPEST + 2)), too_deep);
    let lists = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(flat(&mut flattener, &lists), too_deep);
    assert_eq!(flat(&mut flattener, r#"{"a":{"b":1}}"#), Ok((r#"{"a_b":1}"#.into(), 0, false)));
}
