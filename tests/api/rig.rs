//! The router over a desk with a store in memory, people, tokens, and a clock that tests move.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use futures_util::future::BoxFuture;
use holdpoint::api;
use holdpoint::api::problem::TYPE_BASE;
use holdpoint::api::state::{ApiState, Check, Explain, RulesDoor};
use holdpoint::clock::{Clock, Timestamp};
use holdpoint::identity::ids::PersonName;
use holdpoint::identity::issue::{self, TokenDraft};
use holdpoint::identity::person::Person;
use holdpoint::identity::store::TokenStore;
use holdpoint::identity::token::Scope;
use holdpoint::store::memory::MemoryStore;
use serde_json::{Value, json};
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
    router: Router,
    store: Arc<MemoryStore>,
    tokens: BTreeMap<&'static str, String>,
    check_works: Arc<AtomicBool>,
}

const PEOPLE: [(&str, &[&str]); 10] = [
    ("dana", &["dba"]),
    ("erik", &["dba", "data-stewards"]),
    ("mia", &["dba"]),
    ("ivan", &["dba"]),
    ("uma", &["dba"]),
    ("otto", &["marketing"]),
    ("rita", &[]),
    ("aud", &[]),
    ("ada", &[]),
    ("all", &[]),
];

impl Rig {
    pub async fn new() -> Self {
        todo()
    }
}
