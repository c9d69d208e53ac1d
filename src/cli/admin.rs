//! Commands about who may do what: agents, tokens, passwords of people, the identity provider.

pub mod agents;
pub mod oidc;
pub mod people;
pub mod tokens;
