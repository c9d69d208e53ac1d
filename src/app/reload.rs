//! Parts of the configuration that are files of their own.

use std::sync::Arc;

use anyhow::Context;

use crate::config::Config;

/// TLS of the API, if it has some.
///
/// # Errors
/// Unreadable or unfit files.
pub fn api_tls(config: &Config) -> anyhow::Result<Option<Arc<rustls::ServerConfig>>> {
    let Some(certificate) = &config.api.tls else { return Ok(None) };
    let tls = crate::session::tls::server(certificate).context("TLS of the API")?;
    // The PostgreSQL listener offers its own ALPN; the API speaks HTTP/1.1.
    let mut settings = rustls::ServerConfig::clone(&tls.config);
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(settings)))
}
