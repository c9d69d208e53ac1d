//! A server that lies: it lets the proxy in, then says what no server may say.

use std::time::Duration;

use bytes::BufMut;

use crate::holdpoint::{AGENT, Holdpoint, Setup};
use crate::liar::liar;
use crate::raw::{self, Raw};
use crate::sample;

/// What the liar answers.
type Lie = fn() -> Vec<u8>;

fn description(columns: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_i16(i16::try_from(columns.len()).unwrap());
    for name in columns {
        body.extend(raw::zero(name));
        body.put_i32(0);
        body.put_i16(0);
        body.put_i32(25);
        body.put_i16(-1);
        body.put_i32(-1);
        body.put_i16(0);
    }
    raw::message(b'T', &body)
}

fn row(cells: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_i16(i16::try_from(cells.len()).unwrap());
    for cell in cells {
        body.put_i32(i32::try_from(cell.len()).unwrap());
        body.extend_from_slice(cell.as_bytes());
    }
    raw::message(b'D', &body)
}

fn complete() -> Vec<u8> {
    [raw::message(b'C', b"SELECT 1\0"), raw::message(b'Z', b"I")].concat()
}

async fn lied_to(lie: Lie) -> (Holdpoint, Vec<raw::Message>) {
    let upstream = Some(format!("host: 127.0.0.1, port: {}", liar(move || lie().into()).await));
    let stage = Holdpoint::start(Setup { upstream, ..Setup::rules(sample::rules()) }).await;
    let mut bystander = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    raw.send(&raw::query("SELECT 'LIES', ssn FROM customers WHERE id = 1")).await;
    let mut answer = Vec::new();
    let reading = async {
        while let Some(message) = raw.next().await {
            let end = message.0 == b'Z';
            answer.push(message);
            if end {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(10), reading).await;
    assert_eq!(raw::texts(&bystander.query("SELECT 1").await), ["1"], "{}", stage.log());
    assert!(!stage.log().contains("panicked"), "{}", stage.log());
    assert!(stage.resident_kib() < 400 * 1024, "{} KiB", stage.resident_kib());
    let shown = answer.iter().any(|(_, body)| body.windows(6).any(|part| part == b"CANARY"));
    assert!(!shown, "a value passed: {}", raw::kinds(&answer));
    (stage, answer)
}

/// The answer ended the connection with an error and no ReadyForQuery.
fn is_fault(answer: &[raw::Message]) {
    assert_eq!(raw::error_code(answer).as_deref(), Some("08P01"), "{}", raw::kinds(answer));
    assert!(!raw::kinds(answer).contains('Z'), "{}", raw::kinds(answer));
}

#[tokio::test]
async fn rows_before_their_description() {
    is_fault(&lied_to(|| [row(&["a", "SSN-CANARY"]), complete()].concat()).await.1);
}

#[tokio::test]
async fn more_columns_than_described() {
    is_fault(
        &lied_to(|| [description(&["?column?", "ssn"]), row(&["a", "b", "SSN-CANARY"]), complete()].concat()).await.1,
    );
}

#[tokio::test]
async fn fewer_columns_than_described() {
    is_fault(&lied_to(|| [description(&["?column?", "ssn"]), row(&["SSN-CANARY"]), complete()].concat()).await.1);
}

#[tokio::test]
async fn more_columns_than_predicted_are_masked_whole_and_the_session_ends() {
    let (_stage, answer) = lied_to(|| {
        [description(&["?column?", "x", "ssn"]), row(&["CANARY1", "CANARY2", "SSN-CANARY"]), complete()].concat()
    })
    .await;
    assert!(
        raw::texts(&answer).iter().all(|text| text.is_empty() || text.starts_with("[masked")),
        "{:?}",
        raw::texts(&answer)
    );
}

#[tokio::test]
async fn row_with_a_negative_cell() {
    is_fault(
        &lied_to(|| {
            [description(&["?column?", "ssn"]), raw::message(b'D', &[0, 2, 0, 0, 0, 1, b'a', 255, 255, 255, 200])]
                .concat()
        })
        .await
        .1,
    );
}

#[tokio::test]
async fn row_cut_short() {
    is_fault(
        &lied_to(|| [description(&["?column?", "ssn"]), raw::message(b'D', &[0, 2, 0, 0, 0, 9, b'a'])].concat())
            .await
            .1,
    );
}

#[tokio::test]
async fn negative_length() {
    is_fault(&lied_to(|| [&b"D"[..], &(-1_i32).to_be_bytes()].concat()).await.1);
}

#[tokio::test]
async fn masked_row_of_a_gigabyte() {
    let lie: Lie =
        || [&description(&["?column?", "ssn"])[..], b"D", &(1_i32 << 30).to_be_bytes(), &[0; 100_000]].concat();
    let (_stage, answer) = lied_to(lie).await;
    assert!(!raw::kinds(&answer).contains('Z') && raw::error_code(&answer).is_some(), "{}", raw::kinds(&answer));
}

#[tokio::test]
async fn description_of_thirty_thousand_columns_that_is_cut() {
    is_fault(&lied_to(|| raw::message(b'T', &[127, 255, b'a', 0])).await.1);
}

#[tokio::test]
async fn unknown_messages() {
    is_fault(&lied_to(|| raw::message(b'?', b"what")).await.1);
}

#[tokio::test]
async fn copy_that_was_not_asked_for() {
    let (_stage, answer) = lied_to(|| {
        [raw::message(b'H', &[0, 0, 0]), raw::message(b'd', b"SSN-CANARY\n"), raw::message(b'c', b""), complete()]
            .concat()
    })
    .await;
    assert!(raw::error_code(&answer).is_some() && !raw::kinds(&answer).contains('Z'), "{}", raw::kinds(&answer));
}

#[tokio::test]
async fn copy_both_as_in_replication() {
    is_fault(&lied_to(|| raw::message(b'W', &[0, 0, 0])).await.1);
}

#[tokio::test]
async fn ready_that_nobody_waits_for() {
    let (_stage, answer) = lied_to(|| [complete(), raw::message(b'Z', b"I"), row(&["a", "SSN-CANARY"])].concat()).await;
    assert!(raw::kinds(&answer).matches('D').count() == 0, "{}", raw::kinds(&answer));
}

#[tokio::test]
async fn authentication_asked_again() {
    is_fault(&lied_to(|| raw::message(b'R', &[0, 0, 0, 3])).await.1);
}

#[tokio::test]
async fn notices_that_quote_values_are_dropped() {
    let lie: Lie = || {
        let notice = raw::message(b'N', b"SNOTICE\0C00000\0MSSN-CANARY-1\0\0");
        [notice.repeat(1000), description(&["?column?", "ssn"]), row(&["a", "SSN-CANARY"]), complete()].concat()
    };
    let (_stage, answer) = lied_to(lie).await;
    assert!(!raw::kinds(&answer).contains('N'), "{}", raw::kinds(&answer));
}

#[tokio::test]
async fn error_that_quotes_values_is_re_worded() {
    let (_stage, answer) = lied_to(|| {
        let error = raw::message(b'E', b"SERROR\0C22P02\0Minvalid input: SSN-CANARY\0DSSN-CANARY\0\0");
        [error, raw::message(b'Z', b"I")].concat()
    })
    .await;
    assert_eq!(raw::error_code(&answer).as_deref(), Some("22P02"));
}

#[tokio::test]
async fn endless_notices_do_not_fill_memory() {
    let (stage, _answer) =
        lied_to(|| raw::message(b'N', &[&b"SNOTICE\0C00000\0M"[..], &[b'x'; 1000], b"\0\0"].concat()).repeat(200_000))
            .await;
    assert!(stage.resident_kib() < 300 * 1024);
}

#[tokio::test]
async fn parameter_status_games() {
    let lie: Lie = || {
        let status = |name: &str, value: &str| raw::message(b'S', &[raw::zero(name), raw::zero(value)].concat());
        [
            status("client_encoding", "SJIS"),
            status("standard_conforming_strings", "off"),
            raw::message(b'S', b"no end"),
            description(&["?column?", "ssn"]),
            row(&["a", "SSN-CANARY"]),
            complete(),
        ]
        .concat()
    };
    lied_to(lie).await;
}
