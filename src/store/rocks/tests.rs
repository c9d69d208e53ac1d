//! RocksDB: what survives reopening, which files it leaves to whom, and records it cannot read.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::audit::store::AuditStore;
use crate::gate::sample;
use crate::identity::store::{AgentStore, LoginStore};
use crate::store::contract::Scratch;

fn put_raw(store: &RocksStore, column: Column, key: &str, value: &str) {
    let put = |batch: &mut WriteBatch, inner: &Inner| {
        batch.put_cf(inner.column(column)?, key, value);
        Ok(())
    };
    store.inner.write_sync(put).unwrap();
}

#[tokio::test]
async fn everything_is_there_again_after_closing() {
    let scratch = Scratch::new();
    let agent = sample::agent("bot");
    {
        let store = RocksStore::open(scratch.path()).unwrap();
        store.add_agent(agent.clone()).await.unwrap();
        store.append_records(0, vec!["{}".into()], true).await.unwrap();
    }
    let store = RocksStore::open(scratch.path()).unwrap();
    assert_eq!((store.agent(&agent.name).unwrap(), store.record_count().unwrap()), (Some(agent), 1));
}

#[test]
fn a_new_store_is_for_its_owner_only() {
    let scratch = Scratch::new();
    let path = scratch.path().join("store");
    let _store = RocksStore::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_second_writer_is_refused() {
    let scratch = Scratch::new();
    let _store = RocksStore::open(scratch.path()).unwrap();
    assert!(matches!(RocksStore::open(scratch.path()), Err(StoreError::Failed(_))));
}

#[test]
fn a_newer_layout_is_refused() {
    let scratch = Scratch::new();
    let store = RocksStore::open(scratch.path()).unwrap();
    put_raw(&store, META, SCHEMA_KEY, "2");
    drop(store);
    assert!(matches!(RocksStore::open(scratch.path()), Err(StoreError::Unreadable(_))));
}

#[test]
fn a_store_of_an_older_version_is_looked_at_as_it_is_and_gets_the_newer_columns_when_opened() {
    let (scratch, notes) = (Scratch::new(), Scratch::new());
    {
        let mut options = options();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let old =
            ALL.map(|column| column.name).into_iter().filter(|name| *name != "logins" && *name != "browser_sessions");
        let store = RocksStore::new(DB::open_cf(&options, scratch.path(), old).unwrap(), true);
        put_raw(&store, META, SCHEMA_KEY, "1");
    }
    let onlooker = RocksStore::open_secondary(scratch.path(), notes.path()).unwrap();
    assert_eq!(onlooker.record_count().unwrap(), 0);
    drop(onlooker);
    assert!(RocksStore::open(scratch.path()).unwrap().logins().unwrap().is_empty());
}

#[test]
fn an_unknown_column_family_is_refused() {
    let scratch = Scratch::new();
    drop(RocksStore::open(scratch.path()).unwrap());
    let names = ALL.map(|column| column.name);
    let mut db = DB::open_cf(&options(), scratch.path(), names).unwrap();
    db.create_cf("from_the_future", &Options::default()).unwrap();
    drop(db);
    let refused = RocksStore::open(scratch.path()).err();
    assert!(matches!(&refused, Some(StoreError::Unreadable(why)) if why.contains("from_the_future")), "{refused:?}");
}

#[test]
fn a_value_of_a_newer_version_is_not_guessed_at() {
    let scratch = Scratch::new();
    let store = RocksStore::open(scratch.path()).unwrap();
    put_raw(&store, columns::AGENTS, "bot", r#"{"v":2,"value":{}}"#);
    let read = store.agent(&crate::identity::ids::AgentName("bot".into()));
    assert!(matches!(read, Err(StoreError::Unreadable(_))));
}

#[tokio::test]
async fn an_onlooker_reads_while_the_owner_writes_and_cannot_write() {
    let (scratch, notes) = (Scratch::new(), Scratch::new());
    let owner = RocksStore::open(scratch.path()).unwrap();
    owner.append_records(0, vec!["{}".into()], false).await.unwrap();
    let onlooker = RocksStore::open_secondary(scratch.path(), notes.path()).unwrap();
    assert_eq!(onlooker.record_count().unwrap(), 1);
    owner.append_records(1, vec!["{}".into()], false).await.unwrap();
    onlooker.catch_up().unwrap();
    assert_eq!(onlooker.record_count().unwrap(), 2);
    assert!(onlooker.append_records(2, vec!["{}".into()], true).await.is_err());
}
