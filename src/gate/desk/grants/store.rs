//! What has to be kept of grants. Implementations stand in `store`.

use futures_util::future::BoxFuture;

use crate::gate::desk::grants::grant::Grant;
use crate::gate::desk::grants::shape::Shape;
use crate::identity::ids::{AgentName, ApprovalId, GrantId};
use crate::identity::store::StoreError;

/// Grants by id, and what grants from an approval would be bound to.
pub trait GrantStore: Send + Sync {
    /// One grant.
    fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError>;
    /// All grants, or those of one agent, in no order.
    fn grants(&self, agent: Option<&AgentName>) -> Result<Vec<Grant>, StoreError>;
    /// Writes a grant durably; [`StoreError::Conflict`] if it is not at the version expected (`None`: it must not exist).
    fn put_grant(&self, grant: Grant, expected: Option<u64>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// What a grant from this approval would be bound to.
    fn shape(&self, approval: &ApprovalId) -> Result<Option<Shape>, StoreError>;
    /// Keeps it.
    fn put_shape(&self, approval: ApprovalId, shape: Shape) -> BoxFuture<'_, Result<(), StoreError>>;
}
