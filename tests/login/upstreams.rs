//! The upstream's side: every sslmode, every way to authenticate, servers that are missing, slow, odd or hostile.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdpoint::config::{Certificate, ClientTls, SslMode, Upstream};
use holdpoint::identity::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::clients::{connect, dsn, refusal, text};
use crate::harness::{Proxy, config, proxy_to, start, upstream};
use crate::postgres::{Postgres, free_port};

fn shop() -> Upstream {
    upstream(Postgres::shared())
}

fn ca() -> Option<PathBuf> {
    Some(Postgres::shared().ca.clone())
}

/// Whether the upstream session is encrypted.
const ENCRYPTED: &str = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

async fn encrypted(upstream: Upstream) -> String {
    let proxy = proxy_to(upstream).await;
    text(&connect(&dsn(&proxy)).await.unwrap(), ENCRYPTED).await
}

/// The refusal an agent reads; it must name neither role nor host.
async fn refused(upstream: Upstream) -> (String, String) {
    let role = upstream.user.clone();
    let proxy = proxy_to(upstream).await;
    let (code, message) = refusal(connect(&dsn(&proxy)).await);
    assert!(!message.contains(&role) && !message.contains("127.0.0"), "{message}");
    assert!(!message.contains('\n') && message.len() < 400, "{message}");
    (code, message)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sslmode_logs_in_by_scram() {
    for (ssl_mode, ca, wanted) in [
        (SslMode::Disable, None, "false"),
        (SslMode::Prefer, None, "true"),
        (SslMode::Require, None, "true"),
        (SslMode::Require, ca(), "true"),
        (SslMode::VerifyCa, ca(), "true"),
        (SslMode::VerifyFull, ca(), "true"),
    ] {
        assert_eq!(encrypted(Upstream { ssl_mode, ca, ..shop() }).await, wanted, "{ssl_mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn host_name_counts_only_for_verify_full() {
    // The certificate is for 127.0.0.1 and localhost.
    let elsewhere = Upstream { host: "127.0.0.2".into(), ca: ca(), ..shop() };
    assert_eq!(encrypted(Upstream { ssl_mode: SslMode::VerifyCa, ..elsewhere.clone() }).await, "true");
    assert_eq!(refused(Upstream { ssl_mode: SslMode::VerifyFull, ..elsewhere }).await.0, "08006");
    let by_name = Upstream { host: "localhost".into(), ssl_mode: SslMode::VerifyFull, ca: ca(), ..shop() };
    assert_eq!(encrypted(by_name).await, "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_ca_is_refused() {
    let other = Some(Postgres::shared().other_ca.clone());
    for ssl_mode in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        let (code, _) = refused(Upstream { ssl_mode, ca: other.clone(), ..shop() }).await;
        assert_eq!(code, "08006", "{ssl_mode:?}");
    }
}

fn role(name: &str, password: &str, ssl_mode: SslMode) -> Upstream {
    Upstream { user: name.into(), password: Some(Secret::new(password)), ssl_mode, ..shop() }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_authenticate_works() {
    let server = Postgres::shared();
    let certificate = Certificate { chain: server.client_certificate.clone(), key: server.client_key.clone() };
    for upstream in [
        role("hp_scram", "scram-secret", SslMode::Disable),
        role("hp_scram", "scram-secret", SslMode::Require),
        role("hp_md5", "md5-secret", SslMode::Disable),
        role("hp_md5", "md5-secret", SslMode::Require),
        role("hp_clear", "clear-secret", SslMode::Require),
        Upstream { password: None, ..role("hp_trust", "", SslMode::Disable) },
        Upstream {
            password: None,
            client_certificate: Some(certificate),
            ca: ca(),
            ..role("hp_cert", "", SslMode::VerifyFull)
        },
        Upstream { host: server.dir.to_str().unwrap().into(), ..role("hp_scram", "scram-secret", SslMode::VerifyFull) },
    ] {
        let upstream = Upstream { ca: ca(), ..upstream };
        let user = upstream.user.clone();
        let proxy = proxy_to(upstream).await;
        // Twice: the second login uses kept SCRAM keys.
        for _ in 0..2 {
            let client = connect(&dsn(&proxy)).await.unwrap();
            assert_eq!(text(&client, "SELECT session_user::text").await, user);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn password_never_travels_in_the_clear() {
    let (code, message) = refused(role("hp_clear", "clear-secret", SslMode::Disable)).await;
    assert!(code == "08006" && message.contains("cannot log in"), "{code} {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_upstream_are_not_the_agents_business() {
    for upstream in [
        role("hp_scram", "wrong", SslMode::Disable),
        role("hp_md5", "wrong", SslMode::Disable),
        role("hp_nobody", "wrong", SslMode::Disable),
        role("hp_cert", "wrong", SslMode::Require),
        Upstream { password: None, ..shop() },
        Upstream { database: "missing_upstream".into(), ..shop() },
    ] {
        assert_eq!(refused(upstream).await.0, "08006");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_server_is_told_as_such() {
    let (code, message) = refused(Upstream { port: free_port(), ..shop() }).await;
    assert!(code == "08006" && message.contains("cannot be reached"), "{code} {message}");
    let (code, _) = refused(Upstream { host: "/nonexistent".into(), ..shop() }).await;
    assert_eq!(code, "08006");
}

#[tokio::test(flavor = "multi_thread")]
async fn places_at_a_database_are_counted_and_given_back() {
    let mut config = config(ClientTls::Off, Upstream { connections_max: 1, ..shop() });
    config.limits.login_timeout = Duration::from_millis(500);
    let proxy = start(config).await;
    let first = connect(&dsn(&proxy)).await.unwrap();
    let (code, message) = refusal(connect(&dsn(&proxy)).await);
    assert!(code == "53300" && message.contains("`shop`"), "{code} {message}");
    drop(first);
    for _ in 0..20 {
        if connect(&dsn(&proxy)).await.is_ok() {
            return;
        }
    }
    panic!("the place was not given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn places_taken_stay_taken_over_a_reload() {
    let mut config = config(ClientTls::Off, Upstream { connections_max: 1, ..shop() });
    config.limits.login_timeout = Duration::from_millis(300);
    let proxy = start(config.clone()).await;
    let _first = connect(&dsn(&proxy)).await.unwrap();
    let again = proxy.shared.prepare(Arc::new(config)).unwrap();
    proxy.shared.take_up(again);
    assert_eq!(refusal(connect(&dsn(&proxy)).await).0, "53300");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_served_are_named_and_the_old_ones_stay() {
    let proxy = proxy_to(shop()).await;
    let missing = Certificate { chain: "/nowhere/chain.pem".into(), key: "/nowhere/key.pem".into() };
    let error = proxy.shared.prepare(Arc::new(config(ClientTls::Optional(missing), shop()))).err().unwrap().to_string();
    assert!(error.contains("/nowhere/chain.pem"), "{error}");
    let unverifiable = Upstream { ssl_mode: SslMode::VerifyFull, ca: None, ..shop() };
    let error = proxy.shared.prepare(Arc::new(config(ClientTls::Off, unverifiable))).err().unwrap().to_string();
    assert!(error.contains("`shop`") && error.contains("`ca`"), "{error}");
    connect(&dsn(&proxy)).await.unwrap();
}

/// A server that follows a script: after each packet it reads it says the next line.
async fn scripted(script: Vec<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let script = script.clone();
            tokio::spawn(async move {
                let mut heard = [0_u8; 4096];
                for line in script {
                    if stream.read(&mut heard).await.unwrap_or(0) == 0 || stream.write_all(&line).await.is_err() {
                        return;
                    }
                }
                // Stays, so that only the proxy's own judgement ends the login.
                while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {}
            });
        }
    });
    port
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

/// A proxy with short patience in front of a scripted server.
async fn before(script: Vec<Vec<u8>>, ssl_mode: SslMode) -> Proxy {
    let upstream = Upstream { port: scripted(script).await, ssl_mode, ..shop() };
    let mut config = config(ClientTls::Off, upstream);
    config.limits.login_timeout = Duration::from_secs(3);
    start(config).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_servers_get_nowhere() {
    let ok = message(b'R', &[0, 0, 0, 0]);
    let sasl = message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    let notices = message(b'N', b"SNOTICE\0\0").repeat(2000);
    let scripts: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("garbage", vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]),
        ("negative length", vec![b"R\xff\xff\xff\xff".to_vec()]),
        ("oversize", vec![b"E\x7f\xff\xff\xff".to_vec()]),
        ("row before login", vec![message(b'D', b"\0\0")]),
        ("GSS", vec![message(b'R', &[0, 0, 0, 7])]),
        ("password in the clear", vec![message(b'R', &[0, 0, 0, 3])]),
        ("unknown mechanism", vec![message(b'R', b"\0\0\0\x0aOTHER\0\0")]),
        ("no proof", vec![sasl.clone(), ok.clone()]),
        ("foreign nonce", vec![sasl.clone(), message(b'R', b"\0\0\0\x0br=x,s=AAAA,i=4096")]),
        ("endless notices", vec![notices]),
        ("row after login", vec![[ok.clone(), message(b'D', b"\0\0")].concat()]),
        ("open transaction", vec![[ok.clone(), message(b'Z', b"T")].concat()]),
        ("version", vec![message(b'v', &[0, 3, 0, 0, 0, 0, 0, 0])]),
        (
            "huge parameters",
            vec![[ok.clone(), message(b'S', &[&[b'a'; 60_000][..], b"\0b\0"].concat()).repeat(3)].concat()],
        ),
        ("two keys", vec![[ok.clone(), message(b'K', &[0; 8]).repeat(2)].concat()]),
        ("odd error", vec![message(b'E', b"Mno end")]),
        ("odd key", vec![[ok, message(b'K', b"\0\0")].concat()]),
    ];
    for (name, script) in scripts {
        let started = Instant::now();
        let (code, message) = refusal(connect(&dsn(&before(script, SslMode::Disable).await)).await);
        assert!(code == "08006" && !message.contains("hp_scram"), "{name}: {code} {message}");
        assert!(started.elapsed() < Duration::from_secs(2), "{name}: judged, not waited out");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unencrypted_bytes_before_tls_are_refused() {
    for ssl_mode in [SslMode::Prefer, SslMode::Require] {
        for answer in [&b"SR\0\0\0\x08\0\0\0\0"[..], b"NR\0\0\0\x08\0\0\0\0", b"E", b"\0"] {
            let proxy = before(vec![answer.to_vec()], ssl_mode).await;
            assert_eq!(refusal(connect(&dsn(&proxy)).await).0, "08006", "{answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_server_is_given_up() {
    let mut config = config(ClientTls::Off, Upstream { port: scripted(vec![]).await, ..shop() });
    config.limits.login_timeout = Duration::from_millis(300);
    let proxy = start(config).await;
    let started = Instant::now();
    let (code, message) = refusal(connect(&dsn(&proxy)).await);
    assert!(code == "08006" && message.contains("in time"), "{code} {message}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

/// A way to the test server on which TLS is declined.
async fn without_tls() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            tokio::spawn(async move {
                near.read_exact(&mut [0_u8; 8]).await.unwrap();
                near.write_all(b"N").await.unwrap();
                let mut far = TcpStream::connect(("127.0.0.1", Postgres::shared().port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn only_prefer_goes_on_without_tls() {
    let port = without_tls().await;
    assert_eq!(encrypted(Upstream { port, ssl_mode: SslMode::Prefer, ..shop() }).await, "false");
    for ssl_mode in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        let (code, _) = refused(Upstream { port, ssl_mode, ca: ca(), ..shop() }).await;
        assert_eq!(code, "08006", "{ssl_mode:?}");
    }
}
