//! The rows of screenshots that runs left. They are written with the activity that brings them.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::ports::screenshots::Tally;
use windlass_application::ports::{Screenshots, StoreError};
use windlass_application::{Created, OrganizationContext, Page, PageRequest};
use windlass_domain::id::{OrganizationId, RunId, ScreenshotId};
use windlass_domain::run::Run;
use windlass_domain::screenshot::Screenshot;
use windlass_records::columns::{At, Count, Id};
use windlass_records::page::{self, First};
use windlass_records::rows::{ScreenshotRow, tally};

use crate::error::{corrupt, read};
use crate::query::Query;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

#[async_trait]
impl Screenshots for SqliteStore {
    async fn find(
        &self,
        id: ScreenshotId,
    ) -> Result<Option<(OrganizationId, Screenshot)>, StoreError> {
        // Nothing but the id says whose it is: whoever asks shows a signature over it.
        let row: Option<ScreenshotRow> = self
            .look(|connection| {
                connection.row(
                    "SELECT id, organization_id, run_id, file_name, file_type, file_size, width,
                            height, reasoning, step, sha256, created_at, expired_at
                     FROM screenshot
                     WHERE id = ?",
                    params![Id(id.uuid())],
                )
            })
            .await?;
        row.map(read).transpose()
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<Screenshot>, StoreError> {
        let mut query = Query::new(
            "SELECT id, organization_id, run_id, file_name, file_type, file_size, width, height,
                    reasoning, step, sha256, created_at, expired_at
             FROM screenshot
             WHERE organization_id = ",
        );
        query.push_bind(Id(organization.organization_id().uuid()));
        query.push(" AND run_id = ");
        query.push_bind(Id(run_id.uuid()));
        let parse = |text: &str| ScreenshotId::parse(text).map(ScreenshotId::uuid);
        page::push_page_by_id(
            &mut query,
            "screenshot",
            created,
            &page,
            First::Oldest,
            parse,
        )?;
        let rows: Vec<ScreenshotRow> = self
            .read(move |connection| connection.rows_of(query))
            .await?;
        page::cut(rows, &page).read(|row| read(row).map(|(_, screenshot)| screenshot))
    }

    async fn tally(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
        sha256: [u8; 32],
    ) -> Result<Tally, StoreError> {
        let kept: Vec<(Id, Vec<u8>)> = self
            .read(move |connection| {
                connection.rows(
                    "SELECT id, sha256
                     FROM screenshot
                     WHERE organization_id = ? AND run_id = ?
                     ORDER BY id",
                    params![Id(organization.organization_id().uuid()), Id(run_id.uuid())],
                )
            })
            .await?;
        Ok(tally(&kept, sha256))
    }
}

/// Keeps a screenshot of a run, unless it, or one of the same content, is kept already.
pub(crate) fn insert(
    transaction: &mut Transaction<'_>,
    run: &Run,
    screenshot: &Screenshot,
) -> Result<(), StoreError> {
    let file_size = i64::try_from(screenshot.file_size)
        .map_err(|_| corrupt("screenshot", &screenshot.id, &"a size fits into 63 bits"))?;
    transaction.change(
        "INSERT INTO screenshot
         (id, organization_id, run_id, file_name, file_type, file_size, width, height,
          reasoning, step, sha256, created_at, expired_at)
         SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
         WHERE NOT EXISTS (
             SELECT 1 FROM screenshot
             WHERE run_id = ? AND organization_id = ? AND sha256 = ?
         )
         ON CONFLICT (id) DO NOTHING",
        params![
            Id(screenshot.id.uuid()),
            Id(run.organization_id.uuid()),
            Id(run.id.uuid()),
            &screenshot.file_name,
            &screenshot.file_type,
            file_size,
            screenshot.width.map(Count),
            screenshot.height.map(Count),
            &screenshot.reasoning,
            screenshot.step.map(Count),
            screenshot.sha256,
            At(screenshot.created_at),
            screenshot.expired_at.map(At),
            Id(run.id.uuid()),
            Id(run.organization_id.uuid()),
            screenshot.sha256
        ],
    )?;
    Ok(())
}
