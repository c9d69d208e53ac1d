//! The outbox and notes in RocksDB. Numbers grow over all channels and restarts; an index holds what waits.

use futures_util::future::BoxFuture;
use rocksdb::{Direction, IteratorMode, WriteBatch};

use crate::clock::Timestamp;
use crate::gate::desk::store::ApprovalChange;
use crate::identity::store::StoreError;
use crate::notify::outbox::{Delivery, NoteStore, OutboxStore, Progress};
use crate::store::rocks::approvals::change_key;
use crate::store::rocks::columns::{CHANGES, Column, META, NOTES, OUTBOX, OUTBOX_WAITING};
use crate::store::rocks::{Inner, RocksStore, decode, failed};

/// `meta` -> the number of the next delivery, in decimal.
const NEXT_KEY: &str = "outbox_next";

/// Ended deliveries that one sweep looks at, at most.
const SWEEP_MAX: usize = 100_000;

fn key(name: &str, rest: &[u8]) -> Vec<u8> {
    [name.as_bytes(), &[0], rest].concat()
}

fn place(delivery: &Delivery) -> Vec<u8> {
    key(&delivery.channel, &delivery.number.to_be_bytes())
}

impl Inner {
    fn next_number(&self) -> Result<u64, StoreError> {
        let Some(bytes) = self.bytes(META, NEXT_KEY.as_bytes())? else { return Ok(0) };
        let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| StoreError::Unreadable("the outbox's next number".to_owned()))
    }

    fn put_delivery(&self, batch: &mut WriteBatch, delivery: &Delivery) -> Result<(), StoreError> {
        let place = place(delivery);
        self.put(batch, OUTBOX, &place, delivery)?;
        let index = self.column(OUTBOX_WAITING)?;
        match delivery.progress {
            Progress::Waiting => batch.put_cf(index, place, []),
            Progress::Delivered | Progress::Dead => batch.delete_cf(index, place),
        }
        Ok(())
    }

    fn plan(
        &self,
        batch: &mut WriteBatch,
        taken: &[ApprovalChange],
        deliveries: Vec<Delivery>,
    ) -> Result<Vec<Delivery>, StoreError> {
        for change in taken {
            batch.delete_cf(self.column(CHANGES)?, change_key(change));
        }
        let planned: Vec<Delivery> =
            (self.next_number()?..).zip(deliveries).map(|(number, delivery)| Delivery { number, ..delivery }).collect();
        planned.iter().try_for_each(|delivery| self.put_delivery(batch, delivery))?;
        if let Some(last) = planned.last() {
            batch.put_cf(self.column(META)?, NEXT_KEY, last.number.saturating_add(1).to_string());
        }
        Ok(planned)
    }

    /// Keys of a column that begin with `name` and a zero byte, in order.
    fn keys_of(
        &self,
        column: Column,
        name: &str,
    ) -> Result<impl Iterator<Item = Result<Box<[u8]>, StoreError>> + '_, StoreError> {
        let start = key(name, &[]);
        let rows = self.db.iterator_cf(self.column(column)?, IteratorMode::From(&start, Direction::Forward));
        let keys = rows.map(|row| row.map(|(key, _)| key).map_err(failed));
        Ok(keys.take_while(move |key| key.as_ref().map_or(true, |key| key.starts_with(&start))))
    }

    fn forget(&self, batch: &mut WriteBatch, before: Timestamp, max: usize) -> Result<usize, StoreError> {
        let column = self.column(OUTBOX)?;
        let mut forgotten = 0;
        for row in self.db.iterator_cf(column, IteratorMode::Start).take(SWEEP_MAX) {
            let (key, bytes) = row.map_err(failed)?;
            let delivery: Delivery = decode(OUTBOX, &bytes)?;
            if forgotten < max && delivery.ended_at.is_some_and(|at| at < before) {
                batch.delete_cf(column, key);
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}

impl OutboxStore for RocksStore {
    fn changes(&self, max: usize) -> Result<Vec<ApprovalChange>, StoreError> {
        let rows = self.inner.db.iterator_cf(self.inner.column(CHANGES)?, IteratorMode::Start);
        rows.take(max).map(|row| decode(CHANGES, &row.map_err(failed)?.1)).collect()
    }

    fn plan(
        &self,
        taken: Vec<ApprovalChange>,
        deliveries: Vec<Delivery>,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        self.change(move |batch, inner| inner.plan(batch, &taken, deliveries))
    }

    fn waiting(&self, channel: &str, max: usize) -> Result<Vec<Delivery>, StoreError> {
        let keys = self.inner.keys_of(OUTBOX_WAITING, channel)?;
        let found = keys.take(max).map(|key| {
            let found = self.inner.value(OUTBOX, &key?)?;
            found.ok_or_else(|| StoreError::Unreadable("a delivery is in an index only".to_owned()))
        });
        found.collect()
    }

    fn waiting_count(&self, channel: &str) -> Result<u64, StoreError> {
        self.inner.keys_of(OUTBOX_WAITING, channel)?.try_fold(0, |count, key| key.map(|_| count + 1))
    }

    fn update(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            if inner.bytes(OUTBOX, &place(&delivery))?.is_none() {
                return Err(StoreError::Missing(format!("delivery {}", delivery.id)));
            }
            inner.put_delivery(batch, &delivery)
        })
    }

    fn deliveries(&self, channel: &str, before: Option<u64>, max: usize) -> Result<Vec<Delivery>, StoreError> {
        let start = key(channel, &[]);
        let Some(last) = before.unwrap_or(u64::MAX).checked_sub(1) else { return Ok(Vec::new()) };
        let from = key(channel, &last.to_be_bytes());
        let rows = self.inner.rows_from(OUTBOX, &from, Direction::Reverse)?;
        let of_channel = rows.take_while(|row| row.as_ref().map_or(true, |(key, _)| key.starts_with(&start)));
        of_channel.take(max).map(|row| decode(OUTBOX, &row?.1)).collect()
    }

    fn forget(&self, before: Timestamp, max: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.change(move |batch, inner| inner.forget(batch, before, max))
    }
}

impl NoteStore for RocksStore {
    fn note(&self, space: &str, name: &str) -> Result<Option<String>, StoreError> {
        self.inner.value(NOTES, &key(space, name.as_bytes()))
    }

    fn notes(&self, space: &str) -> Result<Vec<(String, String)>, StoreError> {
        let start = key(space, &[]);
        let read = |place: Box<[u8]>| {
            let name = place.get(start.len()..).unwrap_or_default();
            let name = String::from_utf8(name.to_vec()).map_err(|error| StoreError::Unreadable(error.to_string()))?;
            Ok(self.inner.value(NOTES, &place)?.map(|text| (name, text)))
        };
        let keys = self.inner.keys_of(NOTES, space)?;
        keys.map(|place| read(place?)).filter_map(Result::transpose).collect()
    }

    fn put_note(&self, space: &str, name: &str, text: Option<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        let place = key(space, name.as_bytes());
        self.change(move |batch, inner| match text {
            Some(text) => inner.put(batch, NOTES, &place, &text),
            None => {
                batch.delete_cf(inner.column(NOTES)?, place);
                Ok(())
            }
        })
    }

    fn take_note(&self, space: &str, name: &str) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        let place = key(space, name.as_bytes());
        self.change(move |batch, inner| {
            let note = inner.value(NOTES, &place)?;
            batch.delete_cf(inner.column(NOTES)?, place);
            Ok(note)
        })
    }
}
