//! Greetings and responses as servers and drivers send them, and as nobody should.

use super::*;

/// MariaDB 10.11's greeting, its challenge made readable.
const MARIADB: &[u8] = b"\x0a5.5.5-10.11.14-MariaDB-0+deb12u2\0\x1f\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xbf\x81\x15\
\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0";

/// MySQL 9's.
const MYSQL: &[u8] = b"\x0a9.7.0\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\
\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0";

const NONCE: Nonce = *b"abcdefghijklmnopqrst";

#[test]
fn greetings_of_both_servers_read_and_are_written_alike() {
    for (bytes, version, thread_id, plugin, extended) in [
        (MARIADB, "5.5.5-10.11.14-MariaDB-0+deb12u2", 31, auth::NATIVE, 0x1d),
        (MYSQL, "9.7.0", 8, auth::CACHING_SHA2, 0),
    ] {
        let greeting = Greeting::decode(bytes).unwrap();
        assert_eq!((greeting.version.as_str(), greeting.thread_id, greeting.nonce), (version, thread_id, NONCE));
        assert_eq!((greeting.plugin.as_str(), greeting.status), (plugin, Status::AUTOCOMMIT));
        assert_eq!(greeting.capabilities.extended(), extended);
        let mut out = BytesMut::new();
        greeting.encode(&mut out);
        assert_eq!(&out[..], bytes, "{version}");
    }
}

#[test]
fn flags_of_mariadb_are_read_from_mariadb_only() {
    let mut told = MYSQL.to_vec();
    let at = b"\x0a9.7.0\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0".len();
    told[at] = 0x1d;
    assert_eq!(Greeting::decode(&told).unwrap().capabilities.extended(), 0);
}

#[test]
fn every_cut_of_a_greeting_is_refused() {
    // The name of the plugin runs to the end: cut there, it is another name.
    let until = MYSQL.len() - "caching_sha2_password\0".len();
    for end in 0..until {
        assert!(Greeting::decode(&MYSQL[..end]).is_err(), "{end}");
    }
    assert!(Greeting::decode(b"\x09old").is_err());
}

#[test]
fn server_of_before_mysql_41_is_refused() {
    let old = b"\x0a3.23.58\0\x08\0\0\0abcdefgh\0\x2c\0\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0";
    assert!(matches!(Greeting::decode(old), Err(WireError::Unsupported { .. })));
}

fn offered() -> Capabilities {
    capabilities::offer(Greeting::decode(MYSQL).unwrap().capabilities, true)
}

/// The fixed fields of a response with these flags.
fn fixed(flags: u32) -> Vec<u8> {
    let mut out = BytesMut::new();
    let hello = Hello { capabilities: Capabilities::from_halves(flags, 0), packet_max: 1 << 24, collation: 45 };
    hello.encode(&mut out);
    out.to_vec()
}

/// PROTOCOL_41, SECURE_CONNECTION, CONNECT_WITH_DB, PLUGIN_AUTH, CONNECT_ATTRS, PLUGIN_AUTH_LENENC, LONG_PASSWORD.
const USUAL: u32 = 0x0038_8209;

fn usual() -> Vec<u8> {
    let rest = b"bot\0\x03xyzshop\0caching_sha2_password\0\x19\x0cprogram_name\x0bclaude-code";
    [&fixed(USUAL)[..], rest].concat()
}

fn response(payload: &[u8]) -> Result<Response, WireError> {
    match Answer::decode(payload, offered())? {
        Answer::Response(response) => Ok(*response),
        Answer::Tls(_) => panic!("a request for TLS"),
    }
}

#[test]
fn response_reads_and_is_written_alike() {
    let read = response(&usual()).unwrap();
    assert_eq!((read.user.as_str(), &read.proof[..], read.database.as_deref()), ("bot", &b"xyz"[..], Some("shop")));
    assert_eq!(read.plugin.as_deref(), Some(auth::CACHING_SHA2));
    assert_eq!(read.attributes, [("program_name".to_owned(), "claude-code".to_owned())]);
    assert_eq!((read.hello.packet_max, read.hello.collation), (1 << 24, 45));
    let mut out = BytesMut::new();
    read.encode(&mut out);
    assert_eq!(&out[..], &usual()[..]);
}

#[test]
fn clients_with_less_to_say_are_understood() {
    let bare = response(&[&fixed(0x8200)[..], b"bot\0\x02ab"].concat()).unwrap();
    assert_eq!((bare.user.as_str(), &bare.proof[..]), ("bot", &b"ab"[..]));
    assert_eq!((bare.database, bare.plugin, bare.attributes.len()), (None, None, 0));
    let no_database = response(&[&fixed(0x8208)[..], b"bot\0\0\0"].concat()).unwrap();
    assert_eq!(no_database.database, None, "an empty name is none");
    let cut_short = response(&[&fixed(0x0018_8200)[..], b"bot\0\0"].concat()).unwrap();
    assert_eq!((cut_short.plugin, cut_short.attributes.len()), (None, 0));
}

#[test]
fn request_for_tls_is_told_from_a_response() {
    let request = fixed(USUAL | 0x800);
    let Ok(Answer::Tls(hello)) = Answer::decode(&request, offered()) else { panic!("no request for TLS") };
    assert!(hello.capabilities.has(Capabilities::SSL));
    assert!(response(&[&request[..], b"bot\0\0\0\0\0"].concat()).is_ok(), "over TLS the flag stays set");
}

#[test]
fn what_blinds_the_proxy_is_refused_by_name() {
    for (flag, text) in
        [(0x20, "zlib compression is not supported"), (0x0400_0000, "zstd compression is not supported")]
    {
        let payload = [&fixed(USUAL | flag)[..], &usual()[32..]].concat();
        assert_eq!(response(&payload).unwrap_err().to_string(), text);
    }
    let old = response(&[&fixed(0x8008)[..], b"bot\0\0"].concat()).unwrap_err().to_string();
    assert_eq!(old, "the protocol before MySQL 4.1 is not supported");
}

#[test]
fn flags_that_were_not_offered_do_not_count() {
    let without = offered().without(Capabilities::CONNECT_ATTRS);
    let payload = [&fixed(USUAL)[..], b"bot\0\0shop\0p\0"].concat();
    let Ok(Answer::Response(read)) = Answer::decode(&payload, without) else { panic!("no response") };
    assert_eq!(read.attributes.len(), 0);
    assert!(Answer::decode(&usual(), without).is_err(), "attributes that were not asked for are too much");
}

#[test]
fn lies_are_refused() {
    let usual = usual();
    // The name of the plugin and the attributes may be left out; every other cut is one inside a field.
    let whole = [usual.len() - 26, usual.len() - 26 - "caching_sha2_password\0".len()];
    for end in (0..usual.len()).filter(|end| !whole.contains(end)) {
        assert!(Answer::decode(&usual[..end], offered()).is_err(), "{end}");
    }
    for rest in [
        &b"bot\0\xfd\xff\xff\xffxyz"[..],
        b"bot\0\xffxyz",
        b"bot\0\x03xyzshop\0p\0\x05\x01a\x01",
        b"bot\0\x03xyzshop\0p\0\x05\x01a\x09b\x01",
        b"bot\0\x03xyzshop\0p\0\0more",
        b"b\xff\0\x03xyzshop\0p\0\0",
    ] {
        assert!(response(&[&fixed(USUAL)[..], rest].concat()).is_err(), "{rest:?}");
    }
}

#[test]
fn challenges_have_no_byte_that_ends_a_string() {
    assert_eq!(nonce([0; 20]), [1; 20]);
    assert_eq!(nonce([b'$'; 20]), [1; 20]);
    assert!(
        nonce(std::array::from_fn(|index| u8::try_from(index * 13).unwrap()))
            .iter()
            .all(|byte| *byte != 0 && *byte < 128)
    );
}

proptest::proptest! {
    #[test]
    fn reading_anything_never_panics(bytes: Vec<u8>, flags: u32) {
        let _ = (Greeting::decode(&bytes), Answer::decode(&bytes, offered()));
        let _ = Answer::decode(&[fixed(flags | 0x8200), bytes].concat(), Capabilities(u64::MAX));
    }

    #[test]
    fn responses_read_back(user in "[a-z]{0,12}", proof: Vec<u8>, database in "[a-z]{1,8}", value in "\\PC{0,20}") {
        let read = Response {
            hello: Hello { capabilities: Capabilities::from_halves(USUAL, 0), packet_max: 7, collation: 255 },
            user,
            proof,
            database: Some(database),
            plugin: Some(auth::NATIVE.to_owned()),
            attributes: vec![("a".to_owned(), value)],
        };
        let mut out = BytesMut::new();
        read.encode(&mut out);
        assert_eq!(response(&out), Ok(read));
    }
}
