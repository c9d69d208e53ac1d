//! Permission to send one statement, once. Only `gate` makes it; sending consumes it.

use crate::identity::ids::{ApprovalId, GrantId};

/// The proof that a statement was judged: allowed by the rules, or approved by people and spent just now.
///
/// It cannot be copied, stored or built elsewhere, so "unjudged statement upstream" does not compile.
///
/// ```
/// fn what(release: &holdpoint::gate::release::Release) -> &str {
///     release.digest()
/// }
/// ```
///
/// ```compile_fail
/// use holdpoint::gate::release::Release;
/// let forged = Release { approval: None, grant: None, digest: String::new() };
/// ```
///
/// ```compile_fail
/// let forged = holdpoint::gate::release::Release::new(None, String::new());
/// ```
#[derive(Debug)]
#[must_use = "a release that is not sent must be finished as failed"]
pub struct Release {
    approval: Option<ApprovalId>,
    grant: Option<GrantId>,
    digest: String,
}

impl Release {
    pub(in crate::gate) fn new(approval: Option<ApprovalId>, digest: String) -> Self {
        Self { approval, grant: None, digest }
    }

    pub(in crate::gate) fn granted(grant: GrantId, digest: String) -> Self {
        Self { approval: None, grant: Some(grant), digest }
    }

    /// The grant of which a run was used.
    pub fn grant(&self) -> Option<&GrantId> {
        self.grant.as_ref()
    }

    /// The approval that was spent; `None` if the rules allowed the statement by themselves, or a grant did.
    pub fn approval(&self) -> Option<&ApprovalId> {
        self.approval.as_ref()
    }

    /// Hex SHA-256 of what may be sent; the sender compares it with what it holds.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}
