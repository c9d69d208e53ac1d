//! The audit log in RocksDB. Records are appended in groups; a synced write makes everything before it durable as well,
//! because all of it goes through one write-ahead log.

use futures_util::future::BoxFuture;
use rocksdb::Direction;
use serde::{Deserialize, Serialize};

use crate::audit::merkle::{Frontier, Hash};
use crate::audit::store::{AuditStore, StoredCheckpoint};
use crate::identity::store::StoreError;
use crate::store::rocks::columns::{AUDIT, CHECKPOINTS, Column};
use crate::store::rocks::{Inner, RocksStore, decode, failed};

/// The stored form of a checkpoint.
#[derive(Serialize, Deserialize)]
struct CheckpointRow {
    size: u64,
    roots: Vec<String>,
    last: String,
    note: String,
}

impl From<&StoredCheckpoint> for CheckpointRow {
    fn from(checkpoint: &StoredCheckpoint) -> Self {
        Self {
            size: checkpoint.frontier.size(),
            roots: checkpoint.frontier.roots().iter().map(hex::encode).collect(),
            last: hex::encode(checkpoint.last),
            note: checkpoint.note.clone(),
        }
    }
}

impl TryFrom<CheckpointRow> for StoredCheckpoint {
    type Error = StoreError;

    fn try_from(row: CheckpointRow) -> Result<Self, StoreError> {
        let unreadable = || StoreError::Unreadable(format!("the checkpoint at {}", row.size));
        let hash = |text: &String| {
            let bytes = hex::decode(text).ok().and_then(|bytes| Hash::try_from(bytes).ok());
            bytes.ok_or_else(unreadable)
        };
        let roots = row.roots.iter().map(hash).collect::<Result<_, _>>()?;
        let frontier = Frontier::from_parts(row.size, roots).ok_or_else(unreadable)?;
        Ok(Self { frontier, last: hash(&row.last)?, note: row.note })
    }
}

fn position(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key.try_into().map_err(|_| StoreError::Unreadable("a position that is none".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}

fn text(bytes: Box<[u8]>) -> Result<String, StoreError> {
    String::from_utf8(bytes.into_vec()).map_err(|error| StoreError::Unreadable(format!("audit: {error}")))
}

impl Inner {
    fn next_position(&self, column: Column) -> Result<u64, StoreError> {
        match self.last_row(column)? {
            None => Ok(0),
            Some((key, _)) => Ok(position(&key)?.saturating_add(1)),
        }
    }

    fn append_records(&self, first: u64, records: &[String], sync: bool) -> Result<(), StoreError> {
        self.write(sync, |batch, inner| {
            if inner.next_position(AUDIT)? != first {
                return Err(StoreError::Conflict(format!("audit record {first}")));
            }
            let column = inner.column(AUDIT)?;
            for (position, record) in (first..).zip(records) {
                batch.put_cf(column, position.to_be_bytes(), record);
            }
            Ok(())
        })
    }
}

impl AuditStore for RocksStore {
    fn append_records(&self, first: u64, records: Vec<String>, sync: bool) -> BoxFuture<'_, Result<(), StoreError>> {
        self.blocking(move |inner| inner.append_records(first, &records, sync))
    }

    fn sync_records(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.blocking(|inner| inner.db.flush_wal(true).map_err(failed))
    }

    fn record_count(&self) -> Result<u64, StoreError> {
        self.inner.next_position(AUDIT)
    }

    fn records(&self, from: u64, max: usize) -> Result<Vec<String>, StoreError> {
        let from = from.to_be_bytes();
        let rows = self.inner.rows_from(AUDIT, &from, Direction::Forward)?;
        rows.take(max).map(|row| text(row?.1)).collect()
    }

    fn add_checkpoint(&self, checkpoint: StoredCheckpoint) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            let row = CheckpointRow::from(&checkpoint);
            inner.put(batch, CHECKPOINTS, &row.size.to_be_bytes(), &row)
        })
    }

    fn checkpoints(&self, from: u64, max: usize) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let from = from.to_be_bytes();
        let rows = self.inner.rows_from(CHECKPOINTS, &from, Direction::Forward)?;
        rows.take(max).map(|row| decode::<CheckpointRow>(CHECKPOINTS, &row?.1)?.try_into()).collect()
    }

    fn last_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        let Some((_, bytes)) = self.inner.last_row(CHECKPOINTS)? else { return Ok(None) };
        Ok(Some(decode::<CheckpointRow>(CHECKPOINTS, &bytes)?.try_into()?))
    }
}
