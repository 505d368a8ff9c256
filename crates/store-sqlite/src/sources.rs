//! Sources, kept.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::ports::sources::SourceFilter;
use windlass_application::ports::{Sources, StoreError, WriteError};
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{OrganizationId, SourceId};
use windlass_domain::source::{Source, SourceEdit};
use windlass_records::columns::{At, Id};
use windlass_records::rows::SourceRow;
use windlass_records::{Audited, page, refuse_in_use};

use crate::connection::Connection;
use crate::error::read;
use crate::playbooks;
use crate::query::Query;
use crate::runs::unfinished;
use crate::store::SqliteStore;

#[async_trait]
impl Sources for SqliteStore {
    async fn create(&self, write: Write, source: Source) -> Result<Written<Source>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let inserted = transaction.change(
                "INSERT INTO source (organization_id, id, name, url, created_at, updated_at)
                 VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (organization_id, id) DO NOTHING",
                params![
                    Id(organization_id.uuid()),
                    source.id.as_str(),
                    &source.name,
                    &source.url,
                    At(source.created_at),
                    At(source.updated_at)
                ],
            )?;
            if inserted == 0 {
                return Err(WriteError::IdTaken);
            }
            let event = EventData::Source(source.clone());
            transaction.tell(EventType::SourceCreated, source.created_at, event);
            let audited = Audited::new("source.create", &source.id);
            transaction.keep(Outcome::Source(&source), Some(audited))?;
            Ok(source)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &SourceId,
    ) -> Result<Option<Source>, StoreError> {
        self.look(|connection| load(connection, organization.organization_id(), id))
            .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: SourceFilter,
        page: PageRequest,
    ) -> Result<Page<Source>, StoreError> {
        let mut query = Query::new(
            "SELECT id, name, url, created_at, updated_at
             FROM source
             WHERE organization_id = ",
        );
        query.push_bind(Id(organization.organization_id().uuid()));
        if let Some(name) = filter.name {
            query.push(" AND name = ");
            query.push_bind(name);
        }
        page::push_page_by_creation(&mut query, "source", filter.created, &page);
        let rows: Vec<SourceRow> = self
            .read(move |connection| connection.rows_of(query))
            .await?;
        page::cut(rows, &page).read(read)
    }

    async fn update(
        &self,
        write: Write,
        id: &SourceId,
        edit: SourceEdit,
    ) -> Result<Written<Source>, WriteError> {
        let id = id.clone();
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let before = load(transaction, organization_id, &id)?.ok_or(WriteError::NotFound)?;
            let edited = before.edited(&edit, transaction.at());
            if let Some(source) = &edited {
                transaction.change(
                    "UPDATE source
                     SET name = ?, url = ?, updated_at = ?
                     WHERE organization_id = ? AND id = ?",
                    params![
                        &source.name,
                        &source.url,
                        At(source.updated_at),
                        Id(organization_id.uuid()),
                        id.as_str()
                    ],
                )?;
                let event = EventData::Source(source.clone());
                transaction.tell(EventType::SourceUpdated, source.updated_at, event);
            }
            let audited = edited.is_some().then(|| Audited::new("source.update", &id));
            let source = edited.unwrap_or(before);
            transaction.keep(Outcome::Source(&source), audited)?;
            Ok(source)
        })
        .await
    }

    async fn delete(&self, write: Write, id: &SourceId) -> Result<Written<()>, WriteError> {
        let id = id.clone();
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let source = load(transaction, organization_id, &id)?.ok_or(WriteError::NotFound)?;
            let credentials = credentials(transaction, organization_id, &id)?;
            let runs = unfinished::of_source(transaction, organization_id, &id)?;
            refuse_in_use(&[(credentials, "credential"), (runs, "task run")])?;
            playbooks::drop_of_source(transaction, organization_id, &id)?;
            transaction.change(
                "DELETE FROM source WHERE organization_id = ? AND id = ?",
                params![Id(organization_id.uuid()), id.as_str()],
            )?;
            let at = transaction.at().following(source.updated_at);
            transaction.tell(EventType::SourceDeleted, at, EventData::Source(source));
            let audited = Audited::new("source.delete", &id);
            transaction.keep_deletion(audited)
        })
        .await
    }
}

/// The source of this id.
pub(crate) fn load(
    connection: &Connection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<Option<Source>, StoreError> {
    let row: Option<SourceRow> = connection.row(
        "SELECT id, name, url, created_at, updated_at
         FROM source
         WHERE organization_id = ? AND id = ?",
        params![Id(organization_id.uuid()), id.as_str()],
    )?;
    row.map(read).transpose()
}

/// How many credentials that are not deleted a source has.
fn credentials(
    connection: &Connection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<i64, StoreError> {
    connection.only_value(
        "SELECT count(*)
         FROM credential
         WHERE organization_id = ? AND source_id = ? AND status <> ?",
        params![
            Id(organization_id.uuid()),
            id.as_str(),
            CredentialStatus::Deleted.as_str()
        ],
    )
}
