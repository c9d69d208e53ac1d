//! The MySQL protocol after login, packet by packet, against real MariaDB and MySQL: what the drivers of `scenarios` never
//! send, what two drivers say differently, and what a client that means harm would try.
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

#[path = "../scenarios/client.rs"]
mod client;
#[path = "../support/holdpoint.rs"]
mod holdpoint;
#[path = "../support/mysql.rs"]
mod mysql_server;
mod outcome;
mod prepared;
#[path = "../support/raw_mysql.rs"]
mod raw;
#[path = "../support/sample.rs"]
mod sample;
#[path = "../support/sample_mysql.rs"]
mod sample_mysql;
#[path = "../support/postgres.rs"]
mod server;
#[path = "../scenarios/stage.rs"]
mod stage;
mod talk;
mod traps;

/// One test per server for each scenario, an async function that takes the kind.
#[macro_export]
macro_rules! both {
    ($($name:ident),+ $(,)?) => {
        mod mariadb {
            $(#[tokio::test] async fn $name() { super::$name($crate::stage::Kind::MariaDb).await; })+
        }
        mod mysql {
            $(#[tokio::test] async fn $name() { super::$name($crate::stage::Kind::MySql).await; })+
        }
    };
}
