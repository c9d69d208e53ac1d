//! Commands that change who may do what: agents and tokens.

pub mod agents;
pub mod tokens;
