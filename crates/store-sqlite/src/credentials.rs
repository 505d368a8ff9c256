//! Credentials, kept with sealed contents.

use async_trait::async_trait;
use rusqlite::params;
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

use crate::connection::Connection;
use crate::error::read;
use crate::query::Query;
use crate::sources;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

#[async_trait]
impl Credentials for SqliteStore {
    async fn create(
        &self,
        write: Write,
        view: CredentialView,
    ) -> Result<Written<CredentialView>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let credential = &view.credential;
            sources::load(transaction, organization_id, &credential.source_id)?.ok_or(
                WriteError::ReferenceGone {
                    what: Resource::Source,
                },
            )?;
            let inserted = transaction.change(
                "INSERT INTO credential
                     (id, organization_id, source_id, auth_method, external_id, status, summary,
                      secret, secrets_version, created_at, updated_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (id) DO NOTHING",
                params![
                    Id(credential.id.uuid()),
                    Id(organization_id.uuid()),
                    credential.source_id.as_str(),
                    credential.auth_method.as_str(),
                    &credential.external_id,
                    credential.status.as_str(),
                    credential.summary.as_ref().map(Sealed::as_bytes),
                    credential.secret.as_ref().map(Sealed::as_bytes),
                    credential.secrets_version,
                    At(credential.created_at),
                    At(credential.updated_at)
                ],
            )?;
            if inserted == 0 {
                return Err(WriteError::IdTaken);
            }
            let event = EventData::Credential(credential.clone());
            transaction.tell(EventType::CredentialCreated, credential.created_at, event);
            let audited = Audited::new("credential.create", &credential.id);
            transaction.keep(Outcome::Credential(&view), Some(audited))?;
            Ok(view)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: CredentialId,
    ) -> Result<Option<Credential>, StoreError> {
        self.look(|connection| load(connection, organization.organization_id(), id))
            .await
    }

    async fn login(
        &self,
        organization: OrganizationContext,
        id: CredentialId,
    ) -> Result<Option<Sealed>, StoreError> {
        let login: Option<Option<Vec<u8>>> = self
            .look(|connection| {
                connection.value(
                    "SELECT login FROM credential WHERE organization_id = ? AND id = ?",
                    params![Id(organization.organization_id().uuid()), Id(id.uuid())],
                )
            })
            .await?;
        Ok(login.flatten().map(Sealed::from_bytes))
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: CredentialFilter,
        page: PageRequest,
    ) -> Result<Page<Credential>, StoreError> {
        let mut query = Query::new(
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
        let rows: Vec<CredentialRow> = self
            .read(move |connection| connection.rows_of(query))
            .await?;
        page::cut(rows, &page).read(read)
    }

    async fn update(
        &self,
        write: Write,
        id: CredentialId,
        edit: CredentialEdit,
        show: Show,
    ) -> Result<Written<CredentialView>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let before = load(transaction, organization_id, id)?.ok_or(WriteError::NotFound)?;
            if before.status == CredentialStatus::Deleted {
                return Err(WriteError::CredentialDeleted);
            }
            let edited = before.edited(&edit, transaction.at());
            if let Some(credential) = &edited {
                save(transaction, organization_id, credential)?;
                if edit.contents.is_some() {
                    let erased = SavedLogin {
                        credential_id: id,
                        login: None,
                    };
                    save_login(transaction, &erased)?;
                    let event = EventData::Credential(credential.clone());
                    let at = credential.updated_at;
                    transaction.tell(EventType::CredentialUnverified, at, event);
                }
            }
            let audited = edited.is_some();
            let audited = audited.then(|| Audited::new("credential.update", &id));
            let view = show(edited.unwrap_or(before))?;
            transaction.keep(Outcome::Credential(&view), audited)?;
            Ok(view)
        })
        .await
    }

    async fn delete(&self, write: Write, id: CredentialId) -> Result<Written<()>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let mut credential =
                load(transaction, organization_id, id)?.ok_or(WriteError::NotFound)?;
            if credential.status == CredentialStatus::Deleted {
                transaction.keep(Outcome::Deleted, None)?;
                return Ok(());
            }
            let at = transaction.at().following(credential.updated_at);
            credential.status = CredentialStatus::Deleted;
            credential.summary = None;
            credential.secret = None;
            credential.updated_at = at;
            transaction.change(
                "UPDATE credential
                 SET status = ?, summary = NULL, secret = NULL, login = NULL, updated_at = ?
                 WHERE organization_id = ? AND id = ?",
                params![
                    credential.status.as_str(),
                    At(at),
                    Id(organization_id.uuid()),
                    Id(id.uuid())
                ],
            )?;
            let event = EventData::Credential(credential);
            transaction.tell(EventType::CredentialDeleted, at, event);
            let audited = Audited::new("credential.delete", &id);
            transaction.keep_deletion(audited)
        })
        .await
    }
}

/// Saves what a change may bring of a credential.
fn save(
    connection: &Connection,
    organization_id: OrganizationId,
    credential: &Credential,
) -> Result<(), StoreError> {
    connection.change(
        "UPDATE credential
         SET external_id = ?, status = ?, summary = ?, secret = ?, secrets_version = ?,
             updated_at = ?
         WHERE organization_id = ? AND id = ?",
        params![
            &credential.external_id,
            credential.status.as_str(),
            credential.summary.as_ref().map(Sealed::as_bytes),
            credential.secret.as_ref().map(Sealed::as_bytes),
            credential.secrets_version,
            At(credential.updated_at),
            Id(organization_id.uuid()),
            Id(credential.id.uuid())
        ],
    )?;
    Ok(())
}

/// Saves the login of a credential, or erases it.
pub(crate) fn save_login(
    transaction: &mut Transaction<'_>,
    saved: &SavedLogin,
) -> Result<(), StoreError> {
    transaction.change(
        "UPDATE credential SET login = ? WHERE id = ?",
        params![
            saved.login.as_ref().map(Sealed::as_bytes),
            Id(saved.credential_id.uuid())
        ],
    )?;
    Ok(())
}

/// The credential of this id, also where it is deleted.
pub(crate) fn load(
    connection: &Connection,
    organization_id: OrganizationId,
    id: CredentialId,
) -> Result<Option<Credential>, StoreError> {
    let row: Option<CredentialRow> = connection.row(
        "SELECT id, source_id, auth_method, external_id, status, summary, secret,
                secrets_version, created_at, updated_at
         FROM credential
         WHERE organization_id = ? AND id = ?",
        params![Id(organization_id.uuid()), Id(id.uuid())],
    )?;
    row.map(read).transpose()
}

/// The credential of this id without its sealed parts, whose ever it is: of a session, which has its
/// own organization's.
pub(crate) fn load_unsealed(
    connection: &Connection,
    id: CredentialId,
) -> Result<Option<Credential>, StoreError> {
    let row: Option<CredentialRow> = connection.row(
        "SELECT id, source_id, auth_method, external_id, status, NULL AS summary,
                NULL AS secret, secrets_version, created_at, updated_at
         FROM credential
         WHERE id = ?",
        params![Id(id.uuid())],
    )?;
    row.map(read).transpose()
}
