//! `/audit`: the last records of the log, and the check that nothing in it was changed. Every look is recorded.

use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::extract::Fields;
use crate::api::page::frame::{Frame, alert, time};
use crate::api::page::visible::line;
use crate::api::problem::{Kind, Problem};
use crate::api::signin::form::TokenOnly;
use crate::api::signin::visitor::Visitor;
use crate::api::state::ApiState;
use crate::audit::checkpoint::NoteVerifier;
use crate::audit::event::{Event, Record};
use crate::audit::export::{ExportRange, export};
use crate::audit::store::AuditStore;
use crate::audit::verify::{Report, VerifyOptions, verify};
use crate::identity::token::Scope;

const PAGE_SIZE: u64 = 50;

/// One check at a time: it reads the whole log.
static CHECKING: AtomicBool = AtomicBool::new(false);

/// Where to look.
#[derive(Debug, Default, Deserialize)]
pub struct Place {
    /// Records before this position; the newest if absent.
    before: Option<u64>,
}

/// The newest records, or those before a place.
///
/// # Errors
/// The scope is missing, or the audit log fails.
pub async fn show(
    State(state): State<ApiState>,
    visitor: Visitor,
    Query(place): Query<Place>,
) -> Result<Response, Problem> {
    admit(&state, &visitor, "audit page").await?;
    page(&state, &visitor, place.before, None)
}

/// Checks the whole log: every record in its place, chained, every checkpoint signed and over exactly these records.
///
/// # Errors
/// A foreign form, the scope is missing, another check runs, or the audit log fails.
pub async fn check(
    State(state): State<ApiState>,
    visitor: Visitor,
    headers: HeaderMap,
    Fields(fields): Fields<TokenOnly>,
) -> Result<Response, Problem> {
    visitor.check_form(&state, &headers, &fields.token)?;
    admit(&state, &visitor, "audit check").await?;
    let turn = Turn::take()?;
    let (store, key) = (Arc::clone(state.audit.store()), state.audit.verifier().clone());
    // The check goes on when the visitor does not wait for it, and its turn with it.
    let checked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        verify_store(store.as_ref(), key)
    })
    .await;
    let result = match checked.map_err(|error| Problem::unavailable("the audit log", error))? {
        Ok(report) => good(&report),
        Err(why) => alert(&format!("The log is not what it should be: {why}.")),
    };
    page(&state, &visitor, None, Some(result))
}

struct Turn;

impl Turn {
    fn take() -> Result<Self, Problem> {
        if CHECKING.swap(true, Ordering::AcqRel) {
            return Err(Problem::new(Kind::TooMany, "a check runs already; try again when it has ended"));
        }
        Ok(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        CHECKING.store(false, Ordering::Release);
    }
}

/// Exports into a pipe and checks what comes out of it, so that memory does not grow with the log.
fn verify_store(store: &dyn AuditStore, key: NoteVerifier) -> Result<Report, String> {
    let (reader, mut writer) = std::io::pipe().map_err(|error| error.to_string())?;
    let options = VerifyOptions { key, notes: Vec::new(), partial: false };
    std::thread::scope(|scope| {
        let exporting = scope.spawn(move || export(store, ExportRange::default(), &mut writer));
        let report = verify(BufReader::new(reader), &options).map_err(|error| error.to_string());
        let exported = exporting.join().map_err(|_| "the export broke off".to_owned())?;
        // A check that ends early closes the pipe; its own word counts then.
        let report = report?;
        exported.map(|_| report).map_err(|error| error.to_string())
    })
}

fn good(report: &Report) -> Markup {
    let unsigned = report.records.saturating_sub(report.signed);
    html! {
        div.notice role="status" {
            p {
                b { "Good: " } (report.records) " records, each in its place and unchanged, under " (report.checkpoints)
                " signed checkpoints."
            }
            @if unsigned > 0 { p { (unsigned) " records behind the last checkpoint are chained and not signed yet." } }
            @if report.unclean_ends > 0 { p { (report.unclean_ends) " runs ended without saying so." } }
            @for approval in &report.unfinished { p { (approval) " was released, and its end is not recorded." } }
        }
    }
}

async fn admit(state: &ApiState, visitor: &Visitor, what: &str) -> Result<(), Problem> {
    visitor.caller.require(Scope::AuditRead)?;
    state.record(Event::Accessed { by: visitor.caller.name().clone(), what: what.to_owned() }).await?;
    Ok(())
}

fn page(state: &ApiState, visitor: &Visitor, before: Option<u64>, result: Option<Markup>) -> Result<Response, Problem> {
    let log_down = |error| Problem::unavailable("the audit log", error);
    let size = state.audit.size().map_err(log_down)?;
    let end = before.unwrap_or(size).min(size);
    let from = end.saturating_sub(PAGE_SIZE);
    let records = state.audit.read(from, usize::try_from(end - from).unwrap_or(0)).map_err(log_down)?;
    let body = html! {
        h1 { "Audit" }
        @if let Some(result) = result { (result) }
        form method="post" action="/audit" {
            input type="hidden" name="token" value=(visitor.form_token);
            button type="submit" { "Check the whole log" }
        }
        p { (size) " records. The public key is " code.digest { (line(&state.audit.verifier().to_string())) } }
        ol.story reversed start=(end.saturating_sub(1)) {
            @for record in records.iter().rev() { li value=(record.seq) { (shown(record)) } }
        }
        @if from > 0 { p { a href={ "/audit?before=" (from) } rel="next" { "Older ones" } } }
    };
    Ok(Frame::new("Audit", "/audit", visitor).page(StatusCode::OK, body))
}

fn shown(record: &Record) -> Markup {
    let mut event = serde_json::to_value(&record.event).unwrap_or_default();
    let kind = event.get_mut("kind").map(serde_json::Value::take).unwrap_or_default();
    let kind = kind.as_str().unwrap_or("record").replace('_', " ");
    html! {
        p { b { (kind) } " " (time(record.at)) }
        dl.small {
            @for (name, value) in event.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
                dt { (name) }
                dd { (line(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))) }
            }
        }
    }
}
