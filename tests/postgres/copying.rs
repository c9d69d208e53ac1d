//! COPY in both directions.

use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};

use crate::{db_error, hasty, kind, rows, stage};

async fn copied(client: &tokio_postgres::Client, sql: &str) -> Vec<u8> {
    let stream = client.copy_out(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let parts: Vec<Bytes> = stream.try_collect().await.unwrap();
    parts.concat()
}

#[tokio::test]
async fn copy_out_is_held_then_masked_in_every_format() {
    let stage = stage().await;
    let client = stage.connect().await;
    for options in ["", " WITH (FORMAT csv, HEADER true)", " WITH (FORMAT binary)", " WITH (DELIMITER '|', NULL 'nil')"]
    {
        let sql = format!(
            "COPY (SELECT id, email, ssn, born, name FROM customers WHERE id <= 20 ORDER BY id) TO STDOUT{options}"
        );
        let (bytes, _) = tokio::join!(copied(&client, &sql), stage.approve_pending());
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("CANARY") && !text.contains("secret.person"), "{sql}: {text}");
        assert!(text.contains("Name 7") && text.contains("s***@canary.example"), "{sql}: {text}");
        assert!(options.contains("binary") || text.contains("1970-01-01"), "{text}");
    }
    let (bytes, _) = tokio::join!(copied(&client, "COPY customers TO STDOUT"), stage.approve_pending());
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.lines().count(), 5000);
    assert!(!text.contains("CANARY-") && !text.contains("secret.person"));
}

#[tokio::test]
async fn copy_out_that_is_refused_sends_nothing() {
    let stage = hasty().await;
    let client = stage.connect().await;
    let error = db_error(client.copy_out("COPY orders TO STDOUT").await.err().expect("a refusal"));
    assert_eq!(kind(&error), "holdpoint_pending");
    let error = db_error(client.simple_query("COPY orders TO '/tmp/holdpoint-test-out'").await.unwrap_err());
    assert!(matches!(kind(&error), "holdpoint_pending"), "{error:?}");
    assert_eq!(rows(&client, "SELECT 1").await, [["1"]]);
}

#[tokio::test]
async fn copy_in_passes() {
    let stage = stage().await;
    let client = stage.connect().await;
    let (sink, _) = tokio::join!(client.copy_in("COPY scratch (id, body) FROM STDIN"), stage.approve_pending());
    let sink = sink.unwrap();
    let mut sink = std::pin::pin!(sink);
    for number in 0..200 {
        let line = format!("{number}\t{}\n", "x".repeat(1000));
        sink.as_mut().send(Bytes::from(line)).await.unwrap();
    }
    assert_eq!(sink.finish().await.unwrap(), 200);
    assert_eq!(stage.direct("SELECT count(*), sum(length(body)) FROM scratch"), "200|200000");
    assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test]
async fn copy_in_that_fails_or_is_given_up_leaves_the_session_usable() {
    let stage = stage().await;
    let client = stage.connect().await;
    let (sink, _) = tokio::join!(client.copy_in("COPY scratch (id, body) FROM STDIN"), stage.approve_pending());
    let sink = sink.unwrap();
    let mut sink = std::pin::pin!(sink);
    let _sent = sink.as_mut().send(Bytes::from_static(b"not a number\tx\n")).await;
    assert_eq!(db_error(sink.finish().await.unwrap_err()).code().code(), "22P02");
    assert_eq!(rows(&client, "SELECT 1").await, [["1"]]);
    {
        let (sink, _) =
            tokio::join!(client.copy_in::<_, Bytes>("COPY scratch (id, body) FROM STDIN"), stage.approve_pending());
        let sink = sink.unwrap();
        drop(sink);
    }
    assert_eq!(rows(&client, "SELECT count(*) FROM scratch").await, [["0"]]);
}

#[tokio::test]
async fn copy_in_by_simple_query_passes_and_mixes_with_other_statements() {
    let stage = stage().await;
    let mut raw = crate::raw::Raw::login(stage.port, "reporting-bot", &stage.keys.agent).await;
    raw.send(&crate::raw::query("COPY scratch FROM STDIN; SELECT count(*) FROM scratch")).await;
    stage.approve_pending().await;
    let (kind, _) = raw.next().await.unwrap();
    assert_eq!(kind, b'G');
    raw.send(&[crate::raw::message(b'd', b"1\ta\n2\tb\n"), crate::raw::message(b'c', b"")].concat()).await;
    let rest = raw.until_ready().await;
    assert_eq!(crate::raw::texts(&rest), ["2"], "{}", crate::raw::kinds(&rest));
}
