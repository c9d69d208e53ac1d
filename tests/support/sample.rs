//! The sample schema, and the rules that the tests use where they say nothing else.

use std::sync::OnceLock;

use crate::holdpoint::{ROLE, ROLE_PASSWORD, WEAK};
use crate::server::Postgres;

/// Sample tables: 5000 customers, 3000 orders, some employees and keys. Nothing in them is anybody's.
const SCHEMA: &str = r#"
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE TABLE customers (
    id int PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE, ssn text NOT NULL, card_number text NOT NULL,
    born date, balance numeric(12, 2), score float8, country text NOT NULL, active boolean NOT NULL,
    joined timestamptz NOT NULL, uid uuid, profile jsonb, photo bytea, tags text[]
);
INSERT INTO customers
SELECT i, 'Name ' || i, 'secret.person' || i || '@canary.example', 'SSN-CANARY-' || i, '4' || lpad(i::text, 15, '0'),
       date '1970-03-17' + i, i * 1.25, i / 3.0, (ARRAY['DE', 'FR', 'US'])[1 + i % 3], i % 2 = 0,
       timestamptz '2020-01-01 00:00:00+00' + i * interval '1 hour', md5(i::text)::uuid,
       jsonb_build_object('phone', 'PHONE-CANARY-' || i), convert_to('PHOTO-CANARY-' || i, 'UTF8'), ARRAY['TAG-CANARY-' || i, 'x']
FROM generate_series(1, 5000) AS i;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, total numeric(10, 2) NOT NULL,
    status text NOT NULL, note text);
INSERT INTO orders SELECT i, 1 + i % 5000, i, (ARRAY['open', 'paid'])[1 + i % 2], 'note ' || i FROM generate_series(1, 3000) AS i;
CREATE TABLE employees (id int PRIMARY KEY, name text NOT NULL, salary numeric(10, 2) NOT NULL);
INSERT INTO employees SELECT i, 'Employee ' || i, 40000 + 7 * i FROM generate_series(1, 50) AS i;
CREATE TABLE api_keys (id int PRIMARY KEY, label text NOT NULL, api_key text NOT NULL UNIQUE);
INSERT INTO api_keys SELECT i, 'key ' || i, 'sk_CANARY_' || i FROM generate_series(1, 20) AS i;
CREATE TABLE scratch (id int PRIMARY KEY, body text);
CREATE TABLE counter (n int NOT NULL);
INSERT INTO counter VALUES (0);
CREATE VIEW contacts AS SELECT id, name, email AS address FROM customers;
CREATE TABLE moods (id int PRIMARY KEY, feeling mood);
INSERT INTO moods VALUES (1, 'calm');
"#;

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
  - {{ match: "shop.public.customers.email", class: pii.email }}
  - {{ match: "shop.public.customers.ssn", class: pii.ssn }}
  - {{ match: "shop.public.customers.born", class: pii.born }}
  - {{ match: "shop.public.customers.card_number", class: pci.card }}
  - {{ match: "shop.public.customers.balance", class: money }}
  - {{ match: "shop.public.customers.score", class: money }}
  - {{ match: "shop.public.customers.profile", class: pii.free }}
  - {{ match: "shop.public.customers.photo", class: pii.free }}
  - {{ match: "shop.public.customers.tags", class: pii.free }}
  - {{ match: "shop.public.customers.uid", class: pii.free }}
  - {{ match: "shop.public.employees.salary", class: money }}
  - {{ match: "shop.public.api_keys.api_key", class: secret }}
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

/// A database of its own for one test.
pub fn clone_database(number: u32) -> String {
    static TEMPLATE: OnceLock<()> = OnceLock::new();
    static CLONING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let server = Postgres::shared();
    TEMPLATE.get_or_init(|| {
        server.sql("postgres", &format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE_PASSWORD}'"));
        // Another login with a role that it may take, and whose privileges it does not have before it does.
        let weak = format!("CREATE ROLE {WEAK} LOGIN PASSWORD '{ROLE_PASSWORD}' NOINHERIT");
        server.sql("postgres", &format!("{weak}; CREATE ROLE hp_owner; GRANT hp_owner TO {WEAK}"));
        server.sql("postgres", &format!("CREATE DATABASE sample OWNER {ROLE}"));
        server.sql("sample", &format!("SET ROLE {ROLE}; SET client_min_messages = warning; {SCHEMA} ANALYZE"));
    });
    let name = format!("shop_{number}");
    // A template may be copied by one session at a time.
    let _one = CLONING.lock();
    server.sql("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE} TEMPLATE sample STRATEGY file_copy"));
    name
}
