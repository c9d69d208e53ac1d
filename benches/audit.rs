//! What the audit log costs per statement before it is stored: the event in canonical JSON, its place in the chain and the tree.
//!
//! `cargo bench --bench audit`.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a bench may stop on its own mistakes, and criterion writes functions"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use holdpoint::audit::chain::Head;
use holdpoint::audit::event::{Event, StatementEvent};
use holdpoint::clock::Timestamp;
use holdpoint::identity::ids::{AgentName, SessionId, StatementId};
use holdpoint::policy::action::Action;

fn statement() -> Event {
    Event::Statement(Box::new(StatementEvent {
        session: SessionId(17),
        statement: StatementId(123_456),
        agent: AgentName("reporting-bot".to_owned()),
        database: "shop".to_owned(),
        fingerprint: "9f86d081884c7d65".to_owned(),
        text: "SELECT id, email, total FROM orders JOIN customers USING (customer_id) WHERE id = $1".to_owned(),
        actions: vec![Action::Read],
        relations: vec!["public.orders".to_owned(), "public.customers".to_owned()],
        classes: vec!["pii.email".to_owned()],
        verdict: "allow".to_owned(),
        rules: Vec::new(),
        approval: None,
        role: None,
        outcome: "ok".to_owned(),
        code: None,
        rows: 1,
        bytes: 84,
        masked: vec!["email".to_owned()],
        duration_ms: 1,
    }))
}

fn append(bencher: &mut Criterion) {
    let (event, mut head) = (statement(), Head::default());
    let at = Timestamp::from_millis(1_700_000_000_000);
    bencher.bench_function("a statement's record", |run| {
        run.iter(|| black_box(head.append(black_box(&event), at).expect("canonical")));
    });
}

criterion_group!(benches, append);
criterion_main!(benches);
