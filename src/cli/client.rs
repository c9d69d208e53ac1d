//! The API as seen from the command line.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::approvals::decide::CLI_USER_AGENT;
use crate::api::problem::ProblemBody;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, offline, print};
use crate::config::ApiConfig;
use crate::identity::secret::Secret;

/// For anything but blocking reads and streams.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to the API.
#[derive(Debug)]
pub struct Client {
    base: Url,
    http: reqwest::Client,
    token: Option<Secret>,
}

impl Client {
    /// From `--url` (else the configuration), and the token from `--token-file` or `HOLDPOINT_TOKEN`.
    ///
    /// # Errors
    /// No URL can be made out, or a file cannot be read.
    pub fn new(global: &Global) -> Result<Self, Failure> {
        let base = base(global)?;
        let mut http = reqwest::Client::builder()
            .user_agent(CLI_USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5));
        if let Some(file) = &global.ca {
            let pem = std::fs::read(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
            let bundle = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
            http = http.tls_certs_merge(bundle);
        }
        if loopback(&base) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Failure::Usage(format!("HTTP client: {error}")))?;
        Ok(Self { base, http, token: token(global)? })
    }

    /// A token was given.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Does anything answer at `/healthz`?
    pub async fn answers(&self) -> bool {
        let Ok(url) = self.url("healthz", &[]) else { return false };
        let asked = self.http.get(url).timeout(Duration::from_secs(3)).send().await;
        asked.is_ok_and(|response| response.status() == StatusCode::OK)
    }

    /// A request with the token, ready for headers and a body. `path` is not yet escaped; `:` and `/` in it stay.
    ///
    /// # Errors
    /// No token was given.
    pub fn request(&self, method: Method, path: &str, query: &[(&str, String)]) -> Result<RequestBuilder, Failure> {
        let token = self.token.as_ref().ok_or_else(|| {
            Failure::Usage(
                "no API token: set HOLDPOINT_TOKEN or --token-file (`holdpoint tokens create` makes one)".into(),
            )
        })?;
        Ok(self.http.request(method, self.url(path, query)?).bearer_auth(token.expose()).timeout(TIMEOUT))
    }

    /// GET, and reads the answer.
    ///
    /// # Errors
    /// The API does not answer or says no.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        read(self.send(self.request(Method::GET, path, query)?).await?).await
    }

    /// POST with a JSON body, and reads the answer.
    ///
    /// # Errors
    /// The API does not answer or says no.
    pub async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, Failure> {
        read(self.send(self.request(Method::POST, path, &[])?.json(body)).await?).await
    }

    /// Sends, and turns every refusal into a [`Failure`].
    ///
    /// # Errors
    /// The API does not answer or says no.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.silent(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        match response.json::<ProblemBody>().await {
            Ok(problem) => Err(Failure::Refused(Box::new(problem))),
            Err(_) => Err(Failure::Unreachable(format!("{} answered {status}; is this the Holdpoint API?", self.base))),
        }
    }

    /// Opens the stream of `/v1/events`: the data lines of each event, with its name.
    ///
    /// # Errors
    /// The API does not answer or says no.
    pub async fn events(&self) -> Result<impl Stream<Item = Result<String, Failure>> + use<>, Failure> {
        let request = self.request(Method::GET, "v1/events", &[])?.timeout(Duration::from_secs(86_400));
        let bytes = self.send(request).await?.bytes_stream();
        Ok(bytes.map(|chunk| match chunk {
            Ok(chunk) => Ok(String::from_utf8_lossy(&chunk).into_owned()),
            Err(error) => Err(Failure::Unreachable(format!("the event stream broke: {error}"))),
        }))
    }

    fn url(&self, path: &str, query: &[(&str, String)]) -> Result<Url, Failure> {
        below(&self.base, path, query)
    }

    fn silent(&self, error: &reqwest::Error) -> Failure {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Failure::Unreachable(format!("the API at {} does not answer: {cause}", self.base))
    }
}

/// `base` with more path behind it; `:` and `/` in `path` stay, the rest is escaped.
fn below(base: &Url, path: &str, query: &[(&str, String)]) -> Result<Url, Failure> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| Failure::Usage(format!("{base} cannot be an API's URL")))?
        .pop_if_empty()
        .extend(path.split('/'));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    response.json().await.map_err(|error| Failure::Unreachable(format!("the API's answer cannot be read: {error}")))
}

fn base(global: &Global) -> Result<Url, Failure> {
    let text = match &global.url {
        Some(url) => url.clone(),
        None => local_url(&offline::config(global)?.api),
    };
    Url::parse(&text).map_err(|error| Failure::Usage(format!("--url {text}: {error}")))
}

/// How this machine reaches its own API.
pub fn local_url(api: &ApiConfig) -> String {
    let scheme = if api.tls.is_some() { "https" } else { "http" };
    let host = match api.listen.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        std::net::IpAddr::V4(ip) => ip.to_string(),
    };
    format!("{scheme}://{host}:{}", api.listen.port())
}

fn loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn token(global: &Global) -> Result<Option<Secret>, Failure> {
    let text = match &global.token_file {
        Some(file) => Some(
            std::fs::read_to_string(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?,
        ),
        None => std::env::var("HOLDPOINT_TOKEN").ok(),
    };
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).map(Secret::new))
}

/// `holdpoint healthcheck`.
///
/// # Errors
/// Nothing answers, or it is not well.
pub async fn healthcheck(global: &Global, ready: bool) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    let path = if ready { "readyz" } else { "healthz" };
    let request = client.http.get(client.url(path, &[])?).timeout(Duration::from_secs(5));
    let response = request.send().await.map_err(|error| client.silent(&error))?;
    let well = response.status().is_success();
    let text = response.text().await.unwrap_or_default();
    print::data(text.trim_end())?;
    Ok(if well { Exit::Ok } else { Exit::Finding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_api_is_reached_by_its_listen_address() {
        let api = |listen: &str| ApiConfig { listen: listen.parse().unwrap(), public_url: String::new(), tls: None };
        assert_eq!(local_url(&api("0.0.0.0:8080")), "http://localhost:8080");
        assert_eq!(local_url(&api("[::1]:8080")), "http://[::1]:8080");
        assert_eq!(local_url(&api("10.0.0.7:1")), "http://10.0.0.7:1");
    }

    #[test]
    fn path_and_query_are_escaped() {
        let base = Url::parse("http://localhost:1/prefix/").unwrap();
        let url = below(&base, "v1/approvals/apr_7K:approve", &[("agent", "a b&c".into())]).unwrap();
        assert_eq!(url.as_str(), "http://localhost:1/prefix/v1/approvals/apr_7K:approve?agent=a+b%26c");
        let odd = below(&base, "v1/agents/a?b#c", &[]).unwrap();
        assert_eq!(odd.as_str(), "http://localhost:1/prefix/v1/agents/a%3Fb%23c");
    }
}
