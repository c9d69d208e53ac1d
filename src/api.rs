//! The HTTP API: approvals for people, agents and tokens for operators, the audit log for auditors, health for machines.
//!
//! Invariant: who acts comes from the bearer token or the session alone, and groups from the configuration of this moment. The API
//! decides nothing itself: the desk does, and the same call serves every surface. The page (`page`) is one of them.

pub mod admin;
pub mod approvals;
pub mod auth;
pub mod extract;
pub mod health;
pub mod layers;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod serve;
pub mod signin;
pub mod state;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{delete, get, post};

use crate::api::admin::{agents, audit, channels, rules, tokens};
use crate::api::approvals::{decide, events, grants, slack};
use crate::api::problem::{Kind, Problem};
use crate::api::signin::people;
use crate::api::state::ApiState;

/// All routes, ready to be served by [`serve::serve`].
pub fn router(state: ApiState) -> Router {
    Router::new()
        .route("/v1/approvals", get(approvals::list))
        .route("/v1/approvals/{id_and_verb}", get(approvals::show).post(decide::decide))
        .route("/v1/events", get(events::events))
        .route("/v1/agents", get(agents::list).post(agents::create))
        .route("/v1/agents/{name_and_verb}", delete(agents::remove).post(agents::act))
        .route("/v1/tokens", get(tokens::list).post(tokens::create))
        .route("/v1/tokens/{id_and_verb}", post(tokens::act))
        .route("/v1/channels", get(channels::list))
        .route("/v1/channels/{name_and_verb}", get(channels::show).post(channels::act))
        .route("/v1/grants", get(grants::list).post(grants::create))
        .route("/v1/grants/{id_and_verb}", post(grants::act))
        .route("/v1/people", get(people::list))
        .route("/v1/people/{name_and_verb}", post(people::act))
        .route("/v1/rules", get(rules::show))
        .route("/v1/rules:reload", post(rules::reload))
        .route("/v1/explain", post(rules::explain))
        .route("/v1/audit/events", get(audit::events))
        .route("/v1/audit/events/{seq}/proof", get(audit::proof))
        .route("/v1/audit/checkpoints", get(audit::checkpoints))
        .route("/v1/slack/interactive", post(slack::interactive))
        .route("/openapi.json", get(openapi::openapi_json))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .merge(page::router())
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(extract::BODY_BYTES_MAX))
        .layer(from_fn(layers::limit_time))
        .layer(from_fn(problem::write_problems))
        .layer(from_fn(layers::mark))
        .with_state(state)
}

async fn nothing_here() -> Problem {
    Problem::not_found("such path; `/openapi.json` lists them all")
}

async fn wrong_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "this path does not know that method; `/openapi.json` lists them all")
}
