//! The HTTP API from outside: every endpoint, every problem, over the real router and a store in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

mod admin;
mod auth;
mod channels;
mod cli;
mod decide;
mod grants;
mod grants_page;
mod idp;
mod live;
mod oidc;
mod page;
mod read;
mod replicas;
mod rig;
mod signin;
mod storm;
mod visit;
#[allow(dead_code, reason = "the tests of notify use the rest of it")]
#[path = "../notify/workspace.rs"]
mod workspace;
