//! What is found: by kind, among traps, and over the corpus of `tests/detect`, whose measures are printed and bounded.

#![allow(clippy::print_stdout, reason = "the measures are what these tests are run for")]

use std::collections::BTreeMap;

use bytes::BytesMut;

use super::mask::DetectMask;
use super::*;
use crate::masking::column::Format;
use crate::masking::kind::Kind;
use crate::masking::mask::{Target, Written};

const PLANTED: &str = include_str!("../../../tests/detect/planted.txt");
const TRAPS: &str = include_str!("../../../tests/detect/traps.txt");
const ORDINARY: &str = include_str!("../../../tests/detect/ordinary.txt");

fn kinds(text: &str, name: &str) -> Vec<&'static str> {
    let all: DetectorSet = Detector::ALL.into_iter().collect();
    find(text.as_bytes(), name, all).iter().map(|found| found.detector.name()).collect()
}

fn scrubbed(text: &str) -> String {
    scrub(text, DetectorSet::usual()).into_owned()
}

/// The value that comes out of a column of this kind; `None`: NULL.
fn masked(kind: Kind, format: Format, name: &str, value: &[u8]) -> Option<Vec<u8>> {
    let mask = DetectMask::new(DetectorSet::usual(), name.into(), Target { kind, format }).unwrap();
    let mut out = BytesMut::new();
    let written = mask.apply(value, &mut out);
    let kept = (written == Written::Value).then(|| out.to_vec());
    assert_eq!(mask.finds(value), kept.as_deref() != Some(value));
    kept
}

fn text(kind: Kind, value: &str) -> String {
    masked(kind, Format::Text, "c", value.as_bytes()).map_or("NULL".into(), |value| String::from_utf8(value).unwrap())
}

#[test]
fn finds_are_replaced_where_they_stand() {
    for (text, expected) in [
        ("mail ann@example.com now", "mail [masked:detected.email] now"),
        ("4111-1111-1111-1111/4111 1111 1111 1111", "[masked:detected.card]/[masked:detected.card]"),
        ("pay DE89 3704 0044 0532 0130 00.", "pay [masked:detected.iban]."),
        ("ssn 078-05-1120", "ssn [masked:detected.ssn]"),
        ("Tel.: (030) 1234-567", "Tel.: [masked:detected.phone]"),
        ("+1 212 555 0123 or 12", "[masked:detected.phone] or 12"),
        ("redis://u:p4ss@h/0 up", "[masked:detected.url_credentials]/0 up"),
        ("key AKIAIOSFODNN7EXAMPLE", "key [masked:detected.api_key]"),
    ] {
        assert_eq!(scrubbed(text), expected);
    }
}

#[test]
fn the_whole_text_goes_where_the_extent_is_not_certain() {
    let key = "key follows\n-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----\n";
    assert_eq!(scrubbed(key), "[masked:detected.private_key]");
    assert_eq!(scrubbed("see host=db user=a password=hunter2x dbname=s"), "[masked:detected.connection_string]");
    assert_eq!(scrubbed("a:s3cret@tcp(db:3306)/shop"), "[masked:detected.connection_string]");
    assert_eq!(scrubbed("\"ann lee\"@example.com"), "[masked:detected.email]");
    assert_eq!(scrubbed("postgres://u:p/w@h/d"), "[masked:detected.url_credentials]");
}

#[test]
fn numbers_that_only_look_like_some_pass() {
    for text in [
        "4111111111111112",
        "1700000000",
        "4006381333931",
        "350000000000006",
        "0.4111111111111111",
        "x4111111111111111",
        "9400 4111 1111 1111 1111 00",
        "550e8400-e29b-41d4-a716-446655440000",
        "123-45-6789-A",
        "000-12-3456",
        "+0200",
        "git@example.org:team/thing.git",
        "icon@2x.png",
        "pkg@1.2.3",
        "https://example.com:8080/a@b",
        "postgres://app:${PW}@db/x",
        "Bearer of good news",
        "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
        "-----BEGIN CERTIFICATE-----",
    ] {
        assert_eq!(scrubbed(text), text);
    }
}

#[test]
fn weak_forms_need_a_word_nearby() {
    assert_eq!(kinds("4222222222222", ""), [""; 0]);
    assert_eq!(kinds("visa 4222222222222", ""), ["card"]);
    assert_eq!(kinds("4222222222222", "cardNumber"), ["card"]);
    assert_eq!(kinds("078051120", ""), [""; 0]);
    assert_eq!(kinds("078051120", "customer_ssn"), ["ssn"]);
    assert_eq!(kinds("5551234567", ""), [""; 0]);
    assert_eq!(kinds("5551234567", "home_phone"), ["phone"]);
    assert_eq!(kinds("1700000000", "phone_verified_at"), [""; 0]);
    assert_eq!(kinds("call 555-123-4567", ""), ["phone"]);
}

#[test]
fn addresses_of_machines_are_found_only_when_asked() {
    assert_eq!(scrubbed("from 10.0.0.5 and 2001:db8::1"), "from 10.0.0.5 and 2001:db8::1");
    assert_eq!(kinds("from 10.0.0.5, 2001:db8::1, ::1.", ""), ["ip", "ip", "ip"]);
    for none in ["version 1.2.3.4", "v1.2.3.4", "1.2.3", "1.2.3.400", "12:34:56", "a::b::c", "aa:bb:cc:dd:ee:ff"] {
        assert_eq!(kinds(none, ""), [""; 0], "{none}");
    }
}

#[test]
fn json_is_redacted_member_by_member_and_stays_json() {
    let document =
        r#"{"id":7,"who":"ann\u0040example.com","n":[4111111111111111,"x"],"ssn":"078-05-1120","t":"a\n b"}"#;
    let expected = r#"{"id":7,"who":"[masked:detected.email]","n":["[masked:detected.card]","x"],"ssn":"[masked:detected.ssn]","t":"a\n b"}"#;
    for kind in [Kind::Json, Kind::Jsonb, Kind::Text] {
        assert_eq!(text(kind, document), expected);
    }
    let binary = [b"\x01", document.as_bytes()].concat();
    let masked = masked(Kind::Jsonb, Format::Binary, "c", &binary).unwrap();
    assert_eq!(masked, [b"\x01", expected.as_bytes()].concat());
}

#[test]
fn json_that_names_a_find_goes_whole() {
    assert_eq!(text(Kind::Json, r#"{"ann@example.com": 1}"#), r#""[masked:detected.email]""#);
    assert_eq!(text(Kind::Text, r#"{"a": "ann@example.com""#), r#"{"a": "[masked:detected.email]""#, "this is no JSON");
    assert_eq!(text(Kind::Json, r#"{"a": 4111111111111112}"#), r#"{"a": 4111111111111112}"#);
}

#[test]
fn types_that_hold_text_somewhere_go_whole_and_numbers_are_not_looked_at() {
    let array = Kind::TextArray { element: 25 };
    assert_eq!(text(array, "{ann@example.com,b}"), "{\"[masked:detected.email]\"}");
    assert_eq!(text(array, "{a,b}"), "{a,b}");
    assert_eq!(text(Kind::Other, "(1,ann@example.com)"), "NULL");
    assert_eq!(masked(Kind::Other, Format::Binary, "c", b"\0\0\0\x0fann@example.com\0"), None);
    assert_eq!(text(Kind::Name, "ann@example.com"), "[masked:detected.email]");
    for kind in [Kind::Int8, Kind::Numeric, Kind::Date, Kind::Uuid, Kind::Bool] {
        let target = Target { kind, format: Format::Text };
        assert!(DetectMask::new(DetectorSet::usual(), "c".into(), target).is_none());
    }
    let off = DetectMask::new(DetectorSet::default(), "c".into(), Target { kind: Kind::Text, format: Format::Text });
    assert!(off.is_none());
}

#[test]
fn more_finds_than_can_be_replaced_take_the_value_with_them() {
    let many = "a@example.com ".repeat(FOUND_MAX + 1);
    assert_eq!(scrubbed(&many), "[masked:detected.email]");
    assert_eq!(scrubbed(&"a@example.com ".repeat(3)), "[masked:detected.email] ".repeat(3));
}

#[test]
fn a_token_is_no_find() {
    let once = scrubbed("card 4111 1111 1111 1111, mail ann@example.com, key AKIAIOSFODNN7EXAMPLE");
    assert_eq!(scrubbed(&once), once);
    assert!(crate::masking::token::carries_token(&once));
}

proptest::proptest! {
    #[test]
    fn nothing_panics_and_spans_are_in_order(bytes in proptest::collection::vec(
        proptest::prop_oneof![
            proptest::sample::select(b"@:=-+ .\"'{}[]0123456789aeyJAKDEskghp_\\/".to_vec()),
            proptest::num::u8::ANY,
        ], 0..200))
    {
        let all: DetectorSet = Detector::ALL.into_iter().collect();
        let found = find(&bytes, "phone", all);
        let mut at = 0;
        for one in &found {
            proptest::prop_assert!(one.span.start >= at && one.span.end > one.span.start && one.span.end <= bytes.len());
            at = one.span.end;
        }
        let mask = DetectMask::new(all, "c".into(), Target { kind: Kind::Json, format: Format::Text }).unwrap();
        let mut out = BytesMut::new();
        let written = mask.apply(&bytes, &mut out);
        proptest::prop_assert!(written == Written::Null || mask.finds(&bytes) || out == bytes);
    }

    #[test]
    fn scrubbed_text_is_text(text in "\\PC{0,20}([a-zé]{1,5}@exämple\\.com|4111111111111111)\\PC{0,20}") {
        let _utf8: String = scrub(&text, DetectorSet::usual()).into_owned();
    }
}

#[test]
fn a_value_takes_time_in_proportion_to_its_length() {
    // Each of these would be quadratic if a look-back were not bounded: some 10^11 steps, where 10^8 do.
    let start = std::time::Instant::now();
    for piece in
        ["a", "@", "a@", "1 ", "41", "a.b@", "://", "u:p@", "=", "password=", "+1", "eyJ.", "\"", "-----BEGIN "]
    {
        let long = piece.repeat((1 << 18) / piece.len());
        let _found = find(long.as_bytes(), "phone", Detector::ALL.into_iter().collect());
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
}

fn unescape(text: &str) -> String {
    text.replace("\\\\", "\u{0}").replace("\\n", "\n").replace("\\t", "\t").replace('\u{0}', "\\")
}

/// Columns of the corpus' lines.
fn lines<const N: usize>(text: &str) -> Vec<[String; N]> {
    let parts = |line: &str| line.split('\t').map(unescape).collect::<Vec<_>>().try_into().unwrap();
    text.lines().map(parts).collect()
}

#[derive(Default)]
struct Score {
    planted: usize,
    gone: usize,
    found: usize,
    rightly: usize,
}

/// What an agent gets of a text column.
fn shown(name: &str, value: &str) -> String {
    let shown = masked(Kind::Text, Format::Text, name, value.as_bytes());
    shown.map_or_else(String::new, |value| String::from_utf8(value).unwrap())
}

#[test]
fn recall_and_precision_over_the_corpus() {
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    for [detector, name, value, text] in lines::<4>(PLANTED) {
        let kind = Detector::ALL.into_iter().find(|one| one.name() == detector).unwrap().name();
        let score = scores.entry(kind).or_default();
        score.planted += 1;
        score.gone += usize::from(!shown(&name, &text).contains(&value));
        for found in find(text.as_bytes(), &name, DetectorSet::usual()) {
            let other = scores.entry(found.detector.name()).or_default();
            other.found += 1;
            other.rightly += usize::from(found.detector.name() == kind);
        }
    }
    let mut falsely = BTreeMap::new();
    for [name, text] in lines::<2>(TRAPS).iter().chain(&lines::<2>(ORDINARY)) {
        for found in find(text.as_bytes(), name, DetectorSet::usual()) {
            scores.entry(found.detector.name()).or_default().found += 1;
            falsely.entry(found.detector.name()).or_insert_with(Vec::new).push(text.clone());
        }
    }
    println!("| detector | planted | recall | precision |\n| --- | --- | --- | --- |");
    for (kind, score) in &scores {
        let rate = |part: usize, all: usize| 100.0 * part as f64 / all.max(1) as f64;
        let (recall, precision) = (rate(score.gone, score.planted), rate(score.rightly, score.found));
        println!("| {kind} | {} | {recall:.1} % | {precision:.1} % |", score.planted);
        assert!(recall >= 85.0, "{kind}: recall {recall:.1} %");
        assert!(precision >= 95.0, "{kind}: precision {precision:.1} %, {:?}", falsely.get(kind));
    }
}

#[test]
fn ordinary_text_passes() {
    let rate = |corpus: &str, what: &str, most: f64| {
        let lines = lines::<2>(corpus);
        let changed: Vec<_> = lines.iter().filter(|[name, text]| shown(name, text) != *text).collect();
        let share = 100.0 * changed.len() as f64 / lines.len() as f64;
        println!("{what}: {} of {} values changed, {share:.2} %: {changed:?}", changed.len(), lines.len());
        assert!(share <= most, "{what}: {share:.2} %");
    };
    rate(ORDINARY, "ordinary text", 0.1);
    rate(TRAPS, "traps", 0.5);
}
