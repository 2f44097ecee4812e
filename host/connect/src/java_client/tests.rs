use std::collections::BTreeSet;

use secrecy::ExposeSecret;

use super::table::{Client, Handling, ROWS};
use super::{Note, common, consumer, group, notes, producer, start};
use crate::config_def::{ConfigMap, Kind};
use crate::settings::Start;

fn config(pairs: &[(&str, &str)]) -> ConfigMap {
    pairs.iter().map(|(key, value)| (key.to_string(), Some(value.to_string()))).collect()
}

type Translated = Result<Vec<(String, secrecy::SecretString)>, Vec<crate::config_def::ConfigError>>;

/// `name=value` of each property, or `! message` of each error.
fn shown(translated: Translated) -> Vec<String> {
    match translated {
        Ok(properties) => properties.iter().map(|(name, value)| format!("{name}={}", value.expose_secret())).collect(),
        Err(errors) => errors.iter().map(|error| format!("! {error}")).collect(),
    }
}

fn consumer_of(pairs: &[(&str, &str)]) -> Vec<String> {
    shown(consumer(&config(pairs)))
}

/// A value that Java takes, for a row.
fn sample(name: &str, kind: Kind, one_of: &[&str]) -> String {
    if let Some(value) = one_of.first() {
        return value.to_string();
    }
    match name {
        "sasl.mechanism" => "PLAIN",
        "sasl.jaas.config" => "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p\";",
        "ssl.endpoint.identification.algorithm" => "https",
        "auto.offset.reset" => "latest",
        "partition.assignment.strategy" => "org.apache.kafka.clients.consumer.RangeAssignor",
        "ssl.truststore.location" | "ssl.keystore.location" => "/s/store.pem",
        "ssl.truststore.type" | "ssl.keystore.type" => "PEM",
        _ => match kind {
            Kind::Boolean => "true",
            Kind::Int | Kind::Long | Kind::Short => "2048",
            Kind::Double => "0.5",
            _ => "text",
        },
    }
    .to_owned()
}

#[test]
fn every_row_does_what_it_says() {
    for row in ROWS {
        let value = sample(row.name, row.kind, row.one_of);
        let one = config(&[(row.name, &value)]);
        let of = if row.client == Client::Producer { producer(&one) } else { consumer(&one) };
        let given = shown(of);
        let noted = !notes(&one).is_empty();
        match row.handling {
            Handling::Same => assert_eq!(given, [format!("{}={value}", row.name)]),
            Handling::Renamed(name) => assert_eq!(given, [format!("{name}={value}")]),
            Handling::NotNeeded(_) | Handling::Owned(_) => assert!(given.is_empty() && noted, "{}", row.name),
            Handling::Translated(_) | Handling::Stores => {
                assert!(!noted && given.iter().all(|property| !property.starts_with('!')), "{} {given:?}", row.name);
            }
        }
        let in_common = shown(common(&one));
        assert!(row.client == Client::Any || in_common.is_empty(), "{}", row.name);
    }
}

#[test]
fn no_property_stands_twice_in_the_table() {
    let names: BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), ROWS.len());
}

#[test]
fn every_value_that_does_not_parse_is_refused_in_kafkas_words() {
    for row in ROWS {
        let (value, why) = match row.kind {
            Kind::Int => ("many", "Not a number of type INT"),
            Kind::Long => ("many", "Not a number of type LONG"),
            Kind::Short => ("many", "Not a number of type SHORT"),
            Kind::Double => ("many", "Not a number of type DOUBLE"),
            Kind::Boolean => ("many", "Expected value to be either true or false"),
            _ => continue,
        };
        let one = config(&[(row.name, value)]);
        let of = if row.client == Client::Producer { producer(&one) } else { consumer(&one) };
        assert_eq!(shown(of), [format!("! Invalid value many for configuration {}: {why}", row.name)]);
    }
    assert_eq!(
        consumer_of(&[("max.poll.records", "0"), ("isolation.level", "none")]),
        [
            "! Invalid value 0 for configuration max.poll.records: Value must be at least 1",
            "! Invalid value none for configuration isolation.level: String must be one of: read_committed, read_uncommitted",
        ]
    );
}

#[test]
fn values_are_translated_where_librdkafka_has_other_ones() {
    for (client, key, value, expected) in [
        ("c", "security.protocol", "SASL_SSL", "security.protocol=sasl_ssl"),
        ("c", "send.buffer.bytes", "-1", "socket.send.buffer.bytes=0"),
        ("c", "receive.buffer.bytes", "65536", "socket.receive.buffer.bytes=65536"),
        ("c", "ssl.endpoint.identification.algorithm", "", "ssl.endpoint.identification.algorithm=none"),
        ("c", "ssl.endpoint.identification.algorithm", "HTTPS", "ssl.endpoint.identification.algorithm=https"),
        ("c", "fetch.max.wait.ms", " 250 ", "fetch.wait.max.ms=250"),
        ("c", "fetch.min.bytes", "0", "fetch.min.bytes=1"),
        ("c", "request.timeout.ms", "40000", "socket.timeout.ms=40000"),
        (
            "c",
            "partition.assignment.strategy",
            "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
            "partition.assignment.strategy=cooperative-sticky",
        ),
        (
            "c",
            "partition.assignment.strategy",
            "org.apache.kafka.clients.consumer.RangeAssignor, org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
            "partition.assignment.strategy=range",
        ),
        ("p", "buffer.memory", "33554432", "queue.buffering.max.kbytes=32768"),
        ("p", "buffer.memory", "0", "queue.buffering.max.kbytes=1"),
        ("p", "max.request.size", "2000000", "message.max.bytes=2000000"),
        ("p", "batch.size", "0", "batch.size=1"),
    ] {
        let one = config(&[(key, value)]);
        assert_eq!(shown(if client == "c" { consumer(&one) } else { producer(&one) }), [expected], "{key}={value}");
    }
}

#[test]
fn the_login_module_gives_user_and_password() {
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required\n  username=\"me\"\n  password=\"p\\\"a;s s\" ;";
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required serviceName=x username='me' password=word;";
    assert_eq!(consumer_of(&[("sasl.jaas.config", plain)]), ["sasl.username=me", "sasl.password=p\"a;s s"]);
    assert_eq!(consumer_of(&[("sasl.jaas.config", scram)]), ["sasl.username=me", "sasl.password=word"]);
}

#[test]
fn an_error_about_a_login_never_shows_it() {
    for jaas in [
        "com.sun.security.auth.module.Krb5LoginModule required password=\"canary\";",
        "org.apache.kafka.common.security.plain.PlainLoginModule required password=\"canary\";",
        "canary",
        "",
    ] {
        let errors = consumer_of(&[("sasl.jaas.config", jaas)]);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].starts_with("! Invalid value [hidden] for configuration sasl.jaas.config: "), "{errors:?}");
    }
}

#[test]
fn a_mechanism_that_is_not_built_in_is_refused_with_those_that_are() {
    for mechanism in ["GSSAPI", "OAUTHBEARER", "AWS_MSK_IAM"] {
        let errors = consumer_of(&[("sasl.mechanism", mechanism)]);
        assert!(errors[0].contains("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"), "{errors:?}");
    }
}

#[test]
fn stores_become_files_or_texts_by_their_type() {
    for (pairs, expected) in [
        (vec![("ssl.truststore.location", "/s/ca.pem"), ("ssl.truststore.type", "PEM")], vec!["ssl.ca.location=/s/ca.pem"]),
        (vec![("ssl.truststore.location", "/s/ca.crt")], vec!["ssl.ca.location=/s/ca.crt"]),
        (vec![("ssl.truststore.certificates", "-----BEGIN"), ("ssl.truststore.type", "PEM")], vec!["ssl.ca.pem=-----BEGIN"]),
        (
            vec![("ssl.keystore.location", "/s/k"), ("ssl.keystore.type", "PEM"), ("ssl.key.password", "w")],
            vec!["ssl.certificate.location=/s/k", "ssl.key.location=/s/k", "ssl.key.password=w"],
        ),
        (
            vec![("ssl.keystore.location", "/s/k.p12"), ("ssl.keystore.password", "w"), ("ssl.key.password", "w")],
            vec!["ssl.keystore.location=/s/k.p12", "ssl.keystore.password=w"],
        ),
        (
            vec![("ssl.keystore.type", "PEM"), ("ssl.keystore.certificate.chain", "C"), ("ssl.keystore.key", "K")],
            vec!["ssl.certificate.pem=C", "ssl.key.pem=K"],
        ),
    ] {
        assert_eq!(consumer_of(&pairs), expected);
    }
}

#[test]
fn java_keystores_are_refused_with_the_command_that_converts_them() {
    let errors = consumer_of(&[
        ("ssl.truststore.location", "/s/trust.jks"),
        ("ssl.truststore.password", "canary"),
        ("ssl.keystore.location", "/s/key.jks"),
        ("ssl.keystore.password", "canary"),
    ]);
    assert_eq!(errors.len(), 2);
    assert!(errors[0].contains("keytool -exportcert") && errors[1].contains("keytool -importkeystore"), "{errors:?}");
    assert!(errors.iter().all(|error| !error.contains("canary")));
}

#[test]
fn where_to_start_and_the_group_stand_apart() {
    assert_eq!(start(&config(&[("auto.offset.reset", "Latest")])), Some(Start::Latest));
    assert_eq!(start(&config(&[("auto.offset.reset", "earliest")])), Some(Start::Earliest));
    assert_eq!(start(&config(&[])), None);
    assert_eq!(group(&config(&[("group.id", "mine")])), Some("mine".to_owned()));
    assert_eq!(consumer_of(&[("auto.offset.reset", "latest"), ("group.id", "mine")]), Vec::<String>::new());
    let refused = consumer_of(&[("auto.offset.reset", "none")]);
    assert!(refused[0].starts_with("! Invalid value none for configuration auto.offset.reset: it must be earliest or latest"));
}

#[test]
fn what_does_nothing_is_left_out_and_told() {
    let pairs = [("max.poll.records", "10"), ("no.such.key", "1"), ("metrics.reporter.x", "1"), ("fetch.min.bytes", "5")];
    assert_eq!(consumer_of(&pairs), ["fetch.min.bytes=5"]);
    let note = |key: &str, reason| Note { key: key.to_owned(), reason };
    assert_eq!(
        notes(&config(&pairs)),
        [
            note("max.poll.records", "batches are bounded in bytes, not in records"),
            note("no.such.key", "no client property is called so; the original ignores it too"),
            note("metrics.reporter.x", "settings of classes that are not used here"),
        ]
    );
}
