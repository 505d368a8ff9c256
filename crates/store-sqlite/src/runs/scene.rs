//! The scene of a decision: a session, those of its runs that most decisions need, its credential;
//! and the others where one asks for them.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::{CredentialId, OrganizationId, RunId, SessionId};
use windlass_domain::lifecycle::{
    self, Changes, Command, KNOWN_OF_LINE, Missing, Scene, SceneCredential,
};
use windlass_domain::run::{Metadata, Refusal};
use windlass_domain::session::Session;
use windlass_records::columns::Id;
use windlass_records::rows::RunRow;
use windlass_records::rows::SceneCredentialRow;
use windlass_records::select_runs;

use super::save;
use crate::error::{read, store_error};
use crate::sessions;
use crate::transaction::Transaction;
use crate::workers;

/// A scene with what its events and answers need besides.
pub(crate) struct Loaded {
    /// What the decision reads.
    pub(crate) scene: Scene,
    /// The callers' own pairs, by run.
    pub(crate) metadata: HashMap<RunId, Metadata>,
}

impl Loaded {
    /// The scene of a start that opens its session.
    pub(super) fn empty() -> Self {
        Self {
            scene: Scene {
                session: None,
                runs: Vec::new(),
                more_wait: false,
                credential: None,
                worker: None,
            },
            metadata: HashMap::new(),
        }
    }

    /// The scene of this session, as far as most decisions `about` this run need it. The write lock
    /// of the transaction stands for the row locks.
    ///
    /// Whose the session is, the caller has checked, or it comes from a row of ours.
    pub(crate) async fn load(
        connection: &mut SqliteConnection,
        session_id: SessionId,
        about: Option<RunId>,
    ) -> Result<Option<Self>, StoreError> {
        match sessions::load(connection, session_id).await? {
            Some(session) => Ok(Some(Self::around(connection, session, about).await?)),
            None => Ok(None),
        }
    }

    /// The scene of a command to one of the organization's runs; None where it has no such run.
    pub(super) async fn of_run(
        connection: &mut SqliteConnection,
        organization_id: OrganizationId,
        run_id: RunId,
    ) -> Result<Option<Self>, StoreError> {
        match sessions::of_run(connection, organization_id, run_id).await? {
            Some(session) => Ok(Some(Self::around(connection, session, Some(run_id)).await?)),
            None => Ok(None),
        }
    }

    async fn around(
        connection: &mut SqliteConnection,
        session: Session,
        about: Option<RunId>,
    ) -> Result<Self, StoreError> {
        let session_id = session.id;
        // SQLite reads a bound limit while it plans, and plans anew for each call: `+ 0` hides it.
        let rows: Vec<RunRow> = sqlx::query_as(select_runs!(
            "",
            "WHERE run.id IN (
                 SELECT run_id FROM queue WHERE session_id = ?1
                 UNION SELECT run_id FROM live WHERE session_id = ?1
                 UNION SELECT run_id FROM parked
                 WHERE session_id = ?1 AND slot IN ('credential', 'source', 'organization')
                 UNION SELECT * FROM (
                     SELECT run_id FROM parked
                     WHERE session_id = ?1 AND slot = 'session'
                     ORDER BY priority DESC, run_id
                     LIMIT ?3 + 0
                 )
                 UNION SELECT ?2
             )"
        ))
        .bind(Id(session_id.uuid()))
        .bind(about.map(|id| Id(id.uuid())))
        .bind(KNOWN_OF_LINE)
        .fetch_all(&mut *connection)
        .await
        .map_err(store_error)?;
        let credential = match session.credential_id {
            Some(id) => credential(connection, id).await?,
            None => None,
        };
        let mut loaded = Self::empty();
        loaded.scene.session = Some(session);
        loaded.scene.credential = credential;
        loaded.take(rows)?;
        loaded.scene = loaded.scene.narrowed(about);
        Ok(loaded)
    }

    /// Adds those of these runs that the scene has not.
    fn take(&mut self, rows: Vec<RunRow>) -> Result<(), StoreError> {
        let known: HashSet<RunId> = self.scene.runs.iter().map(|run| run.id).collect();
        for row in rows {
            let (run, pairs) = read(row)?;
            if !known.contains(&run.id) {
                self.metadata.insert(run.id, pairs);
                self.scene.runs.push(run);
            }
        }
        self.scene.runs.sort_by_key(|run| run.id);
        Ok(())
    }

    /// Decides, and saves what is decided. A scene is good for one decision.
    pub(crate) async fn command(
        mut self,
        transaction: &mut Transaction,
        command: Command,
    ) -> Result<Changes, WriteError> {
        let changes = self.decide(transaction, command).await?;
        Ok(self.save(transaction, changes).await?)
    }

    /// Saves what was decided over it.
    pub(super) async fn save(
        self,
        transaction: &mut Transaction,
        mut changes: Changes,
    ) -> Result<Changes, StoreError> {
        let moved = save::save(transaction, &self, &changes).await?;
        moved.tell(&mut changes.signals);
        Ok(changes)
    }

    /// Decides, over more of the scene where the decision asks for that.
    pub(super) async fn decide(
        &mut self,
        transaction: &mut Transaction,
        command: Command,
    ) -> Result<Changes, WriteError> {
        let at = transaction.at();
        let mut decided = lifecycle::decide(&self.scene, command.clone(), at);
        while let Err(Refusal::NotLoaded { missing }) = decided {
            self.load_missing(transaction.connection(), missing).await?;
            decided = lifecycle::decide(&self.scene, command.clone(), at);
        }
        Ok(decided?)
    }

    async fn load_missing(
        &mut self,
        connection: &mut SqliteConnection,
        missing: Missing,
    ) -> Result<(), WriteError> {
        match missing {
            Missing::Worker => {
                let session = self.scene.session.as_ref();
                let holder = session.and_then(|session| session.state.holder());
                let holder = holder.ok_or(Refusal::NotLoaded { missing })?;
                self.scene.worker = Some(workers::in_scene(connection, holder).await?);
            }
            Missing::Waiting => {
                let session = self.scene.session.as_ref();
                let session = session.ok_or(Refusal::NotLoaded { missing })?;
                let rows = waiting(connection, session.id).await?;
                self.take(rows)?;
                self.scene.more_wait = false;
            }
        }
        Ok(())
    }

    /// The command that the earliest clock asks for that has run out.
    pub(super) fn due(&self, now: Timestamp) -> Option<Command> {
        lifecycle::due(&self.scene, now)
    }
}

/// Every run that waits for its session. There may be thousands, which end with it in one
/// transaction.
async fn waiting(
    connection: &mut SqliteConnection,
    session_id: SessionId,
) -> Result<Vec<RunRow>, StoreError> {
    sqlx::query_as(select_runs!(
        "",
        "WHERE run.id IN (SELECT run_id FROM parked WHERE session_id = ? AND slot = 'session')"
    ))
    .bind(Id(session_id.uuid()))
    .fetch_all(connection)
    .await
    .map_err(store_error)
}

async fn credential(
    connection: &mut SqliteConnection,
    id: CredentialId,
) -> Result<Option<SceneCredential>, StoreError> {
    let row: Option<SceneCredentialRow> = sqlx::query_as(
        "SELECT id, status, secrets_version, updated_at FROM credential WHERE id = ?",
    )
    .bind(Id(id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}
