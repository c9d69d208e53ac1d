//! The outbox and notes in memory.

use futures_util::future::BoxFuture;

use crate::clock::Timestamp;
use crate::gate::desk::store::ApprovalChange;
use crate::identity::store::StoreError;
use crate::notify::outbox::{Delivery, NoteStore, OutboxStore, Progress};
use crate::store::memory::{MemoryStore, Part};

impl OutboxStore for MemoryStore {
    fn changes(&self, max: usize) -> Result<Vec<ApprovalChange>, StoreError> {
        Ok(self.state.lock().changes.values().take(max).cloned().collect())
    }

    fn plan(
        &self,
        taken: Vec<ApprovalChange>,
        deliveries: Vec<Delivery>,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        self.write(Part::Outbox, |state| {
            for change in &taken {
                state.changes.remove(&(change.id.clone(), change.version));
            }
            let numbered =
                (state.next_delivery..).zip(deliveries).map(|(number, delivery)| Delivery { number, ..delivery });
            let planned: Vec<Delivery> = numbered.collect();
            state.next_delivery = planned.last().map_or(state.next_delivery, |last| last.number + 1);
            state.outbox.extend(planned.iter().map(|delivery| (delivery.number, delivery.clone())));
            Ok(planned)
        })
    }

    fn waiting(&self, channel: &str, max: usize) -> Result<Vec<Delivery>, StoreError> {
        let state = self.state.lock();
        let waiting = state.outbox.values().filter(|delivery| waits(delivery, channel));
        Ok(waiting.take(max).cloned().collect())
    }

    fn waiting_count(&self, channel: &str) -> Result<u64, StoreError> {
        let count = self.state.lock().outbox.values().filter(|delivery| waits(delivery, channel)).count();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    fn update(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Outbox, |state| {
            let missing = || StoreError::Missing(format!("delivery {}", delivery.id));
            let same = |stored: &&mut Delivery| stored.channel == delivery.channel;
            let stored = state.outbox.get_mut(&delivery.number).filter(same).ok_or_else(missing)?;
            *stored = delivery;
            Ok(())
        })
    }

    fn deliveries(&self, channel: &str, before: Option<u64>, max: usize) -> Result<Vec<Delivery>, StoreError> {
        let state = self.state.lock();
        let found = state.outbox.range(..before.unwrap_or(u64::MAX)).rev().map(|(_, delivery)| delivery);
        Ok(found.filter(|delivery| delivery.channel == channel).take(max).cloned().collect())
    }

    fn forget(&self, before: Timestamp, max: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.write(Part::Outbox, |state| {
            let ended = |delivery: &&Delivery| delivery.ended_at.is_some_and(|at| at < before);
            let old: Vec<u64> = state.outbox.values().filter(ended).take(max).map(|delivery| delivery.number).collect();
            old.iter().for_each(|number| drop(state.outbox.remove(number)));
            Ok(old.len())
        })
    }
}

fn waits(delivery: &Delivery, channel: &str) -> bool {
    delivery.channel == channel && delivery.progress == Progress::Waiting
}

impl NoteStore for MemoryStore {
    fn note(&self, space: &str, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.state.lock().notes.get(&(space.to_owned(), key.to_owned())).cloned())
    }

    fn notes(&self, space: &str) -> Result<Vec<(String, String)>, StoreError> {
        let state = self.state.lock();
        let of_space = state.notes.iter().filter(|((of, _), _)| of == space);
        Ok(of_space.map(|((_, key), text)| (key.clone(), text.clone())).collect())
    }

    fn put_note(&self, space: &str, key: &str, text: Option<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        let key = (space.to_owned(), key.to_owned());
        self.write(Part::Outbox, |state| {
            match text {
                Some(text) => state.notes.insert(key, text),
                None => state.notes.remove(&key),
            };
            Ok(())
        })
    }

    fn take_note(&self, space: &str, key: &str) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        let key = (space.to_owned(), key.to_owned());
        self.write(Part::Outbox, |state| Ok(state.notes.remove(&key)))
    }
}
