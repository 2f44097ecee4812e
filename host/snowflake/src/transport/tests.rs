use std::io::Write;
use std::sync::Arc;

use crate::client::Client;
use crate::error::Failure;
use crate::testing::{self, Server, answer, fixture, private_file};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// An authority, and a server's certificate for `name` signed by it.
fn certificates(name: &str) -> (String, Arc<rustls::ServerConfig>) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    (authority.pem(), Arc::new(config))
}

fn client(url: &str, ca: Option<&str>) -> Client {
    let dir = tempfile::tempdir().unwrap();
    private_file(&dir, "rsa_key.p8", fixture("key_pkcs8.pem").as_bytes());
    let mut config = testing::config(url);
    config.tls_ca = ca.map(|pem| private_file(&dir, "ca.pem", pem.as_bytes()));
    Client::new(Arc::new(config.resolve(dir.path()).unwrap())).unwrap()
}

const RESULT: &str = r#"{"resultSetMetaData":{"rowType":[]},"data":[]}"#;

#[tokio::test]
async fn a_named_authority_is_trusted() {
    let (ca, config) = certificates("127.0.0.1");
    let server = Server::start_tls(config, |_, _| answer(200, RESULT));
    client(&server.url(), Some(&ca)).execute("x").await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_gets_nothing() {
    let (ca, config) = certificates("127.0.0.1");
    let (other_ca, other_name) = certificates("example.com");
    let server = Server::start_tls(config, |_, _| answer(200, RESULT));
    let misnamed = Server::start_tls(other_name, |_, _| answer(200, RESULT));
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_url = format!("https://{}", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in plain.incoming() {
            socket.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    for (url, ca) in
        [(server.url(), None), (server.url(), Some(&other_ca)), (misnamed.url(), Some(&other_ca)), (plain_url, Some(&ca))]
    {
        let error = client(&url, ca.map(String::as_str)).execute("x").await.unwrap_err();
        assert_eq!(error.outcome(), Failure::Tls, "{}", error.in_one_line());
        let hint = "check `url`; if a proxy or stand-in signs with its own authority, name that certificate in `tls_ca`";
        assert_eq!(error.hint().unwrap(), hint);
    }
    assert_eq!((server.seen().len(), misnamed.seen().len()), (0, 0));
}
