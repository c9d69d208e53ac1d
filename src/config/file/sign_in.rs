//! `sign_in:`: raw -> checked.

use std::collections::BTreeMap;

use crate::config::file::{Check, span};
use crate::config::raw::sign_in::SignInRaw;
use crate::config::sign_in::SignInConfig;
use crate::identity::session::Span;
use crate::identity::token::Scope;
use crate::policy::yaml::Step;

impl Check<'_> {
    pub(super) fn sign_in(&mut self, raw: &SignInRaw) -> SignInConfig {
        let span = Span { idle: span(raw.idle, 3_600_000), most: span(raw.most, 43_200_000) };
        if span.idle.is_zero() || span.most.is_zero() {
            let fix = Some("write spans such as `1h`");
            self.fault(&[Step::Key("sign_in")], "a session of no length lets nobody in", fix);
        }
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
        SignInConfig { span, scopes }
    }
}
