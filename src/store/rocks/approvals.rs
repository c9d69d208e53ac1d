//! Approvals in RocksDB, with an index by time and one of those that have not ended.

use futures_util::future::BoxFuture;
use rocksdb::{Direction, IteratorMode, WriteBatch};

use crate::gate::approval::Approval;
use crate::gate::desk::store::{ApprovalChange, ApprovalFilter, ApprovalStore, ApprovalWrite, Cursor, Page};
use crate::identity::ids::ApprovalId;
use crate::identity::store::StoreError;
use crate::store::rocks::columns::{APPROVALS, APPROVALS_BY_TIME, APPROVALS_OPEN, CHANGES};
use crate::store::rocks::{Inner, RocksStore, Row, failed};

/// Approvals that one page of a listing looks at, at most.
const SCAN_MAX: usize = 10_000;

fn time_key(cursor: &Cursor) -> Vec<u8> {
    // Times before 1970 do not occur; should a clock say so, they sort together at the beginning.
    let millis = u64::try_from(cursor.created_at.as_millis()).unwrap_or(0);
    [millis.to_be_bytes().as_slice(), cursor.id.as_str().as_bytes()].concat()
}

/// Changes of one approval stand behind each other, oldest first.
pub(super) fn change_key(change: &ApprovalChange) -> Vec<u8> {
    [change.id.as_str().as_bytes(), change.version.to_be_bytes().as_slice()].concat()
}

fn id_of(bytes: &[u8]) -> Result<ApprovalId, StoreError> {
    let id = std::str::from_utf8(bytes).ok().and_then(ApprovalId::parse);
    id.ok_or_else(|| StoreError::Unreadable("an index names something that is no approval".to_owned()))
}

impl Inner {
    fn approval(&self, id: &ApprovalId) -> Result<Option<Approval>, StoreError> {
        self.value(APPROVALS, id.as_str().as_bytes())
    }

    fn indexed(&self, id: &ApprovalId) -> Result<Approval, StoreError> {
        self.approval(id)?.ok_or_else(|| StoreError::Unreadable(format!("{id} is in an index only")))
    }

    fn put_approval(&self, batch: &mut WriteBatch, write: &ApprovalWrite) -> Result<(), StoreError> {
        let approval = Approval { waiting: false, ..write.approval.clone() };
        let id = approval.id.as_str().as_bytes();
        let stored = self.approval(&approval.id)?;
        if stored.as_ref().map(|stored| stored.version) != write.expected {
            return Err(StoreError::Conflict(approval.id.to_string()));
        }
        let change = ApprovalChange::between(stored.as_ref(), &approval);
        self.put(batch, CHANGES, &change_key(&change), &change)?;
        self.put(batch, APPROVALS, id, &approval)?;
        batch.put_cf(self.column(APPROVALS_BY_TIME)?, time_key(&Cursor::of(&approval)), []);
        match approval.state.is_terminal() {
            true => batch.delete_cf(self.column(APPROVALS_OPEN)?, id),
            false => batch.put_cf(self.column(APPROVALS_OPEN)?, id, []),
        }
        Ok(())
    }
}

impl ApprovalStore for RocksStore {
    fn commit(&self, writes: Vec<ApprovalWrite>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| writes.iter().try_for_each(|write| inner.put_approval(batch, write)))
    }

    fn approval(&self, id: &ApprovalId) -> Result<Option<Approval>, StoreError> {
        self.inner.approval(id)
    }

    fn unfinished(&self) -> Result<Vec<Approval>, StoreError> {
        let inner = &self.inner;
        let rows = inner.db.iterator_cf(inner.column(APPROVALS_OPEN)?, IteratorMode::Start);
        rows.map(|row| inner.indexed(&id_of(&row.map_err(failed)?.0)?)).collect()
    }

    fn list(&self, filter: &ApprovalFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError> {
        let mut page = Page::default();
        let after = after.map(time_key);
        let newest = vec![u8::MAX; 16];
        let from = after.as_ref().unwrap_or(&newest);
        let rows = self.inner.rows_from(APPROVALS_BY_TIME, from, Direction::Reverse)?;
        let mut seen: Option<Cursor> = None;
        for (looked_at, row) in rows.filter(|row| !is_at(row, after.as_deref())).enumerate() {
            let (key, _) = row?;
            if page.approvals.len() >= max || looked_at >= SCAN_MAX {
                page.next = seen;
                break;
            }
            let approval = self.inner.indexed(&id_of(key.get(8..).unwrap_or_default())?)?;
            seen = Some(Cursor::of(&approval));
            if filter.passes(&approval) {
                page.approvals.push(approval);
            }
        }
        Ok(page)
    }

    fn ids_with_prefix(&self, prefix: &str, max: usize) -> Result<Vec<ApprovalId>, StoreError> {
        let rows = self.inner.rows_from(APPROVALS, prefix.as_bytes(), Direction::Forward)?;
        let matching = rows.take_while(|row| row.as_ref().is_ok_and(|(key, _)| key.starts_with(prefix.as_bytes())));
        matching.take(max).map(|row| id_of(&row?.0)).collect()
    }
}

fn is_at(row: &Result<Row, StoreError>, place: Option<&[u8]>) -> bool {
    place.is_some_and(|place| row.as_ref().is_ok_and(|(key, _)| **key == *place))
}
