//! What has to be kept of the audit log. Implementations stand in `store`.

use futures_util::future::BoxFuture;

use crate::audit::merkle::{Frontier, Hash};
use crate::identity::store::StoreError;

/// A checkpoint as stored: the signed note for others, the tree's edge and the last hash for ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// The tree over all records it covers.
    pub frontier: Frontier,
    /// Hash of the last record it covers.
    pub last: Hash,
    /// The signed note.
    pub note: String,
}

/// Records by position, and checkpoints by the number of records they cover. Nothing is ever changed or removed.
pub trait AuditStore: Send + Sync {
    /// Appends records behind each other, the first at position `first`, all or none. With `sync` they, and all before
    /// them, are durable when the future says `Ok`. [`StoreError::Conflict`] if `first` is not the next position.
    fn append_records(&self, first: u64, records: Vec<String>, sync: bool) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Makes everything appended so far durable.
    fn sync_records(&self) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Number of records.
    fn record_count(&self) -> Result<u64, StoreError>;
    /// At most `max` records from position `from` on, in order.
    fn records(&self, from: u64, max: usize) -> Result<Vec<String>, StoreError>;
    /// Adds a checkpoint, durably.
    fn add_checkpoint(&self, checkpoint: StoredCheckpoint) -> BoxFuture<'_, Result<(), StoreError>>;
    /// At most `max` checkpoints that cover `from` records or more, in order.
    fn checkpoints(&self, from: u64, max: usize) -> Result<Vec<StoredCheckpoint>, StoreError>;
    /// The last checkpoint.
    fn last_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError>;
}
