//! `rules/*.yaml` -> `RuleSet`; `Footprint` and evidence -> `Action`s and a `Ruling`. Pure.

pub mod action;
pub mod budget;
pub mod class;
pub mod detector;
pub mod inherit;
pub mod judge;
pub mod rules;
pub mod ruling;
pub mod span;
pub mod yaml;
