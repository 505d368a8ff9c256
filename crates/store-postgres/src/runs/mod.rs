//! Runs, with the events, deliveries and records that change with them.
//!
//! A change loads its `scene`, asks `lifecycle::decide`, and `save`s what it says. The other files
//! are the port's methods.

mod attachment;
mod command;
mod lease;
mod leased;
mod let_in;
mod list;
mod pick;
mod place;
mod read;
mod save;
mod scene;
mod slots;
mod start;
mod sweep;
mod timeline;
pub(crate) mod unfinished;

use async_trait::async_trait;
use windlass_application::ports::runs::{
    Attachment, Commanded, LeaseRequest, Leased, NewRun, RunFilter, RunView, Swept, TimelineEntry,
};
use windlass_application::ports::{Runs, StoreError, WriteError};
use windlass_application::{OrganizationContext, Page, PageRequest, Write, Written};
use windlass_domain::id::{OrganizationId, RunId};
use windlass_domain::run::{Holder, RunCommand, Status};
use windlass_domain::sealed::Sealed;

pub(crate) use self::read::{of_session, of_sessions};
pub(crate) use self::scene::Loaded;
use crate::retry::retrying;
use crate::store::PostgresStore;

#[async_trait]
impl Runs for PostgresStore {
    async fn start(&self, write: Write, start: NewRun) -> Result<Written<Commanded>, WriteError> {
        retrying(|| start::start(self, write.clone(), start.clone())).await
    }

    async fn command(
        &self,
        write: Write,
        run_id: RunId,
        command: RunCommand,
        attachment: Option<Attachment>,
    ) -> Result<Written<Commanded>, WriteError> {
        retrying(|| {
            command::command(
                self,
                write.clone(),
                run_id,
                command.clone(),
                attachment.clone(),
            )
        })
        .await
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Leased, WriteError> {
        lease::lease(self, &request).await
    }

    async fn sweep(&self, limit: u32) -> Result<Swept, StoreError> {
        sweep::sweep(self, limit).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Option<RunView>, StoreError> {
        read::get(self, organization, run_id).await
    }

    async fn input(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Option<Sealed>, StoreError> {
        read::input(self, organization, run_id).await
    }

    async fn of_status(
        &self,
        run_ids: &[RunId],
        statuses: &[Status],
    ) -> Result<Vec<RunId>, StoreError> {
        read::of_status(self, run_ids, statuses).await
    }

    async fn held_by(
        &self,
        organization: Option<OrganizationContext>,
        holder: Holder,
        statuses: &[Status],
    ) -> Result<Vec<RunId>, StoreError> {
        read::held_by(self, organization, holder, statuses).await
    }

    async fn not_held_by(
        &self,
        organization: Option<OrganizationContext>,
        holder: Holder,
        run_ids: &[RunId],
        statuses: &[Status],
    ) -> Result<Vec<RunId>, StoreError> {
        read::not_held_by(self, organization, holder, (run_ids, statuses)).await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunView>, StoreError> {
        list::list(self, organization, filter, page).await
    }

    async fn timeline(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Vec<TimelineEntry>, StoreError> {
        timeline::timeline(self, organization, run_id).await
    }

    async fn organization_of(&self, run_id: RunId) -> Result<Option<OrganizationId>, StoreError> {
        read::organization_of(self, run_id).await
    }
}
