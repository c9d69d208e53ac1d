//! One append-only log that proves itself: hash chain, signed checkpoints, offline verification.

pub mod event;
