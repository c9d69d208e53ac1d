//! Grants in memory.

use futures_util::future::BoxFuture;

use crate::gate::desk::grants::grant::Grant;
use crate::gate::desk::grants::shape::Shape;
use crate::gate::desk::grants::store::GrantStore;
use crate::identity::ids::{AgentName, ApprovalId, GrantId};
use crate::identity::store::StoreError;
use crate::store::memory::{MemoryStore, Part};

impl GrantStore for MemoryStore {
    fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        Ok(self.state.lock().grants.get(id).cloned())
    }

    fn grants(&self, agent: Option<&AgentName>) -> Result<Vec<Grant>, StoreError> {
        let state = self.state.lock();
        let of_agent = |grant: &&Grant| agent.is_none_or(|agent| grant.requester.agent == *agent);
        Ok(state.grants.values().filter(of_agent).cloned().collect())
    }

    fn put_grant(&self, grant: Grant, expected: Option<u64>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Approvals, |state| {
            if state.grants.get(&grant.id).map(|stored| stored.version) != expected {
                return Err(StoreError::Conflict(grant.id.to_string()));
            }
            state.grants.insert(grant.id.clone(), grant);
            Ok(())
        })
    }

    fn shape(&self, approval: &ApprovalId) -> Result<Option<Shape>, StoreError> {
        Ok(self.state.lock().shapes.get(approval).cloned())
    }

    fn put_shape(&self, approval: ApprovalId, shape: Shape) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Approvals, |state| {
            state.shapes.insert(approval, shape);
            Ok(())
        })
    }
}
