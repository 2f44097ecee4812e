//! The certificate of an https listener.

use std::path::Path;
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{GuardError, Tls};

pub(super) fn load(tls: &Tls) -> Result<RustlsConfig, GuardError> {
    read(&tls.certificate, &tls.key).map_err(|why| GuardError::Tls { certificate: tls.certificate.display().to_string(), why })
}

/// TLS 1.2 and 1.3, no client certificates.
fn read(certificate: &Path, key: &Path) -> Result<RustlsConfig, String> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("the certificate is not PEM that can be read ({error})"))?;
    if chain.is_empty() {
        return Err("the file has no certificate".to_owned());
    }
    let key =
        PrivateKeyDer::from_pem_file(key).map_err(|_| "its key is not PEM that can be read, without a passphrase".to_owned())?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let mut config = config.map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}
