//! Judgements of texts seen before, so that judging them again costs one look-up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::identity::ids::AgentName;
use crate::session::judge::{Judged, World};
use crate::statement::fingerprint::key::{CacheKey, cache_key_into};
use crate::statement::scope::Scope;

/// Longest text that is kept whole.
const TEXT_MAX: usize = 64 * 1024;

/// Judgements of texts seen before, for one agent, one scope and one world. Compared by their bytes, never by a hash alone.
#[derive(Default)]
pub struct Shelf {
    /// By text without its harmless literals: only what is allowed whatever those literals are.
    by_skeleton: RwLock<HashMap<Box<[u8]>, Arc<Judged>>>,
    /// By whole text.
    by_text: RwLock<HashMap<Arc<str>, Arc<Judged>>>,
    bytes: AtomicUsize,
}

thread_local! {
    static SKELETON: RefCell<CacheKey> = RefCell::default();
}

impl Shelf {
    /// The judgement of this text, if one was kept that holds for it.
    pub fn get(&self, text: &str, scope: &Scope) -> Option<Arc<Judged>> {
        let by_skeleton = SKELETON.with_borrow_mut(|key| {
            let keyed = cache_key_into(text, &scope.dialect, key);
            keyed.then(|| self.by_skeleton.read().get(key.skeleton.as_slice()).cloned()).flatten()
        });
        by_skeleton.or_else(|| self.by_text.read().get(text).cloned())
    }

    /// Keeps a judgement, unless it depends on the session's prepared statements or cursors. `budget` bounds the bytes of
    /// one shelf (each entry counts its text twice and a flat 4 KiB); a full shelf is emptied.
    pub fn put(&self, judged: &Arc<Judged>, scope: &Scope, budget: usize) {
        let depends = judged.statements.iter().any(|one| one.statement.depends_on_session);
        if depends || judged.text.len() > TEXT_MAX {
            return;
        }
        let cost = judged.text.len() * 2 + 4096;
        if self.bytes.fetch_add(cost, Ordering::Relaxed) + cost > budget {
            self.by_skeleton.write().clear();
            self.by_text.write().clear();
            self.bytes.store(cost, Ordering::Relaxed);
        }
        if judged.holds_for_any_literal() {
            let mut key = CacheKey::default();
            if cache_key_into(&judged.text, &scope.dialect, &mut key) {
                self.by_skeleton.write().insert(key.skeleton.into_boxed_slice(), judged.clone());
                return;
            }
        }
        self.by_text.write().insert(judged.text.clone(), judged.clone());
    }
}

/// Shelves kept at most: more agents and scopes than that start anew.
const SHELVES_MAX: usize = 64;

/// All shelves of one database. Emptied when the world changes.
#[derive(Default)]
pub struct Cache {
    shelves: Mutex<Shelves>,
}

#[derive(Default)]
struct Shelves {
    /// What all of them were judged by.
    world: Option<Arc<World>>,
    by_reader: HashMap<(AgentName, Arc<Scope>), Arc<Shelf>>,
}

impl Cache {
    /// The shelf for this agent and scope in this world.
    pub fn shelf(&self, world: &Arc<World>, agent: &AgentName, scope: &Arc<Scope>) -> Arc<Shelf> {
        let shelves = &mut *self.shelves.lock();
        let same = shelves.world.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, world));
        if !same || shelves.by_reader.len() >= SHELVES_MAX {
            shelves.by_reader.clear();
            shelves.world = Some(world.clone());
        }
        shelves.by_reader.entry((agent.clone(), scope.clone())).or_default().clone()
    }
}
