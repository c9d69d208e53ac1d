//! The router over a desk with a store in memory, people, tokens, and a clock that tests move.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use futures_util::future::BoxFuture;
use holdpoint::api;
use holdpoint::api::problem::TYPE_BASE;
use holdpoint::api::signin::SignIn;
use holdpoint::api::signin::oidc::provider::Provider;
use holdpoint::api::state::{ApiState, Check, Explain, RulesDoor};
use holdpoint::audit::checkpoint::NoteSigner;
use holdpoint::audit::log::{AuditLog, LogOptions};
use holdpoint::audit::meters;
use holdpoint::clock::{Clock, Timestamp};
use holdpoint::config::notify::{Content, NotifyConfig, WebhookConfig, WebhookFormat};
use holdpoint::config::oidc::OidcConfig;
use holdpoint::config::sign_in::SignInConfig;
use holdpoint::gate::approval::{Approval, Claims, Request as ApprovalRequest, Requester, ShownStatement, Target};
use holdpoint::gate::desk::grants::{Grants, GrantsParts};
use holdpoint::gate::desk::store::{ApprovalStore, ApprovalWrite};
use holdpoint::gate::desk::{Desk, DeskLimits, DeskParts};
use holdpoint::gate::life::Times;
use holdpoint::identity::credential::{NewAgent, new_agent};
use holdpoint::identity::ids::{AgentName, ApprovalId, PersonName, RuleId, SessionId};
use holdpoint::identity::person::Person;
use holdpoint::identity::secret::Secret;
use holdpoint::identity::store::{AgentStore, TokenStore};
use holdpoint::identity::token::{Scope, Token};
use holdpoint::notify::notifier::{Notifier, NotifierParts};
use holdpoint::policy::action::Action;
use holdpoint::policy::ruling::{Effect, RuleHit, Stage};
use holdpoint::store::memory::MemoryStore;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A clock that stands still until moved.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct Rules;

impl RulesDoor for Rules {
    fn describe(&self) -> Value {
        json!({"version": "v1", "rules": []})
    }

    fn reload(&self, _: PersonName) -> BoxFuture<'static, Result<String, String>> {
        Box::pin(async { Ok("v2".to_owned()) })
    }

    fn explain(&self, _: Explain) -> BoxFuture<'static, Result<Value, String>> {
        Box::pin(async { Ok(json!({"effect": "allow"})) })
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub json: Value,
}

impl Reply {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }
}

/// Status and last part of the problem's type; the body must be a whole problem.
pub fn problem(reply: &Reply) -> (u16, &str) {
    assert_eq!(reply.header("content-type"), "application/problem+json", "{reply:?}");
    assert_eq!(reply.json["status"], json!(reply.status));
    for part in ["title", "detail", "instance"] {
        assert!(reply.json[part].as_str().is_some_and(|text| !text.is_empty()), "{part}: {}", reply.json);
    }
    (reply.status, reply.json["type"].as_str().unwrap().strip_prefix(TYPE_BASE).unwrap())
}

pub struct Rig {
    pub state: ApiState,
    pub clock: Arc<TestClock>,
    pub store: Arc<MemoryStore>,
    router: Router,
    tokens: BTreeMap<&'static str, String>,
    check_works: Arc<AtomicBool>,
    stop: CancellationToken,
}

/// Name, groups, scopes. `mia` owns every agent, `ivan` issued its credential, `uma` is the person it works for.
const PEOPLE: [(&str, &[&str], &[Scope]); 11] = [
    ("dana", &["dba"], &[Scope::ApprovalsRead, Scope::ApprovalsDecide]),
    ("erik", &["dba", "data-stewards"], &[Scope::ApprovalsRead, Scope::ApprovalsDecide]),
    ("mia", &["dba"], &[Scope::ApprovalsRead, Scope::ApprovalsDecide]),
    ("ivan", &["dba"], &[Scope::ApprovalsRead, Scope::ApprovalsDecide]),
    ("uma", &["dba"], &[Scope::ApprovalsRead, Scope::ApprovalsDecide]),
    ("otto", &["marketing"], &[Scope::ApprovalsRead, Scope::ApprovalsDecide]),
    ("rita", &[], &[Scope::ApprovalsRead]),
    ("aud", &[], &[Scope::AuditRead]),
    ("ada", &["dba"], &[Scope::Admin, Scope::RulesWrite]),
    ("olaf", &["ops", "auditors"], &[]),
    ("all", &[], &[Scope::Admin, Scope::ApprovalsRead, Scope::ApprovalsDecide, Scope::AuditRead]),
];

impl Rig {
    pub async fn new() -> Self {
        Self::with(sign_in(), None).await
    }

    /// With these settings for signing in, and this identity provider.
    pub async fn with(sign_in: SignInConfig, oidc: Option<OidcConfig>) -> Self {
        // The client towards an identity provider needs one, as `main` installs it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(TestClock(AtomicI64::new(1_795_165_924_000)));
        let store = Arc::new(MemoryStore::new());
        let signer = NoteSigner::new("holdpoint.test", &[7; 32]);
        let audit = AuditLog::start(store.clone(), signer, clock.clone(), LogOptions::default()).await.unwrap();
        let desk = Arc::new(
            Desk::new(DeskParts {
                approvals: store.clone(),
                agents: store.clone(),
                tokens: store.clone(),
                audit: audit.clone(),
                clock: clock.clone(),
                limits: DeskLimits::default(),
            })
            .unwrap(),
        );
        let stop = CancellationToken::new();
        let (running, stopped) = (desk.clone(), stop.clone());
        tokio::spawn(async move { running.run(stopped.cancelled()).await });
        let check_works = Arc::new(AtomicBool::new(true));
        let mut state = state(&clock, &store, desk, audit, &check_works);
        state.grants = Some(Arc::new(Grants::new(GrantsParts {
            grants: store.clone(),
            desk: state.desk.clone(),
            agents: store.clone(),
            tokens: store.clone(),
            audit: state.audit.clone(),
            clock: clock.clone(),
        })));
        let oidc = oidc.map(|oidc| Provider::new(oidc, clock.clone()).unwrap());
        state.sign_in = Arc::new(SignIn::new(sign_in, oidc));
        let mut rig = Self {
            router: api::router(state.clone()),
            state,
            clock,
            store,
            tokens: BTreeMap::new(),
            check_works,
            stop,
        };
        for (name, _, scopes) in PEOPLE {
            let text = rig.issue(name, scopes).await;
            rig.tokens.insert(name, text);
        }
        rig
    }

    async fn issue(&self, person: &str, scopes: &[Scope]) -> String {
        let (person, issuer) = (PersonName(person.into()), PersonName("root".into()));
        let (token, text) = Token::issue(person, scopes.to_vec(), issuer, None, self.clock.now());
        self.store.add_token(token).await.unwrap();
        text.expose().to_owned()
    }

    /// Another token of this person, for reading and deciding.
    pub async fn token_for(&self, person: &str) -> String {
        self.issue(person, &[Scope::ApprovalsRead, Scope::ApprovalsDecide]).await
    }

    /// The text of the token that tests call `who`.
    pub fn token_text(&self, who: &str) -> String {
        let person = match who {
            "reader" => "rita",
            "auditor" => "aud",
            "admin" => "ada",
            other => other,
        };
        self.tokens[person].clone()
    }

    /// With one channel, `siem`, that leads to this URL.
    pub fn with_webhook(&mut self, url: &str) {
        let webhook = WebhookConfig {
            name: "siem".into(),
            url: Secret::new(url),
            secret: Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            previous_secret: None,
            format: WebhookFormat::Standard,
            content: Content::Summary,
            events: vec!["approval.*".into()],
            allow_private: true,
            ca: None,
            timeout: Duration::from_secs(5),
        };
        self.with_notify(&NotifyConfig { webhooks: vec![webhook], ..NotifyConfig::default() });
    }

    /// With channels.
    pub fn with_notify(&mut self, config: &NotifyConfig) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parts = NotifierParts {
            outbox: self.store.clone(),
            notes: self.store.clone(),
            desk: self.state.desk.clone(),
            audit: self.state.audit.clone(),
            clock: self.clock.clone(),
            people: self.state.people.clone(),
        };
        let notifier = Arc::new(Notifier::new(config, "https://holdpoint.test", parts).unwrap());
        let (running, stop) = (notifier.clone(), self.stop.clone());
        tokio::spawn(async move { running.run(stop).await });
        self.state.notifier = Some(notifier);
        self.router = api::router(self.state.clone());
    }

    pub fn break_check(&self) {
        self.check_works.store(false, Ordering::SeqCst);
    }

    /// A pending approval of this agent, to be decided by one of `dba` within an hour.
    pub async fn pending(&self, agent: &str) -> String {
        self.pending_with(agent, 1).await
    }

    pub async fn pending_with(&self, agent: &str, needed: u16) -> String {
        self.agent(agent).await;
        let times = Times { expires: Duration::from_secs(3600), use_within: Duration::from_secs(900) };
        let ticket = self.state.desk.open(request(agent, needed), times).await.unwrap();
        ticket.id().to_string()
    }

    /// A pending approval of exactly this request.
    pub async fn asked(&self, request: ApprovalRequest) -> String {
        self.agent(&request.requester.agent.0).await;
        let times = Times { expires: Duration::from_secs(3600), use_within: Duration::from_secs(900) };
        self.state.desk.open(request, times).await.unwrap().id().to_string()
    }

    /// An answer of the router, whatever it is.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// An approval of this id, put into the store behind the desk's back.
    pub async fn stored(&self, id: &str) {
        let times = Times { expires: Duration::from_secs(3600), use_within: Duration::from_secs(900) };
        let approval = Approval::new(ApprovalId::parse(id).unwrap(), request("bot", 1), times, self.clock.now());
        self.store.commit(vec![ApprovalWrite { approval, expected: None }]).await.unwrap();
    }

    /// Makes the agent if there is none of this name.
    async fn agent(&self, name: &str) {
        let name = AgentName(name.into());
        if self.store.agent(&name).unwrap().is_some() {
            return;
        }
        let (owner, issued_by) = ("mia".to_owned(), "ivan".to_owned());
        let new = NewAgent { name: name.0, owner, issued_by, ..NewAgent::default() };
        let (agent, _) = new_agent(new, self.clock.now());
        self.store.add_agent(agent).await.unwrap();
    }

    pub async fn digest(&self, id: &str) -> String {
        let shown = self.get(&format!("/v1/approvals/{id}"), "reader").await;
        shown.json["request"]["digest"].as_str().unwrap().to_owned()
    }

    /// Decides as the command line does: with the digest and the version shown now.
    pub async fn decide(&self, who: &str, id: &str, verb: &str) -> Reply {
        self.decide_as_text(&self.token_text(who), id, verb).await
    }

    pub async fn decide_as_text(&self, token: &str, id: &str, verb: &str) -> Reply {
        let shown = self.get(&format!("/v1/approvals/{id}"), "reader").await;
        let body = json!({"digest": shown.json["request"]["digest"]}).to_string();
        let etag = shown.header("etag");
        let headers = [("if-match", etag.as_str()), ("content-type", "application/json")];
        read(self.send("POST", &format!("/v1/approvals/{id}:{verb}"), token, &headers, body.into()).await).await
    }

    pub async fn decide_by_digest(&self, who: &str, id: &str, verb: &str) -> Reply {
        let digest = self.digest(id).await;
        self.call("POST", &format!("/v1/approvals/{id}:{verb}"), who, &[], Some(json!({"digest": digest}))).await
    }

    pub async fn get(&self, path: &str, who: &str) -> Reply {
        self.call("GET", path, who, &[], None).await
    }

    /// A request by `who` (nobody if empty), with a JSON body if given.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        who: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Reply {
        let mut headers = headers.to_vec();
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.raw(method, path, who, &headers, bytes).await
    }

    pub async fn raw(&self, method: &str, path: &str, who: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
        let token = if who.is_empty() { String::new() } else { self.token_text(who) };
        read(self.send(method, path, &token, headers, body).await).await
    }

    pub async fn call_with_text(&self, method: &str, path: &str, token: &str) -> Reply {
        read(self.send(method, path, token, &[], Vec::new()).await).await
    }

    /// Serves the router on a port of its own until the rig is dropped; gives the URL.
    pub async fn serve(&self, tls: Option<Arc<rustls::ServerConfig>>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        tokio::spawn(api::serve::serve(listener, tls, self.router.clone(), self.stop.clone()));
        format!("{scheme}://localhost:{port}")
    }

    /// The answer as it begins, for streams.
    pub async fn open(&self, path: &str, who: &str, headers: &[(&str, &str)]) -> Response {
        self.send("GET", path, &self.token_text(who), headers, Vec::new()).await
    }

    async fn send(&self, method: &str, path: &str, token: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
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

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn read(response: Response) -> Reply {
    let (parts, body) = response.into_parts();
    let stream = parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let bytes = if stream { Default::default() } else { to_bytes(body, usize::MAX).await.unwrap() };
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Reply { status: parts.status.as_u16(), headers: parts.headers, json }
}

fn state(
    clock: &Arc<TestClock>,
    store: &Arc<MemoryStore>,
    desk: Arc<Desk>,
    audit: Arc<AuditLog>,
    check_works: &Arc<AtomicBool>,
) -> ApiState {
    let people = PEOPLE.map(|(name, groups, _)| Person {
        name: PersonName(name.into()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    });
    let works = check_works.clone();
    let upstream = Check::new("upstream", move || {
        let works = works.load(Ordering::SeqCst);
        Box::pin(async move { if works { Ok(()) } else { Err("refused".to_owned()) } })
    });
    ApiState {
        desk,
        agents: store.clone(),
        tokens: store.clone(),
        audit,
        people: Arc::new(ArcSwap::from_pointee(people.to_vec())),
        databases: Arc::new(BTreeSet::from(["shop".to_owned()])),
        rules: Arc::new(Rules),
        checks: Arc::new(vec![Check::new("store", || Box::pin(async { Ok(()) })), upstream]),
        clock: clock.clone(),
        metrics: Some(meters::builder().unwrap().build_recorder().handle()),
        draining: CancellationToken::new(),
        public_url: "https://holdpoint.test".into(),
        identity_writes: Arc::default(),
        grants: None,
        notifier: None,
        answers: Arc::default(),
        sign_in: Arc::new(SignIn::new(SignInConfig::default(), None)),
    }
}

/// The page gives `ops` what `ada` has by token, and `auditors` the log.
pub fn sign_in() -> SignInConfig {
    let scopes =
        BTreeMap::from([(Scope::Admin, vec!["ops".to_owned()]), (Scope::AuditRead, vec!["auditors".to_owned()])]);
    SignInConfig { scopes, ..SignInConfig::default() }
}

pub fn request(agent: &str, needed: u16) -> ApprovalRequest {
    let claims = Claims {
        end_user: Some("uma".into()),
        reason: Some("weekly\u{1b}[2J \u{202e}report".into()),
        ..Claims::default()
    };
    ApprovalRequest {
        digest: format!("{agent:0<64}"),
        requester: Requester {
            agent: AgentName(agent.into()),
            owner: PersonName("mia".into()),
            issued_by: PersonName("ivan".into()),
            session: SessionId(1),
            client_addr: "10.0.0.7:1".into(),
            claims,
        },
        target: Target { protocol: "postgres".into(), database: "shop".into(), role: "app".into() },
        statements: vec![ShownStatement {
            text: "SELECT email FROM customers".into(),
            summary: "Reads public.customers: email (pii.email), about 84 000 rows".into(),
            actions: vec![Action::BulkRead],
            objects: vec!["public.customers".into()],
            lineage: vec!["email: public.customers.email".into()],
            parameters: vec![],
            row_estimate: Some(84_000),
        }],
        hits: vec![RuleHit {
            rule: RuleId("bulk-pii".into()),
            effect: Effect::Hold,
            enforced: true,
            message: None,
            because: "bulk_read of pii.email".into(),
        }],
        rules_version: "v1".into(),
        classes: vec!["pii.email".into()],
        masked_columns: vec!["email".into()],
        in_transaction: false,
        locks: None,
        rows_so_far: None,
        stages: vec![Stage { groups: vec!["dba".into()], needed }],
        reason_required: false,
        assurance: None,
    }
}
