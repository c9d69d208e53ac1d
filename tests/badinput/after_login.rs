//! By an agent that has logged in and breaks the protocol.

use std::time::Instant;

use bytes::BufMut;

use crate::holdpoint::{AGENT, Holdpoint, Setup};
use crate::raw::{self, Raw};
use crate::{Bystander, last_words, sample, stage};

async fn login(stage: &Holdpoint) -> Raw {
    Raw::login(stage.port, AGENT, &stage.keys.agent).await
}

fn framed(kind: u8, length: i32, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

#[tokio::test]
async fn broken_frames_end_the_connection_with_a_clear_error() {
    let stage = stage().await;
    let mut bystander = Bystander::of(&stage).await;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("negative length", framed(b'Q', -5, b"SELECT 1\0")),
        ("length 0", framed(b'Q', 0, b"")),
        ("length 3", framed(b'Q', 3, b"")),
        ("the smallest length", framed(b'Q', i32::MIN, b"")),
        ("almost 2 GiB", framed(b'Q', i32::MAX, b"SELECT 1\0")),
        ("almost 4 GiB as unsigned", framed(b'Q', -1, b"SELECT 1\0")),
        ("beyond the largest message", framed(b'Q', (64 << 20) + 100, b"SELECT 1\0")),
        ("unknown type", framed(b'?', 4, b"")),
        ("type zero", framed(0, 4, b"")),
        ("Query without its end", raw::message(b'Q', b"SELECT 1")),
        ("empty Query body", framed(b'Q', 4, b"")),
        ("Parse without its end", raw::message(b'P', b"SELECT")),
        ("Parse that names more types than it has", raw::message(b'P', b"\0SELECT 1\0\0\xff")),
        ("Parse with trailing bytes", raw::message(b'P', b"\0SELECT 1\0\0\0abc")),
        ("Parse with 65535 types that are missing", raw::message(b'P', b"\0SELECT 1\0\xff\xff")),
        ("Bind that is cut", raw::message(b'B', b"\0\0")),
        ("Bind with 65535 formats that are missing", raw::message(b'B', b"\0\0\xff\xff")),
        ("Bind with a value of 2 GiB", raw::message(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff")),
        ("Bind with a value of length -2", raw::message(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe")),
        ("Describe of nothing", framed(b'D', 4, b"")),
        ("Describe of an unknown kind", framed(b'D', 6, b"X\0")),
        ("Execute that is cut", framed(b'E', 5, b"\0")),
        ("Close of an unknown kind", framed(b'C', 6, b"?\0")),
        ("Sync with a body", framed(b'S', 5, b"x")),
    ];
    for (what, bytes) in cases {
        let mut raw = login(&stage).await;
        raw.send(&bytes).await;
        if what == "Sync with a body" {
            // PostgreSQL checks it; either an error or an answer is fine, but not silence.
            assert!(raw.next().await.is_some(), "{what}");
            continue;
        }
        if what.contains("missing") || what.contains("Bind") {
            // A Bind of an unknown statement may be refused for that first: then up to Sync.
            raw.send(&raw::sync()).await;
            let answer = raw.until_ready().await;
            assert!(raw::error_code(&answer).is_some(), "{what}: {}", raw::kinds(&answer));
        } else {
            assert_eq!(last_words(raw).await.as_deref(), Some("08P01"), "{what}");
        }
        bystander.is_well(&stage, what).await;
    }
}

#[tokio::test]
async fn truncated_frames_are_waited_for_and_forgotten_with_their_connection() {
    let stage = stage().await;
    let mut bystander = Bystander::of(&stage).await;
    let whole =
        [raw::parse("s", "SELECT $1::int"), raw::bind("", "s", &["5"], 0), raw::execute("", 0), raw::sync()].concat();
    for cut in 1..whole.len() {
        let mut raw = login(&stage).await;
        raw.send(&whole[..cut]).await;
        if cut % 9 == 0 {
            raw.finish().await;
            raw.until_end().await;
        }
    }
    bystander.is_well(&stage, "cut frames").await;
    let mut raw = login(&stage).await;
    for byte in &whole {
        raw.send(&[*byte]).await;
    }
    assert_eq!(raw::texts(&raw.until_ready().await), ["5"]);
}

#[tokio::test]
async fn messages_out_of_order_do_not_confuse_it() {
    let stage = stage().await;
    let mut bystander = Bystander::of(&stage).await;
    let mut raw = login(&stage).await;
    for bytes in [
        raw::message(b'c', b""),
        raw::message(b'd', b"1\tx\n"),
        raw::message(b'f', b"no\0"),
        raw::message(b'H', b""),
        raw::message(b'C', b"Sabsent\0"),
        raw::message(b'C', b"Pabsent\0"),
    ] {
        raw.send(&bytes).await;
    }
    raw.send(&raw::sync()).await;
    assert_eq!(raw::kinds(&raw.until_ready().await), "33Z");
    raw.send(&[raw::sync(), raw::sync(), raw::query("SELECT 1"), raw::sync()].concat()).await;
    for expected in ["Z", "Z", "TDCZ", "Z"] {
        assert_eq!(raw::kinds(&raw.until_ready().await), expected);
    }
    // A Query among extended messages whose Sync never came.
    raw.send(&[raw::parse("", "SELECT 7"), raw::query("SELECT 8")].concat()).await;
    assert_eq!(raw::texts(&raw.until_ready().await), ["8"]);
    // Extended messages during COPY FROM STDIN end it, as the server does, or end the connection; no row of it stays.
    let mut copying = login(&stage).await;
    copying
        .send(&[raw::query("COPY scratch FROM STDIN"), raw::message(b'd', b"1\tx\n"), raw::query("SELECT 1")].concat())
        .await;
    let answer = copying.until_ready().await;
    assert!(raw::error_code(&answer).is_some(), "{}", raw::kinds(&answer));
    drop(copying);
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "0");
    bystander.is_well(&stage, "messages out of order").await;
}

#[tokio::test]
async fn most_parameters_the_protocol_can_count_pass_or_are_refused() {
    let stage = stage().await;
    let mut bystander = Bystander::of(&stage).await;
    for count in [32_767_usize, 65_535] {
        let list: Vec<String> = (1..=count).map(|number| format!("${number}")).collect();
        let sql = format!("SELECT count(*) FROM orders WHERE id IN ({})", list.join(","));
        let mut body = [raw::zero(""), raw::zero(""), vec![0, 0]].concat();
        body.put_u16(u16::try_from(count).unwrap());
        for number in 0..count {
            let text = number.to_string();
            body.put_i32(i32::try_from(text.len()).unwrap());
            body.extend_from_slice(text.as_bytes());
        }
        body.put_u16(0);
        let mut raw = login(&stage).await;
        raw.send(&[raw::parse("", &sql), raw::message(b'B', &body), raw::execute("", 0), raw::sync()].concat()).await;
        let answer = raw.until_ready().await;
        match raw::error_code(&answer) {
            None => assert_eq!(raw::texts(&answer), ["3000"], "{count}: {}", raw::kinds(&answer)),
            Some(code) => eprintln!("{count} parameters: refused with {code}"),
        }
    }
    bystander.is_well(&stage, "65535 parameters").await;
}

#[tokio::test]
async fn deep_and_long_sql_is_bounded() {
    let stage = stage().await;
    let mut bystander = Bystander::of(&stage).await;
    let deep = |open: &str, close: &str, count: usize| format!("SELECT {}1{}", open.repeat(count), close.repeat(count));
    let mut cases = vec![
        ("parentheses", deep("(", ")", 50_000)),
        ("subqueries", deep("(SELECT ", ")", 20_000)),
        ("NOT", format!("SELECT {}true", "NOT ".repeat(100_000))),
        ("minus", format!("SELECT {}1", "- ".repeat(100_000))),
        ("CASE", deep("CASE WHEN true THEN ", " END", 20_000)),
        ("array", deep("ARRAY[", "]", 20_000)),
        ("plus", format!("SELECT 1{}", "+1".repeat(100_000))),
        ("OR", format!("SELECT id FROM orders WHERE id=1{} LIMIT 1", " OR id=1".repeat(50_000))),
        ("UNION", format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(20_000))),
        ("comments", format!("{}SELECT 1{}", "/*".repeat(20_000), "*/".repeat(20_000))),
        ("statements", "SELECT 1;".repeat(5_000)),
        ("CTEs", {
            let all: Vec<String> = (0..3000).map(|number| format!("c{number} AS (SELECT {number} AS x)")).collect();
            format!("WITH {} SELECT x FROM c2999", all.join(","))
        }),
        ("casts", format!("SELECT 1{}", "::int".repeat(50_000))),
        (
            "joins",
            format!(
                "SELECT 1 FROM orders a0 {} LIMIT 1",
                (1..400).map(|n| format!("JOIN orders a{n} USING (id)")).collect::<Vec<_>>().join(" ")
            ),
        ),
        ("stars", format!("SELECT {} FROM customers WHERE id = 1", vec!["*"; 1500].join(","))),
        ("a literal of a megabyte", format!("SELECT length('{}')", "x".repeat(1_500_000))),
        ("names", format!("SELECT 1 AS \"{}\"", "n".repeat(200_000))),
    ];
    cases.push(("a text of ten megabytes", format!("SELECT 1 -- {}", "x".repeat(10 << 20))));
    for (what, sql) in cases {
        let mut raw = login(&stage).await;
        let began = Instant::now();
        raw.send(&raw::query(&sql)).await;
        let answer = raw.until_ready().await;
        let took = began.elapsed();
        assert!(!answer.is_empty(), "{what}: closed without a word\n{}", stage.log());
        assert!(took.as_secs() < 15, "{what}: {took:?}");
        let shown =
            raw::error_code(&answer).unwrap_or_else(|| format!("{} rows", raw::kinds(&answer).matches('D').count()));
        eprintln!("deep {what}: {shown} in {took:?}");
        bystander.is_well(&stage, what).await;
    }
}

#[tokio::test]
async fn floods_of_prepared_statements_are_bounded() {
    let stage = Holdpoint::start(Setup::rules(sample::rules()).with("limits: { prepared_max: 500 }")).await;
    let mut bystander = Bystander::of(&stage).await;
    let before = stage.resident_kib();
    let mut raw = login(&stage).await;
    let mut refused = 0;
    for round in 0..20 {
        let mut flood = Vec::new();
        for number in 0..200 {
            flood.extend(raw::parse(
                &format!("s{round}_{number}"),
                &format!("SELECT {number} /* {} */", "x".repeat(2000)),
            ));
            flood.extend(raw::sync());
        }
        raw.send(&flood).await;
        for _ in 0..200 {
            refused += u32::from(raw::error_code(&raw.until_ready().await).is_some());
        }
    }
    assert_eq!(refused, 3500, "statements beyond the bound");
    let mut portals = login(&stage).await;
    portals.query("BEGIN").await;
    let mut flood = raw::parse("s", "SELECT 1");
    for number in 0..2000 {
        flood.extend(raw::bind(&format!("p{number}"), "s", &[], 0));
    }
    flood.extend(raw::sync());
    portals.send(&flood).await;
    let answer = portals.until_ready().await;
    eprintln!("2000 portals: {} bound, error {:?}", raw::kinds(&answer).matches('2').count(), raw::error_code(&answer));
    assert!(raw::error_code(&answer).is_some(), "portals are not bounded");
    let grown = stage.resident_kib().saturating_sub(before);
    assert!(grown < 100 * 1024, "{grown} KiB");
    bystander.is_well(&stage, "a flood of Parse").await;
}
