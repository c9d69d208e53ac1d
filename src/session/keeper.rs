//! Keeps one upstream database's catalog fresh, and the picture (rules, catalog, classes) that its sessions judge by.
//!
//! The catalog is read when the first session opens, after DDL passed through, when a name is not found, and on a timer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;

use crate::catalog::Catalog;
use crate::gate::inherit::Inheritance;
use crate::policy::judge::Evidence;
use crate::policy::rules::RuleSet;
use crate::session::judge::World;
use crate::session::judge::shelf::Cache;
use crate::session::shared::Shared;
use crate::session::upstream::catalog;

/// Judgements of up to this many bytes are kept per agent and scope.
pub const SHELF_BYTES: usize = 16 * 1024 * 1024;
/// The planner's word is believed this long.
const ESTIMATE_AGE: Duration = Duration::from_secs(60);
/// Most estimates kept.
const ESTIMATES_MAX: usize = 20_000;
/// A name that is not found asks for a new catalog at most this often.
const MISS_EVERY: Duration = Duration::from_millis(500);

/// A text, and which of its statements.
type StatementOfText = (Arc<str>, usize);

/// Why there is no catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The upstream could not be asked.
    #[error("catalog of `{database}` cannot be read: {why}")]
    Unreachable {
        /// Key under `databases:`.
        database: String,
        /// What went wrong, without secrets.
        why: String,
    },
}

/// One database's catalog, judged texts and estimates, shared by its sessions.
pub struct Keeper {
    name: Arc<str>,
    shared: Arc<Shared>,
    rules: Arc<ArcSwap<RuleSet>>,
    inheritance: Arc<Inheritance>,
    world: ArcSwapOption<World>,
    refreshing: tokio::sync::Mutex<Instant>,
    refreshed: Mutex<u64>,
    installing: Mutex<()>,
    /// Judgements of texts seen before.
    pub cache: Cache,
    estimates: Mutex<HashMap<StatementOfText, (Evidence, Instant)>>,
}

impl Keeper {
    /// A keeper that has read nothing yet.
    pub fn new(name: &str, shared: Arc<Shared>, rules: Arc<ArcSwap<RuleSet>>, inheritance: Arc<Inheritance>) -> Self {
        Self {
            name: Arc::from(name),
            shared,
            rules,
            inheritance,
            world: ArcSwapOption::empty(),
            refreshing: tokio::sync::Mutex::new(Instant::now()),
            refreshed: Mutex::new(0),
            installing: Mutex::new(()),
            cache: Cache::default(),
            estimates: Mutex::new(HashMap::new()),
        }
    }

    /// The present picture if it is up to date with the rules and with what columns inherited. Costs a few nanoseconds: asked for every statement.
    pub fn present(&self) -> Option<Arc<World>> {
        let rules = self.rules.load();
        let world = self.world.load();
        let inherited = self.inheritance.version();
        world.as_ref().filter(|world| Arc::ptr_eq(&world.rules, &rules) && world.inherited == inherited).cloned()
    }

    /// The newest picture that can be had of the catalog as it was read last. `None`: nobody has read it.
    pub fn newest(&self) -> Option<Arc<World>> {
        self.present().or_else(|| Some(self.install(self.world.load_full()?.catalog.clone())))
    }

    /// The present picture; reads the catalog first if nobody has.
    ///
    /// Cancel safe: a cancelled refresh leaves the old picture.
    pub async fn world(&self) -> Result<Arc<World>, CatalogError> {
        if let Some(world) = self.present() {
            return Ok(world);
        }
        if let Some(world) = self.world.load_full() {
            return Ok(self.install(world.catalog.clone()));
        }
        self.refresh().await?;
        self.world.load_full().ok_or_else(|| self.unreachable("nothing was read"))
    }

    /// Reads the catalog again. Callers that come while one is under way and began after it wait for a second one, since
    /// what the first reads may be older than what they must see.
    ///
    /// Cancel safe: a cancelled refresh leaves the old picture.
    pub async fn refresh(&self) -> Result<(), CatalogError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let settings = self.shared.settings();
        let database = settings.databases.get(&*self.name).ok_or_else(|| self.unreachable("it is not configured"))?;
        let catalog = catalog::read(database).await.map_err(|why| self.unreachable(&why))?;
        *self.refreshed.lock() += 1;
        if let Err(error) = self.inheritance.pin(&self.name, |one| one.pin(&catalog)).await {
            // What was learnt is in force all the same, and learnt again after a restart.
            tracing::warn!(database = %self.name, %error, "where inherited classes stand was not kept");
        }
        self.install(Arc::new(catalog));
        Ok(())
    }

    /// Reads the catalog again because a name was not found, unless that was done just now.
    pub async fn refresh_for_miss(&self) -> Result<(), CatalogError> {
        {
            let last = self.refreshing.lock().await;
            if *self.refreshed.lock() > 1 && last.elapsed() < MISS_EVERY {
                return Ok(());
            }
        }
        self.refresh().await?;
        *self.refreshing.lock().await = Instant::now();
        Ok(())
    }

    fn install(&self, catalog: Arc<Catalog>) -> Arc<World> {
        let _one_at_a_time = self.installing.lock();
        let rules = self.rules.load_full();
        // Read before the entries: a change meanwhile makes the picture look older than it is, never newer.
        let inherited = self.inheritance.version();
        if let Some(world) = self.world.load_full()
            && world.catalog.version == catalog.version
            && Arc::ptr_eq(&world.rules, &rules)
            && world.inherited == inherited
        {
            return world;
        }
        let catalog = catalog.with_vouched(rules.vouched(&catalog));
        let classes = Arc::new(rules.class_map_with(&catalog, &self.inheritance.of(&self.name)));
        let world = Arc::new(World { catalog, rules, classes, inherited });
        self.world.store(Some(world.clone()));
        world
    }

    fn unreachable(&self, why: &str) -> CatalogError {
        CatalogError::Unreachable { database: self.name.to_string(), why: why.to_owned() }
    }

    /// The planner's word on the n-th statement of this text, if it was asked lately.
    pub fn estimate(&self, text: &Arc<str>, index: usize) -> Option<Evidence> {
        let estimates = self.estimates.lock();
        let (evidence, at) = estimates.get(&(text.clone(), index))?;
        (at.elapsed() < ESTIMATE_AGE).then_some(*evidence)
    }

    /// Keeps the planner's word.
    pub fn keep_estimate(&self, text: &Arc<str>, index: usize, evidence: Evidence) {
        let mut estimates = self.estimates.lock();
        if estimates.len() >= ESTIMATES_MAX {
            estimates.clear();
        }
        estimates.insert((text.clone(), index), (evidence, Instant::now()));
    }

    /// Reads the catalog every `every` until `shutdown`; a failure keeps the old one and is logged.
    pub async fn run(self: Arc<Self>, every: Duration, shutdown: tokio_util::sync::CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            if self.world.load().is_none() {
                continue;
            }
            if let Err(error) = self.refresh().await {
                tracing::warn!(database = %self.name, %error, "catalog not refreshed, the old one stays");
            }
        }
    }
}
