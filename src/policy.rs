//! `rules/*.yaml` -> `RuleSet`; `Footprint` and evidence -> `Action`s and a `Ruling`. Pure.

pub mod action;
pub mod class;
pub mod ruling;
