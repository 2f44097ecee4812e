use super::*;

#[test]
fn all_but_unreserved_letters_are_escaped() {
    assert_eq!(escape("aZ9-._~"), "aZ9-._~");
    assert_eq!(escape("a b/é%?&=+:"), "a%20b%2F%C3%A9%25%3F%26%3D%2B%3A");
}

#[test]
fn a_refusal_is_read_in_every_form() {
    let read = |body: &str| parse_refusal(body.as_bytes());
    assert_eq!(read(r#"{"code":"ERR_X","message":"m"}"#), (Some("ERR_X".to_owned()), Some("m".to_owned())));
    assert_eq!(read(r#"{"code":390144,"message":null}"#), (Some("390144".to_owned()), None));
    assert_eq!(read(r#"{"code":"<b>"}"#), (None, None));
    assert_eq!(read("<html>bad gateway</html>"), (None, None));
    assert_eq!(read("not found"), (None, None));
    assert_eq!(read("[]"), (None, None));
    assert_eq!(read(""), (None, None));
}

#[test]
fn a_status_is_read_with_either_name_for_its_error_count() {
    let read = |fields: &str| {
        let body = format!(r#"{{"channel_statuses":{{"c":{{"channel_status_code":"SUCCESS"{fields}}}}}}}"#);
        parse_statuses(body.as_bytes()).map(|mut statuses| statuses.remove("c").unwrap())
    };
    assert_eq!(read("").unwrap().rows_error_count, 0);
    assert_eq!(read(r#","rows_error_count":3"#).unwrap().rows_error_count, 3);
    assert_eq!(read(r#","rows_errors":4"#).unwrap().rows_error_count, 4);
    assert_eq!(read(r#","rows_errors":5,"rows_error_count":5"#).unwrap().rows_error_count, 5);
    assert_eq!(read(r#","last_committed_offset_token":"0""#).unwrap().committed_offset, Some(Offset::ZERO));
    let foreign = |text: &str| read(&format!(r#","last_committed_offset_token":"{text}""#)).unwrap_err();
    for text in ["", "-1", "007", "1.0", "abc"] {
        assert_eq!(foreign(text), ("c".to_owned(), BadStatus::ForeignOffsetToken(text.to_owned())));
    }
}

#[test]
fn a_status_without_its_code_is_not_understood() {
    let (channel, bad) = parse_statuses(br#"{"channel_statuses":{"c":{"last_committed_offset_token":"7"}}}"#).unwrap_err();
    assert_eq!((channel.as_str(), bad), ("c", BadStatus::NotUnderstood("the answer has no `channel_status_code`".to_owned())));
    let (_, bad) = parse_statuses(b"{}").unwrap_err();
    assert_eq!(bad, BadStatus::NotUnderstood("the answer lacks a field or has one of another type".to_owned()));
}

#[test]
fn a_result_in_several_parts_is_not_taken_for_the_whole() {
    let answer = br#"{"resultSetMetaData":{"rowType":[{"name":"a"}],"partitionInfo":[{},{}]},"data":[["1"]]}"#;
    assert_eq!(parse_statement(answer).unwrap_err(), "the result has more rows than one answer holds");
}
