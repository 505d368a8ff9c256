//! Sessions, kept. What a run means for its session stands in `runs`: the two are decided together.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::ports::sessions::{SessionCommanded, SessionView};
use windlass_application::ports::{Sessions, StoreError, WriteError};
use windlass_application::{
    Created, OrganizationContext, Outcome, Page, PageRequest, Write, Written,
};
use windlass_domain::id::{OrganizationId, SessionId, SourceId};
use windlass_domain::lifecycle::Command;
use windlass_domain::session::{self, Session, SessionCommand};
use windlass_records::Audited;
use windlass_records::SessionStateRecord;
use windlass_records::columns::{At, Id, millis};
use windlass_records::page::{self, First};
use windlass_records::rows::SessionRow;

use crate::connection::Connection;
use crate::error::read;
use crate::query::Query;
use crate::runs::{self, Loaded};
use crate::store::SqliteStore;

#[async_trait]
impl Sessions for SqliteStore {
    async fn command(
        &self,
        write: Write,
        session_id: SessionId,
        command: SessionCommand,
    ) -> Result<Written<SessionCommanded>, WriteError> {
        command_session(self, write, session_id, command).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        self.look(|connection| {
            let session = load(connection, id)?;
            Ok(session.filter(|session| session.organization_id == organization.organization_id()))
        })
        .await
    }

    async fn view(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<SessionView>, StoreError> {
        self.look(|connection| {
            let view = view(connection, id)?;
            let organization_id = organization.organization_id();
            Ok(view.filter(|view| view.session.organization_id == organization_id))
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<SessionView>, StoreError> {
        let organization_id = organization.organization_id();
        let mut query = Query::new(
            "SELECT id, organization_id, credential_id, source_id, pool, status, state, version,
                    runtime_ms, created_at, updated_at
             FROM session
             WHERE organization_id = ",
        );
        query.push_bind(Id(organization_id.uuid()));
        let parse = |text: &str| SessionId::parse(text).map(SessionId::uuid);
        page::push_page_by_id(&mut query, "session", created, &page, First::Newest, parse)?;
        self.read(move |connection| {
            let rows: Vec<SessionRow> = connection.rows_of(query)?;
            let page = page::cut(rows, &page).read(read)?;
            let ids: Vec<SessionId> = page.items.iter().map(|session| session.id).collect();
            let mut runs = runs::of_sessions(connection, &ids)?;
            let items = page.items.into_iter().map(|session| SessionView {
                runs: runs.remove(&session.id).unwrap_or_default(),
                session,
            });
            Ok(Page {
                items: items.collect(),
                has_more: page.has_more,
            })
        })
        .await
    }

    async fn organization_of(&self, id: SessionId) -> Result<Option<OrganizationId>, StoreError> {
        let organization_id: Option<Id> = self
            .look(|connection| {
                connection.value(
                    "SELECT organization_id FROM session WHERE id = ?",
                    params![Id(id.uuid())],
                )
            })
            .await?;
        Ok(organization_id.map(|id| OrganizationId::from_uuid(id.0)))
    }
}

async fn command_session(
    store: &SqliteStore,
    write: Write,
    session_id: SessionId,
    command: SessionCommand,
) -> Result<Written<SessionCommanded>, WriteError> {
    store
        .write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let loaded = Loaded::load(transaction, session_id, None)?;
            let loaded = loaded
                .filter(|loaded| {
                    let session = loaded.scene.session.as_ref();
                    session.is_some_and(|session| session.organization_id == organization_id)
                })
                .ok_or(WriteError::NotFound)?;
            let changes = loaded.command(transaction, &Command::Session(command))?;
            let view = view(transaction, session_id)?;
            let commanded = SessionCommanded {
                session: view.ok_or(WriteError::NotFound)?,
                signals: changes.signals,
            };
            // A retry that changed nothing is no second change.
            let audited = Audited::of_session(session_id, command);
            let audited = audited.filter(|_| !changes.events.is_empty());
            transaction.keep(Outcome::Session(&commanded.session), audited)?;
            Ok(commanded)
        })
        .await
}

/// The session of this id with its runs, whose ever it is: the caller checks that.
fn view(connection: &Connection, id: SessionId) -> Result<Option<SessionView>, StoreError> {
    let Some(session) = load(connection, id)? else {
        return Ok(None);
    };
    let runs = runs::of_session(connection, id)?;
    Ok(Some(SessionView { session, runs }))
}

/// The session of this id, whose ever it is: the caller checks that, or has the id from a row.
pub(crate) fn load(connection: &Connection, id: SessionId) -> Result<Option<Session>, StoreError> {
    let row: Option<SessionRow> = connection.row(
        "SELECT id, organization_id, credential_id, source_id, pool, status, state, version,
                runtime_ms, created_at, updated_at
         FROM session
         WHERE id = ?",
        params![Id(id.uuid())],
    )?;
    row.map(read).transpose()
}

/// Keeps a new session.
pub(crate) fn insert(connection: &Connection, session: &Session) -> Result<(), StoreError> {
    let holder = session.state.holder();
    connection.change(
        "INSERT INTO session
             (id, organization_id, credential_id, source_id, pool, created_at, status, state, worker_id,
              incarnation, version, runtime_ms, check_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(session.id.uuid()),
            Id(session.organization_id.uuid()),
            session.credential_id.map(|id| Id(id.uuid())),
            session.source_id.as_ref().map(SourceId::as_str),
            session.pool.as_str(),
            At(session.created_at),
            session.status().as_str(),
            windlass_records::write(&SessionStateRecord::from(&session.state)),
            holder.map(|holder| Id(holder.worker_id.uuid())),
            holder.map(|holder| holder.incarnation),
            session.version,
            millis(session.runtime),
            session::check_at(session).map(At),
            At(session.updated_at),
        ],
    )?;
    Ok(())
}

/// Saves the next state of a session.
pub(crate) fn update(connection: &Connection, session: &Session) -> Result<(), StoreError> {
    let holder = session.state.holder();
    connection.change(
        "UPDATE session
         SET status = ?, state = ?, worker_id = ?, incarnation = ?, version = ?, runtime_ms = ?,
             check_at = ?, updated_at = ?
         WHERE id = ? AND organization_id = ?",
        params![
            session.status().as_str(),
            windlass_records::write(&SessionStateRecord::from(&session.state)),
            holder.map(|holder| Id(holder.worker_id.uuid())),
            holder.map(|holder| holder.incarnation),
            session.version,
            millis(session.runtime),
            session::check_at(session).map(At),
            At(session.updated_at),
            Id(session.id.uuid()),
            Id(session.organization_id.uuid()),
        ],
    )?;
    Ok(())
}
