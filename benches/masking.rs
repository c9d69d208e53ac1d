//! What masking costs per row: six text columns, none or two of them masked, against copying the frame as it is.
//!
//! `cargo bench --bench masking`. Read as nanoseconds per row; the goal is 70 for redact and partial.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a bench may stop on its own mistakes, and criterion writes functions"
)]

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdpoint::catalog::mysql_type::MySqlType;
use holdpoint::catalog::{Catalog, Column, ColumnKey, Parts, Relation, RelationKey, RelationKind};
use holdpoint::masking::column::{Format, ResultColumn};
use holdpoint::masking::copy::CopyMasker;
use holdpoint::masking::plan::{Keys, Plan, plan};
use holdpoint::policy::class::{Class, ClassMap, MaskSpec, ProbeSpec};
use holdpoint::policy::detector::DetectorSet;
use holdpoint::statement::footprint::{CopyFormat, Flow, Output, Source};

const RELATION: RelationKey = RelationKey(20_000);
/// Rows per round, so that the output buffer is as warm as in a stream.
const ROWS: usize = 64;
const CELLS: [&str; 6] =
    ["1048576", "ann.example@mail.example.org", "Ann Example", "4111111111111111", "Utrecht", "2024-05-17 12:34"];

fn customers(mask: Option<&MaskSpec>) -> Plan {
    planned(mask, 25, Format::Text)
}

/// Six text columns of this type, rows in this format.
fn planned(mask: Option<&MaskSpec>, type_oid: u32, format: Format) -> Plan {
    let number = |at: usize| i16::try_from(at + 1).expect("six columns");
    let column = |at: usize| Column {
        number: number(at),
        name: format!("c{at}").into(),
        type_oid,
        not_null: false,
        generated: None,
    };
    let relation = Relation {
        key: RELATION,
        schema: "public".into(),
        name: "customers".into(),
        kind: RelationKind::Table,
        columns: (0..6).map(column).collect(),
        unique_keys: Vec::new(),
        definition: None,
        parents: Vec::new(),
        children: Vec::new(),
        has_rules: false,
        has_triggers: false,
        has_row_security: false,
        rows_estimate: 1.0,
    };
    let catalog = Catalog::new("shop".into(), 1, 150_018, Parts { relations: vec![relation], ..Parts::default() });
    let key = |at: usize| ColumnKey { relation: RELATION, number: number(at) };
    let mut map = ClassMap::default();
    if let Some(mask) = mask {
        let probe = ProbeSpec::Hold;
        let class =
            Class { name: "pii.x".into(), mask: mask.clone(), key: 0, probe, aggregates: false, bulk_rows: None };
        map.classes.push(Arc::new(class));
        map.columns.extend([1, 3].map(|at| (key(at), vec![0])));
    }
    let sources = |at: usize| vec![Source { column: key(at), flow: Flow::Plain }];
    let outputs: Vec<_> = (0..6).map(|at| Output { name: "c".into(), sources: sources(at), unknown: false }).collect();
    let described = |at: usize| ResultColumn { name: "c".into(), origin: Some(key(at)), type_oid, format };
    let described: Vec<_> = (0..6).map(described).collect();
    plan(Some(&outputs), &described, &map, &catalog, &Keys::new([1; 32])).plan
}

fn body() -> Vec<u8> {
    let mut body = 6i16.to_be_bytes().to_vec();
    for cell in CELLS {
        body.extend(i32::try_from(cell.len()).expect("short").to_be_bytes());
        body.extend(cell.as_bytes());
    }
    body
}

fn masks() -> [(&'static str, MaskSpec); 5] {
    [
        ("redact", MaskSpec::Redact),
        ("null", MaskSpec::Null),
        ("partial", MaskSpec::Partial { keep_first: 0, keep_last: 4, hide_min: 4 }),
        ("email", MaskSpec::Email),
        ("hash", MaskSpec::Hash),
    ]
}

fn rows(criterion: &mut Criterion) {
    let body = body();
    let mut group = criterion.benchmark_group("row of 6, 2 masked");
    group.throughput(Throughput::Elements(ROWS as u64));
    let mut out = BytesMut::with_capacity(1 << 16);
    group.bench_function("copied as it is", |bencher| {
        bencher.iter(|| {
            out.clear();
            for _ in 0..ROWS {
                out.extend_from_slice(b"D\0\0\0\0");
                out.extend_from_slice(black_box(&body));
            }
            out.len()
        });
    });
    let plans = masks().map(|(name, mask)| (name, customers(Some(&mask))));
    for (name, plan) in [("no mask", customers(None))].into_iter().chain(plans) {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                for _ in 0..ROWS {
                    plan.mask_row(black_box(&body), &mut out).expect("a sound row");
                }
                out.len()
            });
        });
    }
    group.finish();
}

/// One column of text without class, looked into by every detector: nothing found, and something found.
fn detectors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("detectors, one cell");
    group.throughput(Throughput::Elements(ROWS as u64));
    let json =
        r#"{"order":81723,"items":[{"sku":"A91824","qty":2}],"note":"left at the door, rang twice","paid":true}"#;
    let prose =
        "The parcel arrived after the meeting of the team on 2025-11-02 at 14:07, and nobody noticed until 3 pm. ";
    let cells = [
        ("word", "Utrecht".to_owned()),
        ("number", "1048576".to_owned()),
        ("uuid", "550e8400-e29b-41d4-a716-446655440000".to_owned()),
        ("100 bytes of prose", prose.to_owned()),
        ("1000 bytes of prose", prose.repeat(10)),
        ("100 bytes of JSON", json.to_owned()),
        ("e-mail, found", CELLS[1].to_owned()),
        ("prose with a card, found", format!("{prose}4111 1111 1111 1111")),
    ];
    let mut map = ClassMap::default();
    map.detection.set = DetectorSet::usual();
    let outputs = [Output { name: "c".into(), sources: Vec::new(), unknown: false }];
    let described = [ResultColumn { name: "c".into(), origin: None, type_oid: 25, format: Format::Text }];
    let plan = plan(Some(&outputs), &described, &map, &Catalog::default(), &Keys::new([1; 32])).plan;
    let mut out = BytesMut::with_capacity(1 << 18);
    for (name, cell) in cells {
        let length = i32::try_from(cell.len()).expect("short");
        let body = [&1i16.to_be_bytes()[..], &length.to_be_bytes(), cell.as_bytes()].concat();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                for _ in 0..ROWS {
                    plan.mask_row(black_box(&body), &mut out).expect("a sound row");
                }
                out.len()
            });
        });
    }
    group.finish();
}

/// MySQL's rows of the same cells, text and binary.
fn mysql_rows(criterion: &mut Criterion) {
    let fields = |header: &[u8]| {
        let mut payload = header.to_vec();
        for cell in CELLS {
            payload.push(u8::try_from(cell.len()).expect("short"));
            payload.extend(cell.as_bytes());
        }
        payload
    };
    let (text, binary) = (fields(&[]), fields(&[0, 0]));
    let mut out = BytesMut::with_capacity(1 << 16);
    for (name, payload, format) in [("text", text, Format::Text), ("binary", binary, Format::MySqlBinary)] {
        let mut group = criterion.benchmark_group(format!("MySQL {name} row of 6, 2 masked"));
        group.throughput(Throughput::Elements(ROWS as u64));
        let oid = MySqlType::Text.oid();
        let plans = masks().map(|(name, mask)| (name, planned(Some(&mask), oid, format)));
        for (name, plan) in [("no mask", planned(None, oid, format))].into_iter().chain(plans) {
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    out.clear();
                    for _ in 0..ROWS {
                        let done = match format {
                            Format::Text => plan.mask_mysql_text_row(black_box(&payload), &mut out),
                            _ => plan.mask_mysql_binary_row(black_box(&payload), &mut out),
                        };
                        done.expect("a sound row");
                    }
                    out.len()
                });
            });
        }
        group.finish();
    }
}

fn copies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("copy row of 6, 2 redacted");
    group.throughput(Throughput::Elements(ROWS as u64));
    let plan = Arc::new(customers(Some(&MaskSpec::Redact)));
    let text = CopyFormat::Text { delimiter: b'\t', null: "\\N".into(), header: false };
    let csv = CopyFormat::Csv { delimiter: b',', null: String::new(), quote: b'"', escape: b'"', header: false };
    let mut out = BytesMut::with_capacity(1 << 16);
    for (name, format, delimiter) in [("text", text, "\t"), ("csv", csv, ",")] {
        let line = format!("{}\n", CELLS.join(delimiter));
        let mut masker = CopyMasker::new(plan.clone(), &format, 1 << 20).expect("sound options");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                for _ in 0..ROWS {
                    masker.feed(black_box(line.as_bytes()), &mut out).expect("a sound row");
                }
                out.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rows, detectors, mysql_rows, copies);
criterion_main!(benches);
