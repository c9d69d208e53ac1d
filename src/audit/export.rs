//! The log as JSON Lines: one record per line exactly as it was hashed, and after the records it covers each checkpoint as
//! `{"checkpoint":"<signed note>"}`. `audit/verify` reads it without anything else but the public key.

use std::io::{self, Write};

use crate::audit::store::{AuditStore, StoredCheckpoint};
use crate::identity::store::StoreError;

const PAGE: usize = 1000;

/// Which part of the log to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportRange {
    /// First record.
    pub from: u64,
    /// First record that is left out; `None`: to the end.
    pub until: Option<u64>,
    /// Leave the checkpoints out.
    pub records_only: bool,
}

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output cannot be written.
    #[error("the export cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Writes a part of the log; gives the number of records written.
///
/// # Errors
/// See [`ExportError`]; what was written so far is a beginning of the export.
pub fn export(store: &dyn AuditStore, range: ExportRange, out: &mut dyn Write) -> Result<u64, ExportError> {
    let end = range.until.unwrap_or(u64::MAX).min(store.record_count()?);
    let mut notes = Notes { store, page: Vec::new().into_iter(), next: range.from.saturating_add(1), ready: None };
    let mut at = range.from;
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(PAGE).min(PAGE);
        let records = store.records(at, wanted)?;
        if records.is_empty() {
            break;
        }
        for record in records {
            writeln!(out, "{record}")?;
            at += 1;
            while let Some(note) = if range.records_only { None } else { notes.at(at)? } {
                writeln!(out, "{}", serde_json::json!({ "checkpoint": note }))?;
            }
        }
    }
    out.flush()?;
    Ok(at.saturating_sub(range.from))
}

/// Checkpoints in order, read page by page.
struct Notes<'a> {
    store: &'a dyn AuditStore,
    page: std::vec::IntoIter<StoredCheckpoint>,
    next: u64,
    ready: Option<StoredCheckpoint>,
}

impl Notes<'_> {
    /// The note that covers exactly `size` records, if there is one.
    fn at(&mut self, size: u64) -> Result<Option<String>, StoreError> {
        if self.ready.is_none() {
            self.ready = self.page.next();
        }
        if self.ready.is_none() && self.next <= size {
            self.page = self.store.checkpoints(self.next, PAGE)?.into_iter();
            self.ready = self.page.next();
            let last = self.page.as_slice().last().or(self.ready.as_ref());
            // Nothing more for now: look again only behind the present position.
            self.next = last.map_or(size, |last| last.frontier.size()).saturating_add(1);
        }
        let covers = self.ready.as_ref().is_some_and(|stored| stored.frontier.size() == size);
        Ok(if covers { self.ready.take().map(|stored| stored.note) } else { None })
    }
}
