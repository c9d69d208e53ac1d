//! A refusal, a proxy's own error, a notice: as PostgreSQL clients read them. Codes: manual, appendix A.

use bytes::{Bytes, BytesMut};

use crate::gate::approval::Approval;
use crate::gate::refusal::{Refusal, RefusalKind};
use crate::pg::messages::report::{Report, Severity};

/// What a client is told when it sends a FunctionCall message.
pub const FUNCTION_CALL: &str =
    "the fast-path function call protocol is not supported here: send SELECT function(...) instead";

/// What a client is told when it sends a masked value back.
pub const TOKEN_WRITTEN_BACK: &str = "the statement carries a mask token such as [masked:...]: masked values are not data, \
do not write them back or search for them";

/// SQLSTATE of each kind. They leave retry helpers and pools of the usual drivers alone.
pub fn sqlstate(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Pending | RefusalKind::Expired | RefusalKind::Superseded | RefusalKind::Changed => "55000",
        RefusalKind::Denied
        | RefusalKind::Forbidden
        | RefusalKind::ReasonMissing
        | RefusalKind::Revoked
        | RefusalKind::Disabled => "42501",
        RefusalKind::Cancelled => "57014",
        RefusalKind::Unavailable => "53400",
        RefusalKind::Draining => "57P01",
    }
}

fn routine(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Pending => "holdpoint_pending",
        RefusalKind::Denied => "holdpoint_denied",
        RefusalKind::Forbidden => "holdpoint_forbidden",
        RefusalKind::Expired => "holdpoint_expired",
        RefusalKind::ReasonMissing => "holdpoint_reason_missing",
        RefusalKind::Cancelled => "holdpoint_cancelled",
        RefusalKind::Superseded => "holdpoint_superseded",
        RefusalKind::Revoked => "holdpoint_revoked",
        RefusalKind::Disabled => "holdpoint_disabled",
        RefusalKind::Changed => "holdpoint_changed",
        RefusalKind::Unavailable => "holdpoint_unavailable",
        RefusalKind::Draining => "holdpoint_draining",
    }
}

fn encoded(report: &Report) -> Bytes {
    let mut out = BytesMut::new();
    report.encode(&mut out);
    out.freeze()
}

/// A refusal as an ErrorResponse; field `n` carries the approval's id, `R` the kind.
pub fn encode(refusal: &Refusal) -> Bytes {
    let mut report = Report::new(Severity::Error, sqlstate(refusal.kind), refusal.message.clone());
    report.detail = refusal.detail.clone();
    report.hint = refusal.hint.clone();
    report.constraint = refusal.approval.as_ref().map(ToString::to_string);
    report.routine = Some(routine(refusal.kind).to_owned());
    encoded(&report)
}

/// An error of the proxy's own.
pub fn error(code: &'static str, text: &str) -> Bytes {
    encoded(&Report::new(Severity::Error, code, text))
}

/// The last error of a connection.
pub fn fatal(code: &'static str, text: &str) -> Bytes {
    encoded(&Report::new(Severity::Fatal, code, text))
}

/// What a terminal is told when its statement is held.
pub fn held_notice(approval: &Approval, public_url: &str) -> Bytes {
    let what = approval.request.statements.first().map(|one| one.summary.clone()).unwrap_or_default();
    let text = format!("held for approval [{}]: {what}; waiting, Ctrl-C withdraws", approval.id);
    let mut report = Report::new(Severity::Notice, "01000", text);
    report.detail = Some(format!("{public_url}/a/{}", approval.id));
    encoded(&report)
}
