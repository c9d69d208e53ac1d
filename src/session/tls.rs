//! TLS on both sides: certificates from files, settings for clients and for each upstream.

pub mod end_point;
mod verify;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config::{Certificate, Protocol, SslMode, Upstream};
use crate::mysql::handshake::auth::rsa::is_public_key;
use crate::pg::scram::server::Binding;
use crate::session::tls::verify::{Depth, UpstreamVerifier};

/// The ALPN name of PostgreSQL's protocol, required for TLS without SSLRequest.
pub const ALPN: &[u8] = b"postgresql";

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{path}` holds no usable {what} in PEM form")]
    Pem {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// Verification without anything to verify against.
    #[error("`verify-ca` and `verify-full` need `ca`")]
    CaMissing,
    /// The TLS library refuses the settings.
    #[error("TLS settings for `{path}`: {source}")]
    Settings {
        /// The file they came from.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// TLS towards clients.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Certificate, key and ALPN.
    pub config: Arc<ServerConfig>,
    /// What SCRAM-SHA-256-PLUS binds to; `None` if the certificate's signature has no hash to bind by.
    pub binding: Option<Binding>,
}

/// Reads the certificate that clients are shown.
///
/// # Errors
/// Unreadable or unfit files.
pub fn server(certificate: &Certificate) -> Result<ServerTls, TlsError> {
    let path = &certificate.chain;
    let unfit = |source| TlsError::Settings { path: path.clone(), source };
    let pem = read(path)?;
    let chain = certificates(path, &pem)?;
    let key = private_key(&certificate.key)?;
    let builder =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(unfit)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(unfit)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(ServerTls { config: Arc::new(config), binding: Binding::of_certificate(&pem) })
}

/// The same for MySQL clients, who name no protocol in their TLS handshake.
///
/// # Errors
/// Unreadable or unfit files.
pub fn mysql_server(certificate: &Certificate) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::clone(&server(certificate)?.config);
    config.alpn_protocols.clear();
    Ok(Arc::new(config))
}

/// Reads an RSA key in PEM form.
///
/// # Errors
/// An unreadable file, or another kind of file.
pub fn rsa_key(path: &Path) -> Result<String, TlsError> {
    let pem = String::from_utf8(read(path)?).unwrap_or_default();
    match is_public_key(&pem) {
        true => Ok(pem),
        false => Err(TlsError::Pem { path: path.to_owned(), what: "RSA public key" }),
    }
}

/// TLS towards one upstream; `None` for `sslmode: disable`.
///
/// As with libpq, `require` verifies the chain if a CA is given.
///
/// # Errors
/// Unreadable or unfit files, `verify-*` without a CA.
pub fn client(upstream: &Upstream) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    let depth = match (upstream.ssl_mode, &upstream.ca) {
        (SslMode::Disable, _) => return Ok(None),
        (SslMode::Prefer, _) | (SslMode::Require, None) => Depth::Nothing,
        (SslMode::VerifyCa | SslMode::VerifyFull, None) => return Err(TlsError::CaMissing),
        (SslMode::Require | SslMode::VerifyCa, Some(ca)) => Depth::Chain(roots(ca)?),
        (SslMode::VerifyFull, Some(ca)) => Depth::ChainAndName(roots(ca)?),
    };
    let path = upstream.ca.clone().unwrap_or_default();
    let unfit = |source| TlsError::Settings { path: path.clone(), source };
    let provider = provider();
    let verifier = Arc::new(UpstreamVerifier::new(depth, provider.signature_verification_algorithms));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(unfit)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &upstream.client_certificate {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = certificates(&own.chain, &read(&own.chain)?)?;
            let unfit = |source| TlsError::Settings { path: own.chain.clone(), source };
            builder.with_client_auth_cert(chain, private_key(&own.key)?).map_err(unfit)?
        }
    };
    if upstream.protocol == Protocol::Postgres {
        config.alpn_protocols = vec![ALPN.to_vec()];
    }
    Ok(Some(Arc::new(config)))
}

/// How a TLS version is named in logs and audit events.
pub fn version_name(version: Option<rustls::ProtocolVersion>) -> String {
    match version {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    if chain.is_empty() { Err(TlsError::Pem { path: path.to_owned(), what: "certificate" }) } else { Ok(chain) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = zeroize::Zeroizing::new(read(path)?);
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::Pem { path: path.to_owned(), what: "private key" })
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(path, &read(path)?)?);
    if added == 0 { Err(TlsError::Pem { path: path.to_owned(), what: "CA certificate" }) } else { Ok(roots) }
}
