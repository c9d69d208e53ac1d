//! Grants in RocksDB.

use futures_util::future::BoxFuture;

use crate::gate::desk::grants::grant::Grant;
use crate::gate::desk::grants::shape::Shape;
use crate::gate::desk::grants::store::GrantStore;
use crate::identity::ids::{AgentName, ApprovalId, GrantId};
use crate::identity::store::StoreError;
use crate::store::rocks::RocksStore;
use crate::store::rocks::columns::{GRANTS, SHAPES};

impl GrantStore for RocksStore {
    fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        self.inner.value(GRANTS, id.as_str().as_bytes())
    }

    fn grants(&self, agent: Option<&AgentName>) -> Result<Vec<Grant>, StoreError> {
        let mut found: Vec<Grant> = self.inner.values(GRANTS)?;
        found.retain(|grant| agent.is_none_or(|agent| grant.requester.agent == *agent));
        Ok(found)
    }

    fn put_grant(&self, grant: Grant, expected: Option<u64>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            let key = grant.id.as_str().as_bytes();
            let stored: Option<Grant> = inner.value(GRANTS, key)?;
            if stored.map(|stored| stored.version) != expected {
                return Err(StoreError::Conflict(grant.id.to_string()));
            }
            inner.put(batch, GRANTS, key, &grant)
        })
    }

    fn shape(&self, approval: &ApprovalId) -> Result<Option<Shape>, StoreError> {
        self.inner.value(SHAPES, approval.as_str().as_bytes())
    }

    fn put_shape(&self, approval: ApprovalId, shape: Shape) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| inner.put(batch, SHAPES, approval.as_str().as_bytes(), &shape))
    }
}
