//! The audit commands over a store in memory: what they print and how they end.

use std::sync::Arc;

use clap::Parser as _;

use super::*;
use crate::audit::event::Event;
use crate::audit::log::{AuditLog, LogOptions, signer};
use crate::clock::{Clock, Timestamp};

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    audit: AuditArgs,
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_165_924_123)
    }
}

fn holdpoint(store: Option<&Path>, words: &[&str]) -> anyhow::Result<String> {
    let line = Line::try_parse_from(std::iter::once("audit").chain(words.iter().copied()))?;
    let mut out = Vec::new();
    run(&line.audit, store, &mut out)?;
    Ok(String::from_utf8(out)?)
}

/// A log with a hold in it, stopped or still open for writing.
async fn log(path: &Path) -> (Arc<AuditLog>, ApprovalId) {
    let store = Arc::new(RocksStore::open(path).unwrap());
    let signer = signer(store.as_ref()).await.unwrap();
    let log = AuditLog::start(store, signer, Arc::new(Fixed), LogOptions::default()).await.unwrap();
    let id = ApprovalId::from_random([8; 10]);
    for state in ["approved", "executed"] {
        let event = Event::ApprovalState { approval: id.clone(), state: state.into(), why: None };
        log.record_durable(event).await.unwrap();
    }
    (log, id)
}

fn scratch() -> PathBuf {
    std::env::temp_dir().join(format!("holdpoint-cli-{:x}", rand::random::<u64>()))
}

#[tokio::test]
async fn a_running_log_is_shown_and_checked() {
    let path = scratch();
    let (log, id) = log(&path).await;
    let tail = holdpoint(Some(&path), &["tail", "-n", "2"]).unwrap();
    assert_eq!(tail.lines().count(), 2);
    assert!(
        tail.contains(&format!("2026-11-20T09:12:04.123Z approval_state approval=\"{id}\" state=\"executed\"")),
        "{tail}"
    );
    assert_eq!(holdpoint(Some(&path), &["tail", "--approval", id.as_str()]).unwrap().lines().count(), 2);
    let verdict = holdpoint(Some(&path), &["verify"]).unwrap();
    assert!(verdict.starts_with("good: records 0 to 2,") && verdict.contains("3 records behind"), "{verdict}");
    log.close().await;
    drop(log);
    std::fs::remove_dir_all(&path).unwrap();
}

#[tokio::test]
async fn an_export_and_a_receipt_are_checked_with_the_key_alone() {
    let path = scratch();
    let (log, id) = log(&path).await;
    log.close().await;
    let key = holdpoint(Some(&path), &["key"]).unwrap();
    let file = path.join("export.jsonl");
    let wrote = holdpoint(Some(&path), &["export", "-o", file.to_str().unwrap()]).unwrap();
    assert!(wrote.starts_with("4 records"), "{wrote}");
    let receipt = path.join("receipt.json");
    std::fs::write(&receipt, holdpoint(Some(&path), &["receipt", id.as_str()]).unwrap()).unwrap();
    let checked = holdpoint(None, &["receipt", "--check", receipt.to_str().unwrap(), "--key", &key]).unwrap();
    assert!(checked.starts_with(&format!("good: 2 records of {id}")), "{checked}");
    let good = holdpoint(None, &["verify", file.to_str().unwrap(), "--key", &key]).unwrap();
    assert!(good.starts_with("good: records 0 to 3,") && good.lines().count() == 1, "{good}");
    let changed = std::fs::read_to_string(&file).unwrap().replace("\"approved\"", "\"denied\"");
    std::fs::write(&file, changed).unwrap();
    let bad = holdpoint(None, &["verify", file.to_str().unwrap(), "--key", &key]).unwrap_err();
    assert_eq!(bad.to_string(), "record 1 was changed: record 2 carries another hash for it");
    drop(log);
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn without_a_store_it_says_what_is_missing() {
    let error = holdpoint(None, &["tail"]).unwrap_err().to_string();
    assert!(error.contains("there is no store to read"), "{error}");
    let error = holdpoint(Some(Path::new("/nowhere")), &["key"]).unwrap_err().to_string();
    assert!(error.contains("there is no store at `/nowhere`"), "{error}");
}
