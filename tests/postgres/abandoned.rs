//! A client that goes away while its statement runs: it is stopped upstream, and nothing behind it runs.

use std::time::{Duration, Instant};

use crate::holdpoint::{AGENT, Holdpoint};
use crate::raw::{self, Raw};
use crate::{pause, stage};

/// Takes hours.
const LONG: &str = "SELECT count(*) FROM orders a, orders b, orders c WHERE a.total + b.total + c.total < 0";

fn running(stage: &Holdpoint) -> String {
    stage.direct(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop_app' AND datname = current_database() \
         AND state = 'active' AND query LIKE '%orders c WHERE%'",
    )
}

async fn until(what: &str, stage: &Holdpoint, count: &str) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while running(stage) != count {
        assert!(Instant::now() < deadline, "not in time: {what}\n{}", stage.log());
        pause(30).await;
    }
}

async fn sent(stage: &Holdpoint, bytes: &[u8]) -> Raw {
    let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    raw.send(bytes).await;
    until("the statement runs", stage, "1").await;
    raw
}

#[tokio::test]
async fn statement_of_a_client_that_closed_is_stopped() {
    let stage = stage().await;
    for bytes in [raw::query(LONG), [raw::extended(LONG), raw::sync()].concat()] {
        drop(sent(&stage, &bytes).await);
        until("nothing runs any more", &stage, "0").await;
    }
    let mut polite = sent(&stage, &raw::query(LONG)).await;
    polite.send(&raw::message(b'X', b"")).await;
    until("nothing runs any more", &stage, "0").await;
}

#[tokio::test]
async fn nothing_behind_the_stopped_statement_runs() {
    let stage = stage().await;
    let insert = "INSERT INTO scratch VALUES (1, 'for nobody')";
    drop(sent(&stage, &raw::query(&format!("{LONG}; {insert}"))).await);
    until("nothing runs any more", &stage, "0").await;
    pause(300).await;
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "0");
}

#[tokio::test]
async fn second_batch_of_a_pipeline_is_stopped_too() {
    let stage = stage().await;
    let batch = [raw::extended(LONG), raw::sync()].concat();
    drop(sent(&stage, &batch.repeat(2)).await);
    until("nothing runs any more", &stage, "0").await;
    pause(1500).await;
    assert_eq!(running(&stage), "0");
}
