//! `snowflake.private.key`: the many forms in which people write an RSA key.
//!
//! Taken are PKCS#8, encrypted or not, and PKCS#1, each as PEM or as the base64 between PEM's first and last line. The key leaves
//! as PKCS#8 PEM; one that was encrypted stays so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::der::asn1::AnyRef;
use pkcs8::der::pem::LineEnding;
use pkcs8::der::{Decode as _, SecretDocument, Tag, Tagged};
use pkcs8::{EncryptedPrivateKeyInfoRef, Error, ObjectIdentifier, PrivateKeyInfoRef};
use secrecy::SecretString;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Version 0 and the algorithm `rsaEncryption` without parameters: what PKCS#8 has before the bytes of a PKCS#1 key.
const PKCS1_PREFIX: [u8; 18] =
    [0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// Snowflake wants 2048 bits.
const MODULUS_BYTES: usize = 2048 / 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// No RSA private key, or an encrypted one without a passphrase.
    NotRsa,
    /// The passphrase does not open it.
    NotOpened,
    /// Encrypted in a way that is not supported.
    Cipher,
    /// Too few bits for Snowflake.
    TooShort,
}

/// Reads the key, and tries the passphrase.
pub(crate) fn read(text: &str, passphrase: Option<&str>) -> Result<SecretString, KeyError> {
    let der = bytes(text).ok_or(match passphrase {
        Some(_) => KeyError::NotOpened,
        None => KeyError::NotRsa,
    })?;
    let der = der.as_bytes();
    if let Some(passphrase) = passphrase {
        if !is_encrypted(der) {
            return Err(KeyError::NotOpened);
        }
        let opened =
            EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Cipher)?.decrypt(passphrase).map_err(|error| {
                match error {
                    Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed) | Error::Asn1(_) => KeyError::NotOpened,
                    _ => KeyError::Cipher,
                }
            })?;
        // A wrong passphrase now and then yields bytes that look sound.
        let key = PrivateKeyInfoRef::try_from(opened.as_bytes()).map_err(|_| KeyError::NotOpened)?;
        is_rsa(&key)?;
        return pem(der, "ENCRYPTED PRIVATE KEY").ok_or(KeyError::NotOpened);
    }
    if let Ok(key) = PrivateKeyInfoRef::try_from(der) {
        is_rsa(&key)?;
        return pem(der, "PRIVATE KEY").ok_or(KeyError::NotRsa);
    }
    is_pkcs1(der)?;
    wrapped(der).and_then(|key| pem(key.as_bytes(), "PRIVATE KEY")).ok_or(KeyError::NotRsa)
}

/// What is between PEM's lines, or the whole text, read as base64.
fn bytes(text: &str) -> Option<SecretDocument> {
    // A text within JSON may have its line breaks as `\n`.
    let text = text.replace("\\n", "\n");
    let body: String = match text.split("-----").collect::<Vec<_>>()[..] {
        [_, begin, body, ..] if begin.starts_with("BEGIN") => body.split_whitespace().collect(),
        _ => text.split_whitespace().collect(),
    };
    let der = STANDARD.decode(body).ok()?;
    SecretDocument::try_from(der).ok()
}

/// Whether this is an encryption scheme and what was encrypted, be the scheme one we know or not.
fn is_encrypted(der: &[u8]) -> bool {
    Vec::<AnyRef>::from_der(der).is_ok_and(|parts| parts.iter().map(Tagged::tag).eq([Tag::Sequence, Tag::OctetString]))
}

fn is_rsa(key: &PrivateKeyInfoRef) -> Result<(), KeyError> {
    match key.algorithm.oid == RSA {
        true => is_pkcs1(key.private_key.as_bytes()),
        false => Err(KeyError::NotRsa),
    }
}

/// Whether this is a PKCS#1 key: a version and eight numbers, of which the first is the modulus.
fn is_pkcs1(der: &[u8]) -> Result<(), KeyError> {
    let numbers = Vec::<AnyRef>::from_der(der).map_err(|_| KeyError::NotRsa)?;
    let are_numbers = numbers.iter().all(|number| number.tag() == Tag::Integer);
    match numbers.get(1) {
        Some(modulus) if are_numbers && numbers.len() == 9 => match modulus.value().len() >= MODULUS_BYTES {
            true => Ok(()),
            false => Err(KeyError::TooShort),
        },
        _ => Err(KeyError::NotRsa),
    }
}

fn wrapped(pkcs1: &[u8]) -> Option<SecretDocument> {
    let mut octets = PKCS1_PREFIX.to_vec();
    octets.push(0x04);
    push_length(&mut octets, pkcs1.len());
    octets.extend_from_slice(pkcs1);
    let mut key = vec![0x30];
    push_length(&mut key, octets.len());
    key.append(&mut octets);
    SecretDocument::try_from(key).ok()
}

/// A length as DER writes it.
fn push_length(der: &mut Vec<u8>, length: usize) {
    let bytes = length.to_be_bytes();
    let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1)..];
    if length >= 0x80 {
        der.push(0x80 | bytes.len() as u8);
    }
    der.extend_from_slice(bytes);
}

fn pem(der: &[u8], label: &'static str) -> Option<SecretString> {
    let document = SecretDocument::try_from(der).ok()?;
    let text = document.to_pem(label, LineEnding::LF).ok()?;
    Some(SecretString::from(text.as_str()))
}

#[cfg(test)]
mod tests;
