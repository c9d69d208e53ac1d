//! What columns inherited, kept: recorded before the statement that brings it about is sent, and never forgotten by a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use parking_lot::RwLock;

use crate::identity::store::StoreError;
pub use crate::policy::inherit::{Inherited, Target};

/// Inherited classes by [`Inherited::id`].
pub trait InheritedStore: Send + Sync {
    /// Adds entries, or replaces those of the same id, all or none, durably.
    fn put_inherited(&self, entries: Vec<Inherited>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Removes an entry; [`StoreError::Missing`] if there is none.
    fn remove_inherited(&self, id: String) -> BoxFuture<'_, Result<(), StoreError>>;
    /// All entries, by id.
    fn inherited(&self) -> Result<Vec<Inherited>, StoreError>;
}

/// All inherited classes, in memory and in the store.
pub struct Inheritance {
    store: Arc<dyn InheritedStore>,
    entries: RwLock<Vec<Inherited>>,
    version: AtomicU64,
}

impl Inheritance {
    /// Reads what is kept.
    ///
    /// # Errors
    /// The store fails. Then nothing may be judged: classes would be missing.
    pub fn open(store: Arc<dyn InheritedStore>) -> Result<Self, StoreError> {
        let entries = RwLock::new(store.inherited()?);
        Ok(Self { store, entries, version: AtomicU64::new(1) })
    }

    /// Changes with every change of the entries: a class map made at another version is out of date.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What columns of this database inherited.
    pub fn of(&self, database: &str) -> Vec<Inherited> {
        self.entries.read().iter().filter(|one| one.database == database).cloned().collect()
    }

    /// Keeps entries, those that are kept already left as they are. The statement must not be sent before this says `Ok`.
    ///
    /// # Errors
    /// The store fails; nothing may be sent then.
    pub async fn record(&self, entries: Vec<Inherited>) -> Result<(), StoreError> {
        let fresh: Vec<Inherited> = {
            let known = self.entries.read();
            entries.into_iter().filter(|new| !known.iter().any(|old| old.is_same(new))).collect()
        };
        if fresh.is_empty() {
            return Ok(());
        }
        self.store.put_inherited(fresh.clone()).await?;
        self.take_in(fresh);
        Ok(())
    }

    /// Learns keys and names of relations that exist now, so that renames are followed: `learn` is [`Inherited::pin`] with the
    /// database's catalog. Called after that was read.
    ///
    /// # Errors
    /// The store fails; what was learnt is used all the same, and learnt again after a restart.
    pub async fn pin(&self, database: &str, learn: impl Fn(&mut Inherited) -> bool) -> Result<(), StoreError> {
        let mut learnt = self.of(database);
        learnt.retain_mut(|one| learn(one));
        if learnt.is_empty() {
            return Ok(());
        }
        self.take_in(learnt.clone());
        self.store.put_inherited(learnt).await
    }

    /// Takes a class from a column: somebody found that what was copied is gone.
    ///
    /// # Errors
    /// There is no such entry, or the store fails.
    pub async fn forget(&self, id: &str) -> Result<(), StoreError> {
        self.store.remove_inherited(id.to_owned()).await?;
        self.entries.write().retain(|one| one.id() != id);
        self.version.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn take_in(&self, fresh: Vec<Inherited>) {
        let mut entries = self.entries.write();
        for new in fresh {
            match entries.iter_mut().find(|old| old.is_same(&new)) {
                Some(old) => *old = new,
                None => entries.push(new),
            }
        }
        self.version.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
