//! COPY streams in each format, cut anywhere: classified columns masked, the rest to the byte.

use proptest::prelude::*;

use super::*;
use crate::masking::plan::tests::{Shop, column};

const ROW_MAX: usize = 200;

/// id passes, email, ssn redacted, note passes.
fn plan(format: Format) -> Arc<Plan> {
    let shop = Shop::new();
    let outputs = ["id", "email", "ssn", "note"].map(|name| shop.plain(name));
    let copy = match format {
        Format::Text => text_format("\\N", false),
        Format::Binary | Format::MySqlBinary => CopyFormat::Binary,
    };
    let planned = shop.plan(Some(&outputs), &columns(&outputs, &copy, &shop.catalog));
    assert_eq!(planned.disagreement, None);
    Arc::new(planned.plan)
}

fn text_format(null: &str, header: bool) -> CopyFormat {
    CopyFormat::Text { delimiter: b'\t', null: null.into(), header }
}

fn csv_format(escape: u8, null: &str, header: bool) -> CopyFormat {
    CopyFormat::Csv { delimiter: b',', null: null.into(), quote: b'"', escape, header }
}

fn masker(format: &CopyFormat) -> CopyMasker {
    let rows = if *format == CopyFormat::Binary { Format::Binary } else { Format::Text };
    CopyMasker::new(plan(rows), format, ROW_MAX).unwrap()
}

/// The masked stream and its number of rows, fed in pieces of a size.
fn pieces(mut masker: CopyMasker, data: &[u8], size: usize) -> Result<(Vec<u8>, u64), BadCopy> {
    let mut out = BytesMut::new();
    for piece in data.chunks(size) {
        masker.feed(piece, &mut out)?;
    }
    masker.finish()?;
    Ok((out.to_vec(), masker.rows()))
}

/// Masks the stream whole, in pieces of every size, and cut in two at every byte: always the same.
fn masked(format: &CopyFormat, data: &[u8]) -> Result<(Vec<u8>, u64), BadCopy> {
    let whole = pieces(masker(format), data, data.len().max(1));
    for size in 1..data.len() {
        assert_eq!(pieces(masker(format), data, size), whole, "pieces of {size}");
    }
    for cut in 1..data.len() {
        let (first, second) = data.split_at(cut);
        let (mut masker, mut out) = (masker(format), BytesMut::new());
        let done = masker.feed(first, &mut out).and_then(|()| masker.feed(second, &mut out));
        let done = done.and_then(|()| masker.finish()).map(|()| (out.to_vec(), masker.rows()));
        assert_eq!(done, whole, "cut at {cut}");
    }
    whole
}

fn check(format: &CopyFormat, data: &str, expected: &str, rows: u64) {
    let (found, count) = masked(format, data.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(found).unwrap(), expected);
    assert_eq!(count, rows);
}

#[test]
fn text_rows_are_masked_field_by_field() {
    check(
        &text_format("\\N", false),
        "1\tann@example.org\t123\tplain\n2\t\\N\t\\N\t\\N\n3\tx\\ty@z.org\ta\\nb\\\\\tc\\td\\\\N\n4\t\t\t\n",
        "1\ta***@example.org\t[masked:pii.ssn]\tplain\n2\t\\N\t\\N\t\\N\n3\t[masked:pii.email]\t[masked:pii.ssn]\tc\\td\\\\N\n\
         4\t[masked:pii.email]\t[masked:pii.ssn]\t\n",
        4,
    );
    check(
        &text_format("\\N", true),
        "id\temail\tssn\tnote\n1\t\\N\ts\tn\n",
        "id\temail\tssn\tnote\n1\t\\N\t[masked:pii.ssn]\tn\n",
        1,
    );
}

#[test]
fn a_null_string_that_a_value_can_equal_tells_nothing() {
    // NULL '123' must not show which ssn is 123, nor that one is NULL.
    check(&text_format("123", false), "1\tx\t123\t123\n", "1\t[masked:pii.email]\t[masked:pii.ssn]\t123\n", 1);
    check(&text_format("", false), "1\t\t\t\n", "1\t\t\t\n", 1);
    // In CSV an equal value is quoted, so an unquoted one is NULL for certain.
    check(&csv_format(b'"', "123", false), "1,123,\"123\",x\n", "1,123,\"[masked:pii.ssn]\",x\n", 1);
}

#[test]
fn csv_records_are_masked_with_quotes_and_line_feeds() {
    check(
        &csv_format(b'"', "", true),
        "id,\"e\nmail\",ssn,note\n1,ann@example.org,\"1,2\",\"say \"\"hi\"\"\n\"\n2,,\"\",\n",
        "id,\"e\nmail\",ssn,note\n1,a***@example.org,\"[masked:pii.ssn]\",\"say \"\"hi\"\"\n\"\n2,,\"[masked:pii.ssn]\",\n",
        2,
    );
    check(
        &csv_format(b'\\', "", false),
        "1,\"a\\\"b@example.org\",\"\\\\\",\"x\\\\\n\\\",\"\n",
        "1,\"[masked:pii.email]\",\"[masked:pii.ssn]\",\"x\\\\\n\\\",\"\n",
        1,
    );
}

fn tuple(cells: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = i16::try_from(cells.len()).unwrap().to_be_bytes().to_vec();
    for cell in cells {
        body.extend(cell.map_or(-1, |value| i32::try_from(value.len()).unwrap()).to_be_bytes());
        body.extend(cell.unwrap_or_default());
    }
    body
}

fn binary_stream(tuples: &[Vec<u8>]) -> Vec<u8> {
    let header = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    [&[header][..], tuples, &[vec![0xff, 0xff]]].concat().concat()
}

#[test]
fn binary_tuples_are_masked() {
    let found = masked(
        &CopyFormat::Binary,
        &binary_stream(&[
            tuple(&[Some(b"\0\0\0\x01"), Some(b"ann@example.org"), Some(b"123"), Some(b"\n")]),
            tuple(&[None, None, None, Some(b"")]),
        ]),
    );
    let expected = binary_stream(&[
        tuple(&[Some(b"\0\0\0\x01"), Some(b"a***@example.org"), Some(b"[masked:pii.ssn]"), Some(b"\n")]),
        tuple(&[None, None, None, Some(b"")]),
    ]);
    assert_eq!(found, Ok((expected, 2)));
    assert_eq!(masked(&CopyFormat::Binary, &binary_stream(&[])), Ok((binary_stream(&[]), 0)));
}

#[test]
fn data_that_is_not_what_the_format_says_ends_the_stream() {
    let text = text_format("\\N", false);
    let csv = csv_format(b'"', "", false);
    assert_eq!(masked(&text, b"1\t2\t3\n"), Err(BadCopy::FieldCount { expected: 4, found: 3 }));
    assert_eq!(masked(&text, b"1\t2\t3\t4\t5\n"), Err(BadCopy::FieldCount { expected: 4, found: 5 }));
    assert_eq!(masked(&text, b"\n"), Err(BadCopy::FieldCount { expected: 4, found: 1 }));
    assert_eq!(masked(&text, b"1\t2\t3\t4"), Err(BadCopy::Truncated));
    assert!(matches!(masked(&text, b"1\t2\t3\t4\\\n"), Err(BadCopy::Malformed(_))));
    assert_eq!(masked(&csv, b"1,2,3\n"), Err(BadCopy::FieldCount { expected: 4, found: 3 }));
    assert!(matches!(masked(&csv, b"1,2\"3\",4,5\n"), Err(BadCopy::Malformed(_))));
    assert!(matches!(masked(&csv, b"1,\"2\"x,4,5\n"), Err(BadCopy::Malformed(_))));
    assert_eq!(masked(&csv, b"1,\"2\n"), Err(BadCopy::Truncated));
    let binary = CopyFormat::Binary;
    assert!(matches!(masked(&binary, b"PGCOPZ\n"), Err(BadCopy::Malformed(_))));
    assert!(matches!(masked(&binary, b"PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0"), Err(BadCopy::Malformed(_))));
    assert_eq!(masked(&binary, b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"), Err(BadCopy::Truncated));
    assert!(matches!(masked(&binary, &[binary_stream(&[]), vec![0]].concat()), Err(BadCopy::Malformed(_))));
    assert!(matches!(masked(&binary, &binary_stream(&[tuple(&[None])])), Err(BadCopy::Tuple(_))));
    assert!(matches!(masked(&binary, &binary_stream(&[vec![0xff, 0xfe]])), Err(BadCopy::Malformed(_))));
}

#[test]
fn an_unfinished_row_is_bounded_and_a_failed_stream_stays_failed() {
    for (format, data) in [
        (text_format("\\N", false), vec![b'x'; ROW_MAX + 1]),
        (csv_format(b'"', "", false), [b"\"".to_vec(), vec![b'\n'; ROW_MAX]].concat()),
        (CopyFormat::Binary, [&binary_stream(&[])[..19], &4i16.to_be_bytes(), &i32::MAX.to_be_bytes()].concat()),
    ] {
        let (mut masker, mut out) = (masker(&format), BytesMut::from(&b"before"[..]));
        assert_eq!(masker.feed(&data, &mut out), Err(BadCopy::RowTooLong(ROW_MAX)));
        assert_eq!(out, b"before"[..]);
        assert_eq!(masker.feed(b"1\t2\t3\t4\n", &mut out), Err(BadCopy::Failed));
        assert_eq!(masker.finish(), Err(BadCopy::Failed));
    }
}

#[test]
fn options_that_blur_rows_are_refused() {
    let refused =
        |format: CopyFormat| matches!(CopyMasker::new(plan(Format::Text), &format, 1), Err(BadCopy::Option(_)));
    for delimiter in *b"\n\r\\.a0\0" {
        assert!(refused(CopyFormat::Text { delimiter, null: String::new(), header: false }));
    }
    assert!(refused(text_format("a\nb", false)));
    assert!(refused(csv_format(b'\n', "", false)));
    assert!(refused(csv_format(b',', "", false)));
    assert!(refused(csv_format(b'"', "a,b", false)));
    assert!(refused(CopyFormat::Csv {
        delimiter: b',',
        null: String::new(),
        quote: b'\n',
        escape: b'"',
        header: false
    }));
}

#[test]
fn masked_values_are_written_as_the_format_demands() {
    let shop = Shop::new();
    let one = |class: usize, format: &CopyFormat, data: &str| {
        let plan = Plan::new(&[column("x", None, 25, Format::Text)], vec![shop.mask(class, 25, Format::Text)]);
        let (out, _) = pieces(CopyMasker::new(Arc::new(plan), format, 100).unwrap(), data.as_bytes(), 3).unwrap();
        String::from_utf8(out).unwrap()
    };
    // `code` keeps one character in front and two behind, `fixed` is 42, `hr.salary` is NULL.
    assert_eq!(one(4, &text_format("\\N", false), "\\tabc\\\\\\n\n"), "\\t***\\\\\\n\n");
    assert_eq!(one(4, &csv_format(b'"', "", false), "\",abc\"\"\n\"\n"), "\",***\"\"\n\"\n");
    assert_eq!(one(4, &csv_format(b'\\', "", false), "\",abc\\\"\\\\\"\n"), "\",***\\\"\\\\\"\n");
    assert_eq!(one(6, &csv_format(b'"', "42", false), "7\n42\n"), "\"42\"\n42\n");
    assert_eq!(one(3, &csv_format(b'"', "NIL", false), "\"7\"\n"), "NIL\n");
    assert_eq!(one(3, &text_format("\\N", false), "7\n"), "\\N\n");
}

#[test]
fn expressions_have_no_known_type_and_become_null() {
    let shop = Shop::new();
    let mut derived = shop.plain("email");
    derived.sources[0].flow = Flow::Derived;
    let outputs = [derived];
    let format = text_format("\\N", false);
    let planned = shop.plan(Some(&outputs), &columns(&outputs, &format, &shop.catalog));
    let masker = CopyMasker::new(Arc::new(planned.plan), &format, 100).unwrap();
    assert_eq!(pieces(masker, b"ANN@EXAMPLE.ORG\n", 100), Ok((b"\\N\n".to_vec(), 1)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_pieces_do_not_matter(
        data in proptest::collection::vec(proptest::sample::select(&b"a1\t\n\",\\N\0\xff"[..]), 0..60),
        size in 1..20usize,
    ) {
        for format in [text_format("\\N", false), csv_format(b'"', "N", false), csv_format(b'\\', "", true), CopyFormat::Binary] {
            let whole = pieces(masker(&format), &data, data.len().max(1));
            let cut = pieces(masker(&format), &data, size);
            prop_assert_eq!(whole, cut);
        }
    }

    #[test]
    fn unmasked_fields_survive_and_redacted_ones_do_not(
        note in proptest::collection::vec(proptest::sample::select(&b"ab\t\n\r\",\\N.\x08"[..]), 0..20),
        ssn in "[0-9]{4}[\t\n\",\\\\0-9]{0,6}",
    ) {
        // As the server writes them.
        let mut row = BytesMut::from(&b"7\t\\N\t"[..]);
        text::escape(ssn.as_bytes(), b'\t', &mut row);
        row.extend_from_slice(b"\t");
        text::escape(&note, b'\t', &mut row);
        row.extend_from_slice(b"\n");
        let (found, rows) = pieces(masker(&text_format("\\N", false)), &row, 7).unwrap();
        prop_assert_eq!(rows, 1);
        prop_assert!(!String::from_utf8_lossy(&found[4..22]).contains(&ssn));
        let tail = found.strip_prefix(b"7\t\\N\t[masked:pii.ssn]\t").unwrap().strip_suffix(b"\n").unwrap();
        let mut value = Vec::new();
        text::unescape(tail, &mut value);
        prop_assert_eq!(value, note);
    }

    #[test]
    fn masked_binary_streams_are_well_formed_under_any_mask(
        class in 0..8usize,
        value in proptest::collection::vec(any::<u8>(), 0..30),
        oid in proptest::sample::select(&[25u32, 23, 1082, 1184, 3802, 17, 2950, 1009, 600][..]),
    ) {
        let shop = Shop::new();
        let plan = Plan::new(&[column("x", None, oid, Format::Binary)], vec![shop.mask(class, oid, Format::Binary)]);
        let masker = CopyMasker::new(Arc::new(plan.clone()), &CopyFormat::Binary, 1000).unwrap();
        let (once, _) = pieces(masker, &binary_stream(&[tuple(&[Some(&value)])]), 5).unwrap();
        // It reads as a binary stream again.
        let again = CopyMasker::new(Arc::new(plan), &CopyFormat::Binary, 1000).unwrap();
        prop_assert_eq!(pieces(again, &once, 1000).unwrap().1, 1);
    }
}
