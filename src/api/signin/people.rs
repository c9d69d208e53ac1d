//! `/v1/people`: who may sign in with a password, links for setting one, ending sessions.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::auth::Caller;
use crate::api::extract::Body;
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::signin::{LINK_SPAN, password};
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::clock::Timestamp;
use crate::identity::ids::PersonName;
use crate::identity::password::Login;
use crate::identity::person::Person;
use crate::identity::secret::Secret;
use crate::identity::session::BrowserSession;
use crate::identity::token::Scope;

/// A person of the configuration, and how they get in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Person)]
pub struct PersonBody {
    /// The name.
    pub name: String,
    /// The groups of the configuration.
    pub groups: Vec<String>,
    /// When a password was set; null: there is none.
    #[schema(value_type = Option<String>)]
    pub password_set_at: Option<Timestamp>,
    /// Until when a link for setting one works; null: there is none.
    #[schema(value_type = Option<String>)]
    pub link_until: Option<Timestamp>,
    /// Who ever made a password or a link for them.
    pub issued_by: Vec<String>,
    /// Sessions at the page that have not ended.
    pub sessions: usize,
}

/// Everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PersonList {
    /// By name.
    pub people: Vec<PersonBody>,
}

/// A link for setting a password, shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuedLink {
    /// Whose.
    pub person: String,
    /// The address to open. Works once.
    pub link: String,
    /// When it stops working.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
}

/// What an action on a person needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonAction {
    /// The new password, for `set-password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Everybody, from what is configured and what is kept. Kept ways in of people the configuration does not know are left out:
/// they open nothing.
pub fn bodies(people: &[Person], logins: Vec<Login>, sessions: &[BrowserSession], now: Timestamp) -> Vec<PersonBody> {
    let mut kept: BTreeMap<PersonName, Login> = logins.into_iter().map(|login| (login.person.clone(), login)).collect();
    let body = |person: &Person| {
        let login = kept.remove(&person.name).unwrap_or_else(|| Login::new(person.name.clone()));
        let link = login.link.filter(|link| now < link.expires_at);
        PersonBody {
            name: person.name.to_string(),
            groups: person.groups.clone(),
            password_set_at: login.set_at.filter(|_| login.hash.is_some()),
            link_until: link.map(|link| link.expires_at),
            issued_by: login.issuers.into_iter().map(|issuer| issuer.0).collect(),
            sessions: sessions.iter().filter(|session| session.proof.person == person.name).count(),
        }
    };
    let mut bodies: Vec<PersonBody> = people.iter().map(body).collect();
    bodies.sort_by(|one, other| one.name.cmp(&other.name));
    bodies
}

/// Lists people.
#[utoipa::path(get, path = "/v1/people", tag = "people", security(("token" = ["admin"])),
    responses((status = 200, body = PersonList), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(State(state): State<ApiState>, caller: Caller) -> Result<Json<PersonList>, Problem> {
    caller.require(Scope::Admin)?;
    let (now, idle) = (state.clock.now(), state.sign_in.settings().span.idle);
    let logins = state.tokens.logins().map_err(store_down)?;
    let mut sessions = state.tokens.browser_sessions().map_err(store_down)?;
    sessions.retain(|session| session.holds(idle, now));
    Ok(Json(PersonList { people: bodies(&state.people.load(), logins, &sessions, now) }))
}

/// `:invite` (a one-time link for setting a password), `:set-password`, `:remove-password` or `:sign-out` (ends all sessions).
/// Whoever opens a way in for a person stands in that person's chain, and so does not decide what they may not.
#[utoipa::path(post, path = "/v1/people/{name}:{verb}", tag = "people", security(("token" = ["admin"])), request_body = PersonAction,
    params(("name" = String, Path, description = "A person of `holdpoint.yaml`"),
        ("verb" = String, Path, description = "`invite`, `set-password`, `remove-password` or `sign-out`")),
    responses((status = 200, body = IssuedLink, description = "For `invite`"), (status = 204, description = "For the others"),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn act(
    State(state): State<ApiState>,
    caller: Caller,
    Path(name_and_verb): Path<String>,
    Body(action): Body<PersonAction>,
) -> Result<Response, Problem> {
    caller.require(Scope::Admin)?;
    let (name, verb) = name_and_verb.rsplit_once(':').unwrap_or((&name_and_verb, ""));
    let person = PersonName(name.to_owned());
    if !state.knows(&person) {
        return Err(Problem::not_found(format!("person {name:?} in the configuration")));
    }
    match verb {
        "invite" => invite(&state, &caller, person).await.map(|link| Json(link).into_response()),
        "set-password" => {
            let given = action.password.ok_or_else(|| Problem::bad_request("send the new `password`"))?;
            set(&state, &caller, person, Secret::new(given)).await
        }
        "remove-password" => remove(&state, &caller, person).await,
        "sign-out" => {
            state.record(changed(&caller, format!("{person} signed out everywhere"))).await?;
            password::end_sessions(&state, &person).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        _ => Err(Problem::new(
            Kind::NotFound,
            "say what to do: `:invite`, `:set-password`, `:remove-password` or `:sign-out` after the name",
        )),
    }
}

async fn invite(state: &ApiState, caller: &Caller, person: PersonName) -> Result<IssuedLink, Problem> {
    let _one_at_a_time = state.identity_writes.lock().await;
    let mut login = password::find(state, &person)?.unwrap_or_else(|| Login::new(person.clone()));
    let expires_at = state.clock.now().after(LINK_SPAN);
    let secret = login.invite(caller.name().clone(), expires_at);
    state.record(changed(caller, format!("link made for {person} to set a password"))).await?;
    state.tokens.put_login(login).await.map_err(store_down)?;
    Ok(IssuedLink { person: person.0, link: link(&state.public_url, &secret), expires_at })
}

/// The address of a link.
pub fn link(public_url: &str, secret: &Secret) -> String {
    format!("{public_url}/password/{}", secret.expose())
}

async fn set(state: &ApiState, caller: &Caller, person: PersonName, given: Secret) -> Result<Response, Problem> {
    let hash = password::hash(state, &person, given).await?;
    let _one_at_a_time = state.identity_writes.lock().await;
    let mut login = password::find(state, &person)?.unwrap_or_else(|| Login::new(person.clone()));
    login.set(hash, Some(caller.name().clone()), state.clock.now());
    state.record(changed(caller, format!("password of {person} set"))).await?;
    state.tokens.put_login(login).await.map_err(store_down)?;
    password::end_sessions(state, &person).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn remove(state: &ApiState, caller: &Caller, person: PersonName) -> Result<Response, Problem> {
    let _one_at_a_time = state.identity_writes.lock().await;
    // The issuers stay: what they could have done with it, they could have done.
    if let Some(login) = password::find(state, &person)? {
        state.record(changed(caller, format!("password of {person} removed"))).await?;
        let login = Login { hash: None, set_at: None, link: None, ..login };
        state.tokens.put_login(login).await.map_err(store_down)?;
    }
    password::end_sessions(state, &person).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn changed(caller: &Caller, what: String) -> Event {
    Event::IdentityChanged { by: caller.name().clone(), what }
}

fn store_down(error: impl std::fmt::Display) -> Problem {
    Problem::unavailable("the store", error)
}
