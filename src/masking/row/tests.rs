//! DataRows through a plan: well-formed in, well-formed out, malformed refused.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::masking::column::Format;
use crate::masking::plan::tests::{Shop, column};

fn row(cells: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = i16::try_from(cells.len()).unwrap().to_be_bytes().to_vec();
    for cell in cells {
        match cell {
            None => body.extend((-1i32).to_be_bytes()),
            Some(value) => {
                body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend(*value);
            }
        }
    }
    body
}

fn message(cells: &[Option<&[u8]>]) -> Vec<u8> {
    let body = row(cells);
    [b"D".as_slice(), &i32::try_from(body.len() + 4).unwrap().to_be_bytes(), &body].concat()
}

/// id, email, name, ssn (redacted), born, note.
fn customers() -> Plan {
    let shop = Shop::new();
    let columns = ["id", "email", "name", "ssn", "born", "note"].map(|name| shop.column(name, Format::Text));
    let outputs = ["id", "email", "name", "ssn", "born", "note"].map(|name| shop.plain(name));
    let planned = shop.plan(Some(&outputs), &columns);
    assert_eq!(planned.disagreement, None);
    planned.plan
}

fn masked(plan: &Plan, body: &[u8]) -> Result<Vec<u8>, BadRow> {
    let mut out = BytesMut::from(&b"before"[..]);
    let done = plan.mask_row(body, &mut out);
    assert_eq!(&out[..6], b"before");
    if done.is_err() {
        assert_eq!(out.len(), 6, "a bad row leaves nothing behind");
    }
    done.map(|()| out[6..].to_vec())
}

#[test]
fn classified_cells_are_masked_and_the_rest_is_copied() {
    let plan = customers();
    let found = masked(
        &plan,
        &row(&[Some(b"7"), Some(b"ann@example.org"), Some(b"Ann"), Some(b"123-45-6789"), Some(b"1990-05-17"), None]),
    );
    let expected = message(&[
        Some(b"7"),
        Some(b"a***@example.org"),
        Some(b"Ann"),
        Some(b"[masked:pii.ssn]"),
        Some(b"1990-01-01"),
        None,
    ]);
    assert_eq!(found, Ok(expected));
    assert_eq!(plan.masked_names().iter().map(|name| &**name).collect::<Vec<_>>(), ["email", "ssn", "born"]);
    assert!(!plan.passes_all());
}

#[test]
fn nulls_stay_null_and_masks_may_give_null() {
    let plan = customers();
    let body = row(&[None, None, None, None, Some(b"infinity"), Some(b"")]);
    assert_eq!(masked(&plan, &body), Ok(message(&[None, None, None, None, None, Some(b"")])));
}

#[test]
fn malformed_rows_are_errors() {
    let plan = customers();
    let sound = row(&[Some(b"7"), Some(b"a@b.cd"), None, Some(b"x"), None, Some(b"n")]);
    for end in 0..sound.len() {
        assert_eq!(masked(&plan, &sound[..end]), Err(BadRow::Truncated), "cut at {end}");
    }
    assert_eq!(masked(&plan, &[&sound[..], b"x"].concat()), Err(BadRow::TrailingBytes(1)));
    assert_eq!(masked(&plan, &row(&[None; 5])), Err(BadRow::FieldCount { expected: 6, found: 5 }));
    assert_eq!(masked(&plan, &[0xff, 0xff]), Err(BadRow::FieldCount { expected: 6, found: -1 }));
    let negative = [&6i16.to_be_bytes()[..], &(-2i32).to_be_bytes(), &[0; 20]].concat();
    assert_eq!(masked(&plan, &negative), Err(BadRow::NegativeLength(-2)));
    let huge = [&6i16.to_be_bytes()[..], &i32::MAX.to_be_bytes(), &[0; 20]].concat();
    assert_eq!(masked(&plan, &huge), Err(BadRow::Truncated));
}

/// Reads a DataRow message back; panics unless it is whole and well-formed.
fn cells(message: &[u8]) -> Vec<Option<Vec<u8>>> {
    assert_eq!(message[0], b'D');
    assert_eq!(usize::try_from(i32::from_be_bytes(message[1..5].try_into().unwrap())).unwrap(), message.len() - 1);
    let count = i16::from_be_bytes(message[5..7].try_into().unwrap());
    let mut rest = &message[7..];
    let mut cells = Vec::new();
    for _ in 0..count {
        let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
        rest = &rest[4..];
        cells.push((length >= 0).then(|| {
            let (value, after) = rest.split_at(usize::try_from(length).unwrap());
            rest = after;
            value.to_vec()
        }));
        assert!(length >= -1);
    }
    assert!(rest.is_empty());
    cells
}

/// Types masks know, and a few they do not.
const TYPES: [u32; 30] = [
    25, 705, 1043, 1042, 19, 18, 142, 114, 3802, 17, 21, 23, 20, 700, 701, 1700, 16, 1082, 1114, 1184, 2950, 1009,
    1015, 1014, 1003, 1083, 1186, 869, 1007, 600,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = masked(&customers(), &body) {
            prop_assert_eq!(cells(&message).len(), 6);
        }
    }

    #[test]
    fn any_values_of_any_type_and_mask_give_a_well_formed_row(
        values in proptest::collection::vec(proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)), 4),
        types in proptest::collection::vec(proptest::sample::select(&TYPES[..]), 4),
        classes in proptest::collection::vec(0..8usize, 4),
        binary in any::<bool>(),
    ) {
        let format = if binary { Format::Binary } else { Format::Text };
        let shop = Shop::new();
        let names = ["a", "b", "c", "d"];
        let masks = types.iter().zip(&classes).map(|(oid, class)| shop.mask(*class, *oid, format)).collect();
        let described: Vec<_> = names.iter().zip(&types).map(|(name, oid)| column(name, None, *oid, format)).collect();
        let plan = Plan::new(&described, masks);
        let values: Vec<_> = values.iter().map(Option::as_deref).collect();
        let message = masked(&plan, &row(&values)).unwrap();
        let cells = cells(&message);
        prop_assert_eq!(cells.len(), 4);
        for (value, cell) in values.iter().zip(cells) {
            prop_assert!(value.is_some() || cell.is_none());
        }
    }

    #[test]
    fn a_redacted_value_never_appears(
        value in "[ -Z\\^-~äöü]{4,40}",
        oid in proptest::sample::select(&TYPES[..]),
        binary in any::<bool>(),
    ) {
        prop_assume!(!"[masked:result]".contains(&value) && !hex::encode("[masked:result]").contains(&value));
        let format = if binary { Format::Binary } else { Format::Text };
        let plan = Plan::whole(&[column("a", None, oid, format)], &Shop::new().catalog);
        let message = masked(&plan, &row(&[Some(value.as_bytes())])).unwrap();
        prop_assert!(!message.windows(value.len()).any(|window| window == value.as_bytes()));
    }
}
