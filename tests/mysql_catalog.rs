//! Catalogs of a real MariaDB and a real MySQL: what is asked works on both, and what is built is true.
//!
//! With HOLDPOINT_RECORD set to a directory, the answers are written there, for the unit tests of `catalog/load/mysql`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test crate: a panic is a finding"
)]

#[path = "support/mysql.rs"]
mod mysql_server;
#[path = "support/sample_mysql.rs"]
mod sample_mysql;

use std::collections::BTreeMap;

use holdpoint::catalog::load::mysql::{begin, build, queries, server};
use holdpoint::catalog::load::{Answers, Rows};
use holdpoint::catalog::{self, Catalog, RelationKind};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, Row, Value};
use mysql_server::{Flavour, MySqlServer, UPSTREAM, UPSTREAM_PASSWORD};

/// One test at a time: a catalog spans all databases of its server, those of other tests too.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
const SCHEMA: &str = include_str!("mysql_catalog/schema.sql");

async fn log_in(server: &MySqlServer, user: &str, password: &str, database: &str) -> Conn {
    Conn::new(Opts::from(server.options(user, password, Some(database)))).await.unwrap()
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8(bytes).unwrap()),
        other => panic!("{other:?} in a text row"),
    }
}

/// The answers as the proxy gets them: text rows over one connection.
async fn ask(connection: &mut Conn) -> BTreeMap<&'static str, Rows> {
    let reported: String = connection.query_first("SELECT version()").await.unwrap().unwrap();
    let (flavour, version) = server(&reported).unwrap();
    for statement in begin(flavour, version) {
        connection.query_drop(statement).await.unwrap();
    }
    let mut answers = BTreeMap::new();
    for (name, sql) in queries() {
        let rows: Vec<Row> = connection.query(&sql).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        answers.insert(name, rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect());
    }
    answers
}

fn built(rows: &BTreeMap<&'static str, Rows>) -> Catalog {
    let mut answers = Answers::default();
    for (name, rows) in rows {
        answers.add(name, rows.clone());
    }
    build("crm", &answers).unwrap()
}

/// Writes what the unit tests read: users' relations, and three of the server's own.
fn record(flavour: Flavour, rows: &BTreeMap<&'static str, Rows>) {
    let Some(directory) = std::env::var_os("HOLDPOINT_RECORD") else { return };
    let kept = |row: &&Vec<Option<String>>| match (row.first(), row.get(1)) {
        (Some(Some(schema)), Some(Some(name))) if schema == "information_schema" => {
            ["TABLES", "COLUMNS", "SCHEMATA"].contains(&name.as_str())
        }
        // Other tests run beside.
        (Some(Some(schema)), _) => !schema.starts_with("shop_") || schema == "shop_built",
        _ => true,
    };
    let mut out = String::from("{");
    for (at, (name, rows)) in rows.iter().enumerate() {
        out += &format!("{}\n\"{name}\": [\n", if at == 0 { "" } else { "," });
        let lines: Vec<_> = rows.iter().filter(kept).map(|row| serde_json::to_string(row).unwrap()).collect();
        out += &(lines.join(",\n") + "\n]");
    }
    out += "\n}\n";
    let path = std::path::Path::new(&directory).join(format!("recorded_{}.json", flavour.name()));
    std::fs::write(path, out).unwrap();
}

async fn prepared(flavour: Flavour, database: &str) -> (&'static MySqlServer, Conn) {
    let server = MySqlServer::shared(flavour);
    server.sql("", &format!("CREATE DATABASE {database}"));
    // An account that sees no other test's database, and makes the objects: a routine's definition is shown to its definer.
    server.sql("", &format!("CREATE USER hp_{database}@'%' IDENTIFIED BY 'own-secret'"));
    server.sql("", &format!("GRANT ALL ON {database}.* TO hp_{database}@'%'"));
    let mut connection = log_in(server, &format!("hp_{database}"), "own-secret", database).await;
    let own = match flavour {
        Flavour::MariaDb => {
            "CREATE SEQUENCE counted; CREATE TABLE versioned (id int PRIMARY KEY) WITH SYSTEM VERSIONING; \
             CREATE TABLE strict (id uuid, address inet6);"
        }
        Flavour::MySql => "CREATE TABLE functional (id int NOT NULL, UNIQUE KEY ((id + 1)));",
    };
    connection.query_drop(format!("{SCHEMA}{own}")).await.unwrap();
    (server, connection)
}

#[tokio::test]
async fn both_servers_answer_and_what_is_built_is_true() {
    let _alone = ALONE.lock().await;
    for flavour in Flavour::ALL {
        let (_, mut connection) = prepared(flavour, "shop_built").await;
        let rows = ask(&mut connection).await;
        record(flavour, &rows);
        let catalog = built(&rows);
        let relation = |name: &str| catalog.relation_named("shop_built", name).unwrap().clone();
        let t = relation("t");
        assert_eq!(t.kind, RelationKind::Table);
        assert_eq!(t.unique_keys, [vec![1], vec![9, 10], vec![7]], "{flavour:?}");
        let generated = t.column_named("d").unwrap().generated.clone().unwrap();
        assert!(generated.contains(r"'it\'s \\ "), "{flavour:?}: {generated}");
        assert_eq!(
            (relation("twins").unique_keys.clone(), relation("Twins").unique_keys.clone()),
            (vec![vec![1, 2]], vec![vec![1, 2]])
        );
        assert!(!t.has_triggers && relation("parted").has_triggers);
        assert_eq!(relation("merged").kind, RelationKind::Foreign);
        assert!(relation("merged").unique_keys.is_empty());
        assert_eq!(relation("memory_one").unique_keys, [vec![1]]);
        assert_eq!(relation("v").kind, RelationKind::View);
        assert!(relation("v").definition.as_deref().unwrap().contains("`shop_built`.`t`"));
        let kinds = relation("kinds");
        let hidden = kinds.column_named("k_hidden").unwrap().number;
        assert!(catalog.is_hidden(catalog::ColumnKey { relation: kinds.key, number: hidden }));
        assert!(catalog.relation_folded("information_schema", "tables").is_some());
        assert!(catalog.relation_folded("information_schema", "processlist").is_none());
        assert_eq!(catalog.functions_named("plus_one")[0].definition_sha256.len(), 64);
        connection.disconnect().await.unwrap();
    }
}

#[tokio::test]
async fn a_change_of_one_table_leaves_the_numbers_of_the_others() {
    let _alone = ALONE.lock().await;
    for flavour in Flavour::ALL {
        let (server, mut connection) = prepared(flavour, "shop_changed").await;
        let asked_before = ask(&mut connection).await;
        let before = built(&asked_before);
        server.sql("shop_changed", "INSERT INTO part_one VALUES (1), (2); ANALYZE TABLE part_one");
        let asked = ask(&mut connection).await;
        let grown = built(&asked);
        for (name, rows) in &asked {
            assert!(*name == "estimates" || *rows == asked_before[name], "{flavour:?}: {name}");
        }
        assert_eq!(grown.version, before.version, "{flavour:?}");
        assert!((grown.relation_named("shop_changed", "part_one").unwrap().rows_estimate - 2.0).abs() < f64::EPSILON);
        server.sql("shop_changed", "CREATE TABLE aaa (id int); ALTER TABLE t ADD COLUMN later int");
        let after = built(&ask(&mut connection).await);
        assert_ne!(after.version, before.version);
        for relation in before.relations() {
            assert_eq!(after.relation_named(&relation.schema, &relation.name).unwrap().key, relation.key);
        }
        connection.disconnect().await.unwrap();
    }
}

#[tokio::test]
async fn who_sees_less_assumes_more() {
    let _alone = ALONE.lock().await;
    for flavour in Flavour::ALL {
        let (server, connection) = prepared(flavour, "shop_narrow").await;
        connection.disconnect().await.unwrap();
        server.sql("", "CREATE USER hp_narrow@'%' IDENTIFIED BY 'narrow'");
        server.sql("", "GRANT SELECT, INSERT, EXECUTE ON shop_narrow.* TO hp_narrow@'%'");
        let mut connection = log_in(server, "hp_narrow", "narrow", "shop_narrow").await;
        let catalog = built(&ask(&mut connection).await);
        let relation = |name: &str| catalog.relation_named("shop_narrow", name).unwrap().clone();
        assert!(relation("t").has_triggers, "triggers cannot be seen, so there may be some");
        assert_eq!(relation("v").definition, None, "a view that cannot be read is not followed");
        assert_eq!(
            &*catalog.functions_named("plus_one")[0].definition_sha256,
            "",
            "nobody vouches for what is not seen"
        );
        connection.disconnect().await.unwrap();
    }
}

#[tokio::test]
async fn the_servers_word_is_understood() {
    let _alone = ALONE.lock().await;
    for flavour in Flavour::ALL {
        let database = sample_mysql::clone_database(flavour, 1);
        let server = MySqlServer::shared(flavour);
        server.sql(&database, "CREATE TABLE only_here AS SELECT id, name, email FROM customers");
        let mut connection = log_in(server, UPSTREAM, UPSTREAM_PASSWORD, &database).await;
        let catalog = built(&ask(&mut connection).await);
        let mut word = async |sql: &str| {
            let result = connection.query_iter(sql).await.unwrap();
            let column = result.columns_ref()[0].clone();
            result.drop_result().await.unwrap();
            let key = catalog::origin(&catalog, &column.schema_str(), &column.org_table_str(), &column.org_name_str())?;
            catalog.column_path(key)
        };
        let (email, address) = (format!("crm.{database}.only_here.email"), format!("crm.{database}.contacts.address"));
        for (sql, expected) in [
            ("SELECT email FROM only_here", Some(&email)),
            ("SELECT c.EMAIL AS x FROM only_here AS c", Some(&email)),
            // MariaDB leaves the schema out.
            ("SELECT email FROM (SELECT DISTINCT email FROM only_here) d", Some(&email)),
            ("SELECT email FROM only_here GROUP BY email", Some(&email)),
            ("SELECT address FROM contacts", Some(&address)),
            ("SELECT upper(email) FROM only_here", None),
            ("SELECT max(email) FROM only_here", None),
            ("SELECT email FROM only_here UNION SELECT 'x'", None),
            ("SELECT 1", None),
        ] {
            assert_eq!(word(sql).await.as_ref(), expected, "{flavour:?}: {sql}");
        }
        // The one names the alias, which is no relation; the other the base table with a column that it has not.
        let derived = "SELECT x FROM (SELECT email AS x FROM only_here) d";
        let renamed = word(derived).await;
        assert!(renamed.is_none() || renamed.as_ref() == Some(&email), "{flavour:?}: {renamed:?}");
        connection.disconnect().await.unwrap();
    }
}
