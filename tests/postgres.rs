//! Holdpoint in front of a real PostgreSQL: one test for each promise about holding, masking and proxying.
//!
//! One server for the whole program, one database and one Holdpoint process for each test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::too_many_lines,
    dead_code,
    reason = "a test crate: a panic is a finding"
)]

#[path = "postgres/abandoned.rs"]
mod abandoned;
#[path = "postgres/bulk.rs"]
mod bulk;
#[path = "postgres/classify.rs"]
mod classify;
#[path = "postgres/copying.rs"]
mod copying;
#[path = "postgres/crashes.rs"]
mod crashes;
#[path = "postgres/holding.rs"]
mod holding;
#[path = "support/holdpoint.rs"]
mod holdpoint;
#[path = "postgres/masking.rs"]
mod masking;
#[path = "postgres/protocol.rs"]
mod protocol;
#[path = "support/raw.rs"]
mod raw;
#[path = "postgres/records.rs"]
mod records;
#[path = "postgres/reload.rs"]
mod reload;
#[path = "support/sample.rs"]
mod sample;
#[path = "support/postgres.rs"]
mod server;
#[path = "postgres/settings.rs"]
mod settings;
#[path = "postgres/transactions.rs"]
mod transactions;
#[path = "postgres/traps.rs"]
mod traps;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use holdpoint::{Holdpoint, Setup};

type Answer = Result<Vec<SimpleQueryMessage>, Error>;

/// A proxy with the usual rules.
async fn stage() -> Holdpoint {
    Holdpoint::start(Setup::rules(sample::rules())).await
}

/// The same with short holds: clients get the *pending* error after 300 ms.
async fn hasty() -> Holdpoint {
    let rules = sample::rules().replace("hold: 20s", "hold: 300ms");
    Holdpoint::start(Setup::rules(rules).with("hold: { hold_in_transaction: 300ms }")).await
}

/// Sends a simple Query and goes on meanwhile.
fn send(client: &Arc<Client>, sql: &str) -> JoinHandle<Answer> {
    let (client, sql) = (client.clone(), sql.to_owned());
    tokio::spawn(async move { client.simple_query(&sql).await })
}

/// How a statement that was sent ended, within the time that is fair.
async fn answer(sent: JoinHandle<Answer>) -> Answer {
    tokio::time::timeout(Duration::from_secs(20), sent).await.expect("an answer in time").expect("no panic")
}

/// The refusal that it ended with.
async fn refusal(sent: JoinHandle<Answer>) -> DbError {
    db_error(answer(sent).await.expect_err("a refusal"))
}

fn db_error(error: Error) -> DbError {
    error.as_db_error().unwrap_or_else(|| panic!("not the server's error: {error:?}")).clone()
}

fn kind(error: &DbError) -> &str {
    error.routine().unwrap_or_default()
}

/// Text cells of a simple answer.
fn cells(answer: &[SimpleQueryMessage]) -> Vec<Vec<String>> {
    answer
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).unwrap_or("(null)").to_owned()).collect())
            }
            _ => None,
        })
        .collect()
}

/// Runs a simple Query that must succeed; its cells.
async fn rows(client: &Client, sql: &str) -> Vec<Vec<String>> {
    cells(&client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")))
}

/// The only cell.
async fn cell(client: &Client, sql: &str) -> String {
    rows(client, sql).await.first().and_then(|row| row.first()).cloned().unwrap_or_else(|| panic!("{sql}: no rows"))
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
