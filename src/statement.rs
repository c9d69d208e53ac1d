//! SQL text -> `Statement` -> `Footprint`. Pure: no socket, no clock, no rules.

pub mod builtins;
pub mod comment;
pub mod fingerprint;
pub mod footprint;
pub mod scope;
pub mod utility;
