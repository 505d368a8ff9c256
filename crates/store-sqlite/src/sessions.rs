//! Sessions, kept. What a run means for its session stands in `runs`: the two are decided together.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::sessions::{SessionCommanded, SessionView};
use windlass_application::ports::{Sessions, StoreError, WriteError};
use windlass_application::{
    Created, OrganizationContext, Outcome, Page, PageRequest, Write, Written,
};
use windlass_domain::id::{OrganizationId, SessionId};
use windlass_domain::lifecycle::Command;
use windlass_domain::session::{self, Session, SessionCommand};
use windlass_records::Audited;
use windlass_records::SessionStateRecord;
use windlass_records::columns::{At, Id, millis};
use windlass_records::page::{self, First};
use windlass_records::rows::SessionRow;

use crate::error::{read, store_error};
use crate::pending::Binding;
use crate::runs::{self, Loaded};
use crate::store::SqliteStore;
use crate::transaction::Transaction;
use crate::write::Begun;

#[async_trait]
impl Sessions for SqliteStore {
    async fn command(
        &self,
        write: Write,
        session_id: SessionId,
        command: SessionCommand,
    ) -> Result<Written<SessionCommanded>, WriteError> {
        let commanded = command_session(self, write, session_id, command).await;
        self.settled(commanded).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let mut connection = self.reader().await?;
        let session = load(&mut connection, id).await?;
        Ok(session.filter(|session| session.organization_id == organization.organization_id()))
    }

    async fn view(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<SessionView>, StoreError> {
        let mut reader = self.reader().await?;
        let mut snapshot = reader.snapshot().await?;
        let view = view(&mut snapshot, id).await?;
        let organization_id = organization.organization_id();
        Ok(view.filter(|view| view.session.organization_id == organization_id))
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<SessionView>, StoreError> {
        let organization_id = organization.organization_id();
        let mut query = QueryBuilder::new("SELECT id, organization_id, credential_id, source_id, pool, status, state, version, runtime_ms,
                    created_at, updated_at
             FROM session
             WHERE organization_id = ",);
        query.push_bind(Id(organization_id.uuid()));
        let parse = |text: &str| SessionId::parse(text).map(SessionId::uuid);
        page::push_page_by_id(&mut query, "session", created, &page, First::Newest, parse)?;
        // One snapshot for the sessions and their runs.
        let mut reader = self.reader().await?;
        let mut open = reader.snapshot().await?;
        let rows: Vec<SessionRow> = query
            .build_query_as()
            .fetch_all(&mut *open)
            .await
            .map_err(store_error)?;
        let page = page::cut(rows, &page).read(read)?;
        let ids: Vec<SessionId> = page.items.iter().map(|session| session.id).collect();
        let mut runs = runs::of_sessions(&mut open, &ids).await?;
        let items = page.items.into_iter().map(|session| SessionView {
            runs: runs.remove(&session.id).unwrap_or_default(),
            session,
        });
        Ok(Page {
            items: items.collect(),
            has_more: page.has_more,
        })
    }

    async fn organization_of(&self, id: SessionId) -> Result<Option<OrganizationId>, StoreError> {
        let organization_id: Option<Id> =
            sqlx::query_scalar("SELECT organization_id FROM session WHERE id = ?")
                .bind(Id(id.uuid()))
                .fetch_optional(&mut *self.reader().await?)
                .await
                .map_err(store_error)?;
        Ok(organization_id.map(|id| OrganizationId::from_uuid(id.0)))
    }
}

async fn command_session(
    store: &SqliteStore,
    write: Write,
    session_id: SessionId,
    command: SessionCommand,
) -> Result<Written<SessionCommanded>, WriteError> {
    let mut transaction = match store.begin_write(write).await? {
        Begun::Fresh(transaction) => transaction,
        Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
    };
    let organization_id = transaction.organization_id();
    let loaded = Loaded::load(&mut transaction.transaction, session_id, None).await?;
    let loaded = loaded
        .filter(|loaded| {
            let session = loaded.scene.session.as_ref();
            session.is_some_and(|session| session.organization_id == organization_id)
        })
        .ok_or(WriteError::NotFound)?;
    let changes = loaded
        .command(&mut transaction.transaction, Command::Session(command))
        .await?;
    let view = view(transaction.connection().await?, session_id).await?;
    let commanded = SessionCommanded {
        session: view.ok_or(WriteError::NotFound)?,
        signals: changes.signals,
    };
    // A retry that changed nothing is no second change.
    let audited = Audited::of_session(session_id, command);
    let audited = audited.filter(|_| !changes.events.is_empty());
    transaction
        .commit(Outcome::Session(&commanded.session), audited)
        .await?;
    Ok(Written::Done(commanded))
}

/// The session of this id with its runs, whose ever it is: the caller checks that.
async fn view(
    connection: &mut SqliteConnection,
    id: SessionId,
) -> Result<Option<SessionView>, StoreError> {
    let Some(session) = load(connection, id).await? else {
        return Ok(None);
    };
    let runs = runs::of_session(connection, id).await?;
    Ok(Some(SessionView { session, runs }))
}

/// The session of this id, whose ever it is: the caller checks that, or has the id from a row.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    let row: Option<SessionRow> = sqlx::query_as(
        "SELECT id, organization_id, credential_id, source_id, pool, status, state, version, runtime_ms,
                created_at, updated_at
         FROM session
         WHERE id = ?",
    )
    .bind(Id(id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// Keeps a new session.
pub(crate) fn insert(transaction: &mut Transaction, session: &Session) {
    let keeping = transaction
        .then(
            "INSERT INTO session
             (id, organization_id, credential_id, source_id, pool, created_at, status, state, worker_id,
              incarnation, version, runtime_ms, check_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(Id(session.id.uuid()))
        .bind(Id(session.organization_id.uuid()))
        .bind(session.credential_id.map(|id| Id(id.uuid())))
        .bind(session.source_id.as_ref().map(|id| id.as_str().to_owned()))
        .bind(session.pool.as_str().to_owned())
        .bind(At(session.created_at));
    bind_state(keeping, session);
}

/// Saves the next state of a session.
pub(crate) fn update(transaction: &mut Transaction, session: &Session) {
    let saving = transaction.then(
        "UPDATE session
         SET status = ?, state = ?, worker_id = ?, incarnation = ?, version = ?, runtime_ms = ?,
             check_at = ?, updated_at = ?
         WHERE id = ? AND organization_id = ?",
    );
    bind_state(saving, session)
        .bind(Id(session.id.uuid()))
        .bind(Id(session.organization_id.uuid()));
}

/// Binds what changes of a session, in the order in which both statements have it.
fn bind_state<'pending>(statement: Binding<'pending>, session: &Session) -> Binding<'pending> {
    let holder = session.state.holder();
    statement
        .bind(session.status().as_str())
        .bind(windlass_records::write(&SessionStateRecord::from(
            &session.state,
        )))
        .bind(holder.map(|holder| Id(holder.worker_id.uuid())))
        .bind(holder.map(|holder| holder.incarnation))
        .bind(session.version)
        .bind(millis(session.runtime))
        .bind(session::check_at(session).map(At))
        .bind(At(session.updated_at))
}
