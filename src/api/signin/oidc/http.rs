//! HTTP towards the identity provider: no redirects, bounded in time and size.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::config::oidc::OidcConfig;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Keys and metadata are a few KiB.
const BYTES_MAX: usize = 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection or the request failed.
    #[error(transparent)]
    Request(#[from] reqwest::Error),
    /// The answer cannot be put together.
    #[error(transparent)]
    Answer(#[from] openidconnect::http::Error),
    /// More than 1 MiB.
    #[error("the answer is longer than {BYTES_MAX} bytes")]
    TooLong,
}

/// The client.
#[derive(Clone, Debug)]
pub struct Http(reqwest::Client);

impl Http {
    /// With the provider's CA, if one is named.
    ///
    /// # Errors
    /// The CA cannot be read.
    pub fn new(config: &OidcConfig) -> Result<Self, String> {
        // A redirect could lead the client's secret elsewhere.
        let mut client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
        if let Some(file) = &config.ca {
            let wrong = |error: String| format!("oidc.ca: {}: {error}", file.display());
            let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
            let bundle = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
            client = client.tls_certs_merge(bundle);
        }
        if config.issuer.starts_with("http://") {
            client = client.no_proxy();
        }
        client.build().map(Self).map_err(|error| format!("oidc: {error}"))
    }

    async fn send(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut answer = client.execute(reqwest::Request::try_from(request)?).await?;
        let mut response = openidconnect::http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > BYTES_MAX {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(Self::send(self.0.clone(), request))
    }
}
