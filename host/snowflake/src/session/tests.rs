use super::*;
use crate::client::{Client, PipeName};
use crate::error::Failure;
use crate::testing::{self, Script, Seen, Server, answer, fixture, login_answer, private_file, scoped_token};

#[test]
fn rows_go_only_to_hosts_of_the_accounts_own_domain() {
    let account = "myorg-myacct.snowflakecomputing.com";
    assert!(is_same_domain(account, "myorg-myacct.ingest.snowflakecomputing.com"));
    assert!(is_same_domain(account, "xy1.us-west-2.aws.snowflakecomputing.com"));
    assert!(is_same_domain("127.0.0.1", "localhost"));
    assert!(is_same_domain("gate.corp.example", "gate.corp.example"));
    for foreign in [
        "evil.example",
        "snowflakecomputing.com.evil.example",
        "evilsnowflakecomputing.com",
        "x.snowflakecomputing.cn",
        "127.0.0.1",
    ] {
        assert!(!is_same_domain(account, foreign), "{foreign}");
    }
    assert!(!is_same_domain("127.0.0.1", "169.254.169.254"));
    assert!(!is_same_domain("gate.corp.example", "other.corp.example"));
}

#[test]
fn a_tokens_life_is_counted_on_the_clock_of_whoever_made_it() {
    let token = |claims: &str| format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
    assert_eq!(life_of(&token(r#"{"exp":1000}"#), 400), Some(600));
    assert_eq!(life_of(&token(r#"{"exp":1000}"#), 1600), Some(-600));
    assert_eq!(life_of(&token(r#"{"sub":"x"}"#), 400), None);
    assert_eq!(life_of("opaque", 400), None);
}

const STATUS_PATH: &str = "/v2/streaming/databases/MYDB/schemas/PUBLIC/pipes/P:bulk-channel-status";

/// Any call to the host that takes rows.
async fn call(client: &Client) -> Result<(), Error> {
    let pipe = PipeName { database: "MYDB".to_owned(), schema: "PUBLIC".to_owned(), pipe: "P".to_owned() };
    client.channel_statuses(&pipe, &["a".to_owned()]).await.map(|_| ())
}

fn fine(seen: &Seen) -> Script {
    if seen.path() == STATUS_PATH { answer(200, r#"{"channel_statuses":{}}"#) } else { login_answer(seen) }
}

fn refused_login() -> Script {
    answer(401, r#"{"code":"390144","message":"JWT token is invalid."}"#)
}

fn http_date(seconds_from_now: i64) -> String {
    let now = std::process::Command::new("date")
        .args(["-u", "-d", &format!("{seconds_from_now} seconds"), "+%a, %d %b %Y %H:%M:%S GMT"])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    String::from_utf8(now.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn many_callers_share_one_login() {
    let server = Server::start(|seen, _| fine(seen));
    let client = server.client();
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { call(&client).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!((server.count("/v2/streaming/hostname"), server.count("/oauth/token"), server.count(STATUS_PATH)), (1, 1, 16));
}

#[tokio::test]
async fn callers_that_wait_for_a_failed_login_share_its_error() {
    let server = Server::start(|_, _| answer(503, ""));
    let client = server.client();
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { call(&client).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap_err().outcome(), Failure::Unreachable);
    }
    assert_eq!(server.count("/v2/streaming/hostname"), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_sent_again() {
    let server = Server::start(|seen, before| match (seen.path(), before) {
        (STATUS_PATH, 0) => answer(401, r#"{"code":"390114"}"#),
        _ => fine(seen),
    });
    call(&server.client()).await.unwrap();
    let [first, second] = server.calls().try_into().unwrap();
    assert_eq!(server.count("/oauth/token"), 2);
    assert_eq!(first.parameter("requestId"), second.parameter("requestId"));
    assert_eq!((first.parameter("retryCount").as_str(), second.parameter("retryCount").as_str()), ("0", "1"));
}

#[tokio::test]
async fn a_token_refused_twice_is_unauthorized() {
    let server = Server::start(|seen, _| match seen.path() {
        STATUS_PATH => answer(401, r#"{"code":"390303","message":"Invalid OAuth access token."}"#),
        _ => fine(seen),
    });
    let error = call(&server.client()).await.unwrap_err();
    assert_eq!(error.outcome(), Failure::Unauthorized);
    assert_eq!((server.count(STATUS_PATH), server.count("/oauth/token")), (2, 2));
}

#[tokio::test]
async fn a_forbidden_call_is_not_sent_again() {
    let server = Server::start(|seen, _| if seen.path() == STATUS_PATH { answer(403, "") } else { fine(seen) });
    assert_eq!(call(&server.client()).await.unwrap_err().outcome(), Failure::Forbidden);
    assert_eq!((server.count(STATUS_PATH), server.count("/oauth/token")), (1, 1));
}

#[tokio::test]
async fn a_pipe_that_failed_over_is_looked_for_anew() {
    let server = Server::start(|seen, before| match (seen.path(), before) {
        (STATUS_PATH, 0) => answer(410, r#"{"code":"GONE"}"#),
        _ => fine(seen),
    });
    let client = server.client();
    assert_eq!(call(&client).await.unwrap_err().outcome(), Failure::PipeFailedOver);
    assert_eq!(server.count("/v2/streaming/hostname"), 1);
    call(&client).await.unwrap();
    assert_eq!(server.count("/v2/streaming/hostname"), 2);
}

/// As if all but the margin of its life had passed.
async fn age(client: &Client) {
    let account = client.account();
    let Session { host, token, url, ends_at, .. } = &*account.session().await.unwrap();
    let due = Session { host: host.clone(), token: token.clone(), url: url.clone(), renew_at: Instant::now(), ends_at: *ends_at };
    account.current().session = Some(Arc::new(due));
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_before_its_end_and_not_sooner() {
    let server = Server::start(|seen, _| fine(seen));
    let client = server.client();
    call(&client).await.unwrap();
    call(&client).await.unwrap();
    assert_eq!(server.count("/oauth/token"), 1);
    let session = client.account().session().await.unwrap();
    assert_eq!(session.ends_at - session.renew_at, Duration::from_secs(300));
    age(&client).await;
    call(&client).await.unwrap();
    assert_eq!(server.count("/oauth/token"), 2);
}

#[tokio::test]
async fn a_token_of_short_life_is_used_for_half_of_it() {
    let server = Server::start(|seen, _| if seen.path() == "/oauth/token" { answer(200, scoped_token(75)) } else { fine(seen) });
    let session = server.client().account().session().await.unwrap();
    let margin = (session.ends_at - session.renew_at).as_secs_f64();
    assert!((30.0..=37.5).contains(&margin), "{margin}");
}

#[tokio::test]
async fn while_the_old_token_lives_a_failed_renewal_harms_nobody() {
    let server = Server::start(|seen, before| match (seen.path(), before) {
        ("/v2/streaming/hostname", 1) => answer(503, ""),
        _ => fine(seen),
    });
    let client = server.client();
    call(&client).await.unwrap();
    age(&client).await;
    call(&client).await.unwrap();
    call(&client).await.unwrap();
    assert_eq!(server.count("/v2/streaming/hostname"), 2, "the renewal failed, and the next waits its turn");
    assert_eq!(server.count(STATUS_PATH), 3);
}

#[tokio::test]
async fn a_login_refused_for_good_names_account_user_and_key() {
    let server = Server::start(|_, _| refused_login());
    let error = call(&server.client()).await.unwrap_err();
    assert_eq!(
        error.in_one_line(),
        format!(
            "user `STREAMER` could not log in to account `MYORG-MYACCT`: `{}` answered 401 `390144`: JWT token is invalid.",
            server.address
        )
    );
    let fingerprint = fixture("key.fingerprint");
    let hint = format!(
        "check `account` and `user`, and compare the key `{}` with what `DESC USER STREAMER` shows under `RSA_PUBLIC_KEY_FP`",
        fingerprint.trim()
    );
    assert_eq!(error.hint(), Some(hint));
    assert_eq!(error.outcome(), Failure::Unauthorized);
    assert_eq!(server.seen().len(), 1, "nothing changed, so nothing is tried again");
}

#[tokio::test]
async fn a_clock_a_little_off_is_made_up_for() {
    let server = Server::start(|seen, before| {
        let date = || vec![("Date", http_date(-120))];
        match (seen.path(), before) {
            ("/v2/streaming/hostname", 0) => Script::Answer { status: 401, headers: date(), body: Vec::new() },
            _ => fine(seen),
        }
    });
    call(&server.client()).await.unwrap();
    let seen = server.seen();
    let issued = |index: usize| seen[index].claims()["iat"].as_i64().unwrap();
    assert!((110..=130).contains(&(issued(0) - issued(1))), "{} {}", issued(0), issued(1));
    assert!((0..=30).contains(&(issued(2) - issued(1))), "the token request goes by Snowflake's clock too");
}

#[tokio::test]
async fn a_clock_far_off_is_named() {
    let server = Server::start(|_, _| Script::Answer { status: 401, headers: vec![("Date", http_date(3600))], body: Vec::new() });
    let error = call(&server.client()).await.unwrap_err();
    let hint = error.hint().unwrap();
    let seconds: i64 = hint.split(' ').find_map(|word| word.parse().ok()).unwrap();
    assert!((3590..=3610).contains(&seconds), "{hint}");
    assert!(hint.starts_with("set the clock of this machine: it is ") && hint.ends_with(" s behind Snowflake's"), "{hint}");
}

#[tokio::test]
async fn a_replaced_key_file_takes_effect_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    private_file(&dir, "rsa_key.p8", testing::new_key().as_bytes());
    let fingerprint = fixture("key.fingerprint").trim().to_owned();
    let server = Server::start(move |seen, _| {
        let by_key = !seen.path().starts_with("/v2/streaming/databases");
        if by_key && !seen.claims()["iss"].as_str().unwrap().ends_with(&fingerprint) { refused_login() } else { fine(seen) }
    });
    let client = Client::new(Arc::new(testing::config(&server.url()).resolve(dir.path()).unwrap())).unwrap();
    assert_eq!(call(&client).await.unwrap_err().outcome(), Failure::Unauthorized);
    private_file(&dir, "rsa_key.p8", fixture("key_pkcs8.pem").as_bytes());
    call(&client).await.unwrap();
}

#[tokio::test]
async fn the_answer_for_the_host_is_taken_in_every_documented_form() {
    for body in ["127.0.0.1", "127.0.0.1\n", "\"127.0.0.1\"", r#"{"hostname": "127.0.0.1"}"#] {
        let server =
            Server::start(move |seen, _| if seen.path() == "/v2/streaming/hostname" { answer(200, body) } else { fine(seen) });
        call(&server.client()).await.unwrap();
    }
    for (body, text) in [
        ("127.0.0.1:8443", "the answer is not a host name"),
        ("", "the answer is not a host name"),
        ("{}", "the answer has no `hostname`"),
    ] {
        let server =
            Server::start(move |seen, _| if seen.path() == "/v2/streaming/hostname" { answer(200, body) } else { fine(seen) });
        let error = call(&server.client()).await.unwrap_err();
        assert!(error.in_one_line().ends_with(text), "{}", error.in_one_line());
        assert_eq!(error.outcome(), Failure::Unreachable, "nothing was sent to any host that takes rows");
    }
}

#[tokio::test]
async fn no_token_goes_to_a_host_of_another_domain() {
    let server =
        Server::start(|seen, _| if seen.path() == "/v2/streaming/hostname" { answer(200, "evil.example") } else { fine(seen) });
    let error = call(&server.client()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{}` named `evil.example` as the host that takes rows, which is not of the same domain", server.address)
    );
    assert_eq!(error.outcome(), Failure::Misconfigured);
    assert_eq!(server.count("/oauth/token"), 0);
}

#[tokio::test]
async fn the_answer_for_the_token_is_taken_in_every_documented_form() {
    let token = scoped_token(3600);
    for body in [
        token.clone(),
        format!("{token}\n"),
        format!(r#"{{"token":"{token}"}}"#),
        format!(r#"{{"access_token":"{token}"}}"#),
        "opaque".to_owned(),
    ] {
        let answered = body.clone();
        let server =
            Server::start(move |seen, _| if seen.path() == "/oauth/token" { answer(200, answered.clone()) } else { fine(seen) });
        call(&server.client()).await.unwrap();
        let expected = if body == "opaque" { "opaque" } else { &token };
        assert_eq!(server.calls()[0].header("authorization"), Some(format!("Bearer {expected}").as_str()));
    }
    for body in ["", "two words", "{}"] {
        let server = Server::start(move |seen, _| if seen.path() == "/oauth/token" { answer(200, body) } else { fine(seen) });
        assert_eq!(call(&server.client()).await.unwrap_err().outcome(), Failure::Unreachable);
    }
}
