//! `oidc:` as people write it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::policy::span::Span;

/// An OpenID Connect provider by which people sign in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcRaw {
    /// The issuer's URL, exactly as the provider writes it.
    pub issuer: String,
    /// The client that the provider knows us by. Its redirect URI is `public_url` with `/sign-in/oidc/callback`.
    pub client_id: String,
    /// The client's secret: `${VARIABLE}`, or the secret itself. Left out: a public client.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// A file with the client's secret.
    #[serde(default)]
    pub client_secret_file: Option<String>,
    /// What the button says. Default: the issuer's host.
    #[serde(default)]
    pub name: Option<String>,
    /// Scopes to ask for beside `openid`. Default `profile`, `email`.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// The claim that lists groups. Default `groups`.
    #[serde(default)]
    pub groups_claim: Option<String>,
    /// Our groups, each with the provider's names for it. Left out: the provider's names are ours.
    #[serde(default)]
    pub groups: Option<BTreeMap<String, Vec<String>>>,
    /// Taken off the front of each of the provider's group names.
    #[serde(default)]
    pub strip_prefix: Option<String>,
    /// The audience of access tokens (JWT) that the API takes as bearer. Left out: it takes none.
    #[serde(default)]
    pub audience: Option<String>,
    /// How long ago a person may have proved who they are to the provider. Left out: the provider decides.
    #[serde(default)]
    pub max_age: Option<Span>,
    /// Authentication context classes to ask for; one of them must come back.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// PEM file: a CA to trust for the provider, beside the system's.
    #[serde(default)]
    pub ca: Option<String>,
}
