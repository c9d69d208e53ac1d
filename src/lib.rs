//! Holdpoint: a proxy that holds risky SQL until a person approves, and masks classified columns on their way back.
//!
//! ```text
//! client bytes -> Frame -> Statement -> Footprint -> Action(s) -> Ruling -> Verdict -+-> Release -> upstream
//!                 (pg)     (statement)  (+ catalog)   (policy)    (policy)   (gate)  |
//!                                                                                    +-> Approval … Decision -> Release | Refusal
//! upstream bytes -> result header -> Plan -> rows -> MaskedCell -> client        and audit Events all along
//!                                    (masking)
//! ```

pub mod api;
pub mod app;
pub mod audit;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod gate;
pub mod identity;
pub mod masking;
pub mod pg;
pub mod policy;
pub mod session;
pub mod statement;
pub mod store;
