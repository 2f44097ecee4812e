//! What the file and the variables say of the collector, and how far it is trusted.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use opentelemetry::trace::Tracer as _;

use super::*;
use crate::traces::Traces;

type Variables<'a> = &'a [(&'a str, &'a str)];

fn said(variables: Variables<'_>) -> impl Fn(&str) -> Option<String> + Copy {
    |name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

#[test]
fn the_file_or_a_variable_names_the_collector_and_a_variable_turns_it_off() {
    let with = |otlp: Option<&str>, variables: Variables<'_>| address(otlp, said(variables));
    let (file, variable) = (Some("http://file:4318"), (ENDPOINT, "http://variable:4318"));
    assert_eq!(with(None, &[]), None);
    assert_eq!(with(file, &[variable]).as_deref(), file);
    assert_eq!(with(None, &[variable]).as_deref(), Some("http://variable:4318"));
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces/path");
    assert_eq!(with(None, &[variable, traces]).as_deref(), Some("https://traces/path"));
    assert_eq!(with(file, &[("OTEL_SDK_DISABLED", "TRUE")]), None);
    assert_eq!(with(file, &[("OTEL_TRACES_EXPORTER", "none")]), None);
    assert_eq!(with(file, &[("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_SDK_DISABLED", "false")]).as_deref(), file);
}

#[test]
fn traces_go_below_the_collectors_address() {
    for otlp in ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces", "http://c:4318/v1/traces/"] {
        assert_eq!(endpoint(otlp), "http://c:4318/v1/traces");
    }
    assert_eq!(endpoint("https://c/otlp"), "https://c/otlp/v1/traces");
}

#[test]
fn a_login_in_the_address_is_refused_and_not_shown() {
    for address in ["https://user:CANARY@host:4318/path", "user:CANARY@host:4318"] {
        let refused = Collector::of(None, said(&[(ENDPOINT, address)])).unwrap_err();
        let text = format!("{refused} {refused:?}");
        assert!(text.contains("`OTEL_EXPORTER_OTLP_ENDPOINT` holds a login") && !text.contains("CANARY"), "{text}");
    }
}

#[test]
fn a_number_that_would_take_all_memory_or_wait_for_ever_is_refused() {
    let of = |variable: &str, number: &str| Collector::of(Some("http://c:4318"), said(&[(variable, number)]));
    for (variable, number, range) in [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "18446744073709551615", "1 to 65536"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "1 to 65536"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "65537", "1 to 65536"),
        ("OTEL_BSP_SCHEDULE_DELAY", "5s", "1 to 3600000"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1", "1 to 3600000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "1 to 3600000"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "4294967295", "0 to 65536"),
    ] {
        let expected = format!("`{variable}` is `{number}`, no whole number from {range}");
        assert_eq!(of(variable, number).unwrap_err().to_string(), expected);
    }
    assert_eq!(of("OTEL_BSP_MAX_QUEUE_SIZE", "65536").unwrap().unwrap().queue_spans, 65_536);
    assert_eq!(of("OTEL_BSP_SCHEDULE_DELAY", "1").unwrap().unwrap().queue_spans, QUEUE_SPANS);
    assert!(
        Collector::of(None, said(&[("OTEL_BSP_MAX_QUEUE_SIZE", "0")])).unwrap().is_none(),
        "without traces nothing is at stake"
    );
}

/// A collector that takes one request, over TLS with a certificate of its own: its address, the certificate, and what it was sent.
fn collector() -> (String, String, thread::JoinHandle<String>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let taken = thread::spawn(move || {
        let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, listener.accept().unwrap().0);
        let mut buffer = [0; 4096];
        // Who does not trust the certificate hangs up.
        let Ok(bytes) = stream.read(&mut buffer) else { return String::new() };
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8_lossy(&buffer[..bytes]).into_owned()
    });
    (address, made.cert.pem(), taken)
}

/// Sends one span; gives how many were lost.
fn lost(address: &str, certificate: Option<&str>) -> u64 {
    let traces = Traces::start(Some(address), |name| certificate.filter(|_| name == CERTIFICATES[1]).map(str::to_owned));
    let traces = traces.unwrap().unwrap();
    drop(traces.tracer().start("span"));
    traces.finish(Duration::from_secs(20));
    traces.lost()
}

#[test]
fn a_collector_is_trusted_where_the_variable_names_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let (address, certificate, taken) = collector();
    std::fs::write(&file, certificate).unwrap();
    assert_eq!(lost(&address, file.to_str()), 0);
    let request = taken.join().unwrap();
    assert!(request.starts_with("POST /v1/traces HTTP/1.1"), "{request}");
    let (address, _, taken) = collector();
    assert_eq!(lost(&address, None), 1, "the system does not know this one");
    assert_eq!(taken.join().unwrap(), "");
}

#[test]
fn a_file_without_a_certificate_is_refused_by_its_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display().to_string();
    let of = |file: &str| Collector::of(Some("https://c"), said(&[(CERTIFICATES[0], file)])).unwrap_err().to_string();
    let expected = format!("`{path}`, which `OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE` names, holds no certificate in PEM form");
    assert_eq!(of(&path), expected);
    assert!(of("no such file").contains("could not be read"));
}
