//! SQL text -> `Statement` -> `Footprint`. Pure: no socket, no clock, no rules.

pub mod builtins;
pub mod comment;
pub mod fingerprint;
pub mod footprint;
pub mod lineage;
pub mod mysql;
pub mod pg;
pub mod read;
pub mod scope;
pub mod tree;
pub mod utility;
pub mod variable;

#[cfg(test)]
mod tests;
