//! Executions as drivers send them: with types and without, with attributes, with values sent ahead, and with lies.

use super::*;
use crate::mysql::packets::column::kinds;

const WITH: Capabilities = Capabilities::QUERY_ATTRIBUTES;

fn known(parameters: usize) -> Known<'static> {
    Known { parameters, kinds: &[], long: &[] }
}

fn bytes(text: &[u8]) -> Parameter<'_> {
    Parameter::Value(Value::Bytes(text))
}

/// Statement 7 with 'ab' and NULL.
const TWO: &[u8] = b"\x17\x07\0\0\0\0\x01\0\0\0\x02\x01\xfd\0\x06\0\x02ab";

#[test]
fn values_and_nulls_read_by_their_types() {
    let execute = Execute::decode(TWO, Capabilities::NONE, known(2)).unwrap();
    assert_eq!((execute.statement, execute.cursor), (7, false));
    assert_eq!(execute.parameters, [bytes(b"ab"), Parameter::Value(Value::Null)]);
    assert_eq!(execute.kinds.iter().map(|kind| kind.kind).collect::<Vec<_>>(), [kinds::VAR_STRING, kinds::NULL]);
    let mut out = BytesMut::new();
    execute.encode_plain(execute.statement, &mut out);
    assert_eq!(&out[..], TWO);
}

#[test]
fn types_of_the_last_execution_count_if_none_are_sent() {
    let first = Execute::decode(TWO, Capabilities::NONE, known(2)).unwrap();
    let again = b"\x17\x07\0\0\0\x01\x01\0\0\0\x02\0\x02cd";
    let known = Known { parameters: 2, kinds: &first.kinds, long: &[] };
    let execute = Execute::decode(again, Capabilities::NONE, known).unwrap();
    assert!(execute.cursor);
    assert_eq!(execute.parameters, [bytes(b"cd"), Parameter::Value(Value::Null)]);
    let mut out = BytesMut::new();
    execute.encode_plain(execute.statement, &mut out);
    // The server may not have seen the execution before this one, so it gets the types.
    assert_eq!(&out[..], b"\x17\x07\0\0\0\x01\x01\0\0\0\x02\x01\xfd\0\x06\0\x02cd");
    let none = Known { parameters: 2, kinds: &[], long: &[] };
    assert!(Execute::decode(again, Capabilities::NONE, none).is_err(), "types were never sent");
}

#[test]
fn values_sent_ahead_are_not_in_the_packet() {
    let payload = b"\x17\x07\0\0\0\0\x01\0\0\0\0\x01\xfc\0\xfd\0\x02ab";
    let execute =
        Execute::decode(payload, Capabilities::NONE, Known { parameters: 2, kinds: &[], long: &[0] }).unwrap();
    assert_eq!(execute.parameters, [Parameter::Long, bytes(b"ab")]);
}

/// The same statement with a named attribute behind its two parameters, as clients of MySQL 8 send it.
const ATTRIBUTED: &[u8] = b"\x17\x07\0\0\0\x08\x01\0\0\0\x03\x06\x01\xfd\0\0\x06\0\0\xfe\0\x06reason\x02ab\x06";

#[test]
fn attributes_are_told_from_parameters_and_can_be_left_out() {
    let mut payload = ATTRIBUTED.to_vec();
    payload[11] = 0x02;
    payload.extend_from_slice(b"refund");
    let execute = Execute::decode(&payload, WITH, known(2)).unwrap();
    assert_eq!(execute.parameters, [bytes(b"ab"), Parameter::Value(Value::Null)]);
    assert_eq!(execute.attributes, [Attribute { name: b"reason", value: Value::Bytes(b"refund") }]);
    let mut out = BytesMut::new();
    execute.encode_plain(execute.statement, &mut out);
    assert_eq!(&out[..], TWO);
}

#[test]
fn an_attribute_that_is_null_leaves_no_bit_behind() {
    let payload = [&ATTRIBUTED[..ATTRIBUTED.len() - 1]].concat();
    let execute = Execute::decode(&payload, WITH, known(2)).unwrap();
    assert_eq!(execute.attributes, [Attribute { name: b"reason", value: Value::Null }]);
    let mut out = BytesMut::new();
    execute.encode_plain(execute.statement, &mut out);
    assert_eq!(&out[..], TWO);
}

#[test]
fn statement_without_parameters_may_still_carry_attributes() {
    let payload = b"\x17\x01\0\0\0\x08\x01\0\0\0\x01\0\x01\xfe\0\x01a\x01b";
    let execute = Execute::decode(payload, WITH, known(0)).unwrap();
    assert_eq!((execute.parameters.len(), execute.attributes.len()), (0, 1));
    let mut out = BytesMut::new();
    execute.encode_plain(execute.statement, &mut out);
    assert_eq!(&out[..], b"\x17\x01\0\0\0\0\x01\0\0\0");
    let bare = Execute::decode(b"\x17\x01\0\0\0\0\x01\0\0\0", WITH, known(0)).unwrap();
    assert_eq!(bare.attributes.len(), 0);
}

#[test]
fn lies_are_refused() {
    for (payload, capabilities, parameters) in [
        (&b"\x17\x07\0\0"[..], Capabilities::NONE, 0),
        (b"\x03\x07\0\0\0\0\x01\0\0\0", Capabilities::NONE, 0),
        (b"\x17\x07\0\0\0\x02\x01\0\0\0", Capabilities::NONE, 0),
        (b"\x17\x07\0\0\0\0\x02\0\0\0", Capabilities::NONE, 0),
        (b"\x17\x07\0\0\0\0\x01\0\0\0x", Capabilities::NONE, 0),
        (b"\x17\x07\0\0\0\0\x01\0\0\0", Capabilities::NONE, 1),
        (b"\x17\x07\0\0\0\0\x01\0\0\0\0\x02\xfd\0\x02ab", Capabilities::NONE, 1),
        (b"\x17\x07\0\0\0\0\x01\0\0\0\0\x01\xfd\0\x09ab", Capabilities::NONE, 1),
        (b"\x17\x07\0\0\0\0\x01\0\0\0\x01\0\x01\xfd\0\0\x02ab", WITH, 2),
        (b"\x17\x07\0\0\0\x08\x01\0\0\0\xfd\xff\xff\xff", WITH, 0),
    ] {
        assert!(Execute::decode(payload, capabilities, known(parameters)).is_err(), "{payload:?}");
    }
}

proptest::proptest! {
    #[test]
    fn reading_anything_never_panics(bytes: Vec<u8>, parameters in 0_usize..20, with: bool) {
        let mut payload = b"\x17\x07\0\0\0\x08\x01\0\0\0".to_vec();
        payload.extend(bytes);
        let capabilities = if with { WITH } else { Capabilities::NONE };
        if let Ok(execute) = Execute::decode(&payload, capabilities, known(parameters)) {
            assert_eq!(execute.parameters.len(), parameters);
            let mut out = BytesMut::new();
            execute.encode_plain(execute.statement, &mut out);
            let again = Execute::decode(&out, Capabilities::NONE, known(parameters)).expect("what was written is legal");
            assert_eq!(format!("{:?}", again.parameters), format!("{:?}", execute.parameters));
        }
    }
}
