//! Text in, configuration or all its faults out.

mod notify;

use std::path::Path;

use super::*;
use crate::config::file::{ConfigError, parse};
use crate::config::render::render;

const SHOP: &str = r#"
version: 1
postgres: { listen: "127.0.0.1:6432", tls: { mode: required, cert: tls/server.pem, key: tls/server.key } }
api: { listen: "127.0.0.1:6480", public_url: "https://holdpoint.example/" }
store: ./data
rules: ./rules
databases:
  shop: { host: db.internal, database: shopdb, user: app, password: "${SHOP_PASSWORD}", sslmode: verify-full, sslrootcert: /etc/ca.pem }
  crm: { host: /run/postgresql, port: 5433, user: crm, password_file: secrets/crm }
people:
  - { name: dana@example.com, groups: [approvers, dba] }
hold: { hold: 50s }
"#;

fn read(text: &str) -> Result<Config, Vec<String>> {
    let env = |name: &str| (name == "SHOP_PASSWORD").then(|| "s3cret".to_owned());
    let files = |path: &Path| match path == Path::new("/etc/holdpoint/secrets/crm") {
        true => Ok("from-file\n".to_owned()),
        false => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    let faults = |faults: Vec<ConfigError>| faults.iter().map(ConfigError::to_string).collect();
    parse(text, "/etc/holdpoint/holdpoint.yaml", &env, &files).map_err(faults)
}

#[test]
fn secrets_come_from_environment_and_files_and_paths_from_the_files_own_directory() {
    let config = read(SHOP).unwrap();
    let shop = &config.databases["shop"];
    assert_eq!(shop.password.as_ref().unwrap().expose(), "s3cret");
    assert_eq!((shop.database.as_str(), shop.port, shop.ssl_mode), ("shopdb", 5432, SslMode::VerifyFull));
    assert_eq!(config.databases["crm"].password.as_ref().unwrap().expose(), "from-file");
    assert_eq!(config.databases["crm"].database, "crm");
    assert_eq!(config.store, Path::new("/etc/holdpoint/./data"));
    assert_eq!(shop.ca.as_deref(), Some(Path::new("/etc/ca.pem")));
    assert!(matches!(&config.postgres.tls, ClientTls::Required(files) if files.key.ends_with("tls/server.key")));
    assert_eq!(config.api.public_url, "https://holdpoint.example");
    assert_eq!(config.hold.hold.as_secs(), 50);
    assert_eq!(config.people[0].groups, ["approvers", "dba"]);
}

const CRM: &str = r#"
version: 1
mysql: { listen: "127.0.0.1:6033", tls: { cert: tls/server.pem, key: tls/server.key } }
databases:
  crm: { protocol: mysql, host: db.internal, user: app, server_public_key: crm.pem, cleartext_password: true }
  old: { protocol: mysql, host: /run/mysqld/mysqld.sock, user: app, sslmode: disable, allow_public_key_retrieval: true }
  shop: { host: db.internal, user: app }
"#;

#[test]
fn databases_of_either_protocol_have_their_own_ports_and_listeners() {
    let config = read(CRM).unwrap();
    let crm = &config.databases["crm"];
    assert_eq!((crm.protocol, crm.port, config.databases["shop"].port), (Protocol::Mysql, 3306, 5432));
    assert_eq!(crm.mysql.public_key.as_deref(), Some(Path::new("/etc/holdpoint/crm.pem")));
    assert!(crm.mysql.cleartext_password && !crm.mysql.public_key_retrieval);
    assert!(config.databases["old"].mysql.public_key_retrieval);
    let listener = config.mysql.as_ref().unwrap();
    assert!(matches!(&listener.tls, ClientTls::Optional(files) if files.key.ends_with("tls/server.key")));
    let text = render(&config);
    assert_eq!(render(&read(&text).unwrap()), text);
}

#[test]
fn mysql_listener_is_there_when_it_is_needed_or_asked_for() {
    let listens = |text: &str| read(text).unwrap().mysql.map(|listener| listener.listen.to_string());
    let shop = "version: 1\ndatabases: { shop: { host: h, user: u } }";
    assert_eq!(listens(shop), None);
    assert_eq!(listens(&format!("{shop}\nmysql: {{}}")).as_deref(), Some("127.0.0.1:6033"));
    let crm = "version: 1\ndatabases: { crm: { protocol: mysql, host: h, user: u } }";
    assert_eq!(listens(crm).as_deref(), Some("127.0.0.1:6033"));
}

#[test]
fn what_only_mysql_has_is_refused_elsewhere_and_where_it_does_not_count() {
    let text = r#"
version: 1
mysql: { listen: "6033", tls: { mode: required, key: k } }
databases:
  shop: { host: h, user: u, server_public_key: k.pem, cleartext_password: true }
  crm: { protocol: mysql, host: h, user: u, allow_public_key_retrieval: true }
"#;
    let found = read(text).unwrap_err();
    for expected in [
        "mysql.listen: `6033` is not an address to listen on",
        "mysql.tls: TLS needs `cert` and `key`",
        "databases.shop.server_public_key: `server_public_key` is for MySQL only",
        "databases.shop.cleartext_password: `cleartext_password` is for MySQL only",
        "databases.crm.allow_public_key_retrieval: it only counts without TLS",
    ] {
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 5, "{}", found.join("\n"));
}

#[test]
fn defaults_are_those_that_the_types_promise() {
    let config = read("version: 1\ndatabases: { shop: { host: localhost, user: u } }").unwrap();
    assert_eq!(config.postgres.listen.to_string(), "127.0.0.1:6432");
    assert_eq!(config.api.public_url, "http://127.0.0.1:6480");
    assert!(config.rules.is_none() && matches!(config.postgres.tls, ClientTls::Off));
    let (hold, limits) = (config.hold, config.limits);
    assert_eq!((hold.hold.as_secs(), hold.hold_in_transaction.as_secs(), hold.hold_max.as_secs()), (300, 60, 86_400));
    assert_eq!((hold.heartbeat.as_secs(), hold.expires.as_secs(), hold.use_within.as_secs()), (20, 3600, 900));
    assert_eq!((hold.waiting_max_per_agent, hold.waiting_max), (20, 1000));
    assert_eq!((limits.clients_max, limits.half_open_max, limits.login_timeout.as_secs()), (2000, 500, 10));
    assert_eq!((limits.message_bytes_max, limits.statement_bytes_max, limits.prepared_max), (64 << 20, 1 << 20, 5000));
    assert_eq!((limits.catalog_refresh.as_secs(), limits.drain_timeout.as_secs()), (60, 30));
    assert_eq!((config.audit.checkpoint_every.as_secs(), config.audit.sync_every.as_millis()), (60, 50));
}

#[test]
fn rendered_configuration_hides_secrets_and_reads_back_the_same() {
    let config = read(SHOP).unwrap();
    let text = render(&config);
    assert!(!text.contains("s3cret") && !text.contains("from-file"), "{text}");
    assert!(text.contains("password: \"***\""), "{text}");
    let again = read(&text).unwrap();
    assert_eq!(render(&again), text);
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn all_faults_of_a_file_are_reported_at_once() {
    let text = r#"
version: 1
postgres: { listen: "6432", tls: { mode: required, cert: a.pem } }
api: { public_url: holdpoint.example }
store: "${HOME}/data"
databases:
  a: { host: "", user: u, password: "x${Y}" }
  b: { host: h, user: u, password: "${UNSET}", sslmode: verify-ca }
  c: { host: h, user: u, password: x, password_file: y, sslcert: z }
  d: { host: h, user: u, password_file: nowhere }
people: [{ name: dana }, { name: dana }, { name: " " }]
hold: { hold: 2h, hold_max: 1h }
"#;
    let found = read(text).unwrap_err();
    for expected in [
        ":3:21: postgres.listen: `6432` is not an address to listen on; write an IP",
        ":3:34: postgres.tls: TLS needs `cert` and `key`; give both",
        "api.public_url: `holdpoint.example` is not a URL",
        ":5:8: store: environment variables are expanded in secrets only",
        "databases.a.host: `host` is empty",
        "databases.a.password: a variable cannot be mixed with other text",
        ":8:36: databases.b.password: environment variable `UNSET` is not set",
        "databases.b.sslmode: verification needs a CA",
        "databases.c.password_file: `password` is given too",
        "databases.c.sslcert: `sslcert` and `sslkey` belong together",
        "databases.d.password_file: `nowhere` cannot be read: entity not found",
        "people[1].name: `dana` is there twice",
        "people[2].name: a person needs a name",
        "hold.hold: `hold` is longer than `hold_max`",
    ] {
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 14, "{}", found.join("\n"));
}

const OIDC: &str = r#"
version: 1
databases: { shop: { host: localhost, user: u } }
people:
  - { name: dana@example.com, subject: 00u1 }
  - { name: erik, email: erik@example.com }
  - { name: local }
sign_in: { idle: 30m, passwords: false, scopes: { "admin": [ops] } }
oidc: { issuer: "https://login.example.com/x", client_id: hp, client_secret: "${SHOP_PASSWORD}", groups: { dba: [guid] } }
"#;

#[test]
fn people_are_recognised_by_subject_or_address_and_the_secret_is_not_shown() {
    let config = read(OIDC).unwrap();
    let oidc = config.oidc.as_ref().unwrap();
    assert_eq!(oidc.client_secret.as_ref().unwrap().expose(), "s3cret");
    assert_eq!((oidc.name.as_str(), oidc.groups.claim.as_str()), ("login.example.com", "groups"));
    assert_eq!(oidc.scopes, ["profile", "email"]);
    let known: Vec<_> = oidc.identities.iter().map(|one| (one.subject.as_deref(), one.email.as_deref())).collect();
    assert_eq!(known, [(Some("00u1"), Some("dana@example.com")), (None, Some("erik@example.com")), (None, None)]);
    assert_eq!((config.sign_in.span.idle.as_secs(), config.sign_in.passwords), (1800, false));
    let text = render(&config);
    assert!(text.contains("client_secret: \"***\"") && !text.contains("s3cret"), "{text}");
    let again = read(&text).unwrap();
    assert_eq!(again.oidc.unwrap().identities, config.oidc.unwrap().identities);
    assert_eq!(again.sign_in, config.sign_in);
}

#[test]
fn providers_that_cannot_be_trusted_are_faults() {
    for (from, to, expected) in [
        ("https://login", "http://login", "oidc.issuer: `http://login.example.com/x` is not an issuer to trust"),
        ("https://login.example.com/x", "login", "oidc.issuer: `login` is not an issuer to trust"),
        ("https://login.", "https://u@login.", "oidc.issuer: "),
        ("client_id: hp,", "client_id: hp, audience: hp,", "oidc.audience: ID tokens have this audience"),
        ("${SHOP_PASSWORD}", "${UNSET}", "oidc.client_secret: environment variable `UNSET` is not set"),
        ("client_id: hp", "client_id: ''", "oidc.client_id: `client_id` is empty"),
    ] {
        let found = read(&OIDC.replace(from, to)).unwrap_err();
        assert!(found.len() == 1 && found[0].contains(expected), "{to}: {found:?}");
    }
}

#[test]
fn unknown_and_missing_keys_say_what_was_meant() {
    let found = read("version: 1\npostgress: {}\ndatabases: { a: { hots: h, user: u, sslmode: verify } }").unwrap_err();
    assert_eq!(
        found,
        [
            "/etc/holdpoint/holdpoint.yaml:2:1: postgress: unknown key `postgress`; did you mean `postgres`?",
            "/etc/holdpoint/holdpoint.yaml:3:19: databases.a.hots: unknown key `hots`; did you mean `host`?",
            "/etc/holdpoint/holdpoint.yaml:3:46: databases.a.sslmode: unknown value `verify`; known are `disable`, `prefer`, `require`, `verify-ca`, `verify-full`",
            "/etc/holdpoint/holdpoint.yaml:3:17: databases.a.host: `host` is missing",
        ]
    );
}

#[test]
fn asking_is_unlimited_unless_a_pace_is_written() {
    let pace = |rest: &str| read(&format!("version: 1\ndatabases: {{ a: {{ host: h, user: u }} }}\n{rest}"));
    let none = pace("").unwrap().pace;
    assert_eq!((none.asks_per_minute, none.denials, none.pause.as_secs()), (None, None, 600));
    let config = pace("pace: { asks_per_minute: 20, denials: 3, pause: 5m }").unwrap();
    assert_eq!((config.pace.asks_per_minute, config.pace.denials), (Some(20), Some(3)));
    assert!(render(&config).contains("pace:\n  asks_per_minute: 20\n  denials: 3\n  pause: 5m\n"));
    assert!(pace("pace: { denials: 0 }").is_err());
}

/// The schemas under `docs/schemas` are those of the types. Run with `HOLDPOINT_BLESS=1` to write them anew.
#[test]
fn published_schemas_are_those_of_the_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
    for (name, schema) in [("config.json", config_schema()), ("rules.json", crate::policy::rules::schema())] {
        let file = root.join(name);
        if std::env::var_os("HOLDPOINT_BLESS").is_some() {
            std::fs::write(&file, &schema).unwrap();
        }
        let published = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(published == schema, "{name} is out of date: run this test with HOLDPOINT_BLESS=1");
    }
}
