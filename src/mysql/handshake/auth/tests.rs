//! Logins of every kind, the server's machine against the client's, and peers that cheat.

use std::sync::LazyLock;

use super::client::{AuthError, Client, KeySource, Reply, Terms, Transport};
use super::rsa::ServerKey;
use super::server::{Server, Step, Unfit, Verifiers};
use super::*;
use crate::gate::sample;
use crate::identity::credential::{native_verifier, sha256_hex};
use crate::identity::secret::Secret;

const NONCE: Nonce = *b"abcdefghijklmnopqrst";

static KEY: LazyLock<ServerKey> = LazyLock::new(|| ServerKey::generate().unwrap());

/// What is stored of `agent-secret`.
fn verifiers(with_sha256: bool, with_native: bool) -> Verifiers {
    let secret = Secret::new("agent-secret");
    let mut agent = sample::agent("bot");
    agent.secret_sha256 = if with_sha256 { sha256_hex(secret.expose()) } else { String::new() };
    agent.native_verifier = with_native.then(|| native_verifier(&secret));
    Verifiers::of(&agent)
}

fn terms(password: &str, private: bool, key: KeySource) -> Terms {
    let transport = if private { Transport::Tls } else { Transport::Open };
    Terms { password: Some(Secret::new(password)), transport, clear: false, key }
}

/// How a login ended.
#[derive(Debug, PartialEq)]
enum End {
    Proved,
    Checked(String),
    Wrong,
    Refused(Unfit),
    ClientStops(AuthError),
}

/// Lets a client of ours log in at a server of ours whose greeting names `plugin`.
fn login(terms: Terms, plugin: &str, verifiers: Verifiers) -> End {
    let mut client = Client::new(terms.clone(), NONCE);
    let mut server = Server::new(NONCE, terms.transport == Transport::Tls, verifiers);
    let (named, proof) = client.first(plugin).unwrap();
    let mut step = server.begin(Some(named), &proof, true);
    loop {
        let asked = match step {
            Step::Ask(payload) => payload,
            Step::Proved(before) => {
                let told = before.map(|payload| client.answer(&payload));
                assert!(matches!(told, None | Some(Ok(Reply::Wait))), "{told:?}");
                return End::Proved;
            }
            Step::Check(secret) => return End::Checked(secret.expose().to_owned()),
            Step::Wrong => return End::Wrong,
            Step::Refuse(unfit) => return End::Refused(unfit),
        };
        step = match client.answer(&asked) {
            Ok(Reply::Send(answer)) => server.answer(&answer, Some(&KEY)).unwrap(),
            Ok(other) => panic!("{other:?}"),
            Err(error) => return End::ClientStops(error),
        };
    }
}

#[test]
fn right_secrets_are_proved_by_each_plugin() {
    for plugin in [CACHING_SHA2, NATIVE, "something_new"] {
        let all = verifiers(true, true);
        assert_eq!(login(terms("agent-secret", false, KeySource::Never), plugin, all), End::Proved, "{plugin}");
    }
    let switched = login(terms("agent-secret", false, KeySource::Never), NATIVE, verifiers(true, false));
    assert_eq!(switched, End::Proved, "agents of before are asked for another plugin");
}

#[test]
fn wrong_secrets_and_strangers_go_the_same_ways() {
    for plugin in [CACHING_SHA2, NATIVE] {
        for stored in [verifiers(true, true), verifiers(true, false), Verifiers::fake("nobody", &[3; 32])] {
            assert_eq!(login(terms("guess", false, KeySource::Never), plugin, stored), End::Wrong, "{plugin}");
        }
    }
}

#[test]
fn secret_itself_travels_only_where_nobody_reads_along() {
    let full = || verifiers(false, false);
    let checked = End::Checked("agent-secret".to_owned());
    let by = |private, key| login(terms("agent-secret", private, key), CACHING_SHA2, full());
    assert_eq!(by(true, KeySource::Never), checked, "TLS");
    assert_eq!(by(false, KeySource::Ask), checked, "RSA, key asked for");
    assert_eq!(by(false, KeySource::Pinned(KEY.pem().to_owned())), checked, "RSA, key known");
    assert_eq!(by(false, KeySource::Never), End::ClientStops(AuthError::Unprotected));
    let other = ServerKey::generate().unwrap();
    assert_eq!(by(false, KeySource::Pinned(other.pem().to_owned())), End::Wrong, "sealed for somebody else");
}

#[test]
fn fast_proofs_are_those_of_the_library_that_clients_use() {
    use mysql_common::auth::plugins::{caching_sha2_password::scramble_sha256, mysql_native_password::scramble_native};
    let sha256 = scramble_sha256(&NONCE, b"agent-secret").unwrap();
    let native = scramble_native(&NONCE, b"agent-secret").unwrap();
    let begin = |plugin, proof: &[u8]| Server::new(NONCE, false, verifiers(true, true)).begin(plugin, proof, false);
    assert!(matches!(begin(Some(CACHING_SHA2), &sha256), Step::Proved(Some(_))));
    assert!(matches!(begin(Some(NATIVE), &native), Step::Proved(None)));
    assert!(matches!(begin(None, &native), Step::Proved(None)), "clients that name no plugin");
    assert!(matches!(begin(Some(NATIVE), &native[..19]), Step::Wrong));
    assert!(matches!(begin(Some(CACHING_SHA2), &sha256[..31]), Step::Wrong));
    assert!(matches!(begin(Some(CACHING_SHA2), &[]), Step::Wrong), "no agent has an empty secret");
    assert!(matches!(begin(Some(CACHING_SHA2), &[0]), Step::Wrong));
}

#[test]
fn clear_text_is_taken_over_tls_only() {
    let begin = |tls, proof: &[u8]| Server::new(NONCE, tls, verifiers(true, true)).begin(Some(CLEAR), proof, true);
    assert!(matches!(begin(true, b"agent-secret\0"), Step::Check(secret) if secret.expose() == "agent-secret"));
    assert!(matches!(begin(false, b"agent-secret\0"), Step::Refuse(Unfit::Clear)));
    assert!(matches!(begin(true, b"\0"), Step::Wrong) && matches!(begin(true, b"\xff\xfe\0"), Step::Wrong));
}

#[test]
fn proofs_for_one_challenge_are_none_for_another() {
    let mut client = Client::new(terms("agent-secret", false, KeySource::Never), NONCE);
    for plugin in [CACHING_SHA2, NATIVE] {
        let (named, proof) = client.first(plugin).unwrap();
        let mut other = Server::new([7; 20], false, verifiers(true, true));
        assert!(!matches!(other.begin(Some(named), &proof, true), Step::Proved(_)), "{plugin}");
    }
}

#[test]
fn nothing_is_taken_after_the_end() {
    let mut server = Server::new(NONCE, true, verifiers(false, false));
    assert!(matches!(server.begin(Some(CACHING_SHA2), &[7; 32], true), Step::Ask(_)));
    assert!(!server.wants_key());
    assert!(matches!(server.answer(b"guess\0", None), Ok(Step::Check(_))));
    assert!(server.answer(b"another\0", None).is_err());
    let mut plain = Server::new(NONCE, false, verifiers(false, false));
    assert!(matches!(plain.begin(Some(CACHING_SHA2), &[7; 32], true), Step::Ask(_)));
    assert!(plain.wants_key());
    assert!(matches!(plain.answer(b"\x02", None), Ok(Step::Refuse(Unfit::NoKey))));
}

fn client(private: bool, clear: bool) -> Client {
    let mut client = Client::new(Terms { clear, ..terms("app-secret", private, KeySource::Never) }, NONCE);
    client.first(CACHING_SHA2).unwrap();
    client
}

fn asked(plugin: &str) -> BytesMut {
    let mut out = BytesMut::new();
    put_switch(&mut out, plugin, &NONCE);
    out
}

#[test]
fn server_that_wishes_for_clear_text_does_not_get_it() {
    for (private, clear) in [(false, false), (false, true), (true, false)] {
        assert_eq!(client(private, clear).answer(&asked(CLEAR)), Err(AuthError::Clear), "{private} {clear}");
    }
    assert_eq!(client(true, true).answer(&asked(CLEAR)), Ok(Reply::Send(b"app-secret\0".to_vec())));
}

#[test]
fn sha256_password_is_protected_alike() {
    assert_eq!(client(true, false).answer(&asked(SHA256)), Ok(Reply::Send(b"app-secret\0".to_vec())));
    assert_eq!(client(false, false).answer(&asked(SHA256)), Err(AuthError::Unprotected));
    let mut asking = Client::new(terms("app-secret", false, KeySource::Ask), NONCE);
    assert_eq!(asking.answer(&asked(SHA256)), Ok(Reply::Send(vec![1])));
    let Ok(Reply::Send(sealed)) = asking.answer(&[&[MORE], KEY.pem().as_bytes()].concat()) else { panic!("no secret") };
    assert_eq!(KEY.open(&sealed, &NONCE).unwrap().as_slice(), b"app-secret\0");
}

#[test]
fn sha256_password_wants_rsa_over_a_unix_socket_where_nobody_else_can_answer() {
    let socket = Terms { transport: Transport::Socket, ..terms("app-secret", false, KeySource::Never) };
    let mut client = Client::new(socket.clone(), NONCE);
    assert_eq!(client.answer(&asked(SHA256)), Ok(Reply::Send(vec![1])));
    let Ok(Reply::Send(sealed)) = client.answer(&[&[MORE], KEY.pem().as_bytes()].concat()) else { panic!("no secret") };
    assert_eq!(KEY.open(&sealed, &NONCE).unwrap().as_slice(), b"app-secret\0");
    let mut client = Client::new(socket, NONCE);
    client.first(CACHING_SHA2).unwrap();
    assert_eq!(client.answer(&[MORE, FULL]), Ok(Reply::Send(b"app-secret\0".to_vec())));
}

#[test]
fn ed25519_signs_the_challenge_with_the_key_that_mariadb_stores() {
    use base64::Engine as _;
    use ed25519_dalek::{Signature, VerifyingKey};
    // What MariaDB's manual shows for `CREATE USER … IDENTIFIED VIA ed25519 USING PASSWORD('secret')`.
    let stored = "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY";
    let public = base64::engine::general_purpose::STANDARD_NO_PAD.decode(stored).unwrap();
    let mut client = Client::new(terms("secret", false, KeySource::Never), NONCE);
    client.first(NATIVE).unwrap();
    let challenge = [9_u8; 32];
    let Ok(Reply::Send(signed)) = client.answer(&[b"\xfeclient_ed25519\0", &challenge[..]].concat()) else {
        panic!("nothing signed")
    };
    let key = VerifyingKey::from_bytes(&public.try_into().unwrap()).unwrap();
    assert!(key.verify_strict(&challenge, &Signature::from_bytes(&signed.try_into().unwrap())).is_ok());
}

#[test]
fn servers_that_cheat_are_caught() {
    let more = |data: &[u8]| [&[MORE], data].concat();
    let wire = |result: Result<Reply, AuthError>| assert!(matches!(result, Err(AuthError::Wire(_))), "{result:?}");
    wire(client(false, false).answer(b""));
    wire(client(false, false).answer(b"\x02"));
    wire(client(false, false).answer(&more(b"\x05")));
    wire(client(false, false).answer(&more(b"")));
    wire(client(false, false).answer(b"\xfe"));
    wire(client(false, false).answer(b"\xfemysql_native_password\0short\0"));
    wire(client(false, false).answer(b"\xfeclient_ed25519\0short"));
    assert_eq!(client(false, false).answer(&asked("dialog")), Err(AuthError::Plugin("dialog".to_owned())));
    let mut restless = client(false, false);
    assert!(restless.answer(&asked(NATIVE)).is_ok());
    assert_eq!(restless.answer(&asked(CACHING_SHA2)), Err(AuthError::Restless));
    let mut asking = Client::new(terms("app-secret", false, KeySource::Ask), NONCE);
    asking.first(CACHING_SHA2).unwrap();
    assert_eq!(asking.answer(&more(&[FULL])), Ok(Reply::Send(vec![KEY_WANTED])));
    assert!(matches!(asking.answer(&more(b"no key")), Err(AuthError::Rsa(_))));
}

#[test]
fn no_password_is_said_only_when_one_is_wanted() {
    let none = Terms { password: None, ..terms("", true, KeySource::Never) };
    let mut client = Client::new(none, NONCE);
    assert_eq!(client.first(CACHING_SHA2), Ok((CACHING_SHA2, vec![])));
    assert_eq!(client.answer(b"\0\0\0\x02\0\0\0"), Ok(Reply::Accepted));
    assert_eq!(client.answer(&asked(NATIVE)), Err(AuthError::NoPassword));
    assert_eq!(client.answer(b"\xff\x15\x04no"), Ok(Reply::Rejected));
}

proptest::proptest! {
    #[test]
    fn answering_anything_never_panics(packets: Vec<Vec<u8>>, private: bool) {
        let (mut client, mut server) = (client(private, true), Server::new(NONCE, private, verifiers(false, true)));
        let _ = server.begin(Some(CACHING_SHA2), &[7; 32], true);
        for packet in &packets {
            let _ = (client.answer(packet), server.answer(packet, None));
        }
    }
}
