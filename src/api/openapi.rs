//! The API's own description, OpenAPI 3.1, made from the handlers. `docs/openapi.json` is the checked-in copy; a test
//! compares both (`HOLDPOINT_BLESS=1 cargo test --lib openapi` writes it anew).

pub mod shapes;

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::api::admin::{agents, audit, channels, rules, tokens};
use crate::api::approvals::{self, decide, events, grants};
use crate::api::health;
use crate::api::signin::people;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdpoint",
        description = "Statements that wait for a person, the people who decide, and the record of it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        approvals::list, approvals::show, decide::decide, events::events,
        agents::list, agents::create, agents::remove, agents::act,
        tokens::list, tokens::create, tokens::act,
        grants::list, grants::create, grants::act,
        channels::list, channels::show, channels::act,
        people::list, people::act,
        rules::show, rules::reload, rules::explain,
        audit::events, audit::checkpoints, audit::proof,
        health::healthz, health::readyz, health::metrics, openapi_json
    ),
    components(schemas(agents::IssuedAgent)),
    modifiers(&Bearer)
)]
struct Description;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("hpt_…")
            .description(Some(
                "A token made by `holdpoint tokens create`. The scope each operation needs stands beside it.",
            ))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The description, ready to be served.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "operation", responses((status = 200, body = serde_json::Value)))]
pub async fn openapi_json() -> Json<utoipa::openapi::OpenApi> {
    Json(description())
}

#[cfg(test)]
mod tests;
