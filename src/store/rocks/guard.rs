//! What masking and budgets keep in RocksDB: inherited classes, and what agents used of their budgets.

use futures_util::future::BoxFuture;

use crate::gate::budget::{BudgetStore, CounterRow};
use crate::gate::inherit::{Inherited, InheritedStore};
use crate::identity::store::StoreError;
use crate::store::rocks::RocksStore;
use crate::store::rocks::columns::{BUDGETS, INHERITED};

impl InheritedStore for RocksStore {
    fn put_inherited(&self, entries: Vec<Inherited>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            entries.iter().try_for_each(|one| inner.put(batch, INHERITED, one.id().as_bytes(), one))
        })
    }

    fn remove_inherited(&self, id: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            if inner.bytes(INHERITED, id.as_bytes())?.is_none() {
                return Err(StoreError::Missing("inherited class".to_owned()));
            }
            batch.delete_cf(inner.column(INHERITED)?, id.as_bytes());
            Ok(())
        })
    }

    fn inherited(&self) -> Result<Vec<Inherited>, StoreError> {
        self.inner.values(INHERITED)
    }
}

impl BudgetStore for RocksStore {
    fn put_counters(&self, rows: Vec<CounterRow>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            rows.iter().try_for_each(|row| inner.put(batch, BUDGETS, row.id().as_bytes(), row))
        })
    }

    fn counters(&self) -> Result<Vec<CounterRow>, StoreError> {
        self.inner.values(BUDGETS)
    }
}
