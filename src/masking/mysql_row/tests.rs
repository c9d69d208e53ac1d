//! MySQL's rows through a plan, read back by `mysql_common`: every type and every mask, in text and in binary.

use mysql_common::Row;
use mysql_common::constants::{ColumnFlags, ColumnType};
use mysql_common::io::ParseBuf;
use mysql_common::packets::Column;
use mysql_common::proto::{Binary, MyDeserialize, Text};
use mysql_common::row::RowDeserializer;
use mysql_common::value::{ServerSide, Value};
use proptest::prelude::*;

use super::*;
use crate::catalog::Catalog;
use crate::catalog::mysql_type::MySqlType as T;
use crate::masking::column::{Format, ResultColumn};
use crate::masking::keys::Keys;
use crate::masking::kind::Kind;
use crate::masking::mask::Mask;
use crate::masking::mask::Target;
use crate::masking::plan::tests::{Shop, column};
use crate::policy::class::{DateUnit, MaskSpec};

/// A type, its code, a value in a text row and in a binary one (without the length, where it has one).
type Sample = (T, ColumnType, &'static [u8], &'static [u8]);

const SAMPLES: &[Sample] = &[
    (T::Tiny, ColumnType::MYSQL_TYPE_TINY, b"-73", &[0xb7]),
    (T::Short, ColumnType::MYSQL_TYPE_SHORT, b"30007", &[0x37, 0x75]),
    (T::Medium, ColumnType::MYSQL_TYPE_INT24, b"-80007", &[0x79, 0xc7, 0xfe, 0xff]),
    (T::Long, ColumnType::MYSQL_TYPE_LONG, b"2000000007", &[0x07, 0x94, 0x35, 0x77]),
    (T::LongLong, ColumnType::MYSQL_TYPE_LONGLONG, b"9000000000000000007", &[7, 0, 0x84, 0xe2, 0x50, 0x6c, 0xe6, 0x7c]),
    (T::Float, ColumnType::MYSQL_TYPE_FLOAT, b"1234.5", &[0, 0x50, 0x9a, 0x44]),
    (T::Double, ColumnType::MYSQL_TYPE_DOUBLE, b"-0.5", &[0, 0, 0, 0, 0, 0, 0xe0, 0xbf]),
    (T::Decimal, ColumnType::MYSQL_TYPE_NEWDECIMAL, b"-12345.678", b"-12345.678"),
    (T::Year, ColumnType::MYSQL_TYPE_YEAR, b"1987", &[0xc3, 0x07]),
    (T::Date, ColumnType::MYSQL_TYPE_DATE, b"1987-06-15", &[0xc3, 0x07, 6, 15]),
    (T::DateTime, ColumnType::MYSQL_TYPE_DATETIME, b"1987-06-15 13:14:15", &[0xc3, 0x07, 6, 15, 13, 14, 15]),
    (
        T::Timestamp,
        ColumnType::MYSQL_TYPE_TIMESTAMP,
        b"1987-06-15 13:14:15.000009",
        &[0xc3, 0x07, 6, 15, 13, 14, 15, 9, 0, 0, 0],
    ),
    (T::Time, ColumnType::MYSQL_TYPE_TIME, b"-25:14:15", &[1, 1, 0, 0, 0, 1, 14, 15]),
    (T::Text, ColumnType::MYSQL_TYPE_VAR_STRING, b"ann.secret@example.org", b"ann.secret@example.org"),
    (T::Bytes, ColumnType::MYSQL_TYPE_BLOB, b"\x00\xff\xfe secret \xfb", b"\x00\xff\xfe secret \xfb"),
    (T::Json, ColumnType::MYSQL_TYPE_JSON, b"{\"k\": \"secret\"}", b"{\"k\": \"secret\"}"),
    (T::Enum, ColumnType::MYSQL_TYPE_STRING, b"secret", b"secret"),
    (T::Set, ColumnType::MYSQL_TYPE_STRING, b"secret,other", b"secret,other"),
    (T::Bit, ColumnType::MYSQL_TYPE_BIT, b"\x0b\xcd", b"\x0b\xcd"),
    (T::Geometry, ColumnType::MYSQL_TYPE_GEOMETRY, b"\0\0\0\0\x01\x01\0\0\0", b"\0\0\0\0\x01\x01\0\0\0"),
    (T::Strict, ColumnType::MYSQL_TYPE_STRING, b"10.1.2.3", b"10.1.2.3"),
    (T::Other, ColumnType::MYSQL_TYPE_BLOB, b"secret", b"secret"),
];

fn lenenc_field(value: &[u8]) -> Vec<u8> {
    let (prefix, size) = match value.len() {
        short @ 0..=250 => (vec![u8::try_from(short).unwrap()], 1),
        middle @ 251..=0xffff => ([&[0xfc][..], &u16::try_from(middle).unwrap().to_le_bytes()].concat(), 3),
        long => ([&[0xfd][..], &u32::try_from(long).unwrap().to_le_bytes()[..3]].concat(), 4),
    };
    assert_eq!(prefix.len(), size);
    [&prefix, value].concat()
}

fn text_row(cells: &[Option<&[u8]>]) -> Vec<u8> {
    cells.iter().flat_map(|cell| cell.map_or(vec![NULL], lenenc_field)).collect()
}

fn binary_row(kinds: &[T], cells: &[Option<&[u8]>]) -> Vec<u8> {
    let mut row = vec![0; 1 + (cells.len() + 9) / 8];
    for (index, (kind, cell)) in kinds.iter().zip(cells).enumerate() {
        match cell {
            None => row[1 + (index + 2) / 8] |= 1 << ((index + 2) % 8),
            Some(value) if kind.binary_size().is_some() => row.extend(*value),
            Some(value) => row.extend(lenenc_field(value)),
        }
    }
    row
}

/// What a client reads; panics unless the row is whole and well-formed.
fn read(format: Format, codes: &[ColumnType], payload: &[u8]) -> Vec<Value> {
    let columns: std::sync::Arc<[Column]> =
        codes.iter().map(|code| Column::new(*code).with_flags(ColumnFlags::empty())).collect();
    let mut buf = ParseBuf(payload);
    let row: Row = if format == Format::Text {
        RowDeserializer::<ServerSide, Text>::deserialize(columns, &mut buf).unwrap().into()
    } else {
        RowDeserializer::<ServerSide, Binary>::deserialize(columns, &mut buf).unwrap().into()
    };
    assert!(buf.is_empty(), "bytes after the last field");
    row.unwrap()
}

fn run(plan: &Plan, format: Format, payload: &[u8]) -> Result<Vec<u8>, BadRow> {
    let mut out = BytesMut::from(&b"before"[..]);
    let done = match format {
        Format::Text => plan.mask_mysql_text_row(payload, &mut out),
        _ => plan.mask_mysql_binary_row(payload, &mut out),
    };
    assert_eq!(&out[..6], b"before");
    assert!(done.is_ok() || out.len() == 6, "a bad row leaves nothing behind");
    done.map(|()| out[6..].to_vec())
}

fn plan_of(format: Format, columns: &[(T, Mask)]) -> Plan {
    let described: Vec<ResultColumn> = columns.iter().map(|(kind, _)| column("c", None, kind.oid(), format)).collect();
    Plan::new(&described, columns.iter().map(|(_, mask)| mask.clone()).collect())
}

/// What one mask makes of one value, as a client reads it.
fn one(spec: &MaskSpec, kind: T, format: Format, value: &[u8]) -> Value {
    let target = Target { kind: Kind::of(kind.oid(), &Catalog::default()), format };
    let mask = Mask::of_class(spec, "c", target, &Keys::new([3; 32]));
    let plan = plan_of(format, &[(kind, mask)]);
    let payload = if format == Format::Text { text_row(&[Some(value)]) } else { binary_row(&[kind], &[Some(value)]) };
    let code = SAMPLES.iter().find(|sample| sample.0 == kind).unwrap().1;
    read(format, &[code], &run(&plan, format, &payload).unwrap()).remove(0)
}

fn bytes(text: &str) -> Value {
    Value::Bytes(text.into())
}

const FORMATS: [Format; 2] = [Format::Text, Format::MySqlBinary];
const MONTH: MaskSpec = MaskSpec::Date { unit: DateUnit::Month };

#[test]
fn every_type_and_mask_gives_a_row_that_reads_with_its_neighbours_untouched() {
    let shop = Shop::new();
    for format in FORMATS {
        for (kind, code, text, binary) in SAMPLES {
            for class in 0..8 {
                let mask = shop.mask(class, kind.oid(), format);
                let passes = matches!(mask, Mask::Pass);
                let plan = plan_of(format, &[(T::Long, Mask::Pass), (*kind, mask), (T::Text, Mask::Pass)]);
                let kinds = [T::Long, *kind, T::Text];
                let codes = [ColumnType::MYSQL_TYPE_LONG, *code, ColumnType::MYSQL_TYPE_VAR_STRING];
                let (id, value): (&[u8], &[u8]) =
                    if format == Format::Text { (b"7", *text) } else { (&[7, 0, 0, 0], *binary) };
                let payload = |value: Option<&[u8]>| {
                    let cells = [Some(id), value, Some(&b"tail"[..])];
                    if format == Format::Text { text_row(&cells) } else { binary_row(&kinds, &cells) }
                };
                let before = read(format, &codes, &payload(Some(value)));
                let after = read(format, &codes, &run(&plan, format, &payload(Some(value))).unwrap());
                let what = format!("{kind:?} class {class} {format:?}");
                assert_eq!((&after[0], &after[2]), (&before[0], &before[2]), "{what}");
                assert_eq!(after[1] == before[1], passes, "{what}: {:?}", after[1]);
                assert_eq!(plan.is_masked(1), !passes);
                let null = run(&plan, format, &payload(None)).unwrap();
                assert_eq!(null, payload(None), "{what}: NULL stays NULL");
            }
        }
    }
}

#[test]
fn redaction_is_a_token_where_the_type_admits_one_and_null_elsewhere() {
    for format in FORMATS {
        for (kind, _, text, binary) in SAMPLES {
            let value = if format == Format::Text { text } else { binary };
            let expected = match kind {
                T::Text | T::Bytes => bytes("[masked:c]"),
                T::Json => bytes("\"[masked:c]\""),
                _ => Value::NULL,
            };
            assert_eq!(one(&MaskSpec::Redact, *kind, format, value), expected, "{kind:?} {format:?}");
            assert_eq!(one(&MaskSpec::Null, *kind, format, value), Value::NULL);
        }
    }
}

#[test]
fn dates_are_truncated_in_both_formats_and_zero_dates_become_null() {
    let text = |kind, value: &str| one(&MONTH, kind, Format::Text, value.as_bytes());
    assert_eq!(text(T::Date, "1987-06-15"), bytes("1987-06-01"));
    assert_eq!(text(T::DateTime, "1987-06-15 13:14:15"), bytes("1987-06-01 00:00:00"));
    assert_eq!(text(T::Timestamp, "1987-06-15 13:14:15.000009"), bytes("1987-06-01 00:00:00"));
    for odd in ["0000-00-00", "2024-00-10", "2024-02-30", "12345-01-01", "1987-06-15 BC", "1987-06-15x", ""] {
        assert_eq!(text(T::Date, odd), Value::NULL, "{odd}");
        assert_eq!(text(T::DateTime, odd), Value::NULL, "{odd}");
    }
    let binary = |kind, value: &[u8]| one(&MONTH, kind, Format::MySqlBinary, value);
    let first = Value::Date(1987, 6, 1, 0, 0, 0, 0);
    assert_eq!(binary(T::Date, &[0xc3, 0x07, 6, 15]), first);
    assert_eq!(binary(T::DateTime, &[0xc3, 0x07, 6, 15, 13, 14, 15]), first);
    assert_eq!(binary(T::Timestamp, &[0xc3, 0x07, 6, 15, 13, 14, 15, 9, 0, 0, 0]), first);
    for odd in [&[][..], &[0, 0, 0, 0], &[0xe8, 0x07, 2, 30], &[0xe8, 0x07, 2], &[0xe8, 0x07, 2, 3, 4]] {
        assert_eq!(binary(T::Date, odd), Value::NULL, "{odd:?}");
    }
    assert_eq!(one(&MONTH, T::Time, Format::Text, b"-25:14:15"), Value::NULL);
    assert_eq!(one(&MONTH, T::Year, Format::Text, b"1987"), Value::NULL);
}

#[test]
fn texts_keep_what_their_mask_keeps() {
    for format in FORMATS {
        let masked = |spec: &MaskSpec, value: &str| one(spec, T::Text, format, value.as_bytes());
        assert_eq!(masked(&MaskSpec::Email, "ann@example.org"), bytes("a***@example.org"));
        let partial = MaskSpec::Partial { keep_first: 0, keep_last: 4, hide_min: 4 };
        assert_eq!(masked(&partial, "4111111111111111"), bytes("************1111"));
        // Padding is no part of the value.
        assert_eq!(masked(&partial, "1234567   "), bytes("[masked:c]"));
        let long = MaskSpec::Partial { keep_first: 300, keep_last: 0, hide_min: 1 };
        let value = "x".repeat(1000);
        assert_eq!(masked(&long, &value), bytes(&format!("{}{}", "x".repeat(300), "*".repeat(16))));
        let longer = MaskSpec::Partial { keep_first: 60_000, keep_last: 60_000, hide_min: 1 };
        let value = "y".repeat(130_000);
        assert_eq!(masked(&longer, &value), bytes(&format!("{0}{1}{0}", "y".repeat(60_000), "*".repeat(16))));
    }
}

#[test]
fn hashes_agree_between_formats() {
    for (kind, _, text, binary) in SAMPLES {
        let of_text = one(&MaskSpec::Hash, *kind, Format::Text, text);
        let of_binary = one(&MaskSpec::Hash, *kind, Format::MySqlBinary, binary);
        match (of_text, of_binary) {
            (Value::Bytes(digits), Value::Int(number)) => {
                assert_eq!(String::from_utf8(digits).unwrap(), number.to_string(), "{kind:?}");
                assert!(number > 0, "{kind:?}");
            }
            (of_text, of_binary) => assert_eq!(of_text, of_binary, "{kind:?}"),
        }
    }
    // An unsigned value's bytes say the same as its digits.
    let text = one(&MaskSpec::Hash, T::Long, Format::Text, b"4294967295");
    let binary = one(&MaskSpec::Hash, T::Long, Format::MySqlBinary, &[0xff; 4]);
    assert_eq!(text, bytes(&format!("{}", if let Value::Int(number) = binary { number } else { 0 })));
    let text = one(&MaskSpec::Hash, T::LongLong, Format::Text, b"18446744073709551615");
    let binary = one(&MaskSpec::Hash, T::LongLong, Format::MySqlBinary, &[0xff; 8]);
    assert_eq!(text, bytes(&format!("{}", if let Value::Int(number) = binary { number } else { 0 })));
    let medium: std::collections::BTreeSet<_> = (0..200)
        .map(|number: i32| {
            format!("{:?}", one(&MaskSpec::Hash, T::Medium, Format::Text, number.to_string().as_bytes()))
        })
        .collect();
    assert!(medium.len() > 195, "{} of 200", medium.len());
    for number in 0..200i32 {
        let Value::Int(hash) = one(&MaskSpec::Hash, T::Medium, Format::MySqlBinary, &number.to_le_bytes()) else {
            panic!()
        };
        assert!((1..1 << 23).contains(&hash));
    }
    assert_eq!(one(&MaskSpec::Hash, T::Tiny, Format::Text, b"1"), Value::NULL, "a boolean's hash is the boolean");
}

#[test]
fn fixed_values_are_legal_or_null() {
    let both = |kind, value: &str| {
        let spec = MaskSpec::Fixed { value: value.into() };
        let sample = SAMPLES.iter().find(|sample| sample.0 == kind).unwrap();
        (one(&spec, kind, Format::Text, sample.2), one(&spec, kind, Format::MySqlBinary, sample.3))
    };
    for (kind, legal, over) in [
        (T::Tiny, "127", "128"),
        (T::Short, "32767", "32768"),
        (T::Medium, "8388607", "8388608"),
        (T::Long, "2147483647", "2147483648"),
        (T::LongLong, "9223372036854775807", "9223372036854775808"),
    ] {
        assert_eq!(both(kind, legal), (bytes(legal), Value::Int(legal.parse().unwrap())), "{kind:?}");
        // Neither is legal in an unsigned and a signed column of the width.
        assert_eq!(both(kind, over), (Value::NULL, Value::NULL), "{kind:?}");
        assert_eq!(both(kind, "-1"), (Value::NULL, Value::NULL), "{kind:?}");
    }
    assert_eq!(both(T::Float, "1.5"), (bytes("1.5"), Value::Float(1.5)));
    assert_eq!(both(T::Double, "-2.25"), (bytes("-2.25"), Value::Double(-2.25)));
    assert_eq!(both(T::Decimal, "-12.50"), (bytes("-12.50"), bytes("-12.50")));
    assert_eq!(both(T::Year, "1999"), (bytes("1999"), Value::Int(1999)));
    assert_eq!(both(T::Year, "1900"), (Value::NULL, Value::NULL));
    assert_eq!(both(T::Date, "2000-01-02"), (bytes("2000-01-02"), Value::Date(2000, 1, 2, 0, 0, 0, 0)));
    assert_eq!(both(T::DateTime, "2000-01-02"), (bytes("2000-01-02 00:00:00"), Value::Date(2000, 1, 2, 0, 0, 0, 0)));
    assert_eq!(
        both(T::DateTime, "2000-01-02 03:04:05.06"),
        (bytes("2000-01-02 03:04:05.06"), Value::Date(2000, 1, 2, 3, 4, 5, 60_000))
    );
    assert_eq!(both(T::Date, "2000-01-02 03:04:05"), (Value::NULL, Value::NULL));
    assert_eq!(both(T::Date, "12345-01-01"), (Value::NULL, Value::NULL));
    assert_eq!(both(T::Bytes, "n/a"), (bytes("n/a"), bytes("n/a")));
    assert_eq!(both(T::Json, "{}"), (bytes("{}"), bytes("{}")));
    assert_eq!(both(T::Json, "{"), (Value::NULL, Value::NULL));
    for kind in [T::Time, T::Enum, T::Set, T::Bit, T::Geometry, T::Strict, T::Other] {
        assert_eq!(both(kind, "1"), (Value::NULL, Value::NULL), "{kind:?}");
    }
}

/// id, e-mail (masked), note, amount (NULL).
fn accounts(format: Format) -> Plan {
    let shop = Shop::new();
    let mask = |class, kind: T| shop.mask(class, kind.oid(), format);
    let columns =
        [(T::Long, Mask::Pass), (T::Text, mask(0, T::Text)), (T::Text, Mask::Pass), (T::Double, mask(3, T::Double))];
    plan_of(format, &columns)
}

const ACCOUNTS: [T; 4] = [T::Long, T::Text, T::Text, T::Double];

#[test]
fn malformed_rows_are_errors() {
    let sound = text_row(&[Some(b"7"), Some(b"a@b.cd"), None, Some(b"1.5")]);
    let plan = accounts(Format::Text);
    for end in 0..sound.len() {
        assert_eq!(run(&plan, Format::Text, &sound[..end]), Err(BadRow::Truncated), "cut at {end}");
    }
    assert_eq!(run(&plan, Format::Text, &[&sound[..], b"x"].concat()), Err(BadRow::TrailingBytes(1)));
    assert_eq!(run(&plan, Format::Text, &[0xff, 0, 0, 0]), Err(BadRow::BadStart(0xff)));
    let huge = [&[0xfe][..], &u64::MAX.to_le_bytes(), &[0; 20]].concat();
    assert_eq!(run(&plan, Format::Text, &huge), Err(BadRow::Truncated));

    let sound = binary_row(&ACCOUNTS, &[Some(&[7, 0, 0, 0]), Some(b"a@b.cd"), None, Some(&[0; 8])]);
    let plan = accounts(Format::MySqlBinary);
    for end in 0..sound.len() {
        assert_eq!(run(&plan, Format::MySqlBinary, &sound[..end]), Err(BadRow::Truncated), "cut at {end}");
    }
    assert_eq!(run(&plan, Format::MySqlBinary, &[&sound[..], b"x"].concat()), Err(BadRow::TrailingBytes(1)));
    let mut other = sound.clone();
    other[0] = 0xfe;
    assert_eq!(run(&plan, Format::MySqlBinary, &other), Err(BadRow::BadStart(0xfe)));
    let mut null = sound.clone();
    null[6] = NULL;
    assert_eq!(run(&plan, Format::MySqlBinary, &null), Err(BadRow::BadStart(NULL)));
}

#[test]
fn a_plan_serves_the_format_it_was_made_for() {
    let text = text_row(&[Some(b"7"), None, None, None]);
    assert_eq!(run(&accounts(Format::MySqlBinary), Format::Text, &text), Err(BadRow::OtherFormat));
    let binary = binary_row(&ACCOUNTS, &[None; 4]);
    assert_eq!(run(&accounts(Format::Text), Format::MySqlBinary, &binary), Err(BadRow::OtherFormat));
}

#[test]
fn null_bits_are_set_for_columns_in_every_byte_of_the_bitmap() {
    let shop = Shop::new();
    let columns: Vec<_> = (0..40)
        .map(|at| (T::Long, shop.mask(if at % 3 == 0 { 3 } else { 7 }, T::Long.oid(), Format::MySqlBinary)))
        .collect();
    let plan = plan_of(Format::MySqlBinary, &columns);
    let kinds = vec![T::Long; 40];
    let row = binary_row(&kinds, &vec![Some(&[9, 0, 0, 0][..]); 40]);
    let codes = vec![ColumnType::MYSQL_TYPE_LONG; 40];
    let values = read(Format::MySqlBinary, &codes, &run(&plan, Format::MySqlBinary, &row).unwrap());
    for (at, value) in values.iter().enumerate() {
        assert_eq!(*value, if at % 3 == 0 { Value::NULL } else { Value::Int(9) }, "column {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in FORMATS {
            if let Ok(row) = run(&accounts(format), format, &payload) {
                let codes = [ColumnType::MYSQL_TYPE_LONG, ColumnType::MYSQL_TYPE_VAR_STRING, ColumnType::MYSQL_TYPE_VAR_STRING, ColumnType::MYSQL_TYPE_DOUBLE];
                prop_assert_eq!(read(format, &codes, &row).len(), 4);
            }
        }
    }

    #[test]
    fn any_row_reads_again_with_unmasked_cells_as_they_were(
        picks in proptest::collection::vec((0..SAMPLES.len(), 0..9usize, proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300))), 1..20),
        binary in any::<bool>(),
    ) {
        let format = if binary { Format::MySqlBinary } else { Format::Text };
        let shop = Shop::new();
        let columns: Vec<_> = picks.iter().map(|(at, class, _)| {
            let kind = SAMPLES[*at].0;
            (kind, shop.mask(*class, kind.oid(), format))
        }).collect();
        let kinds: Vec<_> = columns.iter().map(|(kind, _)| *kind).collect();
        let codes: Vec<_> = picks.iter().map(|(at, _, _)| SAMPLES[*at].1).collect();
        // Bytes of any kind where the format admits them; where it does not, the sample.
        let cells: Vec<Option<&[u8]>> = picks.iter().map(|(at, _, value)| {
            let (kind, _, _, sample) = SAMPLES[*at];
            let dated = matches!(kind, T::Date | T::DateTime | T::Timestamp | T::Time);
            value.as_deref().map(|value| if binary && (dated || kind.binary_size().is_some()) { sample } else { value })
        }).collect();
        let payload = if binary { binary_row(&kinds, &cells) } else { text_row(&cells) };
        let before = read(format, &codes, &payload);
        let plan = plan_of(format, &columns);
        let after = read(format, &codes, &run(&plan, format, &payload).unwrap());
        for ((before, after), (_, mask)) in before.iter().zip(&after).zip(&columns) {
            if matches!(mask, Mask::Pass) || *before == Value::NULL {
                prop_assert_eq!(before, after);
            }
        }
    }

    #[test]
    fn a_redacted_value_never_appears(value in "[ -Z\\^-~äöü]{4,40}", at in 0..SAMPLES.len()) {
        prop_assume!(!"[masked:result]".contains(&value));
        let kind = SAMPLES[at].0;
        for format in FORMATS {
            if format == Format::MySqlBinary && kind.binary_size().is_some() {
                continue;
            }
            let plan = Plan::whole(&[column("a", None, kind.oid(), format)], &Shop::new().catalog);
            let payload = if format == Format::Text { text_row(&[Some(value.as_bytes())]) } else { binary_row(&[kind], &[Some(value.as_bytes())]) };
            let row = run(&plan, format, &payload).unwrap();
            prop_assert!(!row.windows(value.len()).any(|window| window == value.as_bytes()));
        }
    }
}
