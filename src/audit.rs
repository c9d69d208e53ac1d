//! One append-only log that proves itself: hash chain, signed checkpoints, offline verification.

pub mod canonical;
pub mod chain;
pub mod checkpoint;
pub mod event;
pub mod export;
pub mod log;
pub mod merkle;
pub mod meters;
pub mod receipt;
pub mod store;
pub mod verify;
mod writer;
