//! Each promise once, tried on PostgreSQL, on MariaDB and on MySQL: the same scenario, the same agent, the same approvers.
//!
//! One server of each kind for the whole program, one database and one Holdpoint process for each test.

#![allow(
    clippy::duplicate_mod,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::too_many_lines,
    dead_code,
    reason = "a test crate: a panic is a finding, and each kind of server brings its own throw-away files"
)]

#[path = "scenarios/bulk.rs"]
mod bulk;
#[path = "scenarios/client.rs"]
mod client;
#[path = "scenarios/elevating.rs"]
mod elevating;
#[path = "scenarios/guarding.rs"]
mod guarding;
#[path = "scenarios/holding.rs"]
mod holding;
#[path = "support/holdpoint.rs"]
mod holdpoint;
#[path = "scenarios/masking.rs"]
mod masking;
#[path = "support/mysql.rs"]
mod mysql_server;
#[path = "support/sample.rs"]
mod sample;
#[path = "support/sample_mysql.rs"]
mod sample_mysql;
#[path = "support/postgres.rs"]
mod server;
#[path = "scenarios/sessions.rs"]
mod sessions;
#[path = "scenarios/stage.rs"]
mod stage;

/// One test per kind of server for each scenario, an async function that takes the kind.
#[macro_export]
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test] async fn $name() { super::$name($crate::stage::Kind::Postgres).await; })+
        }
        mod mariadb {
            $(#[tokio::test] async fn $name() { super::$name($crate::stage::Kind::MariaDb).await; })+
        }
        mod mysql {
            $(#[tokio::test] async fn $name() { super::$name($crate::stage::Kind::MySql).await; })+
        }
    };
}
