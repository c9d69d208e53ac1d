//! Signing in by an identity provider: OpenID Connect's authorization code flow with PKCE, state and nonce. What a good
//! token says is read by `identity/oidc`; whatever is not good lets nobody in.

pub mod bearer;
pub mod flow;
pub mod http;
pub mod provider;

use crate::api::problem::{Kind, Problem};

/// Why nobody was let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The provider cannot be reached, or answers nonsense. The cause is for the log.
    #[error("the identity provider cannot be used: {0}")]
    Unreachable(String),
    /// A token or an answer that is not good, in words.
    #[error("{0}")]
    Refused(String),
}

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Self {
        match error {
            OidcError::Unreachable(cause) => Self::unavailable("the identity provider", cause),
            OidcError::Refused(why) => Self::new(Kind::Forbidden, format!("you are not signed in: {why}")),
        }
    }
}
