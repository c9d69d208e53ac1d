//! The log under load, after restarts and over a store that fails: what was acknowledged is there, and chained.

use super::*;
use crate::audit::export::{ExportRange, export};
use crate::audit::verify::{VerifyOptions, verify};
use crate::clock::Timestamp;
use crate::store::memory::{Fault, MemoryStore, Part};

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_165_924_123)
    }
}

fn options() -> LogOptions {
    LogOptions { sync_every: Duration::from_millis(5), ..LogOptions::default() }
}

async fn start(store: &Arc<MemoryStore>, options: LogOptions) -> Result<Arc<AuditLog>, AuditError> {
    let signer = signer(store.as_ref()).await.unwrap();
    AuditLog::start(store.clone(), signer, Arc::new(Fixed), options).await
}

fn event(number: u64) -> Event {
    Event::RulesLoaded { version: number.to_string(), by: "test".into() }
}

fn check(log: &AuditLog) -> crate::audit::verify::Report {
    let mut out = Vec::new();
    export(log.store().as_ref(), ExportRange::default(), &mut out).unwrap();
    let options = VerifyOptions { key: log.verifier().clone(), notes: Vec::new(), partial: false };
    verify(out.as_slice(), &options).unwrap()
}

#[tokio::test]
async fn events_from_many_tasks_make_one_chain() {
    let store = Arc::new(MemoryStore::new());
    let log = start(&store, options()).await.unwrap();
    let tasks = (0..20).map(|task| {
        let log = log.clone();
        tokio::spawn(async move {
            for number in 0..50 {
                match number % 3 {
                    0 => drop(log.record_durable(event(task)).await.unwrap()),
                    1 => log.append(event(task)).await.unwrap(),
                    _ => log.record(event(task)).unwrap(),
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    log.close().await;
    let report = check(&log);
    assert_eq!((report.records, report.signed, report.unclean_ends), (1002, 1002, 0));
}

#[tokio::test]
async fn a_durable_event_is_in_the_store_at_the_position_given() {
    let store = Arc::new(MemoryStore::new());
    let log = start(&store, options()).await.unwrap();
    let positions = log.record_all_durable(vec![event(1), event(2)]).await.unwrap();
    assert_eq!(positions, [1, 2]);
    assert_eq!(log.read(2, 9).unwrap()[0].event, event(2));
}

#[tokio::test]
async fn a_restart_goes_on_where_the_log_ended_and_says_what_may_be_lost() {
    let store = Arc::new(MemoryStore::new());
    let lost_at_start = |log: &AuditLog| {
        let records = log.read(0, 100).unwrap();
        let started = records.into_iter().rev().find_map(|record| match record.event {
            Event::LogStarted { unsynced_at_most, .. } => Some(unsynced_at_most),
            _ => None,
        });
        started.unwrap()
    };
    let first = start(&store, options()).await.unwrap();
    assert_eq!(lost_at_start(&first), 0);
    first.close().await;
    let second = start(&store, options()).await.unwrap();
    assert_eq!(lost_at_start(&second), 0);
    second.record_durable(event(1)).await.unwrap();
    let third = start(&store, options()).await.unwrap();
    assert_eq!(lost_at_start(&third), 9192);
    third.close().await;
    let report = check(&third);
    assert_eq!((report.records, report.unclean_ends), (6, 1));
}

#[tokio::test]
async fn a_failing_store_is_told_at_once_and_ordinary_events_survive_it() {
    for fault in [Fault::Refuse, Fault::HappenAndFail] {
        let store = Arc::new(MemoryStore::new());
        let log = start(&store, options()).await.unwrap();
        store.set_fault(Part::Audit, fault);
        log.record(event(1)).unwrap();
        assert!(matches!(log.record_durable(event(2)).await, Err(AuditError::Store(_))));
        assert!(!log.healthy());
        store.set_fault(Part::Audit, Fault::None);
        log.record_durable(event(3)).await.unwrap();
        assert!(log.healthy());
        let events: Vec<Event> = log.read(0, 100).unwrap().into_iter().map(|record| record.event).collect();
        assert!(events.contains(&event(1)) && events.contains(&event(3)), "{fault:?} {events:?}");
        log.close().await;
        check(&log);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_counted_and_owned_up_to() {
    let store = Arc::new(MemoryStore::new());
    let log = start(&store, LogOptions { queue_max: 4, ..options() }).await.unwrap();
    let refused = (0..10).filter(|number| log.record(event(*number)) == Err(AuditError::Full)).count();
    assert_eq!(refused, 6);
    log.record_durable(event(11)).await.unwrap();
    let records = log.read(0, 100).unwrap();
    assert!(records.iter().any(|record| record.event == Event::RecordsLost { count: 6 }), "{records:?}");
}

#[tokio::test]
async fn an_event_without_canonical_form_does_not_stop_the_log() {
    let store = Arc::new(MemoryStore::new());
    let log = start(&store, options()).await.unwrap();
    log.record(Event::LogStarted { program: "x".into(), unsynced_at_most: u64::MAX }).unwrap();
    log.record_durable(event(1)).await.unwrap();
    assert_eq!(log.read(1, 1).unwrap()[0].event, Event::RecordsLost { count: 1 });
    let broken = Event::LogStarted { program: "x".into(), unsynced_at_most: u64::MAX };
    assert!(matches!(log.record_durable(broken).await, Err(AuditError::Broken(_))));
    assert!(log.record_durable(event(2)).await.is_ok());
}

#[tokio::test]
async fn checkpoints_are_signed_on_time_and_pushed_to_the_file() {
    let path = std::env::temp_dir().join(format!("holdpoint-notes-{:x}", rand::random::<u64>()));
    let store = Arc::new(MemoryStore::new());
    let every = Duration::from_millis(20);
    let log = start(&store, LogOptions { checkpoint_every: every, checkpoint_file: Some(path.clone()), ..options() });
    let log = log.await.unwrap();
    while store.last_checkpoint().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    log.close().await;
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let notes: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["checkpoint"].as_str().unwrap().to_owned())
        .collect();
    let sizes: Vec<u64> = notes.iter().map(|note| log.verifier().verify(note).unwrap().size).collect();
    assert_eq!(sizes, [1, 2]);
}

#[tokio::test]
async fn a_log_that_does_not_follow_its_checkpoint_is_not_continued() {
    let store = Arc::new(MemoryStore::new());
    start(&store, options()).await.unwrap().close().await;
    let end = store.record_count().unwrap();
    store.append_records(end, vec!["{}".into()], true).await.unwrap();
    assert!(matches!(start(&store, options()).await, Err(AuditError::Broken(_))));
}
