//! What a row costs on its way through a running proxy: a server that answers with prepared rows, a client that only counts.
//!
//! `cargo bench --bench wire`. Elements per second are rows; `direct` is the same without the proxy in between.

#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a bench may stop on its own mistakes, and criterion writes functions"
)]

#[path = "../tests/support/holdpoint.rs"]
mod holdpoint;
#[path = "../tests/support/liar.rs"]
mod liar;
#[path = "../tests/support/raw.rs"]
mod raw;
#[path = "../tests/support/sample.rs"]
mod sample;
#[path = "../tests/support/postgres.rs"]
mod server;

use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use holdpoint::{AGENT, Holdpoint, ROLE, ROLE_PASSWORD, Setup};
use raw::Raw;

/// Rows in one answer.
const ROWS: usize = 500_000;
const PLAIN: &str = "SELECT 'LIES', id, name, country, active, joined FROM customers";
const MASKED: &str = "SELECT 'LIES', id, name, email, card_number, joined FROM customers";

/// The real server's own answer, its rows repeated.
async fn prepared(database: &str, sql: &str) -> Bytes {
    let login = [("user", ROLE), ("database", database)];
    let mut raw = Raw::login_with(server::Postgres::shared().port, ROLE_PASSWORD, &login).await;
    let answer = raw.query(&format!("{sql} WHERE id <= 1000")).await;
    let bytes = |wanted: u8| -> Vec<u8> {
        answer.iter().filter(|(kind, _)| *kind == wanted).flat_map(|(kind, body)| raw::message(*kind, body)).collect()
    };
    [bytes(b'T'), bytes(b'D').repeat(ROWS / 1000), bytes(b'C'), bytes(b'Z')].concat().into()
}

/// Sends a Query and counts bytes up to ReadyForQuery.
async fn drained(stream: &mut TcpStream, sql: &str, buffer: &mut [u8]) -> usize {
    stream.write_all(&raw::query(sql)).await.expect("it was sent");
    let (mut total, mut tail) = (0, Vec::new());
    loop {
        let count = stream.read(buffer).await.expect("an answer");
        assert!(count > 0, "the connection was closed");
        total += count;
        tail.extend_from_slice(&buffer[count.saturating_sub(6)..count]);
        tail.drain(..tail.len().saturating_sub(6));
        if tail == b"Z\0\0\0\x05I" {
            return total;
        }
    }
}

fn wire(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("wire");
    group.sample_size(10).measurement_time(Duration::from_secs(8)).throughput(Throughput::Elements(ROWS as u64));
    for (name, sql) in [("plain", PLAIN), ("masked", MASKED)] {
        let rules = sample::rules().replace("bulk_rows: 1000 }", "bulk_rows: 1000000000 }");
        let (stage, mut through, mut direct) = runtime.block_on(async {
            let answer = prepared(&sample::clone_database(1000 + u32::try_from(name.len()).unwrap()), sql).await;
            let port = liar::liar(move || answer.clone()).await;
            let upstream = Some(format!("host: 127.0.0.1, port: {port}"));
            let stage = Holdpoint::start(Setup { upstream, ..Setup::rules(rules) }).await;
            let through = Raw::login(stage.port, AGENT, &stage.keys.agent).await.into_stream();
            let login = [("user", ROLE), ("database", stage.database.as_str())];
            let direct = Raw::login_with(port, ROLE_PASSWORD, &login).await.into_stream();
            (stage, through, direct)
        });
        let mut buffer = vec![0; 256 * 1024];
        for (way, stream) in [("direct", &mut direct), ("proxy", &mut through)] {
            let began = Instant::now();
            let bytes = runtime.block_on(drained(stream, sql, &mut buffer));
            eprintln!("{way} {name}: {:.0} MB/s once", bytes as f64 / began.elapsed().as_secs_f64() / 1e6);
            group.bench_function(format!("{way} {name}"), |bencher| {
                bencher.iter(|| runtime.block_on(drained(stream, sql, &mut buffer)));
            });
        }
        drop(stage);
    }
    group.finish();
}

criterion_group!(benches, wire);
criterion_main!(benches);
