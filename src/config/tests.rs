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
