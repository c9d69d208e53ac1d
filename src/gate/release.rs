//! Permission to send one statement, once. Only `gate` makes it; sending consumes it.

use crate::identity::ids::ApprovalId;

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
/// let forged = Release { approval: None, digest: String::new() };
/// ```
///
/// ```compile_fail
/// let forged = holdpoint::gate::release::Release::new(None, String::new());
/// ```
#[derive(Debug)]
#[must_use = "a release that is not sent must be finished as failed"]
pub struct Release {
    approval: Option<ApprovalId>,
    digest: String,
}

impl Release {
    pub(in crate::gate) fn new(approval: Option<ApprovalId>, digest: String) -> Self {
        Self { approval, digest }
    }

    /// The approval that was spent; `None` if the rules allowed the statement by themselves.
    pub fn approval(&self) -> Option<&ApprovalId> {
        self.approval.as_ref()
    }

    /// Hex SHA-256 of what may be sent; the sender compares it with what it holds.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}
