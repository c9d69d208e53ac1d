//! One append-only log that proves itself: hash chain, signed checkpoints, offline verification.

pub mod canonical;
pub mod chain;
pub mod checkpoint;
pub mod event;
pub mod log;
pub mod merkle;
pub mod store;
mod writer;
