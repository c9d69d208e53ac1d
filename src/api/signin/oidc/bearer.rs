//! Access tokens (JWT) of the identity provider as bearers at the API, beside our own hashed tokens.

use crate::api::problem::{Kind, Problem};
use crate::api::signin::oidc::OidcError;
use crate::api::signin::oidc::flow::known;
use crate::api::state::ApiState;
use crate::identity::oidc::text;
use crate::identity::person::Person;
use crate::identity::session::session_id;
use crate::identity::token::Scope;

/// Who a JWT speaks for, and what it may do.
pub struct Bearer {
    /// The person with the groups of the configuration and of the token.
    pub person: Person,
    /// Stands for the token where others have an id.
    pub id: String,
    /// By the groups, as at the page.
    pub scopes: Vec<Scope>,
}

/// Is this a JWT at all? Ours begin with `hpt_` and have no dots.
pub fn looks_like_one(text: &str) -> bool {
    text.split('.').count() == 3
}

/// Checks a bearer JWT: a good access token for our audience, of a person the configuration knows.
///
/// # Errors
/// [`Kind::Unauthorized`], in one wording whatever is wrong with it; the provider cannot be reached.
pub async fn authenticate(state: &ApiState, jwt: &str) -> Result<Bearer, Problem> {
    let unauthorized = || Problem::new(Kind::Unauthorized, "this token is unknown, expired or revoked");
    let provider = state.sign_in.oidc().ok_or_else(unauthorized)?;
    let checked = provider.access(jwt).await.and_then(|claims| Ok((known(&provider, &claims)?, claims)));
    let ((name, groups), claims) = match checked {
        Ok(checked) => checked,
        Err(OidcError::Refused(why)) => {
            tracing::info!(why, "a bearer JWT was refused");
            return Err(unauthorized());
        }
        Err(error) => return Err(error.into()),
    };
    if !state.knows(&name) {
        return Err(unauthorized());
    }
    let mut person = state.person(&name);
    person.groups.extend(groups);
    person.groups.sort();
    person.groups.dedup();
    let scopes = state.sign_in.settings().scopes_of(&person.groups);
    let id = text(&claims, "jti").map_or_else(|| session_id(jwt), |id| format!("jwt {name} {id}"));
    Ok(Bearer { person, id, scopes })
}
