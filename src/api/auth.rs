//! Who calls: bearer tokens `hpt_…` or an identity provider's access tokens, their scopes, and the person's groups of this
//! moment.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::api::problem::{Kind, Problem};
use crate::api::signin::oidc::bearer as jwt;
use crate::api::state::ApiState;
use crate::identity::ids::PersonName;
use crate::identity::person::Person;
use crate::identity::session::BrowserSession;
use crate::identity::token::{Scope, Token, TokenError, authenticate};

/// The authenticated caller. Handlers take it as an argument and ask [`Caller::require`] first.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The person behind the token, with the groups of this moment. A person the configuration does not know is in none.
    pub person: Person,
    /// The id of the token, or of the session at the page.
    pub token_id: String,
    /// How sure we are who it is: `token`, `password`, `oidc`.
    pub assurance: String,
    scopes: Vec<Scope>,
}

impl Caller {
    /// A person signed in at the page.
    pub fn at_the_page(person: Person, session: &BrowserSession, scopes: Vec<Scope>) -> Self {
        Self { person, token_id: session.id.clone(), assurance: session.proof.assurance.clone(), scopes }
    }

    /// Goes on only with the scope.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] without it. `admin` does not include the others: who makes tokens does not decide by it.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let what = if self.assurance == "token" { "this token lacks" } else { "you lack" };
        Err(Problem::new(Kind::Forbidden, format!("{what} the scope {}", scope.as_str())))
    }

    /// The caller's name.
    pub fn name(&self) -> &PersonName {
        &self.person.name
    }
}

/// The scope of this wire name.
pub fn scope_named(name: &str) -> Option<Scope> {
    Scope::ALL.into_iter().find(|scope| scope.as_str() == name)
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let text = bearer(parts)?;
        if jwt::looks_like_one(&text) {
            let jwt::Bearer { person, id, scopes } = jwt::authenticate(state, &text).await?;
            return Ok(Self { person, token_id: id, assurance: "token".to_owned(), scopes });
        }
        let token = find(state, &text).await?;
        let (person, assurance) = (state.person(&token.person), "token".to_owned());
        Ok(Self { person, token_id: token.id, assurance, scopes: token.scopes })
    }
}

fn bearer(parts: &Parts) -> Result<String, Problem> {
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (headers.next(), headers.next()) else {
        return Err(unauthorized("send one header `Authorization: Bearer hpt_…`"));
    };
    let text = value.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim().to_owned()),
        _ => Err(unauthorized("send one header `Authorization: Bearer hpt_…`")),
    }
}

/// One wording for every token that does not work, so that nothing is learned about those that exist.
async fn find(state: &ApiState, text: &str) -> Result<Token, Problem> {
    let now = state.clock.now();
    let token = authenticate(state.tokens.as_ref(), text, now).map_err(|error| match error {
        TokenError::Store(error) => Problem::unavailable("the store", error),
        TokenError::Unknown | TokenError::Revoked | TokenError::Expired => {
            unauthorized("this token is unknown, expired or revoked")
        }
    })?;
    state.note_use(&token, now).await;
    Ok(token)
}

fn unauthorized(why: &str) -> Problem {
    Problem::new(Kind::Unauthorized, why)
}
