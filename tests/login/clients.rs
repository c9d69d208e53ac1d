//! The client's side: plain, TLS, direct TLS, SCRAM with and without channel binding, databases, versions, cancel keys.

use std::process::Output;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use holdpoint::config::{ClientTls, Protocol, Upstream};
use holdpoint::pg::messages::backend::CancelKey;
use holdpoint::pg::messages::extended::query;
use holdpoint::pg::messages::rows::describe;
use holdpoint::pg::messages::{message, put_text, untyped};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation};
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::harness::{self, Proxy, SECRET, certificate, config, proxy, start, upstream};
use crate::postgres::{Postgres, program};
use crate::raw::{GSS_REQUEST, Raw, SSL_REQUEST, startup};

pub fn dsn(proxy: &Proxy) -> Config {
    let mut dsn = Config::new();
    dsn.host("127.0.0.1").port(proxy.addr.port()).user("bot").password(SECRET).dbname("shop");
    dsn.application_name("login test").ssl_mode(SslMode::Disable);
    dsn
}

fn tls(alpn: bool) -> MakeRustlsConnect {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&Postgres::shared().ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = if alpn { vec![b"postgresql".to_vec()] } else { vec![] };
    MakeRustlsConnect::new(config)
}

pub async fn connect(dsn: &Config) -> Result<Client, Error> {
    let (client, connection) = dsn.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn connect_tls(dsn: &Config, tls: MakeRustlsConnect) -> Result<Client, Error> {
    let (client, connection) = dsn.connect(tls).await?;
    tokio::spawn(connection);
    Ok(client)
}

pub async fn text(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// SQLSTATE and text of a refused login.
pub fn refusal(result: Result<Client, Error>) -> (String, String) {
    let Err(error) = result else { panic!("the login is not refused") };
    let report = error.as_db_error().unwrap_or_else(|| panic!("not a server's error: {error:?}"));
    (report.code().code().to_owned(), report.message().to_owned())
}

async fn psql(proxy: &Proxy, dsn: &str, env: &[(&str, &str)], sql: &str) -> Output {
    let mut command = tokio::process::Command::new(program("psql"));
    let target =
        format!("host=localhost hostaddr=127.0.0.1 port={} user=bot password={SECRET} {dsn}", proxy.addr.port());
    command.args(["-XAtq", "-d", &target, "-c", sql]).envs(env.iter().copied()).output().await.unwrap()
}

fn printed(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_login_reaches_the_database_as_the_upstream_role() {
    let proxy = proxy().await;
    let client = connect(&dsn(&proxy)).await.unwrap();
    assert_eq!(text(&client, "SELECT current_user::text").await, "hp_scram");
    assert_eq!(text(&client, "SELECT current_setting('application_name')").await, "login test");
    assert_eq!(text(&client, "SELECT current_setting('client_encoding')").await, "UTF8");
    let seen = proxy.told.seen.lock()[0].clone();
    assert_eq!((seen.agent.as_str(), seen.database.as_str(), seen.tls), ("bot", "shop", None));
    assert_eq!(seen.application_name.as_deref(), Some("login test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_login_binds_the_channel() {
    let proxy = proxy().await;
    for binding in [ChannelBinding::Require, ChannelBinding::Disable] {
        let mut dsn = dsn(&proxy);
        dsn.ssl_mode(SslMode::Require).channel_binding(binding);
        let client = connect_tls(&only_host(&dsn, "localhost"), tls(false)).await.unwrap();
        assert_eq!(text(&client, "SELECT 'in'").await, "in", "{binding:?}");
        assert_eq!(proxy.told.seen.lock().last().unwrap().tls.as_deref(), Some("TLSv1.3"));
    }
}

/// The same settings with one host only.
fn only_host(dsn: &Config, host: &str) -> Config {
    let mut one = Config::new();
    one.host(host).port(dsn.get_ports()[0]).user("bot").password(SECRET).dbname("shop");
    one.ssl_mode(dsn.get_ssl_mode())
        .channel_binding(dsn.get_channel_binding())
        .ssl_negotiation(dsn.get_ssl_negotiation());
    one
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_tls_needs_alpn() {
    let proxy = proxy().await;
    let mut direct = only_host(&dsn(&proxy), "localhost");
    direct.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    let client = connect_tls(&direct, tls(true)).await.unwrap();
    assert_eq!(text(&client, "SELECT 'in'").await, "in");
    let (code, message) = refusal(connect_tls(&direct, tls(false)).await);
    assert!(code == "08P01" && message.contains("ALPN"), "{code} {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_logs_in_by_every_sslmode() {
    let proxy = proxy().await;
    let ca = Postgres::shared().ca.display();
    for (mode, encrypted) in [
        ("sslmode=disable", false),
        ("sslmode=prefer", true),
        ("sslmode=require channel_binding=require", true),
        (&format!("sslmode=verify-full sslrootcert={ca}"), true),
    ] {
        let output = psql(&proxy, &format!("dbname=shop {mode}"), &[], "SELECT 'in'").await;
        assert_eq!(printed(&output), "in", "{mode}");
        assert_eq!(proxy.told.seen.lock().last().unwrap().tls.is_some(), encrypted, "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_kept_and_harmless_settings_passed_on() {
    let proxy = proxy().await;
    let options = r"-c holdpoint.reason=refund\ check -c timezone=Asia/Tokyo -c holdpoint.ticket=OPS-1";
    let output = psql(&proxy, "dbname=shop", &[("PGOPTIONS", options)], "SHOW timezone").await;
    assert_eq!(printed(&output), "Asia/Tokyo");
    let wanted =
        [("reason", "refund check"), ("ticket", "OPS-1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(proxy.told.seen.lock()[0].claims, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_not_harmless_are_refused_by_name() {
    let proxy = proxy().await;
    let mut asked = dsn(&proxy);
    asked.options("-c role=postgres");
    let (code, message) = refusal(connect(&asked).await);
    assert!(code == "42501" && message.contains("`role`"), "{code} {message}");
    asked.options("-c timezone=Mars");
    let (code, message) = refusal(connect(&asked).await);
    assert!(code == "22023" && message.contains("Mars"), "{code} {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secret_and_unknown_name_read_the_same() {
    let proxy = proxy().await;
    for (user, secret) in [("bot", "wrong"), ("nobody", SECRET)] {
        let mut wrong = dsn(&proxy);
        wrong.user(user).password(secret);
        let wanted = format!("password authentication failed for user \"{user}\"");
        assert_eq!(refusal(connect(&wrong).await), ("28P01".to_owned(), wanted));
    }
    assert_eq!(proxy.refusals(2).await.len(), 2);
    assert!(proxy.told.seen.lock().is_empty());
}

/// Salt and rounds that a name is challenged with.
async fn challenge(proxy: &Proxy, user: &str) -> (String, String) {
    let mut raw = Raw::with(proxy, &startup(0, &[("user", user), ("database", "shop")])).await;
    assert_eq!(raw.message().await.0, b'R');
    raw.send(b"p\0\0\0\x20SCRAM-SHA-256\0\0\0\0\x0an,,n=,r=ab").await;
    let (_, body) = raw.message().await;
    let text = String::from_utf8(body[4..].to_vec()).unwrap();
    let mut parts = text.split(',').skip(1).map(str::to_owned);
    (parts.next().unwrap(), parts.next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_cannot_be_probed_by_their_challenge() {
    let proxy = harness::proxy_to(upstream(Postgres::shared())).await;
    let (known, stranger) = (challenge(&proxy, "bot").await, challenge(&proxy, "nobody").await);
    assert_eq!((known.0.len(), &known.1), (stranger.0.len(), &stranger.1));
    assert_eq!(challenge(&proxy, "nobody").await, stranger, "the same at every try");
    assert_ne!(challenge(&proxy, "nobody2").await.0, stranger.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_are_told_apart_only_after_the_proof() {
    let proxy = proxy().await;
    let asked = |user: &str, database: &str| {
        let mut dsn = dsn(&proxy);
        dsn.user(user).dbname(database);
        dsn
    };
    assert_eq!(refusal(connect(&asked("bot", "nowhere")).await).0, "3D000");
    assert_eq!(refusal(connect(&asked("narrow", "shop")).await).0, "42501");
    assert_eq!(refusal(connect(&asked("nobody", "nowhere")).await).0, "28P01");
    assert_eq!(refusal(connect(&asked("off", "shop")).await).0, "28000");
}

#[tokio::test(flavor = "multi_thread")]
async fn database_of_another_protocol_is_said_to_be_elsewhere() {
    let server = Postgres::shared();
    let mut both = config(ClientTls::Off, upstream(server));
    both.databases.insert("crm".to_owned(), Upstream { protocol: Protocol::Mysql, ..upstream(server) });
    let proxy = start(both).await;
    let mut asked = dsn(&proxy);
    asked.dbname("crm");
    let (code, message) = refusal(connect(&asked).await);
    assert!(code == "3D000" && message.contains("speaks MySQL"), "{code} {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_can_be_demanded() {
    let server = Postgres::shared();
    let proxy = start(config(ClientTls::Required(certificate(server)), upstream(server))).await;
    let (code, message) = refusal(connect(&dsn(&proxy)).await);
    assert!(code == "28000" && message.contains("TLS"), "{code} {message}");
    let output = psql(&proxy, "dbname=shop sslmode=require", &[], "SELECT 'in'").await;
    assert_eq!(printed(&output), "in");
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_that_is_not_there_is_declined_and_login_goes_on() {
    let server = Postgres::shared();
    let proxy = start(config(ClientTls::Off, upstream(server))).await;
    let mut raw = Raw::with(&proxy, &GSS_REQUEST).await;
    assert_eq!(raw.byte().await, b'N');
    raw.send(&SSL_REQUEST).await;
    assert_eq!(raw.byte().await, b'N');
    raw.send(&startup(0, &[("user", "bot"), ("database", "shop")])).await;
    raw.prove(b"").await;
    while raw.message().await.0 != b'Z' {}
}

#[tokio::test(flavor = "multi_thread")]
async fn replication_is_refused() {
    let proxy = proxy().await;
    for mode in ["database", "true"] {
        let (code, message) =
            Raw::with(&proxy, &startup(0, &[("user", "bot"), ("replication", mode)])).await.refusal().await;
        assert!(code == "0A000" && message.contains("replication"), "{code} {message}");
    }
}

/// Logs in raw; gives the reported parameters and the cancel key.
async fn ready(raw: &mut Raw) -> (Vec<(String, String)>, CancelKey) {
    let (mut parameters, mut key) = (vec![], None);
    loop {
        let (kind, body) = raw.message().await;
        match kind {
            b'S' => {
                let status = holdpoint::pg::messages::backend::ParameterStatus::decode(&body).unwrap();
                parameters.push((status.name.to_owned(), status.value.to_owned()));
            }
            b'K' => key = Some(CancelKey::decode(&body).unwrap()),
            b'Z' => return (parameters, key.unwrap()),
            other => panic!("unexpected {other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_protocol_is_negotiated_and_its_key_cancels() {
    let proxy = harness::proxy_to(upstream(Postgres::shared())).await;
    let greeting =
        startup(9_999, &[("user", "bot"), ("database", "shop"), ("_pq_.new", "1"), ("application_name", "raw test")]);
    let mut raw = Raw::with(&proxy, &greeting).await;
    let (kind, body) = raw.message().await;
    assert_eq!((kind, &body[..]), (b'v', &b"\0\x03\0\x02\0\0\0\x01_pq_.new\0"[..]));
    raw.prove(b"").await;
    let (parameters, key) = ready(&mut raw).await;
    assert_eq!(key.secret.len(), 32);
    let role = parameters.iter().find(|(name, _)| name == "session_authorization").unwrap();
    assert_eq!(role.1, "bot", "the upstream role is not told");

    let mut out = BytesMut::new();
    message(&mut out, b'Q', |body| put_text(body, "SELECT pg_sleep(30)"));
    raw.send(&out).await;
    wait_for_sleep("raw test").await;
    let wrong = CancelKey { secret: vec![0; 32], ..key.clone() };
    for key in [wrong, key] {
        let mut request = BytesMut::new();
        untyped(&mut request, |body| {
            body.put_u32(80_877_102);
            body.put_i32(key.process);
            body.put_slice(&key.secret);
        });
        assert_eq!(Raw::with(&proxy, &request).await.until_end().await, b"");
    }
    while raw.message().await.0 != b'E' {}
    assert_eq!(proxy.refusals(1).await, ["cancel request with a wrong key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn minor_versions_keep_their_key_lengths() {
    let proxy = harness::proxy_to(upstream(Postgres::shared())).await;
    for (minor, length) in [(0, 4), (2, 32)] {
        let mut raw = Raw::with(&proxy, &startup(minor, &[("user", "bot"), ("database", "shop")])).await;
        raw.prove(b"").await;
        assert_eq!(ready(&mut raw).await.1.secret.len(), length);
        assert_eq!(proxy.told.seen.lock().last().unwrap().minor, minor);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_cancel_with_and_without_tls_on_either_side() {
    let server = Postgres::shared();
    for mode in [holdpoint::config::SslMode::Disable, holdpoint::config::SslMode::Require] {
        let shop = Upstream { ssl_mode: mode, ..upstream(server) };
        let proxy = start(config(ClientTls::Optional(certificate(server)), shop)).await;
        for ssl_mode in [SslMode::Disable, SslMode::Require] {
            let mut asked = only_host(&dsn(&proxy), "localhost");
            let name = format!("cancel {mode:?} {ssl_mode:?}");
            asked.ssl_mode(ssl_mode).application_name(&name);
            let client = connect_tls(&asked, tls(false)).await.unwrap();
            let cancel = client.cancel_token();
            let (slept, sent) = tokio::join!(client.batch_execute("SELECT pg_sleep(30)"), async {
                wait_for_sleep(&name).await;
                cancel.cancel_query(tls(false)).await
            });
            sent.unwrap();
            assert_eq!(slept.unwrap_err().code().unwrap().code(), "57014", "{name}");
        }
    }
}

/// Waits until a statement with `pg_sleep` runs in a session of this name.
async fn wait_for_sleep(application_name: &str) {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application_name}' \
         AND state = 'active' AND query LIKE 'SELECT pg_sleep%'"
    );
    for _ in 0..200 {
        let sql = sql.clone();
        let count = tokio::task::spawn_blocking(move || Postgres::shared().sql("postgres", &sql)).await.unwrap();
        if count != "0" {
            return;
        }
    }
    panic!("no statement runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_the_proof_reach_the_session() {
    let proxy = harness::proxy_to(upstream(Postgres::shared())).await;
    let mut statement = BytesMut::new();
    message(&mut statement, b'Q', |body| put_text(body, "SELECT 1 AS early"));
    assert!(query(&statement[5..]).is_ok());
    let mut raw = Raw::with(&proxy, &startup(0, &[("user", "bot"), ("database", "shop")])).await;
    raw.prove(&statement).await;
    ready(&mut raw).await;
    let (kind, body) = raw.message().await;
    assert_eq!((kind, describe(&body).unwrap()[0].name), (b'T', &b"early"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_with_their_sessions() {
    let proxy = proxy().await;
    let client = connect(&dsn(&proxy)).await.unwrap();
    assert_eq!(proxy.shared.cancel.len(), 1);
    drop(client);
    for _ in 0..100 {
        if proxy.shared.cancel.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the key outlived its session");
}
