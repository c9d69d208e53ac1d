//! `/sign-in` and `/sign-out`.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::extract::Fields;
use crate::api::page::frame::{Frame, alert};
use crate::api::problem::Problem;
use crate::api::signin::cookie::Cookie;
use crate::api::signin::password;
use crate::api::signin::visitor::{Peer, Visitor, address, escaped, local, same_origin};
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::identity::credential::random_secret;
use crate::identity::ids::PersonName;
use crate::identity::secret::Secret;
use crate::identity::session::{BrowserSession, Proof, form_token, form_token_fits, session_id};

const WRONG: &str = "Name and password do not belong together.";

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct To {
    to: Option<String>,
    /// Shows that signing out was done.
    bye: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct SignInFields {
    name: String,
    password: String,
    token: String,
    to: Option<String>,
}

/// The form. Whoever is signed in already goes on.
pub async fn show(
    State(state): State<ApiState>,
    visitor: Result<Visitor, crate::api::signin::visitor::NoVisitor>,
    Query(query): Query<To>,
    headers: HeaderMap,
) -> Response {
    if visitor.is_ok() {
        return Redirect::to(local(query.to.as_deref())).into_response();
    }
    let notice = match (&query.bye, &state.sign_in.oidc()) {
        (None, _) => None,
        (Some(_), oidc) => {
            let end = match oidc {
                Some(oidc) => oidc.sign_out_url().await.map(|url| (url, oidc.config.name.clone())),
                None => None,
            };
            Some(html! {
                p.notice role="status" {
                    "You are signed out here. "
                    @if let Some((url, name)) = end { a href=(url) { "Sign out of " (name) " as well" } }
                }
            })
        }
    };
    form(&state, &headers, Shown { status: StatusCode::OK, notice, name: "", to: local(query.to.as_deref()) })
}

struct Shown<'a> {
    status: StatusCode,
    notice: Option<Markup>,
    name: &'a str,
    to: &'a str,
}

fn form(state: &ApiState, headers: &HeaderMap, shown: Shown<'_>) -> Response {
    let known = Cookie::Form.read(headers, state.is_https());
    let value = known.unwrap_or_else(|| random_secret().expose().to_owned());
    let body = html! {
        h1 { "Sign in" }
        @if let Some(notice) = &shown.notice { (notice) }
        @if let Some(oidc) = &state.sign_in.oidc() {
            p { a.primary.button href={ "/sign-in/oidc?to=" (escaped(shown.to)) } { "Sign in with " (oidc.config.name) } }
        }
        @if state.sign_in.settings().passwords { (passwords(&value, &shown)) }
    };
    let mut response = Frame::outside("Sign in").page(shown.status, body);
    set(&mut response, Cookie::Form.set(&value, state.is_https()));
    response
}

fn passwords(value: &str, shown: &Shown<'_>) -> Markup {
    html! {
        form.narrow method="post" action="/sign-in" {
            input type="hidden" name="token" value=(form_token(value));
            input type="hidden" name="to" value=(shown.to);
            label for="name" { "Name" }
            input id="name" name="name" type="text" value=(shown.name) autocomplete="username" autocapitalize="none"
                spellcheck="false" required maxlength="200" autofocus[shown.name.is_empty()];
            label for="password" { "Password" }
            input id="password" name="password" type="password" autocomplete="current-password" required
                maxlength="1024" autofocus[!shown.name.is_empty()];
            button.primary type="submit" { "Sign in" }
        }
        p.quiet { "No password yet? An operator can send you a link to set one." }
    }
}

/// Checks name and password, and opens a session.
///
/// # Errors
/// A foreign form; the audit log or the store fails.
pub async fn sign_in(
    State(state): State<ApiState>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Fields(fields): Fields<SignInFields>,
) -> Result<Response, Problem> {
    let to = local(fields.to.as_deref()).to_owned();
    same_origin(&headers, &state.public_url)?;
    let shown = |status, text: &str| {
        let shown = Shown { status, notice: Some(alert(text)), name: &fields.name, to: &to };
        form(&state, &headers, shown)
    };
    let cookie = Cookie::Form.read(&headers, state.is_https());
    if !cookie.is_some_and(|cookie| form_token_fits(&cookie, &fields.token)) {
        return Ok(shown(StatusCode::FORBIDDEN, "This form was too old, or your browser keeps no cookies. Try again."));
    }
    if !state.sign_in.settings().passwords {
        return Ok(shown(StatusCode::FORBIDDEN, "Signing in by password is switched off."));
    }
    let (person, address) = (PersonName(fields.name.trim().to_owned()), address(peer));
    match tried(&state, &person, &address, Secret::new(fields.password.clone())).await? {
        Tried::Good => {}
        Tried::Wrong => return Ok(shown(StatusCode::UNAUTHORIZED, WRONG)),
        Tried::Wait(seconds) => {
            let mut answer = shown(StatusCode::TOO_MANY_REQUESTS, &too_many(seconds));
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            return Ok(answer);
        }
    }
    let now = state.clock.now();
    let proof = Proof::by_password(person, now);
    open(&state, proof, &address, &headers, &to).await
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is the person's password.
    Good,
    /// It is not.
    Wrong,
    /// There were too many wrong ones: in so many seconds again.
    Wait(u64),
}

/// Words for [`Tried::Wait`].
pub fn too_many(seconds: u64) -> String {
    format!("Too many wrong tries. Wait {seconds} s and try again.")
}

/// Tries a password, as slowly as the tries before it ask for; one that is wrong is recorded.
///
/// # Errors
/// Too many people at once, or the store fails.
pub async fn tried(state: &ApiState, person: &PersonName, address: &str, given: Secret) -> Result<Tried, Problem> {
    if let Err(wait) = state.sign_in.limits.admit(&person.0, address, state.clock.now()) {
        refused(state, person, address, "too many wrong tries");
        return Ok(Tried::Wait(wait.as_secs().max(1)));
    }
    if !password::verify(state, person, given).await? {
        refused(state, person, address, "wrong password");
        return Ok(Tried::Wrong);
    }
    state.sign_in.limits.forgive(&person.0, address);
    Ok(Tried::Good)
}

/// Opens a session for a person who has proved who they are, records it first, and goes on to `to`. A session this browser
/// had before ends: a cookie planted earlier opens nothing.
///
/// # Errors
/// The audit log or the store fails: nobody is signed in.
pub async fn open(
    state: &ApiState,
    proof: Proof,
    address: &str,
    headers: &HeaderMap,
    to: &str,
) -> Result<Response, Problem> {
    let store_down = |error| Problem::unavailable("the store", error);
    let (person, how) = (Some(proof.person.clone()), proof.assurance.clone());
    let event = Event::SignIn { person, how, client_addr: Some(address.to_owned()), refused: None };
    state.record(event).await?;
    if let Some(old) = Cookie::Session.read(headers, state.is_https()) {
        state.tokens.remove_browser_sessions(vec![session_id(&old)]).await.map_err(store_down)?;
    }
    let now = state.clock.now();
    let span = state.sign_in.settings().span;
    let (session, cookie) = BrowserSession::open(proof, span, now);
    sweep(state).await;
    state.tokens.add_browser_session(session).await.map_err(store_down)?;
    let mut response = Redirect::to(local(Some(to))).into_response();
    set(&mut response, Cookie::Session.set(cookie.expose(), state.is_https()));
    set(&mut response, Cookie::Form.clear(state.is_https()));
    Ok(response)
}

/// Takes away sessions that have ended by themselves. Not being able to is no reason to refuse.
async fn sweep(state: &ApiState) {
    let now = state.clock.now();
    let idle = state.sign_in.settings().span.idle;
    let over = state.tokens.browser_sessions().unwrap_or_default().into_iter();
    let over: Vec<String> =
        over.filter(|session| !session.holds(idle, now)).map(|session| session.id).take(1000).collect();
    if !over.is_empty()
        && let Err(error) = state.tokens.remove_browser_sessions(over).await
    {
        tracing::warn!(%error, "could not take old sessions away");
    }
}

/// Records a sign-in that failed. A name that nobody has is not written down: it may be a password in the wrong field.
pub fn refused(state: &ApiState, person: &PersonName, address: &str, why: &str) {
    let known = state.knows(person).then(|| person.clone());
    let (how, client_addr) = ("password".to_owned(), Some(address.to_owned()));
    let event = Event::SignIn { person: known, how, client_addr, refused: Some(why.to_owned()) };
    // A flood of wrong passwords may fill the queue: the log counts what it drops.
    let _counted = state.audit.record(event);
}

/// What a form with nothing but its token sends.
#[derive(Deserialize)]
pub struct TokenOnly {
    /// The form's token.
    pub token: String,
}

/// Ends the session.
///
/// # Errors
/// A foreign form, or the store fails.
pub async fn sign_out(
    State(state): State<ApiState>,
    visitor: Visitor,
    headers: HeaderMap,
    Fields(fields): Fields<TokenOnly>,
) -> Result<Response, Problem> {
    visitor.check_form(&state, &headers, &fields.token)?;
    let ended = state.tokens.remove_browser_sessions(vec![visitor.session.id.clone()]).await;
    ended.map_err(|error| Problem::unavailable("the store", error))?;
    let mut response = Redirect::to("/sign-in?bye=1").into_response();
    set(&mut response, Cookie::Session.clear(state.is_https()));
    Ok(response)
}

/// Adds a cookie to an answer.
pub fn set(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
