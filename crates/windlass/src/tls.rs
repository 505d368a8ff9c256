//! The certificate that the API shows, and its key.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::ListenConfig;

/// What TLS is spoken with; None where it is not.
///
/// # Errors
/// A file cannot be read, holds none, or the key is not the certificate's.
pub(crate) fn server(config: &ListenConfig) -> anyhow::Result<Option<Arc<ServerConfig>>> {
    let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) else {
        return Ok(None);
    };
    let chain = chain(certificate)?;
    // What is wrong with a key may show a part of it.
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|_| anyhow::anyhow!("{} holds no private key as PEM", key.display()))?;
    let mut tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .context("failed to prepare TLS")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("failed to use the certificate {}", certificate.display()))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(tls)))
}

fn chain(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("failed to read the certificate {}", path.display()))?;
    ensure!(
        !chain.is_empty(),
        "{} holds no certificate as PEM",
        path.display()
    );
    Ok(chain)
}
