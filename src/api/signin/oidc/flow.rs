//! `/sign-in/oidc` and its callback. The cookie holds one secret and the way back; state, nonce and code verifier follow
//! from it, so nothing is kept here meanwhile, and any replica can take the browser back.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::api::problem::{Kind, Problem};
use crate::api::signin::cookie::Cookie;
use crate::api::signin::form::{open, set};
use crate::api::signin::oidc::OidcError;
use crate::api::signin::oidc::provider::{Attempt, Provider};
use crate::api::signin::visitor::{Peer, address, local};
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::identity::credential::{random_secret, sha256_hex};
use crate::identity::ids::PersonName;
use crate::identity::oidc::{Claims, assurance, groups, person};
use crate::identity::session::{Proof, same};

/// Where the provider sends browsers back to.
pub const CALLBACK: &str = "/sign-in/oidc/callback";

/// What the button's link carries.
#[derive(Debug, Default, Deserialize)]
pub struct Begin {
    to: Option<String>,
    /// Prove it anew.
    fresh: Option<String>,
}

/// Sends the browser to the provider.
///
/// # Errors
/// There is no provider, or it cannot be reached.
pub async fn begin(State(state): State<ApiState>, Query(query): Query<Begin>) -> Result<Response, Problem> {
    let provider = provider(&state)?;
    let attempt = Attempt {
        secret: random_secret().expose().to_owned(),
        redirect: redirect(&state.public_url),
        fresh: query.fresh.is_some(),
    };
    let url = provider.authorize_url(&attempt).await?;
    let mut response = Redirect::to(&url).into_response();
    set(&mut response, Cookie::Flow.set(&packed(&attempt, local(query.to.as_deref())), state.is_https()));
    Ok(response)
}

/// What the provider sends back.
#[derive(Debug, Default, Deserialize)]
pub struct Back {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Takes the browser back, and opens a session if everything is as it should be.
///
/// # Errors
/// It is not: in words, on a page, and in the audit log.
pub async fn back(
    State(state): State<ApiState>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Query(query): Query<Back>,
) -> Result<Response, Problem> {
    let address = address(peer);
    match arrived(&state, &headers, query).await {
        Ok((proof, to)) => {
            let mut response = open(&state, proof, &address, &headers, &to).await?;
            set(&mut response, Cookie::Flow.clear(state.is_https()));
            Ok(response)
        }
        Err(error) => {
            let (how, client_addr) = ("oidc".to_owned(), Some(address));
            let event = Event::SignIn { person: None, how, client_addr, refused: Some(error.to_string()) };
            // A flood of bad callbacks may fill the queue: the log counts what it drops.
            let _counted = state.audit.record(event);
            Err(error.into())
        }
    }
}

async fn arrived(state: &ApiState, headers: &HeaderMap, back: Back) -> Result<(Proof, String), OidcError> {
    let refused = |why: &str| OidcError::Refused(why.to_owned());
    let provider = state.sign_in.oidc().ok_or_else(|| refused("no identity provider is configured"))?;
    let cookie = Cookie::Flow.read(headers, state.is_https());
    let begun = cookie.as_deref().and_then(|cookie| unpacked(cookie, redirect(&state.public_url)));
    let (attempt, to) = begun.ok_or_else(|| refused("this sign-in was not begun in this browser, or too long ago"))?;
    if !same(&attempt.state(), back.state.as_deref().unwrap_or_default()) {
        return Err(refused("this answer belongs to another sign-in"));
    }
    if back.iss.is_some_and(|issuer| issuer != provider.config.issuer) {
        return Err(refused("this answer comes from another identity provider"));
    }
    if let Some(error) = back.error {
        let error: String = error.chars().filter(char::is_ascii_graphic).take(60).collect();
        return Err(OidcError::Refused(format!("the identity provider says `{error}`")));
    }
    let code = back.code.ok_or_else(|| refused("the identity provider sent no code"))?;
    let claims = provider.redeem(code, &attempt).await?;
    let (person, groups) = known(&provider, &claims)?;
    if !state.knows(&person) {
        return Err(OidcError::Refused(format!("`people:` in the configuration has no {person}")));
    }
    let anew_for = attempt.fresh.then(|| sha256_hex(&to));
    Ok((Proof { person, assurance: assurance(&claims).to_owned(), groups, at: state.clock.now(), anew_for }, to))
}

/// The person and the groups that these claims lead to.
///
/// # Errors
/// [`OidcError::Refused`].
pub fn known(provider: &Provider, claims: &Claims) -> Result<(PersonName, Vec<String>), OidcError> {
    let refused = |error: crate::identity::oidc::ClaimsError| OidcError::Refused(error.to_string());
    let person = person(claims, &provider.config.identities).map_err(refused)?;
    Ok((person, groups(claims, &provider.config.groups).map_err(refused)?))
}

fn provider(state: &ApiState) -> Result<Arc<Provider>, Problem> {
    let missing = || Problem::new(Kind::NotFound, "no identity provider is configured");
    state.sign_in.oidc().ok_or_else(missing)
}

fn redirect(public_url: &str) -> String {
    format!("{public_url}{CALLBACK}")
}

/// Secret, freshness and the way back in one cookie value.
fn packed(attempt: &Attempt, to: &str) -> String {
    let fresh = if attempt.fresh { "f" } else { "n" };
    format!("{}.{fresh}.{}", attempt.secret, URL_SAFE_NO_PAD.encode(to))
}

fn unpacked(value: &str, redirect: String) -> Option<(Attempt, String)> {
    let mut parts = value.split('.');
    let (secret, fresh, to) = (parts.next()?, parts.next()?, parts.next()?);
    let to = String::from_utf8(URL_SAFE_NO_PAD.decode(to).ok()?).ok()?;
    // Shorter is none of ours, and could be guessed.
    (secret.len() == 43).then(|| (Attempt { secret: secret.to_owned(), redirect, fresh: fresh == "f" }, to))
}
