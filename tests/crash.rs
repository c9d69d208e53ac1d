//! Kill -9 at random moments: a child process opens, approves, spends and finishes, saying on its output what was
//! acknowledged; the parent kills it, opens the store, and compares. No acknowledged approval or audit record is lost, nothing
//! is released twice, and the chain verifies.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of it is a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use holdpoint::audit::checkpoint::NoteVerifier;
use holdpoint::audit::event::Event;
use holdpoint::audit::export::{ExportRange, export};
use holdpoint::audit::log::{AuditLog, LogOptions, signer};
use holdpoint::audit::store::AuditStore;
use holdpoint::audit::verify::{VerifyOptions, verify};
use holdpoint::clock::{Clock, Timestamp};
use holdpoint::gate::approval::{Approval, Claims, Request, Requester, State, Target, Verdict};
use holdpoint::gate::decision::Decision;
use holdpoint::gate::desk::store::{ApprovalFilter, ApprovalStore};
use holdpoint::gate::desk::ticket::Settled;
use holdpoint::gate::desk::{Desk, DeskLimits, DeskParts, SpendCheck};
use holdpoint::gate::life::{End, Times};
use holdpoint::identity::credential::{NewAgent, new_agent};
use holdpoint::identity::ids::{AgentName, ApprovalId, PersonName, SessionId, StatementId};
use holdpoint::identity::person::Person;
use holdpoint::identity::store::AgentStore;
use holdpoint::policy::ruling::Stage;
use holdpoint::store::rocks::RocksStore;

const STORE: &str = "HOLDPOINT_CRASH_STORE";
const ROUNDS: usize = 40;
const TIME_MAX: Duration = Duration::from_secs(40);
const CLIENTS: usize = 6;

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

fn request(digest: &str) -> Request {
    Request {
        digest: digest.to_owned(),
        requester: Requester {
            agent: AgentName("bot".into()),
            owner: PersonName("olga".into()),
            issued_by: PersonName("ivan".into()),
            session: SessionId(1),
            client_addr: String::new(),
            claims: Claims::default(),
        },
        target: Target { protocol: "postgres".into(), database: "shop".into(), role: "app".into() },
        statements: Vec::new(),
        hits: Vec::new(),
        rules_version: "r1".into(),
        classes: Vec::new(),
        masked_columns: Vec::new(),
        in_transaction: false,
        locks: None,
        rows_so_far: None,
        stages: vec![Stage { groups: vec!["dba".into()], needed: 1 }],
        reason_required: false,
        assurance: None,
    }
}

fn yes() -> Decision {
    Decision {
        person: Person { name: PersonName("dana".into()), groups: vec!["dba".into()] },
        verdict: Verdict::Approve,
        reason: None,
        via: "test".into(),
        assurance: "token".into(),
        digest: None,
        if_version: None,
    }
}

/// Says that something was acknowledged. One write per line: a pipe takes it whole.
fn acknowledge(what: &str, id: &ApprovalId) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("ACK {what} {id}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

async fn one_life(desk: &Desk, digest: &str) {
    let times = Times { expires: Duration::from_secs(600), use_within: Duration::from_secs(600) };
    let mut ticket = desk.open(request(digest), times).await.unwrap();
    acknowledge("opened", ticket.id());
    let id = ticket.id().clone();
    if desk.get(&id).unwrap().unwrap().state == State::Pending {
        desk.decide(&id, yes()).await.unwrap();
        acknowledge("approved", &id);
    }
    assert_eq!(ticket.settled().await, Settled::Approved);
    let check = SpendCheck { digest: digest.to_owned(), rules_version: "r1".into(), statement: StatementId(1) };
    let release = desk.spend(&ticket, &check).await.unwrap();
    acknowledge("released", release.approval().unwrap());
    desk.finish(&id, End { ok: true, rows: Some(1), ..End::default() }).await.unwrap();
    acknowledge("finished", &id);
}

async fn work(path: &Path) {
    let store = Arc::new(RocksStore::open(path).unwrap());
    let new = NewAgent { name: "bot".into(), owner: "olga".into(), issued_by: "ivan".into(), ..NewAgent::default() };
    let _ = store.add_agent(new_agent(new, System.now()).0).await;
    let options = LogOptions { checkpoint_every: Duration::from_millis(30), ..LogOptions::default() };
    let audit = AuditLog::start(store.clone(), signer(store.as_ref()).await.unwrap(), Arc::new(System), options);
    let audit = audit.await.unwrap();
    let limits = DeskLimits::default();
    let clock = Arc::new(System);
    let parts = DeskParts {
        approvals: store.clone(),
        agents: store.clone(),
        tokens: store.clone(),
        audit: audit.clone(),
        clock,
        limits,
    };
    let desk = Arc::new(Desk::new(parts).unwrap());
    let left =
        desk.list(&ApprovalFilter { states: vec![State::Approved, State::Pending], ..Default::default() }, None, 99);
    let left: Vec<String> = left.unwrap().approvals.into_iter().map(|approval| approval.request.digest).collect();
    let running = desk.clone();
    tokio::spawn(async move { running.run(std::future::pending()).await });
    let clients = (0..CLIENTS).map(|client| {
        let (desk, audit) = (desk.clone(), audit.clone());
        let mine: Vec<String> = left.iter().skip(client).step_by(CLIENTS).cloned().collect();
        tokio::spawn(async move {
            for digest in mine {
                one_life(&desk, &digest).await;
            }
            // For ever: nothing but a signal ends it.
            while std::env::var_os(STORE).is_some() {
                let _ = audit.append(Event::RulesLoaded { version: "r1".into(), by: "test".into() }).await;
                one_life(&desk, &format!("{:x}", rand::random::<u128>())).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

/// Not a test by itself: what the child process runs. Does nothing unless the parent asked for it.
#[test]
fn child_works_until_it_is_killed() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(work(&PathBuf::from(path)));
}

type Acknowledged = BTreeMap<String, BTreeSet<String>>;

/// Lets a child work, kills it `after` its first word, and gives what it had acknowledged.
fn round(path: &Path, after: Duration) -> Vec<(String, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_works_until_it_is_killed", "--exact", "--nocapture"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut found = Vec::new();
    let heard = |line: String| {
        let mut words = line.split("ACK ").nth(1)?.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    found.extend(lines.by_ref().find_map(heard));
    std::thread::sleep(after);
    child.kill().unwrap();
    let ended = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(!errors.contains("panicked"), "the child failed by itself: {errors}");
    found.extend(lines.filter_map(heard));
    found
}

fn approval(store: &RocksStore, id: &str) -> Approval {
    let found = ApprovalStore::approval(store, &ApprovalId::parse(id).unwrap()).unwrap();
    found.unwrap_or_else(|| panic!("{id} was acknowledged and is lost"))
}

/// Compares the store with everything acknowledged so far; gives the number of audit records.
fn judge(path: &Path, acknowledged: &Acknowledged, key: &mut Option<NoteVerifier>) -> u64 {
    let store = Arc::new(RocksStore::open(path).unwrap());
    for (id, steps) in acknowledged {
        let approval = approval(&store, id);
        let has = |step: &str| steps.contains(step);
        let state = approval.state;
        assert!(!has("approved") || state != State::Pending, "{id}: the approval was lost");
        assert!(
            !has("released") || !matches!(state, State::Pending | State::Approved),
            "{id} could be released again: {state:?}"
        );
        assert!(!has("finished") || state == State::Executed, "{id}: its end was lost: {state:?}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let key = key.get_or_insert_with(|| runtime.block_on(signer(store.as_ref())).unwrap().verifier());
    let mut out = Vec::new();
    export(store.as_ref(), ExportRange::default(), &mut out).unwrap();
    let report =
        verify(out.as_slice(), &VerifyOptions { key: key.clone(), notes: Vec::new(), partial: false }).unwrap();
    let records = store.records(0, usize::MAX).unwrap();
    let told: BTreeSet<(String, &'static str)> = records.iter().filter_map(|text| step_of(text)).collect();
    for (id, steps) in acknowledged {
        for step in ["opened", "approved", "released", "finished"].into_iter().filter(|step| steps.contains(*step)) {
            assert!(told.contains(&(id.clone(), step)), "{id}: `{step}` was acknowledged and its record is lost");
        }
    }
    report.records
}

fn step_of(text: &str) -> Option<(String, &'static str)> {
    let record: holdpoint::audit::event::Record = serde_json::from_str(text).unwrap();
    let step = match &record.event {
        Event::ApprovalRequested { .. } => "opened",
        Event::ApprovalDecided { .. } => "approved",
        Event::Intent { .. } => "released",
        Event::ApprovalState { state, .. } if state == "executed" => "finished",
        _ => return None,
    };
    Some((record.event.approval()?.to_string(), step))
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_runs_twice_whenever_it_is_killed() {
    let path = std::env::temp_dir().join(format!("holdpoint-crash-{:x}", rand::random::<u64>()));
    let started = Instant::now();
    let mut acknowledged = Acknowledged::new();
    let (mut key, mut records, mut rounds) = (None, 0, 0);
    while rounds < ROUNDS && started.elapsed() < TIME_MAX {
        let after = Duration::from_micros(rand::random::<u64>() % 150_000);
        for (step, id) in round(&path, after) {
            let fresh = acknowledged.entry(id.clone()).or_default().insert(step.clone());
            assert!(fresh || step != "released", "{id} was released twice");
        }
        records = judge(&path, &acknowledged, &mut key);
        rounds += 1;
    }
    std::fs::remove_dir_all(&path).unwrap();
    let count = |step: &str| acknowledged.values().filter(|steps| steps.contains(step)).count();
    println!(
        "{rounds} kills in {:.1?}: {} opened, {} approved, {} released, {} finished, {records} audit records",
        started.elapsed(),
        count("opened"),
        count("approved"),
        count("released"),
        count("finished"),
    );
    assert!(rounds >= 10 && count("released") > rounds, "too little happened to prove anything");
}
