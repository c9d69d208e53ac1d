//! Slow peers and many of them: memory stays flat.

use std::time::Duration;

use crate::holdpoint::{AGENT, Holdpoint, Setup};
use crate::raw::{self, Raw};
use crate::{Bystander, sample};

#[tokio::test]
async fn million_rows_and_no_reader_cost_no_memory() {
    let rules = sample::rules().replace("bulk_rows: 1000 }", "bulk_rows: 100000000 }");
    let stage = Holdpoint::start(Setup::rules(rules)).await;
    stage.direct("CREATE TABLE many AS SELECT i AS id, repeat('x', 100) AS body FROM generate_series(1, 1000000) AS i; GRANT SELECT ON many TO public; ANALYZE many");
    let mut bystander = Bystander::of(&stage).await;
    for (what, sql) in [
        ("plain", "SELECT id, body FROM many"),
        ("masked", "SELECT m.id, m.body, c.email FROM many m JOIN customers c ON c.id = 1"),
    ] {
        bystander.is_well(&stage, "nothing").await;
        let before = stage.resident_kib();
        let mut slow: Vec<Raw> = Vec::new();
        for _ in 0..4 {
            let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
            raw.send(&raw::query(sql)).await;
            slow.push(raw);
        }
        let mut peak = 0;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            peak = peak.max(stage.resident_kib());
        }
        let grown = peak.saturating_sub(before);
        assert!(grown < 40 * 1024, "{what}: {grown} KiB for four clients that do not read");
        bystander.is_well(&stage, "slow readers").await;
        let mut first = slow.remove(0);
        drop(slow);
        let mut rows = 0;
        while let Some((kind, _)) = first.next().await {
            rows += u32::from(kind == b'D');
            if rows % 50_000 == 0 {
                peak = peak.max(stage.resident_kib());
            }
            if kind == b'Z' {
                break;
            }
        }
        assert_eq!(rows, 1_000_000);
        let grown = peak.saturating_sub(before);
        assert!(grown < 40 * 1024, "{what}: {grown} KiB while reading");
        eprintln!("{what}: four idle readers and a million rows cost {grown} KiB");
    }
}

#[tokio::test]
async fn client_that_only_writes_is_held_back() {
    let stage = Holdpoint::start(Setup::rules(sample::rules())).await;
    let mut bystander = Bystander::of(&stage).await;
    let before = stage.resident_kib();
    let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    let chunk = [raw::extended("SELECT repeat('x', 1000)"), raw::sync()].concat().repeat(4000);
    let writing = async {
        for _ in 0..400 {
            raw.send(&chunk).await;
        }
    };
    let blocked = tokio::time::timeout(Duration::from_secs(3), writing).await.is_err();
    let grown = stage.resident_kib().saturating_sub(before);
    assert!(blocked, "1.6 million statements were taken in from a client that reads nothing");
    assert!(grown < 60 * 1024, "{grown} KiB");
    bystander.is_well(&stage, "a client that only writes").await;
}

#[tokio::test]
async fn many_held_statements_wait_cheaply_and_are_bounded() {
    let stage = Holdpoint::start(Setup::rules(sample::rules()).with("hold: { waiting_max_per_agent: 30 }")).await;
    let mut bystander = Bystander::of(&stage).await;
    let mut clients = Vec::new();
    for number in 0..40 {
        let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
        raw.send(&raw::query(&format!("UPDATE orders SET note = '{number}'"))).await;
        clients.push(raw);
    }
    let mut refused = 0;
    for raw in &mut clients {
        if let Some((kind, body)) = raw.next_within(Duration::from_millis(200)).await {
            assert_eq!((kind, raw::field(&body, b'C').as_deref()), (b'E', Some("53400")));
            refused += 1;
        }
    }
    assert_eq!(refused, 10);
    assert_eq!(stage.approvals("pending").await.len(), 30);
    bystander.is_well(&stage, "forty holds").await;
}
