//! What understanding a statement costs: read at first sight, judged at first sight, found again in the cache.
//!
//! `cargo bench --bench statement`. The goals: 60 µs at first sight for an ordinary SELECT, 1 µs when seen before.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a bench may stop on its own mistakes, and criterion writes functions"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use holdpoint::catalog::Catalog;
use holdpoint::clock::Timestamp;
use holdpoint::identity::agent::Agent;
use holdpoint::identity::ids::{AgentName, PersonName};
use holdpoint::policy::rules::RuleSet;
use holdpoint::session::judge::shelf::Cache;
use holdpoint::session::judge::{Bench, World, judge};
use holdpoint::session::keeper::SHELF_BYTES;
use holdpoint::statement::read::{Known, read};
use holdpoint::statement::scope::Scope;

const STATEMENTS: [(&str, &str); 5] = [
    ("point select", "SELECT id, name, email FROM customers WHERE id = 42"),
    ("pgbench select", "SELECT total FROM orders WHERE id = 4711;"),
    ("update", "UPDATE orders SET status = 'paid', total = total + 1 WHERE id = 7"),
    (
        "join of three",
        "SELECT c.name, c.email, o.total, p.card_number FROM customers c JOIN orders o ON o.customer_id = c.id \
         LEFT JOIN payments p ON p.order_id = o.id WHERE c.id = 5 AND o.status = 'open' ORDER BY o.created_at DESC LIMIT 20",
    ),
    (
        "report",
        "WITH recent AS (SELECT customer_id, sum(total) AS spent, count(*) AS orders FROM orders \
         WHERE created_at > now() - interval '30 days' GROUP BY customer_id), ranked AS (SELECT c.country, c.name, r.spent, \
         row_number() OVER (PARTITION BY c.country ORDER BY r.spent DESC) AS place FROM recent r JOIN customers c ON c.id = r.customer_id) \
         SELECT country, name, spent, CASE WHEN place = 1 THEN 'first' ELSE 'other' END AS label FROM ranked WHERE place <= 3 LIMIT 100",
    ),
];

fn world() -> Arc<World> {
    let rules = Arc::new(RuleSet::baseline());
    let catalog: Arc<Catalog> =
        Arc::new(rules.catalog().expect("the baseline has one").to_catalog().expect("it is sound"));
    let classes = Arc::new(rules.class_map(&catalog));
    Arc::new(World { catalog, rules, classes })
}

fn agent() -> Agent {
    Agent {
        name: AgentName("reporting-bot".to_owned()),
        owner: PersonName("mia@example.com".to_owned()),
        issued_by: PersonName("mia@example.com".to_owned()),
        groups: Vec::new(),
        databases: Vec::new(),
        scram_verifier: String::new(),
        native_verifier: None,
        secret_sha256: String::new(),
        created_at: Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").expect("a time"),
        disabled: false,
    }
}

fn statements(criterion: &mut Criterion) {
    let (world, agent, known) = (world(), agent(), Known::default());
    let scope = Arc::new(Scope::default());
    let bench = Bench { world: &world, scope: &scope, known: &known, agent: &agent, database: "shop", blind: None };
    let shelf = Cache::default().shelf(&world, &agent.name, &scope);
    let mut group = criterion.benchmark_group("statement");
    for (name, sql) in STATEMENTS {
        group.bench_with_input(BenchmarkId::new("read", name), sql, |bencher, sql| {
            bencher.iter(|| read(black_box(sql), &scope, &world.catalog, &known));
        });
        group.bench_with_input(BenchmarkId::new("judge", name), sql, |bencher, sql| {
            bencher.iter(|| judge(black_box(sql), &bench, &[]));
        });
        shelf.put(&Arc::new(judge(sql, &bench, &[])), &scope, SHELF_BYTES);
        group.bench_with_input(BenchmarkId::new("seen before", name), sql, |bencher, sql| {
            bencher.iter(|| shelf.get(black_box(sql), &scope).expect("it was put there"));
        });
    }
    group.finish();
}

criterion_group!(benches, statements);
criterion_main!(benches);
