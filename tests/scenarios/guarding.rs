//! Guards that outlive a statement: classes that copies inherit, budgets, and values shown unmasked for a ticket.

use crate::client::{Client, answer, refusal};
use crate::scenarios;
use crate::stage::{Kind, Stage};

scenarios!(
    copies_inherit_classes_for_every_session_and_after_a_restart,
    inserted_copies_inherit_too,
    paging_is_held_where_the_budget_ends,
    budget_counts_across_connections_and_restarts,
    look_ups_have_a_budget,
    approved_values_come_unmasked_once_and_alone,
    unmasking_without_a_rule_is_denied,
);

async fn copies_inherit_classes_for_every_session_and_after_a_restart(kind: Kind) {
    let mut stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("CREATE TABLE copied AS SELECT id, ssn AS harmless FROM customers WHERE id < 5");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    const BACK: &str = "SELECT harmless FROM copied WHERE id = 3 LIMIT 1";
    for client in [&client, &stage.other_client().await] {
        assert_eq!(client.cell(BACK).await, "[masked:pii.ssn]");
        assert_eq!(client.execute(BACK, &[]).await.unwrap(), [["[masked:pii.ssn]"]]);
    }
    stage.holdpoint.kill();
    stage.holdpoint.restart().await;
    assert_eq!(stage.client().await.cell(BACK).await, "[masked:pii.ssn]");
    assert_eq!(stage.direct(BACK), "SSN-CANARY-3");
}

async fn inserted_copies_inherit_too(kind: Kind) {
    let stage = kind.stage().await;
    let (client, reader) = (stage.client().await, stage.client().await);
    const BACK: &str = "SELECT body FROM scratch WHERE id = 3";
    assert!(reader.rows(BACK).await.is_empty());
    let writer = client.clone();
    let sent = tokio::spawn(async move {
        writer.execute("INSERT INTO scratch (id, body) SELECT id, email FROM customers WHERE id < 5", &[]).await
    });
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    let cell = reader.cell(BACK).await;
    assert!(cell.starts_with("s***"), "{cell}");
}

const BUDGETS: &str = "budgets:\n  - { classes: [pii.email], rows: 20, probes: 3, per: 1h }\n";

async fn hasty(kind: Kind, more: &str) -> Stage {
    let rules = kind.rules_with(more).replace("hold: 20s", "hold: 300ms");
    kind.start(rules, "").await
}

async fn paging_is_held_where_the_budget_ends(kind: Kind) {
    let stage = hasty(kind, BUDGETS).await;
    let client = stage.client().await;
    for page in 0..4 {
        let sql = format!("SELECT id, email FROM customers ORDER BY id LIMIT 5 OFFSET {}", page * 5);
        assert_eq!(client.rows(&sql).await.len(), 5, "{sql}");
    }
    let sql = "SELECT id, email FROM customers WHERE id > 20 ORDER BY id LIMIT 5";
    assert_eq!(client.query(sql).await.unwrap_err().kind(), "pending");
    assert_eq!(client.execute(sql, &[]).await.unwrap_err().kind(), "pending");
    assert_eq!(client.rows("SELECT id, name FROM customers ORDER BY id LIMIT 5").await.len(), 5);
    assert_eq!(stage.other_client().await.rows(sql).await.len(), 5, "another agent's budget is its own");
}

async fn look_up(client: &Client, number: u32) -> Result<usize, &'static str> {
    let sql = "SELECT email FROM customers WHERE id = ";
    let answer = match number % 2 {
        0 => client.query(&format!("{sql}{number}")).await,
        _ => client.execute(&format!("{sql}{number}"), &[]).await,
    };
    answer.map(|rows| rows.len()).map_err(|error| error.kind())
}

async fn budget_counts_across_connections_and_restarts(kind: Kind) {
    let mut stage = hasty(kind, BUDGETS).await;
    let clients = [stage.client().await, stage.client().await];
    for number in 1..=18 {
        assert_eq!(look_up(&clients[number as usize % 2], number).await, Ok(1), "{number}");
    }
    stage.holdpoint.signal("TERM");
    assert!(stage.holdpoint.ended(crate::holdpoint::PATIENCE).await.is_some());
    stage.holdpoint.restart().await;
    let client = stage.client().await;
    for number in 19..=20 {
        assert_eq!(look_up(&client, number).await, Ok(1), "{number}");
    }
    assert_eq!(look_up(&client, 21).await, Err("pending"));
    assert_eq!(look_up(&stage.client().await, 22).await, Err("pending"));
}

async fn look_ups_have_a_budget(kind: Kind) {
    let stage = hasty(kind, BUDGETS).await;
    let client = stage.client().await;
    let by = |number: u32| format!("SELECT id FROM customers WHERE email = 'secret.person{number}@canary.example'");
    for number in 1..=3 {
        assert_eq!(client.rows(&by(number)).await.len(), 1);
    }
    assert_eq!(client.query(&by(4)).await.unwrap_err().kind(), "pending");
    assert_eq!(stage.client().await.execute(&by(5), &[]).await.unwrap_err().kind(), "pending");
}

const UNMASK: &str = "  - id: card-for-support\n    when: { actions: [unmask], classes: [pci.card] }\n    then: hold\n";
const CARD: &str = "SELECT id, card_number, ssn FROM customers WHERE id = 7";

async fn approved_values_come_unmasked_once_and_alone(kind: Kind) {
    let stage = kind.start(kind.rules_with(UNMASK), "").await;
    let client = stage.client().await;
    client.rows(kind.sql("SET holdpoint.unmask = 'pci.card'", "SET @holdpoint_unmask = 'pci.card'")).await;
    for prepared in [false, true] {
        let other = client.clone();
        let sent =
            tokio::spawn(
                async move { if prepared { other.execute(CARD, &[]).await } else { other.query(CARD).await } },
            );
        let approval = stage.approve_pending().await;
        let shown = &approval["request"]["statements"][0];
        assert!(shown["actions"].as_array().unwrap().iter().any(|action| action == "unmask"), "{shown}");
        assert!(shown["summary"].as_str().unwrap().contains("Shows pci.card unmasked"), "{shown}");
        let rows = answer(sent).await.unwrap();
        assert_eq!(rows, [["7", "4000000000000007", "[masked:pii.ssn]"]]);
    }
    let other = client.send("SELECT card_number FROM customers WHERE id = 8");
    stage.deny_pending("one customer only").await;
    assert_eq!(refusal(other).await.kind(), "denied");
    client.rows(kind.sql("RESET holdpoint.unmask", "SET @holdpoint_unmask = NULL")).await;
    let masked = client.rows(CARD).await;
    assert!(masked[0][1].starts_with('*'), "{masked:?}");
}

async fn unmasking_without_a_rule_is_denied(kind: Kind) {
    let stage = kind.start(kind.rules_with(UNMASK), "").await;
    let client = stage.client().await;
    client.rows(kind.sql("SET holdpoint.unmask = 'pii.ssn'", "SET @holdpoint_unmask = 'pii.ssn'")).await;
    assert_eq!(client.query("SELECT ssn FROM customers WHERE id = 7").await.unwrap_err().kind(), "forbidden");
    assert_eq!(client.cell("SELECT name FROM customers WHERE id = 7").await, "Name 7");
    client.rows(kind.sql("SET holdpoint.unmask = 'pci.card'", "SET @holdpoint_unmask = 'pci.card'")).await;
    let bulk = client.query("SELECT card_number FROM customers WHERE id > 7").await.unwrap_err();
    assert_eq!(bulk.kind(), "forbidden", "{bulk:?}");
}
