//! `sign_in:`: raw -> checked.

use std::collections::BTreeMap;

use crate::config::file::span;
use crate::config::raw::sign_in::SignInRaw;
use crate::config::sign_in::SignInConfig;
use crate::identity::session::Span;
use crate::identity::token::Scope;

pub(super) fn sign_in(raw: &SignInRaw) -> SignInConfig {
    let span = Span { idle: span(raw.idle, 3_600_000), most: span(raw.most, 43_200_000) };
    let scopes = &raw.scopes;
    let named = [
        (Scope::Admin, &scopes.admin),
        (Scope::ApprovalsDecide, &scopes.approvals_decide),
        (Scope::ApprovalsRead, &scopes.approvals_read),
        (Scope::AuditRead, &scopes.audit_read),
        (Scope::RulesWrite, &scopes.rules_write),
    ];
    let scopes: BTreeMap<Scope, Vec<String>> =
        named.into_iter().filter_map(|(scope, groups)| Some((scope, groups.clone()?))).collect();
    SignInConfig { span, passwords: raw.passwords.unwrap_or(true), scopes }
}
