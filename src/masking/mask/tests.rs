//! Every kind of mask on values and on what is no such value, in text and binary.

use super::*;
use crate::catalog::Catalog;
use crate::policy::class::{Buckets, DateUnit, FpeAlphabet};

const TEXT: u32 = 25;
const BPCHAR: u32 = 1042;
const MONTH: MaskSpec = MaskSpec::Date { unit: DateUnit::Month };
const YEAR: MaskSpec = MaskSpec::Date { unit: DateUnit::Year };

/// What a mask of class `c` makes of a value; `None` for NULL.
fn run(spec: &MaskSpec, oid: u32, format: Format, value: &[u8]) -> Option<Vec<u8>> {
    let target = Target { kind: Kind::of(oid, &Catalog::default()), format };
    let mask = Mask::of_class(spec, "c", target, &Keys::new([3; 32]));
    let mut field = BytesMut::new();
    let cell = crate::masking::cell::MaskedCell::new(&mask, Some(value));
    cell.put_field(&mut field);
    let mut alone = BytesMut::from(&b"before"[..]);
    let found = cell.put_value(&mut alone).then(|| alone[6..].to_vec());
    let alone = alone.strip_prefix(b"before").unwrap();
    let length = i32::from_be_bytes(field[..4].try_into().unwrap());
    assert_eq!(length, found.as_ref().map_or(-1, |value| i32::try_from(value.len()).unwrap()));
    assert_eq!(field[4..], alone[..], "a field is its length and the value");
    found
}

fn text(spec: &MaskSpec, oid: u32, value: &str) -> Option<String> {
    run(spec, oid, Format::Text, value.as_bytes()).map(|masked| String::from_utf8(masked).unwrap())
}

fn binary(spec: &MaskSpec, oid: u32, value: &[u8]) -> Option<Vec<u8>> {
    run(spec, oid, Format::Binary, value)
}

fn partial(keep_first: u16, keep_last: u16, hide_min: u16) -> MaskSpec {
    MaskSpec::Partial { keep_first, keep_last, hide_min }
}

fn fixed(value: &str) -> MaskSpec {
    MaskSpec::Fixed { value: value.into() }
}

#[test]
fn redaction_fits_the_type_in_both_formats() {
    let hex = format!("\\x{}", hex::encode("[masked:c]"));
    for (oid, as_text, as_binary) in [
        (25, Some("[masked:c]"), Some("[masked:c]")),
        (1043, Some("[masked:c]"), Some("[masked:c]")),
        (1042, Some("[masked:c]"), Some("[masked:c]")),
        (19, Some("[masked:c]"), Some("[masked:c]")),
        (142, Some("[masked:c]"), Some("[masked:c]")),
        (114, Some("\"[masked:c]\""), Some("\"[masked:c]\"")),
        (3802, Some("\"[masked:c]\""), Some("\x01\"[masked:c]\"")),
        (17, Some(hex.as_str()), Some("[masked:c]")),
        (1009, Some("{\"[masked:c]\"}"), Some("\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x01\0\0\0\x01\0\0\0\x0a[masked:c]")),
    ] {
        assert_eq!(text(&MaskSpec::Redact, oid, "secret").as_deref(), as_text, "{oid}");
        let found = binary(&MaskSpec::Redact, oid, b"secret");
        assert_eq!(found.as_deref(), as_binary.map(str::as_bytes), "{oid}");
    }
}

#[test]
fn types_without_room_for_a_token_become_null() {
    let others = [
        18, 21, 23, 20, 26, 700, 701, 1700, 16, 1082, 1083, 1266, 1114, 1184, 1186, 2950, 869, 650, 829, 790, 600,
        1007, 1231, 199, 3807, 1001, 2951, 3904, 2249, 0, 77_777,
    ];
    for oid in others {
        for spec in [MaskSpec::Redact, MaskSpec::Null, MaskSpec::Email, partial(1, 1, 1), fixed("no such value")] {
            for format in [Format::Text, Format::Binary] {
                assert_eq!(run(&spec, oid, format, b"1"), None, "{spec:?} over {oid}");
            }
        }
    }
}

#[test]
fn partial_keeps_ends_and_counts_characters() {
    let last_four = partial(0, 4, 4);
    for (value, masked) in [
        ("4111111111111111", "************1111"),
        ("12345678", "****5678"),
        ("1234567", "[masked:c]"),
        ("", "[masked:c]"),
        ("äöüßäöüß", "****äöüß"),
        ("äöüßäöü", "[masked:c]"),
    ] {
        assert_eq!(text(&last_four, TEXT, value).unwrap(), masked);
        assert_eq!(binary(&last_four, TEXT, value.as_bytes()).unwrap(), masked.as_bytes());
    }
    assert_eq!(text(&partial(2, 1, 1), TEXT, "äbcd").unwrap(), "äb*d");
    assert_eq!(text(&partial(1, 0, 1), TEXT, "ab").unwrap(), "a*");
    assert_eq!(text(&partial(0, 0, 0), TEXT, "a").unwrap(), "*");
    assert_eq!(text(&partial(1, 1, 1), TEXT, &format!("a{}z", "x".repeat(5000))).unwrap(), "a****************z");
}

#[test]
fn partial_always_hides_something_and_ignores_padding() {
    assert_eq!(text(&partial(2, 2, 0), TEXT, "abcd").unwrap(), "[masked:c]");
    assert_eq!(text(&partial(u16::MAX, u16::MAX, u16::MAX), TEXT, "abcd").unwrap(), "[masked:c]");
    assert_eq!(text(&partial(0, 2, 2), BPCHAR, "abcd      ").unwrap(), "**cd");
    assert_eq!(text(&partial(0, 2, 2), BPCHAR, "ab        ").unwrap(), "[masked:c]");
    assert_eq!(run(&partial(0, 1, 1), TEXT, Format::Text, b"ab\xff\xfe").unwrap(), b"[masked:c]");
}

#[test]
fn partial_and_email_on_other_text_like_types_redact() {
    for spec in [partial(1, 1, 1), MaskSpec::Email, MONTH] {
        assert_eq!(text(&spec, 3802, "\"ann@example.org\"").unwrap(), "\"[masked:c]\"");
        assert_eq!(text(&spec, 1009, "{ann@example.org}").unwrap(), "{\"[masked:c]\"}");
    }
    assert_eq!(text(&MONTH, TEXT, "2024-05-06").unwrap(), "[masked:c]");
}

#[test]
fn email_keeps_first_character_and_domain_of_one_plain_address() {
    for (value, masked) in [
        ("ann@example.org", "a***@example.org"),
        ("a@example.org", "***@example.org"),
        ("jürgen+x@bücher.example", "j***@bücher.example"),
        ("öa@mail.example.co.uk", "ö***@mail.example.co.uk"),
    ] {
        assert_eq!(text(&MaskSpec::Email, TEXT, value).unwrap(), masked);
    }
    assert_eq!(text(&MaskSpec::Email, BPCHAR, "ann@example.org   ").unwrap(), "a***@example.org");
    for value in [
        "",
        "ann",
        "@example.org",
        "ann@",
        "ann@example",
        "ann@@example.org",
        "a@b@example.org",
        "Ann <ann@example.org>",
        "ann@exam ple.org",
        "ann@-x.org",
        "ann@x-.org",
        "ann@x..org",
        "ann@.org",
        "ann@example.org.",
        "ann@10.0.0.1",
        "a nn@example.org",
        "\"a\"@example.org",
        "ann@[10.0.0.1]",
        "ann@example.org,bob@example.org",
        "ann@example.org\nx",
    ] {
        assert_eq!(text(&MaskSpec::Email, TEXT, value).unwrap(), "[masked:c]", "{value}");
    }
    assert_eq!(run(&MaskSpec::Email, TEXT, Format::Text, b"ann@exam\xffple.org").unwrap(), b"[masked:c]");
}

#[test]
fn dates_are_truncated_in_both_formats() {
    for (spec, value, masked) in [
        (&MONTH, "2024-05-17", "2024-05-01"),
        (&YEAR, "2024-05-17", "2024-01-01"),
        (&MONTH, "0044-03-15 BC", "0044-03-01 BC"),
        (&YEAR, "12345-06-07", "12345-01-01"),
    ] {
        assert_eq!(text(spec, 1082, value).unwrap(), masked);
    }
    for (spec, oid, value, masked) in [
        (&MONTH, 1114, "2024-05-17 12:34:56.789", "2024-05-01 00:00:00"),
        (&YEAR, 1184, "2024-05-17 12:34:56+02", "2024-01-01 00:00:00+00"),
        (&MONTH, 1184, "2024-06-01 01:00:00+02", "2024-05-01 00:00:00+00"),
        (&MONTH, 1184, "2024-05-31 23:00:00-05:30", "2024-06-01 00:00:00+00"),
        (&MONTH, 1184, "0044-03-15 12:00:00+00:53:28 BC", "0044-03-01 00:00:00+00 BC"),
    ] {
        assert_eq!(text(spec, oid, value).unwrap(), masked);
    }
    // 2024-05-17 is day 8903, 2024-05-01 day 8887, 2024-01-01 day 8766; a second before 2000 truncates downwards.
    assert_eq!(binary(&MONTH, 1082, &8903i32.to_be_bytes()).unwrap(), 8887i32.to_be_bytes());
    assert_eq!(binary(&YEAR, 1082, &8903i32.to_be_bytes()).unwrap(), 8766i32.to_be_bytes());
    let micros = |days: i64| (days * 86_400_000_000).to_be_bytes();
    assert_eq!(binary(&MONTH, 1184, &(8903 * 86_400_000_000i64 + 5).to_be_bytes()).unwrap(), micros(8887));
    assert_eq!(binary(&MONTH, 1114, &(-1i64).to_be_bytes()).unwrap(), micros(-31));
}

#[test]
fn dates_that_cannot_be_truncated_become_null() {
    for value in ["infinity", "-infinity", "05/17/2024", "17.05.2024", "2024-05", "", "4714-11-24 BC", "4714-12-01 BC"]
    {
        assert_eq!(text(&YEAR, 1082, value), None, "{value}");
    }
    for value in [i32::MAX, i32::MIN, i32::MAX - 1, -2_451_545] {
        assert_eq!(binary(&YEAR, 1082, &value.to_be_bytes()), None, "{value}");
    }
    for value in [i64::MAX, i64::MIN, i64::MIN + 1] {
        assert_eq!(binary(&MONTH, 1114, &value.to_be_bytes()), None, "{value}");
    }
    assert_eq!(binary(&MONTH, 1082, b"123"), None);
    assert_eq!(binary(&MONTH, 1184, b"1234"), None);
    assert_eq!(text(&MONTH, 1083, "12:00:00"), None);
}

#[test]
fn hashes_are_shaped_like_their_type() {
    let hash = text(&MaskSpec::Hash, TEXT, "ann").unwrap();
    assert_eq!(hash.len(), 32);
    assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(text(&MaskSpec::Hash, BPCHAR, "ann    ").unwrap(), hash);
    assert_ne!(text(&MaskSpec::Hash, TEXT, "bob").unwrap(), hash);
    assert_eq!(text(&MaskSpec::Hash, 114, "1").unwrap().len(), 34);
    let uuid = text(&MaskSpec::Hash, 2950, "0b0e8a4c-5a0f-4d6e-9d1e-0123456789ab").unwrap();
    assert_eq!((uuid.len(), &uuid[8..9], &uuid[14..15], &uuid[23..24]), (36, "-", "8", "-"));
    assert!("89ab".contains(&uuid[19..20]));
    let distinct: std::collections::BTreeSet<_> =
        (0..200).map(|number| text(&MaskSpec::Hash, 23, &number.to_string())).collect();
    assert!(distinct.len() > 195, "{} of 200", distinct.len());
    for number in 0..200 {
        let hash = |oid| text(&MaskSpec::Hash, oid, &number.to_string()).unwrap();
        assert!(hash(21).parse::<i16>().unwrap() > 0);
        assert!(hash(23).parse::<i32>().unwrap() > 0);
        assert!(hash(20).parse::<i64>().unwrap() > 0);
    }
    for (oid, value) in [(1700, "1.5"), (701, "1"), (16, "t"), (1082, "2024-01-01"), (18, "x"), (23, "x"), (2950, "x")]
    {
        assert_eq!(text(&MaskSpec::Hash, oid, value), None, "{oid}");
    }
    assert_eq!(text(&MaskSpec::Hash, 1009, "{a}").unwrap(), "{\"[masked:c]\"}");
}

#[test]
fn hashes_agree_between_formats() {
    let number = text(&MaskSpec::Hash, 20, "77").unwrap().parse::<i64>().unwrap();
    assert_eq!(binary(&MaskSpec::Hash, 20, &77i64.to_be_bytes()).unwrap(), number.to_be_bytes());
    let number = text(&MaskSpec::Hash, 23, "77").unwrap().parse::<i32>().unwrap();
    assert_eq!(binary(&MaskSpec::Hash, 23, &77i32.to_be_bytes()).unwrap(), number.to_be_bytes());
    let number = text(&MaskSpec::Hash, 21, "77").unwrap().parse::<i16>().unwrap();
    assert_eq!(binary(&MaskSpec::Hash, 21, &77i16.to_be_bytes()).unwrap(), number.to_be_bytes());
    let uuid = text(&MaskSpec::Hash, 2950, "0b0e8a4c-5a0f-4d6e-9d1e-0123456789ab").unwrap();
    let raw = hex::decode("0b0e8a4c5a0f4d6e9d1e0123456789ab").unwrap();
    assert_eq!(hex::encode(binary(&MaskSpec::Hash, 2950, &raw).unwrap()), uuid.replace('-', ""));
    let bytes = binary(&MaskSpec::Hash, 17, b"a\\\x01\xff").unwrap();
    assert_eq!(bytes.len(), 16);
    let as_text = format!("\\x{}", hex::encode(&bytes));
    assert_eq!(text(&MaskSpec::Hash, 17, "\\x615c01ff").unwrap(), as_text);
    assert_eq!(text(&MaskSpec::Hash, 17, "a\\\\\\001\\377").unwrap(), as_text);
    let json = binary(&MaskSpec::Hash, 3802, b"\x01[1]").unwrap();
    assert_eq!(json[1..], *text(&MaskSpec::Hash, 3802, "[1]").unwrap().as_bytes());
    for broken in ["\\x6", "\\xzz", "a\\", "a\\9", "\\400"] {
        assert_eq!(text(&MaskSpec::Hash, 17, broken), None, "{broken}");
    }
    assert_eq!(binary(&MaskSpec::Hash, 3802, b"\x02[1]"), None);
}

#[test]
fn fixed_values_are_written_as_their_type() {
    for (oid, value, as_text, as_binary) in [
        (25, "n/a", "n/a", b"n/a".to_vec()),
        (18, "x", "x", b"x".to_vec()),
        (21, "-2", "-2", vec![0xff, 0xfe]),
        (23, "7", "7", vec![0, 0, 0, 7]),
        (20, "7", "7", vec![0, 0, 0, 0, 0, 0, 0, 7]),
        (701, "1.5", "1.5", 1.5f64.to_be_bytes().to_vec()),
        (700, "1.5", "1.5", 1.5f32.to_be_bytes().to_vec()),
        (16, "true", "t", vec![1]),
        (16, "f", "f", vec![0]),
        (1082, "2000-01-02", "2000-01-02", vec![0, 0, 0, 1]),
        (1114, "2000-01-02", "2000-01-02 00:00:00", 86_400_000_000i64.to_be_bytes().to_vec()),
        (1184, "2000-01-02", "2000-01-02 00:00:00+00", 86_400_000_000i64.to_be_bytes().to_vec()),
        (1184, "2000-01-01 01:00:00+01", "2000-01-01 01:00:00+01", 0i64.to_be_bytes().to_vec()),
        (114, "{}", "{}", b"{}".to_vec()),
        (3802, "{}", "{}", b"\x01{}".to_vec()),
        (17, "ab", "\\x6162", b"ab".to_vec()),
        (2950, "0B0E8A4C-5a0f-4d6e-9d1e-0123456789ab", "0b0e8a4c-5a0f-4d6e-9d1e-0123456789ab", {
            hex::decode("0b0e8a4c5a0f4d6e9d1e0123456789ab").unwrap()
        }),
        (
            1009,
            "a\"b\\",
            "{\"a\\\"b\\\\\"}",
            b"\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x01\0\0\0\x01\0\0\0\x04a\"b\\".to_vec(),
        ),
    ] {
        assert_eq!(text(&fixed(value), oid, "1").unwrap(), as_text, "{oid}");
        assert_eq!(binary(&fixed(value), oid, b"1").unwrap(), as_binary, "{oid}");
    }
    let words = |words: &[i16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    for (value, expected) in [
        ("0", &[0, 0, 0, 0][..]),
        ("-0.00", &[0, 0, 0, 2]),
        ("1", &[1, 0, 0, 0, 1]),
        ("10000", &[1, 1, 0, 0, 1]),
        ("-12345.678", &[3, 1, 0x4000, 3, 1, 2345, 6780]),
        ("0.00001", &[1, -2, 0, 5, 1000]),
        ("00012.50", &[2, 0, 0, 2, 12, 5000]),
    ] {
        assert_eq!(binary(&fixed(value), 1700, b"1").unwrap(), words(expected), "{value}");
        assert_eq!(text(&fixed(value), 1700, "1").unwrap(), value);
    }
}

#[test]
fn fixed_values_that_are_none_of_the_type_become_null() {
    for (oid, value) in [
        (25, "a\0b"),
        (18, "xy"),
        (21, "40000"),
        (23, "x"),
        (23, ""),
        (701, "NaN"),
        (701, "1e999"),
        (1700, "1e5"),
        (1700, "."),
        (1700, "1."),
        (16, "yes"),
        (1082, "today"),
        (1082, "infinity"),
        (1114, "2000-01-01 00:00:00+00"),
        (114, "{"),
        (142, "<a>"),
        (2950, "x"),
        (1083, "12:00:00"),
    ] {
        assert_eq!(text(&fixed(value), oid, "1"), None, "{oid} {value}");
        assert_eq!(binary(&fixed(value), oid, b"1"), None, "{oid} {value}");
    }
    assert_eq!(text(&fixed(&"x".repeat(64)), 19, "1"), None);
}

fn fpe(alphabet: FpeAlphabet, luhn: bool) -> MaskSpec {
    MaskSpec::Fpe { alphabet, luhn }
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[test]
fn encryption_keeps_the_form_and_hides_the_digits() {
    let spec = fpe(FpeAlphabet::Digits, false);
    let masked = text(&spec, 25, "+49 (30) 1234-5678").unwrap();
    let form = |text: &str| text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
    assert_eq!(form(&masked), "+00 (00) 0000-0000");
    assert_ne!(digits_of(&masked), "493012345678");
    let code = text(&fpe(FpeAlphabet::Alnum, false), 25, "AB-12cd").unwrap();
    assert!(code.len() == 7 && code.as_bytes()[2] == b'-' && code != "AB-12cd", "{code}");
    // Too few possible values, too long, or not the form asked for.
    for (spec, value) in [
        (fpe(FpeAlphabet::Digits, false), "12345".to_owned()),
        (fpe(FpeAlphabet::Digits, false), "1".repeat(65)),
        (fpe(FpeAlphabet::Digits, false), "id 1234567".to_owned()),
        (fpe(FpeAlphabet::Digits, false), "12345\u{664}7".to_owned()),
        (fpe(FpeAlphabet::Alnum, false), "abc".to_owned()),
        (fpe(FpeAlphabet::Alnum, false), "abc\u{e9}def".to_owned()),
        (fpe(FpeAlphabet::Digits, true), "4111111111111112".to_owned()),
        (fpe(FpeAlphabet::Digits, true), "0000000".to_owned() + "1"),
        (fpe(FpeAlphabet::Digits, false), String::new()),
    ] {
        assert_eq!(text(&spec, 25, &value).as_deref(), Some("[masked:c]"), "{value}");
    }
}

#[test]
fn encrypted_cards_keep_a_right_check_digit_and_stay_apart() {
    let spec = fpe(FpeAlphabet::Digits, true);
    let cards = ["4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009", "6011000000000004"];
    let masked: Vec<String> = cards.iter().map(|card| text(&spec, 25, card).unwrap()).collect();
    for (card, masked) in cards.iter().zip(&masked) {
        let digits: Vec<u8> = digits_of(masked).bytes().map(|byte| byte - b'0').collect();
        assert!(crate::masking::detect::luhn(&digits) && digits.len() == digits_of(card).len(), "{masked}");
        assert_ne!(masked, card);
    }
    assert_eq!(text(&spec, 1043, "4111111111111111").unwrap(), digits_of(&masked[0]));
}

#[test]
fn encrypted_integers_keep_their_length_and_fit() {
    let spec = fpe(FpeAlphabet::Digits, false);
    for (oid, value) in [(23, 1_234_567_i64), (23, 2_147_483_647), (20, 4_111_111_111_111_111), (20, i64::MAX)] {
        let as_text = text(&spec, oid, &value.to_string()).unwrap();
        let number: i64 = as_text.parse().unwrap();
        assert!(as_text.len() == value.to_string().len() && number != value, "{as_text}");
        assert!(oid == 20 || i32::try_from(number).is_ok());
        let bytes = if oid == 23 { value.to_be_bytes()[4..].to_vec() } else { value.to_be_bytes().to_vec() };
        let expected = if oid == 23 { number.to_be_bytes()[4..].to_vec() } else { number.to_be_bytes().to_vec() };
        assert_eq!(binary(&spec, oid, &bytes), Some(expected));
    }
    for (oid, value) in [(23, "12345"), (23, "-1234567"), (21, "12345"), (1700, "1234567.00"), (23, "x")] {
        assert_eq!(text(&spec, oid, value), None, "{oid} {value}");
    }
    assert_eq!(text(&fpe(FpeAlphabet::Alnum, false), 20, "1234567890"), None);
    assert_eq!(text(&fpe(FpeAlphabet::Digits, true), 20, "4111111111111112"), None);
}

#[test]
fn buckets_tell_their_lower_end_and_nothing_below_the_first() {
    let width = MaskSpec::Bucket { buckets: Buckets::Width(1000) };
    let edges = MaskSpec::Bucket { buckets: Buckets::Edges(vec![0, 18, 65]) };
    for (spec, oid, value, expected) in [
        (&width, 23, "12999", Some("12000")),
        (&width, 20, "-1", Some("-1000")),
        (&width, 21, "-32768", None),
        (&edges, 21, "17", Some("0")),
        (&edges, 20, "18", Some("18")),
        (&edges, 23, "99", Some("65")),
        (&edges, 23, "-5", None),
        (&width, 1700, "12999", None),
        (&width, 25, "12999", Some("[masked:c]")),
        (&width, 1082, "2024-05-17", None),
    ] {
        assert_eq!(text(spec, oid, value).as_deref(), expected, "{oid} {value}");
    }
    assert_eq!(binary(&width, 23, &12_999_i32.to_be_bytes()), Some(12_000_i32.to_be_bytes().to_vec()));
    assert_eq!(binary(&width, 21, &(-1_i16).to_be_bytes()), Some((-1000_i16).to_be_bytes().to_vec()));
    assert_eq!(binary(&width, 23, b"xy"), None);
}

#[test]
fn a_pattern_keeps_its_groups_and_nothing_else() {
    let spec =
        MaskSpec::Regex { pattern: "^([A-Z]{2})[0-9]+-(?<year>[0-9]{4})".into(), replace: "$1-***-${year}".into() };
    assert_eq!(text(&spec, 25, "DE1234-2024 and secret").as_deref(), Some("DE-***-2024"));
    for (oid, value, expected) in [
        (25, "nothing of the kind", Some("[masked:c]")),
        (1043, "", Some("[masked:c]")),
        (114, "\"DE1234-2024\"", Some("\"[masked:c]\"")),
        (23, "5", None),
    ] {
        assert_eq!(text(&spec, oid, value).as_deref(), expected, "{oid} {value}");
    }
    assert_eq!(binary(&spec, 25, b"DE1-2024\xff").unwrap(), b"[masked:c]");
    let long = format!("DE1-2024{}", "x".repeat(70_000));
    assert_eq!(text(&spec, 25, &long).as_deref(), Some("[masked:c]"));
    let wide = MaskSpec::Regex { pattern: "x".into(), replace: "y".repeat(64) };
    assert_eq!(text(&wide, 19, "x").as_deref(), Some("[masked:c]"), "a name holds 63 bytes");
}

#[test]
fn pseudonyms_are_stable_and_marked() {
    let name = text(&MaskSpec::Pseudonym, 25, "Ada Lovelace").unwrap();
    assert!(crate::masking::token::carries_token(&name), "{name}");
    assert_ne!(text(&MaskSpec::Pseudonym, 25, "Ada Lovelacf").unwrap(), name);
    assert_eq!(text(&MaskSpec::Pseudonym, 114, "1").unwrap().len(), 21);
    assert_eq!(binary(&MaskSpec::Pseudonym, 3802, b"\x01\"a\"").unwrap()[..3], *b"\x01\"~");
    assert_eq!(text(&MaskSpec::Pseudonym, 23, "5"), None);
    let many: std::collections::BTreeSet<String> =
        (0..2000).map(|number| text(&MaskSpec::Pseudonym, 25, &number.to_string()).unwrap()).collect();
    assert_eq!(many.len(), 2000);
}

/// What joins need: one value, one mask, whatever text type and format it is read in; another class, another mask.
#[test]
fn equal_values_of_a_class_stay_equal_over_types_and_formats() {
    let value = "4111111111111111";
    for spec in [MaskSpec::Hash, MaskSpec::Pseudonym, fpe(FpeAlphabet::Digits, false)] {
        let once = text(&spec, 25, value).unwrap();
        for oid in [25, 1043, 19] {
            assert_eq!(text(&spec, oid, value).as_deref(), Some(once.as_str()), "{spec:?} {oid}");
            assert_eq!(binary(&spec, oid, value.as_bytes()).as_deref(), Some(once.as_bytes()), "{spec:?} {oid}");
        }
        assert_eq!(
            text(&spec, 1042, &format!("{value}   ")).map(|text| text.trim_end().to_owned()).as_ref(),
            Some(&once)
        );
        let target = Target { kind: Kind::Text, format: Format::Text };
        let other = Mask::of_class(&spec, "other", target, &Keys::new([3; 32]));
        let mut out = BytesMut::new();
        other.apply(value.as_bytes(), &mut out);
        assert_ne!(out, once.as_bytes(), "{spec:?}");
    }
    let mysql = |spec: &MaskSpec, value: &[u8], format: Format| {
        let mask = Mask::of_class(spec, "c", Target { kind: Kind::Whole(8), format }, &Keys::new([3; 32]));
        let mut out = BytesMut::new();
        (mask.apply(value, &mut out) == Written::Value).then(|| out.to_vec())
    };
    let spec = fpe(FpeAlphabet::Digits, false);
    let as_text = mysql(&spec, value.as_bytes(), Format::Text).unwrap();
    let number: i64 = std::str::from_utf8(&as_text).unwrap().parse().unwrap();
    let plain: i64 = value.parse().unwrap();
    assert_eq!(mysql(&spec, &plain.to_le_bytes(), Format::MySqlBinary), Some(number.to_le_bytes().to_vec()));
    assert_eq!(mysql(&spec, &u64::MAX.to_le_bytes(), Format::MySqlBinary), None);
    assert_eq!(mysql(&spec, b"18446744073709551615", Format::Text), None);
}

#[test]
fn no_mask_breaks_on_any_bytes_of_any_type() {
    let specs = [
        MaskSpec::Bucket { buckets: Buckets::Width(u64::MAX) },
        MaskSpec::Bucket { buckets: Buckets::Edges(vec![i64::MIN, 0]) },
        MaskSpec::Regex { pattern: "(.)".into(), replace: "$1".into() },
        fpe(FpeAlphabet::Digits, true),
        fpe(FpeAlphabet::Alnum, false),
        MaskSpec::Pseudonym,
    ];
    let oids = [
        16, 17, 18, 19, 20, 21, 23, 25, 114, 142, 600, 650, 700, 701, 829, 869, 1007, 1009, 1042, 1082, 1114, 1186,
        1700, 2950, 3802, 3904, 0,
    ];
    let values: [&[u8]; 7] = [b"", b"\xff\xfe", b"1", b"12345678", b"\0\0\0\x01", b"-9223372036854775808", b"\x01{}"];
    for spec in &specs {
        for oid in oids {
            for value in values {
                for format in [Format::Text, Format::Binary] {
                    let masked = run(spec, oid, format, value);
                    let kept = masked.as_deref() == Some(value) && !value.is_empty();
                    // One character is what this expression keeps; the lower end of a bucket may be the number itself.
                    let may = matches!(spec, MaskSpec::Regex { .. } | MaskSpec::Bucket { .. });
                    assert!(may || !kept, "{spec:?} {oid} {value:?}");
                }
            }
        }
    }
}

const AS_TEXT: &str = "token masked masked masked masked token token";
const AS_JSON: &str = "token masked masked token token token token";
const AS_BYTES: &str = "token masked token token token token token";
const AS_NULL: &str = "null null null null null null null";
/// Type, a value of it, and what each mask gives.
const TABLE_OF_TYPES: &[(u32, &str, &str)] = &[
    (25, "12345678", AS_TEXT),
    (1043, "12345678", AS_TEXT),
    (20_001, "12345678", AS_TEXT),
    (20_002, "12345678", AS_TEXT),
    (1042, "12345678  ", AS_TEXT),
    (19, "12345678", AS_TEXT),
    (142, "12345678", AS_BYTES),
    (114, "12345678", AS_JSON),
    (3802, "12345678", AS_JSON),
    (17, "\\x31323334", AS_BYTES),
    (2950, "550e8400-e29b-41d4-a716-446655440000", "null masked null null null null null"),
    (21, "12345", "null masked null null null masked null"),
    (23, "12345678", "null masked null masked null masked null"),
    (20, "12345678", "null masked null masked null masked null"),
    (1700, "12345678.5", AS_NULL),
    (700, "1.5", AS_NULL),
    (701, "1.5", AS_NULL),
    (16, "t", AS_NULL),
    (18, "a", AS_NULL),
    (1082, "2024-05-17", "null null null null null null masked"),
    (1114, "2024-05-17 12:34:56", "null null null null null null masked"),
    (1184, "2024-05-17 12:34:56+02", "null null null null null null masked"),
    (1009, "{a,b}", "token token token token token token token"),
    (1015, "{a,b}", "token token token token token token token"),
    (1007, "{12345678}", AS_NULL),
    (20_008, "{\"(a,b)\"}", AS_NULL),
    (20_004, "(a,b)", AS_NULL),
    (2249, "(a,b)", AS_NULL),
    (3904, "[1,5)", AS_NULL),
    (20_006, "[1,5)", AS_NULL),
    (20_007, "{[1,5)}", AS_NULL),
    (20_005, "\"a\"=>\"b\"", AS_NULL),
    (20_003, "red", AS_NULL),
    (1560, "1010", AS_NULL),
    (1562, "1010", AS_NULL),
    (600, "(1,2)", AS_NULL),
    (603, "(1,2),(0,0)", AS_NULL),
    (869, "10.0.0.5", AS_NULL),
    (650, "10.0.0.0/8", AS_NULL),
    (829, "08:00:2b:01:02:03", AS_NULL),
    (1083, "12:34:56", AS_NULL),
    (1186, "1 day", AS_NULL),
    (790, "$5.00", AS_NULL),
];

/// The table of docs/masking.md, a line of it after the other: type, a value of it, and what each mask gives.
#[test]
fn the_table_of_types_is_true() {
    use crate::catalog::{Parts, Type};
    let user = |oid: u32, name: &str, kind: char, base: u32, element: u32| Type {
        oid,
        schema: "public".into(),
        name: name.into(),
        kind,
        base,
        element,
        relation: 0,
    };
    let types = vec![
        user(20_001, "mail", 'd', 25, 0),
        user(20_002, "citext", 'b', 0, 0),
        user(20_003, "colour", 'e', 0, 0),
        user(20_004, "address", 'c', 0, 0),
        user(20_005, "hstore", 'b', 0, 0),
        user(20_006, "span", 'r', 0, 0),
        user(20_007, "spans", 'm', 0, 0),
        user(20_008, "_address", 'b', 0, 20_004),
    ];
    let catalog = Catalog::new("shop".into(), 1, 150_000, Parts { types, ..Parts::default() });
    let specs = [
        MaskSpec::Redact,
        MaskSpec::Hash,
        MaskSpec::Pseudonym,
        fpe(FpeAlphabet::Digits, false),
        partial(0, 2, 4),
        MaskSpec::Bucket { buckets: Buckets::Width(1000) },
        MaskSpec::Date { unit: DateUnit::Year },
    ];
    let word = |value: &str, spec: &MaskSpec, oid: u32| {
        let target = Target { kind: Kind::of(oid, &catalog), format: Format::Text };
        let mask = Mask::of_class(spec, "c", target, &Keys::new([3; 32]));
        let mut out = BytesMut::new();
        match mask.apply(value.as_bytes(), &mut out) {
            Written::Null => "null",
            Written::Value if crate::masking::token::bytes_carry_token(&out) && !out.contains(&b'~') => "token",
            Written::Value if out == value.as_bytes() => "SHOWN",
            Written::Value => "masked",
        }
    };
    for (oid, value, expected) in TABLE_OF_TYPES {
        let got: Vec<&str> = specs.iter().map(|spec| word(value, spec, *oid)).collect();
        assert_eq!(got.join(" "), *expected, "{oid}");
    }
}
