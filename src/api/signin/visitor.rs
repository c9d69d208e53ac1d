//! Somebody at the page: the session behind the cookie, the person of this moment, and the checks that a form came from us.

use std::net::IpAddr;

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::auth::Caller;
use crate::api::problem::{Kind, Problem};
use crate::api::signin::cookie::Cookie;
use crate::api::state::ApiState;
use crate::identity::person::Person;
use crate::identity::session::{BrowserSession, form_token, form_token_fits, session_id};

/// Address of the client of this connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// A person signed in at the page.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The person with the groups of this moment, and what they may do.
    pub caller: Caller,
    /// The session.
    pub session: BrowserSession,
    /// The token that every form carries.
    pub form_token: String,
    cookie: String,
}

/// Why there is no visitor.
pub enum NoVisitor {
    /// Nobody is signed in: there is the sign-in page, and the way back.
    Elsewhere(Redirect),
    /// The store fails.
    Problem(Problem),
}

impl IntoResponse for NoVisitor {
    fn into_response(self) -> Response {
        match self {
            Self::Elsewhere(redirect) => redirect.into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

impl Visitor {
    /// The person's name.
    pub fn name(&self) -> &str {
        &self.caller.person.name.0
    }

    /// Goes on only with a form that our own page made for this session.
    ///
    /// # Errors
    /// [`Kind::Forbidden`].
    pub fn check_form(&self, state: &ApiState, headers: &HeaderMap, token: &str) -> Result<(), Problem> {
        same_origin(headers, &state.public_url)?;
        if form_token_fits(&self.cookie, token) {
            return Ok(());
        }
        Err(Problem::new(Kind::Forbidden, "this form is not from your session; nothing was done. Load the page again"))
    }
}

/// A request that another site made a browser send is refused, whatever it carries.
///
/// # Errors
/// [`Kind::Forbidden`].
pub fn same_origin(headers: &HeaderMap, public_url: &str) -> Result<(), Problem> {
    let text = |name: &header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let fetched = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let foreign = fetched.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let ours = match text(&header::ORIGIN) {
        None => true,
        Some(origin) => {
            let host = text(&header::HOST).unwrap_or_default();
            let authority = origin.split_once("://").map(|(_, authority)| authority).unwrap_or_default();
            origin == origin_of(public_url) || (!authority.is_empty() && authority.eq_ignore_ascii_case(host))
        }
    };
    if ours && !foreign {
        return Ok(());
    }
    Err(Problem::new(Kind::Forbidden, "this form was sent from another site; nothing was done"))
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(start..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}

impl FromRequestParts<ApiState> for Visitor {
    type Rejection = NoVisitor;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, NoVisitor> {
        let elsewhere = || NoVisitor::Elsewhere(Redirect::to(&sign_in_path(parts)));
        let cookie = Cookie::Session.read(&parts.headers, state.is_https()).ok_or_else(elsewhere)?;
        let found = state.tokens.browser_session(&session_id(&cookie));
        let session = found.map_err(|error| NoVisitor::Problem(Problem::unavailable("the store", error)))?;
        let now = state.clock.now();
        let idle = state.sign_in.settings().span.idle;
        let session = session.filter(|session| session.holds(idle, now)).ok_or_else(elsewhere)?;
        // Whoever is taken out of the configuration is out at once.
        if !state.knows(&session.proof.person) {
            return Err(elsewhere());
        }
        if session.is_stale(now)
            && let Err(error) = state.tokens.touch_browser_session(session.id.clone(), now).await
        {
            tracing::warn!(%error, "could not note the use of a session");
        }
        Ok(Self::new(state, session, cookie))
    }
}

impl Visitor {
    fn new(state: &ApiState, session: BrowserSession, cookie: String) -> Self {
        let Person { name, mut groups } = state.person(&session.proof.person);
        groups.extend(session.proof.groups.iter().cloned());
        groups.sort();
        groups.dedup();
        let scopes = state.sign_in.settings().scopes_of(&groups);
        let caller = Caller::at_the_page(Person { name, groups }, &session, scopes);
        Self { caller, session, form_token: form_token(&cookie), cookie }
    }
}

/// The sign-in page that leads back here.
fn sign_in_path(parts: &Parts) -> String {
    let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let here = if parts.method == Method::GET { here } else { parts.uri.path() };
    if here == "/" { "/sign-in".to_owned() } else { format!("/sign-in?to={}", escaped(here)) }
}

/// Percent-encoding for a value in a query string.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                escaped.push(char::from(byte))
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// A path of ours to go to after signing in; anything else, another site's address above all, is the front page.
pub fn local(to: Option<&str>) -> &str {
    let fine = |to: &&str| {
        to.starts_with('/')
            && !to.starts_with("//")
            && !to.starts_with("/sign")
            && to.len() <= 2000
            && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    to.filter(fine).unwrap_or("/")
}

/// The client's address, as text; unknown in tests without a socket.
pub fn address(peer: Option<Extension<Peer>>) -> String {
    peer.map_or_else(|| "unknown".to_owned(), |Extension(Peer(address))| address.to_string())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_paths_of_ours_are_gone_back_to() {
        assert_eq!(local(Some("/a/apr_7K?x=1")), "/a/apr_7K?x=1");
        for odd in ["", "a", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nx", "/sign-out", "/ü"]
        {
            assert_eq!(local(Some(odd)), "/", "{odd:?}");
        }
        assert_eq!(local(None), "/");
    }

    #[test]
    fn forms_from_other_sites_are_refused() {
        let url = "https://holdpoint.example/prefix";
        let check = |pairs: &[(&'static str, &'static str)]| same_origin(&headers(pairs), url).is_ok();
        assert!(check(&[]) && check(&[("origin", "https://holdpoint.example")]));
        assert!(check(&[("origin", "http://localhost:6480"), ("host", "localhost:6480")]));
        assert!(check(&[("sec-fetch-site", "same-origin")]));
        assert!(!check(&[("origin", "null")]));
        assert!(!check(&[("origin", "https://evil.example"), ("host", "holdpoint.example")]));
        assert!(!check(&[("origin", "https://holdpoint.example"), ("sec-fetch-site", "cross-site")]));
        assert!(!check(&[("origin", "https://holdpoint.example.evil"), ("host", "")]));
    }
}
