//! A receipt for one approval: its records, each with the proof that it is in the log that the checkpoint signs. Who has it
//! and the public key can check it without the log.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::canonical::canonical;
use crate::audit::checkpoint::{Checkpoint, CheckpointError, NoteVerifier};
use crate::audit::event::Record;
use crate::audit::merkle::{self, Hash};
use crate::audit::store::AuditStore;
use crate::identity::ids::ApprovalId;
use crate::identity::store::StoreError;

const PAGE: usize = 1000;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The approval it is for.
    pub approval: ApprovalId,
    /// The signed note.
    pub checkpoint: String,
    /// Its records, in order.
    pub records: Vec<ReceiptRecord>,
}

/// One record and its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRecord {
    /// The record.
    pub record: Value,
    /// Hashes from its sibling up to the root, in hex.
    pub proof: Vec<String>,
}

/// Why there is no receipt, or why it is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log has no record of it under a checkpoint (yet).
    #[error("no checkpoint covers a record of {0} yet")]
    NotCovered(ApprovalId),
    /// Its note is not valid.
    #[error("the checkpoint is not valid: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// One of its records is not in that log, or not about this approval.
    #[error("entry {0} of the receipt does not prove anything about this approval")]
    NotProved(usize),
}

/// Makes a receipt from the records that the last checkpoint covers. Reads the whole log.
///
/// # Errors
/// See [`ReceiptError`].
pub fn receipt(store: &dyn AuditStore, approval: &ApprovalId) -> Result<Receipt, ReceiptError> {
    let not_covered = || ReceiptError::NotCovered(approval.clone());
    let checkpoint = store.last_checkpoint()?.ok_or_else(not_covered)?;
    let size = checkpoint.frontier.size();
    let mut leaves: Vec<Hash> = Vec::new();
    let mut found: Vec<(usize, Value)> = Vec::new();
    let mut at = 0;
    while at < size {
        let records = store.records(at, usize::try_from(size - at).unwrap_or(PAGE).min(PAGE))?;
        if records.is_empty() {
            return Err(StoreError::Unreadable(format!("audit record {at} is missing")).into());
        }
        for text in records {
            if is_about(&text, approval) {
                let value = serde_json::from_str(&text).map_err(|error| StoreError::Unreadable(error.to_string()))?;
                found.push((leaves.len(), value));
            }
            leaves.push(merkle::leaf(text.as_bytes()));
            at += 1;
        }
    }
    let entry = |(index, record): (usize, Value)| {
        let proof = merkle::inclusion(index, &leaves)?.iter().map(hex::encode).collect();
        Some(ReceiptRecord { record, proof })
    };
    let records: Vec<_> = found.into_iter().filter_map(entry).collect();
    if records.is_empty() {
        return Err(not_covered());
    }
    Ok(Receipt { approval: approval.clone(), checkpoint: checkpoint.note, records })
}

fn is_about(text: &str, approval: &ApprovalId) -> bool {
    let read = || serde_json::from_str::<Record>(text).ok();
    text.contains(approval.as_str()) && read().is_some_and(|record| record.event.approval() == Some(approval))
}

impl Receipt {
    /// Checks it with the log's public key; gives the checkpoint it rests on.
    ///
    /// # Errors
    /// See [`ReceiptError`].
    pub fn check(&self, key: &NoteVerifier) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = key.verify(&self.checkpoint)?;
        if self.records.is_empty() {
            return Err(ReceiptError::NotCovered(self.approval.clone()));
        }
        for (index, entry) in self.records.iter().enumerate() {
            self.proved(entry, &checkpoint).ok_or(ReceiptError::NotProved(index))?;
        }
        Ok(checkpoint)
    }

    fn proved(&self, entry: &ReceiptRecord, checkpoint: &Checkpoint) -> Option<()> {
        let text = canonical(&entry.record).ok()?;
        let record: Record = serde_json::from_value(entry.record.clone()).ok()?;
        let hash = |text: &String| hex::decode(text).ok().and_then(|bytes| Hash::try_from(bytes).ok());
        let proof: Vec<Hash> = entry.proof.iter().map(hash).collect::<Option<_>>()?;
        let leaf = merkle::leaf(text.as_bytes());
        let included = merkle::includes(record.seq, checkpoint.size, leaf, &proof, &checkpoint.root);
        (included && record.event.approval() == Some(&self.approval)).then_some(())
    }
}
