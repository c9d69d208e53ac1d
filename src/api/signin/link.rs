//! `/password/{secret}`: the one-time link by which a person sets a password. Looking at it uses nothing up: mail programs
//! and chats open links by themselves.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::extract::Fields;
use crate::api::page::frame::{Frame, alert};
use crate::api::problem::{Kind, Problem};
use crate::api::signin::form::open;
use crate::api::signin::password;
use crate::api::signin::visitor::{Peer, address, same_origin};
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::identity::ids::PersonName;
use crate::identity::password::{CHARS_MIN, Login};
use crate::identity::secret::Secret;
use crate::identity::session::Proof;

/// What the form sends.
#[derive(Deserialize)]
pub struct PasswordFields {
    password: String,
    again: String,
}

/// The form.
///
/// # Errors
/// The link does not work, or the store fails.
pub async fn show(State(state): State<ApiState>, Path(secret): Path<String>) -> Result<Response, Problem> {
    let login = opened(&state, &secret)?;
    Ok(Frame::outside("Set your password").page(StatusCode::OK, form(&login.person, &secret, None)))
}

/// Sets the password and signs the person in. The secret of the path is what no other site knows.
///
/// # Errors
/// The link does not work; the audit log or the store fails.
pub async fn set(
    State(state): State<ApiState>,
    Path(secret): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Fields(fields): Fields<PasswordFields>,
) -> Result<Response, Problem> {
    same_origin(&headers, &state.public_url)?;
    let person = opened(&state, &secret)?.person;
    let again = |text: &str| {
        let body = form(&person, &secret, Some(alert(text)));
        Frame::outside("Set your password").page(StatusCode::UNPROCESSABLE_ENTITY, body)
    };
    if fields.password != fields.again {
        return Ok(again("The two passwords are not the same."));
    }
    let hash = match password::hash(&state, &person, Secret::new(fields.password)).await {
        Ok(hash) => hash,
        Err(Problem { kind: Kind::BadRequest, detail, .. }) => return Ok(again(&sentence(&detail))),
        Err(problem) => return Err(problem),
    };
    let turn = state.identity_writes.lock().await;
    // Used up meanwhile? Looked at again with nobody else at work.
    let mut login = opened(&state, &secret)?;
    let now = state.clock.now();
    login.set(hash, None, now);
    let what = format!("{person} set a password by link");
    state.record(Event::IdentityChanged { by: person.clone(), what }).await?;
    state.tokens.put_login(login).await.map_err(|error| Problem::unavailable("the store", error))?;
    drop(turn);
    password::end_sessions(&state, &person).await?;
    let proof = Proof::by_password(person, now);
    open(&state, proof, &address(peer), &headers, "/").await
}

/// The way in that this secret opens. All that do not work look alike.
fn opened(state: &ApiState, secret: &str) -> Result<Login, Problem> {
    if !state.sign_in.settings().passwords {
        return Err(Problem::new(Kind::NotFound, "signing in by password is switched off"));
    }
    let now = state.clock.now();
    let logins = state.tokens.logins().map_err(|error| Problem::unavailable("the store", error))?;
    let found = logins.into_iter().find(|login| login.opens(secret, now) && state.knows(&login.person));
    found.ok_or_else(|| {
        Problem::new(Kind::NotFound, "this link was used, is too old, or never was; ask the operator for a new one")
    })
}

fn form(person: &PersonName, secret: &str, notice: Option<Markup>) -> Markup {
    html! {
        h1 { "Set your password" }
        @if let Some(notice) = notice { (notice) }
        form.narrow method="post" action={ "/password/" (secret) } {
            label for="name" { "Name" }
            input id="name" type="text" value=(person) autocomplete="username" readonly;
            label for="password" { "New password" }
            input id="password" name="password" type="password" autocomplete="new-password" required
                maxlength="1024" aria-describedby="rule" autofocus;
            p.quiet id="rule" { "At least " (CHARS_MIN) " characters. Several words make a good one." }
            label for="again" { "Once more" }
            input id="again" name="again" type="password" autocomplete="new-password" required maxlength="1024";
            button.primary type="submit" { "Set password and sign in" }
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
