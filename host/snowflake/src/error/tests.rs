use super::*;

fn answer(status: u16, code: Option<&str>) -> Box<Answer> {
    let host = "127.0.0.1:8443".to_owned();
    Box::new(Answer { host, status, code: code.map(str::to_owned), message: Some("m".to_owned()), retry_after: None })
}

fn refused(call: Call, status: u16, code: Option<&str>) -> Error {
    Error::Refused { asked: Asked::new(call, "127.0.0.1:8443", "`ch1` of pipe `DB.S.T-STREAMING`"), source: answer(status, code) }
}

fn invalid(code: &str) -> Failure {
    Failure::ChannelInvalid { code: code.to_owned() }
}

/// How the official client takes each answer to an append, in our words.
#[test]
fn every_answer_to_an_append_has_one_meaning() {
    let throttled = Failure::Throttled { retry_after: None };
    for (status, code, outcome, class) in [
        (408, Some("REQUEST_TIMEOUT"), Failure::Unknown, ErrorClass::Transient),
        (500, Some("INTERNAL_SERVER_ERROR"), Failure::Unknown, ErrorClass::Transient),
        (502, None, Failure::Unknown, ErrorClass::Transient),
        (503, Some("SERVICE_UNAVAILABLE"), Failure::Unknown, ErrorClass::Transient),
        (503, None, Failure::Unknown, ErrorClass::Transient),
        (504, None, Failure::Unknown, ErrorClass::Transient),
        (404, None, Failure::Unknown, ErrorClass::Transient),
        (429, Some("ERR_TOO_MANY_REQUESTS"), throttled, ErrorClass::Transient),
        (401, Some("390114"), Failure::Unauthorized, ErrorClass::Config),
        (403, Some("FORBIDDEN"), Failure::Forbidden, ErrorClass::Config),
        (400, Some("STALE_CONTINUATION_TOKEN_SEQUENCER"), invalid("STALE_CONTINUATION_TOKEN_SEQUENCER"), ErrorClass::Reopen),
        (400, Some("ERR_CHANNEL_MUST_BE_REOPENED"), invalid("ERR_CHANNEL_MUST_BE_REOPENED"), ErrorClass::Reopen),
        (400, Some("ERR_INVALID_PAYLOAD"), Failure::BadRequest, ErrorClass::Record),
        (400, None, Failure::BadRequest, ErrorClass::Record),
        (
            404,
            Some("ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"),
            invalid("ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"),
            ErrorClass::Reopen,
        ),
        (404, Some("ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED"), Failure::ObjectMissing, ErrorClass::Config),
        (404, Some("ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"), Failure::ObjectMissing, ErrorClass::Config),
        (404, Some("SOMETHING_NEW"), invalid("SOMETHING_NEW"), ErrorClass::Reopen),
        (409, Some("ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER"), invalid("ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER"), ErrorClass::Reopen),
        (409, None, invalid("HTTP 409"), ErrorClass::Reopen),
        (410, Some("GONE"), Failure::PipeFailedOver, ErrorClass::Reopen),
        (413, Some("PAYLOAD_TOO_LARGE"), Failure::TooLarge, ErrorClass::Record),
        (422, Some("X"), invalid("X"), ErrorClass::Reopen),
        (307, None, invalid("HTTP 307"), ErrorClass::Reopen),
    ] {
        let error = refused(Call::Append, status, code);
        assert_eq!((error.outcome(), error.class()), (outcome, class), "{status} {code:?}");
    }
}

#[test]
fn every_answer_to_another_call_has_one_meaning() {
    let throttled = || Failure::Throttled { retry_after: None };
    for (call, status, code, outcome) in [
        (Call::Open, 409, Some("ERR_CHANNEL_HAS_UNCOMMITTED_DATA"), Failure::UncommittedRows),
        (Call::Open, 409, Some("ERR_OPEN_CHANNEL_IN_PROGRESS"), throttled()),
        (Call::Open, 409, Some("ERR_OTHER"), invalid("ERR_OTHER")),
        (Call::Open, 404, Some("ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"), Failure::ObjectMissing),
        (Call::Open, 404, Some("ERR_SCHEMA_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"), Failure::ObjectMissing),
        (Call::Open, 404, Some("ERR_X"), Failure::ObjectMissing),
        (Call::Open, 404, None, Failure::Unknown),
        (Call::Open, 400, Some("ERR_X"), Failure::BadRequest),
        (Call::Open, 403, Some("ERR_X"), Failure::Forbidden),
        (Call::Open, 429, Some("ERR_TOO_MANY"), throttled()),
        (Call::Open, 500, Some("X"), Failure::Unknown),
        (Call::Status, 404, Some("ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"), Failure::ObjectMissing),
        (Call::Status, 503, None, Failure::Unknown),
        (Call::Drop, 409, Some("ERR_CHANNEL_HAS_UNCOMMITTED_DATA"), Failure::UncommittedRows),
        (
            Call::Drop,
            404,
            Some("ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"),
            invalid("ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"),
        ),
        (Call::Hostname, 403, Some("390422"), Failure::Forbidden),
        (Call::Hostname, 404, Some("X"), Failure::ObjectMissing),
        (Call::Hostname, 404, None, Failure::ObjectMissing),
        (Call::Hostname, 429, Some("X"), throttled()),
        (Call::Hostname, 500, Some("X"), Failure::Unreachable),
        (Call::Token, 400, Some("invalid_grant"), Failure::BadRequest),
        (Call::Token, 503, None, Failure::Unreachable),
        (Call::Statement, 422, Some("002003"), Failure::ObjectMissing),
        (Call::Statement, 422, Some("003001"), Failure::Forbidden),
        (Call::Statement, 422, Some("001003"), Failure::BadRequest),
        (Call::Statement, 408, Some("000604"), Failure::Unknown),
        (Call::Statement, 404, None, Failure::BadRequest),
    ] {
        assert_eq!(refused(call, status, code).outcome(), outcome, "{call:?} {status} {code:?}");
    }
}

#[test]
fn a_request_that_waited_for_a_failed_login_was_not_sent() {
    let source = NoAnswer { host: "h".to_owned(), text: "t".to_owned() };
    for (call, outcome) in
        [(Call::Token, Failure::Unreachable), (Call::Hostname, Failure::Unreachable), (Call::Append, Failure::Unknown)]
    {
        let asked = Asked::new(call, "h", "o");
        assert_eq!(Error::Lost { asked: asked.clone(), source: source.clone() }.outcome(), outcome);
        assert_eq!(Error::NotUnderstood { asked, source: source.clone() }.outcome(), outcome);
    }
}

#[test]
fn errors_say_what_was_asked_why_it_failed_and_what_to_do() {
    let error = refused(Call::Open, 403, Some("ERR_X"));
    assert_eq!(error.to_string(), "could not open channel `ch1` of pipe `DB.S.T-STREAMING`");
    assert_eq!(
        error.in_one_line(),
        "could not open channel `ch1` of pipe `DB.S.T-STREAMING`: `127.0.0.1:8443` answered 403 `ERR_X`: m"
    );
    assert_eq!(error.hint().unwrap(), "grant the role its privileges, then run `snowgate check`");

    let login = |clock_skew| Error::LoginRefused {
        asked: Asked::new(Call::Hostname, "127.0.0.1:8443", ""),
        login: Box::new(Login {
            account: "MYORG-MYACCT".to_owned(),
            user: "STREAMER".to_owned(),
            fingerprint: "SHA256:abc=".to_owned(),
            clock_skew,
        }),
        source: answer(401, Some("390144")),
    };
    assert_eq!(
        login(None).in_one_line(),
        "user `STREAMER` could not log in to account `MYORG-MYACCT`: `127.0.0.1:8443` answered 401 `390144`: m"
    );
    assert_eq!(
        login(None).hint().unwrap(),
        "check `account` and `user`, and compare the key `SHA256:abc=` with what `DESC USER STREAMER` shows under `RSA_PUBLIC_KEY_FP`"
    );
    assert_eq!(login(Some(420)).hint().unwrap(), "set the clock of this machine: it is 420 s behind Snowflake's");
    assert_eq!(login(Some(-90)).hint().unwrap(), "set the clock of this machine: it is 90 s ahead of Snowflake's");
}

#[test]
fn a_servers_text_is_shown_without_secrets_in_one_short_line() {
    assert_eq!(scrub("token eyJhbGciOi.eyJzdWIi.c2ln is\n\tbad"), "token *** is bad");
    assert_eq!(scrub(&format!("token={} x", "A".repeat(80))), "*** x");
    assert_eq!(
        scrub("JWT token is invalid. [0b6c1fe4-3d6a-4b7e-9b1e-0f2f6a1f5a77]"),
        "JWT token is invalid. [0b6c1fe4-3d6a-4b7e-9b1e-0f2f6a1f5a77]"
    );
    assert_eq!(scrub(&"é ".repeat(1000)).chars().count(), MESSAGE_CHARS + 1);
    assert_eq!(as_code("ERR_X").as_deref(), Some("ERR_X"));
    assert_eq!(as_code("<html>"), None);
}
