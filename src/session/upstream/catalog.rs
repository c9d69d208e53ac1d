//! Reads a catalog over an upstream connection of its own: for PostgreSQL one read-only transaction, then goodbye.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::catalog::Catalog;
use crate::catalog::load::{self, Answers, mysql};
use crate::config::Protocol;
use crate::pg::{compose, diagnostics, frame};
use crate::session::shared::Database;
use crate::session::stream::UpstreamStream;
use crate::session::upstream;
use crate::session::upstream::mysql_client::Client;

/// From connect to the last row.
const LIMIT: Duration = Duration::from_secs(30);
/// Largest single message of a catalog answer, in bytes.
const MESSAGE_MAX: usize = 64 * 1024 * 1024;

/// The catalog of `database`, or why it cannot be read, in words without secrets.
///
/// Cancel safe: the connection is dropped.
pub async fn read(database: &Arc<Database>) -> Result<Catalog, String> {
    tokio::time::timeout(LIMIT, collect(database)).await.map_err(|_| "no answer in time".to_owned())?
}

/// The rows of some SELECTs, all run in one read-only transaction on a connection of its own.
///
/// Cancel safe: the connection is dropped.
///
/// # Errors
/// The upstream cannot be reached, or refuses one of them; in words without secrets.
pub async fn ask(database: &Arc<Database>, queries: &[&str]) -> Result<Vec<load::Rows>, String> {
    let answers = async {
        match database.upstream.protocol {
            Protocol::Postgres => ask_postgres(database, queries).await,
            Protocol::Mysql => ask_mysql(database, queries).await,
        }
    };
    tokio::time::timeout(LIMIT, answers).await.map_err(|_| "no answer in time".to_owned())?
}

async fn ask_postgres(database: &Arc<Database>, queries: &[&str]) -> Result<Vec<load::Rows>, String> {
    let connected = upstream::connect(database, &[], "holdpoint classify").await.map_err(|error| error.to_string())?;
    let (mut stream, mut buffer) = (connected.stream, connected.leftovers);
    query(&mut stream, &mut buffer, load::BEGIN).await?;
    let mut answers = Vec::new();
    for sql in queries {
        answers.push(query(&mut stream, &mut buffer, sql).await?);
    }
    let _closed = stream.write_all(&compose::TERMINATE).await;
    Ok(answers)
}

async fn ask_mysql(database: &Arc<Database>, queries: &[&str]) -> Result<Vec<load::Rows>, String> {
    let mut client = Client::open(database, "holdpoint classify", None).await.map_err(|error| error.to_string())?;
    client.query("START TRANSACTION READ ONLY").await.map_err(|error| error.to_string())?;
    let mut answers = Vec::new();
    for sql in queries {
        answers.push(client.query(sql).await.map_err(|error| error.to_string())?);
    }
    client.close().await;
    Ok(answers)
}

async fn collect(database: &Arc<Database>) -> Result<Catalog, String> {
    match database.upstream.protocol {
        Protocol::Postgres => collect_postgres(database).await,
        Protocol::Mysql => collect_mysql(database).await,
    }
}

async fn collect_mysql(database: &Arc<Database>) -> Result<Catalog, String> {
    let mut client = Client::open(database, "holdpoint catalog", None).await.map_err(|error| error.to_string())?;
    let version = client.version();
    for sql in mysql::begin(version.flavour, version.number) {
        client.query(sql).await.map_err(|error| error.to_string())?;
    }
    let mut answers = Answers::default();
    for (name, sql) in mysql::queries() {
        let rows = client.query(&sql).await;
        answers.add(name, rows.map_err(|error| format!("catalog query `{name}`: {error}"))?);
    }
    client.close().await;
    mysql::build(&database.name, &answers).map_err(|error| error.to_string())
}

async fn collect_postgres(database: &Arc<Database>) -> Result<Catalog, String> {
    let connected = upstream::connect(database, &[], "holdpoint catalog").await.map_err(|error| error.to_string())?;
    let mut stream = connected.stream;
    let mut buffer = connected.leftovers;
    let reported = connected.parameters.iter().find(|(name, _)| name == "server_version");
    let version =
        reported.and_then(|(_, value)| load::server_version(value)).ok_or("the server does not say its version")?;
    query(&mut stream, &mut buffer, load::BEGIN).await?;
    let mut answers = Answers::default();
    for (name, sql) in load::queries(version) {
        answers.add(name, query(&mut stream, &mut buffer, &sql).await?);
    }
    query(&mut stream, &mut buffer, load::END).await?;
    let _closed = stream.write_all(&compose::TERMINATE).await;
    load::build(&database.name, &answers).map_err(|error| error.to_string())
}

/// Runs one text over the simple protocol. The last result's rows.
async fn query(
    stream: &mut UpstreamStream,
    buffer: &mut BytesMut,
    sql: &str,
) -> Result<Vec<Vec<Option<String>>>, String> {
    stream.write_all(&compose::query(sql)).await.map_err(|error| error.to_string())?;
    stream.flush().await.map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    let mut failed = None;
    loop {
        let message = match frame::cut(buffer, MESSAGE_MAX).map_err(|error| error.to_string())? {
            Some(head) => buffer.split_to(head.len).freeze(),
            None => {
                let count = stream.read_buf(buffer).await.map_err(|error| error.to_string())?;
                if count == 0 {
                    return Err("the upstream closed the connection".to_owned());
                }
                continue;
            }
        };
        match message.first() {
            Some(b'D') => rows.push(compose::row_texts(&message).map_err(|error| error.to_string())?),
            Some(b'E') => failed = Some(format!("the upstream answered SQLSTATE {}", diagnostics::sqlstate(&message))),
            Some(b'Z') => return failed.map_or(Ok(rows), Err),
            _ => {}
        }
    }
}
