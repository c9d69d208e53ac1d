//! What MySQL's protocol has after login, in front of a real MariaDB and a real MySQL, and of servers that lie: files of the
//! client's, lists of fields, attributes, progress, load, and what becomes of statements whose client has gone.

#![allow(
    clippy::duplicate_mod,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::too_many_lines,
    missing_docs,
    dead_code,
    reason = "a test crate: a panic is a finding, and each kind of server brings its own throw-away files"
)]

mod abandoned;
#[path = "../support/holdpoint.rs"]
mod holdpoint;
#[path = "../support/mysql.rs"]
mod mysql_server;
#[path = "../support/raw_mysql.rs"]
mod raw_mysql;
mod rig;
#[path = "../support/sample.rs"]
mod sample;
#[path = "../support/sample_mysql.rs"]
mod sample_mysql;
#[path = "../support/postgres.rs"]
mod server;
