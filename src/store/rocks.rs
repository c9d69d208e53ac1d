//! RocksDB in a directory: one process writes, others may look on.
//!
//! Every write that promises durability is synced before it is reported. Writes run on tokio's blocking threads, and go on
//! when the caller is gone. Values are versioned JSON, `{"v":1,"value":…}`; audit records are kept as their canonical text.

mod approvals;
mod audit;
mod columns;
mod grants;
mod guard;
mod identity;
mod outbox;

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use rocksdb::{ColumnFamily, DB, Direction, IteratorMode, Options, WriteBatch, WriteOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::identity::store::StoreError;
use crate::store::rocks::columns::{ALL, Column, META};

/// Version of the layout; a store of a newer one is refused, older ones are brought up to date when opened.
const SCHEMA: u32 = 1;
const SCHEMA_KEY: &str = "schema";
const VALUE_VERSION: u64 = 1;
const WRITE_BUFFERS_BYTES: usize = 64 << 20;
const WAL_BYTES_MAX: u64 = 256 << 20;

/// Key and value.
type Row = (Box<[u8]>, Box<[u8]>);

/// The store.
pub struct RocksStore {
    inner: Arc<Inner>,
}

struct Inner {
    db: DB,
    /// Held from a write's check to its end: compare-and-set is one step.
    turn: Mutex<()>,
    writable: bool,
}

impl RocksStore {
    /// Opens the store for reading and writing, and makes it (readable for its owner only) if it is not there.
    ///
    /// # Errors
    /// Another process has it open, it is of a newer version, or the engine fails.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make_directory(path)?;
        check_columns(path)?;
        let mut options = options();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let db = DB::open_cf(&options, path, ALL.map(|column| column.name)).map_err(failed)?;
        let store = Self::new(db, true);
        match store.inner.schema()? {
            Some(_) => {}
            None => store.inner.write_sync(|batch, inner| {
                batch.put_cf(inner.column(META)?, SCHEMA_KEY, SCHEMA.to_string());
                Ok(())
            })?,
        }
        Ok(store)
    }

    /// Opens the store for reading while another process may be writing to it. `scratch` is a directory of one's own for the
    /// engine's notes. Shows the state of the last [`RocksStore::catch_up`].
    ///
    /// # Errors
    /// There is no store, it is of a newer version, or the engine fails.
    pub fn open_secondary(path: &Path, scratch: &Path) -> Result<Self, StoreError> {
        check_columns(path)?;
        let mut options = options();
        options.set_max_open_files(-1);
        // A store that an older version wrote last lacks the newer columns; nothing is in them.
        let there = DB::list_cf(&Options::default(), path).map_err(failed)?;
        let names = ALL.map(|column| column.name).into_iter().filter(|name| there.iter().any(|known| known == name));
        let db = DB::open_cf_as_secondary(&options, path, scratch, names).map_err(failed)?;
        let store = Self::new(db, false);
        store.catch_up()?;
        store.inner.schema()?;
        Ok(store)
    }

    /// Takes in what the writing process has written since.
    ///
    /// # Errors
    /// The engine fails.
    pub fn catch_up(&self) -> Result<(), StoreError> {
        self.inner.db.try_catch_up_with_primary().map_err(failed)
    }

    fn new(db: DB, writable: bool) -> Self {
        Self { inner: Arc::new(Inner { db, turn: Mutex::new(()), writable }) }
    }

    /// Runs a change on a blocking thread, alone, and writes its batch synced.
    fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut WriteBatch, &Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        self.blocking(move |inner| inner.write_sync(change))
    }

    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let inner = Arc::clone(&self.inner);
        let task = tokio::task::spawn_blocking(move || work(&inner));
        Box::pin(async move { task.await.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string()))) })
    }
}

impl Inner {
    fn column(&self, column: Column) -> Result<&ColumnFamily, StoreError> {
        let found = self.db.cf_handle(column.name);
        found.ok_or_else(|| StoreError::Unreadable(format!("there is no column family {}", column.name)))
    }

    fn schema(&self) -> Result<Option<u32>, StoreError> {
        let Some(text) = self.bytes(META, SCHEMA_KEY.as_bytes())? else { return Ok(None) };
        let version = String::from_utf8_lossy(&text).parse::<u32>().ok();
        match version {
            Some(version) if version <= SCHEMA => Ok(Some(version)),
            _ => Err(newer(&String::from_utf8_lossy(&text))),
        }
    }

    fn bytes(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.column(column)?, key).map_err(failed)
    }

    fn value<T: DeserializeOwned>(&self, column: Column, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.bytes(column, key)?.map(|bytes| decode(column, &bytes)).transpose()
    }

    fn values<T: DeserializeOwned>(&self, column: Column) -> Result<Vec<T>, StoreError> {
        let rows = self.db.iterator_cf(self.column(column)?, IteratorMode::Start);
        rows.map(|row| row.map_err(failed).and_then(|(_, bytes)| decode(column, &bytes))).collect()
    }

    /// Rows from `key` on, in one direction.
    fn rows_from<'a>(
        &'a self,
        column: Column,
        key: &'a [u8],
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<Row, StoreError>> + 'a, StoreError> {
        let rows = self.db.iterator_cf(self.column(column)?, IteratorMode::From(key, direction));
        Ok(rows.map(|row| row.map_err(failed)))
    }

    fn last_row(&self, column: Column) -> Result<Option<Row>, StoreError> {
        self.db.iterator_cf(self.column(column)?, IteratorMode::End).next().transpose().map_err(failed)
    }

    fn put<T: Serialize>(
        &self,
        batch: &mut WriteBatch,
        column: Column,
        key: &[u8],
        value: &T,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&serde_json::json!({ "v": VALUE_VERSION, "value": value }));
        let text = text.map_err(|error| StoreError::Failed(error.to_string()))?;
        batch.put_cf(self.column(column)?, key, text);
        Ok(())
    }

    fn turn(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        if self.writable {
            return Ok(self.turn.lock());
        }
        Err(StoreError::Failed("the store was opened for reading only".to_owned()))
    }

    /// Checks and writes in one step. When it returns `Ok`, the write is on the disk.
    fn write_sync<T>(
        &self,
        change: impl FnOnce(&mut WriteBatch, &Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.write(true, change)
    }

    fn write<T>(
        &self,
        sync: bool,
        change: impl FnOnce(&mut WriteBatch, &Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _turn = self.turn()?;
        let mut batch = WriteBatch::default();
        let result = change(&mut batch, self)?;
        let mut how = WriteOptions::default();
        how.set_sync(sync);
        self.db.write_opt(batch, &how).map_err(failed)?;
        Ok(result)
    }
}

fn decode<T: DeserializeOwned>(column: Column, bytes: &[u8]) -> Result<T, StoreError> {
    let unreadable = |error: serde_json::Error| StoreError::Unreadable(format!("{}: {error}", column.name));
    let mut stored: serde_json::Value = serde_json::from_slice(bytes).map_err(unreadable)?;
    let version = stored.get("v").and_then(serde_json::Value::as_u64);
    if version != Some(VALUE_VERSION) {
        return Err(StoreError::Unreadable(format!("{}: a value of version {version:?}", column.name)));
    }
    let value = stored.get_mut("value").map(serde_json::Value::take).unwrap_or_default();
    serde_json::from_value(value).map_err(unreadable)
}

fn options() -> Options {
    let mut options = Options::default();
    options.set_keep_log_file_num(4);
    options.set_db_write_buffer_size(WRITE_BUFFERS_BYTES);
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    options.set_paranoid_checks(true);
    options
}

/// The store holds keys, so nobody else may look into it.
fn make_directory(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| StoreError::Failed(format!("{}: {error}", path.display())))
}

fn check_columns(path: &Path) -> Result<(), StoreError> {
    // A directory without a store has no columns to list; opening it says what is wrong, if anything is.
    let Ok(names) = DB::list_cf(&Options::default(), path) else { return Ok(()) };
    let known = |name: &String| name == "default" || ALL.iter().any(|column| column.name == name);
    match names.iter().find(|name| !known(name)) {
        Some(name) => Err(newer(name)),
        None => Ok(()),
    }
}

fn newer(what: &str) -> StoreError {
    StoreError::Unreadable(format!("it was written by a newer version of holdpoint (`{what}`)"))
}

fn failed(error: rocksdb::Error) -> StoreError {
    StoreError::Failed(error.into_string())
}

#[cfg(test)]
mod tests;
