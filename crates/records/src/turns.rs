//! Whose turn it was last when runs were leased: organizations take turns.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use windlass_domain::id::OrganizationId;
use windlass_domain::pool::Pool;

/// Whose turn it was last, by pool. Held in memory: a restart begins with the first organization.
#[derive(Debug, Default)]
pub struct Turns {
    by_pool: Mutex<HashMap<Pool, OrganizationId>>,
}

impl Turns {
    /// Whose turn it was last, if anybody had one in this pool.
    pub fn last(&self, pool: &Pool) -> Option<OrganizationId> {
        let by_pool = self.by_pool.lock().unwrap_or_else(PoisonError::into_inner);
        by_pool.get(pool).copied()
    }

    /// This organization has had its turn in this pool.
    pub fn took(&self, pool: &Pool, organization_id: OrganizationId) {
        let mut by_pool = self.by_pool.lock().unwrap_or_else(PoisonError::into_inner);
        by_pool.insert(pool.clone(), organization_id);
    }
}
