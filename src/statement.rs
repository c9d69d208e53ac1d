//! SQL text -> `Statement` -> `Footprint`. Pure: no socket, no clock, no rules.

pub mod footprint;
pub mod scope;
