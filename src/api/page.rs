//! The approvers' page: HTML from the server, a style sheet and a few lines of script from our own address and nothing from
//! anywhere else; every step works by plain forms, too. Whatever an agent wrote is escaped and made visible (`visible`).

pub mod agents;
pub mod approval;
pub mod assets;
pub mod audit;
pub mod decision;
pub mod frame;
pub mod grants;
pub mod history;
pub mod pending;
pub mod request;
pub mod story;
pub mod visible;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;

use crate::api::page::grants::offer;
use crate::api::signin::oidc::flow;
use crate::api::signin::{account, form, link};
use crate::api::state::ApiState;

/// The routes of the page.
pub fn router() -> Router<ApiState> {
    Router::new()
        .route("/", get(pending::show))
        .route("/live", get(pending::live))
        .route("/a/{id}", get(approval::show).post(approval::decide))
        .route("/a/{id}/grant", axum::routing::post(offer::give))
        .route("/history", get(history::show))
        .route("/grants", get(grants::show))
        .route("/grants/{id}", get(grants::one).post(grants::act))
        .route("/agents", get(agents::show).post(agents::switch))
        .route("/audit", get(audit::show).post(audit::check))
        .route("/sign-in", get(form::show).post(form::sign_in))
        .route("/sign-in/oidc", get(flow::begin))
        .route(flow::CALLBACK, get(flow::back))
        .route("/sign-out", axum::routing::post(form::sign_out))
        .route("/password/{secret}", get(link::show).post(link::set))
        .route("/slack/link/{code}", get(account::show).post(account::tie))
        .route("/assets/page.css", get(assets::style))
        .route("/assets/page.js", get(assets::script))
        .route("/assets/icon.svg", get(assets::icon))
        .layer(from_fn(frame::write_problems))
}
