//! `sign_in:`, checked: how long a session at the page lasts, and which groups may do what there.

use std::collections::BTreeMap;

use crate::identity::session::Span;
use crate::identity::token::Scope;

/// Signing in at the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInConfig {
    /// How long a session lasts. Default 1 h without a request, 12 h in all.
    pub span: Span,
    /// People may sign in by password. Default true.
    pub passwords: bool,
    /// The groups that have a scope. A scope that is not named is everybody's if it is `approvals:read` or
    /// `approvals:decide`, else nobody's.
    pub scopes: BTreeMap<Scope, Vec<String>>,
}

impl Default for SignInConfig {
    fn default() -> Self {
        let hours = |hours: u64| std::time::Duration::from_secs(hours * 3600);
        Self { span: Span { idle: hours(1), most: hours(12) }, passwords: true, scopes: BTreeMap::new() }
    }
}

impl SignInConfig {
    /// What a person of these groups may do at the page.
    pub fn scopes_of(&self, groups: &[String]) -> Vec<Scope> {
        let has = |scope: &Scope| match self.scopes.get(scope) {
            Some(named) => named.iter().any(|group| groups.contains(group)),
            None => matches!(scope, Scope::ApprovalsRead | Scope::ApprovalsDecide),
        };
        Scope::ALL.into_iter().filter(has).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_decides_and_nobody_administers_unless_it_is_said() {
        let config = SignInConfig::default();
        assert_eq!(config.scopes_of(&[]), [Scope::ApprovalsDecide, Scope::ApprovalsRead]);
        let named = BTreeMap::from([
            (Scope::Admin, vec!["ops".to_owned()]),
            (Scope::ApprovalsDecide, vec!["approvers".to_owned()]),
        ]);
        let config = SignInConfig { scopes: named, ..config };
        assert_eq!(config.scopes_of(&["ops".into()]), [Scope::Admin, Scope::ApprovalsRead]);
        assert_eq!(config.scopes_of(&["approvers".into()]), [Scope::ApprovalsDecide, Scope::ApprovalsRead]);
    }
}
