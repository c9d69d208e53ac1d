//! Who asks and who decides: agents, people, tokens, and the ids that tie a story together.

pub mod agent;
pub mod assurance;
pub mod credential;
pub mod ids;
pub mod issue;
pub mod oidc;
pub mod password;
pub mod person;
pub mod secret;
pub mod session;
pub mod store;
pub mod token;
