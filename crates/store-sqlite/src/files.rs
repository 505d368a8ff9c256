//! The rows of files that runs captured. They are written with the activity that brings them.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::ports::files::{FileFilter, Likeness};
use windlass_application::ports::{Files, StoreError};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::file::{Extraction, StoredFile};
use windlass_domain::id::{OrganizationId, SourceId, StorageId, TaskId};
use windlass_domain::run::Run;
use windlass_records::columns::{At, Id};
use windlass_records::page::{self, First};
use windlass_records::rows::FileRow;

use crate::connection::Connection;
use crate::error::{corrupt, read};
use crate::query::Query;
use crate::store::SqliteStore;

/// Whether an earlier run has captured a file with this digest.
macro_rules! captured_before {
    ($digest:literal) => {
        concat!(
            "SELECT EXISTS (
                 SELECT 1 FROM file
                 JOIN run ON run.id = file.run_id
                 WHERE file.organization_id = ? AND file.task_id = ? AND file.",
            $digest,
            " = ?
                   AND file.run_id < ? AND run.credential_id IS ?
             )"
        )
    };
}

#[async_trait]
impl Files for SqliteStore {
    async fn get(
        &self,
        organization: OrganizationContext,
        id: StorageId,
    ) -> Result<Option<StoredFile>, StoreError> {
        let found = self.find(id).await?;
        Ok(found
            .filter(|(organization_id, _)| *organization_id == organization.organization_id())
            .map(|(_, file)| file))
    }

    async fn find(
        &self,
        id: StorageId,
    ) -> Result<Option<(OrganizationId, StoredFile)>, StoreError> {
        let row: Option<FileRow> = self
            .look(|connection| {
                connection.row(
                    "SELECT id, organization_id, run_id, file_name, file_type, file_size, sha256,
                            metadata, extraction, extraction_failed, fields_sha256, created_at,
                            expired_at
                     FROM file
                     WHERE id = ?",
                    params![Id(id.uuid())],
                )
            })
            .await?;
        row.map(read).transpose()
    }

    async fn captured_in(
        &self,
        run: &Run,
        sha256: [u8; 32],
    ) -> Result<Option<StorageId>, StoreError> {
        let (owner, task_id, run_id) = of_run(run);
        let kept: Option<Id> = self
            .look(|connection| {
                connection.value(
                    "SELECT id FROM file
                     WHERE organization_id = ? AND task_id = ? AND sha256 = ? AND run_id = ?",
                    params![owner, task_id.as_str(), sha256, run_id],
                )
            })
            .await?;
        Ok(kept.map(|id| StorageId::from_uuid(id.0)))
    }

    async fn has_captured_before(&self, run: &Run, like: Likeness) -> Result<bool, StoreError> {
        let (owner, task_id, run_id) = of_run(run);
        let credential_id = run.credential_id.map(|id| Id(id.uuid()));
        let (statement, digest) = match like {
            Likeness::Content(digest) => (captured_before!("sha256"), digest),
            Likeness::Fields(digest) => (captured_before!("fields_sha256"), digest),
        };
        self.look(|connection| {
            connection.only_value(
                statement,
                params![owner, task_id.as_str(), digest, run_id, credential_id],
            )
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: FileFilter,
        page: PageRequest,
    ) -> Result<Page<StoredFile>, StoreError> {
        let mut query = Query::new(
            "SELECT id, organization_id, run_id, file_name, file_type, file_size, sha256,
                    metadata, extraction, extraction_failed, fields_sha256, created_at,
                    expired_at
             FROM file
             WHERE ",
        );
        if let Some(run_id) = filter.run_id {
            query.push("run_id = ");
            query.push_bind(Id(run_id.uuid()));
            // The plus keeps SQLite from reading all files of the organization by its index.
            query.push(" AND +");
        }
        query.push("organization_id = ");
        query.push_bind(Id(organization.organization_id().uuid()));
        if let Some(task_id) = &filter.task_id {
            query.push(" AND task_id = ");
            query.push_bind(task_id.to_string());
        }
        if let Some(source_id) = &filter.source_id {
            query.push(" AND source_id = ");
            query.push_bind(source_id.to_string());
        }
        let parse = |text: &str| StorageId::parse(text).map(StorageId::uuid);
        page::push_page_by_id(
            &mut query,
            "file",
            filter.created,
            &page,
            First::Newest,
            parse,
        )?;
        let rows: Vec<FileRow> = self
            .read(move |connection| connection.rows_of(query))
            .await?;
        page::cut(rows, &page).read(|row| read(row).map(|(_, file)| file))
    }
}

/// What files of a run are found by: whose it is, its task, and its id.
fn of_run(run: &Run) -> (Id, TaskId, Id) {
    (
        Id(run.organization_id.uuid()),
        run.task_id.clone(),
        Id(run.id.uuid()),
    )
}

/// Keeps a file of a run, unless it or its content is kept already; says whether it is new. The run is
/// locked, so that of two calls with one content the second finds the first.
pub(crate) fn insert(
    connection: &Connection,
    run: &Run,
    file: &StoredFile,
) -> Result<bool, StoreError> {
    let file_size = i64::try_from(file.file_size)
        .map_err(|_| corrupt("file", &file.id, &"a size fits into 63 bits"))?;
    let inserted = connection.change(
        "INSERT INTO file
             (id, organization_id, run_id, task_id, source_id, file_name, file_type, file_size,
              sha256, metadata, extraction, extraction_failed, fields_sha256, created_at,
              expired_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15
         WHERE NOT EXISTS (
             SELECT 1 FROM file
             WHERE organization_id = ?2 AND task_id = ?4 AND sha256 = ?9 AND run_id = ?3
         )
         ON CONFLICT (id) DO NOTHING",
        params![
            Id(file.id.uuid()),
            Id(run.organization_id.uuid()),
            Id(run.id.uuid()),
            run.task_id.as_str(),
            run.source_id.as_ref().map(SourceId::as_str),
            &file.file_name,
            &file.file_type,
            file_size,
            file.sha256,
            file.metadata.as_ref().map(windlass_records::write),
            file.extraction.data().map(windlass_records::write),
            file.extraction == Extraction::Failed,
            file.fields_sha256,
            At(file.created_at),
            file.expired_at.map(At)
        ],
    )?;
    Ok(inserted == 1)
}
