//! Grants: each version is written once.

use super::*;
use crate::gate::desk::grants::grant::{Grant, Terms};
use crate::gate::desk::grants::shape::Shape;
use crate::gate::desk::grants::store::GrantStore;
use crate::gate::digest::DigestInput;
use crate::identity::ids::GrantId;

fn shape() -> Shape {
    let input = DigestInput {
        statement_bytes: b"SELECT 1",
        parameters: &[],
        agent: "bot",
        upstream: "shop",
        database: "shop",
        role: "app",
        search_path: &[],
        settings: &[],
        rules_version: "r1",
    };
    Shape::of(&input, "salt")
}

fn grant(number: u8) -> Grant {
    let terms = Terms { life_seconds: 60, runs: 2, rows: 10, bounds: Vec::new() };
    Grant::new(GrantId::from_random([number; 10]), &approval(1, "d1"), shape(), terms, Timestamp::from_millis(0))
}

pub(super) async fn grants_are_written_by_compare_and_set(store: &dyn GrantStore) {
    let first = grant(1);
    store.put_grant(first.clone(), None).await.unwrap();
    assert!(matches!(store.put_grant(first.clone(), None).await, Err(StoreError::Conflict(_))));
    assert!(matches!(store.put_grant(grant(2), Some(1)).await, Err(StoreError::Conflict(_))));
    let next = first.revoke(Timestamp::from_millis(1)).unwrap();
    store.put_grant(next.clone(), Some(1)).await.unwrap();
    assert!(matches!(store.put_grant(next.clone(), Some(1)).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.grant(&first.id).unwrap(), Some(next.clone()));
    assert_eq!(store.grants(Some(&AgentName("bot".into()))).unwrap(), vec![next.clone()]);
    assert_eq!(store.grants(None).unwrap(), vec![next]);
    assert!(store.grants(Some(&AgentName("bat".into()))).unwrap().is_empty());
}

pub(super) async fn shapes_are_kept_by_approval(store: &dyn GrantStore) {
    let id = ApprovalId::from_random([1; 10]);
    assert_eq!(store.shape(&id).unwrap(), None);
    store.put_shape(id.clone(), shape()).await.unwrap();
    assert_eq!(store.shape(&id).unwrap(), Some(shape()));
}
