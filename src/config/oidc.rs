//! `oidc:`, checked: the identity provider, and how its tokens lead to people of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use crate::identity::oidc::{GroupRule, Identity};
use crate::identity::secret::Secret;

/// An OpenID Connect provider.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// The issuer's URL.
    pub issuer: String,
    /// Our client.
    pub client_id: String,
    /// Its secret, if it has one.
    pub client_secret: Option<Secret>,
    /// What the button says.
    pub name: String,
    /// Scopes beside `openid`.
    pub scopes: Vec<String>,
    /// How groups are read.
    pub groups: GroupRule,
    /// How people are recognised.
    pub identities: Vec<Identity>,
    /// Audience of the access tokens that the API takes; `None`: none are taken.
    pub audience: Option<String>,
    /// How long ago people may have proved who they are.
    pub max_age: Option<Duration>,
    /// Authentication context classes, one of which must come back; empty: any.
    pub acr_values: Vec<String>,
    /// A CA to trust for the provider.
    pub ca: Option<PathBuf>,
}
