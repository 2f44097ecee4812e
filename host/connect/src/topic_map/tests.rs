use super::TopicMap;

fn v3(text: &str, topic: &str) -> Option<String> {
    TopicMap::parse_v3(text).unwrap().table(topic)
}

fn v4(text: &str, topic: &str) -> Option<String> {
    TopicMap::parse_v4(text, false).unwrap().table(topic)
}

fn v4_template(text: &str, topic: &str) -> Option<String> {
    TopicMap::parse_v4(text, true).unwrap().table(topic)
}

#[test]
fn a_topic_finds_its_table_by_name_or_by_a_pattern_for_the_whole_name() {
    let map = "binance_kline:kline, logs.*:logs";
    assert_eq!(v3(map, "binance_kline").as_deref(), Some("kline"));
    assert_eq!(v3(map, "logs_eu").as_deref(), Some("logs"));
    assert_eq!(v3(map, "old_logs_eu"), None);
    assert_eq!(v3("", "anything"), None);
}

#[test]
fn a_table_in_quotes_keeps_its_case_in_version_4() {
    assert_eq!(v4(r#"a:"kline", "b,c" : ticks"#, "a").as_deref(), Some(r#""kline""#));
    assert_eq!(v4(r#"a:"kline", "b,c" : ticks"#, "b,c").as_deref(), Some("ticks"));
    assert_eq!(v4("a:db.t", "a").as_deref(), Some(r#""DB.T""#));
}

#[test]
fn groups_of_the_pattern_are_filled_in_only_with_the_switch() {
    assert_eq!(v4_template("binance_(.*):k_$1", "binance_kline").as_deref(), Some("k_kline"));
    assert_eq!(v4_template(r#"binance_(?<what>.*):"${what}_$11\$""#, "binance_kline").as_deref(), Some(r#""kline_kline1$""#));
    assert_eq!(v4("binance_(.*):k_$1", "binance_kline").as_deref(), Some("k_$1"));
}

#[test]
fn two_patterns_that_may_name_one_topic_are_refused() {
    let error = TopicMap::parse_v3("bin.*:a,binance.*:b").unwrap_err();
    assert_eq!(error, "Topic regexes cannot overlap. Overlapping regexes: bin.*, binance.*");
    let error = TopicMap::parse_v4("t:a,t:b", false).unwrap_err();
    assert_eq!(error, "Duplicate topic: t");
    assert!(TopicMap::parse_v3("orders:a,order_lines:b").is_ok());
}

#[test]
fn a_qualified_table_is_refused_in_version_3() {
    assert!(TopicMap::parse_v3("t:DB.PUBLIC.T").unwrap_err().contains("qualified"));
    assert!(TopicMap::parse_v3("t:1-bad table").unwrap_err().contains("without quotes"));
}

#[test]
fn a_map_that_ends_too_early_says_where() {
    for (text, what) in [
        ("t", "Expected ':' at position 1"),
        ("t:", "Expected token, found end of input at position 2"),
        ("t:\"a", "Unterminated quoted token at position 4"),
        ("t:\"\"", "Empty quoted token at position 3"),
        (":a", "Expected token at position 0"),
    ] {
        assert!(TopicMap::parse_v4(text, false).unwrap_err().starts_with(what), "{text}");
    }
}

#[test]
fn a_table_that_refers_to_a_group_that_is_not_there_is_refused() {
    assert_eq!(TopicMap::parse_v4("a(.*):t_$2", true).unwrap_err(), "Table t_$2: No group 2");
    assert!(TopicMap::parse_v4("a(.*):t_$2", false).is_ok());
}
