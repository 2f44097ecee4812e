//! Who may call: registered public keys, the key-pair JWTs signed by their private halves, and the tokens handed out in return.
//!
//! A JWT is verified in full: RS256, the fingerprint of a registered key in its issuer, the signature by that key, and times that
//! make sense, in seconds or in milliseconds. A refusal keeps its precise reason for the request log; the caller is told what
//! Snowflake tells.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A JWT may be this much older than its issue time when it arrives, and this much ahead of the clock here.
const MAX_AGE_MS: i64 = 60_000;
/// Later expiry counts as this long after the issue time.
const MAX_LIFETIME_MS: i64 = 3_600_000;
/// Times above this are milliseconds, for seconds reach it in the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;
/// A user's current key and the one being rotated in.
const KEYS_PER_USER: usize = 2;

/// A private key made here for a client, as PEM, with its public half in DER.
pub(crate) struct ClientKey {
    pub(crate) private_pem: String,
    pub(crate) public_der: Vec<u8>,
}

/// Makes an RSA key of 2048 bits.
pub(crate) fn generate_key() -> Result<ClientKey, String> {
    let failed = |_| "could not make an RSA key".to_owned();
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
    Ok(ClientKey { private_pem: pem("PRIVATE KEY", private.as_ref()), public_der: public.as_ref().to_vec() })
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Reads a public key as PEM or as the bare base64 that `ALTER USER … SET RSA_PUBLIC_KEY` takes.
fn public_key_der(text: &str) -> Result<Vec<u8>, String> {
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).flat_map(|line| line.trim().chars()).collect();
    STANDARD.decode(base64).map_err(|_| "the public key is neither PEM nor base64".to_owned())
}

fn fingerprint(public_der: &[u8]) -> String {
    format!("SHA256:{}", STANDARD.encode(Sha256::digest(public_der)))
}

/// Why a JWT was refused, by the numbers Snowflake keeps for its administrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwtRefusal {
    #[error("not an RS256 JWT")]
    Malformed,
    #[error("394300 JWT_TOKEN_INVALID_USER_IN_ISSUER")]
    User,
    #[error("394301 JWT_TOKEN_MISSING_ISSUE_OR_EXPIRATION_TIME")]
    MissingTimes,
    #[error("394302 JWT_TOKEN_INVALID_ISSUE_TIME")]
    IssueTime,
    #[error("394303 JWT_TOKEN_INVALID_EXPIRATION_TIME")]
    Expired,
    #[error("394304 JWT_TOKEN_PUBLIC_KEY_FINGERPRINT_MISMATCH")]
    Fingerprint,
    #[error("the signature is not by the registered key")]
    Signature,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    iat: Option<Value>,
    exp: Option<Value>,
}

/// A user of an account, both in upper case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct User {
    pub(crate) account: String,
    pub(crate) name: String,
}

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.account, self.name)
    }
}

#[derive(Debug)]
pub(crate) struct Auth {
    /// Public keys by `ACCOUNT.USER`, newest last.
    keys: HashMap<String, (User, Vec<Vec<u8>>)>,
    scoped: HashMap<String, Instant>,
    signer: hmac::Key,
}

impl Auth {
    pub(crate) fn new() -> Self {
        let signer = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).expect("the system has randomness");
        Self { keys: HashMap::new(), scoped: HashMap::new(), signer }
    }

    /// Registers a public key; `replace` forgets the user's other keys first. Returns the key's fingerprint.
    pub(crate) fn register(&mut self, account: &str, user: &str, public_key: &str, replace: bool) -> Result<String, String> {
        let der = public_key_der(public_key)?;
        self.register_der(account, user, der, replace)
    }

    pub(crate) fn register_der(&mut self, account: &str, user: &str, der: Vec<u8>, replace: bool) -> Result<String, String> {
        let user = User { account: account.to_uppercase(), name: user.to_uppercase() };
        let (_, keys) = self.keys.entry(user.to_string()).or_insert_with(|| (user, Vec::new()));
        if replace {
            keys.clear();
        }
        let fingerprint = fingerprint(&der);
        if !keys.contains(&der) {
            if keys.len() == KEYS_PER_USER {
                // The key made at the start stays, so that a test that registers many keys does not lock the gateway out.
                keys.pop();
            }
            keys.push(der);
        }
        Ok(fingerprint)
    }

    /// Forgets every key of a user.
    pub(crate) fn forget(&mut self, account: &str, user: &str) -> bool {
        self.keys.remove(&format!("{}.{}", account.to_uppercase(), user.to_uppercase())).is_some()
    }

    /// Checks a key-pair JWT at `now_ms` and says whose it is.
    pub(crate) fn verify(&self, jwt: &str, now_ms: i64) -> Result<User, JwtRefusal> {
        let mut parts = jwt.split('.');
        let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(JwtRefusal::Malformed);
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtRefusal::Malformed);
        let header_json: Value = serde_json::from_slice(&decode(header)?).map_err(|_| JwtRefusal::Malformed)?;
        if header_json["alg"] != "RS256" {
            return Err(JwtRefusal::Malformed);
        }
        let claims: Claims = serde_json::from_slice(&decode(payload)?).map_err(|_| JwtRefusal::Malformed)?;
        let (issuer, claimed) = claims.iss.rsplit_once(".SHA256:").ok_or(JwtRefusal::User)?;
        if issuer != claims.sub {
            return Err(JwtRefusal::User);
        }
        let (user, keys) = self.keys.get(issuer).ok_or(JwtRefusal::User)?;
        let claimed = format!("SHA256:{claimed}");
        let key = keys.iter().find(|key| fingerprint(key) == claimed).ok_or(JwtRefusal::Fingerprint)?;
        let signed = &jwt.as_bytes()[..header.len() + 1 + payload.len()];
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .verify(signed, &decode(signature)?)
            .map_err(|_| JwtRefusal::Signature)?;
        let (Some(issued), Some(expires)) = (milliseconds(claims.iat), milliseconds(claims.exp)) else {
            return Err(JwtRefusal::MissingTimes);
        };
        if (now_ms - issued).abs() > MAX_AGE_MS {
            return Err(JwtRefusal::IssueTime);
        }
        if expires.min(issued + MAX_LIFETIME_MS) <= now_ms {
            return Err(JwtRefusal::Expired);
        }
        Ok(user.clone())
    }

    /// Hands out a scoped token: a JWT, for the official client reads its expiry.
    pub(crate) fn issue_scoped(&mut self, user: &User, scope: &str, now_ms: i64, lifetime: Duration) -> String {
        let now = Instant::now();
        self.scoped.retain(|_, expires| *expires > now);
        let expires = now_ms / 1000 + lifetime.as_secs() as i64;
        let claims = json!({"iss": "snowgate-sandbox", "sub": user.to_string(), "scope": scope, "iat": now_ms / 1000,
            "exp": expires, "jti": Uuid::new_v4().to_string()});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&json!({"typ": "JWT", "alg": "HS256"})), encode(&claims));
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&self.signer, signed.as_bytes())));
        self.scoped.insert(token.clone(), now + lifetime);
        token
    }

    pub(crate) fn accepts_scoped(&self, token: &str) -> bool {
        self.scoped.get(token).is_some_and(|expires| *expires > Instant::now())
    }

    /// Makes every scoped token invalid, as an expiry would.
    pub(crate) fn expire_scoped(&mut self) -> usize {
        let count = self.scoped.len();
        self.scoped.clear();
        count
    }
}

fn milliseconds(time: Option<Value>) -> Option<i64> {
    let time = time?;
    let number = time.as_i64().or_else(|| time.as_f64().map(|float| float as i64))?;
    Some(if number > MILLISECONDS_FROM { number } else { number * 1000 })
}

#[cfg(test)]
pub(crate) mod testing {
    use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

    use super::*;

    /// Signs JWTs as a client does.
    pub(crate) struct Signer(RsaKeyPair);

    impl Signer {
        pub(crate) fn new() -> (Self, Vec<u8>) {
            let key = generate_key().unwrap();
            let base64: String = key.private_pem.lines().filter(|line| !line.starts_with('-')).collect();
            (Self(RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).unwrap()).unwrap()), key.public_der)
        }

        pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
            let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
            let mut signature = vec![0; self.0.public_modulus_len()];
            self.0.sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        }

        /// A JWT that is in order.
        pub(crate) fn jwt(&self, der: &[u8], user: &str) -> String {
            let now = crate::world::now_ms() / 1000;
            let claims = json!({"iss": format!("{user}.{}", fingerprint(der)), "sub": user, "iat": now, "exp": now + 60});
            self.sign(&json!({"typ": "JWT", "alg": "RS256"}), &claims)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Signer;
    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    fn claims(der: &[u8], issued: i64, expires: i64) -> Value {
        json!({"iss": format!("ACME-ONE.LOADER.{}", fingerprint(der)), "sub": "ACME-ONE.LOADER", "iat": issued, "exp": expires})
    }

    #[test]
    fn a_jwt_is_accepted_only_when_everything_about_it_is_right() {
        let (signer, der) = Signer::new();
        let (stranger, other) = Signer::new();
        let mut auth = Auth::new();
        auth.register_der("acme-one", "loader", der.clone(), false).unwrap();
        let rs256 = json!({"typ": "JWT", "alg": "RS256"});
        let seconds = NOW / 1000;
        let good = claims(&der, seconds, seconds + 3540);
        let verdict = |jwt: &str| auth.verify(jwt, NOW).map(|user| user.to_string());

        assert_eq!(verdict(&signer.sign(&rs256, &good)), Ok("ACME-ONE.LOADER".to_owned()));
        assert_eq!(verdict(&signer.sign(&rs256, &claims(&der, NOW, NOW + 3_540_000))), Ok("ACME-ONE.LOADER".to_owned()));
        assert_eq!(verdict("nonsense"), Err(JwtRefusal::Malformed));
        assert_eq!(verdict(&signer.sign(&json!({"alg": "none"}), &good)), Err(JwtRefusal::Malformed));
        assert_eq!(verdict(&stranger.sign(&rs256, &good)), Err(JwtRefusal::Signature));
        assert_eq!(verdict(&stranger.sign(&rs256, &claims(&other, seconds, seconds + 60))), Err(JwtRefusal::Fingerprint));
        let someone =
            json!({"iss": format!("ACME-ONE.ELSE.{}", fingerprint(&der)), "sub": "ACME-ONE.ELSE", "iat": seconds, "exp": seconds});
        assert_eq!(verdict(&signer.sign(&rs256, &someone)), Err(JwtRefusal::User));
        assert_eq!(verdict(&signer.sign(&rs256, &claims(&der, seconds - 61, seconds + 60))), Err(JwtRefusal::IssueTime));
        assert_eq!(verdict(&signer.sign(&rs256, &claims(&der, seconds + 61, seconds + 600))), Err(JwtRefusal::IssueTime));
        assert_eq!(verdict(&signer.sign(&rs256, &claims(&der, seconds - 30, seconds - 1))), Err(JwtRefusal::Expired));
        let timeless = json!({"iss": good["iss"], "sub": good["sub"]});
        assert_eq!(verdict(&signer.sign(&rs256, &timeless)), Err(JwtRefusal::MissingTimes));
    }

    #[test]
    fn a_scoped_token_works_until_it_expires() {
        let mut auth = Auth::new();
        let user = User { account: "A".to_owned(), name: "U".to_owned() };
        let token = auth.issue_scoped(&user, "127.0.0.1", NOW, Duration::from_secs(60));
        assert!(auth.accepts_scoped(&token));
        assert!(!auth.accepts_scoped("another"));
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
        assert_eq!(claims["exp"], NOW / 1000 + 60);
        assert_eq!(auth.expire_scoped(), 1);
        assert!(!auth.accepts_scoped(&token));
        let short = auth.issue_scoped(&user, "127.0.0.1", NOW, Duration::ZERO);
        assert!(!auth.accepts_scoped(&short));
    }

    #[test]
    fn a_public_key_is_read_as_pem_and_as_bare_base64() {
        let key = generate_key().unwrap();
        let mut auth = Auth::new();
        let by_pem = auth.register("a", "u", &pem("PUBLIC KEY", &key.public_der), false).unwrap();
        let by_base64 = auth.register("a", "u", &STANDARD.encode(&key.public_der), false).unwrap();
        assert_eq!(by_pem, by_base64);
        assert!(auth.register("a", "u", "not a key!", false).is_err());
    }
}
