use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::*;
use crate::converter::JSON;
use crate::plugins::SINK_V4;
use crate::validate::tests::{config, key, streaming, with};

fn plain() -> WorkerSettings {
    worker(config(&[("bootstrap.servers", "kafka-1:9092,kafka-2:9092"), ("listeners", "http://0.0.0.0:8083")])).unwrap()
}

/// The connector that people have, as they keep it in a file.
fn seed() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/connect/snowflake-sink.json");
    let text = std::fs::read_to_string(path).unwrap();
    let pem = key("pkcs8").replace('\n', "\\n");
    text.replace("@url@", "https://myorg-myacct.snowflakecomputing.com:443")
        .replace("@user@", "LOADER")
        .replace("@private_key@", &pem)
}

fn one(text: &str) -> Imported {
    let mut found = from_text(text, Some("a-file"), &plain()).unwrap();
    assert_eq!((found.sinks.len(), found.left.len()), (1, 0));
    found.sinks.remove(0)
}

fn of(config: &ConfigMap) -> Imported {
    one(&serde_json::to_string(config).unwrap())
}

/// The table as `snowgate import` prints it; `SNOWGATE_SNAPSHOTS=write` accepts a new one.
#[track_caller]
fn assert_table(imported: &Imported, name: &str) {
    let path = format!("{}/../../tests/fixtures/connect/import/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = imported.report.to_string();
    if std::env::var("SNOWGATE_SNAPSHOTS").is_ok_and(|word| word == "write") {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap_or_default(), "{path}");
    assert!(text.lines().all(|line| line.chars().count() <= 100 && !line.contains("MII")), "{text}");
}

fn fate(imported: &Imported, key: &str) -> report::Fate {
    imported.report.rows().iter().find(|row| row.key == key).unwrap_or_else(|| panic!("{key}")).fate
}

#[test]
fn the_first_users_connector_is_taken_as_it_is() {
    let imported = one(&seed());
    assert!(imported.report.is_taken());
    assert_table(&imported, "seed");
}

#[test]
fn a_connector_of_version_4_is_taken_with_its_own_names_for_channels() {
    let pairs = [
        ("connector.class", SINK_V4),
        ("snowflake.ingestion.method", "-"),
        ("snowflake.enable.schematization", "true"),
        ("jmx", "true"),
    ];
    assert_table(&of(&with(streaming(), &pairs)), "version-4");
}

#[test]
fn transforms_and_what_they_need_are_kept() {
    let pairs = [
        ("topics", "-"),
        ("topics.regex", "orders-.*"),
        ("transforms", "route,ts"),
        ("transforms.route.type", "org.apache.kafka.connect.transforms.RegexRouter"),
        ("transforms.route.regex", "orders-(.*)"),
        ("transforms.route.replacement", "$1"),
        ("transforms.ts.type", "org.apache.kafka.connect.transforms.InsertField$Value"),
        ("transforms.ts.timestamp.field", "ts"),
        ("transforms.ts.predicate", "p"),
        ("predicates", "p"),
        ("predicates.p.type", "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"),
        ("consumer.override.max.poll.records", "100"),
        ("consumer.override.fetch.min.bytes", "1000"),
    ];
    let imported = of(&with(streaming(), &pairs));
    assert!(imported.report.is_taken());
    assert_table(&imported, "transforms");
}

#[test]
fn a_key_that_nobody_has_is_unknown_with_the_one_that_was_meant() {
    let pairs = [("snowflake.metadata.topics", "true"), ("my.team", "blue"), ("snowflake.streaming.metrics.prometheus.port", "1")];
    assert_table(&of(&with(streaming(), &pairs)), "unknown-keys");
}

#[test]
fn what_has_to_change_comes_first_and_in_the_words_of_the_refusal() {
    let pairs = [
        ("snowflake.authenticator", "oauth"),
        ("snowflake.role.name", "-"),
        ("value.converter", "io.confluent.connect.avro.AvroConverter"),
        ("transforms", "x"),
        ("transforms.x.type", "io.debezium.transforms.ExtractNewRecordState"),
        ("errors.tolerance", "all"),
        ("name", "orders \u{e4}"),
    ];
    let imported = of(&with(streaming(), &pairs));
    assert!(!imported.report.is_taken());
    assert_table(&imported, "refused");
}

#[test]
fn every_key_of_a_configuration_has_one_row_and_no_value_is_shown() {
    let canary = "hunter2-canary";
    let pairs = [
        ("jvm.proxy.password", canary),
        ("consumer.override.sasl.jaas.config", canary),
        ("consumer.override.max.poll.records", "many"),
    ];
    let config = with(streaming(), &pairs);
    let imported = of(&config);
    let rows: Vec<&str> = imported.report.rows().iter().map(|row| &*row.key).collect();
    for key in config.keys() {
        assert_eq!(rows.iter().filter(|row| *row == key).count(), 1, "{key}");
    }
    assert!(!format!("{imported:?} {}", imported.report).contains(canary));
    assert!(!format!("{imported:?}").contains("MII"));
}

#[test]
fn connectors_come_alone_in_lists_and_as_a_worker_tells_them() {
    let (bare, named) = (
        r#"{"connector.class": "SnowflakeSink", "tasks.max": 2}"#,
        r#"{"name": "n", "config": {"connector.class": "SnowflakeSink"}}"#,
    );
    let told = r#"{"a": {"info": {"name": "a", "config": {"connector.class": "SnowflakeSink", "name": "a"}, "tasks": []}}, "b": {"config": {"connector.class": "org.x.FileSink"}}}"#;
    let names = |text: &str| {
        let found = from_text(text, Some("file"), &plain()).unwrap();
        let sinks: Vec<String> = found.sinks.into_iter().map(|sink| sink.name).collect();
        (sinks.join(" "), found.left.into_iter().map(|left| format!("{} {}", left.name, left.class)).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(names(bare), ("file".to_owned(), String::new()));
    assert_eq!(names(&format!(" [{named}, {told}] ")), ("n a".to_owned(), "b org.x.FileSink".to_owned()));
    assert_eq!(names("{}"), (String::new(), String::new()));
    assert_eq!(one(bare).config["tasks.max"].as_deref(), Some("2"));
    assert_eq!(one(bare).config.get("name"), None, "a configuration stays as it is");
}

#[test]
fn what_is_no_configuration_is_refused_with_what_is_wanted() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    for (text, message) in [
        ("{", "this is not JSON"),
        ("7", "there is no connector in `7`"),
        (r#"["a"]"#, "there are names and no configurations"),
        (r#"{"a": {"status": {}}}"#, "`a` has no configuration"),
        (r#"{"name": "n", "config": {"topics": ["t"]}}"#, "`topics` is neither a text nor a number nor a flag"),
        (r#"[{"topics": "t"}]"#, "a connector has no name"),
        (&deep, "a list of connectors holds another list"),
    ] {
        let error = from_text(text, Some("file"), &plain()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("config")), "{text:.100}");
        assert_eq!(error.class(), ErrorClass::Config);
    }
}

#[test]
fn a_masked_secret_has_to_be_put_in_before_the_connector_is_registered() {
    let masked = of(&with(streaming(), &[("snowflake.private.key", "********")]));
    assert_eq!(fate(&masked, "snowflake.private.key"), report::Fate::Masked);
    assert!(!masked.report.is_taken());
    let error = register("http://127.0.0.1:1", &Access::default(), &masked).unwrap_err();
    assert_eq!(error.to_string(), "`snowflake.private.key` is masked: put the real text in their place first");
}

#[test]
fn a_reference_is_left_to_the_worker_and_told() {
    let imported = of(&with(streaming(), &[("snowflake.private.key", "${file:/run/sf.properties:key}")]));
    assert!(imported.report.is_taken());
    assert!(imported.report.to_string().contains("`snowflake.private.key` refer to config providers"));
}

fn table(text: &str) -> toml::Table {
    text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_first_users_connector_as_a_pipeline() {
    let text = to_toml(&one(&seed()), &plain()).unwrap();
    let expected = r#"
        [kafka]
        brokers = ["kafka-1:9092", "kafka-2:9092"]
        group = "connect-snowflake-sink"
        [snowflake]
        account = "myorg-myacct"
        url = "https://myorg-myacct.snowflakecomputing.com:443"
        user = "LOADER"
        private_key = { file = "rsa_key.p8" }
        database = "CRYPTO_DB"
        schema = "PUBLIC"
        [pipeline.snowflake-sink]
        topics = ["binance_kline"]
        tables = { binance_kline = "binance_kline" }
        rows = "content"
        on_error = "block"
        workers = 4
    "#;
    assert_eq!(table(&text), table(expected));
    assert!(!text.contains("MII"), "{text}");
}

#[test]
fn everything_that_a_pipeline_has_a_word_for_is_said() {
    let pairs = [
        ("name", "my sink"),
        ("topics", "a, b.c"),
        ("snowflake.topic2table.map", "a:T1"),
        ("snowflake.url.name", "xy12345.eu-central-1.snowflakecomputing.com"),
        ("snowflake.enable.schematization", "true"),
        ("snowflake.metadata.createtime", "false"),
        ("snowflake.private.key", "********"),
        ("snowflake.private.key.passphrase", "********"),
        ("value.converter", JSON),
        ("value.converter.schemas.enable", "false"),
        ("behavior.on.null.values", "ignore"),
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "dead"),
        ("buffer.size.bytes", "1000000"),
        ("consumer.override.auto.offset.reset", "latest"),
        ("consumer.override.group.id", "g"),
    ];
    let mut worker = plain();
    let login = [("security.protocol", "sasl_ssl"), ("sasl.password", "hunter2-canary"), ("ssl.key.location", "client.key")];
    worker.client = login.map(|(name, value)| (name.to_owned(), value.into())).to_vec();
    let text = to_toml(&of(&with(streaming(), &pairs)), &worker).unwrap();
    let expected = r#"
        [kafka]
        brokers = ["kafka-1:9092", "kafka-2:9092"]
        group = "g"
        start = "latest"
        [kafka.properties]
        "security.protocol" = "sasl_ssl"
        "sasl.password" = { file = "sasl-password" }
        "ssl.key.location" = "client.key"
        [snowflake]
        account = "xy12345.eu-central-1"
        user = "LOADER"
        private_key = { file = "rsa_key.p8" }
        private_key_passphrase = { file = "rsa_key.passphrase" }
        role = "LOADER"
        database = "DB"
        schema = "PUBLIC"
        [pipeline.my_sink]
        topics = ["a", "b.c"]
        tables = { a = "T1" }
        rows = "columns"
        metadata = { create_time = false }
        body = "1000000B"
        on_tombstone = "drop"
        dead_letter_topic = "dead"
        workers = 1
    "#;
    assert_eq!(table(&text), table(expected));
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains("SnowflakeConnectorPushTime"), "what differs is said: {text}");
}

#[test]
fn a_pipeline_of_a_version_4_connector_has_its_tables_and_its_channels() {
    let of = |pairs: &[(&str, &str)]| {
        let needed = [
            ("connector.class", SINK_V4),
            ("snowflake.ingestion.method", "-"),
            ("snowflake.url.name", "myorg-myacct.snowflakecomputing.com"),
            ("snowflake.validation", "server_side"),
            ("topics", "a,b.c"),
            ("snowflake.topic2table.map", "a:T1"),
        ];
        let text = to_toml(&of(&with(streaming(), &[&needed, pairs].concat())), &plain()).unwrap();
        assert!(text.contains("SnowflakeConnectorPushTime"), "what differs is said: {text}");
        table(&text)["pipeline"].as_table().unwrap().values().next().unwrap().clone()
    };
    let exact = of(&[("snowflake.streaming.validate.compatibility.with.classic", "false")]);
    assert_eq!(exact["channel_prefix"].as_str(), Some("sink_"));
    assert_eq!((exact["tables"]["a"].as_str(), exact["tables"]["b.c"].as_str()), (Some("T1"), Some("\"b.c\"")));
    let classic = of(&[("snowflake.compatibility.enable.autogenerated.table.name.sanitization", "true")]);
    assert_eq!(classic["channel_prefix"].as_str(), Some("sink_"));
    assert_eq!(
        classic["tables"].as_table().unwrap().keys().collect::<Vec<_>>(),
        ["a"],
        "the others are called as a pipeline calls them"
    );
}

#[test]
fn what_a_pipeline_cannot_say_is_a_reason_to_register_the_connector() {
    let reasons = |pairs: &[(&str, &str)]| to_toml(&of(&with(streaming(), pairs)), &plain()).unwrap_err().join("\n");
    let json = [("value.converter", JSON), ("value.converter.schemas.enable", "true")];
    let router = [
        ("transforms", "r"),
        ("transforms.r.type", "org.apache.kafka.connect.transforms.RegexRouter"),
        ("transforms.r.regex", "a"),
        ("transforms.r.replacement", "b"),
    ];
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&router, "`transforms` r"),
        (&json, "`value.converter`"),
        (&[("key.converter", "org.apache.kafka.connect.converters.LongConverter")], "`key.converter`"),
        (&[("topics", "-"), ("topics.regex", "a.*")], "`topics.regex`"),
        (&[("errors.tolerance", "all")], "`errors.tolerance=all` without"),
        (&[("jvm.proxy.host", "p"), ("jvm.proxy.port", "1")], "`jvm.proxy.host`"),
        (&[("snowflake.database.name", "${env:DB}")], "`snowflake.database.name` refers to"),
        (&[("snowflake.url.name", "acct.region.snowflakecomputing.com")], "`snowflake.url.name` does not show"),
        (&[("snowflake.role.name", "-")], "snowflake.role.name should be present"),
    ];
    for (pairs, reason) in cases {
        let all = reasons(&[&[("snowflake.url.name", "myorg-myacct.snowflakecomputing.com")], pairs].concat());
        assert!(all.contains(reason) && all.ends_with(native_advice()), "{all}");
        assert_eq!(all.lines().count(), 2, "{all}");
    }
}

fn native_advice() -> &'static str {
    "register the connector by REST instead (`--register URL`): there it does as before"
}

#[test]
fn a_text_with_anything_in_it_is_a_text_in_toml() {
    let user = "a\"b\\c\nline\ttab \u{7f}\u{1}\u{e9}\u{1f600}";
    let pairs = [("snowflake.url.name", "myorg-myacct.snowflakecomputing.com"), ("snowflake.user.name", user)];
    let text = to_toml(&of(&with(streaming(), &pairs)), &plain()).unwrap();
    assert_eq!(table(&text)["snowflake"]["user"].as_str(), Some(user));
}

/// Answers one request with `status` and `body`, and returns the request.
fn serve(status: &'static str, body: String) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        let is_whole = |request: &[u8]| {
            let text = String::from_utf8_lossy(request).to_lowercase();
            let Some((head, rest)) = text.split_once("\r\n\r\n") else { return false };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            rest.len() >= length
        };
        while !is_whole(&request) {
            let count = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..count]);
        }
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (host, served)
}

fn access(login: &str) -> Access {
    Access::default().with_login(login).unwrap()
}

#[test]
fn a_worker_is_asked_for_all_or_for_one_and_with_the_login() {
    let all = r#"{"a": {"info": {"config": {"connector.class": "SnowflakeSink"}}}}"#;
    for (written, asked, login, sent) in [
        // me:p@ss
        ("", "/connectors?expand=info", "me:p@ss\n", "authorization: basic bwu6cebzcw=="),
        ("/", "/connectors?expand=info", "bearer  me:TOKEN ", "authorization: bearer me:token"),
        ("/connectors/", "/connectors?expand=info", "Bearer TOKEN", "authorization: bearer token"),
        ("/connectors/a%20b", "/connectors/a%20b", "me:p@ss", "authorization: basic bwu6cebzcw=="),
    ] {
        let (host, served) = serve("200 OK", all.to_owned());
        let found = read(&format!("http://{host}{written}"), &access(login), &plain()).unwrap();
        assert_eq!(found.sinks[0].name, "a");
        let request = served.join().unwrap();
        assert!(request.starts_with(&format!("GET {asked} HTTP/1.1")), "{request}");
        assert!(request.to_lowercase().contains(sent), "{request}");
    }
}

#[test]
fn a_login_is_of_either_form_and_is_shown_to_nobody() {
    for login in ["", "TOKEN", "Bearer", "me:two\nlines"] {
        let error = Access::default().with_login(login).unwrap_err();
        assert_eq!(error.to_string(), "a login is `USER:PASSWORD`, or a token behind `Bearer`", "{login}");
    }
    assert!(!format!("{:?}", access("me:hunter2")).contains("hunter2"));
    let error = read("http://me:hunter2@connect:8083", &Access::default(), &plain()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`http://connect:8083` cannot be asked: it holds a login, which every other user of the machine sees"
    );
    assert!(!format!("{error:?}").contains("hunter2") && error.hint().unwrap().contains("--login FILE"));
}

/// As [`serve`], over TLS with a certificate of its own; gives the certificate, too.
fn serve_tls(status: &'static str, body: String) -> (String, String, thread::JoinHandle<()>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("localhost:{}", listener.local_addr().unwrap().port());
    let served = thread::spawn(move || {
        let connection = rustls::ServerConnection::new(std::sync::Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, listener.accept().unwrap().0);
        let mut buffer = [0; 4096];
        // Who does not trust the certificate hangs up.
        if stream.read(&mut buffer).is_ok() {
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        }
    });
    (host, made.cert.pem(), served)
}

#[test]
fn a_worker_with_a_certificate_is_asked_where_its_authority_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let (host, certificate, served) = serve_tls("200 OK", seed());
    std::fs::write(&file, certificate).unwrap();
    let trusting = Access::default().with_authorities(&file).unwrap();
    assert_eq!(read(&format!("https://{host}"), &trusting, &plain()).unwrap().sinks.len(), 1);
    served.join().unwrap();
    // Another worker, whose certificate is not of that authority.
    let (host, _, served) = serve_tls("200 OK", seed());
    let error = read(&format!("https://{host}"), &trusting, &plain()).unwrap_err();
    served.join().unwrap();
    assert!(matches!(error, ImportError::Unreachable { .. }) && error.hint().unwrap().contains("--ca FILE"), "{error:?}");
    std::fs::write(&file, "no certificate").unwrap();
    assert!(matches!(Access::default().with_authorities(&file), Err(ImportError::Authorities { .. })));
}

#[test]
fn a_connector_is_registered_as_it_was_given() {
    let imported = one(&seed());
    let (host, served) = serve("201 Created", "{}".to_owned());
    register(&format!("http://{host}/connectors"), &access("Bearer TOKEN"), &imported).unwrap();
    let request = served.join().unwrap();
    assert!(request.starts_with("POST /connectors HTTP/1.1"), "{request}");
    assert!(request.to_lowercase().contains("authorization: bearer token"), "{request}");
    let body: serde_json::Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body, serde_json::from_str::<serde_json::Value>(&seed()).unwrap());
}

#[test]
fn a_refusal_is_told_in_the_workers_words_and_a_redirect_is_not_followed() {
    let refused = |status, body: &str| {
        let (host, served) = serve(status, body.to_owned());
        let error = register(&format!("http://{host}"), &access("me:hunter2"), &one(&seed())).unwrap_err();
        served.join().unwrap();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        (error.class(), error.to_string().replace(&host, "HOST"))
    };
    assert_eq!(
        refused("409 Conflict", r#"{"error_code": 409, "message": "Connector c already exists"}"#),
        (ErrorClass::Config, "`http://HOST/connectors` answered 409: Connector c already exists".to_owned())
    );
    let (_, told) = refused("400 Bad Request", r#"{"message": "one\n\u001b]0;two\u0007"}"#);
    assert_eq!(told, "`http://HOST/connectors` answered 400: one\n]0;two", "nothing of it is for the terminal itself");
    assert_eq!(refused("302 Found", "").1, "`http://HOST/connectors` answered 302: ");
    assert_eq!(refused("500 Oops", "<html>").0, ErrorClass::Fatal);
}

#[test]
fn what_cannot_be_asked_says_what_to_do() {
    let read = |source: &str| read(source, &Access::default(), &plain());
    let error = read("ftp://connect:8083/connectors").unwrap_err();
    assert_eq!(error.to_string(), "`ftp://connect:8083` cannot be asked: only `http://` and `https://` are spoken here");
    // Port 0 takes no connection.
    let error = read("https://127.0.0.1:0").unwrap_err();
    assert_eq!(error.hint(), None);
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(matches!(read("/nowhere/at/all.json").unwrap_err(), ImportError::File { .. }));
}
