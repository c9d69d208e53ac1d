//! Requests, people and decisions for tests.

use crate::clock::Timestamp;
use crate::gate::approval::{Claims, Request, Requester, ShownStatement, Target, Verdict};
use crate::gate::decision::Decision;
use crate::identity::agent::Agent;
use crate::identity::ids::{AgentName, PersonName, RuleId, SessionId};
use crate::identity::person::Person;
use crate::policy::action::Action;
use crate::policy::ruling::{Effect, RuleHit, Stage};

pub(crate) fn agent(name: &str) -> Agent {
    Agent {
        name: AgentName(name.into()),
        owner: PersonName("olga".into()),
        issued_by: PersonName("ivan".into()),
        groups: Vec::new(),
        databases: Vec::new(),
        scram_verifier: String::new(),
        secret_sha256: String::new(),
        native_verifier: None,
        created_at: Timestamp::from_millis(0),
        disabled: false,
    }
}

pub(crate) fn request(agent: &str, digest: &str) -> Request {
    Request {
        digest: digest.into(),
        requester: Requester {
            agent: AgentName(agent.into()),
            owner: PersonName("olga".into()),
            issued_by: PersonName("ivan".into()),
            session: SessionId(1),
            client_addr: "10.0.0.1:5000".into(),
            claims: Claims { reason: Some("refund check".into()), ..Claims::default() },
        },
        target: Target { protocol: "postgres".into(), database: "shop".into(), role: "app".into() },
        statements: vec![ShownStatement {
            text: "DROP TABLE t".into(),
            summary: "Drops public.t".into(),
            actions: vec![Action::Ddl],
            objects: vec!["public.t".into()],
            lineage: Vec::new(),
            parameters: Vec::new(),
            row_estimate: Some(7),
        }],
        hits: vec![RuleHit {
            rule: RuleId("ddl-needs-dba".into()),
            effect: Effect::Hold,
            enforced: true,
            message: None,
            because: "action ddl".into(),
        }],
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

pub(crate) fn person(name: &str) -> Person {
    Person { name: PersonName(name.into()), groups: vec!["dba".into()] }
}

pub(crate) fn decision(name: &str, verdict: Verdict) -> Decision {
    Decision {
        person: person(name),
        verdict,
        reason: Some("because".into()),
        via: "api".into(),
        assurance: "token".into(),
        digest: None,
        if_version: None,
    }
}
