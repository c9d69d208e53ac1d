//! Proving anew who one is, before something that lasts longer than the session: an open browser, or a link that somebody sent,
//! is not enough for it.

use maud::{Markup, html};

use crate::api::problem::{Kind, Problem};
use crate::api::signin::form::{Tried, too_many, tried};
use crate::api::signin::visitor::{Visitor, escaped};
use crate::api::state::ApiState;
use crate::identity::secret::Secret;

/// What is still to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepUp {
    /// The password goes into the same form.
    Password,
    /// A fresh sign-in at the identity provider of this name, which leads back here.
    Provider(String),
    /// Nothing: the person has just proved it for this page.
    Done,
    /// There is no way to prove it.
    Impossible,
}

/// What this visitor has to do for this path.
pub fn needed(state: &ApiState, visitor: &Visitor, path: &str) -> StepUp {
    let proof = &visitor.session.proof;
    if proof.is_anew_for(path) {
        return StepUp::Done;
    }
    if proof.assurance == "password" && state.sign_in.settings().passwords {
        return StepUp::Password;
    }
    match state.sign_in.oidc() {
        Some(oidc) => StepUp::Provider(oidc.config.name.clone()),
        None => StepUp::Impossible,
    }
}

/// The part of the form that asks for it, or what stands instead of the form. `Err` is shown instead.
///
/// # Errors
/// There is nothing to fill in: what to do first.
pub fn field(needed: &StepUp, path: &str) -> Result<Markup, Markup> {
    match needed {
        StepUp::Done => Ok(html! {}),
        StepUp::Password => Ok(html! {
            label for="password" { "Your password here, once more" }
            input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024";
        }),
        StepUp::Provider(name) => Err(html! {
            p.why { "First prove once more who you are; you come back to this page." }
            p { a.button.primary href={ "/sign-in/oidc?fresh=1&to=" (escaped(path)) } { "Prove it to " (name) } }
        }),
        StepUp::Impossible => Err(html! { p.why { "Sign out and in again by another way first." } }),
    }
}

/// Goes on only if the visitor has proved it.
///
/// # Errors
/// [`Kind::AssuranceTooLow`] without it or with a wrong password; [`Kind::TooMany`]; the store fails.
pub async fn require(
    state: &ApiState,
    visitor: &Visitor,
    path: &str,
    password: Option<String>,
    address: &str,
) -> Result<(), Problem> {
    let not_yet = |why: &str| Err(Problem::new(Kind::AssuranceTooLow, why));
    match (needed(state, visitor, path), password) {
        (StepUp::Done, _) => Ok(()),
        (StepUp::Password, Some(given)) => {
            match tried(state, &visitor.caller.person.name, address, Secret::new(given)).await? {
                Tried::Good => Ok(()),
                Tried::Wrong => not_yet("this is not your password; nothing was done"),
                Tried::Wait(seconds) => Err(Problem::new(Kind::TooMany, too_many(seconds))),
            }
        }
        _ => not_yet("prove once more who you are; nothing was done"),
    }
}
