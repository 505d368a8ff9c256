//! The rows of screenshots that runs left. They are written with the activity that brings them.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use windlass_application::ports::screenshots::Tally;
use windlass_application::ports::{Screenshots, StoreError};
use windlass_application::{Created, OrganizationContext, Page, PageRequest};
use windlass_domain::id::{OrganizationId, RunId, ScreenshotId};
use windlass_domain::run::Run;
use windlass_domain::screenshot::Screenshot;
use windlass_records::columns::{At, Count, Id};
use windlass_records::page::{self, First};
use windlass_records::rows::{ScreenshotRow, tally};

use crate::error::{corrupt, read, store_error};
use crate::store::SqliteStore;
use crate::transaction::Transaction;

#[async_trait]
impl Screenshots for SqliteStore {
    async fn find(
        &self,
        id: ScreenshotId,
    ) -> Result<Option<(OrganizationId, Screenshot)>, StoreError> {
        // Nothing but the id says whose it is: whoever asks shows a signature over it.
        let row: Option<ScreenshotRow> = sqlx::query_as(
            "SELECT id, organization_id, run_id, file_name, file_type, file_size, width, height,
                    reasoning, step, sha256, created_at, expired_at
             FROM screenshot
             WHERE id = ?",
        )
        .bind(Id(id.uuid()))
        .fetch_optional(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        row.map(read).transpose()
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<Screenshot>, StoreError> {
        let mut query = QueryBuilder::new(
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
        let rows: Vec<ScreenshotRow> = query
            .build_query_as()
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(store_error)?;
        page::cut(rows, &page).read(|row| read(row).map(|(_, screenshot)| screenshot))
    }

    async fn tally(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
        sha256: [u8; 32],
    ) -> Result<Tally, StoreError> {
        let kept: Vec<(Id, Vec<u8>)> = sqlx::query_as(
            "SELECT id, sha256
             FROM screenshot
             WHERE organization_id = ? AND run_id = ?
             ORDER BY id",
        )
        .bind(Id(organization.organization_id().uuid()))
        .bind(Id(run_id.uuid()))
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        Ok(tally(&kept, sha256))
    }
}

/// Keeps a screenshot of a run, unless it, or one of the same content, is kept already.
pub(crate) fn insert(
    transaction: &mut Transaction,
    run: &Run,
    screenshot: &Screenshot,
) -> Result<(), StoreError> {
    let file_size = i64::try_from(screenshot.file_size)
        .map_err(|_| corrupt("screenshot", &screenshot.id, &"a size fits into 63 bits"))?;
    transaction
        .then(
            "INSERT INTO screenshot
             (id, organization_id, run_id, file_name, file_type, file_size, width, height,
              reasoning, step, sha256, created_at, expired_at)
             SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
             WHERE NOT EXISTS (
                 SELECT 1 FROM screenshot
                 WHERE run_id = ? AND organization_id = ? AND sha256 = ?
             )
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(Id(screenshot.id.uuid()))
        .bind(Id(run.organization_id.uuid()))
        .bind(Id(run.id.uuid()))
        .bind(&screenshot.file_name)
        .bind(&screenshot.file_type)
        .bind(file_size)
        .bind(screenshot.width.map(Count))
        .bind(screenshot.height.map(Count))
        .bind(&screenshot.reasoning)
        .bind(screenshot.step.map(Count))
        .bind(screenshot.sha256.to_vec())
        .bind(At(screenshot.created_at))
        .bind(screenshot.expired_at.map(At))
        .bind(Id(run.id.uuid()))
        .bind(Id(run.organization_id.uuid()))
        .bind(screenshot.sha256.to_vec());
    Ok(())
}
