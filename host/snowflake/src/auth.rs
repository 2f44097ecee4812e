//! The key pair that a service user logs in with, and the login token signed by it.
//!
//! Snowflake knows a key by the SHA-256 of its public half, the *fingerprint*. A login token is a JWT that names account, user and
//! fingerprint and is signed RS256. Snowflake may refuse one that is older than a minute, so none is kept: every login signs anew.
//!
//! What must stay true: neither the key nor a token is part of any `Debug` or error text, and a key that Snowflake would refuse is
//! refused here first, with what to do about it.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::AnyRef;
use pkcs8::der::{Decode, SliceReader, Tag, Tagged};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::Serialize;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Snowflake allows an hour; a minute less keeps rounding on either side from making it more.
const LOGIN_TOKEN_SECONDS: i64 = 59 * 60;

/// Why a text is not a key that Snowflake takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the key is in PKCS#1 form (`BEGIN RSA PRIVATE KEY`), not in PKCS#8 form")]
    Pkcs1,
    #[error("the key is an elliptic curve key, not an RSA key")]
    EllipticCurve,
    #[error("the key is not an RSA key")]
    NotRsa,
    #[error("the key is in OpenSSH form, not in PKCS#8 form")]
    OpenSsh,
    #[error("this is a public key or a certificate, not a private key")]
    Public,
    #[error("this is not a private key in PKCS#8 form")]
    NotAKey,
    #[error("the RSA key is shorter than 2048 bits")]
    TooShort,
    #[error("the RSA key is damaged")]
    Damaged,
    #[error("the key is encrypted and no passphrase is given")]
    PassphraseMissing,
    #[error("the passphrase does not open the key")]
    PassphraseWrong,
    #[error("the key is encrypted with a cipher that is not supported")]
    Cipher,
}

impl KeyError {
    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            KeyError::Pkcs1 => "convert it: `openssl pkcs8 -topk8 -nocrypt -in OLD.pem -out rsa_key.p8`",
            KeyError::OpenSsh => "convert it: `ssh-keygen -p -m PKCS8 -f KEY`",
            KeyError::EllipticCurve | KeyError::NotRsa | KeyError::NotAKey | KeyError::TooShort | KeyError::Damaged => {
                "make one: `openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt -out rsa_key.p8`"
            }
            KeyError::Public => "name the file that holds the private half, the one that begins with `BEGIN PRIVATE KEY`",
            KeyError::PassphraseMissing => "set `private_key_passphrase`",
            KeyError::PassphraseWrong => "check `private_key_passphrase`",
            KeyError::Cipher => "encrypt it anew: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD.p8 -out rsa_key.p8`",
        }
    }
}

/// An RSA key pair of at least 2048 bits.
pub struct KeyPair {
    signing: EncodingKey,
    fingerprint: String,
}

impl KeyPair {
    /// Reads a PKCS#8 key: PEM, encrypted PEM (PBES2), or the base64 of either without its BEGIN and END lines.
    pub fn from_text(text: &str, passphrase: Option<&SecretString>) -> Result<KeyPair, KeyError> {
        let (label, base64) = match text.split_once("-----BEGIN ") {
            Some((_, rest)) => {
                let (label, rest) = rest.split_once("-----").ok_or(KeyError::NotAKey)?;
                let (base64, _) = rest.split_once("-----END ").ok_or(KeyError::NotAKey)?;
                (Some(label), base64)
            }
            None => (None, text),
        };
        match label {
            None | Some("PRIVATE KEY" | "ENCRYPTED PRIVATE KEY") => {}
            Some("RSA PRIVATE KEY") => return Err(KeyError::Pkcs1),
            Some("EC PRIVATE KEY") => return Err(KeyError::EllipticCurve),
            Some("OPENSSH PRIVATE KEY") => return Err(KeyError::OpenSsh),
            Some(other) if other.ends_with("PUBLIC KEY") || other.ends_with("CERTIFICATE") => return Err(KeyError::Public),
            Some(_) => return Err(KeyError::NotAKey),
        }
        let base64 = SecretString::from(base64.split_ascii_whitespace().collect::<String>());
        let der = SecretSlice::from(STANDARD.decode(base64.expose_secret()).map_err(|_| KeyError::NotAKey)?);
        KeyPair::from_der(der.expose_secret(), passphrase)
    }

    fn from_der(der: &[u8], passphrase: Option<&SecretString>) -> Result<KeyPair, KeyError> {
        if pkcs8::PrivateKeyInfoRef::try_from(der).is_ok() {
            return KeyPair::from_pkcs8(der);
        }
        if let Ok(encrypted) = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der) {
            let passphrase = passphrase.ok_or(KeyError::PassphraseMissing)?;
            let opened = encrypted.decrypt(passphrase.expose_secret()).map_err(|error| match error {
                pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed) | pkcs8::Error::Asn1(_) => {
                    KeyError::PassphraseWrong
                }
                _ => KeyError::Cipher,
            })?;
            return KeyPair::from_pkcs8(opened.as_bytes());
        }
        Err(unread(der))
    }

    fn from_pkcs8(der: &[u8]) -> Result<KeyPair, KeyError> {
        // A wrong passphrase now and then yields bytes with valid padding: what they hold is then not a key.
        let info = pkcs8::PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::PassphraseWrong)?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => {}
            EC_PUBLIC_KEY => return Err(KeyError::EllipticCurve),
            _ => return Err(KeyError::NotRsa),
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|error| match error.to_string().as_str() {
            "TooSmall" => KeyError::TooShort,
            _ => KeyError::Damaged,
        })?;
        // What PKCS#8 wraps is the PKCS#1 form that signing asks for.
        let signing = EncodingKey::from_rsa_der(info.private_key.as_bytes());
        Ok(KeyPair { signing, fingerprint: fingerprint(&pair) })
    }

    /// `SHA256:` and the base64 of the public key's hash, as `DESC USER` shows it under `RSA_PUBLIC_KEY_FP`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A token that logs `user` of `account` in; `now` in seconds since 1970.
    pub(crate) fn login_token(&self, account: &str, user: &str, now: i64) -> SecretString {
        #[derive(Serialize)]
        struct Claims {
            iss: String,
            sub: String,
            iat: i64,
            exp: i64,
        }
        let sub = format!("{account}.{user}");
        let claims = Claims { iss: format!("{sub}.{}", self.fingerprint), sub, iat: now, exp: now + LOGIN_TOKEN_SECONDS };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.signing);
        SecretString::from(token.expect("a checked RSA key signs texts and numbers"))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

fn fingerprint(pair: &RsaKeyPair) -> String {
    let public = pair.public_key().as_der().expect("a checked RSA key has a public half");
    format!("SHA256:{}", STANDARD.encode(digest::digest(&digest::SHA256, public.as_ref())))
}

/// Names what DER bytes are when they are neither of the two PKCS#8 forms; bare base64 brings no label to tell by.
fn unread(der: &[u8]) -> KeyError {
    let first_two = || -> pkcs8::der::Result<(Tag, Tag)> {
        let outer = AnyRef::from_der(der)?;
        let mut reader = SliceReader::new(outer.value())?;
        Ok((AnyRef::decode(&mut reader)?.tag(), AnyRef::decode(&mut reader)?.tag()))
    };
    match first_two() {
        // Encryption scheme and encrypted bytes: the form is right, so the scheme is one that the reader does not know.
        Ok((Tag::Sequence, Tag::OctetString)) => KeyError::Cipher,
        // Version and modulus.
        Ok((Tag::Integer, Tag::Integer)) => KeyError::Pkcs1,
        _ => KeyError::NotAKey,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, fixture};
    use jsonwebtoken::{DecodingKey, Validation};

    fn passphrase(text: &str) -> Option<SecretString> {
        Some(SecretString::from(text))
    }

    fn refused(text: &str, passphrase: Option<SecretString>) -> KeyError {
        KeyPair::from_text(text, passphrase.as_ref()).expect_err("this key must be refused")
    }

    fn bare(pem: &str) -> String {
        pem.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    #[test]
    fn the_fingerprint_is_the_one_openssl_computes() {
        let expected = fixture("key.fingerprint");
        assert_eq!(KeyPair::from_text(&fixture("key_pkcs8.pem"), None).unwrap().fingerprint(), expected.trim());
    }

    #[test]
    fn every_form_of_one_key_is_the_same_key() {
        let plain = fixture("key_pkcs8.pem");
        let encrypted = fixture("key_aes256.pem");
        let forms = [
            (plain.clone(), None),
            (bare(&plain), None),
            (plain.replace('\n', "\r\n"), None),
            (format!("\n\n{plain}\n\n"), None),
            (encrypted.clone(), passphrase("correct horse")),
            (bare(&encrypted), passphrase("correct horse")),
            (fixture("key_3des.pem"), passphrase("correct horse")),
        ];
        let expected = fixture("key.fingerprint");
        for (text, passphrase) in forms {
            assert_eq!(KeyPair::from_text(&text, passphrase.as_ref()).unwrap().fingerprint(), expected.trim());
        }
    }

    #[test]
    fn a_key_that_snowflake_would_refuse_is_named_for_what_it_is() {
        let rsa = fixture("key_pkcs1.pem");
        for (text, passphrase, expected) in [
            (rsa.clone(), None, KeyError::Pkcs1),
            (bare(&rsa), None, KeyError::Pkcs1),
            (fixture("key_ec.pem"), None, KeyError::EllipticCurve),
            (fixture("key_ec.pem").replace("PRIVATE KEY", "EC PRIVATE KEY"), None, KeyError::EllipticCurve),
            (fixture("key_1024.pem"), None, KeyError::TooShort),
            (fixture("key_public.pem"), None, KeyError::Public),
            (fixture("key_aes256.pem"), None, KeyError::PassphraseMissing),
            (fixture("key_aes256.pem"), passphrase("wrong"), KeyError::PassphraseWrong),
            (fixture("key_3des.pem"), passphrase("wrong"), KeyError::PassphraseWrong),
            (fixture("key_aria.pem"), passphrase("correct horse"), KeyError::Cipher),
            ("not a key at all".to_owned(), None, KeyError::NotAKey),
            (String::new(), None, KeyError::NotAKey),
            ("-----BEGIN PRIVATE KEY-----\nMIIE".to_owned(), None, KeyError::NotAKey),
        ] {
            assert_eq!(refused(&text, passphrase), expected, "{}", text.lines().next().unwrap_or(""));
        }
    }

    #[test]
    fn a_login_token_is_what_another_library_verifies() {
        #[derive(serde::Deserialize)]
        struct Claims {
            iss: String,
            sub: String,
            iat: i64,
            exp: i64,
        }
        let key = KeyPair::from_text(&fixture("key_pkcs8.pem"), None).unwrap();
        let token = key.login_token("MYORG-MYACCT", "STREAMER", 1_795_447_700);
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        let public = DecodingKey::from_rsa_pem(fixture("key_public.pem").as_bytes()).unwrap();
        let read = jsonwebtoken::decode::<Claims>(token.expose_secret(), &public, &validation).unwrap();
        assert_eq!(read.header.typ.as_deref(), Some("JWT"));
        assert_eq!(read.claims.sub, "MYORG-MYACCT.STREAMER");
        assert_eq!(read.claims.iss, format!("MYORG-MYACCT.STREAMER.{}", fixture("key.fingerprint").trim()));
        assert_eq!((read.claims.iat, read.claims.exp), (1_795_447_700, 1_795_447_700 + 3540));
    }

    #[test]
    fn a_key_made_here_signs_too() {
        let key = KeyPair::from_text(&testing::new_key(), None).unwrap();
        assert_eq!(key.login_token("A-B", "U", 0).expose_secret().split('.').count(), 3);
    }

    #[test]
    fn debug_shows_the_fingerprint_and_nothing_of_the_key() {
        let pem = fixture("key_pkcs8.pem");
        let shown = format!("{:?}", KeyPair::from_text(&pem, None).unwrap());
        assert!(shown.contains("SHA256:"));
        for line in pem.lines().filter(|line| line.len() > 20) {
            assert!(!shown.contains(line));
        }
    }
}
