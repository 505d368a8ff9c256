//! Sessions, kept. What a run means for its session stands in `runs`: the two are decided together.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::postgres::PgConnection;
use uuid::Uuid;
use windlass_application::ports::sessions::{SessionCommanded, SessionView};
use windlass_application::ports::{Sessions, StoreError, WriteError};
use windlass_application::{
    Created, OrganizationContext, Outcome, Page, PageRequest, Write, Written,
};
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::lifecycle::Command;
use windlass_domain::session::{self, Session, SessionCommand};
use windlass_records::columns::{At, Count, Id, millis};
use windlass_records::page::{self, First};
use windlass_records::rows::SessionRow;
use windlass_records::{Audited, SessionStateRecord};

use crate::error::{read, store_error};
use crate::open::Role;
use crate::retry::retrying;
use crate::runs::{self, Loaded};
use crate::store::PostgresStore;
use crate::write::Begun;

/// Selects sessions as [`SessionRow`] has them. A macro, since a query's text is a constant.
macro_rules! select_sessions {
    ($rest:literal) => {
        concat!(
            "SELECT id, organization_id, credential_id, source_id, pool, status, state, version,
                    runtime_ms, created_at, updated_at
             FROM session ",
            $rest
        )
    };
}

#[async_trait]
impl Sessions for PostgresStore {
    async fn command(
        &self,
        write: Write,
        session_id: SessionId,
        command: SessionCommand,
    ) -> Result<Written<SessionCommanded>, WriteError> {
        retrying(|| tell(self, write.clone(), session_id, command)).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let mut open = self.read(organization).await?;
        load(&mut open, organization.organization_id(), id).await
    }

    async fn view(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<SessionView>, StoreError> {
        let mut open = self.read(organization).await?;
        view(&mut open, organization.organization_id(), id).await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<SessionView>, StoreError> {
        let organization_id = organization.organization_id();
        let mut query = QueryBuilder::new(select_sessions!("WHERE organization_id = "));
        query.push_bind(Id(organization_id.uuid()));
        let parse = |text: &str| SessionId::parse(text).map(SessionId::uuid);
        page::push_page_by_id(&mut query, "session", created, &page, First::Newest, parse)?;
        // One snapshot for the sessions and their runs.
        let mut open = self.read(organization).await?;
        let rows: Vec<SessionRow> = query
            .build_query_as()
            .fetch_all(&mut *open)
            .await
            .map_err(store_error)?;
        let page = page::cut(rows, &page).read(read)?;
        let ids: Vec<SessionId> = page.items.iter().map(|session| session.id).collect();
        let mut runs = runs::of_sessions(&mut open, organization_id, &ids).await?;
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
            sqlx::query_scalar("SELECT organization_id FROM session WHERE id = $1")
                .bind(Id(id.uuid()))
                .fetch_optional(self.pool())
                .await
                .map_err(store_error)?;
        Ok(organization_id.map(|id| OrganizationId::from_uuid(id.0)))
    }
}

async fn tell(
    store: &PostgresStore,
    write: Write,
    session_id: SessionId,
    command: SessionCommand,
) -> Result<Written<SessionCommanded>, WriteError> {
    let mut transaction = match store.begin_write_as(Role::Owner, write).await? {
        Begun::Fresh(transaction) => transaction,
        Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
    };
    let organization_id = transaction.organization_id();
    let loaded = Loaded::load(&mut transaction.transaction, session_id).await?;
    let loaded = loaded
        .filter(|loaded| loaded.is_of(organization_id))
        .ok_or(WriteError::NotFound)?;
    let changes = loaded
        .command(&mut transaction.transaction, Command::Session(command))
        .await?;
    let view = view(transaction.connection(), organization_id, session_id).await?;
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

async fn load(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    let row: Option<SessionRow> =
        sqlx::query_as(select_sessions!("WHERE id = $1 AND organization_id = $2"))
            .bind(Id(id.uuid()))
            .bind(Id(organization_id.uuid()))
            .fetch_optional(connection)
            .await
            .map_err(store_error)?;
    row.map(read).transpose()
}

/// The session of this id with its runs.
async fn view(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: SessionId,
) -> Result<Option<SessionView>, StoreError> {
    let Some(session) = load(connection, organization_id, id).await? else {
        return Ok(None);
    };
    let runs = runs::of_session(connection, organization_id, id).await?;
    Ok(Some(SessionView { session, runs }))
}

/// The session of this id, whose ever it is, which this transaction alone changes until its end.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: SessionId,
) -> Result<Option<SessionRow>, StoreError> {
    sqlx::query_as(select_sessions!("WHERE id = $1 FOR NO KEY UPDATE"))
        .bind(Id(id.uuid()))
        .fetch_optional(connection)
        .await
        .map_err(store_error)
}

/// As [`lock`], of one of the organization's runs.
pub(crate) async fn lock_of_run(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    run_id: RunId,
) -> Result<Option<SessionRow>, StoreError> {
    sqlx::query_as(select_sessions!(
        "WHERE id = (SELECT session_id FROM run WHERE id = $1 AND organization_id = $2)
         FOR NO KEY UPDATE"
    ))
    .bind(Id(run_id.uuid()))
    .bind(Id(organization_id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)
}

/// Those of these sessions that nobody else has locked, which this transaction alone changes until
/// its end. It waits for nobody.
pub(crate) async fn lock_free(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<SessionRow>, StoreError> {
    sqlx::query_as(select_sessions!(
        "WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
    ))
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(store_error)
}

/// Keeps a new session.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    session: &Session,
) -> Result<(), StoreError> {
    let holder = session.state.holder();
    sqlx::query(
        "INSERT INTO session
             (id, organization_id, credential_id, source_id, pool, created_at, status, state, worker_id,
              incarnation, version, runtime_ms, check_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(Id(session.id.uuid()))
    .bind(Id(session.organization_id.uuid()))
    .bind(session.credential_id.map(|id| Id(id.uuid())))
    .bind(session.source_id.as_ref().map(|id| id.as_str().to_owned()))
    .bind(session.pool.as_str())
    .bind(At(session.created_at))
    .bind(session.status().as_str())
    .bind(state(session))
    .bind(holder.map(|holder| Id(holder.worker_id.uuid())))
    .bind(holder.map(|holder| Count(holder.incarnation)))
    .bind(Count(session.version))
    .bind(millis(session.runtime))
    .bind(session::check_at(session).map(At))
    .bind(At(session.updated_at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Saves the next state of a session.
pub(crate) async fn update(
    connection: &mut PgConnection,
    session: &Session,
) -> Result<(), StoreError> {
    let holder = session.state.holder();
    sqlx::query(
        "UPDATE session
         SET status = $1, state = $2, worker_id = $3, incarnation = $4, version = $5,
             runtime_ms = $6, check_at = $7, updated_at = $8
         WHERE id = $9 AND organization_id = $10",
    )
    .bind(session.status().as_str())
    .bind(state(session))
    .bind(holder.map(|holder| Id(holder.worker_id.uuid())))
    .bind(holder.map(|holder| Count(holder.incarnation)))
    .bind(Count(session.version))
    .bind(millis(session.runtime))
    .bind(session::check_at(session).map(At))
    .bind(At(session.updated_at))
    .bind(Id(session.id.uuid()))
    .bind(Id(session.organization_id.uuid()))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

fn state(session: &Session) -> String {
    windlass_records::write(&SessionStateRecord::from(&session.state))
}
