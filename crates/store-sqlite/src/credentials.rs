//! Credentials, kept with sealed contents.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::credentials::{CredentialFilter, CredentialView, Show};
use windlass_application::ports::{Credentials, StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::credential::{Credential, CredentialEdit, CredentialStatus};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{CredentialId, OrganizationId};
use windlass_domain::lifecycle::SavedLogin;
use windlass_domain::sealed::Sealed;
use windlass_records::Audited;
use windlass_records::columns::{At, Id};
use windlass_records::page::{self, First};
use windlass_records::rows::CredentialRow;

use crate::error::{read, store_error};
use crate::sources;
use crate::store::SqliteStore;
use crate::transaction::Transaction;
use crate::write::Begun;

#[async_trait]
impl Credentials for SqliteStore {
    async fn create(
        &self,
        write: Write,
        view: CredentialView,
    ) -> Result<Written<CredentialView>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let credential = &view.credential;
        let connection = transaction.connection().await?;
        sources::load(connection, organization_id, &credential.source_id)
            .await?
            .ok_or(WriteError::ReferenceGone {
                what: Resource::Source,
            })?;
        let inserted = sqlx::query(
            "INSERT INTO credential
                 (id, organization_id, source_id, auth_method, external_id, status, summary,
                  secret, secrets_version, created_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(Id(credential.id.uuid()))
        .bind(Id(organization_id.uuid()))
        .bind(credential.source_id.as_str())
        .bind(credential.auth_method.as_str())
        .bind(&credential.external_id)
        .bind(credential.status.as_str())
        .bind(credential.summary.as_ref().map(Sealed::as_bytes))
        .bind(credential.secret.as_ref().map(Sealed::as_bytes))
        .bind(credential.secrets_version)
        .bind(At(credential.created_at))
        .bind(At(credential.updated_at))
        .execute(connection)
        .await
        .map_err(store_error)?;
        if inserted.rows_affected() == 0 {
            return Err(WriteError::IdTaken);
        }
        let event = EventData::Credential(credential.clone());
        transaction.emit(EventType::CredentialCreated, credential.created_at, event);
        let audited = Audited::new("credential.create", &credential.id);
        transaction
            .commit(Outcome::Credential(&view), Some(audited))
            .await?;
        Ok(Written::Done(view))
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: CredentialId,
    ) -> Result<Option<Credential>, StoreError> {
        let mut connection = self.reader().await?;
        load(&mut connection, organization.organization_id(), id).await
    }

    async fn login(
        &self,
        organization: OrganizationContext,
        id: CredentialId,
    ) -> Result<Option<Sealed>, StoreError> {
        let login: Option<Option<Vec<u8>>> =
            sqlx::query_scalar("SELECT login FROM credential WHERE organization_id = ? AND id = ?")
                .bind(Id(organization.organization_id().uuid()))
                .bind(Id(id.uuid()))
                .fetch_optional(&mut *self.reader().await?)
                .await
                .map_err(store_error)?;
        Ok(login.flatten().map(Sealed::from_bytes))
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: CredentialFilter,
        page: PageRequest,
    ) -> Result<Page<Credential>, StoreError> {
        let mut query = QueryBuilder::new(
            "SELECT id, source_id, auth_method, external_id, status, summary, secret,
                    secrets_version, created_at, updated_at
             FROM credential
             WHERE organization_id = ",
        );
        query.push_bind(Id(organization.organization_id().uuid()));
        let sources = filter.source_ids.iter().map(ToString::to_string);
        page::push_one_of(&mut query, "source_id", sources);
        let statuses = filter.statuses.iter().map(ToString::to_string);
        page::push_one_of(&mut query, "status", statuses);
        if let Some(external_id) = filter.external_id {
            query.push(" AND external_id = ");
            query.push_bind(external_id);
        }
        let parse = |text: &str| CredentialId::parse(text).map(CredentialId::uuid);
        let created = filter.created;
        page::push_page_by_id(
            &mut query,
            "credential",
            created,
            &page,
            First::Newest,
            parse,
        )?;
        let rows: Vec<CredentialRow> = query
            .build_query_as()
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(store_error)?;
        page::cut(rows, &page).read(read)
    }

    async fn update(
        &self,
        write: Write,
        id: CredentialId,
        edit: CredentialEdit,
        show: Show,
    ) -> Result<Written<CredentialView>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let before = load(transaction.connection().await?, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        if before.status == CredentialStatus::Deleted {
            return Err(WriteError::CredentialDeleted);
        }
        let edited = before.edited(&edit, transaction.at());
        if let Some(credential) = &edited {
            save(transaction.connection().await?, organization_id, credential).await?;
            if edit.contents.is_some() {
                let erased = SavedLogin {
                    credential_id: id,
                    login: None,
                };
                save_login(&mut transaction.transaction, &erased);
                let event = EventData::Credential(credential.clone());
                let at = credential.updated_at;
                transaction.emit(EventType::CredentialUnverified, at, event);
            }
        }
        let audited = edited.is_some();
        let audited = audited.then(|| Audited::new("credential.update", &id));
        let view = show(edited.unwrap_or(before))?;
        transaction
            .commit(Outcome::Credential(&view), audited)
            .await?;
        Ok(Written::Done(view))
    }

    async fn delete(&self, write: Write, id: CredentialId) -> Result<Written<()>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let mut credential = load(transaction.connection().await?, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        if credential.status == CredentialStatus::Deleted {
            transaction.commit(Outcome::Deleted, None).await?;
            return Ok(Written::Done(()));
        }
        let at = transaction.at().following(credential.updated_at);
        credential.status = CredentialStatus::Deleted;
        credential.summary = None;
        credential.secret = None;
        credential.updated_at = at;
        sqlx::query(
            "UPDATE credential
             SET status = ?, summary = NULL, secret = NULL, login = NULL, updated_at = ?
             WHERE organization_id = ? AND id = ?",
        )
        .bind(credential.status.as_str())
        .bind(At(at))
        .bind(Id(organization_id.uuid()))
        .bind(Id(id.uuid()))
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        let event = EventData::Credential(credential);
        transaction.emit(EventType::CredentialDeleted, at, event);
        let audited = Audited::new("credential.delete", &id);
        transaction.commit_deletion(audited).await
    }
}

/// Saves what a change may bring of a credential.
async fn save(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    credential: &Credential,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE credential
         SET external_id = ?, status = ?, summary = ?, secret = ?, secrets_version = ?,
             updated_at = ?
         WHERE organization_id = ? AND id = ?",
    )
    .bind(&credential.external_id)
    .bind(credential.status.as_str())
    .bind(credential.summary.as_ref().map(Sealed::as_bytes))
    .bind(credential.secret.as_ref().map(Sealed::as_bytes))
    .bind(credential.secrets_version)
    .bind(At(credential.updated_at))
    .bind(Id(organization_id.uuid()))
    .bind(Id(credential.id.uuid()))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Saves the login of a credential, or erases it.
pub(crate) fn save_login(transaction: &mut Transaction, saved: &SavedLogin) {
    transaction
        .then("UPDATE credential SET login = ? WHERE id = ?")
        .bind(saved.login.as_ref().map(Sealed::as_bytes))
        .bind(Id(saved.credential_id.uuid()));
}

/// The credential of this id, also where it is deleted.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: CredentialId,
) -> Result<Option<Credential>, StoreError> {
    let row: Option<CredentialRow> = sqlx::query_as(
        "SELECT id, source_id, auth_method, external_id, status, summary, secret,
                secrets_version, created_at, updated_at
         FROM credential
         WHERE organization_id = ? AND id = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(Id(id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}
