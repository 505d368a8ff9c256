//! The rows of screenshots that runs left. They are written with the activity that brings them.

use async_trait::async_trait;
use windlass_application::ports::screenshots::Tally;
use windlass_application::ports::{Screenshots, StoreError};
use windlass_application::{Created, OrganizationContext, Page, PageRequest};
use windlass_domain::id::{OrganizationId, RunId, ScreenshotId};
use windlass_domain::screenshot::Screenshot;

use super::page;
use super::{MemoryStore, State};

#[async_trait]
impl Screenshots for MemoryStore {
    async fn find(
        &self,
        id: ScreenshotId,
    ) -> Result<Option<(OrganizationId, Screenshot)>, StoreError> {
        self.read("Screenshots::find", |state| {
            state.screenshots.get(&id).cloned()
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<Screenshot>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Screenshots::list", |state| {
            let own = state.screenshots_of(organization_id, run_id);
            let key = |it: &Screenshot| (it.id.created_at(), it.id.to_string());
            page::oldest_first(own.cloned(), key, created, &page)
        })
        .await
    }

    async fn tally(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
        sha256: [u8; 32],
    ) -> Result<Tally, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Screenshots::tally", |state| {
            let own = state.screenshots_of(organization_id, run_id);
            let mut tally = Tally::default();
            for screenshot in own {
                tally.count += 1;
                tally.newest = Some(screenshot.id);
                if screenshot.sha256 == sha256 {
                    tally.same = tally.same.or(Some(screenshot.id));
                }
            }
            tally
        })
        .await
    }
}

impl State {
    /// Keeps a screenshot's row. A worker that sends the same content again has it kept once.
    pub(super) fn keep_screenshot(
        &mut self,
        organization_id: OrganizationId,
        screenshot: Screenshot,
    ) {
        let is_known = self
            .screenshots_of(organization_id, screenshot.run_id)
            .any(|kept| kept.sha256 == screenshot.sha256);
        if !is_known {
            let kept = self.screenshots.entry(screenshot.id);
            kept.or_insert((organization_id, screenshot));
        }
    }

    /// What a run's agent saw, oldest first.
    pub(super) fn screenshots_of(
        &self,
        organization_id: OrganizationId,
        run_id: RunId,
    ) -> impl Iterator<Item = &Screenshot> {
        let all = self.screenshots.values();
        let own = all.filter(move |(owner, _)| *owner == organization_id);
        own.map(|(_, screenshot)| screenshot)
            .filter(move |screenshot| screenshot.run_id == run_id)
    }
}
