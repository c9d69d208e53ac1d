//! A desk over a store in memory, with a notifier that can be stopped and started.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use holdpoint::audit::checkpoint::NoteSigner;
use holdpoint::audit::event::Event;
use holdpoint::audit::log::{AuditLog, LogOptions};
use holdpoint::clock::{Clock, Timestamp};
use holdpoint::config::notify::{Content, NotifyConfig, WebhookConfig, WebhookFormat};
use holdpoint::gate::approval::{Approval, Claims, Request, Requester, ShownStatement, Target, Verdict};
use holdpoint::gate::decision::{Decision, DecisionError};
use holdpoint::gate::desk::ticket::Ticket;
use holdpoint::gate::desk::{Desk, DeskLimits, DeskParts, SpendCheck};
use holdpoint::gate::life::{End, Times};
use holdpoint::identity::credential::{NewAgent, new_agent};
use holdpoint::identity::ids::{AgentName, PersonName, RuleId, SessionId, StatementId};
use holdpoint::identity::person::Person;
use holdpoint::identity::secret::Secret;
use holdpoint::identity::store::AgentStore;
use holdpoint::notify::notifier::{Notifier, NotifierParts};
use holdpoint::policy::action::Action;
use holdpoint::policy::ruling::{Effect, RuleHit, Stage};
use holdpoint::store::memory::MemoryStore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const PUBLIC_URL: &str = "https://holdpoint.test";
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const OLD_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The system's clock.
pub struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

pub struct Rig {
    pub store: Arc<MemoryStore>,
    pub desk: Arc<Desk>,
    pub audit: Arc<AuditLog>,
    pub people: Arc<ArcSwap<Vec<Person>>>,
    stop: CancellationToken,
}

/// A notifier that runs until it is stopped.
pub struct Running {
    pub notifier: Arc<Notifier>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

impl Rig {
    pub async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Arc::new(MemoryStore::new());
        let signer = NoteSigner::new("holdpoint.test", &[7; 32]);
        let clock = Arc::new(TestClock);
        let audit = AuditLog::start(store.clone(), signer, clock.clone(), LogOptions::default()).await.unwrap();
        let parts = DeskParts {
            approvals: store.clone(),
            agents: store.clone(),
            tokens: store.clone(),
            audit: audit.clone(),
            clock,
            limits: DeskLimits::default(),
        };
        let desk = Arc::new(Desk::new(parts).unwrap());
        let stop = CancellationToken::new();
        let (running, stopped) = (desk.clone(), stop.clone());
        tokio::spawn(async move { running.run(stopped.cancelled()).await });
        let (owner, issued_by) = ("mia".to_owned(), "ivan".to_owned());
        let new = NewAgent { name: "bot".to_owned(), owner, issued_by, ..NewAgent::default() };
        store.add_agent(new_agent(new, TestClock.now()).0).await.unwrap();
        // `mia` owns the agent, `ivan` made its credential.
        let people =
            ["dana", "erik", "mia", "ivan"].map(|name| (name, "dba")).into_iter().chain([("otto", "marketing")]);
        let people = people.map(|(name, group)| Person { name: PersonName(name.into()), groups: vec![group.into()] });
        let people = Arc::new(ArcSwap::from_pointee(people.collect()));
        Self { store, desk, audit, people, stop }
    }

    pub fn parts(&self) -> NotifierParts {
        NotifierParts {
            outbox: self.store.clone(),
            notes: self.store.clone(),
            desk: self.desk.clone(),
            audit: self.audit.clone(),
            clock: Arc::new(TestClock),
            people: self.people.clone(),
        }
    }

    pub fn start(&self, config: &NotifyConfig) -> Running {
        let notifier = Arc::new(Notifier::new(config, PUBLIC_URL, self.parts()).unwrap());
        let stop = CancellationToken::new();
        let (running, stopped) = (notifier.clone(), stop.clone());
        let task = tokio::spawn(async move { running.run(stopped).await });
        Running { notifier, stop, task }
    }

    /// Asks for a decision about a statement of this digest.
    pub async fn ask(&self, digest: &str) -> Ticket {
        let hour = Duration::from_secs(3600);
        self.desk.open(request(digest), Times { expires: hour, use_within: hour }).await.unwrap()
    }

    pub async fn says(&self, ticket: &Ticket, who: &str, verdict: Verdict) -> Result<Approval, DecisionError> {
        let person = Person { name: PersonName(who.into()), groups: vec!["dba".into()] };
        let decision = Decision {
            person,
            verdict,
            reason: Some("looked at it".into()),
            via: "api".into(),
            assurance: "token".into(),
            digest: None,
            if_version: None,
        };
        self.desk.decide(ticket.id(), decision).await
    }

    /// Approves, releases and finishes.
    pub async fn executes(&self, ticket: &Ticket) {
        self.says(ticket, "dana", Verdict::Approve).await.unwrap();
        let digest = ticket.approval().request.digest.clone();
        let check = SpendCheck { digest, rules_version: "v1".into(), statement: StatementId(1) };
        let _release = self.desk.spend(ticket, &check).await.unwrap();
        self.desk.finish(ticket.id(), End { ok: true, rows: Some(3), ..End::default() }).await.unwrap();
    }

    pub fn events(&self) -> Vec<Event> {
        self.audit.read(0, 10_000).unwrap().into_iter().map(|record| record.event).collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Waits until `done` says yes.
pub async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(tokio::time::Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn hook(name: &str, url: &str) -> WebhookConfig {
    WebhookConfig {
        name: name.into(),
        url: Secret::new(url),
        secret: Secret::new(SECRET),
        previous_secret: None,
        format: WebhookFormat::Standard,
        content: Content::Summary,
        events: vec!["approval.*".into()],
        allow_private: true,
        ca: None,
        timeout: Duration::from_secs(5),
    }
}

pub fn hooks(webhooks: Vec<WebhookConfig>) -> NotifyConfig {
    NotifyConfig { webhooks, ..NotifyConfig::default() }
}

pub fn request(digest: &str) -> Request {
    Request {
        digest: digest.into(),
        requester: Requester {
            agent: AgentName("bot".into()),
            owner: PersonName("mia".into()),
            issued_by: PersonName("ivan".into()),
            session: SessionId(1),
            client_addr: "10.0.0.7:1".into(),
            claims: Claims { reason: Some("weekly <!channel> report".into()), ..Claims::default() },
        },
        target: Target { protocol: "postgres".into(), database: "shop".into(), role: "app".into() },
        statements: vec![ShownStatement {
            text: format!("DELETE FROM orders WHERE note = '<!here> & {digest}'"),
            summary: "Deletes from public.orders, about 12 rows".into(),
            actions: vec![Action::Write],
            objects: vec!["public.orders".into()],
            lineage: vec![],
            parameters: vec![],
            row_estimate: Some(12),
        }],
        hits: vec![RuleHit {
            rule: RuleId("writes".into()),
            effect: Effect::Hold,
            enforced: true,
            message: None,
            because: "action write".into(),
        }],
        rules_version: "v1".into(),
        classes: vec![],
        masked_columns: vec![],
        in_transaction: false,
        locks: None,
        rows_so_far: None,
        stages: vec![Stage { groups: vec!["dba".into()], needed: 1 }],
        reason_required: false,
        assurance: None,
    }
}
