//! Statements whose meaning was fixed earlier in the session: what is judged must be what the server kept.

use crate::both;
use crate::outcome::{Outcome, Param};
use crate::stage::{Kind, Stage};
use crate::talk::Talk;

both!(
    prepared_by_sql_is_judged_as_it_was_prepared,
    failed_batch_leaves_the_prepared_statement_that_was_there,
    names_that_the_server_takes_for_the_same_are_the_same,
    variables_carry_what_an_approved_routine_put_into_them,
    statement_prepared_under_another_sql_mode_is_not_executed,
    statement_prepared_in_another_database_is_not_executed,
);

/// Nothing of this ever leaves the server unmasked.
const SECRETS: [&str; 3] = ["secret.person", "SECRET.PERSON", "CANARY"];

fn shows_no_secret(what: &str, outcomes: &[Outcome]) {
    for outcome in outcomes {
        let shown = match outcome {
            Outcome::Rows(table) => format!("{:?}", table.text()),
            other => format!("{other:?}"),
        };
        assert!(!SECRETS.iter().any(|secret| shown.contains(secret)), "{what}: {shown}");
    }
}

/// What a text does within the time that a hasty hold takes: its rows, or its error.
async fn last(talk: &mut Talk, text: &str) -> Outcome {
    let mut outcomes = talk.query(text).await;
    shows_no_secret(text, &outcomes);
    outcomes.pop().unwrap()
}

async fn orders(stage: &Stage) -> String {
    stage.direct("SELECT count(*) FROM orders")
}

async fn prepared_by_sql_is_judged_as_it_was_prepared(kind: Kind) {
    let stage = kind.hasty().await;
    let mut talk = Talk::to(&stage).await;
    talk.run("PREPARE p FROM 'SELECT id, email, upper(email) FROM customers WHERE id = ?'").await;
    talk.run("SET @id = 7").await;
    let masked = talk.cells("EXECUTE P USING @id").await;
    assert_eq!((&*masked[0][0], masked[0][1].contains("@"), &*masked[0][2]), ("7", true, "[masked:pii.email]"));
    shows_no_secret("EXECUTE", &talk.query("EXECUTE p USING @id").await);
    // Prepared anew under its name.
    talk.run("PREPARE p FROM 'DELETE FROM orders WHERE id > 0'").await;
    assert_eq!(talk.refusal("EXECUTE p").await.0, 1644);
    talk.run("DEALLOCATE PREPARE p").await;
    let (code, text) = talk.refusal("EXECUTE p").await;
    assert!(code == 1243 || code == 1644, "{code} {text}");
    // A text that nobody can read beforehand.
    talk.run("SET @text = 'DELETE FROM orders'").await;
    assert_eq!(talk.refusal("PREPARE q FROM @text").await.0, 1644);
    if kind == Kind::MariaDb {
        let masked = talk.cells("EXECUTE IMMEDIATE 'SELECT id, email FROM customers WHERE id = 7'").await;
        assert_eq!(masked[0][0], "7");
        shows_no_secret(
            "EXECUTE IMMEDIATE",
            &talk.query("EXECUTE IMMEDIATE 'SELECT upper(ssn) FROM customers WHERE id = 7'").await,
        );
        assert_eq!(talk.refusal("EXECUTE IMMEDIATE 'DELETE FROM orders'").await.0, 1644);
        assert_eq!(talk.refusal("EXECUTE IMMEDIATE @text").await.0, 1644);
        assert_eq!(talk.refusal("EXECUTE IMMEDIATE concat('DELETE FROM', ' orders')").await.0, 1644);
    }
    // A reset forgets them all, here and there.
    talk.run("PREPARE p FROM 'SELECT id FROM orders WHERE id = 1'").await;
    talk.simple(&[0x1f]).await.done();
    assert!(matches!(last(&mut talk, "EXECUTE p").await, Outcome::Refused(1243 | 1644, _)));
    assert_eq!(orders(&stage).await, "3000");
}

/// A text stops at its first error: what stood behind it was never prepared.
async fn failed_batch_leaves_the_prepared_statement_that_was_there(kind: Kind) {
    let stage = kind.hasty().await;
    let mut talk = Talk::to(&stage).await;
    talk.run("INSERT INTO scratch (id, body) VALUES (1, 'x')").await;
    talk.run("PREPARE p FROM 'DELETE FROM orders WHERE id > 0'").await;
    let again = "INSERT INTO scratch (id, body) VALUES (1, 'x')";
    let outcomes = talk.query(&format!("{again}; DEALLOCATE PREPARE p; PREPARE p FROM 'SELECT 1'")).await;
    assert_eq!(outcomes.last().unwrap().clone().refused().0, 1062);
    let (code, text) = talk.refusal("EXECUTE p").await;
    assert_eq!(code, 1644, "{text}");
    assert_eq!(orders(&stage).await, "3000");
    let outcomes = talk
        .query(&format!("PREPARE q FROM 'DELETE FROM orders WHERE id > 1'; {again}; PREPARE q FROM 'SELECT 1'"))
        .await;
    assert_eq!(outcomes.last().unwrap().clone().refused().0, 1062);
    assert_eq!(talk.refusal("EXECUTE q").await.0, 1644);
    assert_eq!(orders(&stage).await, "3000");
    // Once it was prepared anew, it is known again.
    talk.run("PREPARE p FROM 'SELECT 41 + 1'").await;
    assert_eq!(talk.cells("EXECUTE p").await, [["42"]]);
}

/// Servers compare names by a collation that knows neither case nor accents.
async fn names_that_the_server_takes_for_the_same_are_the_same(kind: Kind) {
    let stage = kind.hasty().await;
    let mut talk = Talk::to(&stage).await;
    talk.run("PREPARE e FROM 'SELECT 1'").await;
    for other in ["é", "`é`", "È", "ｅ", "`e `"] {
        let _ = talk.query(&format!("PREPARE {other} FROM 'DELETE FROM orders WHERE id > 0'")).await;
        let _ = talk.query("EXECUTE e").await;
        assert_eq!(orders(&stage).await, "3000", "{other}");
    }
    talk.run("SET @e = 1, @s = 1").await;
    for other in ["@é", "@`é`", "@'É'", "@ｅ", "@`e `", "@E"] {
        let _ = talk.query(&format!("SELECT upper(email) INTO {other} FROM customers WHERE id = 1")).await;
        last(&mut talk, "SELECT @e").await;
        last(&mut talk, "SELECT concat(@e, @e)").await;
        talk.run("SET @e = 1").await;
    }
    let _ = talk.query("SELECT upper(email) INTO @`ß` FROM customers WHERE id = 1").await;
    last(&mut talk, "SELECT concat(@s, '')").await;
    last(&mut talk, "SELECT concat(@ss, '')").await;
}

async fn variables_carry_what_an_approved_routine_put_into_them(kind: Kind) {
    let stage = kind.stage().await;
    stage.direct("CREATE PROCEDURE fills() SELECT upper(email) INTO @leak FROM customers WHERE id = 1");
    stage.direct("CREATE PROCEDURE prepares() PREPARE p FROM 'SELECT upper(email) FROM customers WHERE id = 1'");
    let mut talk = Talk::to(&stage).await;
    talk.run("SET @other = 1").await;
    talk.run("PREPARE p FROM 'SELECT 1'").await;
    for call in ["CALL fills()", "CALL prepares()"] {
        talk.send_query(call).await;
        stage.approve_pending().await;
        shows_no_secret(call, &talk.outcomes(holdpoint::mysql::command::Command::Query, &[]).await);
    }
    last(&mut talk, "SELECT @leak").await;
    last(&mut talk, "SELECT concat(@leak, 'x'), @other").await;
    // Nobody knows what the name stands for now: it is held.
    talk.send_query("EXECUTE p").await;
    stage.deny_pending("no").await;
    let outcomes = talk.outcomes(holdpoint::mysql::command::Command::Query, &[]).await;
    assert_eq!(outcomes[0].clone().refused().0, 1644);
}

/// The server reads a statement once, when it is prepared; what `"email"` meant then it means still.
async fn statement_prepared_under_another_sql_mode_is_not_executed(kind: Kind) {
    let stage = kind.hasty().await;
    let mut talk = Talk::to(&stage).await;
    talk.run("SET sql_mode = 'ANSI_QUOTES'").await;
    let text = "SELECT upper(\"email\") FROM customers WHERE id = 1";
    let statement = talk.prepare(text).await.number;
    talk.run("PREPARE p FROM 'SELECT upper(\"email\") FROM customers WHERE id = 1'").await;
    shows_no_secret("ANSI_QUOTES", &talk.execute(statement, &[]).await);
    talk.run("SET sql_mode = ''").await;
    let outcomes = talk.execute(statement, &[]).await;
    shows_no_secret("another mode", &outcomes);
    assert_eq!(outcomes[0].clone().refused().0, 1615);
    let by_sql = talk.query("EXECUTE p").await;
    shows_no_secret("by SQL", &by_sql);
    let other = talk.prepare(text).await.number;
    assert_eq!(talk.execute(other, &[]).await.remove(0).table().text(), [["EMAIL"]]);
    // Under the settings of its preparation it runs again.
    talk.run("SET sql_mode = 'ANSI_QUOTES'").await;
    assert_eq!(talk.execute(statement, &[]).await.remove(0).table().text(), [["[masked:pii.email]"]]);
    assert_eq!(talk.execute(other, &[]).await.remove(0).refused().0, 1615);
}

async fn statement_prepared_in_another_database_is_not_executed(kind: Kind) {
    let stage = kind.hasty().await;
    let (here, there) = (stage.database.clone(), format!("{}_b", stage.database));
    stage.direct(&format!("CREATE DATABASE {there}; CREATE TABLE {there}.customers (id int PRIMARY KEY, ssn int)"));
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare("SELECT id, upper(ssn) FROM customers WHERE id = ?").await.number;
    talk.run("PREPARE p FROM 'SELECT upper(ssn) FROM customers WHERE id = 1'").await;
    shows_no_secret("here", &talk.execute(statement, &[Param::int(1)]).await);
    talk.run(&format!("USE {there}")).await;
    let outcomes = talk.execute(statement, &[Param::int(1)]).await;
    shows_no_secret("there", &outcomes);
    assert_eq!(outcomes[0].clone().refused().0, 1615);
    shows_no_secret("by SQL", &talk.query("EXECUTE p").await);
    talk.run(&format!("USE {here}")).await;
    let table = talk.execute(statement, &[Param::int(1)]).await.remove(0).table();
    assert_eq!(table.text()[0][1], "[masked:pii.ssn]");
}
