//! Exports and receipts that were altered in every way: verification names the first bad record.

use super::*;
use crate::audit::checkpoint::NoteSigner;
use crate::audit::export::{ExportRange, export};
use crate::audit::receipt::{Receipt, ReceiptError, receipt};
use crate::audit::store::{AuditStore, StoredCheckpoint};
use crate::store::memory::MemoryStore;

const CHECKPOINTS: [usize; 3] = [3, 7, 10];

fn id(number: u8) -> ApprovalId {
    ApprovalId::from_random([number; 10])
}

/// Twelve records about two approvals, checkpoints after 3, 7 and 10 of them.
async fn store() -> MemoryStore {
    let (store, signer) = (MemoryStore::new(), signer());
    let mut head = Head::default();
    for number in 0..12u8 {
        let event = Event::ApprovalState { approval: id(number % 2), state: number.to_string(), why: None };
        let at = Timestamp::from_millis(i64::from(number));
        let record = head.append(&event, at).unwrap();
        store.append_records(u64::from(number), vec![record], true).await.unwrap();
        if CHECKPOINTS.contains(&(usize::from(number) + 1)) {
            let frontier = head.frontier().clone();
            let note = signer.sign(&Checkpoint { size: frontier.size(), root: frontier.root(), at });
            store.add_checkpoint(StoredCheckpoint { frontier, last: *head.prev(), note }).await.unwrap();
        }
    }
    store
}

fn signer() -> NoteSigner {
    NoteSigner::new("test", &[4; 32])
}

fn exported(store: &MemoryStore, range: ExportRange) -> Vec<String> {
    let mut out = Vec::new();
    export(store, range, &mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

fn options() -> VerifyOptions {
    VerifyOptions { key: signer().verifier(), notes: Vec::new(), partial: false }
}

fn check(lines: &[String]) -> Result<Report, VerifyError> {
    verify(lines.join("\n").as_bytes(), &options())
}

#[tokio::test]
async fn a_whole_export_is_good() {
    let lines = exported(&store().await, ExportRange::default());
    assert_eq!(lines.len(), 15);
    let report = check(&lines).unwrap();
    assert_eq!((report.records, report.checkpoints, report.signed), (12, 3, 10));
}

#[tokio::test]
async fn the_first_bad_record_is_named() {
    let store = store().await;
    let lines = exported(&store, ExportRange::default());
    let at = |seq: usize| lines.iter().position(|line| line.contains(&format!("\"seq\":{seq}}}"))).unwrap();
    let mut changed = lines.clone();
    changed[at(5)] = changed[at(5)].replace("\"state\":\"5\"", "\"state\":\"6\"");
    assert!(matches!(check(&changed), Err(VerifyError::BrokenChain { seq: 5 })));
    let mut removed = lines.clone();
    removed.remove(at(5));
    assert!(matches!(check(&removed), Err(VerifyError::WrongPlace { expected: 5, found: 6, .. })));
    let mut blank = lines.clone();
    blank[at(4)] = blank[at(4)].replace("\":", "\": ");
    assert!(matches!(check(&blank), Err(VerifyError::NotCanonical { seq: 4, .. })));
    let mut garbage = lines.clone();
    garbage[at(4)] = "{\"seq\":4}".into();
    assert!(matches!(check(&garbage), Err(VerifyError::NotARecord { .. })));
    let mut headless = lines.clone();
    headless.remove(0);
    assert!(matches!(check(&headless), Err(VerifyError::Partial(1))));
}

#[tokio::test]
async fn a_history_rewritten_with_a_good_chain_fails_at_its_checkpoint() {
    let lines = exported(&store().await, ExportRange::default());
    let mut head = Head::default();
    let rewritten: Vec<String> = lines
        .iter()
        .map(|line| match serde_json::from_str::<Record>(line) {
            Ok(record) if record.seq == 5 => head.append(&Event::LogStopped {}, record.at).unwrap(),
            Ok(record) => head.append(&record.event, record.at).unwrap(),
            Err(_) => line.clone(),
        })
        .collect();
    assert!(matches!(check(&rewritten), Err(VerifyError::WrongRoot { from: 3, to: 6, .. })));
}

#[tokio::test]
async fn a_cut_log_shows_against_a_note_kept_elsewhere() {
    let store = store().await;
    let notes = vec![store.last_checkpoint().unwrap().unwrap().note];
    let cut: Vec<String> = exported(&store, ExportRange { until: Some(8), ..ExportRange::default() });
    assert!(check(&cut).is_ok());
    let against = VerifyOptions { notes, ..options() };
    let found = verify(cut.join("\n").as_bytes(), &against);
    assert!(matches!(found, Err(VerifyError::Truncated { signed: 10, found: 8, .. })));
    let whole = exported(&store, ExportRange { records_only: true, ..ExportRange::default() });
    assert_eq!(verify(whole.join("\n").as_bytes(), &against).unwrap().signed, 10);
}

#[tokio::test]
async fn a_checkpoint_of_another_key_is_refused() {
    let lines = exported(&store().await, ExportRange::default());
    let other = VerifyOptions { key: NoteSigner::new("test", &[5; 32]).verifier(), ..options() };
    assert!(matches!(verify(lines.join("\n").as_bytes(), &other), Err(VerifyError::BadCheckpoint { line: 4, .. })));
}

#[tokio::test]
async fn a_part_is_good_when_asked_for() {
    let lines = exported(&store().await, ExportRange { from: 4, ..ExportRange::default() });
    let partial = VerifyOptions { partial: true, ..options() };
    let report = verify(lines.join("\n").as_bytes(), &partial).unwrap();
    assert_eq!((report.first, report.records, report.signed), (4, 8, 0));
}

#[tokio::test]
async fn every_single_changed_byte_under_a_checkpoint_is_noticed() {
    let text = exported(&store().await, ExportRange { until: Some(10), ..ExportRange::default() }).join("\n");
    let good = verify(text.as_bytes(), &options()).unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 2;
        let read = verify(bytes.as_slice(), &options());
        assert!(read.is_err(), "byte {at} {:?}: {read:?}, not {good:?}", &text[at.saturating_sub(20)..at + 1]);
    }
}

#[tokio::test]
async fn a_receipt_proves_its_approval_and_no_other() {
    let store = store().await;
    let made = receipt(&store, &id(1)).unwrap();
    assert_eq!(made.records.len(), 5);
    let text = serde_json::to_string(&made).unwrap();
    let read: Receipt = serde_json::from_str(&text).unwrap();
    assert_eq!(read.check(&signer().verifier()).unwrap().size, 10);
    let mut forged = read.clone();
    forged.records[2].record["event"]["state"] = "denied".into();
    assert!(matches!(forged.check(&signer().verifier()), Err(ReceiptError::NotProved(2))));
    let other = Receipt { approval: id(0), ..read };
    assert!(matches!(other.check(&signer().verifier()), Err(ReceiptError::NotProved(0))));
    assert!(matches!(receipt(&store, &id(9)), Err(ReceiptError::NotCovered(_))));
}
