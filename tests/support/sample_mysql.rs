//! The sample schema for MySQL and MariaDB, and its classes: the tables of `sample.rs` in their types.

use std::sync::OnceLock;

use crate::mysql_server::{Flavour, MySqlServer};

/// The tables of a database; [`FILL`] makes their rows once, tests get copies.
const SCHEMA: &str = "
CREATE TABLE customers (
    id int PRIMARY KEY, name varchar(60) NOT NULL, email varchar(100) NOT NULL UNIQUE, ssn varchar(40) NOT NULL,
    card_number varchar(20) NOT NULL, born date, balance decimal(12, 2), score double, country varchar(2) NOT NULL,
    active boolean NOT NULL, joined timestamp NOT NULL, uid binary(16), profile json, photo blob, tags json);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL, total decimal(10, 2) NOT NULL, status varchar(10) NOT NULL,
    note text, FOREIGN KEY (customer_id) REFERENCES customers (id));
CREATE TABLE employees (id int PRIMARY KEY, name varchar(60) NOT NULL, salary decimal(10, 2) NOT NULL);
CREATE TABLE api_keys (id int PRIMARY KEY, label varchar(40) NOT NULL, api_key varchar(60) NOT NULL UNIQUE);
CREATE TABLE scratch (id int PRIMARY KEY, body text);
CREATE TABLE counter (n int NOT NULL);
CREATE VIEW contacts AS SELECT id, name, email AS address FROM customers;
CREATE TABLE moods (id int PRIMARY KEY, feeling enum('calm', 'cross'));
CREATE TABLE kinds (id int PRIMARY KEY, tiny tinyint, small smallint, medium mediumint, big bigint unsigned, real4 float,
    fixed decimal(20, 6), birth year, clock time(3), stamp datetime(6), bits bit(12), letters char(9), raw varbinary(40),
    colours set('red', 'green', 'blue'), place point);
";

/// The rows of the template: 5000 customers, 3000 orders, some employees and keys. Nothing in them is anybody's.
const FILL: &str = "
CREATE TABLE digits (d int NOT NULL);
INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TABLE numbers (i int PRIMARY KEY);
INSERT INTO numbers SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d FROM digits a, digits b, digits c, digits d WHERE d.d < 5;
INSERT INTO customers
SELECT i, concat('Name ', i), concat('secret.person', i, '@canary.example'), concat('SSN-CANARY-', i),
       concat('4', lpad(i, 15, '0')), date '1970-03-17' + INTERVAL i DAY, i * 1.25, i / 3e0, elt(1 + i % 3, 'DE', 'FR', 'US'),
       i % 2 = 0, timestamp '2020-01-01 00:00:00' + INTERVAL i HOUR, unhex(left(sha2(i, 256), 32)),
       json_object('phone', concat('PHONE-CANARY-', i)), concat('PHOTO-CANARY-', i), json_array(concat('TAG-CANARY-', i), 'x')
FROM numbers;
INSERT INTO orders SELECT i, 1 + i % 5000, i, elt(1 + i % 2, 'open', 'paid'), concat('note ', i) FROM numbers WHERE i <= 3000;
INSERT INTO employees SELECT i, concat('Employee ', i), 40000 + 7 * i FROM numbers WHERE i <= 50;
INSERT INTO api_keys SELECT i, concat('key ', i), concat('sk_CANARY_', i) FROM numbers WHERE i <= 20;
INSERT INTO counter VALUES (0);
INSERT INTO moods VALUES (1, 'calm');
INSERT INTO kinds VALUES (1, -7, 300, 70000, 18446744073709551615, 1.5, 12.345678, 1999, '-12:34:56.789',
    '2024-02-29 23:59:59.123456', b'101010101010', 'nine', x'00ff10', 'red,blue', st_geomfromtext('POINT(1 2)'));
INSERT INTO kinds (id) VALUES (2);
DROP TABLE digits, numbers;
";

/// In an order that foreign keys admit.
const TABLES: [&str; 8] = ["customers", "orders", "employees", "api_keys", "scratch", "counter", "moods", "kinds"];

/// Classes and columns of the sample, with every risky action held for one approver.
pub fn rules() -> String {
    rules_with("")
}

/// The same with more rules (YAML list entries, indented by two spaces).
pub fn rules_with(more: &str) -> String {
    format!(
        r#"version: 1
limits: {{ bulk_rows: 1000 }}
defaults:
  approval: {{ stages: [{{ groups: [approvers], needed: 1 }}], expires: 1h, hold: 20s, use_within: 15m }}
classes:
  pii.email: {{ mask: email, probe: equality }}
  pii.ssn: {{ mask: redact, probe: hold }}
  pii.born: {{ mask: {{ date: year }}, probe: hold }}
  pii.free: {{ mask: redact, probe: hold }}
  pci.card: {{ mask: {{ partial: {{ keep_last: 4 }} }}, probe: hold }}
  money: {{ mask: "null", probe: hold }}
  secret: {{ mask: redact, probe: deny }}
columns:
  - {{ match: "*.*.customers.email", class: pii.email }}
  - {{ match: "*.*.customers.ssn", class: pii.ssn }}
  - {{ match: "*.*.customers.born", class: pii.born }}
  - {{ match: "*.*.customers.card_number", class: pci.card }}
  - {{ match: "*.*.customers.balance", class: money }}
  - {{ match: "*.*.customers.score", class: money }}
  - {{ match: "*.*.customers.profile", class: pii.free }}
  - {{ match: "*.*.customers.photo", class: pii.free }}
  - {{ match: "*.*.customers.tags", class: pii.free }}
  - {{ match: "*.*.customers.uid", class: pii.free }}
  - {{ match: "*.*.employees.salary", class: money }}
  - {{ match: "*.*.api_keys.api_key", class: secret }}
rules:
  - id: risky
    when: {{ actions: [bulk_read, export, copy_classified, bulk_write, ddl, privilege, routine, server, opaque] }}
    then: hold
  - id: never-truncate
    when: {{ verbs: [truncate] }}
    then: deny
    message: "Tables are never truncated from here."
{more}"#
    )
}

/// A database of its own for one test, called `shop_NUMBER`; `hp_upstream` may do everything in it.
pub fn clone_database(flavour: Flavour, number: u32) -> String {
    static MARIADB: OnceLock<()> = OnceLock::new();
    static MYSQL: OnceLock<()> = OnceLock::new();
    let server = MySqlServer::shared(flavour);
    let filled = if flavour == Flavour::MariaDb { &MARIADB } else { &MYSQL };
    filled.get_or_init(|| {
        server.sql("", "CREATE DATABASE sample");
        server.sql("sample", &format!("{SCHEMA}{FILL}"));
    });
    let name = format!("shop_{number}");
    let copies: String =
        TABLES.iter().map(|table| format!("INSERT INTO {table} SELECT * FROM sample.{table};")).collect();
    server.sql("", &format!("CREATE DATABASE {name}"));
    server.sql(&name, &format!("{SCHEMA}{copies}"));
    name
}
