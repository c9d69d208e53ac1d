//! What every store has to do, run on each of them.

mod grants;
mod outbox;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::audit::merkle::{Frontier, leaf};
use crate::audit::store::{AuditStore, StoredCheckpoint};
use crate::clock::Timestamp;
use crate::gate::approval::{Approval, State};
use crate::gate::budget::{self, BudgetStore, CounterRow};
use crate::gate::desk::store::{ApprovalFilter, ApprovalStore, ApprovalWrite};
use crate::gate::inherit::{Inherited, InheritedStore, Target};
use crate::gate::life::Times;
use crate::gate::sample;
use crate::identity::ids::{AgentName, ApprovalId, PersonName};
use crate::identity::password::Login;
use crate::identity::session::{BrowserSession, Proof, Span};
use crate::identity::store::{AgentStore, KeyName, KeyStore, StoreError, TokenStore};
use crate::identity::token::{Scope, Token};
use crate::store::memory::MemoryStore;
use crate::store::rocks::RocksStore;

/// A directory that goes away with its test.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("holdpoint-store-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn approval(number: u8, digest: &str) -> Approval {
    let times = Times { expires: std::time::Duration::from_secs(60), use_within: std::time::Duration::from_secs(60) };
    let at = Timestamp::from_millis(1_000_000 + i64::from(number / 2));
    Approval::new(ApprovalId::from_random([number; 10]), sample::request("bot", digest), times, at)
}

fn write(approval: &Approval, expected: Option<u64>) -> Vec<ApprovalWrite> {
    vec![ApprovalWrite { approval: approval.clone(), expected }]
}

async fn approvals_are_written_by_compare_and_set(store: &dyn ApprovalStore) {
    let first = approval(1, "d1");
    store.commit(write(&first, None)).await.unwrap();
    assert!(matches!(store.commit(write(&first, None)).await, Err(StoreError::Conflict(_))));
    let ended = Approval { version: 2, ..first.withdraw(first.created_at).unwrap() };
    let mut both = write(&ended, Some(7));
    both.extend(write(&approval(2, "d2"), None));
    assert!(matches!(store.commit(both).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.approval(&ApprovalId::from_random([2; 10])).unwrap(), None);
    assert_eq!(store.unfinished().unwrap(), vec![first.clone()]);
    store.commit(write(&ended, Some(1))).await.unwrap();
    assert_eq!(store.approval(&first.id).unwrap(), Some(ended));
    assert!(store.unfinished().unwrap().is_empty());
}

async fn the_waiting_mark_is_not_kept(store: &dyn ApprovalStore) {
    let waiting = Approval { waiting: true, ..approval(1, "d1") };
    store.commit(write(&waiting, None)).await.unwrap();
    assert!(!store.approval(&waiting.id).unwrap().unwrap().waiting);
}

async fn pages_come_newest_first_without_gap_or_repeat(store: &dyn ApprovalStore) {
    let all: Vec<Approval> = (1..12).map(|number| approval(number, if number % 3 == 0 { "x" } else { "y" })).collect();
    for one in &all {
        store.commit(write(one, None)).await.unwrap();
    }
    let ended = all[4].withdraw(all[4].created_at).unwrap();
    store.commit(write(&ended, Some(1))).await.unwrap();
    for (states, count) in [(vec![], 11), (vec![State::Pending], 10), (vec![State::Withdrawn, State::Denied], 1)] {
        let filter = ApprovalFilter { states, ..ApprovalFilter::default() };
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = store.list(&filter, after.as_ref(), 3).unwrap();
            found.extend(page.approvals);
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        assert_eq!(found.len(), count);
        let places: Vec<_> = found.iter().map(|approval| (approval.created_at, approval.id.clone())).collect();
        assert!(places.windows(2).all(|pair| pair[0] > pair[1]), "{places:?}");
    }
    let nobody = ApprovalFilter { agent: Some(AgentName("nobody".into())), ..ApprovalFilter::default() };
    assert!(store.list(&nobody, None, 3).unwrap().approvals.is_empty());
}

async fn ids_are_found_by_their_beginning(store: &dyn ApprovalStore) {
    for number in [1, 2] {
        store.commit(write(&approval(number, "d"), None)).await.unwrap();
    }
    let id = ApprovalId::from_random([1; 10]);
    assert_eq!(store.ids_with_prefix(&id.as_str()[..10], 5).unwrap(), vec![id]);
    assert_eq!(store.ids_with_prefix("apr_", 1).unwrap().len(), 1);
    assert_eq!(store.ids_with_prefix("apr_", 9).unwrap().len(), 2);
    assert!(store.ids_with_prefix("apr_zzz", 9).unwrap().is_empty());
}

async fn records_follow_each_other(store: &dyn AuditStore) {
    let text = |range: std::ops::Range<u64>| range.map(|n| format!("{{\"n\":{n}}}")).collect::<Vec<_>>();
    store.append_records(0, text(0..3), false).await.unwrap();
    assert!(matches!(store.append_records(2, text(2..3), true).await, Err(StoreError::Conflict(_))));
    assert!(matches!(store.append_records(4, text(4..5), true).await, Err(StoreError::Conflict(_))));
    store.append_records(3, text(3..300), true).await.unwrap();
    store.sync_records().await.unwrap();
    assert_eq!(store.record_count().unwrap(), 300);
    assert_eq!(store.records(298, 10).unwrap(), text(298..300));
    assert_eq!(store.records(5, 2).unwrap(), text(5..7));
    assert!(store.records(300, 10).unwrap().is_empty());
}

async fn checkpoints_are_kept_in_order(store: &dyn AuditStore) {
    assert_eq!(store.last_checkpoint().unwrap(), None);
    let mut frontier = Frontier::default();
    let mut all = Vec::new();
    for number in 0..5u8 {
        frontier.push(leaf(&[number]));
        all.push(StoredCheckpoint { frontier: frontier.clone(), last: [number; 32], note: format!("note {number}") });
        store.add_checkpoint(all[usize::from(number)].clone()).await.unwrap();
    }
    assert_eq!(store.last_checkpoint().unwrap().as_ref(), all.last());
    assert_eq!(store.checkpoints(3, 2).unwrap(), all[2..4]);
}

async fn agents_are_kept(store: &dyn AgentStore) {
    let agent = sample::agent("bot");
    store.add_agent(agent.clone()).await.unwrap();
    assert!(matches!(store.add_agent(agent.clone()).await, Err(StoreError::Conflict(_))));
    store.set_agent_disabled(agent.name.clone(), true).await.unwrap();
    assert!(store.agent(&agent.name).unwrap().unwrap().disabled);
    store.replace_agent(agent.clone()).await.unwrap();
    assert_eq!(store.agents().unwrap(), vec![agent.clone()]);
    store.remove_agent(agent.name.clone()).await.unwrap();
    assert_eq!(store.agent(&agent.name).unwrap(), None);
    for gone in [
        store.remove_agent(agent.name.clone()).await,
        store.set_agent_disabled(agent.name.clone(), true).await,
        store.replace_agent(agent).await,
    ] {
        assert!(matches!(gone, Err(StoreError::Missing(_))));
    }
}

async fn tokens_are_kept(store: &dyn TokenStore) {
    let token = |id: &str, person: &str, issuer: &str| Token {
        id: id.into(),
        sha256: "00".into(),
        person: PersonName(person.into()),
        scopes: vec![Scope::ApprovalsDecide],
        created_at: Timestamp::from_millis(0),
        issued_by: PersonName(issuer.into()),
        expires_at: None,
        last_used_at: None,
        revoked: false,
    };
    for one in [
        token("t1", "dana", "root"),
        token("t2", "Dana", "ivan"),
        token("t3", "dana", "root"),
        token("t4", "dora", "x"),
    ] {
        store.add_token(one).await.unwrap();
    }
    assert!(matches!(store.add_token(token("t1", "eve", "eve")).await, Err(StoreError::Conflict(_))));
    let revoked = Token { revoked: true, ..token("t1", "dana", "root") };
    store.replace_token(revoked.clone()).await.unwrap();
    assert_eq!((store.token("t1").unwrap(), store.token("t9").unwrap()), (Some(revoked), None));
    assert_eq!(store.tokens().unwrap().len(), 4);
    let issuers = store.issuers_of(&PersonName("dana".into())).unwrap();
    assert_eq!(issuers, vec![PersonName("ivan".into()), PersonName("root".into())]);
}

async fn ways_in_are_kept_and_whoever_opened_one_is_an_issuer(store: &dyn TokenStore) {
    let mut login = Login::new(PersonName("dana".into()));
    assert_eq!(store.login(&login.person).unwrap(), None);
    login.invite(PersonName("ada".into()), Timestamp::from_millis(1000));
    store.put_login(login.clone()).await.unwrap();
    login.set("$argon2id$".into(), Some(PersonName("root".into())), Timestamp::from_millis(5));
    store.put_login(login.clone()).await.unwrap();
    assert_eq!(store.login(&login.person).unwrap(), Some(login.clone()));
    assert_eq!(store.logins().unwrap(), vec![login]);
    let issuers = store.issuers_of(&PersonName("Dana ".into())).unwrap();
    assert_eq!(issuers, vec![PersonName("ada".into()), PersonName("root".into())]);
}

async fn browser_sessions_end_for_good(store: &dyn TokenStore) {
    let at = Timestamp::from_millis;
    let proof = Proof {
        person: PersonName("dana".into()),
        assurance: "password".into(),
        groups: vec!["dba".into()],
        at: at(0),
        anew_for: Some("path".to_owned()),
    };
    let span = Span { idle: std::time::Duration::from_secs(1), most: std::time::Duration::from_secs(9) };
    let (session, _) = BrowserSession::open(proof, span, at(0));
    store.add_browser_session(session.clone()).await.unwrap();
    assert!(matches!(store.add_browser_session(session.clone()).await, Err(StoreError::Conflict(_))));
    store.touch_browser_session(session.id.clone(), at(7)).await.unwrap();
    let seen = BrowserSession { last_seen_at: at(7), ..session.clone() };
    assert_eq!(store.browser_session(&session.id).unwrap().as_ref(), Some(&seen));
    assert_eq!(store.browser_sessions().unwrap(), vec![seen]);
    store.remove_browser_sessions(vec![session.id.clone(), "gone".into()]).await.unwrap();
    assert_eq!(store.browser_session(&session.id).unwrap(), None);
    let late = store.touch_browser_session(session.id.clone(), at(8)).await;
    assert!(matches!(late, Err(StoreError::Missing(_))), "a late request brings no session back");
}

async fn keys_are_made_once(store: &dyn KeyStore) {
    assert!(store.key(KeyName::Masking).unwrap().is_none());
    let first = store.key_or_insert(KeyName::Masking, Zeroizing::new([1; 32])).await.unwrap();
    let second = store.key_or_insert(KeyName::Masking, Zeroizing::new([2; 32])).await.unwrap();
    assert_eq!((*first, *second), ([1; 32], [1; 32]));
    assert!(store.key(KeyName::AuditSigning).unwrap().is_none());
}

async fn inherited_classes_are_kept(store: &dyn InheritedStore) {
    let entry = |number: i16| Inherited {
        database: "shop".into(),
        target: Target {
            relation: "public.copy".into(),
            key: None,
            number: Some(number),
            column: None,
            class: "pii.email".into(),
            source: String::new(),
        },
        agent: AgentName("bot".into()),
        approval: None,
        at: Timestamp::from_millis(0),
    };
    store.put_inherited(vec![entry(1), entry(2)]).await.unwrap();
    let pinned = Inherited { at: Timestamp::from_millis(5), ..entry(2) };
    store.put_inherited(vec![pinned.clone()]).await.unwrap();
    assert_eq!(store.inherited().unwrap(), vec![entry(1), pinned]);
    store.remove_inherited(entry(1).id()).await.unwrap();
    assert!(matches!(store.remove_inherited(entry(1).id()).await, Err(StoreError::Missing(_))));
    assert_eq!(store.inherited().unwrap().len(), 1);
}

async fn counters_are_replaced(store: &dyn BudgetStore) {
    let row = |class: &str, rows: u64| CounterRow {
        agent: AgentName("bot".into()),
        class: class.into(),
        spans: vec![budget::Span { until: Timestamp::from_millis(9), rows, probes: 1 }],
    };
    store.put_counters(vec![row("a", 1), row("b", 2)]).await.unwrap();
    store.put_counters(vec![row("a", 5)]).await.unwrap();
    assert_eq!(store.counters().unwrap(), vec![row("a", 5), row("b", 2)]);
}
use grants::{grants_are_written_by_compare_and_set, shapes_are_kept_by_approval};
use outbox::{
    changes_are_kept_until_they_are_planned, deliveries_wait_until_they_end, notes_are_kept_by_space_and_taken_once,
    only_old_ended_deliveries_are_forgotten,
};

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::MemoryStore::new()).await;
            })*
        }
        mod in_rocks {
            $(#[tokio::test]
            async fn $name() {
                let scratch = super::Scratch::new();
                super::$name(&super::RocksStore::open(scratch.path()).unwrap()).await;
            })*
        }
    };
}

contract!(
    approvals_are_written_by_compare_and_set,
    the_waiting_mark_is_not_kept,
    pages_come_newest_first_without_gap_or_repeat,
    ids_are_found_by_their_beginning,
    records_follow_each_other,
    checkpoints_are_kept_in_order,
    agents_are_kept,
    tokens_are_kept,
    ways_in_are_kept_and_whoever_opened_one_is_an_issuer,
    browser_sessions_end_for_good,
    keys_are_made_once,
    inherited_classes_are_kept,
    counters_are_replaced,
    changes_are_kept_until_they_are_planned,
    deliveries_wait_until_they_end,
    only_old_ended_deliveries_are_forgotten,
    notes_are_kept_by_space_and_taken_once,
    grants_are_written_by_compare_and_set,
    shapes_are_kept_by_approval,
);
