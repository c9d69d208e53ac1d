//! Commands that change who may do what: agents, tokens, and passwords of people.

pub mod agents;
pub mod people;
pub mod tokens;
