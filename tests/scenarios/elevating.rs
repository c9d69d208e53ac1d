//! Roles that are lent to one released statement, and taken back whatever becomes of it.

use std::time::Duration;

use crate::client::{Answer, Client, answer, refusal};
use crate::holdpoint::PATIENCE;
use crate::scenarios;
use crate::stage::{Kind, Stage};

scenarios!(
    released_statement_runs_in_its_role_and_the_next_does_not,
    role_is_taken_back_after_an_error,
    role_is_taken_back_after_a_cancel,
    role_is_taken_back_inside_a_transaction,
    bound_parameters_run_in_the_role,
    role_that_cannot_be_taken_stops_the_statement,
    text_of_several_statements_runs_in_the_own_role,
    denied_statement_takes_no_role,
);

/// Allowed by the rules, and more than the session's own role may do.
async fn is_weak(stage: &Stage, client: &Client) {
    let error = client.query("DELETE FROM vault WHERE id = 3").await.expect_err("the role was kept");
    let denied = ["42501", "42000"];
    assert!(denied.contains(&error.state.as_str()), "{error:?}");
    assert_eq!(stage.direct("SELECT count(*) FROM vault WHERE id = 3"), "1");
}

async fn approved(stage: &Stage, client: &Client, sql: &str) -> Answer {
    let sent = client.send(sql);
    stage.approve_pending().await;
    answer(sent).await
}

async fn released_statement_runs_in_its_role_and_the_next_does_not(kind: Kind) {
    let stage = kind.lending("hp_owner").await;
    let client = stage.client().await;
    is_weak(&stage, &client).await;
    let sent = client.send("ALTER TABLE vault ADD COLUMN extra int");
    let approval = stage.approve_pending().await;
    let summary = approval["request"]["statements"][0]["summary"].as_str().unwrap();
    assert!(summary.contains("Runs in the role hp_owner"), "{summary}");
    answer(sent).await.unwrap();
    is_weak(&stage, &client).await;
    // The planner may not be asked in the own role: the rules hold what nobody can estimate.
    approved(&stage, &client, "DELETE FROM vault WHERE id < 3").await.unwrap();
    assert_eq!(stage.direct("SELECT count(*) FROM vault"), "1");
    is_weak(&stage, &client).await;
    drop(client);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let (_, text) = stage.command(&["audit", "export"]);
        if text.lines().any(|line| line.contains(r#""role":"hp_owner""#) && line.contains("bulk_write")) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "no record of the role: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn role_is_taken_back_after_an_error(kind: Kind) {
    let stage = kind.lending("hp_owner").await;
    let client = stage.client().await;
    let error = approved(&stage, &client, "ALTER TABLE vault DROP COLUMN missing").await.unwrap_err();
    assert_eq!(error.state, kind.sql("42703", "42000"), "{error:?}");
    is_weak(&stage, &client).await;
}

async fn role_is_taken_back_after_a_cancel(kind: Kind) {
    let stage = kind.lending("hp_owner").await;
    let client = stage.client().await;
    let sent =
        client.send(kind.sql(
            "DELETE FROM vault WHERE pg_sleep(20) IS NOT NULL",
            "DELETE FROM vault WHERE id < 9 AND sleep(20) = 0",
        ));
    stage.approve_pending().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    client.cancel().await;
    // MariaDB's and MySQL's sleep() may end the statement in order when it is interrupted.
    let _ended = answer(sent).await;
    is_weak(&stage, &client).await;
}

async fn role_is_taken_back_inside_a_transaction(kind: Kind) {
    let stage = kind.lending("hp_owner").await;
    let client = stage.client().await;
    client.rows("BEGIN").await;
    approved(&stage, &client, "DELETE FROM vault WHERE id < 3").await.unwrap();
    let error = client.query("DELETE FROM vault WHERE id = 3").await.expect_err("the role was kept");
    assert!(["42501", "42000"].contains(&error.state.as_str()), "{error:?}");
    client.rows("ROLLBACK").await;
    assert_eq!(stage.direct("SELECT count(*) FROM vault"), "3");
    is_weak(&stage, &client).await;
    client.rows("BEGIN").await;
    let failed = kind
        .sql("DELETE FROM vault WHERE id < 3 OR 1 / (id - id) = 1", "DELETE FROM vault WHERE id < 3 OR missing = 1");
    let _error = client.send(failed);
    client.rows("ROLLBACK").await;
    is_weak(&stage, &client).await;
}

async fn bound_parameters_run_in_the_role(kind: Kind) {
    // MySQL checks privileges when it prepares, which nobody has released yet.
    if kind != Kind::Postgres {
        return prepared_is_refused_by_the_server(kind).await;
    }
    let stage = kind.lending("hp_owner").await;
    let client = stage.client().await;
    let (other, sql) = (client.clone(), "DELETE FROM vault WHERE note < $1");
    let sent = tokio::spawn(async move { other.execute(sql, &["c"]).await });
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    assert_eq!(stage.direct("SELECT count(*) FROM vault"), "1");
    is_weak(&stage, &client).await;
}

async fn prepared_is_refused_by_the_server(kind: Kind) {
    let stage = kind.lending("hp_owner").await;
    let client = stage.client().await;
    let error = client.execute("DELETE FROM vault WHERE note < ?", &["c"]).await.unwrap_err();
    assert_eq!((error.state.as_str(), error.number), ("42000", 1142), "{error:?}");
}

async fn role_that_cannot_be_taken_stops_the_statement(kind: Kind) {
    let stage = kind.lending("hp_nobody").await;
    let client = stage.client().await;
    let sent = client.send("ALTER TABLE vault ADD COLUMN extra int");
    stage.approve_pending().await;
    let error = refusal(sent).await;
    assert!(error.message.contains("the role hp_nobody cannot be taken"), "{error:?}");
    is_weak(&stage, &client).await;
}

async fn text_of_several_statements_runs_in_the_own_role(kind: Kind) {
    let stage = kind.lending("hp_owner").await;
    let client = stage.client().await;
    let texts = "ALTER TABLE vault ADD COLUMN extra int; DELETE FROM vault WHERE id = 3";
    let error = approved(&stage, &client, texts).await.unwrap_err();
    assert!(["42501", "42000"].contains(&error.state.as_str()), "{error:?}");
    is_weak(&stage, &client).await;
}

async fn denied_statement_takes_no_role(kind: Kind) {
    let stage = kind.lending("hp_owner").await;
    let client = stage.client().await;
    let sent = client.send("ALTER TABLE vault ADD COLUMN extra int");
    stage.deny_pending("no").await;
    assert_eq!(refusal(sent).await.kind(), "denied");
    is_weak(&stage, &client).await;
}
