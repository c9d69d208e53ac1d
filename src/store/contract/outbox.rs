//! The outbox and notes: nothing is lost between a change and its deliveries, and what waits is found in order.

use super::*;
use crate::notify::event::EventKind;
use crate::notify::outbox::{About, Delivery, NoteStore, OutboxStore, Progress};

fn delivery(channel: &str, seconds: i64) -> Delivery {
    let about = About { approval: Some(ApprovalId::from_random([9; 10])), version: 1 };
    let at = Timestamp::from_millis(seconds * 1000);
    Delivery::new(channel, EventKind::Requested, about, at, at)
}

pub(super) async fn changes_are_kept_until_they_are_planned<S: OutboxStore + ApprovalStore>(store: &S) {
    let first = approval(1, "d1");
    store.commit(write(&first, None)).await.unwrap();
    let ended = first.withdraw(first.created_at).unwrap();
    store.commit(write(&ended, Some(1))).await.unwrap();
    assert!(store.commit(write(&ended, Some(1))).await.is_err());
    let changes = store.changes(10).unwrap();
    let shown: Vec<_> = changes.iter().map(|change| (change.version, change.from, change.to)).collect();
    assert_eq!(shown, [(1, None, State::Pending), (2, Some(State::Pending), State::Withdrawn)]);
    assert_eq!(store.changes(1).unwrap(), changes[..1]);
    let planned = store.plan(changes[..1].to_vec(), vec![delivery("a", 1), delivery("b", 1)]).await.unwrap();
    assert_eq!(planned.iter().map(|planned| planned.number).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(store.changes(10).unwrap(), changes[1..]);
    let more = store.plan(changes[1..].to_vec(), vec![delivery("a", 2)]).await.unwrap();
    assert_eq!((more[0].number, store.changes(10).unwrap().len()), (2, 0));
    assert_eq!(store.waiting("a", 10).unwrap(), [planned[0].clone(), more[0].clone()]);
}

pub(super) async fn deliveries_wait_until_they_end(store: &dyn OutboxStore) {
    let all = store.plan(Vec::new(), (0..4).map(|n| delivery("a", n)).collect()).await.unwrap();
    store.plan(Vec::new(), vec![delivery("ab", 1)]).await.unwrap();
    let done =
        Delivery { progress: Progress::Delivered, ended_at: Some(Timestamp::from_millis(5000)), ..all[1].clone() };
    store.update(done.clone()).await.unwrap();
    let tried = Delivery { attempts: 1, trouble: Some("HTTP 500".into()), ..all[0].clone() };
    store.update(tried.clone()).await.unwrap();
    assert_eq!(store.waiting("a", 2).unwrap(), [tried.clone(), all[2].clone()]);
    assert_eq!((store.waiting_count("a").unwrap(), store.waiting_count("ab").unwrap()), (3, 1));
    let newest: Vec<u64> = store.deliveries("a", None, 2).unwrap().iter().map(|found| found.number).collect();
    assert_eq!(newest, [3, 2]);
    assert_eq!(store.deliveries("a", Some(2), 9).unwrap(), [done.clone(), tried]);
    assert!(store.deliveries("a", Some(0), 9).unwrap().is_empty());
    let stranger = Delivery { channel: "b".into(), ..done.clone() };
    assert!(matches!(store.update(stranger).await, Err(StoreError::Missing(_))));
    store.update(Delivery { progress: Progress::Waiting, ended_at: None, ..done }).await.unwrap();
    assert_eq!(store.waiting_count("a").unwrap(), 4);
}

pub(super) async fn only_old_ended_deliveries_are_forgotten(store: &dyn OutboxStore) {
    let all = store.plan(Vec::new(), (0..3).map(|n| delivery("a", n)).collect()).await.unwrap();
    for (one, at) in all.iter().zip([1000, 9000]) {
        let ended_at = Some(Timestamp::from_millis(at));
        store.update(Delivery { progress: Progress::Dead, ended_at, ..one.clone() }).await.unwrap();
    }
    assert_eq!(store.forget(Timestamp::from_millis(5000), 10).await.unwrap(), 1);
    let left: Vec<u64> = store.deliveries("a", None, 9).unwrap().iter().map(|found| found.number).collect();
    assert_eq!(left, [2, 1]);
    assert_eq!(store.forget(Timestamp::from_millis(99_000), 0).await.unwrap(), 0);
    let next = store.plan(Vec::new(), vec![delivery("a", 9)]).await.unwrap();
    assert_eq!(next[0].number, 3);
}

pub(super) async fn notes_are_kept_by_space_and_taken_once(store: &dyn NoteStore) {
    store.put_note("slack", "U1", Some("dana".into())).await.unwrap();
    store.put_note("slack", "U2", Some("erik".into())).await.unwrap();
    store.put_note("slac", "kU3", Some("other".into())).await.unwrap();
    let both = [("U1".to_owned(), "dana".to_owned()), ("U2".to_owned(), "erik".to_owned())];
    assert_eq!(store.notes("slack").unwrap(), both);
    store.put_note("slack", "U2", None).await.unwrap();
    assert_eq!(store.note("slack", "U2").unwrap(), None);
    assert_eq!(store.take_note("slack", "U1").await.unwrap().as_deref(), Some("dana"));
    assert_eq!(store.take_note("slack", "U1").await.unwrap(), None);
    assert_eq!(store.note("slac", "kU3").unwrap().as_deref(), Some("other"));
}
