//! Sessions, kept.

use async_trait::async_trait;
use windlass_domain::id::SessionId;
use windlass_domain::session::Session;

use crate::ports::error::StoreError;
use crate::write::OrganizationContext;

/// Sessions; what changes them stands in `Runs`, since the two are decided together.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The session of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError>;
}
