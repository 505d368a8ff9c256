//! The rows of screenshots that runs left.

use async_trait::async_trait;
use windlass_domain::id::{OrganizationId, RunId, ScreenshotId};
use windlass_domain::screenshot::Screenshot;

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::StoreError;
use crate::write::OrganizationContext;

/// What a run has of screenshots already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many.
    pub count: u32,
    /// The newest.
    pub newest: Option<ScreenshotId>,
    /// The one of the same content.
    pub same: Option<ScreenshotId>,
}

/// The rows of screenshots. They are written with the activity that brings them: `Runs::command`.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Screenshots: Send + Sync {
    /// The screenshot of this id and whose it is, for a request that shows a signed address and no
    /// key.
    async fn find(
        &self,
        id: ScreenshotId,
    ) -> Result<Option<(OrganizationId, Screenshot)>, StoreError>;

    /// Those of a run, oldest first.
    async fn list(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<Screenshot>, StoreError>;

    /// What a run has already, and whether this content is among it.
    async fn tally(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
        sha256: [u8; 32],
    ) -> Result<Tally, StoreError>;
}
