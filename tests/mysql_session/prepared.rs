//! Prepared statements: what is judged is what the server executes, whatever was sent, refused or reset before.

use std::time::Duration;

use holdpoint::mysql::command::Command;
use holdpoint::mysql::packets::column::kinds;
use tokio::time::sleep;

use crate::both;
use crate::outcome::{Done, Outcome, Param};
use crate::stage::Kind;
use crate::talk::Talk;

both!(
    long_data_is_what_is_judged_and_stored,
    long_data_of_a_refused_execution_is_gone,
    long_data_can_be_longer_than_a_frame,
    too_much_long_data_is_refused_and_forgotten,
    held_execution_uses_the_long_data_that_was_shown,
    planner_sees_long_data,
    types_of_a_refused_execution_bind_nobody,
    types_told_once_count_for_the_next_execution,
    nulls_are_told_by_their_bits,
    unknown_and_closed_statements_are_refused_and_the_session_goes_on,
    the_last_prepared_statement_is_the_last_that_could_be_prepared,
    thousands_of_statements_up_to_the_limit,
    each_execution_is_judged_by_the_rules_of_the_moment,
    each_execution_is_judged_by_the_table_of_the_moment,
    bulk_executions_are_not_served,
);

/// A value that only Holdpoint writes: no statement may carry it back.
const TOKEN: &str = "[masked:pii.ssn]";
const INSERT: &str = "INSERT INTO scratch (id, body) VALUES (?, ?)";

async fn long_data_is_what_is_judged_and_stored(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare(INSERT).await.number;
    for piece in ["one ", "", "two"] {
        talk.long_data(statement, 1, piece.as_bytes()).await;
    }
    talk.execute(statement, &[Param::int(1), Param::long()]).await.remove(0).done();
    // It counts for one execution.
    talk.execute(statement, &[Param::int(2), Param::text("inline")]).await.remove(0).done();
    // COM_STMT_RESET forgets it.
    talk.long_data(statement, 1, b"never").await;
    talk.reset(statement).await.done();
    talk.execute(statement, &[Param::int(3), Param::text("after")]).await.remove(0).done();
    // An empty piece is an empty value.
    talk.long_data(statement, 1, b"").await;
    talk.execute(statement, &[Param::int(4), Param::long()]).await.remove(0).done();
    assert_eq!(
        stage.direct("SELECT id, body FROM scratch ORDER BY id"),
        "1\tone two\n2\tinline\n3\tafter\n4\t".trim_end()
    );
    // Half of a token in each piece is a token all the same.
    let (first, second) = TOKEN.split_at(5);
    talk.long_data(statement, 1, first.as_bytes()).await;
    talk.long_data(statement, 1, second.as_bytes()).await;
    let (code, text) = talk.execute(statement, &[Param::int(5), Param::long()]).await.remove(0).refused();
    assert_eq!(code, 1644, "{text}");
}

/// Servers keep what was sent ahead until something is executed. What an execution was refused for must not come back with
/// the next, which was judged by another value.
async fn long_data_of_a_refused_execution_is_gone(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare(INSERT).await.number;
    talk.long_data(statement, 1, TOKEN.as_bytes()).await;
    assert_eq!(talk.execute(statement, &[Param::int(1), Param::long()]).await.remove(0).refused().0, 1644);
    talk.execute(statement, &[Param::int(1), Param::text("harmless")]).await.remove(0).done();
    assert_eq!(stage.direct("SELECT body FROM scratch"), "harmless");
}

async fn long_data_can_be_longer_than_a_frame(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let made = client.send("CREATE TABLE wide (id int PRIMARY KEY, body longblob)");
    stage.approve_pending().await;
    crate::client::answer(made).await.unwrap();
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare("INSERT INTO wide (id, body) VALUES (?, ?)").await.number;
    let piece: Vec<u8> = (0..0x110_0000_u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
    talk.long_data(statement, 1, &piece).await;
    talk.long_data(statement, 1, &piece[..5]).await;
    talk.execute(statement, &[Param::int(1), Param::long()]).await.remove(0).done();
    let whole = [&piece[..], &piece[..5]].concat();
    let length = stage.direct("SELECT length(body), sha2(body, 256) FROM wide");
    assert_eq!(length, format!("{}\t{}", whole.len(), sha256(&whole)));
    // The row is longer than a frame on its way back, too; the class of another column masks beside it.
    let rows = talk.one("SELECT body, id FROM wide WHERE id = 1").await.table();
    assert!(rows.rows[0][0].as_deref() == Some(&whole[..]), "the row differs");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

async fn too_much_long_data_is_refused_and_forgotten(kind: Kind) {
    let stage = kind.start(kind.rules(), "limits: { message_bytes_max: 2097152 }").await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare(INSERT).await.number;
    let piece = vec![b'x'; 1_500_000];
    talk.long_data(statement, 1, &piece).await;
    talk.long_data(statement, 1, &piece).await;
    let (code, text) = talk.execute(statement, &[Param::int(1), Param::long()]).await.remove(0).refused();
    assert_eq!(code, 1153, "{text}");
    // A parameter that the statement does not have.
    talk.long_data(statement, 7, b"x").await;
    let (code, text) = talk.execute(statement, &[Param::int(1), Param::text("x")]).await.remove(0).refused();
    assert_eq!(code, 1153, "{text}");
    talk.execute(statement, &[Param::int(1), Param::text("short")]).await.remove(0).done();
    assert_eq!(stage.direct("SELECT body FROM scratch"), "short");
}

async fn held_execution_uses_the_long_data_that_was_shown(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare("UPDATE orders SET note = ? WHERE id > ?").await.number;
    talk.long_data(statement, 0, b"from ").await;
    talk.long_data(statement, 0, b"afar").await;
    talk.send_execute(statement, 0, &[Param::long(), Param::int(0)], true).await;
    let approval = stage.approve_pending().await;
    assert!(approval.to_string().contains("from afar"), "{approval}");
    let done = talk.outcomes(Command::StmtExecute, &[]).await.remove(0).done();
    assert_eq!(done.affected, 3000);
    assert_eq!(stage.direct("SELECT DISTINCT note FROM orders"), "from afar");
}

/// The planner is asked by a statement of its own, for which nothing was sent ahead.
async fn planner_sees_long_data(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare("UPDATE orders SET note = ? WHERE customer_id = ?").await.number;
    talk.long_data(statement, 0, b"long").await;
    let done = talk.execute(statement, &[Param::long(), Param::int(2)]).await.remove(0).done();
    assert_eq!(done.affected, 1);
    assert_eq!(stage.direct("SELECT id FROM orders WHERE note = 'long'"), "1");
}

/// Servers take the types of the last execution that reached them. A refused one did not.
async fn types_of_a_refused_execution_bind_nobody(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare(INSERT).await.number;
    talk.execute(statement, &[Param::int(1), Param::text("one")]).await.remove(0).done();
    let refused = talk.execute(statement, &[Param::text("2"), Param::text(TOKEN)]).await.remove(0).refused();
    assert_eq!(refused.0, 1644);
    talk.send_execute(statement, 0, &[Param::text("1234567"), Param::text("two")], false).await;
    talk.outcomes(Command::StmtExecute, &[]).await.remove(0).done();
    assert_eq!(stage.direct("SELECT id, body FROM scratch ORDER BY id"), "1\tone\n1234567\ttwo");
}

async fn types_told_once_count_for_the_next_execution(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    // The planner is asked about each execution of a statement that writes.
    let statement = talk.prepare("UPDATE orders SET note = ? WHERE customer_id = ?").await.number;
    talk.execute(statement, &[Param::text("first"), Param::int(2)]).await.remove(0).done();
    talk.send_execute(statement, 0, &[Param::text("second"), Param::int(3)], false).await;
    let done = talk.outcomes(Command::StmtExecute, &[]).await.remove(0).done();
    assert_eq!(done.affected, 1);
    assert_eq!(stage.direct("SELECT id FROM orders WHERE note = 'second'"), "2");
    // Types that were never told are an error of the execution, not the end of the session.
    let other = talk.prepare(INSERT).await.number;
    talk.send_execute(other, 0, &[Param::int(1), Param::text("x")], false).await;
    let answer = talk.outcomes(Command::StmtExecute, &[]).await.remove(0);
    assert_eq!(answer.refused().0, 1210);
    talk.execute(other, &[Param::int(1), Param::text("x")]).await.remove(0).done();
}

async fn nulls_are_told_by_their_bits(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let marks = vec!["?"; 19].join(", ");
    let statement = talk.prepare(&format!("SELECT {marks}")).await;
    assert_eq!((statement.parameters, statement.columns), (19, 19));
    for mask in [0_u32, 1, 0x7_ffff, 0x5_5555, 0x1_8180] {
        let params: Vec<Param> = (0..19)
            .map(|index| if mask & (1 << index) == 0 { Param::text(format!("v{index}")) } else { Param::null() })
            .collect();
        let table = talk.execute(statement.number, &params).await.remove(0).table();
        let wanted: Vec<String> = (0..19)
            .map(|index| if mask & (1 << index) == 0 { format!("v{index}") } else { "NULL".to_owned() })
            .collect();
        assert_eq!(table.text(), [wanted], "{mask:#x}");
    }
}

async fn unknown_and_closed_statements_are_refused_and_the_session_goes_on(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare("SELECT name FROM customers WHERE id = ?").await.number;
    talk.close(statement).await;
    for number in [statement, statement + 1, 0, 0x8000_0000, 0x7fff_ffff] {
        let (code, text) = talk.execute(number, &[]).await.remove(0).refused();
        assert_eq!(code, 1243, "{number}: {text}");
        assert_eq!(talk.reset(number).await.refused().0, 1243, "{number}");
        talk.send_fetch(number, 10).await;
        let answer = talk.outcomes(Command::StmtFetch, &[]).await.remove(0);
        assert_eq!(answer.refused().0, 1243, "{number}");
        // Neither of these has an answer, whatever it names.
        talk.long_data(number, 0, b"x").await;
        talk.close(number).await;
        assert_eq!(talk.cell("SELECT 40 + 2").await, "42");
    }
    // A statement without a cursor has nothing to fetch.
    let statement = talk.prepare("SELECT name FROM customers WHERE id = ?").await.number;
    talk.execute(statement, &[Param::int(1)]).await.remove(0).table();
    talk.send_fetch(statement, 10).await;
    let answer = talk.outcomes(Command::StmtFetch, &[]).await.remove(0);
    assert_eq!(answer.refused().0, 1421);
    // Broken values are an error of their command.
    let (code, text) =
        talk.execute(statement, &[Param { kind: 200, flags: 0, value: Some(vec![1]) }]).await.remove(0).refused();
    assert_eq!(code, 1210, "{text}");
    assert_eq!(talk.execute(statement, &[Param::int(3)]).await.remove(0).table().text(), [["Name 3"]]);
}

/// MariaDB's clients may send COM_STMT_EXECUTE behind COM_STMT_PREPARE without waiting: -1 is "the one just prepared".
async fn the_last_prepared_statement_is_the_last_that_could_be_prepared(kind: Kind) {
    const LAST: u32 = u32::MAX;
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    assert_eq!(talk.execute(LAST, &[]).await.remove(0).refused().0, 1243);
    let first = talk.prepare("SELECT name FROM customers WHERE id = ?").await.number;
    assert_eq!(talk.execute(LAST, &[Param::int(3)]).await.remove(0).table().text(), [["Name 3"]]);
    // A preparation that fails leaves none: executing would run what nobody asked for.
    let (code, _) = talk.try_prepare("SELECT nothing FROM nowhere").await.unwrap_err();
    assert_eq!(code, 1146);
    assert_eq!(talk.execute(LAST, &[Param::int(3)]).await.remove(0).refused().0, 1243);
    let second = talk.prepare("SELECT email FROM customers WHERE id = ?").await.number;
    assert_ne!(first, second);
    talk.close(second).await;
    assert_eq!(talk.execute(LAST, &[Param::int(3)]).await.remove(0).refused().0, 1243);
    assert_eq!(talk.execute(first, &[Param::int(3)]).await.remove(0).table().text(), [["Name 3"]]);
}

async fn thousands_of_statements_up_to_the_limit(kind: Kind) {
    let stage = kind.start(kind.rules(), "limits: { prepared_max: 1500 }").await;
    let mut talk = Talk::to(&stage).await;
    let mut numbers = Vec::new();
    for id in 0..1500 {
        numbers.push(talk.prepare(&format!("SELECT name FROM customers WHERE id = ? + {id}")).await.number);
    }
    assert_eq!(talk.try_prepare("SELECT 1").await.unwrap_err().0, 1461);
    for id in [0, 749, 1499] {
        let table = talk.execute(numbers[id], &[Param::int(1)]).await.remove(0).table();
        assert_eq!(table.text(), [[format!("Name {}", id + 1)]]);
    }
    talk.close(numbers[0]).await;
    talk.prepare("SELECT 1").await;
}

async fn each_execution_is_judged_by_the_rules_of_the_moment(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare("SELECT name FROM customers WHERE id = ?").await.number;
    assert_eq!(talk.execute(statement, &[Param::int(1)]).await.remove(0).table().text(), [["Name 1"]]);
    let stricter =
        kind.rules_with("").replace("rules:\n", "  - { match: \"*.*.customers.name\", class: pii.free }\nrules:\n");
    std::fs::write(stage.dir.join("rules/test.yaml"), stricter).unwrap();
    stage.signal("HUP");
    let mut seen = String::new();
    for _ in 0..100 {
        seen = talk.execute(statement, &[Param::int(1)]).await.remove(0).table().text()[0][0].clone();
        if seen != "Name 1" {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(seen, "[masked:pii.free]");
    let forbidding =
        kind.rules_with("  - { id: closed, when: { actions: [read] }, then: deny, message: \"Closed.\" }\n");
    std::fs::write(stage.dir.join("rules/test.yaml"), forbidding).unwrap();
    stage.signal("HUP");
    let mut last = Outcome::Done(Done::default());
    for _ in 0..100 {
        last = talk.execute(statement, &[Param::int(1)]).await.remove(0);
        if matches!(last, Outcome::Refused(..)) {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(last.refused().0, 1644);
}

/// The columns of `*` are those of the moment, for the server and for us.
async fn each_execution_is_judged_by_the_table_of_the_moment(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare("SELECT * FROM employees WHERE id = ?").await.number;
    let table = talk.execute(statement, &[Param::int(1)]).await.remove(0).table();
    assert_eq!(table.rows[0][1..], [Some(b"Employee 1".to_vec()), None], "{table:?}");
    talk.send_query("ALTER TABLE employees ADD COLUMN grade int FIRST, MODIFY salary decimal(10, 2) AFTER id").await;
    stage.approve_pending().await;
    talk.outcomes(Command::Query, &[]).await.remove(0).done();
    let table = talk.execute(statement, &[Param::int(1)]).await.remove(0).table();
    let names: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["grade", "id", "salary", "name"]);
    assert_eq!(table.rows[0][2..], [None, Some(b"Employee 1".to_vec())], "{table:?}");
    // Past Holdpoint, which hears of it by the server's word contradicting its own reading: no value gets out, and the
    // session ends.
    stage.direct("ALTER TABLE employees MODIFY name varchar(60) NOT NULL FIRST");
    let table = talk.execute(statement, &[Param::int(1)]).await.remove(0).table();
    assert_eq!(table.rows[0][3], None, "{table:?}");
    assert_ne!(table.rows[0][0], Some(b"Employee 1".to_vec()), "masked whole where witnesses disagree");
    assert!(talk.raw.packet().await.is_some_and(|packet| packet[0] == 0xff) && talk.raw.packet().await.is_none());
}

/// MariaDB's clients send many executions in one packet if that was agreed, which it never is.
async fn bulk_executions_are_not_served(kind: Kind) {
    let stage = kind.stage().await;
    let mut talk = Talk::to(&stage).await;
    let statement = talk.prepare(INSERT).await.number;
    let payload =
        [&[0xfa][..], &statement.to_le_bytes(), &[0x80, 0], &[kinds::LONG_LONG, 0, kinds::VAR_STRING, 0], &[0; 10]]
            .concat();
    let (code, text) = talk.simple(&payload).await.refused();
    assert_eq!((code, text.contains("COM_STMT_BULK_EXECUTE")), (1235, true), "{text}");
    talk.execute(statement, &[Param::int(1), Param::text("x")]).await.remove(0).done();
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "1");
}
