//! From accept to "both sides are ready", for MySQL clients against real MariaDB and MySQL: every way to log in, and every way
//! to be refused.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::print_stdout
)]

mod attacks;
mod clients;
mod harness;
#[path = "../support/mysql.rs"]
#[allow(dead_code)]
mod mysql;
#[path = "../support/raw_mysql.rs"]
mod raw;
mod relay;
mod scripted;
mod upstreams;
