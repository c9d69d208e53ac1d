//! `holdpoint oidc check`: is the identity provider reachable, and what does it say about a person? Signs nobody in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use reqwest::Url;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::api::signin::oidc::OidcError;
use crate::api::signin::oidc::flow::{CALLBACK, known};
use crate::api::signin::oidc::provider::{Attempt, Provider};
use crate::app::SystemClock;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, offline, print};
use crate::config::Config;
use crate::gate::approval::visible::line;
use crate::identity::credential::random_secret;
use crate::identity::oidc::{Claims, assurance};
use crate::identity::session::same;

/// How long a person has for signing in.
const PATIENCE: Duration = Duration::from_secs(300);

/// `holdpoint oidc …`
#[derive(Debug, Subcommand)]
pub enum OidcCommand {
    /// Ask the provider for its keys; with --listen or --jwt, show the claims of a token and whom they lead to.
    Check {
        /// Sign somebody in for a look: print an address to open, and wait here for the browser to come back. The provider
        /// has to know http://ADDRESS/sign-in/oidc/callback as a redirect URI.
        #[arg(long, value_name = "ADDRESS", conflicts_with = "jwt")]
        listen: Option<SocketAddr>,
        /// Check the access token in this file instead, as the API would.
        #[arg(long, value_name = "FILE")]
        jwt: Option<PathBuf>,
    },
}

/// Runs it.
///
/// # Errors
/// There is no provider, it cannot be reached, or it says something that lets nobody in.
pub async fn run(global: &Global, command: OidcCommand) -> Result<Exit, Failure> {
    let OidcCommand::Check { listen, jwt } = command;
    let config = offline::config(global)?;
    let settings = config.oidc.clone().ok_or_else(|| Failure::Usage("the configuration has no `oidc:`".into()))?;
    let provider = Provider::new(settings, Arc::new(SystemClock)).map_err(Failure::Usage)?;
    let keys = provider.keys().await.map_err(failure)?;
    print::talk(&format!("issuer {}: {keys} keys", line(&provider.config.issuer)));
    let claims = match (listen, jwt) {
        (Some(address), _) => sign_in(&provider, address).await?,
        (None, Some(file)) => {
            let text = std::fs::read_to_string(&file);
            let text = text.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
            provider.access(text.trim()).await.map_err(failure)?
        }
        (None, None) => return Ok(Exit::Ok),
    };
    tell(&config, &provider, &claims)
}

fn tell(config: &Config, provider: &Provider, claims: &Claims) -> Result<Exit, Failure> {
    let shown = serde_json::to_string_pretty(claims).unwrap_or_default();
    print::data(&crate::gate::approval::visible::block(&shown))?;
    let (person, groups) = known(provider, claims).map_err(failure)?;
    let configured = config.people.iter().find(|known| known.name == person);
    let mut groups = [configured.map(|known| known.groups.clone()).unwrap_or_default(), groups].concat();
    groups.sort();
    groups.dedup();
    let scopes: Vec<&str> = config.sign_in.scopes_of(&groups).into_iter().map(|scope| scope.as_str()).collect();
    print::talk(&format!("person: {}", line(&person.0)));
    print::talk(&format!("groups: {}", line(&groups.join(", "))));
    print::talk(&format!("scopes: {}", scopes.join(", ")));
    print::talk(&format!("assurance: {}", assurance(claims)));
    Ok(Exit::Ok)
}

fn failure(error: OidcError) -> Failure {
    match error {
        OidcError::Unreachable(_) => Failure::Unreachable(error.to_string()),
        OidcError::Refused(why) => Failure::Finding(why),
    }
}

async fn sign_in(provider: &Provider, address: SocketAddr) -> Result<Claims, Failure> {
    let cannot = |error: std::io::Error| Failure::Usage(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let redirect = format!("http://{}{CALLBACK}", listener.local_addr().map_err(cannot)?);
    let attempt = Attempt { secret: random_secret().expose().to_owned(), redirect, fresh: false };
    print::talk("open this address and sign in:");
    print::data(&provider.authorize_url(&attempt).await.map_err(failure)?)?;
    let came = tokio::time::timeout(PATIENCE, code(&listener, &attempt.state())).await;
    let code = came.map_err(|_| Failure::Finding("nobody came back within five minutes".into()))??;
    provider.redeem(code, &attempt).await.map_err(failure)
}

/// Waits for the browser that brings a code for this state. Anything else gets 404.
async fn code(listener: &TcpListener, state: &str) -> Result<String, Failure> {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let Some(url) = asked(&mut stream).await else { continue };
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let ours = url.path() == CALLBACK && same(state, value("state").as_deref().unwrap_or_default());
        let text = if ours { "Seen. You can close this page.\n" } else { "Nothing here.\n" };
        let status = if ours { "200 OK" } else { "404 Not Found" };
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
        );
        let _ = stream.write_all(answer.as_bytes()).await;
        if !ours {
            continue;
        }
        if let Some(error) = value("error") {
            return Err(Failure::Finding(format!("the identity provider says {}", line(&error))));
        }
        return value("code").ok_or_else(|| Failure::Finding("the identity provider sent no code".into()));
    }
}

/// The address in the first line of a request; at most 8 KiB are read.
async fn asked(stream: &mut TcpStream) -> Option<Url> {
    let mut first = String::new();
    let mut reader = BufReader::new(tokio::io::AsyncReadExt::take(stream, 8192));
    let read = tokio::time::timeout(Duration::from_secs(5), reader.read_line(&mut first)).await;
    read.ok()?.ok()?;
    let path = first.strip_prefix("GET ")?.split(' ').next()?;
    Url::parse("http://localhost").ok()?.join(path).ok()
}
