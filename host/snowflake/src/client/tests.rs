use super::*;
use crate::error::Failure;
use crate::testing::{self, Script, Seen, Server, answer, login_answer};
use snowgate_record::{ErrorClass, OffsetRange};

const OPENED: &str = r#"{"next_continuation_token":"1_0","channel_status":{"database_name":"MYDB","schema_name":"PUBLIC",
    "pipe_name":"EVENTS-STREAMING","channel_name":"ch1","channel_status_code":"SUCCESS","last_committed_offset_token":"41",
    "created_on_ms":1795447700164,"rows_inserted":42,"rows_parsed":43,"rows_error_count":1,"rows_errors":1,"extra":[]}}"#;

fn pipe(pipe: &str) -> Arc<PipeName> {
    Arc::new(PipeName { database: "MYDB".to_owned(), schema: "PUBLIC".to_owned(), pipe: pipe.to_owned() })
}

fn channel() -> ChannelName {
    ChannelName { pipe: pipe("EVENTS-STREAMING"), channel: "ch1".to_owned() }
}

fn append() -> Append {
    let offset = |value| Offset::new(value).unwrap();
    Append {
        channel: channel(),
        continuation: ContinuationToken::new("1_0"),
        range: OffsetRange::new(offset(42), offset(44)),
        body: Arc::from(&b"compressed rows"[..]),
        raw_bytes: 66,
        request_id: "132c4b2e-123d-4b72-8734-67d6e2b84583".parse().unwrap(),
        attempt: 0,
    }
}

/// Logs in as usual and answers every other request with `script`.
fn server(script: impl Fn(&Seen, usize) -> Script + Send + Sync + 'static) -> Server {
    Server::start(move |seen, before| match seen.path() {
        "/v2/streaming/hostname" | "/oauth/token" => login_answer(seen),
        _ => script(seen, before),
    })
}

fn names(seen: &Seen) -> Vec<&str> {
    seen.headers.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn a_login_asks_for_the_host_and_then_for_its_token() {
    let server = server(|_, _| answer(200, OPENED));
    server.client().open_channel(&channel(), true).await.unwrap();
    let seen = server.seen();

    assert_eq!((seen[0].method.as_str(), seen[0].path()), ("GET", "/v2/streaming/hostname"));
    assert_eq!(
        names(&seen[0]),
        ["user-agent", "accept", "accept-charset", "x-snowflake-authorization-token-type", "authorization", "host"]
    );
    assert_eq!(seen[0].header("x-snowflake-authorization-token-type"), Some("KEYPAIR_JWT"));
    assert_eq!(seen[0].parameter("retryCount"), "0");
    assert_eq!(seen[0].claims()["sub"], "MYORG-MYACCT.STREAMER");
    let agent = seen[0].header("user-agent").unwrap();
    assert_eq!(agent, format!("Snowgate/{} ({} {})", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH));

    assert_eq!((seen[1].method.as_str(), seen[1].path()), ("POST", "/oauth/token"));
    assert_eq!(seen[1].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        String::from_utf8_lossy(&seen[1].body),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=127.0.0.1"
    );
}

#[tokio::test]
async fn an_open_sends_what_the_official_client_sends_and_reads_the_committed_offset() {
    let server = server(|_, _| answer(200, OPENED));
    let opened = server.client().open_channel(&channel(), true).await.unwrap();
    assert_eq!(opened.continuation, ContinuationToken::new("1_0"));
    assert_eq!(opened.status.committed_offset, Offset::new(41));
    assert_eq!((opened.status.rows_inserted, opened.status.rows_parsed, opened.status.rows_error_count), (42, 43, 1));
    assert_eq!(opened.status.created_on_ms, Some(1_795_447_700_164));

    let [call] = server.calls().try_into().unwrap();
    assert_eq!(
        (call.method.as_str(), call.path()),
        ("PUT", "/v2/streaming/databases/MYDB/schemas/PUBLIC/pipes/EVENTS-STREAMING/channels/ch1")
    );
    assert_eq!(call.parameters().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["requestId", "retryCount"]);
    assert_eq!(String::from_utf8_lossy(&call.body), r#"{"fail_on_uncommitted_rows":true}"#);
    assert_eq!(call.header("x-snowflake-authorization-token-type"), Some("OAUTH"));
    assert_eq!(call.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn an_append_sends_what_the_official_client_sends() {
    let server = server(|_, _| answer(200, r#"{"next_continuation_token":"1_1"}"#));
    let client = server.client();
    assert_eq!(client.append(&append()).await.unwrap(), ContinuationToken::new("1_1"));
    client.append(&Append { attempt: 3, ..append() }).await.unwrap();

    let [first, fourth] = server.calls().try_into().unwrap();
    assert_eq!(
        first.target,
        "/v2/streaming/data/databases/MYDB/schemas/PUBLIC/pipes/EVENTS-STREAMING/channels/ch1/rows?startOffsetToken=42&endOffsetToken=44\
         &continuationToken=1_0&requestId=132c4b2e-123d-4b72-8734-67d6e2b84583&retryCount=0"
    );
    assert_eq!(first.method, "POST");
    assert_eq!(
        names(&first),
        [
            "user-agent",
            "accept",
            "accept-charset",
            "x-snowflake-authorization-token-type",
            "authorization",
            "content-type",
            "content-encoding",
            "x-snowflake-uncompressed-content-length",
            "host",
            "content-length",
        ]
    );
    assert_eq!(first.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(first.header("content-encoding"), Some("zstd"));
    assert_eq!(first.header("x-snowflake-uncompressed-content-length"), Some("66"));
    assert_eq!(first.body, b"compressed rows");
    assert_eq!(fourth.target, first.target.replace("retryCount=0", "retryCount=3"));
}

#[tokio::test]
async fn names_are_escaped_as_the_official_client_escapes_them() {
    let server = server(|_, _| answer(200, OPENED.replace("ch1", "topic.a/0 %#é")));
    let channel = ChannelName { pipe: pipe("my pipe-é/x?&"), channel: "topic.a/0 %#é".to_owned() };
    server.client().open_channel(&channel, false).await.unwrap();
    let [call] = server.calls().try_into().unwrap();
    assert_eq!(
        call.path(),
        "/v2/streaming/databases/MYDB/schemas/PUBLIC/pipes/my%20pipe-%C3%A9%2Fx%3F%26/channels/topic.a%2F0%20%25%23%C3%A9"
    );
}

#[tokio::test]
async fn statuses_leave_out_channels_that_snowflake_does_not_know() {
    let server = server(|_, _| {
        let status = r#"{"channel_statuses":{"a":{"channel_status_code":"SUCCESS","last_committed_offset_token":"7","rows_errors":2},
            "b":{"channel_status_code":"ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER","last_committed_offset_token":null}}}"#;
        answer(200, status)
    });
    let channels = ["a", "b", "é"].map(str::to_owned);
    let statuses = server.client().channel_statuses(&pipe("EVENTS-STREAMING"), &channels).await.unwrap();
    assert_eq!(statuses.len(), 2);
    assert_eq!(
        (statuses["a"].committed_offset, statuses["a"].rows_error_count, statuses["a"].failure()),
        (Offset::new(7), 2, None)
    );
    let code = "ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER".to_owned();
    assert_eq!((statuses["b"].committed_offset, statuses["b"].failure()), (None, Some(Failure::ChannelInvalid { code })));
    let [call] = server.calls().try_into().unwrap();
    assert_eq!(call.path(), "/v2/streaming/databases/MYDB/schemas/PUBLIC/pipes/EVENTS-STREAMING:bulk-channel-status");
    assert_eq!(String::from_utf8_lossy(&call.body), r#"{"channel_names":["a","b","é"]}"#);
}

#[tokio::test]
async fn many_channels_are_asked_about_in_several_requests() {
    let server = server(|_, _| answer(200, r#"{"channel_statuses":{}}"#));
    let channels: Vec<_> = (0..1001).map(|number| format!("c{number}")).collect();
    server.client().channel_statuses(&pipe("P"), &channels).await.unwrap();
    assert_eq!(server.calls().len(), 3);
}

#[tokio::test]
async fn a_drop_answers_the_offset_that_was_committed() {
    let server = server(|_, before| answer(200, ["", r#"{"last_committed_offset_token":"9"}"#][before]));
    let client = server.client();
    assert_eq!(client.drop_channel(&channel()).await.unwrap(), None);
    assert_eq!(client.drop_channel(&channel()).await.unwrap(), Offset::new(9));
    assert_eq!(server.calls()[0].method, "DELETE");
    assert!(server.calls()[0].body.is_empty());
}

#[tokio::test]
async fn an_offset_token_of_another_program_is_an_error() {
    let server = server(|_, _| answer(200, OPENED.replace(r#""41""#, r#""batch-41""#)));
    let error = server.client().open_channel(&channel(), true).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "channel `ch1` of pipe `MYDB.PUBLIC.EVENTS-STREAMING` holds the offset token `batch-41`, which is not a Kafka offset"
    );
    assert_eq!((error.outcome(), error.class()), (Failure::Misconfigured, ErrorClass::Config));
}

#[tokio::test]
async fn an_open_that_leaves_the_channel_unusable_is_an_error() {
    let server = server(|_, _| answer(200, OPENED.replace("SUCCESS", "ERR_CHANNEL_MUST_BE_REOPENED")));
    let error = server.client().open_channel(&channel(), true).await.unwrap_err();
    assert_eq!(error.outcome(), Failure::ChannelInvalid { code: "ERR_CHANNEL_MUST_BE_REOPENED".to_owned() });
}

#[tokio::test]
async fn a_success_that_makes_no_sense_leaves_the_outcome_unknown() {
    for body in ["", "<html>", "{}", r#"{"next_continuation_token":7}"#, "[]"] {
        let server = server(move |_, _| answer(200, body));
        let error = server.client().append(&append()).await.unwrap_err();
        assert_eq!((error.outcome(), error.class()), (Failure::Unknown, ErrorClass::Transient), "{body}");
    }
    let large = server(|_, _| answer(200, vec![b' '; 1024 * 1024 + 1]));
    let error = large.client().append(&append()).await.unwrap_err();
    assert!(error.in_one_line().ends_with("the answer is longer than 1 MiB"), "{}", error.in_one_line());
    let other = server(|_, _| answer(200, OPENED.replace("ch1", "ch2")));
    let error = other.client().open_channel(&channel(), true).await.unwrap_err();
    assert!(error.in_one_line().ends_with("the answer is about another channel"), "{}", error.in_one_line());
}

#[tokio::test]
async fn an_answer_that_never_comes_leaves_the_outcome_unknown() {
    for script in [|| Script::Close, || Script::Hang, || Script::Stall] {
        let server = server(move |_, _| script());
        let error = server.hasty_client().append(&append()).await.unwrap_err();
        assert_eq!((error.outcome(), error.class()), (Failure::Unknown, ErrorClass::Transient), "{error:?}");
        assert_eq!(server.calls().len(), 1, "an append is sent once");
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_the_servers_words_and_its_wish_to_wait() {
    let server = server(|_, _| Script::Answer {
        status: 429,
        headers: vec![("Retry-After", "7".to_owned())],
        body: br#"{"code":"ERR_TOO_MANY_REQUESTS","message":"slow\ndown"}"#.to_vec(),
    });
    let error = server.client().append(&append()).await.unwrap_err();
    assert_eq!(error.outcome(), Failure::Throttled { retry_after: Some(Duration::from_secs(7)) });
    assert_eq!(
        error.in_one_line(),
        format!(
            "could not append rows to channel `ch1` of pipe `MYDB.PUBLIC.EVENTS-STREAMING`: `{}` answered 429 `ERR_TOO_MANY_REQUESTS`: slow down",
            server.address
        )
    );
}

#[tokio::test]
async fn a_wish_to_wait_may_be_a_date() {
    let server = server(|_, _| Script::Answer {
        status: 429,
        headers: vec![
            ("Date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
            ("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT".to_owned()),
        ],
        body: Vec::new(),
    });
    let error = server.client().append(&append()).await.unwrap_err();
    assert_eq!(error.outcome(), Failure::Throttled { retry_after: Some(Duration::from_secs(30)) });
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(|_, _| answer(200, "{}"));
    let location = elsewhere.url();
    let server =
        server(move |_, _| Script::Answer { status: 307, headers: vec![("Location", location.clone())], body: Vec::new() });
    let error = server.client().append(&append()).await.unwrap_err();
    assert_eq!(error.outcome(), Failure::ChannelInvalid { code: "HTTP 307".to_owned() });
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_statement_runs_in_the_role_and_is_waited_for() {
    let result = r#"{"code":"090001","message":"Statement executed successfully.","data":[["A",null]],"resultSetMetaData":
        {"numRows":1,"rowType":[{"name":"name","type":"text"},{"name":"type","type":"text"}],"partitionInfo":[{"rowCount":1}]}}"#;
    let server = Server::start(move |seen, _| match (seen.method.as_str(), seen.path()) {
        ("POST", "/api/v2/statements") => answer(202, r#"{"code":"333334","statementHandle":"h-1","message":"running"}"#),
        ("GET", "/api/v2/statements/h-1") => answer(200, result),
        other => panic!("not scripted: {other:?}"),
    });
    let found = server.client().execute("DESCRIBE TABLE x").await.unwrap();
    assert_eq!(found.columns, ["name", "type"]);
    assert_eq!(found.column("NAME").unwrap().collect::<Vec<_>>(), [Some("A")]);
    assert_eq!(found.column("TYPE").unwrap().collect::<Vec<_>>(), [None]);
    let [post, get] = server.seen().try_into().unwrap();
    assert_eq!(String::from_utf8_lossy(&post.body), r#"{"statement":"DESCRIBE TABLE x","timeout":60,"role":"LOADER"}"#);
    for call in [&post, &get] {
        assert_eq!(call.header("x-snowflake-authorization-token-type"), Some("KEYPAIR_JWT"));
    }
}

#[tokio::test]
async fn a_statement_that_fails_says_which_and_why() {
    let server = Server::start(|_, _| {
        answer(
            422,
            r#"{"code":"002003","message":"SQL compilation error:\nObject 'X' does not exist or not authorized.","sqlState":"42S02"}"#,
        )
    });
    let error = server.client().execute("DESCRIBE TABLE x").await.unwrap_err();
    assert_eq!(
        error.in_one_line(),
        format!(
            "could not run `DESCRIBE TABLE x`: `{}` answered 422 `002003`: SQL compilation error: Object 'X' does not exist or not authorized.",
            server.address
        )
    );
    assert_eq!(error.outcome(), Failure::ObjectMissing);
}

#[tokio::test]
async fn nothing_listening_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(Arc::new(testing::settings(&url, &testing::fixture("key_pkcs8.pem")))).unwrap();
    let error = client.append(&append()).await.unwrap_err();
    assert_eq!((error.outcome(), error.class()), (Failure::Unreachable, ErrorClass::Transient));
    assert_eq!(
        error.in_one_line(),
        format!("could not ask Snowflake for the host that takes rows: `{}`: Connection refused (os error 111)", &url[7..])
    );
}

#[tokio::test]
async fn no_text_of_an_error_or_a_debug_holds_a_token_or_a_row() {
    let canary = testing::scoped_token(3600);
    let token = canary.clone();
    let repeat = format!(r#"{{"code":"X","message":"bad token {canary} and Bearer CANARY-1"}}"#);
    let server = Server::start(move |seen, _| match seen.path() {
        "/oauth/token" => answer(200, token.clone()),
        "/v2/streaming/hostname" => login_answer(seen),
        _ => answer(400, repeat.clone()),
    });
    let client = server.client();
    let append =
        Append { body: Arc::from(&b"CANARY-ROW"[..]), continuation: ContinuationToken::new("CANARY-CONTINUATION"), ..append() };
    let error = client.append(&append).await.unwrap_err();
    let texts = format!("{error:?} {} {:?} {client:?} {append:?} {:?}", error.in_one_line(), error.hint(), client.settings());
    for secret in [canary.as_str(), "CANARY-ROW", "CANARY-CONTINUATION"] {
        assert!(!texts.contains(secret), "{texts}");
    }
    assert!(texts.contains("bad token ***"), "the rest of the message stays: {texts}");
}
