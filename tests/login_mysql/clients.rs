//! The client's side: every plugin, TLS, databases, claims, versions, `KILL`, COM_CHANGE_USER; drivers and the servers' own
//! command line clients.

use std::process::Output;
use std::time::Duration;

use bytes::BytesMut;
use holdpoint::mysql::handshake::auth::client::KeySource;
use holdpoint::mysql::handshake::auth::{CACHING_SHA2, NATIVE};
use holdpoint::mysql::handshake::capabilities::Capabilities;
use holdpoint::mysql::packets::change_user::ChangeUser;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, OptsBuilder, SslOpts};

use crate::harness::{Proxy, SECRET, config, database, proxy, sample, shared, start, tls};
use crate::mysql::{Flavour, MySqlServer};
use crate::raw::{Login, Raw, USUAL, error};

pub fn dsn(proxy: &Proxy) -> OptsBuilder {
    OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(proxy.addr.port())
        .user(Some("bot"))
        .pass(Some(SECRET))
        .db_name(Some("sample"))
        .prefer_socket(false)
}

pub async fn connect(dsn: OptsBuilder) -> Result<Conn, Error> {
    Conn::new(Opts::from(dsn)).await
}

pub async fn text(conn: &mut Conn, sql: &str) -> String {
    conn.query_first::<String, _>(sql).await.unwrap().unwrap()
}

/// Number and text of a refused login.
pub fn refusal(result: Result<Conn, Error>) -> (u16, String) {
    match result {
        Err(Error::Server(error)) => (error.code, error.message),
        other => panic!("not a server's refusal: {other:?}"),
    }
}

fn secure(server: &MySqlServer, ca: &std::path::Path) -> SslOpts {
    assert!(server.ca.exists());
    SslOpts::default().with_root_certs(vec![ca.to_owned().into()])
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_log_in_and_are_told_the_servers_version() {
    for flavour in Flavour::ALL {
        let server = shared(flavour);
        let proxy = proxy(server).await;
        let mut conn = connect(dsn(&proxy)).await.unwrap();
        assert!(text(&mut conn, "SELECT CURRENT_USER()").await.starts_with("hp_upstream@"));
        assert_eq!(text(&mut conn, "SELECT DATABASE()").await, "sample");
        assert_eq!(text(&mut conn, "SELECT @@character_set_client").await, "utf8mb4");
        let direct = server.connect(None).await;
        assert_eq!(conn.server_version(), direct.server_version());
        let rows: Vec<u32> = conn.exec("SELECT seq + ? FROM (SELECT 1 seq UNION SELECT 2) t", (10,)).await.unwrap();
        assert_eq!(rows, [11, 12], "binary rows");
        let seen = proxy.told.seen.lock()[0].clone();
        assert_eq!((seen.agent.as_str(), seen.database.as_str(), seen.tls), ("bot", "sample", None));
        let (major, minor, patch) = direct.server_version();
        assert_eq!(seen.version, u32::from(major) * 10_000 + u32::from(minor) * 100 + u32::from(patch));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_offered_verified_and_can_be_demanded() {
    let server = shared(Flavour::MySql);
    for mode in ["optional", "required"] {
        let proxy = start(config(&[("sample", &sample(server, ""))], &tls(server, mode), "")).await;
        let mut conn = connect(dsn(&proxy).ssl_opts(secure(server, &server.ca))).await.unwrap();
        assert_eq!(text(&mut conn, "SELECT 'in'").await, "in");
        assert_eq!(proxy.told.seen.lock().last().unwrap().tls.as_deref(), Some("TLSv1.3"));
        assert!(connect(dsn(&proxy).ssl_opts(secure(server, &server.other_ca))).await.is_err(), "another CA");
        let plain = connect(dsn(&proxy)).await;
        match mode {
            "optional" => assert!(plain.is_ok()),
            _ => {
                let (code, message) = refusal(plain);
                assert!(code == 3159 && message.contains("TLS"), "{code} {message}");
            }
        }
    }
    let without = start(config(&[("sample", &sample(server, ""))], "", "")).await;
    let refused = connect(dsn(&without).ssl_opts(secure(server, &server.ca))).await;
    assert!(refused.is_err(), "TLS that is not offered cannot be had");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plugin_proves_the_secret() {
    let server = shared(Flavour::MariaDb);
    let proxy = proxy(server).await;
    let by = |user, plugin, key| Login { user, plugin: Some(plugin), key, ..Login::default() };
    // What the proxy said: 1 goes on with the plugin, 0xfe asks for another, 0 is OK.
    for (login, said) in [
        (by("bot", CACHING_SHA2, KeySource::Never), vec![1, 0]),
        (by("bot", NATIVE, KeySource::Never), vec![0]),
        (by("old", NATIVE, KeySource::Never), vec![0xfe, 1, 0]),
        (by("bare", CACHING_SHA2, KeySource::Ask), vec![1, 1, 0]),
    ] {
        let (mut raw, steps) = login.run(proxy.addr).await.unwrap_or_else(|error| panic!("{}: {error:?}", login.user));
        assert_eq!(steps, said, "{} by {:?}", login.user, login.plugin);
        raw.command(b"\x0e").await;
        assert_eq!(raw.packet().await.unwrap()[0], 0);
    }
    let old =
        Login { capabilities: USUAL.without(Capabilities::PLUGIN_AUTH), plugin: Some(NATIVE), ..Login::default() };
    assert_eq!(old.run(proxy.addr).await.unwrap().1, [0], "a client that names no plugin");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_exchange_goes_over_tls_too() {
    let server = shared(Flavour::MySql);
    let proxy = proxy(server).await;
    let mut conn = connect(dsn(&proxy).user(Some("bare")).ssl_opts(secure(server, &server.ca))).await.unwrap();
    assert_eq!(text(&mut conn, "SELECT 'in'").await, "in");
    let wrong = connect(dsn(&proxy).user(Some("bare")).pass(Some("guess")).ssl_opts(secure(server, &server.ca))).await;
    assert_eq!(refusal(wrong).0, 1045);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secret_and_unknown_name_read_the_same_at_every_step() {
    let proxy = proxy(shared(Flavour::MariaDb)).await;
    for plugin in [CACHING_SHA2, NATIVE] {
        for (user, secret) in [("bot", "guess"), ("old", "guess"), ("nobody", SECRET)] {
            let login = Login { user, secret: secret.to_owned(), plugin: Some(plugin), ..Login::default() };
            let Err((code, message)) = login.run(proxy.addr).await else { panic!("{user} is let in") };
            let wanted = format!("Access denied for user '{user}'@'127.0.0.1' (using password: YES)");
            assert_eq!((code, message), (1045, wanted), "{plugin}");
        }
    }
    let empty = connect(dsn(&proxy).pass(None::<String>)).await;
    assert_eq!(refusal(empty), (1045, "Access denied for user 'bot'@'127.0.0.1' (using password: NO)".to_owned()));
    assert_eq!(proxy.refusals(7).await.len(), 7);
    assert!(proxy.told.seen.lock().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_are_told_apart_only_after_the_proof() {
    let server = shared(Flavour::MariaDb);
    let shop = "{ host: 127.0.0.1, user: u }";
    let mine = sample(server, "");
    let proxy = start(config(&[("sample", &mine), ("shop", shop)], "", "")).await;
    let asked = |user: &str, name: &str| connect(dsn(&proxy).user(Some(user)).db_name(Some(name)));
    let (code, message) = refusal(asked("bot", "nowhere").await);
    assert!(code == 1049 && message.contains("nowhere"), "{code} {message}");
    assert_eq!(refusal(asked("narrow", "sample").await).0, 1044);
    assert_eq!(refusal(asked("nobody", "nowhere").await).0, 1045);
    assert_eq!(refusal(asked("off", "sample").await).0, 3118);
    let (code, message) = refusal(asked("bot", "shop").await);
    assert!(code == 1049 && message.contains("speaks PostgreSQL"), "{code} {message}");
    let mut only = connect(dsn(&proxy).db_name(None::<String>)).await.unwrap();
    assert_eq!(text(&mut only, "SELECT DATABASE()").await, "sample", "the only one is meant");
    let two = start(config(&[("sample", &mine), ("copy", &mine)], "", "")).await;
    let (code, message) = refusal(connect(dsn(&two).db_name(None::<String>)).await);
    assert!(code == 1046 && message.contains("copy, sample"), "{code} {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_come_by_attributes() {
    let proxy = proxy(shared(Flavour::MySql)).await;
    let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let attributes = vec![
        attribute("program_name", "claude-code"),
        attribute("holdpoint_reason", "refund check"),
        attribute("Holdpoint_Ticket", "OPS-1"),
        attribute("_os", "Linux"),
    ];
    Login { attributes, ..Login::default() }.run(proxy.addr).await.unwrap();
    let seen = proxy.told.seen.lock()[0].clone();
    assert_eq!(seen.application_name.as_deref(), Some("claude-code"));
    assert_eq!(seen.claims, [attribute("reason", "refund check"), attribute("ticket", "OPS-1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_are_told_in_the_form_each_client_agreed_on() {
    for flavour in Flavour::ALL {
        let proxy = proxy(shared(flavour)).await;
        let old = Login { capabilities: USUAL, ..Login::default() };
        let (mut raw, _) = old.run(proxy.addr).await.unwrap();
        raw.command(b"\x03SELECT 1 UNION SELECT 2").await;
        let mut firsts = Vec::new();
        while firsts.iter().filter(|first| **first == 0xfe).count() < 2 {
            firsts.push(raw.packet().await.unwrap()[0]);
        }
        assert_eq!(firsts, [1, 3, 0xfe, 1, 1, 0xfe], "{flavour:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_by_the_number_the_client_was_given_reaches_own_sessions_only() {
    for flavour in Flavour::ALL {
        let proxy = proxy(shared(flavour)).await;
        let mut slow = connect(dsn(&proxy)).await.unwrap();
        let number = slow.id();
        let sleeping = tokio::spawn(async move { slow.query_first::<u8, _>("SELECT SLEEP(30)").await });
        wait_for_sleep(shared(flavour)).await;
        let mut twin = connect(dsn(&proxy).user(Some("twin"))).await.unwrap();
        let Err(Error::Server(error)) = twin.query_drop(format!("KILL QUERY {number}")).await else { panic!("killed") };
        assert_eq!((error.code, error.message), (1094, format!("Unknown thread id: {number}")));
        let mut other = connect(dsn(&proxy)).await.unwrap();
        other.query_drop(format!("KILL QUERY {number}")).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(10), sleeping).await.expect("killed in time").unwrap();
        // MySQL lets SLEEP end early with 1; MariaDB has the statement fail.
        match ended {
            Ok(told) => assert_eq!(told, Some(1), "{flavour:?}"),
            Err(Error::Server(error)) => assert_eq!(error.code, 1317, "{flavour:?}"),
            Err(error) => panic!("{error}"),
        }
    }
}

async fn wait_for_sleep(server: &MySqlServer) {
    let mut root = server.connect(None).await;
    let sql =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(30)' AND user = 'hp_upstream'";
    for _ in 0..200 {
        if root.query_first::<u32, _>(sql).await.unwrap() != Some(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no statement runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_a_connection_ends_it_and_its_number() {
    let proxy = proxy(shared(Flavour::MariaDb)).await;
    let (victim, greeting) = {
        let (mut raw, greeting) = Raw::greeted(proxy.addr).await;
        let (_, response) = Login::default().response(&greeting);
        let mut out = BytesMut::new();
        response.encode(&mut out);
        raw.send(&out).await;
        assert_eq!((raw.packet().await.unwrap()[0], raw.packet().await.unwrap()[0]), (1, 0));
        (raw, greeting)
    };
    let kill = [&[0x0c][..], &greeting.thread_id.to_le_bytes()].concat();
    let (mut other, _) = Login::default().run(proxy.addr).await.unwrap();
    other.command(&kill).await;
    assert_eq!(other.packet().await.unwrap()[0], 0);
    assert_eq!(victim.until_end().await, b"");
    for _ in 0..100 {
        if proxy.shared.cancel.len() == 1 {
            other.command(&kill).await;
            assert_eq!(error(&other.packet().await.unwrap()).0, 1094);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the number outlived its session");
}

/// COM_CHANGE_USER with a proof by SHA-1 to the greeting's challenge.
async fn change(
    proxy: &Proxy,
    user: &'static str,
    secret: &'static str,
    database: Option<&str>,
) -> Result<(), (u16, String)> {
    let (mut raw, greeting) = Raw::greeted(proxy.addr).await;
    let first = Login { plugin: Some(NATIVE), ..Login::default() };
    let (_, response) = first.response(&greeting);
    let mut out = BytesMut::new();
    response.encode(&mut out);
    raw.send(&out).await;
    assert_eq!(raw.packet().await.unwrap()[0], 0);
    let (_, again) = Login { user, secret: secret.to_owned(), ..first }.response(&greeting);
    let change = ChangeUser {
        user: user.to_owned(),
        proof: again.proof,
        database: database.map(str::to_owned),
        collation: Some(45),
        plugin: Some(NATIVE.to_owned()),
        attributes: vec![],
    };
    out.clear();
    change.encode(&mut out, USUAL);
    raw.command(&out).await;
    loop {
        let payload = raw.packet().await.expect("an answer");
        match payload[0] {
            0 => break,
            0xfe => raw.send(&[7; 32]).await,
            _ => return Err(error(&payload)),
        }
    }
    raw.command(b"\x0e").await;
    assert_eq!(raw.packet().await.unwrap()[0], 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn user_is_changed_to_the_same_agent_only() {
    let proxy = proxy(shared(Flavour::MariaDb)).await;
    change(&proxy, "bot", SECRET, Some("sample")).await.unwrap();
    change(&proxy, "bot", SECRET, None).await.unwrap();
    assert_eq!(change(&proxy, "bot", "guess", None).await.unwrap_err().0, 1045);
    for (user, database) in [("twin", None), ("bot", Some("other"))] {
        let (code, message) = change(&proxy, user, SECRET, database).await.unwrap_err();
        assert!(code == 1235 && message.contains("open a new connection"), "{code} {message}");
    }
}

async fn program(server: &MySqlServer, proxy: &Proxy, more: &[&str]) -> Output {
    let cache = std::env::var("HOLDPOINT_CACHE")
        .unwrap_or_else(|_| format!("{}/.cache/holdpoint", std::env::var("HOME").unwrap()));
    let name = server.flavour.name();
    let mut command = tokio::process::Command::new(format!("{cache}/{name}-root/usr/bin/{name}"));
    command.args(["--no-defaults", "--batch", "--skip-column-names", "--protocol=tcp", "-h", "127.0.0.1", "-u", "bot"]);
    command.arg(format!("--port={}", proxy.addr.port())).arg(format!("-p{SECRET}"));
    command.args(more).args(["-e", "SELECT 'in', DATABASE()", "sample"]).output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn command_line_clients_of_both_servers_log_in_with_and_without_tls() {
    for flavour in Flavour::ALL {
        let server = shared(flavour);
        let proxy = proxy(server).await;
        let ca = format!("--ssl-ca={}", server.ca.display());
        let (plain, secure): (Vec<&str>, Vec<&str>) = match flavour {
            Flavour::MariaDb => (vec!["--skip-ssl"], vec!["--ssl", &ca, "--ssl-verify-server-cert"]),
            Flavour::MySql => (vec!["--ssl-mode=DISABLED"], vec!["--ssl-mode=VERIFY_CA", &ca]),
        };
        for (more, encrypted) in [(plain, false), (secure, true)] {
            let output = program(server, &proxy, &more).await;
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{flavour:?} {more:?}: {error}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "in\tsample\n");
            assert_eq!(proxy.told.seen.lock().last().unwrap().tls.is_some(), encrypted, "{flavour:?} {more:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_that_is_not_there_is_told_before_and_after_the_first_login() {
    let server = MySqlServer::start(Flavour::MariaDb);
    server.sql("", "CREATE DATABASE sample");
    let proxy = proxy(&server).await;
    let gone = database(1, "u", "p", "sslmode: disable");
    let never = start(config(&[("sample", &gone)], "", "")).await;
    let (code, message) = refusal(connect(dsn(&never)).await);
    assert!(code == 1105 && message.contains("no MySQL database can be reached"), "{code} {message}");
    drop(connect(dsn(&proxy)).await.unwrap());
    server.stop();
    let (code, message) = refusal(connect(dsn(&proxy)).await);
    assert!(code == 1105 && message.contains("`sample` cannot be reached"), "{code} {message}");
}
