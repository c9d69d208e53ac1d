//! The HTTP API from outside: every endpoint, every problem, over the real router and a store in memory.

mod admin;
mod auth;
mod cli;
mod decide;
mod live;
mod read;
mod rig;
mod storm;
