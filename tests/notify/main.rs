//! Telling people and programs: real channels against receivers of the tests' own, over the real desk and outbox.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

mod mail;
mod receiver;
mod rig;
mod slack;
mod teams;
mod webhooks;
mod workspace;
