use secrecy::ExposeSecret as _;

use super::{KeyError, read};

fn fixture(name: &str) -> String {
    let path = format!("{}/../../tests/fixtures/connect/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn bare(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

#[test]
fn every_form_of_one_key_becomes_the_same_pkcs8_pem() {
    let (pkcs8, pkcs1) = (fixture("pkcs8"), fixture("pkcs1"));
    let forms = [
        bare(&pkcs8),
        pkcs8.replace('\n', "\r\n"),
        pkcs8.replace('\n', "\\n"),
        pkcs8.replace('\n', " "),
        pkcs1.clone(),
        bare(&pkcs1),
    ];
    for form in forms {
        assert_eq!(read(&form, None).unwrap().expose_secret(), pkcs8);
    }
}

#[test]
fn an_encrypted_key_stays_encrypted() {
    for cipher in ["encrypted", "encrypted_3des"] {
        let pem = fixture(cipher);
        assert_eq!(read(&pem, Some("secret")).unwrap().expose_secret(), pem);
        assert_eq!(read(&bare(&pem), Some("secret")).unwrap().expose_secret(), pem);
    }
}

#[test]
fn what_is_no_rsa_private_key_is_refused_for_what_it_is() {
    for (text, passphrase, error) in [
        (fixture("ec"), None, KeyError::NotRsa),
        (fixture("public"), None, KeyError::NotRsa),
        ("not a key".to_owned(), None, KeyError::NotRsa),
        ("aGVsbG8gd29ybGQ=".to_owned(), None, KeyError::NotRsa),
        (fixture("encrypted"), None, KeyError::NotRsa),
        (fixture("encrypted"), Some("wrong"), KeyError::NotOpened),
        (fixture("pkcs8"), Some("secret"), KeyError::NotOpened),
        (fixture("encrypted_3des"), Some("wrong"), KeyError::NotOpened),
        (fixture("encrypted_aria"), Some("secret"), KeyError::Cipher),
        (fixture("short"), None, KeyError::TooShort),
    ] {
        assert_eq!(read(&text, passphrase).unwrap_err(), error, "{}", text.lines().next().unwrap());
    }
}
