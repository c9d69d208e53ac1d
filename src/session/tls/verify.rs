//! How deeply an upstream's certificate is verified: libpq's `sslmode`, which TLS libraries do not know by itself.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What is verified.
#[derive(Debug)]
pub enum Depth {
    /// `prefer`, `require`: nothing. Keeps out listeners, not impostors.
    Nothing,
    /// `verify-ca`: the chain up to one of these roots.
    Chain(RootCertStore),
    /// `verify-full`: the chain, and that the certificate is for the host asked for.
    ChainAndName(RootCertStore),
}

/// Verifies as deeply as it was told. Handshake signatures are always verified: whoever answers holds the certificate's key.
#[derive(Debug)]
pub struct UpstreamVerifier {
    depth: Depth,
    algorithms: WebPkiSupportedAlgorithms,
}

impl UpstreamVerifier {
    /// A verifier with the provider's signature algorithms.
    pub fn new(depth: Depth, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { depth, algorithms }
    }
}

impl ServerCertVerifier for UpstreamVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (roots, name) = match &self.depth {
            Depth::Nothing => return Ok(ServerCertVerified::assertion()),
            Depth::Chain(roots) => (roots, None),
            Depth::ChainAndName(roots) => (roots, Some(server_name)),
        };
        let leaf = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&leaf, roots, intermediates, now, self.algorithms.all)?;
        name.map_or(Ok(()), |name| verify_server_name(&leaf, name))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
