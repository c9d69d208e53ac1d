//! Inherited classes over restarts, store faults and renames.

use super::*;
use crate::catalog::{Catalog, Column, Parts, Relation, RelationKey, RelationKind};
use crate::clock::Timestamp;
use crate::identity::ids::AgentName;
use crate::store::memory::{Fault, MemoryStore, Part};

pub(crate) fn entry(relation: &str, number: Option<i16>) -> Inherited {
    Inherited {
        database: "shop".into(),
        target: Target {
            relation: relation.into(),
            key: None,
            number,
            column: None,
            class: "pii.email".into(),
            source: "shop.public.customers.email".into(),
        },
        agent: AgentName("bot".into()),
        approval: None,
        at: Timestamp::from_millis(7),
    }
}

fn catalog(name: &str) -> Catalog {
    let column = |(number, name): (i16, &str)| Column {
        number,
        name: name.into(),
        type_oid: 25,
        not_null: false,
        generated: None,
    };
    let relation = Relation {
        key: RelationKey(20_000),
        schema: "public".into(),
        name: name.into(),
        kind: RelationKind::Table,
        columns: [(1, "a"), (2, "b")].map(column).to_vec(),
        unique_keys: Vec::new(),
        definition: None,
        parents: Vec::new(),
        children: Vec::new(),
        has_rules: false,
        has_triggers: false,
        has_row_security: false,
        rows_estimate: 1.0,
    };
    Catalog::new("shop".into(), 1, 150_000, Parts { relations: vec![relation], ..Parts::default() })
}

#[tokio::test]
async fn what_is_recorded_is_there_after_a_restart_once() {
    let store = Arc::new(MemoryStore::new());
    let ledger = Inheritance::open(store.clone()).unwrap();
    let before = ledger.version();
    ledger.record(vec![entry("public.copy", Some(1)), entry("public.copy", Some(2))]).await.unwrap();
    assert!(ledger.version() > before);
    let settled = ledger.version();
    let later = Inherited { at: Timestamp::from_millis(99), ..entry("public.copy", Some(1)) };
    ledger.record(vec![later]).await.unwrap();
    assert_eq!(ledger.version(), settled, "it was known");
    let again = Inheritance::open(store).unwrap();
    assert_eq!(again.of("shop"), [entry("public.copy", Some(1)), entry("public.copy", Some(2))]);
    assert!(again.of("crm").is_empty());
}

#[tokio::test]
async fn a_store_that_fails_keeps_the_statement_back() {
    let store = Arc::new(MemoryStore::new());
    let ledger = Inheritance::open(store.clone()).unwrap();
    store.set_fault(Part::Inherited, Fault::Refuse);
    assert!(ledger.record(vec![entry("public.copy", Some(1))]).await.is_err());
    assert!(ledger.of("shop").is_empty());
}

#[tokio::test]
async fn a_pinned_target_follows_its_relation_through_renames() {
    let store = Arc::new(MemoryStore::new());
    let ledger = Inheritance::open(store.clone()).unwrap();
    ledger.record(vec![entry("copy", Some(2))]).await.unwrap();
    let other = catalog("other");
    ledger.pin(&other.database, |one| one.pin(&other)).await.unwrap();
    assert_eq!(ledger.of("shop")[0].target.key, None, "there is no such relation yet");
    let copy = catalog("copy");
    ledger.pin(&copy.database, |one| one.pin(&copy)).await.unwrap();
    let pinned = Inheritance::open(store).unwrap().of("shop").remove(0).target;
    assert_eq!((pinned.key, pinned.column.as_deref()), (Some(RelationKey(20_000)), Some("b")));
    let columns = pinned.columns(&catalog("renamed"));
    assert_eq!(columns.iter().map(|column| column.number).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn what_is_forgotten_stays_forgotten() {
    let store = Arc::new(MemoryStore::new());
    let ledger = Inheritance::open(store.clone()).unwrap();
    ledger.record(vec![entry("public.copy", None)]).await.unwrap();
    let id = ledger.of("shop")[0].id();
    ledger.forget(&id).await.unwrap();
    assert!(matches!(ledger.forget(&id).await, Err(StoreError::Missing(_))));
    assert!(ledger.of("shop").is_empty() && Inheritance::open(store).unwrap().of("shop").is_empty());
}
