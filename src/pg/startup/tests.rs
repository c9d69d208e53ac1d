//! First packets of a connection: requests understood, everything else refused.

use super::*;

fn startup(minor: u16, parameters: &[(&str, &str)]) -> Startup {
    let owned = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Startup { minor, parameters: owned }
}

fn check(parameters: &[(&str, &str)]) -> Result<Request, StartupError> {
    Request::check(startup(0, parameters))
}

fn packet(code: u32, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + rest.len()).unwrap();
    [&length.to_be_bytes(), &code.to_be_bytes(), rest].concat()
}

#[test]
fn the_four_kinds_of_packet_are_told_apart() {
    assert_eq!(Packet::decode(&packet(80_877_103, b"")), Ok(Packet::Ssl));
    assert_eq!(Packet::decode(&packet(80_877_104, b"")), Ok(Packet::GssEnc));
    let key = CancelKey { process: 1, secret: vec![2, 3, 4, 5] };
    assert_eq!(Packet::decode(&packet(80_877_102, b"\0\0\0\x01\x02\x03\x04\x05")), Ok(Packet::Cancel(key)));
    let wanted = Packet::Startup(startup(2, &[("user", "bot")]));
    assert_eq!(Packet::decode(&packet(0x0003_0002, b"user\0bot\0\0")), Ok(wanted));
}

#[test]
fn broken_packets_are_refused() {
    let broken: [&[u8]; 6] = [
        &packet(0x0003_0000, b"user\0bot\0"),
        &packet(0x0003_0000, b"user\0bot\0\0extra"),
        &packet(0x0003_0000, b"user"),
        &packet(0x0003_0000, b"user\0\xff\0\0"),
        &packet(80_877_103, b"x"),
        &packet(80_877_102, b"\0\0\0\x01\x02"),
    ];
    for packet in broken {
        assert!(matches!(Packet::decode(packet), Err(StartupError::Wire(_))), "{packet:?}");
    }
}

#[test]
fn only_protocol_three_is_spoken() {
    for code in [0x0002_0000, 0x0004_0000, 0, u32::MAX] {
        assert!(matches!(Packet::decode(&packet(code, b"\0")), Err(StartupError::Version { .. })), "{code:x}");
    }
}

#[test]
fn database_is_the_user_name_unless_given() {
    assert_eq!(check(&[("user", "bot")]).unwrap().database, "bot");
    assert_eq!(check(&[("user", "bot"), ("database", "shop")]).unwrap().database, "shop");
}

#[test]
fn newer_protocols_and_unknown_options_are_negotiated_down() {
    let newer = Request::check(startup(9_999, &[("user", "bot")])).unwrap();
    assert_eq!((newer.minor, newer.negotiate), (2, Some(vec![])));
    let option = Request::check(startup(0, &[("user", "bot"), ("_pq_.column_encryption", "1")])).unwrap();
    assert_eq!((option.minor, option.negotiate), (0, Some(vec!["_pq_.column_encryption".to_owned()])));
    assert_eq!(Request::check(startup(2, &[("user", "bot")])).unwrap().negotiate, None);
}

#[test]
fn what_drivers_send_by_themselves_is_granted() {
    let request = check(&[
        ("user", "bot"),
        ("client_encoding", "'utf-8'"),
        ("DateStyle", "ISO"),
        ("TimeZone", "Europe/Berlin"),
        ("extra_float_digits", "2"),
        ("application_name", "psql"),
        ("replication", "false"),
        ("options", "-c statement_timeout=5s -c holdpoint.ticket=OPS-1"),
        ("holdpoint.Reason", "refund check"),
    ])
    .unwrap();
    let names: Vec<_> = request.settings.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["datestyle", "timezone", "extra_float_digits", "statement_timeout"]);
    assert_eq!(request.application_name.as_deref(), Some("psql"));
    let claims =
        [("ticket", "OPS-1"), ("reason", "refund check")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(request.claims, claims);
}

#[test]
fn settings_that_change_meaning_or_rights_are_refused_by_name() {
    for (name, value) in [
        ("role", "postgres"),
        ("session_authorization", "postgres"),
        ("options", "-c role=postgres"),
        ("options", "--session-preload-libraries=x"),
        ("standard_conforming_strings", "off"),
        ("client_encoding", "SJIS"),
        ("replication", "database"),
        ("options", "-d 5"),
        ("row_security", "off"),
    ] {
        let refused = check(&[("user", "bot"), (name, value)]).unwrap_err();
        assert_eq!(refused.code().len(), 5);
        assert!(!refused.to_string().contains('\n'));
    }
    let text = check(&[("user", "bot"), ("options", "-c role=x")]).unwrap_err().to_string();
    assert!(text.contains("`role`"), "{text}");
}

#[test]
fn nobody_is_refused() {
    assert_eq!(check(&[("database", "shop")]), Err(StartupError::NoUser));
}

proptest::proptest! {
    #[test]
    fn any_packet_can_be_read_and_checked_without_a_panic(bytes: Vec<u8>, options: String) {
        let _ = Packet::decode(&bytes);
        let _ = check(&[("user", "bot"), ("options", &options)]);
    }
}
