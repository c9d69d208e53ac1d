//! The upstream's side: every way the real servers want to be logged in to, TLS of every depth, and servers that lie.

use std::time::{Duration, Instant};

use holdpoint::mysql::handshake::capabilities::Capabilities;
use mysql_async::prelude::Queryable;

use crate::clients::{connect, dsn, refusal, text};
use crate::harness::{config, database, proxy_to, sample, shared, start};
use crate::mysql::{Flavour, UPSTREAM, UPSTREAM_PASSWORD};
use crate::raw::{Login, Raw};
use crate::scripted::{OFFERED, Step, changing, greeting, scripted};

/// Who the upstream session is, and its TLS cipher, when a client logs in through a proxy with these settings.
async fn reached(settings: &str) -> (String, bool) {
    let proxy = proxy_to(settings).await;
    let mut conn = connect(dsn(&proxy)).await.unwrap_or_else(|error| {
        panic!("{settings}: {error}, {:?}", proxy.told.refused.lock());
    });
    let user = text(&mut conn, "SELECT CURRENT_USER()").await;
    let cipher: Option<(String, String)> = conn.query_first("SHOW STATUS LIKE 'Ssl_cipher'").await.unwrap();
    (user.split('@').next().unwrap().to_owned(), cipher.is_some_and(|(_, cipher)| !cipher.is_empty()))
}

/// What is recorded when nobody can log in through a proxy with these settings; the client reads nothing of it.
async fn refused(settings: &str) -> String {
    let proxy = proxy_to(settings).await;
    let (code, message) = refusal(connect(dsn(&proxy)).await);
    assert!(code == 1105 && message.contains("no MySQL database can be reached"), "{code} {message}");
    proxy.refusals(1).await[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_account_of_both_servers_is_logged_in_to() {
    for flavour in Flavour::ALL {
        let server = shared(flavour);
        for (user, password, _) in flavour.accounts() {
            let keys =
                format!(", sslcert: {}, sslkey: {}", server.client_certificate.display(), server.client_key.display());
            let own = if *user == "hp_cert" { keys.as_str() } else { "" };
            let over_tls = database(server.port, user, password, &format!("sslmode: require{own}"));
            assert_eq!(reached(&over_tls).await, ((*user).to_owned(), true), "{flavour:?}");
            let plain = database(server.port, user, password, "sslmode: disable, allow_public_key_retrieval: true");
            match *user {
                "hp_tls" | "hp_cert" => {
                    let why = refused(&plain).await;
                    assert!(why.contains("server refused (1045)"), "{flavour:?} {user}: {why}");
                }
                _ => assert_eq!(reached(&plain).await, ((*user).to_owned(), false), "{flavour:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_sockets_are_private() {
    for flavour in Flavour::ALL {
        let server = shared(flavour);
        let socket = server.dir.join("sock");
        // MySQL's secret is sent in full here, whatever `sslmode` says: nobody can listen in between.
        for (user, password, _) in
            flavour.accounts().iter().filter(|(user, ..)| user.starts_with("hp_sha") || *user == "hp_native")
        {
            let settings = format!(
                "{{ protocol: mysql, host: {}, database: sample, user: {user}, password: {password}, sslmode: verify-full, sslrootcert: {} }}",
                socket.display(),
                server.ca.display()
            );
            assert_eq!(reached(&settings).await, ((*user).to_owned(), false), "{flavour:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn password_is_not_sent_where_others_can_read_it() {
    let server = shared(Flavour::MySql);
    for (user, password) in [("hp_sha2", "sha2-secret"), ("hp_sha256", "sha256-secret")] {
        // A server that remembers the password wants only a proof that it is known.
        let forget = || server.sql("", "FLUSH PRIVILEGES");
        forget();
        let why = refused(&database(server.port, user, password, "sslmode: disable")).await;
        assert!(why.contains("asks for the password over an unencrypted connection"), "{user}: {why}");
        let status = match user {
            "hp_sha2" => "Caching_sha2_password_rsa_public_key",
            _ => "Rsa_public_key",
        };
        let shown = server.sql("", &format!("SHOW STATUS LIKE '{status}'"));
        let key = shown.split_once('\t').unwrap().1.replace("\\n", "\n");
        let file = std::env::temp_dir().join(format!("holdpoint-{user}-{}.pem", std::process::id()));
        std::fs::write(&file, key).unwrap();
        forget();
        let pinned = format!("sslmode: prefer, server_public_key: {}", file.display());
        let plain = format!("sslmode: disable, server_public_key: {}", file.display());
        for more in [pinned, plain] {
            assert_eq!(reached(&database(server.port, user, password, &more)).await.0, user, "{more}");
            forget();
        }
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_verified_as_deeply_as_asked() {
    for flavour in Flavour::ALL {
        let server = shared(flavour);
        let at = |host: &str, more: &str| {
            database(server.port, UPSTREAM, UPSTREAM_PASSWORD, more).replace("127.0.0.1", host)
        };
        let (ca, other) = (server.ca.display(), server.other_ca.display());
        for (more, encrypted) in [
            ("sslmode: disable, allow_public_key_retrieval: true".to_owned(), false),
            ("sslmode: prefer".to_owned(), true),
            ("sslmode: require".to_owned(), true),
            (format!("sslmode: verify-ca, sslrootcert: {ca}"), true),
            (format!("sslmode: verify-full, sslrootcert: {ca}"), true),
        ] {
            assert_eq!(reached(&at("127.0.0.1", &more)).await, (UPSTREAM.to_owned(), encrypted), "{flavour:?} {more}");
        }
        for mode in ["require", "verify-ca", "verify-full"] {
            let why = refused(&at("127.0.0.1", &format!("sslmode: {mode}, sslrootcert: {other}"))).await;
            assert!(why.contains("TLS handshake failed"), "{flavour:?} {mode}: {why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_read_nothing_of_the_upstreams_secrets() {
    let server = shared(Flavour::MariaDb);
    let good = sample(server, "");
    let bad = database(server.port, UPSTREAM, "wrong", "sslmode: disable");
    let proxy = start(config(&[("sample", &good), ("wrong", &bad)], "", "")).await;
    let (code, message) = refusal(connect(dsn(&proxy).db_name(Some("wrong"))).await);
    assert!(code == 1105 && message.contains("`wrong` refused Holdpoint's login"), "{code} {message}");
    assert!(!message.contains(UPSTREAM) && !message.contains("127.0.0.1"), "{message}");
    assert!(proxy.refusals(1).await[0].contains("Access denied for user 'hp_upstream'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_counted_and_given_back() {
    let server = shared(Flavour::MariaDb);
    let few = config(&[("sample", &sample(server, ", connections_max: 1"))], "", "limits: { login_timeout: 1s }");
    let proxy = start(few).await;
    let first = connect(dsn(&proxy)).await.unwrap();
    let (code, message) = refusal(connect(dsn(&proxy)).await);
    assert!(code == 1040 && message.contains("are in use"), "{code} {message}");
    drop(first);
    assert!(connect(dsn(&proxy)).await.is_ok());
}

const VERSION: &str = "10.11.14-MariaDB";

fn begin(rest: Vec<Step>) -> Vec<Step> {
    [vec![Step::Packet(greeting(VERSION, OFFERED)), Step::Read], rest].concat()
}

fn asked(plugin: &str) -> Step {
    Step::Packet([&b"\xfe"[..], plugin.as_bytes(), b"\0nnnnnnnnnnnnnnnnnnnn\0"].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_lie_at_login_are_named_in_the_record_and_nowhere_else() {
    let greets = |version: &str, capabilities| vec![Step::Packet(greeting(version, capabilities)), Step::Silence];
    let table: Vec<(&str, &str, Vec<Step>)> = vec![
        ("says nothing and leaves", "login broke off", vec![]),
        (
            "too many connections",
            "server refused (1040)",
            vec![Step::Packet(b"\xff\x10\x04Too many connections".to_vec())],
        ),
        ("HTTP", "packet: at most", vec![Step::Bytes(b"HTTP/1.1 400 Bad Request\r\n".to_vec()), Step::Silence]),
        ("oversize", "packet: at most 65536 bytes", vec![Step::Bytes(vec![0xff, 0xff, 0x7f, 0]), Step::Silence]),
        ("out of order", "sequence number 0 expected, 9 found", vec![Step::Bytes(vec![1, 0, 0, 9, 10]), Step::Silence]),
        ("protocol 9", "protocol version 10 expected", vec![Step::Packet(b"\x093.20\0".to_vec()), Step::Silence]),
        (
            "a cut greeting",
            "more bytes expected",
            vec![Step::Packet(greeting(VERSION, OFFERED)[..30].to_vec()), Step::Silence],
        ),
        ("no version", "version cannot be trusted", greets("latest", OFFERED)),
        ("an old protocol", "the protocol of MySQL 4.1", greets(VERSION, OFFERED.without(Capabilities::PROTOCOL_41))),
        ("wishes for clear text", "the password in the clear", begin(vec![asked("mysql_clear_password")])),
        (
            "wishes for an old proof",
            "`mysql_old_password`, which is not supported",
            begin(vec![asked("mysql_old_password")]),
        ),
        ("wishes for the password", "over an unencrypted connection", begin(vec![asked("sha256_password")])),
        (
            "wishes for the password after all",
            "over an unencrypted connection",
            begin(vec![asked("caching_sha2_password"), Step::Read, Step::Packet(vec![1, 4])]),
        ),
        (
            "never content",
            "another plugin twice",
            begin(vec![asked("mysql_native_password"), Step::Read, asked("mysql_native_password"), Step::Silence]),
        ),
        (
            "asks for a file",
            "OK, ERR or a question",
            begin(vec![Step::Packet(b"\xfb/etc/passwd".to_vec()), Step::Silence]),
        ),
        ("talks without end", "sent too much", {
            begin(vec![asked("caching_sha2_password"), Step::Read, Step::Endless(vec![1, 3])])
        }),
        ("a broken OK", "OK: ", begin(vec![Step::Packet(vec![0, 0xfc]), Step::Silence])),
        (
            "another version afterwards",
            "greeted as 10.11.14-MariaDB, now says 5.7.1",
            begin(vec![Step::Serve("5.7.1")]),
        ),
        ("no version afterwards", "now says x", begin(vec![Step::Serve("x")])),
    ];
    for (what, recorded, steps) in table {
        let why = refused(&database(scripted(steps).await, "app", "app-secret", "sslmode: prefer")).await;
        assert!(why.contains(recorded), "{what}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_cannot_be_talked_away_nor_begun_with_early_bytes() {
    let plain = scripted(begin(vec![Step::Serve(VERSION)])).await;
    for mode in ["require", "prefer"] {
        let settings = database(plain, "app", "app-secret", &format!("sslmode: {mode}"));
        match mode {
            "require" => assert!(refused(&settings).await.contains("server offers no TLS")),
            _ => assert!(connect(dsn(&proxy_to(&settings).await)).await.is_ok()),
        }
    }
    let offers = greeting(VERSION, OFFERED.with(Capabilities::SSL));
    let mut early = vec![u8::try_from(offers.len()).unwrap(), 0, 0, 0];
    early.extend_from_slice(&offers);
    early.extend_from_slice(b"\x07\0\0\x02\0\0\0\x02\0\0\0");
    let hasty = scripted(vec![Step::Bytes(early), Step::Silence]).await;
    let why = refused(&database(hasty, "app", "app-secret", "sslmode: prefer")).await;
    assert!(why.contains("unencrypted bytes before TLS was up"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn upgraded_server_is_asked_anew_and_a_lying_one_is_refused() {
    // The profile by 10.11; then everything by 11.4, which says so when asked.
    let upgraded = changing(|count| match count {
        0 => begin(vec![Step::Serve(VERSION)]),
        _ => vec![Step::Packet(greeting("11.4.2-MariaDB", OFFERED)), Step::Read, Step::Serve("11.4.2-MariaDB")],
    });
    let proxy = proxy_to(&database(upgraded.await, "app", "app-secret", "sslmode: disable")).await;
    connect(dsn(&proxy)).await.unwrap();
    assert_eq!(proxy.told.seen.lock()[0].version, 110_402);
    // The same, but sessions are greeted with one version and questions with another.
    let lying = changing(|count| match count % 2 {
        0 => begin(vec![Step::Serve(VERSION)]),
        _ => vec![Step::Packet(greeting("5.7.1", OFFERED)), Step::Read, Step::Serve("5.7.1")],
    });
    let proxy = proxy_to(&database(lying.await, "app", "app-secret", "sslmode: disable")).await;
    let (code, message) = refusal(connect(dsn(&proxy)).await);
    assert!(code == 1105 && message.contains("cannot log in to database `sample`"), "{code} {message}");
    assert!(proxy.refusals(1).await[0].contains("version cannot be trusted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_servers_are_given_up() {
    let silent = scripted(vec![Step::Silence]).await;
    let settings = database(silent, "app", "app-secret", "sslmode: disable");
    let proxy = start(config(&[("sample", &settings)], "", "limits: { login_timeout: 400ms }")).await;
    let started = Instant::now();
    Raw::connect(proxy.addr).await.until_end().await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(proxy.refusals(1).await, ["login timed out"]);
    // Known by then, silent only at the session's login.
    let later = changing(|count| match count {
        0 => begin(vec![Step::Serve(VERSION)]),
        _ => vec![Step::Silence],
    });
    let settings = database(later.await, "app", "app-secret", "sslmode: disable");
    let proxy = start(config(&[("sample", &settings)], "", "limits: { login_timeout: 400ms }")).await;
    let Err((code, message)) = Login::default().run(proxy.addr).await else { panic!("let in") };
    assert!(code == 1105 && message.contains("did not answer in time"), "{code} {message}");
}
