//! A client that goes away while its statement runs: it is stopped upstream, and nothing behind it runs.

use std::time::Duration;

use crate::holdpoint::Holdpoint;
use crate::mysql_server::{Flavour, UPSTREAM};
use crate::rig::{Client, login, stage, until};

/// Takes hours.
const LONG: &str = "SELECT COUNT(*) FROM orders a, orders b, orders c WHERE a.total + b.total + c.total < 0";

/// Sessions at the server that run [`LONG`], or wait for something.
fn running(stage: &Holdpoint) -> String {
    stage.direct(&format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{UPSTREAM}' AND db = '{}' AND info LIKE 'SELECT%'",
        stage.database
    ))
}

async fn runs(stage: &Holdpoint, client: &mut Client, sql: &str) {
    client.send(sql).await;
    until("the statement runs", || running(stage) == "1").await;
}

async fn is_stopped(stage: &Holdpoint) {
    until("nothing runs any more", || running(stage) == "0").await;
}

#[tokio::test]
async fn statement_of_a_client_that_closed_is_stopped() {
    for flavour in Flavour::ALL {
        let stage = stage(flavour).await;
        let mut client = login(&stage).await;
        runs(&stage, &mut client, LONG).await;
        drop(client);
        is_stopped(&stage).await;
        login(&stage).await.is_well().await;
    }
}

#[tokio::test]
async fn nothing_behind_the_stopped_statement_runs() {
    for flavour in Flavour::ALL {
        let stage = stage(flavour).await;
        let mut client = login(&stage).await;
        runs(&stage, &mut client, &format!("{LONG}; INSERT INTO scratch VALUES (1, 'for nobody')")).await;
        drop(client);
        is_stopped(&stage).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(stage.direct("SELECT COUNT(*) FROM scratch"), "0");
    }
}

#[tokio::test]
async fn open_transaction_of_a_client_that_closed_is_rolled_back() {
    for flavour in Flavour::ALL {
        let stage = stage(flavour).await;
        let mut client = login(&stage).await;
        for sql in ["START TRANSACTION", "INSERT INTO scratch VALUES (1, 'x')"] {
            assert_eq!(client.query(sql).await.error, None, "{sql}");
        }
        runs(&stage, &mut client, LONG).await;
        drop(client);
        is_stopped(&stage).await;
        assert_eq!(stage.direct("SELECT COUNT(*) FROM scratch"), "0");
        // What it held locked is free.
        stage.direct("INSERT INTO scratch VALUES (1, 'y')");
    }
}

#[tokio::test]
async fn statement_of_a_killed_session_is_stopped() {
    for flavour in Flavour::ALL {
        let stage = stage(flavour).await;
        let mut client = login(&stage).await;
        let number = client.query("SELECT CONNECTION_ID()").await.cell().to_owned();
        runs(&stage, &mut client, LONG).await;
        assert_eq!(login(&stage).await.query(&format!("KILL {number}")).await.error, None);
        let heard = client.hear().await;
        assert!(heard.error.is_some() || heard.cut, "{heard:?}");
        is_stopped(&stage).await;
    }
}
