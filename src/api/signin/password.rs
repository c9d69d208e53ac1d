//! Checking and setting passwords: away from the threads that serve requests, and only so many at once.

use std::sync::Arc;

use crate::api::problem::{Kind, Problem};
use crate::api::signin::{HASHING_WAIT, SignIn};
use crate::api::state::ApiState;
use crate::identity::ids::PersonName;
use crate::identity::password::{self, Login};
use crate::identity::secret::Secret;

/// Is this the person's password? As slow for a name that nobody has.
///
/// # Errors
/// Too many at once, or the store fails.
pub async fn verify(state: &ApiState, person: &PersonName, given: Secret) -> Result<bool, Problem> {
    let stored = if state.knows(person) { find(state, person)?.and_then(|login| login.hash) } else { None };
    in_turn(&state.sign_in, move || password::verify(stored.as_deref(), &given)).await
}

/// Checks and hashes a new password.
///
/// # Errors
/// [`Kind::BadRequest`] if it is too weak; too many at once.
pub async fn hash(state: &ApiState, person: &PersonName, given: Secret) -> Result<String, Problem> {
    let person = person.clone();
    in_turn(&state.sign_in, move || password::hash(&given, &person)).await?.map_err(Problem::bad_request)
}

/// The person's way in, if there is one.
///
/// # Errors
/// The store fails.
pub fn find(state: &ApiState, person: &PersonName) -> Result<Option<Login>, Problem> {
    state.tokens.login(person).map_err(|error| Problem::unavailable("the store", error))
}

/// Ends every session of a person.
///
/// # Errors
/// The store fails.
pub async fn end_sessions(state: &ApiState, person: &PersonName) -> Result<usize, Problem> {
    let store_down = |error| Problem::unavailable("the store", error);
    let all = state.tokens.browser_sessions().map_err(store_down)?;
    let ids: Vec<String> =
        all.into_iter().filter(|session| session.proof.person == *person).map(|session| session.id).collect();
    let count = ids.len();
    state.tokens.remove_browser_sessions(ids).await.map_err(store_down)?;
    Ok(count)
}

async fn in_turn<T: Send + 'static>(
    sign_in: &Arc<SignIn>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = tokio::time::timeout(HASHING_WAIT, sign_in.hashing.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        return Err(Problem::new(Kind::TooMany, "many people sign in at this moment; try again in a few seconds"));
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::unavailable("checking passwords", error))
}
