use super::*;
use crate::testing::{Script, Seen, Server, answer, login_answer};

fn table(name: &str) -> TableName {
    TableName { database: "MYDB".to_owned(), schema: "PUBLIC".to_owned(), table: name.to_owned() }
}

fn described(columns: &[&str]) -> Script {
    let rows: Vec<_> = columns.iter().map(|name| serde_json::json!([name, "VARIANT", "Y"])).collect();
    let kinds = ["name", "type", "null?"].map(|name| serde_json::json!({ "name": name }));
    answer(200, serde_json::json!({"resultSetMetaData": {"rowType": kinds}, "data": rows}).to_string())
}

fn missing() -> Script {
    answer(422, r#"{"code":"002003","message":"does not exist or not authorized"}"#)
}

/// Answers logins as usual and statements with `script`, which gets the statement.
fn server(script: impl Fn(&str) -> Script + Send + Sync + 'static) -> Server {
    Server::start(move |seen: &Seen, _| match seen.path() {
        "/api/v2/statements" => {
            let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
            script(body["statement"].as_str().unwrap())
        }
        _ => login_answer(seen),
    })
}

fn lines(steps: &[CheckStep]) -> Vec<String> {
    steps
        .iter()
        .map(|step| match &step.result {
            Ok(found) => format!("ok {}: {found}", step.name),
            Err(CheckError::Request(error)) => format!("failed {}: {:?}", step.name, error.outcome()),
            Err(error) => format!("failed {}: {error}", step.name),
        })
        .collect()
}

#[tokio::test]
async fn everything_is_tried_and_nothing_is_moved() {
    let server = server(|statement| match statement {
        "SHOW TABLES IN SCHEMA \"MYDB\".\"PUBLIC\" LIMIT 1" => described(&[]),
        "DESCRIBE TABLE \"MYDB\".\"PUBLIC\".\"THERE\"" => described(&["RECORD_METADATA", "RECORD_CONTENT"]),
        "DESCRIBE TABLE \"MYDB\".\"PUBLIC\".\"UNFIT\"" => described(&["ID"]),
        "DESCRIBE TABLE \"MYDB\".\"PUBLIC\".\"ABSENT\"" => missing(),
        other => panic!("not scripted: {other}"),
    });
    let tables = ["THERE", "UNFIT", "ABSENT"].map(|name| (table(name), RowMode::Content));
    assert_eq!(
        lines(&check(&server.client(), &tables).await),
        [
            "ok host that takes rows: `127.0.0.1`",
            "ok token for loading: user `STREAMER` of account `MYORG-MYACCT`",
            "ok schema `MYDB.PUBLIC`: is there",
            "ok table `MYDB.PUBLIC.THERE`: is there",
            "failed table `MYDB.PUBLIC.UNFIT`: table `MYDB.PUBLIC.UNFIT` cannot take the rows: it has no column `RECORD_METADATA`",
            "ok table `MYDB.PUBLIC.ABSENT`: will be created",
        ]
    );
    assert!(server.seen().iter().all(|seen| !seen.path().contains("/channels/")));
}

#[tokio::test]
async fn a_failed_step_does_not_keep_the_others_from_running() {
    let server = Server::start(|seen: &Seen, _| match seen.path() {
        "/v2/streaming/hostname" => answer(403, r#"{"code":"390422"}"#),
        _ => missing(),
    });
    let steps = check(&server.client(), &[(table("T"), RowMode::Columns)]).await;
    assert_eq!(
        lines(&steps),
        [
            "failed host that takes rows: Forbidden",
            "failed schema `MYDB.PUBLIC`: ObjectMissing",
            "failed table `MYDB.PUBLIC.T`: ObjectMissing",
        ]
    );
    let Err(error) = &steps[0].result else { panic!("the first step failed") };
    assert_eq!(error.hint().unwrap(), "a network policy of the account keeps this address out: add it there");
}
